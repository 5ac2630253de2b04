/* The request target, decoded exactly once. Pure. What could be read in two ways (%00, %2f, %5c, a
 * backslash, "." and ".." parts, control characters, bytes that are not UTF-8) is refused, not
 * repaired. */
#ifndef HTTP_TARGET_H
#define HTTP_TARGET_H

#include "http/http.h"

#define TARGET_MAX 8192u

/* raw: what stood between method and version. out: at least len + 1 bytes; rq->path and rq->query
 * point into it. '+' is a space in the query alone. */
int target_parse(const char *raw, size_t len, char *out, struct http_request *rq,
                 struct cail_err *err) NODISCARD;

#endif
