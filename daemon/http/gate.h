/* The gate: everything that is judged about a request head before anybody looks at what it wants.
 * Pure. The library below lets much malformed HTTP through, so these checks are the server's own
 * and stay when the library is replaced.
 *
 *     gate_begin(&g, method, version_is_1_0);
 *     for each header: gate_header(&g, name, name_len, value, value_len);
 *     gate_check(&g, &site, &err)                  form, Host, method: before routing
 *     gate_check_origin(&g, page, &err)            other web sites: once the route is known
 *     gate_check_body(&g, route, &err)             length, type, encoding
 *
 * Host is what stops DNS rebinding (a rebound page is "same-origin"), Origin and Sec-Fetch-Site
 * stop other sites' pages, and the custom header stops what no browser sends without asking. */
#ifndef HTTP_GATE_H
#define HTTP_GATE_H

#include "http/http.h"

struct gate {
    enum http_method method; /* HTTP_METHODS_ = not one we know */
    bool is_options;
    bool is_http_1_0;
    const char *fault; /* the first thing found malformed, static; NULL = none */
    /* Header values; they live as long as what gate_header was given. NULL = absent. */
    const char *host, *origin, *content_length, *transfer_encoding, *content_type,
        *content_encoding, *authorization, *csrf, *fetch_site, *fetch_mode, *fetch_dest, *accept,
        *accept_encoding, *idempotency_key, *if_none_match, *if_match, *last_event_id, *range;
    bool
        browser; /* Origin, Referer, Cookie or Sec-Fetch-*: what only browsers send by themselves */
    bool proxied; /* Forwarded, X-Forwarded-*, X-Real-IP, Via: the peer speaks for somebody else */
};

/* Where the request came in. */
struct gate_site {
    int port; /* ignored over the Unix socket */
    bool is_unix;
    const char *const *allowed_hosts; /* NULL or NULL-terminated: "name" or "name:port" */
};

void gate_begin(struct gate *g, const char *method, bool is_http_1_0);
void gate_header(struct gate *g, const char *name, size_t name_len, const char *value,
                 size_t value_len);
int gate_check(const struct gate *g, const struct gate_site *site, struct cail_err *err) NODISCARD;
int gate_check_origin(const struct gate *g, bool page, struct cail_err *err) NODISCARD;
int gate_check_body(const struct gate *g, const struct http_route *route,
                    struct cail_err *err) NODISCARD;

bool gate_host_ok(const char *host, const struct gate_site *site);
bool gate_is_chunked(const struct gate *g);
/* Content-Length, 0 when absent. gate_check has found it well-formed. */
uint64_t gate_length(const struct gate *g);
/* Does Accept-Encoding offer gzip (with a quality above 0)? */
bool gate_offers_gzip(const char *accept_encoding);

#endif
