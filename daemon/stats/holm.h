/* Many comparisons at once. p[i] within [0, 1], n >= 0; answers stand in input order. PURE. */
#ifndef STATS_HOLM_H
#define STATS_HOLM_H

#include <stddef.h>

/* Adjusted p: reject where it is <= alpha, and the chance of one false rejection or more among all
 * n is <= alpha. Holm 1979, Scand. J. Statist. 6. R: p.adjust(p, "holm"):
 * (.01, .02, .03, .04) gives .04, .06, .06, .06. */
void stats_holm(const double *p, size_t n, double *ret_adjusted);

/* q: among those with q <= a the expected share of false ones is <= a; for display, never for a
 * gate. Benjamini and Hochberg 1995, JRSS B 57. R: p.adjust(p, "BH"): the same p give .04 four
 * times. */
void stats_bh(const double *p, size_t n, double *ret_q);

#endif
