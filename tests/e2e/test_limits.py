"""What is too much, too wrong or not there: refused by name, nothing stored, no job harmed."""
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import time

import pytest

from lab import LIMIT_S, UnixConnection, alive, is_sanitized, traced, until

MIB = 1 << 20

# --- bodies ---

GOOD = {"command": ["true"]}
FIELDS = ["recipe", "params", "command", "script", "name", "kind", "priority", "queue", "needs",
          "timeout_s", "idle_timeout_s", "retry", "after", "source", "pr", "labels", "env", "cwd",
          "build_root", "matrix", "not_before", "artifacts", "results"]
NEEDS = ["gpus", "gpu_model", "gpu_memory_mib", "cpus", "memory_mib", "exclusive", "ports", "share"]


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    """One paused daemon for all refusals: it must have stored nothing in the end."""
    from lab import ROOT, Lab
    lab = Lab(tmp_path_factory.mktemp("calm"), recipes=ROOT / "recipes").start()
    try:
        lab.do("/queue/pause")
        yield lab
        assert lab.count() == 0
    finally:
        lab.close()


def refused(lab, body, **headers):
    reply = lab.post("/jobs", body, **headers)
    assert 400 <= reply.status < 500, reply
    doc = reply.json()
    assert reply.headers["content-type"].startswith("application/problem+json")
    assert doc["status"] == reply.status and doc["detail"] and doc["code"] and doc["title"]
    return doc


def assert_at(doc, pointer):
    assert [e["pointer"] for e in doc["errors"]] == [pointer], doc


@pytest.mark.parametrize("value", [7.5, True, [[]], "\u0001", -1, {"x": {}}, "x" * 5000])
@pytest.mark.parametrize("field", FIELDS)
def test_wrong_types(calm, field, value):
    """No field takes any of these, but for the few that do; then it is what it says."""
    if (field, value) in (("script", "x" * 5000), ("script", "\u0001"), ("priority", -1)):
        return
    if field in ("params", "labels", "env") and value == {"x": {}}:
        pointer = "/%s/x" % field
    else:
        pointer = "/" + field
    body = {field: value} if field in ("recipe", "command", "script") else {**GOOD, field: value}
    doc = refused(calm, body)
    if "errors" in doc:
        assert doc["errors"][0]["pointer"].startswith(pointer), doc
    else:
        assert field in doc["detail"], doc


@pytest.mark.parametrize("value", [7.5, "\u0001", [], {}, -1, 10**12])
@pytest.mark.parametrize("field", NEEDS)
def test_wrong_needs(calm, field, value):
    assert_at(refused(calm, {**GOOD, "needs": {field: value}}), "/needs/" + field)


@pytest.mark.parametrize("body, code, pointer", [
    (b"", None, None), (b"{", "bad_json", None), (b"nul", "bad_json", None),
    (b'{"command":["true"]} x', "bad_json", None), (b'{"command":["true"],}', "bad_json", None),
    (b"\xff\xfe{}", "bad_json", None), (b'{"script":"\xc3\x28"}', "bad_json", None),
    (b'{"command":["a\x00b"]}', "bad_json", None), (b'{"a":1,"a":2}', "bad_json", None),
    (b"[" * 10000 + b"]" * 10000, "bad_json", None),
    (b'{"params":' * 10000 + b"1" + b"}" * 10000, "bad_json", None),
    (b'{"command":["true"],"priority":1e999}', "bad_json", None),
    (b'{"command":["true"],"priority":1' + b"0" * 30 + b"}", "bad_json", None),
    (b"5", None, None), (b'"x"', None, None), (b"null", None, None), (b"[]", None, None),
    (b"{}", None, None), (b'[{"command":["true"]},5]', None, "/1"),
    (b'{"command":"true"}', "bad_field", "/command"), (b'{"command":[]}', "bad_field", "/command"),
    (b'{"command":[""]}', "bad_field", "/command"), (b'{"command":[1]}', "bad_field", "/command/0"),
    (b'{"command":["a\\u0000b"]}', None, None), (b'{"script":"a\\u0000b"}', None, None),
    (b'{"command":["true"],"comand":1}', "unknown_field", "/comand"),
    (b'{"command":["true"],"needs":{"gpu":1}}', "unknown_field", "/needs/gpu"),
    (b'{"command":["true"],"retry":{"max":1}}', "unknown_field", "/retry/max"),
    (b'{"command":["true"],"script":"true"}', None, None),
    (b'{"command":["true"],"recipe":"env-check"}', None, None),
    (b'{"command":["true"],"params":{"x":1}}', None, None),
    (b'{"recipe":"setup-lvm"}', "unknown_recipe", "/recipe"),
    (b'{"recipe":"../../etc"}', None, "/recipe"),
    (b'{"recipe":"setup-llvm","params":{"target":"x"}}', None, "/params/target"),
    (b'{"recipe":"setup-llvm","params":{"targets":"$(id)"}}', "bad_param", "/params/targets"),
    (b'{"recipe":"setup-llvm","params":{"targets":"-x"}}', "bad_param", "/params/targets"),
    (b'{"recipe":"setup-llvm","params":{"jobs":-1}}', "bad_param", "/params/jobs"),
    (b'{"recipe":"setup-llvm","params":{"ref":"a b"}}', "bad_param", "/params/ref"),
    (b'{"command":["true"],"env":{"A B":"1"}}', "bad_field", "/env/A B"),
    (b'{"command":["true"],"env":{"CAIL_JOB_ID":"1"}}', "bad_field", "/env/CAIL_JOB_ID"),
    (b'{"command":["true"],"cwd":"relative"}', "bad_field", "/cwd"),
    (b'{"command":["true"],"cwd":"/a/../b"}', "bad_field", "/cwd"),
    (b'{"command":["true"],"priority":101}', "bad_field", "/priority"),
    (b'{"command":["true"],"after":[{"job":999}]}', "bad_field", "/after/0/job"),
    (b'{"command":["true"],"after":[{"job":"#0"}]}', "bad_field", "/after/0/job"),
    (b'[{"command":["true"],"after":[{"job":"#1"}]},{"command":["true"]}]', "bad_field",
     "/0/after/0/job"),
    (b'{"command":["true"],"needs":{"cpus":4000}}', "impossible", "/needs/cpus"),
    (b'{"command":["true"],"needs":{"gpus":1}}', "impossible", "/needs/gpus"),
    (b'{"command":["true"],"matrix":{"params.x":[1,2]}}', None, None),
    (b'{"command":["true"],"artifacts":[{"path":"../x"}]}', None, "/artifacts/0/path"),
    (b'{"command":["true"],"artifacts":[{"path":"/etc/*"}]}', None, "/artifacts/0/path"),
])
def test_hostile_bodies(calm, body, code, pointer):
    doc = refused(calm, body, Content_Type="application/json")
    if code:
        assert doc["code"] == code
    if pointer:
        assert_at(doc, pointer)


def test_an_unknown_name_is_answered_with_the_nearest_one(calm):
    for body, words in (({**GOOD, "prioritty": 1}, "priority"),
                        ({"recipe": "setup-lvm"}, "setup-llvm"),
                        ({**GOOD, "needs": {"cpu": 1}}, "cpus"),
                        ({**GOOD, "kind": "benchmrk"}, "benchmark"),
                        ({"recipe": "setup-llvm", "params": {"target": "x"}}, "targets")):
        assert words in json.dumps(refused(calm, body))


def test_an_array_is_all_or_none(calm):
    jobs = [dict(GOOD) for _ in range(1000)]
    jobs[613] = {**GOOD, "needs": {"cpus": -1}}
    assert_at(refused(calm, jobs), "/613/needs/cpus")
    jobs[613] = {"recipe": "no-such-recipe"}
    assert_at(refused(calm, jobs), "/613/recipe")
    refused(calm, [GOOD] * 1001)


def test_a_hundred_megabytes(calm):
    """Refused by its head; whoever sends on is cut off, and the daemon stays small."""
    with socket.create_connection(("127.0.0.1", calm.port), timeout=LIMIT_S) as s:
        s.sendall(b"POST /jobs HTTP/1.1\r\nHost: localhost:%d\r\nContent-Type: application/json"
                  b"\r\nContent-Length: %d\r\n\r\n" % (calm.port, 100 * MIB))
        with contextlib.suppress(OSError):
            for _ in range(100):
                s.sendall(b" " * MIB)
        with contextlib.suppress(ConnectionResetError):
            assert b" 413 " in s.recv(65536).split(b"\r\n")[0]
    assert calm.get("/healthz").status == 200


def test_a_body_without_end(calm):
    """Chunked: no length to judge by, so it is counted."""
    with socket.create_connection(("127.0.0.1", calm.port), timeout=LIMIT_S) as s:
        s.sendall(b"POST /jobs HTTP/1.1\r\nHost: localhost:%d\r\nContent-Type: application/json"
                  b"\r\nTransfer-Encoding: chunked\r\n\r\n" % calm.port)
        with contextlib.suppress(OSError):
            for _ in range(100):
                s.sendall(b"100000\r\n" + b" " * MIB + b"\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert b" 413 " in s.recv(65536).split(b"\r\n")[0]
    assert calm.get("/healthz").status == 200


def test_the_socket_refuses_alike(calm):
    connection = UnixConnection(calm.socket)
    connection.request("POST", "/jobs", b'{"comand":[]}', {"Content-Type": "application/json"})
    reply = connection.getresponse()
    assert reply.status == 422 and json.loads(reply.read())["code"] == "unknown_field"
    connection.close()


# --- the store ---

def files_of(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.name.startswith("cail.db")}


def refuses_to_start(lab):
    with pytest.raises(AssertionError, match="cail-d ended with"):
        lab.start()
    return lab.process.returncode, lab.log()


@pytest.mark.parametrize("content", [b"", b"garbage" * 1000, b"SQLite format 3\0" + b"\0" * 5000,
                                     "another program's", "damaged", "newer"])
def test_a_file_it_cannot_read_is_left_as_it_is(labs, content):
    lab = labs()
    db = lab.state / "cail.db"
    if content in ("damaged", "newer"):
        lab.start()
        for _ in range(200):
            lab.command("true")
        lab.stop()
        if content == "newer":
            subprocess.run(["sqlite3", str(db), "pragma user_version = 9999"], check=True)
        else:
            data = bytearray(db.read_bytes())
            data[4096:12288] = b"\xa5" * 8192
            db.write_bytes(data)
    else:
        lab.state.mkdir(mode=0o700)
        if content == "another program's":
            subprocess.run(["sqlite3", str(db), "create table x (y); insert into x values (1)"],
                           check=True)
        else:
            db.write_bytes(content)
    before = files_of(lab.state)
    for _ in range(2):
        code, said = refuses_to_start(lab)
        assert code == 74 and "cail.db" in said and "not touched" in said, said
        after = files_of(lab.state)  # looking may have made an empty WAL and its index
        assert {name: after[name] for name in before} == before
        assert not after.get("cail.db-wal", b"") or "cail.db-wal" in before


def test_a_second_daemon_is_told_who_was_first(labs):
    first, second = labs().start(), labs()
    second.state = first.state
    code, said = refuses_to_start(second)
    assert code != 0 and "pid %d" % first.pid in said
    assert first.get("/healthz").status == 200
    first.end_of(first.command("true"))


def test_a_state_folder_that_others_may_write_to(labs):
    lab = labs()
    lab.state.mkdir()
    lab.state.chmod(0o777)
    assert "chmod 700" in refuses_to_start(lab)[1]


def test_beyond_loopback_is_refused(labs):
    lab = labs("--listen", "0.0.0.0:0")
    code, said = refuses_to_start(lab)
    assert code == 78 and "loopback" in said


# --- a full disk ---

@pytest.fixture
def small_disk(tmp_path):
    """48 MiB; the daemon keeps 16 of them in reserve."""
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m,mode=700", "cail-test",
                           str(disk)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip("needs a small file system of its own: " + done.stderr.strip())
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(path):
    with contextlib.suppress(OSError), open(path, "wb") as f:  # it may be full already
        while True:
            f.write(b"\xa5" * 65536)
            f.flush()


def test_a_full_disk(small_disk, labs):
    lab = labs()
    lab.state = small_disk / "state"
    lab.start()
    gate = lab.work / "gate"
    runs = lab.script("echo begin; until [ -e %s ]; do sleep 0.02; done; echo x >> ran; exit 5"
                      % gate)
    until(lambda: lab.job(runs)["attempts"][0]["state"] == "running", "its row")
    ballast = small_disk / "ballast"
    fill(ballast)
    seen = set()
    for i in range(400):  # until the WAL finds no room
        reply = lab.post("/jobs", {"script": "true # " + "x" * 100000,
                                   "after": [{"job": runs, "when": "finished"}]})
        seen.add(reply.status)
        if reply.status == 507:
            break
    assert seen == {201, 507}, seen
    assert reply.json()["code"] == "disk_full"
    assert lab.get("/readyz").status == 503
    assert lab.read("/jobs/%d" % runs)["state"] == "running"
    before = lab.read("/jobs?limit=1")["jobs"][0]["id"]
    for _ in range(2):
        assert lab.post("/jobs", GOOD).status == 507
        lab.kill9().start()  # a daemon that comes up on a full disk knows it
    gate.touch()  # its end fits into what the reserve gave back
    end = lab.end_of(runs)
    assert (end["state"], end["exit_code"]) == ("failed", 5)
    ballast.unlink()
    until(lambda: lab.get("/readyz").status == 200, "the daemon to see the space")
    job = lab.command("true")
    assert job > before
    assert lab.end_of(job)["state"] == "succeeded"
    assert lab.end_of(before)["state"] == "succeeded"


# --- a job that will not end ---

FLOOD = r"""
trap '' TERM HUP INT
pids=$1
for i in 1 2 3; do
    setsid bash -c "trap '' TERM HUP INT; echo \$\$ >> $PWD/pids; while :; do sleep 1; done" &
    ( trap '' TERM; ( trap '' TERM; echo $BASHPID >> pids; while :; do sleep 1; done ) & ) &
done
yes flood | head -c 2147483648
echo flooded >> done
while :; do wait; sleep 0.1; done
"""


def rss_mib(pid):
    with open("/proc/%d/status" % pid) as f:
        return int(re.search(r"VmHWM:\s+(\d+)", f.read()).group(1)) / 1024


def test_a_flood_that_ignores_term(labs):
    lab = labs("--set", "jobs.log_cap_mib=8").start()
    for _ in range(3):
        lab.end_of(lab.command("true"))
    before = rss_mib(lab.pid)
    job = lab.script(FLOOD)
    until(lambda: (lab.work / "pids").exists()
          and len((lab.work / "pids").read_text().split()) == 6, "its children")
    until(lambda: (lab.work / "done").exists(), "2 GiB")
    pids = [int(p) for p in (lab.work / "pids").read_text().split()]
    supervisor = lab.supervisor(job)
    grace_s = 2
    begun = time.monotonic()
    lab.do("/jobs/%d/cancel" % job, {"grace_s": grace_s})
    end = lab.end_of(job)
    took = time.monotonic() - begun
    assert end["state"] == "canceled"
    assert grace_s <= took < grace_s + 20
    # cail-run's own clock: from the request to the end of the last process
    asked, over = (lab.attempt_dir(job) / n for n in ("control", "run"))
    ended_s = over.stat().st_mtime - asked.stat().st_mtime
    assert grace_s - 0.1 <= ended_s < grace_s + 1
    assert not [p for p in [*pids, supervisor] if alive(p)]
    assert lab.survivors(job) == []
    attempt = end["attempts"][0]
    assert attempt["log_bytes"] >= 2 << 30
    log = lab.attempt_dir(job) / "log"
    assert log.stat().st_blocks * 512 < 10 * MIB
    assert "metrics_maybe_missing" in end["flags"]
    said = lab.output(job)
    assert len(said) < 10 * MIB
    assert re.search(rb"\n.*left out.*\n|\n.*bytes.*\n", said), said[:200]
    if not is_sanitized():
        assert rss_mib(lab.pid) - before < 16


def test_reopened_stderr_loses_no_line(lab):
    """A job that opens /dev/stderr anew would cut off a file; the log is a pipe."""
    text = "for i in $(seq 300); do echo out$i; echo err$i > /dev/stderr; done"
    job = lab.script(text)
    assert lab.end_of(job)["state"] == "succeeded"
    want = b"".join(b"out%d\nerr%d\n" % (i, i) for i in range(1, 301))
    assert lab.output(job) == want


def test_timeouts(lab):
    wall = lab.script("while :; do sleep 0.1; echo y; done", timeout_s=1)
    idle = lab.script("echo x; sleep 600", idle_timeout_s=1)
    busy = lab.script("for i in 1 2 3 4 5 6; do echo $i; sleep 0.4; done", idle_timeout_s=2)
    end = lab.end_of(idle)
    assert (end["state"], end["exit_status"]) == ("timed_out", 124)
    assert end["attempts"][0]["cause"] == "idle_timeout"
    assert lab.end_of(busy)["state"] == "succeeded"
    end = lab.end_of(wall)
    assert (end["state"], end["exit_status"]) == ("timed_out", 124)
    assert end["attempts"][0]["cause"] == "timeout"
    client = lab.client()
    assert client.run("wait", wall).returncode == 124
    assert client.run("run", "--timeout", "1s", "--", "sleep", "60").returncode == 124


# --- the daemon itself ---

def test_an_idle_daemon_is_small(lab):
    if is_sanitized():
        pytest.skip("a sanitizer's memory says nothing")
    for path in ("/jobs", "/queue", "/"):
        lab.get(path)
    assert rss_mib(lab.pid) < 20


@traced
def test_one_sync_from_post_to_the_first_instruction(lab):
    """A submit that can start at once has job and attempt in one batch."""
    trace = lab.folder / "trace"
    lab.end_of(lab.command("true"))  # the first commit also makes the WAL
    tracer = subprocess.Popen(["strace", "-f", "-qq", "-p", str(lab.pid), "-o", str(trace),
                               "-e", "trace=fsync,fdatasync,msync,sync_file_range,clone3,"
                               "clone,vfork,fork"], stdin=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    tasks = "/proc/%d/task" % lab.pid

    def attached():
        for tid in os.listdir(tasks):
            with open("%s/%s/status" % (tasks, tid)) as f:
                if "TracerPid:\t0\n" in f.read():
                    return False
        return True
    until(attached, "strace")
    lab.end_of(lab.script("echo first"))
    tracer.send_signal(signal.SIGINT)
    tracer.wait(LIMIT_S)
    lines = trace.read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if "CLONE_VFORK" in line)
    assert len([line for line in lines[:start] if "sync(" in line]) == 1, lines


def test_a_slow_reader_costs_little(lab):
    """Who asks for a long log and does not read it holds no memory and stops nobody."""
    job = lab.script("yes flood | head -c 50000000")
    lab.end_of(job)
    before = rss_mib(lab.pid)
    slow = []
    for _ in range(20):
        s = socket.create_connection(("127.0.0.1", lab.port))
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.sendall(b"GET /jobs/%d/log HTTP/1.1\r\nHost: localhost:%d\r\n\r\n" % (job, lab.port))
        assert s.recv(15).startswith(b"HTTP/1.1 200")
        slow.append(s)
    assert lab.end_of(lab.command("true"))["state"] == "succeeded"
    if not is_sanitized():
        assert rss_mib(lab.pid) - before < 16
    for s in slow:
        s.close()


def test_a_reader_of_events_that_does_not_read(lab):
    """It loses its place, not the daemon its memory; a later reader is told to look anew."""
    s = socket.create_connection(("127.0.0.1", lab.port))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.sendall(b"GET /events HTTP/1.1\r\nHost: localhost:%d\r\n\r\n" % lab.port)
    assert s.recv(15).startswith(b"HTTP/1.1 200")
    lab.do("/queue/pause")
    before = rss_mib(lab.pid)
    for _ in range(10):
        group = lab.do("/jobs", [{"script": "true", "labels": {"k": "x" * 200}}] * 1000)["group"]
        lab.do("/groups/%d/cancel" % group)
    if not is_sanitized():
        assert rss_mib(lab.pid) - before < 64
    s.close()
    assert lab.get("/healthz").status == 200
