"""recipes/lib/snapshot.sh with real git: what of a working tree becomes a commit, and that its repository
is only read. No daemon, no network.
"""
import hashlib
import os
import pathlib
import shutil
import stat
import subprocess

import pytest
from test_recipes_scripts import GET, RECIPES, Job, Upstream, git, upstream  # noqa: F401

SNAPSHOT = RECIPES / "lib" / "snapshot.sh"
REFUSED = 78


def fingerprint(folder):
    """Every file below a .git: kind, mode, bytes; of the index also its time."""
    seen = {}
    for at, dirs, files in os.walk(os.fsencode(folder)):
        for name in dirs + files:
            path = os.path.join(at, name)
            info = os.lstat(path)
            text = os.readlink(path) if stat.S_ISLNK(info.st_mode) else (
                hashlib.sha256(pathlib.Path(os.fsdecode(path)).read_bytes()).hexdigest()
                if stat.S_ISREG(info.st_mode) else "")
            time = info.st_mtime_ns if name == b"index" else None
            seen[path] = (info.st_mode, text, time)
    return seen


class Tree:
    """A clone with its mirror-to-be."""

    def __init__(self, tmp, upstream, *clone):
        self.tmp, self.upstream = tmp, upstream
        self.dir = tmp / "tree"
        self.home = tmp / "home"
        self.home.mkdir(exist_ok=True)
        self.mirror = tmp / "root" / "mirrors" / "up.git"
        git(tmp, "clone", "-q", *clone, upstream.url, str(self.dir))

    def git(self, *args):
        return git(self.dir, *args)

    def write(self, name, data="text\n", mode=None):
        path = self.dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        if mode:
            path.chmod(mode)
        return path

    def start(self, where=None, **env):
        every = {"PATH": os.environ["PATH"], "HOME": str(self.home), "CAIL_UPSTREAM_UP_URL": self.upstream.url}
        every.update({k: str(v) for k, v in env.items()})
        return subprocess.run(["/bin/bash", str(SNAPSHOT), str(where or self.dir), str(self.mirror)],
                              env=every, capture_output=True, cwd=self.tmp, timeout=120)

    def take(self, where=None, **env):
        done = self.start(where, **env)
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        assert len(done.stdout) == 41, done.stdout
        assert not pathlib.Path(f"{self.mirror}.snapshot").exists()
        return done.stdout.decode().strip()

    def refused(self, *words, where=None, code=REFUSED, **env):
        done = self.start(where, **env)
        assert (done.returncode, done.stdout) == (code, b""), done
        last = done.stderr.decode(errors="replace").splitlines()[-1]
        assert all(w in last for w in words), last
        assert not pathlib.Path(f"{self.mirror}.snapshot").exists()

    def files(self, sha):
        """{path: (mode, blob)} in the mirror, which must do without the tree's objects."""
        out = subprocess.run(["git", "-C", str(self.mirror), "ls-tree", "-rz", sha], check=True,
                             capture_output=True).stdout
        rows = (row.split(b"\t", 1) for row in out.split(b"\0") if row)
        return {name.decode(errors="surrogateescape"): tuple(meta.decode().split()[::2]) for meta, name in rows}

    def blob(self, sha, name):
        return subprocess.run(["git", "-C", str(self.mirror), "cat-file", "blob", f"{sha}:{name}"], check=True,
                              capture_output=True).stdout


@pytest.fixture
def tree(tmp_path, upstream):
    upstream.commit("d/b.txt", "two\n")
    upstream.push()
    return Tree(tmp_path, upstream)


@pytest.fixture
def unchanged(tree):
    """unchanged(): since it was called last, neither .git nor what git status says has changed."""
    before = {}

    def look(where=None):
        where = where or tree.dir
        status = subprocess.run(["git", "-C", str(where), "--no-optional-locks", "status", "--porcelain=v2", "-z"],
                                capture_output=True, check=True).stdout
        now = (fingerprint(tree.dir / ".git"), status)
        assert before.setdefault("is", now) == now

    return look


def test_tracked_staged_and_untracked_but_not_ignored(tree, unchanged):
    tree.write(".gitignore", "*.o\n")
    tree.write("d/b.txt", "changed\n")
    tree.write("staged.txt")
    tree.git("add", "staged.txt")
    tree.write("staged.txt", "changed after it was staged\n")
    tree.write("new/deep/file", "new\n")
    tree.write("x.o")
    (tree.dir / "a.txt").unlink()
    unchanged()
    sha = tree.take()
    unchanged()
    assert set(tree.files(sha)) == {".gitignore", "d/b.txt", "staged.txt", "new/deep/file"}
    assert tree.blob(sha, "d/b.txt") == b"changed\n"
    assert tree.blob(sha, "staged.txt") == b"changed after it was staged\n"
    assert git(tree.mirror, "rev-parse", f"{sha}^") == tree.git("rev-parse", "HEAD")


def test_the_same_content_is_the_same_sha_and_another_is_another(tree):
    tree.write("n.txt", "one\n")
    first = tree.take()
    os.utime(tree.dir / "n.txt", (1, 1))
    tree.write("a.txt", tree.dir.joinpath("a.txt").read_bytes())
    assert tree.take() == first
    tree.git("add", "n.txt")
    assert tree.take() == first
    tree.write("n.txt", "two\n")
    assert tree.take() != first
    tree.write("n.txt", "one\n")
    assert tree.take() == first


def test_a_tree_without_changes_is_its_head(tree, unchanged):
    unchanged()
    assert tree.take() == tree.git("rev-parse", "HEAD")
    tree.write("local.txt")
    tree.git("add", ".")
    tree.git("commit", "-q", "-m", "not pushed")
    sha = tree.take()
    assert sha == tree.git("rev-parse", "HEAD")
    assert "local.txt" in tree.files(sha)


def test_a_change_that_only_the_time_of_the_index_gives_away(tree):
    """Same size, same mtime as when it was added: git finds it because the index is not newer."""
    tree.git("config", "core.trustctime", "false")
    f = tree.write("a.txt", "ONE\n")
    index = tree.dir / ".git" / "index"
    at = 1600000000
    os.utime(f, (at, at))
    tree.git("add", "a.txt")
    tree.git("commit", "-q", "-m", "x")
    f.write_text("TWO\n")
    os.utime(f, (at, at))
    os.utime(index, (at, at))
    assert tree.blob(tree.take(), "a.txt") == b"TWO\n"


def test_it_outlives_the_repository(tree):
    tree.write("local.txt", "committed here alone\n")
    tree.git("add", ".")
    tree.git("commit", "-q", "-m", "not pushed")
    tree.write("n.txt", "untracked\n")
    sha = tree.take()
    shutil.rmtree(tree.dir)
    assert git(tree.mirror, "fsck", "--no-dangling", "--connectivity-only", "--strict") == ""
    git(tree.mirror, "-c", "gc.pruneExpire=now", "gc", "-q", "--prune=now")
    assert tree.blob(sha, "n.txt") == b"untracked\n"
    assert tree.blob(sha, "local.txt") == b"committed here alone\n"


def test_modes_links_and_names(tree, unchanged):
    tree.write("run.sh", "#!/bin/sh\n", 0o755)
    os.symlink("nowhere/at all", tree.dir / "link")
    os.mkfifo(tree.dir / "fifo")
    names = ["new\nline", "-dash", ":(top)magic", "glob*", 'quo"te\\', "tab\t", " blank "]
    for n in names:
        tree.write(n, n)
    os.close(os.open(os.fsencode(tree.dir) + b"/\xff\xfe", os.O_CREAT | os.O_WRONLY))
    unchanged()
    sha = tree.take()
    unchanged()
    files = tree.files(sha)
    assert files["run.sh"][0] == "100755" and files["link"][0] == "120000"
    assert tree.blob(sha, "link") == b"nowhere/at all"
    assert set(names) <= set(files) and "\udcff\udcfe" in files and "fifo" not in files
    assert tree.blob(sha, "new\nline") == b"new\nline"


def test_a_file_became_a_folder_and_the_other_way(tree):
    (tree.dir / "a.txt").unlink()
    tree.write("a.txt/inner")
    shutil.rmtree(tree.dir / "d")
    tree.write("d", "a file now\n")
    assert set(tree.files(tree.take())) == {"a.txt/inner", "d"}


def test_line_ends_and_filters_as_the_repository_says(tree, unchanged):
    tree.write(".gitattributes", "*.txt text eol=crlf\n*.up filter=up\n")
    tree.git("config", "filter.up.clean", "tr a-z A-Z")
    tree.git("config", "core.safecrlf", "true")
    tree.write("crlf.txt", b"a\r\nb\r\n")
    tree.write("shout.up", "loud\n")
    unchanged()
    sha = tree.take()
    unchanged()
    assert tree.blob(sha, "crlf.txt") == b"a\nb\n"
    assert tree.blob(sha, "shout.up") == b"LOUD\n"
    # As git itself would store it.
    tree.git("-c", "core.safecrlf=false", "add", "-A")
    assert git(tree.mirror, "rev-parse", f"{sha}^{{tree}}") == tree.git("write-tree")


def test_hooks_and_background_work_stay_asleep(tree, unchanged):
    for hook in ("post-index-change", "pre-auto-gc", "reference-transaction", "fsmonitor"):
        f = tree.write(f".git/hooks/{hook}", f"#!/bin/sh\ntouch {tree.tmp}/ran-{hook}\n", 0o755)
        assert os.access(f, os.X_OK)
    tree.git("config", "core.fsmonitor", ".git/hooks/fsmonitor")
    tree.git("config", "gc.auto", "1")
    tree.write("n.txt")
    before = fingerprint(tree.dir / ".git")
    tree.take()
    assert fingerprint(tree.dir / ".git") == before
    assert list(tree.tmp.glob("ran-*")) == []


def test_split_index_and_untracked_cache(tree, unchanged):
    tree.git("update-index", "--split-index")
    tree.git("update-index", "--untracked-cache")
    tree.git("config", "core.splitIndex", "true")
    tree.git("config", "core.untrackedCache", "true")
    tree.write("n.txt")
    before = fingerprint(tree.dir / ".git")
    assert any(b"sharedindex" in p for p in before)
    assert "n.txt" in tree.files(tree.take())
    assert fingerprint(tree.dir / ".git") == before


def test_a_linked_worktree(tree, unchanged):
    other = tree.tmp / "other tree\nof two lines"
    tree.git("worktree", "add", "-q", "-b", "topic", str(other))
    (other / "n.txt").write_text("in the other\n")
    tree.write("main.txt")
    unchanged()
    sha = tree.take(other)
    unchanged()
    assert "n.txt" in tree.files(sha) and "main.txt" not in tree.files(sha)


def test_a_folder_inside_stands_for_the_whole(tree):
    tree.write("n.txt")
    assert tree.take(tree.dir / "d") == tree.take()


def test_sparse_checkout_keeps_what_is_not_here(tree, unchanged):
    tree.git("sparse-checkout", "set", "d")
    tree.write("top/x.txt", "not here\n")
    tree.git("add", "--sparse", ".")
    tree.git("commit", "-q", "-m", "x")
    tree.git("sparse-checkout", "reapply")
    assert not (tree.dir / "top").exists()
    tree.write("d/n.txt")
    unchanged()
    sha = tree.take()
    unchanged()
    assert set(tree.files(sha)) == {"a.txt", "d/b.txt", "d/n.txt", "top/x.txt"}


def test_the_callers_environment_of_git_does_not_count(tree):
    tree.write("n.txt")
    sha = tree.take()
    assert tree.take(GIT_DIR="/nonexistent", GIT_INDEX_FILE="/nonexistent", GIT_WORK_TREE="/",
                     GIT_OBJECT_DIRECTORY="/nonexistent", GIT_CONFIG_COUNT="1", GIT_CONFIG_KEY_0="core.bare",
                     GIT_CONFIG_VALUE_0="true", GIT_LITERAL_PATHSPECS="1", GIT_AUTHOR_DATE="@5 +0000") == sha


def test_no_commit_yet(tree):
    fresh = tree.tmp / "fresh"
    git(tree.tmp, "init", "-q", str(fresh))
    (fresh / "n.txt").write_text("first\n")
    sha = tree.take(fresh)
    assert set(tree.files(sha)) == {"n.txt"}
    assert git(tree.mirror, "rev-list", "--count", sha) == "1"


def test_no_commit_and_no_file(tree):
    fresh = tree.tmp / "fresh"
    git(tree.tmp, "init", "-q", str(fresh))
    assert tree.files(tree.take(fresh)) == {}


# --- submodules ---

@pytest.fixture
def sub(tmp_path, tree):
    other = Upstream(tmp_path, "sub")
    tree.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", other.url, "sub")
    tree.git("commit", "-q", "-m", "sub")
    return other


def test_a_submodule_is_at_the_commit_that_is_checked_out(tree, sub, unchanged):
    sub.commit("b", "2\n")
    sub.push()
    git(tree.dir / "sub", "pull", "-q")
    at = git(tree.dir / "sub", "rev-parse", "HEAD")
    unchanged()
    sha = tree.take()
    unchanged()
    assert tree.files(sha)["sub"] == ("160000", at)


def test_changes_in_a_submodule_are_refused_untracked_files_are_told(tree, sub, unchanged):
    tree.write("sub/new.txt")
    unchanged()
    done = tree.start()
    assert done.returncode == 0 and b"untracked files in the submodule sub" in done.stderr
    tree.write("sub/a.txt", "changed\n")
    tree.refused("submodule sub", "commit")


def test_a_repository_inside_is_left_out_and_told(tree):
    inner = tree.dir / "inner repo"
    git(tree.dir, "init", "-q", str(inner))
    (inner / "x").write_text("x")
    done = tree.start()
    assert done.returncode == 0 and b"left out: inner" in done.stderr
    assert "inner repo" not in tree.files(done.stdout.decode().strip())


# --- refusals ---

def test_what_is_no_working_tree(tree, tmp_path):
    plain = tmp_path / "plain"
    plain.mkdir()
    tree.refused("no working tree", where=plain)
    tree.refused("not a folder", where=tmp_path / "gone")
    tree.refused("no working tree", where=tree.upstream.bare)
    tree.refused("no working tree", where=tree.dir / ".git")


@pytest.mark.parametrize("damage", ["head", "object", "index", "config"])
def test_a_damaged_repository(tree, damage):
    tree.take()
    if damage == "head":
        (tree.dir / ".git/refs/heads/trunk").write_text("garbage\n")
    elif damage == "object":
        shutil.rmtree(tree.dir / ".git/objects")
        (tree.dir / ".git/objects").mkdir()
    elif damage == "index":
        (tree.dir / ".git/index").write_bytes(b"DIRC" + b"\0" * 40)
    else:
        (tree.dir / ".git/config").write_text("[core\n")
    tree.write("n.txt")
    tree.refused()


def test_too_large_to_be_source(tree):
    with open(tree.dir / "weights.bin", "wb") as f:
        f.truncate(3 << 20)
    tree.refused("weights.bin, 3 MiB", ".gitignore", CAIL_SNAPSHOT_MIB=2)
    tree.write(".git/info/exclude", "*.bin\n")
    assert "weights.bin" not in tree.files(tree.take(CAIL_SNAPSHOT_MIB=2))


def test_a_file_that_cannot_be_read(tree):
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    tree.write("secret", "x", 0o000)
    tree.refused("secret")


def test_a_filter_that_fails(tree):
    tree.write(".gitattributes", "*.bad filter=bad\n")
    tree.git("config", "filter.bad.clean", "false")
    tree.git("config", "filter.bad.required", "true")
    tree.write("x.bad")
    tree.refused("x.bad")


def test_a_shallow_clone(tmp_path, upstream):
    for n in range(3):
        upstream.commit("a.txt", f"{n}\n")
    upstream.push()
    tree = Tree(tmp_path, upstream, "--depth=1")
    tree.write("n.txt")
    # Its oldest commit is one that the mirror has.
    assert "n.txt" in tree.files(tree.take())
    # And one that it has not: made after the mirror, fetched into the clone alone.
    upstream.commit("a.txt", "later\n")
    upstream.commit("a.txt", "latest\n")
    upstream.push()
    tree.git("fetch", "-q", "--depth=1")
    tree.git("reset", "-q", "--hard", "origin/trunk")
    tree.write("n.txt")
    tree.refused("unshallow")


def test_a_clone_that_borrows_objects(tmp_path, tree):
    borrower = tmp_path / "borrower"
    git(tmp_path, "clone", "-q", "--shared", str(tree.dir), str(borrower))
    (borrower / ".git/objects/info/alternates").write_text("../../../tree/.git/objects\n")
    (borrower / "n.txt").write_text("borrowed\n")
    assert tree.blob(tree.take(borrower), "n.txt") == b"borrowed\n"


def test_a_partial_mirror(tmp_path, upstream):
    git(upstream.bare, "config", "uploadpack.allowFilter", "true")
    git(upstream.bare, "config", "uploadpack.allowAnySHA1InWant", "true")
    upstream.commit("d/b.txt", "two\n")
    upstream.push()
    tree = Tree(tmp_path, upstream)
    tree.write("d/n.txt", "beside what the mirror has no content of\n")
    sha = tree.take()
    assert git(tree.mirror, "config", "remote.origin.promisor") == "true"
    assert git(tree.mirror, "show", f"{sha}:d/n.txt") == "beside what the mirror has no content of"
    assert git(tree.mirror, "show", f"{sha}:d/b.txt") == "two"  # fetched when it is asked for


def test_what_a_killed_one_left_is_removed(tree):
    left = pathlib.Path(f"{tree.mirror}.snapshot")
    (left / "objects").mkdir(parents=True)
    tree.write("n.txt")
    tree.take()


# --- as the source of a job ---

@pytest.fixture
def job(tmp_path):
    made = Job(tmp_path)
    own = tmp_path / "own-recipe"
    own.mkdir()
    (own / "recipe.json").write_text('{\n  "name": "own",\n  "upstream": "up",\n  "kind": "build"\n}\n')
    return made


def got(job, tree, ref="", **env):
    return job.step(GET.replace("source_get demo", "source_get up"), CAIL_PARAM_REF=ref,
                    CAIL_UPSTREAM_UP_URL=tree.upstream.url, **env)


def test_source_of_a_job(tree, job):
    tree.write("n.txt", "from the tree\n")
    code, log = got(job, tree, CAIL_SOURCE_WORKTREE=tree.dir)
    assert code == 0, log
    sha = tree.take()
    assert f"sha={sha}" in log
    # A later step names the sha: what changed meanwhile does not count.
    tree.write("n.txt", "later\n")
    code, log = got(job, tree, sha, CAIL_SOURCE_WORKTREE=tree.dir)
    assert code == 0 and f"sha={sha}" in log


def test_merge_base(tree, job):
    base = tree.git("rev-parse", "HEAD")
    tree.write("n.txt")
    tree.git("checkout", "-q", "-b", "topic")
    tree.git("add", "n.txt")
    tree.git("commit", "-q", "-m", "topic")
    tree.git("push", "-q", "origin", "topic", "topic:refs/pull/7/head")
    tree.upstream.commit("a.txt", "trunk went on\n")
    tree.upstream.push()
    for ref in ("merge-base:topic", "merge-base:pull/7"):
        code, log = got(job, tree, ref)
        assert code == 0 and f"sha={base}" in log, log
    tree.write("more.txt")
    code, log = got(job, tree, "merge-base", CAIL_SOURCE_WORKTREE=tree.dir)
    assert code == 0 and f"sha={base}" in log, log
    code, log = got(job, tree, "merge-base")
    assert code == 1 and "merge-base of what" in log
