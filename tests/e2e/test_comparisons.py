"""Base against head on a real daemon: the order of the processes, what each of them is given, what a
crash, a cancel and a failure leave. Figures are printed by the measured programs themselves, so every
verdict is known beforehand."""
import json
import textwrap

import pytest

from lab import until

STEP_LIB = "#!/bin/bash\nset -euo pipefail\n. \"$1\"\n"


def recipe(lab, name, steps, **more):
    """A recipe of bash texts: {"fetch": ("text", {flags})}."""
    lib = lab.recipes / "lib"
    lib.mkdir(exist_ok=True)
    (lib / "step.sh").write_text(STEP_LIB)
    folder = lab.recipes / "tools" / name
    folder.mkdir(parents=True)
    doc = {"name": name, "group": "tools", "summary": name, "kind": "benchmark", "steps": []}
    for step, (text, flags) in steps.items():
        (folder / f"{step}.sh").write_text(textwrap.dedent(text))
        doc["steps"].append({"name": step, "run": f"{step}.sh", **flags})
    doc.update(more)
    (folder / "recipe.json").write_text(json.dumps(doc))
    until(lambda: lab.get(f"/recipes/{name}").status == 200, "the recipe to be seen")


REF = {"ref": {"type": "ref", "description": "what is built", "default": ""}}


def built(lab, measure="echo \"::cail metric benchmark=b name=t value=$(cat $CAIL_BUILD_DIR/v) unit=s better=lower\""):
    """fetch and build by ref, then a figure that the build holds."""
    recipe(lab, "built", {
        "fetch": ("echo \"sha $CAIL_PARAM_REF\" > $CAIL_ATTEMPT_DIR/cache-key\n", {"keys_cache": True}),
        "build": (f"echo built >> {lab.work}/builds\n[ $CAIL_PARAM_REF != broken ]\n"
                  "echo ${CAIL_PARAM_REF#v} > $CAIL_BUILD_DIR/v\n", {"cached": True}),
        "measure": (measure, {}),
    }, params=REF)


def compare(lab, wait=True, **request):
    reply = lab.post("/comparisons" + ("?wait=60" if wait else ""), request)
    assert reply.status == 201, reply
    doc = reply.json()
    assert reply.headers["location"] == f"/comparisons/{doc['id']}"
    return doc


def end_of(lab, id):
    doc = lab.read(f"/comparisons/{id}?wait=60")
    assert doc["finished_at"], doc
    return doc


def sh(text):
    return {"command": ["bash", "-c", text]}


def figure(value, name="t"):
    return sh(f"echo '::cail metric benchmark=b name={name} value={value} unit=s better=lower'")


def row(doc, metric, benchmark=None):
    found = [r for r in doc["rows"] if r["metric"] == metric and benchmark in (None, r["benchmark"])]
    assert len(found) == 1, doc["rows"]
    return found[0]


def test_rounds_are_pairs_in_turned_order_after_a_warm_up(lab):
    log = lab.work / "order"
    doc = compare(lab, base=sh(f"echo base >> {log}"), head=sh(f"echo head >> {log}"), rounds=6, seed=2,
                  confirm=False)
    assert doc["state"] == "finished" and not doc["provisional"]
    sides = log.read_text().split()
    assert len(sides) == 14
    rounds = [sides[i:i + 2] for i in range(2, 14, 2)]
    assert rounds == [["base", "head"], ["head", "base"]] * 3 or \
        rounds == [["head", "base"], ["base", "head"]] * 3
    pairs = row(doc, "wall_time")["pairs"]
    assert [p["round"] for p in pairs] == list(range(6)) or [p["round"] for p in pairs] == list(range(1, 7))
    measuring = lab.job(doc["jobs"]["measure"])
    assert measuring["state"] == "succeeded"


def test_figures_of_the_processes_become_verdicts(lab):
    doc = compare(lab, base=figure(1.0), head=figure(1.0), rounds=6)
    assert row(doc, "t")["verdict"] == "same"
    slower = compare(lab, base=figure(1.0), head=figure(1.5), rounds=6)
    r = row(slower, "t")
    assert r["verdict"] == "regression" and r["effect"] == pytest.approx(1.5)
    assert r["n"] == 6 and "confirmed" in r["flags"]
    faster = compare(lab, base=figure(1.5), head=figure(1.0), rounds=6)
    assert row(faster, "t")["verdict"] == "improvement"


def test_both_sides_get_stacks_and_paths_of_equal_length(lab):
    out = lab.work / "sizes"
    text = ("import os,sys; e=open('/proc/self/environ','rb').read(); a=open('/proc/self/cmdline','rb').read();"
            f"open('{out}','a').write('%d %d\\n' % (len(e)+8*e.count(0)+len(a)+8*a.count(0),"
            " len(os.environ['CAIL_ATTEMPT_DIR'])))")
    doc = compare(lab, base={"command": ["/usr/bin/python3", "-c", text]},
                  head={"command": ["/usr/bin/python3", "-c", text, "an argument more"],
                        "env": {"MORE": "x" * 77}}, rounds=6, confirm=False)
    assert doc["state"] == "finished", doc
    assert len(set(out.read_text().splitlines())) == 1


def test_too_few_rounds_are_told_before_they_run(lab):
    many = sh("for i in $(seq 40); do echo \"::cail metric benchmark=b$i name=t value=1 unit=s better=lower\"; done")
    with lab.sse("/events") as events:
        doc = compare(lab, base=many, head=many, rounds=6, confirm=False)
        seen = [json.loads(e.data) for e in events.events_until(
            lambda e: e.name == "comparison" and json.loads(e.data)["state"] == "finished")
            if e.name == "comparison"]
    told = [s for s in seen if s["reason"]]
    assert told and told[0]["state"] == "measuring" and "rounds" in told[0]["reason"], told
    assert doc["verdict"] in ("same", "inconclusive")


def test_rounds_that_nobody_asked_for_are_as_many_as_it_takes(lab):
    def printing(n):
        return sh(f"for i in $(seq {n}); do echo \"::cail metric benchmark=b$i name=t value=1 unit=s better=lower\"; done")

    few = compare(lab, base=printing(2), head=printing(2), confirm=False)
    assert (few["rounds"], few["reason"]) == (10, None)
    many = compare(lab, base=printing(40), head=printing(40), confirm=False)
    assert 2 * 40 / 2 ** many["rounds"] <= .05 and many["rounds"] <= 20 and many["reason"] is None
    assert {row(many, "t", f"b{i}")["n"] for i in range(1, 41)} == {many["rounds"]}
    gated = compare(lab, base=printing(40), head=printing(40), metrics=["b1/t"], confirm=False)
    assert gated["rounds"] == 10, "what is only shown asks for no rounds"
    told = compare(lab, base=printing(40), head=printing(40), rounds=6, confirm=False)
    assert told["rounds"] == 6 and told["reason"].startswith("underpowered")


def test_instructions_are_counted_or_it_is_said_that_they_are_not(lab):
    doc = compare(lab, base=figure(1), head=figure(1), rounds=6, confirm=False)
    counted = any(r["metric"] == "instructions" for r in doc["rows"])
    assert counted != any(m.startswith("instructions: ") for m in doc["missing"])


def test_a_process_is_not_told_which_side_it_is(lab):
    out = lab.work / "env"
    text = f"env | sed 's/^CAIL_ATTEMPT.*=//;s/^CAIL_ART.*//;s/^CAIL_RES.*//' | grep -ci '=head\\|=base' >> {out}; true"
    compare(lab, base=sh(text), head=sh(text), rounds=6, confirm=False)
    assert set(out.read_text().split()) == {"0"}


def test_each_side_is_built_once_and_measured_from_its_own_build(lab):
    built(lab)
    doc = compare(lab, recipe="built", base={"ref": "v2"}, head={"ref": "v3"}, rounds=6)
    assert (lab.work / "builds").read_text().split() == ["built"] * 2
    assert doc["base"]["sha"] == "v2" and doc["head"]["sha"] == "v3"
    r = row(doc, "t")
    assert r["base"]["median"] == 2 and r["head"]["median"] == 3 and r["verdict"] == "regression"
    for side in ("base", "head"):
        job = lab.job(doc["jobs"][side])
        assert job["state"] == "succeeded" and job["needs"]["gpus"] == 0
    again = compare(lab, recipe="built", base={"ref": "v2"}, head={"ref": "v3"}, rounds=6)
    assert (lab.work / "builds").read_text().split() == ["built"] * 2, "the builds are cached"
    assert lab.job(again["jobs"]["base"])["cached"]


JUNIT = r"""
echo "$CAIL_FIRST" >> %(work)s/first
[ "$CAIL_FIRST" = 0 ] || cat $CAIL_BUILD_DIR/v >> %(work)s/tests
failing=$(%(failing)s)
[ "$CAIL_FIRST" = 0 ] || echo "<testsuite><testcase name='good'/><testcase name='bad'>$failing</testcase></testsuite>" \
    > $CAIL_RESULTS/tests.xml
echo "::cail metric benchmark=b name=time value=1 unit=s better=lower"
[ -z "$failing" ]
"""


def compare_with_tests(lab, failing):
    built(lab, measure=JUNIT % {"work": lab.work, "failing": failing})
    doc = json.loads((lab.recipes / "tools/built/recipe.json").read_text())
    doc["results"] = [{"parser": "junit", "file": "tests.xml"}]
    (lab.recipes / "tools/built/recipe.json").write_text(json.dumps(doc))
    until(lambda: lab.get("/recipes/built").json().get("results"), "the recipe to be seen")
    return compare(lab, recipe="built", base={"ref": "v1"}, head={"ref": "v2"}, rounds=6)


def test_tests_of_a_benchmark_run_once_and_a_new_failure_once_more(lab):
    doc = compare_with_tests(lab, "[ $(cat $CAIL_BUILD_DIR/v) != 2 ] || echo '<failure/>'")
    assert [(c["benchmark"], c["verdict"]) for c in doc["checks"]] == [("bad", "new_failure")]
    assert (doc["verdict"], doc["exit_code"], doc["checks_same"]) == ("regression", 1, 1)
    assert row(doc, "time", "b")["verdict"] == "same"
    assert sorted((lab.work / "tests").read_text().split()) == ["1", "1", "2", "2"]
    # the warm-up, the first round, five more, and one that confirms
    assert (lab.work / "first").read_text().split() == ["0"] * 2 + ["1"] * 2 + ["0"] * 10 + ["1"] * 2
    assert [m["batch"] for m in doc["measurements"]] == [0] * 14 + [1] * 2


def test_a_test_that_fails_once_is_no_new_failure(lab):
    doc = compare_with_tests(lab, f"[ $(cat $CAIL_BUILD_DIR/v)$CAIL_FIRST != 21 ] || [ -e {lab.work}/failed ] || "
                             f"{{ touch {lab.work}/failed; echo '<failure/>'; }}")
    assert [(c["benchmark"], c["verdict"]) for c in doc["checks"]] == [("bad", "flaky")]
    assert doc["exit_code"] == 0


def test_an_aa_comparison_builds_once(lab):
    built(lab)
    doc = compare(lab, kind="aa", recipe="built", base={"ref": "v2"}, rounds=6)
    assert doc["kind"] == "aa" and doc["jobs"]["base"] == doc["jobs"]["head"]
    assert (lab.work / "builds").read_text().split() == ["built"]
    assert row(doc, "t")["verdict"] == "same"


def test_sides_may_differ_in_params_and_env(lab):
    recipe(lab, "plain", {"measure": (
        "echo \"::cail metric benchmark=b name=t value=$CAIL_PARAM_N$DIGIT unit=s better=lower\"\n", {})},
        params={"n": {"type": "int", "description": "n", "default": 1, "max": 9}})
    doc = compare(lab, recipe="plain", base={"params": {"n": 2}, "env": {"DIGIT": "0"}},
                  head={"params": {"n": 3}, "env": {"DIGIT": "5"}}, rounds=6, confirm=False)
    r = row(doc, "t")
    assert (r["base"]["median"], r["head"]["median"]) == (20, 35)
    assert doc["jobs"]["base"] is None, "nothing to prepare"


def test_folders_of_binaries(lab):
    for side, value in (("old", 4), ("a-longer-name", 2)):
        folder = lab.work / side
        folder.mkdir()
        tool = folder / "the-tool"
        tool.write_text(f"#!/bin/sh\necho {value}\n")
        tool.chmod(0o755)
    recipe(lab, "tool", {"measure": (
        "echo \"::cail metric benchmark=b name=t value=$(the-tool) unit=s better=lower\"\n"
        f"echo ${{#CAIL_BIN_DIR}} >> {lab.work}/lengths\n", {})})
    doc = compare(lab, recipe="tool", base={"bin_dir": str(lab.work / "old")},
                  head={"bin_dir": str(lab.work / "a-longer-name")}, rounds=6)
    assert row(doc, "t")["effect"] == pytest.approx(.5)
    assert len(set((lab.work / "lengths").read_text().split())) == 1


def test_a_folder_of_programs_stands_for_a_build(lab):
    """One side is built, the other is given; nothing is built for it."""
    built(lab, measure="v=$([ -n \"${CAIL_BIN_DIR-}\" ] && [ -e $CAIL_BIN_DIR/v ] && cat $CAIL_BIN_DIR/v || cat $CAIL_BUILD_DIR/v)\n"
          "echo \"::cail metric benchmark=b name=t value=$v unit=s better=lower\"")
    folder = lab.work / "given"
    folder.mkdir()
    (folder / "v").write_text("7\n")
    doc = compare(lab, recipe="built", base={"ref": "v2"}, head={"bin_dir": str(folder)}, rounds=6)
    assert doc["jobs"]["head"] is None and doc["jobs"]["base"]
    r = row(doc, "t")
    assert (r["base"]["median"], r["head"]["median"]) == (2, 7)
    assert (lab.work / "builds").read_text().split() == ["built"]


def test_builds_of_other_recipes_are_used_side_by_side(lab):
    built(lab)
    recipe(lab, "user", {"measure": (
        "echo \"::cail metric benchmark=b name=t value=$(cat $CAIL_USE_BUILT/v) unit=s better=lower\"\n", {})},
        params=REF, uses=[{"recipe": "built", "params": {"ref": "$ref"}, "when": "ref"}])
    doc = compare(lab, recipe="user", base={"ref": "v5"}, head={"ref": "v4"}, rounds=6)
    r = row(doc, "t")
    assert (r["base"]["median"], r["head"]["median"]) == (5, 4)
    assert (doc["base"]["sha"], doc["head"]["sha"]) == ("v5", "v4"), "the commits of the builds"


def test_a_job_of_its_own_finds_what_it_uses(lab):
    built(lab)
    recipe(lab, "user", {"show": ("cat $CAIL_USE_BUILT/v\n", {})}, params=REF, kind="check",
           uses=[{"recipe": "built", "params": {"ref": "$ref"}}])
    job = lab.queue(recipe="user", params={"ref": "v6"})
    assert lab.end_of(job)["state"] == "succeeded"
    assert lab.output(job) == b"6\n"
    lab.stop().start()
    broken = lab.queue(recipe="user", params={"ref": "broken"})
    assert lab.end_of(broken)["state"] == "dep_failed"


def test_a_killed_daemon_goes_on_at_the_round(lab):
    log, gate = lab.work / "order", lab.work / "gate"
    wait = f"[ $(wc -l < {log}) -lt 6 ] || until [ -e {gate} ]; do sleep 0.01; done"
    doc = compare(lab, wait=False, base=sh(f"echo base >> {log}; {wait}"),
                  head=sh(f"echo head >> {log}; {wait}"), rounds=6, confirm=False)
    until(lambda: log.exists() and len(log.read_text().split()) == 6, "the third round")
    lab.kill9().start()
    gate.touch()
    end = end_of(lab, doc["id"])
    assert end["state"] == "finished" and row(end, "wall_time")["n"] == 6
    assert len(log.read_text().split()) == 14, "no process ran twice"


def test_a_daemon_killed_between_processes_goes_on(lab):
    doc = compare(lab, wait=False, base=sh("true"), head=sh("true"), rounds=40, confirm=False)
    for _ in range(5):
        lab.kill9().start()
    end = end_of(lab, doc["id"])
    assert end["state"] == "finished" and row(end, "wall_time")["n"] == 40


def test_nothing_comes_between_the_rounds(labs):
    lab = labs("--set", "jobs.cpus=1").start()
    log = lab.work / "order"
    slow = sh(f"echo m >> {log}; sleep 0.02")
    doc = compare(lab, wait=False, base=slow, head=slow, rounds=6, confirm=False)
    until(log.exists, "the first process")
    other = lab.script(f"echo other >> {log}", priority=100)
    end_of(lab, doc["id"])
    lab.end_of(other)
    assert log.read_text().split() == ["m"] * 14 + ["other"]


def test_cancel_ends_all_of_it(lab):
    gate = lab.work / "gate"
    wait = sh(f"touch {lab.work}/began; until [ -e {gate} ]; do sleep 0.01; done")
    doc = compare(lab, wait=False, base=wait, head=wait, rounds=6)
    until((lab.work / "began").exists, "the first process")
    assert lab.post(f"/comparisons/{doc['id']}/cancel", {"grace_s": 0}).status == 200
    end = end_of(lab, doc["id"])
    assert end["state"] == "canceled" and end["verdict"] is None or end["provisional"] is False
    assert lab.end_of(doc["jobs"]["measure"])["state"] == "canceled"
    assert lab.post(f"/comparisons/{doc['id']}/cancel", {}).status == 409
    assert lab.end_of(lab.script("true"))["state"] == "succeeded", "the lease is free"


def test_a_side_that_cannot_be_built(lab):
    built(lab)
    doc = compare(lab, recipe="built", base={"ref": "v2"}, head={"ref": "broken"}, rounds=6)
    assert doc["state"] == "failed"
    assert doc["reason"] == f"head could not be prepared: see job {doc['jobs']['head']}"
    assert lab.job(doc["jobs"]["measure"])["state"] == "dep_failed"


def test_a_side_that_fails_when_measured(lab):
    doc = compare(lab, base=figure(1), head=sh("exit 3"), rounds=6)
    assert doc["state"] == "finished" and doc["verdict"] == "failed" and doc["exit_code"] == 3
    attempts = len(lab.job(doc["jobs"]["measure"])["attempts"])
    assert attempts < 14, "it is given up, not tried for ever"


def test_two_stored_runs_are_compared_unpaired(lab):
    ids = []
    for base in (10, 20):
        lines = "\n".join(f"::cail metric benchmark=b name=t value={base + i} unit=s better=lower"
                          for i in range(8))
        ids.append(lab.script(f"cat <<E\n{lines}\nE"))
        lab.end_of(ids[-1])
    doc = compare(lab, base={"job": ids[0]}, head={"job": ids[1]})
    assert doc["kind"] == "unpaired" and doc["state"] == "finished"
    r = row(doc, "t")
    assert r["verdict"] == "regression" and "unpaired" in r["flags"]
    assert compare(lab, base={"job": ids[0]}, head={"job": ids[0]})["rows"][0]["verdict"] != "regression"


def test_the_report_is_the_same_text_each_time(lab):
    doc = compare(lab, base=figure(1.0), head=figure(1.5), rounds=6)
    reports = [lab.get(f"/comparisons/{doc['id']}/report").body for _ in range(2)]
    lab.stop().start()
    reports.append(lab.get(f"/comparisons/{doc['id']}/report").body)
    assert len(set(reports)) == 1 and b"+50" in reports[0]
    assert lab.get(f"/comparisons/{doc['id']}/report?format=junit").body.startswith(b"<?xml")
    assert json.loads(lab.get(f"/comparisons/{doc['id']}/report?format=github").body)
    assert lab.get(f"/comparisons/{doc['id']}/report?format=pdf").status == 400


def test_texts_marked_diff_are_shown_side_by_side(lab):
    def side(word):
        return sh(f"printf 'one\\n{word}\\nthree\\n' > $CAIL_ARTIFACTS/ir.txt; echo same > $CAIL_ARTIFACTS/b.txt;"
                  f"printf '\\0{word}' > $CAIL_ARTIFACTS/bin.txt; echo {word} > $CAIL_ARTIFACTS/not-marked")
    doc = compare(lab, base=side("two"), head=side("zwei"), rounds=6, confirm=False,
                  artifacts=[{"path": "*.txt", "diff": True}])
    assert [d["name"] for d in doc["diffs"]] == ["bin.txt", "ir.txt"]
    assert doc["diffs"][0].get("text") is None
    assert "-two\n+zwei\n" in doc["diffs"][1]["text"]
    assert b"+zwei" in lab.get(f"/comparisons/{doc['id']}/report").body
    lab.stop().start()
    assert lab.read(f"/comparisons/{doc['id']}")["diffs"] == doc["diffs"]


def test_identical_code_tells_the_noise_and_its_floor_opens_the_gate(lab):
    """20 A/A comparisons make a floor; then a regression fails the gate."""
    last = figure(1.0)
    warned = compare(lab, base=last, head=figure(1.5), rounds=6, metrics=["t"])
    assert (warned["verdict"], warned["exit_code"]) == ("regression", 0), "no floor: it warns"
    ids = [compare(lab, wait=False, kind="aa", base=last, rounds=6)["id"] for _ in range(20)]
    for id in ids:
        assert end_of(lab, id)["verdict"] in ("same", "inconclusive")
    machine, = lab.read("/noise")["machines"]
    assert (machine["comparisons"], machine["alarms"]) == (20, 0)
    t, = [s for s in machine["series"] if s["metric"] == "t"]
    assert t["floor"] == 0 and t["wanted"] == 0 and t["effects"] == [0] * 20
    gated = compare(lab, base=last, head=figure(1.5), rounds=6, metrics=["t"])
    assert (gated["verdict"], gated["exit_code"]) == ("regression", 1), gated
    assert row(gated, "t")["floor"] == 0
    assert machine["machine"]["cpu"] and machine["fingerprint"] == gated["fingerprint"]


def test_only_a_row_that_decides_is_a_false_alarm(lab):
    """A figure that follows the order of the processes, so that identical code differs."""
    log = lab.work / "processes"
    log.write_text("")
    text = (f"n=$(wc -l < {log}); echo >> {log}\n"
            "echo \"::cail metric benchmark=b name=u value=$(((n / 2 + n % 2) % 2 + 2)) unit=s better=lower\"\n"
            "echo '::cail metric benchmark=b name=t value=1 unit=s better=lower'")

    def alarms(metric):
        log.write_text("")
        doc = compare(lab, kind="aa", base=sh(text), rounds=12, metrics=[metric], confirm=False)
        assert row(doc, "u")["verdict"] in ("regression", "improvement")
        machine, = lab.read("/noise")["machines"]
        return [machine["alarms"]] + [s["alarms"] for s in machine["series"] if s["metric"] in "tu"]
    assert alarms("t") == [0, 0, 0]
    assert alarms("u") == [1, 0, 1]


def test_an_idempotency_key_compares_once(lab):
    body = {"base": sh("true"), "head": sh("true"), "rounds": 6, "confirm": False}
    first = lab.post("/comparisons", body, Idempotency_Key="k")
    again = lab.post("/comparisons?wait=60", body, Idempotency_Key="k")
    assert (first.status, again.status) == (201, 200)
    assert again.json()["id"] == first.json()["id"] and again.json()["state"] == "finished"
    lab.kill9().start()
    late = lab.post("/comparisons", body, Idempotency_Key="k")
    assert late.status == 200 and late.json()["id"] == first.json()["id"]
    assert lab.post("/comparisons", {**body, "rounds": 7}, Idempotency_Key="k").status == 409
    assert len(lab.read("/comparisons")["comparisons"]) == 1


def test_a_key_of_stored_runs_compares_once(lab):
    ids = [lab.script("echo '::cail metric benchmark=b name=t value=1 unit=s better=lower'") for _ in range(2)]
    for id in ids:
        lab.end_of(id)
    body = {"base": {"job": ids[0]}, "head": {"job": ids[1]}}
    first = lab.post("/comparisons?wait=60", body, Idempotency_Key="k")
    assert (first.status, first.json()["state"]) == (201, "finished")
    for _ in range(2):
        again = lab.post("/comparisons", body, Idempotency_Key="k")
        assert (again.status, again.json()["id"]) == (200, first.json()["id"])
        assert again.headers["location"] == first.headers["location"]
        lab.kill9().start()
    other = lab.post("/comparisons", {**body, "name": "other"}, Idempotency_Key="k")
    assert other.status == 409 and "comparison 1" in other.json()["detail"]
    assert len(lab.read("/comparisons")["comparisons"]) == 1


def test_a_job_of_a_comparison_is_not_retried_alone(lab):
    doc = compare(lab, base=sh("true"), head=sh("true"), rounds=6, confirm=False)
    reply = lab.post(f"/jobs/{doc['jobs']['measure']}/retry", {})
    assert reply.status == 409 and f"comparison {doc['id']}" in reply.json()["detail"]


def test_lists_and_events(lab):
    with lab.sse("/events") as events:
        doc = compare(lab, base=sh("true"), head=sh("true"), rounds=6, confirm=False, name="here it is")
        seen = events.events_until(
            lambda e: e.name == "comparison" and json.loads(e.data)["state"] == "finished")
    states = [json.loads(e.data)["state"] for e in seen if e.name == "comparison"]
    assert states[0] == "preparing" and "measuring" in states
    listed = lab.read("/comparisons")["comparisons"]
    assert [c["id"] for c in listed] == [doc["id"]] and listed[0]["name"] == "here it is"
    assert lab.read("/comparisons?recipe=other")["comparisons"] == []


@pytest.mark.parametrize("request_, pointer", [
    ({}, "/base"),
    ({"base": {"ref": "a"}}, "/head"),
    ({"base": {"ref": "a"}, "head": {"ref": "b"}}, "/recipe"),
    ({"base": {"ref": "a", "bin_dir": "/x"}, "head": {"ref": "b"}}, "/base"),
    ({"recipe": "nosuch", "base": {"ref": "a"}, "head": {"ref": "b"}}, "/recipe"),
    ({"base": {"command": []}, "head": {"command": ["true"]}}, "/base/command"),
    ({"base": {"command": ["true"]}, "head": {"job": 1}}, "/head"),
    ({"base": {"command": ["true"]}, "head": {"command": ["true"]}, "rounds": 5}, "/rounds"),
    ({"base": {"command": ["true"]}, "head": {"command": ["true"]}, "needs": {"cpus": 99}}, "/needs/cpus"),
    ({"base": {"command": ["true"]}, "head": {"command": ["true"]}, "rouns": 7}, "/rouns"),
    ({"base": {"command": ["true"]}, "head": {"command": ["true"]}, "min_effect": {"tiem": 1}},
     "/min_effect/tiem"),
    ({"base": {"bin_dir": "x/../y"}, "head": {"bin_dir": "/y"}, "recipe": "r"}, "/base/bin_dir"),
    ({"base": {"ref": "--upload-pack=x"}, "head": {"ref": "y"}, "recipe": "r"}, "/base/ref"),
])
def test_what_is_wrong_is_named(lab, request_, pointer):
    reply = lab.post("/comparisons", request_)
    assert reply.status == 422, reply
    assert reply.json()["errors"][0]["pointer"] == pointer, reply
    assert lab.read("/jobs")["jobs"] == [], "nothing half-done"
