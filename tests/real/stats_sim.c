/* What the whole rule of a comparison (daemon/trial/judge.c) does on noise whose truth is known,
 * and what other tools' rules do on the very same series. stats_sim [COMPARISONS]; 10,000 by
 * default, some minutes.
 *
 * A series is what a machine would give to 2 R processes in a row, one after the other. Ours takes
 * them as rounds AB BA AB ...; rules that are used on two batches take the first half as base and
 * the second as head. Ends with 1 when a figure lies outside its band. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "seeded.h"
#include "stats/power.h"
#include "stats/rank_sum.h"
#include "stats/student.h"
#include "trial/judge.h"

#define SEED       0x5ca1ab1eu
#define BENCHMARKS 25
#define ROUNDS     10
#define ROUNDS_MAX 16
#define REAL_MAX   1500
#define PHASE      500 /* samples of a phase of the recorded noise */

/* Processes of one benchmark: batch 0, then batch 1, which confirms. */
#define SERIES_MAX (4 * ROUNDS_MAX)

struct noise {
    const char *name;
    void (*fill)(double *y, int n, uint64_t *seed);
};

static double real_noise[REAL_MAX];

static void fill_iid(double *y, int n, uint64_t *seed)
{
    for (int t = 0; t < n; t++)
        y[t] = exp(.01 * seeded_normal(seed));
}

static void fill_drift(double *y, int n, uint64_t *seed)
{
    double phi = .9, level = .02 * seeded_normal(seed);
    for (int t = 0; t < n; t++) {
        y[t] = exp(level + .005 * seeded_normal(seed));
        level = phi * level + .02 * sqrt(1 - phi * phi) * seeded_normal(seed);
    }
}

static void fill_heavy(double *y, int n, uint64_t *seed)
{
    for (int t = 0; t < n; t++) { /* Student's t with 3 degrees of freedom */
        double z = seeded_normal(seed), chi = 0;
        for (int k = 0; k < 3; k++) {
            double part = seeded_normal(seed);
            chi += part * part;
        }
        y[t] = exp(.01 * z / sqrt(chi / 3));
    }
}

static void fill_bimodal(double *y, int n, uint64_t *seed)
{
    for (int t = 0; t < n; t++)
        y[t] = exp((seeded_unit(seed) < .3 ? .05 : 0) + .005 * seeded_normal(seed));
}

static void fill_real(double *y, int n, uint64_t *seed)
{
    size_t from = seeded_below(seed, (uint64_t)(REAL_MAX - n + 1));
    memcpy(y, real_noise + from, (size_t)n * sizeof *y);
}

/* Every quarter is from another place: between base and head, and between batches, hours passed. */
static void fill_apart(double *y, int n, uint64_t *seed)
{
    for (int quarter = 0; quarter < 4; quarter++) {
        size_t from =
            seeded_below(seed, (uint64_t)(PHASE - n / 4 + 1)) + PHASE * seeded_below(seed, 3);
        memcpy(y + quarter * n / 4, real_noise + from, (size_t)n / 4 * sizeof *y);
    }
}

static const struct noise noises[] = {
    {"iid normal, 1 %", fill_iid},        {"AR(1) drift, phi .9, 2 %", fill_drift},
    {"heavy tails, t3, 1 %", fill_heavy}, {"bimodal, 30 % at +5 %", fill_bimodal},
    {"mlir-opt as recorded", fill_real},  {"mlir-opt, hours between", fill_apart},
};
#define NOISES ((int)(sizeof noises / sizeof *noises))

static void read_real(void)
{
    char line[128];
    FILE *f = fopen(CAIL_SOURCE_DIR "/tests/golden/stats/mlir-opt-aa-noise.csv", "r");
    int n = 0;
    if (!f || !fgets(line, sizeof line, f))
        abort();
    while (n < REAL_MAX && fscanf(f, "%*[^,],%*d,%lf,%*f ", &real_noise[n]) == 1)
        n++;
    fclose(f);
    if (n != REAL_MAX)
        abort();
}

/* --- the rules of others, on two batches --- */

static bool benchstat(const double *base, const double *head, size_t n)
{
    struct rank_sum t;
    return stats_rank_sum(base, n, head, n, &t) == 0 && t.p < .05;
}

static double mean_of(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return sum / (double)n;
}

static double square_about(const double *x, size_t n, double mean)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (x[i] - mean) * (x[i] - mean);
    return sum;
}

static bool welch(const double *base, const double *head, size_t n)
{
    double all = (double)n, a = mean_of(base, n), b = mean_of(head, n);
    double va = square_about(base, n, a) / (all - 1) / all;
    double vb = square_about(head, n, b) / (all - 1) / all;
    double df = (va + vb) * (va + vb) / ((va * va + vb * vb) / (all - 1));
    return stats_student_p((a - b) / sqrt(va + vb), df) < .05;
}

static double least(const double *x, size_t n)
{
    double min = x[0];
    for (size_t i = 1; i < n; i++)
        min = fmin(min, x[i]);
    return min;
}

/* lnt/server/reporting/analysis.py, get_value_status, of minima: under 1 % or .01 units is nothing;
 * then the rank test, whose table for min(Ua, Ub) it asks with |Ua - Ub|; then 2.576 standard
 * deviations of the new samples to the nearest old one. */
static bool lnt(const double *base, const double *head, size_t n)
{
    const double table = 23; /* two-sided .05 for ROUNDS a side */
    double was = least(base, n), is = least(head, n), away = INFINITY;
    struct rank_sum t;
    if (fabs(is - was) < .01 * was || fabs(is - was) < .01 || stats_rank_sum(base, n, head, n, &t))
        return false;
    if (fabs(2 * t.u - (double)(n * n)) <= table)
        return false;
    for (size_t i = 0; i < n; i++)
        away = fmin(away, fabs(is - base[i]));
    return away > 2.576 * sqrt(square_about(head, n, mean_of(head, n)) / (double)n);
}

/* github-action-benchmark: one value a side, an alert at 200 %. */
static bool twice(const double *base, const double *head, size_t n)
{
    return mean_of(head, n) > 2 * mean_of(base, n);
}

/* --- ours --- */

struct experiment {
    int n; /* benchmarks */
    int rounds;
    double y[BENCHMARKS][SERIES_MAX];
    struct trial_obs obs[BENCHMARKS * SERIES_MAX];
};

struct found {
    bool alarm[BENCHMARKS];     /* regression or improvement after the first batch */
    bool confirmed[BENCHMARKS]; /* regression after both: what fails a gate */
};

/* Round r of a batch is processes 2r and 2r + 1; who begins alternates. */
static enum side side_of(int t)
{
    return (t / 2 + t) % 2 ? SIDE_HEAD : SIDE_BASE;
}

static size_t observe(struct experiment *e, int batches)
{
    size_t n = 0;
    for (int b = 0; b < e->n; b++)
        for (int t = 0; t < 2 * e->rounds * batches; t++)
            e->obs[n++] = (struct trial_obs){.series = b,
                                             .batch = t / (2 * e->rounds),
                                             .round = t / 2 % e->rounds,
                                             .seq = t,
                                             .side = side_of(t % (2 * e->rounds)),
                                             .status = RESULT_OK,
                                             .value = e->y[b][t]};
    return n;
}

static void judge(struct experiment *e, struct found *ret)
{
    static const struct trial_series like = {.benchmark = "b",
                                             .params = "{}",
                                             .metric = "wall_time",
                                             .unit = "s",
                                             .better = BETTER_LOWER,
                                             .kind = METRIC_TIME,
                                             .gates = true,
                                             .min_effect = NAN,
                                             .floor = NAN};
    struct trial_series series[BENCHMARKS];
    struct trial_judgement j;
    for (int b = 0; b < e->n; b++)
        series[b] = like;
    struct trial_case c = {.series = series,
                           .n_series = (size_t)e->n,
                           .obs = e->obs,
                           .n_obs = observe(e, 1),
                           .alpha = .05,
                           .rounds = e->rounds,
                           .comparable = true};
    memset(ret, 0, sizeof *ret);
    trial_judge(&c, &j);
    bool again = false;
    for (size_t i = 0; i < j.n_rows; i++) {
        enum verdict v = j.row[i].verdict;
        ret->alarm[j.row[i].series] = v == VERDICT_REGRESSION || v == VERDICT_IMPROVEMENT;
        again |= v == VERDICT_REGRESSION;
    }
    trial_judgement_done(&j);
    if (!again)
        return;
    c.n_obs = observe(e, 2);
    c.confirmed_asked = true;
    trial_judge(&c, &j);
    for (size_t i = 0; i < j.n_rows; i++)
        ret->confirmed[j.row[i].series] = j.row[i].verdict == VERDICT_REGRESSION;
    trial_judgement_done(&j);
}

/* Every process of head is slower by `by` (ln) in benchmark b. */
static void slow_down(struct experiment *e, int b, double by)
{
    for (int t = 0; t < 4 * e->rounds; t++)
        if (side_of(t % (2 * e->rounds)) == SIDE_HEAD)
            e->y[b][t] *= exp(by);
}

/* --- tables --- */

enum { OURS, GATE, BENCHSTAT, INTERLEAVED, LNT, WELCH, TWICE, RULES };
static const char *const rule_names[RULES] = {"cail", "cail gate", "benchstat", "..mixed",
                                              "LNT",  "Welch t",   "200 %"};

static int passed, failed;

static void expect(const char *what, double value, double lo, double hi)
{
    bool good = value >= lo && value <= hi;
    printf("%s %-58s %.4f within [%.3f, %.3f]\n", good ? "ok  " : "FAIL", what, value, lo, hi);
    *(good ? &passed : &failed) += 1;
}

static void ask_all(struct experiment *e, bool said[RULES][BENCHMARKS])
{
    struct found f;
    judge(e, &f);
    for (int b = 0; b < e->n; b++) {
        double side[SIDE_COUNT][ROUNDS_MAX];
        size_t n = (size_t)e->rounds, at[SIDE_COUNT] = {0};
        const double *base = e->y[b], *head = e->y[b] + n;
        for (int t = 0; t < 2 * e->rounds; t++)
            side[side_of(t)][at[side_of(t)]++] = e->y[b][t];
        said[OURS][b] = f.alarm[b];
        said[GATE][b] = f.confirmed[b];
        said[BENCHSTAT][b] = benchstat(base, head, n);
        said[INTERLEAVED][b] = benchstat(side[SIDE_BASE], side[SIDE_HEAD], n);
        said[LNT][b] = lnt(base, head, n);
        said[WELCH][b] = welch(base, head, n);
        said[TWICE][b] = twice(base, head, n);
    }
}

/* How often a rule sees something in a comparison of BENCHMARKS, where nothing is. */
static void false_alarms(struct experiment *e, const struct noise *noise, int comparisons,
                         uint64_t *seed, double any[RULES], double each[RULES])
{
    static bool said[RULES][BENCHMARKS];
    memset(any, 0, RULES * sizeof *any);
    memset(each, 0, RULES * sizeof *each);
    for (int i = 0; i < comparisons; i++) {
        for (int b = 0; b < e->n; b++)
            noise->fill(e->y[b], 4 * e->rounds, seed);
        ask_all(e, said);
        for (int r = 0; r < RULES; r++) {
            int hits = 0;
            for (int b = 0; b < e->n; b++)
                hits += said[r][b];
            any[r] += hits > 0;
            each[r] += hits / (double)e->n;
        }
    }
    for (int r = 0; r < RULES; r++) {
        any[r] /= comparisons;
        each[r] /= comparisons;
    }
}

static void print_row(const char *name, const double *value)
{
    printf("%-26s", name);
    for (int r = 0; r < RULES; r++)
        printf(" %9.4f", value[r]);
    putchar('\n');
}

static void print_head(const char *title)
{
    printf("\n%s\n%-26s", title, "");
    for (int r = 0; r < RULES; r++)
        printf(" %9s", rule_names[r]);
    putchar('\n');
}

static void aa_tables(struct experiment *e, int comparisons, uint64_t *seed)
{
    double any[NOISES][RULES], each[NOISES][RULES];
    e->n = BENCHMARKS;
    e->rounds = ROUNDS;
    for (int k = 0; k < NOISES; k++)
        false_alarms(e, &noises[k], comparisons, seed, any[k], each[k]);
    print_head("Identical code: comparisons of 25 benchmarks, 10 rounds, with a false alarm");
    for (int k = 0; k < NOISES; k++)
        print_row(noises[k].name, any[k]);
    print_head("Identical code: false alarms per benchmark");
    for (int k = 0; k < NOISES; k++)
        print_row(noises[k].name, each[k]);
    putchar('\n');
    for (int k = 0; k < NOISES; k++) {
        char what[80];
        snprintf(what, sizeof what, "false alarms per comparison, %s", noises[k].name);
        expect(what, any[k][OURS], 0, .05);
    }
    expect("benchstat's rule on two batches that drift, per benchmark", each[1][BENCHSTAT], .25, 1);
}

/* Of comparisons in which benchmark 0 is slower, how many say so; the others are the same. */
static double power(struct experiment *e, int n, int rounds, double by, int comparisons,
                    uint64_t *seed, double *ret_gate)
{
    int hits = 0, gate = 0;
    struct found f;
    e->n = n;
    e->rounds = rounds;
    for (int i = 0; i < comparisons; i++) {
        for (int b = 0; b < n; b++)
            fill_iid(e->y[b], 4 * rounds, seed);
        slow_down(e, 0, by);
        judge(e, &f);
        hits += f.alarm[0];
        gate += f.confirmed[0];
    }
    *ret_gate = gate / (double)comparisons;
    return hits / (double)comparisons;
}

/* +3 % in each of 25 benchmarks, on every rule. Two batches: the second half is slower. */
static void power_table(struct experiment *e, int comparisons, uint64_t *seed)
{
    static bool said[RULES][BENCHMARKS], batches[RULES][BENCHMARKS];
    static double before[BENCHMARKS][SERIES_MAX];
    double seen[NOISES][RULES] = {{0}};
    e->n = BENCHMARKS;
    e->rounds = ROUNDS;
    for (int k = 0; k < NOISES; k++)
        for (int i = 0; i < comparisons; i++) {
            for (int b = 0; b < e->n; b++)
                noises[k].fill(e->y[b], 4 * e->rounds, seed);
            memcpy(before, e->y, sizeof before);
            for (int b = 0; b < e->n; b++)
                slow_down(e, b, log(1.03));
            ask_all(e, said);
            memcpy(e->y, before, sizeof before);
            for (int b = 0; b < e->n; b++)
                for (int t = e->rounds; t < 2 * e->rounds; t++)
                    e->y[b][t] *= 1.03;
            ask_all(e, batches);
            for (int r = 0; r < RULES; r++)
                for (int b = 0; b < e->n; b++)
                    seen[k][r] += (r <= GATE || r == INTERLEAVED ? said : batches)[r][b] /
                                  (double)(e->n * comparisons);
        }
    print_head("All 25 benchmarks 3 % slower, 10 rounds: how many of them are found");
    for (int k = 0; k < NOISES; k++)
        print_row(noises[k].name, seen[k]);
}

static void powers(struct experiment *e, int comparisons, uint64_t *seed)
{
    double sd = .01 * sqrt(2), slower = log(1.03), gate;
    int planned = stats_rounds_needed(BENCHMARKS, slower, sd, .05, .975);
    printf(
        "\nOne benchmark 3 %% slower, iid noise of 1 %%; the planner asks for %d rounds for 25\n",
        planned);
    expect("found, 1 benchmark, 10 rounds", power(e, 1, 10, slower, comparisons, seed, &gate), .95,
           1);
    expect("  and confirmed", gate, .95, 1);
    if (planned < 1 || planned > ROUNDS_MAX) {
        expect("rounds planned", planned, 1, ROUNDS_MAX);
        return;
    }
    double found = power(e, BENCHMARKS, planned, slower, comparisons, seed, &gate);
    expect("found among 25, the planner's rounds", found, .95, 1);
    expect("  and confirmed", gate, .95, 1);
    expect("  less what the planner said",
           found - stats_power(planned, BENCHMARKS, slower, sd, .05), -.02, .02);
}

int main(int argc, char **argv)
{
    static struct experiment e;
    int comparisons = argc > 1 ? atoi(argv[1]) : 10000;
    uint64_t seed = SEED;
    if (comparisons < 1)
        return 64;
    read_real();
    printf("seed %#x, %d comparisons without a change; standard error of a share of .05: %.4f\n",
           SEED, comparisons, sqrt(.05 * .95 / comparisons));
    aa_tables(&e, comparisons, &seed);
    power_table(&e, comparisons / 100 + 1, &seed);
    powers(&e, comparisons / 5 + 1, &seed);
    puts("\ncail: signed-rank on rounds AB BA, Holm, at least 1 %. cail gate: a regression, found "
         "again in"
         "\na second batch. benchstat: Mann-Whitney at .05 on two batches; ..mixed: the same on AB "
         "BA."
         "\nLNT: get_value_status as it is. Welch t: at .05. 200 %: github-action-benchmark's "
         "default.");
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0;
}
