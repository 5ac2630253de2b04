"""Cards that a file drives (fake_nvml.py) under a real daemon: fixtures `machine` and `cards`, and what tests
ask of them."""
import os
import subprocess

import pytest

import fake_nvml
from lab import BIN, until

A, B = "GPU-aaaaaaaa-0000-0000-0000-000000000001", "GPU-bbbbbbbb-0000-0000-0000-000000000002"


class Machine:
    """Cards as a list of their keys; "proc" is a list of "PID MIB KIND"."""

    def __init__(self, path):
        self.path, self.library = path, fake_nvml.library(BIN)

    def write(self, cards, **keys):
        made = []
        for keys_of in cards:
            keys_of = dict(keys_of)
            procs, migs = keys_of.pop("proc", []), keys_of.pop("migs", [])
            made.append(fake_nvml.Card(**keys_of))
            made[-1].procs += procs
            made[-1].migs += [fake_nvml.Card(**m) for m in migs]
        fake_nvml.FakeNvml(self.path, *made, **keys).write()


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path / "nvml")


@pytest.fixture
def cards(labs, machine):
    """A daemon that sees two free cards."""
    machine.write([{"uuid": A}, {"uuid": B}])
    lab = labs("--set", f"gpu.nvml={machine.library}")
    lab.start(CAIL_FAKE_NVML=str(machine.path))
    wait_states(lab, {A: "free", B: "free"})
    return lab


def states(lab):
    return {c["uuid"]: c["state"] for c in lab.read("/gpus")["gpus"]}


def wait_states(lab, wanted):
    until(lambda: states(lab) == wanted, f"{wanted}; now {lab.read('/gpus')}")


def waiting(lab, job, name):
    """The unmet constraint of that name, once there is one."""
    def look():
        rows = lab.read(f"/jobs/{job}/why")["constraints"]
        return next((r for r in rows if r["name"] == name and not r["met"]), None)
    return until(look, f"job {job} to wait for {name}")


def holder(lab, **needs):
    """A job that holds its cards until the file is there."""
    go = lab.work / f"go{os.urandom(4).hex()}"
    job = lab.script(f'echo "cards $CUDA_VISIBLE_DEVICES $CUDA_DEVICE_ORDER"\n'
                     f'while [ ! -e {go} ]; do sleep 0.05; done', needs={"gpus": 1, **needs})
    return job, go


def runs(lab, job):
    """It has passed its check and executes."""
    def look():
        attempts = lab.read(f"/jobs/{job}")["attempts"]
        return attempts and attempts[-1]["state"] == "running"
    until(look, f"job {job} to run")


def samples(lab, job):
    reply = lab.get(f"/jobs/{job}/telemetry")
    if reply.status != 200:
        return []
    [card] = reply.json()["cards"]
    return next((v for v in card["samples"].values() if isinstance(v, list)), [])


def cail(lab, *args, **env):
    """What the client does with these arguments."""
    where = {"CAIL_URL": f"http://127.0.0.1:{lab.port}"}
    return subprocess.run([BIN / "cail", *args], text=True, capture_output=True, timeout=120,
                          env={**os.environ, **where, **env})
