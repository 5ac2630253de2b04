"""What `cail run` and `cail submit` send, for every way of saying what is to run."""
import json
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from client import Client  # noqa: E402
from fake_daemon import Break, FakeDaemon, problem  # noqa: E402


@pytest.fixture
def daemon():
    with FakeDaemon() as d:
        yield d


@pytest.fixture
def cail(daemon, tmp_path):
    return Client(tmp_path, daemon)


def body_of(daemon, cail, *args, **kw):
    done = cail.run("submit", *args, **kw)
    assert done.returncode == 0, done
    return daemon.seen("POST", "/jobs")[-1].json


def usage(cail, *args, **kw):
    done = cail.run(*args, **kw)
    assert done.returncode == 64, done
    assert done.stdout == b""
    return done.stderr.decode()


def script(tmp_path, text, name="job.sh", mode=0o644):
    path = tmp_path / name
    path.write_text(text)
    path.chmod(mode)
    return path


# --- what is meant ---

def test_recipe_with_parameters(daemon, cail):
    body = body_of(daemon, cail, "setup-llvm", "-p", "targets=FileCheck;opt", "--param=jobs=2")
    assert body == {"recipe": "setup-llvm", "params": {"targets": "FileCheck;opt", "jobs": "2"}}


def test_submit_prints_the_id_alone(daemon, cail):
    daemon.next_id = 41
    assert cail.ok("submit", "env-check") == "41\n"
    assert cail.ok("add", "env-check") == "42\n"


def test_submit_json_is_the_daemons_answer(daemon, cail):
    assert json.loads(cail.ok("submit", "env-check", "--json"))["id"] == 1


def test_command_runs_here_with_this_shells_environment(daemon, cail, tmp_path):
    body = body_of(daemon, cail, "--", "make", "-j4", "--json", LC_TIME="C", VIRTUAL_ENV="/v",
                   SECRET="x", CCACHE_DIR="/c")
    assert body["command"] == ["make", "-j4", "--json"]
    assert body["cwd"] == str(tmp_path)
    assert body["env"]["VIRTUAL_ENV"] == "/v" and body["env"]["CCACHE_DIR"] == "/c"
    assert body["env"]["LC_TIME"] == "C" and "PATH" in body["env"]
    assert "SECRET" not in body["env"] and "CAIL_URL" not in body["env"]


def test_clean_env_and_env(daemon, cail):
    body = body_of(daemon, cail, "--clean-env", "--env", "SECRET", "-e", "A=b=c", "--", "true",
                   SECRET="x")
    assert body["env"] == {"SECRET": "x", "A": "b=c"}
    assert "NOT_SET" in usage(cail, "submit", "--env", "NOT_SET", "--", "true")


def test_recipe_gets_no_environment(daemon, cail):
    assert body_of(daemon, cail, "env-check", "--env", "A=1") == {"recipe": "env-check",
                                                                   "env": {"A": "1"}}


def test_script_by_slash_by_mode_and_from_stdin(daemon, cail, tmp_path):
    script(tmp_path, "echo a\n")
    assert body_of(daemon, cail, "./job.sh")["script"] == "echo a\n"
    assert body_of(daemon, cail, "./job.sh")["name"] == "job.sh"
    script(tmp_path, "echo b\n", "exec.sh", 0o755)
    assert body_of(daemon, cail, "exec.sh")["script"] == "echo b\n"
    assert body_of(daemon, cail, "-", stdin=b"echo c\n")["script"] == "echo c\n"


def test_file_without_slash_or_mode_is_a_recipes_name_and_said(daemon, cail, tmp_path):
    script(tmp_path, "echo a\n")
    done = cail.run("submit", "job.sh")
    assert daemon.requests[-1].json == {"recipe": "job.sh"}
    assert b"./job.sh" in done.stderr


def test_script_arguments_keep_their_bytes_and_line_numbers(daemon, cail, tmp_path):
    script(tmp_path, "#!/bin/bash\necho \"$@\"\n")
    body = body_of(daemon, cail, "./job.sh", "it's", "--", "--flag", "$(x)")
    assert body["script"] == "set -- 'it'\\''s' '--flag' '$(x)'\necho \"$@\"\n"


def test_program_and_other_interpreters_run_by_their_path(daemon, cail, tmp_path):
    script(tmp_path, "#!/usr/bin/env -S python3 -u\n#CAIL --cpus 3\nprint(1)\n", "a.py", 0o755)
    body = body_of(daemon, cail, "./a.py", "x")
    assert body["command"] == [str(tmp_path / "a.py"), "x"] and body["needs"] == {"cpus": 3}
    (tmp_path / "elf").write_bytes(b"\x7fELF\0\0")
    assert "not executable" in usage(cail, "submit", "./elf")


@pytest.mark.parametrize("args, word", [
    (["run"], "what?"),
    (["run", "./none.sh"], "no file"),
    (["run", "sleep", "10"], "cail run -- sleep"),
    (["run", "--"], "what?"),
    (["run", "--nonsense"], "no option --nonsense"),
    (["run", "--cpu", "2", "x"], "--cpus?"),
    (["run", "x", "--cpus"], "wants a value"),
    (["run", "x", "--cpus", "two"], "whole number"),
    (["run", "x", "--timeout", "2 hours"], "2h"),
    (["run", "x", "--memory", "lots"], "4G"),
    (["run", "x", "-p", "novalue"], "NAME=VALUE"),
    (["run", "x", "--after", "soon"], "ID"),
    (["run", "x", "--matrix", "gpu=1,2"], "params."),
    (["run", "x", "--max-parallel", "2"], "--matrix"),
    (["run", "x", "--retry-on", "lost"], "--retry"),
    (["run", "x", "--not-before", "tomorrow"], "+2h"),
    (["run", "-p", "a=b", "--", "true"], "recipe"),
    (["run", "x", "--clean-env=1"], "no value"),
    (["nonsense"], "no verb"),
    (["cancel"], "which one"),
    (["cancel", "x12"], "no id"),
    (["edit", "3"], "what is to change"),
    (["ls", "12"], "cail show"),
])
def test_bad_usage_says_what_is_wrong_and_sends_nothing(daemon, cail, args, word):
    assert word in usage(cail, *args)
    assert daemon.requests == []


# --- options ---

def test_every_option_of_a_request(daemon, cail, tmp_path):
    body = body_of(
        daemon, cail, "r", "--gpus", "2", "--gpu-model", "*H100*", "--gpu-memory", "40G", "--cpus",
        "all", "--memory", "1.5G", "--exclusive", "quiet", "--timeout", "1h30m", "--idle-timeout",
        "90", "--max-wait", "1d", "--priority", "-5", "--queue", "night", "--name", "n", "--label",
        "a=b", "-l", "c=d", "--after", "3", "--after", "4:finished,5:ready", "--retry", "3",
        "--retry-on", "failed,lost", "--pr", "https://x/pull/1", "--kind", "benchmark", "--ref",
        "pull/7", "--build-root", "b", "--cwd", "/tmp", "--hold", "--artifact", "ir/a.mlir:diff",
        "--artifact", "out.txt", "--not-before", "2030-01-31T08:00:00Z")
    assert body == {
        "recipe": "r", "name": "n", "queue": "night", "priority": -5, "kind": "benchmark",
        "timeout_s": 5400, "idle_timeout_s": 90, "max_wait_s": 86400,
        "needs": {"gpus": 2, "gpu_model": "*H100*", "gpu_memory_mib": 40960, "cpus": "all",
                  "memory_mib": 1536, "exclusive": "quiet"},
        "labels": {"a": "b", "c": "d"},
        "after": [{"job": 3, "when": "succeeded"}, {"job": 4, "when": "finished"},
                  {"job": 5, "when": "ready"}],
        "retry": {"max_attempts": 3, "on": ["failed", "lost"]}, "pr": "https://x/pull/1",
        "source": {"ref": "pull/7"}, "build_root": str(tmp_path / "b"), "cwd": "/tmp",
        "hold": True, "not_before": "2030-01-31T08:00:00Z",
        "artifacts": [{"path": "ir/a.mlir", "diff": True}, {"path": "out.txt", "diff": False}],
    }


def test_an_image_and_what_belongs_to_it(daemon, cail, tmp_path):
    body = body_of(daemon, cail, "--image", "a/b:1", "--mount", "/data:/d:ro", "--mount", "x", "--mount", "/y:ro",
                   "--network", "bridge", "--shm", "1G", "--engine", "podman", "--publish", "8000", "--publish",
                   "8001", "--ports", "3", "--env", "A=b", "--", "sh")
    assert body == {
        "command": ["sh"], "env": {"A": "b"}, "needs": {"ports": 3},
        "container": {"image": "a/b:1", "engine": "podman", "network": "bridge", "shm_mib": 1024,
                      "ports": [8000, 8001], "mounts": [
                          {"source": "/data", "target": "/d", "readonly": True}, {"source": str(tmp_path / "x")},
                          {"source": "/y", "readonly": True}]}}


@pytest.mark.parametrize("args, word", [
    (["--mount", "/a"], "belongs to an --image"), (["--image", "a", "--mount", ":/x"], "--mount"),
    (["--image", "a", "--mount", "/a:b"], "--mount"), (["--image", "a", "--publish", "0"], "--publish"),
    (["--image", "a", "--shm", "lots"], "--shm")])
def test_wrong_words_about_an_image(daemon, cail, args, word):
    assert word in usage(cail, "run", *args, "--", "true")


def test_matrix(daemon, cail):
    done = cail.run("submit", "r", "--matrix", "params.x=1,2,3", "--matrix", "env.CC=gcc",
                    "--max-parallel", "2", "--fail-fast")
    assert done.stdout == b"g5\n"
    assert daemon.requests[-1].json["matrix"] == {
        "params.x": ["1", "2", "3"], "env.CC": ["gcc"], "max_parallel": 2, "fail_fast": True}


def test_cail_lines_of_a_script_are_options_and_the_command_line_wins(daemon, cail, tmp_path):
    script(tmp_path, "#!/bin/bash\n#CAIL --gpus 2 --timeout 2h --name 'a b'\n"
                     "#CAIL -e A=1 --label k=\"v w\"\n#CAILNOT --cpus 9\necho\n#CAIL --hold\n")
    body = body_of(daemon, cail, "--timeout", "1h", "-e", "A=2", "./job.sh")
    assert body["needs"] == {"gpus": 2} and body["timeout_s"] == 3600 and body["name"] == "a b"
    assert body["env"]["A"] == "2" and body["labels"] == {"k": "v w"} and body["hold"] is True
    # The daemon reads such lines itself: what was said must not be said twice.
    assert "#CAIL " not in body["script"] and body["script"].count("\n") == 6


@pytest.mark.parametrize("line, word", [
    ("#CAIL --nonsense 1", "--nonsense"),
    ("#CAIL --name 'open", "quote"),
    ("#CAIL --json", "--json"),
    ("#CAIL word", "options only"),
])
def test_bad_cail_lines(daemon, cail, tmp_path, line, word):
    script(tmp_path, line + "\n")
    assert word in usage(cail, "submit", "./job.sh")
    assert daemon.requests == []


def test_scripts_that_are_none(daemon, cail, tmp_path):
    (tmp_path / "big.sh").write_bytes(b"x" * (1 << 20) + b"xx")
    assert "1 MiB" in usage(cail, "submit", "./big.sh")
    (tmp_path / "latin1.sh").write_bytes(b"echo \xe4\n")
    assert "UTF-8" in usage(cail, "submit", "./latin1.sh")
    script(tmp_path, "", "empty.sh")
    assert "empty" in usage(cail, "submit", "./empty.sh")
    assert daemon.requests == []


# --- sent once ---

def test_post_is_repeated_with_the_same_key_when_the_outcome_is_unknown(daemon, cail):
    answers = [problem(503, "commit_unknown", "It is not known whether this was stored"), None]
    daemon.routes["POST", "/jobs"] = lambda rq: answers.pop(0)
    assert cail.ok("submit", "r") == "1\n"
    keys = [r.headers["Idempotency-Key"] for r in daemon.seen("POST", "/jobs")]
    assert len(keys) == 2 and keys[0] == keys[1] and len(keys[0]) == 32


def test_post_is_repeated_when_the_connection_breaks(daemon, cail):
    left = [1, 1]

    def once(rq):
        if left:
            left.pop()
            raise Break

    daemon.routes["POST", "/jobs"] = once
    assert cail.ok("submit", "r") == "1\n"
    keys = {r.headers["Idempotency-Key"] for r in daemon.seen("POST", "/jobs")}
    assert len(daemon.seen("POST", "/jobs")) == 3 and len(keys) == 1


def test_post_is_given_up_after_three_and_not_repeated_on_other_refusals(daemon, cail):
    daemon.routes["POST", "/jobs"] = lambda rq: problem(503, "commit_unknown", "Unknown")
    done = cail.run("submit", "r")
    assert done.returncode == 125 and b"cail ls" in done.stderr
    assert len(daemon.requests) == 3
    daemon.routes["POST", "/jobs"] = lambda rq: problem(503, "queue_full", "The queue is full")
    assert cail.run("submit", "r").returncode == 75
    assert len(daemon.requests) == 4


def test_keys_differ_between_runs_and_can_be_given(daemon, cail):
    cail.ok("submit", "r")
    cail.ok("submit", "r")
    cail.ok("submit", "r", "--idempotency-key", "mine")
    keys = [r.headers["Idempotency-Key"] for r in daemon.requests]
    assert len(set(keys)) == 3 and keys[2] == "mine"


# --- refusals ---

def test_refusal_names_each_field_and_the_hint(daemon, cail):
    daemon.routes["POST", "/jobs"] = lambda rq: problem(
        422, "bad_field", "A field has a bad value", "needs", "see cail recipes",
        [{"pointer": "/needs/cpus", "detail": "at most 2 \x1b[2J"}, {"pointer": "/x", "detail": "no"}])
    done = cail.run("submit", "r")
    assert done.returncode == 64
    assert done.stderr.decode().splitlines() == [
        "cail: A field has a bad value: needs", "  /needs/cpus: at most 2 ?[2J", "  /x: no",
        "  -> see cail recipes"]


@pytest.mark.parametrize("status, code, exit_code", [
    (400, "bad_json", 64), (422, "unknown_recipe", 64), (401, "no_identity", 77),
    (403, "forbidden", 77), (409, "conflict", 65), (421, "bad_host", 65), (429, "too_many", 75),
    (500, "store_failed", 125), (507, "disk_full", 75), (418, "news", 65), (502, "news", 125),
])
def test_exit_code_of_a_refusal(daemon, cail, status, code, exit_code):
    daemon.routes["GET", "/queue"] = lambda rq: problem(status, code, "No")
    assert cail.run("queue").returncode == exit_code


def test_no_daemon_is_125_and_says_what_to_do(tmp_path):
    done = Client(tmp_path, url="http://127.0.0.1:1").run("ls")
    assert done.returncode == 125
    assert b"cannot reach cail-d at http://127.0.0.1:1" in done.stderr and b"./lab up" in done.stderr
    assert Client(tmp_path, url="http://127.0.0.1:1").run("wait", "3").returncode == 125
    assert Client(tmp_path, url="http://127.0.0.1:1").run("follow", "3").returncode == 125


# --- finding the daemon, tokens ---

def test_token_goes_along_and_a_readable_file_is_not_used(daemon, cail, tmp_path):
    cail.ok("ls", "--json", CAIL_TOKEN="cail_x")
    assert daemon.requests[-1].headers["Authorization"] == "Bearer cail_x"
    path = tmp_path / ".config" / "cail" / "token"
    path.parent.mkdir(parents=True)
    path.write_text("cail_file\n")
    path.chmod(0o644)
    done = cail.run("ls", "--json")
    assert daemon.requests[-1].headers["Authorization"] is None and b"chmod 600" in done.stderr
    path.chmod(0o600)
    cail.ok("ls", "--json")
    assert daemon.requests[-1].headers["Authorization"] == "Bearer cail_file"


def test_token_never_travels_in_the_clear(tmp_path):
    done = Client(tmp_path, url="http://cail.example:8080").run("ls", CAIL_TOKEN="cail_x")
    assert done.returncode == 64 and b"https" in done.stderr


def test_url_option_wins_and_bad_addresses_are_usage(daemon, tmp_path):
    lost = Client(tmp_path, url="http://127.0.0.1:1")
    assert lost.run("--url", daemon.url, "ls").returncode == 0
    assert lost.run("ls", "--url=" + daemon.url).returncode == 0
    for url in ("ftp://x", "nonsense://", "http://me@localhost", "unix:relative"):
        assert Client(tmp_path, url=url).run("ls").returncode == 64


def test_proxy_settings_do_not_reach_loopback(cail):
    assert cail.run("ls", http_proxy="http://127.0.0.1:1").returncode == 0


def test_unix_socket_is_found_before_the_port(tmp_path):
    import socket
    import threading
    path = tmp_path / "run" / "cail"
    path.mkdir(parents=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path / "cail.sock"))
    listener.listen(4)
    heard = []

    def serve():
        while not heard:
            connection = listener.accept()[0]
            with connection:
                data = connection.recv(65536)  # the probe that only connects sends nothing
                if data:
                    heard.append(data)
                    text = b'{"version":"0.1.0"}'
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                       b"Content-Length: %d\r\n\r\n%s" % (len(text), text))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    done = Client(tmp_path).run("version", XDG_RUNTIME_DIR=str(tmp_path / "run"))
    thread.join(30)
    listener.close()
    assert done.returncode == 0 and b"unix:" in done.stdout, done
    assert heard[0].startswith(b"GET /version ") and b"Host: localhost" in heard[0]
