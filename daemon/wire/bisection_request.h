/* POST /bisections: which line of commits is searched for what, decoded and checked; and the
 * comparisons it is made of, as bodies of POST /comparisons. PURE. The request's own text is kept
 * in the store and decoded again after a restart. */
#ifndef WIRE_BISECTION_REQUEST_H
#define WIRE_BISECTION_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define BISECTION_BODY_MAX    (1u << 20)
#define BISECTION_COMMITS_MAX 20000

struct bisection_request {
    void *doc;           /* the request as JSON; owns the strings below */
    const char *name;    /* NULL = not said */
    const char *recipe;  /* never NULL */
    const char *pr;      /* NULL = not said */
    const char **commit; /* full or abbreviated shas, oldest first: good ... bad */
    int32_t n_commits;   /* at least 2 */
    int32_t rounds;      /* of the first try; 0 = the planner's default */
};

/* Errors point into the body ("/commits/3"). The comparison it would begin with is read too, so
 * what that refuses is refused here. */
int bisection_request_read(const char *body, size_t len, struct bisection_request *ret,
                           struct cail_err *err) NODISCARD;
void bisection_request_done(struct bisection_request *rq);

/* Commit number `good` against `at`; again: the same once more, with twice the rounds. pr: as it is
 * kept, NULL = none. */
void bisection_comparison(const struct bisection_request *rq, int64_t id, int32_t good, int32_t at,
                          bool again, const char *pr, struct str *out);

#endif
