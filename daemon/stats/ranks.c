/* Midranks by sorting values with their places. */
#include "stats/ranks.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"

struct place {
    double value;
    size_t at;
};

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int by_place_value(const void *a, const void *b)
{
    double x = ((const struct place *)a)->value, y = ((const struct place *)b)->value;
    return (x > y) - (x < y);
}

void stats_sort(double *x, size_t n)
{
    if (n)
        qsort(x, n, sizeof *x, by_value);
}

bool stats_ranks(const double *x, size_t n, int32_t *ret2)
{
    BUG_ON(n > STATS_RANKS_MAX);
    if (!n)
        return false;
    bool ties = false;
    struct place *sorted = mem_array(n, sizeof *sorted);
    for (size_t i = 0; i < n; i++)
        sorted[i] = (struct place){x[i], i};
    qsort(sorted, n, sizeof *sorted, by_place_value);
    for (size_t from = 0, to; from < n; from = to) {
        for (to = from + 1; to < n && sorted[to].value == sorted[from].value; to++)
            ties = true;
        /* Ranks from+1 .. to: twice their mean is the sum of first and last. */
        for (size_t i = from; i < to; i++)
            ret2[sorted[i].at] = (int32_t)(from + 1 + to);
    }
    free(sorted);
    return ties;
}

size_t stats_sort_unique(double *x, size_t n)
{
    size_t kept = 0;
    stats_sort(x, n);
    for (size_t i = 0; i < n; i++)
        if (!kept || x[i] != x[kept - 1])
            x[kept++] = x[i];
    return kept;
}

bool stats_has_equal(const double *x, size_t n)
{
    int32_t *r2 = mem_array(n, sizeof *r2);
    bool ties = stats_ranks(x, n, r2);
    free(r2);
    return ties;
}
