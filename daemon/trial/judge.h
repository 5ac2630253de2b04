/* From measurements to verdicts. PURE; the same rows give the same verdicts, byte for byte.
 *
 * d = ln(head/base) of a round, sign turned for higher-is-better, so that d > 0 is worse. Where a
 * value is zero or negative d is the difference over the base's median, and the row says so
 * (TRIAL_FLAG_DIFFERENCE). Effect = Hodges-Lehmann of d; test = exact Wilcoxon signed-rank (Pratt
 * zeros); interval = its inversion; Holm over the series that gate. Unpaired: exact Mann-Whitney
 * with ties, Hodges-Lehmann of the ratios, labelled. Method and thresholds:
 * "Comparisons" in docs/RESULTS.md.
 *
 * A metric of kind exact has no noise: any difference is one, and a side that disagrees with itself
 * over rounds is flagged (TRIAL_FLAG_UNSTABLE). A series of check rows (metric "elapsed" whose
 * status is what counts) is compared by status. */
#ifndef TRIAL_JUDGE_H
#define TRIAL_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/word.h"
#include "trial/plan.h"

struct trial_series {
    const char *benchmark, *params, *metric, *unit; /* borrowed */
    enum better better;
    enum metric_kind kind;
    bool is_check;     /* status is the outcome; values do not count */
    bool gates;        /* in the Holm family and in the overall verdict (neutral never is); a check
                          that does not is left out */
    double min_effect; /* asked, as a fraction (.01); NaN = by kind: time, rate .01, count .001,
                          exact 0 */
    double floor;      /* A/A: 95th percentile of |effect| as a fraction; NaN = unknown */
};

/* One series in one process. value = median of its samples; NaN with a status that says why. */
struct trial_obs {
    int32_t series;
    int32_t batch, round;
    int32_t seq; /* order of the processes, for drift */
    enum side side;
    enum result_status status;
    bool tainted;
    double value;
    double resolution; /* of the clock or the print, in its unit; 0 = unknown */
};

struct trial_case {
    const struct trial_series *series;
    size_t n_series;
    const struct trial_obs *obs; /* pairs that count alone (trial_pair), no warm-up; any order */
    size_t n_obs;
    double alpha;         /* of this look */
    int32_t rounds;       /* planned so far in batch 0 */
    bool unpaired;        /* rounds mean nothing */
    bool comparable;      /* fingerprints agree */
    bool confirmed_asked; /* batch 1 is there and decides over batch 0's changes */
};

enum {
    TRIAL_FLAG_DRIFT = 1 << 0,      /* values follow the order of measuring (p < .01) */
    TRIAL_FLAG_BIMODAL = 1 << 1,    /* dip test, n >= 20 */
    TRIAL_FLAG_OUTLIERS = 1 << 2,   /* modified z > 10; kept */
    TRIAL_FLAG_TAINTED = 1 << 3,    /* a throttled or shared card in a pair that counts */
    TRIAL_FLAG_UNSTABLE = 1 << 4,   /* an exact metric that changes by itself */
    TRIAL_FLAG_DIFFERENCE = 1 << 5, /* zeros: differences instead of ratios */
    TRIAL_FLAG_UNPAIRED = 1 << 6,   /* drift not controlled */
    TRIAL_FLAG_FLOOR_UNKNOWN =
        1 << 7,                       /* no A/A floor: a regression warns, the gate does not fail */
    TRIAL_FLAG_UNDERPOWERED = 1 << 8, /* too few rounds for the family */
    TRIAL_FLAG_CONFIRMED = 1 << 9,
    TRIAL_FLAG_NOT_CONFIRMED = 1 << 10,
    TRIAL_FLAG_FAILED_ROUNDS = 1 << 11, /* some rounds have no value */
    TRIAL_FLAG_SHOWN_ONLY = 1 << 12,    /* gates nothing: neutral, not asked for, or not head's
                                           doing: new, failed on the base alone, skipped on both */
};
extern const char *const trial_flag_words[]; /* by bit; NULL past the last */

struct trial_row {
    int32_t series;
    enum verdict verdict;
    uint32_t flags;
    int32_t n; /* pairs (or the smaller side when unpaired) */
    double base, base_lo, base_hi, head, head_lo, head_hi; /* medians, order-statistic intervals */
    double effect, lo, hi; /* ratio head/base, 1 = equal; interval at 1 - alpha */
    double p, p_holm;      /* NaN = no test (exact, neutral, checks) */
    double min_effect;     /* what was applied, as a fraction */
    double floor;          /* NaN = unknown */
    int32_t rounds_needed; /* inconclusive: about how many in all; 0 = unknown */
};

struct trial_check {
    int32_t series;
    enum check_verdict verdict;
    enum result_status base, head; /* as last seen; RESULT_STATUS_COUNT = absent */
    bool once;                     /* a new failure that was seen in one process alone */
};

struct trial_judgement {
    struct trial_row *row; /* worst first: by verdict, then by effect */
    size_t n_rows;
    struct trial_check *check; /* all but what passed, or was skipped, on both sides */
    size_t n_checks;
    int32_t checks_same;                    /* how many that were */
    double geomean, geomean_lo, geomean_hi; /* of the ratios of what both sides have; NaN = none;
                                               interval from the rounds' own geomeans */
    enum verdict verdict;
    int32_t exit_code;  /* for fail_on regression,failed,missing (trial_exit_code for others) */
    bool wants_confirm; /* batch 0 has unconfirmed changes, or new failures seen once */
    bool one_confirms;  /* only the latter: one more round tells */
    bool wants_look;    /* something gates and is inconclusive */
};

/* *ret owned by the caller. Cost O(n_obs log n_obs + n_series * rounds^2). */
void trial_judge(const struct trial_case *c, struct trial_judgement *ret);
void trial_judgement_done(struct trial_judgement *j);

/* 0 nothing of fail_on, 1 regression (or new_failure), 2 inconclusive, 3 failed or missing, 4 not
 * comparable, whatever fail_on says: nothing could be looked at; fail_on = bit per enum verdict.
 * A regression whose floor is unknown does not fail, nor does a row that is only shown. */
#define TRIAL_FAIL_ON_DEFAULT                                                                      \
    (1u << VERDICT_REGRESSION | 1u << VERDICT_FAILED | 1u << VERDICT_MISSING)
enum { TRIAL_EXIT_CANCELED = 66 }; /* it never came to a verdict */
int32_t trial_exit_code(const struct trial_judgement *j, uint32_t fail_on);

/* 95th percentile of |effects| (ln) as a fraction; NaN under TRIAL_AA_MIN of them. */
enum { TRIAL_AA_MIN = 20 };
double trial_floor(const double *effects, size_t n);

#endif
