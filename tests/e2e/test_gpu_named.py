"""Cards that are asked for by name."""
import pytest

from gpu_lab import A, B, cail, cards, holder, machine, runs, states, waiting  # noqa: F401
from lab import ROOT, until


@pytest.mark.parametrize("name", [B, B[:7], B[4:12], B.upper()[:13], [B], [B[:9]]])
def test_a_job_gets_the_card_it_names(cards, name):  # noqa: F811
    job, go = holder(cards, gpu_uuid=name)
    runs(cards, job)
    doc = cards.read(f"/jobs/{job}")
    assert doc["gpus"] == [B] and doc["needs"]["gpu_uuid"] == [B] and doc["needs"]["gpus"] == 1
    go.touch()
    assert cards.end_of(job)["needs"]["gpu_uuid"] == [B]


def test_why_names_the_card_and_who_has_it(cards):  # noqa: F811
    first, go = holder(cards, gpu_uuid=A)
    runs(cards, first)
    second, go2 = holder(cards, gpu_uuid=A)
    third, go3 = holder(cards)  # any card: it does not wait behind the second
    why = waiting(cards, second, "gpus")
    assert why["detail"] == f"waits for {A}, held by job {first}" and why["jobs"] == [first], why
    assert f"waits for {A}, held by job {first}" in cail(cards, "why", str(second)).stdout
    runs(cards, third)
    for file in (go, go2, go3):
        file.touch()
    assert cards.end_of(second)["attempts"][-1]["gpus"] == [A]


def test_a_form_names_cards(labs, machine):  # noqa: F811
    machine.write([{"uuid": A}, {"uuid": B}])
    lab = labs("--set", f"gpu.nvml={machine.library}", recipes=ROOT / "recipes")
    lab.start(CAIL_FAKE_NVML=str(machine.path))
    until(lambda: len(states(lab)) == 2)
    reply = lab.post("/jobs", f"recipe=env-check&hold=true&needs.gpu_uuid={B},{A}".encode(),
                     Content_Type="application/x-www-form-urlencoded")
    assert reply.status == 201, reply
    needs = reply.json()["needs"]
    assert needs["gpu_uuid"] == [B, A] and needs["gpus"] == 2


def test_a_script_and_the_client_name_cards(cards):  # noqa: F811
    script = f"#!/bin/sh\n#CAIL --gpu-uuid {A[:8]}\necho $CAIL_GPU_UUIDS\n".encode()
    posted = cards.post("/jobs", script, Content_Type="text/x-shellscript")
    assert posted.status == 201, posted
    job = posted.json()["id"]
    assert cards.end_of(job)["state"] == "succeeded"
    assert cards.output(job) == f"{A}\n".encode()
    ran = cail(cards, "run", "--gpu-uuid", f"{A[:8]},{B[:8]}", "--", "sh", "-c", "echo $CAIL_GPU_UUIDS")
    assert ran.returncode == 0 and set(ran.stdout.strip().split(",")) == {A, B}, ran


def test_what_cannot_be_is_refused(cards):  # noqa: F811
    for name, gpus, word in (("GPU-cccc", None, "no card GPU-cccc"), ("GPU-", None, "2 cards begin"),
                             ([A, A[:9]], None, "twice"), ([A, B], 1, "names 2 cards"),
                             ("GPU!aaa", None, "neither"), ("G", None, "neither")):
        needs = {"gpu_uuid": name, **({"gpus": gpus} if gpus else {})}
        reply = cards.post("/jobs", {"command": ["true"], "needs": needs})
        assert reply.status in (400, 422) and word in reply.text, (name, reply)
    done = cail(cards, "run", "--gpu-uuid", "GPU-cccc", "--", "true")
    assert done.returncode == 64 and "no card GPU-cccc" in done.stderr and A in done.stderr, done


@pytest.mark.parametrize("end", ["stop", "kill9"])
def test_the_wish_outlives_the_daemon(cards, machine, end):  # noqa: F811
    first, go = holder(cards, gpu_uuid=A)
    runs(cards, first)
    second, go2 = holder(cards, gpu_uuid=A)
    patched, go3 = holder(cards, gpu_uuid=B, gpus=1)
    runs(cards, patched)
    third, go4 = holder(cards)
    assert cards.request("PATCH", f"/jobs/{third}", {"needs": {"gpu_uuid": A}}).status == 200
    waiting(cards, second, "gpus")
    getattr(cards, end)()
    cards.start(CAIL_FAKE_NVML=str(machine.path))
    until(lambda: states(cards).get(A) == "leased", "the lease")
    assert cards.read(f"/jobs/{second}")["needs"]["gpu_uuid"] == [A]
    assert cards.read(f"/jobs/{third}")["needs"]["gpu_uuid"] == [A]
    go3.touch()
    cards.end_of(patched)
    assert f"held by job {first}" in waiting(cards, second, "gpus")["detail"]
    for file in (go, go2, go4):
        file.touch()
    for job in (second, third):
        assert cards.end_of(job)["attempts"][-1]["gpus"] == [A]


def test_gpu_exec_takes_a_named_card(cards):  # noqa: F811
    done = cail(cards, "gpu", "exec", "--gpu-uuid", B[:8], "--for", "1m", "--", "sh", "-c",
                "echo $CUDA_VISIBLE_DEVICES")
    assert done.returncode == 0 and done.stdout == B + "\n", done
