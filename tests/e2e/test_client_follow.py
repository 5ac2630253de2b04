"""run, follow, log, wait: the log's bytes, the end's code, restarts of the daemon, Ctrl-C."""
import pathlib
import sys
import threading

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from client import Client  # noqa: E402
from fake_daemon import Break, FakeDaemon, problem  # noqa: E402

NASTY = bytes(range(256)) * 300 + b"\x1b[31mred\x1b[0m\r\n\x1b]0;title\x07end without newline"


@pytest.fixture
def daemon():
    with FakeDaemon() as d:
        yield d


@pytest.fixture
def cail(daemon, tmp_path):
    return Client(tmp_path, daemon)


def ended(daemon, job_id, log=b"", code=0, **members):
    daemon.add_job(job_id)
    daemon.run_through(job_id, log, code, **members)


# --- run ---

@pytest.mark.parametrize("events", [True, False])
def test_run_prints_every_byte_and_exits_with_the_jobs_code(daemon, cail, events):
    daemon.has_events = events
    daemon.on_submit = lambda d, job: d.run_through(job, NASTY, 7)
    done = cail.run("run", "--", "x")
    assert (done.returncode, done.stdout) == (7, NASTY)
    assert b"job 1 command failed in 1m02s, exit code 7" in done.stderr


def test_run_prints_the_metrics_on_stderr(daemon, cail):
    results = [{"benchmark": "opt/cse", "metric": "Total", "unit": "s", "better": "lower",
                "status": "ok", "value": 0.0064}]
    daemon.on_submit = lambda d, job: d.run_through(job, b"out\n", 0, results=results)
    done = cail.run("run", "mlir-opt-bench")
    assert done.stdout == b"out\n"
    lines = done.stderr.decode().splitlines()
    assert lines[-1].split() == ["opt/cse", "Total", "0.0064", "s", "lower"]
    assert "succeeded in 1m02s" in lines[-3]


@pytest.mark.parametrize("members, code", [
    (dict(state="succeeded", exit_status=0), 0),
    (dict(state="failed", exit_status=137, signal=9), 137),
    (dict(state="timed_out", exit_status=124), 124),
    (dict(state="lost", exit_status=69), 69),
    (dict(state="dep_failed", exit_status=66), 66),
    (dict(state="canceled", exit_status=66), 66),
    (dict(state="failed", exit_status=127), 127),
    (dict(state="timed_out"), 124), (dict(state="lost"), 69), (dict(state="canceled"), 66),
    (dict(state="failed", signal=15, started_at="2026-01-02T03:04:06.000Z"), 143),
    (dict(state="failed", exit_code=3, started_at="2026-01-02T03:04:06.000Z"), 3),
])
def test_exit_code_of_an_end(daemon, cail, members, code):
    daemon.add_job(12, **members)
    assert cail.run("follow", "12").returncode == code
    assert cail.run("wait", "12").returncode == code


def test_run_detached_prints_the_id(daemon, cail):
    assert cail.ok("run", "-d", "env-check") == "1\n"
    assert [r.method for r in daemon.requests] == ["POST"]


def test_run_json_prints_the_job_instead_of_the_log(daemon, cail):
    daemon.on_submit = lambda d, job: d.run_through(job, b"noise\n", 0)
    done = cail.run("run", "--json", "--", "x")
    assert done.returncode == 0 and b'"state":"succeeded"' in done.stdout
    assert b"noise" not in done.stdout


def test_log_is_live(daemon, cail):
    daemon.add_job(12)
    daemon.start_attempt(12, 1, b"first\n")
    p = cail.start("follow", "12")
    assert p.stdout.readline() == b"first\n"  # while the job runs on
    daemon.write(12, 1, b"second\n")
    assert p.stdout.readline() == b"second\n"
    daemon.end_attempt(12)
    daemon.end_job(12)
    assert p.wait(60) == 0
    p.communicate()


def test_attempts_and_steps_follow_one_another(daemon, cail):
    daemon.add_job(12)
    p = cail.start("follow", "12")
    daemon.wait_for(lambda d: d.seen("GET", "/jobs/12"))
    for number in (1, 2, 3):
        daemon.start_attempt(12, number, b"attempt %d\n" % number)
        assert p.stdout.readline() == b"attempt %d\n" % number
        daemon.end_attempt(12, number, 1 if number < 3 else 0)
    daemon.end_job(12)
    out, err = p.communicate(timeout=60)
    assert p.returncode == 0 and out == b""
    assert b"attempt 2" in err and b"attempt 3" in err and b"attempt 1" not in err


def test_following_one_attempt_ends_with_it(daemon, cail):
    daemon.add_job(12)
    daemon.start_attempt(12, 1, b"one\n")
    daemon.end_attempt(12, 1, 1)
    daemon.start_attempt(12, 2, b"two\n")
    p = cail.start("follow", "12", "--attempt", "1")
    out, _ = p.communicate(timeout=60)
    assert out == b"one\n"


def test_bytes_written_behind_the_end_of_the_stream_are_fetched(daemon, cail):
    """The stream was answered before the last bytes were on disk; log_bytes says there are more."""
    daemon.add_job(12)
    daemon.start_attempt(12, 1, b"early ")
    log = daemon.logs[12, 1]
    log.ended = True  # the stream ends here, the attempt does not
    p = cail.start("follow", "12")
    daemon.wait_for(lambda d: len(d.seen("GET", "/jobs/12/log")) >= 2)
    log.data += b"late\n"
    daemon.end_attempt(12)
    daemon.end_job(12)
    out, _ = p.communicate(timeout=60)
    assert (p.returncode, out) == (0, b"early late\n")


# --- restarts ---

@pytest.mark.parametrize("cut", [0, 1, 1000, len(NASTY) - 1, len(NASTY)])
def test_no_byte_is_lost_or_doubled_when_the_connection_breaks(daemon, cail, cut):
    daemon.add_job(12)
    daemon.start_attempt(12, 1, NASTY)
    daemon.cut_at[12, 1] = cut
    p = cail.start("follow", "12")
    daemon.wait_for(lambda d: (12, 1) not in d.cut_at)
    daemon.write(12, 1, b"after")
    daemon.end_attempt(12)
    daemon.end_job(12)
    out, err = p.communicate(timeout=60)
    assert (p.returncode, out) == (0, NASTY + b"after")
    assert err.count(b"lost the connection") == 1
    ranges = [r.headers["Range"] for r in daemon.seen("GET", "/jobs/12/log")]
    assert ranges[0] is None and (cut == 0 or "bytes=%d-" % cut in ranges)


def test_a_server_that_ignores_the_range_doubles_nothing(daemon, cail):
    daemon.add_job(12)
    daemon.start_attempt(12, 1, b"0123456789")
    daemon.cut_at[12, 1] = 4
    p = cail.start("follow", "12")
    daemon.wait_for(lambda d: (12, 1) not in d.cut_at)
    daemon.routes["GET", "/jobs/12/log"] = lambda rq: (200, b"0123456789")
    daemon.end_attempt(12)
    daemon.end_job(12)
    out, _ = p.communicate(timeout=60)
    assert out == b"0123456789"


def test_daemon_that_is_away_for_a_while(daemon, cail, tmp_path):
    """Everything is refused for a time: said once, then the follower is told and ends well."""
    daemon.add_job(12)
    daemon.start_attempt(12, 1, b"before\n")
    away = threading.Event()

    def gone(rq):
        if away.is_set():
            raise Break

    for path in ("/jobs/12", "/events"):
        daemon.routes["GET", path] = gone
    p = cail.start("follow", "12")
    assert p.stdout.readline() == b"before\n"
    away.set()
    daemon.has_events = False  # so that /events goes through the routes
    for feed in daemon.feeds:
        feed.append(None)
    seen = len(daemon.seen("GET", "/events"))
    daemon.event("none", {})
    daemon.wait_for(lambda d: len(d.seen("GET", "/events")) >= seen + 3)
    away.clear()
    daemon.has_events = True
    daemon.write(12, 1, b"after\n")
    daemon.end_attempt(12)
    daemon.end_job(12)
    out, err = p.communicate(timeout=60)
    assert (p.returncode, out) == (0, b"after\n")
    assert err.count(b"lost the connection") == 1 and err.count(b"connected again") == 1


def test_wait_survives_a_restart(daemon, cail):
    daemon.add_job(12)
    answers = ["running", "break", "break"]

    def answer(rq):
        what = answers.pop(0) if answers else "ended"
        if what == "break":
            raise Break
        if what == "running":
            return 200, dict(daemon.jobs[12])  # as if the wait's time was over
        daemon.end_job(12, "failed", 3)

    daemon.routes["GET", "/jobs/12"] = answer
    done = cail.run("wait", "12")
    assert done.returncode == 3 and done.stderr.count(b"lost the connection") == 1


# --- refusals ---

def test_unknown_job(daemon, cail):
    for verb in ("follow", "log", "wait", "show", "why"):
        done = cail.run(verb, "99")
        assert done.returncode == 65 and b"no such thing" in done.stderr, (verb, done)


def test_forbidden_log_ends_the_following(daemon, cail):
    daemon.add_job(12)
    daemon.start_attempt(12, 1, b"x")
    daemon.routes["GET", "/jobs/12/log"] = lambda rq: problem(403, "forbidden", "Not permitted")
    assert cail.run("follow", "12").returncode == 77


def test_job_without_any_output(daemon, cail):
    daemon.add_job(12)
    daemon.start_attempt(12, 1)
    del daemon.logs[12, 1]
    daemon.jobs[12]["attempts"][0].update(state="exited", log_bytes=0)
    daemon.end_job(12, "succeeded", 0)
    done = cail.run("follow", "12")
    assert (done.returncode, done.stdout) == (0, b"")


# --- log ---

def test_log_and_tail(daemon, cail):
    ended(daemon, 12, b"".join(b"line %d\n" % i for i in range(100)))
    assert cail.run("log", "12").stdout == daemon.logs[12, 1].data
    cail.run("log", "12", "--tail", "5", "--attempt", "1")
    assert daemon.requests[-1].query == {"tail": "5", "attempt": "1"}
    out = cail.run("follow", "12", "--tail", "2").stdout
    assert out == b"line 98\nline 99\n"
    assert cail.run("log", "-f", "12", "-n", "0").stdout == b""
    assert cail.run("logs", "12", "-f", "-n", "1000").stdout == daemon.logs[12, 1].data


def test_without_an_id_it_is_the_newest_job(daemon, cail):
    ended(daemon, 3, b"three\n")
    ended(daemon, 12, b"twelve\n")
    assert cail.run("log").stdout == b"twelve\n"
    assert cail.run("tail").stdout == b"twelve\n"


def test_reader_that_goes_away_ends_it_quietly(daemon, cail):
    ended(daemon, 12, b"x" * 5_000_000)
    p = cail.start("log", "12")
    p.stdout.read(10)
    p.stdout.close()
    assert p.wait(60) == 141 and p.stderr.read() == b""
    p.stderr.close()


# --- wait ---

def test_wait_on_several_and_on_groups(daemon, cail):
    ended(daemon, 1)
    ended(daemon, 2, code=7)
    daemon.groups[5] = {"id": 5, "name": "sweep", "size": 3, "state": "failed",
                        "counts": {"succeeded": 2, "failed": 1}, "progress": {"done": 3, "total": 3},
                        "finished_at": "2026-01-02T03:05:08.000Z",
                        "jobs": [{"id": 2, "index": 1, "name": "b", "state": "failed",
                                  "matrix": {"params.x": 2}}]}
    assert cail.run("wait", "1").returncode == 0
    assert cail.run("wait", "2").returncode == 7
    assert cail.run("wait", "1,2").returncode == 1
    assert cail.run("wait", "1", "1").returncode == 0
    for args in (["g5"], ["group", "5"]):
        done = cail.run("wait", *args)
        assert done.returncode == 1 and b"params.x=2" in done.stderr
    daemon.groups[5].update(state="succeeded")
    assert cail.run("wait", "g5", "1").returncode == 0


def test_wait_gives_up(daemon, cail):
    daemon.add_job(12)
    assert cail.run("wait", "12", "--timeout", "0").returncode == 124


def test_retry_failed_group(daemon, cail):
    daemon.routes["POST", "/groups/5/retry"] = lambda rq: (200, {"id": 5, "name": "s", "state": "running"})
    for args in (["retry", "--failed", "5"], ["retry", "--failed", "g5"],
                 ["restart", "group", "5", "--failed"], ["group", "retry", "g5", "--failed"]):
        assert cail.ok(*args) == "group g5 s running\n"
        assert daemon.requests[-1].json == {"only": "failed"}


def test_actions(daemon, cail):
    for i in (1, 2, 3):
        daemon.add_job(i)
    assert cail.ok("cancel", "1", "2,3", "--grace", "1m") == (
        "job 1 job-1 canceled\njob 2 job-2 canceled\njob 3 job-3 canceled\n")
    assert daemon.requests[-1].json == {"grace_s": 60}
    assert cail.ok("hold", "#2") == "job 2 job-2 held\n"
    assert cail.ok("release", "2") == "job 2 job-2 queued\n"
    done = cail.run("kill", "99", "1")  # the first fails, the second is tried all the same
    assert done.returncode == 65 and b"job 1" in done.stdout
    daemon.routes["PATCH", "/jobs/3"] = lambda rq: (200, daemon.jobs[3])
    cail.ok("edit", "3", "--priority", "7", "--cpus", "2", "-t", "1h", "-l", "a=b")
    assert daemon.requests[-1].json == {"priority": 7, "needs": {"cpus": 2}, "timeout_s": 3600,
                                        "labels": {"a": "b"}}


# --- the terminal ---

def test_ctrl_c_detaches_and_says_how_to_come_back(daemon, cail):
    daemon.add_job(12)
    daemon.start_attempt(12, 1, b"working\n")
    t = cail.terminal("follow", "12")
    t.expect(b"working")
    t.ctrl_c()
    t.expect(b"detached; job 12 goes on: cail follow 12, cail cancel 12")
    assert t.end() == 130
    assert not daemon.seen("POST", "/jobs/12/cancel")


def test_second_ctrl_c_cancels_and_the_end_is_shown(daemon, cail):
    daemon.add_job(12)
    daemon.start_attempt(12, 1, b"working\n")
    t = cail.terminal("follow", "12")
    t.expect(b"working")
    t.ctrl_c()
    t.expect(b"detached")
    t.ctrl_c()
    t.expect(b"canceling job 12")
    assert t.end() == 143
    assert b"job-12 canceled" in t.seen
    assert len(daemon.seen("POST", "/jobs/12/cancel")) == 1


def test_bar_stands_under_the_log_and_goes_away(daemon, cail):
    daemon.add_job(12, name="setup-llvm")
    daemon.start_attempt(12, 1, b"[31/167] cc a.o\n")
    t = cail.terminal("follow", "12", columns=100)
    t.expect(b"cc a.o")
    daemon.event("attempt", {"job": 12, "attempt": 101, "number": 1, "state": "running",
                             "progress": {"done": 31, "total": 167, "eta_s": 42}})
    t.expect(b"31/167  18%  ETA 42s")
    daemon.write(12, 1, b"next\n")
    t.expect(b"\r\x1b[Knext")
    daemon.end_attempt(12)
    daemon.end_job(12)
    assert t.end() == 0
    assert t.seen.rstrip().endswith(b"succeeded in 1m02s")


def test_no_bar_without_a_terminal(daemon, cail):
    ended(daemon, 12, b"x\n")
    done = cail.run("follow", "12")
    assert b"\x1b" not in done.stderr and b"\r" not in done.stderr


@pytest.mark.parametrize("sent, shown", [
    (b"plain \xc3\xa4\xe2\x82\xac\ttab\n", b"plain \xc3\xa4\xe2\x82\xac\ttab\r\n"),
    (b"\x1b[1;31mred\x1b[0m", b"\x1b[1;31mred\x1b[0m"),
    (b"a\x1b[38:2::1:2:3mb", b"a\x1b[38:2::1:2:3mb"),
    (b"a\x1b[2Jb\x1b[Hc\x1b[?25ld\x1b[>4me", b"abcde"),
    (b"a\x1b]0;owned\x07b\x1b]52;c;eA==\x1b\\c", b"abc"),
    (b"a\x1b]8;;http://x\x1b\\link", b"alink"),
    (b"a\x1bPq#0\x1b\\b\x1b_x\x1b\\c\x1b^y\x1b\\d\x1bXz\x1b\\e", b"abcde"),
    (b"a\x1bcb\x1b(0c\x1b#8d\x1b7e", b"abcde"),
    (b"a\x07b\x08c\x7fd\x00e\x0ef", b"abcdef"),
    (b"10%\r20%\r\nend\n", b"10%\r\n20%\r\nend\r\n"),
    (b"\xc2\x9b31mx\xc2\x90y", b"31mxy"),
    (b"a\x9b2Jb\xffc", b"a\xef\xbf\xbd2Jb\xef\xbf\xbdc"),
    (b"a\xe2\x82", b"a"),
    (b"a\xe2\x82zb", b"a\xef\xbf\xbdzb"),
    (b"x\xe2\x80\xaeevil\xe2\x81\xa6", b"x<U+202E>evil<U+2066>"),
    (b"a\x1b]0;never ended\nnext line\n", b"a\r\nnext line\r\n"),
    (b"a\x1b[31\nb", b"a\r\nb"),
    (b"a\x1b[" + b"1;" * 100 + b"mb", b"ab"),
    (b"a\x1b[3\x1b[31mb", b"a\x1b[31mb"),
])
@pytest.mark.parametrize("piece", [1, 1000])
def test_terminal_gets_text_and_colours_only(daemon, cail, sent, shown, piece):
    """piece 1: the sequence arrives byte by byte and must be known all the same."""
    data = sent + b"|"
    ended(daemon, 12, data)
    daemon.piece = piece
    t = cail.terminal("log", "12", NO_COLOR="1")
    t.end()
    # A character that was cut off shows as a replacement once the next byte proves it.
    got = t.seen.split(b"|")[0]
    assert got == shown or got == shown + b"\xef\xbf\xbd", t.seen


def test_pipe_gets_every_byte(daemon, cail):
    ended(daemon, 12, NASTY)
    assert cail.run("log", "12").stdout == NASTY


def test_names_and_messages_are_harmless_everywhere(daemon, cail):
    bad = "a\x1b[2Jb\u009b\u202ec\nd"
    daemon.add_job(12, name=bad, reason=bad, state="failed", exit_status=1, recipe=bad, queue=bad,
                   labels={bad: bad}, command=[bad], cwd=bad, flags=[bad])
    daemon.routes["GET", "/jobs/12/why"] = lambda rq: (200, {
        "job": 12, "state": bad, "summary": bad,
        "constraints": [{"name": bad, "met": False, "detail": bad, "jobs": [9]}]})
    for args in (["ls"], ["show", "12"], ["why", "12"], ["follow", "12"], ["wait", "12"],
                 ["cancel", "12"]):
        done = cail.run(*args)
        for text in (done.stdout.decode(), done.stderr.decode()):
            assert not set(text) & {"\x1b", "\u009b", "\u202e"}, (args, text)


def test_noise_never_reaches_a_terminal_as_a_command(daemon, cail):
    """Random bytes, weighted towards what terminals obey, from a fixed seed."""
    import random
    import re
    rng = random.Random(20260102)
    parts = [b"\x1b", b"[", b"]", b"\x9b", b"\xc2\x9d", b"m", b"31", b";", b"\x07", b"\r", b"\n", b"P",
             b"\\", b"\xe2\x80\xae", b"\xf0\x9f\x98\x80", b"x", b"\x1b[", b"\x1b]52;c;", b"\x00"]
    noise = b"".join(rng.choice(parts) if rng.random() < 0.8 else bytes([rng.randrange(256)])
                     for _ in range(60000))
    ended(daemon, 12, noise)
    daemon.piece = 997
    t = cail.terminal("log", "12", NO_COLOR="1")
    assert t.end() == 0
    shown = t.seen.decode()  # valid UTF-8 throughout
    rest = re.sub(r"\x1b\[[0-9;:]*m", "", shown)
    bad = {c for c in rest if (ord(c) < 0x20 and c not in "\t\r\n") or 0x7f <= ord(c) < 0xa0
           or c in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"}
    assert not bad and "\r" not in shown.replace("\r\n", "")
    assert len(shown) > 10000
