/* What one series says: its values side by side and the differences of its rounds. PURE; inside
 * the room. */
#ifndef TRIAL_SAMPLE_H
#define TRIAL_SAMPLE_H

#include "stats/signed_rank.h"
#include "trial/grid.h"

/* Of more processes the first are taken: what a rank test can count. */
#define TRIAL_SAMPLE_MAX STATS_PAIRED_MAX

struct trial_point {
    double value;
    int32_t seq;
};

struct trial_sample {
    struct trial_point *base, *head; /* with a value; paired: [i] and [i] are one round */
    size_t n_base, n_head;
    double *d; /* paired: n_base differences, > 0 is worse; unpaired: NULL */
    bool difference, tainted;
    double scale;               /* of differences */
    int32_t valued[SIDE_COUNT]; /* rounds with a value, of a pair or not */
    int32_t failed[SIDE_COUNT]; /* rounds that were tried and have none */
    int32_t absent[SIDE_COUNT]; /* rounds in which the other side alone has something */
    int32_t skipped[SIDE_COUNT];
    double alone[SIDE_COUNT]; /* median of all its values, of a pair or not; NaN = none */
};

void trial_sample_init(struct trial_sample *s, const struct trial_grid *g,
                       const struct trial_case *c, int32_t series, int32_t batch);
void trial_sample_done(struct trial_sample *s);

/* Pairs, or the smaller side. */
size_t trial_sample_n(const struct trial_sample *s);

double trial_sample_median(const struct trial_point *p, size_t n);

/* The test of one sample, in d: > 0 is worse. All NaN with p 1 where there is nothing to test. */
struct trial_test {
    double hl, lo, hi;   /* interval at 1 - alpha */
    double eq_lo, eq_hi; /* at 1 - 2 alpha, for "same" */
    double p;
};
void trial_sample_test(const struct trial_sample *s, enum better better, double alpha,
                       struct trial_test *ret);

/* d as the ratio head/base that a reader wants, and the other way round for a margin: how much d a
 * fraction is. */
double trial_ratio(const struct trial_sample *s, enum better better, double d);
double trial_margin(const struct trial_sample *s, double fraction);

/* Drift, two modes, outliers: TRIAL_FLAG_*. Never a reason to drop anything. */
uint32_t trial_sample_flags(const struct trial_sample *s);

#endif
