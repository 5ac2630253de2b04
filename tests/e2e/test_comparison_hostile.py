"""Comparisons from people who mean no good, or whose script has a bug: what is refused names its place,
nothing is half-done, and the daemon lives."""
import pytest

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
