/* A comparison as its rows say. Private to trial_case.c, which fills it, and trial_docs.c, which
 * writes it down. */
#ifndef ENGINE_TRIAL_VIEW_H
#define ENGINE_TRIAL_VIEW_H

#include "engine/internal.h"
#include "trial/report.h"

struct series_entry { /* series by name */
    char *key, *params;
    int32_t index;
    UT_hash_handle hh;
};

struct floors { /* A/A effects of one name: "benchmark\nparams\nmetric" */
    char *key;
    double *effect;
    size_t n;
    UT_hash_handle hh;
};

struct comparison_view {
    struct comparison_record rec;
    struct comparison_request rq;
    struct trial_plan plan;
    struct trial_goal goal;
    struct trial_prepared side[SIDE_COUNT];
    struct trial_taken *taken;
    struct job_record measure,
        prepared[SIDE_COUNT]; /* prepared: of unpaired ones the stored runs */
    bool has_measure, has[SIDE_COUNT];
    bool has_tests; /* "elapsed" is a test's, whose status counts */
    bool asked;     /* the request names what decides: other tests are none of its business */
    struct trial_series *series;
    struct trial_obs *obs;
    size_t n_series, n_obs;
    struct series_entry *entries;
    char *own_params; /* names of the parameters in which the sides differ, ",a,b,"; NULL = none */
    struct floors *floors;
    struct trial_case c;
    struct trial_judgement j;
    char *fingerprint, *environment, *commands;
    const char *missing[3];  /* what could not be had: power, counters; ends in NULL */
    struct trial_diff *diff; /* owned */
    size_t n_diffs;
    char *failed; /* a side whose processes fail again and again, in words; NULL = none */
};

const struct attempt *
trial_last_attempt(const struct comparison_view *v); /* of the measuring job */

/* Words of it; the caller frees, NULL = nothing is known. */
char *trial_machine_of(const struct attempt *a); /* what the fingerprint is one of */
char *trial_environment_of(const struct attempt *a);
char *trial_fingerprint_of(const struct attempt *a);
char *trial_commands_of(const struct comparison_view *v);

/* trial_diffs.c: what was found when it ended, read back. */
void trial_diffs_read(struct comparison_view *v);
void trial_diffs_done(struct comparison_view *v);

#endif
