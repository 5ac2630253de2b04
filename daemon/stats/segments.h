/* A series in words: segments between change points, how large each change is, what the newest
 * points hint at, and drift. PURE. */
#ifndef STATS_SEGMENTS_H
#define STATS_SEGMENTS_H

#include "stats/edivisive.h"

struct stats_segment {
    size_t from, to; /* points [from, to) */
    double median, low, high;
};

struct stats_step {
    size_t index; /* first point of what comes after; segment[i] ends before step[i] */
    double ratio; /* after / before: Hodges-Lehmann; medians where a value is not above 0;
                   * NaN where the one before is 0 */
    double ratio_low, ratio_high; /* 95 %, of the same test; NaN = too few points */
    double p;                     /* of the cut; NaN for a tentative one */
    /* E-divisive cannot see it yet: the last one to three points lie beyond 4 robust deviations
     * (1.4826 MAD) of at least 5 before, on the same side. */
    bool tentative;
};

struct stats_history {
    struct stats_segment *segment; /* n_steps + 1; none when there are no points */
    size_t n_segments;
    struct stats_step *step;
    size_t n_steps;
    /* Of the last segment's points, where it has at least 10 over at least 7 days: relative change
     * in 90 days by Theil-Sen, on logarithms where all values are above 0; p by Mann-Kendall. NaN =
     * not known. */
    double drift_90_days, drift_p;
};

/* value[n] is finite; at_s[n], seconds, ascends. */
void stats_history(const double *value, const double *at_s, size_t n,
                   const struct stats_edivisive_rule *rule, struct stats_history *ret);
void stats_history_done(struct stats_history *h);

#endif
