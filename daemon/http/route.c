/* Route matching: a handful of string comparisons over some sixty rows. */
#include "http/route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

struct part {
    const char *at;
    size_t len;
};

/* Splits "/a/b" to its parts; -1 = more than HTTP_PATH_PARTS_MAX. "/" has one empty part. */
static int split(const char *path, struct part parts[HTTP_PATH_PARTS_MAX])
{
    int n = 0;
    for (const char *p = path; *p == '/'; n++) {
        if (n == HTTP_PATH_PARTS_MAX)
            return -1;
        parts[n].at = p + 1;
        parts[n].len = strcspn(p + 1, "/");
        p += 1 + parts[n].len;
    }
    return n;
}

void route_table_init(struct route_table *t, const struct http_route *rows, size_t n)
{
    t->rows = rows;
    t->n = n;
    t->shapes = mem_array(n, sizeof *t->shapes);
    for (size_t i = 0; i < n; i++) {
        struct part parts[HTTP_PATH_PARTS_MAX];
        int n_parts = split(rows[i].pattern, parts);
        BUG_ON(n_parts <= 0);
        t->shapes[i].n_parts = (unsigned)n_parts;
        for (int k = 0; k < n_parts; k++)
            if (*parts[k].at != '{')
                t->shapes[i].literal |= 1u << (31 - k);
        t->shapes[i].takes_rest = strstr(rows[i].pattern, "*}") != NULL;
    }
}

void route_table_done(struct route_table *t)
{
    free(t->shapes);
    *t = (struct route_table){NULL, 0, NULL};
}

static bool matches(const char *pattern, const struct part *parts, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        const char *want = pattern + 1;
        size_t len = strcspn(want, "/");
        if (*want == '{' ? parts[i].len == 0
                         : len != parts[i].len || memcmp(want, parts[i].at, len) != 0)
            return false;
        pattern = want + len;
    }
    return true;
}

static void take_parts(const struct route_shape *shape, const struct part *parts, char *out,
                       struct http_request *rq)
{
    rq->n_parts = 0;
    for (unsigned i = 0; i < shape->n_parts; i++) {
        if (shape->literal & (1u << (31 - i)))
            continue;
        bool rest = shape->takes_rest && i + 1 == shape->n_parts;
        size_t len = rest ? strlen(parts[i].at) : parts[i].len;
        memcpy(out, parts[i].at, len);
        out[len] = 0;
        rq->part[rq->n_parts++] = out;
        out += len + 1;
    }
}

/* An empty part in what {name*} takes ("a//b", "a/") is no name. */
static bool fits(const struct route_shape *shape, const struct part *parts, int n)
{
    for (int i = (int)shape->n_parts; i < n; i++)
        if (parts[i].len == 0)
            return false;
    return shape->takes_rest ? n >= (int)shape->n_parts : n == (int)shape->n_parts;
}

const struct http_route *route_find(const struct route_table *t, struct http_request *rq, char *out,
                                    unsigned *ret_allowed)
{
    struct part parts[HTTP_PATH_PARTS_MAX];
    int n = split(rq->path, parts);
    enum http_method method = rq->method == HTTP_HEAD ? HTTP_GET : rq->method;
    size_t best = t->n;
    *ret_allowed = 0;
    for (size_t i = 0; i < t->n; i++) {
        if (!fits(&t->shapes[i], parts, n) ||
            !matches(t->rows[i].pattern, parts, t->shapes[i].n_parts))
            continue;
        *ret_allowed |= 1u << t->rows[i].method;
        if (t->rows[i].method == method &&
            (best == t->n || t->shapes[i].literal > t->shapes[best].literal))
            best = i;
    }
    if (best == t->n)
        return NULL;
    take_parts(&t->shapes[best], parts, out, rq);
    return &t->rows[best];
}

void route_allow(unsigned allowed, char out[ROUTE_ALLOW_LEN])
{
    static const char *const names[HTTP_METHODS_] = {
        [HTTP_GET] = "GET", [HTTP_HEAD] = "HEAD",   [HTTP_POST] = "POST",
        [HTTP_PUT] = "PUT", [HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE"};
    size_t n = 0;
    if (allowed & (1u << HTTP_GET))
        allowed |= 1u << HTTP_HEAD;
    for (int m = 0; m < HTTP_METHODS_; m++) {
        if (!(allowed & (1u << m)))
            continue;
        n += (size_t)snprintf(out + n, ROUTE_ALLOW_LEN - n, "%s%s", n ? ", " : "", names[m]);
    }
    out[n] = 0;
}
