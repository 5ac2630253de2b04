#!/usr/bin/env python3
"""summary.py OUT: the table of OUT/run.tsv in Markdown: medians, min-max, ratios to the targets."""
import pathlib
import statistics
import sys

# measure, what it is, who
TABLE = [
    ("submit_1", "durable submits/s, 1 connection", ["cail", "beanstalkd"]),
    ("submit_64", "durable submits/s, 64 connections", ["cail", "beanstalkd"]),
    ("dispatch", "dispatch latency, ms", ["cail", "cail_cli", "tsp", "beanstalkd"]),
    ("stamps_2_slots", "4,000 small jobs, 2 slots, jobs/s to the last main()",
     ["cail", "tsp", "beanstalkd", "xargs"]),
    ("true_2_slots", "4,000 `true`, 2 slots, jobs/s to the last end", ["cail", "xargs"]),
    ("start_empty_ms", "start, empty store, ms", ["cail"]),
    ("start_scale_ms", "start, 100,000 queued + 1,000,000 finished, ms", ["cail"]),
    ("first_ls_ms", "first `cail ls`, empty store, ms", ["cail"]),
    ("first_ls_scale_ms", "first `cail ls`, large store, ms", ["cail"]),
    ("rss_idle_kib", "resident, idle, KiB", ["cail", "tsp", "beanstalkd"]),
    ("rss_100k_kib", "resident for 100,000 queued more, KiB", ["cail", "beanstalkd"]),
    ("rss_scale_kib", "resident with the large store, KiB", ["cail"]),
    ("stall_max_ms", "longest turn of the event loop, ms",
     ["cail_submit", "cail_jobs", "cail_scale"]),
]

# what, value (a measure or a ratio of two), at least / at most, bound
TARGETS = [
    ("submits at 64 connections / beanstalkd's", "submit_64 cail", "submit_64 beanstalkd", ">=", 4),
    ("dispatch p50 / task-spooler's", "dispatch cail p50_ms", "dispatch tsp p50_ms", "<=", 1.5),
    ("dispatch p50 through `cail submit` / task-spooler's", "dispatch cail_cli p50_ms",
     "dispatch tsp p50_ms", "", None),
    ("4,000 `true` / `xargs -P2`'s", "true_2_slots cail", "true_2_slots xargs", ">=", 0.4),
    ("4,000 small jobs / task-spooler's", "stamps_2_slots cail", "stamps_2_slots tsp", "", None),
    ("resident, idle, MiB", "rss_idle_kib cail", 1024, "<", 20),
    ("start, empty store, s", "start_empty_ms cail", 1000, "<", 0.2),
    ("first `cail ls`, ms", "first_ls_ms cail", 1, "<", 20),
    ("serving 100,000 queued + 1,000,000 finished, s", "start_scale_ms cail", 1000, "<=", 2),
]
QUIET_CORES = 1.8
PROBES_A_ROUND = 2
HOLDS = {">=": lambda a, b: a >= b, "<=": lambda a, b: a <= b, "<": lambda a, b: a < b}


def number(x):
    return f"{x:,.0f}" if abs(x) >= 100 else f"{x:.2f}"


def spread(values):
    low, high = min(values), max(values)
    middle = number(statistics.median(values))
    return middle if len(values) == 1 else f"{middle} ({number(low)}-{number(high)})"


def read(path):
    seen = {}
    for line in path.read_text().splitlines():
        turn, measure, value = line.split("\t")
        if measure.startswith("probe "):  # several in a round
            turn = f"{turn} {len(seen.get(measure, {}))}"
        seen.setdefault(measure, {})[turn] = float(value)
    return seen


def quiet(seen):
    """Rounds in which both probes found two cores (nearly) free."""
    free = {}
    for turn, cores in seen["probe cores_free"].items():
        free.setdefault(turn.split()[0], []).append(cores)
    return {turn for turn, cores in free.items()
            if len(cores) == PROBES_A_ROUND and min(cores) >= QUIET_CORES}


def rows(seen):
    for measure, text, who in TABLE:
        kinds = ["p50_ms", "p99_ms"] if measure == "dispatch" else [""]
        for kind in kinds:
            cells = []
            for one in who:
                values = seen.get(f"{measure} {one} {kind}".strip())
                if values:
                    cells.append(f"{one.replace('_', ' ')} {spread(list(values.values()))}")
            if cells:
                yield f"{text}{' ' + kind[:3] if kind else ''}", "; ".join(cells)


def ratios(seen, over, under):
    """By round: what slows a round slows both."""
    if isinstance(under, str):
        return {r: seen[over][r] / seen[under][r] for r in seen[over] if r in seen.get(under, {})}
    return {r: value / under for r, value in seen[over].items()}


def targets(seen):
    calm = quiet(seen)
    print(f"\n{len(calm)} quiet rounds (at least {QUIET_CORES} of 2 cores free at both probes).")
    print("\n| target | all rounds: median (min-max) | quiet rounds | wanted | |\n|---|---|---|---|---|")
    for text, over, under, sign, bound in TARGETS:
        every = ratios(seen, over, under) if over in seen else {}
        if not every:
            continue
        still = [value for turn, value in every.items() if turn in calm]
        judged = statistics.median(still or every.values())
        verdict = "" if not sign else "holds" if HOLDS[sign](judged, bound) else "missed"
        wanted = f"{sign} {bound}" if sign else ""
        print(f"| {text} | {spread(list(every.values()))} | {spread(still) if still else '-'} | "
              f"{wanted} | {verdict} |")


def main():
    out = pathlib.Path(sys.argv[1])
    seen = read(out / "run.tsv")
    versions = out / "versions.tsv"
    if versions.exists():
        print("; ".join(line.replace("\t", " ") for line in versions.read_text().splitlines()))
    for what in ("fdatasync_per_s", "cores_free"):
        print(f"probe {what}: {spread(list(seen['probe ' + what].values()))}")
    print("\n| measure | median (min-max) |\n|---|---|")
    for text, cells in rows(seen):
        print(f"| {text} | {cells} |")
    targets(seen)


main()
