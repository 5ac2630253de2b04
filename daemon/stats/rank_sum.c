/* Mann-Whitney's U, exactly where that is affordable, and its inversion. */
#include "stats/rank_sum.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "stats/invert.h"
#include "stats/ranks.h"

/* Two samples, the second shifted back by theta, ranked together. */
struct pooled {
    int32_t *r2;   /* doubled midranks: the n of x first, then the m of y */
    size_t n, m;   /* sizes */
    int64_t sum2;  /* doubled rank sum of x */
    double sum_sq; /* of all undoubled midranks */
};

static struct pooled pool(const double *x, size_t n, const double *y, size_t m, double theta)
{
    struct pooled a = {.r2 = mem_array(n + m, sizeof *a.r2), .n = n, .m = m};
    double *all = mem_array(n + m, sizeof *all);
    for (size_t i = 0; i < n; i++)
        all[i] = x[i];
    for (size_t j = 0; j < m; j++)
        all[n + j] = y[j] - theta;
    stats_ranks(all, n + m, a.r2);
    for (size_t i = 0; i < n + m; i++) {
        a.sum2 += i < n ? a.r2[i] : 0;
        a.sum_sq += (double)a.r2[i] * a.r2[i] / 4;
    }
    free(all);
    return a;
}

/* Four times (U - n m / 2): an integer, above 0 when x lies above y. */
static int64_t lean(const struct pooled *a)
{
    return 2 * a->sum2 - (int64_t)(2 * a->n * (a->n + a->m + 1));
}

/* How many of the ways to choose `size` of all ranks have the sum `below` or less, and how many
 * exactly that. count[k][s]: ways to choose k of the ranks seen so far with sum s. */
static void count_choices(const int32_t *r, size_t all, size_t size, size_t below, double *ret_upto,
                          double *ret_equal)
{
    size_t wide = below + 1;
    double *count = mem_array((size + 1) * wide, sizeof *count);
    count[0] = 1;
    for (size_t i = 0; i < all; i++) {
        size_t rank = (size_t)r[i];
        for (size_t k = i + 1 < size ? i + 1 : size; k > 0; k--) {
            double *to = count + k * wide;
            const double *from = count + (k - 1) * wide;
            for (size_t s = rank; s < wide; s++)
                to[s] += from[s - rank];
        }
    }
    *ret_upto = 0;
    for (size_t s = 0; s < wide; s++)
        *ret_upto += count[size * wide + s];
    *ret_equal = count[size * wide + below];
    free(count);
}

static double choose(size_t n, size_t k)
{
    double c = 1;
    for (size_t i = 1; i <= k; i++)
        c = c * (double)(n - k + i) / (double)i;
    return c;
}

/* The smaller of P(sum <= seen) and P(sum >= seen) for the smaller sample; ranks are counted from
 * the end that the sum is nearer to, so the small tail is summed and not subtracted. */
static double exact_tail(const struct pooled *a)
{
    size_t all = a->n + a->m, size = a->n <= a->m ? a->n : a->m;
    int64_t sum2 = a->sum2, top2 = 2 * ((int64_t)all + 1);
    if (a->n > a->m)
        sum2 = (int64_t)(all * (all + 1)) - sum2;
    bool turn = sum2 > (int64_t)size * top2 / 2, even = true;
    if (turn)
        sum2 = (int64_t)size * top2 - sum2;
    int32_t *r = mem_array(all, sizeof *r);
    for (size_t i = 0; i < all; i++) {
        r[i] = turn ? (int32_t)top2 - a->r2[i] : a->r2[i];
        even = even && r[i] % 2 == 0;
    }
    for (size_t i = 0; i < all && even; i++)
        r[i] /= 2;
    double upto, equal, ways = choose(all, size);
    count_choices(r, all, size, (size_t)(even ? sum2 / 2 : sum2), &upto, &equal);
    free(r);
    return fmin(upto, ways - upto + equal) / ways;
}

static double normal_tail(const struct pooled *a)
{
    double all = (double)(a->n + a->m), mean = (all + 1) / 2;
    /* Sampling n of the midranks without replacement: the same as the usual correction for ties. */
    double spread = a->sum_sq - all * mean * mean;
    double variance = (double)a->n * (double)a->m * spread / (all * (all - 1));
    double away = fabs((double)lean(a)) / 4 - 0.5;
    return variance > 0 && away > 0 ? erfc(away / sqrt(2 * variance)) / 2 : 0.5;
}

static double two_sided(double tail)
{
    return tail < 0.5 ? 2 * tail : 1;
}

static bool in_range(size_t n, size_t m)
{
    return n && m && n <= STATS_RANK_SUM_MAX && m <= STATS_RANK_SUM_MAX;
}

static bool is_exact(size_t n, size_t m)
{
    return n <= STATS_RANK_SUM_EXACT && m <= STATS_RANK_SUM_EXACT;
}

int stats_rank_sum(const double *x, size_t n, const double *y, size_t m, struct rank_sum *ret)
{
    if (!in_range(n, m))
        return -1;
    struct pooled a = pool(x, n, y, m, 0);
    ret->u = (double)(a.sum2 - (int64_t)(n * (n + 1))) / 2;
    ret->exact = is_exact(n, m);
    ret->p = two_sided(ret->exact ? exact_tail(&a) : normal_tail(&a));
    free(a.r2);
    return 0;
}

struct samples {
    const double *base, *head;
    size_t n, m;
};

static double cell_tail(const void *ctx, double theta, int *side)
{
    const struct samples *s = ctx;
    struct pooled a = pool(s->base, s->n, s->head, s->m, theta);
    int64_t base_above = lean(&a);
    *side = (base_above < 0) - (base_above > 0);
    double p = s->n + s->m <= STATS_RANK_SUM_CELLS_EXACT ? exact_tail(&a) : normal_tail(&a);
    free(a.r2);
    return p;
}

/* Untied ranks 1 .. n + m: the largest rank sum of n of them that is rejected, as how many of the
 * n * m differences then lie outside on that side. */
static size_t critical(size_t n, size_t m, double alpha, double *ret_tail)
{
    size_t size = n < m ? n : m, other = n + m - size;
    size_t wide = n * m / 2 + 1; /* U up to its middle */
    double *count = mem_array((size + 1) * wide, sizeof *count);
    double sum = 0, ways = choose(n + m, size);
    size_t found = 0;
    *ret_tail = 0;
    count[0] = 1;
    /* U is what a choice's ranks add above the least: item i, taken as the k-th, adds i - k. */
    for (size_t i = 1; i <= n + m; i++) {
        for (size_t k = i < size ? i : size; k > 0; k--) {
            if (i - k > other)
                continue;
            for (size_t s = i - k; s < wide; s++)
                count[k * wide + s] += count[(k - 1) * wide + s - (i - k)];
        }
    }
    for (size_t s = 0; s < wide; s++) {
        sum += count[size * wide + s];
        if (2 * sum / ways > alpha)
            break;
        found = s + 1;
        *ret_tail = sum / ways;
    }
    free(count);
    return found;
}

/* shifts: the n * m differences, ascending, which it may thin. Only values that are equal within a
 * sample make the null distribution depend on theta. */
static struct stats_interval interval(const struct samples *s, double *shifts, double alpha)
{
    size_t all = s->n * s->m;
    if (!is_exact(s->n, s->m) || stats_has_equal(s->base, s->n) || stats_has_equal(s->head, s->m))
        return stats_invert(shifts, stats_sort_unique(shifts, all), alpha, cell_tail, s);
    double tail = 0;
    size_t reject = critical(s->n, s->m, alpha, &tail);
    return stats_invert_ranked(shifts, all, reject, tail);
}

int stats_unpaired(const double *base, size_t n, const double *head, size_t m, double alpha,
                   struct stats_unpaired *ret)
{
    struct rank_sum test;
    if (!(alpha > 0 && alpha < 1) || stats_rank_sum(head, m, base, n, &test))
        return -1;
    struct samples s = {base, head, n, m};
    size_t all = n * m;
    double *shifts = mem_array(all, sizeof *shifts);
    for (size_t i = 0; i < all; i++)
        shifts[i] = head[i % m] - base[i / m];
    stats_sort(shifts, all);
    double hl = all % 2 ? shifts[all / 2] : shifts[all / 2 - 1] / 2 + shifts[all / 2] / 2;
    struct stats_interval iv = interval(&s, shifts, alpha);
    free(shifts);
    stats_interval_settle(&iv, test.p <= alpha, test.u * 2 > (double)all ? 1 : -1);
    *ret = (struct stats_unpaired){hl, iv.lo, iv.hi, iv.conf, test.p, test.u, test.exact};
    return 0;
}
