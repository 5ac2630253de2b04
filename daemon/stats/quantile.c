/* Quantiles and what belongs to a median. */
#include "stats/quantile.h"

#include <math.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "stats/median.h"

double stats_quantile(const double *sorted, size_t n, double q)
{
    BUG_ON(!(q >= 0 && q <= 1));
    if (!n)
        return NAN;
    double at = q * (double)(n - 1), below = floor(at), part = at - below;
    size_t i = (size_t)below;
    if (i + 1 >= n || part == 0)
        return sorted[i];
    return sorted[i] * (1 - part) + sorted[i + 1] * part; /* so no difference can overflow */
}

double stats_mad(const double *x, size_t n)
{
    if (!n)
        return NAN;
    double centre = stats_median(x, n);
    double *away = mem_array(n, sizeof *away);
    for (size_t i = 0; i < n; i++)
        away[i] = fabs(x[i] - centre);
    double mad = stats_median(away, n);
    free(away);
    return mad;
}

struct stats_ranks_interval stats_median_ranks(size_t n, double conf)
{
    BUG_ON(n > 1000); /* 2^-1000 is still a normal double */
    struct stats_ranks_interval ret = {0, 0, 0};
    double term = ldexp(1, -(int)n), below = 0;
    for (size_t k = 0; 2 * (k + 1) <= n; k++) {
        below += term; /* P(at most k of n samples lie under the median) */
        double reached = 1 - 2 * below;
        if (reached < conf)
            break;
        ret = (struct stats_ranks_interval){k + 1, n - k, reached};
        term *= (double)(n - k) / (double)(k + 1);
    }
    return ret;
}
