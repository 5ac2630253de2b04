/* Power of the signed-rank test under a normal shift. */
#include "stats/power.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "stats/signed_rank.h"

#define STEPS      48    /* over at most 2 * BEYOND */
#define BEYOND     7     /* standard deviations that are looked at around the mean */
#define CERTAIN    40    /* standard deviations: no sign can be wrong */
#define DP_MAX     40    /* rounds */
#define NEAR       4     /* rounds that the approximation may be wrong by */
#define NEGLIGIBLE 1e-12 /* chance of that many rounds within one step */

static double normal_cdf(double z)
{
    return erfc(-z / sqrt(2)) / 2;
}

static double normal_density(double z)
{
    return exp(-z * z / 2) * 0.39894228040143267794;
}

double stats_p_min(int32_t rounds)
{
    return ldexp(1, 1 - rounds);
}

int32_t stats_rounds_floor(size_t n_tests, double alpha)
{
    BUG_ON(!n_tests || !(alpha > 0 && alpha < 1));
    int32_t rounds = 1;
    while (stats_p_min(rounds) * (double)n_tests > alpha)
        rounds++;
    return rounds;
}

/* chance[j][w], j = 0 .. rounds, w = 0 .. critical: of j rounds, all with |d| below x, that the
 * ranks of those with the wrong sign sum up to w. */
struct growth {
    size_t rounds, wide; /* wide = critical + 1 */
};

/* The generator of one step: the j-th comes after j - 1 smaller ones, with the right sign or the
 * wrong one, whose rank it then adds. */
static void one_more(const struct growth *g, double right, double wrong, const double *chance,
                     double *ret)
{
    memset(ret, 0, g->wide * sizeof *ret);
    for (size_t j = 1; j <= g->rounds; j++) {
        const double *less = chance + (j - 1) * g->wide;
        double *to = ret + j * g->wide;
        double stay = (double)j * right, add = (double)j * wrong;
        for (size_t w = 0; w < g->wide; w++)
            to[w] = stay * less[w];
        for (size_t w = j; w < g->wide; w++)
            to[w] += add * less[w - j];
    }
}

/* chance = exp(generator) chance, by its series: the n-th term is n rounds within this step, and
 * the terms end when so many are out of the question. */
static void step(const struct growth *g, double right, double wrong, double *chance, double *work)
{
    size_t all = (g->rounds + 1) * g->wide;
    double *term = work, *next = work + all, *swap;
    double expected = (double)g->rounds * (right + wrong), likely = 1;
    memcpy(term, chance, all * sizeof *term);
    for (size_t n = 1; n <= g->rounds && likely > NEGLIGIBLE; n++) {
        one_more(g, right / (double)n, wrong / (double)n, term, next);
        for (size_t i = 0; i < all; i++)
            chance[i] += next[i];
        swap = term, term = next, next = swap;
        likely *= expected / (double)n;
    }
}

static double growth_in(int steps, size_t rounds, double shift, size_t critical)
{
    struct growth g = {rounds, critical + 1};
    size_t all = (rounds + 1) * g.wide;
    double from = fmax(0, shift - BEYOND), h = (shift + BEYOND - from) / steps, power = 0;
    double *chance = mem_array(3 * all, sizeof *chance);
    chance[0] = 1;
    for (int i = 0; i < steps; i++) {
        double x = from + i * h;
        double right = normal_cdf(x + h - shift) - normal_cdf(x - shift);
        double wrong = normal_cdf(-x - shift) - normal_cdf(-x - h - shift);
        step(&g, right, wrong, chance, chance + all);
    }
    for (size_t w = 0; w < g.wide; w++)
        power += chance[rounds * g.wide + w];
    free(chance);
    return power;
}

/* A step takes its signs as evenly mixed, which is wrong by the square of its width: two widths
 * tell how much, and it is taken off (Richardson). */
static double power_by_growth(size_t rounds, double shift, size_t critical)
{
    double coarse = growth_in(STEPS / 2, rounds, shift, critical);
    double fine = growth_in(STEPS, rounds, shift, critical);
    return fmin(1, fine + (fine - coarse) / 3);
}

/* P(d1 + d2 > 0 and d1 + d3 > 0), by Simpson's rule over d1. */
static double two_sums_positive(double shift)
{
    const int halves = 200;
    const double wide = 8;
    double sum = 0, h = 2 * wide / halves;
    for (int i = 0; i <= halves; i++) {
        double z = -wide + i * h, other = normal_cdf(z + 2 * shift);
        sum += (i == 0 || i == halves ? 1 : i % 2 ? 4 : 2) * normal_density(z) * other * other;
    }
    return sum * h / 3;
}

/* What the moments of W need to know of a shift, in standard deviations. */
struct lift {
    double shift;
    double p1, p2, p3; /* P(d1 > 0), P(d1 + d2 > 0), P(d1 + d2 > 0 and d1 + d3 > 0) */
};

static struct lift lift_of(double effect, double sd)
{
    BUG_ON(!isfinite(effect) || !isfinite(sd) || sd < 0);
    double shift = sd > 0 ? fabs(effect) / sd : effect != 0 ? INFINITY : 0;
    shift = fmin(shift, CERTAIN);
    return (struct lift){shift, normal_cdf(shift), normal_cdf(sqrt(2) * shift),
                         two_sums_positive(shift)};
}

/* W of the wrong signs is skewed to the right, and bounded by 0: Wilson and Hilferty's cube root of
 * a gamma variable with its mean and variance. */
static double power_by_moments(double n, const struct lift *l, double critical)
{
    double mean = n * (1 - l->p1) + n * (n - 1) / 2 * (1 - l->p2), apart = l->p1 - l->p2;
    double variance = n * l->p1 * (1 - l->p1) +
                      n * (n - 1) / 2 * (2 * apart * apart + 3 * l->p2 * (1 - l->p2)) +
                      n * (n - 1) * (n - 2) * (l->p3 - l->p2 * l->p2);
    if (!(variance > 0) || !(mean > 0))
        return mean <= critical;
    double shape = mean * mean / variance;
    double root = cbrt((critical + 0.5) / mean) - (1 - 1 / (9 * shape));
    return normal_cdf(3 * sqrt(shape) * root);
}

/* The z that is exceeded with chance tail, by halving. */
static double normal_upper(double tail)
{
    double lo = -40, hi = 40;
    for (int i = 0; i < 80; i++) {
        double mid = (lo + hi) / 2;
        if (normal_cdf(-mid) > tail)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

/* The largest rejected W; above DP_MAX rounds by the normal approximation, as counting takes n^3.
 */
static double critical_of(int32_t rounds, double alpha)
{
    double n = rounds, tail;
    if (rounds <= DP_MAX)
        return (double)stats_signed_rank_critical((size_t)rounds, alpha, &tail);
    double sd = sqrt(n * (n + 1) * (2 * n + 1) / 24);
    return floor(n * (n + 1) / 4 - 0.5 - normal_upper(alpha / 2) * sd);
}

static double power_of(int32_t rounds, size_t n_tests, const struct lift *l, double alpha,
                       int32_t exact)
{
    double critical = critical_of(rounds, alpha / (double)n_tests);
    if (critical < 0)
        return 0;
    if (l->shift >= CERTAIN)
        return 1;
    return rounds <= exact ? power_by_growth((size_t)rounds, l->shift, (size_t)critical)
                           : power_by_moments(rounds, l, critical);
}

double stats_power(int32_t rounds, size_t n_tests, double effect, double sd, double alpha)
{
    struct lift l = lift_of(effect, sd);
    BUG_ON(rounds < 1 || rounds > STATS_PAIRED_MAX || !n_tests || !(alpha > 0 && alpha < 1));
    return power_of(rounds, n_tests, &l, alpha, STATS_POWER_EXACT);
}

int32_t stats_rounds_needed(size_t n_tests, double effect, double sd, double alpha, double target)
{
    struct lift l = lift_of(effect, sd);
    int32_t from = stats_rounds_floor(n_tests, alpha), to = STATS_POWER_ROUNDS_MAX + 1;
    if (from < STATS_POWER_ROUNDS_MIN)
        from = STATS_POWER_ROUNDS_MIN;
    int32_t least = from;
    while (from < to) {
        int32_t mid = from + (to - from) / 2;
        if (power_of(mid, n_tests, &l, alpha, 0) >= target)
            to = mid;
        else
            from = mid + 1;
    }
    if (from > STATS_POWER_EXACT + NEAR)
        return from <= STATS_POWER_ROUNDS_MAX ? from : 0;
    from = from - NEAR > least ? from - NEAR : least;
    while (from < STATS_POWER_ROUNDS_MAX &&
           power_of(from, n_tests, &l, alpha, STATS_POWER_EXACT) < target)
        from++; /* ends near where the approximation said so */
    return from;
}
