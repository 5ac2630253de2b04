/* Places along the line: 2k is the cell before point k, 2k + 1 is point k, 2m the cell after all.
 */
#include "stats/invert.h"

#include <float.h>
#include <math.h>

#include "base/log.h"

struct line {
    const double *points;
    size_t m;
    double half; /* alpha / 2 */
    stats_tail_fn *tail;
    const void *ctx;
};

static double theta_at(const struct line *l, size_t place)
{
    size_t k = place / 2;
    double first = l->points[0], last = l->points[l->m - 1];
    double step = last > first ? last - first : 1 + fabs(first);
    if (place % 2)
        return l->points[k];
    if (k == 0)
        return first - step;
    if (k == l->m)
        return last + step;
    return l->points[k - 1] + (l->points[k] - l->points[k - 1]) / 2;
}

/* Is this place rejected because the data lie on `side` of it? */
static bool wrong(const struct line *l, size_t place, int side)
{
    int where = 0;
    double p = l->tail(l->ctx, theta_at(l, place), &where);
    return where == side && p <= l->half;
}

/* The first place that the data do not lie above. */
static size_t lowest(const struct line *l)
{
    size_t lo = 0, hi = 2 * l->m;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (wrong(l, mid, 1))
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* The last place that the data do not lie below. */
static size_t highest(const struct line *l)
{
    size_t lo = 0, hi = 2 * l->m;
    while (lo < hi) {
        size_t mid = hi - (hi - lo) / 2;
        if (wrong(l, mid, -1))
            hi = mid - 1;
        else
            lo = mid;
    }
    return hi;
}

/* The error on one side: that of the nearest cell outside. */
static double outside(const struct line *l, size_t cell)
{
    int side = 0;
    return l->tail(l->ctx, theta_at(l, cell), &side);
}

struct stats_interval stats_invert(const double *points, size_t m, double alpha,
                                   stats_tail_fn *tail, const void *ctx)
{
    BUG_ON(!m || !(alpha > 0 && alpha < 1));
    struct line l = {points, m, alpha / 2, tail, ctx};
    size_t lo = lowest(&l), hi = highest(&l);
    struct stats_interval iv = {-INFINITY, INFINITY, 1};
    if (lo) {
        iv.lo = points[(lo - 1) / 2];
        iv.conf -= outside(&l, (lo - 1) / 2 * 2);
    }
    if (hi < 2 * m) {
        iv.hi = points[hi / 2];
        iv.conf -= outside(&l, hi / 2 * 2 + 2);
    }
    return iv;
}

struct stats_interval stats_invert_ranked(const double *points, size_t m, size_t reject,
                                          double tail)
{
    BUG_ON(2 * reject > m + 1);
    if (!reject)
        return (struct stats_interval){-INFINITY, INFINITY, 1};
    return (struct stats_interval){points[reject - 1], points[m - reject], 1 - 2 * tail};
}

void stats_interval_settle(struct stats_interval *iv, bool rejected, int side)
{
    if (!rejected) {
        iv->lo = fmin(iv->lo, 0);
        iv->hi = fmax(iv->hi, 0);
    } else if (iv->lo <= 0 && iv->hi >= 0) {
        if (side > 0)
            iv->lo = DBL_MIN;
        else
            iv->hi = -DBL_MIN;
        if (iv->lo > iv->hi)
            iv->lo = iv->hi = side > 0 ? DBL_MIN : -DBL_MIN;
    }
}
