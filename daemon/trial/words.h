/* What verdicts and flags are called, and what there is of each. PURE; inside the room. */
#ifndef TRIAL_WORDS_H
#define TRIAL_WORDS_H

#include "trial/report.h"
#include "trial/text.h"

struct trial_counts {
    int32_t gating[VERDICT_COUNT]; /* rows that gate */
    int32_t n_gating, n_shown;
    int32_t checks[CHECK_VERDICT_COUNT];
    int32_t warned;             /* regressions that only warn: no floor */
    bool one_metric;            /* all rows that gate measure the same: then a row is a benchmark */
    bool timing[VERDICT_COUNT]; /* of these, times and rates alone: slower means something */
};
void trial_counts_init(struct trial_counts *n, const struct trial_report *r);

bool trial_row_gates(const struct trial_row *row);
/* A regression that does not fail the gate, for its floor is not known. */
bool trial_row_warns(const struct trial_row *row);

/* "regression", "changed, too little to count" ... */
extern const char *const trial_verdict_names[];  /* by enum verdict */
extern const char *const trial_check_names[];    /* by enum check_verdict */
const char *trial_check_name(const struct trial_check *k);
extern const char *const trial_flag_sentences[]; /* by bit; "" = said elsewhere */

/* "gemm/time" or "gemm m=1/time": plain text, one line. */
void trial_row_name(struct str *out, const struct trial_series *s);

/* "failed" and on which side, "inconclusive, about 18 rounds would tell", "regression, confirmed":
 * plain text. */
void trial_row_verdict(struct str *out, const struct trial_row *row);

#endif
