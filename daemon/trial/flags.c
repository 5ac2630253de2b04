/* What is strange about a series. Said, never acted upon: a number that was measured stays. */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "stats/dip.h"
#include "stats/ranks.h"
#include "stats/serial.h"
#include "trial/sample.h"

#define OUTLIER_Z 10  /* modified z, as hyperfine's: a value that is not of this distribution */
#define BIMODAL_P .05 /* of the dip test, from STATS_DIP_MIN values on */
#define DRIFT_P   .01 /* of a series, all looks at it together */

static int by_seq(const void *pa, const void *pb)
{
    const struct trial_point *a = pa, *b = pb;

    return (a->seq > b->seq) - (a->seq < b->seq);
}

/* The values of a side in the order in which they were measured. */
static double *in_order(const struct trial_point *p, size_t n)
{
    struct trial_point *sorted = mem_array(n + 1, sizeof *sorted);
    double *v = mem_array(n + 1, sizeof *v);

    for (size_t i = 0; i < n; i++)
        sorted[i] = p[i];
    qsort(sorted, n, sizeof *sorted, by_seq);
    for (size_t i = 0; i < n; i++)
        v[i] = sorted[i].value;
    free(sorted);
    return v;
}

/* Two sides, each looked at for a trend and for memory: four chances of a false alarm. */
static bool drifts(const double *v, size_t n)
{
    return stats_order(v, n).p < DRIFT_P / 4 || stats_lag1(v, n).p < DRIFT_P / 4;
}

/* Sorts v. */
static bool has_two_modes(double *v, size_t n)
{
    if (n < STATS_DIP_MIN)
        return false;
    stats_sort(v, n);
    return stats_dip_p(stats_dip(v, n), n) < BIMODAL_P;
}

static uint32_t side_flags(const struct trial_point *p, size_t n)
{
    double *v = in_order(p, n);
    uint32_t flags = 0;

    if (stats_outliers(v, n, OUTLIER_Z, NULL) > 0)
        flags |= TRIAL_FLAG_OUTLIERS;
    if (drifts(v, n))
        flags |= TRIAL_FLAG_DRIFT;
    if (has_two_modes(v, n))
        flags |= TRIAL_FLAG_BIMODAL;
    free(v);
    return flags;
}

uint32_t trial_sample_flags(const struct trial_sample *s)
{
    return side_flags(s->base, s->n_base) | side_flags(s->head, s->n_head);
}
