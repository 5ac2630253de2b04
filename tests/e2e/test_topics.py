"""The road from fork to pull request: real git on local bare repositories, a real daemon, the checks as
jobs."""
import json
import os
import pathlib
import shutil
import subprocess

import pytest

from client import Client
from daemon import ROOT, Daemon

RECIPES = ROOT / "recipes"

needs_clang = pytest.mark.skipif(not shutil.which("git-clang-format"), reason="no git-clang-format here")
needs_rustfmt = pytest.mark.skipif(not shutil.which("rustfmt"), reason="no rustfmt here")


class World:
    """An upstream, a fork of it, a daemon that knows the upstream's URL, a home for the user."""

    def __init__(self, tmp, name, branch, files):
        self.tmp, self.name = tmp, name
        self.home = tmp / "home"
        self.home.mkdir()
        self.upstream, self.fork = tmp / "up" / f"{name}.git", tmp / "alice" / f"{name}.git"
        self.env = {"PATH": os.environ["PATH"], "HOME": str(self.home), "LC_ALL": "C.UTF-8"}
        self.git("config", "--global", "user.name", "Alice Example", cwd=tmp)
        self.git("config", "--global", "user.email", "alice@example.org", cwd=tmp)
        seed = tmp / "seed"
        self.git("init", "-q", "-b", branch, seed, cwd=tmp)
        for path, text in files.items():
            (seed / path).parent.mkdir(parents=True, exist_ok=True)
            (seed / path).write_text(text)
        self.git("add", ".", cwd=seed)
        self.git("commit", "-q", "-m", "begin", cwd=seed)
        for bare in (self.upstream, self.fork):
            bare.parent.mkdir(parents=True, exist_ok=True)
            self.git("clone", "-q", "--bare", seed, bare, cwd=tmp)
        self.daemon = Daemon(tmp / "d", recipes=RECIPES)
        variable = f"CAIL_UPSTREAM_{name.upper().replace('-', '_')}_URL"
        self.tools()
        self.daemon.start(**{variable: self.upstream.as_uri()})
        self.client = Client(self.home, self.daemon)
        self.topics = tmp / "topics"

    def tools(self):
        """Where a job looks for a person's rustfmt."""
        if shutil.which("rustfmt"):
            wrapper = self.daemon.folder / ".local" / "bin" / "rustfmt"
            wrapper.parent.mkdir(parents=True)
            wrapper.write_text(f'#!/bin/sh\nHOME="{os.environ["HOME"]}" exec "{shutil.which("rustfmt")}" "$@"\n')
            wrapper.chmod(0o755)

    def git(self, *args, cwd, check=True):
        done = subprocess.run(["git", *map(str, args)], cwd=cwd, env=self.env, capture_output=True, text=True)
        assert not check or done.returncode == 0, done
        return done.stdout.strip() if check else done

    def cail(self, *args, cwd=None, **env):
        return self.client.run(*args, cwd=cwd, CAIL_TOPICS_DIR=str(self.topics), **env)

    def ok(self, *args, cwd=None, **env):
        done = self.cail(*args, cwd=cwd, **env)
        assert done.returncode == 0, done
        return done.stdout.decode()

    def start(self, topic, *more):
        return pathlib.Path(self.ok("topic", "start", self.name, topic, "--fork", self.fork.as_uri(), *more).strip())

    def commit(self, tree, message, files, *more):
        for path, text in files.items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_text(text)
        self.git("add", ".", cwd=tree)
        self.git("commit", "-q", "-m", message, *more, cwd=tree)


@pytest.fixture
def world(tmp_path):
    made = []

    def make(name, branch, files):
        made.append(World(tmp_path, name, branch, files))
        return made[0]
    yield make
    for w in made:
        w.daemon.finish()


C_STYLE = {".clang-format": "BasedOnStyle: LLVM\n", "lib/a.c": "int a;\n"}
GOOD_C, BAD_C = "int b;\n", "int   b ;\n"
GOOD_RS, BAD_RS = "fn b() {}\n", "fn   b( ) { }\n"

# name: default branch, files, a good and a bad title, a file of the wrong form, sign-off
ROADS = {
    "llvm": ("main", C_STYLE, "[mlir] Add b", "add b", ("lib/b.c", GOOD_C, BAD_C), False),
    "iree": ("main", C_STYLE, "[Codegen] Add b", "add b", ("lib/b.c", GOOD_C, BAD_C), True),
    "nccl": ("master", C_STYLE, "Add b", "add b and much more than fifty characters of subject",
             ("lib/b.c", GOOD_C, BAD_C), True),
    "tokio": ("master", {"src/a.rs": "fn a() {}\n"}, "sync: add b", "Add b", ("src/b.rs", GOOD_RS, BAD_RS), False),
}


@needs_clang
@needs_rustfmt
@pytest.mark.parametrize("name", ROADS)
def test_the_whole_road(world, name):
    branch, files, good_title, bad_title, (path, good, bad), signed = ROADS[name]
    w = world(name, branch, files)
    tree = w.start("my-change")
    assert tree == w.topics / name / "my-change"
    assert w.git("symbolic-ref", "--short", "HEAD", cwd=tree) == "topic/my-change"
    assert w.daemon.get(f"/upstreams/{name}").json()["default_branch"] == branch
    assert w.git("rev-parse", "HEAD", cwd=tree) == w.git("rev-parse", branch, cwd=w.upstream)

    # Everything wrong at once: each is named, with its fix.
    w.commit(tree, bad_title, {path: bad})
    done = w.cail("topic", "check", cwd=tree)
    said = done.stdout.decode()
    assert done.returncode == 1, done
    failed = [line.split()[1] for line in said.splitlines() if line.startswith("FAIL")]
    assert failed == ["title", *(["sign-off"] if signed else []), "formatter"], said
    assert said.count("fix: ") == len(failed)
    status = w.ok("topic", "status")
    assert "failed" in status and "my-change" in status

    # Mended one after the other.
    (tree / path).write_text(good)
    w.git("commit", "-q", "-a", "--amend", "-m", good_title, cwd=tree)
    done = w.cail("topic", "check", cwd=tree)
    assert (b"FAIL  sign-off" in done.stdout) == signed and done.returncode == (1 if signed else 0), done
    if signed:
        w.git("commit", "-q", "--amend", "-s", "--no-edit", cwd=tree)
        assert "all" in w.ok("topic", "check", cwd=tree)

    w.ok("topic", "push", cwd=tree)
    head = w.git("rev-parse", "HEAD", cwd=tree)
    assert w.git("rev-parse", "refs/heads/topic/my-change", cwd=w.fork) == head
    assert w.git("for-each-ref", "--format=%(refname)", "refs/heads", cwd=w.upstream) == f"refs/heads/{branch}"

    row = w.daemon.get(f"/upstreams/{name}").json()
    page = w.ok("topic", "pr", cwd=tree).strip()
    stem = row["pull"]["compare"].split("{base}")[0]
    assert page.startswith(f"{stem}{branch}...alice:topic/my-change?expand=1&title=")

    pull = row["pull"]["page"].replace("{number}", "7")
    w.ok("topic", "link", pull, cwd=tree)
    [topic] = json.loads(w.ok("topic", "status", "--json"))["topics"]
    assert (topic["pr"], topic["ahead"], topic["behind"]) == (pull, 1, 0)
    assert topic["check"]["state"] == "succeeded" and topic["check"]["sha"] == head
    w.ok("topic", "check", cwd=tree)
    pr = json.loads(w.ok("pr", "show", f"{name}#7", "--json"))
    assert [j["recipe"] for j in pr["jobs"]] == ["topic-check"]  # of the check after the link
    assert [t["name"] for t in pr["topics"]] == ["my-change"]


@pytest.fixture
def llvm(world):
    return world("llvm", "main", C_STYLE)


def test_an_upstream_is_never_pushed_to(llvm, tmp_path):
    w = llvm
    before = w.git("for-each-ref", cwd=w.upstream)
    refused = w.cail("topic", "start", "llvm", "x", "--fork", w.upstream.as_uri())
    assert refused.returncode == 65 and b"the upstream itself" in refused.stderr
    tree = w.start("x")
    w.commit(tree, "[mlir] Add b", {"lib/b.c": GOOD_C})
    link = tmp_path / "link.git"
    link.symlink_to(w.upstream)
    for url in (w.upstream.as_uri(), str(w.upstream), f"{w.upstream}/", f"file://{w.upstream}", str(link),
                f"file://{w.upstream.parent}/./llvm.git", "https://github.com/LLVM/llvm-project",
                "git@github.com:llvm/llvm-project.git", "ssh://git@github.com:22/llvm/llvm-project.git/",
                "https://www.github.com/llvm/llvm%2dproject.git"):
        done = w.cail("topic", "push", "--fork", url, cwd=tree)
        assert done.returncode == 65 and b"the upstream itself" in done.stderr, (url, done)
    # Nor by a pushurl, by one of several, or by insteadOf.
    w.git("config", "--add", "remote.origin.pushurl", w.fork.as_uri(), cwd=tree)
    w.git("config", "--add", "remote.origin.pushurl", w.upstream.as_uri(), cwd=tree)
    assert w.cail("topic", "push", cwd=tree).returncode == 65
    w.git("config", "--unset-all", "remote.origin.pushurl", cwd=tree)
    w.git("config", f"url.{w.upstream.parent.as_uri()}/.pushInsteadOf", f"{w.fork.parent.as_uri()}/", cwd=tree)
    assert w.cail("topic", "push", cwd=tree).returncode == 65
    # git itself cannot either.
    assert w.git("push", "upstream", "HEAD:refs/heads/evil", cwd=tree, check=False).returncode != 0
    assert w.git("for-each-ref", cwd=w.upstream) == before


@pytest.mark.parametrize("url", ["ext::sh -c id", "-oProxyCommand=id", "--upload-pack=id", "https://u:p@h/r.git",
                                 "ftp://h/r", "a b", "ssh://-oProxyCommand=id/x", "https://h/r\nx", "relative/path", ""])
def test_hostile_forks(llvm, url):
    done = llvm.cail("topic", "start", "llvm", "x", f"--fork={url}")
    assert done.returncode == 65, done
    assert not (llvm.topics / "llvm" / "x").exists()


@pytest.mark.parametrize("name", ["-x", "../x", "a/b", "X", "", "a..b", "a.lock", "x\ny", "repo.git", "lock", "a" * 65])
def test_hostile_names(llvm, name):
    done = llvm.cail("topic", "start", "llvm", name)
    assert done.returncode == 64, done
    assert not llvm.topics.exists()


def test_topics_share_a_repository_and_start_once(llvm):
    w = llvm
    one, two = w.start("one"), pathlib.Path(w.ok("topic", "start", "mlir", "two").strip())
    common = {w.git("rev-parse", "--path-format=absolute", "--git-common-dir", cwd=t) for t in (one, two)}
    assert common == {str(w.topics / "llvm" / "repo.git")}
    assert w.git("remote", "get-url", "origin", cwd=two) == w.fork.as_uri()
    again = w.cail("topic", "start", "llvm", "one")
    assert again.returncode == 65 and b"is there already" in again.stderr
    assert w.cail("topic", "start", "lvm", "three").returncode == 65
    listed = json.loads(w.ok("topic", "status", "--json"))["topics"]
    assert [(t["upstream"], t["name"], t["ahead"]) for t in listed] == [("llvm", "two", 0), ("llvm", "one", 0)]
    w.ok("topic", "close", "llvm", "one")
    assert [t["name"] for t in json.loads(w.ok("topic", "status", "--json"))["topics"]] == ["two"]
    assert len(json.loads(w.ok("topic", "status", "--all", "--json"))["topics"]) == 2
    assert one.is_dir()


def test_started_at_once(llvm):
    """Ten at the same time: one repository, ten worktrees."""
    w = llvm
    env = {**w.env, "CAIL_URL": w.daemon.url, "CAIL_TOPICS_DIR": str(w.topics)}
    from client import CAIL
    running = [subprocess.Popen([CAIL, "topic", "start", "llvm", f"t{i}"], env=env, cwd=w.home,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
               for i in range(10)]
    assert [p.communicate()[1] and p.returncode for p in running] == [0] * 10
    assert sorted(p.name for p in (w.topics / "llvm").iterdir()) == sorted(
        ["lock", "repo.git", *(f"t{i}" for i in range(10))])
    assert w.git("fsck", "--connectivity-only", cwd=w.topics / "llvm" / "repo.git") is not None
    assert len(w.daemon.get("/topics").json()["topics"]) == 10


def test_hook(llvm):
    w = llvm
    tree = w.start("x")
    hook = w.topics / "llvm" / "repo.git" / "hooks" / "pre-push"
    w.ok("topic", "hook", "install", cwd=tree)
    text = hook.read_text()
    assert "topic check --pre-push" in text and os.access(hook, os.X_OK)
    assert w.cail("topic", "hook", "install", cwd=tree).returncode == 0  # ours already
    assert hook.read_text() == text
    w.commit(tree, "no tag", {"lib/b.c": GOOD_C})
    env = dict(CAIL_URL=w.daemon.url)
    refused = w.cail("topic", "push", cwd=tree, **env)
    assert refused.returncode == 1 and b"FAIL" in refused.stdout + refused.stderr, refused
    assert w.git("for-each-ref", "refs/heads/topic", cwd=w.fork) == ""
    w.git("commit", "-q", "--amend", "-m", "[mlir] Add b", cwd=tree)
    w.ok("topic", "push", cwd=tree, **env)
    assert "topic/x" in w.git("for-each-ref", "refs/heads/topic", cwd=w.fork)


def test_a_hook_of_ones_own_stays(llvm):
    w = llvm
    tree = w.start("x")
    hook = w.topics / "llvm" / "repo.git" / "hooks" / "pre-push"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 0\n")
    done = w.cail("topic", "hook", "install", cwd=tree)
    assert done.returncode == 65 and hook.read_text() == "#!/bin/sh\nexit 0\n"
    # A folder of hooks for all of the user's repositories is not ours to write to.
    shared = w.home / "hooks"
    shared.mkdir()
    w.git("config", "--global", "core.hooksPath", shared, cwd=tree)
    assert w.cail("topic", "hook", "install", cwd=tree).returncode == 65
    assert list(shared.iterdir()) == []


def test_force_only_where_the_rules_allow_it(llvm):
    w = llvm
    tree = w.start("x")
    w.commit(tree, "[mlir] Add b", {"lib/b.c": GOOD_C})
    w.ok("topic", "push", cwd=tree)
    w.git("commit", "-q", "--amend", "-m", "[mlir] Add b again", cwd=tree)
    assert w.cail("topic", "push", cwd=tree).returncode == 1  # not a fast-forward
    w.ok("topic", "push", "--force", cwd=tree)
    w.ok("topic", "link", "12", cwd=tree)
    w.git("commit", "-q", "--amend", "-m", "[mlir] Add b once more", cwd=tree)
    done = w.cail("topic", "push", "--force", cwd=tree)
    assert done.returncode == 65 and b"its pull request is open" in done.stderr


def test_message_is_a_template_that_the_check_takes(world):
    w = world("nccl", "master", C_STYLE)
    tree = w.start("x")
    text = w.ok("topic", "message", cwd=tree)
    assert "Problem:" in text and "Signed-off-by: Alice Example <alice@example.org>" in text
    (tree / "lib/b.c").write_text(GOOD_C)
    w.git("add", ".", cwd=tree)
    (w.tmp / "template").write_text("Add b" + text)
    w.git("commit", "-q", "-F", w.tmp / "template", "--cleanup=strip", cwd=tree)
    assert "FAIL" not in w.ok("topic", "check", cwd=tree)
    assert "#" not in w.git("log", "-1", "--format=%B", cwd=tree)


@needs_clang
@pytest.mark.parametrize("script, line", [
    ("echo 'An error has occurred: InvalidConfigError'; exit 1", "ok    formatter    clang-format"),
    ("echo oh; exit 3", "ok    formatter    clang-format"),
    ("echo reformatted lib/b.c; exit 1", "FAIL  formatter    pre-commit"),
    ("exit 0", "ok    formatter    pre-commit")])
def test_the_formatter_that_can_look_decides(world, script, line):
    w = world("iree", "main", C_STYLE)
    tool = w.daemon.folder / ".local" / "bin" / "pre-commit"
    tool.parent.mkdir(parents=True, exist_ok=True)
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    tree = w.start("x")
    w.commit(tree, "[Codegen] Add b", {"lib/b.c": GOOD_C}, "-s")
    assert line in w.cail("topic", "check", cwd=tree).stdout.decode()


def test_a_tool_that_is_not_here_is_no_pass(world):
    w = world("xla", "main", {"xla/a.rs": ""})
    tree = w.start("x")
    w.commit(tree, "Add it", {"xla/b.cc": "int b;\n"})
    row = json.loads((RECIPES / "upstreams" / "xla.json").read_text())
    row["rules"]["formatters"] = [[{"name": "nope", "needs": "no-such-tool", "package": "nope", "check": ["nope"],
                                    "fix": "nope", "files": ["*"]}]]
    rules, out = w.tmp / "xla.json", w.tmp / "out.json"
    rules.write_text(json.dumps(row))
    base = w.git("rev-parse", "HEAD~1", cwd=tree)
    done = subprocess.run(["/usr/bin/python3", RECIPES / "tools/cail/topic-check/check.py", rules, tree, base, "", out],
                          capture_output=True, text=True, env=w.env)
    assert done.returncode == 0, done
    assert "skip  formatter    nope is not here or cannot run (Debian: nope)" in done.stdout
    states = {r["rule"]: r["state"] for r in json.loads(out.read_text())["rules"]}
    assert states == {"commits": "passed", "title": "passed", "message": "passed", "formatter": "skipped",
                      "reviewers": "note", "CLA": "note"}


def test_outside_a_topic(llvm):
    for words in (["check"], ["push"], ["pr"], ["message"], ["link", "llvm#1"], ["hook", "install"]):
        done = llvm.cail("topic", *words)
        assert done.returncode == 64 and b"no topic's worktree" in done.stderr, done
    assert llvm.cail("topic", "check", "llvm", "nowhere").returncode == 65
    assert llvm.cail("topic", "dance").returncode == 64


def test_moving_upstream_and_a_restart(llvm):
    w = llvm
    tree = w.start("x")
    w.commit(tree, "[mlir] Add b", {"lib/b.c": GOOD_C})
    w.git("commit", "-q", "--allow-empty", "-m", "more", cwd=w.tmp / "seed")
    w.git("push", "-q", w.upstream, "main", cwd=w.tmp / "seed")
    w.start("y")  # fetches
    rows = {t["name"]: t for t in json.loads(w.ok("topic", "status", "--json"))["topics"]}
    assert (rows["x"]["ahead"], rows["x"]["behind"]) == (1, 1)
    w.daemon.stop()
    w.daemon.start(CAIL_UPSTREAM_LLVM_URL=w.upstream.as_uri())
    rows = {t["name"]: t for t in w.daemon.get("/topics").json()["topics"]}
    assert (rows["x"]["ahead"], rows["x"]["behind"]) == (1, 1)


def test_what_the_daemon_takes(llvm):
    d = llvm.daemon
    good = {"upstream": "llvm", "name": "a", "branch": "topic/a", "worktree": "/x"}
    assert d.post("/topics", good).status == 201
    assert d.post("/topics", {"upstream": "mlir", "name": "a", "behind": 3}).json()["behind"] == 3
    for change, pointer in [({"branch": None}, "/branch"), ({"branch": ""}, "/branch"), ({"worktree": None}, "/worktree"),
                            ({"name": "../x"}, "/name"), ({"worktree": "x"}, "/worktree"),
                            ({"fork": "ext::sh"}, "/fork"), ({"pr": "nccl#1"}, "/pr"), ({"ahead": -1}, "/ahead"),
                            ({"head_sha": "HEAD"}, "/head_sha"), ({"closed": 1}, "/closed")]:
        reply = d.post("/topics", {**good, **change})
        assert reply.status == 422, (change, reply)
        assert reply.json()["errors"][0]["pointer"] == pointer
    assert d.post("/topics", {"upstream": "llvm", "name": "new"}).status == 422
    assert d.post("/topics", {**good, "check_job": 10**9}).status == 200  # said, never a reference
    assert d.post("/topics", {**good, "upstream": "nope"}).status == 404
    assert len(d.get("/topics?upstream=llvm").json()["topics"]) == 1
