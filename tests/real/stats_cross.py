"""Drives stats_cli (argv 1) and its peers over the same seeded inputs and compares the answers.

Where there are no ties scipy's and R's exact tests are the reference; with ties exactRankTests; with ties
and zeros coin (Pratt); and for small samples every pattern of signs, every choice, is counted here."""
import itertools
import subprocess
import sys
import warnings
from pathlib import Path

import numpy
import scipy
from scipy import stats

SEED = 20240617
HERE = Path(__file__).resolve().parent
rng = numpy.random.default_rng(SEED)
passed = failed = 0


def text(numbers):
    return " ".join(format(float(x), ".17g") for x in numbers)


def ask(command, lines):
    done = subprocess.run(command, input="\n".join(lines) + "\n", capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{command[0]} ended with {done.returncode}: {done.stderr[-2000:]}")
    rows = [[float(w.replace("NA", "nan")) for w in line.split()] for line in done.stdout.splitlines()]
    assert len(rows) == len(lines), (command[0], len(rows), len(lines))
    return rows


def ours(lines):
    return ask([sys.argv[1]], lines)


def peer(lines):
    return ask(["Rscript", str(HERE / "stats_cross.R")], lines)


def compare(what, mine, theirs, within=1e-12):
    """One line a comparison; every row counts as a case."""
    global passed, failed
    away = [max(abs(a - b) for a, b in zip(m, t, strict=True)) for m, t in zip(mine, theirs, strict=True)]
    bad = [i for i, d in enumerate(away) if not d <= within]
    passed += len(away) - len(bad)
    failed += len(bad)
    print(f"{what:<68} {len(away):>6} cases, largest difference {max(away):.2g}", flush=True)
    for i in bad[:3]:
        print(f"    case {i}: {mine[i]} against {theirs[i]}")


def normal(least, most):
    return rng.standard_normal(rng.integers(least, most + 1)) + rng.choice([0, .3, 1])


def tied(least, most, zeros):
    """Whole numbers, so that sums and differences are exact."""
    n, wide = rng.integers(least, most + 1), rng.integers(2, 20)
    x = rng.integers(-wide, wide + 2, n) + rng.integers(0, 2)
    if not zeros:
        x = numpy.where(x == 0, 1, x)
    return x.astype(float)


def p_by_signs(d):
    rank2 = numpy.array([2 * numpy.sum(abs(d) < abs(v)) + numpy.sum(abs(d) == abs(v)) + 1 for v in d])
    rank2, d = rank2[d != 0], d[d != 0]
    signs = numpy.array(list(itertools.product((0, 1), repeat=len(d))), dtype=int).reshape(2 ** len(d), len(d))
    seen = rank2[d > 0].sum()
    small = min(seen, rank2.sum() - seen)
    return min(1, 2 * numpy.mean(signs @ rank2 <= small)) if len(d) else 1


def p_by_choices(x, y):
    both = numpy.concatenate([x, y])
    rank2 = numpy.array([2 * numpy.sum(both < v) + numpy.sum(both == v) + 1 for v in both])
    sums = numpy.array([rank2[list(c)].sum() for c in itertools.combinations(range(len(both)), len(x))])
    seen = rank2[:len(x)].sum()
    return min(1, 2 * min(numpy.mean(sums <= seen), numpy.mean(sums >= seen)))


def paired():
    d = [normal(1, 50) for _ in range(2500)]
    mine = ours([f"paired .05 {text(x)}" for x in d])
    compare("signed rank, no ties: p against scipy.stats.wilcoxon", [[m[4]] for m in mine],
            [[stats.wilcoxon(x, mode="exact").pvalue] for x in d])
    # Under 6 rounds R gives an interval of less than the confidence that was asked for.
    kept = [i for i, x in enumerate(d) if len(x) >= 6]
    compare("signed rank, no ties: p, estimate, interval against R's wilcox.test",
            [[mine[i][4], *mine[i][:3]] for i in kept], peer([f"signed|{text(d[i])}" for i in kept]))
    d = [tied(2, 50, False) for _ in range(2500)]
    compare("signed rank, ties: p against exactRankTests", [[m[4]] for m in ours(
        [f"paired .05 {text(x)}" for x in d])], peer([f"signed_ties|{text(x)}" for x in d]))
    d = [x for x in (tied(2, 50, True) for _ in range(1000)) if x.any()]
    compare("signed rank, ties and zeros (Pratt): p against coin", [[m[4]] for m in ours(
        [f"paired .05 {text(x)}" for x in d])], peer([f"signed_zeros|{text(x)}" for x in d]))
    d = [tied(1, 14, True) for _ in range(600)]
    compare("signed rank, ties and zeros, n <= 14: p against all sign patterns", [[m[4]] for m in ours(
        [f"paired .05 {text(x)}" for x in d])], [[p_by_signs(x)] for x in d])


def unpaired():
    def lines(pairs):
        return [f"unpaired .05 {len(x)} {text(x)} {text(y)}" for x, y in pairs]

    pairs = [(normal(1, 50), normal(1, 50)) for _ in range(2500)]
    mine = ours(lines(pairs))
    compare("rank sum, no ties: p against scipy.stats.mannwhitneyu", [[m[4]] for m in mine],
            [[stats.mannwhitneyu(x, y, method="exact").pvalue] for x, y in pairs])
    # As above: where no interval reaches .95, R gives a lesser one.
    kept = [i for i, m in enumerate(mine) if numpy.isfinite(m[1])]
    compare("rank sum, no ties: p, estimate, interval against R's wilcox.test",
            [[mine[i][4], *mine[i][:3]] for i in kept],
            peer([f"sum|{text(pairs[i][0])}|{text(pairs[i][1])}" for i in kept]))
    pairs = [(tied(2, 50, True), tied(2, 50, True)) for _ in range(2500)]
    compare("rank sum, ties: p against exactRankTests", [[m[4]] for m in ours(lines(pairs))],
            peer([f"sum_ties|{text(x)}|{text(y)}" for x, y in pairs]))
    pairs = [(x, rng.permutation(x) + rng.integers(0, 4)) for x in (tied(2, 30, True) for _ in range(500))]
    compare("rank sum, ties, equal sizes: p against coin", [[m[4]] for m in ours(lines(pairs))],
            peer([f"sum_coin|{text(x)}|{text(y)}" for x, y in pairs]))
    pairs = [(tied(1, 7, True), tied(1, 7, True)) for _ in range(400)]
    compare("rank sum, ties, n + m <= 14: p against all choices", [[m[4]] for m in ours(lines(pairs))],
            [[p_by_choices(x, y)] for x, y in pairs])


def the_rest():
    p = [rng.random(rng.integers(1, 60)) ** 3 for _ in range(300)]
    compare("Holm against R's p.adjust", ours([f"holm {text(x)}" for x in p]), peer([f"holm|{text(x)}" for x in p]))
    compare("BH against R's p.adjust", ours([f"bh {text(x)}" for x in p]), peer([f"bh|{text(x)}" for x in p]))
    pairs = [(rng.integers(0, 30, n), rng.integers(0, 30, n)) for n in rng.integers(8, 50, 500)]
    compare("Spearman against scipy, n > 7", ours([f"spearman {len(x)} {text(x)} {text(y)}" for x, y in pairs]),
            [list(stats.spearmanr(x, y)) for x, y in pairs])
    x = [numpy.concatenate([normal(2, 60), normal(1, 60) + rng.choice([0, 2, 6])]) for _ in range(500)]
    x += [tied(3, 80, True) for _ in range(200)]
    compare("Hartigan's dip against diptest", [[m[0]] for m in ours([f"dip {text(v)}" for v in x])],
            peer([f"dip|{text(v)}" for v in x]))


warnings.simplefilter("ignore")
print(f"seed {SEED}, scipy {scipy.__version__}")
paired()
unpaired()
the_rest()
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
