"""Tables, help, completion, the manual, doctor."""
import json
import pathlib
import re
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from client import ROOT, Client  # noqa: E402
from fake_daemon import FakeDaemon, RawJson  # noqa: E402


@pytest.fixture
def daemon():
    with FakeDaemon() as d:
        yield d


@pytest.fixture
def cail(daemon, tmp_path):
    return Client(tmp_path, daemon)


def plain(data):
    return re.sub(r"\x1b\[[0-9;]*m", "", data.decode()).replace("\r", "")


# --- tables ---

@pytest.mark.parametrize("columns", [20, 40, 60, 80, 120, 200])
def test_ls_fits_any_terminal_and_keeps_id_state_and_name(daemon, cail, columns):
    daemon.add_job(12345, name="a-very-long-name-of-a-job-" * 4, reason="waits for " * 20)
    daemon.add_job(7, name="\u65e5\u672c\u8a9e" * 30, state="running")
    t = cail.terminal("ls", columns=columns)
    t.end()
    lines = plain(t.seen).splitlines()
    assert len(lines) == 3
    for line in lines:
        assert sum(2 if c >= "\u3000" else 1 for c in line) <= max(columns, 29), line
    assert lines[1].split()[:2] == ["12345", "queued"] and "a-very" in lines[1]
    assert "\u2026" in lines[1] and "\u65e5" in lines[2]


def test_pipe_gets_whole_rows_without_colours(daemon, cail):
    name = "n" * 300
    daemon.add_job(1, name=name, reason="r" * 300, state="failed")
    out = cail.ok("ls")
    assert name in out and "r" * 300 in out and "\x1b" not in out


def test_colours_only_on_a_terminal_that_wants_them(daemon, cail):
    daemon.add_job(1, state="failed")
    for env, coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True),
                          ({"TERM": "dumb"}, False)):
        t = cail.terminal("ls", **env)
        t.end()
        assert (b"\x1b[31mfailed" in t.seen) == coloured, env


def test_ls_sends_the_filters_and_turns_pages(daemon, cail):
    for i in range(1, 61):
        daemon.add_job(i)
    assert len(cail.ok("ls").splitlines()) == 26
    assert len(cail.ok("ls", "--limit", "7").splitlines()) == 8
    assert len(cail.ok("ls", "-a").splitlines()) == 61
    assert len(json.loads(cail.ok("ls", "-a", "--json"))["jobs"]) == 60
    cail.run("status", "--state", "running,cancelled", "--kind", "build", "--recipe", "r",
             "--label", "a=b c&d", "-q", "night", "--group", "g5", "--since",
             "2030-01-31T08:00:00Z")
    assert daemon.requests[-1].query == {
        "state": "running,canceled", "kind": "build", "recipe": "r", "label": "a=b c&d",
        "queue": "night", "group": "5", "since": "2030-01-31T08:00:00Z", "limit": "25"}


def test_ls_all_follows_the_cursor(daemon, cail):
    daemon.routes["GET", "/jobs"] = lambda rq: (200, {
        "jobs": [daemon.listed(daemon.add_job(9 - int(rq.query.get("cursor", "0"))))],
        "next_cursor": str(int(rq.query.get("cursor", "0")) + 1)
        if rq.query.get("cursor") != "3" else None})
    assert [row.split()[0] for row in cail.ok("ls", "-a").splitlines()[1:]] == list("9876")


def test_ls_json_is_one_document_or_nothing(daemon, cail, tmp_path):
    assert cail.ok("ls", "--json") == '{"jobs":[]}\n'
    done = Client(tmp_path, url="http://127.0.0.1:1").run("ls", "--json")
    assert (done.returncode, done.stdout) == (125, b"")


def test_show(daemon, cail):
    daemon.add_job(12, name="setup-llvm", params={"targets": "opt"}, recipe="setup-llvm", group=5)
    daemon.run_through(12, b"x" * 2048, 3)
    daemon.jobs[12]["attempts"][0].update(wall_ms=62000, max_rss_bytes=3 << 20)
    out = cail.ok("show", "12")
    for text in ("12 setup-llvm", "failed", "targets=opt", "g5", "exited 3", "1m02s", "3.0 MiB",
                 "2.0 KiB"):
        assert text in out, (text, out)
    assert json.loads(cail.ok("show", "12", "--json"))["id"] == 12


def test_why(daemon, cail):
    daemon.routes["GET", "/jobs/12/why"] = lambda rq: (200, {
        "job": 12, "state": "queued", "summary": "waits for 2 cpus; job 9 holds them",
        "position": 3, "constraints": [
            {"name": "cpus", "met": False, "detail": "needs 2, 0 free", "jobs": [9]},
            {"name": "after", "met": True, "detail": "job 11 succeeded", "jobs": []}]})
    lines = cail.ok("explain", "12").splitlines()
    assert lines[:2] == ["job 12: waits for 2 cpus; job 9 holds them",
                         "place 3 in the queue"]
    assert lines[2].split() == "waits cpus needs 2, 0 free jobs 9".split()
    assert lines[3].split() == "ok after job 11 succeeded".split()


def test_queue(daemon, cail):
    queue = {"paused": True, "draining": False, "cpus": {"total": 2, "used": 1},
             "memory_mib": {"total": 4096, "used": 1024}, "gpus": {"total": 0, "used": 0},
             "queues": [{"name": "default", "limit": 4, "paused": False, "queued": 3, "running": 1}],
             "running": [daemon.add_job(1, state="running")], "queued": [daemon.add_job(2)],
             "held": []}
    daemon.routes["GET", "/queue"] = lambda rq: (200, queue)
    daemon.routes["POST", "/queue/.*"] = lambda rq: (200, queue)
    out = cail.ok("queue")
    assert "cpus 1 of 2" in out and "1.0 GiB of 4.0 GiB" in out and "paused" in out
    assert [r.split()[:2] for r in out.splitlines()[-2:]] == [["1", "running"], ["2", "queued"]]
    for args, path, body in (
            (["pause"], "/queue/pause", {}), (["resume", "q"], "/queue/resume", {"queue": "q"}),
            (["drain"], "/queue/drain", {}),
            (["limit", "q", "2"], "/queue/resume", {"queue": "q", "limit": 2})):
        cail.ok("queue", *args)
        assert (daemon.requests[-1].path, daemon.requests[-1].json) == (path, body)
    assert cail.run("queue", "limit", "q").returncode == 64
    assert cail.run("queue", "nonsense").returncode == 64


def test_recipes_cache_env(daemon, cail):
    recipe = {"name": "setup-llvm", "group": "primary/llvm-mlir", "kind": "build", "notes": "R.md",
              "summary": "builds LLVM", "params": {"jobs": {"type": "int", "default": 2,
                                                             "description": "at once"}}}
    daemon.routes["GET", "/recipes"] = lambda rq: (200, {"recipes": [recipe]})
    daemon.routes["GET", "/recipes/.*"] = lambda rq: (200, recipe)
    assert "builds LLVM" in cail.ok("recipes")
    assert "at once" in cail.ok("recipes", "setup-llvm")
    cail.ok("recipes", "a/../b ?")
    assert daemon.requests[-1].path == "/recipes/a%2F..%2Fb%20%3F"
    entry = {"key": "0123456789abcdef", "recipe": "setup-llvm", "sha": "fedcba9876543210",
             "bytes": 3 << 30, "state": "ready", "uses": 3, "pinned": "running job 3",
             "last_used_at": "2026-01-02T03:04:05.000Z", "evict": False}
    daemon.routes["GET", "/cache"] = lambda rq: (200, {
        "root": "/c", "limit_bytes": 100 << 30, "used_bytes": 3 << 30, "entries": [entry]})
    daemon.routes["POST", "/cache/prune"] = lambda rq: (200, {"removed": [entry],
                                                              "freed_bytes": 3 << 30})
    assert "3.0 GiB of 100 GiB in /c" in cail.ok("cache") and "running job 3" in cail.ok("cache", "ls")
    assert "removed 1 builds" in cail.ok("cache", "prune", "--max", "20G")
    assert daemon.requests[-1].json == {"max_bytes": 20 << 30}


def fake_env(**members):
    env = {"host": "box", "kernel": "6.1", "os": "Debian 12", "cpus": 2, "memory_mib": 4096,
           "free_disk_bytes": 100 << 30, "build_root": "/b", "driver": None, "docker": None,
           "tools": [{"name": "cmake", "path": "/usr/bin/cmake", "version": "3.25.1"}],
           "recipes": [{"name": "env-check", "ready": True, "missing": []}]}
    env.update(members)
    return env


def test_env_names_the_package(daemon, cail):
    daemon.routes["GET", "/env"] = lambda rq: (200, fake_env(
        tools=[{"name": "ninja", "path": None, "package": "ninja-build"}],
        recipes=[{"name": "setup-llvm", "ready": False, "missing": [
            {"tool": "ninja", "need": "any", "found": None, "package": "ninja-build"}]}]))
    out = cail.ok("env")
    assert "ninja: needs any, found none; package ninja-build" in out


# --- doctor ---

def test_doctor_says_what_to_do(daemon, cail, tmp_path):
    daemon.routes["GET", "/env"] = lambda rq: (200, fake_env(
        free_disk_bytes=1 << 30, tools=[{"name": "ninja", "path": None, "package": "ninja-build"}],
        recipes=[{"name": "setup-llvm", "ready": False, "missing": []}]))
    out = cail.ok("doctor")
    for text in ("cail-d answers", "cache prune", "ninja-build", "WAL-reset"):
        assert text in out, (text, out)
    checks = json.loads(cail.ok("doctor", "--json"))["checks"]
    verdicts = {c["check"]: c["verdict"] for c in checks}
    assert verdicts["disk"] == "warning" and verdicts["sqlite"] == "note"
    assert all(c["next"] for c in checks if c["verdict"] in ("warning", "failed"))
    done = Client(tmp_path, url="http://127.0.0.1:1").run("doctor")
    assert done.returncode == 125 and b"./lab up" in done.stdout


@pytest.mark.parametrize("version, verdict", [
    ("3.40.1", "note"), ("3.51.2", "note"), ("3.51.3", "ok"), ("3.50.7", "ok"), ("3.50.6", "note"),
    ("3.44.6", "ok"), ("3.45.1", "note"), ("3.52.0", "ok")])
def test_doctor_knows_the_wal_reset_bug(daemon, cail, version, verdict):
    daemon.routes["GET", "/env"] = lambda rq: (200, fake_env())
    daemon.routes["GET", "/version"] = lambda rq: (200, {"version": "9.9.9", "sqlite": version})
    checks = {c["check"]: c for c in json.loads(cail.ok("doctor", "--json"))["checks"]}
    assert checks["sqlite"]["verdict"] == verdict
    assert checks["version"]["verdict"] == "warning" and "lab up" in checks["version"]["next"]


# --- help, completion, the manual ---

def verbs(cail):
    return json.loads(cail.ok("help", "--json"))["verbs"]


def test_every_verb_and_alias_has_help(cail):
    for v in verbs(cail):
        for name in [v["name"], *v["aliases"].split()]:
            out = cail.ok(name, "--help")
            assert out.startswith("usage: cail " + v["name"]) and v["summary"] in out
            assert out == cail.ok("help", name)
        for o in v["options"]:
            assert "--" + o["name"] in out
    assert cail.run().returncode == 64 and cail.run("--help").returncode == 0


def test_the_contracts_verbs_and_aliases_are_there(cail):
    have = {v["name"]: v["aliases"].split() for v in verbs(cail)}
    for name in ("run submit ls show why log follow wait cancel retry hold release edit env recipes "
                 "queue cache doctor version completion group help gpus gpu").split():
        assert name in have
    for alias, name in dict(add="submit", status="ls", logs="log", tail="follow", kill="cancel",
                            restart="retry", explain="why").items():
        assert alias in have[name]


def test_no_verb_has_an_option_or_letter_twice(cail):
    for v in verbs(cail):
        names = [o["name"] for o in v["options"]]
        letters = [o["letter"] for o in v["options"] if o["letter"]]
        assert len(names) == len(set(names)) and len(letters) == len(set(letters)), v["name"]


def manual():
    return (ROOT / "client" / "man" / "cail.1").read_text()


def manual_sections(text):
    """{first word of a .SS heading: its text}, and the common options under None."""
    parts = re.split(r"^\.S([SH]) (.*)$", text, flags=re.M)
    sections = {}
    for kind, heading, body in zip(parts[1::3], parts[2::3], parts[3::3]):
        if kind == "S":
            sections[heading.split()[0]] = (heading.replace("\\", ""), body)
        elif heading == "OPTIONS OF EVERY VERB":
            sections[None] = (heading, body)
    return sections


def options_in(body):
    tagged = re.findall(r"^\.TP\n(.*)$", body, flags=re.M)
    return {m for line in tagged
            for m in re.findall(r"--([a-z-]+)", line.replace("\\-", "-"))}


def test_manual_and_table_of_verbs_say_the_same(cail):
    sections = manual_sections(manual())
    table = {v["name"]: v for v in verbs(cail)}
    assert set(sections) - {None} == set(table)
    common = options_in(sections[None][1])
    assert common == {"json", "url", "help"}
    for name, v in table.items():
        heading, body = sections[name]
        assert heading == (name + " " + v["usage"]).strip()
        want = {o["name"] for o in v["options"]} - common
        if name == "submit":  # refers to run
            assert want == {o["name"] for o in table["run"]["options"]} - common - {"detach", "profile"}
            want = set()
        assert options_in(body) == want, name
        for alias in v["aliases"].split():
            assert re.search(r"Also called\n\.BR .*\b%s\b" % alias, body), (name, alias)


def test_manual_lists_the_exit_codes(cail):
    codes = set(re.findall(r"^\.B (\d+)", manual(), flags=re.M))
    enums = (ROOT / "schema" / "enums.def").read_text()
    refusals = set(re.findall(r"X\(E_\w+, \"\w+\", \d+, (\d+),", enums))
    assert refusals <= codes and {"0", "1", "66", "69", "124", "126", "130", "128"} <= codes


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_names_every_verb(cail, shell):
    out = cail.ok("completion", shell)
    for v in verbs(cail):
        assert re.search(r"\b%s\b" % v["name"], out)


def complete(cail, daemon, *words):
    text = cail.ok("completion", "bash") + (
        'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _cail; printf "%s\\n" "${COMPREPLY[@]}"')
    import os
    from client import BIN, environment
    env = environment(cail.home, daemon.url)
    env["PATH"] = "%s:%s" % (BIN, os.environ["PATH"])
    return subprocess.run(["bash", "-c", text, "bash", *words], capture_output=True, env=env,
                          timeout=60, check=True).stdout.decode().split()


def test_bash_completion(daemon, cail):
    daemon.add_job(12, group=5)
    daemon.routes["GET", "/recipes"] = lambda rq: (200, {"recipes": [{"name": "setup-llvm"}]})
    assert complete(cail, daemon, "cail", "sub") == ["submit"]
    assert complete(cail, daemon, "cail", "status", "--st") == ["--state"]
    assert complete(cail, daemon, "cail", "ls", "--state", "ru") == ["running"]
    assert complete(cail, daemon, "cail", "kill", "") == ["12"]
    assert complete(cail, daemon, "cail", "group", "") == ["g5"]
    assert complete(cail, daemon, "cail", "run", "setup") == ["setup-llvm"]
    assert complete(cail, daemon, "cail", "queue", "p") == ["pause"]
    daemon.routes["GET", "/jobs"] = lambda rq: (500, {"code": "internal"})
    assert complete(cail, daemon, "cail", "kill", "") == []


def test_version_names_both_sides(cail, tmp_path):
    out = cail.ok("version")
    assert out.startswith("cail 0.1.0\ncail-d 0.1.0 at http://127.0.0.1:")
    assert json.loads(cail.ok("--json", "version"))["client"] == "0.1.0"
    done = Client(tmp_path, url="http://127.0.0.1:1").run("--version")
    assert done.returncode == 125 and done.stdout == b"cail 0.1.0\n"


# --- answers that are not what they should be ---

@pytest.mark.parametrize("answer", [
    b"not json", b"[]", b"{}", b"null", b'{"jobs": 7, "next_cursor": {}}',
    b'{"jobs": [null, 3, {"id": "x", "state": 7, "name": null}], "next_cursor": null}'])
@pytest.mark.parametrize("args", [
    ["ls"], ["show", "1"], ["why", "1"], ["queue"], ["recipes"], ["cache"], ["env"], ["version"],
    ["doctor"], ["wait", "1", "--timeout", "0"], ["submit", "x"], ["group", "5"], ["cancel", "1"]])
def test_strange_answers_end_in_order(daemon, cail, args, answer):
    for method in ("GET", "POST"):
        daemon.routes[method, ".*"] = lambda rq: (200, RawJson(answer))
    done = cail.run(*args)
    assert 0 <= done.returncode <= 125, done
    assert b"Sanitizer" not in done.stderr


def test_deep_json_is_refused_not_followed(daemon, cail):
    daemon.routes["GET", ".*"] = lambda rq: (200, RawJson(b"[" * 100000 + b"]" * 100000))
    for args in (["ls"], ["show", "1"], ["why", "1"]):
        assert cail.run(*args).returncode == 125
