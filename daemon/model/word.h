/* The enums of schema/enums.def and their wire words. One row in that file is all a new word takes.
 */
#ifndef MODEL_WORD_H
#define MODEL_WORD_H

#include <stdbool.h>

#include "base/attr.h"
#include "enums.def"

#define X3(sym, word, terminal) sym,
#define X2(sym, word)           sym,
enum job_state { CAIL_JOB_STATES(X3) JOB_STATE_COUNT };
enum attempt_state { CAIL_ATTEMPT_STATES(X3) ATTEMPT_STATE_COUNT };
enum job_kind { CAIL_JOB_KINDS(X2) KIND_COUNT };
enum after_when { CAIL_AFTER_WHENS(X2) AFTER_WHEN_COUNT };
enum exclusive { CAIL_EXCLUSIVES(X2) EXCLUSIVE_COUNT };
enum profile { CAIL_PROFILES(X2) PROFILE_COUNT };
enum end_cause { CAIL_END_CAUSES(X2) END_CAUSE_COUNT };
enum retry_cause { CAIL_RETRY_CAUSES(X2) RETRY_CAUSE_COUNT };
enum better { CAIL_BETTERS(X2) BETTER_COUNT };
enum metric_kind { CAIL_METRIC_KINDS(X2) METRIC_KIND_COUNT };
enum result_status { CAIL_RESULT_STATUSES(X2) RESULT_STATUS_COUNT };
enum param_type { CAIL_PARAM_TYPES(X2) PARAM_TYPE_COUNT };
enum cache_state { CAIL_CACHE_STATES(X2) CACHE_STATE_COUNT };
enum pr_state { CAIL_PR_STATES(X2) PR_STATE_COUNT };
enum change_state { CAIL_CHANGE_STATES(X2) CHANGE_STATE_COUNT };
enum comparison_state { CAIL_COMPARISON_STATES(X3) COMPARISON_STATE_COUNT };
enum bisection_state { CAIL_BISECTION_STATES(X3) BISECTION_STATE_COUNT };
enum bisect_answer { CAIL_BISECT_ANSWERS(X2) BISECT_ANSWER_COUNT };
enum comparison_kind { CAIL_COMPARISON_KINDS(X2) COMPARISON_KIND_COUNT };
enum side { CAIL_SIDES(X2) SIDE_COUNT };
enum measurement_state { CAIL_MEASUREMENT_STATES(X2) MEASUREMENT_STATE_COUNT };
enum verdict { CAIL_VERDICTS(X2) VERDICT_COUNT };
enum check_verdict { CAIL_CHECK_VERDICTS(X2) CHECK_VERDICT_COUNT };
#undef X3
#undef X2

/* Word tables, indexed by the enum; *_COUNT entries. */
extern const char *const job_state_words[];
extern const char *const attempt_state_words[];
extern const char *const job_kind_words[];
extern const char *const after_when_words[];
extern const char *const exclusive_words[];
extern const char *const profile_words[];
extern const char *const end_cause_words[];
extern const char *const retry_cause_words[];
extern const char *const better_words[];
extern const char *const metric_kind_words[];
extern const char *const result_status_words[];
extern const char *const param_type_words[];
extern const char *const cache_state_words[];
extern const char *const pr_state_words[];
extern const char *const change_state_words[];
extern const char *const comparison_state_words[];
extern const char *const bisection_state_words[];
extern const char *const bisect_answer_words[];
extern const char *const comparison_kind_words[];
extern const char *const side_words[];
extern const char *const measurement_state_words[];
extern const char *const verdict_words[];
extern const char *const check_verdict_words[];

/* Index of word in words[n], or -1. "cancelled" is understood where "canceled" is. */
int word_find(const char *word, const char *const words[], int n) NODISCARD;

/* The smallest change that counts, as a fraction, where nobody said another: 1 % of a time or a
 * rate, 0.1 % of a count, any of what is exact. */
double metric_kind_least(enum metric_kind kind);

bool job_state_is_terminal(enum job_state s);
bool attempt_state_is_terminal(enum attempt_state s);
bool comparison_state_is_terminal(enum comparison_state s);

#endif
