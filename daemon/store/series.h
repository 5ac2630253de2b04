/* Results over history, in the store: series, the summary of each result, what people said of them.
 * Verbs of a batch and questions for a reader under the rules of store.h.
 *
 * A series is a benchmark, a metric, canonical parameters and a fingerprint; who makes the ids says
 * so in engine/history.h. Summaries stay for ever, raw samples until store_thin_results. */
#ifndef STORE_SERIES_H
#define STORE_SERIES_H

#include "store/store.h"

/* What the results of one attempt have in common. Strings may be NULL where marked. */
struct result_origin {
    int64_t at_us;
    uint32_t flags;                      /* JOB_FLAG_* of the job */
    const char *recipe, *recipe_version; /* NULL = none */
    const char *sha;                     /* the commit, NULL = not said */
    int64_t fingerprint_id;
    const char *fingerprint; /* canonical JSON, an object */
};
/* Beside each result. NaN = none. */
struct result_summary {
    int64_t series_id; /* 0 = of none */
    double median, low, high, mad;
};
/* What a fingerprint stands for, canonical JSON; the first one stays. */
void store_put_fingerprint(struct store_batch *b, int64_t id, const char *doc, int64_t at_us);
/* After store_put_results of the same rows. */
void store_put_points(struct store_batch *b, const struct result_origin *o, const struct result *r,
                      const struct result_summary *s, size_t n);

struct commit_info {
    char *sha;
    int64_t position;        /* -1 unknown */
    int64_t committed_at_us; /* 0 unknown */
    char *author, *subject;  /* NULL unknown */
};
/* What is unknown leaves what the store knows. */
void store_put_commit(struct store_batch *b, const struct commit_info *c);
/* The raw samples of at most `limit` results of attempts that ended before: not those of a job with
 * a pull request, of a comparison's measurement or of a baseline. Summaries stay. */
void store_thin_results(struct store_batch *b, int64_t before_us, int64_t limit);

/* name is the key: a second put replaces. Exactly one of sha and job_id. */
struct baseline {
    char *name, *sha;
    int64_t job_id; /* 0 = none */
    char *note;     /* NULL = none */
    char *user;
    int64_t at_us;
};
struct release {
    char *name, *sha, *user;
    int64_t at_us;
};
/* Exactly one of sha and on_at_us. */
struct annotation {
    int64_t id;
    char *benchmark; /* NULL = all */
    char *sha;       /* NULL = at a time */
    int64_t on_at_us;
    char *text, *url; /* url NULL = none */
    char *user;
    int64_t at_us;
};
/* A point is named by its commit, or "job-N". */
struct change_state_row {
    char *before_point, *after_point;
    enum change_state state;
    char *note, *url; /* NULL = none */
    char *user;
    int64_t at_us;
};
void store_put_baseline(struct store_batch *b, const struct baseline *x);
void store_put_release(struct store_batch *b, const struct release *x);
void store_put_annotation(struct store_batch *b, const struct annotation *x);
void store_put_change_state(struct store_batch *b, int64_t series_id,
                            const struct change_state_row *x);

/* --- reading --- */

struct series {
    int64_t id, fingerprint_id;
    char *benchmark, *metric, *params, *unit;
    enum better better;
    enum metric_kind kind;
    char *recipe, *recipe_version; /* NULL = none */
    int64_t points, last_at_us, last_job_id;
    double last_value; /* NaN = none */
};
struct series_filter {
    const char *benchmark, *benchmark_glob, *metric, *params, *recipe, *like; /* NULL = all */
    int64_t series_id, fingerprint_id, since_us, points_min;                  /* 0 = all */
    bool newest_first; /* by the time of the last point; without a cursor */
    /* Keyset cursor: those behind it; NULL = from the start. */
    const char *after_benchmark, *after_metric, *after_params;
    int64_t after_id;
    int32_t limit; /* 1..LIST_LIMIT_MAX */
};
struct series_rows {
    struct series *series;
    size_t n;
    bool more;
};
void series_rows_done(struct series_rows *rows);
int store_read_series(struct store_reader *r, const struct series_filter *f,
                      struct series_rows *ret, struct cail_err *err) NODISCARD;
/* The newest `max` medians of a series, oldest first; *ret_n at most max. */
int store_read_spark(struct store_reader *r, int64_t series_id, double *ret, size_t max,
                     size_t *ret_n, struct cail_err *err) NODISCARD;
/* Caller frees; "{}" for one that is not there. */
int store_read_fingerprint(struct store_reader *r, int64_t id, char **ret,
                           struct cail_err *err) NODISCARD;

struct point {
    int64_t result_id, job_id, at_us;
    struct commit_info commit; /* sha NULL = not said */
    enum result_status status;
    uint32_t flags;
    int64_t n;
    double median, low, high, mad; /* NaN = none */
};
struct point_rows {
    struct point *point; /* oldest first */
    size_t n;
};
void point_rows_done(struct point_rows *rows);
/* The newest `limit` points that were measured at or after since_us. */
int store_read_points(struct store_reader *r, int64_t series_id, int64_t since_us, int64_t limit,
                      struct point_rows *ret, struct cail_err *err) NODISCARD;
/* The raw samples of a result; none = thinned, or there were none. Caller frees *ret. */
int store_read_samples(struct store_reader *r, int64_t result_id, double **ret, size_t *ret_n,
                       struct cail_err *err) NODISCARD;

/* What identical code did in this series, |ln(head/base)| of each A/A comparison, ascending; the
 * fingerprint as comparisons write it. Caller frees *ret. */
int store_read_aa_effects(struct store_reader *r, const struct series *s, const char *fingerprint,
                          double **ret, size_t *ret_n, struct cail_err *err) NODISCARD;

enum { STORE_MARKS_MAX = 1000 };
struct baseline_rows {
    struct baseline *row;
    size_t n;
};
struct release_rows {
    struct release *row;
    size_t n;
};
struct annotation_rows {
    struct annotation *row;
    size_t n;
};
struct change_state_rows {
    struct change_state_row *row;
    size_t n;
};
void baseline_done(struct baseline *x);
void release_done(struct release *x);
void annotation_done(struct annotation *x);
void change_state_done(struct change_state_row *x);
void baseline_rows_done(struct baseline_rows *rows);
void release_rows_done(struct release_rows *rows);
void annotation_rows_done(struct annotation_rows *rows);
void change_state_rows_done(struct change_state_rows *rows);
/* The newest STORE_MARKS_MAX of each. */
int store_read_baselines(struct store_reader *r, struct baseline_rows *ret,
                         struct cail_err *err) NODISCARD;
int store_read_releases(struct store_reader *r, struct release_rows *ret,
                        struct cail_err *err) NODISCARD;
/* Those of a benchmark and those of all; NULL = every one. */
int store_read_annotations(struct store_reader *r, const char *benchmark,
                           struct annotation_rows *ret, struct cail_err *err) NODISCARD;
int store_read_change_states(struct store_reader *r, int64_t series_id,
                             struct change_state_rows *ret, struct cail_err *err) NODISCARD;

#endif
