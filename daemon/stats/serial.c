/* Rank correlations and strays. */
#include "stats/serial.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "stats/median.h"
#include "stats/quantile.h"
#include "stats/ranks.h"
#include "stats/student.h"

/* Sums of doubled ranks and of their products: at n = 20,000 below 4e13, exact as integers. */
static int64_t products(const int32_t *a, const int32_t *b, size_t n)
{
    int64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (int64_t)a[i] * b[i];
    return sum;
}

/* The sum of products about the mean; doubled midranks have the mean n + 1 whatever the ties. */
static int64_t about_mean(const int32_t *a, const int32_t *b, size_t n)
{
    int64_t mean = (int64_t)n + 1;
    return products(a, b, n) - (int64_t)n * mean * mean;
}

static void swap(int32_t *a, int32_t *b)
{
    int32_t was = *a;
    *a = *b;
    *b = was;
}

/* The share of all permutations (Heap's order) whose correlation is as far from 0. b is permuted.
 */
static double by_permutation(const int32_t *a, int32_t *b, size_t n)
{
    int64_t seen = llabs(about_mean(a, b, n));
    size_t turn[STATS_SPEARMAN_EXACT] = {0}, hits = 1, ways = 1;
    for (size_t i = 1; i < n;) {
        if (turn[i] == i) {
            turn[i++] = 0;
            continue;
        }
        swap(&b[i % 2 ? turn[i] : 0], &b[i]);
        turn[i]++;
        i = 1;
        ways++;
        hits += llabs(about_mean(a, b, n)) >= seen;
    }
    return (double)hits / (double)ways;
}

static struct stats_serial correlate(const int32_t *a, int32_t *b, size_t n)
{
    double spread = sqrt((double)about_mean(a, a, n) * (double)about_mean(b, b, n));
    if (n < 3 || !(spread > 0))
        return (struct stats_serial){0, 1};
    double rho = fmax(-1, fmin(1, (double)about_mean(a, b, n) / spread));
    if (n <= STATS_SPEARMAN_EXACT)
        return (struct stats_serial){rho, by_permutation(a, b, n)};
    double df = (double)n - 2;
    double t = fabs(rho) < 1 ? rho * sqrt(df / (1 - rho * rho)) : INFINITY;
    return (struct stats_serial){rho, stats_student_p(t, df)};
}

struct stats_serial stats_spearman(const double *x, const double *y, size_t n)
{
    int32_t *a = mem_array(2 * n, sizeof *a), *b = a + n;
    stats_ranks(x, n, a);
    stats_ranks(y, n, b);
    struct stats_serial ret = correlate(a, b, n);
    free(a);
    return ret;
}

struct stats_serial stats_order(const double *x, size_t n)
{
    int32_t *a = mem_array(2 * n, sizeof *a), *b = a + n;
    for (size_t i = 0; i < n; i++)
        a[i] = 2 * ((int32_t)i + 1);
    stats_ranks(x, n, b);
    struct stats_serial ret = correlate(a, b, n);
    free(a);
    return ret;
}

struct stats_serial stats_lag1(const double *x, size_t n)
{
    int32_t *r = mem_array(n, sizeof *r);
    stats_ranks(x, n, r);
    double spread = n ? (double)about_mean(r, r, n) : 0, next = 0, steps = 0, all = (double)n;
    for (size_t i = 0; i + 1 < n; i++) {
        double mean = all + 1, step = (double)r[i + 1] - r[i];
        next += (r[i] - mean) * (r[i + 1] - mean);
        steps += step * step;
    }
    free(r);
    if (n < 4 || !(spread > 0))
        return (struct stats_serial){0, 1};
    double variance = 4 * (all - 2) * (5 * all * all - 2 * all - 9) /
                      (5 * all * (all + 1) * (all - 1) * (all - 1));
    double z = (steps / spread - 2) / sqrt(variance);
    return (struct stats_serial){next / spread, erfc(fabs(z) / sqrt(2))};
}

size_t stats_outliers(const double *x, size_t n, double limit, bool *ret_out)
{
    double centre = stats_median(x, n), reach = limit * 1.4826 * stats_mad(x, n);
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        bool out = reach > 0 && fabs(x[i] - centre) > reach;
        count += out;
        if (ret_out)
            ret_out[i] = out;
    }
    return count;
}

double stats_cliff(const double *x, size_t n, const double *y, size_t m)
{
    if (!n || !m)
        return 0;
    double *all = mem_array(n + m, sizeof *all);
    int32_t *r2 = mem_array(n + m, sizeof *r2);
    for (size_t i = 0; i < n + m; i++)
        all[i] = i < n ? x[i] : y[i - n];
    stats_ranks(all, n + m, r2);
    int64_t sum2 = 0; /* twice the rank sum of y; U = sum2 / 2 - m (m + 1) / 2 */
    for (size_t j = n; j < n + m; j++)
        sum2 += r2[j];
    free(all);
    free(r2);
    double u2 = (double)(sum2 - (int64_t)(m * (m + 1)));
    return u2 / ((double)n * (double)m) - 1;
}
