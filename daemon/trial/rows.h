/* Verdicts of single series and of checks, before they are weighed against each other. PURE;
 * inside the room. */
#ifndef TRIAL_ROWS_H
#define TRIAL_ROWS_H

#include "trial/grid.h"
#include "trial/sample.h"

/* What is kept of a series between its test and its verdict. */
struct trial_row_work {
    struct trial_test test;  /* batch 0; p = 1 where there is none */
    bool tested;             /* has a p that goes into a family */
    double margin;           /* min_effect in d */
    double spread;           /* standard deviation of d, robust; NaN = unknown */
    struct trial_test again; /* batch 1 */
    double again_p_holm;
    bool again_tested;
};

/* Medians, effect, p, what was applied, flags. Where the verdict needs no test it is set and
 * work->tested is false. */
void trial_row_measure(const struct trial_case *c, const struct trial_grid *g, int32_t series,
                       struct trial_row *row, struct trial_row_work *work);

/* The verdict by row->p_holm. */
void trial_row_decide(const struct trial_case *c, struct trial_row *row,
                      const struct trial_row_work *work);

/* The confirmation: batch 1 of a change, measured; then, with again_p_holm, decided. */
void trial_row_measure_again(const struct trial_case *c, const struct trial_grid *g,
                             const struct trial_row *row, struct trial_row_work *work);
void trial_row_decide_again(const struct trial_case *c, struct trial_row *row,
                            const struct trial_row_work *work);

/* One series of check rows; false = it passed, or was not made, on both sides. */
bool trial_check_judge(const struct trial_grid *g, int32_t series, struct trial_check *ret);

/* Over rows that gate: the geometric mean of head/base, of one kind and direction. */
void trial_geomean(const struct trial_case *c, const struct trial_grid *g,
                   struct trial_judgement *ret);

#endif
