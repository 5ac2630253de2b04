"""./lab up and down, with a state folder of its own. It serves what build/bin has, so only there."""
import os
import pathlib
import socket
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from client import BIN, ROOT  # noqa: E402

pytestmark = pytest.mark.skipif(BIN.resolve() != (ROOT / "build" / "bin").resolve(),
                                reason="./lab serves build/bin")
LIMIT_S = 300  # a build may come first


class Lab:
    def __init__(self, tmp):
        self.state = tmp / "state"
        self.env = {"PATH": os.environ["PATH"], "HOME": str(tmp), "XDG_STATE_HOME": str(self.state)}

    def __call__(self, *args, cwd=ROOT):
        return subprocess.run([str(ROOT / "lab"), *args], env=self.env, cwd=cwd, capture_output=True,
                              text=True, timeout=LIMIT_S, stdin=subprocess.DEVNULL)

    def pid(self):
        return int((self.state / "cail" / "cail.lock").read_text())

    def cail(self, *args):
        return subprocess.run([str(BIN / "cail"), *args], env=self.env, capture_output=True, text=True,
                              timeout=60, check=True).stdout


@pytest.fixture
def lab(tmp_path):
    lab = Lab(tmp_path)
    yield lab
    lab("down", "--kill")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def test_up_twice_changes_nothing_and_down_keeps_jobs(lab):
    port = str(free_port())
    first = lab("up", "--port", port, "--quiet")
    assert (first.returncode, first.stdout) == (0, ""), first
    pid, job = lab.pid(), lab.cail("submit", "--", "sleep", "1000").strip()
    assert lab("up", "--quiet").returncode == 0
    assert lab.pid() == pid
    down = lab("down")
    assert down.returncode == 0 and "go on" in down.stdout, down
    assert "does not run" in lab("down").stdout
    assert lab("up", "--port", str(free_port()), "--quiet").returncode == 0
    assert lab.pid() != pid
    assert '"state":"running"' in lab.cail("show", job, "--json").replace(" ", "")
    assert "ended 1 running jobs" in lab("down", "--kill").stdout


def test_a_taken_port_is_named_with_its_holder(lab):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        taken = str(s.getsockname()[1])
        done = lab("up", "--port", taken, "--quiet")
        assert done.returncode == 1
        assert f"port {taken}" in done.stderr and f"pid {os.getpid()} " in done.stderr
        assert "./lab up --port N" in done.stderr
        # A daemon that runs stays where it is.
        assert lab("up", "--port", str(free_port()), "--quiet").returncode == 0
        assert lab("up", "--port", taken, "--quiet").returncode == 1
        assert lab.cail("version").count("cail-d") == 1


def test_bad_usage(lab):
    for args in (("up", "--port", "0"), ("up", "--port", "x"), ("up", "--prot", "1"), ("dwon",), ("down", "-k")):
        assert lab(*args).returncode in (1, 64), args
