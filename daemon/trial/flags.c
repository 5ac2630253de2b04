/* What is strange about a series. Said, never acted upon: a number that was measured stays. */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "stats/quantile.h"
#include "trial/sample.h"

#define OUTLIER_Z 10 /* modified z, as hyperfine's: a value that is not of this distribution */

static bool has_outlier(const double *v, size_t n, double median)
{
    double mad = 1.4826 * stats_mad(v, n);

    for (size_t i = 0; mad > 0 && i < n; i++)
        if (fabs(v[i] - median) / mad > OUTLIER_Z)
            return true;
    return false;
}

static uint32_t side_flags(const struct trial_point *p, size_t n)
{
    double *v = mem_array(n + 1, sizeof *v);
    uint32_t flags = 0;

    for (size_t i = 0; i < n; i++)
        v[i] = p[i].value;
    if (has_outlier(v, n, trial_sample_median(p, n)))
        flags |= TRIAL_FLAG_OUTLIERS;
    free(v);
    return flags;
}

uint32_t trial_sample_flags(const struct trial_sample *s)
{
    return side_flags(s->base, s->n_base) | side_flags(s->head, s->n_head);
}
