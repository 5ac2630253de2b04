"""Comparisons of tests: what fails anew, what is mended, what cannot make up its mind. The sides are commits of a
scratch upstream whose only file says how each test of it ends; a recipe of checks writes that as JUnit, another as
lit does, a benchmark has tests beside its times."""
import json
import pathlib
import sys
import xml.etree.ElementTree as ET

import pytest
from test_compare_client import STEPS, UPSTREAM
from test_recipes_scripts import RECIPES, Upstream, git

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from client import Client  # noqa: E402

# a.txt -> a file of results, and an exit code that says whether any test failed. "once PATH" fails where there is
# no such file yet; "time X" is no test.
TESTS = r'''
import json, os, sys
build, form, out = sys.argv[1:]
tests = []
for line in open(f"{build}/a.txt"):
    name, how, *more = line.split()
    if how == "once":
        how = "ok" if os.path.exists(more[0]) else "failed"
        open(more[0], "a").close()
    if name == "time":
        print(f"::cail metric benchmark=loop name=time value={how} unit=ms better=lower kind=time")
    else:
        tests.append((name, how))
if form == "junit":
    inner = {"ok": "", "failed": '<failure message="no"/>', "skipped": "<skipped/>"}
    text = "".join(f'<testcase classname="t" name="{n}" time="0.5">{inner[h]}</testcase>' for n, h in tests)
    open(f"{out}/tests.xml", "w").write(f"<testsuite>{text}</testsuite>")
elif form == "lit":
    codes = {"ok": "PASS", "failed": "FAIL", "skipped": "UNSUPPORTED"}
    json.dump({"__version__": [0, 1, 0], "elapsed": 1.0, "tests": [
        {"name": f"t :: {n}", "code": codes[h], "output": "", "elapsed": 0.5} for n, h in tests]},
        open(f"{out}/lit.json", "w"))
sys.exit(any(h == "failed" for _, h in tests))
'''


class Checks:
    """A daemon with the recipes junit-check, lit-check and junit-bench of one upstream."""

    def __init__(self, tmp, make_daemon):
        self.source = Upstream(tmp, "up")
        self.ran = tmp / "ran"
        self.marker = tmp / "failed-once"
        recipes = tmp / "recipes"
        (recipes / "upstreams").mkdir(parents=True)
        (recipes / "lib").symlink_to(RECIPES / "lib")
        llvm = (RECIPES / "upstreams" / "llvm.json").read_text()
        upstream = UPSTREAM % self.source.url + llvm[llvm.index('  "pull"'):]
        (recipes / "upstreams" / "up.json").write_text(upstream.replace('["bench"]', "[]"))
        (tmp / "tests.py").write_text(TESTS)
        for name, kind, parser, file in (("junit-check", "check", "junit", "*.xml"), ("lit-check", "check", "lit", "*.json"),
                                         ("junit-bench", "benchmark", "junit", "*.xml")):
            folder = recipes / "tools" / "up" / name
            folder.mkdir(parents=True)
            steps = dict(STEPS, measure=f"echo >>{self.ran}\n"
                         f'python3 {tmp}/tests.py "$CAIL_BUILD_DIR" {parser} "$CAIL_RESULTS"\n')
            for step, text in steps.items():
                (folder / f"{step}.sh").write_text(text)
            (folder / "recipe.json").write_text(json.dumps({
                "name": name, "group": "tools", "summary": "tests", "upstream": "up", "kind": kind,
                "params": {"ref": {"type": "ref", "description": "what", "default": ""}},
                "steps": [{"name": "fetch", "run": "fetch.sh", "keys_cache": True},
                          {"name": "build", "run": "build.sh", "cached": True},
                          {"name": "measure", "run": "measure.sh"}],
                "results": [{"parser": parser, "file": file}]}))
        self.d = make_daemon("--set", "jobs.cpus=2", recipes=recipes)
        home = tmp / "home"
        home.mkdir()
        self.cail = Client(home, self.d)

    def side(self, branch, **tests):
        """A branch of the upstream whose tests end so."""
        git(self.source.work, "checkout", "-q", "-B", branch, self.source.branch)
        self.source.commit("a.txt", "".join(f"{n} {how}\n" for n, how in tests.items()))
        self.source.push(branch)
        return {"ref": branch}

    def compare(self, base, head, recipe="junit-check", **more):
        reply = self.d.post("/comparisons?wait=120", {"recipe": recipe, "base": base, "head": head, **more})
        assert reply.status == 201, reply
        doc = reply.json()
        assert doc["state"] == "finished", doc["reason"]
        return doc

    def runs(self):
        return len(self.ran.read_text().splitlines())

    def report(self, doc, form):
        return self.d.get(f"/comparisons/{doc['id']}/report?format={form}").body.decode()


@pytest.fixture
def checks(tmp_path, make_daemon):
    return Checks(tmp_path, make_daemon)


def verdicts(doc):
    return {c["benchmark"].split(".")[-1].split(" ")[-1]: c["verdict"] for c in doc["checks"]}


@pytest.mark.parametrize("recipe", ["junit-check", "lit-check"])
def test_a_new_failure_is_run_once_more_and_gates(checks, recipe):
    base = checks.side("b", steady="ok", breaks="ok", mended="failed", broken="failed", gone="ok", left_out="skipped")
    head = checks.side("h", steady="ok", breaks="failed", mended="ok", broken="failed", added="ok", left_out="skipped")
    doc = checks.compare(base, head, recipe)
    assert (doc["verdict"], doc["exit_code"], doc["rounds"]) == ("regression", 1, 1), doc
    assert verdicts(doc) == {"breaks": "new_failure", "mended": "fixed", "broken": "still_failing", "gone": "removed",
                             "added": "new"}
    assert doc["checks_same"] == 2, "the steady one and the one that both sides skip"
    assert checks.runs() == 4, "a round and the one that confirms it; nothing warms up for a test"
    assert [(m["batch"], m["round"]) for m in doc["measurements"]] == [(0, 0)] * 2 + [(1, 0)] * 2
    assert not any(c["once"] for c in doc["checks"])
    assert doc["reason"] is None and doc["missing"] == [], "one round is what tests need"


def test_what_fails_once_does_not_gate(checks):
    base = checks.side("b", steady="ok", shaky="ok")
    head = checks.side("h", steady="ok", shaky=f"once {checks.marker}")
    doc = checks.compare(base, head)
    assert verdicts(doc) == {"shaky": "flaky"}
    assert (doc["verdict"], doc["exit_code"]) == ("same", 0)
    assert checks.runs() == 4


def test_without_confirmation_a_failure_counts_at_once_and_says_so(checks):
    base, head = checks.side("b", t="ok"), checks.side("h", t="failed")
    doc = checks.compare(base, head, confirm=False)
    assert (verdicts(doc), doc["exit_code"], checks.runs()) == ({"t": "new_failure"}, 1, 2)
    assert doc["checks"][0]["once"] and "new failure, seen once" in checks.report(doc, "markdown")


@pytest.mark.parametrize("recipe", ["junit-check", "lit-check"])
def test_tests_that_end_alike_are_run_once(checks, recipe):
    base = checks.side("b", a="ok", b="failed", c="skipped")
    head = checks.side("h", a="ok", b="failed", c="skipped", d="ok")
    doc = checks.compare(base, head, recipe)
    assert (doc["verdict"], doc["exit_code"], checks.runs()) == ("same", 0, 2)
    assert verdicts(doc) == {"b": "still_failing", "d": "new"}


def test_more_rounds_on_request(checks):
    base, head = checks.side("b", t="ok"), checks.side("h", t=f"once {checks.marker}")
    doc = checks.compare(base, head, rounds=3)
    assert (verdicts(doc), doc["rounds"], checks.runs()) == ({"t": "flaky"}, 3, 6)
    reply = checks.d.post("/comparisons", {"recipe": "junit-bench", "base": base, "head": head, "rounds": 1})
    assert reply.status == 422 and reply.json()["errors"][0]["pointer"] == "/rounds", "times need six"


def test_a_time_in_a_recipe_of_checks_decides_only_over_enough_rounds(checks):
    base, head = checks.side("b", t="ok", time="10"), checks.side("h", t="ok", time="20")
    few = checks.compare(base, head)
    time, = [r for r in few["rows"] if r["metric"] == "time"]
    assert (few["verdict"], few["exit_code"], time["gates"]) == ("same", 0, False)
    many = checks.compare(base, head, rounds=6)
    time, = [r for r in many["rows"] if r["metric"] == "time"]
    assert (many["verdict"], time["verdict"], "confirmed" in time["flags"]) == ("regression", "regression", True)
    assert checks.runs() == 2 + 2 + 12 + 12, "six rounds are timed, so they warm up, and a slower one is confirmed"


def test_a_benchmark_with_tests_beside_its_times(checks):
    base = checks.side("b", t="ok", other="ok", time="10")
    head = checks.side("h", t="failed", other="ok", time="10")
    doc = checks.compare(base, head, "junit-bench", rounds=6)
    assert (verdicts(doc), doc["checks_same"]) == ({"t": "new_failure"}, 1)
    assert (doc["verdict"], doc["exit_code"]) == ("regression", 1)
    time, = [r for r in doc["rows"] if r["gates"]]
    assert (time["metric"], time["verdict"], time["n"]) == ("time", "same", 6)
    assert checks.runs() == 14, "it failed in six rounds: that needs no confirmation"


def test_a_side_without_any_test_is_a_failure(checks):
    base, head = checks.side("b", t="ok"), checks.side("h", t="what")
    doc = checks.compare(base, head)
    assert (doc["verdict"], doc["exit_code"]) == ("failed", 3)
    assert "head could not be measured" in checks.report(doc, "markdown")


def test_reports_and_the_clients_table(checks):
    base = checks.side("b", steady="ok", breaks="ok", mended="failed", gone="ok")
    head = checks.side("h", steady="ok", breaks="failed", mended="ok", added="ok")
    done = checks.cail.run("compare", "b", "h", "-r", "junit-check", "--wait", "--fail-on", "regression")
    out = done.stdout.decode()
    assert done.returncode == 1, done
    assert "regression; 1 round: checks are compared" in out
    assert "4 checks differ or fail, 1 ends alike" in out
    for words in (("t.breaks", "ok", "failed", "new failure"), ("t.mended", "failed", "ok", "fixed"),
                  ("t.gone", "ok", "not there", "removed"), ("t.added", "not there", "ok", "new")):
        assert any(line.split(maxsplit=1)[0] == words[0] and all(w in line for w in words)
                   for line in out.splitlines() if line.startswith("t.")), (words, out)
    assert "geometric mean" not in out and "floor" not in out
    doc = checks.d.get("/comparisons/1").json()
    text = checks.report(doc, "markdown")
    assert text.startswith("## regression: 1 check fails that did not; 1 fixed; 1 removed; 1 new\n"), text
    assert "1 round of one fresh process a side under one lease: checks are compared by how they end" in text
    assert "What looked like a new failure was run once more on both sides." in text
    assert "| `t.breaks` | ok | failed | **new failure** |" in text and "signed-rank" not in text
    suite = ET.fromstring(checks.report(doc, "junit")).find("testsuite")
    failed = [c.get("name") for c in suite if c.find("failure") is not None]
    assert failed == ["t.breaks"] and suite.get("failures") == "1"
    assert "checks that end alike on both sides" in [c.get("name") for c in suite]
    check = json.loads(checks.report(doc, "github"))
    assert check["conclusion"] == "failure" and check["title"].startswith("regression: 1 check fails")
    assert base != head


def test_only_the_test_that_was_asked_for(checks):
    base, head = checks.side("b", t="ok", u="ok"), checks.side("h", t="failed", u="ok")
    doc = checks.compare(base, head, metrics=["t.u/*"])
    assert (doc["verdict"], doc["checks"], doc["checks_same"]) == ("same", [], 1)


def test_which_commit_broke_a_test(checks):
    git(checks.source.work, "checkout", "-q", "-b", "line", checks.source.branch)
    line = [checks.source.commit("a.txt", f"mine {mine}\nother {other}\nn{i} ok\n") for i, (mine, other) in enumerate(
        (("ok", "ok"), ("ok", "failed"), ("ok", "failed"), ("failed", "failed"), ("failed", "failed")))]
    checks.source.push("line")
    reply = checks.d.post("/bisections", {"recipe": "junit-check", "commits": line, "benchmark": "t.mine"})
    assert reply.status == 201, reply
    doc = checks.d.get(f"/bisections/{reply.json()['id']}?wait=120").json()
    assert doc["culprit"] and doc["culprit"]["sha"] == line[3], doc
    shown = checks.cail.run("bisect", "show", "1").stdout.decode()
    assert f"first bad commit: {line[3]}\n" in shown, shown


def test_two_stored_runs_of_checks(checks):
    ids = [checks.d.post("/jobs", {"recipe": "junit-check", "params": side}).json()["id"]
           for side in (checks.side("b", t="ok", u="ok"), checks.side("h", t="failed", u="ok"))]
    for id in ids:
        checks.d.get(f"/jobs/{id}?wait=60")
    doc = checks.d.post("/comparisons?wait=60", {"base": {"job": ids[0]}, "head": {"job": ids[1]}}).json()
    assert (doc["kind"], doc["verdict"], doc["exit_code"]) == ("unpaired", "regression", 1)
    assert verdicts(doc) == {"t": "new_failure"} and doc["checks_same"] == 1
