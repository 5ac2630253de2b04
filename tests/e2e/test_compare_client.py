"""cail compare: what it sends, what it shows while it waits and at the end, what it exits with (against a
played daemon), and the checkout of an upstream against its merge-base (against a real one)."""
import json
import os
import pathlib
import signal
import sys

import pytest
from test_recipes_scripts import RECIPES, Upstream, git
from test_snapshot import fingerprint

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from client import Client  # noqa: E402
from fake_daemon import FakeDaemon, problem  # noqa: E402

SHA = "0123456789abcdef0123456789abcdef01234567"


def row(benchmark="gemm", verdict="regression", effect=1.031, **more):
    r = {"benchmark": benchmark, "params": {"m": 512}, "metric": "time", "unit": "ms", "better": "lower",
         "metric_kind": "time", "verdict": verdict, "flags": [], "n": 10,
         "base": {"median": 12.5, "lo": 12.4, "hi": 12.6}, "head": {"median": 12.5 * effect, "lo": 12, "hi": 13},
         "effect": effect, "effect_lo": effect - .005, "effect_hi": effect + .006, "change_pct": 3.1, "p": .002,
         "p_holm": .004, "min_effect": .01, "floor": None, "rounds_needed": 0, "pairs": []}
    r.update(more)
    return r


def document(**more):
    doc = {"id": 5, "state": "finished", "kind": "paired", "name": "x", "recipe": "bench",
           "base": {"label": "main", "sha": SHA, "job": 1, "params": None},
           "head": {"label": "topic/x", "sha": SHA[::-1], "job": 2, "params": None},
           "jobs": {"base": 1, "head": 2, "measure": 3}, "rounds": 10, "looks": 1, "alpha": .05, "seed": 1,
           "reason": None, "pr": None, "progress": None, "provisional": False, "verdict": "same", "exit_code": 0,
           "rows": [], "checks": [], "checks_same": 0, "geomean": None, "diffs": [], "missing": [],
           "created_at": "2026-01-02T03:04:05.678Z", "finished_at": "2026-01-02T04:04:05.678Z"}
    doc.update(more)
    return doc


class Played:
    """A daemon with one comparison whose looks are played one after the other; the last one stays."""

    def __init__(self, daemon):
        self.daemon, self.looks = daemon, [document()]
        r = daemon.routes
        r["POST", "/comparisons"] = lambda rq: (201, document(state="preparing", verdict=None))
        r["GET", "/comparisons"] = lambda rq: (200, {"comparisons": self.looks[-1:], "next_cursor": None})
        r["GET", "/comparisons/5"] = self.look
        r["POST", "/comparisons/5/cancel"] = self.cancel
        r["GET", "/comparisons/5/report"] = lambda rq: (200, b"report as %s\n" % rq.query["format"].encode())
        r["GET", "/recipes/bench"] = lambda rq: (200, {"name": "bench", "upstream": None, "dir": "/nowhere/bench"})
        r["GET", "/upstreams"] = lambda rq: (200, {"upstreams": []})

    def look(self, rq):
        return 200, self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    def cancel(self, rq):
        self.looks = [document(state="canceled", verdict="inconclusive", exit_code=None)]
        return 200, {"id": 5, "state": "canceled"}

    def ends(self, **more):
        self.looks = [document(**more)]

    def body(self):
        return self.daemon.seen("POST", "/comparisons")[-1].json


@pytest.fixture
def daemon():
    with FakeDaemon() as d:
        yield d


@pytest.fixture
def played(daemon):
    return Played(daemon)


@pytest.fixture
def cail(daemon, tmp_path, played):
    home = tmp_path / "home"
    home.mkdir()
    return Client(home, daemon)


def sent(cail, played, *args, **kw):
    done = cail.run("compare", *args, "--detach", **kw)
    assert (done.returncode, done.stdout) == (0, b"5\n"), done
    return played.body()


def usage(cail, played, *args, **kw):
    done = cail.run("compare", *args, **kw)
    assert done.returncode == 64, done
    assert played.daemon.seen("POST", "/comparisons") == []
    return done.stderr.decode()


def on_terminal(cail, *args):
    """(exit code, all that was shown)"""
    t = cail.terminal(*args, columns=120)
    return t.end(), t.seen


# --- what is sent ---

def test_two_refs(cail, played):
    body = sent(cail, played, "main", "topic/x", "--recipe", "bench", "-p", "n=3", "--head-param", "n=4",
                "--base-env", "A=1", "--rounds", "12", "--looks", "3", "--seed", "7", "--alpha", "0.01",
                "--metric", "time", "--metric", "gemm/*", "--min-effect", "2%", "--fail-on", "regression,missing",
                "--no-confirm", "--pr", "llvm#7", "--gpus", "2", "--timeout", "5m", "--repeats", "4", "-n", "mine")
    assert body == {
        "recipe": "bench", "params": {"n": "3"}, "base": {"ref": "main", "env": {"A": "1"}},
        "head": {"ref": "topic/x", "params": {"n": "4"}}, "rounds": 12, "looks": 3, "seed": 7, "alpha": .01,
        "metrics": ["time", "gemm/*"], "min_effect": .02, "fail_on": ["regression", "missing"], "confirm": False,
        "pr": "llvm#7", "needs": {"gpus": 2}, "timeout_s": 300, "repeats_max": 4, "name": "mine"}


def test_words_for_the_merge_base(cail, played):
    want = {"recipe": "bench", "base": {"ref": "merge-base:pull/7", "label": "merge-base"}, "head": {"ref": "pull/7"}}
    assert sent(cail, played, "merge-base", "pull/7", "-r", "bench") == want
    assert sent(cail, played, "pull/7", "-r", "bench") == want


def test_folders_of_programs(cail, played, tmp_path):
    for name in ("a", "b"):
        (tmp_path / "home" / name).mkdir()
    body = sent(cail, played, "./a", f"{tmp_path}/home/b", "-r", "bench")
    for side, name in (("base", "a"), ("head", "b")):
        path = os.path.realpath(f"{tmp_path}/home/{name}")
        assert body[side] == {"bin_dir": path, "label": path}


def test_commands_go_with_cwd_and_environment(cail, played, tmp_path):
    body = sent(cail, played, "--command", "./sort old", "--command", "./sort 'new one'", CC="clang",
                SECRET="x")
    assert body["base"] == {"command": ["/bin/bash", "-c", "./sort old"], "label": "./sort old"}
    assert body["head"]["command"] == ["/bin/bash", "-c", "./sort 'new one'"]
    assert body["cwd"] == str(tmp_path / "home")
    assert body["env"]["CC"] == "clang" and "PATH" in body["env"] and "SECRET" not in body["env"]
    assert "recipe" not in body
    body = sent(cail, played, "--aa", "--command", "true", "--clean-env", "-e", "A=1")
    assert body["kind"] == "aa" and "head" not in body and body["env"] == {"A": "1"}


def test_jobs(cail, played):
    want = {"base": {"job": 12}, "head": {"job": 13}}
    assert sent(cail, played, "--job", "12", "--job", "#13") == want
    assert sent(cail, played, "job:12", "job:13") == want


def test_aa_of_a_ref(cail, played):
    assert sent(cail, played, "--aa", "main", "-r", "bench") == {
        "kind": "aa", "recipe": "bench", "base": {"ref": "main"}}


def test_smallest_effect_by_kind(cail, played):
    body = sent(cail, played, "a", "b", "-r", "bench", "--min-effect", "time=2,count=0.1%", "--add-rounds", "2")
    assert body["min_effect"] == {"time": .02, "count": pytest.approx(.001)} and body["looks"] == 2


@pytest.mark.parametrize("args, say", [
    (["a", "b"], "--recipe"),
    (["a", "b", "c", "-r", "bench"], "two words"),
    (["--command", "a"], "twice"),
    (["--command", "a", "--command", "b", "--command", "c"], "twice"),
    (["--command", "a", "--command", "b", "-r", "bench"], "--recipe has no place"),
    (["--command", "a", "--command", "b", "x"], "no BASE and HEAD"),
    (["--job", "x", "--job", "2"], "a job's id"),
    (["--aa", "a", "b", "-r", "bench"], "one side"),
    (["./nothing", "b", "-r", "bench"], "./nothing"),
    (["a", "merge-base", "-r", "bench"], "merge-base is a base"),
    (["--min-effect", "much", "a", "b", "-r", "bench"], "--min-effect much"),
    (["--alpha", "x", "a", "b", "-r", "bench"], "--alpha x"),
    (["--rounds", "x", "a", "b", "-r", "bench"], "--rounds x"),
    (["--", "true"], "--command"),
    (["--aa", "a", "-r", "bench", "--head-param", "x=1"], "no head"),
    ([], "no checkout of an upstream"),
    (["show", "x"], "no id"),
    (["cancel"], "which one"),
])
def test_what_makes_no_sense(cail, played, args, say):
    assert say in usage(cail, played, *args)


def test_refusals_of_the_daemon(cail, played, daemon):
    daemon.routes["POST", "/comparisons"] = lambda rq: problem(
        422, "bad_field", "A field has a bad value", "rounds is 3; it must be 6 to 200",
        errors=[{"pointer": "/rounds", "detail": "rounds is 3; it must be 6 to 200"}])
    done = cail.run("compare", "a", "b", "-r", "bench", "--rounds", "3")
    assert done.returncode == 64 and b"/rounds: rounds is 3" in done.stderr


# --- what is shown ---

def test_the_interval_is_that_of_one_look(cail, played):
    played.ends(rows=[row()], looks=2)
    out = cail.run("compare", "show", "5").stdout.decode()
    assert "CHANGE [97.5 %]" in out and "alpha 0.05 shared by 2 looks" in out


def test_exit_codes(cail, played):
    for code in range(5):
        played.ends(exit_code=code)
        assert cail.run("compare", "a", "b", "-r", "bench").returncode == code
    played.ends(state="failed", exit_code=None)
    assert cail.run("compare", "show").returncode == 3
    played.ends(state="canceled", exit_code=None, verdict=None)
    assert cail.run("compare", "follow", "5").returncode == 66


def test_rounds_that_looks_added_are_counted(cail, played):
    played.ends(rounds=6, looks=3, measurements=[{"batch": 0, "round": n} for n in range(-1, 18)] +
                [{"batch": 1, "round": 30}])
    assert b"; 18 rounds, alpha 0.05 shared by 3 looks\n" in cail.run("compare", "a", "b", "-r", "bench").stdout


def test_the_table(cail, played):
    played.ends(verdict="regression", exit_code=1, rows=[
        row(flags=["confirmed", "drift"]), row("conv", "improvement", .9),
        row("exact", "changed_small", 1.002, effect_lo=None, effect_hi=None, unit="B",
            base={"median": 1000}, head={"median": 1002}),
        row("some", "inconclusive", 1.01, rounds_needed=31),
        row("wide", "same", 1.0), row("shown", "improvement", .5, flags=["shown_only"])],
        geomean={"effect": .98, "lo": .97, "hi": .99}, checks=[
            {"benchmark": "a.mlir", "params": {}, "verdict": "new_failure", "base": "ok", "head": "failed"}],
        checks_same=12, diffs=[{"name": "out.ll", "diff": "x"}], missing=["no PMU on this machine"])
    done = cail.run("compare", "main", "topic/x", "-r", "bench")
    out = done.stdout.decode()
    assert done.returncode == 1
    lines = out.splitlines()
    assert lines[0] == f"comparison 5 bench: main {SHA[:12]} against topic/x {SHA[::-1][:12]}"
    assert lines[1] == "regression; 10 rounds, alpha 0.05"

    def line(word):
        return " ".join(next(s for s in lines if s.startswith(word)).split())

    assert line("gemm") == "gemm m=512 time 12.500 ms 12.887 ms +3.1 % [+2.6, +3.7] regression, confirmed drift"
    assert "-10.0 % [-10.5, -9.4] improvement" in line("conv")
    assert "1000 B 1002 B +0.20 % changed, too little to count" in line("exact")
    assert "inconclusive, about 31 rounds would tell" in line("some")
    assert line("wide").endswith("0.0 % [-0.5, +0.6] same") and "shown " not in out
    assert "1 decide nothing; --rows lists them" in out
    assert line("a.mlir") == "a.mlir ok failed new failure"
    assert "1 check differs or fails, 12 end alike" in out
    assert "geometric mean: -2.0 % [-3.0, -1.0]" in out and "differs: out.ll" in out
    assert "no PMU on this machine" in lines
    assert lines[-1] == f"{cail.url}/comparisons/5"
    assert "decides nothing" in cail.run("compare", "show", "5", "--rows").stdout.decode()
    assert b"\x1b" not in done.stdout


def test_colour_has_meaning_alone_and_strangers_words_are_harmless(cail, played):
    played.ends(verdict="regression", exit_code=1, reason="\x1b]0;evil\x07told", rows=[
        row("ev\x1b[2Jil"), row("b", "improvement", .9), row("c", "same", 1)])
    code, seen = on_terminal(cail, "compare", "show", "5")
    assert code == 1
    assert b"\x1b[31mregression\x1b[0m" in seen and b"\x1b[32mimprovement\x1b[0m" in seen
    assert b"\x1b[2J" not in seen and b"\x1b]0" not in seen and b"msame" not in seen


def test_many_that_are_the_same_are_counted(cail, played):
    played.ends(rows=[row(f"b{i}", "same", 1) for i in range(20)] + [row()])
    out = cail.run("compare", "show").stdout.decode()
    assert "gemm" in out and "b3 " not in out and "20 more are the same; --rows lists them" in out


def test_of_many_inconclusive_ones_the_first_are_shown(cail, played):
    played.ends(rows=[row()] + [row(f"u{i}", "inconclusive", 1.02) for i in range(15)] +
                [row(f"s{i}", "same", 1) for i in range(3)] + [row("x", "same", 1, flags=["shown_only"])])
    out = cail.run("compare", "show").stdout.decode()
    assert "u7 " in out and "u8 " not in out and "u14 " in cail.run("compare", "show", "--rows").stdout.decode()
    assert "3 more are the same, 7 more are inconclusive, 1 decide nothing; --rows lists them" in out


def test_a_text_that_differs_is_shown_in_short(cail, played):
    text = "--- base/a.txt\n+++ head/a.txt\n@@ -1 +1 @@\n-f t 10\n+f t \x1b[2J12\n"
    played.ends(diffs=[{"name": "a.txt", "text": text}, {"name": "b.bin", "text": None},
                       {"name": "c.txt", "text": "--- b\n+++ h\n" + "+x\n" * 30}])
    out = cail.run("compare", "show").stdout.decode()
    assert "differs: a.txt\n    @@ -1 +1 @@\n    -f t 10\n    +f t " in out and "\x1b" not in out
    assert "differs: b.bin\ndiffers: c.txt\n" in out
    assert out.count("    +x\n") == 14 and "    ... and more; cail compare report has all of it\n" in out


def test_progress_line_by_line_where_there_is_no_terminal(cail, played, daemon):
    daemon.add_job(1, state="running", progress={"done": 43, "total": 100})
    daemon.add_job(2, state="succeeded", cached=True)

    def at(text, **more):
        return document(state="measuring", progress={"done": 4, "total": 20, "round": 7, "rounds": 10, "eta_s": 240,
                                                     "text": text}, **more)

    played.looks = [document(state="preparing"), at("round 7 of 10", reason="6 rounds cannot tell 2 %"),
                    at("round 7 of 10"), at("round 8 of 10"), document(state="judging"), document()]
    err = cail.run("compare", "a", "b", "-r", "bench").stderr.decode().splitlines()
    assert err == [f"cail: comparison 5: main {SHA[:12]} against topic/x {SHA[::-1][:12]}",
                   "cail: preparing: base (job 1, running), head cached", "cail: 6 rounds cannot tell 2 %",
                   "cail: round 7 of 10", "cail: round 8 of 10", "cail: judging"]
    played.looks = [document(state="preparing"), document()]
    assert cail.run("compare", "follow", "--wait").stderr == b""


def test_progress_on_a_terminal(cail, played, daemon):
    daemon.add_job(1, state="running", progress={"done": 43, "total": 100})
    daemon.add_job(2, state="succeeded", cached=True)
    played.looks = [document(state="preparing"), document(state="measuring", progress={
        "done": 4, "total": 20, "round": 7, "rounds": 10, "eta_s": 240, "text": "round 7 of 10"}), document()]
    code, seen = on_terminal(cail, "compare", "follow", "5")
    assert code == 0
    assert b"preparing: base (job 1, 43 %), head cached" in seen and b"round 7 of 10, 4 min left" in seen


def test_ctrl_c_leaves_it_running_twice_cancels(cail, played, daemon):
    played.looks = [document(state="measuring")]
    p = cail.start("compare", "follow", "5")
    daemon.wait_for(lambda d: d.seen("GET", "/comparisons/5"))
    p.send_signal(signal.SIGINT)
    _, err = p.communicate(timeout=60)
    assert p.returncode == 130 and b"comparison 5 goes on: cail compare follow 5" in err
    assert daemon.seen("POST", "/comparisons/5/cancel") == []


def test_json_and_reports(cail, played, tmp_path):
    played.ends(exit_code=2)
    done = cail.run("compare", "a", "b", "-r", "bench", "--json")
    assert done.returncode == 2 and json.loads(done.stdout)["id"] == 5 and done.stderr == b""
    done = cail.run("compare", "a", "b", "-r", "bench", "--wait", "--report", "-", "--junit", tmp_path / "j.xml",
                    "--github", tmp_path / "g.json")
    assert done.stdout == b"report as markdown\n" and done.returncode == 2
    assert (tmp_path / "j.xml").read_text() == "report as junit\n"
    assert (tmp_path / "g.json").read_text() == "report as github\n"
    assert cail.ok("compare", "report") == "report as markdown\n"
    done = cail.run("compare", "report", "5", "--report", "/nonexistent/x")
    assert done.returncode == 125 and b"cannot write /nonexistent/x" in done.stderr


def test_show_of_one_that_runs_is_no_verdict(cail, played):
    played.ends(state="measuring", verdict="regression", exit_code=1)
    done = cail.run("compare", "show", "5")
    assert done.returncode == 0 and b"measuring; so far: regression" in done.stdout


def test_lists_and_cancel(cail, played, daemon):
    for args in (["compare", "ls"], ["comparisons"]):
        out = cail.ok(*args).splitlines()
        assert out[0].split() == ["ID", "STATE", "VERDICT", "RECIPE", "SIDES", "AGE"]
        assert out[1].split()[:4] == ["5", "finished", "same", "bench"]
    cail.ok("comparisons", "--pr", "llvm#7", "--limit", "3")
    assert daemon.seen("GET", "/comparisons")[-1].query == {"limit": "3", "pr": "llvm#7"}
    assert b"comparison 5" in cail.run("comparisons", "5").stdout
    assert cail.run("compare", "cancel", "5").returncode == 0


# --- a checkout of an upstream ---

class Checkout:
    def __init__(self, tmp, upstream, daemon, fork="https://forge.example/{owner}/up.git"):
        self.dir = tmp / "tree"
        self.root = tmp / "root"
        self.upstream = upstream
        git(tmp, "clone", "-q", upstream.url, str(self.dir))
        own = {"name": "up", "url": upstream.url, "default_branch": None, "branch_hint": "trunk",
               "recipes": {"benchmark": ["bench"]}, "pull": {"fork": fork}}
        recipe = {"name": "bench", "upstream": "up", "dir": str(RECIPES / "tools" / "cail" / "bench")}
        daemon.routes["GET", "/upstreams"] = lambda rq: (200, {"upstreams": [
            {**own, "name": "other", "url": "https://forge.example/x/other", "pull": {}}, own]})
        daemon.routes["GET", "/upstreams/up"] = lambda rq: (200, own)
        daemon.routes["GET", "/recipes/bench"] = lambda rq: (200, recipe)
        daemon.routes["GET", "/version"] = lambda rq: (200, {"build_root": str(self.root)})
        self.own, self.recipe = own, recipe

    def git(self, *args):
        return git(self.dir, *args)

    def write(self, name, text="text\n"):
        (self.dir / name).write_text(text)

    def mirror(self, *args):
        return git(self.root / "mirrors" / "up.git", *args)


@pytest.fixture
def upstream(tmp_path):
    return Upstream(tmp_path, "up")


@pytest.fixture
def tree(tmp_path, upstream, daemon, played):
    return Checkout(tmp_path, upstream, daemon)


def test_without_a_word_the_merge_base_against_the_working_tree(cail, played, tree):
    base = tree.git("rev-parse", "HEAD")
    tree.git("checkout", "-q", "-b", "topic")
    tree.write("committed.txt")
    tree.git("add", ".")
    tree.git("commit", "-q", "-m", "mine")
    tree.write("a.txt", "changed\n")
    tree.write("untracked.txt")
    tree.upstream.commit("later.txt", "trunk went on\n")
    tree.upstream.push()
    tree.git("fetch", "-q")
    status, before = tree.git("--no-optional-locks", "status", "--porcelain"), fingerprint(tree.dir / ".git")
    (tree.dir / "sub").mkdir()
    body = sent(cail, played, cwd=tree.dir / "sub")
    assert fingerprint(tree.dir / ".git") == before
    assert tree.git("--no-optional-locks", "status", "--porcelain") == status
    sha = body["head"].pop("ref")
    assert body == {"recipe": "bench", "base": {"ref": base, "label": "merge-base"},
                    "head": {"label": "working tree"}}
    assert set(tree.mirror("ls-tree", "-r", "--name-only", sha).split()) == {
        "a.txt", "committed.txt", "untracked.txt"}
    assert tree.mirror("merge-base", sha, base) == base


def test_nothing_to_compare(cail, played, tree, daemon):
    done = cail.run("compare", cwd=tree.dir)
    assert done.returncode == 0 and b"the working tree is the merge-base" in done.stderr
    assert daemon.seen("POST", "/comparisons") == []


def test_the_clone_of_a_fork_is_known_by_its_address(cail, played, tree):
    tree.own["url"] = "file:///nonexistent/up"
    tree.git("remote", "set-url", "origin", "git@forge.example:somebody/up.git")
    tree.write("n.txt")
    done = cail.run("compare", "--detach", cwd=tree.dir)
    # The mirror is fetched from the upstream itself, which is not there.
    assert done.returncode == 65 and b"no snapshot could be taken" in done.stderr
    assert b"file:///nonexistent/up" in done.stderr


def test_a_branch_that_was_never_fetched(cail, played, tree):
    tree.git("update-ref", "-d", "refs/remotes/origin/trunk")
    tree.git("symbolic-ref", "-d", "refs/remotes/origin/HEAD")
    done = cail.run("compare", cwd=tree.dir)
    assert done.returncode == 65 and b"git fetch origin" in done.stderr


def test_a_branch_of_this_repository_alone(cail, played, tree):
    tree.git("checkout", "-q", "-b", "topic/x")
    tree.write("n.txt")
    tree.git("add", ".")
    tree.git("commit", "-q", "-m", "mine")
    tree.git("checkout", "-q", "trunk")
    sha = tree.git("rev-parse", "topic/x")
    body = sent(cail, played, "trunk", "topic/x", "-r", "bench", cwd=tree.dir)
    assert body["base"] == {"ref": "trunk"} and body["head"] == {"ref": sha, "label": "topic/x"}
    assert tree.mirror("cat-file", "-t", sha) == "commit"
    body = sent(cail, played, "topic/x", "-r", "bench", cwd=tree.dir)
    assert body["base"] == {"ref": f"merge-base:{sha}", "label": "merge-base"}


def test_two_checkouts(cail, played, tree, tmp_path):
    other = tmp_path / "other"
    git(tmp_path, "clone", "-q", tree.upstream.url, str(other))
    (other / "n.txt").write_text("in the other\n")
    body = sent(cail, played, ".", other, "-r", "bench", cwd=tree.dir)
    assert body["base"] == {"ref": tree.git("rev-parse", "HEAD"), "label": "working tree"}
    assert body["head"]["label"] == f"working tree {other}"
    assert tree.mirror("show", body["head"]["ref"] + ":n.txt") == "in the other"


def test_a_benchmark_that_does_not_build_this_upstream(cail, played, tree):
    tree.recipe["upstream"] = "other"
    done = cail.run("compare", cwd=tree.dir)
    assert done.returncode == 65 and b"does not build it from a checkout" in done.stderr


def test_a_daemon_elsewhere(cail, played, tree):
    tree.recipe["dir"] = "/nowhere/recipes/tools/cail/bench"
    tree.write("n.txt")
    done = cail.run("compare", cwd=tree.dir)
    assert done.returncode == 65 and b"not on this machine" in done.stderr


def test_refusals_of_the_snapshot_are_told(cail, played, tree):
    with open(tree.dir / "big", "wb") as f:
        f.truncate(3 << 20)
    done = cail.run("compare", cwd=tree.dir, CAIL_SNAPSHOT_MIB="1")
    assert done.returncode == 65 and b"big, 3 MiB" in done.stderr




# --- the real daemon ---

UPSTREAM = """{
  "name": "up",
  "title": "Up",
  "aliases": [],
  "group": "tools",
  "url": "%s",
  "branch_hint": "trunk",
  "recipes": {"build": [], "test": [], "benchmark": ["bench"]},
"""
STEPS = {
    "fetch": """
        build_root_open
        source_get up "$(param ref)"
        echo "sha $SRC_SHA" >"$CAIL_ATTEMPT_DIR/cache-key"
        echo "$SRC_SHA" >"$CAIL_JOB_DIR/sha"
        """,
    "build": """
        build_root_open
        source_get up "$(<"$CAIL_JOB_DIR/sha")"
        cp "$SRC_DIR/a.txt" "$CAIL_BUILD_DIR/"
        """,
    "measure": 'metric gemm time "$(<"$CAIL_BUILD_DIR/a.txt")" ms lower time\n',
}


@pytest.fixture
def real(tmp_path, make_daemon):
    """An upstream whose only file is the figure that its benchmark measures, and a clone of it."""
    source = Upstream(tmp_path, "up")
    source.commit("a.txt", "10\n")
    source.push()
    recipes = tmp_path / "recipes"
    folder = recipes / "tools" / "up" / "bench"
    folder.mkdir(parents=True)
    (recipes / "lib").symlink_to(RECIPES / "lib")
    (recipes / "upstreams").mkdir()
    llvm = (RECIPES / "upstreams" / "llvm.json").read_text()
    (recipes / "upstreams" / "up.json").write_text(UPSTREAM % source.url + llvm[llvm.index('  "pull"'):])
    (folder / "recipe.json").write_text("""{
  "name": "bench",
  "group": "tools",
  "summary": "a figure",
  "upstream": "up",
  "kind": "benchmark",
  "params": {"ref": {"type": "ref", "description": "what", "default": ""}},
  "steps": [{"name": "fetch", "run": "fetch.sh", "keys_cache": true},
            {"name": "build", "run": "build.sh", "cached": true},
            {"name": "measure", "run": "measure.sh"}]
}
""")
    for name, text in STEPS.items():
        (folder / f"{name}.sh").write_text(text)
    d = make_daemon("--set", "jobs.cpus=2", recipes=recipes)
    home = tmp_path / "home"
    home.mkdir()
    git(tmp_path, "clone", "-q", source.url, str(tmp_path / "tree"))
    return d, Client(home, d), source, tmp_path / "tree"


def last(d):
    return d.get("/comparisons/%d" % d.get("/comparisons?limit=1").json()["comparisons"][0]["id"]).json()


def test_a_changed_checkout_is_compared_and_left_as_it_was(real):
    d, cail, source, tree = real
    base = git(tree, "rev-parse", "HEAD")
    (tree / "a.txt").write_text("12\n")
    (tree / "untracked.txt").write_text("x\n")
    source.commit("later.txt", "trunk went on\n")
    source.push()
    status, before = git(tree, "--no-optional-locks", "status", "--porcelain"), fingerprint(tree / ".git")
    done = cail.run("compare", "--rounds", "6", cwd=tree)
    assert fingerprint(tree / ".git") == before
    assert git(tree, "--no-optional-locks", "status", "--porcelain") == status
    doc = last(d)
    assert done.returncode == doc["exit_code"], done
    out = done.stdout.decode()
    assert f"bench: merge-base {base[:12]} against working tree {doc['head']['sha'][:12]}" in out
    assert "+20.0 %" in out and "regression, confirmed" in out
    assert doc["base"]["sha"] == base and doc["verdict"] == "regression"
    # The repository may go: the lab has what it measured, and the same content is not built again.
    again = cail.run("compare", "--rounds", "6", "--wait", cwd=tree)
    assert again.returncode == done.returncode and last(d)["head"]["sha"] == doc["head"]["sha"]
    assert d.job(last(d)["jobs"]["head"])["cached"]


def test_merge_base_pull_request_and_worktree_without_a_client(real):
    d, cail, source, tree = real
    base = git(tree, "rev-parse", "HEAD")
    git(tree, "checkout", "-q", "-b", "topic")
    (tree / "a.txt").write_text("9\n")
    git(tree, "commit", "-q", "-a", "-m", "faster")
    git(tree, "push", "-q", "origin", "topic:refs/pull/7/head")
    source.commit("later.txt", "trunk went on\n")
    source.push()
    for head in ({"ref": "pull/7"}, {"worktree": str(tree)}):
        doc = d.post("/comparisons?wait=60", {"recipe": "bench", "base": {"ref": "merge-base"}, "head": head,
                                              "rounds": 6}).json()
        assert (doc["state"], doc["verdict"]) == ("finished", "improvement"), (
            doc["reason"], [d.get(f"/jobs/{j}/log").text for j in doc["jobs"].values() if j])
        assert doc["base"]["sha"] == base and doc["head"]["sha"] == git(tree, "rev-parse", "HEAD")
    done = cail.run("compare", "pull/7", "-r", "bench", "--rounds", "6")
    assert done.returncode == 0 and b"-10.0 %" in done.stdout and last(d)["base"]["sha"] == base
    refused = d.post("/comparisons", {"recipe": "bench", "base": {"ref": "merge-base"}, "head": {"bin_dir": "/x"}})
    assert refused.status == 422 and refused.json()["errors"][0]["pointer"] == "/base/ref"


def test_commands_reports_and_the_list(real, tmp_path):
    d, cail, _, _ = real
    say = "echo '::cail metric benchmark=b name=t value=%s unit=s better=lower'"
    done = cail.run("compare", "--command", say % 1, "--command", say % 2, "--rounds", "6", "--metric", "t",
                    "--report", tmp_path / "r.md", "--junit", tmp_path / "j.xml", "--github", tmp_path / "g.json",
                    "--fail-on", "regression,inconclusive")
    doc = last(d)
    assert done.returncode == doc["exit_code"] and b"+100 %" in done.stdout.replace(b"+100.0", b"+100"), done
    assert (tmp_path / "r.md").read_text().startswith("#") and "<testsuite" in (tmp_path / "j.xml").read_text()
    assert "conclusion" in json.loads((tmp_path / "g.json").read_text())
    assert cail.ok("compare", "report").encode() == (tmp_path / "r.md").read_bytes()
    assert "regression" in cail.ok("compare", "ls")
    assert cail.run("compare", "show", "99").returncode == 65


def test_a_canceled_one(real):
    d, cail, _, _ = real
    id = cail.ok("compare", "--command", "sleep 60", "--command", "sleep 61", "--detach").strip()
    assert cail.run("compare", "cancel", id).returncode == 0
    assert cail.run("compare", "follow", id).returncode == 66


def test_too_few_rounds_are_told_first(real):
    d, cail, _, _ = real
    many = "for i in $(seq 40); do echo \"::cail metric benchmark=b$i name=t value=1 unit=s better=lower\"; done"
    done = cail.run("compare", "--command", many, "--command", many, "--rounds", "6", "--no-confirm")
    assert b"underpowered" in done.stderr + done.stdout
