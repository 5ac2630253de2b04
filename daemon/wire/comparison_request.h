/* POST /comparisons: what is to be compared with what, decoded and checked. PURE. The request's own
 * text is kept in the store and decoded again after a restart. */
#ifndef WIRE_COMPARISON_REQUEST_H
#define WIRE_COMPARISON_REQUEST_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"
#include "model/comparison.h"

#define COMPARISON_BODY_MAX (256u << 10)

/* One SIDE of API.md: at most one of the first five is set; none = the recipe as it is, with other
 * params or env. */
struct comparison_side {
    char *ref;      /* sha, branch, tag, "pull/N", "merge-base" (base alone: with head's ref) */
    char *worktree; /* absolute */
    char *bin_dir;  /* absolute; first on the PATH */
    char **argv;    /* NULL-terminated */
    int64_t job;    /* a stored run */
    char *params;   /* JSON object text, NULL = none; over the request's own */
    char *env;      /* JSON object text of strings, NULL = none; over the request's own */
    char *label;    /* what a reader sees; never NULL */
};

struct comparison_request {
    enum comparison_kind kind;
    char *name, *recipe, *pr, *queue, *cwd, *build_root; /* NULL = not said */
    char *artifacts;            /* as in a job request, JSON array text; NULL = not said */
    char *params, *env, *needs; /* JSON object texts, NULL = not said */
    struct comparison_side side[SIDE_COUNT];
    int32_t rounds, looks, repeats_max; /* 0 = not said, the planner's default */
    int32_t priority;
    int64_t timeout_s; /* of one process; 0 = not said */
    double alpha;
    bool confirm, has_seed;
    uint64_t seed;
    char **metric; /* globs of what gates: "metric" or "benchmark/metric" */
    size_t n_metrics;
    double min_effect[METRIC_KIND_COUNT]; /* fractions; NaN = not said */
    uint32_t fail_on;                     /* bit per enum verdict */
};

/* Errors point into the body ("/head/ref"). */
int comparison_request_read(const char *body, size_t len, struct comparison_request *ret,
                            struct cail_err *err) NODISCARD;
void comparison_request_done(struct comparison_request *rq);

/* The recipe's parameters of one side: the request's, then the side's, then its ref as `ref`. */
char *comparison_side_params(const struct comparison_request *rq, enum side side);

/* The jobs of comparison `id` as a body of POST /jobs: the preparation of base and of head where
 * `prepare` says so, then the measuring job, which comes after them. */
void comparison_jobs(const struct comparison_request *rq, int64_t id,
                     const bool prepare[SIDE_COUNT], struct str *out);

/* "NAME: BASE against HEAD", each at most `max` bytes; `nameless` where it has neither name nor
 * recipe. Caller frees. */
char *comparison_name(const struct comparison_request *rq, const char *nameless, size_t max);

#endif
