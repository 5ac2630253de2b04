"""Cards that are not plain: MIG, a display, no process list, an Xid, another order, few symbols."""
import pytest

import fake_nvml
from gpu_lab import A, B, cail, cards, holder, machine, runs, states, wait_states, waiting  # noqa: F401
from lab import BIN, until

M1, M2 = ("MIG-%s0000000-0000-0000-0000-000000000001" % c for c in "cd")


def start(labs, machine, cards, library=None, **keys):  # noqa: F811
    machine.write(cards, **keys)
    lab = labs("--set", f"gpu.nvml={library or machine.library}")
    return lab.start(CAIL_FAKE_NVML=str(machine.path))


def reason(lab):
    return lab.read("/gpus")["gpus"][0]["reason"] or ""


def ends_on(lab, job, go):
    runs(lab, job)
    go.touch()
    return lab.end_of(job)["attempts"][-1]["gpus"]


def test_mig_instances_are_leased_by_uuid_and_their_parent_is_not(labs, machine):  # noqa: F811
    lab = start(labs, machine, [{"uuid": A, "mig": 1, "migs": [
        {"uuid": M1, "total_mib": 20000}, {"uuid": M2, "total_mib": 20000}]}])
    until(lambda: states(lab).get(M1) == states(lab).get(M2) == "free", "the instances")
    job, go = holder(lab, gpus=2)
    assert sorted(ends_on(lab, job, go)) == [M1, M2]
    seen = lab.output(job).decode().split()[1].split(",")
    assert sorted(seen) == [M1, M2]
    job, go = holder(lab, gpu_uuid=M2[:9])
    assert ends_on(lab, job, go) == [M2]
    refused = lab.post("/jobs", {"command": ["true"], "needs": {"gpu_uuid": A}})
    assert refused.status == 422 and "no card" in refused.text, refused
    assert lab.post("/jobs", {"command": ["true"], "needs": {"gpus": 3}}).status == 422


@pytest.mark.parametrize("util, state", [(9, "free"), (10, "busy")])
def test_a_card_with_a_display_is_free_under_ten_percent(labs, machine, util, state):  # noqa: F811
    lab = start(labs, machine, [{"uuid": A, "display": 1, "util_pct": util, "used_mib": 900}])
    wait_states(lab, {A: state})
    assert lab.read("/gpus")["gpus"][0]["display"] is True
    if state == "busy":
        until(lambda: "10 % busy" in reason(lab), "the reason")
        job, _ = holder(lab)
        assert "10 % busy" in waiting(lab, job, "gpus")["detail"]
        return
    job, go = holder(lab)
    assert ends_on(lab, job, go) == [A]
    [attempt] = lab.read(f"/jobs/{job}/provenance")["attempts"]
    assert attempt["provenance"]["cards"][0]["display"] is True


def test_without_a_process_list_the_rest_decides_and_says_so(labs, machine):  # noqa: F811
    lab = start(labs, machine, [{"uuid": A, "no": "procs graphics mps"}])
    wait_states(lab, {A: "free"})
    assert lab.read("/gpus")["gpus"][0]["evidence"]["visibility"] == "partial"
    job, go = holder(lab)
    assert ends_on(lab, job, go) == [A]
    wait_states(lab, {A: "free"})
    machine.write([{"uuid": A, "no": "procs graphics mps", "util_pct": 40}])
    wait_states(lab, {A: "busy"})


def test_an_xid_keeps_a_card_out_until_a_person_forgives_it(cards, machine):  # noqa: F811
    machine.write([{"uuid": A, "xid": "79 1"}, {"uuid": B}])
    until(lambda: states(cards)[A] != "free")
    job, go = holder(cards, gpu_uuid=A)
    why = waiting(cards, job, "gpus")["detail"]
    assert A in why and "Xid 79" in why, why
    assert "Xid 79" in cail(cards, "gpus").stdout
    cards.do(f"/gpus/{A}/undrain")
    assert ends_on(cards, job, go) == [A]


def test_a_programs_xid_keeps_nobody_out(cards, machine):  # noqa: F811
    machine.write([{"uuid": A, "xid": "13 1"}, {"uuid": B}])
    job, go = holder(cards, gpu_uuid=A)
    assert ends_on(cards, job, go) == [A]


def test_another_order_of_cards_changes_no_lease(cards, machine):  # noqa: F811
    job, go = holder(cards, gpu_uuid=A)
    runs(cards, job)
    machine.write([{"uuid": B}, {"uuid": A}], live=1)
    other, go2 = holder(cards)
    assert ends_on(cards, other, go2) == [B]
    assert cards.read(f"/jobs/{job}")["gpus"] == [A] and states(cards)[A] == "leased"
    go.touch()
    assert cards.end_of(job)["state"] == "succeeded"


def test_an_old_driver_with_few_symbols(labs, machine):  # noqa: F811
    lab = start(labs, machine, [{"uuid": A}], library=fake_nvml.library(BIN, "few"))
    wait_states(lab, {A: "free"})
    job, go = holder(lab)
    assert ends_on(lab, job, go) == [A]


@pytest.mark.parametrize("driver, stride", [("535.54.03", 32), ("535.98", 24)])
def test_process_lists_of_the_535_drivers_name_the_right_process(labs, machine, driver, stride):  # noqa: F811
    lab = start(labs, machine, [{"uuid": A, "proc": ["1 900 compute", "2 800 compute"]}], driver=driver, stride=stride)
    wait_states(lab, {A: "busy"})
    pids = [p["pid"] for p in lab.read("/gpus")["gpus"][0]["processes"]]
    assert sorted(pids) == [1, 2]
