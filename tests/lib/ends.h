/* The ends of an interval by its definition, for tests of those that are computed faster. */
#ifndef TESTS_LIB_ENDS_H
#define TESTS_LIB_ENDS_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "stats/ranks.h"

/* The outermost accepted places among at[0..n), which is sorted: every point and every cell between
 * two of them is asked. *lo > *hi when none is accepted. */
static inline void ends_by_asking(double *at, size_t n, bool (*accepts)(void *arg, double theta),
                                  void *arg, double *lo, double *hi)
{
    size_t kept = 0;
    stats_sort(at, n);
    for (size_t i = 0; i < n; i++)
        if (!kept || at[i] != at[kept - 1])
            at[kept++] = at[i];
    *lo = INFINITY;
    *hi = -INFINITY;
    for (size_t place = 0; place <= 2 * kept; place++) {
        size_t k = place / 2;
        double left = place % 2 || k ? at[place % 2 ? k : k - 1] : -INFINITY;
        double right = k < kept ? at[k] : INFINITY;
        double theta = isinf(left) ? right - 1 : isinf(right) ? left + 1 : (left + right) / 2;
        if (!accepts(arg, theta))
            continue;
        *lo = fmin(*lo, left);
        *hi = fmax(*hi, right);
    }
}

#endif
