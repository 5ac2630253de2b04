/* Quantiles, spread, and an interval for a median that assumes nothing of the distribution. PURE.
 * Samples are finite; sizes are the caller's, each function costs a sort or less. */
#ifndef STATS_QUANTILE_H
#define STATS_QUANTILE_H

#include <stddef.h>

/* The q-quantile, 0 <= q <= 1, of ascending samples; linear between neighbours as R's type 7.
 * NaN when n is 0. (1, 2, 3, 4) at .25 gives 1.75. */
double stats_quantile(const double *sorted, size_t n, double q);

/* Median absolute deviation from the median, unscaled: 1.4826 times it estimates a normal
 * distribution's sd. NaN when n is 0. R: mad(x, constant = 1); (1, 1, 2, 2, 4, 6, 9) gives 1. */
double stats_mad(const double *x, size_t n);

struct stats_ranks_interval {
    size_t lo, hi; /* ranks, 1 = smallest; 0 = no pair of ranks reaches the confidence */
    double conf;   /* what the pair reaches */
};

/* The narrowest symmetric pair of order statistics that covers the median with at least conf:
 * P = 1 - 2 * Binomial(lo - 1; n, 1/2). David and Nagaraja, Order Statistics, 7.1. At .95: n = 6
 * ranks 1 and 6 (.969), 10 ranks 2 and 9 (.979), 20 ranks 6 and 15 (.959). n <= 1000. */
struct stats_ranks_interval stats_median_ranks(size_t n, double conf);

#endif
