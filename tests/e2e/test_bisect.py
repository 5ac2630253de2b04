"""Bisections on a real daemon: a toy recipe whose figure depends on the commit, so that every answer is
known beforehand."""
import json
import os
import subprocess

import pytest

from client import Client, environment
from fake_daemon import FakeDaemon, problem
from daemon import BIN
from lab import until
from test_comparisons import REF, recipe
from test_compare_client import Played, real  # noqa: F401
from test_recipes_scripts import get, git, job, upstream  # noqa: F401


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


def test_a_key_bisects_once(lab):
    toy(lab, culprit=5)
    body = {"recipe": "toy", "commits": shas(9), "rounds": 6, "metric": "t"}
    first = lab.post("/bisections", body, Idempotency_Key="k")
    again = lab.post("/bisections", body, Idempotency_Key="k")
    assert (first.status, again.status, again.json()["id"]) == (201, 200, first.json()["id"])
    lab.kill9().start()
    doc = end_of(lab, first.json()["id"])
    late = lab.post("/bisections", body, Idempotency_Key="k")
    assert (late.status, late.json()) == (200, doc)
    assert late.headers["location"] == first.headers["location"]
    other = lab.post("/bisections", {**body, "rounds": 7}, Idempotency_Key="k")
    assert other.status == 409 and "bisection 1" in other.json()["detail"]
    assert len(lab.read("/bisections")["bisections"]) == 1


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


def test_what_cannot_be_queued_waits(lab):
    """Draining takes nothing new: the next comparison is asked for again, at the latest after a restart."""
    toy(lab, 2)
    doc = bisect(lab, 3)
    until(lambda: lab.read(f"/comparisons/{doc['comparison']}")["state"] == "measuring", "the first process")
    lab.do("/queue/drain")
    waits = until(lambda: (b := lab.read(f"/bisections/{doc['id']}"))["comparison"] is None and b, "its end")
    assert waits["state"] == "running" and len(waits["steps"]) == 1
    lab.do("/queue/resume")
    lab.stop().start()
    assert end_of(lab, doc["id"])["culprit"]["sha"] == shas(3)[2]


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


# --- with a real repository: places of commits, ranges, the client ---

def line_of(source, values):
    """A commit for each value; their shas. Every second one also touches side.txt."""
    made = []
    for i, v in enumerate(values):
        if i % 2:
            (source.work / "side.txt").write_text(f"{i}\n")
        made.append(source.commit("a.txt", f"{v}\n# {i}\n"))
    source.push()
    return made


def points_of(d):
    """The points that the daemon has of the toy figure, in its order."""
    return d.get("/results?benchmark=gemm&metric=time").json()["series"][0]


@pytest.fixture
def toy_line(real):
    d, cail, source, tree = real
    folder = source.work.parent / "recipes" / "tools" / "up" / "bench"
    (folder / "measure.sh").write_text('metric gemm time "$(head -n 1 "$CAIL_BUILD_DIR/a.txt")" ms lower time\n')
    return d, cail, source, tree, line_of(source, [10] * 6 + [20] * 6)


def test_the_fetching_step_tells_of_its_commit(job, upstream):
    hostile = "x\x1b]0;pwned\x07 $(touch pwned) \u202e\t'\" -- \\"
    second = upstream.commit("a.txt", "two\n")
    git(upstream.work, "commit", "-q", "--amend", "-m", hostile)
    second = git(upstream.work, "rev-parse", "HEAD")
    git(upstream.work, "checkout", "-q", "-b", "side", "HEAD~1")
    side = upstream.commit("b.txt", "b\n")
    git(upstream.work, "checkout", "-q", upstream.branch)
    git(upstream.work, "merge", "-q", "--no-ff", "-m", "joined", "side")
    merge = git(upstream.work, "rev-parse", "HEAD")
    upstream.push(upstream.branch, "side")

    def told(ref):
        (job.attempt / "commits").unlink(missing_ok=True)
        code, log = get(job, upstream, ref)
        assert code == 0, log
        return (job.attempt / "commits").read_text().rstrip("\n").split("\t", 4)

    assert told("") == [merge, "3", "1767323045", "T", "joined"]
    assert told(second)[:4] == [second, "2", "1767323045", "T"]
    assert told(second)[4].startswith("x\x1b]0;pwned")
    assert told(side)[:2] == [side, ""], "not on the line of first parents"
    assert told("HEAD")[1] == "3"
    later = upstream.commit("a.txt", "three\n")
    upstream.push()
    assert told("")[:2] == [later, "4"] and told(merge)[1] == "3"


def test_a_range_is_a_trend_of_places_authors_and_subjects(toy_line):
    d, cail, source, tree, shas = toy_line
    done = cail.run("run", "bench", "--range", f"{shas[0]}..{source.branch}", "--steps", "5", cwd=tree.parent)
    assert done.returncode == 65 and b"stand in a clone" in done.stderr
    git(tree, "fetch", "-q")
    done = cail.run("run", "bench", "--range", f"{shas[0]}..{source.branch}", "--steps", "5", cwd=tree)
    assert done.returncode == 0, done
    series = points_of(d)
    assert series["ordered_by"] == "position"
    assert [p["commit"] for p in series["points"]] == [shas[0], shas[3], shas[6], shas[8], shas[11]]
    places = [p["position"] for p in series["points"]]
    assert places == sorted(places) and places[0] == 3
    assert series["points"][0]["author"] == "T" and series["points"][0]["subject"] == "commit 3"
    git(source.work, "checkout", "-q", "-b", "side", shas[4])
    side = source.commit("a.txt", "77\n")
    source.push("side")
    assert cail.run("run", "bench", "-p", f"ref={side}", cwd=tree).returncode == 0
    after = points_of(d)
    assert after["beside"] == 1 and series["beside"] == 0, "what is not of the line changes none of it"
    assert after["ordered_by"] == "position" and after["points"] == series["points"]
    assert series["points"][0]["committed_at"] == "2026-01-02T03:04:05.000Z"
    for args, say in ((["--range", "x"], "FROM..TO"), (["--steps", "3"], "belongs to a --range"),
                      (["--range", f"{shas[3]}..{shas[0]}"], "does not come before"),
                      (["--range", f"nothing..{shas[0]}"], "nothing is no commit")):
        done = cail.run("run", "bench", *args, cwd=tree)
        assert done.returncode in (64, 65) and say in done.stderr.decode(), done


def test_repro_names_the_commit_that_was_built(toy_line, tmp_path):
    d, cail, source, tree, shas = toy_line
    assert cail.run("run", "bench", "-p", f"ref={source.branch}").returncode == 0
    done = cail.run("repro", "1")
    assert done.returncode == 0 and f"exec cail run 'bench' -p 'ref={shas[-1]}'" in done.stdout.decode()
    assert json.loads(cail.run("repro", "1", "--json").stdout)["script"] == done.stdout.decode()
    source.commit("a.txt", "999\n")
    source.push()
    (tmp_path / "again.sh").write_bytes(done.stdout)
    again = subprocess.run(["bash", tmp_path / "again.sh"], capture_output=True, timeout=60,
                           env=environment(tmp_path, cail.url, PATH=f"{BIN}:{os.environ['PATH']}"))
    assert again.returncode == 0, again
    assert points_of(d)["points"][-1]["value"] == 20, "not what the branch is by now"
    assert cail.run("repro", "99").returncode == 65


def test_the_client_bisects_between_two_commits(toy_line):
    d, cail, source, tree, shas = toy_line
    git(tree, "fetch", "-q")
    done = cail.run("bisect", shas[0], source.branch, "-r", "bench", "--rounds", "6", "--no-confirm", "-b", "gemm",
                    "--metric", "time", cwd=tree)
    out, err = done.stdout.decode(), done.stderr.decode()
    assert done.returncode == 0, done
    assert f"first bad commit: {shas[6]} +100.0 %" in out and "T: commit 9" in out
    assert "bisection 1: 11 commits" in err and f"1. {shas[0][:12]} against {shas[11][:12]}: regression" in err
    assert b"finished" in cail.run("bisect", "ls").stdout
    # The mirror has them now; a path leaves out what does not touch it.
    done = cail.run("bisect", shas[0], shas[11], "-r", "bench", "--path", "side.txt", "--detach")
    assert (done.returncode, done.stdout) == (0, b"2\n"), done
    doc = d.get("/bisections/2").json()
    assert doc["commits"] == 7 and doc["asking"] == shas[11]
    assert cail.run("bisect", "cancel", "2").returncode == 0
    assert cail.run("bisect", "follow", "2").returncode == 66
    shown = cail.run("bisect", "show", "1")
    assert shown.returncode == 0 and b"T: commit 9" in shown.stdout
    assert json.loads(cail.run("bisect", "show", "1", "--json").stdout)["culprit"]["subject"] == "commit 9"
    for args, say in (([shas[0]], "GOOD and BAD"), ([shas[0], shas[1]], "--recipe"), (["show"], "which one"),
                      ([shas[3], shas[1], "-r", "bench"], "does not come before")):
        done = cail.run("bisect", *args)
        assert done.returncode in (64, 65) and say in done.stderr.decode(), done


def test_commits_that_only_this_clone_has(toy_line):
    d, cail, source, tree, shas = toy_line
    git(tree, "pull", "-q")
    git(tree, "checkout", "-q", "-b", "topic")
    own = []
    for i, v in enumerate((20, 20, 30, 30)):
        (tree / "a.txt").write_text(f"{v}\n# own {i}\n")
        git(tree, "commit", "-q", "-a", "-m", f"own {i}")
        own.append(git(tree, "rev-parse", "HEAD"))
    done = cail.run("bisect", "trunk", "HEAD", "-r", "bench", "--rounds", "6", "--no-confirm", "-b", "gemm", cwd=tree)
    assert done.returncode == 0 and f"first bad commit: {own[2]} +50.0 %" in done.stdout.decode(), done
    assert b"T: own 2" in done.stdout
    done = cail.run("run", "bench", "--range", "HEAD~2..topic", "--steps", "2", cwd=tree)
    assert done.returncode == 0 and {p["commit"] for p in points_of(d)["points"]} >= {own[1], own[3]}
    assert all(p.get("position") is None for p in points_of(d)["points"] if p["commit"] in own)


# --- change points that are measured ---

def changes_of(d):
    return d.get("/results/changes?state=all").json()["changes"]


def run_all(d, cail, tree, shas):
    git(tree, "fetch", "-q")
    done = cail.run("run", "bench", "--range", f"{shas[0]}..{shas[-1]}", "--steps", str(len(shas)), cwd=tree)
    assert done.returncode == 0, done


def test_a_change_is_measured_by_hand_and_its_commits_are_listed(toy_line):
    d, cail, source, tree, shas = toy_line
    run_all(d, cail, tree, shas)
    [change] = changes_of(d)
    assert (change["before"]["commit"], change["after"]["commit"]) == (shas[5], shas[6])
    assert change["comparison"] is None and change["after"]["subject"] == "commit 9"
    done = cail.run("history", "confirm", change["id"], "--json")
    assert done.returncode == 0, done
    made = json.loads(done.stdout)
    assert (made["base"]["label"], made["head"]["label"]) == (shas[5], shas[6]) and made["recipe"] == "bench"
    assert changes_of(d)[0]["comparison"]["id"] == made["id"]
    ended = d.get(f"/comparisons/{made['id']}?wait=120").json()
    assert ended["verdict"] == "regression"
    assert changes_of(d)[0]["comparison"] == {"id": made["id"], "state": "finished", "verdict": "regression"}
    assert f"side by side: regression (comparison {made['id']})" in cail.run("history").stdout.decode()
    # What lies between its points: here and in the mirror, all of it and by path.
    done = cail.run("history", "--commits", change["id"])
    assert done.returncode == 0 and done.stdout.decode().splitlines()[0].split() == [
        shas[6][:12], "2026-01-02", "T", "commit", "9"]
    done = cail.run("history", "--commits", change["id"], "--path", "nothing.txt", cwd=tree)
    assert done.returncode == 0 and done.stdout == b"" and b"touches that path" in done.stderr
    assert cail.run("history", "--commits", "0123456789abcdef.x").returncode == 65
    assert cail.run("history", "confirm", change["id"] + "x").returncode == 65


def test_a_tentative_change_is_measured_by_itself(toy_line):
    d, cail, source, tree, _ = toy_line
    d.stop()
    d.args += ["--set", "history.confirm=on"]
    d.start()
    cail = Client(tree.parent / "home", d)
    shas = line_of(source, ["10", "10.02", "10.01", "10.03", "10.02", "10.01", "20"])
    run_all(d, cail, tree, shas)
    found = until(lambda: [c for c in changes_of(d) if c["comparison"]], "the comparison")
    assert found[0]["tentative"] and found[0]["after"]["commit"] == shas[6]
    ended = d.get(f"/comparisons/{found[0]['comparison']['id']}?wait=120").json()
    assert ended["verdict"] == "regression" and ended["head"]["label"] == shas[6]
    # Its own points of the two commits make no second one, nor does another run of the commit.
    assert cail.run("run", "bench", "-p", f"ref={shas[6]}").returncode == 0
    listed = d.get("/comparisons").json()["comparisons"]
    assert [c["id"] for c in listed] == [ended["id"]]


def test_a_change_between_jobs_is_not_measured(lab):
    for v in [1.0, 1.01, 1.0, 1.02, 1.01, 1.0, 2.0]:
        job = lab.script(f"echo '::cail metric benchmark=b name=t value={v} unit=s better=lower'")
        assert lab.end_of(job)["state"] == "succeeded"
    [change] = lab.read("/results/changes?state=all")["changes"]
    reply = lab.post(f"/results/changes/{change['id']}/confirm")
    assert reply.status == 409 and "not commits" in reply.json()["detail"]


# --- a working tree whose build another recipe makes ---

def test_a_working_tree_is_the_source_of_the_builds_that_are_used(toy_line):
    d, cail, source, tree, shas = toy_line
    folder = source.work.parent / "recipes" / "tools" / "up" / "user"
    folder.mkdir()
    (folder / "recipe.json").write_text(json.dumps({
        "name": "user", "group": "tools", "summary": "measures what bench builds", "upstream": "up",
        "kind": "benchmark", "params": REF, "steps": [{"name": "measure", "run": "measure.sh"}],
        "uses": [{"recipe": "bench", "params": {"ref": "$ref"}, "when": "ref"}]}))
    (folder / "measure.sh").write_text('metric gemm time "$(head -n 1 "$CAIL_USE_BENCH/a.txt")" ms lower time\n')
    until(lambda: d.get("/recipes/user").status == 200, "the recipe")
    git(tree, "pull", "-q")
    (tree / "a.txt").write_text("30\n")
    body = {"recipe": "user", "source": {"worktree": str(tree)}}
    job = d.get(f"/jobs/{d.post('/jobs', body).json()['id']}?wait=60").json()
    assert job["state"] == "succeeded" and job["params"]["ref"] == "HEAD", job
    assert [r["value"] for r in job["results"] if r["metric"] == "time"] == [30]
    made = d.post("/comparisons", {"recipe": "user", "base": {"ref": "merge-base"}, "rounds": 6, "confirm": False,
                                   "head": {"worktree": str(tree)}}).json()
    ended = d.get(f"/comparisons/{made['id']}?wait=120").json()
    [r] = [r for r in ended["rows"] if r["metric"] == "time"]
    assert (r["base"]["median"], r["head"]["median"]) == (20, 30), ended


# --- the rest of the client, and what goes over the wire ---

def test_live_events_tell_each_step(lab):
    toy(lab, 2)
    with lab.sse() as s:
        s.event()
        doc = bisect(lab, 3)
        seen = []
        while not seen or seen[-1]["state"] == "running":
            e = s.event()
            if e.name == "bisection":
                seen.append(json.loads(e.data))
    assert {b["id"] for b in seen} == {doc["id"]} and seen[-1]["culprit"]["sha"] == shas(3)[2]
    assert [b["remaining"] for b in seen] == sorted((b["remaining"] for b in seen), reverse=True)
    assert all("steps" not in b for b in seen)


def test_pages_of_bisections(lab):
    toy(lab, 9)
    ids = [bisect(lab, 3)["id"] for _ in range(3)]
    for i in ids:
        end_of(lab, i)
    page = lab.read("/bisections?limit=2")
    assert [b["id"] for b in page["bisections"]] == ids[:0:-1]
    rest = lab.read(f"/bisections?limit=2&cursor={page['next_cursor']}")
    assert [b["id"] for b in rest["bisections"]] == ids[:1] and rest["next_cursor"] is None
    assert lab.get("/bisections?cursor=x").status == 400 and lab.get("/bisections?limit=101").status == 400


def test_a_long_line(lab):
    toy(lab, 15000)
    doc = bisect(lab, 20000)
    assert doc["remaining"] == 19999 and doc["steps_left"] == 16
    assert lab.post("/bisections", {"recipe": "toy", "commits": shas(20001)}).status == 422
    assert lab.post(f"/bisections/{doc['id']}/cancel", {"grace_s": 0}).status == 200
    assert end_of(lab, doc["id"])["state"] == "canceled"


def test_noise_of_this_machine(lab):
    cail = lab.client()
    nothing = cail.run("noise")
    assert nothing.returncode == 0 and b"nothing is known" in nothing.stderr and b"--aa" in nothing.stderr
    body = {"kind": "aa", "rounds": 6, "base": {"command": ["bash", "-c", (
        "echo '::cail metric benchmark=b name=t value=3 unit=s better=lower'")]}}
    assert lab.post("/comparisons?wait=60", body).json()["state"] == "finished"
    shown = cail.run("noise")
    assert shown.returncode == 0 and b"1 comparisons of identical code, 0 with a false alarm (0.0 %)" in shown.stdout
    assert b"19 more" in shown.stdout and b"$(seq 19)" in shown.stderr
    assert json.loads(cail.run("noise", "--json").stdout) == lab.read("/noise")


def test_a_comparison_is_sent_once_whatever_breaks(tmp_path):
    with FakeDaemon() as played:
        Played(played)
        home = tmp_path / "home"
        home.mkdir()
        answer, asked = played.routes["POST", "/comparisons"], []

        def first_unknown(rq):
            asked.append(rq.headers["Idempotency-Key"])
            return problem(503, "commit_unknown", "x", "x") if len(asked) == 1 else answer(rq)

        played.routes["POST", "/comparisons"] = first_unknown
        done = Client(home, played).run("compare", "a", "b", "-r", "bench", "--detach")
        assert (done.returncode, done.stdout) == (0, b"5\n"), done
        assert len(asked) == 2 and asked[0] == asked[1] and len(asked[0]) == 32


def test_the_switch_is_on_or_off():
    done = subprocess.run([BIN / "cail-d", "--set", "history.confirm=perhaps"], capture_output=True, timeout=60)
    assert done.returncode == 78 and b"history.confirm=perhaps" in done.stderr
