"""Comparisons while the daemon, their supervisors, the disk and the cards fail at random points. What holds
whatever happens: every round is one whole pair under one lease, no process runs twice, nothing is measured
again without a reason, every comparison ends, and nothing is left over.

CAIL_CAMPAIGN_ROUNDS and CAIL_CAMPAIGN_SEED make it long (tests/real/comparisons.sh)."""
import contextlib
import os
import random
import signal
import time

import pytest

from gpu_lab import A, B, cards, machine, states  # noqa: F401
from lab import LIMIT_S, alive, traced, until
from test_races import FailingSync
from test_limits import fill, small_disk  # noqa: F401

ROUNDS = int(os.environ.get("CAIL_CAMPAIGN_ROUNDS", "2"))
SEED = int(os.environ.get("CAIL_CAMPAIGN_SEED", "20261122"))
OVER = ("finished", "failed", "canceled")
OF_SIX = {"rounds": 6, "confirm": False}


def side(lab, word, sleep="0.01"):
    """Says in the ledger that it ran, and for which attempt."""
    return {"command": ["bash", "-c", f"echo ${{CAIL_ATTEMPT_DIR##*/}} {word} >> {lab.work}/ledger; sleep {sleep}"]}


def begin(lab, rng=random, **more):
    sleep = rng.choice(["0", "0.01", "0.05"])
    request = {"base": side(lab, "base", sleep), "head": side(lab, "head", sleep), **OF_SIX, **more}
    return lab.do("/comparisons", request)["id"]


def all_over(lab):
    """Waits for the end of all comparisons; gives them."""
    docs = lab.read("/comparisons?limit=1000")["comparisons"]
    for doc in docs:
        end = time.monotonic() + LIMIT_S
        while (found := lab.read(f"/comparisons/{doc['id']}?wait=30"))["state"] not in OVER:
            assert time.monotonic() < end, found
    return [lab.read(f"/comparisons/{doc['id']}") for doc in docs]


def assert_nothing_is_left(lab):
    until(lambda: not lab.read("/queue")["running"], "the queue to be empty")
    with lab.db() as db:
        for sql in ("select id, state from job where finished_at_us is null",
                    "select id, state from attempt where state not in ('exited', 'lost')",
                    "select * from lease where until_us is null",
                    "select * from measurement where state = 'running'",
                    "select id, state from comparison where finished_at_us is null"):
            assert db.execute(sql).fetchall() == [], sql
    cpus = lab.read("/queue")["cpus"]
    assert cpus["used"] == 0, cpus
    assert lab.end_of(lab.script("true", needs={"cpus": cpus["total"]}))["state"] == "succeeded"


def rows_of(lab, id):
    with lab.db() as db:
        return db.execute(
            "select m.seq, m.batch, m.round, m.side, m.state, m.lease, a.number, a.job_id, a.state, a.exit_code"
            " from measurement m join attempt a on a.id = m.attempt_id where comparison_id = ? order by seq",
            (id,)).fetchall()


VALUE = ("ok", "tainted")


def whole_pairs(rows):
    """Neighbours that are the two halves of one round under one lease: [(batch, round, lease, clean)]."""
    pairs, i = [], 0
    while i + 1 < len(rows):
        a, b = rows[i], rows[i + 1]
        if (a[1:3], a[5]) == (b[1:3], b[5]) and a[3] != b[3] and a[4] in VALUE and b[4] in VALUE:
            pairs.append((a[1], a[2], a[5], a[4] == b[4] == "ok"))
            i += 1
        i += 1
    return pairs


def assert_rounds(doc, rows):
    assert [r[0] for r in rows] == list(range(len(rows)))
    leases = [r[5] for r in rows]
    assert leases == sorted(leases) and len({r[6] for r in rows}) == len(rows), "an attempt for each process"
    for r in rows:
        assert (r[4] == "lost") == (r[8] == "lost"), r
        assert r[4] not in VALUE or r[9] == 0, r
    pairs = whole_pairs(rows)
    clean = [(batch, number) for batch, number, _, ok in pairs if ok and number >= 0]
    assert len(set(clean)) == len(clean), f"a clean round was measured again: {rows}"
    for lease in set(leases):
        own = [r for r in rows if r[5] == lease]
        assert own[0][2] == -1, f"a lease begins with its warm-up: {own}"
    warm = [(batch, lease) for batch, number, lease, _ in pairs if number < 0]
    assert len(set(warm)) == len(warm), "one warm-up a batch and lease"
    broken = len(rows) - 2 * len(pairs)
    bad = sum(r[4] not in VALUE for r in rows)
    ended = 1 if doc["state"] == "canceled" else 0
    assert broken <= 2 * bad + (len(set(leases)) - 1) + ended, f"measured again without a reason: {rows}"
    if doc["state"] == "finished" and doc["verdict"] != "failed":
        assert {number for batch, number, _, _ in pairs if batch == 0} >= set(range(6)), rows


def assert_ledger(lab, rows_by_job):
    """No process ran twice; who has a value ran once."""
    path = lab.work / "ledger"
    ran = [tuple(line.split()) for line in path.read_text().splitlines()] if path.exists() else []
    sides = dict(ran)
    assert len(sides) == len(ran), f"a process ran twice: {ran}"
    for job, rows in rows_by_job.items():
        for r in rows:
            if r[4] in VALUE:
                assert sides.get(f"{job}-{r[6]:05d}") == r[3], (job, r)


def assert_all(lab):
    docs = all_over(lab)
    rows = {doc["jobs"]["measure"]: rows_of(lab, doc["id"]) for doc in docs}
    for doc in docs:
        assert_rounds(doc, rows[doc["jobs"]["measure"]])
    assert_ledger(lab, rows)
    assert_nothing_is_left(lab)
    return docs


def kill_a_supervisor(lab, rng):
    """SIGKILL to the cail-run of something that runs."""
    running = lab.read("/queue")["running"]
    if not running:
        return
    job = lab.job(rng.choice(running)["id"])
    # StopIteration: the file is made empty, its claim comes next.
    with contextlib.suppress(FileNotFoundError, ProcessLookupError, IndexError, StopIteration):
        run = lab.attempt_dir(job["id"], "%05d" % job["attempts"][-1]["number"]) / "run"
        pid = next(int(w[4:]) for w in run.read_bytes().split() if w.startswith(b"pid="))
        if alive(pid) and b"cail-run" in open(f"/proc/{pid}/cmdline", "rb").read():
            os.kill(pid, signal.SIGKILL)


def cancel_one(lab, rng):
    docs = [d for d in lab.read("/comparisons?limit=1000")["comparisons"] if not d["finished_at"]]
    if docs:
        reply = lab.post(f"/comparisons/{rng.choice(docs)['id']}/cancel", {"grace_s": 0})
        assert reply.status in (200, 409), reply


@pytest.mark.parametrize("number", range(ROUNDS))
def test_kills_at_random_points(labs, number):
    rng = random.Random(SEED + number)
    lab = labs("--set", "jobs.cpus=2").start()
    for _ in range(4):
        begin(lab, rng, **rng.choice([{}, {"confirm": True}, {"looks": 2}]))
    acts = [lambda: lab.kill9().start(), lambda: lab.stop().start(), lambda: kill_a_supervisor(lab, rng),
            lambda: lab.do("/queue/pause"), lambda: lab.do("/queue/resume"), lambda: begin(lab, rng)]
    for _ in range(8):
        rng.choice(acts)()
        time.sleep(rng.random() * 0.2)  # where it strikes is chance; nothing below depends on it
    lab.do("/queue/resume")
    docs = assert_all(lab)
    assert all(d["state"] == "finished" for d in docs), docs


@pytest.mark.parametrize("number", range(ROUNDS))
def test_cancels_at_random_points(labs, number):
    rng = random.Random(SEED + number)
    lab = labs("--set", "jobs.cpus=2").start()
    for _ in range(8):
        begin(lab, rng, **rng.choice([{"confirm": True}, {"looks": 3}, {}]))
        time.sleep(rng.random() * 0.3)
        rng.choice([lambda: cancel_one(lab, rng)] * 3 + [lambda: lab.kill9().start()])()
    assert {d["state"] for d in assert_all(lab)} <= {"finished", "canceled"}


def test_a_supervisor_killed_in_each_round_ends_it(lab):
    """Lost again and again: a comparison that cannot be measured ends and says so."""
    id = begin(lab, random.Random(1), base=side(lab, "base", "30"), head=side(lab, "head", "30"))
    rng = random.Random(1)

    def over():
        kill_a_supervisor(lab, rng)
        return lab.read(f"/comparisons/{id}")["finished_at"]
    until(over, "its end")
    doc = lab.read(f"/comparisons/{id}")
    assert doc["verdict"] == "failed" and doc["reason"], doc
    assert_all(lab)


def test_a_full_disk_meanwhile(small_disk, labs):  # noqa: F811
    lab = labs("--set", "jobs.cpus=2")
    lab.state = small_disk / "state"
    lab.start()
    for _ in range(3):
        begin(lab, random.Random(3))
    until((lab.work / "ledger").exists, "the first process")
    ballast = small_disk / "ballast"
    fill(ballast)
    lab.post("/comparisons", {"base": side(lab, "base"), "head": side(lab, "head"), **OF_SIX, "name": "x" * 200})
    size = -1
    while size != (size := (lab.work / "ledger").stat().st_size):
        time.sleep(0.5)  # what goes on on a full disk goes on; what stands stands
    lab.kill9().start()
    ballast.unlink(missing_ok=True)
    until(lambda: lab.get("/readyz").status == 200, "the daemon to see the space")
    assert_all(lab)


@traced
@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_commit_of_unknown_outcome(labs, number):
    """Memory is read from the file again, and the experiment goes on where it was."""
    rng = random.Random(SEED + number)
    lab = labs("--set", "jobs.cpus=2").start()
    for _ in range(3):
        begin(lab, rng, rounds=20)
    time.sleep(rng.random() * 0.5)
    fail = FailingSync(lab)
    until(lambda: "a commit failed" in lab.log(), "the failed commit")
    fail.end()
    docs = assert_all(lab)
    assert all(d["state"] == "finished" for d in docs), docs


def test_a_recipe_that_changes_in_the_middle(lab):
    """Its next process runs what the recipe is now, or the comparison ends; it never hangs."""
    folder = lab.recipes / "tools" / "edited"
    folder.mkdir(parents=True)
    (lab.recipes / "lib").mkdir(exist_ok=True)
    (lab.recipes / "lib" / "step.sh").write_text("#!/bin/bash\nset -euo pipefail\n. \"$1\"\n")
    (folder / "m.sh").write_text("sleep 0.02\n")
    head = '{"name": "edited", "group": "tools", "summary": "x", "kind": "benchmark", "steps": '
    (folder / "recipe.json").write_text(head + '[{"name": "m", "run": "m.sh"}]}')
    until(lambda: lab.get("/recipes/edited").status == 200, "the recipe to be seen")
    id = lab.do("/comparisons", {"recipe": "edited", "base": {}, "head": {"env": {"X": "y"}}, "rounds": 40})["id"]
    until(lambda: lab.read(f"/comparisons/{id}")["measurements"], "the first process")
    (folder / "recipe.json").write_text(head + '[{"name": "a", "run": "m.sh"}, {"name": "b", "run": "m.sh"}]}')
    until(lambda: len(lab.read("/recipes/edited")["steps"]) == 2, "the change to be seen")
    (folder / "recipe.json").unlink()
    until(lambda: lab.read(f"/comparisons/{id}?wait=10")["finished_at"], "its end")
    assert_nothing_is_left(lab)


# --- cards ---

def test_cards_that_fail_at_random_points(cards, machine):  # noqa: F811
    lab, rng = cards, random.Random(SEED)
    good = [{"uuid": A}, {"uuid": B}]
    slow = {"util_pct": 100, "reasons": 4, "slowed_sw_power_cap_ns": 10**9}
    for _ in range(3):
        begin(lab, rng, needs={"gpus": 1})
    for _ in range(6 * ROUNDS):
        card = rng.choice((A, B))
        act = rng.choice(["slow", "foreign", "lost", "drain", "kill", "restart", "cancel", "none"])
        if act == "slow":
            machine.write([{**c, **(slow if c["uuid"] == card else {})} for c in good])
        elif act == "foreign":
            machine.write([{**c, **({"proc": ["1 3000 compute"]} if c["uuid"] == card else {})} for c in good])
        elif act == "lost":
            machine.write([{**c, **({"lost": 1} if c["uuid"] == card else {})} for c in good])
        elif act == "drain":
            lab.post(f"/gpus/{card}/drain", {})
        elif act in ("kill", "restart"):
            (lab.kill9 if act == "kill" else lab.stop)()
            lab.start(CAIL_FAKE_NVML=str(machine.path))
        elif act == "cancel":
            cancel_one(lab, rng)
            begin(lab, rng, needs={"gpus": 1})
        time.sleep(rng.random() * 0.5)
    machine.write(good)
    for card in (A, B):
        lab.post(f"/gpus/{card}/undrain", {})
    lab.kill9()
    lab.start(CAIL_FAKE_NVML=str(machine.path))  # a card that was lost comes back with a new driver
    assert_all(lab)
    until(lambda: set(states(lab).values()) == {"free"}, "free cards")
