"""The recipes of each upstream, their steps run as the daemon runs them: tiny repositories play the
upstreams, scripts play compilers, containers and servers. No network, no daemon, no card.
"""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess

import pytest

from test_recipes_scripts import (BY_NAME, RECIPES, REFUSED, Job, Upstream, fake, git,  # noqa: F401
                                  needs)

PATH = "/usr/local/bin:/usr/bin:/bin"


def write(path, text, mode=0o644):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def script(path, text):
    return write(path, "#!/bin/bash\n" + text, 0o755)


def metrics(log):
    return [dict(w.split("=", 1) for w in line.split()[2:])
            for line in log.splitlines() if line.startswith("::cail metric ")]


def contents(folder):
    """Every file below it, with its bytes: what a measuring step must leave as it was."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture
def job(tmp_path):
    j = Job(tmp_path)
    j.build = tmp_path / "build"
    j.build.mkdir()
    plain = j.env
    j.env = lambda *a: {"CAIL_BUILD_DIR": str(j.build), **plain(*a)}
    j.go = lambda recipe, step, **extra: j.run(BY_NAME[recipe], f"{step}.sh", **extra)
    return j


def ok(result):
    assert result[0] == 0, result[1]
    return result[1]


def refuses(result, *words):
    assert result[0] == REFUSED, result[1]
    assert result[1].strip().splitlines()[-1].startswith("refused: "), result[1]
    for word in words:
        assert word in result[1], result[1]


# ---- what benchmarks promise to comparisons

BENCHMARKS = [n for n, d in BY_NAME.items() if json.loads((d / "recipe.json").read_text())["kind"] == "benchmark"]


@pytest.mark.parametrize("name", BENCHMARKS)
def test_the_measuring_step_is_the_last_and_takes_rounds(name):
    recipe = json.loads((BY_NAME[name] / "recipe.json").read_text())
    steps, last = recipe["steps"], recipe["steps"][-1]
    assert last["name"] == "measure" and not last.get("cached") and not last.get("keys_cache")
    text = (BY_NAME[name] / last["run"]).read_text()
    assert re.search(r"\$\(rounds \d+\)", text) or "rounds" not in recipe["params"]
    assert "source_get" not in text and "source_any" not in text, "it fetches nothing"
    assert not re.search(r">+\s*\"?\$CAIL_BUILD_DIR", text), "the build is not its to change"
    assert re.search(r"\bprogram [\"$a-z]|\btool [\"a-z]|CAIL_BIN_DIR|testsuite", text), "one side's own programs"
    if any(s.get("cached") for s in steps):
        assert any(s.get("keys_cache") for s in steps)


@pytest.mark.parametrize("name", [n for n, d in BY_NAME.items() if "uses" in json.loads((d / "recipe.json").read_text())])
def test_what_is_used_exists_and_has_those_parameters(name):
    recipe = json.loads((BY_NAME[name] / "recipe.json").read_text())
    for use in recipe["uses"]:
        other = json.loads((BY_NAME[use["recipe"]] / "recipe.json").read_text())
        assert other["kind"] == "build" and any(s.get("cached") for s in other["steps"])
        for key, value in use.get("params", {}).items():
            assert key in other["params"], key
            assert not str(value).startswith("$") or value[1:] in recipe["params"]
        assert use.get("when") is None or use["when"] in recipe["params"]


def test_a_side_without_the_program_is_no_silent_other(job):
    (job.tmp / "side").mkdir()
    refuses(job.go("mlir-opt-bench", "measure", CAIL_BIN_DIR=job.tmp / "side"), "has no mlir-opt")


# ---- builds in general

def test_ccache_rate_is_of_this_step_alone(job):
    fake_stats = "# a.c\\ndirect_cache_hit\\n# b.c\\npreprocessed_cache_hit\\n# c.c\\ncache_miss\\n# d.c\\ncache_miss\\n"
    log = ok(job.step('. "$CAIL_LIB/build.sh"\nccache_begin\n'
                      f"[[ -n $CCACHE ]] || CCACHE=x CCACHE_STATSLOG=$CAIL_ATTEMPT_DIR/s\n"
                      f"printf '{fake_stats}' >$CCACHE_STATSLOG\nccache_report demo\n"
                      'say "dir=${CCACHE_DIR-} base=${CCACHE_BASEDIR-}"', PATH=PATH))
    (m,) = metrics(log)
    assert (m["name"], m["value"], m["unit"]) == ("ccache_hit_rate", "50", "%")


def test_ccache_is_shared_and_can_be_left_out(job, fake):
    fake("ccache", "exit 0")
    text = '. "$CAIL_LIB/build.sh"\nccache_begin\nsay "dir=${CCACHE_DIR-} launcher=${BUILD_LAUNCHER[*]-}"\nccache_report x'
    log = ok(job.step(text, PATH=fake.path))
    assert f"dir={job.root}/ccache launcher=-DCMAKE_C_COMPILER_LAUNCHER=" in log and metrics(log) == []
    assert "dir=/elsewhere " in ok(job.step(text, PATH=fake.path, CCACHE_DIR="/elsewhere"))
    assert "dir= launcher=\n" in ok(job.step(text, PATH=fake.path, CAIL_PARAM_CCACHE="false"))


@pytest.mark.parametrize("free, cpus, jobs, links", [(64000, 16, 16, 16), (8000, 16, 15, 2), (100, 16, 1, 1)])
def test_jobs_are_as_many_as_memory_holds(job, free, cpus, jobs, links):
    text = f'. "$CAIL_LIB/build.sh"\nmem_available_mib() {{ printf {free}; }}\nbuild_jobs 3072\nsay "$BUILD_JOBS $BUILD_LINKS"'
    assert ok(job.step(text, CAIL_CPUS=cpus)).strip() == f"{jobs} {links}"
    assert ok(job.step(text, CAIL_CPUS=cpus, CAIL_PARAM_JOBS=7, CAIL_PARAM_LINK_JOBS=3)).strip() == "7 3"


def test_programs_of_used_builds_come_first(job):
    script(job.tmp / "used/bin/tool", "echo used")
    script(job.tmp / "side/tool", "echo side")
    assert ok(job.step("tool", CAIL_USE_SOME_BUILD=job.tmp / "used")) == "used\n"
    assert ok(job.step("tool", CAIL_USE_SOME_BUILD=job.tmp / "used", CAIL_BIN_DIR=job.tmp / "side")) == "side\n"


# ---- submodules

SUB = """
. "$CAIL_LIB/submodule.sh"
build_root_open
source_get demo ""
submodules_get demo third_party/Inner
say "dir=$SRC_DIR inner=$(cat "$SRC_DIR/third_party/Inner/a.txt")"
"""


@pytest.fixture
def with_submodule(tmp_path):
    inner, outer = Upstream(tmp_path, "inner"), Upstream(tmp_path, "outer")
    pin = git(inner.work, "rev-parse", "HEAD")
    inner.commit("a.txt", "newer\n")
    inner.push()
    write(outer.work / ".gitmodules", '[submodule "x"]\n\tpath = third_party/Inner\n'
          "\turl = https://example.invalid/inner.git\n")
    git(outer.work, "add", ".gitmodules")
    git(outer.work, "update-index", "--add", "--cacheinfo", f"160000,{pin},third_party/Inner")
    git(outer.work, "commit", "-q", "-m", "pin")
    outer.push()
    return {"CAIL_UPSTREAM_DEMO_URL": outer.url, "CAIL_UPSTREAM_DEMO_INNER_URL": inner.url}


def test_a_submodule_is_at_its_place_at_its_commit(job, with_submodule):
    log = ok(job.step(SUB, **with_submodule))
    assert "inner=one" in log, "the pinned commit, not the newest"
    assert (job.root / "mirrors/demo-inner.git").is_dir()
    again = ok(job.step(SUB, **with_submodule))
    assert "worktree" in again and "checking out" not in again


def test_a_removed_submodule_comes_back(job, with_submodule):
    where = pathlib.Path(re.search(r"dir=(\S+)", ok(job.step(SUB, **with_submodule)))[1])
    subprocess.run(["rm", "-rf", where / "third_party/Inner"], check=True)
    assert "inner=one" in ok(job.step(SUB, **with_submodule))
    subprocess.run(["rm", "-rf", where], check=True)
    assert "inner=one" in ok(job.step(SUB, **with_submodule))


# ---- many jobs on one upstream

def test_ten_jobs_two_refs_one_killed(tmp_path):
    up = Upstream(tmp_path, "up")
    git(up.bare, "config", "uploadpack.allowFilter", "true")
    one = up.commit("big.txt", "x" * 300000)
    git(up.work, "branch", "other", one)
    two = up.commit("big.txt", "y" * 300000)
    up.push("trunk", "other")
    own = tmp_path / "own-recipe"
    write(own / "step.sh", 'build_root_open\nsource_get demo "$(param ref)"\nsay "sha=$SRC_SHA $(head -c1 "$SRC_DIR/big.txt")"\n')
    root, jobs = tmp_path / "root", []
    for i in range(10):
        j = Job(tmp_path / f"j{i}")
        j.root = root
        jobs.append(j.start(own, "step.sh", CAIL_UPSTREAM_DEMO_URL=up.url,
                            CAIL_PARAM_REF=["trunk", "other"][i % 2]))
    killed = jobs[3]
    os.killpg(killed.pid, signal.SIGKILL)
    logs = [p.communicate(timeout=120)[0].decode() for p in jobs]
    for i, p in enumerate(jobs):
        if p is killed:
            continue
        assert p.returncode == 0, logs[i]
        assert f"sha={[two, one][i % 2]} {'yx'[i % 2]}" in logs[i], logs[i]
    # One made the mirror (two when the killed one had begun it); the others found it.
    assert 1 <= sum("first fetch" in log for log in logs) <= 2
    assert sum("checking out" in log for log in logs) in (2, 3)
    mirror = root / "mirrors/demo.git"
    assert git(mirror, "fsck", "--connectivity-only", "--no-dangling") == ""
    assert sorted(p.name for p in (root / "src/demo").iterdir()) == sorted([one[:12], two[:12]])
    assert not list((root / "mirrors").glob("*.part")) and not list(mirror.glob("*.lock"))


# ---- IREE

IREE = """\
cmake_minimum_required(VERSION 3.20)
project(fake C)
if(NOT EXISTS ${CMAKE_SOURCE_DIR}/third_party/flatcc/a.txt)
  message(FATAL_ERROR "no flatcc")
endif()
enable_testing()
add_subdirectory(runtime/src/iree/base)
"""
GBENCH = r"""
#include <stdio.h>
#include <string.h>
int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--help")) { puts("[--benchmark_min_time=`<integer>x` or `<float>s` ]"); return 0; }
        if (!strncmp(argv[i], "--benchmark_filter=none", 23)) return 0;
        fprintf(stderr, "arg %s\n", argv[i]);
    }
    puts("{\"context\": {}, \"benchmarks\": []}");
    return 0;
}
"""


@pytest.fixture
def iree(tmp_path):
    up = Upstream(tmp_path, "iree", "main")
    env, modules = {"CAIL_UPSTREAM_IREE_URL": up.url}, ""
    for name in ("flatcc", "benchmark", "googletest"):
        sub = Upstream(tmp_path, name)
        env[f"CAIL_UPSTREAM_IREE_{name.upper()}_URL"] = sub.url
        modules += f'[submodule "third_party/{name}"]\n\tpath = third_party/{name}\n\turl = https://example.invalid/{name}.git\n'
        git(up.work, "update-index", "--add", "--cacheinfo",
            f"160000,{git(sub.work, 'rev-parse', 'HEAD')},third_party/{name}")
    base = "runtime/src/iree/base"
    for path, text in {".gitmodules": modules, "CMakeLists.txt": IREE, f"{base}/b.c": GBENCH, f"{base}/t.c": "int main(void) { return 0; }", f"{base}/CMakeLists.txt":
                       "add_executable(iree_bitmap_benchmark b.c)\nset_target_properties(iree_bitmap_benchmark PROPERTIES "
                       "OUTPUT_NAME bitmap_benchmark)\nadd_executable(bitmap_test t.c)\n"
                       "add_test(NAME iree/base/bitmap_test COMMAND bitmap_test)\nadd_custom_target(iree-run-module)\nadd_custom_target(iree-benchmark-module)\n"}.items():
        write(up.work / path, text)
        git(up.work, "add", path)
    git(up.work, "commit", "-q", "-m", "tree")
    up.push()
    return env


@needs("cmake", "ninja")
def test_iree_runtime_is_built_and_its_benchmarks_run(job, iree):
    ok(job.go("setup-iree", "fetch", **iree))
    key = (job.attempt / "cache-key").read_text()
    assert "-DIREE_BUILD_COMPILER=OFF" in key and "compiler " in key
    log = ok(job.go("setup-iree", "build", CAIL_PARAM_TESTS="base", **iree))
    assert (job.build / "bench/bitmap_benchmark").resolve().is_file()
    assert [m["name"] for m in metrics(log)][0] == "wall"
    again = ok(job.go("setup-iree", "build", **iree))
    assert "going on with the build begun" in again and "name=wall" not in again
    before = contents(job.build)
    use = {"CAIL_USE_SETUP_IREE": job.build, "CAIL_PARAM_PROGRAMS": "bitmap", "CAIL_PARAM_ROUNDS": 3}
    log = ok(job.go("iree-bench", "measure", **use))
    assert "arg --benchmark_min_time=0.020000s" in log
    assert [(m["benchmark"], m["name"], m["kind"]) for m in metrics(log)] == [("bitmap_benchmark", "text_size", "exact")]
    assert re.search(r"^main T \d+$", (job.artifacts / "bitmap_benchmark.symbols.txt").read_text(), re.M)
    assert 'name="iree/base/bitmap_test"' in (job.results / "tests.xml").read_text()
    assert len(list(job.results.glob("bitmap.*.json"))) == 3
    for f in job.results.iterdir():
        f.unlink()
    log = ok(job.go("iree-bench", "measure", CAIL_ROUNDS=1, CAIL_FIRST=0, **use))
    assert [f.name for f in job.results.iterdir()] == ["bitmap.1.json"] and metrics(log) == []
    assert contents(job.build) == before
    refuses(job.go("iree-bench", "measure", CAIL_PARAM_FILTER="none", **use), "no benchmark that matches")
    refuses(job.go("iree-bench", "measure", **{**use, "CAIL_PARAM_PROGRAMS": "nope"}), "it has: bitmap_benchmark")
    refuses(job.go("iree-bench", "measure", CAIL_PARAM_VARIANT="compiler", CAIL_USE_SETUP_IREE=job.build),
            "no program iree-compile")
    refuses(job.go("iree-bench", "measure"), "CAIL_USE_SETUP_IREE")
    log = ok(job.go("iree-bench", "measure", CAIL_BIN_DIR=job.build / "bench", CAIL_PARAM_PROGRAMS="bitmap"))
    assert "text_size" in log and "bitmap_test" not in log, "programs alone have no tests"
    script(job.build / "runtime/src/iree/base/bitmap_test", "exit 1")
    code, log = job.go("iree-bench", "measure", **use)
    assert code == 1 and "tests of the runtime fail" in log
    assert "<failure" in (job.results / "tests.xml").read_text() and (job.results / "bitmap.3.json").exists()
    ok(job.go("iree-bench", "measure", CAIL_PARAM_TESTS="", **use))


def test_iree_wants_a_newer_cmake_by_number(job, fake):
    old = fake("cmake", "echo cmake version 3.25.1")
    want = "cmake 3.26 cmake required\n"
    code, log = job.step("say ran", PATH=fake.path, CAIL_REQUIRES=want)
    assert code == REFUSED and "needs cmake 3.26 or newer, found 3.25.1" in log
    new = script(job.tmp / "newer/cmake", "echo cmake version 3.31.6")
    assert job.step("say ran", PATH=fake.path, CAIL_REQUIRES=want, CAIL_PARAM_CMAKE=new)[0] == 0
    assert job.step("say ran", PATH=fake.path, CAIL_REQUIRES=want, CAIL_PARAM_CMAKE=old)[0] == REFUSED
    assert job.step("say ran", PATH=fake.path, CAIL_REQUIRES=want, CMAKE=new)[0] == 0
    assert job.step("say ran", PATH=fake.path, CAIL_REQUIRES=want, CMAKE=new, CAIL_PARAM_CMAKE=old)[0] == REFUSED


# ---- XLA

def test_clone_xla_notes_what_the_sources_say(job, tmp_path):
    up = Upstream(tmp_path, "xla", "main")
    write(up.work / "docs/build_from_source.md", "Say:\n\n    ./configure.py --backend=CPU\n    bazel build //xla/...\n")
    up.commit(".bazelversion", "7.4.1\n")
    up.push()
    log = ok(job.go("clone-xla", "clone", CAIL_UPSTREAM_XLA_URL=up.url))
    notes = (job.artifacts / "notes.md").read_text()
    assert "ref: main" in notes and "bazel it wants: 7.4.1" in notes and "    bazel build //xla/..." in notes
    assert {m["name"] for m in metrics(log)} == {"mirror_size", "wall"}
    ok(job.go("clone-xla", "clone", CAIL_UPSTREAM_XLA_URL=up.url, CAIL_PARAM_WORKTREE="false"))
    assert "sources:" not in (job.artifacts / "notes.md").read_text()


def test_hlo_modules_through_a_named_runner(job):
    runner = script(job.tmp / "runner", 'for last; do :; done\necho "** Running $last **" >&2\n'
                    'echo "## Execution time, file=$last repeat=0 duration=900ns"\n'
                    'echo "## Execution time, file=$last repeat=1 duration=800ns"\necho "$*" >>"$HOME/asked"\n')
    extra = {"CAIL_PARAM_RUNNER": runner, "CAIL_PARAM_ROUNDS": 2}
    for step in ("fetch", "build", "measure"):
        ok(job.go("xla-hlo-bench", step, **extra))
    assert sorted(f.name for f in job.results.iterdir()) == \
        [f"{n}.{r}.txt" for n in ("conv", "dot", "softmax") for r in (1, 2)]
    assert "--device_type=host --num_repeats=20 --profile_execution=true" in (job.home / "asked").read_text()
    script(runner, "echo nothing")
    ok(job.go("xla-hlo-bench", "build", **extra))
    code, log = job.go("xla-hlo-bench", "measure", **extra)
    assert code == 1 and "printed no times" in log


def test_without_bazel_nothing_is_cloned(job):
    refuses(job.go("xla-hlo-bench", "fetch", CAIL_UPSTREAM_XLA_URL="file:///nowhere"), "bazel")


# ---- llvm-test-suite

@needs("cmake", "ninja", "clang")
def test_the_suite_is_compiled_once_and_run_in_a_copy(job, tmp_path):
    up = Upstream(tmp_path, "suite", "main")
    write(up.work / "litsupport/x", "")
    write(up.work / "lit.site.cfg.in", "")
    write(up.work / "S/B/p.c", "int main(void) { return 0; }\n")
    up.commit("CMakeLists.txt", "cmake_minimum_required(VERSION 3.13)\nproject(s C)\nadd_executable(p S/B/p.c)\n"
              "file(WRITE ${CMAKE_BINARY_DIR}/lit.site.cfg \"\")\nfile(WRITE ${CMAKE_BINARY_DIR}/p.test \"\")\n")
    up.push()
    llvm = tmp_path / "llvm/bin"
    clang = script(llvm / "clang", 'exec clang "$@"\n')
    script(llvm / "clang++", 'exec clang++ "$@"\n')
    script(llvm / "llvm-size", "exit 0\n")
    script(llvm / "lit", 'while (($#)); do [[ $1 != -o ]] || echo \'{"tests":[]}\' >"$2"; shift; done\n'
           "touch Output\npwd >\"$HOME/where\"\nls >\"$HOME/had\"\n")
    extra = {"CAIL_UPSTREAM_LLVM_TEST_SUITE_URL": up.url, "CAIL_PARAM_CLANG": clang, "CAIL_PARAM_SUBDIRS": "S/B"}
    ok(job.go("llvm-test-suite-bench", "fetch", **extra))
    ok(job.go("llvm-test-suite-bench", "build", **extra))
    before = contents(job.build)
    ok(job.go("llvm-test-suite-bench", "measure", CAIL_ROUNDS=1, **extra))
    assert contents(job.build) == before
    assert [f.name for f in job.results.iterdir()] == ["results.1.json"]
    assert (job.home / "where").read_text().strip() != str(job.build)
    assert "p.test" in (job.home / "had").read_text()
    refuses(job.go("llvm-test-suite-bench", "build", **{**extra, "CAIL_PARAM_SUBDIRS": "S/none"}), "no folder S/none")


# ---- Tokio and Firecracker

RUSTFMT = 'for f; do case $f in *.rs) grep -q BAD "$f" && { echo "Diff in $f:1:"; bad=1; }; esac; done; exit ${bad:-0}'


@pytest.fixture
def rust(fake, job):
    """Played tools of Rust; cargo's own words are in `cargo`."""
    fake("rustfmt", RUSTFMT)
    fake("rustc", "echo rustc 1.99.0")
    fake("cargo", f'case $1 in --version) echo cargo 1.99.0; exit;; esac\n. {job.tmp}/cargo')
    write(job.tmp / "cargo", "exit 0\n")
    return fake


def commit(up, title, body="", file="src/x.rs", text="fn x() {}\n"):
    path = up.work / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(path.read_text() + text if path.exists() else text)
    git(up.work, "add", "-A")
    git(up.work, "commit", "-q", "-m", title, *(["-m", body] if body else []))


def topic(up, *refs):
    up.push(up.branch)
    git(up.work, "checkout", "-q", "-b", "topic")


def check(job, recipe, up, rust, name):
    up.push("topic")
    env = {f"CAIL_UPSTREAM_{name}_URL": up.url, "CAIL_PARAM_REF": "topic", "PATH": rust.path}
    ok(job.go(recipe, "fetch", **env))
    return job.go(recipe, "style", **env)


@pytest.fixture
def tokio(tmp_path):
    up = Upstream(tmp_path, "tokio", "master")
    commit(up, "sync: begin", file="tokio/Cargo.toml", text='edition = "2021"\n')
    commit(up, "benches: begin", file="benches/Cargo.toml", text='[package]\ncriterion = "0.5.1"\n')
    topic(up)
    return up


def test_tokio_check_passes_what_is_right(job, tokio, rust):
    commit(tokio, "sync: fix a lost wakeup of `Notify`")
    log = ok(check(job, "tokio-check", tokio, rust, "TOKIO"))
    assert "passed  title: 1 commits" in log and "passed  format: 1 files" in log


@pytest.mark.parametrize("title", ["sync: Fix it", "Fix it", "sync: fix it.", "sync: " + "x" * 70])
def test_tokio_check_finds_a_wrong_title(job, tokio, rust, title):
    commit(tokio, title)
    commit(tokio, "time: the good one")
    code, log = check(job, "tokio-check", tokio, rust, "TOKIO")
    assert code == 1 and log.count("failed  title") == 1 and title in log


def test_tokio_check_finds_a_file_of_another_form(job, tokio, rust):
    commit(tokio, "sync: fix it", text="fn BAD() {}\n")
    code, log = check(job, "tokio-check", tokio, rust, "TOKIO")
    assert code == 1 and "failed  format: 1 files differ; rustfmt --edition 2021" in log
    assert "src/x.rs" in (job.artifacts / "format.diff").read_text()


@pytest.fixture
def firecracker(tmp_path):
    up = Upstream(tmp_path, "firecracker", "main")
    commit(up, "begin", file="src/firecracker/Cargo.toml", text="\n")
    commit(up, "tools", file="tools/devtool", text="\n")
    topic(up)
    return up


SIGNED = "Signed-off-by: T <t@example.org>"


def test_firecracker_check_passes_what_is_right(job, firecracker, rust):
    commit(firecracker, "fix the balloon", "Why.\n\nFixes: " + "x" * 80 + "\n" + SIGNED)
    assert "passed  sign-off: 1 commits" in ok(check(job, "firecracker-check", firecracker, rust, "FIRECRACKER"))


@pytest.mark.parametrize("title, body, what", [
    ("fix the balloon", "Why.", "sign-off"), ("fix the balloon", "Signed-off-by: O <o@example.org>", "sign-off"),
    ("x" * 73, SIGNED, "title"), ("fix the balloon", "x" * 73 + "\n\n" + SIGNED, "body")])
def test_firecracker_check_finds_each_wrong_thing(job, firecracker, rust, title, body, what):
    commit(firecracker, title, body)
    code, log = check(job, "firecracker-check", firecracker, rust, "FIRECRACKER")
    assert code == 1 and [line.split()[1].rstrip(":") for line in log.splitlines() if line.startswith("failed ")] == [what]


def test_firecracker_says_what_it_lacks(job, firecracker, rust):
    check(job, "firecracker-check", firecracker, rust, "FIRECRACKER")
    rust("docker", 'echo "Cannot connect to the Docker daemon at unix:///x" >&2; exit 1')
    refuses(job.go("firecracker-check", "test", CAIL_PARAM_DEPTH="devtool", PATH=rust.path), "Cannot connect to the Docker")
    write(job.tmp / "cargo", 'echo "error: failed to get \\`micro\\` as a dependency" >&2\necho "Caused by:" >&2\n'
                             'echo "  Unable to update https://example.invalid" >&2\nexit 101\n')
    refuses(job.go("firecracker-check", "test", CAIL_PARAM_DEPTH="check", PATH=rust.path), "Unable to update")
    write(job.tmp / "cargo", 'echo "error[E1]: mismatched types" >&2; exit 101\n')
    assert job.go("firecracker-check", "test", CAIL_PARAM_DEPTH="check", PATH=rust.path)[0] == 101


CARGO_BENCH = """\
mkdir -p "$CARGO_TARGET_DIR"
: >Cargo.lock
for name in sync_x echo; do
    printf '#!/bin/sh\\necho "test %s ... bench:         434 ns/iter (+/- 30)"\\n' $name >"$CARGO_TARGET_DIR/$name"
    chmod +x "$CARGO_TARGET_DIR/$name"
    echo '{"executable":"'"$CARGO_TARGET_DIR/$name"'","target":{"name":"'$name'","kind":["bench"]}}'
done
cp Cargo.toml $HOME/
"""


def test_tokio_benchmarks_are_built_once_and_run_as_programs(job, tokio, rust):
    commit(tokio, "benches: one", file="benches/sync_x.rs", text="use bencher::Bencher;\n")
    tokio.push("topic")
    write(job.tmp / "cargo", CARGO_BENCH)
    env = {"CAIL_UPSTREAM_TOKIO_URL": tokio.url, "CAIL_PARAM_REF": "topic", "CAIL_PARAM_BENCHES": "sync_x,echo",
           "CAIL_PARAM_SECONDS": 1, "PATH": rust.path, "CAIL_PARAM_CCACHE": "false"}
    ok(job.go("tokio-bench", "fetch", **env))
    ok(job.go("tokio-bench", "build", **env))
    manifest = (job.home / "Cargo.toml").read_text()
    assert 'tokio = { path = "../tree/tokio", features = ["full"] }' in manifest and 'bencher = "*"' in manifest
    assert (job.build / "tree/tokio/Cargo.toml").is_file()
    where = next((job.root / "src/tokio").iterdir())
    assert git(where, "status", "--porcelain", "--ignored") == "", "nothing is written beside the sources"
    before = contents(job.build)
    ok(job.go("tokio-bench", "measure", CAIL_ROUNDS=1, **env))
    assert contents(job.build) == before
    assert sorted(f.name for f in job.results.iterdir()) == ["echo.1.jsonl", "sync_x.1.txt"]
    refuses(job.go("tokio-bench", "build", **{**env, "CAIL_PARAM_BENCHES": "nope"}), "has no benches/nope.rs")


# ---- CUTLASS and NCCL, beyond what test_recipes_cuda.py has

GENERATOR = """\
import argparse, os
p = argparse.ArgumentParser()
for a in ("operations", "architectures", "kernels", "cuda-version", "build-dir", "curr-build-dir", "selected-kernel-list"):
    p.add_argument("--" + a)
a = p.parse_args()
names = [n for n in ("cutlass_sm90_a", "cutlass_sm90_b") if a.kernels.strip("*") in n and "90a" in a.architectures]
with open(a.selected_kernel_list, "w") as f:
    f.writelines(n + "\\n" for n in names)
for n in names:
    open(os.path.join(a.build_dir, n + ".cu"), "w").close()
"""


def test_cutlass_generator_needs_no_cuda(job, tmp_path):
    up = Upstream(tmp_path, "cutlass", "main")
    for path, text in {"include/cutlass/cutlass.h": "", "tools/profiler/CMakeLists.txt": "",
                       "python/cutlass_library/__init__.py": "", "python/cutlass_library/generator.py": GENERATOR}.items():
        write(up.work / path, text)
    up.commit("x", "")
    up.push()
    env = {"CAIL_UPSTREAM_CUTLASS_URL": up.url, "CAIL_PARAM_WHAT": "generator", "CAIL_PARAM_ARCH": "90",
           "CAIL_PARAM_KERNELS": "sm90_*"}
    ok(job.go("cutlass-build", "fetch", **env))
    assert (job.artifacts / "kernels.txt").read_text().splitlines() == ["cutlass_sm90_a", "cutlass_sm90_b"]
    assert "arch 90a" in (job.attempt / "cache-key").read_text()
    log = ok(job.go("cutlass-build", "build", **env))
    assert metrics(log)[0]["value"] == "2" and (job.build / "generated/cutlass_sm90_a.cu").is_file()
    refuses(job.go("cutlass-build", "fetch", **{**env, "CAIL_PARAM_KERNELS": "nothing"}), "matches 'nothing'")
    refuses(job.go("cutlass-build", "fetch", **{**env, "CAIL_PARAM_ARCH": "75", "CAIL_PARAM_KERNELS": ""}), "name some")


def test_cutlass_profiler_runs_each_round_as_a_process(job):
    script(job.build / "bin/cutlass_profiler", f'echo "$*" >>{job.tmp}/asked\n'
           'for a; do case $a in --output=*) printf "Problem,Runtime\\n1,2.5\\n" >"${a#--output=}"; mv "${a#--output=}" '
           '"$(dirname "${a#--output=}")/report.gemm.csv";; esac; done\n')
    env = {"CAIL_USE_CUTLASS_BUILD": job.build, "CAIL_GPU_UUIDS": "GPU-1", "CAIL_PARAM_M": 512, "CAIL_PARAM_ROUNDS": 2}
    ok(job.go("cutlass-profile", "measure", **env))
    assert sorted(f.name for f in job.results.iterdir()) == ["report.1.csv", "report.2.csv"]
    assert "--operation=Gemm --m=512" in (job.tmp / "asked").read_text()
    refuses(job.go("cutlass-profile", "measure", CAIL_USE_CUTLASS_BUILD=job.build), "no card was leased")
    script(job.build / "bin/cutlass_profiler", 'for a; do case $a in --output=*) echo Problem >"${a#--output=}";; esac; done\n')
    write(job.build / "kernels.txt", "cutlass3x_sm90_x\n")
    refuses(job.go("cutlass-profile", "measure", CAIL_ROUNDS=1, **env), "built for sm_90")


def test_nccl_is_built_as_an_nccl_home(job, fake, tmp_path):
    up = Upstream(tmp_path, "nccl", "master")
    for path in ("Makefile", "src/Makefile", "makefiles/version.mk"):
        write(up.work / path, "\n")
    up.commit("x", "")
    up.push()
    cuda = tmp_path / "cuda"
    script(cuda / "bin/nvcc", "echo 'Cuda compilation tools, release 13.0, V13.0.88'\n")
    write(cuda / "lib64/libcudart.so.13", "")
    fake("make", f'printf "%s\\n" "$@" >{tmp_path}/made\nb={job.build}/build\nmkdir -p $b/lib $b/include\n'
                 'echo lib >$b/lib/libnccl.so\necho h >$b/include/nccl.h\n')
    env = {"CAIL_UPSTREAM_NCCL_URL": up.url, "CAIL_PARAM_CUDA_HOME": cuda, "CAIL_PARAM_ARCH": "90", "PATH": fake.path}
    ok(job.go("nccl-build", "fetch", **env))
    log = ok(job.go("nccl-build", "build", **env))
    made = (tmp_path / "made").read_text().splitlines()
    assert "src.build" in made and "NVCC_GENCODE=-gencode=arch=compute_90,code=sm_90" in made
    assert (job.build / "include/nccl.h").is_file() and (job.build / "lib/libnccl.so").is_file()
    assert {m["name"] for m in metrics(log)} == {"wall", "lib_size"}


# ---- services and containers

DOCKER = """\
echo "$*" >>"$HOME/docker"
case $1 in
info) echo 28.0.0 ;;
image) case $* in
    *Config.Env*) printf 'CUDA_VERSION=%s\\nNVIDIA_REQUIRE_CUDA=%s\\n' "$(cat "$HOME/cuda")" "cuda>=12.9 brand=tesla,driver>=535,driver<536" ;;
    *.Id*) echo sha256:abc ;;
    *) [ -e "$HOME/has-image" ] ;;
    esac ;;
pull) echo "Error: no route to registry"; exit 1 ;;
run) shift
    ports=""
    while [ $# -gt 0 ]; do
        [ "$1" != -p ] || ports="$ports $(echo "$2" | cut -d: -f2)"
        shift
    done
    echo $$ >"$HOME/pid"
    exec /usr/bin/python3 "$HOME/server.py" $ports ;;
stop) for last; do :; done; kill -TERM "$(cat "$HOME/pid")" ;;
esac
"""
SERVER = '''\
import http.server, os, signal, sys, threading
METRICS = """# HELP x
nv_inference_request_success{model="scale",version="1"} 40
nv_inference_request_failure{model="scale",reason="OTHER",version="1"} 2
nv_inference_queue_duration_us{model="scale",version="1"} 4000
nv_inference_compute_infer_duration_us{model="scale",version="1"} 8000
"""
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        known = self.path in ("/v2/health/ready", "/metrics", "/v2/models/scale/ready")
        self.send_response(200 if known else 404)
        self.end_headers()
        self.wfile.write(METRICS.encode() if self.path == "/metrics" else b"")
    def log_message(self, *a): pass
signal.signal(signal.SIGTERM, lambda *a: (open(os.environ["HOME"] + "/stopped", "w"), os._exit(0)))
servers = [http.server.ThreadingHTTPServer(("127.0.0.1", int(p)), H) for p in sys.argv[1:]]
for s in servers:
    threading.Thread(target=s.serve_forever, daemon=True).start()
print("Started", flush=True)
signal.pause()
'''


@pytest.fixture
def docker(job, fake):
    fake("docker", DOCKER)
    fake("podman", 'echo "Error: not here" >&2; exit 125')
    write(job.home / "server.py", SERVER)
    write(job.home / "cuda", "13.1.0\n")
    write(job.home / "has-image", "")
    return fake


def free_ports(n):
    taken = [socket.socket() for _ in range(n)]
    for s in taken:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in taken]
    for s in taken:
        s.close()
    return ports


def until(log, pattern, p):
    text = ""
    for line in log:
        text += line
        if re.search(pattern, line):
            return text
    raise AssertionError(f"it ended with {p.wait()}: {text}")


LEASED = {f"CAIL_PARAM_{name}_PORT": 0 for name in ("HTTP", "GRPC", "METRICS")}


def triton(job, docker, ports, **extra):
    p = job.start(BY_NAME["triton-quickstart"], "serve.sh", PATH=docker.path, CAIL_JOB_ID=42,
                  CAIL_PORTS=",".join(map(str, ports)), CAIL_PARAM_SCRAPE_S=1, **LEASED, **extra)
    p.text = os.fdopen(p.stdout.fileno(), closefd=False)
    return p


def test_triton_is_ready_measured_and_stopped_cleanly(job, docker):
    ports = free_ports(3)
    p = triton(job, docker, ports)
    said = until(p.text, r"^::cail ready$", p)
    assert f"http 127.0.0.1:{ports[0]}, grpc 127.0.0.1:{ports[1]}, metrics 127.0.0.1:{ports[2]}/metrics" in said
    assert "models run on the CPU" in said and "scale/config.pbtxt" in said
    other = Job(job.tmp / "other")
    pa = script(job.tmp / "pa", 'while (($#)); do [[ $1 != -f ]] || echo "Concurrency,Inferences/Second" >"$2"; shift; done\n')
    load = {"CAIL_PARAM_PERF_ANALYZER": pa, "CAIL_PARAM_HTTP_PORT": ports[0]}
    result = other.run(BY_NAME["perf-analyzer"], "measure.sh", CAIL_ROUNDS=1, **load)
    assert result[0] == 0 and (other.results / "perf.1.csv").is_file(), result[1]
    refuses(other.run(BY_NAME["perf-analyzer"], "measure.sh", CAIL_PARAM_MODEL="nope", **load), "has no model 'nope'")
    os.kill(p.pid, signal.SIGTERM)
    rest = p.text.read()
    assert p.wait(timeout=60) == 0, rest
    assert "stopped cleanly" in rest and (job.home / "stopped").exists()
    found = {m["name"]: m["value"] for m in metrics(rest)}
    assert found == {"requests": "40", "failures": "2", "queue": "100.000", "compute": "200.000"}
    run = next(line for line in (job.home / "docker").read_text().splitlines() if line.startswith("run "))
    assert "--rm --init --name cail-triton-42 --label cail.job=42" in run and "--gpus" not in run
    assert f"-p 127.0.0.1:{ports[0]}:8000" in run and ":/models:ro" in run


def test_a_server_that_ends_is_a_failure(job, docker):
    write(job.home / "server.py", "raise SystemExit('no model could be loaded')\n")
    p = triton(job, docker, free_ports(3))
    log = p.text.read()
    assert p.wait(timeout=60) == 1 and "ended with code 1 before it was ready" in log and "::cail ready" not in log


def test_a_server_that_is_never_ready_is_stopped(job, docker):
    write(job.home / "server.py", SERVER.replace('"/v2/health/ready", ', ""))
    p = triton(job, docker, free_ports(3), CAIL_PARAM_READY_S=1)
    log = p.text.read()
    assert p.wait(timeout=60) == 1 and "not ready after 1 s" in log and (job.home / "stopped").exists()


def serve(job, docker, **extra):
    return job.go("triton-quickstart", "serve", PATH=docker.path, **extra)


def test_what_triton_lacks_is_said_plainly(job, docker, fake):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        refuses(serve(job, docker, CAIL_PARAM_HTTP_PORT=s.getsockname()[1]), "is in use")
    refuses(serve(job, docker, **LEASED), "leased no port")
    refuses(serve(job, docker, CAIL_PARAM_MODELS="/nowhere", CAIL_PORTS="{},{},{}".format(*free_ports(3)), **LEASED),
            "no folder /nowhere")
    (job.home / "has-image").unlink()
    refuses(serve(job, docker), "is not on this machine")
    refuses(serve(job, docker, CAIL_PARAM_PULL="true"), "no route to registry")
    fake("docker", 'echo "Cannot connect to the Docker daemon at unix:///x. Is it running?" >&2; exit 1')
    refuses(serve(job, docker), "Cannot connect to the Docker daemon")


@pytest.mark.parametrize("driver, cuda, fits", [
    ("580.65.06", "13.1.0", True), ("575.57", "13.1.0", False), ("535.129.03", "13.1.0", True),
    ("570.86", "12.9.0", True), ("520.61", "12.9.0", False)])
def test_the_driver_is_held_against_the_image(job, docker, driver, cuda, fits):
    docker("nvidia-smi", f"echo {driver}")
    write(job.home / "cuda", cuda + "\n")
    text = '. "$CAIL_LIB/container.sh"\ncontainer_find\ndriver_fits img\nsay fits'
    code, log = job.step(text, PATH=docker.path)
    assert (code == 0) == fits, log
    if not fits:
        assert code == REFUSED and driver in log and cuda in log


def test_no_driver_no_gpu_container(job, docker):
    docker("nvidia-smi", "echo 'No devices were found'; exit 6")
    refuses(serve(job, docker, CAIL_GPU_UUIDS="GPU-1"), "nvidia-smi tells no driver version")


def test_load_on_nothing_is_refused(job):
    pa = script(job.tmp / "pa", "exit 0\n")
    refuses(job.go("perf-analyzer", "measure", CAIL_PARAM_PERF_ANALYZER=pa, CAIL_PARAM_HTTP_PORT=free_ports(1)[0]),
            "no server is ready", "cail run triton-quickstart")


def test_trtllm_is_asked_the_same_each_time(job):
    tool = script(job.tmp / "t", f'while (($#)); do case $1 in --dataset) cat "$2" >>{job.tmp}/data;; '
                  f"--report_json) echo '{{}}' >\"$2\";; esac; shift; done\n")
    env = {"CAIL_PARAM_TRTLLM_BENCH": tool, "CAIL_GPU_UUIDS": "GPU-1", "CAIL_PARAM_REQUESTS": 3,
           "CAIL_PARAM_INPUT_TOKENS": 5, "CAIL_ROUNDS": 1}
    ok(job.go("trtllm-bench", "measure", **env))
    first = (job.tmp / "data").read_text()
    assert [len(json.loads(line)["input_ids"]) for line in first.splitlines()] == [5, 5, 5]
    (job.tmp / "data").unlink()
    ok(job.go("trtllm-bench", "measure", **env))
    assert (job.tmp / "data").read_text() == first
    refuses(job.go("trtllm-bench", "measure", CAIL_PARAM_TRTLLM_BENCH=tool), "no card was leased")
