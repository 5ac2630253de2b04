"""cail gpu against a real daemon whose driver is played by a file."""
import json
import os
import re
import signal

import pytest

from client import LIMIT_S, Client
from lab import until
from test_gpus import A, B, cards, machine, states, wait_states  # noqa: F401


def test_exec_is_a_lease_that_the_queue_sees(cards):  # noqa: F811
    cail = cards.client()
    first = cail.start("gpu", "exec", "--gpus", "2", "--name", "by hand", "--", "sh", "-c",
                       "echo $CUDA_VISIBLE_DEVICES; exec sleep 1000")
    assert sorted(first.stdout.readline().decode().strip().split(",")) == [A, B]
    assert states(cards) == {A: "leased", B: "leased"}
    assert cail.ok("gpus").count("job 1 by hand") == 2
    assert "for 1h00m" in first.stderr.readline().decode()

    done = cail.run("gpu", "exec", "--now", "--", "true")
    assert done.returncode == 75 and b"0 of 2 GPUs are free" in done.stderr

    second = cail.start("gpu", "exec", "--", "sh", "-c", "echo $CUDA_VISIBLE_DEVICES; exit 3")
    assert re.match(rb"cail: job 2: .*service 1 holds", second.stderr.readline())
    assert "service 1 holds" in cail.ok("why", "2")

    cail.ok("cancel", "1")
    err = first.communicate(timeout=LIMIT_S)[1]
    assert first.returncode == 128 + signal.SIGTERM
    assert b"the lease of job 1 has ended (canceled)" in err
    out = second.communicate(timeout=LIMIT_S)[0]
    assert second.returncode == 3 and out.decode().strip() in (A, B)
    wait_states(cards, {A: "free", B: "free"})
    assert cards.read("/jobs/2")["state"] == "canceled"
    assert re.search(r"telemetry +clean", cail.ok("show", "2"))


def test_exec_ends_with_its_time(cards):  # noqa: F811
    cail = cards.client()
    done = cail.run("gpu", "exec", "--for", "1s", "--", "sleep", "1000")
    assert done.returncode == 128 + signal.SIGTERM and b"(timed_out" in done.stderr
    wait_states(cards, {A: "free", B: "free"})


def test_ctrl_c_while_waiting_takes_the_job_out_of_the_queue(cards):  # noqa: F811
    cail = cards.client()
    holder = cail.start("gpu", "exec", "--gpus", "2", "--", "sh", "-c", "echo on; exec sleep 1000")
    assert holder.stdout.readline() == b"on\n"
    t = cail.terminal("gpu", "exec", "--", "true")
    t.expect(b"service 1 holds")
    t.ctrl_c()
    assert t.end() == 130
    assert cards.end_of(2)["state"] == "canceled"
    holder.send_signal(signal.SIGTERM)
    holder.communicate(timeout=LIMIT_S)
    assert cards.end_of(1)["state"] == "canceled"


def test_the_commands_processes_are_the_leases_own(cards, machine):  # noqa: F811
    cail = cards.client()
    p = cail.start("gpu", "exec", "--", "sh", "-c", "echo $$ $CUDA_VISIBLE_DEVICES; exec sleep 1000")
    pid, uuid = p.stdout.readline().decode().split()
    machine.write([{"uuid": u, "util_pct": 90 if u == uuid else 0, "sm_mhz": 1980,
                    "proc": [f"{pid} 512 c"] if u == uuid else []} for u in (A, B)])

    def on_card():
        [card] = [c for c in cards.read("/gpus")["gpus"] if c["uuid"] == uuid]
        return [x for x in card["processes"] if x["ours"] is not None]
    [process] = until(on_card, "the process to be seen")
    assert process["pid"] == int(pid) and process["ours"] is True
    machine.write([{"uuid": A}, {"uuid": B}])
    p.send_signal(signal.SIGTERM)
    p.communicate(timeout=LIMIT_S)
    assert p.returncode == 128 + signal.SIGTERM
    job = cards.end_of(1)
    assert not {"wrong_card", "tainted"} & set(job["flags"]), job
    wait_states(cards, {A: "free", B: "free"})


@pytest.mark.parametrize("found, end", [(True, "canceled"), (False, "succeeded")])
def test_a_restart_of_the_daemon_does_not_end_a_lease(cards, machine, found, end):  # noqa: F811
    """Nor does a daemon that is not found again keep one: the holder sees our end by itself."""
    address = f"unix:{cards.socket}" if found else cards.url  # a port that is another one then
    t = Client(cards.folder, url=address).terminal("gpu", "exec", "--", "sh", "-c", "echo on; read x; exit 6")
    t.expect(b"on\r\n")
    cards.kill9()
    cards.start(CAIL_FAKE_NVML=str(machine.path))
    until(lambda: cards.read("/jobs/1")["state"] == "running", "the job to be adopted")
    os.write(t.fd, b"go\n")
    assert t.end() == 6
    assert cards.end_of(1)["state"] == end
    wait_states(cards, {A: "free", B: "free"})


def test_drain_keeps_jobs_off_a_card(cards):  # noqa: F811
    cail = cards.client()
    assert A in cail.ok("gpu", "drain", "aaaa", "--note", "fan is loud")
    assert re.search(r"aaaaaaaa +drained +fan is loud", cail.ok("gpus"))
    done = cail.run("gpu", "exec", "--now", "--", "printenv", "CUDA_VISIBLE_DEVICES")
    assert (done.returncode, done.stdout.decode().strip()) == (0, B)
    cail.ok("gpu", "undrain", A)
    wait_states(cards, {A: "free", B: "free"})
    assert json.loads(cail.ok("gpus", "--json"))["driver"]
