#!/bin/bash
# tests/real/gpu_probe.sh [PROBE]: cail-probe on the cards of this machine for 5 s, at 10 Hz: every line parses, and what
# is told is sane. Prints the hello, one sample a card, and what the driver does not tell. No card: exit 77.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
probe=${1:-$here/../../build/bin/cail-probe}
out=$(mktemp)
trap 'rm -f "$out"' EXIT
(echo "rate all 10" && sleep 5) | "$probe" >"$out"
python3 - "$out" <<'END'
import json
import sys

with open(sys.argv[1]) as f:
    lines = [json.loads(line) for line in f]
if not any(l["t"] == "hello" for l in lines):
    print("no card:", lines[-1]["reason"] if lines else "the probe said nothing")
    sys.exit(77)

bad = []


def check(ok, what, *seen):
    if not ok:
        bad.append("%s: %s" % (what, seen))


def between(card, sample, key, low, high):
    check(sample[key] is None or low <= sample[key] <= high, "%s of %s" % (key, card["uuid"]), sample[key])


hello = [l for l in lines if l["t"] == "hello"][-1]
cards = {c["uuid"]: c for c in hello["cards"]}
print(json.dumps(hello, indent=1))
check(hello["driver"] and hello["library"], "versions", hello["driver"], hello["library"])
check(not any(l["t"] in ("none", "lost") for l in lines), "a card was lost")
for uuid, card in cards.items():
    mine = [l for l in lines if l["t"] == "sample" and l["uuid"] == uuid]
    check(uuid.startswith(("GPU-", "MIG-")), "uuid", uuid)
    check(card["name"] and card["memory_mib"] and card["memory_mib"] > 500, "facts", card)
    check(30 <= len(mine) <= 70, "samples in 5 s at 10 Hz", len(mine))
    for s in mine:
        total = s["total_mib"] or card["memory_mib"]
        between(card, s, "used_mib", 0, total)
        between(card, s, "reserved_mib", 0, total)
        between(card, s, "sm_mhz", 0, (card["sm_max_mhz"] or 5000) + 50)
        between(card, s, "mem_mhz", 0, (card["mem_max_mhz"] or 50000) + 50)
        between(card, s, "power_mw", 1000, 2 * (card["power_limit_mw"] or 1000000))
        between(card, s, "temp_c", 5, 120)
        between(card, s, "util_pct", 0, 100)
        between(card, s, "mem_util_pct", 0, 100)
        between(card, s, "reasons", 0, 0xFFFF)
        between(card, s, "pstate", 0, 15)
        between(card, s, "pcie_gen", 1, card["pcie_gen_max"] or 9)
        between(card, s, "pcie_width", 1, card["pcie_width_max"] or 32)
        for p in s["procs"] or []:
            check(0 < p["pid"] < 1 << 22 and p["kind"] in ("compute", "graphics"), "process", p)
            check(p["used_mib"] is None or 0 <= p["used_mib"] <= total, "process", p)
    for a, b in zip(mine, mine[1:]):
        check(b["mono_us"] > a["mono_us"], "time goes on", a["mono_us"], b["mono_us"])
        check(a["energy_mj"] is None or b["energy_mj"] >= a["energy_mj"], "energy grows", a["energy_mj"], b["energy_mj"])
        gap = b["mono_us"] - a["mono_us"]
        for cause, us in (b["slowed_us"] or {}).items():
            was = (a["slowed_us"] or {}).get(cause)
            # The driver moves its counters in steps, so a little more than the gap may have gone by.
            check(us is None or was is None or 0 <= us - was <= gap + 500000, "slowed " + cause, was, us, gap)
    if len(mine) > 1 and mine[0]["energy_mj"] is not None and mine[0]["power_mw"] is not None:
        seconds = (mine[-1]["mono_us"] - mine[0]["mono_us"]) / 1e6
        watts = (mine[-1]["energy_mj"] - mine[0]["energy_mj"]) / 1e3 / seconds
        told = sum(s["power_mw"] for s in mine) / len(mine) / 1e3
        print("%s: %.1f W by energy, %.1f W by power" % (uuid, watts, told))
        check(0.5 * told - 20 <= watts <= 2 * told + 20, "energy and power agree", watts, told)
    if mine:
        print(json.dumps(mine[-1]))
        print("not told:", " ".join(k for k, v in mine[-1].items() if v is None) or "-")
print("%d lines, %d cards" % (len(lines), len(cards)))
for text in bad[:20]:
    print("BAD", text)
sys.exit(1 if bad else 0)
END
