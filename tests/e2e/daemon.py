"""The real cail-d for tests: one state folder, started, stopped, killed and started again.

Nothing here sleeps for luck: what a test waits for is a condition, looked at again and again until
LIMIT_S, which is generous because a sanitizer build on a busy machine is slow.
"""
import contextlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from client import BIN, ROOT, Client, environment  # noqa: E402,F401

LIMIT_S = 90
ENDED = ("succeeded", "failed", "canceled", "timed_out", "lost", "dep_failed")


def until(condition, what="the condition", limit_s=LIMIT_S):
    """The first true value of condition()."""
    end = time.monotonic() + limit_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, "waited %d s for %s" % (limit_s, what)
        time.sleep(0.01)


def is_sanitized():
    return b"__asan_init" in (BIN / "cail-d").read_bytes()


def alive(pid):
    """Is the process there and not a zombie?"""
    try:
        with open("/proc/%d/stat" % pid) as f:
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
                with open("/proc/%s/%s" % (name, part), "rb") as f:
                    if needle in f.read() and alive(int(name)):
                        found.append(int(name))
                        break
    return found


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.json.get("code")

    def __repr__(self):
        return "%d %r" % (self.status, self.body[:2000])


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Events:
    """One connection to /events: read() gives (id, event, data)."""

    def __init__(self, connection, reply):
        self.connection, self.reply = connection, reply

    def read(self):
        one = {"data": ""}
        for line in iter(self.reply.readline, b""):
            line = line.decode().rstrip("\n")
            if not line and "event" in one:
                return one.get("id"), one["event"], json.loads(one["data"] or "null")
            name, _, value = line.partition(":")
            if name:
                one[name] = one.get(name, "") + value.removeprefix(" ")
        raise EOFError

    def wait(self, wanted):
        """Read until wanted(event, data)."""
        while True:
            one = self.read()
            if wanted(one[1], one[2]):
                return one

    def close(self):
        self.connection.close()


class Daemon:
    def __init__(self, *options, **env):
        # A short path: a Unix socket's has 107 bytes at most.
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="cail-e2e-"))
        self.state = self.root / "state"
        self.builds = self.root / "builds"
        self.home = self.root / "home"
        self.socket = self.root / "sock"
        self.work = self.root / "work"
        self.options, self.env = list(options), env
        self.recipes = None
        self.process, self.port, self.n = None, 0, 0
        for folder in (self.home, self.work):
            folder.mkdir()

    # --- life ---

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.port

    @property
    def pid(self):
        return self.process.pid

    @property
    def said(self):
        """What it wrote to stderr since it was made."""
        return "".join(p.read_text(errors="replace")
                       for p in sorted(self.root.glob("stderr.*"))) if self.n else ""

    def command(self, *more, port=0):
        argv = [str(BIN / "cail-d"), "--listen", "127.0.0.1:%d" % port, "--socket",
                str(self.socket), "--state-dir", str(self.state), "--build-root",
                str(self.builds), "--port-file", str(self.root / "port")]
        if self.recipes:
            argv += ["--recipes", str(self.recipes)]
        return argv + self.options + list(more)

    def spawn(self, *more, port=0, wrap=()):
        """Start it without waiting for anything."""
        (self.root / "port").unlink(missing_ok=True)
        self.n += 1
        with open(self.root / ("stderr.%03d" % self.n), "wb") as err:
            self.process = subprocess.Popen(
                [*wrap, *self.command(*more, port=port)], stdin=subprocess.DEVNULL, stdout=err,
                stderr=err, env=environment(self.home, **self.env), start_new_session=True)

    def start(self, *more, port=0, wrap=()):
        self.spawn(*more, port=port, wrap=wrap)
        file = self.root / "port"
        until(lambda: file.exists() or self.process.poll() is not None, "the port")
        assert file.exists(), "it ended with %s: %s" % (self.process.poll(), self.said)
        self.port = int(file.read_text())
        return self

    def stop(self):
        """The ordinary end: it must be clean, also for a leak checker."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(LIMIT_S)
        assert code == 0, self.said
        return self

    def kill9(self):
        self.process.kill()
        self.process.wait()
        return self

    def close(self):
        """Ends all that it started and removes its folders."""
        try:
            if self.process and self.process.poll() is None:
                self.end_jobs()
                self.stop()
            assert "AddressSanitizer" not in self.said, self.said
            assert "runtime error" not in self.said, self.said
        finally:
            if self.process and self.process.poll() is None:
                self.kill9()
            for pid in processes_with(str(self.root)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if not os.environ.get("CAIL_KEEP"):
                shutil.rmtree(self.root, ignore_errors=True)

    def end_jobs(self):
        if self.process.poll() is None:
            with contextlib.suppress(OSError, AssertionError, http.client.HTTPException):
                for state in ("held", "queued", "running"):
                    for job in self.get("/jobs?limit=1000&state=" + state)["jobs"]:
                        self.ask("POST", "/jobs/%d/cancel" % job["id"], {"grace_s": 0})

    # --- requests ---

    def connection(self, unix=False, timeout=LIMIT_S):
        if unix:
            return UnixConnection(str(self.socket), timeout)
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def ask(self, method, path, body=None, headers=None, unix=False):
        """A body that is not bytes is sent as JSON."""
        headers = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        elif body is not None:
            headers.setdefault("Content-Type", "application/json")
        connection = self.connection(unix)
        try:
            connection.request(method, path, body, headers)
            reply = connection.getresponse()
            return Reply(reply.status, reply.headers, reply.read())
        finally:
            connection.close()

    def get(self, path, unix=False):
        reply = self.ask("GET", path, unix=unix)
        assert reply.status == 200, reply
        return reply.json

    def post(self, path, body=None, headers=None):
        reply = self.ask("POST", path, body, headers)
        assert reply.status in (200, 201, 202), reply
        return reply.json

    def submit(self, **request):
        return self.post("/jobs", request)["id"]

    def script(self, text, **request):
        """Queue a script that runs in the test's own work folder."""
        request.setdefault("cwd", str(self.work))
        return self.submit(script=text, **request)

    def job(self, job, wait=None):
        return self.get("/jobs/%d%s" % (job, "?wait=%d" % wait if wait else ""))

    def end_of(self, job):
        """The job, once it ended."""
        end = time.monotonic() + LIMIT_S
        while True:
            doc = self.job(job, wait=30)
            if doc["state"] in ENDED:
                return doc
            assert time.monotonic() < end, doc

    def reaches(self, job, state):
        return until(lambda: (lambda doc: doc if doc["state"] == state else None)(self.job(job)),
                     "job %d to be %s" % (job, state))

    def log(self, job, query=""):
        reply = self.ask("GET", "/jobs/%d/log%s" % (job, query))
        assert reply.status == 200, reply
        return reply.body

    def count(self):
        """How many jobs the file holds."""
        with self.db() as db:
            return db.execute("select count(*) from job").fetchone()[0]

    def events(self, query="", last=None):
        connection = self.connection()
        connection.request("GET", "/events" + query, headers={"Last-Event-ID": last} if last else {})
        reply = connection.getresponse()
        assert reply.status == 200
        return Events(connection, reply)

    # --- what lies beneath ---

    @contextlib.contextmanager
    def db(self):
        db = sqlite3.connect(str(self.state / "cail.db"), timeout=LIMIT_S)
        try:
            with db:
                yield db
        finally:
            db.close()

    def attempt_dir(self, job, number=1):
        return self.state / "attempts" / str(job // 1000) / ("%d-%d" % (job, number))

    def supervisor(self, job, number=1):
        """The pid of the attempt's cail-run, as its claim says."""
        run = self.attempt_dir(job, number) / "run"

        def claimed():
            with contextlib.suppress(FileNotFoundError):
                for word in run.read_bytes().split():
                    if word.startswith(b"pid="):
                        return int(word[4:])
            return None
        return until(claimed, "the claim of job %d" % job)

    def survivors(self, job, number=1):
        return processes_with("CAIL_ATTEMPT_DIR=%s" % self.attempt_dir(job, number))

    def client(self):
        return Client(self.home, url=self.url)


@pytest.fixture
def daemons():
    """Makes daemons; all are ended with the test."""
    made = []

    def make(*options, **env):
        made.append(Daemon(*options, **env))
        return made[-1]
    yield make
    for daemon in made:
        daemon.close()


@pytest.fixture
def lab(daemons):
    """A daemon that serves."""
    return daemons().start()
