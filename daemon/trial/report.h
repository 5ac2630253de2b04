/* What a person and a program read of a comparison. PURE: byte-identical from the same values. */
#ifndef TRIAL_REPORT_H
#define TRIAL_REPORT_H

#include "base/str.h"
#include "trial/judge.h"

struct trial_side_words {
    const char *label;  /* as it was asked: "main", "merge-base", "working tree" */
    const char *sha;    /* NULL = none */
    const char *params; /* JSON object that differs from the other's, NULL = none */
    int64_t job;        /* its build, 0 = none */
};

struct trial_diff { /* an artifact marked `diff` whose text is not the same on both sides */
    const char *name, *base_sha256, *head_sha256;
    const char *text; /* unified diff, bounded; NULL = binary or too large */
};

/* All borrowed. Strings are strangers' words: Markdown is escaped, control characters are shown. */
struct trial_report {
    int64_t id, measure_job;
    const char *name, *recipe, *params, *kind;
    struct trial_side_words side[2];
    const struct trial_plan *plan;
    const struct trial_case *c;
    const struct trial_judgement *j;
    const char *pr, *url;    /* of the daemon, for links; NULL = none */
    const char *fingerprint; /* short */
    const char *environment; /* lines "key: value", NULL = unknown */
    const char *commands;    /* lines a reader types to do it again */
    const char *reason;      /* why it ended early, NULL */
    const struct trial_diff *diff;
    size_t n_diffs;
    const char *const *missing; /* what could not be had, in words; NULL-terminated or NULL */
};

/* The members "rows", "checks", "checks_same", "geomean", "verdict", "exit_code", "flags", "diffs",
 * "missing" of GET /comparisons/{id}, without braces, so that they can be kept and put into a
 * larger object. rows[]: benchmark, params, metric, unit, better, metric_kind, verdict, gates,
 * flags[], n, base{median,lo,hi}, head{...}, effect, effect_lo, effect_hi, change_pct, p, p_holm,
 * min_effect, floor, rounds_needed, pairs[{batch, round, base, head, order, tainted}]. */
void trial_report_json(const struct trial_report *r, struct str *out);

/* Markdown: verdict in words, commands, table (what counts; "N more are the same" folded into a
 * details block), environment, flags, links. Ends in a line break. */
void trial_report_markdown(const struct trial_report *r, struct str *out);

/* "regression: 2 of 25 benchmarks are slower (worst +3.1 % [2.6, 3.7] gemm/time); 22 same" */
void trial_report_headline(const struct trial_report *r, struct str *out);

/* JUnit XML: a testcase a row and a check. And the summary of a GitHub check: JSON object with
 * conclusion, title, summary (Markdown). */
void trial_report_junit(const struct trial_report *r, struct str *out);
void trial_report_github(const struct trial_report *r, struct str *out);

#endif
