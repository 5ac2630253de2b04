/* The small JSON bodies of actions. An empty body is {}. */
#ifndef HTTP_API_BODY_H
#define HTTP_API_BODY_H

#include "http/http.h"
#include "wire/json.h"

/* The body as an object with no member but known[n]; *ret NULL = empty. Owned by the caller. */
int body_object(const struct http_request *rq, const char *const known[], size_t n, json_t **ret,
                struct cail_err *err) NODISCARD;
/* The same with one member allowed; *ret (NULL = absent) is borrowed from *ret_body. */
int body_member(const struct http_request *rq, const char *key, json_t **ret_body, json_t **ret,
                struct cail_err *err) NODISCARD;
/* {"grace_s": 10} */
int body_grace(const struct http_request *rq, int64_t *ret_ms, struct cail_err *err) NODISCARD;

#endif
