/* One number for a person: the geometric mean over the series that can be averaged at all. */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "trial/rows.h"

enum { SERIES_MIN = 2 };

/* Times before rates before counts, never mixed, of one direction: the mean of a time and a
 * throughput is nothing. */
static bool belongs(const struct trial_case *c, const struct trial_row *row, enum metric_kind kind,
                    enum better better)
{
    const struct trial_series *s = &c->series[row->series];

    return s->kind == kind && s->better == better && row->n > 0 && isfinite(row->effect) &&
           !(row->flags & (TRIAL_FLAG_SHOWN_ONLY | TRIAL_FLAG_DIFFERENCE));
}

struct mean_work {
    double *sum; /* by round */
    int32_t *n;
    size_t rounds;
    int32_t series;
};

static void add_series(struct mean_work *w, const struct trial_case *c, const struct trial_grid *g,
                       int32_t series)
{
    size_t n;
    struct trial_cell *cell = trial_grid_cells(g, c, series, TRIAL_BATCH_MAIN, &n);

    for (size_t i = 0; i < n; i++) {
        const struct trial_obs *b = cell[i].of[SIDE_BASE], *h = cell[i].of[SIDE_HEAD];
        if ((size_t)cell[i].round >= w->rounds || !trial_obs_has_value(b) ||
            !trial_obs_has_value(h))
            continue;
        w->sum[cell[i].round] += log(h->value) - log(b->value);
        w->n[cell[i].round]++;
    }
    free(cell);
    w->series++;
}

/* The rounds in which every series has its pair. */
static size_t full_rounds(const struct mean_work *w, double *d)
{
    size_t n = 0;

    for (size_t i = 0; i < w->rounds; i++)
        if (w->n[i] == w->series)
            d[n++] = w->sum[i] / w->series;
    return n;
}

static void paired_mean(const struct trial_case *c, struct mean_work *w,
                        struct trial_judgement *ret)
{
    double *d = mem_array(w->rounds + 1, sizeof *d);
    struct stats_paired t;

    if (stats_paired(d, full_rounds(w, d), c->alpha, &t) == 0) {
        ret->geomean = exp(t.hl);
        ret->geomean_lo = isfinite(t.lo) ? exp(t.lo) : NAN;
        ret->geomean_hi = isfinite(t.hi) ? exp(t.hi) : NAN;
    }
    free(d);
}

/* Without pairs, and where no round has them all: of the rows' effects, and no interval. */
static void plain_mean(const struct trial_case *c, struct trial_judgement *ret,
                       enum metric_kind kind, enum better better)
{
    double sum = 0;
    int32_t n = 0;

    for (size_t i = 0; i < ret->n_rows; i++) {
        if (!belongs(c, &ret->row[i], kind, better))
            continue;
        sum += log(ret->row[i].effect);
        n++;
    }
    ret->geomean = exp(sum / n);
}

static bool mean_of(const struct trial_case *c, const struct trial_grid *g,
                    struct trial_judgement *ret, enum metric_kind kind, enum better better)
{
    struct mean_work w = {.rounds = TRIAL_SAMPLE_MAX};

    w.sum = mem_array(w.rounds, sizeof *w.sum);
    w.n = mem_array(w.rounds, sizeof *w.n);
    for (size_t i = 0; i < ret->n_rows; i++)
        if (belongs(c, &ret->row[i], kind, better))
            add_series(&w, c, g, ret->row[i].series);
    bool is = w.series >= SERIES_MIN;
    if (is && !c->unpaired)
        paired_mean(c, &w, ret);
    if (is && isnan(ret->geomean))
        plain_mean(c, ret, kind, better);
    free(w.sum);
    free(w.n);
    return is;
}

void trial_geomean(const struct trial_case *c, const struct trial_grid *g,
                   struct trial_judgement *ret)
{
    static const struct {
        enum metric_kind kind;
        enum better better;
    } order[] = {
        {METRIC_TIME, BETTER_LOWER},
        {METRIC_RATE, BETTER_HIGHER},
        {METRIC_COUNT, BETTER_LOWER},
    };

    ret->geomean = ret->geomean_lo = ret->geomean_hi = NAN;
    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        if (mean_of(c, g, ret, order[i].kind, order[i].better))
            return;
}
