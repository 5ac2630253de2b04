/* The unpaired test, for numbers that were not measured in pairs: two stored runs, files from CI.
 * Drift between the two is not controlled; a reader must be told. PURE.
 *
 * x and y are finite, n and m between 1 and STATS_RANK_SUM_MAX.
 *
 * Mann-Whitney's U (Wilcoxon's rank sum), two-sided. With n, m <= STATS_RANK_SUM_EXACT it is exact,
 * given the ties that are there: all choices of n of the n + m midranks are counted by dynamic
 * programming (Mann and Whitney 1947; Streitberg and Roehmel 1986 for ties); p is twice the smaller
 * tail, 1 at most. Beyond, the normal approximation with the correction for ties and half a unit of
 * continuity (Lehmann, Nonparametrics, 1.4), as R: wilcox.test(exact = FALSE). Where there are no
 * ties the exact p is that of wilcox.test(exact = TRUE) and scipy's mannwhitneyu(method = "exact").
 *
 * Cost: the DP takes (n + m) * min(n, m) * rank sum additions: 20,000 at 10 and 10, 1.3e7 at 50 and
 * 50, twice that with ties. The estimate sorts n * m differences. */
#ifndef STATS_RANK_SUM_H
#define STATS_RANK_SUM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

#define STATS_RANK_SUM_MAX         1000
#define STATS_RANK_SUM_EXACT       50
#define STATS_RANK_SUM_CELLS_EXACT 40 /* n + m up to which an interval with ties is exact */

struct rank_sum {
    double u; /* pairs with x > y, a tied pair counts half; that of R, from the first sample */
    double p;
    bool exact;
};

/* 0, or -1 when a size is out of range. Four against four, separated: .0285714; five: .0079365;
 * the two columns of benchstat's gob example: u = 39.5, p = .446102. */
int stats_rank_sum(const double *x, size_t n, const double *y, size_t m,
                   struct rank_sum *ret) NODISCARD;

struct stats_unpaired {
    double hl;            /* median of all head[j] - base[i]: of logarithms, ln of the ratio */
    double lo, hi;        /* shifts that the test does not reject; may be -INFINITY, INFINITY */
    double conf_achieved; /* >= 1 - alpha where exact */
    double p, u;
    bool exact;
};

/* How far head lies above base, by the inversion of the same test: `lo > 0 || hi < 0` exactly when
 * p <= alpha; see stats_paired on ends at 0. 0, or -1 (a size, or alpha not within (0, 1)).
 * R: wilcox.test(head, base, conf.int = TRUE). 5 against 5 at .05: the 3rd smallest and largest of
 * the 25 differences (.968). */
int stats_unpaired(const double *base, size_t n, const double *head, size_t m, double alpha,
                   struct stats_unpaired *ret) NODISCARD;

#endif
