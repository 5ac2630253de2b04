/* The verdict of one series: not comparable, failed or missing, exact, statistics, in this order.
 * Method and thresholds: docs/RESULTS.md, "Comparisons". */
#include "trial/rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "stats/power.h"
#include "stats/quantile.h"
#include "stats/ranks.h"

#define MEDIAN_CONF .95

/* The coarsest resolution that a value of the series was read with. */
static double resolution_of(const struct trial_grid *g, int32_t series)
{
    double worst = 0;

    for (size_t i = g->from[series]; i < g->from[series + 1]; i++)
        if (isfinite(g->obs[i]->resolution))
            worst = fmax(worst, g->obs[i]->resolution);
    return worst;
}

static double applied_min(const struct trial_series *s, const struct trial_sample *x,
                          double base_median, double resolution)
{
    double min = isnan(s->min_effect) ? metric_kind_least(s->kind) : s->min_effect;
    double value = x->difference ? x->scale : fabs(base_median);

    if (!isnan(s->floor))
        min = fmax(min, s->floor);
    if (s->kind != METRIC_EXACT && value > 0)
        min = fmax(min, resolution / value);
    return min;
}

/* The median with an interval of order statistics; NaN ends where no ranks reach it. */
static void side_numbers(const struct trial_point *p, size_t n, double *ret_median, double *ret_lo,
                         double *ret_hi)
{
    double *v = mem_array(n + 1, sizeof *v);

    for (size_t i = 0; i < n; i++)
        v[i] = p[i].value;
    stats_sort(v, n);
    *ret_median = trial_sample_median(p, n);
    *ret_lo = *ret_hi = NAN;
    if (n > 0) {
        struct stats_ranks_interval r = stats_median_ranks(n, MEDIAN_CONF);
        *ret_lo = r.lo > 0 ? v[r.lo - 1] : NAN;
        *ret_hi = r.hi > 0 ? v[r.hi - 1] : NAN;
    }
    free(v);
}

/* Of normal noise the standard deviation, by the MAD so that one bad round does not plan a
 * hundred; the plain one where half of the rounds are equal. Unpaired: of the difference of two
 * processes. */
static double spread_of(const struct trial_sample *x)
{
    double mad, sum = 0, squares = 0;

    if (x->d == NULL || x->n_base < 3)
        return NAN;
    mad = 1.4826 * stats_mad(x->d, x->n_base);
    if (mad > 0)
        return mad;
    for (size_t i = 0; i < x->n_base; i++)
        sum += x->d[i];
    for (size_t i = 0; i < x->n_base; i++)
        squares += (x->d[i] - sum / (double)x->n_base) * (x->d[i] - sum / (double)x->n_base);
    return sqrt(squares / (double)(x->n_base - 1));
}

/* A side without a value, or that fails more often than it works. What is not head's doing is
 * shown but does not gate: a benchmark that is new, one that only the base fails, one that both
 * sides skip. Both sides failing does: nothing could be said of it. */
static bool without_values(const struct trial_sample *x, struct trial_row *row)
{
    bool failed[SIDE_COUNT], none[SIDE_COUNT];

    for (int s = 0; s < SIDE_COUNT; s++) {
        failed[s] = x->failed[s] > x->valued[s];
        none[s] = x->valued[s] == 0;
    }
    if (failed[SIDE_HEAD]) {
        row->verdict = VERDICT_FAILED;
    } else if (failed[SIDE_BASE]) {
        row->verdict = none[SIDE_HEAD] ? VERDICT_MISSING : VERDICT_FAILED;
        row->flags |= none[SIDE_HEAD] ? 0 : TRIAL_FLAG_SHOWN_ONLY;
    } else if (none[SIDE_BASE] || none[SIDE_HEAD]) {
        row->verdict = VERDICT_MISSING;
        row->flags |= none[SIDE_BASE] ? TRIAL_FLAG_SHOWN_ONLY : 0;
    } else {
        return false;
    }
    return true;
}

/* All values of a side are the same, and which one. */
static bool unanimous(const struct trial_point *p, size_t n, double *ret_min, double *ret_max)
{
    *ret_min = *ret_max = p[0].value;
    for (size_t i = 1; i < n; i++) {
        *ret_min = fmin(*ret_min, p[i].value);
        *ret_max = fmax(*ret_max, p[i].value);
    }
    return !(*ret_min < *ret_max);
}

/* Any difference is one. A side that disagrees with itself has no single value: only when the two
 * sides do not even overlap is it a difference. */
static void judge_exact(const struct trial_series *s, const struct trial_sample *x,
                        struct trial_row *row, const struct trial_row_work *work)
{
    double b_min, b_max, h_min, h_max;
    bool b_one = unanimous(x->base, x->n_base, &b_min, &b_max);
    bool h_one = unanimous(x->head, x->n_head, &h_min, &h_max);
    bool stable = b_one && h_one;
    double d = work->test.hl;

    row->flags |= stable ? 0 : TRIAL_FLAG_UNSTABLE;
    row->p = NAN;
    row->lo = stable ? row->effect : NAN;
    row->hi = row->lo;
    if (stable && !(b_min < h_min) && !(h_min < b_min))
        row->verdict = VERDICT_SAME;
    else if (h_min <= b_max && b_min <= h_max)
        row->verdict = VERDICT_INCONCLUSIVE;
    else if (s->better == BETTER_NEUTRAL || fabs(d) < work->margin)
        row->verdict = VERDICT_CHANGED_SMALL;
    else
        row->verdict = d > 0 ? VERDICT_REGRESSION : VERDICT_IMPROVEMENT;
}

/* What a neutral metric does is told by its interval alone. */
static void judge_neutral(struct trial_row *row, const struct trial_row_work *work)
{
    const struct trial_test *t = &work->test;

    row->p = NAN;
    if (t->lo > 0 || t->hi < 0)
        row->verdict = VERDICT_CHANGED_SMALL;
    else if (t->eq_lo > -work->margin && t->eq_hi < work->margin)
        row->verdict = VERDICT_SAME;
    else
        row->verdict = VERDICT_INCONCLUSIVE;
}

/* Too few rounds leave an interval open: an end that is not there is not a ratio of 0. */
static double end_as_ratio(const struct trial_sample *x, enum better better, double d)
{
    return isfinite(d) ? trial_ratio(x, better, d) : NAN;
}

static void fill_numbers(const struct trial_case *c, const struct trial_series *s,
                         const struct trial_sample *x, struct trial_row *row,
                         struct trial_row_work *work)
{
    size_t n = trial_sample_n(x);

    row->n = (int32_t)n;
    side_numbers(x->base, x->n_base, &row->base, &row->base_lo, &row->base_hi);
    side_numbers(x->head, x->n_head, &row->head, &row->head_lo, &row->head_hi);
    trial_sample_test(x, s->better, c->alpha, &work->test);
    bool turned = s->better == BETTER_HIGHER;
    row->effect = end_as_ratio(x, s->better, work->test.hl);
    row->lo = end_as_ratio(x, s->better, turned ? work->test.hi : work->test.lo);
    row->hi = end_as_ratio(x, s->better, turned ? work->test.lo : work->test.hi);
    row->p = work->test.p;
    work->spread = spread_of(x);
}

static void set_flags(const struct trial_case *c, const struct trial_series *s,
                      const struct trial_sample *x, struct trial_row *row)
{
    bool lost = false;

    for (int side = 0; side < SIDE_COUNT; side++)
        lost |= x->failed[side] > 0 || x->absent[side] > 0 || x->skipped[side] > 0;
    row->flags |= !s->gates || s->better == BETTER_NEUTRAL ? TRIAL_FLAG_SHOWN_ONLY : 0;
    row->flags |= c->unpaired ? TRIAL_FLAG_UNPAIRED : 0;
    if (trial_sample_n(x) == 0)
        return;
    row->flags |= lost ? TRIAL_FLAG_FAILED_ROUNDS : 0;
    row->flags |= x->tainted ? TRIAL_FLAG_TAINTED : 0;
    row->flags |= x->difference ? TRIAL_FLAG_DIFFERENCE : 0;
    if (s->kind == METRIC_EXACT)
        return; /* without noise there is nothing to say of its shape, nor a floor */
    row->flags |= trial_sample_flags(x);
    if (isnan(s->floor) && !(row->flags & TRIAL_FLAG_SHOWN_ONLY))
        row->flags |= TRIAL_FLAG_FLOOR_UNKNOWN;
}

void trial_row_measure(const struct trial_case *c, const struct trial_grid *g, int32_t series,
                       struct trial_row *row, struct trial_row_work *work)
{
    const struct trial_series *s = &c->series[series];
    struct trial_sample x;

    *work = (struct trial_row_work){.test = {.p = 1}};
    *row = (struct trial_row){.series = series, .floor = s->floor, .p_holm = NAN};
    trial_sample_init(&x, g, c, series, TRIAL_BATCH_MAIN);
    fill_numbers(c, s, &x, row, work);
    row->min_effect = applied_min(s, &x, row->base, resolution_of(g, series));
    work->margin = trial_margin(&x, row->min_effect);
    set_flags(c, s, &x, row);
    if (!c->comparable) {
        row->verdict = VERDICT_NOT_COMPARABLE;
        row->effect = row->lo = row->hi = row->p = NAN;
    } else if (without_values(&x, row)) {
        row->effect = row->lo = row->hi = row->p = NAN;
        row->base = x.alone[SIDE_BASE];
        row->head = x.alone[SIDE_HEAD];
    } else if (trial_sample_n(&x) == 0) {
        row->verdict = VERDICT_INCONCLUSIVE; /* both work, but never in one round */
        row->p = NAN;
    } else if (s->kind == METRIC_EXACT) {
        judge_exact(s, &x, row, work);
    } else if (s->better == BETTER_NEUTRAL) {
        judge_neutral(row, work);
    } else {
        work->tested = true;
    }
    trial_sample_done(&x);
}

static bool beyond_margin(const struct trial_test *t, double margin)
{
    return fabs(t->hl) >= margin;
}

void trial_row_decide(const struct trial_case *c, struct trial_row *row,
                      const struct trial_row_work *work)
{
    const struct trial_test *t = &work->test;

    if (row->p_holm <= c->alpha && (t->lo > 0 || t->hi < 0)) {
        if (!beyond_margin(t, work->margin))
            row->verdict = VERDICT_CHANGED_SMALL;
        else
            row->verdict = t->hl > 0 ? VERDICT_REGRESSION : VERDICT_IMPROVEMENT;
    } else if (t->eq_lo > -work->margin && t->eq_hi < work->margin) {
        row->verdict = VERDICT_SAME;
    } else {
        row->verdict = VERDICT_INCONCLUSIVE;
    }
}

void trial_row_measure_again(const struct trial_case *c, const struct trial_grid *g,
                             const struct trial_row *row, struct trial_row_work *work)
{
    struct trial_sample x;

    trial_sample_init(&x, g, c, row->series, TRIAL_BATCH_CONFIRM);
    trial_sample_test(&x, c->series[row->series].better, c->alpha, &work->again);
    work->again_tested =
        trial_sample_n(&x) > 0 && x.difference == !!(row->flags & TRIAL_FLAG_DIFFERENCE);
    trial_sample_done(&x);
}

/* Judged alone, by the rule of the first batch. A change that shows again but is smaller than what
 * counts is a small change. */
void trial_row_decide_again(const struct trial_case *c, struct trial_row *row,
                            const struct trial_row_work *work)
{
    const struct trial_test *t = &work->again;
    bool beyond = row->verdict == VERDICT_REGRESSION ? t->lo > 0 : t->hi < 0;
    bool shows = work->again_tested && work->again_p_holm <= c->alpha && beyond;

    if (shows && beyond_margin(t, work->margin)) {
        row->flags |= TRIAL_FLAG_CONFIRMED;
        return;
    }
    row->flags |= TRIAL_FLAG_NOT_CONFIRMED;
    row->verdict = shows ? VERDICT_CHANGED_SMALL : VERDICT_INCONCLUSIVE;
}
