"""The real cail-probe on a fake driver's library: what it says is what the file says, and whatever
breaks, breaks one card's evidence."""
import json
import os
import pathlib
import queue
import subprocess
import sys
import threading
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from client import BIN  # noqa: E402
from fake_nvml import Card, FakeNvml, library  # noqa: E402

LIMIT_S = float(os.environ.get("CAIL_TEST_LIMIT_S", 60))  # nothing takes that long: a silent probe fails its test
SAMPLE_KEYS = """t uuid mono_us sm_mhz mem_mhz power_mw temp_c util_pct mem_util_pct used_mib reserved_mib
total_mib reasons slowed_us energy_mj pstate pcie_gen pcie_width ecc_corrected ecc_uncorrected remap_pending
remap_failed procs""".split()
CARD_KEYS = """uuid index name memory_mib bus minor vbios serial compute power_limit_mw sm_max_mhz mem_max_mhz ecc
mig parent persistence compute_mode display pcie_gen_max pcie_width_max driver_model""".split()
SLOWED = ["sw_power_cap", "sw_thermal", "hw_thermal", "hw_power_brake", "sync_boost"]


class Probe:
    """A probe and its lines, in order."""

    def __init__(self, state, *args, kind="", env=None):
        env = dict(os.environ, CAIL_FAKE_NVML=str(state), **(env or {}))
        nvml = [] if kind is None else ["--nvml", str(library(BIN, kind))]
        self.p = subprocess.Popen([str(BIN / "cail-probe"), *nvml, *args], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
        self.lines, self.seen = queue.Queue(), []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.p.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def next(self, want=lambda line: True, refuse=lambda line: False):
        """The next line that is wanted, passing over others; none of them may be of the refused kind."""
        end = time.monotonic() + LIMIT_S
        while True:
            assert time.monotonic() < end, "not among %s" % self.seen[-3:]
            raw = self.lines.get(timeout=LIMIT_S)
            assert raw is not None, "the probe ended: %r" % self.p.stderr.read()
            assert raw.endswith(b"}\n"), raw
            line = json.loads(raw)
            self.seen.append(line)
            assert not refuse(line), line
            if want(line):
                return line

    def hello(self, want=lambda line: True):
        return self.next(lambda line: line["t"] == "hello" and want(line))

    def sample(self, uuid, want=lambda line: True):
        return self.next(lambda line: line["t"] == "sample" and line["uuid"] == uuid and want(line))

    def say(self, text):
        self.p.stdin.write(text.encode())
        self.p.stdin.flush()

    def end(self):
        self.p.stdin.close()
        return self.p.wait(timeout=LIMIT_S)


@pytest.fixture
def machine(tmp_path):
    return FakeNvml(tmp_path / "state", Card("GPU-a"), Card("GPU-b"), log=tmp_path / "calls").write()


@pytest.fixture
def start(machine):
    made = []

    def make(*args, **kw):
        made.append(Probe(machine.path, "--scan-ms", "100", "--retry-ms", "50", "--settle-ms", "2000", *args, **kw))
        made[-1].say("rate all 50\n")
        return made[-1]

    yield make
    for probe in made:
        probe.p.kill()
        probe.p.wait()


def uuids(hello):
    return [c["uuid"] for c in hello["cards"]]


def calls(machine):
    return pathlib.Path(machine.keys["log"]).read_text().split()


# --- what is said ---

def test_hello_tells_every_fact(machine, start):
    machine.set("GPU-b", name='x"y', ecc=0, persistence=0, display=1, compute_mode=3, minor=5, bus="00000000:41:00.0",
                total_mib=1000, power_limit_mw=250000, serial="77", compute="12.1", vbios="v")
    hello = start().next()
    assert hello["t"] == "hello" and hello["v"] == 1
    assert (hello["driver"], hello["nvml"], hello["cuda"]) == ("580.159.04", "13.580.159.04", 13000)
    assert hello["library"] == str(library(BIN))
    a, b = hello["cards"]
    assert sorted(a) == sorted(b) == sorted(CARD_KEYS)
    assert (a["uuid"], a["index"], a["name"], a["memory_mib"]) == ("GPU-a", 0, "NVIDIA H100 80GB HBM3", 81559)
    assert a["ecc"] is True and a["mig"] is False and a["parent"] is None and a["driver_model"] is None
    assert (a["sm_max_mhz"], a["mem_max_mhz"], a["pcie_gen_max"], a["pcie_width_max"]) == (1980, 2619, 5, 16)
    assert (b["index"], b["name"], b["minor"], b["bus"]) == (1, 'x"y', 5, "00000000:41:00.0")
    assert b["ecc"] is False and b["persistence"] is False and b["display"] is True
    assert (b["compute"], b["serial"], b["vbios"], b["compute_mode"]) == ("12.1", "77", "v", 3)
    assert (b["memory_mib"], b["power_limit_mw"]) == (1000, 250000)


def test_a_sample_tells_every_value(machine, start):
    values = dict(sm_mhz=1455, mem_mhz=2500, power_mw=701994, temp_c=53, util_pct=100, mem_util_pct=40, used_mib=1032,
                  reserved_mib=481, total_mib=81000, reasons=0x24, energy_mj=1 << 40, pstate=2, pcie_gen=4,
                  pcie_width=8, ecc_corrected=3, ecc_uncorrected=1)
    machine.set("GPU-a", remap_pending=1, remap_failed=0, slowed_sw_power_cap_ns=5_000_999,
                slowed_sw_thermal_ns=4_000_000, slowed_hw_thermal_ns=3_000_000, slowed_hw_power_brake_ns=2_000_000,
                slowed_sync_boost_ns=1_000_000, **values)
    s = start().sample("GPU-a")
    assert sorted(s) == sorted(SAMPLE_KEYS)
    assert {k: s[k] for k in values} == values
    assert s["slowed_us"] == dict(zip(SLOWED, (5000, 4000, 3000, 2000, 1000)))
    assert s["remap_pending"] is True and s["remap_failed"] is False and s["procs"] == []
    assert s["mono_us"] > 0


def test_what_the_card_does_not_tell_is_null(machine, start):
    told = set(SAMPLE_KEYS) - {"t", "uuid", "mono_us", "used_mib", "reserved_mib", "total_mib"}
    machine.set("GPU-a", no=" ".join(sorted(told)) + " slowed vbios serial ecc mig display persistence minor bus compute")
    probe = start()
    card = probe.hello()["cards"][0]
    assert all(card[k] is None for k in "vbios serial ecc mig display persistence minor bus compute".split()), card
    s = probe.sample("GPU-a")
    told -= {"mem_util_pct", "remap_failed"}  # these come with another
    assert all(s[k] is None for k in told) and s["mem_util_pct"] is None and s["remap_failed"] is None, s
    assert s["used_mib"] == 0


def test_a_library_with_few_symbols(machine, start):
    machine.cards[0].proc(5, 100)
    machine.write()
    probe = start(kind="few")
    hello = probe.hello()
    assert uuids(hello) == ["GPU-a", "GPU-b"] and hello["nvml"] is None and hello["cuda"] is None
    s = probe.sample("GPU-a")
    assert (s["used_mib"], s["reserved_mib"], s["total_mib"]) == (480, None, 81559)
    assert s["procs"] == [{"pid": 5, "used_mib": 100, "kind": "compute"}]
    rest = set(SAMPLE_KEYS) - {"t", "uuid", "mono_us", "used_mib", "total_mib", "procs"}
    assert all(s[k] is None for k in rest)


# --- the accumulated counters ---

@pytest.mark.parametrize("counters,wanted", [
    (251, (1, 2, 3, 4, 5)),
    (269, (1, 2, 3, 4, 5)),
    (400, (1, 2, None, None, 5)),  # old fields alone: power smoothing's settings are not taken for counters
    (0, (1, 2, None, None, 5)),    # no field values: by policy
])
def test_slowed_time_of_every_kind_of_driver(machine, start, counters, wanted):
    machine.set("GPU-a", **{"slowed_%s_ns" % word: 1000 * (i + 1) for i, word in enumerate(SLOWED)})
    machine.write(counters=counters)
    assert start().sample("GPU-a")["slowed_us"] == dict(zip(SLOWED, wanted))


def test_slowed_time_grows(machine, start):
    probe = start()
    assert probe.sample("GPU-a")["slowed_us"]["sw_power_cap"] == 0
    machine.set("GPU-a", slowed_sw_power_cap_ns=41_000_000_000, reasons=4)
    s = probe.sample("GPU-a", lambda s: s["reasons"] == 4)
    assert s["slowed_us"]["sw_power_cap"] == 41_000_000


# --- processes ---

def test_foreign_processes_come_and_go(machine, start):
    probe = start()
    assert probe.sample("GPU-a")["procs"] == []
    machine.cards[0].proc(4711, 518).proc(4712, kind="graphics").proc(4713, 7, "mps").proc(4711, 3, "graphics")
    machine.write()
    s = probe.sample("GPU-a", lambda s: s["procs"])
    assert s["procs"] == [{"pid": 4711, "used_mib": 518, "kind": "compute"},
                          {"pid": 4713, "used_mib": 7, "kind": "compute"},
                          {"pid": 4712, "used_mib": None, "kind": "graphics"}]
    machine.cards[0].procs.clear()
    machine.write()
    probe.sample("GPU-a", lambda s: s["procs"] == [])


@pytest.mark.parametrize("count", [1, 2, 3, 63, 64])
def test_process_lists_of_the_535_drivers(machine, start, count):
    """Their entries had 32 bytes in place of 24."""
    for i in range(count):
        machine.cards[0].proc(1000 + i, 10 + i)
    machine.write(driver="535.54.03", stride=32)
    wanted = [{"pid": 1000 + i, "used_mib": 10 + i, "kind": "compute"} for i in range(count)]
    probe = start()
    assert probe.sample("GPU-a")["procs"] == wanted
    machine.write(driver="535.98", stride=24)
    machine.set("GPU-a", used_mib=1)
    assert probe.sample("GPU-a", lambda s: s["used_mib"] == 1)["procs"] == wanted


@pytest.mark.parametrize("stride", [24, 32])
def test_more_processes_than_room(machine, start, stride):
    for i in range(300):
        machine.cards[0].proc(1000 + i, i)
    machine.cards[0]["grow"] = 2
    machine.write(stride=stride)
    procs = start().sample("GPU-a")["procs"]
    assert [(p["pid"], p["used_mib"]) for p in procs] == [(1000 + i, i) for i in range(300)]


def test_no_process_list_is_partial_visibility(machine, start):
    machine.set("GPU-a", no="procs")
    probe = start()
    assert probe.hello()["visibility"] == "partial"
    assert probe.sample("GPU-a")["procs"] is None
    assert probe.sample("GPU-b")["procs"] == []


# --- cards that go and come ---

def test_a_lost_card_is_told_and_the_other_goes_on(machine, start):
    probe = start()
    probe.sample("GPU-a")
    machine.set("GPU-a", lost=1)
    assert probe.next(lambda s: s["t"] == "lost") == {"t": "lost", "uuid": "GPU-a", "error": "GPU is lost"}
    assert uuids(probe.hello()) == ["GPU-b"]
    for _ in range(10):
        probe.next(lambda s: s["t"] == "sample", refuse=lambda s: s.get("uuid") == "GPU-a")
    machine.set("GPU-a", lost=0)
    assert uuids(probe.hello()) == ["GPU-a", "GPU-b"]
    probe.sample("GPU-a")


def test_reset_required_is_a_loss_too(machine, start):
    probe = start()
    probe.sample("GPU-b")
    machine.set("GPU-b", rc=16)
    assert probe.next(lambda s: s["t"] == "lost")["error"] == "GPU requires a reset"


def test_a_card_that_left_the_bus_is_found_again_by_a_fresh_start(machine, start):
    """As in the real library, a start fixes which cards there are."""
    probe = start()
    probe.sample("GPU-a")
    gone = machine.cards.pop(0)
    machine.write()
    assert probe.next(lambda s: s["t"] == "lost")["uuid"] == "GPU-a"
    assert uuids(probe.hello()) == ["GPU-b"]
    probe.sample("GPU-b")
    machine.cards.append(gone)  # and now it is the second
    machine.write()
    hello = probe.hello(lambda h: len(h["cards"]) == 2)
    assert [(c["uuid"], c["index"]) for c in hello["cards"]] == [("GPU-b", 0), ("GPU-a", 1)]
    probe.sample("GPU-b")
    probe.sample("GPU-a")
    assert "shutdown" in calls(machine)


def test_no_fresh_start_without_need(machine, start):
    probe = start()
    probe.sample("GPU-a")
    probe.sample("GPU-b")
    machine.set("GPU-b", power_limit_mw=500000)
    probe.hello(lambda h: h["cards"][1]["power_limit_mw"] == 500000)
    assert calls(machine) == ["init"]


def test_the_order_of_indexes_changes(machine, start):
    machine.write(live=1)
    probe = start()
    assert uuids(probe.hello()) == ["GPU-a", "GPU-b"]
    machine.cards.reverse()
    machine.set("GPU-a", used_mib=11)
    machine.set("GPU-b", used_mib=22)
    hello = probe.hello(lambda h: uuids(h) == ["GPU-b", "GPU-a"])
    assert [c["index"] for c in hello["cards"]] == [0, 1]
    assert probe.sample("GPU-a")["used_mib"] == 11
    assert probe.sample("GPU-b")["used_mib"] == 22


def test_every_card_lost(machine, start):
    probe = start()
    probe.sample("GPU-a")
    for card in machine.cards:
        card["lost"] = 1
    machine.write()
    assert probe.next(lambda s: s["t"] == "none")["reason"] == "no card answers: GPU is lost"
    for card in machine.cards:
        card["lost"] = 0
    machine.write()
    probe.hello(lambda h: len(h["cards"]) == 2)
    probe.sample("GPU-a")


def test_a_sample_never_comes_before_its_card(machine, start):
    probe = start()
    told = set()
    for round_no in range(6):
        machine.set("GPU-a", name="name %d" % round_no)
        while "name %d" % round_no not in told:
            line = probe.next()
            if line["t"] == "hello":
                told |= {c["uuid"] for c in line["cards"]} | {c["name"] for c in line["cards"]}
            else:
                assert line["uuid"] in told


# --- hangs ---

def test_a_card_that_hangs_does_not_silence_the_other(machine, start):
    probe = start()
    probe.sample("GPU-a")
    machine.set("GPU-a", hang=1)
    for i in range(20):
        probe.sample("GPU-b")
    machine.set("GPU-b", used_mib=9)
    probe.sample("GPU-b", lambda s: s["used_mib"] == 9)
    machine.set("GPU-a", hang=0)
    probe.sample("GPU-a")


def test_a_card_that_hangs_from_the_start_comes_with_a_later_hello(machine, start):
    machine.set("GPU-a", hang=1)
    probe = start("--settle-ms", "100")
    assert uuids(probe.hello()) == ["GPU-b"]
    probe.sample("GPU-b")
    machine.set("GPU-a", hang=0)
    assert uuids(probe.hello()) == ["GPU-a", "GPU-b"]
    probe.sample("GPU-a")


def test_a_library_that_hangs_still_ends_with_its_input(machine, start):
    probe = start()
    probe.sample("GPU-a")
    machine.write(hang=1)
    assert probe.end() == 0


def test_a_hang_of_one_while_another_is_missing(machine, start):
    """No fresh start while a thread is in the library; the third card is sampled through all of it."""
    machine.cards.append(Card("GPU-c"))
    machine.write()
    probe = start()
    probe.sample("GPU-c")
    machine.set("GPU-a", hang=1)
    lost = machine.cards.pop(1)
    machine.write()
    assert probe.next(lambda s: s["t"] == "lost")["uuid"] == "GPU-b"
    machine.cards.append(lost)
    machine.write()
    for _ in range(20):
        probe.sample("GPU-c")
    machine.set("GPU-a", hang=0)
    probe.hello(lambda h: len(h["cards"]) == 3)
    for uuid in ("GPU-a", "GPU-b", "GPU-c"):
        probe.sample(uuid)


# --- MIG ---

def test_mig_devices_are_cards_with_a_parent(machine, start):
    parent = machine.card("GPU-b")
    parent["mig"] = 1
    parent.migs = [Card("MIG-1", total_mib=9856, used_mib=12).proc(9, 3), Card("MIG-2", total_mib=20000)]
    machine.write()
    probe = start()
    cards = {c["uuid"]: c for c in probe.hello()["cards"]}
    assert list(cards) == ["GPU-a", "GPU-b", "MIG-1", "MIG-2"]
    assert cards["GPU-b"]["mig"] is True and cards["GPU-b"]["parent"] is None
    assert cards["MIG-1"]["parent"] == cards["MIG-2"]["parent"] == "GPU-b"
    assert (cards["MIG-1"]["memory_mib"], cards["MIG-2"]["memory_mib"]) == (9856, 20000)
    s = probe.sample("MIG-1")
    assert s["used_mib"] == 12 and s["util_pct"] is None and s["sm_mhz"] is None and s["slowed_us"] is None
    assert s["procs"] == [{"pid": 9, "used_mib": 3, "kind": "compute"}]
    parent.migs.pop()
    machine.write()
    assert uuids(probe.hello()) == ["GPU-a", "GPU-b", "MIG-1"]


# --- no cards ---

def test_no_library(start):
    probe = Probe("/nonexistent", "--retry-ms", "20", "--nvml", "/nonexistent/libnvidia-ml.so.1", kind=None)
    for _ in range(3):
        line = probe.next()
        assert line["t"] == "none" and "/nonexistent/libnvidia-ml.so.1" in line["reason"]
    assert probe.end() == 0


def test_a_library_without_a_required_symbol(start):
    line = start(kind="none").next()
    assert line["t"] == "none" and line["reason"].endswith("has no nvmlInit_v2")


@pytest.mark.parametrize("code,text", [(9, "the NVIDIA driver is not loaded (NVML error 9)"),
                                       (18, "the library and the loaded NVIDIA driver are of different versions "
                                            "(NVML error 18)"),
                                       (999, "unknown error (NVML error 999)")])
def test_a_start_that_fails_is_tried_again(machine, start, code, text):
    machine.write(init=code)
    probe = start()
    assert probe.next() == {"t": "none", "reason": text}
    assert probe.next() == {"t": "none", "reason": text}
    machine.write(init=0)
    assert uuids(probe.hello()) == ["GPU-a", "GPU-b"]


def test_a_driver_without_cards(machine, start):
    cards, machine.cards = machine.cards, []
    machine.write(live=1)
    probe = start()
    assert probe.next() == {"t": "none", "reason": "the NVIDIA driver sees no card"}
    machine.cards = cards
    machine.write()
    assert len(probe.hello()["cards"]) == 2


# --- Xid errors ---

def test_xid_events(machine, start):
    probe = start()
    probe.sample("GPU-a")
    machine.set("GPU-b", xid="79 1")
    line = probe.next(lambda s: s["t"] == "xid")
    assert (line["uuid"], line["xid"]) == ("GPU-b", 79) and line["mono_us"] > 0
    machine.set("GPU-a", xid="31 1")
    line = probe.next(lambda s: s["t"] == "xid")
    assert (line["uuid"], line["xid"]) == ("GPU-a", 31)


def test_xid_events_after_a_fresh_start(machine, start):
    probe = start()
    probe.sample("GPU-a")
    gone = machine.cards.pop(0)
    machine.write()
    probe.next(lambda s: s["t"] == "lost")
    machine.cards.insert(0, gone)
    machine.write()
    probe.hello(lambda h: len(h["cards"]) == 2)
    machine.set("GPU-a", xid="63 5")
    assert probe.next(lambda s: s["t"] == "xid")["uuid"] == "GPU-a"


# --- commands ---

def gaps(probe, uuid, n):
    at = [probe.sample(uuid)["mono_us"] for _ in range(n + 1)]
    return [b - a for a, b in zip(at, at[1:])]


def test_a_rate_is_not_exceeded(start):
    """What was missed is not made up for; half of the time it takes is room for a first one that was late."""
    probe = start()
    probe.say("rate all 20\n")
    probe.sample("GPU-a")
    assert sum(gaps(probe, "GPU-a", 12)) > 6 * 50_000


def test_one_card_at_its_own_rate(start):
    probe = start()
    probe.say("rate all 2\nrate GPU-b 50\n")
    probe.sample("GPU-a")
    probe.sample("GPU-a")
    between = []
    while not between or between[-1]["uuid"] != "GPU-a":
        between.append(probe.next(lambda s: s["t"] == "sample"))
    assert len(between) > 6
    probe.say("rate all 2\n")
    probe.sample("GPU-a")
    probe.sample("GPU-a")
    between = []
    while not between or between[-1]["uuid"] != "GPU-a":
        between.append(probe.next(lambda s: s["t"] == "sample"))
    assert len(between) <= 4


@pytest.mark.parametrize("command", ["rate all 0", "rate all 51", "rate all x", "rate all", "rate", "", "x" * 5000,
                                     "rate all 5 more", "rate " + "u" * 300 + " 5", "stop"])
def test_a_bad_command_is_refused_and_changes_nothing(start, command):
    probe = start()
    probe.sample("GPU-a")
    probe.say(command + "\n")
    for _ in range(5):
        probe.sample("GPU-a")
    assert probe.end() == 0
    assert b"not a command" in probe.p.stderr.read()


def test_the_end_of_input_is_the_end(start):
    probe = start()
    probe.sample("GPU-a")
    assert probe.end() == 0


def test_the_end_of_the_reader_is_the_end(machine):
    p = subprocess.Popen([str(BIN / "cail-probe"), "--nvml", str(library(BIN))], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, env=dict(os.environ, CAIL_FAKE_NVML=str(machine.path)))
    p.stdout.readline()
    p.stdout.close()
    assert p.wait(timeout=LIMIT_S) == 0
    p.stdin.close()


@pytest.mark.parametrize("args", [["--scan-ms", "0"], ["--scan-ms"], ["--what", "1"], ["x"], ["--retry-ms", "1x"]])
def test_bad_arguments(args):
    done = subprocess.run([str(BIN / "cail-probe"), *args], capture_output=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 2 and b"usage:" in done.stderr and not done.stdout
