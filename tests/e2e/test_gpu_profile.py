"""Attempts under a profiler: an extra one, never a measurement, its trace an artifact."""
import json
import os
import shutil
import subprocess

import pytest

from gpu_lab import cail
from lab import ROOT

NSYS = """#!/bin/sh
# nsys profile --force-overwrite=true -o STEM -- CMD: writes what it was called with
echo "$@" >"$4.nsys-rep"
shift 5
exec "$@"
"""
MEASURES = "echo '::cail metric name=speed value=7 unit=GB/s better=higher'"


@pytest.fixture
def tools(tmp_path):
    """A folder on the daemon's PATH."""
    folder = tmp_path / "tools"
    folder.mkdir()
    return folder


@pytest.fixture
def lab(labs, tools):
    (tools / "nsys").write_text(NSYS)
    (tools / "nsys").chmod(0o755)
    return labs().start(PATH=f"{tools}:{os.environ['PATH']}")


def results(lab, job):
    return lab.read(f"/jobs/{job}/results")["results"]


def trace_of(lab, job):
    [trace] = lab.read(f"/jobs/{job}/artifacts")["artifacts"]
    return trace


def test_the_client_measures_first_and_profiles_then(lab):
    done = cail(lab, "run", "--profile", "nsys", "--", "sh", "-c", MEASURES)
    assert done.returncode == 0, done
    assert "job 2 runs under nsys; its figures are not taken" in done.stderr
    one, two = lab.read("/jobs/1"), lab.read("/jobs/2")
    assert one["name"] == "sh" and two["name"] == "sh (nsys)"
    assert two["profile"] == "nsys" and "profile" not in one and two["kind"] == "check"
    assert two["after"] == [{"job": 1, "when": "succeeded"}]
    assert [r["value"] for r in results(lab, 1)] == [7] and results(lab, 2) == []
    assert lab.read("/jobs/1/artifacts")["artifacts"] == []
    trace = trace_of(lab, 2)
    path = f"{two['attempts'][0]['dir']}/artifacts/trace.nsys-rep"
    assert trace["name"] == "trace.nsys-rep" and f"open it: nsys stats {path}" in done.stderr
    assert " -- sh -c " in lab.get("/jobs/2/artifacts/trace.nsys-rep").text
    assert lab.read("/jobs/2/provenance")["attempts"][0]["provenance"]["profile"] == "nsys"
    refused = lab.post("/jobs/2/results?format=cail", b"::cail metric name=a value=1 unit=s better=lower\n")
    assert refused.status in (400, 409), refused


def test_one_that_fails_is_not_profiled(lab):
    done = cail(lab, "run", "--profile", "nsys", "--", "sh", "-c", "exit 5")
    assert done.returncode == 5 and "no trace: job 1 did not succeed" in done.stderr, done
    assert lab.end_of(2)["state"] == "dep_failed"


def test_a_profiled_job_exits_with_its_own_code(lab):
    job = lab.command("sh", "-c", "exit 7", profile="nsys")
    assert lab.end_of(job)["exit_code"] == 7
    assert trace_of(lab, job)["name"] == "trace.nsys-rep"


def test_an_absent_tool_is_told_with_its_package(labs, tools):
    """Nothing is queued: neither the measurement nor its twin."""
    lab = labs().start(PATH=str(tools))
    for tool, package in (("perf", "linux-perf"), ("nsys", "nsight-systems-cli"), ("ncu", "nsight-compute")):
        if any(shutil.which(tool, path=p) for p in ("/usr/local/cuda/bin", "/opt/nvidia")):
            continue
        reply = lab.post("/jobs", {"command": ["true"], "profile": tool})
        assert reply.status == 422 and reply.json()["errors"][0]["pointer"] == "/profile", reply
        assert f"{tool} is not installed" in reply.text and package in reply.text, reply
        done = cail(lab, "run", "--profile", tool, "--", "true")
        assert done.returncode == 64 and package in done.stderr, done
    assert lab.read("/jobs")["jobs"] == []


def test_a_tool_that_leaves_no_trace_is_said(labs, tools):
    (tools / "nsys").write_text("#!/bin/sh\nshift 5\nexec \"$@\"\n")
    (tools / "nsys").chmod(0o755)
    lab = labs().start(PATH=f"{tools}:{os.environ['PATH']}")
    job = lab.command("true", profile="nsys")
    done = lab.end_of(job)
    assert done["state"] == "succeeded" and done["reason"] == "nsys left no trace.nsys-rep", done


def test_wrong_words(lab):
    assert lab.post("/jobs", {"command": ["true"], "profile": "gprof"}).status == 422
    assert cail(lab, "run", "--profile", "gprof", "--", "true").returncode == 64
    assert cail(lab, "run", "--profile", "nsys", "--matrix", "env.A=1,2", "--", "true").returncode == 64
    assert lab.end_of(lab.command("true", profile="none"))["state"] == "succeeded"


def test_of_a_recipe_the_measuring_step_alone_is_profiled(labs, tools, tmp_path):
    recipes = tmp_path / "recipes"
    folder = recipes / "tools" / "here" / "little-bench"
    folder.mkdir(parents=True)
    (recipes / "lib").symlink_to(ROOT / "recipes" / "lib")
    (folder / "recipe.json").write_text(json.dumps({
        "name": "little-bench", "group": "tools", "summary": "s", "kind": "benchmark", "params": {},
        "steps": [{"name": "fetch", "run": "fetch.sh", "keys_cache": True},
                  {"name": "build", "run": "build.sh", "cached": True},
                  {"name": "measure", "run": "measure.sh"}]}))
    (folder / "fetch.sh").write_text('echo "sha abc" >"$CAIL_ATTEMPT_DIR/cache-key"\n')
    (folder / "build.sh").write_text("true\n")
    (folder / "measure.sh").write_text(MEASURES + "\n")
    (tools / "nsys").write_text(NSYS)
    (tools / "nsys").chmod(0o755)
    lab = labs(recipes=recipes).start(PATH=f"{tools}:{os.environ['PATH']}")
    done = lab.end_of(lab.queue(recipe="little-bench", profile="nsys"))
    assert done["state"] == "succeeded" and done["name"] == "little-bench (nsys)", done
    assert results(lab, done["id"]) == [] and trace_of(lab, done["id"])["name"] == "trace.nsys-rep"
    plain = lab.end_of(lab.queue(recipe="little-bench"))
    assert plain["cached"] and [r["value"] for r in results(lab, plain["id"])] == [7]


@pytest.mark.skipif(not shutil.which("perf"), reason="perf is not installed")
def test_perf_itself(labs, tmp_path):
    lab = labs().start()
    reply = lab.post("/jobs", {"command": ["sh", "-c", "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done"],
                               "profile": "perf"})
    if reply.status == 422:
        assert "may not sample here" in reply.text, reply
        pytest.skip("perf may not sample here, and that is said")
    done = lab.end_of(reply.json()["id"])
    assert done["state"] == "succeeded", lab.output(done["id"])
    assert trace_of(lab, done["id"])["name"] == "perf.data"
    path = f"{done['attempts'][0]['dir']}/artifacts/perf.data"
    told = subprocess.run(["perf", "report", "--stdio", "-i", path], capture_output=True, text=True)
    assert told.returncode == 0, told
