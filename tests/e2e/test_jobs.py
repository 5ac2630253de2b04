"""How jobs run: retries, steps, the build cache, environments, services, order, groups, and the
client that follows them. Of the real daemon and the real client."""
import json
import os
import pathlib
import re
import signal
import stat
import time

import pytest

from lab import LIMIT_S, ROOT, alive, until

WAIT = "until [ -e %s ]; do sleep 0.01; done"


def gated(lab, name="gate", then="", **request):
    """A job that runs until the file is there."""
    gate = lab.work / name
    return gate, lab.script((WAIT % gate) + ("; " + then if then else ""), **request)


def order(lab):
    file = lab.work / "order"
    return file.read_text().split() if file.exists() else []


# --- retries ---

def test_retries_with_backoff(lab):
    job = lab.script('echo $CAIL_ATTEMPT >> ledger; exit $((CAIL_ATTEMPT < 3))',
                     retry={"max_attempts": 5, "on": ["failed"], "backoff_s": 1})
    seen = until(lambda: (lambda d: d if d["reason"] and "try 1 of 5" in d["reason"] else None)
                 (lab.job(job)), "the first retry's reason")
    assert seen["state"] == "queued"
    end = lab.end_of(job)
    assert end["state"] == "succeeded"
    assert [a["exit_code"] for a in end["attempts"]] == [1, 1, 0]
    ends = [a["ended_at"] for a in end["attempts"]]
    starts = [a["started_at"] for a in end["attempts"]]

    def at(text):
        clock = text.split("T")[1].rstrip("Z")
        h, m, s = clock.split(":")
        return int(h) * 3600 + int(m) * 60 + float(s)
    for i, least in ((0, 1), (1, 2)):  # doubling
        assert (at(starts[i + 1]) - at(ends[i])) % 86400 >= least - 0.1
    assert (lab.work / "ledger").read_text() == "1\n2\n3\n"


@pytest.mark.parametrize("on, text, request_more, attempts, state", [
    (["timed_out"], "exit 1", {}, 1, "failed"),
    (["failed"], "sleep 60", {"timeout_s": 1}, 1, "timed_out"),
    (["timed_out"], "sleep 60", {"timeout_s": 1}, 2, "timed_out"),
    (["failed"], "exit 1", {}, 2, "failed"),
])
def test_retries_by_cause(lab, on, text, request_more, attempts, state):
    job = lab.script(text, retry={"max_attempts": 2, "on": on, "backoff_s": 0}, **request_more)
    end = lab.end_of(job)
    assert (end["state"], len(end["attempts"])) == (state, attempts)


def test_a_canceled_job_is_not_retried(lab):
    job = lab.script("sleep 60", retry={"max_attempts": 3, "backoff_s": 0})
    lab.wait_state(job, "running")
    lab.do("/jobs/%d/cancel" % job, {"grace_s": 0})
    end = lab.end_of(job)
    assert (end["state"], len(end["attempts"])) == ("canceled", 1)


# --- recipes ---

def recipe(lab, name, steps, **more):
    """A recipe of the test's own beside the real lib."""
    folder = lab.recipes / "tools" / "test" / name
    folder.mkdir(parents=True)
    doc = {"name": name, "group": "tools", "summary": "A test", "kind": "check", "steps": []}
    doc.update(more)
    for step, (text, extra) in steps.items():
        (folder / (step + ".sh")).write_text(text)
        doc["steps"].append({"name": step, "run": step + ".sh", **extra})
    (folder / "recipe.json").write_text(json.dumps(doc))


@pytest.fixture
def kitchen(labs):
    """A daemon of four cpus with a folder of recipes, not yet started."""
    lab = labs("--set", "jobs.cpus=4")
    (lab.recipes / "lib").symlink_to(ROOT / "recipes" / "lib")
    return lab


def test_steps_are_attempts_with_needs_of_their_own(kitchen):
    lab = kitchen
    note = "echo $CAIL_STEP $CAIL_CPUS $CAIL_ATTEMPT >> %s/order; " % lab.work
    recipe(lab, "stepped", {
        "one": (note + "echo from one > $CAIL_JOB_DIR/kept; echo in one", {"needs": {"cpus": 1}}),
        "two": (note + "cat $CAIL_JOB_DIR/kept; " + (WAIT % (lab.work / "gate")),
                {"needs": {"cpus": "all"}}),
        "three": (note + "echo in three", {"needs": {"cpus": 2}}),
    })
    lab.start()
    _, other = gated(lab, "other", needs={"cpus": 2})
    job = lab.queue(recipe="stepped")
    # step two needs all four: nothing is held while it waits
    waiting = until(lambda: (lambda d: d if d["state"] == "queued" and d["step"]["index"] == 1
                             else None)(lab.job(job)), "step two to wait")
    assert waiting["step"] == {"index": 1, "count": 3, "name": "two"}
    assert lab.read("/queue")["cpus"]["used"] == 2
    why = lab.read("/jobs/%d/why" % job)
    assert [c for c in why["constraints"] if c["name"] == "cpus" and c["jobs"] == [other]], why
    (lab.work / "other").touch()
    until(lambda: (lambda d: d["state"] == "running" and d["step"]["index"] == 1)(lab.job(job)),
          "step two")
    assert lab.read("/queue")["cpus"]["used"] == 4
    (lab.work / "gate").touch()
    end = lab.end_of(job)
    assert end["state"] == "succeeded"
    assert [(a["number"], a["step"]) for a in end["attempts"]] == [(1, 0), (2, 1), (3, 2)]
    assert order(lab) == "one 1 1 two 4 2 three 2 3".split()
    assert lab.output(job, "?attempt=1") == b"in one\n"
    assert lab.output(job, "?attempt=2") == b"from one\n"
    assert lab.output(job) == b"in three\n"


def test_a_failing_step_ends_the_recipe_and_a_retry_begins_anew(kitchen):
    """What steps hand on in CAIL_JOB_DIR goes with the job's end."""
    lab = kitchen
    note = "echo $CAIL_STEP >> %s/order; " % lab.work
    recipe(lab, "halting", {"one": (note, {}), "two": (note + "[ -e %s/ok ]" % lab.work, {}),
                            "three": (note, {})})
    lab.start()
    job = lab.queue(recipe="halting")
    assert lab.end_of(job)["state"] == "failed"
    assert order(lab) == ["one", "two"]
    (lab.work / "ok").touch()
    lab.do("/jobs/%d/retry" % job)
    assert lab.end_of(job)["state"] == "succeeded"
    assert order(lab) == ["one", "two", "one", "two", "three"]


def build_recipe(lab, name="built"):
    recipe(lab, name, {
        "fetch": ("echo fetch >> {w}/order; echo sha $(cat {w}/source) > "
                  "$CAIL_ATTEMPT_DIR/cache-key".format(w=lab.work),
                  {"needs": {"cpus": 1}, "keys_cache": True}),
        "build": ("echo build >> {w}/order; until [ -e {w}/gate ]; do sleep 0.01; done; "
                  "[ $CAIL_PARAM_WORKS = true ]; echo made > $CAIL_BUILD_DIR/product; "
                  "metric built wall 1 s lower time".format(w=lab.work),
                  {"needs": {"cpus": 1}, "cached": True}),
    }, kind="build", params={
        "works": {"type": "bool", "description": "Does it build?", "default": True},
        "flavor": {"type": "string", "description": "Keys it", "default": "a"},
        "jobs": {"type": "int", "description": "Does not key it", "default": 1, "min": 0,
                 "max": 9, "keys_cache": False}})
    (lab.work / "source").write_text("0123abc\n")
    return lab.work / "gate"


def test_the_build_cache(kitchen):
    lab = kitchen
    build_recipe(lab).touch()
    lab.start()

    def build(**params):
        end = lab.end_of(lab.queue(recipe="built", params=params))
        assert end["state"] == "succeeded", end
        return end
    first = build()
    assert not first["cached"] and order(lab) == ["fetch", "build"]
    second = build(jobs=7)
    assert second["cached"] and len(second["attempts"]) == 1
    assert order(lab) == ["fetch", "build", "fetch"]
    assert not build(flavor="b")["cached"]
    (lab.work / "source").write_text("4567def\n")
    assert not build()["cached"]
    cache = lab.read("/cache")
    assert [e["state"] for e in cache["entries"]] == ["ready"] * 3
    hit = next(e for e in cache["entries"] if e["job"] == first["id"])
    assert hit["uses"] == 1 and hit["sha"] == "0123abc"
    assert (pathlib.Path(hit["path"]) / "product").read_text() == "made\n"
    lab.stop().start()
    assert build()["cached"]
    client = lab.client()
    assert len([x for x in client.ok("cache", "ls").splitlines() if "built" in x]) == 3
    gone = json.loads(client.ok("cache", "prune", "--max", "0", "--json"))
    assert len(gone["removed"]) == 3 and gone["freed_bytes"] > 0
    until(lambda: not any(pathlib.Path(e["path"]).exists() for e in cache["entries"]), "removal")
    assert lab.read("/cache")["entries"] == []
    assert not build()["cached"]


def test_what_a_pull_request_used_is_never_evicted(kitchen):
    lab = kitchen
    build_recipe(lab).touch()
    lab.start()
    pr = "https://github.com/llvm/llvm-project/pull/1"
    assert lab.end_of(lab.queue(recipe="built"))["state"] == "succeeded"
    assert lab.end_of(lab.queue(recipe="built", pr=pr))["cached"]
    lab.stop().start()
    [entry] = lab.read("/cache")["entries"]
    assert entry["pinned"] == pr
    assert lab.do("/cache/prune", {"max_bytes": 0})["removed"] == []
    assert pathlib.Path(entry["path"]).exists()


def test_the_same_build_at_the_same_time_is_made_once(kitchen):
    lab = kitchen
    gate = build_recipe(lab)
    lab.start()
    first = lab.queue(recipe="built")
    until(lambda: "build" in order(lab), "the first build")
    second = lab.queue(recipe="built")
    until(lambda: order(lab).count("fetch") == 2 and lab.job(second)["state"] == "queued",
          "the second to wait")
    why = lab.read("/jobs/%d/why" % second)
    assert str(first) in json.dumps(why), why
    entries = lab.read("/cache")["entries"]
    assert [(e["state"], e["job"]) for e in entries] == [("building", first)]
    assert entries[0]["pinned"]
    assert lab.do("/cache/prune", {"max_bytes": 0})["removed"] == []
    gate.touch()
    assert lab.end_of(first)["state"] == "succeeded"
    end = lab.end_of(second)
    assert end["state"] == "succeeded" and end["cached"]
    assert order(lab).count("build") == 1


def test_a_failed_build_is_no_hit(kitchen):
    lab = kitchen
    build_recipe(lab).touch()
    lab.start()
    for _ in range(2):
        assert lab.end_of(lab.queue(recipe="built", params={"works": False}))["state"] == "failed"
    assert order(lab).count("build") == 2
    assert not [e for e in lab.read("/cache")["entries"] if e["state"] == "ready"]


def test_what_is_missing_is_named_with_its_package(kitchen):
    lab = kitchen
    recipe(lab, "wanting", {"one": ("touch %s/ran" % lab.work, {})}, requires={"tools": [
        {"name": "no-such-tool", "min": "3.1", "package": "no-such-package"},
        {"name": "bash", "min": "99", "package": "bash"},
        {"name": "neither", "package": "optional-package", "optional": True}],
        "disk_mib": 1 << 30})
    lab.start()
    job = lab.queue(recipe="wanting")
    end = lab.end_of(job)
    assert (end["state"], end["exit_code"]) == ("failed", 78)
    said = lab.output(job).decode()
    assert "needs no-such-tool 3.1 or newer, found none (Debian package: no-such-package)" in said
    assert re.search(r"needs bash 99 or newer, found \d+\.\d+", said)
    assert "MiB free" in said and "optional-package" not in said
    assert "apt-get install bash no-such-package" in said
    assert not (lab.work / "ran").exists()


# --- environments ---

CAIL = {"CAIL_JOB_ID", "CAIL_ATTEMPT", "CAIL_ATTEMPT_DIR", "CAIL_ARTIFACTS", "CAIL_RESULTS",
        "CAIL_GPU_UUIDS", "CAIL_BUILD_ROOT", "CAIL_URL"}


def env_of(output):
    return dict(pair.split("=", 1) for pair in output.decode().split("\0") if "=" in pair)


def test_the_environment_of_a_command(lab):
    job = lab.command("env", "-0", env={"MINE": "a b\nc", "PATH": "/usr/bin:/bin"})
    assert lab.end_of(job)["state"] == "succeeded"
    env = env_of(lab.output(job))
    assert env["MINE"] == "a b\nc" and env["PATH"] == "/usr/bin:/bin"
    assert CAIL <= set(env)
    assert env["CAIL_JOB_ID"] == str(job) and env["CAIL_URL"] == lab.url
    assert env["CAIL_ATTEMPT_DIR"] == str(lab.attempt_dir(job))
    assert env["CUDA_VISIBLE_DEVICES"] == env["CAIL_GPU_UUIDS"] == ""
    assert env["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    assert "CAIL_TOKEN" not in env
    for name in ("CAIL_ARTIFACTS", "CAIL_RESULTS"):
        assert env[name].startswith(env["CAIL_ATTEMPT_DIR"] + "/")


def test_the_environment_of_a_recipe_is_clean(kitchen):
    lab = kitchen
    recipe(lab, "bare", {"one": ("env -0", {})}, env_pass=["PASSED"], params={
        "word": {"type": "string", "description": "x", "default": "d"},
        "flag": {"type": "bool", "description": "x", "default": False}})
    lab.start(PASSED="yes", SECRET="no", LD_PRELOAD_X="no")
    job = lab.queue(recipe="bare", params={"word": "$(id) 'x'"})
    assert lab.end_of(job)["state"] == "succeeded"
    env = env_of(lab.output(job))
    assert CAIL <= set(env)
    assert env["PASSED"] == "yes" and "SECRET" not in env
    assert env["CAIL_PARAM_WORD"] == "$(id) 'x'" and env["CAIL_PARAM_FLAG"] == "false"
    strange = {name for name in env if not name.startswith("CAIL_")} - {
        "PATH", "HOME", "USER", "LANG", "TMPDIR", "PASSED", "CUDA_VISIBLE_DEVICES", "PWD", "SHLVL",
        "CUDA_DEVICE_ORDER", "_", "OLDPWD"}
    assert not strange


def test_a_recipe_takes_no_loader_tricks(kitchen):
    """Variables of a request reach a recipe as they are asked for, but never change who it is."""
    lab = kitchen
    recipe(lab, "bare", {"one": ("env -0", {})})
    lab.start()
    refused = lab.post("/jobs", {"recipe": "bare", "env": {"CAIL_JOB_ID": "7"}})
    assert refused.status == 422


def test_a_job_has_no_descriptor_of_ours(lab):
    job = lab.script("ls -l /proc/self/fd; cat /proc/$$/oom_score_adj; umask; ulimit -c")
    lab.end_of(job)
    said = lab.output(job).decode()
    assert str(lab.state / "cail.db") not in said and "/run" not in said.replace("/run/", "")
    assert len(re.findall(r" (\d+) -> ", said)) == 4, said  # 0, 1, 2 and the folder itself
    assert int(said.splitlines()[-3]) > 0


# --- services ---

def test_a_service_is_awaited(lab):
    go, service = gated(lab, "go", "echo '::cail ready'; sleep 600", kind="service")
    user = lab.script("echo used", after=[{"job": service, "when": "ready"}])
    lab.wait_state(service, "running")
    assert lab.job(user)["state"] == "queued"
    assert str(service) in lab.read("/jobs/%d/why" % user)["summary"]
    go.touch()
    assert lab.end_of(user)["state"] == "succeeded"
    assert lab.job(service)["state"] == "running"
    lab.kill9().start()
    late = lab.script("true", after=[{"job": service, "when": "ready"}])
    assert lab.end_of(late)["state"] == "succeeded"
    lab.do("/jobs/%d/cancel" % service, {"grace_s": 0})
    assert lab.end_of(service)["state"] == "canceled"


def test_ready_is_a_line_of_its_own_wherever_it_stands(labs):
    lab = labs("--set", "jobs.cpus=4").start()
    never = lab.script("echo 'not ::cail ready'; sleep 600", kind="service")
    loud = lab.script("yes loud | head -c 300000; echo ::cail ready; yes loud | head -c 300000; "
                      "sleep 600", kind="service")
    gate = lab.work / "half"
    halves = lab.script("printf '::cail re'; %s; echo ady; sleep 600" % (WAIT % gate),
                        kind="service")
    users = {s: lab.command("true", after=[{"job": s, "when": "ready"}])
             for s in (never, loud, halves)}
    assert lab.end_of(users[loud])["state"] == "succeeded"
    with lab.sse("/events?job=%d" % halves) as stream:  # its first half was looked at
        if not lab.output(halves):
            stream.events_until(lambda e: e.name == "attempt")
        gate.touch()
    assert lab.end_of(users[halves])["state"] == "succeeded"
    assert lab.job(users[never])["state"] == "queued"


def test_a_service_that_ends_before_it_is_ready(lab):
    service = lab.script("exit 1", kind="service")
    user = lab.script("true", after=[{"job": service, "when": "ready"}])
    assert lab.end_of(user)["state"] == "dep_failed"


# --- order ---

def test_priority_then_age(labs):
    lab = labs("--set", "jobs.cpus=1").start()
    gate, first = gated(lab)
    lab.wait_state(first, "running")
    jobs = [lab.script("echo %s >> order" % name, priority=p)
            for name, p in (("c", 0), ("a", 10), ("d", 0), ("e", -10), ("b", 10))]
    assert [j["id"] for j in lab.read("/queue")["queued"]] == [jobs[i] for i in (1, 4, 0, 2, 3)]
    gate.touch()
    for job in jobs:
        lab.end_of(job)
    assert order(lab) == list("abcde")


def test_queue_limits_pause_and_drain(labs):
    lab = labs("--set", "jobs.cpus=8").start()
    lab.do("/queue/resume", {"queue": "two", "limit": 2})
    gate = lab.work / "gate"
    jobs = [lab.script(WAIT % gate, queue="two") for _ in range(4)]
    other = lab.command("true", queue="free")
    assert lab.end_of(other)["state"] == "succeeded"
    assert [lab.job(j)["state"] for j in jobs] == ["running"] * 2 + ["queued"] * 2
    assert "two" in lab.read("/jobs/%d/why" % jobs[3])["summary"]
    lab.do("/queue/pause", {"queue": "two"})
    gate.touch()
    for job in jobs[:2]:
        lab.end_of(job)
    assert lab.end_of(lab.command("true"))["state"] == "succeeded"
    assert [lab.job(j)["state"] for j in jobs[2:]] == ["queued"] * 2
    lab.do("/queue/resume", {"queue": "two"})
    for job in jobs[2:]:
        assert lab.end_of(job)["state"] == "succeeded"
    lab.do("/queue/drain")
    refused = lab.post("/jobs", {"command": ["true"]})
    assert refused.status == 503 and "drain" in refused.json()["detail"]
    lab.do("/queue/resume")
    assert lab.end_of(lab.command("true"))["state"] == "succeeded"


def test_quiet_has_the_machine_to_itself(labs):
    lab = labs("--set", "jobs.cpus=4").start()
    one_gate, one = gated(lab, "one")
    lab.wait_state(one, "running")
    quiet_gate, quiet = gated(lab, "quiet", "echo quiet >> order",
                              needs={"exclusive": "quiet"}, kind="benchmark")
    after = lab.script("echo after >> order")  # its timeout is a day: it would be in the way
    assert lab.job(quiet)["state"] == lab.job(after)["state"] == "queued"
    assert str(one) in lab.read("/jobs/%d/why" % quiet)["summary"]
    one_gate.touch()
    lab.wait_state(quiet, "running")
    assert lab.job(after)["state"] == "queued"
    assert [j["id"] for j in lab.read("/queue")["running"]] == [quiet]
    quiet_gate.touch()
    lab.end_of(after)
    assert order(lab) == ["quiet", "after"]


def test_after_and_its_failures(lab):
    bad = lab.command("false")
    good = lab.command("true")
    cases = {(bad, "succeeded"): "dep_failed", (bad, "failed"): "succeeded",
             (bad, "finished"): "succeeded", (good, "succeeded"): "succeeded",
             (good, "failed"): "dep_failed", (good, "finished"): "succeeded"}
    jobs = {case: lab.command("true", after=[{"job": case[0], "when": case[1]}]) for case in cases}
    for case, state in cases.items():
        end = lab.end_of(jobs[case])
        assert end["state"] == state, case
        if state == "dep_failed":
            assert str(case[0]) in end["reason"] and end["exit_status"] == 66
            assert end["attempts"] == []


# --- groups ---

def test_a_matrix_with_failures_is_retried(lab):
    lab.do("/queue/pause")
    made = lab.do("/jobs", {
        "script": "echo $A$B >> ledger; [ -e ok ] || case $A$B in x0|y1|z3) exit 1;; esac",
        "cwd": str(lab.work), "name": "sweep",
        "matrix": {"env.A": ["x", "y", "z"], "env.B": ["0", "1", "2", "3"]}})
    group = made["group"]
    assert len(made["jobs"]) == 12
    lab.do("/queue/resume")
    client = lab.client()
    assert client.run("wait", "g%d" % group).returncode != 0
    doc = lab.read("/groups/%d" % group)
    assert (doc["state"], doc["counts"]["failed"], doc["counts"]["succeeded"]) == ("failed", 3, 9)
    (lab.work / "ok").touch()
    client.ok("retry", "--failed", "g%d" % group)
    assert client.run("wait", "g%d" % group).returncode == 0
    doc = lab.read("/groups/%d" % group)
    assert (doc["state"], doc["counts"]["succeeded"]) == ("succeeded", 12)
    ledger = (lab.work / "ledger").read_text().split()
    assert len(ledger) == 15 and sorted(set(ledger)) == sorted(a + b for a in "xyz" for b in "0123")
    assert sorted(w for w in set(ledger) if ledger.count(w) == 2) == ["x0", "y1", "z3"]


def test_groups_keep_their_limits(labs):
    lab = labs("--set", "jobs.cpus=8").start()
    made = lab.do("/jobs", {"script": "ls -d run.* 2>/dev/null | wc -l >> seen; touch run.$$; "
                            "sleep 0.05; rm run.$$", "cwd": str(lab.work), "matrix": {
                                "env.N": [str(i) for i in range(12)], "max_parallel": 2}})
    doc = until(lambda: (lambda d: d if d["finished_at"] else None)
                (lab.read("/groups/%d?wait=30" % made["group"])), "the group")
    assert doc["counts"]["succeeded"] == 12
    assert max(map(int, (lab.work / "seen").read_text().split())) <= 1
    made = lab.do("/jobs", {"script": "exit $((N == 1))", "matrix": {
        "env.N": [str(i) for i in range(4)], "max_parallel": 1, "fail_fast": True}})
    doc = until(lambda: (lambda d: d if d["finished_at"] else None)
                (lab.read("/groups/%d?wait=30" % made["group"])), "the group")
    assert [j["state"] for j in doc["jobs"]] == ["succeeded", "failed", "canceled", "canceled"]


# --- results ---

def test_results_posted_and_said(lab):
    gate, job = gated(lab, then="echo '::cail metric name=speed value=2.5 unit=GB/s better=higher'")
    lab.wait_state(job, "running")
    gate.touch()
    end = lab.end_of(job)
    assert [(r["metric"], r["value"], r["unit"], r["better"]) for r in end["results"]] == [
        ("speed", 2.5, "GB/s", "higher")]
    reply = lab.post("/jobs/%d/results" % job, [{"name": "t", "unit": "s", "better": "lower",
                                                 "samples": [1, 3]}])
    assert reply.status == 201, reply
    lab.kill9().start()
    got = {r["metric"]: r for r in lab.read("/jobs/%d/results" % job)["results"]}
    assert got["t"]["samples"] == [1, 3] and got["t"]["value"] == 2
    assert got["speed"]["value"] == 2.5


# --- events ---

def test_events_go_on_where_they_were_left(lab):
    with lab.sse() as stream:
        first = lab.command("true")
        seen = stream.events_until(lambda e: e.name == "job" and '"succeeded"' in e.data)
    last = seen[-1].id
    second = lab.command("false")
    lab.end_of(second)
    with lab.sse(Last_Event_ID=last) as stream:
        missed = stream.events_until(lambda e: e.name == "job" and '"failed"' in e.data)
    assert "resync" not in [e.name for e in missed]
    assert {json.loads(e.data)["id"] for e in missed if e.name == "job"} == {second}
    assert first != second
    # "message": each connection begins with the reader's place, which is no event
    numbers = [int(e.id.split("-")[1]) for e in seen + missed if e.name != "message"]
    assert numbers == sorted(set(numbers))
    lab.kill9().start()  # another epoch: what was missed is not known any more
    with lab.sse(Last_Event_ID=last) as stream:
        assert [e.name for e in stream.events_until(lambda e: e.name != "message")][-1] == "resync"


# --- the client ---

def test_run_exits_as_the_job_did(lab):
    client = lab.client()
    done = client.run("run", "--", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert done.returncode == 7
    assert b"out\n" in done.stdout and b"err\n" in done.stdout
    assert client.run("run", "--", "sh", "-c", "kill -9 $$").returncode == 137
    assert client.run("run", "--", "/no/such/program").returncode == 127
    plain = lab.work / "plain"
    plain.write_text("text")
    assert client.run("run", "--", plain).returncode == 126
    assert client.run("run", "--", "true").returncode == 0


def test_a_script_runs_as_in_the_shell(lab):
    """Its own PATH, its virtual environment, its folder, its arguments, its interpreter."""
    venv = lab.work / "venv"
    (venv / "bin").mkdir(parents=True)
    tool = venv / "bin" / "my-tool"
    tool.write_text("#!/bin/sh\necho tool of $VIRTUAL_ENV in $PWD with $*\n")
    script = lab.work / "nightly.sh"
    script.write_text("#!/bin/bash\n#CAIL --name nightly --label from=script\nmy-tool \"$@\"\n"
                      "echo secret=${SECRET-unset}\n")
    for file in (tool, script):
        file.chmod(0o755)
    done = lab.client().run("run", "./nightly.sh", "a", "b", cwd=lab.work, VIRTUAL_ENV=str(venv),
                            PATH="%s/bin:%s" % (venv, os.environ["PATH"]), SECRET="s")
    assert done.returncode == 0, done
    said = done.stdout.decode()
    assert "tool of %s in %s with a b\n" % (venv, lab.work) in said
    assert "secret=unset" in said
    job = lab.read("/jobs")["jobs"][0]
    assert job["name"] == "nightly" and job["labels"] == {"from": "script"}
    assert stat.S_IMODE(os.stat(lab.state).st_mode) == 0o700


def test_ctrl_c_detaches_first_and_cancels_second(lab):
    client = lab.client()
    one = client.terminal("run", "--", "sh", "-c", "echo begun; sleep 600")
    one.expect(b"begun")
    one.ctrl_c()
    one.expect(b"detached")
    one.ctrl_c()
    assert one.end() == 143  # the job's own end, by TERM
    job = lab.read("/jobs")["jobs"][0]["id"]
    assert lab.end_of(job)["state"] == "canceled"
    two = client.terminal("run", "--", "sh", "-c", "echo begun; sleep 600")
    two.expect(b"begun")
    two.ctrl_c()
    assert two.end() == 130
    job = lab.read("/jobs")["jobs"][0]["id"]
    assert lab.job(job)["state"] == "running"
    assert alive(lab.supervisor(job))


def test_a_follower_sees_the_daemon_come_back(lab):
    """The client that follows a job gets over a restart of the daemon on the same port."""
    job = lab.script("echo begin; %s; echo end; exit 3" % (WAIT % (lab.work / "gate")))
    follower = lab.client().start("follow", job)
    assert follower.stdout.readline() == b"begin\n"
    lab.kill9().start(port=lab.port)
    (lab.work / "gate").touch()
    out, err = follower.communicate(timeout=LIMIT_S)
    assert follower.returncode == 3, (out, err)
    assert out == b"end\n"


def test_plain_curl_waits(lab):
    gate, job = gated(lab, then="exit 4")
    begun = time.monotonic()
    assert lab.read("/jobs/%d?wait=1" % job)["state"] == "running"
    assert time.monotonic() - begun >= 0.9
    os.kill(lab.supervisor(job), signal.SIGTERM)  # as an operator would: a cancel with its grace
    assert lab.read("/jobs/%d?wait=60" % job)["state"] == "canceled"
