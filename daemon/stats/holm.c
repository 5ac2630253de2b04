/* Step-down and step-up adjustment. */
#include "stats/holm.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

struct ranked {
    double p;
    size_t at;
};

static int by_p(const void *a, const void *b)
{
    double x = ((const struct ranked *)a)->p, y = ((const struct ranked *)b)->p;
    return (x > y) - (x < y);
}

static struct ranked *ascending(const double *p, size_t n)
{
    struct ranked *sorted = mem_array(n, sizeof *sorted);
    for (size_t i = 0; i < n; i++)
        sorted[i] = (struct ranked){p[i], i};
    qsort(sorted, n, sizeof *sorted, by_p);
    return sorted;
}

void stats_holm(const double *p, size_t n, double *ret_adjusted)
{
    if (!n)
        return;
    struct ranked *sorted = ascending(p, n);
    double largest = 0;
    for (size_t i = 0; i < n; i++) {
        largest = fmax(largest, fmin(1, sorted[i].p * (double)(n - i)));
        ret_adjusted[sorted[i].at] = largest;
    }
    free(sorted);
}

void stats_bh(const double *p, size_t n, double *ret_q)
{
    if (!n)
        return;
    struct ranked *sorted = ascending(p, n);
    double smallest = 1;
    for (size_t i = n; i-- > 0;) {
        smallest = fmin(smallest, sorted[i].p * (double)n / (double)(i + 1));
        ret_q[sorted[i].at] = smallest;
    }
    free(sorted);
}
