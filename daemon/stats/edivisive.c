#include "stats/edivisive.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "stats/median.h"
#include "stats/student.h"

const struct stats_edivisive_rule stats_edivisive_default = {
    .window = 50,
    .min_segment = 3,
    .weak_p = .01,
    .final_p = .001,
};

struct work {
    const struct stats_edivisive_rule *rule;
    size_t least;    /* points a segment has */
    const double *z; /* the series, or its logarithms */
    size_t n;
    bool is_log;
    /* Of one window: sums of distances, (w+1) x (w+1): at(i, j) = sum of |z[a]-z[b]|, a<i, b<j. */
    double *sum;
    size_t side;
    struct stats_change *change; /* sorted by index, no two alike */
    size_t n_changes;
};

/* --- the test of two neighbours --- */

struct moments {
    double mean, squares; /* sum of squared distances from the mean */
};

static struct moments moments_of(const double *z, size_t n)
{
    struct moments m = {0, 0};
    for (size_t i = 0; i < n; i++)
        m.mean += z[i];
    m.mean /= (double)n;
    for (size_t i = 0; i < n; i++)
        m.squares += (z[i] - m.mean) * (z[i] - m.mean);
    return m;
}

/* Pooled t-test of z[from..at) and z[at..to). Otava gives its test deviations that were divided by
 * n where the test takes them to be divided by n-1. */
static double test_p(const struct work *w, size_t from, size_t at, size_t to)
{
    double left = (double)(at - from), right = (double)(to - at), df = left + right - 2;
    if (df <= 0)
        return 1;
    struct moments l = moments_of(w->z + from, at - from), r = moments_of(w->z + at, to - at);
    double squares = l.squares + r.squares;
    if (w->rule->compat_otava)
        squares = l.squares * (left - 1) / left + r.squares * (right - 1) / right;
    double t = (l.mean - r.mean) / sqrt(squares / df * (1 / left + 1 / right));
    return stats_student_p(t, df);
}

/* --- one window --- */

static double *sum_at(const struct work *w, size_t i, size_t j)
{
    return &w->sum[i * w->side + j];
}

static void sum_distances(struct work *w, const double *z, size_t n)
{
    w->side = n + 1;
    memset(w->sum, 0, w->side * sizeof *w->sum);
    for (size_t i = 0; i < n; i++) {
        double row = 0;
        *sum_at(w, i + 1, 0) = 0;
        for (size_t j = 0; j < n; j++) {
            row += fabs(z[i] - z[j]);
            *sum_at(w, i + 1, j + 1) = *sum_at(w, i, j + 1) + row;
        }
    }
}

static double block(const struct work *w, size_t i0, size_t i1, size_t j0, size_t j1)
{
    return *sum_at(w, i1, j1) - *sum_at(w, i0, j1) - *sum_at(w, i1, j0) + *sum_at(w, i0, j0);
}

static double q_of(const struct work *w, size_t s, size_t tau, size_t kappa)
{
    double n = (double)(tau - s), m = (double)(kappa - tau);
    double q = 2 / (m + n) * block(w, s, tau, tau, kappa);
    if (n > 1) /* a block counts each pair twice */
        q -= m / ((m + n) * (n - 1)) * block(w, s, tau, s, tau);
    if (m > 1)
        q -= n / ((m + n) * (m - 1)) * block(w, tau, kappa, tau, kappa);
    return q;
}

struct candidate {
    double q;
    size_t from, at, to;
};

/* The best cut of [from, to) of the window, if it is better than *best. */
static void look_inside(const struct work *w, size_t from, size_t to, struct candidate *best)
{
    for (size_t tau = from + w->least; tau + w->least <= to; tau++)
        for (size_t kappa = tau + w->least; kappa <= to; kappa++) {
            double q = q_of(w, from, tau, kappa);
            if (q > best->q)
                *best = (struct candidate){q, from, tau, to};
        }
}

/* Cuts the window [start, end) of the series; cut[] gets the places, sorted, and has room. */
static size_t cut_window(struct work *w, size_t start, size_t end, size_t *cut)
{
    size_t n = 0, len = end - start;
    sum_distances(w, w->z + start, len);
    for (;;) {
        struct candidate best = {.q = -INFINITY};
        for (size_t i = 0; i <= n; i++)
            look_inside(w, i ? cut[i - 1] : 0, i < n ? cut[i] : len, &best);
        if (!(best.q > -INFINITY) ||
            test_p(w, start + best.from, start + best.at, start + best.to) > w->rule->weak_p)
            break;
        size_t at = n++;
        for (; at && cut[at - 1] > best.at; at--)
            cut[at] = cut[at - 1];
        cut[at] = best.at;
    }
    for (size_t i = 0; i < n; i++)
        cut[i] += start;
    return n;
}

/* --- the series --- */

/* Windows overlap, so a place may be found twice. */
static void add_change(struct work *w, size_t index)
{
    size_t at = w->n_changes;
    while (at && w->change[at - 1].index > index)
        at--;
    if (at && w->change[at - 1].index == index)
        return;
    w->change = mem_grow(w->change, w->n_changes + 1, sizeof *w->change);
    memmove(&w->change[at + 1], &w->change[at], (w->n_changes - at) * sizeof *w->change);
    w->change[at] = (struct stats_change){.index = index};
    w->n_changes++;
}

static void split(struct work *w)
{
    size_t *cut = mem_array(w->rule->window, sizeof *cut);
    size_t side = w->rule->window + 1;
    w->sum = mem_array(side * side, sizeof *w->sum);
    for (size_t start = 0; start < w->n;) {
        size_t end = start + w->rule->window < w->n ? start + w->rule->window : w->n;
        size_t n = cut_window(w, start, end, cut), next = start + w->rule->window / 2;
        for (size_t i = 0; i < n; i++)
            add_change(w, cut[i]);
        start = n && cut[n - 1] > next ? cut[n - 1] : next;
    }
    free(w->sum);
    free(cut);
}

static size_t begin_of(const struct work *w, size_t i)
{
    return i ? w->change[i - 1].index : 0;
}

static size_t end_of(const struct work *w, size_t i)
{
    return i + 1 < w->n_changes ? w->change[i + 1].index : w->n;
}

static void judge(struct work *w, size_t i)
{
    if (i < w->n_changes)
        w->change[i].p = test_p(w, begin_of(w, i), w->change[i].index, end_of(w, i));
}

/* The larger of the two relative changes, there and back. Medians, but for Otava's means. */
static double magnitude(const struct work *w, size_t i)
{
    size_t from = begin_of(w, i), at = w->change[i].index, to = end_of(w, i);
    double l, r;
    if (w->rule->compat_otava) {
        l = moments_of(w->z + from, at - from).mean;
        r = moments_of(w->z + at, to - at).mean;
    } else {
        l = stats_median(w->z + from, at - from);
        r = stats_median(w->z + at, to - at);
    }
    if (w->is_log)
        return expm1(fabs(r - l));
    double there = l != 0 ? fabs(r / l - 1) : 0, back = r != 0 ? fabs(l / r - 1) : 0;
    return fmax(there, back);
}

static void drop(struct work *w, size_t i)
{
    memmove(&w->change[i], &w->change[i + 1], (--w->n_changes - i) * sizeof *w->change);
    if (w->rule->compat_otava) {
        judge(w, i);
        judge(w, i + 1);
    } else {
        if (i)
            judge(w, i - 1);
        judge(w, i);
    }
}

/* Points of two windows may stand too near to each other: of such two the weaker goes. */
static void drop_too_near(struct work *w)
{
    for (size_t i = 0; i + 1 < w->n_changes;)
        if (w->change[i + 1].index - w->change[i].index < w->least) {
            drop(w, w->change[i].p >= w->change[i + 1].p ? i : i + 1);
            i = i ? i - 1 : 0;
        } else {
            i++;
        }
}

static void merge(struct work *w)
{
    while (w->n_changes) {
        size_t weakest = 0, smallest = 0;
        double least = INFINITY;
        for (size_t i = 1; i < w->n_changes; i++)
            if (w->change[i].p > w->change[weakest].p)
                weakest = i;
        if (w->change[weakest].p < w->rule->final_p) {
            for (size_t i = 0; i < w->n_changes; i++) {
                double size = magnitude(w, i);
                if (size < least) {
                    least = size;
                    smallest = i;
                }
            }
            if (least > w->rule->min_magnitude)
                return;
            weakest = smallest;
        }
        drop(w, weakest);
    }
}

static double *logarithms(const double *value, size_t n)
{
    double *z = mem_array(n, sizeof *z);
    for (size_t i = 0; i < n; i++) {
        if (value[i] <= 0) {
            free(z);
            return NULL;
        }
        z[i] = log(value[i]);
    }
    return z;
}

size_t stats_edivisive(const double *value, size_t n, const struct stats_edivisive_rule *rule,
                       struct stats_change **ret)
{
    BUG_ON(rule->window < 4 || rule->window > STATS_WINDOW_MAX || rule->min_segment < 1);
    *ret = NULL;
    if (n < 2)
        return 0;
    double *logs = rule->compat_otava ? NULL : logarithms(value, n);
    struct work w = {.rule = rule, .z = logs ? logs : value, .n = n, .is_log = logs};
    w.least = rule->compat_otava ? 1 : rule->min_segment;
    split(&w);
    for (size_t i = 0; i < w.n_changes; i++)
        judge(&w, i);
    drop_too_near(&w);
    merge(&w);
    free(logs);
    if (!w.n_changes) {
        free(w.change);
        w.change = NULL;
    }
    *ret = w.change;
    return w.n_changes;
}
