/* From a rank test to its interval: the shifts that the test does not reject. Used by the paired
 * and the unpaired test, so both intervals are made the same way. PURE.
 *
 * A rank test's answer changes only where a shift meets one of finitely many values (Walsh
 * averages, pairwise differences). So the line falls into these points and the cells between them,
 * and one look at each decides. Going outwards the data come to lie more and more to one side, so
 * each end is found by halving; without ties the ends are order statistics of the points. With ties
 * the null distribution changes on the way, and nothing proves that p never steps back; in 40,000
 * seeded samples with ties it did not, and stats_interval_settle() makes sure of 0 in any case. */
#ifndef STATS_INVERT_H
#define STATS_INVERT_H

#include <stdbool.h>
#include <stddef.h>

/* The one-sided p of the data shifted back by theta, towards the side the data lie on: *side is +1
 * when they lie above theta, -1 below, 0 evenly. The two-sided p is twice that, 1 at most. */
typedef double stats_tail_fn(const void *ctx, double theta, int *side);

struct stats_interval {
    double lo, hi; /* -INFINITY, INFINITY: the test can reject nothing there */
    double conf;   /* what is really reached, >= 1 - alpha */
};

/* points: ascending, each once, m >= 1. Costs about 2 log2(2m) tails. */
struct stats_interval stats_invert(const double *points, size_t m, double alpha,
                                   stats_tail_fn *tail, const void *ctx);

/* Without ties: `reject` is how many of the m points lie outside on each side (0 = none:
 * unbounded), tail the one-sided p that goes with it. */
struct stats_interval stats_invert_ranked(const double *points, size_t m, size_t reject,
                                          double tail);

/* Make the ends say of 0 what the test said. An end that is 0 while 0 itself is rejected becomes
 * DBL_MIN (or -DBL_MIN): then `lo > 0 || hi < 0` is `rejected`, always. */
void stats_interval_settle(struct stats_interval *iv, bool rejected, int side);

#endif
