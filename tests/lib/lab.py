"""A cail-d that is killed, stopped and looked at from below: its file, its folders, its processes.

Nothing here sleeps for luck: what a test waits for is a condition, looked at again and again until
LIMIT_S, which is generous because a sanitizer build on a busy machine is slow."""
import contextlib
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
import http.client

import pytest

from client import Client
from daemon import BIN, LIMIT_S, ROOT, Daemon  # noqa: F401

ENDED = ("succeeded", "failed", "canceled", "timed_out", "lost", "dep_failed")


def until(condition, what="the condition"):
    """The first true value of condition()."""
    end = time.monotonic() + LIMIT_S
    while not (value := condition()):
        assert time.monotonic() < end, f"waited {LIMIT_S} s for {what}"
        time.sleep(0.01)
    return value


def is_sanitized():
    return b"__asan_init" in (BIN / "cail-d").read_bytes()


def alive(pid):
    """Is the process there and not a zombie?"""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def processes_with(text):
    """Pids of this user's processes whose environment or command line holds the text."""
    found, needle = [], os.fsencode(text)
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        for part in ("environ", "cmdline"):
            with contextlib.suppress(OSError):
                with open(f"/proc/{name}/{part}", "rb") as f:
                    if needle in f.read() and alive(int(name)):
                        found.append(int(name))
                        break
    return found


def can_trace():
    strace = shutil.which("strace")
    return strace and subprocess.run([strace, "-qq", "-o", "/dev/null", "/bin/true"],
                                     capture_output=True).returncode == 0


traced = pytest.mark.skipif(not can_trace(), reason="strace cannot trace here")


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=LIMIT_S)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Lab(Daemon):
    def __init__(self, folder, *args, **kw):
        super().__init__(folder, *args, **kw)
        self.work = self.folder / "work"
        self.work.mkdir()

    @property
    def pid(self):
        return self.process.pid

    def stop(self):
        """The ordinary end: it must be clean, also for a leak checker."""
        code = super().stop()
        assert code == 0, self.log()
        return self

    def kill9(self):
        super().kill9()
        return self

    def close(self):
        """Ends all that it started."""
        try:
            if self.process and self.process.poll() is None:
                for job in self.read("/jobs?state=held,queued,running&limit=1000")["jobs"]:
                    self.post(f"/jobs/{job['id']}/cancel", {"grace_s": 0})
                self.stop()
            assert "AddressSanitizer" not in self.log(), self.log()
            assert "runtime error" not in self.log(), self.log()
        finally:
            if self.process and self.process.poll() is None:
                self.kill9()
            self.kill_rest()

    def kill_rest(self):
        """Whoever is killed may just have started another one: until nobody is left."""
        def none_left():
            left = processes_with(str(self.folder))
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return not left
        until(none_left, "the test's processes to be gone")

    # --- requests ---

    def read(self, path):
        reply = self.get(path)
        assert reply.status == 200, reply
        return reply.json()

    def do(self, path, body=None, **headers):
        reply = self.post(path, body, **headers)
        assert reply.status in (200, 201, 202), reply
        return reply.json()

    def queue(self, **request):
        """The new job's id."""
        return self.do("/jobs", request)["id"]

    def command(self, *argv, **request):
        return self.queue(command=list(argv), **request)

    def script(self, text, **request):
        """A script that runs in the test's own work folder."""
        request.setdefault("cwd", str(self.work))
        return self.queue(script=text, **request)

    def end_of(self, job):
        """The job, once it ended."""
        end = time.monotonic() + LIMIT_S
        while (doc := self.read(f"/jobs/{job}?wait=30"))["state"] not in ENDED:
            assert time.monotonic() < end, doc
        return doc

    def output(self, job, query=""):
        reply = self.get(f"/jobs/{job}/log{query}")
        assert reply.status == 200, reply
        return reply.body

    # --- what lies beneath ---

    @contextlib.contextmanager
    def db(self):
        db = sqlite3.connect(str(self.state / "cail.db"), timeout=LIMIT_S)
        try:
            with db:
                yield db
        finally:
            db.close()

    def count(self):
        """How many jobs the file holds."""
        with self.db() as db:
            return db.execute("select count(*) from job").fetchone()[0]

    def attempt_dir(self, job, number=1):
        return self.state / "attempts" / str(job // 1000) / f"{job}-{number}"

    def supervisor(self, job, number=1):
        """The pid of the attempt's cail-run, as its claim says."""
        run = self.attempt_dir(job, number) / "run"

        def claimed():
            with contextlib.suppress(FileNotFoundError):
                for word in run.read_bytes().split():
                    if word.startswith(b"pid="):
                        return int(word[4:])
            return None
        return until(claimed, f"the claim of job {job}")

    def survivors(self, job, number=1):
        return processes_with(f"CAIL_ATTEMPT_DIR={self.attempt_dir(job, number)}")

    def client(self):
        return Client(self.folder, url=self.url)


@pytest.fixture
def labs(tmp_path):
    """labs("--set", "jobs.cpus=4"): a daemon, not yet started; ended with the test."""
    made = []

    def make(*args, **kw):
        folder = tmp_path / f"lab{len(made)}"
        folder.mkdir()
        made.append(Lab(folder, *args, **kw))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def lab(labs):
    """A daemon that serves."""
    return labs().start()
