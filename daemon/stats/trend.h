/* Slow drift of a series: how steep, and whether it can be chance. PURE. */
#ifndef STATS_TREND_H
#define STATS_TREND_H

#include <stddef.h>

#define STATS_TREND_POINTS_MAX                                                                     \
    1000 /* pairs go with the square: of more points the last are taken */

struct stats_trend {
    double slope; /* per unit of x; NaN when no two points differ in x */
    double p;     /* two-sided; 1 when nothing can be said */
};

/* Slope: Theil-Sen, the median over all pairs of (y2 - y1)/(x2 - x1). p: Mann-Kendall by its normal
 * approximation with continuity correction and ties in y (Kendall 1975; Gilbert 1987, 16.4.2).
 * x ascends and values are finite.
 * Reference: y = 1 2 3 4 5 6 7 8 9 10 on x = 0..9 has slope 1 and p = 8.303e-5 (S = 45). */
struct stats_trend stats_trend(const double *x, const double *y, size_t n);

#endif
