/* Midranks: equal values share the mean of the ranks they take. They come doubled, as integers, so
 * that sums of ranks are exact and a permutation distribution can be counted. PURE. */
#ifndef STATS_RANKS_H
#define STATS_RANKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STATS_RANKS_MAX 20000 /* doubled ranks and their sums stay within 32 bits */

/* Sort ascending, in place. No NaN. */
void stats_sort(double *x, size_t n);

/* The same, and each value once; returns how many are left. */
size_t stats_sort_unique(double *x, size_t n);

/* ret2[i] = 2 * midrank of x[i], from 2 (smallest) to 2n. n <= STATS_RANKS_MAX; no NaN; -0 equals
 * 0. Returns whether two values are equal. (3, 1, 3) gives 5, 2, 5. As R's rank(). */
bool stats_ranks(const double *x, size_t n, int32_t *ret2);

/* Are two of them equal? */
bool stats_has_equal(const double *x, size_t n);

#endif
