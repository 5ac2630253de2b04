/* From observations to the numbers that are tested. */
#include "trial/sample.h"

#include <math.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "stats/median.h"
#include "stats/rank_sum.h"

/* Far beyond any ratio; keeps sums of differences finite. */
#define D_MAX 1e300

static void count_round(struct trial_sample *s, const struct trial_cell *x)
{
    for (int side = 0; side < SIDE_COUNT; side++) {
        const struct trial_obs *o = x->of[side];
        if (o == NULL)
            s->absent[side]++;
        else if (trial_obs_has_value(o))
            s->valued[side]++;
        else
            *(o->status == RESULT_SKIPPED ? &s->skipped[side] : &s->failed[side]) += 1;
    }
}

static void add_point(struct trial_point *p, size_t *n, const struct trial_obs *o)
{
    p[(*n)++] = (struct trial_point){o->value, o->seq};
}

static void take(struct trial_sample *s, const struct trial_cell *x, bool unpaired)
{
    const struct trial_obs *b = x->of[SIDE_BASE], *h = x->of[SIDE_HEAD];
    bool has_b = trial_obs_has_value(b), has_h = trial_obs_has_value(h);

    if (!unpaired && !(has_b && has_h))
        return;
    if (has_b) {
        add_point(s->base, &s->n_base, b);
        s->tainted |= b->tainted;
    }
    if (has_h) {
        add_point(s->head, &s->n_head, h);
        s->tainted |= h->tainted;
    }
}

static bool all_positive(const struct trial_point *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!(p[i].value > 0))
            return false;
    return true;
}

double trial_sample_median(const struct trial_point *p, size_t n)
{
    double *v = mem_array(n + 1, sizeof *v), m;

    for (size_t i = 0; i < n; i++)
        v[i] = p[i].value;
    m = stats_median(v, n);
    free(v);
    return m;
}

/* Ratios need positive values. Else differences over the base's median; of a base that is 0 over
 * the head's; all zero: as they are. */
static void choose_scale(struct trial_sample *s)
{
    s->difference = !all_positive(s->base, s->n_base) || !all_positive(s->head, s->n_head);
    s->scale = fabs(trial_sample_median(s->base, s->n_base));
    if (!(s->scale > 0))
        s->scale = fabs(trial_sample_median(s->head, s->n_head));
    if (!(s->scale > 0))
        s->scale = 1;
}

/* A value on the line where differences are taken. */
static double on_line(const struct trial_sample *s, enum better better, double value)
{
    double x = s->difference ? value / s->scale : log(value);

    if (better == BETTER_HIGHER)
        x = -x;
    return x > D_MAX ? D_MAX : x < -D_MAX ? -D_MAX : x;
}

/* By the quotient where it is a number: equal ratios then tie, as they should. */
static double difference_of(const struct trial_sample *s, enum better better, double base,
                            double head)
{
    double q = head / base;

    if (!s->difference && q > 0 && isfinite(q))
        return better == BETTER_HIGHER ? -log(q) : log(q);
    return on_line(s, better, head) - on_line(s, better, base);
}

/* A side that is measured without the other still has something to show. */
static double median_alone(const struct trial_cell *cell, size_t n, enum side side)
{
    double *v = mem_array(n + 1, sizeof *v), m;
    size_t found = 0;

    for (size_t i = 0; i < n; i++)
        if (trial_obs_has_value(cell[i].of[side]))
            v[found++] = cell[i].of[side]->value;
    m = stats_median(v, found);
    free(v);
    return m;
}

void trial_sample_init(struct trial_sample *s, const struct trial_grid *g,
                       const struct trial_case *c, int32_t series, int32_t batch)
{
    size_t n;
    struct trial_cell *cell = trial_grid_cells(g, c, series, batch, &n);
    enum better better = c->series[series].better;

    *s = (struct trial_sample){0};
    s->base = mem_array(n + 1, sizeof *s->base);
    s->head = mem_array(n + 1, sizeof *s->head);
    for (size_t i = 0; i < n; i++) {
        count_round(s, &cell[i]);
        if (i < TRIAL_SAMPLE_MAX)
            take(s, &cell[i], c->unpaired);
    }
    for (int side = 0; side < SIDE_COUNT; side++)
        s->alone[side] = median_alone(cell, n, (enum side)side);
    free(cell);
    choose_scale(s);
    if (c->unpaired)
        return;
    s->d = mem_array(s->n_base + 1, sizeof *s->d);
    for (size_t i = 0; i < s->n_base; i++)
        s->d[i] = difference_of(s, better, s->base[i].value, s->head[i].value);
}

void trial_sample_done(struct trial_sample *s)
{
    free(s->base);
    free(s->head);
    free(s->d);
}

size_t trial_sample_n(const struct trial_sample *s)
{
    return s->n_base < s->n_head ? s->n_base : s->n_head;
}

static void test_paired(const struct trial_sample *s, double alpha, struct trial_test *ret)
{
    struct stats_paired t;

    BUG_ON(stats_paired(s->d, s->n_base, alpha, &t) != 0);
    *ret = (struct trial_test){.hl = t.hl, .lo = t.lo, .hi = t.hi, .p = t.p};
    BUG_ON(stats_paired_tost(s->d, s->n_base, alpha, &ret->eq_lo, &ret->eq_hi) != 0);
}

static void test_unpaired(const struct trial_sample *s, enum better better, double alpha,
                          struct trial_test *ret)
{
    double *b = mem_array(s->n_base, sizeof *b), *h = mem_array(s->n_head, sizeof *h);
    struct stats_unpaired t, eq;

    for (size_t i = 0; i < s->n_base; i++)
        b[i] = on_line(s, better, s->base[i].value);
    for (size_t i = 0; i < s->n_head; i++)
        h[i] = on_line(s, better, s->head[i].value);
    BUG_ON(stats_unpaired(b, s->n_base, h, s->n_head, alpha, &t) != 0);
    BUG_ON(stats_unpaired(b, s->n_base, h, s->n_head, 2 * alpha, &eq) != 0);
    *ret = (struct trial_test){t.hl, t.lo, t.hi, eq.lo, eq.hi, t.p};
    free(b);
    free(h);
}

void trial_sample_test(const struct trial_sample *s, enum better better, double alpha,
                       struct trial_test *ret)
{
    if (trial_sample_n(s) == 0)
        *ret = (struct trial_test){NAN, NAN, NAN, NAN, NAN, 1};
    else if (s->d != NULL)
        test_paired(s, alpha, ret);
    else
        test_unpaired(s, better, alpha, ret);
}

double trial_ratio(const struct trial_sample *s, enum better better, double d)
{
    double raw = better == BETTER_HIGHER ? -d : d;

    return s->difference ? 1 + raw : exp(raw);
}

double trial_margin(const struct trial_sample *s, double fraction)
{
    return s->difference ? fraction : log1p(fraction);
}
