"""The bash of the recipes, run as the daemon runs it, in temporary folders and with real git.

No daemon, no network. What takes a compiler's time is played by a small CMake project or a script.
"""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
RECIPES = ROOT / "recipes"
FILES = sorted(RECIPES.glob("**/recipe.json"))
BY_NAME = {json.loads(f.read_text())["name"]: f.parent for f in FILES}
REFUSED = 78

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


def needs(*tools):
    missing = [t for t in tools if not shutil.which(t)]
    return pytest.mark.skipif(bool(missing), reason=f"not here: {missing}")


class Job:
    """One attempt's folders and environment."""

    def __init__(self, tmp, home=None):
        self.tmp = tmp
        self.root = tmp / "root"
        self.attempt, self.artifacts = tmp / "attempt", tmp / "attempt" / "artifacts"
        self.results, self.job_dir = tmp / "attempt" / "results", tmp / "job"
        self.home = home or tmp / "home"
        for d in (self.attempt, self.artifacts, self.results, self.job_dir, self.home):
            d.mkdir(parents=True, exist_ok=True)

    def env(self, recipe, run, extra):
        env = {
            "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": self.home, "USER": "tester",
            "LANG": "C.UTF-8", "TMPDIR": self.tmp, "CAIL_JOB_ID": 1, "CAIL_ATTEMPT": 1,
            "CAIL_ATTEMPT_DIR": self.attempt, "CAIL_ARTIFACTS": self.artifacts,
            "CAIL_RESULTS": self.results, "CAIL_JOB_DIR": self.job_dir,
            "CAIL_BUILD_ROOT": self.root, "CAIL_CPUS": 2, "CAIL_RECIPE": recipe.name,
            "CAIL_RECIPE_DIR": recipe, "CAIL_RECIPES": RECIPES, "CAIL_LIB": RECIPES / "lib",
            "CAIL_STEP": pathlib.Path(run).stem, "CUDA_VISIBLE_DEVICES": "",
        }
        env.update(extra)
        return {k: str(v) for k, v in env.items()}

    def start(self, recipe, run, **extra):
        return subprocess.Popen(
            ["/bin/bash", RECIPES / "lib" / "step.sh", recipe / run], cwd=self.attempt,
            env=self.env(recipe, run, extra), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True)

    def run(self, recipe, run, **extra):
        """(exit code, log)"""
        p = self.start(recipe, run, **extra)
        out, _ = p.communicate(timeout=300)
        return p.returncode, out.decode(errors="replace")

    def step(self, text, **extra):
        """Run a step written for the test."""
        own = self.tmp / "own-recipe"
        own.mkdir(exist_ok=True)
        (own / "step.sh").write_text(text)
        return self.run(own, "step.sh", **extra)


@pytest.fixture
def job(tmp_path):
    return Job(tmp_path)


@pytest.fixture
def fake(tmp_path):
    """fake(name, script): a program that comes first in PATH; fake.path is that PATH."""
    bin_dir = tmp_path / "fake-bin"
    bin_dir.mkdir()

    def make(name, script):
        f = bin_dir / name
        f.write_text("#!/bin/sh\n" + script)
        f.chmod(0o755)
        return f

    make.path = f"{bin_dir}:/usr/local/bin:/usr/bin:/bin"
    return make


def git(cwd, *args):
    env = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    for who in ("AUTHOR", "COMMITTER"):
        env[f"GIT_{who}_NAME"], env[f"GIT_{who}_EMAIL"] = "T", "t@example.org"
        env[f"GIT_{who}_DATE"] = "2026-01-02T03:04:05Z"
    return subprocess.run(["git", "-C", str(cwd), *args], env=env, check=True, text=True,
                          capture_output=True).stdout.strip()


class Upstream:
    """A repository to mirror: `work` to commit in, `bare` to fetch from."""

    def __init__(self, tmp, name, branch="trunk"):
        self.work, self.bare = tmp / f"{name}-work", tmp / f"{name}.git"
        self.work.mkdir()
        git(self.work, "init", "-q", "-b", branch)
        self.branch, self.n = branch, 0
        self.commit("a.txt", "one\n")
        git(tmp, "clone", "-q", "--bare", str(self.work), str(self.bare))
        git(self.work, "remote", "add", "origin", str(self.bare))

    @property
    def url(self):
        return f"file://{self.bare}"

    def commit(self, file, text):
        self.n += 1
        path = self.work / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        git(self.work, "add", "-A")
        git(self.work, "commit", "-q", "-m", f"commit {self.n}")
        return git(self.work, "rev-parse", "HEAD")

    def push(self, *refs):
        git(self.work, "push", "-q", "-f", "origin", *(refs or (self.branch,)))


@pytest.fixture
def upstream(tmp_path):
    return Upstream(tmp_path, "up")


GET = """
build_root_open
source_get demo "$(param ref)"
say "sha=$SRC_SHA ref=$SRC_REF dir=$SRC_DIR"
"""


def get(job, upstream, ref="", **extra):
    return job.step(GET, CAIL_UPSTREAM_DEMO_URL=upstream.url, CAIL_PARAM_REF=ref, **extra)


def got(log):
    m = re.search(r"^sha=(\w+) ref=(\S*) dir=(\S+)$", log, re.M)
    assert m, log
    return m.groups()


def nothing_half_made(job):
    left = [p for p in (job.root / "mirrors").iterdir() if not p.name.endswith(".lock")]
    left += list((job.root / "src").glob("*/*")) if (job.root / "src").exists() else []
    return left == [], left


# ---- recipe.json, shell style, Makefile

@pytest.mark.parametrize("file", FILES, ids=lambda f: f.parent.name)
def test_recipe_folder_is_whole(file):
    r = json.loads(file.read_text())
    assert r["name"] == file.parent.name
    assert str(file.relative_to(RECIPES)).startswith(r["group"] + "/")
    for step in r["steps"]:
        assert (file.parent / step["run"]).is_file()
    used = {step["run"] for step in r["steps"]} | {"recipe.json"}
    text = "".join((file.parent / name).read_text() for name in used)
    used |= {p.name for p in file.parent.iterdir() if p.is_file() and f"$CAIL_RECIPE_DIR/{p.name}" in text}
    scripts = {p.name for p in file.parent.iterdir() if p.is_file()}
    assert scripts == used, "a file that no step runs"


def test_every_group_has_notes():
    for file in FILES:
        group = json.loads(file.read_text())["group"]
        assert (RECIPES / group / "README.md").is_file()
    assert (RECIPES / "rust-signal" / "README.md").is_file()


def sourced(text):
    """The text of the scripts of lib/ that it sources, and of those that they source."""
    names, todo = set(), re.findall(r"\$CAIL_LIB/([a-z]+\.sh)", text)
    while todo:
        name = todo.pop()
        if name not in names:
            names.add(name)
            todo += re.findall(r'^\. "\$CAIL_LIB/([a-z]+\.sh)"', (RECIPES / "lib" / name).read_text(), re.M)
    return "".join((RECIPES / "lib" / name).read_text() for name in names)


def read_params(text):
    read = set(re.findall(r"\bparam ([a-z_]+)", text))
    return read | ({"rounds"} if re.search(r"\$\(rounds \d", text) else set())


def test_recipe_parameters_are_all_used_and_all_known():
    """A parameter nobody reads, or one that is read and not declared, is a slip of the pen."""
    for file in FILES:
        recipe = json.loads(file.read_text())
        own = "".join(p.read_text() for p in file.parent.glob("*.sh"))
        shared = sourced(own)
        tools = {t["name"].replace("-", "_") for t in recipe.get("requires", {}).get("tools", [])}
        passed_on = {v[1:] for u in recipe.get("uses", []) for v in u.get("params", {}).values()
                     if str(v).startswith("$")} | {u.get("when") for u in recipe.get("uses", [])}
        declared = set(recipe.get("params", {}))
        assert declared <= read_params(own + shared) | passed_on | tools, file
        assert read_params(own) <= declared, file


@needs("shellcheck")
def test_shellcheck_is_content():
    files = sorted(RECIPES.glob("**/*.sh")) + [ROOT / "tools" / "env_check.sh"]
    p = subprocess.run(["shellcheck", "-x", *map(str, files)], capture_output=True, text=True)
    assert p.returncode == 0, p.stdout


def test_makefile_is_one_line_a_target():
    text = (ROOT / "Makefile").read_text()
    names = "setup-llvm check-mlir clone-xla setup-iree triton-quickstart cutlass-build " \
        "nccl-notes clean-all".split()
    assert re.search(r"^\.PHONY: (.*)$", text, re.M).group(1).split() == names
    assert re.findall(r"^([a-z-]+):", text, re.M) == names
    for name in names:
        out = subprocess.run(["make", "-n", name, "BUILD_ROOT=/some/where"], cwd=ROOT, text=True,
                             capture_output=True, check=True).stdout
        assert out.split("\n")[0] == f"./lab run {name} --build-root '/some/where'"
        plain = subprocess.run(["make", "-n", name], cwd=ROOT, text=True, capture_output=True,
                               check=True, env={"PATH": os.environ["PATH"]}).stdout
        assert plain.strip() == f"./lab run {name}"


# ---- step.sh and the preflight

def test_exit_code_is_the_steps_own(job):
    assert job.step("exit 0")[0] == 0
    assert job.step("exit 7")[0] == 7
    code, log = job.step("say before\nsh -c 'exit 3'\nsay after")
    assert (code, "after" in log) == (3, False)
    assert "step.sh:2: exit code 3: sh -c 'exit 3'" in log
    assert job.step("false | true\nsay no")[0] == 1
    assert job.step("x=$(false)\nsay no")[0] == 1
    assert job.step("say $never_set")[0] != 0


def test_step_needs_a_file(job):
    p = subprocess.run(["/bin/bash", RECIPES / "lib" / "step.sh", "/nonexistent"],
                       capture_output=True, env={"PATH": "/usr/bin:/bin"})
    assert p.returncode == 64


@pytest.mark.parametrize("a,b,ge", [
    ("3.25.1", "3.20", True), ("3.9", "3.20", False), ("3.100", "3.20", True),
    ("3.20", "3.20.0", True), ("3.20.0", "3.20", True), ("2", "10", False), ("1.08", "1.8", True),
    ("1.08", "1.9", False),
    ("12.2.0", "12.2.1", False), ("0", "0.0.1", False),
])
def test_versions_are_compared_as_numbers(job, a, b, ge):
    assert job.step(f"version_ge {a} {b}")[0] == (0 if ge else 1)


@pytest.mark.parametrize("name,says,version", [
    ("cmake", "cmake version 3.31.6\n\nCMake suite maintained", "3.31.6"),
    ("ninja", "1.11.1.git.kitware", "1.11.1"),
    ("clang", "Debian clang version 14.0.6", "14.0.6"),
    ("python3", "Python 3.11.2", "3.11.2"),
    ("nvcc", "Copyright (c) 2005-2025 NVIDIA\nCuda compilation tools, release 13.0, V13.0.88",
     "13.0"),
    ("jq", "jq-1.6", "1.6"),
    ("odd", "no number here", ""),
])
def test_version_is_read_from_what_tools_say(job, fake, name, says, version):
    path = fake(name, f"cat <<'X'\n{says}\nX\n")
    code, log = job.step(f'v=$(tool_version {name} {path})\nsay "[$v]"')
    assert (code, log.strip()) == (0, f"[{version}]")


def test_preflight_names_all_that_is_missing_at_once(job, fake):
    fake("cmake", "echo cmake version 3.9.6")
    fake("ninja", "echo 1.11.1")
    fake("mute", "exit 0")
    code, log = job.step(
        "touch $CAIL_ATTEMPT_DIR/ran", PATH=fake.path, CAIL_DISK_MIB=10**12,
        CAIL_REQUIRES="cmake 3.20 cmake required\nninja 1.8 ninja-build required\n"
        "frobnicate 2 frob-tools required\nmute 1 mute required\ngone - gone-pkg required\n"
        "nice-to-have 1 nice optional\n")
    assert code == REFUSED
    assert not (job.attempt / "ran").exists()
    assert f"needs cmake 3.20 or newer, found 3.9.6 at {job.tmp}/fake-bin/cmake" in log
    assert "(Debian package: cmake)" in log
    assert "needs frobnicate 2 or newer, found none (Debian package: frob-tools)" in log
    assert "needs mute 1 or newer, found" in log and "does not tell its version" in log
    assert "needs gone, found none (Debian package: gone-pkg)" in log
    assert re.search(r"needs 1000000000000 MiB free below \S+root, found \d+ MiB", log)
    assert "install: apt-get install cmake frob-tools gone-pkg mute" in log
    assert "ninja" not in log and "nice" not in log


def test_preflight_lets_pass_what_is_there(job, fake):
    fake("cmake", "echo cmake version 3.20.0")
    fake("g++", "echo 'g++ (Debian 12.2.0-14) 12.2.0'")  # a name that is no shell variable
    code, log = job.step("say ran", PATH=fake.path, CAIL_DISK_MIB=1,
                         CAIL_REQUIRES="cmake 3.20 cmake required\ng++ 7.4 g++ required\n"
                         "gone 1 gone optional\n")
    assert (code, log) == (0, "ran\n")


def test_a_parameter_can_be_the_tool(job, fake):
    tool = fake("other-name", "echo version 19.1")
    want = "my-tool 19 my-package required\n"
    assert job.step("say ran", CAIL_REQUIRES=want, CAIL_PARAM_MY_TOOL=tool)[0] == 0
    assert job.step("say ran", CAIL_REQUIRES=want)[0] == REFUSED
    assert job.step("say ran", CAIL_REQUIRES=want, CAIL_PARAM_MY_TOOL="/nowhere/x")[0] == REFUSED


# ---- the build root and its marker

def test_build_root_is_made_and_marked(job):
    assert job.step("build_root_open")[0] == 0
    marker = job.root / ".cail-build-root"
    assert marker.read_text().startswith("cail build root, version 1\n")
    assert list(job.root.iterdir()) == [marker]
    assert job.step("build_root_open")[0] == 0


def test_build_root_with_our_own_folders_is_marked(job):
    (job.root / "cache" / "k").mkdir(parents=True)
    assert job.step("build_root_open")[0] == 0
    assert (job.root / ".cail-build-root").is_file()


def test_two_jobs_that_begin_at_once_share_a_new_build_root(job):
    code, log = job.step("""
        eval "$(declare -f marker_why_not | sed '1s/marker_why_not/looks/')"
        marker_why_not() { # the other job marks it right after this one has looked
            local code=0
            looks "$1" || code=$?
            [[ -e $1/.cail-build-root ]] || marker_write "$1"
            return "$code"
        }
        build_root_open
        """)
    assert code == 0, log


def test_build_root_with_anothers_files_is_refused(job):
    job.root.mkdir()
    (job.root / "thesis.tex").write_text("x")
    code, log = job.step("build_root_open")
    assert code == REFUSED and "holds 'thesis.tex'" in log
    assert [p.name for p in job.root.iterdir()] == ["thesis.tex"]


def test_build_root_with_a_symlink_for_a_marker_is_refused(job):
    job.root.mkdir()
    (job.tmp / "m").write_text("cail build root, version 1\n")
    (job.root / ".cail-build-root").symlink_to(job.tmp / "m")
    code, log = job.step("build_root_open")
    assert code == REFUSED and "symlink" in log


@as_root
def test_build_root_with_anothers_marker_is_refused(job):
    assert job.step("build_root_open")[0] == 0
    os.chown(job.root / ".cail-build-root", 65534, 65534)
    code, log = job.step("build_root_open")
    assert code == REFUSED and "belongs to another user" in log


# ---- git

def test_default_branch_is_asked(job, upstream):
    code, log = get(job, upstream)
    sha, ref, where = got(log)
    assert code == 0 and ref == "trunk" and sha == git(upstream.work, "rev-parse", "HEAD")
    assert where == f"{job.root}/src/demo/{sha[:12]}"
    assert pathlib.Path(where, "a.txt").read_text() == "one\n"
    assert git(where, "rev-parse", "--abbrev-ref", "HEAD") == "HEAD", "detached"
    config = git(job.root / "mirrors/demo.git", "config", "--list", "--local")
    assert "shallow" not in config and not (job.root / "mirrors/demo.git/shallow").exists()


def test_second_time_fetches_nothing_and_new_commits_come(job, upstream):
    first = got(get(job, upstream)[1])
    log = get(job, upstream)[1]
    assert "still at" in log and got(log) == first
    upstream.commit("a.txt", "two\n")
    upstream.push()
    sha, _, where = got(get(job, upstream)[1])
    assert sha != first[0] and pathlib.Path(where, "a.txt").read_text() == "two\n"
    assert pathlib.Path(first[2], "a.txt").read_text() == "one\n", "the older worktree stays"


def test_refs_of_all_kinds(job, upstream):
    one = git(upstream.work, "rev-parse", "HEAD")
    two = upstream.commit("a.txt", "two\n")
    git(upstream.work, "tag", "-a", "-m", "v", "v1.0", one)
    git(upstream.work, "branch", "release/1.x", one)
    git(upstream.work, "checkout", "-q", "-b", "topic")
    three = upstream.commit("b.txt", "three\n")
    upstream.push("trunk", "v1.0", "release/1.x", "topic:refs/pull/7/head")
    for ref, sha in [("trunk", two), ("v1.0", one), ("release/1.x", one), ("pull/7", three),
                     (one, one), (two[:9], two), ("HEAD", two), ("", two)]:
        code, log = get(job, upstream, ref)
        assert code == 0, log
        assert got(log)[0] == sha, ref
    code, log = get(job, upstream, "no-such-branch")
    assert code == 1 and "neither a branch nor a tag 'no-such-branch'" in log
    code, log = get(job, upstream, "0123abcd")
    assert code == 1 and "0123abcd" in log


def test_a_force_push_is_followed(job, upstream):
    upstream.commit("a.txt", "gone\n")
    upstream.push()
    get(job, upstream)
    git(upstream.work, "reset", "-q", "--hard", "HEAD~1")
    sha = upstream.commit("a.txt", "instead\n")
    upstream.push()
    assert got(get(job, upstream)[1])[0] == sha


def test_a_known_commit_needs_no_remote(job, upstream):
    sha = got(get(job, upstream)[1])[0]
    shutil.rmtree(upstream.bare)
    code, log = get(job, upstream, sha)
    assert code == 0 and got(log)[0] == sha


def test_remote_that_filters_gives_a_mirror_without_contents(job, upstream):
    git(upstream.bare, "config", "uploadpack.allowFilter", "true")
    upstream.commit("old.txt", "old contents\n")
    old = git(upstream.work, "rev-parse", "HEAD:old.txt")
    upstream.commit("old.txt", "new contents\n")
    upstream.push()
    code, log = get(job, upstream)
    mirror = job.root / "mirrors/demo.git"
    assert code == 0 and "contents come when they are needed" in log
    assert git(mirror, "config", "remote.origin.partialclonefilter") == "blob:none"
    listed = git(mirror, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)")
    assert old not in listed
    assert pathlib.Path(got(log)[2], "old.txt").read_text() == "new contents\n"


def test_remote_that_does_not_filter_gives_a_full_mirror(job, upstream):
    code, log = get(job, upstream)
    mirror = job.root / "mirrors/demo.git"
    assert code == 0 and "whole: the remote cannot filter" in log
    p = subprocess.run(["git", "-C", mirror, "config", "remote.origin.promisor"])
    assert p.returncode == 1, "a promise nobody keeps"


def break_object(upstream, spec):
    blob = git(upstream.work, "rev-parse", spec)
    f = upstream.bare / "objects" / blob[:2] / blob[2:]
    f.unlink()
    return blob


def test_missing_object_fails_with_gits_own_line_and_leaves_nothing(job, upstream):
    blob = break_object(upstream, "HEAD:a.txt")
    code, log = get(job, upstream)
    assert code == 1
    last = log.strip().split("\n")[-1]
    assert last.startswith("error: cannot fetch demo from file://")
    assert re.search(r"(fatal|error): ", last.split("from", 1)[1]), last
    assert blob in log, "git's own words are on the log"
    assert nothing_half_made(job)[0], nothing_half_made(job)[1]


def test_first_fetch_starts_clean_after_a_killed_one(job, upstream):
    part = job.root / "mirrors/demo.git.part"
    part.mkdir(parents=True)
    git(part, "init", "-q", "--bare")
    (part / "objects/pack/tmp_pack_X").write_text("half")
    code, log = get(job, upstream)
    assert code == 0, log
    assert not part.exists()
    assert list((job.root / "mirrors/demo.git").glob("objects/**/tmp_*")) == []


def test_missing_object_later_leaves_the_mirror_as_it_was(job, upstream):
    first = got(get(job, upstream)[1])
    upstream.commit("b.txt", "new\n")
    upstream.push()
    break_object(upstream, "HEAD:b.txt")
    code, log = get(job, upstream)
    assert code == 1 and "cannot fetch" in log
    mirror = job.root / "mirrors/demo.git"
    assert git(mirror, "rev-parse", "trunk") == first[0]
    assert list(mirror.glob("objects/**/tmp_*")) == []
    assert got(get(job, upstream, first[0])[1]) == (first[0], first[0], first[2])


def test_missing_object_of_a_filtered_mirror_leaves_no_worktree(job, upstream):
    git(upstream.bare, "config", "uploadpack.allowFilter", "true")
    break_object(upstream, "HEAD:a.txt")
    code, log = get(job, upstream)
    assert code == 1 and re.search(r"cannot check out demo .*: (fatal|error): ", log), log
    assert list((job.root / "src").glob("*/*")) == []
    assert list((job.root / "mirrors/demo.git").glob("worktrees/*")) == []


def test_no_such_repository(job, upstream):
    shutil.rmtree(upstream.bare)
    code, log = get(job, upstream)
    assert code == 1 and re.search(r"cannot ask file://\S+: fatal: ", log)
    assert nothing_half_made(job)[0]


def test_empty_repository(job, tmp_path):
    git(tmp_path, "init", "-q", "--bare", "empty.git")
    code, log = job.step(GET, CAIL_UPSTREAM_DEMO_URL=f"file://{tmp_path}/empty.git")
    assert code == 1 and "it is empty" in log


@pytest.mark.parametrize("url", ["--upload-pack=x", "https://me:secret@example.org/x.git", "a b"])
def test_urls_that_are_refused(job, url):
    code, log = job.step(GET, CAIL_UPSTREAM_DEMO_URL=url)
    assert code == REFUSED and "secret" not in log


def test_a_url_cannot_run_a_command(job, fake):
    program = fake("program", f"touch {job.tmp}/ran")
    code, log = job.step(GET, CAIL_UPSTREAM_DEMO_URL=f"ext::{program}")
    assert code == 1 and "transport 'ext' not allowed" in log
    assert not (job.tmp / "ran").exists()


def test_upstream_without_a_url(job):
    code, log = job.step("build_root_open\nsource_get nowhere ''")
    assert code == REFUSED and "CAIL_UPSTREAM_NOWHERE_URL" in log


def test_stale_locks_are_removed(job, upstream):
    get(job, upstream)
    upstream.commit("a.txt", "two\n")
    upstream.push()
    mirror = job.root / "mirrors/demo.git"
    stale = [mirror / "HEAD.lock", mirror / "config.lock", mirror / "packed-refs.lock",
             mirror / "refs/heads/trunk.lock", mirror / "objects/pack/tmp_pack_XXXX"]
    for f in stale:
        f.touch()
    code, log = get(job, upstream)
    assert code == 0, log
    assert "removed what a killed git left: mirrors/demo.git/HEAD.lock" in log
    assert not any(f.exists() for f in stale)


def test_half_made_worktree_is_made_again(job, upstream):
    sha = got(get(job, upstream)[1])[0]
    where = job.root / "src/demo" / sha[:12]
    mirror = job.root / "mirrors/demo.git"
    git(mirror, "worktree", "remove", "--force", str(where))
    # As a kill in the middle of "worktree add" leaves it: files, a note that is locked.
    git(mirror, "worktree", "add", "-q", "--no-checkout", "--detach", f"{where}.part", sha)
    (mirror / "worktrees" / f"{where.name}.part" / "locked").write_text("initializing\n")
    (mirror / "worktrees" / "dead").mkdir()
    code, log = get(job, upstream)
    assert code == 0, log
    assert (where / "a.txt").read_text() == "one\n"
    assert not where.with_name(where.name + ".part").exists()
    assert len(list((mirror / "worktrees").iterdir())) == 1


def test_worktree_survives_a_kill_between_rename_and_note(job, upstream):
    sha = got(get(job, upstream)[1])[0]
    where = job.root / "src/demo" / sha[:12]
    admin, = (job.root / "mirrors/demo.git/worktrees").iterdir()
    (admin / "gitdir").write_text(f"{where}.part/.git\n")
    code, log = get(job, upstream)
    assert code == 0 and got(log)[2] == str(where), log
    assert git(where, "status", "--porcelain") == ""
    assert (where / "a.txt").exists()


def test_worktree_changed_by_hand_is_not_built(job, upstream):
    where = pathlib.Path(got(get(job, upstream)[1])[2])
    (where / "a.txt").write_text("mine\n")
    code, log = get(job, upstream)
    assert code == 1 and "changed by hand" in log
    assert (where / "a.txt").read_text() == "mine\n", "nothing of the user's is lost"


@pytest.fixture
def stalled_fetch(tmp_path):
    """A home whose git stalls while it packs: it touches `began` and waits for `go` to be written."""
    began, go = tmp_path / "began", tmp_path / "go"
    os.mkfifo(began)
    os.mkfifo(go)
    hook = tmp_path / "stall"
    hook.write_text(f"#!/bin/sh\necho x >{began}\nread x <{go}\nexec \"$@\"\n")
    hook.chmod(0o755)
    home = tmp_path / "stalling-home"
    home.mkdir()
    (home / ".gitconfig").write_text(f"[uploadpack]\n\tpackObjectsHook = {hook}\n")
    return home, began, go


@pytest.mark.parametrize("first", [True, False], ids=["first-fetch", "later-fetch"])
def test_kill_in_the_middle_of_a_fetch_then_again(tmp_path, upstream, stalled_fetch, first):
    home, began, _ = stalled_fetch
    job = Job(tmp_path)
    if not first:
        get(job, upstream)
    sha = upstream.commit("big.txt", "x" * 100000)
    upstream.push()
    own = tmp_path / "own-recipe"
    own.mkdir(exist_ok=True)
    (own / "step.sh").write_text(GET)
    p = job.start(own, "step.sh", HOME=home, CAIL_UPSTREAM_DEMO_URL=upstream.url)
    began.read_text()  # returns once the other side packs
    os.killpg(p.pid, signal.SIGKILL)
    p.communicate(timeout=60)
    assert p.returncode == -signal.SIGKILL
    code, log = get(job, upstream)
    assert code == 0, log
    assert got(log)[0] == sha
    assert list((job.root / "mirrors").glob("*.part")) == []
    assert git(job.root / "mirrors/demo.git", "fsck", "--connectivity-only") == ""


def test_two_jobs_take_turns(tmp_path, upstream, stalled_fetch):
    home, began, go = stalled_fetch
    jobs = [Job(tmp_path / "one"), Job(tmp_path / "two")]
    jobs[1].root = jobs[0].root
    own = tmp_path / "own-recipe"
    own.mkdir()
    (own / "step.sh").write_text(GET)
    a = jobs[0].start(own, "step.sh", HOME=home, CAIL_UPSTREAM_DEMO_URL=upstream.url)
    began.read_text()
    b = jobs[1].start(own, "step.sh", CAIL_UPSTREAM_DEMO_URL=upstream.url)
    said = b.stdout.readline().decode()
    assert "waiting for another job" in said, said
    assert b.poll() is None
    go.write_text("x\n")
    logs = [p.communicate(timeout=60)[0].decode() for p in (a, b)]
    assert (a.returncode, b.returncode) == (0, 0), logs
    assert "first fetch" in logs[0] and "still at" in logs[1]
    assert got(logs[0]) == got(logs[1])


# ---- clean-all

CLEAN = BY_NAME["clean-all"]


def clean(job, path=None, **extra):
    if path is not None:
        extra["CAIL_PARAM_BUILD_ROOT"] = path
    return job.run(CLEAN, "remove.sh", **extra)


@pytest.fixture
def built(job):
    assert job.step("build_root_open\nmkdir -p $CAIL_BUILD_ROOT/cache/k\n"
                    "echo x >$CAIL_BUILD_ROOT/cache/k/file")[0] == 0
    return job


def tree(path):
    return sorted(str(p) for p in pathlib.Path(path).rglob("*"))


def refused(job, path, why, keep):
    before = tree(keep)
    code, log = clean(job, path)
    assert code == REFUSED, log
    assert why in log, log
    assert tree(keep) == before, "nothing was touched"


def test_clean_all_removes_a_marked_root(built):
    code, log = clean(built)
    assert code == 0 and "removed" in log
    assert not built.root.exists()
    assert [p for p in built.tmp.iterdir() if "cail-removing" in p.name] == []
    code, log = clean(built)
    assert code == 0 and "nothing to remove" in log


def test_clean_all_removes_what_cannot_be_written(built):
    d = built.root / "cache/k/readonly"
    d.mkdir()
    (d / "f").touch()
    d.chmod(0o500)
    assert clean(built, built.root)[0] == 0
    assert not built.root.exists()


def test_clean_all_leaves_what_symlinks_point_to(built):
    outside = built.tmp / "outside"
    outside.mkdir()
    (outside / "keep").touch()
    (built.root / "current").symlink_to(outside)
    (built.root / "cache/link").symlink_to(outside / "keep")
    assert clean(built)[0] == 0
    assert (outside / "keep").exists() and not built.root.exists()


def test_clean_all_refuses_without_a_marker(built):
    (built.root / ".cail-build-root").unlink()
    refused(built, built.root, "no marker file", built.root)


def test_clean_all_refuses_another_marker(built):
    (built.root / ".cail-build-root").write_text("hello\n")
    refused(built, built.root, "does not say", built.root)


def test_clean_all_refuses_a_symlink_for_a_marker(built):
    marker = built.root / ".cail-build-root"
    marker.rename(built.tmp / "m")
    marker.symlink_to(built.tmp / "m")
    refused(built, built.root, "symlink", built.root)


def test_clean_all_refuses_a_folder_for_a_marker(built):
    marker = built.root / ".cail-build-root"
    marker.unlink()
    marker.mkdir()
    refused(built, built.root, "not a plain file", built.root)


@pytest.mark.parametrize("tail", ["", "/"])
def test_clean_all_refuses_a_symlink(built, tail):
    link = built.tmp / "link"
    link.symlink_to(built.root)
    refused(built, f"{link}{tail}", "goes through a symlink", built.root)


def test_clean_all_refuses_a_path_through_a_symlink(built):
    (built.tmp / "deep").mkdir()
    (built.tmp / "deep" / "up").symlink_to(built.tmp)
    refused(built, built.tmp / "deep/up/root", "goes through a symlink", built.root)


@pytest.mark.parametrize("path,why", [
    ("/", "/ is never removed"), ("//", "/ is never removed"), ("///", "/ is never removed"),
    ("/./", "has an empty part"), ("relative", "not an absolute path"),
    (".", "not an absolute path"), ("-rf", "not an absolute path"),
])
def test_clean_all_refuses_odd_names(built, path, why):
    refused(built, path, why, built.root)


def test_clean_all_refuses_dots_in_a_path(built):
    refused(built, f"{built.root}/../root", "has an empty part", built.root)
    refused(built, f"{built.tmp}//root", "has an empty part", built.root)


@pytest.mark.parametrize("what", ["home", "above-home", "attempt"])
def test_clean_all_refuses_home_even_when_marked(built, what):
    target = {"home": built.home, "above-home": built.tmp, "attempt": built.attempt}[what]
    shutil.copy(built.root / ".cail-build-root", target)
    refused(built, target, "is or holds", built.tmp)


def test_clean_all_refuses_home_by_a_symlink(built):
    """$HOME itself may be a link to the folder that is named."""
    shutil.copy(built.root / ".cail-build-root", built.home)
    link = built.tmp / "home-link"
    link.symlink_to(built.home)
    code, log = clean(built, built.home, HOME=link)
    assert code == REFUSED and "is or holds" in log
    assert (built.home / ".cail-build-root").exists()


def test_clean_all_refuses_a_file(built):
    (built.tmp / "file").touch()
    refused(built, built.tmp / "file", "is not a folder", built.root)


@as_root
def test_clean_all_refuses_what_is_anothers(built):
    os.chown(built.root / "cache/k/file", 65534, 65534)
    refused(built, built.root, "cache/k/file belongs to another user", built.root)
    os.chown(built.root / "cache/k/file", 0, 0)
    os.chown(built.root / ".cail-build-root", 65534, 65534)
    refused(built, built.root, "belongs to another user", built.root)
    os.chown(built.root / ".cail-build-root", 0, 0)
    os.chown(built.root, 65534, 65534)
    refused(built, built.root, "belongs to another user", built.root)


def test_clean_all_refuses_while_a_job_builds(built):
    go, began = built.tmp / "go", built.tmp / "began"
    os.mkfifo(go)
    os.mkfifo(began)
    own = built.tmp / "own-recipe"
    (own / "step.sh").write_text(f"build_root_open\necho x >{began}\nread -r x <{go}\n")
    p = built.start(own, "step.sh")
    began.read_text()
    refused(built, built.root, "in use by a running job", built.root)
    go.write_text("x\n")
    p.communicate(timeout=60)
    assert p.returncode == 0
    assert clean(built)[0] == 0


def test_clean_all_finishes_what_a_killed_one_left(built):
    left = built.tmp / ".root.cail-removing.4242"
    built.root.rename(left)
    stranger = built.tmp / ".root.cail-removing.1"
    stranger.mkdir()
    (stranger / "keep").touch()
    code, log = clean(built)
    assert code == 0 and "finishing an earlier removal" in log
    assert not left.exists()
    assert (stranger / "keep").exists(), "it bears no marker"


# ---- env-check

ENV_CHECK = ROOT / "tools" / "env_check.sh"


def env_check(*args, **env):
    return subprocess.run(["/bin/bash", ENV_CHECK, *args], text=True, capture_output=True,
                          env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent",
                               **env})


def test_env_check_json():
    p = env_check("--json")
    assert p.returncode == 0 and p.stderr == ""
    e = json.loads(p.stdout)
    assert list(e) == ["host", "kernel", "os", "cpus", "memory_mib", "tools", "recipes", "driver",
                       "docker"]
    assert e["cpus"] >= 1 and e["memory_mib"] > 0
    tools = {t["name"]: t for t in e["tools"]}
    assert set(tools["git"]) == {"name", "path", "version", "package"}
    assert tools["git"]["path"] and re.match(r"\d+\.\d+", tools["git"]["version"])
    assert {r["name"] for r in e["recipes"]} == set(BY_NAME)
    for r in e["recipes"]:
        assert r["ready"] == (r["missing"] == [])
    assert set(e["docker"]) == {"version", "usable", "reason"}


def test_env_check_compares_versions(fake):
    fake("cmake", "echo cmake version 3.9.0")
    p = env_check("--json", PATH=fake.path)
    r, = [r for r in json.loads(p.stdout)["recipes"] if r["name"] == "setup-llvm"]
    assert not r["ready"]
    assert {"tool": "cmake", "need": "3.20", "found": "3.9.0", "package": "cmake"} in r["missing"]
    table = env_check(PATH=fake.path).stdout
    assert re.search(r"setup-llvm +lacks cmake: needs 3.20, found 3.9.0 \(Debian package: cmake\)",
                     table)


def bare_path(tmp_path, *leave_out):
    """A PATH with the system's tools except some."""
    d = tmp_path / "bare-bin"
    d.mkdir()
    for name in ("bash sh cat sed awk grep head sort find timeout uname nproc tr dirname git "
                 "python3 jq df date").split():
        if name not in leave_out and shutil.which(name, path="/usr/bin:/bin"):
            (d / name).symlink_to(shutil.which(name, path="/usr/bin:/bin"))
    return str(d)


@needs("jq")
def test_env_check_reads_recipes_with_jq_alone(tmp_path):
    path = bare_path(tmp_path, "python3")
    e = json.loads(env_check("--json", PATH=path).stdout)
    assert {r["name"] for r in e["recipes"]} == set(BY_NAME)
    r, = [r for r in e["recipes"] if r["name"] == "setup-llvm"]
    assert {"tool": "python3", "need": "3.8", "found": None, "package": "python3"} in r["missing"]


def test_env_check_without_python_and_jq_says_so(tmp_path):
    path = bare_path(tmp_path, "python3", "jq")
    p = env_check(PATH=path)
    assert p.returncode == 0 and "neither python3 nor jq is here" in p.stdout
    assert json.loads(env_check("--json", PATH=path).stdout)["recipes"] == []


def test_env_check_bad_usage():
    assert env_check("--bogus").returncode == 64
    assert env_check("--report").returncode == 64
    assert env_check("--help").returncode == 0


def test_env_check_recipe(job):
    code, log = job.run(BY_NAME["env-check"], "look.sh")
    assert code == 0, log
    found = {r["name"] for r in json.loads((job.artifacts / "env.json").read_text())["recipes"]}
    assert found == set(BY_NAME)
    n = {m[0]: int(m[1]) for m in re.findall(
        r"^::cail metric benchmark=env-check name=(\w+) value=(\d+) unit=count", log, re.M)}
    assert n["recipes_ready"] + n["recipes_not_ready"] == len(BY_NAME)
    assert n["tools_found"] >= 1


# ---- mlir-opt-bench

BENCH = BY_NAME["mlir-opt-bench"]
FAKE_MLIR_OPT = """
[ "$1" = --version ] && { echo "LLVM version 19.1.0"; exit 0; }
in=$1 out= timing=
while [ $# -gt 0 ]; do
    case $1 in -o) out=$2; shift ;; --mlir-timing) timing=1 ;; esac
    shift
done
{ grep -c func.func "$in"; %s } >"$out"
[ -z "$timing" ] || printf 'a warning\\n[\\n{"wall": {"duration": 0.5}, "name": "Total"}\\n]\\n' >&2
"""


def bench_walls(log):
    return re.findall(r"^::cail metric benchmark=(\S+) name=wall value=\d+\.\d{3} unit=ms "
                      r"better=lower kind=time param\.copies=(\d+)$", log, re.M)


def test_bench_measures_each_round(job, fake):
    tool = fake("mlir-opt", FAKE_MLIR_OPT % "")
    code, log = job.run(BENCH, "measure.sh", CAIL_PARAM_MLIR_OPT=tool, CAIL_PARAM_ROUNDS=3,
                        CAIL_PARAM_COPIES=2)
    assert code == 0, log
    inputs = sorted(p.stem for p in (BENCH / "inputs").iterdir())
    declared = json.loads((BENCH / "recipe.json").read_text())["params"]["input"]["choices"]
    assert sorted(declared) == sorted(["all", *inputs])
    assert bench_walls(log) == [(i, "2") for i in inputs for _ in range(3)]
    for i in inputs:
        text = (job.results / f"{i}.json").read_text()
        assert text.count("Total") == 3 and text.startswith("[\n")
        assert (job.artifacts / f"{i}.before.mlir").exists()
        assert (job.artifacts / f"{i}.after.mlir").exists()
    assert f"done={3 * len(inputs)} total={3 * len(inputs)}" in log
    assert [p.name for p in job.attempt.iterdir() if p.is_file()] == []


def test_bench_copies_have_names_of_their_own(job, fake):
    tool = fake("mlir-opt", FAKE_MLIR_OPT % "")
    job.run(BENCH, "measure.sh", CAIL_PARAM_MLIR_OPT=tool, CAIL_PARAM_ROUNDS=1,
            CAIL_PARAM_COPIES=3, CAIL_PARAM_INPUT="func-calls")
    names = re.findall(r"func\.func (?:private )?@(\w+)",
                       (job.artifacts / "func-calls.before.mlir").read_text())
    assert len(names) == len(set(names)) and len(names) % 3 == 0 and "sq__2" in names


def test_bench_that_is_not_deterministic_fails(job, fake):
    tool = fake("mlir-opt", FAKE_MLIR_OPT % "echo $$;")
    code, log = job.run(BENCH, "measure.sh", CAIL_PARAM_MLIR_OPT=tool,
                        CAIL_PARAM_INPUT="arith-hash")
    assert code == 1 and "not deterministic" in log


def test_bench_shows_what_mlir_opt_said(job, fake):
    tool = fake("mlir-opt", 'echo "LLVM version 19.0"; [ "$1" = --version ] || '
                '{ echo "boom: no such pass" >&2; exit 1; }')
    code, log = job.run(BENCH, "measure.sh", CAIL_PARAM_MLIR_OPT=tool,
                        CAIL_PARAM_PIPELINE="builtin.module(nonsense)")
    assert code == 1 and "boom: no such pass" in log and "builtin.module(nonsense)" in log


def test_bench_takes_the_newest_build_first(job, fake):
    for age, name in ((2000, "setup-llvm"), (1000, "check-mlir")):
        d = job.root / "cache" / name / "bin"
        d.mkdir(parents=True)
        shutil.copy(fake("mlir-opt", FAKE_MLIR_OPT % ""), d / "mlir-opt")
        os.utime(d / "mlir-opt", (10**9 - age, 10**9 - age))
        (job.root / "current").mkdir(exist_ok=True)
        (job.root / "current" / name).symlink_to(d.parent)
    (job.root / "current" / "evicted").symlink_to(job.root / "cache" / "gone")
    code, log = job.run(BENCH, "measure.sh", CAIL_PARAM_ROUNDS=1, CAIL_PARAM_INPUT="arith-hash",
                        CAIL_REQUIRES="mlir-opt 19 mlir-19-tools required")
    assert code == 0 and f"mlir-opt: {job.root}/current/check-mlir/bin/mlir-opt" in log


def test_bench_with_a_path_that_is_no_program(job):
    code, log = job.run(BENCH, "measure.sh", CAIL_PARAM_MLIR_OPT="/etc/passwd")
    assert code == REFUSED and "no program at /etc/passwd" in log


INSTALLED = sorted(pathlib.Path("/usr/lib").glob("llvm-*/bin/mlir-opt"))


@pytest.mark.skipif(not INSTALLED, reason="no mlir-opt installed")
def test_bench_with_the_installed_mlir_opt(job):
    code, log = job.run(BENCH, "measure.sh", CAIL_PARAM_ROUNDS=2, CAIL_PARAM_COPIES=2,
                        CAIL_REQUIRES="mlir-opt 19 mlir-19-tools required")
    assert code == 0, log
    inputs = sorted(p.stem for p in (BENCH / "inputs").iterdir())
    assert len(bench_walls(log)) == 2 * len(inputs)
    decoder = json.JSONDecoder()
    for i in inputs:
        text = (job.results / f"{i}.json").read_text()
        reports = []
        while text.strip():
            doc, end = decoder.raw_decode(text.lstrip())
            text = text.lstrip()[end:]
            reports.append({row["name"]: row["wall"]["duration"] for row in doc if row})
        assert len(reports) == 2 and all(r["Total"] > 0 for r in reports)
        after = (job.artifacts / f"{i}.after.mlir").read_text()
        assert "__1" in after and after != (job.artifacts / f"{i}.before.mlir").read_text()
    assert "error" not in log


# ---- setup-llvm on a project of the same shape

@pytest.fixture
def small_llvm(tmp_path):
    up = Upstream(tmp_path, "llvm", branch="main")
    up.commit("llvm/CMakeLists.txt", """cmake_minimum_required(VERSION 3.20)
project(small C CXX)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
add_executable(FileCheck main.cpp)
add_executable(other main.cpp)
""")
    up.commit("llvm/main.cpp", '#include <cstdio>\n'
              'int main() { std::puts("LLVM version 1.2.3 " __FILE__); }\n')
    up.push()
    return up


BUILD_TOOLS = ("cmake", "ninja", "g++", "python3")


def setup_llvm(job, up, build, **params):
    r = BY_NAME["setup-llvm"]
    env = {f"CAIL_PARAM_{k.upper()}": v for k, v in
           {"targets": "FileCheck", "compiler": "gcc", "ccache": "false", **params}.items()}
    env["CAIL_UPSTREAM_LLVM_URL"] = up.url
    code, log = job.run(r, "fetch.sh", **env)
    if code:
        return code, log
    build = job.root / "cache" / build
    build.mkdir(parents=True, exist_ok=True)
    code, more = job.run(r, "build.sh", CAIL_BUILD_DIR=build, **env)
    return code, log + more


@needs(*BUILD_TOOLS)
def test_setup_llvm_builds_the_targets_asked_for(job, small_llvm):
    code, log = setup_llvm(job, small_llvm, "k1")
    assert code == 0, log
    out = job.root / "current" / "setup-llvm" / "bin"
    assert (out / "FileCheck").exists() and not (out / "other").exists()
    assert re.search(r"^\[\d+/\d+\] ", log, re.M), "ninja's counter moves the progress bar"
    assert "name=wall" in log
    said = (job.artifacts / "build.txt").read_text()
    assert "LLVM version 1.2.3" in said and (job.artifacts / "ninja_log").exists()
    assert str(job.root) not in subprocess.run([out / "FileCheck"], capture_output=True,
                                               text=True).stdout, "prefix maps hold"


@needs(*BUILD_TOOLS)
def test_setup_llvm_key_tells_what_the_build_depends_on(job, small_llvm):
    def key(**params):
        env = {f"CAIL_PARAM_{k.upper()}": v for k, v in params.items()}
        code, log = job.run(BY_NAME["setup-llvm"], "fetch.sh", CAIL_PARAM_COMPILER="gcc",
                            CAIL_UPSTREAM_LLVM_URL=small_llvm.url, **env)
        assert code == 0, log
        return (job.attempt / "cache-key").read_text()

    first = key()
    sha = git(small_llvm.work, "rev-parse", "HEAD")
    assert f"sha {sha}\n" in first and "compiler /usr/bin/g++" in first
    assert key() == first and key(jobs="1", link_jobs="1") == first
    assert key(build_type="Debug") != first and key(projects="mlir") != first
    assert key(projects="clang,mlir") == first, "commas mean the same"
    small_llvm.commit("llvm/main.cpp", "int main() {}\n")
    small_llvm.push()
    assert key() != first and key(ref=sha).count(sha) == 1


@needs(*BUILD_TOOLS)
def test_setup_llvm_goes_on_where_it_was_stopped(job, small_llvm):
    small_llvm.commit("llvm/main.cpp", "this does not compile\n")
    small_llvm.push()
    code, log = setup_llvm(job, small_llvm, "k1")
    assert code != 0 and not (job.root / "current").exists()
    assert re.search(r"build\.sh|llvm\.sh:\d+: exit code \d+: ninja", log), log
    good = git(small_llvm.work, "rev-parse", "HEAD~1")
    code, log = setup_llvm(job, small_llvm, "k1", ref=good)
    assert code == 0 and "going on with the build" in log, log
    assert "name=wall" not in log, "the time of half a build says nothing"


@needs(*BUILD_TOOLS)
def test_setup_llvm_with_an_unknown_target(job, small_llvm):
    code, log = setup_llvm(job, small_llvm, "k1", targets="FileChek")
    assert code != 0 and "unknown target 'FileChek'" in log


@needs(*BUILD_TOOLS, "ccache")
def test_setup_llvm_of_another_commit_hits_the_compiler_cache(job, small_llvm):
    assert setup_llvm(job, small_llvm, "k1", ccache="true")[0] == 0
    small_llvm.commit("README.md", "more\n")
    small_llvm.push()
    code, log = setup_llvm(job, small_llvm, "k2", ccache="true")
    assert code == 0
    stats = subprocess.run(["ccache", "--print-stats"], capture_output=True, text=True,
                           env={"PATH": "/usr/bin", "CCACHE_DIR": str(job.root / "ccache")}).stdout
    n = dict(line.split("\t") for line in stats.splitlines() if "\t" in line)
    assert int(n["direct_cache_hit"]) + int(n["preprocessed_cache_hit"]) == 1, stats


# ---- check-mlir's counting

def test_check_mlir_counts_and_fails_with_the_tests(job):
    build = job.root / "cache" / "k"
    (build / "bin").mkdir(parents=True)
    (build / "tools/mlir/test").mkdir(parents=True)
    (build / "source/mlir/test/Dialect/Arith").mkdir(parents=True)
    lit = build / "bin" / "llvm-lit"
    lit.write_text("""#!/bin/sh
for last; do :; done
echo "on $last"
while [ "$1" != -o ]; do shift; done
echo '{"tests": [{"code": "PASS"}, {"code": "PASS"}, {"code": "XFAIL"}, {"code": "FAIL"}]}' >"$2"
exit 1
""")
    lit.chmod(0o755)
    code, log = job.run(BY_NAME["check-mlir"], "test.sh", CAIL_BUILD_DIR=build,
                        CAIL_PARAM_SUBSET="Dialect/Arith")
    assert code == 1
    assert f"on {build}/tools/mlir/test/Dialect/Arith\n" in log
    n = dict(re.findall(r"name=(\w+) value=(\d+)", log))
    assert n == {"pass": "2", "fail": "1", "xfail": "1", "total": "4"}
    assert "param.subset=Dialect/Arith" in log
    assert len(json.loads((job.results / "lit.json").read_text())["tests"]) == 4, "each test is a check"
    code, log = job.run(BY_NAME["check-mlir"], "test.sh", CAIL_BUILD_DIR=build,
                        CAIL_PARAM_SUBSET="Dialect/Nope")
    assert code == REFUSED and "Dialect/Nope" in log


# ---- nccl-notes

def test_nccl_notes(job, tmp_path):
    nccl, tests = Upstream(tmp_path, "nccl", "master"), Upstream(tmp_path, "nccl-tests", "master")
    nccl.commit("makefiles/version.mk", "NCCL_MAJOR   := 2\nNCCL_MINOR   := 30\n"
                "NCCL_PATCH   := 7\nNCCL_SUFFIX  :=\n")
    nccl.commit("README.md", "text\n```shell\n$ make -j src.build\n```\nmake is a tool\n")
    tests.commit("src/common.h", '#define NCCL_TESTS_VERSION "2.19.6"\n')
    tests.commit("README.md", "```\n$ ./build/all_reduce_perf -b 8 -e 128M\n```\n")
    nccl.push()
    tests.push()
    code, log = job.run(BY_NAME["nccl-notes"], "notes.sh", CAIL_PARAM_COMMITS=2,
                        CAIL_UPSTREAM_NCCL_URL=nccl.url, CAIL_UPSTREAM_NCCL_TESTS_URL=tests.url)
    assert code == 0, log
    notes = (job.artifacts / "notes.md").read_text()
    assert "## nccl 2.30.7\n" in notes and "## nccl-tests 2.19.6\n" in notes
    assert notes.count("ref: master, commit ") == 2
    assert "    make -j src.build\n" in notes and "all_reduce_perf -b 8" in notes
    assert "commit 3" in notes and "commit 1\n" not in notes, "as many commits as asked for"


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, "-q"]))
