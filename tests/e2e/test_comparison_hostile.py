"""Comparisons from people who mean no good, or whose script has a bug: what is refused names its place,
nothing is half-done, and the daemon lives."""
import json

import pytest

from lab import until
from test_comparisons import REF, built, recipe

SAME = {"rounds": 6, "confirm": False}


def sh(text, **more):
    return {"command": ["bash", "-c", text], **more}


def refused(lab, request):
    reply = lab.post("/comparisons", request)
    assert reply.status == 422, reply
    assert lab.process.poll() is None
    assert lab.read("/comparisons")["comparisons"] == [] and lab.read("/jobs")["jobs"] == []
    return reply.json()["errors"][0]


@pytest.mark.parametrize("side", ["base", "head"])
def test_a_stored_job_that_is_not_there(lab, side):
    job = lab.script("echo '::cail metric benchmark=b name=t value=1 unit=s better=lower'")
    lab.end_of(job)
    for id in (job + 1, 2**63 - 1):
        reply = lab.post("/comparisons", {"base": {"job": job}, "head": {"job": job}, side: {"job": id}})
        assert reply.status == 422, reply
        assert reply.json()["errors"][0]["pointer"] == f"/{side}/job"
    assert lab.post("/comparisons?wait=30", {"base": {"job": job}, "head": {"job": job}}).status == 201


@pytest.mark.parametrize("where", ["base", "head", None])
@pytest.mark.parametrize("name", ["", "A=B", "1A", "A\u0001\nB", "CAIL_RESULTS", "CAIL_PAD"])
def test_names_of_variables(lab, where, name):
    request = {"base": sh("true"), "head": sh("true"), **SAME}
    (request[where] if where else request)["env"] = {name: "x"}
    assert refused(lab, request)["pointer"].startswith(f"/{where}/env/" if where else "/env/")


def test_too_many_variables(lab):
    request = {"base": sh("true"), "head": sh("true", env={f"A{i}": "" for i in range(513)}), **SAME}
    assert refused(lab, request)["pointer"] == "/head/env"


@pytest.mark.parametrize("request_, pointer", [
    ({"artifacts": [{"path": "../x"}]}, "/artifacts/0/path"),
    ({"artifacts": [1]}, "/artifacts/0"),
    ({"needs": {"cpus": 0}}, "/needs/cpus"),
    ({"queue": "x y"}, "/queue"),
])
def test_what_the_jobs_refuse_is_named_as_it_was_sent(lab, request_, pointer):
    assert refused(lab, {"base": sh("true"), "head": sh("true"), **SAME, **request_})["pointer"] == pointer


@pytest.mark.parametrize("text", ["true " + "é" * 300, "true x" + "é" * 300, "true \u0085\x7f\x1b[31m"])
def test_a_command_of_any_text_has_a_name(lab, text):
    doc = lab.do("/comparisons?wait=60", {"base": sh(text), "head": sh("true"), **SAME})
    assert doc["state"] == "finished"
    for name in (doc["name"], doc["base"]["label"], lab.job(doc["jobs"]["measure"])["name"]):
        assert "\ufffd" not in name and name.isprintable() and len(name.encode()) <= 260


def figures(n, value):
    return sh(f"awk 'BEGIN {{ for (i = 0; i < {n}; i++) printf \"::cail metric benchmark=b%d name=t value={value} "
              "unit=s better=lower\\n\", i }'")


def test_what_was_said_stays_said(lab):
    """Noise that is measured later opens the gate of later comparisons alone."""
    request = {"base": figures(1, 1.0), "head": figures(1, 1.5), **SAME}
    early = lab.do("/comparisons?wait=60", request)
    assert (early["verdict"], early["exit_code"]) == ("regression", 0)
    said = [lab.get(f"/comparisons/{early['id']}/report?format={f}").body for f in ("markdown", "junit", "github")]
    for id in [lab.do("/comparisons", {"kind": "aa", "base": figures(1, 1.0), **SAME})["id"] for _ in range(20)]:
        lab.read(f"/comparisons/{id}?wait=60")
    later = lab.do("/comparisons?wait=60", request)
    assert (later["verdict"], later["exit_code"]) == ("regression", 1)
    assert lab.read(f"/comparisons/{early['id']}") == early
    assert said == [lab.get(f"/comparisons/{early['id']}/report?format={f}").body
                    for f in ("markdown", "junit", "github")]


def test_very_many_figures(lab):
    """As many as a job may have; all of them come back, and the queue is answered meanwhile."""
    doc = lab.do("/comparisons?wait=60", {"base": figures(4000, 1.0), "head": figures(4000, 1.5), **SAME})
    assert doc["state"] == "finished" and doc["verdict"] == "inconclusive"
    assert sum(r["metric"] == "t" for r in doc["rows"]) == 4000
    assert len(lab.get(f"/comparisons/{doc['id']}/report?format=github").body) <= 65535


def judging(events):
    events.events_until(lambda e: e.name == "comparison" and json.loads(e.data)["state"] == "judging")


def test_a_canceled_comparison_is_no_success(lab):
    """Wherever it is caught; a pipeline that looks at exit_code alone must not go on."""
    with lab.sse("/events") as events:
        doc = lab.do("/comparisons", {"base": figures(1500, 1.0), "head": figures(1500, 1.0), **SAME})
        judging(events)
        assert lab.post(f"/comparisons/{doc['id']}/cancel", {}).status == 200
    end = lab.read(f"/comparisons/{doc['id']}?wait=60")
    assert (end["state"], end["exit_code"]) == ("canceled", 66)
    assert lab.read("/comparisons")["comparisons"][0]["exit_code"] == 66
    assert json.loads(lab.get(f"/comparisons/{doc['id']}/report?format=github").body)["conclusion"] == "cancelled"
    assert lab.job(doc["jobs"]["measure"])["state"] == "canceled"


@pytest.mark.parametrize("end", ["kill9", "stop"])
def test_an_end_while_it_is_judged(lab, end):
    with lab.sse("/events") as events:
        doc = lab.do("/comparisons", {"base": figures(1500, 1.0), "head": figures(1500, 1.0), **SAME})
        judging(events)
    getattr(lab, end)().start()
    done = lab.read(f"/comparisons/{doc['id']}?wait=60")
    assert done["state"] == "finished" and len(done["measurements"]) == 14
    assert lab.job(doc["jobs"]["measure"])["state"] == "succeeded"


def test_a_side_that_fails_leaves_the_other_its_folder(lab):
    """It builds on, for the cache; what its steps hand on is not pulled away."""
    go = lab.work / "go"
    recipe(lab, "built", {
        "fetch": ("echo \"sha $CAIL_PARAM_REF\" > $CAIL_ATTEMPT_DIR/cache-key; echo x > $CAIL_JOB_DIR/kept\n",
                  {"keys_cache": True}),
        "build": (f"[ $CAIL_PARAM_REF != broken ]; touch {lab.work}/began\n"
                  f"until [ -e {go} ]; do sleep 0.01; done\ncat $CAIL_JOB_DIR/kept\n", {"cached": True}),
        "measure": ("true\n", {}),
    }, params=REF)
    doc = lab.do("/comparisons", {"recipe": "built", "base": {"ref": "v1"}, "head": {"ref": "broken"}, **SAME})
    until((lab.work / "began").exists, "a build")
    end = lab.read(f"/comparisons/{doc['id']}?wait=60")
    assert (end["state"], end["exit_code"]) == ("failed", 3)
    until(lambda: lab.job(doc["jobs"]["base"])["state"] == "running", "its build")
    go.touch()
    assert lab.end_of(doc["jobs"]["base"])["state"] == "succeeded"


def test_results_that_come_late_change_nothing(lab):
    doc = lab.do("/comparisons?wait=60", {"base": figures(2, 1.0), "head": figures(2, 1.0), **SAME})
    report = lab.get(f"/comparisons/{doc['id']}/report").body
    reply = lab.post(f"/jobs/{doc['jobs']['measure']}/results", {"name": "b0", "value": 9, "unit": "s"})
    assert reply.status == 409 and f"comparison {doc['id']}" in reply.json()["detail"], reply
    assert lab.get(f"/comparisons/{doc['id']}/report").body == report
    alone = lab.script("true")
    lab.end_of(alone)
    assert lab.post(f"/jobs/{alone}/results", {"name": "b0", "value": 9, "unit": "s"}).status == 201


@pytest.mark.parametrize("name", ["built", "user"])
def test_builds_of_a_live_comparison_are_not_pruned(lab, name):
    built(lab, measure="echo \"::cail metric benchmark=b name=t value=$(cat $CAIL_BUILD_DIR/v) unit=s better=lower\"")
    recipe(lab, "user", {"measure": (
        "echo \"::cail metric benchmark=b name=t value=$(cat $CAIL_USE_BUILT/v) unit=s better=lower\"\n", {})},
        params=REF, uses=[{"recipe": "built", "params": {"ref": "$ref"}, "when": "ref"}])
    doc = lab.do("/comparisons", {"recipe": name, "base": {"ref": "v5"}, "head": {"ref": "v4"}, **SAME})
    measure = doc["jobs"]["measure"]
    lab.do(f"/jobs/{measure}/hold")
    for side in ("base", "head"):
        assert lab.end_of(doc["jobs"][side])["state"] == "succeeded"
    for end in (None, lab.kill9):
        if end:
            end().start()
        assert lab.do("/cache/prune", {"max_bytes": 0})["removed"] == []
    lab.do(f"/jobs/{measure}/release")
    done = lab.read(f"/comparisons/{doc['id']}?wait=60")
    assert (done["state"], done["verdict"]) == ("finished", "improvement")
    assert len(lab.do("/cache/prune", {"max_bytes": 0})["removed"]) == 2


def test_a_quiet_comparison_has_the_machine_for_itself(lab):
    log = lab.work / "order"
    side = sh(f"echo m >> {log}; sleep 0.02")
    doc = lab.do("/comparisons", {"base": side, "head": side, **SAME, "needs": {"exclusive": "quiet"}})
    until(log.exists, "the first process")
    others = [lab.script(f"echo o >> {log}", priority=100) for _ in range(2)]
    assert lab.read(f"/comparisons/{doc['id']}?wait=60")["state"] == "finished"
    for job in others:
        lab.end_of(job)
    assert log.read_text().split() == ["m"] * 14 + ["o"] * 2


def test_stored_runs_are_judged_after_a_restart(lab):
    job = lab.script("for i in $(seq 300); do echo \"::cail metric benchmark=b$i name=t value=$i unit=s better=lower\"; "
                     "done")
    lab.end_of(job)
    ids = [lab.do("/comparisons", {"base": {"job": job}, "head": {"job": job}})["id"] for _ in range(40)]
    lab.kill9().start()
    assert {lab.read(f"/comparisons/{id}?wait=60")["state"] for id in ids} == {"finished"}
