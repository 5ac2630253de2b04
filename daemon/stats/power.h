/* The planner: how many rounds see an effect, known before anything runs. PURE.
 *
 * A round gives d = ln(head / base), normal with mean `effect` and standard deviation `sd`, which
 * is sqrt(2) times the coefficient of variation of one process. n_tests comparisons are judged
 * together by Holm; the worst case is taken, in which this one must reach alpha / n_tests.
 *
 * Power is the chance that the exact signed-rank test (signed_rank.h) rejects towards the effect.
 * Up to STATS_POWER_EXACT rounds it is computed, not simulated: going through |d| from 0 upwards,
 * the distribution of the rank sum of the wrong signs follows a linear differential equation (the
 * j-th smallest has rank j), integrated step by step; good to 5e-4. Beyond, a skewed approximation
 * with the exact mean and variance of W under the shift (Lehmann, Nonparametrics, 2.2 and A.4;
 * Wilson and Hilferty 1931), within .02, and .006 where power is above .9. No chance is involved.
 *
 * 25 comparisons at .05, +3 % (ln 1.03) at 1 % noise: 10 rounds .8313, 11 .9445, 12 .9664, 13
 * .9913; a million simulated experiments gave .8316, .9448, .9664, .9911. One comparison, 10
 * rounds: .99986. */
#ifndef STATS_POWER_H
#define STATS_POWER_H

#include <stddef.h>
#include <stdint.h>

#define STATS_POWER_EXACT      24
#define STATS_POWER_ROUNDS_MIN 6
#define STATS_POWER_ROUNDS_MAX 200

/* 2 / 2^rounds: what p can be at all. 10 rounds: .001953125. */
double stats_p_min(int32_t rounds);

/* ceil(log2(2 n_tests / alpha)): below it nothing can be found. At .05: 1 test 6, 25 tests 10. */
int32_t stats_rounds_floor(size_t n_tests, double alpha);

/* rounds between 1 and 1000, n_tests >= 1, 0 < alpha < 1, sd >= 0, finite; the sign of effect is
 * ignored. At most some 1e6 additions. */
double stats_power(int32_t rounds, size_t n_tests, double effect, double sd, double alpha);

/* The fewest rounds, STATS_POWER_ROUNDS_MIN .. _MAX, with that power; 0 when none has it. Some
 * 6 times the cost of one. */
int32_t stats_rounds_needed(size_t n_tests, double effect, double sd, double alpha, double target);

#endif
