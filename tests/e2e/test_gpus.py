"""The daemon's cards, with a driver's library that a file drives: leases, evidence, telemetry, settling."""
import json
import os
import signal
import subprocess

import pytest

from gpu_lab import A, B, cards, holder, machine, runs, samples, states, wait_states, waiting  # noqa: F401
from lab import ROOT, until


def test_a_job_sees_its_card_alone_and_the_next_one_waits(cards):
    both, go = holder(cards, gpus=2)
    runs(cards, both)
    wait_states(cards, {A: "leased", B: "leased"})
    assert sorted(cards.read(f"/jobs/{both}")["gpus"]) == [A, B]
    second, go2 = holder(cards)
    why = waiting(cards, second, "gpus")
    assert both in why["jobs"], why
    go.touch()
    go2.touch()
    assert cards.end_of(both)["state"] == "succeeded"
    done = cards.end_of(second)
    assert done["state"] == "succeeded"
    [card] = done["attempts"][-1]["gpus"]
    assert cards.output(second) == f"cards {card} PCI_BUS_ID\n".encode()
    wait_states(cards, {A: "free", B: "free"})


def test_a_job_without_cards_sees_none(cards):
    job = cards.script('echo "[$CUDA_VISIBLE_DEVICES]"')
    assert cards.end_of(job)["state"] == "succeeded"
    assert cards.output(job) == b"[]\n"


def test_two_jobs_run_side_by_side_on_different_cards(cards):
    one, go1 = holder(cards)
    two, go2 = holder(cards)
    runs(cards, one)
    runs(cards, two)
    seen = [cards.read(f"/jobs/{j}")["gpus"] for j in (one, two)]
    assert sorted(seen[0] + seen[1]) == [A, B]
    go1.touch()
    go2.touch()
    assert {cards.end_of(one)["state"], cards.end_of(two)["state"]} == {"succeeded"}


def test_a_foreign_process_makes_a_card_busy_and_is_named(cards, machine):
    stranger = subprocess.Popen(["sleep", "600"])
    try:
        machine.write([{"uuid": A, "proc": [f"{stranger.pid} 2000 compute"], "used_mib": 2500},
                       {"uuid": B, "proc": [f"{stranger.pid} 2000 compute"], "used_mib": 2500}])
        wait_states(cards, {A: "busy", B: "busy"})
        [a, _] = cards.read("/gpus")["gpus"]
        assert str(stranger.pid) in a["reason"], a
        job, go = holder(cards)
        assert str(stranger.pid) in waiting(cards, job, "gpus")["detail"]
    finally:
        stranger.kill()
        stranger.wait()
    machine.write([{"uuid": A}, {"uuid": B}])
    runs(cards, job)
    go.touch()
    assert cards.end_of(job)["state"] == "succeeded"


def test_a_card_that_is_not_clean_after_a_job_waits_for_that(cards, machine):
    """Its process stays on the card: the lease is over, the card is not given to the next job."""
    job, go = holder(cards, gpus=2)
    runs(cards, job)
    machine.write([{"uuid": A, "proc": ["1 900 compute"]}, {"uuid": B}])
    go.touch()
    assert cards.end_of(job)["state"] == "succeeded"
    second, go2 = holder(cards, gpus=2)
    assert waiting(cards, second, "gpus")
    assert cards.read(f"/jobs/{second}")["exit_code"] is None
    machine.write([{"uuid": A}, {"uuid": B}])
    go2.touch()
    assert cards.end_of(second)["state"] == "succeeded"


def test_a_throttled_card_taints_the_job(cards, machine):
    job, go = holder(cards)
    runs(cards, job)
    [ours] = [p for p in cards.survivors(job) if p != cards.supervisor(job)][:1]
    [card] = cards.read(f"/jobs/{job}")["gpus"]
    for ms in (100, 400, 900):
        slow = {"util_pct": 100, "sm_mhz": 1455, "power_mw": 700000, "reasons": 4,
                "slowed_sw_power_cap_ns": ms * 1000000, "proc": [f"{ours} 3000 compute"]}
        machine.write([{"uuid": u, **(slow if u == card else {})} for u in (A, B)])
        n = len(samples(cards, job))
        until(lambda: len(samples(cards, job)) > n + 1)
    go.touch()
    machine.write([{"uuid": A}, {"uuid": B}])
    done = cards.end_of(job)
    assert "tainted" in done["flags"], done
    told = cards.read(f"/jobs/{job}/telemetry")
    assert told["verdict"] == "tainted" and told["reasons"] == ["sw_power_cap"], told
    assert told["throttled_ms"] > 0
    [attempt] = cards.read(f"/jobs/{job}/provenance")["attempts"]
    assert attempt["provenance"]["gpus"]["verdict"] == "tainted"
    assert "samples" not in attempt["provenance"]["gpus"]["cards"][0]


def test_an_idle_card_is_clean_and_unused_is_said(cards):
    job, go = holder(cards)
    until(lambda: len(samples(cards, job)) > 2)
    go.touch()
    done = cards.end_of(job)
    assert cards.read(f"/jobs/{job}/telemetry")["verdict"] == "clean"
    assert "tainted" not in done["flags"]
    assert cards.get(f"/jobs/{cards.end_of(cards.script('true'))['id']}/telemetry").status == 404


def test_a_drained_card_gets_nothing_over_a_restart_too(cards, machine):
    cards.do(f"/gpus/{A}/drain", {"note": "fan is loud"})
    cards.do(f"/gpus/{B}/drain")
    wait_states(cards, {A: "drained", B: "drained"})
    cards.stop()
    cards.start(CAIL_FAKE_NVML=str(machine.path))
    wait_states(cards, {A: "drained", B: "drained"})
    job, go = holder(cards)
    assert "fan is loud" in str(waiting(cards, job, "gpus")) + str(cards.read("/gpus"))
    cards.do(f"/gpus/{B}/undrain")
    runs(cards, job)
    assert cards.read(f"/jobs/{job}")["gpus"] == [B]
    go.touch()
    assert cards.end_of(job)["state"] == "succeeded"
    assert cards.post("/gpus/GPU-nobody/drain", {}).status == 404


@pytest.mark.parametrize("end", ["stop", "kill9"])
def test_a_lease_outlives_the_daemon(cards, machine, end):
    job, go = holder(cards)
    runs(cards, job)
    [card] = cards.read(f"/jobs/{job}")["gpus"]
    getattr(cards, end)()
    cards.start(CAIL_FAKE_NVML=str(machine.path))
    until(lambda: states(cards).get(card) == "leased", "the lease")
    assert cards.read(f"/jobs/{job}")["gpus"] == [card]
    other, go2 = holder(cards)
    runs(cards, other)
    assert cards.read(f"/jobs/{other}")["gpus"] != [card]
    go.touch()
    go2.touch()
    assert cards.end_of(job)["state"] == cards.end_of(other)["state"] == "succeeded"
    wait_states(cards, {A: "free", B: "free"})
    third, go3 = holder(cards, gpus=2)  # both rows of the old lease are closed
    go3.touch()
    assert cards.end_of(third)["state"] == "succeeded"


def test_a_lost_card_leaves_the_other_in_use(cards, machine):
    machine.write([{"uuid": A, "lost": 1}, {"uuid": B}])
    until(lambda: states(cards).get(A) != "free" and states(cards).get(B) == "free")
    job, go = holder(cards)
    runs(cards, job)
    assert cards.read(f"/jobs/{job}")["gpus"] == [B]
    go.touch()
    assert cards.end_of(job)["state"] == "succeeded"


def test_a_hanging_driver_hangs_nothing_else(cards, machine):
    machine.write([{"uuid": A}, {"uuid": B}], hang=1)
    until(lambda: "free" not in states(cards).values(), "stale evidence")
    assert cards.end_of(cards.script("exit 3"))["exit_code"] == 3
    machine.write([{"uuid": A}, {"uuid": B}])
    wait_states(cards, {A: "free", B: "free"})


def test_too_many_cards_are_refused_at_once(cards):
    reply = cards.post("/jobs", {"command": ["true"], "needs": {"gpus": 3}})
    assert reply.status == 422 and reply.json()["errors"][0]["pointer"] == "/needs/gpus", reply
    reply = cards.post("/jobs", {"command": ["true"], "needs": {"gpus": 1, "gpu_model": "A100*"}})
    assert reply.status == 422, reply


def test_a_killed_probe_comes_back(cards):
    [probe] = [int(p) for p in subprocess.run(
        ["pgrep", "-P", str(cards.pid), "-x", "cail-probe"], capture_output=True, text=True,
        check=True).stdout.split()]
    os.kill(probe, signal.SIGKILL)
    job, go = holder(cards)
    go.touch()
    assert cards.end_of(job)["state"] == "succeeded"


def test_without_a_driver_the_reason_is_said(labs, tmp_path):
    lab = labs("--set", f"gpu.nvml={tmp_path}/nowhere.so").start()
    until(lambda: "nowhere.so" in lab.read("/gpus")["reason"])
    assert lab.read("/gpus")["gpus"] == []
    reply = lab.post("/jobs", {"command": ["true"], "needs": {"gpus": 1}})
    assert reply.status == 422 and reply.json()["code"] == "impossible", reply


def test_a_step_behind_a_cached_build_has_its_own_card(labs, machine, tmp_path):
    """The build holds no card; found in the cache it is passed by, and the measuring step still asks for
    what it needs."""
    recipes = tmp_path / "recipes"
    folder = recipes / "tools" / "here" / "probe-bench"
    folder.mkdir(parents=True)
    (recipes / "lib").symlink_to(ROOT / "recipes" / "lib")
    (folder / "recipe.json").write_text(json.dumps({
        "name": "probe-bench", "group": "tools", "summary": "s", "kind": "benchmark", "params": {},
        "steps": [{"name": "fetch", "run": "fetch.sh", "needs": {"cpus": 1}, "keys_cache": True},
                  {"name": "build", "run": "build.sh", "needs": {"cpus": 1}, "cached": True},
                  {"name": "measure", "run": "measure.sh", "needs": {"cpus": 1, "gpus": 1}}]}))
    (folder / "fetch.sh").write_text('echo "sha abc" >"$CAIL_ATTEMPT_DIR/cache-key"\n')
    (folder / "build.sh").write_text('echo built >"$CAIL_BUILD_DIR/it"; echo "[$CAIL_GPU_UUIDS]"\n')
    (folder / "measure.sh").write_text('cat "$CAIL_BUILD_DIR/it"; echo "[$CAIL_GPU_UUIDS]"\n')
    machine.write([{"uuid": A}])
    lab = labs("--set", f"gpu.nvml={machine.library}", recipes=recipes)
    lab.start(CAIL_FAKE_NVML=str(machine.path))
    for cached in (False, True):
        done = lab.end_of(lab.queue(recipe="probe-bench"))
        assert done["state"] == "succeeded" and done["cached"] == cached, done
        assert [a["gpus"] for a in done["attempts"]][-1] == [A]
        assert [a["gpus"] for a in done["attempts"]][:-1] == [[]] * (1 if cached else 2)
        assert lab.output(done["id"]) == f"built\n[{A}]\n".encode()
        [*_, last] = lab.read(f"/jobs/{done['id']}/provenance")["attempts"]
        assert last["provenance"]["driver"] == "580.159.04"
        assert last["provenance"]["cards"][0]["uuid"] == A


def test_metrics_tell_of_cards(cards):
    text = cards.get("/metrics").text
    assert f'cail_gpu_power_milliwatts{{uuid="{A}"}}' in text


def test_an_outsider_that_comes_while_a_card_settles_does_not_set_it_aside(cards, machine):
    stranger = subprocess.Popen(["sleep", "600"])
    try:
        job, go = holder(cards)
        runs(cards, job)
        machine.write([{"uuid": u, "proc": [f"{stranger.pid} 900 compute"]} for u in (A, B)])
        go.touch()
        cards.end_of(job)
        wait_states(cards, {A: "busy", B: "busy"})
    finally:
        stranger.kill()
        stranger.wait()
    machine.write([{"uuid": A}, {"uuid": B}])
    wait_states(cards, {A: "free", B: "free"})


def test_events_tell_of_cards(cards, machine):
    with cards.sse() as events:
        machine.write([{"uuid": A, "proc": ["1 900 compute"]}, {"uuid": B}])
        seen = events.events_until(lambda e: e.name == "gpu" and "busy" in e.data)
        assert {c["uuid"] for c in json.loads(seen[-1].data)["gpus"]} == {A, B}
