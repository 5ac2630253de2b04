/* The word tables, generated from schema/enums.def. */
#include "model/word.h"

#include <string.h>

#define X3(sym, word, terminal) [sym] = word,
#define X2(sym, word)           [sym] = word,
const char *const job_state_words[] = {CAIL_JOB_STATES(X3)};
const char *const attempt_state_words[] = {CAIL_ATTEMPT_STATES(X3)};
const char *const job_kind_words[] = {CAIL_JOB_KINDS(X2)};
const char *const after_when_words[] = {CAIL_AFTER_WHENS(X2)};
const char *const exclusive_words[] = {CAIL_EXCLUSIVES(X2)};
const char *const profile_words[] = {CAIL_PROFILES(X2)};
const char *const end_cause_words[] = {CAIL_END_CAUSES(X2)};
const char *const retry_cause_words[] = {CAIL_RETRY_CAUSES(X2)};
const char *const better_words[] = {CAIL_BETTERS(X2)};
const char *const metric_kind_words[] = {CAIL_METRIC_KINDS(X2)};
const char *const result_status_words[] = {CAIL_RESULT_STATUSES(X2)};
const char *const param_type_words[] = {CAIL_PARAM_TYPES(X2)};
const char *const cache_state_words[] = {CAIL_CACHE_STATES(X2)};
const char *const pr_state_words[] = {CAIL_PR_STATES(X2)};
const char *const change_state_words[] = {CAIL_CHANGE_STATES(X2)};
const char *const comparison_state_words[] = {CAIL_COMPARISON_STATES(X3)};
const char *const bisection_state_words[] = {CAIL_BISECTION_STATES(X3)};
const char *const bisect_answer_words[] = {CAIL_BISECT_ANSWERS(X2)};
const char *const comparison_kind_words[] = {CAIL_COMPARISON_KINDS(X2)};
const char *const side_words[] = {CAIL_SIDES(X2)};
const char *const measurement_state_words[] = {CAIL_MEASUREMENT_STATES(X2)};
const char *const verdict_words[] = {CAIL_VERDICTS(X2)};
const char *const check_verdict_words[] = {CAIL_CHECK_VERDICTS(X2)};
#undef X3
#undef X2

int word_find(const char *word, const char *const words[], int n)
{
    if (strcmp(word, "cancelled") == 0)
        word = "canceled";
    for (int i = 0; i < n; i++)
        if (strcmp(word, words[i]) == 0)
            return i;
    return -1;
}

double metric_kind_least(enum metric_kind kind)
{
    switch (kind) {
    case METRIC_TIME:
    case METRIC_RATE:
        return .01;
    case METRIC_COUNT:
        return .001;
    case METRIC_EXACT:
    case METRIC_KIND_COUNT:
        break;
    }
    return 0;
}

bool job_state_is_terminal(enum job_state s)
{
#define X(sym, word, terminal) [sym] = terminal,
    static const bool is[] = {CAIL_JOB_STATES(X)};
#undef X
    return is[s];
}

bool attempt_state_is_terminal(enum attempt_state s)
{
#define X(sym, word, terminal) [sym] = terminal,
    static const bool is[] = {CAIL_ATTEMPT_STATES(X)};
#undef X
    return is[s];
}

bool comparison_state_is_terminal(enum comparison_state s)
{
#define X(sym, word, terminal) [sym] = terminal,
    static const bool is[] = {CAIL_COMPARISON_STATES(X)};
#undef X
    return is[s];
}
