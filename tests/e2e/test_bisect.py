"""Bisections on a real daemon: a toy recipe whose figure depends on the commit, so that every answer is
known beforehand."""
import pytest

from lab import until
from test_comparisons import REF, recipe


def shas(n):
    return [f"{i:040x}" for i in range(n)]


def toy(lab, culprit, broken=(), slow=1.5):
    """A figure that is `slow` times larger from commit `culprit` on; builds of `broken` fail."""
    recipe(lab, "toy", {
        "fetch": ("echo \"sha $CAIL_PARAM_REF\" > $CAIL_ATTEMPT_DIR/cache-key\n", {"keys_cache": True}),
        "build": (f"n=$((16#$CAIL_PARAM_REF)); echo $n >> {lab.work}/builds\n"
                  f"for b in {' '.join(map(str, broken))}; do [ $n != $b ]; done\n"
                  f"[ $n -lt {culprit} ] && v=1.0 || v={slow}\necho $v > $CAIL_BUILD_DIR/v\n", {"cached": True}),
        "measure": ("echo \"::cail metric benchmark=b name=t value=$(cat $CAIL_BUILD_DIR/v) unit=s better=lower\"", {}),
    }, params=REF)


def bisect(lab, n, **more):
    reply = lab.post("/bisections", {"recipe": "toy", "commits": shas(n), "rounds": 6, "metric": "t",
                                     "benchmark": "b", "confirm": False, **more})
    assert reply.status == 201, reply
    doc = reply.json()
    assert reply.headers["location"] == f"/bisections/{doc['id']}"
    return doc


def end_of(lab, id):
    doc = lab.read(f"/bisections/{id}?wait=120")
    assert doc["state"] != "running", doc
    return doc


def test_the_culprit_is_found(lab):
    toy(lab, 5)
    doc = bisect(lab, 9)
    assert doc["state"] == "running" and doc["steps"] == [] and doc["comparison"]
    assert (doc["good"], doc["bad"], doc["asking"]) == (shas(9)[0], shas(9)[8], shas(9)[8])
    doc = end_of(lab, doc["id"])
    assert doc["state"] == "finished" and doc["culprit"]["sha"] == shas(9)[5]
    assert doc["culprit"]["effect"] == pytest.approx(1.5) and doc["reason"] is None
    assert [(s["at"], s["answer"]) for s in doc["steps"]][:2] == [(8, "bad"), (4, "good")]
    assert doc["steps"][-1]["good"] == 4 and doc["steps"][-1]["at"] == 5
    assert all(s["verdict"] in ("regression", "same") for s in doc["steps"])
    assert doc["suspects"] == [shas(9)[5]] and doc["finished_at"] and doc["comparison"] is None
    built = (lab.work / "builds").read_text().split()
    assert len(built) == len(set(built)), "each commit is built once"
    listed = lab.read("/bisections")
    assert [b["id"] for b in listed["bisections"]] == [doc["id"]] and listed["next_cursor"] is None


def test_ends_that_do_not_differ(lab):
    toy(lab, 99)
    doc = end_of(lab, bisect(lab, 4)["id"])
    assert doc["state"] == "finished" and doc["culprit"] is None
    assert doc["reason"] == "the two ends do not differ" and len(doc["steps"]) == 1


def test_a_commit_that_does_not_build_is_passed_by(lab):
    toy(lab, 3, broken=[2])
    doc = end_of(lab, bisect(lab, 5)["id"])
    assert [s["answer"] for s in doc["steps"]] == ["bad", "failed", "bad", "good"], doc
    assert doc["culprit"] is None and doc["suspects"] == shas(5)[2:4]
    assert "could not be measured" in doc["reason"]


def test_a_good_end_that_does_not_build(lab):
    toy(lab, 3, broken=[0])
    doc = end_of(lab, bisect(lab, 5)["id"])
    assert doc["state"] == "failed" and "base could not be prepared" in doc["reason"]


def test_it_goes_on_after_a_crash(lab):
    toy(lab, 6)
    doc = bisect(lab, 12)
    until(lambda: lab.read(f"/bisections/{doc['id']}")["steps"], "the first answer")
    lab.kill9()
    lab.start()
    doc = end_of(lab, doc["id"])
    assert doc["culprit"]["sha"] == shas(12)[6]
    asked = [(s["good"], s["at"], s["again"]) for s in doc["steps"]]
    assert len(asked) == len(set(asked))


def test_it_is_canceled_with_its_comparison(lab, gate):
    g = gate("g")
    toy(lab, 3)
    (lab.recipes / "tools" / "toy" / "build.sh").write_text(f"read < {g}\n")
    doc = bisect(lab, 5)
    assert lab.post(f"/bisections/{doc['id']}/cancel", {"grace_s": 0}).status == 200
    ended = end_of(lab, doc["id"])
    assert ended["state"] == "canceled"
    assert lab.read(f"/comparisons/{doc['comparison']}?wait=60")["state"] == "canceled"
    again = lab.post(f"/bisections/{doc['id']}/cancel", {})
    assert again.status == 409 and "is over: canceled" in again.json()["detail"]


@pytest.mark.parametrize("change, pointer", [
    ({"commits": shas(1)}, "/commits"),
    ({"commits": ["x" * 40, "1" * 40]}, "/commits/0"),
    ({"commits": [7, "1" * 40]}, "/commits/0"),
    ({"good": "f" * 40}, "/good"),
    ({"bad": "f" * 40}, "/bad"),
    ({"recipe": None}, "/recipe"),
    ({"recipe": "nothing"}, "/recipe"),
    ({"params": []}, "/params"),
    ({"rounds": 0}, "/rounds"),
    ({"min_effect": -1}, "/min_effect"),
    ({"heads": []}, "/heads"),
])
def test_what_is_refused(lab, change, pointer):
    toy(lab, 3)
    reply = lab.post("/bisections", {"recipe": "toy", "commits": shas(3), **change})
    assert reply.status in (400, 422), reply
    assert reply.json()["errors"][0]["pointer"] == pointer
    assert lab.read("/bisections")["bisections"] == []


def test_one_that_is_not_there(lab):
    assert lab.get("/bisections/7").status == 404
    assert lab.post("/bisections/7/cancel", {}).status == 404
