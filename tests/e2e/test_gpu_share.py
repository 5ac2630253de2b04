"""Several small jobs on one card, only where each asked for it."""
import pytest

from gpu_lab import A, B, cards, holder, machine, runs, states, wait_states, waiting  # noqa: F401
from lab import until


def test_sharers_are_on_one_card_and_others_are_not(cards):  # noqa: F811
    one, go1 = holder(cards, gpu_uuid=A, share=True)
    two, go2 = holder(cards, gpu_uuid=A, share=True)
    runs(cards, one)
    runs(cards, two)
    assert cards.read(f"/jobs/{one}")["gpus"] == cards.read(f"/jobs/{two}")["gpus"] == [A]
    alone, go3 = holder(cards, gpu_uuid=A)
    assert waiting(cards, alone, "gpus")["jobs"]
    measured = cards.script("true", kind="benchmark", needs={"gpu_uuid": A, "share": True})
    assert waiting(cards, measured, "gpus")
    go1.touch()
    done = cards.end_of(one)
    assert done["attempts"][-1]["gpus"] == [A]
    assert cards.read(f"/jobs/{two}")["state"] == "running" and states(cards)[A] == "leased"
    for file in (go2, go3):
        file.touch()
    for job in (two, alone, measured):
        assert cards.end_of(job)["attempts"][-1]["gpus"] == [A]
    wait_states(cards, {A: "free", B: "free"})


def test_memory_is_booked_among_sharers(cards):  # noqa: F811
    one, go1 = holder(cards, gpu_uuid=A, share=True, gpu_memory_mib=60000)
    runs(cards, one)
    two, go2 = holder(cards, gpu_uuid=A, share=True, gpu_memory_mib=60000)
    assert waiting(cards, two, "gpus")
    go1.touch()
    go2.touch()
    assert cards.end_of(two)["state"] == "succeeded"


@pytest.mark.parametrize("end", ["stop", "kill9"])
def test_sharers_outlive_the_daemon(cards, machine, end):  # noqa: F811
    jobs = [holder(cards, gpu_uuid=A, share=True) for _ in range(2)]  # two cpus by default
    for job, _ in jobs:
        runs(cards, job)
    getattr(cards, end)()
    cards.start(CAIL_FAKE_NVML=str(machine.path))
    until(lambda: states(cards).get(A) == "leased", "the lease")
    for job, _ in jobs:
        assert cards.read(f"/jobs/{job}")["gpus"] == [A]
    alone, go = holder(cards, gpu_uuid=A)
    go.touch()
    for job, file in jobs:
        assert cards.read(f"/jobs/{alone}")["state"] == "queued"
        file.touch()
        assert cards.end_of(job)["state"] == "succeeded"
    assert cards.end_of(alone)["state"] == "succeeded"
