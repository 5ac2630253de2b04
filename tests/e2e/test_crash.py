"""What is left after the daemon, a supervisor, or both were killed: nothing acknowledged is lost,
nothing runs twice, and an end that nobody saw is never called a success."""
import os
import random
import signal
import threading

import pytest

from lab import ENDED, alive, until

ROUNDS = int(os.environ.get("CAIL_KILL_ROUNDS", "4"))
SEED = int(os.environ.get("CAIL_KILL_SEED", "20240611"))

# Prints a number a line; the gate file ends it.
COUNT = """
i=0
until [ -e %s ]; do i=$((i+1)); echo $i; %s done
echo end; exit 7
"""


def counting(lab, pause="sleep 0.002;"):
    gate = lab.work / "gate"
    return gate, lab.script(COUNT % (gate, pause), name="count")


def assert_counts(log):
    """Every line once, in order: no gap, nothing twice."""
    lines = log.decode().splitlines()
    assert lines[-1] == "end"
    assert lines[:-1] == [str(i + 1) for i in range(len(lines) - 1)]
    return len(lines) - 1


# --- the daemon dies ---

def test_a_job_outlives_the_daemon(lab):
    gate, job = counting(lab)
    until(lambda: lab.output(job).count(b"\n") > 20, "the first lines")
    supervisor = lab.supervisor(job)
    before = lab.job(job)
    lab.kill9()
    log = lab.attempt_dir(job) / "log"
    size = log.stat().st_size
    until(lambda: log.stat().st_size > size + 100, "lines written while no daemon was there")
    lab.start()
    assert alive(supervisor)
    after = lab.job(job)
    assert after["state"] == "running"
    assert after["attempts"][0]["id"] == before["attempts"][0]["id"]
    assert after["started_at"] == before["started_at"]
    size = log.stat().st_size
    until(lambda: log.stat().st_size > size + 100, "lines written after the adoption")
    gate.touch()
    end = lab.end_of(job)
    assert (end["state"], end["exit_code"], end["exit_status"]) == ("failed", 7, 7)
    assert len(end["attempts"]) == 1
    assert assert_counts(lab.output(job)) > 60


def test_an_adopted_job_can_be_canceled(lab):
    _, job = counting(lab)
    lab.wait_state(job, "running")
    supervisor = lab.supervisor(job)
    lab.kill9().start()
    lab.do("/jobs/%d/cancel" % job, {"grace_s": 1})
    assert lab.end_of(job)["state"] == "canceled"
    until(lambda: not alive(supervisor), "cail-run to be gone")
    assert lab.survivors(job) == []


@pytest.mark.parametrize("code", [0, 3])
def test_a_job_ends_while_no_daemon_is_there(lab, code):
    gate = lab.work / "gate"
    job = lab.script("echo begin; until [ -e %s ]; do sleep 0.01; done; echo end; exit %d"
                     % (gate, code))
    supervisor = lab.supervisor(job)
    lab.kill9()
    gate.touch()
    until(lambda: not alive(supervisor), "the job's end")
    lab.start()
    end = lab.end_of(job)
    assert end["state"] == ("failed" if code else "succeeded")
    assert end["exit_code"] == code
    assert end["attempts"][0]["state"] == "exited"
    assert lab.output(job) == b"begin\nend\n"


def test_timeouts_hold_while_no_daemon_is_there(lab):
    job = lab.script("sleep 600", timeout_s=1)
    supervisor = lab.supervisor(job)
    lab.kill9()
    until(lambda: not alive(supervisor), "the timeout")
    end = lab.start().end_of(job)
    assert (end["state"], end["exit_status"]) == ("timed_out", 124)


def queues(doc):
    return sorted(doc["queues"], key=lambda q: q["name"])


def test_a_restart_keeps_what_was_asked_for(lab):
    lab.do("/queue/pause")
    queued = [lab.command("true", priority=p, name="p%d" % p, labels={"k": str(p)})
              for p in (5, -5)]
    held = lab.command("true")
    lab.do("/jobs/%d/hold" % held)
    group = lab.do("/jobs", [{"command": ["true"], "name": "g"}] * 3)["group"]
    lab.do("/queue/pause", {"queue": "slow"})
    lab.do("/queue/resume", {"queue": "other", "limit": 2})
    waits = lab.command("true", after=[{"job": queued[0], "when": "finished"}])
    before = lab.read("/queue")
    for end in (lab.kill9, lab.stop):
        end()
        lab.start()
        after = lab.read("/queue")
        for key in ("paused", "draining"):
            assert after[key] == before[key], key
        assert queues(after) == queues(before)
        for key in ("queued", "held"):
            assert [j["id"] for j in after[key]] == [j["id"] for j in before[key]]
        assert after["paused"] and not after["running"]
        assert lab.job(held)["state"] == "held"
        assert lab.job(queued[0])["priority"] == 5
        assert lab.job(queued[0])["labels"] == {"k": "5"}
        assert lab.job(waits)["after"] == [{"job": queued[0], "when": "finished"}]
        assert lab.read("/groups/%d" % group)["counts"]["queued"] == 3
    lab.do("/queue/resume")
    for job in (*queued, waits):
        assert lab.end_of(job)["state"] == "succeeded"
    assert lab.job(held)["state"] == "held"
    done = lab.read("/groups/%d?wait=30" % group)
    assert (done["state"], done["counts"]["succeeded"]) == ("succeeded", 3)


def test_a_key_is_known_after_a_restart(lab):
    headers = {"Idempotency_Key": "once"}
    body = {"command": ["true"]}
    first = lab.post("/jobs", body, **headers)
    assert first.status == 201
    lab.kill9().start()
    again = lab.post("/jobs", body, **headers)
    assert (again.status, again.json()["id"]) == (200, first.json()["id"])
    assert lab.post("/jobs", {"command": ["false"]}, **headers).status == 409


def test_dependents_of_ended_jobs_after_a_restart(lab):
    good, bad = lab.command("true"), lab.command("false")
    lab.end_of(good), lab.end_of(bad)
    lab.do("/queue/pause")
    runs = lab.command("true", after=[{"job": good}])
    never = lab.command("true", after=[{"job": good}, {"job": bad, "when": "failed"}])
    lab.kill9().start()
    blocked = lab.command("true", after=[{"job": bad}])
    lab.do("/queue/resume")
    assert lab.end_of(runs)["state"] == lab.end_of(never)["state"] == "succeeded"
    end = lab.end_of(blocked)
    assert (end["state"], end["exit_status"]) == ("dep_failed", 66)


# --- the supervisor dies ---

def lost_one(lab, **request):
    """A running job with a child that left its session and its process group."""
    pids = lab.work / "pids"
    job = lab.script("setsid sleep 600 & echo $! >> pids; (setsid sh -c 'sleep 600 & echo $! >> "
                     "pids; echo >> ready' &) ; sleep 600", **request)
    until(lambda: (lab.work / "ready").exists(), "its children")
    return job, [int(n) for n in pids.read_text().split()]


def assert_lost(lab, job, pids):
    end = lab.end_of(job)
    assert (end["state"], end["exit_status"]) == ("lost", 69)
    assert end["attempts"][0]["state"] == end["attempts"][0]["cause"] == "lost"
    assert lab.survivors(job) == []
    assert not [pid for pid in pids if alive(pid)]


def test_a_killed_supervisor_is_a_lost_job(lab):
    job, pids = lost_one(lab)
    os.kill(lab.supervisor(job), signal.SIGKILL)
    assert_lost(lab, job, pids)
    assert lab.client().run("wait", job).returncode == 69


def test_both_killed(lab):
    job, pids = lost_one(lab)
    supervisor = lab.supervisor(job)
    lab.kill9()
    os.kill(supervisor, signal.SIGKILL)
    until(lambda: not alive(supervisor), "its end")
    lab.start()
    assert_lost(lab, job, pids)


def test_lost_runs_again_only_where_that_was_asked_for(lab):
    text = ("echo $CAIL_ATTEMPT >> ledger; "
            "[ $CAIL_ATTEMPT = 2 ] || { echo >> ready; sleep 600; }")
    for on, state, ledger in ((["lost"], "succeeded", "1\n2\n"), (["failed"], "lost", "1\n")):
        for name in ("ledger", "ready"):
            (lab.work / name).unlink(missing_ok=True)
        job = lab.script(text, retry={"max_attempts": 3, "on": on, "backoff_s": 0})
        until(lambda: (lab.work / "ready").exists(), "the first attempt")
        os.kill(lab.supervisor(job), signal.SIGKILL)
        end = lab.end_of(job)
        assert end["state"] == state
        assert (lab.work / "ledger").read_text() == ledger
        assert end["attempts"][0]["state"] == "lost"


# --- what the disk says after a crash ---

def stopped_in(lab, text="sleep 600"):
    """A job that has ended, or runs, and no daemon."""
    job = lab.script(text)
    lab.supervisor(job)
    lab.wait_state(job, "running")
    lab.kill9()
    return job


def test_a_job_of_another_boot_is_lost(lab):
    """After a power cut the claim of a job that ran may be gone: its row's boot id decides."""
    job = lab.script("echo x >> ledger; sleep 600")
    until(lambda: (lab.work / "ledger").exists(), "its start")
    supervisor = lab.supervisor(job)
    lab.kill9()
    for pid in [supervisor, *lab.survivors(job)]:
        os.kill(pid, signal.SIGKILL)
    until(lambda: not alive(supervisor), "its end")
    (lab.attempt_dir(job) / "run").unlink()
    with lab.db() as db:
        db.execute("update attempt set boot_id = '0f0f0f0f-0000-4000-8000-000000000000'")
    lab.start()
    assert lab.end_of(job)["state"] == "lost"
    assert (lab.work / "ledger").read_text() == "x\n"


def test_an_unclaimed_attempt_of_this_boot_starts(lab):
    """The daemon died between the commit and the start: nobody has claimed it, so it starts now."""
    job = lab.script("echo x >> ledger")
    lab.end_of(job)
    lab.kill9()
    (lab.work / "ledger").unlink()
    with lab.db() as db:
        db.execute("update attempt set state = 'starting', ended_at_us = null, "
                   "started_at_us = null")
        db.execute("update job set state = 'running', finished_at_us = null")
    for file in lab.attempt_dir(job).iterdir():
        if file.is_file():
            file.unlink()
    lab.start()
    assert lab.end_of(job)["state"] == "succeeded"
    assert (lab.work / "ledger").read_text() == "x\n"


@pytest.mark.parametrize("cut", [1, 20, "inside the claim"])
def test_a_torn_exit_record_is_lost(lab, cut):
    gate = lab.work / "gate"
    job = lab.script("until [ -e %s ]; do sleep 0.01; done; echo x >> ledger" % gate)
    supervisor = lab.supervisor(job)
    lab.kill9()
    gate.touch()
    until(lambda: not alive(supervisor), "the job's end")
    run = lab.attempt_dir(job) / "run"
    whole = run.read_bytes()
    assert whole.count(b"\n") == 2
    run.write_bytes(whole[:30] if cut == "inside the claim" else whole[:-cut])
    end = lab.start().end_of(job)
    assert (end["state"], end["exit_code"]) == ("lost", None)
    assert (lab.work / "ledger").read_text() == "x\n"


def test_an_exit_record_with_another_token_is_not_believed(lab):
    gate = lab.work / "gate"
    job = lab.script("until [ -e %s ]; do sleep 0.01; done" % gate)
    supervisor = lab.supervisor(job)
    lab.kill9()
    gate.touch()
    until(lambda: not alive(supervisor), "the job's end")
    with lab.db() as db:
        db.execute("update attempt set token = iif(token like 'f%', 'e', 'f') || substr(token, 2)")
    assert lab.start().end_of(job)["state"] == "lost"


# --- many jobs, many kills ---

class Submitter(threading.Thread):
    """Submits one job after the other, whatever happens to the daemon, and keeps what was
    acknowledged. Each is repeated with its key until an answer came."""

    def __init__(self, lab, number, n):
        super().__init__(daemon=True)
        self.lab, self.number, self.n = lab, number, n
        self.acknowledged, self.failure, self.stop = {}, None, False

    def run(self):
        try:
            for i in range(self.n):
                self.one("%d.%d" % (self.number, i))
        except Exception as failure:  # told by the test's own thread
            self.failure = failure

    def one(self, mark):
        body = {"script": "echo %s $CAIL_JOB_ID >> ledger" % mark, "cwd": str(self.lab.work)}
        while not self.stop:
            try:
                reply = self.lab.post("/jobs", body, Idempotency_Key=mark)
            except OSError:
                continue
            except Exception:  # http.client has many names for half an answer
                continue
            if reply.status in (200, 201):
                self.acknowledged[mark] = reply.json()["id"]
                return
            assert reply.status == 503, reply


def test_kills_at_random_points(lab):
    rng = random.Random(SEED)
    kinds = [Submitter(lab, i, 15 * ROUNDS) for i in range(3)]
    for one in kinds:
        one.start()
    for _ in range(ROUNDS):
        goal = sum(len(k.acknowledged) for k in kinds) + rng.randrange(1, 25)
        until(lambda: sum(len(k.acknowledged) for k in kinds) >= goal
              or not any(k.is_alive() for k in kinds), "acknowledged jobs")
        if rng.randrange(2):  # somewhere inside the next request
            threading.Event().wait(rng.random() / 50)
        lab.kill9().start(port=lab.port)
    for one in kinds:
        one.join(90)
        one.stop = True
        assert not one.is_alive()
        assert one.failure is None
    acknowledged = {}
    for one in kinds:
        acknowledged.update(one.acknowledged)
    assert len(acknowledged) == 45 * ROUNDS
    assert len(set(acknowledged.values())) == len(acknowledged), "an id was used twice"
    for job in acknowledged.values():
        assert lab.end_of(job)["state"] == "succeeded", lab.job(job)
    ledger = (lab.work / "ledger").read_text().split("\n")[:-1]
    assert sorted(ledger) == sorted("%s %d" % pair for pair in acknowledged.items())
    assert lab.count() == len(acknowledged)
    assert lab.command("true") > max(acknowledged.values())


def test_ids_are_never_used_again(lab):
    """Not even the largest, not even when nothing of its group was taken."""
    group = lab.do("/jobs", [{"command": ["true"]}] * 3)
    last = group["jobs"][-1]["id"]
    lab.kill9().start()
    assert lab.post("/jobs", [{"command": ["true"]}, {"comand": []}]).status == 422
    lab.kill9().start()
    job = lab.command("true")
    assert job > last
    assert lab.end_of(job)["state"] in ENDED
