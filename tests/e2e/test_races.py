"""The moments between two steps of the start protocol, between a COMMIT and its answer, and between
two clients that want the same thing."""
import concurrent.futures
import contextlib
import os
import shutil
import signal
import subprocess

import pytest

from lab import BIN, LIMIT_S, alive, processes_with, traced, until

STRACE = shutil.which("strace")


# The last system calls before the lock and before the claim.
BEFORE_LOCK, BEFORE_CLAIM = "chdir", "flock"


# --- cail-run stopped between two system calls ---

class Stalling:
    """A daemon whose cail-run stops itself after the given system call, while `stall` exists."""

    def __init__(self, labs, call):
        self.lab, self.call = labs(), call
        self.flag = self.lab.folder / "stall"
        self.flag.touch()
        wrapper = self.lab.folder / "stalling-run"
        wrapper.write_text(
            "#!/bin/sh\n[ -e %s ] || exec %s/cail-run \"$@\"\n"
            "exec %s -D -qq -o /dev/null -e trace=%s -e inject=%s:signal=SIGSTOP:when=1 "
            "%s/cail-run \"$@\"\n" % (self.flag, BIN, STRACE, call, call, BIN))
        wrapper.chmod(0o755)
        self.lab.args += ["--set", "daemon.helper=%s" % wrapper]
        self.lab.start()

    def is_past(self, pid):
        """Has it made the call? strace stops it at others too, for a moment."""
        with open("/proc/%d/stat" % pid) as f:
            name, rest = f.read().split("(", 1)[1].rsplit(")", 1)
        if name != "cail-run" or rest.split()[0] not in "tT":
            return False
        if self.call == BEFORE_LOCK:
            return os.readlink("/proc/%d/cwd" % pid).startswith(str(self.lab.state / "attempts"))
        with open("/proc/locks") as f:
            return any(line.split()[1] == "FLOCK" and line.split()[4] == str(pid) for line in f)

    def stalled(self):
        """The pid of the one cail-run that stands still."""
        def one():
            for pid in processes_with(str(self.lab.state / "attempts")):
                with contextlib.suppress(OSError):
                    if self.is_past(pid):
                        return pid
            return None
        return until(one, "a stalled cail-run")

    def go_on(self, pid, job=1):
        """Until it has claimed the attempt or found that it may not: a SIGCONT that comes before
        the SIGSTOP is lost."""
        claim = b" pid=%d " % pid
        run = self.lab.attempt_dir(job) / "run"

        def went_on():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
            return not alive(pid) or run.exists() and claim in run.read_bytes()
        until(went_on, "cail-run to go on")

    def ledger(self):
        file = self.lab.work / "ledger"
        return file.read_text() if file.exists() else ""


WRITES = "echo x >> ledger"


@traced
@pytest.mark.parametrize("call", [BEFORE_LOCK, BEFORE_CLAIM])
def test_the_daemon_restarts_around_a_stalled_start(labs, call):
    s = Stalling(labs, call)
    job = s.lab.script(WRITES)
    pid = s.stalled()
    s.lab.kill9()
    s.flag.unlink()
    s.lab.start()
    if call == BEFORE_LOCK:  # not claimed: another one started it, and the late one must not
        assert s.lab.end_of(job)["state"] == "succeeded"
    else:  # its lock says that it lives: nobody else may start it
        assert s.lab.job(job)["state"] == "running"
        assert s.ledger() == ""
    s.go_on(pid)
    assert s.lab.end_of(job)["state"] == "succeeded"
    until(lambda: not alive(pid), "the end of the late cail-run")
    assert s.ledger() == "x\n"
    assert len(s.lab.job(job)["attempts"]) == 1


@traced
@pytest.mark.parametrize("call", [BEFORE_LOCK, BEFORE_CLAIM])
def test_canceled_while_unclaimed(labs, call):
    s = Stalling(labs, call)
    job = s.lab.script("sleep 600")
    pid = s.stalled()
    s.lab.do("/jobs/%d/cancel" % job, {"grace_s": 1})
    s.go_on(pid)
    assert s.lab.end_of(job)["state"] == "canceled"
    until(lambda: not alive(pid), "the end of cail-run")
    assert s.lab.survivors(job) == []


@traced
def test_canceled_while_unclaimed_and_restarted(labs):
    s = Stalling(labs, BEFORE_LOCK)
    job = s.lab.script(WRITES)
    pid = s.stalled()
    s.lab.do("/jobs/%d/cancel" % job)
    s.lab.kill9()
    s.flag.unlink()
    s.lab.start()
    end = s.lab.end_of(job)
    assert (end["state"], end["exit_status"]) == ("canceled", 66)
    s.go_on(pid)  # it finds the attempt void
    until(lambda: not alive(pid), "the end of cail-run")
    assert s.ledger() == ""


@traced
@pytest.mark.parametrize("call", [BEFORE_LOCK, BEFORE_CLAIM])
def test_a_start_that_dies_unclaimed_was_no_try(labs, call):
    s = Stalling(labs, call)
    job = s.lab.script(WRITES)
    pid = s.stalled()
    s.flag.unlink()
    os.kill(pid, signal.SIGKILL)
    end = s.lab.end_of(job)
    assert end["state"] == "succeeded"
    assert s.ledger() == "x\n"
    assert [a["cause"] for a in end["attempts"]] == ["void", "exited"]


@traced
def test_a_start_that_dies_unclaimed_while_no_daemon_is_there(labs):
    s = Stalling(labs, BEFORE_CLAIM)
    job = s.lab.script(WRITES)
    pid = s.stalled()
    s.lab.kill9()
    s.flag.unlink()
    os.kill(pid, signal.SIGKILL)
    until(lambda: not alive(pid), "its end")
    s.lab.start()
    assert s.lab.end_of(job)["state"] == "succeeded"
    assert s.ledger() == "x\n"


def test_a_supervisor_that_never_comes_up_ends_the_job(labs):
    """A broken cail-run is said so after a few tries; it is not tried for ever."""
    lab = labs()
    lab.args += ["--set", "daemon.helper=/bin/false"]
    lab.start()
    end = lab.end_of(lab.command("true"))
    assert end["state"] == "failed"
    assert 1 <= len(end["attempts"]) <= 10
    assert "cail-run" in end["reason"]


# --- a COMMIT whose outcome nobody knows ---

def writer(lab):
    for tid in os.listdir("/proc/%d/task" % lab.pid):
        with open("/proc/%d/task/%s/comm" % (lab.pid, tid)) as f:
            if f.read() == "store-writer\n":
                return tid
    raise AssertionError("no thread of that name")


class FailingSync:
    """strace on the daemon: the writer thread's next fdatasync, or each of any thread, fails."""

    def __init__(self, lab, every=False):
        when = "1+" if every else "1"
        target = ["-f", "-p", str(lab.pid)] if every else ["-p", writer(lab)]
        self.tracer = subprocess.Popen(
            [STRACE, *target, "-o", str(lab.folder / "trace"), "-e", "trace=fdatasync",
             "-e", "inject=fdatasync:error=EIO:when=" + when],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        left = len(os.listdir("/proc/%d/task" % lab.pid)) if every else 1
        while left:  # "strace: Process 4711 attached", once for each thread
            line = self.tracer.stderr.readline()
            assert line, "strace ended"
            left -= "attached" in line

    def end(self):
        self.tracer.send_signal(signal.SIGINT)
        self.tracer.stderr.read()
        self.tracer.wait(LIMIT_S)


@traced
def test_a_commit_of_unknown_outcome(lab):
    gate = lab.work / "gate"
    runs = lab.script("echo begin; until [ -e %s ]; do sleep 0.01; done; echo x >> ran; exit 5"
                      % gate)
    lab.wait_state(runs, "running")
    supervisor = lab.supervisor(runs)
    until(lambda: lab.job(runs)["attempts"][0]["state"] == "running", "its row")
    lab.do("/queue/pause")
    key = {"Idempotency_Key": "again"}
    body = {"script": "echo x >> once", "cwd": str(lab.work)}
    fail = FailingSync(lab)
    try:
        first = lab.post("/jobs", body, **key)
    finally:
        fail.end()
    assert (first.status, first.json()["code"]) == (503, "commit_unknown"), first
    assert "Idempotency-Key" in first.json()["hint"]
    again = lab.post("/jobs", body, **key)
    assert again.status in (200, 201), again
    job = again.json()["id"]
    assert lab.post("/jobs", body, **key).json()["id"] == job
    assert lab.job(runs)["state"] == "running"
    assert alive(supervisor)
    queue = lab.read("/queue")
    assert queue["paused"] and [j["id"] for j in queue["queued"]] == [job]
    gate.touch()
    end = lab.end_of(runs)
    assert (end["state"], end["exit_code"], len(end["attempts"])) == ("failed", 5, 1)
    lab.do("/queue/resume")
    assert lab.end_of(job)["state"] == "succeeded"
    for name in ("ran", "once"):
        assert (lab.work / name).read_text() == "x\n"


@traced
def test_a_second_failure_ends_the_daemon_and_no_job(lab):
    gate = lab.work / "gate"
    job = lab.script("until [ -e %s ]; do sleep 0.01; done; exit 5" % gate)
    until(lambda: lab.job(job)["attempts"][0]["state"] == "running", "its row")
    supervisor = lab.supervisor(job)
    fail = FailingSync(lab, every=True)
    try:
        for i in range(20):  # each may be told, or find the daemon gone
            try:
                assert lab.post("/jobs", {"command": ["true"]}).status == 503
            except OSError:
                break
        code = lab.process.wait(LIMIT_S)
    finally:
        fail.end()
    assert code == 74, lab.log()
    assert alive(supervisor)
    lab.start()
    assert lab.job(job)["state"] == "running"
    gate.touch()
    assert lab.end_of(job)["exit_code"] == 5


# --- clients that want the same thing ---

def at_once(n, function):
    with concurrent.futures.ThreadPoolExecutor(n) as pool:
        return list(pool.map(function, range(n)))


def test_one_key_twenty_times_at_once(lab):
    body = {"script": "echo x >> ledger", "cwd": str(lab.work)}
    replies = at_once(20, lambda i: lab.post("/jobs", body, Idempotency_Key="k"))
    assert sorted(r.status for r in replies) == [200] * 19 + [201]
    assert len({r.json()["id"] for r in replies}) == 1
    assert lab.end_of(replies[0].json()["id"])["state"] == "succeeded"
    assert (lab.work / "ledger").read_text() == "x\n"
    assert lab.count() == 1


def test_one_key_for_two_bodies_at_once(lab):
    replies = at_once(20, lambda i: lab.post("/jobs", {"command": ["true", str(i % 2)]},
                                            Idempotency_Key="k"))
    kinds = sorted(r.status for r in replies)
    assert kinds.count(201) == 1 and kinds.count(409) == 10, kinds
    assert {r.json()["code"] for r in replies if r.status == 409} == {"idempotency_mismatch"}
    assert lab.count() == 1


def test_cancel_at_any_moment_of_a_short_life(lab):
    """Wherever a cancel hits, the job ends once, as what it says, and leaves nobody behind."""
    def one(i):
        job = lab.command("sleep", "0.0%d" % (i % 10))
        for _ in range(i % 5):
            lab.job(job)
        reply = lab.post("/jobs/%d/cancel" % job, {"grace_s": 0})
        assert reply.status in (200, 409), reply
        return job, reply.status
    for job, status in at_once(60, one):
        end = lab.end_of(job)
        assert end["state"] in ("canceled", "succeeded"), end
        if status == 409:
            assert end["state"] == "succeeded"
        assert lab.survivors(job) == []
    queue = lab.read("/queue")
    assert not queue["running"] and not queue["queued"] and queue["cpus"]["used"] == 0


def test_retry_by_many_is_one_retry(lab):
    job = lab.script("echo x >> ledger; exit 1")
    lab.end_of(job)
    lab.do("/queue/pause")
    replies = at_once(10, lambda i: lab.post("/jobs/%d/retry" % job))
    assert sorted(r.status for r in replies)[:2] == [200, 409], replies
    lab.do("/queue/resume")
    assert len(lab.end_of(job)["attempts"]) == 2
    assert (lab.work / "ledger").read_text() == "x\nx\n"


def test_waiters_are_told_of_an_end(lab):
    gate = lab.work / "gate"
    job = lab.script("until [ -e %s ]; do sleep 0.01; done" % gate)
    with concurrent.futures.ThreadPoolExecutor(30) as pool:
        waiting = [pool.submit(lab.read, "/jobs/%d?wait=60" % job) for _ in range(30)]
        lab.wait_state(job, "running")
        gate.touch()
        assert {w.result()["state"] for w in waiting} == {"succeeded"}


def test_a_stop_with_jobs_under_way(lab):
    """An ordinary stop in the middle of everything is clean and loses nothing."""
    for _ in range(3):
        jobs = [lab.script("echo $CAIL_JOB_ID >> ledger") for _ in range(20)]
        lab.stop().start()
        for job in jobs:
            assert lab.end_of(job)["state"] == "succeeded"
    ledger = (lab.work / "ledger").read_text().split()
    assert len(ledger) == len(set(ledger)) == 60
