/* The median. */
#include "stats/median.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "stats/ranks.h"

double stats_median(const double *samples, size_t n)
{
    if (!n)
        return NAN;
    double *sorted = mem_array(n, sizeof *sorted);
    memcpy(sorted, samples, n * sizeof *sorted);
    stats_sort(sorted, n);
    double high = sorted[n / 2];
    double low = n % 2 ? high : sorted[n / 2 - 1];
    free(sorted);
    double sum = low + high;
    return isfinite(sum) ? sum / 2 : low / 2 + high / 2;
}
