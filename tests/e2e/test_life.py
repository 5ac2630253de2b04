"""Starting, stopping and starting again, as people and service managers do it."""
import os
import signal
import socket
import stat
import subprocess
import time

import pytest

from lab import BIN, LIMIT_S, alive, until

WAIT = "until [ -e gate ]; do sleep 0.01; done"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_ordinary_restart_keeps_what_runs(lab, number):
    job = lab.script("i=0; until [ -e gate ]; do i=$((i+1)); echo $i; sleep 0.002; done; exit 4")
    until(lambda: lab.output(job).count(b"\n") > 10, "the first lines")
    supervisor = lab.supervisor(job)
    lab.process.send_signal(number)
    assert lab.process.wait(LIMIT_S) == 0, lab.log()
    assert alive(supervisor)
    lab.start()
    (lab.work / "gate").touch()
    end = lab.end_of(job)
    assert (end["state"], end["exit_code"], len(end["attempts"])) == ("failed", 4, 1)
    lines = lab.output(job).split()
    assert lines == [b"%d" % (i + 1) for i in range(len(lines))]


def test_a_stop_waits_for_no_client(lab):
    """Waiters, followers, readers of events and a half-sent request do not hold it up."""
    job = lab.script("echo begin; " + WAIT)
    lab.wait_state(job, "running")
    held = [socket.create_connection(("127.0.0.1", lab.port)) for _ in range(4)]
    for s, path in zip(held, ("/jobs/%d?wait=300" % job, "/jobs/%d/log?follow=1" % job, "/events")):
        s.sendall(b"GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % (path.encode(), lab.port))
    held[3].sendall(b"POST /jobs HTTP/1.1\r\n")
    assert held[2].recv(15).startswith(b"HTTP/1.1 200")
    lab.stop()
    for s in held:
        s.close()
    lab.start()
    assert lab.job(job)["state"] == "running"


def test_what_it_leaves_is_private(lab):
    job = lab.script("echo x; touch $CAIL_RESULTS/r")
    lab.end_of(job)
    for folder, _, files in os.walk(lab.state):
        for name in [".", *files]:
            path = os.path.join(folder, name)
            assert not stat.S_IMODE(os.lstat(path).st_mode) & 0o077, path
    assert not stat.S_IMODE(os.stat(lab.socket).st_mode) & 0o077


def test_a_socket_left_by_a_killed_daemon_is_taken_over(lab):
    lab.kill9()
    assert lab.socket.exists()
    lab.start()
    done = lab.client().run("ls", "--url", "unix:%s" % lab.socket)
    assert done.returncode == 0, done
    lab.stop()
    assert not lab.socket.exists()


def test_a_taken_port_names_its_holder(labs):
    holder = socket.create_server(("127.0.0.1", 0))
    lab = labs()
    with pytest.raises(AssertionError, match="cail-d ended with"):
        lab.start(port=holder.getsockname()[1])
    assert lab.process.returncode == 78
    assert str(os.getpid()) in lab.log(), lab.log()
    holder.close()


@pytest.mark.parametrize("options, words", [
    (["--no-such-option"], "--help"), (["word"], "word"), (["--listen", "nonsense"], "--listen"),
    (["--listen", "127.0.0.1:99999"], "127.0.0.1:99999"), (["--set", "jobs.cpus=0"], "jobs.cpus=0"),
    (["--set", "no.such=1"], "no.such=1"), (["--config", "/no/such/file"], "/no/such/file"),
    (["--socket", "/" + "x" * 120], "107 bytes"),
])
def test_bad_options(tmp_path, options, words):
    done = subprocess.run([BIN / "cail-d", "--state-dir", tmp_path / "s", *options],
                          capture_output=True, text=True, timeout=LIMIT_S,
                          env={"HOME": str(tmp_path)})
    assert done.returncode == 78 and words in done.stderr
    assert not (tmp_path / "s").exists()


def test_settings_from_a_file(labs, tmp_path):
    config = tmp_path / "cail.conf"
    config.write_text("[jobs]\ncpus = 3\n[upstreams]\nllvm.url = file:///nowhere\n")
    lab = labs("--config", str(config)).start()
    assert lab.read("/queue")["cpus"]["total"] == 3
    config.write_text("[jobs]\ncpus = 3\nspeed = 9\n")
    lab.stop()
    with pytest.raises(AssertionError, match="cail-d ended with"):
        lab.start()
    assert "speed" in lab.log() and lab.process.returncode == 78


def test_not_before_over_a_restart(lab):
    """A time that passes while no daemon is there has passed."""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
    job = lab.command("true", not_before=at)
    assert lab.job(job)["state"] == "queued"
    assert any(c["name"] == "not_before" and not c["met"]
               for c in lab.read("/jobs/%d/why" % job)["constraints"])
    lab.kill9().start()
    end = lab.end_of(job)
    assert end["state"] == "succeeded" and end["started_at"] >= at[:-1]


def test_the_version_is_the_programs(lab):
    said = subprocess.run([BIN / "cail-d", "--version"], capture_output=True, text=True).stdout
    version = lab.read("/version")
    assert said.split() == ["cail-d", version["version"]]
    assert version["pid"] == lab.pid and version["state_dir"] == str(lab.state)
    before = version["epoch"]
    assert lab.kill9().start().read("/version")["epoch"] != before
