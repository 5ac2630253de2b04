"""Results over history: series, change points, pivots, marks, exports, retention."""
import csv
import io
import json
import pathlib
import xml.etree.ElementTree as ET

import jsonschema
import pytest
import yaml

from client import Client
from daemon import Daemon
from lab import until

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOC = yaml.safe_load((ROOT / "schema" / "openapi.yaml").read_text())


def answers(path, value, method="get", code="200"):
    """value holds against what openapi.yaml says that the route answers."""
    response = DOC["paths"][path][method]["responses"][code]
    while "$ref" in response:
        response = DOC["components"]["responses"][response["$ref"].rsplit("/", 1)[1]]
    schema = response["content"]["application/json"]["schema"]
    jsonschema.Draft202012Validator({**schema, "components": DOC["components"]}).validate(value)
    return value


def patch(d, path, body):
    return d.request("PATCH", path, body)


def post_file(d, path, rows):
    return d.request("POST", path, json.dumps(rows).encode(), {"Content-Type": "application/octet-stream"})


def sha(i):
    return f"{i:07x}" + "c" * 33


def value_at(i):
    """Steady, with a step of 20 % at commit 12; deterministic noise of at most 0.4 %."""
    base = 100 if i < 12 else 120
    return base * (1 + .004 * ((i * 7) % 11 - 5) / 5)


RUNS = 24


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    d = Daemon(tmp_path_factory.mktemp("history"), "--set", "jobs.cpus=4")
    d.start()
    jobs = []
    for i in range(RUNS):
        lines = "".join(f"echo '::cail metric benchmark=gemm name=time value={value_at(i) + k * .01} unit=us "
                        "better=lower param.m=4096 param.dtype=f16'\n" for k in range(3))
        jobs.append({"name": "gemm", "kind": "benchmark", "script": lines, "needs": {"cpus": 1},
                     "source": {"ref": sha(i)},
                     **({"after": [{"job": f"#{i - 1}"}]} if i else {})})
    made = d.post("/jobs", jobs)
    assert made.status == 201, made
    ids = [j["id"] for j in made.json()["jobs"]]
    for job in ids:
        assert d.get(f"/jobs/{job}?wait=60").json()["state"] == "succeeded"
    d.jobs = ids
    yield d
    d.stop()


def series(d, query="benchmark=gemm"):
    return answers("/results", d.get(f"/results?{query}").json())["series"]


def test_a_step_is_found_with_its_commits(lab):
    one, = series(lab)
    assert [p["commit"] for p in one["points"]] == [sha(i) for i in range(RUNS)]
    assert all(p["n"] == 3 and p["runs"] == 1 and p["lo"] < p["value"] < p["hi"] for p in one["points"])
    assert one["points"][0]["value"] == value_at(0) + .01
    assert one["params"] == {"m": "4096", "dtype": "f16"} or one["params"] == {"m": 4096, "dtype": "f16"}
    assert one["machine"]["host"] and one["machine"]["kernel"]
    change, = one["changes"]
    assert change["effect"] == "regression" and not change["tentative"] and change["p"] < .001
    assert change["before"]["commit"] == sha(11) and change["after"]["commit"] == sha(12)
    assert 1.19 < change["ratio_low"] < change["ratio"] < change["ratio_high"] < 1.21
    assert [(s["from"], s["to"], s["n"]) for s in one["segments"]] == [(0, 11, 12), (12, 23, 12)]
    assert one["drift"] is None, "seconds say nothing of months"
    again, = series(lab, "benchmark=g*&samples=1&params=m=4096&max_series=1")
    assert len(again["points"][3]["samples"]) == 3
    assert series(lab, "benchmark=gemm&params=m=1") == []
    newest, = series(lab, "benchmark=gemm&limit=5")
    assert [p["commit"] for p in newest["points"]] == [sha(i) for i in range(RUNS - 5, RUNS)]


def test_the_catalogue(lab):
    page = answers("/benchmarks", lab.get("/benchmarks?q=GEMM").json())
    entry, = page["benchmarks"]
    assert entry["points"] == RUNS and len(entry["spark"]) == RUNS and page["next_cursor"] is None
    assert entry["spark"][-1] == entry["last_value"] == value_at(RUNS - 1) + .01
    assert lab.get("/benchmarks?q=nothing").json()["benchmarks"] == []
    assert lab.get("/benchmarks?cursor=zz").status == 400
    assert lab.get("/benchmarks?bogus=1").status == 400


def test_a_change_is_acknowledged_and_ignored(lab):
    found = answers("/results/changes", lab.get("/results/changes?benchmark=gemm").json())
    change, = found["changes"]
    assert change["state"] == "open" and change["benchmark"] == "gemm" and not found["truncated"]
    path = f"/results/changes/{change['id']}"
    for bad in ({}, {"state": "maybe"}, {"state": "fixed", "url": "javascript:1"}):
        assert patch(lab, path, bad).status == 422, bad
    assert patch(lab, path.replace(change["id"][-8:], "deadbeef"), {"state": "fixed"}).status == 404
    assert patch(lab, "/results/changes/nonsense", {"state": "fixed"}).status == 404
    said = patch(lab, path, {"state": "ignored", "note": "known\nand wanted", "url": "https://example.org/1"})
    answers("/results/changes/{id}", said.json(), "patch")
    assert lab.get("/results/changes?benchmark=gemm").json()["changes"] == []
    again, = lab.get("/results/changes?state=ignored&effect=regression").json()["changes"]
    assert again["note"] == "known\nand wanted" and again["by"]
    assert lab.get("/results/changes?state=all&effect=improvement").json()["changes"] == []
    assert series(lab)[0]["changes"][0]["state"] == "ignored"
    assert patch(lab, path, {"state": "acknowledged"}).status == 200
    assert series(lab)[0]["changes"][0]["note"] is None


def test_marks(lab):
    made = lab.post("/baselines", {"name": "good", "commit": sha(3), "note": "before"})
    assert made.status == 201
    answers("/baselines", made.json(), "post", "201")
    assert lab.post("/baselines", {"name": "run", "job": lab.jobs[-1]}).status == 201
    for bad in ({"name": "x"}, {"name": "x", "commit": sha(1), "job": 1}, {"name": "x", "job": 10**6},
                {"name": "x", "commit": "main"}, {"commit": sha(1)}):
        assert lab.post("/baselines", bad).status == 422, bad
    assert lab.post("/releases", {"name": "v1", "commit": sha(5)[:12]}).status == 201
    assert lab.post("/releases", {"name": "v1"}).status == 422
    noted = lab.post("/annotations", {"text": "new driver", "benchmark": "gemm", "commit": sha(7)})
    answers("/annotations", noted.json(), "post", "201")
    assert lab.post("/annotations", {"text": "for all"}).json()["on"]
    assert lab.post("/annotations", {"text": "x", "commit": sha(1), "on": "2026-01-01T00:00:00Z"}).status == 422
    one, = series(lab)
    ratio = one["points"][-1]["value"] / one["points"][3]["value"]
    assert {b["name"]: (b["index"], b["last_to_this"]) for b in one["baselines"]} == {
        "good": (3, ratio), "run": (RUNS - 1, 1)}
    assert one["releases"] == [{"name": "v1", "index": 5}]
    assert [(a["index"], a["text"]) for a in one["annotations"]] == [(RUNS - 1, "for all"), (7, "new driver")]
    for path in ("/baselines", "/releases", "/annotations"):
        answers(path, lab.get(path).json())
    assert len(lab.get("/annotations?benchmark=conv").json()["annotations"]) == 1


def matrix(d):
    """A tuning matrix: tile by dtype, as one job's results."""
    rows = [{"name": "gflops", "unit": "GFLOP/s", "value": tile * (2 if dtype == "f16" else 1),
             "better": "higher", "benchmark": "tune", "params": {"tile": tile, "dtype": dtype}}
            for tile in (128, 64, 32) for dtype in ("f16", "f32") if (tile, dtype) != (32, "f32")]
    job = d.run("true", name="tune")["id"]
    return job, rows


def test_pivot(lab):
    job, rows = matrix(lab)
    assert post_file(lab, f"/jobs/{job}/results?commit={sha(99)}", rows).status == 201
    query = "/results/table?rows=tile&cols=dtype&value=gflops"
    table = answers("/results/table", lab.get(query).json())
    assert table["columns"] == [["f16"], ["f32"]] and table["unit"] == "GFLOP/s"
    assert table["table"] == [{"row": ["32"], "cells": [64, None]}, {"row": ["64"], "cells": [128, 64]},
                              {"row": ["128"], "cells": [256, 128]}]
    for more in (f"&job={job}", f"&commit={sha(99)[:10]}", "&benchmark=tu*", "&benchmark=tune"):
        assert lab.get(query + more).json()["table"] == table["table"], more
    assert lab.get(query + "&benchmark=other").json()["table"] == []
    assert lab.get(query, Accept="text/csv").text == "tile,f16,f32\n32,64,\n64,128,64\n128,256,128\n"
    markdown = lab.get(query + "&format=markdown").text
    assert "| tile | f16 | f32 |\n|---|---:|---:|\n| 32 | 64 |  |\n" in markdown and "GFLOP/s" in markdown
    two = lab.get("/results/table?rows=benchmark,tile&cols=dtype&value=gflops").json()
    assert two["table"][0]["row"] == ["tune", "32"]
    assert lab.get("/results/table?rows=tile").status == 400


def test_exports(lab):
    job = lab.jobs[0]
    path = f"/jobs/{job}/results?format="
    lnt = lab.get(path + "lnt").json()
    assert lnt["format_version"] == "2" and lnt["run"]["llvm_project_revision"] == sha(0)
    assert lnt["tests"][0]["name"] == "gemm dtype=f16 m=4096" and len(lnt["tests"][0]["execution_time"]) == 3
    assert abs(lnt["tests"][0]["execution_time"][0] - value_at(0) / 1e6) < 1e-12
    bmf = lab.get(path + "bmf").json()
    assert bmf["gemm dtype=f16 m=4096"]["latency"]["value"] == pytest.approx((value_at(0) + .01) * 1000)
    stat = lab.get(path + "benchstat").text
    assert stat.count("Benchmarkgemm/dtype=f16/m=4096 1 ") == 3 and " ns/op\n" in stat
    rows = list(csv.DictReader(io.StringIO(lab.get(path + "csv").text)))
    assert len(rows) == 1 and len(rows[0]["samples"].split(";")) == 3 and rows[0]["benchmark"] == "gemm"
    suite = ET.fromstring(lab.get(path + "junit").text)[0]
    assert suite.get("tests") == "1" and suite.get("failures") == "0"
    assert "| gemm dtype=f16 m=4096 | time |" in lab.get(path + "markdown").text
    assert lab.get(path + "xlsx").status == 400
    assert lab.get(path + "json").json() == lab.get(path[:-8]).json()


def test_other_machines_have_their_own_series(lab):
    job = lab.jobs[-1]
    rows = [{"name": "time", "unit": "us", "value": 50, "better": "lower", "benchmark": "gemm",
                        "params": {"m": "4096", "dtype": "f16"}}]
    query = f"/jobs/{job}/results?machine=ci-7&commit={sha(5)}&committed_at=2026-01-02T03:04:05Z"
    assert post_file(lab, query, rows).status == 201
    both = series(lab, "benchmark=gemm&metric=time")
    elsewhere, = [s for s in both if s["machine"].get("host") == "ci-7"]
    assert elsewhere["points"][0]["commit"] == sha(5) and elsewhere["points"][0]["value"] == 50
    assert elsewhere["ordered_by"] == "committed_at"
    assert post_file(lab, f"/jobs/{job}/results?commit=HEAD", rows).status == 400
    picked, = series(lab, f"benchmark=gemm&fingerprint={elsewhere['fingerprint']}")
    assert picked["series"] == elsewhere["series"]


def test_summaries_outlive_a_restart_and_a_repeat_joins_its_commit(lab):
    for value in (4, 6):
        job = lab.bash("echo '::cail metric benchmark=again name=time "
                       f"value={value} unit=us better=lower'\n", source={"ref": sha(2)})["id"]
        lab.wait_job(job)
    lab.stop()
    lab.start()
    one, = series(lab, "benchmark=again")
    point, = one["points"]
    assert point["value"] == 5 and point["runs"] == 2 and point["job"] == job


# --- the client ---


@pytest.fixture(scope="module")
def cli(lab, tmp_path_factory):
    return Client(tmp_path_factory.mktemp("home"), lab)


def test_client_history(lab, cli):
    text = cli.ok("history", "gemm", "time", "--param", "dtype=f16")
    assert "24 points" in text and "lower is better" in text
    assert "+20." in text and f"regression between {sha(11)[:12]} and {sha(12)[:12]}" in text
    assert json.loads(cli.ok("history", "gemm", "--json"))["series"]
    assert "nothing" not in cli.ok("benchmarks", "gemm") and "gemm" in cli.ok("benchmarks")
    assert cli.run("history", "no-such").returncode == 0
    assert cli.run("history", "gemm", "--since", "yesterday").returncode == 64
    change = lab.get("/results/changes?state=all&benchmark=gemm").json()["changes"][0]["id"]
    cli.ok("history", "--say", "fixed", change, "--note", "by 12")
    assert change not in cli.ok("history") and change in cli.ok("history", "--state", "fixed")
    assert cli.run("history", "--say", "fixed").returncode == 64


def test_client_results(lab, cli, tmp_path):
    assert "99." in cli.ok("results", lab.jobs[0])
    assert cli.ok("results", "export", lab.jobs[0], "--format", "csv").startswith("job,benchmark,")
    assert cli.run("results", "export", lab.jobs[0], "--format", "xlsx").returncode == 64
    assert cli.run("results", "export", lab.jobs[0]).returncode == 64
    rows = [{"name": "gflops", "benchmark": "mm", "unit": "GFLOP/s", "better": "higher", "value": 10 * m,
             "params": {"m": m}} for m in (8, 16)]
    (tmp_path / "r.json").write_text(json.dumps(rows))
    cli.ok("results", "import", "r.json", "--benchmark", "mm", "--commit", sha(7), cwd=tmp_path)
    table = cli.ok("results", "table", "--rows", "m", "--value", "gflops", "-b", "mm", "--csv")
    assert table == "m,gflops\n8,80\n16,160\n"
    assert "160" in cli.ok("results", "table", "--rows", "m", "--value", "gflops", "-b", "mm")
    one, = series(lab, "benchmark=mm&params=m=8")
    assert one["points"][0]["commit"] == sha(7)
    cli.ok("results", "import", "-", "--job", lab.jobs[0], "--machine", "ci-9", stdin=json.dumps(rows).encode())
    assert len(series(lab, "benchmark=mm&params=m=8")) == 2
    for bad in (["import", "r.json"], ["import", "none.json", "--job", "1"], ["table", "--rows", "m"]):
        assert cli.run("results", *bad).returncode == 64, bad


def test_client_marks(lab, cli):
    cli.ok("baseline", "set", "mine", "--commit", sha(2), "--note", "a note")
    cli.ok("baseline", "release", "v9", "--commit", sha(3))
    listed = cli.ok("baseline")
    assert "mine" in listed and "v9" in listed and "a note" in listed
    cli.ok("annotate", "a remark", "--commit", sha(4), "--benchmark", "gemm")
    assert "a remark" in cli.ok("annotate", "--benchmark", "gemm")
    shown = cli.ok("history", "gemm", "time")
    assert "release v9 at" in shown and "baseline mine at" in shown and "a remark" in shown
    for bad in (["baseline", "set", "x"], ["baseline", "release", "x"], ["annotate", "two", "words"]):
        assert cli.run(*bad).returncode == 64, bad


def test_raw_samples_go_and_summaries_stay(labs):
    """Never those of a pull request or a baseline."""
    lab = labs().start()
    lines = "\n".join(f"::cail metric benchmark=b name=t value={v} unit=s better=lower" for v in (1, 2, 9))
    pr = {"pr": "https://github.com/llvm/llvm-project/pull/1"}
    plain, marked, joined = [lab.script(f"cat <<E\n{lines}\nE", **more) for more in ({}, {}, pr)]
    for id in (plain, marked, joined):
        lab.end_of(id)
    assert lab.post("/baselines", {"name": "good", "job": marked}).status == 201

    def samples(id):
        return lab.read(f"/jobs/{id}/results")["results"][0]["samples"]

    lab.args += ["--set", "keep.results_days=0"]
    lab.stop().start()
    until(lambda: samples(plain) == [], "the old samples to go")
    assert samples(marked) == samples(joined) == [1, 2, 9]
    kept = lab.read(f"/jobs/{plain}/results")["results"][0]
    assert kept["value"] == 2
    point = lab.read("/results?benchmark=b")["series"][0]["points"][0]
    assert (point["value"], point["n"], point["lo"], point["hi"]) == (2, 3, 1, 9)


def test_tests_of_a_check_are_no_series(make_daemon):
    d = make_daemon()
    script = ("echo '<testsuite><testcase name=\"a\" time=\"1.5\"/></testsuite>' > $CAIL_RESULTS/tests.xml\n"
              "echo '::cail metric benchmark=b name=size value=3 unit=bytes better=lower'\n")
    for kind, series in (("check", ["size"]), ("benchmark", ["elapsed", "size"])):
        job = d.wait_job(d.submit({"kind": kind, "name": kind, "script": script, "results": [{"file": "tests.xml"}]})["id"])
        assert sorted(r["metric"] for r in d.get(f"/jobs/{job['id']}/results").json()["results"]) == ["elapsed", "size"]
        assert sorted(b["metric"] for b in d.get("/benchmarks").json()["benchmarks"] if b["metric"] in series) == series
        if kind == "check":
            assert len(d.get("/benchmarks").json()["benchmarks"]) == 1
