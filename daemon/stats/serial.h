/* What is wrong with a series of measurements in the order they were taken: drift, memory, strays.
 * Flags for a reader; nothing is ever deleted. PURE. Values are finite, n at most STATS_RANKS_MAX.
 */
#ifndef STATS_SERIAL_H
#define STATS_SERIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stats_serial {
    double rho; /* between -1 and 1; 0 when it is not defined */
    double p;   /* two-sided; 1 when it is not defined */
};

/* Spearman's rank correlation of x and y, with midranks. Up to n = STATS_SPEARMAN_EXACT p counts
 * all permutations of the ranks that are there; beyond it is Student's t with n - 2 degrees of
 * freedom, as scipy's spearmanr: at n = 10 its .01 is really .013. Spearman 1904; R:
 * cor.test(method = "spearman"). (1 .. 5) with (2, 1, 4, 3, 5): rho .8, p = 16 / 120. */
#define STATS_SPEARMAN_EXACT 7
struct stats_serial stats_spearman(const double *x, const double *y, size_t n);

/* The same, of the order of measuring with the value: drift. */
struct stats_serial stats_order(const double *x, size_t n);

/* Correlation of the rank of each value with that of the next: memory. p by the rank version of von
 * Neumann's ratio, normal with its exact mean and variance, n >= 4. Bartels 1982, JASA 77; R:
 * trend::bartels.test. 1 .. 10: rho .7, p = .00115. */
struct stats_serial stats_lag1(const double *x, size_t n);

/* How many values lie more than `limit` scaled MADs from the median; ret_out (n of them, or NULL)
 * says which. A MAD of 0 (half the values equal) makes none an outlier, since then any step of the
 * clock would be. limit = 10: hyperfine's, after Iglewicz and Hoaglin 1993. */
size_t stats_outliers(const double *x, size_t n, double limit, bool *ret_out);

/* Cliff's delta: P(y > x) - P(y < x) over all pairs; |delta| < .15 negligible, < .33 small, < .47
 * medium. 0 when a side is empty. Cliff 1993; n + m <= STATS_RANKS_MAX. */
double stats_cliff(const double *x, size_t n, const double *y, size_t m);

#endif
