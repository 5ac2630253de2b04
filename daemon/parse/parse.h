/* Parsers: the output of a benchmark tool -> results with unit and direction. PURE. One row of the
 * table and one file a format; a golden folder each in tests/golden/<name>/.
 *
 * Hostile input gets an error with a position; memory is bounded by RESULTS_PER_JOB_MAX. */
#ifndef PARSE_PARSE_H
#define PARSE_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/job.h"

struct parse_out {         /* starts as {0} */
    struct result *result; /* job_id, attempt_id and id stay 0 */
    size_t n, cap;
    struct parse_index *index; /* of the rows by series; rows.c */
};

void parse_out_done(struct parse_out *out);
/* Append; takes over the strings and samples of *r and leaves it empty. value is set to the median
 * of the samples (NaN without). E_TOO_MANY past RESULTS_PER_JOB_MAX. */
int parse_out_take(struct parse_out *out, struct result *r, struct cail_err *err) NODISCARD;

struct parser {
    const char *name;                          /* "mlir-timing" */
    const char *summary;                       /* for the docs */
    bool (*detect)(const char *p, size_t len); /* cheap: looks at the first 4 KiB */
    /* benchmark: the name used where the format has none (the job's or file's). On error *out keeps
     * what it had before the call. A series that *out has already gets more samples, so a benchmark
     * that writes one file a round needs one *out and one name for its files. */
    int (*parse)(const char *p, size_t len, const char *benchmark, struct parse_out *out,
                 struct cail_err *err);
};

extern const struct parser parsers[];
extern const size_t n_parsers;
const struct parser *parse_find(const char *name);            /* NULL = no such */
const struct parser *parse_detect(const char *p, size_t len); /* NULL = none knows it */
bool parse_has_tests(const char *name); /* its rows "elapsed" are tests, which pass or fail */

/* Lines a job writes to its log: "::cail metric name=... value=... unit=... better=..." (optional
 * benchmark= kind= param.X=; values may be "quoted"; the same name again adds a sample). Feed the
 * log in pieces of any size; a line longer than RESULT_LINE_MAX is skipped. *st starts as {0}. A
 * row's value is the median of its samples once parse_lines_end was called. */
struct parse_lines {
    char line[4096];
    size_t len;
    bool skipping;
    int64_t line_no;
    int64_t bad;         /* malformed ::cail lines */
    char first_bad[160]; /* "line 12: metric has no value" */
};
int parse_lines_feed(struct parse_lines *st, const char *p, size_t len, const char *benchmark,
                     struct parse_out *out, struct cail_err *err) NODISCARD;
int parse_lines_end(struct parse_lines *st, const char *benchmark, struct parse_out *out,
                    struct cail_err *err) NODISCARD;

/* How far a build is, from the last marker in a piece of its log: ninja [n/m], make/cmake [ n%],
 * bazel [n / m], cargo "Building [==> ] n/m", lit "(n of m)", git "n% (a/b)",
 * "::cail progress done=3 total=9 label=...". false = none in there. */
struct parse_progress {
    int64_t done, total; /* total > 0 */
    char unit[16];       /* "edges", "%", "steps", "tests", "objects" */
    char label[32];      /* who counts: "ninja", "cmake" ... */
};
bool parse_progress(const char *p, size_t len, struct parse_progress *ret);

#endif
