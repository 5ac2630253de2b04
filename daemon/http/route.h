/* Which row of the route table a path means. Pure. A literal part beats a {part}, so
 * "/results/table" and "/results/{x}" may stand side by side in any order. A last part "{name*}" takes
 * the rest of the path, its '/' included. */
#ifndef HTTP_ROUTE_H
#define HTTP_ROUTE_H

#include "http/http.h"

struct route_table {
    const struct http_route *rows;
    size_t n;
    struct route_shape {
        unsigned n_parts;
        unsigned literal; /* bit (31 - i): part i is literal; the larger number is more exact */
        bool takes_rest;
    } * shapes;
};

/* rows must outlive the table. A malformed pattern is our bug. */
void route_table_init(struct route_table *t, const struct http_route *rows, size_t n);
void route_table_done(struct route_table *t);

/* The row for method and rq->path; fills rq->part from `out` (at least strlen(path) + 1 bytes).
 * HEAD takes a GET row. NULL: *ret_allowed = bits (1 << method) the path takes, 0 = no such path.
 */
const struct http_route *route_find(const struct route_table *t, struct http_request *rq, char *out,
                                    unsigned *ret_allowed);

#define ROUTE_ALLOW_LEN 48
/* "GET, HEAD, POST" for the Allow header. */
void route_allow(unsigned allowed, char out[ROUTE_ALLOW_LEN]);

#endif
