/* Wilcoxon's signed-rank test, exactly, and its inversion. */
#include "stats/signed_rank.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "stats/invert.h"
#include "stats/median.h"
#include "stats/ranks.h"

/* The ranks of a set of differences, and what was seen of them. */
struct signs {
    int32_t *r2; /* doubled midranks of the n_used that are not 0 */
    size_t n_used;
    int64_t w2, s2;  /* doubled: sum of the positive ones, sum of all */
    double variance; /* of the undoubled sum: a quarter of the sum of squares */
};

/* Counts of sign patterns by their sum, 0 .. limit, undoubled where every rank is even. As doubles:
 * exact up to 2^53 patterns, a relative error of about n * 1e-16 after that, and 2^1000 fits. */
static double lower_tail(const int32_t *r, size_t n, int64_t limit)
{
    if (limit < 0)
        return 0;
    size_t last = (size_t)limit, top = 0;
    double *count = mem_array(last + 1, sizeof *count), sum = 0;
    count[0] = 1;
    for (size_t i = 0; i < n; i++) {
        size_t rank = (size_t)r[i];
        top = top + rank < last ? top + rank : last; /* no larger sum can be yet */
        for (size_t s = top + 1; s-- > rank;)
            count[s] += count[s - rank];
    }
    for (size_t s = 0; s <= last; s++)
        sum += count[s];
    free(count);
    return ldexp(sum, -(int)n);
}

/* |d - theta|, ranked; zeros have the lowest ranks and are left out. */
static struct signs rank_signs(const double *d, size_t n, double theta)
{
    struct signs s = {.r2 = mem_array(n, sizeof *s.r2)};
    double *away = mem_array(n, sizeof *away);
    for (size_t i = 0; i < n; i++)
        away[i] = fabs(d[i] - theta);
    stats_ranks(away, n, s.r2);
    for (size_t i = 0; i < n; i++) {
        int32_t r2 = s.r2[i];
        if (away[i] == 0)
            continue;
        s.r2[s.n_used++] = r2;
        s.s2 += r2;
        s.variance += (double)r2 * r2 / 16;
        if (d[i] > theta)
            s.w2 += r2;
    }
    free(away);
    return s;
}

static int side_of(const struct signs *s)
{
    return (2 * s->w2 > s->s2) - (2 * s->w2 < s->s2);
}

/* The smaller tail; the distribution is symmetric whatever the ties. Takes s->r2 as scratch. */
static double exact_tail(const struct signs *s)
{
    int64_t limit = s->w2 < s->s2 - s->w2 ? s->w2 : s->s2 - s->w2;
    bool even = true;
    for (size_t i = 0; i < s->n_used && even; i++)
        even = s->r2[i] % 2 == 0;
    for (size_t i = 0; i < s->n_used && even; i++)
        s->r2[i] /= 2;
    return lower_tail(s->r2, s->n_used, even ? limit / 2 : limit);
}

/* With the continuity correction of half a rank, as R. */
static double normal_tail(const struct signs *s)
{
    double z = (fabs((double)(2 * s->w2 - s->s2)) / 4 - 0.5) / sqrt(s->variance);
    return z > 0 ? erfc(z / sqrt(2)) / 2 : 0.5;
}

struct sample {
    const double *d;
    size_t n;
};

static double cell_tail(const void *ctx, double theta, int *side)
{
    const struct sample *x = ctx;
    struct signs s = rank_signs(x->d, x->n, theta);
    *side = side_of(&s);
    double p = x->n <= STATS_PAIRED_CELLS_EXACT ? exact_tail(&s) : normal_tail(&s);
    free(s.r2);
    return p;
}

static double two_sided(double tail)
{
    return tail < 0.5 ? 2 * tail : 1;
}

int stats_signed_rank(const double *d, size_t n, struct signed_rank *ret)
{
    if (!n || n > STATS_PAIRED_MAX)
        return -1;
    struct signs s = rank_signs(d, n, 0);
    *ret = (struct signed_rank){(double)s.w2 / 2, (int32_t)s.n_used, two_sided(exact_tail(&s))};
    free(s.r2);
    return 0;
}

double stats_signed_rank_cdf(size_t n, int64_t w)
{
    BUG_ON(!n || n > STATS_PAIRED_MAX);
    int64_t all = (int64_t)(n * (n + 1) / 2);
    if (w >= all)
        return 1;
    int32_t *r = mem_array(n, sizeof *r);
    for (size_t i = 0; i < n; i++)
        r[i] = (int32_t)i + 1;
    double p = w <= all / 2 ? lower_tail(r, n, w) : 1 - lower_tail(r, n, all - w - 1);
    free(r);
    return p;
}

int64_t stats_signed_rank_critical(size_t n, double alpha, double *ret_p)
{
    BUG_ON(!n || n > STATS_PAIRED_MAX);
    size_t last = n * (n + 1) / 4;
    double *p = mem_array(last + 1, sizeof *p), sum = 0;
    int64_t found = -1;
    *ret_p = 0;
    p[0] = 1;
    for (size_t r = 1; r <= n; r++) {
        for (size_t s = last + 1; s-- > r;)
            p[s] += p[s - r];
    }
    for (size_t s = 0; s <= last; s++) {
        sum += p[s];
        double tail = ldexp(sum, -(int)n);
        if (2 * tail > alpha)
            break;
        found = (int64_t)s;
        *ret_p = tail;
    }
    free(p);
    return found;
}

/* Ascending; (a + b) / 2 without overflow, and exactly a where a == b. */
static double *walsh_averages(const double *d, size_t n, size_t *ret_m)
{
    double *w = mem_array(n * (n + 1) / 2, sizeof *w);
    size_t m = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = i; j < n; j++)
            w[m++] = d[i] / 2 + d[j] / 2;
    stats_sort(w, m);
    *ret_m = m;
    return w;
}

/* w: the Walsh averages, which it may thin. Only equal differences make the null distribution
 * depend on theta; without them the ends are order statistics. */
static struct stats_interval interval(const double *d, size_t n, double *w, size_t m, double alpha)
{
    if (stats_has_equal(d, n)) {
        struct sample x = {d, n};
        return stats_invert(w, stats_sort_unique(w, m), alpha, cell_tail, &x);
    }
    double tail = 0;
    int64_t critical = stats_signed_rank_critical(n, alpha, &tail);
    return stats_invert_ranked(w, m, (size_t)(critical + 1), tail);
}

int stats_paired(const double *d, size_t n, double alpha, struct stats_paired *ret)
{
    struct signed_rank test;
    if (!(alpha > 0 && alpha < 1) || stats_signed_rank(d, n, &test))
        return -1;
    size_t m;
    double *w = walsh_averages(d, n, &m);
    double hl = m % 2 ? w[m / 2] : w[m / 2 - 1] / 2 + w[m / 2] / 2;
    struct stats_interval iv = interval(d, n, w, m, alpha);
    free(w);
    struct signs s = rank_signs(d, n, 0);
    stats_interval_settle(&iv, test.p <= alpha, side_of(&s));
    free(s.r2);
    *ret = (struct stats_paired){hl, iv.lo, iv.hi, iv.conf, test.p, test.w_plus, test.n_used};
    return 0;
}

int stats_paired_tost(const double *d, size_t n, double alpha, double *ret_lo, double *ret_hi)
{
    struct stats_paired both;
    if (stats_paired(d, n, 2 * alpha, &both))
        return -1;
    *ret_lo = both.lo;
    *ret_hi = both.hi;
    return 0;
}
