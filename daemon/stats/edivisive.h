/* Change points of a series: E-divisive over sliding windows with a merge step, as in Apache Otava
 * (Fleming et al., "Hunter: Using Change Point Detection to Hunt for Performance Regressions",
 * 2023; Matteson and James, arXiv:1306.4933). PURE.
 *
 * A window of the series is cut, again and again, at the (tau, kappa) that maximises
 *   Q(X, Y) = 2/(m+n) sum|x - y| - 2m/((m+n)(n-1)) sum|x - x'| - 2n/((m+n)(m-1)) sum|y - y'|
 * with X = z[s..tau), Y = z[tau..kappa), n = |X|, m = |Y|, while a pooled t-test of the two sides
 * has p <= weak_p. Windows overlap by half. Then the weakest point goes, and its neighbours are
 * judged anew, until every point has p < final_p and a change larger than min_magnitude.
 *
 * Against Otava two slips are mended and one rule is added: standard deviations have ddof 1; after
 * a removal the two points beside it are judged anew (Otava: the point after it and the next); a
 * segment has at least min_segment points, so a single spike is no change. Where all values are
 * above 0 their logarithms are cut: a change is a ratio. A p here is a rank among candidates, not a
 * false-alarm rate: they were chosen to be extreme.
 * Reference: with compat_otava, window 10 and p 1e-4, the 20 points of Otava's test_single_series
 * give {10}; with window 30, p 1e-5 its 365 points of tigerbeetle give {71, 95, 131, 192, 212}. */
#ifndef STATS_EDIVISIVE_H
#define STATS_EDIVISIVE_H

#include <stdbool.h>
#include <stddef.h>

struct stats_edivisive_rule {
    size_t window;      /* 4..STATS_WINDOW_MAX; memory and time of a window go with its square */
    size_t min_segment; /* >= 1; compat_otava: 1 */
    double weak_p, final_p;
    double min_magnitude; /* relative: .01 = a change of at most 1 % is none */
    bool compat_otava;    /* its ddof 0, its neighbours, no logarithms, min_segment 1 */
};
#define STATS_WINDOW_MAX 400
/* window 50, step 25, weak p .01, final p .001, 3 points a segment, any size. */
extern const struct stats_edivisive_rule stats_edivisive_default;

struct stats_change {
    size_t index; /* first point of what comes after */
    double p;     /* of the pooled t-test of the segments beside it */
};

/* Change points by index into *ret (free() it; NULL when there are none) and their number. Values
 * are finite. */
size_t stats_edivisive(const double *value, size_t n, const struct stats_edivisive_rule *rule,
                       struct stats_change **ret);

#endif
