"""Every route of the HTTP API and every refusal, against a real daemon."""
import hashlib
import json
import pathlib
import re
import shutil
import socket
import subprocess

import jsonschema
import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOC = yaml.safe_load((ROOT / "schema" / "openapi.yaml").read_text())
ENDED = ("succeeded", "failed", "canceled", "timed_out", "lost", "dep_failed")


def is_a(name, value):
    """value holds against a schema of openapi.yaml."""
    jsonschema.Draft202012Validator(
        {"$ref": f"#/components/schemas/{name}", "components": DOC["components"]}).validate(value)
    return value


def answers(path, value, method="get", code="200"):
    """value holds against what openapi.yaml says that the route answers."""
    response = DOC["paths"][path][method]["responses"][code]
    while "$ref" in response:
        response = DOC["components"]["responses"][response["$ref"].rsplit("/", 1)[1]]
    schema = response["content"]["application/json"]["schema"]
    jsonschema.Draft202012Validator({**schema, "components": DOC["components"]}).validate(value)
    return value


def refused(reply, status, code, *words):
    assert reply.status == status, reply
    assert reply.headers["content-type"] == "application/problem+json"
    problem = is_a("Problem", reply.json())
    assert problem["code"] == code and problem["status"] == status, problem
    for word in words:
        assert word in json.dumps(problem, ensure_ascii=False), problem
    return problem


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """For tests that leave nothing behind which another one would mind."""
    from daemon import Daemon

    folder = tmp_path_factory.mktemp("shared")
    d = Daemon(folder, "--set", "jobs.cpus=4")
    hello = d.recipes / "tools" / "test" / "hello"
    hello.mkdir(parents=True)
    (hello / "recipe.json").write_text(json.dumps({
        "name": "hello", "group": "tools", "summary": "says hello", "kind": "check",
        "params": {"who": {"type": "string", "default": "you", "description": "to whom"}},
        "steps": [{"name": "greet", "run": "greet.sh"}], "needs": {"cpus": 1}, "timeout_s": 60}))
    (hello / "greet.sh").write_text('#!/bin/bash\necho "hello $CAIL_PARAM_WHO"\n')
    (hello / "greet.sh").chmod(0o755)
    shutil.copytree(ROOT / "recipes" / "lib", d.recipes / "lib")
    d.start()
    yield d
    d.finish()


# --- is it there ---

def test_health_and_version(shared):
    assert answers("/healthz", shared.get("/healthz").json()) == {"status": "ok"}
    assert answers("/readyz", shared.get("/readyz").json()) == {"status": "ready"}
    version = answers("/version", shared.get("/version").json())
    assert version["pid"] == shared.process.pid
    assert version["state_dir"] == str(shared.state)
    assert version["build_root"] == str(shared.builds)


def test_openapi_is_the_document(shared):
    reply = shared.get("/openapi.json")
    assert reply.json() == DOC
    again = shared.get("/openapi.json", If_None_Match=reply.headers["etag"])
    assert again.status == 304 and again.body == b""


def test_metrics(shared):
    shared.run("true")
    reply = shared.get("/metrics")
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    values, typed = {}, set()
    for line in reply.text.splitlines():
        if line.startswith("# TYPE "):
            name, kind = line.split()[2:]
            assert kind in ("counter", "gauge") and name not in typed
            typed.add(name)
        elif not line.startswith("# HELP "):
            m = re.fullmatch(r'(\w+)((?:\{\w+="[^"]*"\})?) ([0-9.e+]+)', line)
            assert m and m[1] in typed, line
            values[m[1] + m[2]] = float(m[3])
    assert values["cail_jobs_submitted_total"] >= 1
    assert values["cail_jobs_succeeded_total"] >= 1
    assert values['cail_jobs{state="running"}'] >= 0
    assert values["cail_store_commits_total"] >= 1
    assert values["cail_http_requests_total"] >= 1
    assert values["process_resident_memory_bytes"] > 1 << 20
    assert 'cail_loop_stalls_total{le="+Inf"}' in values


def test_security_headers(shared):
    for path in ("/healthz", "/jobs", "/nothing"):
        headers = shared.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert not [h for h in headers if h.startswith("access-control-")]


# --- queueing ---

def test_a_command_from_post_to_results(daemon):
    reply = daemon.post("/jobs", {
        "command": ["sh", "-c", "echo out; echo err >&2; "
                    "echo '::cail metric name=t value=1.5 unit=s better=lower'; exit 3"],
        "name": "first", "labels": {"pr": "7"}, "needs": {"cpus": 2}, "priority": 5})
    assert reply.status == 201
    job = answers("/jobs", reply.json(), "post", "201")
    assert reply.headers["location"] == f"/jobs/{job['id']}"
    assert (job["name"], job["priority"], job["labels"]) == ("first", 5, {"pr": "7"})
    job = answers("/jobs/{id}", daemon.wait_job(job["id"]))
    assert (job["state"], job["exit_code"], job["exit_status"]) == ("failed", 3, 3)
    [attempt] = job["attempts"]
    assert (attempt["cause"], attempt["exit_code"], attempt["granted_cpus"]) == ("exited", 3, 2)
    [result] = job["results"]
    assert (result["metric"], result["value"], result["unit"]) == ("t", 1.5, "s")
    [full] = answers("/jobs/{id}/results", daemon.get(f"/jobs/{job['id']}/results").json())["results"]
    assert full["samples"] == [1.5]
    log = daemon.get(f"/jobs/{job['id']}/log")
    assert log.text.startswith("out\nerr\n")
    assert log.headers["content-type"] == "text/plain; charset=utf-8"
    for link in job["links"].values():
        assert daemon.get(link).status == 200, link


def test_form_queues_a_recipe(shared):
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    reply = shared.post("/jobs", b"recipe=hello&params.who=the+w%C3%B6rld&needs.cpus=1", **form)
    assert reply.status == 201, reply
    job = shared.wait_job(reply.json()["id"])
    assert (job["state"], job["recipe"], job["params"]) == ("succeeded", "hello", {"who": "the wörld"})
    assert "hello the wörld\n" in shared.get(f"/jobs/{job['id']}/log").text
    refused(shared.post("/jobs", b"command=rm", **form), 422, "bad_field", "JSON")
    refused(shared.post("/jobs", b"recipe=helo", **form), 422, "unknown_recipe", "hello")
    refused(shared.post("/jobs", b"recipe=hello&params.wo=x", **form), 422, "bad_param",
            "/params/wo", "who")


def test_script_with_options(shared):
    script = b"#!/bin/bash\n#CAIL --name nightly --priority 3\n#CAIL --label a=b\necho $0 ran\n"
    reply = shared.post("/jobs", script, Content_Type="text/x-shellscript")
    assert reply.status == 201, reply
    job = shared.wait_job(reply.json()["id"])
    assert (job["state"], job["name"], job["priority"]) == ("succeeded", "nightly", 3)
    assert job["labels"] == {"a": "b"}
    assert " ran\n" in shared.get(f"/jobs/{job['id']}/log").text


def test_array_is_all_or_nothing(daemon):
    good, bad = {"command": ["true"]}, {"command": ["true"], "needs": {"cpus": 64}}
    problem = refused(daemon.post("/jobs", [good, bad]), 422, "impossible", "64")
    assert problem["errors"][0]["pointer"] == "/1/needs/cpus"
    assert daemon.get("/jobs").json()["jobs"] == []
    reply = daemon.post("/jobs", [good, {**good, "after": [{"job": "#0"}]}])
    made = answers("/jobs", reply.json(), "post", "201")
    assert reply.headers["location"] == f"/groups/{made['group']}"
    assert [j["index"] for j in made["jobs"]] == [0, 1]
    assert made["jobs"][1]["after"] == [{"job": made["jobs"][0]["id"], "when": "succeeded"}]
    group = answers("/groups/{id}", daemon.get(f"/groups/{made['group']}?wait=60").json())
    assert (group["state"], group["counts"]["succeeded"], group["size"]) == ("succeeded", 2, 2)


def test_1000_jobs_at_once(daemon):
    daemon.post("/queue/pause")
    made = daemon.submit([{"command": ["true"]}] * 1000)
    assert len(made["jobs"]) == 1000
    refused(daemon.post("/jobs", [{"command": ["true"]}] * 1001), 422, "bad_field", "1000")
    group = daemon.post(f"/groups/{made['group']}/cancel").json()
    assert group["counts"]["canceled"] == 1000


def test_matrix(daemon):
    made = daemon.submit({"script": "test $A != 2", "name": "sweep",
                          "matrix": {"env.A": [1, 2, 3], "max_parallel": 2}})
    group = daemon.get(f"/groups/{made['group']}?wait=60").json()
    assert (group["name"], group["size"], group["max_parallel"]) == ("sweep", 3, 2)
    assert [j["state"] for j in group["jobs"]] == ["succeeded", "failed", "succeeded"]
    assert [j["matrix"] for j in group["jobs"]] == [{"env.A": 1}, {"env.A": 2}, {"env.A": 3}]
    assert group["state"] == "failed" and group["progress"] == {"done": 3, "total": 3}


def test_after_a_job_that_is_only_a_row(daemon):
    first = daemon.run("true")["id"]
    assert daemon.run("true", after=[{"job": first}])["state"] == "succeeded"
    failed = daemon.run("false")["id"]
    job = daemon.wait_job(daemon.submit({"command": ["true"], "after": [{"job": failed}]})["id"])
    assert (job["state"], job["blocked_by"], job["exit_status"]) == ("dep_failed", failed, 66)
    refused(daemon.post("/jobs", {"command": ["true"], "after": [{"job": 4711}]}), 422, "bad_field",
            "/after/0/job", "4711")


def test_idempotency_key(daemon):
    body = {"command": ["true"]}
    first = daemon.post("/jobs", body, Idempotency_Key="k 1")
    again = daemon.post("/jobs", body, Idempotency_Key="k 1")
    assert (first.status, again.status) == (201, 200)
    id = first.json()["id"]
    assert again.json()["id"] == id and again.headers["location"] == f"/jobs/{id}"
    refused(daemon.post("/jobs", {"command": ["false"]}, Idempotency_Key="k 1"), 409,
            "idempotency_mismatch")
    refused(daemon.post("/jobs", body, Idempotency_Key="x" * 201), 400, "bad_request")
    daemon.wait_job(id)
    later = daemon.post("/jobs", body, Idempotency_Key="k 1")
    assert (later.status, later.json()["id"], later.json()["state"]) == (200, id, "succeeded")
    array = [body, body]
    made = daemon.post("/jobs", array, Idempotency_Key="k 2").json()
    daemon.get(f"/groups/{made['group']}?wait=60")
    daemon.kill9()
    daemon.start()
    assert daemon.post("/jobs", body, Idempotency_Key="k 1").json()["id"] == id
    same = daemon.post("/jobs", array, Idempotency_Key="k 2")
    assert same.status == 200 and same.headers["location"] == f"/groups/{made['group']}"
    assert [j["id"] for j in same.json()["jobs"]] == [j["id"] for j in made["jobs"]]
    assert len(daemon.get("/jobs").json()["jobs"]) == 3


# --- one job ---

def test_wait_runs_out_and_comes_true(daemon, gate):
    g = gate("g")
    id = daemon.bash(f"read x < {g}")["id"]
    job = daemon.get(f"/jobs/{id}?wait=1").json()
    assert job["state"] in ("queued", "running")
    g.open()
    assert daemon.wait_job(id)["state"] == "succeeded"
    assert daemon.get(f"/jobs/{id}?wait=300").json()["state"] == "succeeded"  # at once
    refused(daemon.get(f"/jobs/{id}?wait=301"), 400, "bad_request", "wait", "300")
    refused(daemon.get("/jobs/999?wait=5"), 404, "not_found")


def test_cancel(daemon, gate):
    g = gate("g")
    running = daemon.bash(f"read x < {g}")["id"]
    held = daemon.submit({"command": ["true"], "hold": True})["id"]
    daemon.wait_state(running, "running")
    job = daemon.post(f"/jobs/{running}/cancel", {"grace_s": 1}).json()
    assert is_a("Job", job)["id"] == running
    assert daemon.wait_job(running)["state"] == "canceled"
    assert daemon.post(f"/jobs/{held}/cancel").json()["state"] == "canceled"
    job = daemon.wait_job(held)
    assert (job["state"], job["exit_status"], job["attempts"]) == ("canceled", 66, [])
    assert daemon.post(f"/jobs/{held}/cancel").status == 200  # twice is no mistake
    done = daemon.run("true")["id"]
    refused(daemon.post(f"/jobs/{done}/cancel"), 409, "conflict", "succeeded", "retry")
    refused(daemon.post("/jobs/999/cancel"), 404, "not_found")
    refused(daemon.post(f"/jobs/{done}/cancel", {"grace": 1}), 422, "unknown_field", "grace_s")
    refused(daemon.post(f"/jobs/{done}/cancel", {"grace_s": -1}), 422, "bad_field", "/grace_s")


def test_hold_release_edit_why(daemon):
    id = daemon.submit({"command": ["true"], "hold": True})["id"]
    why = answers("/jobs/{id}/why", daemon.get(f"/jobs/{id}/why").json())
    assert [c["name"] for c in why["constraints"] if not c["met"]] == ["hold"], why
    change = {"priority": 9, "needs": {"cpus": 2}, "timeout_s": 60, "name": "new",
              "labels": {"k": "v"}, "queue": "other"}
    job = is_a("Job", daemon.request("PATCH", f"/jobs/{id}", change).json())
    for key in ("priority", "timeout_s", "name", "labels", "queue"):
        assert job[key] == change[key]
    assert job["needs"]["cpus"] == 2
    refused(daemon.request("PATCH", f"/jobs/{id}", {"priority": 101}), 422, "bad_field", "/priority")
    refused(daemon.request("PATCH", f"/jobs/{id}", {"priorty": 1}), 422, "unknown_field", "priority")
    refused(daemon.request("PATCH", f"/jobs/{id}", {"needs": {"cpus": 64}}), 422, "impossible")
    assert daemon.job(id)["priority"] == 9
    assert daemon.post(f"/jobs/{id}/release").json()["state"] in ("queued", "running")
    job = daemon.wait_job(id)
    assert job["state"] == "succeeded" and job["name"] == "new"
    for verb in ("hold", "release"):
        refused(daemon.post(f"/jobs/{id}/{verb}"), 409, "conflict")
    refused(daemon.request("PATCH", f"/jobs/{id}", {"priority": 1}), 409, "conflict")
    assert "succeeded" in daemon.get(f"/jobs/{id}/why").json()["summary"]
    refused(daemon.get("/jobs/999/why"), 404, "not_found")


def test_hold_keeps_a_queued_job(daemon):
    daemon.post("/queue/pause")
    id = daemon.submit({"command": ["true"]})["id"]
    assert daemon.post(f"/jobs/{id}/hold").json()["state"] == "held"
    daemon.post("/queue/resume")
    assert daemon.run("true")["state"] == "succeeded"
    assert daemon.job(id)["state"] == "held"


def test_retry_is_a_new_attempt(daemon, tmp_path):
    flag = tmp_path / "flag"
    job = daemon.wait_job(daemon.bash(f"test -e {flag}")["id"])
    assert job["state"] == "failed"
    flag.touch()
    again = daemon.post(f"/jobs/{job['id']}/retry")
    assert again.status == 200 and again.json()["id"] == job["id"]
    job = daemon.wait_job(job["id"])
    assert job["state"] == "succeeded"
    assert [(a["number"], a["exit_code"]) for a in job["attempts"]] == [(1, 1), (2, 0)]
    held = daemon.submit({"command": ["true"], "hold": True})["id"]
    refused(daemon.post(f"/jobs/{held}/retry"), 409, "conflict", "held")
    refused(daemon.post("/jobs/999/retry"), 404, "not_found")


# --- logs ---

def test_log_ranges_and_tails(shared):
    id = shared.run("sh", "-c", "seq 1 1000")["id"]
    whole = b"".join(b"%d\n" % i for i in range(1, 1001))
    path = f"/jobs/{id}/log"
    reply = shared.get(path)
    assert reply.body == whole and reply.headers["accept-ranges"] == "bytes"
    assert int(reply.headers["content-length"]) == len(whole)
    head = shared.request("HEAD", path)
    assert head.body == b"" and int(head.headers["content-length"]) == len(whole)
    part = shared.get(path, Range="bytes=10-19")
    assert (part.status, part.body) == (206, whole[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(whole)}"
    assert shared.get(path, Range="bytes=-7").body == whole[-7:]
    assert shared.get(path, Range=f"bytes={len(whole) - 3}-").body == whole[-3:]
    outside = shared.get(path, Range=f"bytes={len(whole)}-")
    refused(outside, 416, "range_not_satisfiable")
    assert outside.headers["content-range"] == f"bytes */{len(whole)}"
    assert shared.get(path, Range="bytes=0-1,4-5").body == whole
    assert shared.get(path + "?tail=3").body == b"998\n999\n1000\n"
    assert shared.get(path + "?tail=0").body == b""
    assert shared.get(path + "?tail=100000").body == whole
    assert shared.get(path + "?follow=1").body == whole
    assert shared.get(path + "?follow=1&tail=1").body == b"1000\n"
    assert shared.get(path + "?attempt=1").body == whole
    refused(shared.get(path + "?attempt=2"), 404, "not_found")
    refused(shared.get(path + "?tail=-1"), 400, "bad_request", "tail")
    refused(shared.get(path + "?follow=yes"), 400, "bad_request", "follow")
    refused(shared.get("/jobs/999/log"), 404, "not_found")


def test_log_of_a_silent_job_is_empty(shared):
    id = shared.run("true")["id"]
    for query in ("", "?tail=5", "?follow=1"):
        reply = shared.get(f"/jobs/{id}/log{query}")
        assert (reply.status, reply.body) == (200, b"")


def test_follow_gives_lines_as_they_come(daemon, gate):
    a, b = gate("a"), gate("b")
    id = daemon.bash(f"echo one; read x < {a}; echo two; read x < {b}; echo three")["id"]
    with daemon.stream(f"/jobs/{id}/log?follow=1") as log:
        assert log.line() == b"one\n"
        a.open()
        assert log.line() == b"two\n"
        b.open()
        assert log.rest() == b"three\n"


def test_follow_begins_before_the_job_does(daemon):
    id = daemon.submit({"command": ["echo", "at last"], "hold": True})["id"]
    with daemon.stream(f"/jobs/{id}/log?follow=1") as log:
        daemon.post(f"/jobs/{id}/release")
        assert log.rest() == b"at last\n"


def test_follow_moves_on_to_the_next_attempt(daemon, tmp_path, gate):
    g, flag = gate("g"), tmp_path / "flag"
    script = f"if test -e {flag}; then echo second; else echo first; read x < {g}; exit 1; fi"
    id = daemon.bash(script, retry={"max_attempts": 2, "backoff_s": 0})["id"]
    with daemon.stream(f"/jobs/{id}/log?follow=1") as log, \
            daemon.stream(f"/jobs/{id}/log?follow=1&attempt=1") as one:
        assert (log.line(), one.line()) == (b"first\n", b"first\n")
        flag.touch()
        g.open()
        assert (log.rest(), one.rest()) == (b"second\n", b"")
    assert daemon.get(f"/jobs/{id}/log").body == b"second\n"
    assert daemon.get(f"/jobs/{id}/log?attempt=1").body == b"first\n"


def test_a_slow_follower_misses_no_attempt(daemon, tmp_path):
    """All attempts are over before the reader takes the first byte of its socket's backlog."""
    n = tmp_path / "n"
    n.write_text("0")
    script = (f"i=$(($(cat {n})+1)); echo $i > {n}; "
              f"head -c 3000000 /dev/zero | tr '\\0' $i; echo; test $i = 3")
    id = daemon.submit({"script": script, "hold": True,
                        "retry": {"max_attempts": 3, "backoff_s": 0}})["id"]
    with daemon.stream(f"/jobs/{id}/log?follow=1") as log:
        daemon.post(f"/jobs/{id}/release")
        assert daemon.wait_job(id)["state"] == "succeeded"
        assert log.rest() == b"".join(b"%d" % i * 3000000 + b"\n" for i in (1, 2, 3))


def test_a_capped_log_says_what_is_left_out(make_daemon):
    d = make_daemon("--set", "jobs.log_cap_mib=4")
    job = d.run("sh", "-c", "head -c 20000000 /dev/zero | tr '\\0' a; echo end")
    hole = job["attempts"][0]["log_hole"]
    assert hole["to"] > hole["from"] and "metrics_maybe_missing" in job["flags"]
    marker = f"\n[cail: {hole['to'] - hole['from']} bytes left out here]\n".encode()
    size = 20000004
    for query in ("", "?follow=1"):
        body = d.get(f"/jobs/{job['id']}/log{query}").body
        assert body[hole["from"]:hole["from"] + len(marker)] == marker
        assert len(body) == size - (hole["to"] - hole["from"]) + len(marker)
        assert body.endswith(b"aend\n") and set(body[:hole["from"]]) == {ord("a")}
    assert d.get(f"/jobs/{job['id']}/log", Range="bytes=-5").body == b"aend\n"
    assert d.get(f"/jobs/{job['id']}/log?tail=1").body.endswith(b"aend\n")


def test_a_log_that_is_no_file_is_not_served(shared):
    job = shared.run("echo", "x")
    log = pathlib.Path(job["attempts"][0]["dir"]) / "log"
    log.unlink()
    log.symlink_to("/etc/passwd")
    reply = shared.get(f"/jobs/{job['id']}/log")
    refused(reply, 500, "io_failed")
    assert b"root:" not in shared.get(f"/jobs/{job['id']}/log?follow=1").body


# --- results, artifacts, provenance, repro ---

def test_post_results(daemon):
    id = daemon.run("true")["id"]
    plain = [{"name": "speed", "unit": "GB/s", "better": "higher", "samples": [3, 1, 2]}]
    reply = daemon.post(f"/jobs/{id}/results", plain)
    assert reply.status == 201, reply
    [result] = answers("/jobs/{id}/results", reply.json(), "post", "201")["results"]
    assert (result["metric"], result["value"], result["samples"]) == ("speed", 2, [3, 1, 2])
    raw = json.dumps(plain[0]).encode()
    assert daemon.post(f"/jobs/{id}/results?format=plain", raw, Content_Type="text/csv").status == 201
    assert len(daemon.get(f"/jobs/{id}/results").json()["results"]) == 2
    refused(daemon.post(f"/jobs/{id}/results?format=nope", raw), 400, "bad_request", "nope")
    refused(daemon.post(f"/jobs/{id}/results", b"what is this", Content_Type="text/plain"), 400,
            "bad_request", "format")
    assert daemon.post(f"/jobs/{id}/results?format=plain", b'[{"name":', Content_Type="text/plain"
                       ).status in (400, 422)
    refused(daemon.post("/jobs/999/results", plain), 404, "not_found")
    held = daemon.submit({"command": ["true"], "hold": True})["id"]
    refused(daemon.post(f"/jobs/{held}/results", plain), 409, "conflict", "started")
    assert len(daemon.get(f"/jobs/{id}/results").json()["results"]) == 2


def test_artifacts(shared):
    job = shared.run("sh", "-c", "cd $CAIL_ARTIFACTS && mkdir -p ir/deep && echo one > ir/deep/a.mlir && "
                                 "echo '<script>' > 'ü x.html'", artifacts=[{"path": "ir/*", "diff": True}])
    base = f"/jobs/{job['id']}/artifacts"
    listed = {a["name"]: a for a in answers("/jobs/{id}/artifacts", shared.get(base).json())["artifacts"]}
    assert set(listed) == {"ir/deep/a.mlir", "ü x.html"}
    reply = shared.get(f"{base}/ir/deep/a.mlir")
    assert reply.body == b"one\n"
    sha = hashlib.sha256(b"one\n").hexdigest()
    assert listed["ir/deep/a.mlir"]["sha256"] == sha and reply.headers["etag"] == f'"{sha}"'
    assert shared.get(f"{base}/ir/deep/a.mlir", If_None_Match=f'"{sha}"').status == 304
    assert shared.get(f"{base}/ir/deep/a.mlir", Range="bytes=1-2").body == b"ne"
    page = shared.get(f"{base}/%C3%BC%20x.html")
    assert page.headers["content-type"] == "application/octet-stream"
    assert page.headers["content-disposition"] == "attachment; filename*=UTF-8''%C3%BC%20x.html"
    assert page.headers["content-security-policy"] == "sandbox; default-src 'none'"
    for bad in ("nothing", "ir", "ir/deep", "ir/deep/a.mlir/x"):
        refused(shared.get(f"{base}/{bad}"), 404, "not_found")
    for bad in ("../log", "%2e%2e/log", "..%2flog", "ir/../../log", "a%00b"):
        assert shared.get(f"{base}/{bad}").status in (400, 404)
    refused(shared.get("/jobs/999/artifacts"), 404, "not_found")
    refused(shared.get("/jobs/999/artifacts/x"), 404, "not_found")


def test_an_artifact_swapped_for_a_link_is_not_served(shared):
    job = shared.run("sh", "-c", "mkdir $CAIL_ARTIFACTS/d; echo mine > $CAIL_ARTIFACTS/d/f")
    d = pathlib.Path(job["attempts"][0]["dir"]) / "artifacts" / "d"
    (d / "f").unlink()
    (d / "f").symlink_to("/etc/passwd")
    refused(shared.get(f"/jobs/{job['id']}/artifacts/d/f"), 500, "io_failed")
    (d / "f").unlink()
    d.rmdir()
    d.symlink_to("/etc")
    refused(shared.get(f"/jobs/{job['id']}/artifacts/d/f"), 500, "io_failed")


def test_provenance(shared):
    job = shared.run("true", env={"A": "b"})
    doc = answers("/jobs/{id}/provenance", shared.get(f"/jobs/{job['id']}/provenance").json())
    assert doc["job"] == job["id"] and doc["attempts"][0]["number"] == 1
    refused(shared.get("/jobs/999/provenance"), 404, "not_found")


def test_repro_runs(shared, tmp_path):
    job = shared.run("sh", "-c", 'echo "$A|$1|$(pwd)"', "sh", "it's $(here)", env={"A": "a 'b' `c`"},
                     cwd=str(tmp_path))
    reply = shared.get(f"/jobs/{job['id']}/repro")
    assert reply.headers["content-type"] == "text/x-shellscript; charset=utf-8"
    again = subprocess.run(["bash"], input=reply.body, capture_output=True, timeout=60)
    assert again.stdout == shared.get(f"/jobs/{job['id']}/log").body
    assert again.stdout.decode() == f"a 'b' `c`|it's $(here)|{tmp_path}\n"
    refused(shared.get("/jobs/999/repro"), 404, "not_found")


# --- lists ---

PR = "https://github.com/llvm/llvm-project/pull/1"


def test_list_filters_and_pages(daemon):
    ids = []
    for i in range(5):
        more = {"pr": PR, "labels": {"i": str(i), "all": "x"}} if i < 2 else {"queue": "slow"}
        ids.append(daemon.submit({"command": ["true"], "name": f"n{i}", "hold": True,
                                  "kind": "build" if i % 2 else "check", **more})["id"])

    def listed(query):
        return [j["id"] for j in answers("/jobs", daemon.get(f"/jobs?{query}").json())["jobs"]]

    assert listed("") == ids[::-1]
    assert listed("kind=build") == [ids[3], ids[1]]
    assert listed(f"pr={PR}") == [ids[1], ids[0]]
    assert listed("queue=slow") == [ids[4], ids[3], ids[2]]
    assert listed("label=i%3D1") == [ids[1]]
    assert listed("label=all") == [ids[1], ids[0]]
    assert listed("q=n3") == [ids[3]]
    assert listed("state=held") == ids[::-1]
    assert listed("state=running,succeeded") == []
    assert listed("state=running&state=held") == ids[::-1]
    assert listed("since=2000-01-01T00:00:00Z") == ids[::-1]
    assert listed("since=2100-01-01T00:00:00Z") == []
    assert listed("user=nobody-such") == [] and listed("recipe=x") == []
    seen, cursor = [], ""
    while cursor is not None:
        page = daemon.get(f"/jobs?limit=2{cursor and '&cursor=' + cursor}").json()
        assert len(page["jobs"]) <= 2
        seen += [j["id"] for j in page["jobs"]]
        cursor = page["next_cursor"]
    assert seen == ids[::-1]
    for bad in ("state=done", "kind=x", "limit=0", "limit=1001", "cursor=x", "since=yesterday",
                "group=x", "stat=held"):
        problem = refused(daemon.get(f"/jobs?{bad}"), 400, "bad_request")
        assert bad.split("=")[0] in problem["detail"] or bad.split("=")[1] in problem["detail"]
    job = daemon.get("/jobs").json()["jobs"][0]
    assert "attempts" not in job and "results" not in job


def test_list_shows_live_states(daemon, gate):
    g = gate("g")
    id = daemon.bash(f"read x < {g}")["id"]
    daemon.wait_state(id, "running")
    [job] = daemon.get("/jobs?state=running").json()["jobs"]
    assert job["id"] == id
    g.open()
    daemon.wait_job(id)
    assert daemon.get("/jobs?state=running").json()["jobs"] == []
    assert daemon.get("/jobs?state=succeeded").json()["jobs"][0]["id"] == id


# --- groups ---

def test_group_retry_takes_the_failed_ones(daemon, tmp_path):
    flag = tmp_path / "flag"
    made = daemon.submit([{"command": ["true"]}, {"command": ["test", "-e", str(flag)]},
                          {"command": ["test", "-e", str(flag)]}])
    path = f"/groups/{made['group']}"
    assert daemon.get(f"{path}?wait=60").json()["counts"]["failed"] == 2
    flag.touch()
    again = answers("/groups/{id}/retry", daemon.post(f"{path}/retry", {"only": "failed"}).json(), "post")
    assert [j["index"] for j in again["jobs"]] == [0, 1, 2]
    group = daemon.get(f"{path}?wait=60").json()
    assert (group["state"], group["counts"]["succeeded"]) == ("succeeded", 3)
    attempts = [len(daemon.job(j["id"])["attempts"]) for j in group["jobs"]]
    assert attempts == [1, 2, 2]
    refused(daemon.post(f"{path}/retry"), 409, "conflict", "no failed member")
    refused(daemon.post(f"{path}/retry", {"only": "some"}), 422, "bad_field", "/only")


def test_group_cancel(daemon, gate):
    g = gate("g")
    made = daemon.submit([{"command": ["sh", "-c", f"read x < {g}"]}, {"command": ["true"], "hold": True},
                          {"command": ["true"]}])
    ids = [j["id"] for j in made["jobs"]]
    daemon.wait_job(ids[2])
    daemon.wait_state(ids[0], "running")
    group = answers("/groups/{id}/cancel",
                    daemon.post(f"/groups/{made['group']}/cancel", {"grace_s": 0}).json(), "post")
    assert [j["id"] for j in group["jobs"]] == ids and group["jobs"][1]["state"] == "canceled"
    group = daemon.get(f"/groups/{made['group']}?wait=60").json()
    assert [j["state"] for j in group["jobs"]] == ["canceled", "canceled", "succeeded"]
    for path in ("/groups/999", "/groups/x"):
        refused(daemon.get(path), 404, "not_found")
    refused(daemon.post("/groups/999/cancel"), 404, "not_found")
    refused(daemon.post("/groups/999/retry"), 404, "not_found")


# --- queue ---

def test_pause_resume_drain(daemon):
    queue = answers("/queue", daemon.get("/queue").json())
    assert queue["cpus"] == {"total": 4, "used": 0} and not queue["paused"]
    assert answers("/queue/pause", daemon.post("/queue/pause").json(), "post")["paused"]
    id = daemon.submit({"command": ["true"]})["id"]
    assert [j["id"] for j in daemon.get("/queue").json()["queued"]] == [id]
    assert "paused" in json.dumps(daemon.get(f"/jobs/{id}/why").json())
    daemon.post("/queue/resume")
    assert daemon.wait_job(id)["state"] == "succeeded"
    assert daemon.post("/queue/drain").json()["draining"]
    assert daemon.post("/jobs", {"command": ["true"]}).status in (409, 503)
    queue = daemon.post("/queue/resume").json()
    assert not queue["draining"] and not queue["paused"]
    assert daemon.run("true")["state"] == "succeeded"


def test_one_queue(daemon, gate):
    a, b = gate("a"), gate("b")
    queue = daemon.post("/queue/resume", {"queue": "narrow", "limit": 1}).json()
    [narrow] = [q for q in queue["queues"] if q["name"] == "narrow"]
    assert (narrow["limit"], narrow["paused"]) == (1, False)
    first = daemon.bash(f"read x < {a}", queue="narrow")["id"]
    second = daemon.bash(f"read x < {b}", queue="narrow")["id"]
    daemon.wait_state(first, "running")
    why = daemon.get(f"/jobs/{second}/why").json()
    assert [c["name"] for c in why["constraints"] if not c["met"]] == ["queue"], why
    assert daemon.run("true")["state"] == "succeeded"  # other queues go on
    daemon.post("/queue/pause", {"queue": "narrow"})
    a.open()
    daemon.wait_job(first)
    assert daemon.job(second)["state"] == "queued"
    daemon.post("/queue/resume", {"queue": "narrow"})
    b.open()
    assert daemon.wait_job(second)["state"] == "succeeded"
    refused(daemon.post("/queue/pause", {"limit": 2}), 422, "bad_field", "/limit")
    refused(daemon.post("/queue/pause", {"queue": ""}), 422, "bad_field", "/queue")
    refused(daemon.post("/queue/drain", {"queue": "narrow"}), 422, "unknown_field")


def test_gpus_and_executors(shared):
    assert answers("/gpus", shared.get("/gpus").json())["gpus"] == []
    [local] = answers("/executors", shared.get("/executors").json())["executors"]
    assert local["name"] == "local" and local["default"]
    assert "no gpus" in shared.get("/gpus", Accept="text/plain").text


# --- recipes, cache, environment ---

def test_recipes(shared):
    reply = shared.get("/recipes")
    [hello] = answers("/recipes", reply.json())["recipes"]
    assert hello["name"] == "hello" and hello["params"]["who"]["default"] == "you"
    assert shared.get("/recipes", If_None_Match=reply.headers["etag"]).status == 304
    assert answers("/recipes/{name}", shared.get("/recipes/hello").json()) == hello
    refused(shared.get("/recipes/helo"), 404, "not_found", "hello")


def test_cache(shared):
    cache = answers("/cache", shared.get("/cache").json())
    assert cache["entries"] == [] and cache["used_bytes"] == 0
    assert answers("/cache/prune", shared.post("/cache/prune").json(), "post") == {
        "removed": [], "freed_bytes": 0}
    assert shared.post("/cache/prune", {"max_bytes": 0}).status == 200
    refused(shared.post("/cache/prune", {"max_bytes": -1}), 422, "bad_field", "/max_bytes")
    refused(shared.post("/cache/prune", {"max_byte": 1}), 422, "unknown_field", "max_bytes")


def test_env_is_asked_once_a_minute(make_daemon, tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "env_check.sh").write_text(
        f'echo x >> {tmp_path}/asked; [ "$1" = --json ] && [ -n "$CAIL_RECIPES" ] && '
        'echo \'{"host":"h","kernel":"k","os":"o","cpus":1,"memory_mib":2,"tools":[],"recipes":[]}\'\n')
    d = make_daemon("--set", f"daemon.tools={tools}")
    for _ in range(3):
        env = answers("/env", d.get("/env").json())
        assert env["host"] == "h" and env["build_root"] == str(d.builds)
    assert (tmp_path / "asked").read_text() == "x\n"


def test_env_says_what_is_wrong(make_daemon, tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "env_check.sh").write_text("echo nonsense\n")
    d = make_daemon("--set", f"daemon.tools={tools}")
    reply = d.get("/env")
    assert reply.status in (500, 503) and "code" in reply.json()


# --- events ---

def test_events_follow_a_job(daemon):
    with daemon.sse() as events:
        assert events.headers["content-type"] == "text/event-stream"
        first = events.event()
        epoch, seq = first.id.rsplit("-", 1)
        assert epoch == daemon.get("/version").json()["epoch"] and first.retry == 1000
        id = daemon.submit({"command": ["true"]})["id"]

        def ended(e):
            return e.name == "job" and json.loads(e.data)["id"] == id and \
                json.loads(e.data)["state"] in ENDED

        seen = events.events_until(ended)
        jobs = [is_a("Job", json.loads(e.data)) for e in seen if e.name == "job"]
        assert jobs[-1]["state"] == "succeeded" and "attempts" not in jobs[-1]
        numbers = [int(e.id.rsplit("-", 1)[1]) for e in seen]
        assert numbers == sorted(set(numbers)) and numbers[0] > int(seq)
    # again from the beginning, by header and by argument
    with daemon.sse(Last_Event_ID=first.id) as events:
        again = events.events_until(ended)
    with daemon.sse(f"/events?last_event_id={first.id}") as events:
        third = events.events_until(ended)
    for other in (again, third):
        assert [e.data for e in other if e.data] == [e.data for e in seen]


def test_events_of_one_job(daemon):
    with daemon.sse("/events?job=2") as events:
        daemon.run("true")
        id = daemon.submit({"command": ["true"]})["id"]
        assert id == 2
        seen = events.events_until(lambda e: e.name == "job" and json.loads(e.data)["state"] in ENDED)
    for e in seen:
        if e.data:
            data = json.loads(e.data)
            assert data.get("job", data.get("id")) == 2


@pytest.mark.parametrize("id", ["ffffffff-1", "nonsense", "EPOCH-999999"])
def test_events_resync(daemon, id):
    id = id.replace("EPOCH", daemon.get("/version").json()["epoch"])
    with daemon.sse(Last_Event_ID=id) as events:
        seen = events.events_until(lambda e: e.name == "resync")
        daemon.run("true")
        events.events_until(lambda e: e.name == "job" and json.loads(e.data)["state"] in ENDED)
    assert seen[-1].id.startswith(daemon.get("/version").json()["epoch"])


def test_events_refuse(shared):
    refused(shared.get("/events?job=x"), 400, "bad_request", "job")
    refused(shared.get("/events?jobs=1"), 400, "bad_request", "job")


# --- text and pages ---

def test_text_tables(daemon, gate):
    g = gate("g")
    name = "a very long name that goes on and on " * 4
    id = daemon.bash(f"read x < {g}", name=name.strip())["id"]
    daemon.submit({"command": ["true"], "hold": True, "name": "later"})
    daemon.wait_state(id, "running")
    for path in ("/jobs", "/queue", "/"):
        reply = daemon.get(path, Accept="text/plain")
        assert reply.headers["content-type"] == "text/plain; charset=utf-8"
        lines = reply.text.splitlines()
        assert max(map(len, lines)) <= 100, max(lines, key=len)
        assert any("running" in li and f"{id}" in li for li in lines)
        assert any("held" in li and "later" in li for li in lines)
    plain = daemon.get("/").text  # what curl asks for
    assert "4 cpus" in plain and "curl" in plain
    g.open()


EVIL = "<script>alert(1)</script>\"'&<img src=x onerror=alert(1)>"


def test_pages_escape_everything(daemon):
    daemon.post("/queue/pause")
    job = daemon.submit({"name": EVIL[:100], "labels": {"k": EVIL[:100]},
                         "env": {"A": EVIL}, "kind": "benchmark",
                         "command": ["sh", "-c", "echo \"$0\"; printf '\\033[31m<i>red\\n'; "
                                     "echo '::cail metric name=\"<u>\" value=1 unit=\"<s>\" better=lower';"
                                     "echo x > \"$CAIL_ARTIFACTS/<a>.txt\"", EVIL]})
    daemon.post("/queue/resume")
    daemon.wait_job(job["id"])
    for path in ("/plain", f"/plain/jobs/{job['id']}"):
        reply = daemon.get(path, Accept="text/html,application/xhtml+xml,*/*;q=0.8")
        assert reply.headers["content-type"] == "text/html; charset=utf-8"
        policy = reply.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        for tag in ("<script", "<img", "<b>", "<i>", "<u>", "<s>", "<a>", "style=", "\x1b"):
            assert tag not in reply.text, (path, tag)
        assert "&lt;script&gt;" in reply.text
        assert 'href="/page.css"' in reply.text
    assert "&lt;i&gt;red" in reply.text and "&lt;u&gt;" in reply.text
    assert "&lt;a&gt;.txt" in reply.text and "/artifacts/%3Ca%3E.txt" in reply.text
    css = daemon.get("/page.css")
    assert css.headers["content-type"] == "text/css; charset=utf-8" and b"prefers-color-scheme" in css.body
    refused(daemon.get("/plain/jobs/999"), 404, "not_found")
    older = daemon.get("/plain?limit=1").text
    assert "/plain/jobs/1" in older


# --- refusals that every route shares ---

def fill(path):
    return path.replace("{id}", "1").replace("{name}", "x")


@pytest.mark.parametrize("path", sorted(DOC["paths"]))
def test_unknown_query_argument(shared, path):
    """On every method of every route, before anything is done."""
    shared_id = shared.get("/jobs?limit=1").json()["jobs"] or [shared.run("true")]
    assert shared_id
    for method, op in DOC["paths"][path].items():
        if method == "parameters":
            continue
        body = None if method == "get" else {}
        if (method, path) == ("post", "/jobs"):
            body = {"command": ["true"]}
        reply = shared.request(method.upper(), fill(path) + "?zzz=1", body)
        refused(reply, 400, "bad_request", "zzz")


@pytest.mark.parametrize("path", sorted(DOC["paths"]))
def test_wrong_method(shared, path):
    takes = {m.upper() for m in DOC["paths"][path]} - {"PARAMETERS"}
    for method in {"PUT", "DELETE", "PATCH", "POST"} - takes:
        reply = shared.request(method, fill(path), {})
        refused(reply, 405, "method_not_allowed")
        assert set(reply.headers["allow"].split(", ")) >= takes - {"HEAD"}


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("body, status, code, words", [
    (b"", 400, "bad_request", []),
    (b"{", 400, "bad_json", ["line 1"]),
    (b'{"command":["true"]} x', 400, "bad_json", []),
    (b"[" * 10000, 400, "bad_json", ["32"]),
    (b'{"a":' * 10000, 400, "bad_json", []),
    (b'{"command":["a\\u0000b"]}', None, None, []),
    (b'{"command":["\xff"]}', 400, "bad_json", []),
    (b'{"command":["true"],"command":["false"]}', 400, "bad_json", ["command"]),
    (b'{"command":"rm -rf"}', 422, "bad_field", ["/command", "script"]),
    (b'{"command":[]}', 422, "bad_field", ["/command"]),
    (b'{"command":["true"],"script":"x"}', 422, "bad_field", []),
    (b"{}", 422, "bad_field", ["recipe", "command", "script"]),
    (b"[]", 422, "bad_field", []),
    (b"7", 422, "bad_field", []),
    (b'{"comand":["true"]}', 422, "unknown_field", ["/comand", "command"]),
    (b'{"command":["true"],"priority":"high"}', 422, "bad_field", ["/priority"]),
    (b'{"command":["true"],"priority":1e300}', 422, "bad_field", ["/priority"]),
    (b'{"command":["true"],"priority":101}', 422, "bad_field", ["/priority", "100"]),
    (b'{"command":["true"],"needs":{"cpus":0}}', 422, "bad_field", ["/needs/cpus"]),
    (b'{"command":["true"],"needs":{"cpu":1}}', 422, "unknown_field", ["/needs/cpu", "cpus"]),
    (b'{"command":["true"],"needs":{"cpus":65}}', 422, "impossible", ["/needs/cpus", "65"]),
    (b'{"command":["true"],"needs":{"gpus":1}}', 422, "impossible", ["/needs/gpus"]),
    (b'{"command":["true"],"timeout_s":0}', 422, "bad_field", ["/timeout_s"]),
    (b'{"command":["true"],"kind":"test"}', 422, "bad_field", ["/kind", "benchmark"]),
    (b'{"command":["true"],"name":"a\\nb"}', 422, "bad_field", ["/name"]),
    (b'{"command":["true"],"env":{"A=B":"c"}}', 422, "bad_field", ["/env"]),
    (b'{"command":["true"],"cwd":"relative"}', 422, "bad_field", ["/cwd"]),
    (b'{"recipe":"helo"}', 422, "unknown_recipe", ["hello"]),
    (b'{"recipe":"hello","params":{"wo":1}}', 422, "bad_param", ["/params/wo", "who"]),
    (b'[{"command":["true"]},{"command":["true"],"needs":{"cpus":"x"}}]', 422, "bad_field",
     ["/1/needs/cpus"]),
    (b'[{"command":["true"],"after":[{"job":"#1"}]},{"command":["true"]}]', 422, "bad_field",
     ["/0/after/0/job"]),
], ids=lambda v: str(v)[:40] if isinstance(v, bytes) else "")
def test_bad_bodies(shared, body, status, code, words):
    before = shared.get("/metrics").text.split("cail_jobs_submitted_total ")[1].split("\n")[0]
    reply = shared.request("POST", "/jobs", body, JSON)
    if status is None:
        assert 400 <= reply.status < 500, reply
        is_a("Problem", reply.json())
    else:
        refused(reply, status, code, *words)
    after = shared.get("/metrics").text.split("cail_jobs_submitted_total ")[1].split("\n")[0]
    assert before == after, "something was stored"


@pytest.mark.parametrize("headers, status, code", [
    ({"Content-Type": "text/plain"}, 415, "unsupported_media_type"),
    ({"Content-Type": "application/json", "Content-Encoding": "gzip"}, 415, "unsupported_media_type"),
    ({}, 415, "unsupported_media_type"),
    ({**JSON, "Host": "evil.example"}, 421, "bad_host"),
    ({**JSON, "Origin": "http://evil.example"}, 403, "cross_site"),
    ({**JSON, "Origin": "null"}, 403, "cross_site"),
    ({**JSON, "Sec-Fetch-Site": "cross-site"}, 403, "cross_site"),
    ({**JSON, "X-Forwarded-For": "10.0.0.1"}, 401, "no_identity"),
], ids=lambda v: str(v)[:60])
def test_bad_heads(shared, headers, status, code):
    refused(shared.request("POST", "/jobs", b'{"command":["true"]}', headers), status, code)


def test_forms_and_scripts_of_browsers_are_refused(shared):
    for type in ("application/x-www-form-urlencoded", "text/x-shellscript"):
        reply = shared.request("POST", "/jobs", b"recipe=hello", {
            "Content-Type": type, "Origin": shared.url, "Sec-Fetch-Site": "same-origin"})
        assert reply.status in (403, 415), reply


def test_large_bodies(shared):
    refused(shared.request("POST", "/jobs", b"#" * ((1 << 20) + 1),
                           {"Content-Type": "text/x-shellscript"}), 413, "too_large")
    for size in ((4 << 20) + 1, 100 << 20):
        with socket.create_connection(("127.0.0.1", shared.port), timeout=60) as s:
            s.sendall(b"POST /jobs HTTP/1.1\r\nHost: localhost:%d\r\nContent-Type: application/json\r\n"
                      b"Content-Length: %d\r\n\r\n" % (shared.port, size))
            assert s.recv(64).startswith(b"HTTP/1.1 413")  # said before the body is sent


def test_unknown_paths_and_ids(shared):
    for path in ("/nothing", "/jobs/", "/jobs/x", "/jobs/0", "/jobs/-1", "/jobs/99999999999999999999",
                 "/jobs/1/nothing", "/groups/0"):
        refused(shared.get(path), 404, "not_found")
    refused(shared.get("/jobs/999"), 404, "not_found", "999")


def test_the_socket_serves_too(shared):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(shared.socket))
        s.sendall(b"GET /version HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        data = b""
        while piece := s.recv(65536):
            data += piece
    assert data.startswith(b"HTTP/1.1 200") and b'"api":1' in data
