"""gpus, gpu drain and undrain, gpu exec, and what show and why say of a job's cards."""
import json
import os
import pathlib
import re
import select
import signal
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from client import CAIL, LIMIT_S, Client, Terminal, environment  # noqa: E402
from fake_daemon import FakeDaemon, problem  # noqa: E402

A = "GPU-1a2b3c4d-0000-1111-2222-333344445555"
B = "GPU-1a2bffff-0000-1111-2222-333344445555"
TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def daemon():
    with FakeDaemon() as d:
        d.cards = [card(0, A), card(1, B)]
        d.routes["GET", "/gpus"] = lambda rq: (
            200, {"driver": "550.54.15", "cuda": 12040, "reason": None, "gpus": d.cards})
        yield d


@pytest.fixture
def cail(daemon, tmp_path):
    return Client(tmp_path, daemon)


def card(index, uuid, state="free", **more):
    c = {"uuid": uuid, "model": "NVIDIA H100 80GB HBM3", "memory_mib": 81559, "index": index,
         "power_limit_mw": 700000, "state": state, "reason": None, "lease": None, "processes": [],
         "live": {"sm_mhz": 1455, "power_mw": 698123, "temp_c": 64, "util_pct": 97,
                  "used_mib": 71783, "clock_reasons": ["idle", "sw_power_cap", "hw_thermal"]}}
    c.update(more)
    return c


def plain(data):
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", data.decode()).replace("\r", "")


# --- the table ---

def test_table_says_who_has_a_card_and_why_it_is_slow(daemon, cail):
    daemon.cards[0].update(state="leased", lease={
        "job": 12, "name": "gemm", "user": "ada", "since": "2026-01-02T03:04:05.000Z"})
    daemon.cards[1].update(state="busy", reason="pid 77 of bob (python) computes on it", live=None)
    head, first, second = cail.ok("gpus").splitlines()
    assert head.split() == "GPU NAME UUID STATE WHO UTIL MEMORY POWER TEMP SM SLOWED".split()
    for text in ("0  H100 80GB HBM3", "1a2b3c4d", "leased", "job 12 gemm (ada)", "97%",
                 "70.1/79.6G", "698/700W", "64C", "1455", "power cap, overheating"):
        assert text in first, (text, first)
    assert "busy" in second and "pid 77 of bob" in second and "-/79.6G" in second


@pytest.mark.parametrize("columns", [40, 60, 80, 120, 200])
def test_table_fits_the_terminal_and_keeps_index_state_and_who(daemon, cail, columns):
    daemon.cards[0].update(state="quarantined", reason="memory stayed at 4096 MiB " * 9)
    t = cail.terminal("gpus", columns=columns)
    assert t.end() == 0
    lines = plain(t.seen).splitlines()
    assert len(lines) == 3 and all(len(line) <= columns for line in lines)
    assert lines[1].split()[0] == "0" and "quarantined" in lines[1] and "memory stay" in lines[1]


def test_members_may_be_absent(daemon, cail):
    daemon.cards[:] = [{"uuid": A}, {}, {"uuid": 5, "live": 7, "lease": [], "state": None},
                       {"processes": [{"pid": 7, "user": "eve", "command": "x\x1b]0;y"}]}]
    out = cail.ok("gpus")
    assert out.count("unknown") == 4 and "pid 7 eve x?]0;y" in out and "\x1b" not in out


def test_no_cards_is_an_answer(daemon, cail):
    daemon.routes["GET", "/gpus"] = lambda rq: (
        200, {"driver": None, "cuda": None, "reason": "there is no NVIDIA driver", "gpus": []})
    assert cail.ok("gpus") == "no GPUs: there is no NVIDIA driver\n"
    assert cail.ok("gpus", "--watch") == "no GPUs: there is no NVIDIA driver\n\n"
    assert json.loads(cail.ok("gpus", "--json"))["gpus"] == []


def test_json_is_the_daemons_answer(daemon, cail):
    assert json.loads(cail.ok("gpus", "--json"))["gpus"] == daemon.cards


# --- live ---

def test_watch_redraws_in_place_and_leaves_the_screen_clean(daemon, cail):
    t = cail.terminal("gpus", "-w", columns=150)
    t.expect(b"free")
    daemon.cards[0].update(state="leased", lease={"job": 12, "name": "gemm"})
    t.expect(b"job 12 gemm")
    t.ctrl_c()
    assert t.end() == 0
    assert t.seen.startswith(b"\x1b[?1049h\x1b[?25l\x1b[H")
    assert t.seen.endswith(b"\x1b[?25h\x1b[?1049l")
    assert t.seen.count(b"\x1b[?1049h") == 1 and b"driver 550.54.15  CUDA 12.4" in t.seen
    frames = t.seen.split(b"\x1b[H")[1:]
    assert len(frames) >= 2
    for frame in frames:
        assert frame.count(b"\n") == 3 and b"\x1b[J" in frame and b"\x1b[2J" not in frame


def test_watch_goes_on_while_the_daemon_is_away(daemon, cail):
    t = cail.terminal("gpus", "-w", columns=150)
    t.expect(b"free")
    good = daemon.routes["GET", "/gpus"]
    daemon.routes["GET", "/gpus"] = lambda rq: problem(503, "no_memory", "Out of memory")
    t.expect(b"Out of memory")
    daemon.cards[1]["state"] = "drained"
    daemon.routes["GET", "/gpus"] = good
    t.expect(b"drained")
    t.ctrl_c()
    assert t.end() == 0 and b"Out of memory" not in t.seen.split(b"\x1b[H")[-1]


def test_watch_of_many_cards_stays_on_the_screen(daemon, cail):
    daemon.cards[:] = [card(i, "GPU-%08x-0" % i) for i in range(64)]
    t = cail.terminal("gpus", "--watch")
    t.expect(b" 20  H100")
    t.ctrl_c()
    assert t.end() == 0
    assert all(f.count(b"\n") <= 23 for f in t.seen.split(b"\x1b[H")[1:])


def test_watch_into_a_pipe_has_no_control_sequences(daemon, cail):
    p = cail.start("gpus", "--watch")
    daemon.wait_for(lambda d: len(d.seen("GET", "/gpus")) >= 2)
    p.send_signal(signal.SIGTERM)
    out = p.communicate(timeout=LIMIT_S)[0]
    assert p.returncode == 128 + signal.SIGTERM and b"free" in out and b"\x1b" not in out


def test_watch_without_a_daemon_is_125(tmp_path):
    assert Client(tmp_path, url="http://127.0.0.1:1").run("gpus", "-w").returncode == 125


def test_watch_gives_the_shell_its_own_screen_on_ctrl_z(daemon, cail):
    t = Terminal(["/bin/bash", "--norc", "--noprofile", "-i"], cail.home, 150,
                 environment(cail.home, daemon.url, PS1="> "))
    os.write(t.fd, b"%s gpus -w\n" % CAIL.encode())
    t.expect(b"free")
    os.write(t.fd, b"\x1a")
    t.expect(b"Stopped")
    assert t.seen.index(b"\x1b[?1049l") < t.seen.index(b"Stopped")
    daemon.cards[0]["state"] = "drained"
    os.write(t.fd, b"fg\n")
    t.expect(b"drained")
    t.ctrl_c()
    os.write(t.fd, b"exit\n")
    t.end()
    assert t.seen.count(b"\x1b[?1049h") == t.seen.count(b"\x1b[?1049l") == 2


# --- drain ---

def takes_drains(daemon):
    def change(rq):
        return 200, {"uuid": rq.path.split("/")[2]}
    daemon.routes["POST", "/gpus/.*/(drain|undrain)"] = change


@pytest.mark.parametrize("word, uuid", [
    ("0", A), ("1", B), (A, A), (A.lower(), A), ("1a2b3", A), ("GPU-1a2bf", B), ("1A2BF", B)])
def test_drain_takes_an_index_or_the_beginning_of_a_uuid(daemon, cail, word, uuid):
    takes_drains(daemon)
    assert uuid in cail.ok("gpu", "drain", word, "--note", "fan is loud")
    assert daemon.requests[-1].path == "/gpus/%s/drain" % uuid
    assert daemon.requests[-1].json == {"note": "fan is loud"}
    cail.ok("gpu", "undrain", word)
    assert daemon.requests[-1].path == "/gpus/%s/undrain" % uuid
    assert daemon.requests[-1].json == {}


def test_drain_of_a_leased_card_says_that_the_job_goes_on(daemon, cail):
    takes_drains(daemon)
    daemon.cards[0]["lease"] = {"job": 12}
    assert "job 12, which has it, goes on" in cail.ok("gpu", "drain", "0")


@pytest.mark.parametrize("word", ["2", "1a2b", "zz", "GPU-", "-1", "1a2b3c4dd"])
def test_drain_of_an_unclear_card_does_nothing(daemon, cail, word):
    done = cail.run("gpu", "drain", word)
    assert done.returncode in (64, 65) and done.stderr
    assert all(r.method == "GET" for r in daemon.requests)


@pytest.mark.parametrize("args", [
    [], ["drain"], ["undrain", "0", "--note", "x"], ["drain", "0", "--now"], ["exec"],
    ["exec", "--"], ["exec", "bash"], ["exec", "--gpus", "0", "--", "true"],
    ["exec", "--for", "soon", "--", "true"], ["exec", "--note", "x", "--", "true"],
    ["drain", "0", "--", "true"], ["frobnicate"]])
def test_bad_usage_sends_nothing(daemon, cail, args):
    assert cail.run("gpu", *args).returncode == 64
    assert daemon.requests == []


def test_completion_offers_words_and_cards(daemon, cail):
    assert cail.ok("completion", "gpus").split() == [A, B]
    assert "drain undrain exec $(cail completion gpus 2>/dev/null)" in cail.ok("completion", "bash")


# --- exec ---

def leases(daemon, uuids=(A,), token=TOKEN, head=b""):
    """New jobs start at once, holding these cards."""
    def start(d, job_id):
        d.jobs[job_id]["gpus"] = list(uuids)
        d.start_attempt(job_id, 1, head + b"token %s\n" % token.encode())
    daemon.on_submit = start


def cancels(daemon):
    return [r for r in daemon.requests if r.path.endswith("/cancel")]


def test_exec_runs_the_command_with_the_leased_cards(daemon, cail):
    leases(daemon, (A, B))
    done = cail.run("gpu", "exec", "--gpus", "2", "--gpu-model", "*H100*", "--for", "2h",
                    "--priority", "5", "--", "/usr/bin/env")
    assert done.returncode == 0, done
    env = dict(line.split("=", 1) for line in done.stdout.decode().splitlines())
    assert env["CUDA_VISIBLE_DEVICES"] == env["CAIL_GPU_UUIDS"] == A + "," + B
    assert env["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    assert env["CAIL_JOB_ID"] == "1" and env["CAIL_ATTEMPT_TOKEN"] == TOKEN
    assert ("job 1 has %s,%s for 2h00m" % (A, B)).encode() in done.stderr
    body = daemon.seen("POST", "/jobs")[0].json
    command = body.pop("command")
    assert body == {"name": "exec: /usr/bin/env", "kind": "service", "timeout_s": 7200,
                    "priority": 5, "labels": {"cail.exec": "1"},
                    "needs": {"gpus": 2, "gpu_model": "*H100*"}}
    assert command[:2] == ["/bin/sh", "-c"] and re.search(r"exec tail --pid=\d+ ", command[2])
    assert [r.json for r in cancels(daemon)] == [{"grace_s": 0}]


@pytest.mark.parametrize("script, code", [
    ("exit 7", 7), ("kill -KILL $$", 137), ("kill -TERM $$", 143)])
def test_exec_exits_with_the_commands_code(daemon, cail, script, code):
    leases(daemon)
    assert cail.run("gpu", "exec", "--", "sh", "-c", script).returncode == code
    assert len(cancels(daemon)) == 1


def test_exec_of_what_cannot_be_executed(daemon, cail, tmp_path):
    leases(daemon)
    assert cail.run("gpu", "exec", "--", "./none").returncode == 127
    assert cail.run("gpu", "exec", "--", str(tmp_path)).returncode == 126
    assert len(cancels(daemon)) == 2


def test_exec_gives_the_command_its_stdin_and_default_signals(daemon, cail):
    leases(daemon)
    done = cail.run("gpu", "exec", "--", "sh", "-c",
                    "cat; grep -E '^Sig(Blk|Ign)' /proc/self/status", stdin=b"hello\n")
    assert done.stdout.startswith(b"hello\n")
    assert re.findall(rb"Sig...:\s*(\w+)", done.stdout)[0] == b"0" * 16
    assert int(re.findall(rb"SigIgn:\s*(\w+)", done.stdout)[0], 16) & (1 << signal.SIGPIPE - 1) == 0


def test_exec_says_what_it_waits_for_and_ctrl_c_cancels(daemon, cail):
    daemon.routes["GET", "/jobs/1/why"] = lambda rq: (200, {
        "job": 1, "state": "queued", "summary": "needs 1 GPU; job 9 holds it", "position": 1,
        "constraints": [{"name": "gpus", "met": False, "detail": "", "jobs": [9]}]})
    t = cail.terminal("gpu", "exec", "--", "true")
    t.expect(b"job 1: needs 1 GPU; job 9 holds it")
    t.ctrl_c()
    assert t.end() == 130
    assert len(cancels(daemon)) == 1 and b"job 1 is canceled" in t.seen


def test_exec_waits_until_the_cards_are_there(daemon, cail, tmp_path):
    p = cail.start("gpu", "exec", "--", "touch", tmp_path / "ran")
    daemon.wait_for(lambda d: d.feeds)
    assert not (tmp_path / "ran").exists()
    daemon.jobs[1]["gpus"] = [A]
    daemon.start_attempt(1, 1, b"")
    daemon.write(1, 1, b"token 01")
    assert not (tmp_path / "ran").exists()
    daemon.write(1, 1, b"23\n")
    p.communicate(timeout=LIMIT_S)
    assert p.returncode == 0 and (tmp_path / "ran").exists()


def test_exec_finds_its_cards_by_the_lease_when_the_job_does_not_name_them(daemon, cail):
    leases(daemon, ())
    daemon.cards[1]["lease"] = {"job": 1}
    done = cail.run("gpu", "exec", "--", "sh", "-c", "echo $CUDA_VISIBLE_DEVICES")
    assert done.stdout.decode().strip() == B


def test_exec_of_a_job_that_never_runs(daemon, cail, tmp_path):
    daemon.on_submit = lambda d, i: d.end_job(i, "canceled", 66, reason="canceled by ada")
    done = cail.run("gpu", "exec", "--", "touch", tmp_path / "ran")
    assert done.returncode == 66 and b"canceled by ada" in done.stderr
    assert not (tmp_path / "ran").exists()


def test_exec_refuses_to_start_beside_a_daemon_that_is_elsewhere(daemon, cail, tmp_path):
    leases(daemon, head=b"machine 00000000-0000-0000-0000-000000000000 pid:[1]\n")
    if not os.path.exists("/proc/sys/kernel/random/boot_id"):
        pytest.skip("this kernel does not tell its boot id")
    done = cail.run("gpu", "exec", "--", "touch", tmp_path / "ran")
    assert done.returncode == 125 and b"another machine" in done.stderr
    assert not (tmp_path / "ran").exists() and len(cancels(daemon)) == 1


def test_exec_now_does_not_even_ask_when_too_few_are_free(daemon, cail):
    daemon.cards[0].update(state="leased", lease={"job": 9, "name": "gemm", "user": "ada"})
    done = cail.run("gpu", "exec", "--now", "--gpus", "2", "--", "true")
    assert done.returncode == 75 and not daemon.seen("POST", "/jobs")
    assert b"1 of 2 GPUs is free; 2 wanted" in done.stderr and b"job 9 gemm (ada)" in done.stderr


def test_exec_now_without_any_card_is_the_daemons_to_refuse(daemon, cail):
    daemon.cards.clear()
    daemon.routes["POST", "/jobs"] = lambda rq: problem(
        422, "impossible", "This machine can never run that", "it has no GPU")
    done = cail.run("gpu", "exec", "--now", "--", "true")
    assert done.returncode == 64 and b"it has no GPU" in done.stderr


def test_exec_now_gives_up_when_the_job_has_to_wait(daemon, cail):
    daemon.routes["GET", "/jobs/1/why"] = lambda rq: (200, {
        "job": 1, "state": "queued", "summary": "no free card is an A100", "position": 1,
        "constraints": [{"name": "gpus", "met": False, "detail": "", "jobs": []}]})
    done = cail.run("gpu", "exec", "--now", "--", "true")
    assert done.returncode == 75 and b"not now: no free card is an A100" in done.stderr
    assert len(cancels(daemon)) == 1


def test_exec_now_runs_when_it_can(daemon, cail):
    leases(daemon)
    assert cail.run("gpu", "exec", "--now", "--", "sh", "-c", "exit 3").returncode == 3


# --- exec: signals, and an end that comes first ---

# Not a shell: whether one hears a SIGINT at all depends on what its child does with it.
WAITS = """if True:
    import os, signal, sys
    def on_int(*_):
        os.write(1, b"got int\\n")
        sys.exit(5)
    signal.signal(signal.SIGINT, on_int)
    signal.signal(signal.SIGCONT, lambda *_: os.write(1, b"goes on\\n"))
    os.write(1, b"ready\\n")
    while True:
        signal.pause()
"""


def test_ctrl_c_is_the_commands(daemon, cail):
    leases(daemon)
    t = cail.terminal("gpu", "exec", "--", sys.executable, "-c", WAITS)
    t.expect(b"ready")
    t.ctrl_c()
    assert t.end() == 5 and t.seen.count(b"got int") == 1
    assert len(cancels(daemon)) == 1


def test_signals_to_the_client_reach_the_command_once(daemon, cail):
    leases(daemon)
    p = cail.start("gpu", "exec", "--", sys.executable, "-c", WAITS)
    assert p.stdout.readline() == b"ready\n"
    p.send_signal(signal.SIGINT)
    out = p.communicate(timeout=LIMIT_S)[0]
    assert p.returncode == 5 and out == b"got int\n"


def test_lease_that_ends_first_ends_the_command_and_what_is_below_it(daemon, cail, tmp_path):
    leases(daemon)
    # One in a group of its own, as an interactive shell makes them.
    p = cail.start("gpu", "exec", "--", "bash", "-c",
                   "set -m; sleep 1000 & echo $! >%s/pid; echo ready; wait" % tmp_path)
    assert p.stdout.readline() == b"ready\n"
    below = os.pidfd_open(int((tmp_path / "pid").read_text()))
    daemon.end_attempt(1, 1, 143)
    daemon.end_job(1, "timed_out", 124, reason="ran for 1h")
    err = p.communicate(timeout=LIMIT_S)[1]
    assert p.returncode == 128 + signal.SIGTERM
    assert b"the lease of job 1 has ended (timed_out: ran for 1h); ending the command" in err
    assert b"left behind" not in err
    assert select.select([below], [], [], 0)[0]
    os.close(below)


def test_command_that_does_not_listen_is_killed_after_the_grace(daemon, cail):
    leases(daemon)
    p = cail.start("gpu", "exec", "--grace", "0s", "--", "bash", "-c",
                   "trap '' TERM; echo ready; while :; do sleep 0.05; done")
    assert p.stdout.readline() == b"ready\n"
    daemon.end_job(1, "canceled", 143)
    p.communicate(timeout=LIMIT_S)
    assert p.returncode == 128 + signal.SIGKILL


def test_what_a_command_leaves_behind_is_said(daemon, cail):
    leases(daemon)
    done = cail.run("gpu", "exec", "--", "bash", "-c",
                    "sleep 1000 >/dev/null 2>&1 </dev/null & echo $!")
    os.kill(int(done.stdout), signal.SIGKILL)
    assert done.returncode == 0 and b"1 process is left behind" in done.stderr


def test_a_killed_client_takes_its_command_along(daemon, cail):
    leases(daemon)
    p = cail.start("gpu", "exec", "--", "bash", "-c", "echo $$; exec sleep 1000")
    command = os.pidfd_open(int(p.stdout.readline()))
    p.kill()
    assert select.select([command], [], [], LIMIT_S)[0]
    os.close(command)
    p.communicate(timeout=LIMIT_S)


def test_the_holder_ends_with_the_client(daemon, cail):
    """The job's own command, run as a daemon would run it."""
    holders = []

    def start(d, job_id):
        command = d.seen("POST", "/jobs")[0].json["command"]
        h = subprocess.Popen(command, stdout=subprocess.PIPE,
                             env={"PATH": os.environ["PATH"], "CAIL_ATTEMPT_TOKEN": TOKEN})
        holders.append(h)
        d.jobs[job_id]["gpus"] = [A]
        d.start_attempt(job_id, 1, h.stdout.readline() + h.stdout.readline())
    daemon.on_submit = start
    p = cail.start("gpu", "exec", "--", "sh", "-c", "echo $CAIL_ATTEMPT_TOKEN; exec sleep 1000")
    assert p.stdout.readline().decode().strip() == TOKEN
    assert holders[0].poll() is None
    p.kill()
    p.communicate(timeout=LIMIT_S)
    assert holders[0].wait(LIMIT_S) == 0
    holders[0].stdout.close()


def test_job_control_under_a_shell(daemon, cail, tmp_path):
    """Ctrl-Z gives the shell its prompt back, fg goes on, and Ctrl-C then reaches the command."""
    leases(daemon)
    script = tmp_path / "script"  # what is typed is echoed: these words are not
    script.write_text(WAITS)
    t = Terminal(["/bin/bash", "--norc", "--noprofile", "-i"], cail.home, 200,
                 environment(cail.home, daemon.url, PS1="> "))
    os.write(t.fd, b"%s gpu exec -- %s %s\n" % (
        CAIL.encode(), sys.executable.encode(), bytes(script)))
    t.expect(b"ready")
    os.write(t.fd, b"\x1a")
    t.expect(b"Stopped")
    os.write(t.fd, b"echo at$((1))prompt\n")
    t.expect(b"at1prompt")
    os.write(t.fd, b"fg; echo code=$?\n")
    t.expect(b"goes on")
    assert not cancels(daemon)
    t.ctrl_c()
    t.expect(b"code=5")
    os.write(t.fd, b"exit\n")
    t.end()
    assert len(cancels(daemon)) == 1


def test_a_pipeline_keeps_the_terminal_until_the_command_reads_it(daemon, cail):
    leases(daemon)
    t = Terminal(["/bin/bash", "-c", CAIL + " gpu exec -- bash -c 'echo ready; read x; echo $x$x' "
                  "| cat; echo ${PIPESTATUS[0]}."], cail.home, 80,
                 environment(cail.home, daemon.url))
    t.expect(b"ready")
    os.write(t.fd, b"abc\n")
    t.expect(b"abcabc")
    t.expect(b"0.")
    t.end()


# --- show and why ---

def telemetry(**more):
    summary = {"duration_ms": 130000, "throttled_ms": 41000, "energy_j": 12345.6,
               "throttled_by": {"sw_power_cap": 41000, "hw_thermal": 2100},
               "sm_busy_mhz": {"min": 1400, "mean": 1455, "max": 1980}, "sm_max_mhz": 1980}
    summary.update(more)
    return {"verdict": "tainted", "reasons": ["sw_power_cap", "foreign_process"],
            "cards": [{"uuid": A, "summary": summary}]}


@pytest.mark.parametrize("verb", ["show", "why"])
def test_a_jobs_cards_flags_and_telemetry_in_words(daemon, cail, verb):
    daemon.add_job(12, needs={"gpus": 1}, gpus=[A, B],
                   flags=["tainted", "wrong_card", "unused_card", "new_flag"])
    daemon.run_through(12)
    daemon.routes["GET", "/jobs/12/why"] = lambda rq: (200, {
        "job": 12, "state": "succeeded", "summary": "succeeded", "constraints": []})
    daemon.routes["GET", "/jobs/12/telemetry"] = lambda rq: (200, telemetry())
    out = cail.ok(verb, "12")
    assert A + "," + B in out
    assert ("tainted: power cap, foreign process; clocks held down 41s of 2m10s (power cap 41s, "
            "overheating 2.1s); SM at 1455 of 1980 MHz; 12.3 kJ") in out
    assert "wrong_card: it ran on a card that it had not leased" in out
    assert "unused_card: it never used" in out and "new_flag" in out


def test_attempts_of_telemetry_and_a_clean_one(daemon, cail):
    daemon.add_job(12, needs={"gpus": 1})
    daemon.run_through(12)
    clean = telemetry(throttled_ms=0, throttled_by={}, energy_j=None)
    clean.update(verdict="clean", reasons=[])
    daemon.routes["GET", "/jobs/12/telemetry"] = lambda rq: (
        200, {"attempts": [telemetry(), clean]})
    assert re.search(r"telemetry +clean; SM at 1455 of 1980 MHz\n", cail.ok("show", "12"))


def test_no_telemetry_is_no_line_and_no_error(daemon, cail):
    daemon.add_job(12, needs={"gpus": 1})
    daemon.run_through(12)
    done = cail.run("show", "12")
    assert done.returncode == 0 and b"telemetry" not in done.stdout and not done.stderr
    daemon.add_job(13)
    daemon.run_through(13)
    cail.ok("show", "13")
    assert not daemon.seen("GET", "/jobs/13/telemetry")


@pytest.mark.parametrize("answer", [[], {}, {"verdict": 5}, {"verdict": "x", "cards": 7},
                                    {"verdict": "x", "cards": [1, {"summary": {
                                        "throttled_ms": "a", "throttled_by": {"a": "b"},
                                        "sm_busy_mhz": 1}}], "reasons": [1, None]},
                                    {"attempts": [7]}])
def test_strange_telemetry_is_harmless(daemon, cail, answer):
    daemon.add_job(12, needs={"gpus": 1})
    daemon.run_through(12)
    daemon.routes["GET", "/jobs/12/telemetry"] = lambda rq: (200, answer)
    assert cail.run("show", "12").returncode == 0
