/* The median of raw samples: the middle one, or the mean of the two in the middle. PURE. */
#ifndef STATS_MEDIAN_H
#define STATS_MEDIAN_H

#include <stddef.h>

/* NaN when n is 0. Samples are finite and stay as they are. */
double stats_median(const double *samples, size_t n);

#endif
