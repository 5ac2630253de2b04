#include "stats/segments.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "stats/median.h"
#include "stats/rank_sum.h"
#include "stats/trend.h"

enum { TAIL_MAX = 3, NEAREST = 20, TAIL_BEFORE = 5, DRIFT_POINTS = 10 };
static const double tail_deviations = 4 * 1.4826;
static const double seconds_of_90_days = 90 * 86400., least_seconds = 7 * 86400.;

static struct stats_segment segment_of(const double *v, size_t from, size_t to)
{
    struct stats_segment s = {from, to, stats_median(v + from, to - from), v[from], v[from]};
    for (size_t i = from; i < to; i++) {
        s.low = fmin(s.low, v[i]);
        s.high = fmax(s.high, v[i]);
    }
    return s;
}

/* The first of the last one to three points that leave [from, n); n = none does. */
static size_t tail_of(const double *v, size_t from, size_t n, double min_magnitude)
{
    double away[TAIL_MAX] = {0};
    for (size_t k = TAIL_MAX; k >= 1; k--) {
        if (n - from < TAIL_BEFORE + k)
            continue;
        size_t len = n - k - from;
        double median = stats_median(v + from, len), *off = mem_array(len, sizeof *off);
        for (size_t i = 0; i < len; i++)
            off[i] = fabs(v[from + i] - median);
        double most = fmax(tail_deviations * stats_median(off, len), min_magnitude * fabs(median));
        free(off);
        bool leaves = true;
        for (size_t i = 0; i < k; i++) {
            away[i] = v[n - k + i] - median;
            leaves &= fabs(away[i]) > most && away[i] * away[0] > 0;
        }
        if (leaves)
            return n - k;
    }
    return n;
}

/* With a least length of 3 a cut must take a point too many where only one or two have left: such a
 * cut becomes a tentative one at its right place. */
static void add_tail(const double *v, size_t n, const struct stats_edivisive_rule *rule,
                     struct stats_history *h)
{
    bool young = h->n_steps && n - h->step[h->n_steps - 1].index <= rule->min_segment;
    size_t before = h->n_steps - (young ? 1 : 0);
    size_t at = tail_of(v, before ? h->step[before - 1].index : 0, n, rule->min_magnitude);
    if (at == n || (young && at <= h->step[before].index))
        return;
    h->step = mem_grow(h->step, before + 1, sizeof *h->step);
    h->step[before] = (struct stats_step){.index = at, .p = NAN, .tentative = true};
    h->n_steps = before + 1;
}

/* Of the points nearest to the step: exact, and what lies far off has drifted since. */
static void measure(const double *v, struct stats_history *h, size_t i)
{
    const struct stats_segment *l = &h->segment[i], *r = &h->segment[i + 1];
    struct stats_step *s = &h->step[i];
    struct stats_unpaired test;
    double z[2 * NEAREST];
    size_t n = l->to - l->from < NEAREST ? l->to - l->from : NEAREST;
    size_t m = r->to - r->from < NEAREST ? r->to - r->from : NEAREST;
    s->ratio = l->median != 0 ? r->median / l->median : NAN;
    s->ratio_low = s->ratio_high = NAN;
    if (l->low <= 0 || r->low <= 0)
        return;
    for (size_t k = 0; k < n + m; k++)
        z[k] = log(v[s->index - n + k]);
    if (stats_unpaired(z, n, z + n, m, .05, &test))
        return;
    s->ratio = exp(test.hl);
    if (isfinite(test.lo) && isfinite(test.hi)) {
        s->ratio_low = exp(test.lo);
        s->ratio_high = exp(test.hi);
    }
}

static void drift(const double *v, const double *at_s, struct stats_history *h)
{
    const struct stats_segment *last = &h->segment[h->n_segments - 1];
    size_t n = last->to - last->from;
    h->drift_90_days = h->drift_p = NAN;
    if (n < DRIFT_POINTS || at_s[last->to - 1] - at_s[last->from] < least_seconds)
        return;
    double *y = mem_array(n, sizeof *y);
    for (size_t i = 0; i < n; i++)
        y[i] = last->low > 0 ? log(v[last->from + i]) : v[last->from + i];
    struct stats_trend t = stats_trend(at_s + last->from, y, n);
    free(y);
    double slope = t.slope * seconds_of_90_days;
    if (last->low > 0)
        h->drift_90_days = expm1(slope);
    else if (last->median != 0)
        h->drift_90_days = slope / fabs(last->median);
    h->drift_p = t.p;
}

void stats_history(const double *value, const double *at_s, size_t n,
                   const struct stats_edivisive_rule *rule, struct stats_history *ret)
{
    struct stats_change *change;
    *ret = (struct stats_history){.drift_90_days = NAN, .drift_p = NAN};
    if (!n)
        return;
    size_t found = stats_edivisive(value, n, rule, &change);
    ret->step = mem_array(found + 1, sizeof *ret->step);
    for (size_t i = 0; i < found; i++)
        ret->step[i] = (struct stats_step){.index = change[i].index, .p = change[i].p};
    ret->n_steps = found;
    free(change);
    if (!rule->compat_otava)
        add_tail(value, n, rule, ret);
    ret->n_segments = ret->n_steps + 1;
    ret->segment = mem_array(ret->n_segments, sizeof *ret->segment);
    for (size_t i = 0; i < ret->n_segments; i++)
        ret->segment[i] = segment_of(value, i ? ret->step[i - 1].index : 0,
                                     i < ret->n_steps ? ret->step[i].index : n);
    for (size_t i = 0; i < ret->n_steps; i++)
        measure(value, ret, i);
    drift(value, at_s, ret);
}

void stats_history_done(struct stats_history *h)
{
    free(h->segment);
    free(h->step);
    *h = (struct stats_history){0};
}
