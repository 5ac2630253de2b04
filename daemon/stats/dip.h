/* Hartigan's dip: has this sample more than one mode? PURE.
 *
 * The dip is the largest distance between the empirical distribution function and the unimodal one
 * that fits it best. Hartigan and Hartigan 1985, Annals of Statistics 13; computed as in Hartigan
 * 1985, Applied Statistics AS 217, with the corrections of Maechler's R package diptest.
 * R: diptest::dip(c(1, 2, 3, 8, 9, 10)) is 5 / 28. */
#ifndef STATS_DIP_H
#define STATS_DIP_H

#include <stddef.h>

#define STATS_DIP_MIN 20 /* below it the test sees nothing */

/* sorted: ascending, finite. Between 1 / (2n) and 1/4; 1 / (2n) when all are equal; 0 when n is 0.
 * Cost: O(n log n) as a rule. */
double stats_dip(const double *sorted, size_t n);

/* P(a dip this large or larger in a uniform sample of that size), the least favourable unimodal
 * one. From quantiles of sqrt(n) * dip at seven sizes, 400,000 seeded uniform samples each
 * (tests/real/stats_dip_table.c), interpolated in 1 / sqrt(n) and in ln p; beyond the table it ends
 * at 1e-4. Within 5 % of p where p is .2 to .001. NaN when n < STATS_DIP_MIN. */
double stats_dip_p(double dip, size_t n);

#endif
