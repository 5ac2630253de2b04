"""cail why of a slow run: held against the clean ones before it."""
import pytest

from gpu_lab import A, B, cail, cards, machine, runs, samples  # noqa: F401
from lab import until

# The same text each time; what it measures stands in a file.
SCRIPT = ("while [ ! -e go ]; do sleep 0.02; done; "
          "echo \"::cail metric name=speed value=$(cat speed) unit=GB/s better=higher\"; rm go")


@pytest.fixture
def bench(cards, machine):  # noqa: F811
    """bench(speed, throttled_ms): one run's id, ended."""
    def run(speed, *slowed_ms, during=None):
        (cards.work / "speed").write_text(str(speed))
        job = cards.script(SCRIPT, name="speedy", kind="benchmark", needs={"gpus": 1, "gpu_uuid": A})
        runs(cards, job)
        [ours] = [p for p in cards.survivors(job) if p != cards.supervisor(job)][:1]
        for ms in slowed_ms or (0, 0):
            machine.write([{"uuid": A, "util_pct": 100, "sm_mhz": 1455 if slowed_ms else 1980,
                            "proc": [f"{ours} 3000 compute"], "slowed_sw_power_cap_ns": ms * 1000000,
                            **({"reasons": 4, "power_mw": 700000} if slowed_ms else {})}, {"uuid": B}])
            n = len(samples(cards, job))
            until(lambda: len(samples(cards, job)) > n + 1)
        if during:
            during(job)
        (cards.work / "go").touch()
        machine.write([{"uuid": A}, {"uuid": B}])
        assert cards.end_of(job)["state"] == "succeeded"
        return job
    return run


def why(lab, job):
    return lab.read(f"/jobs/{job}/why")


def test_a_throttled_run_is_told_from_the_clean_ones(cards, bench):  # noqa: F811
    first = bench(100)
    assert why(cards, first)["series"] is None
    clean = [bench(98), first, bench(102)]
    slow = bench(82, 1000, 20000, 41000)
    doc = why(cards, slow)
    series = doc["series"]
    assert sorted(series["clean_jobs"]) == sorted(clean)
    assert (series["metric"], series["value"], series["median"]) == ("speed", 82, 100)
    assert series["ratio"] == pytest.approx(0.82)
    cause = series["differences"][0]
    assert cause["what"] == "sw_power_cap" and cause["usual"] == 0 and cause["value"] > 100, cause
    assert "18 % below your median of 3 clean runs (speed 82 instead of 100 GB/s): sw_power_cap " \
        in doc["summary"], doc
    assert any(d["what"] == "sm_clock" and round(d["value"]) == 1455 for d in series["differences"]), series
    told = cail(cards, "why", str(slow))
    assert "18 % below your median of 3 clean runs" in told.stdout, told
    after = bench(100)  # the tainted run is nobody's measure
    assert sorted(why(cards, after)["series"]["clean_jobs"]) == sorted(clean)
    assert "within 2 % of your median of 3 clean runs" in why(cards, after)["summary"]


def test_a_running_one_is_held_against_them_too(cards, bench):  # noqa: F811
    bench(100)
    seen = []

    def look(job):
        doc = why(cards, job)
        seen.append(doc)
        assert "clean run is" in doc["summary"] and doc["state"] == "running", doc
        assert doc["series"]["metric"] == "wall" and doc["series"]["differences"][0]["what"] == "sw_power_cap", doc
    bench(80, 1000, 20000, 41000, during=look)
    assert seen


def test_another_text_is_another_series(cards, bench):  # noqa: F811
    bench(100)
    job = cards.command("true", name="speedy", kind="benchmark", needs={"gpus": 1})
    cards.end_of(job)
    assert why(cards, job)["series"] is None
    waits = cards.command("true", name="speedy", not_before="2100-01-01T00:00:00Z")
    assert why(cards, waits)["series"] is None
