/* The write-up of a pull request: commands, numbers, verdicts, environment, links, as Markdown. A
 * function of its rows alone: no clock, no address of this daemon, so the same rows give the same
 * bytes, today in docs/ and tomorrow in a comment. What strangers wrote (names, values, commands)
 * cannot open a tag, a link or a heading in it. */
#ifndef LAB_REPORT_H
#define LAB_REPORT_H

#include "lab/lab.h"

enum {
    LAB_REPORT_JOBS = 100,
    LAB_REPORT_COMPARISONS = 100,
    LAB_REPORT_RESULTS = 200, /* rows of one job */
};

struct lab_report {
    const struct pr *pr;
    const struct upstream *upstream; /* NULL = no longer in the table */
    const struct job_record *job;    /* newest first */
    size_t n_jobs;
    bool more_jobs;
    struct comparison *const *comparison; /* newest first */
    size_t n_comparisons;
    const struct topic *const *topic;
    size_t n_topics;
};

void lab_report(const struct lab_report *r, struct str *out);

/* One comparison: its headline and the table of `judged` (trial_report_json's rows). The one place
 * that knows how a comparison is shown in a pull request's report. */
void lab_report_comparison(const struct comparison *c, struct str *out);

#endif
