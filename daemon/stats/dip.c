/* The dip, by convex minorants and concave majorants of the empirical distribution. */
#include "stats/dip.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"

/* The sample, and of every point the next corner towards the low end of the greatest convex
 * minorant that starts there, and towards the high end of the least concave majorant. All distances
 * are in steps of the distribution function, 1 / n each. */
struct shape {
    const double *x;
    size_t n;
    size_t *left, *right;        /* the next corner */
    size_t *minorant, *majorant; /* corners between low and high: from high down, from low up */
    size_t n_minorant, n_majorant;
};

/* Does the line from `a` to `c` leave the corner `b` between them on its wrong side? */
static bool passes(const double *x, size_t a, size_t b, size_t c)
{
    double near = fabs((double)b - (double)a), far = fabs((double)c - (double)b);
    return fabs(x[a] - x[b]) * far >= fabs(x[b] - x[c]) * near;
}

static void find_corners(struct shape *s)
{
    size_t last = s->n - 1;
    s->left[0] = 0;
    for (size_t i = 1; i <= last; i++) {
        size_t to = i - 1;
        while (to && passes(s->x, i, to, s->left[to]))
            to = s->left[to];
        s->left[i] = to;
    }
    s->right[last] = last;
    for (size_t i = last; i-- > 0;) {
        size_t to = i + 1;
        while (to != last && passes(s->x, i, to, s->right[to]))
            to = s->right[to];
        s->right[i] = to;
    }
}

static void list_corners(struct shape *s, size_t low, size_t high)
{
    s->n_minorant = s->n_majorant = 0;
    for (size_t at = high; at > low; at = s->left[at])
        s->minorant[s->n_minorant++] = at;
    s->minorant[s->n_minorant] = low;
    for (size_t at = low; at < high; at = s->right[at])
        s->majorant[s->n_majorant++] = at;
    s->majorant[s->n_majorant] = high;
}

/* Height of the chord from a to b above a, at x. */
static double chord(const double *x, size_t a, size_t b, double at)
{
    return (at - x[a]) * ((double)b - (double)a) / (x[b] - x[a]);
}

/* The widest gap between minorant and majorant, and the corners on both that it lies at. */
static double widest_gap(const struct shape *s, size_t *ret_g, size_t *ret_h)
{
    const size_t *g = s->minorant, *h = s->majorant;
    size_t i = s->n_minorant - 1, j = 1;
    double widest = 0;
    *ret_g = s->n_minorant;
    *ret_h = s->n_majorant;
    if (s->n_minorant == 1 && s->n_majorant == 1)
        return 1;
    for (;;) {
        double gap;
        if (g[i] > h[j]) { /* the majorant's corner comes first */
            gap = (double)h[j] - (double)g[i + 1] + 1 - chord(s->x, g[i + 1], g[i], s->x[h[j]]);
            j++;
            if (gap >= widest) {
                widest = gap;
                *ret_g = i + 1;
                *ret_h = j - 1;
            }
        } else {
            gap = chord(s->x, h[j - 1], h[j], s->x[g[i]]) - ((double)g[i] - (double)h[j - 1] - 1);
            if (gap >= widest) {
                widest = gap;
                *ret_g = i;
                *ret_h = j;
            }
            i = i ? i - 1 : 0;
        }
        if (j > s->n_majorant)
            j = s->n_majorant;
        if (g[i] == h[j])
            return widest;
    }
}

/* How far the distribution leaves the chord from a to b: above it (sign 1) or below (-1). */
static double leaves(const double *x, size_t a, size_t b, double sign)
{
    double most = 1;
    if (b - a < 2 || x[a] == x[b])
        return most;
    for (size_t i = a; i <= b; i++) {
        double steps = (double)i - (double)a;
        most = fmax(most, sign * (steps - chord(x, a, b, x[i])) + 1);
    }
    return most;
}

static double dip_of(struct shape *s)
{
    size_t low = 0, high = s->n - 1, g, h;
    double dip = 1;
    for (;;) {
        list_corners(s, low, high);
        if (widest_gap(s, &g, &h) < dip)
            return dip;
        for (size_t k = g; k < s->n_minorant; k++)
            dip = fmax(dip, leaves(s->x, s->minorant[k + 1], s->minorant[k], 1));
        for (size_t k = h; k < s->n_majorant; k++)
            dip = fmax(dip, leaves(s->x, s->majorant[k], s->majorant[k + 1], -1));
        if (low == s->minorant[g] && high == s->majorant[h])
            return dip;
        low = s->minorant[g];
        high = s->majorant[h];
    }
}

double stats_dip(const double *sorted, size_t n)
{
    if (!n)
        return 0;
    if (sorted[0] == sorted[n - 1])
        return 1 / (2 * (double)n);
    size_t *room = mem_array(4 * (n + 1), sizeof *room);
    struct shape s = {.x = sorted,
                      .n = n,
                      .left = room,
                      .right = room + n + 1,
                      .minorant = room + 2 * (n + 1),
                      .majorant = room + 3 * (n + 1)};
    find_corners(&s);
    double dip = dip_of(&s) / (2 * (double)n);
    free(room);
    return dip;
}

/* Made by tests/real/stats_dip_table.c. */
#define TAILS 14
#define SIZES 7
static const double tail[TAILS] = {.9,  .7,  .5,   .3,   .2,   .1,    .05,
                                   .02, .01, .005, .002, .001, .0005, .0001};
static const struct {
    int n;
    double scaled[TAILS]; /* sqrt(n) * dip that is exceeded with chance tail[i] */
} uniform[SIZES] = {
    {20,
     {0.2541, 0.2953, 0.3280, 0.3688, 0.3951, 0.4345, 0.4704, 0.5113, 0.5400, 0.5658, 0.5963,
      0.6172, 0.6395, 0.6831}},
    {30,
     {0.2596, 0.3019, 0.3367, 0.3776, 0.4054, 0.4469, 0.4835, 0.5265, 0.5565, 0.5848, 0.6179,
      0.6421, 0.6642, 0.7181}},
    {50,
     {0.2667, 0.3095, 0.3455, 0.3873, 0.4156, 0.4585, 0.4968, 0.5423, 0.5742, 0.6028, 0.6371,
      0.6616, 0.6873, 0.7355}},
    {100,
     {0.2739, 0.3176, 0.3547, 0.3977, 0.4269, 0.4714, 0.5109, 0.5574, 0.5901, 0.6209, 0.6582,
      0.6859, 0.7108, 0.7644}},
    {200,
     {0.2793, 0.3239, 0.3614, 0.4054, 0.4353, 0.4801, 0.5207, 0.5700, 0.6036, 0.6338, 0.6730,
      0.6988, 0.7267, 0.7881}},
    {500,
     {0.2852, 0.3303, 0.3683, 0.4127, 0.4431, 0.4896, 0.5311, 0.5802, 0.6143, 0.6469, 0.6876,
      0.7159, 0.7466, 0.8041}},
    {1000,
     {0.2876, 0.3332, 0.3715, 0.4163, 0.4468, 0.4931, 0.5350, 0.5849, 0.6194, 0.6526, 0.6941,
      0.7235, 0.7510, 0.8083}},
};

static double between(double a, double b, double part)
{
    return a + (b - a) * part;
}

double stats_dip_p(double dip, size_t n)
{
    if (n < STATS_DIP_MIN)
        return NAN;
    size_t row = 0;
    double all = fmin((double)n, uniform[SIZES - 1].n), scaled = sqrt((double)n) * dip;
    while (row + 2 < SIZES && all > uniform[row + 1].n)
        row++;
    double from = 1 / sqrt(uniform[row].n), to = 1 / sqrt(uniform[row + 1].n);
    double part = (1 / sqrt(all) - from) / (to - from), before = 0, p = 1;
    for (size_t i = 0; i < TAILS; i++) {
        double here = between(uniform[row].scaled[i], uniform[row + 1].scaled[i], part);
        if (scaled < here)
            return i ? exp(between(log(p), log(tail[i]), (scaled - before) / (here - before))) : 1;
        before = here;
        p = tail[i];
    }
    return p;
}
