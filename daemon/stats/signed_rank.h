/* The paired test: did the rounds of an experiment move one way? PURE.
 *
 * d are the paired differences, ln(head / base) of each round: finite, n between 1 and
 * STATS_PAIRED_MAX. A caller that has rounds without a number leaves them out before.
 *
 * The test is Wilcoxon's signed-rank test, two-sided and exact whatever the ties: given the ranks
 * that are there, each sign is + or - with equal chance, and all sign patterns are counted by
 * dynamic programming over doubled midranks. Zeros take their ranks and are then left out (Pratt
 * 1959, JASA 54), so many zeros make a few small others weigh little. Hollander, Wolfe and Chicken,
 * Nonparametric Statistical Methods, 3.1 to 3.3; R: wilcox.test(paired = TRUE, exact = TRUE,
 * conf.int = TRUE) where there are neither ties nor zeros, coin::wilcoxsign_test(zero.method =
 * "Pratt", distribution = "exact") where there are.
 *
 * Cost: the DP takes n * W additions, W at most n squared / 4, twice that with ties: 30,000 at
 * n = 50, 2e8 at 1000. An interval adds sorting n (n + 1) / 2 numbers, and where differences are
 * equal some 30 more DPs up to n = STATS_PAIRED_CELLS_EXACT, above which the cells of the interval
 * (never the p-value) use the normal approximation. */
#ifndef STATS_SIGNED_RANK_H
#define STATS_SIGNED_RANK_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

#define STATS_PAIRED_MAX         1000
#define STATS_PAIRED_CELLS_EXACT 100

struct signed_rank {
    double w_plus;  /* sum of the midranks of positive differences */
    int32_t n_used; /* differences that are not 0 */
    double p;       /* two-sided; 2 / 2^n at least, 1 when all are 0 */
};

/* 0, or -1 when n is 0 or too large. d = 1 .. 10: w_plus 55, p = .001953125. */
int stats_signed_rank(const double *d, size_t n, struct signed_rank *ret) NODISCARD;

struct stats_paired {
    double hl;            /* Hodges-Lehmann: the median of all (d[i] + d[j]) / 2, i <= j */
    double lo, hi;        /* shifts that the test does not reject; may be -INFINITY, INFINITY */
    double conf_achieved; /* >= 1 - alpha, as ranks come in steps */
    double p, w;          /* of stats_signed_rank */
    int32_t n_used;
};

/* Test, estimate and the interval by inversion of that very test: `lo > 0 || hi < 0` exactly when
 * p <= alpha. An end that would be 0 while 0 is rejected is DBL_MIN from it, so compare ends as
 * they are, never as exp(). 0, or -1 (n, or alpha not within (0, 1)).
 * Without ties at alpha .05: n = 10 the 9th smallest and largest of the 55 averages (.951), n = 6
 * smallest and largest (.969), n <= 5 unbounded. */
int stats_paired(const double *d, size_t n, double alpha, struct stats_paired *ret) NODISCARD;

/* The interval of two one-sided tests at alpha each (TOST): that of stats_paired at 2 * alpha.
 * Equivalent within a margin when -margin < lo and hi < margin. Schuirmann 1987. */
int stats_paired_tost(const double *d, size_t n, double alpha, double *ret_lo,
                      double *ret_hi) NODISCARD;

/* P(W <= w) of n untied ranks: the exact null distribution. n = 10, w = 8: .0244140625.
 * R: psignrank(8, 10). n between 1 and STATS_PAIRED_MAX. */
double stats_signed_rank_cdf(size_t n, int64_t w);

/* The largest w with 2 P(W <= w) <= alpha, and the P of it; -1 when there is none. */
int64_t stats_signed_rank_critical(size_t n, double alpha, double *ret_p);

#endif
