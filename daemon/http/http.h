/* Requests, replies and routes, free of libmicrohttpd: what the api_*.c files see.
 *
 * One request: gate -> identity -> route -> body -> load (reader thread) -> serve (loop thread) ->
 * wait for its batch to be durable -> answer. `serve` sees memory and what `load` brought; it never
 * blocks. */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/str.h"

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_PATCH, HTTP_DELETE, HTTP_METHODS_ };

/* Who is at the other end. uid is meaningful only when known. */
struct http_peer {
    bool known;   /* SO_PEERCRED or sock_diag gave a trustworthy answer */
    bool is_unix; /* came over the Unix socket */
    uid_t uid;
    pid_t pid; /* 0 unless is_unix */
};

struct http_query {
    const char *key, *value; /* percent-decoded, valid UTF-8, value "" when there is no '=' */
};

struct http_request {
    enum http_method method;
    const char *path;                         /* decoded once; begins with '/'; no "." or ".." part */
    const char *part[HTTP_PATH_PARTS_MAX];    /* what the pattern's {x} matched, in order */
    size_t n_parts;
    struct http_query query[HTTP_QUERY_ARGS_MAX];
    size_t n_query;
    /* Headers that anything here reads; NULL = absent. */
    const char *accept, *content_type, *idempotency_key, *if_none_match, *if_match, *last_event_id,
        *range;
    bool browser;   /* carried Origin, Referer, Cookie or any Sec-Fetch-* header */
    bool gzip_ok;   /* Accept-Encoding offers gzip */
    const char *body; /* NUL-terminated after body_len */
    size_t body_len;
    struct http_peer peer;
    void *loaded;          /* what the route's load returned; freed by its free_loaded */
    int64_t deadline_mono_us; /* of a wait; 0 until serve asked for one; kept over its calls */
    bool expired;          /* the wait's deadline has passed: serve must answer now */
    void *scratch;         /* serve's own, kept over the calls of one wait; freed with free() */
};

/* A body that is written as it comes to be. All calls on the loop thread. More than
 * HTTP_STREAMS_MAX at once are answered 503 by the server. A HEAD request closes its stream
 * unread. */
struct http_stream {
    /* Put 1..max bytes into buf and return how many; 0 = nothing yet (asked again after
     * http_server_wake with this stream's key, and at least every 15 s, so that a heartbeat can be
     * sent); -1 = the end; -2 = broken off (the client sees an aborted transfer). */
    ssize_t (*read)(struct http_stream *self, char *buf, size_t max);
    void (*close)(struct http_stream *self); /* frees self; always called exactly once */
    int64_t key; /* what wakes it; HTTP_KEY_EVENTS for the event feed, else a job id */
};

#define HTTP_KEY_EVENTS INT64_C(-1)

#define HTTP_REPLY_HEADERS_MAX 8

struct http_reply {
    int status;               /* 0 = 200 */
    const char *content_type; /* static; NULL = application/json */
    struct str body;          /* unused when a stream, a file or an asset is given */
    struct {
        const char *name; /* static */
        char *value;      /* heap; freed by the server */
    } header[HTTP_REPLY_HEADERS_MAX];
    size_t n_headers;
    uint64_t after_batch;       /* leave only when this batch is durable; 0 = at once. The one field
                                 * that also counts when serve returns an error code */
    struct http_stream *stream; /* owned by the server once serve returned 0 */
    int fd;                     /* a regular file to send from `fd_from`, `fd_len` bytes; 0 = none;
                                 * owned by the server once serve returned 0 */
    uint64_t fd_from, fd_len;
    const void *asset;          /* static memory to send as it is; NULL = none */
    size_t asset_len;
};

/* Add a header; value is copied. name must be static. "ETag" makes the server answer a matching
 * If-None-Match with 304. "Cache-Control" and "Content-Security-Policy" replace the defaults
 * (no-store; the strict policy of HTML pages). */
void http_reply_header(struct http_reply *reply, const char *name, const char *value);
/* Turn *err into status + application/problem+json. */
void http_reply_problem(struct http_reply *reply, const struct cail_err *err);

/* serve's third answer beside 0 and an error code: ask me again when `wait_key` is woken or at
 * deadline_mono_us (set in the request on the first call). */
#define HTTP_WAIT (-1)
/* And a fourth: run `load` (again), then ask me again: rows are wanted that the first serve could not
 * know of, or the wait is over and what was loaded is old. */
#define HTTP_RELOAD (-2)

enum http_access {
    HTTP_OPEN,  /* anybody that passes the gate */
    HTTP_OWNER, /* the daemon's own user; root over the Unix socket */
};

enum { /* http_route.flags */
    HTTP_TAKES_FORM = 1 << 0,    /* application/x-www-form-urlencoded, from non-browsers only */
    HTTP_TAKES_SCRIPT = 1 << 1,  /* text/x-shellscript, from non-browsers only */
    HTTP_TAKES_ANY = 1 << 2,     /* any content type (result files) */
    HTTP_STREAMS = 1 << 3,       /* may answer with a stream (for the documents; the server counts) */
    HTTP_NOT_BATCHED = 1 << 4,   /* exempt from waiting for durability: health, metrics, version */
    HTTP_LOAD_LAZY = 1 << 6,     /* load only when serve answers HTTP_RELOAD */
    HTTP_EMPTY_OK = 1 << 5,      /* a mutating request may come without a body and content type */
    HTTP_PAGE = 1 << 7,          /* an HTML page: a link on another site may open it */
};

/* One row an endpoint. pattern: "/jobs/{id}/log". */
struct http_route {
    enum http_method method; /* a GET row serves HEAD too */
    const char *pattern;
    enum http_access access;
    unsigned flags;
    size_t body_max; /* 0 = no body allowed */
    /* On the reader thread: rows into *ret_loaded. NULL = nothing to load. */
    int (*load)(void *reader, const struct http_request *rq, void **ret_loaded,
                struct cail_err *err);
    void (*free_loaded)(void *loaded); /* NULL = free() */
    /* On the loop: 0 and *reply, an error code and *err, or HTTP_WAIT with *ret_wait_key. */
    int (*serve)(void *app, struct http_request *rq, struct http_reply *reply,
                 int64_t *ret_wait_key, struct cail_err *err);
    const char *summary; /* for the docs and the test against openapi.yaml */
};

/* The query argument named key, or NULL. */
const char *http_query_get(const struct http_request *rq, const char *key);
/* Integer query argument in low..high; absent gives dflt. Error: E_BAD_REQUEST naming it. */
int http_query_int(const struct http_request *rq, const char *key, int64_t low, int64_t high,
                   int64_t dflt, int64_t *ret, struct cail_err *err) NODISCARD;
/* Refuse any query argument not named in known[n]: E_BAD_REQUEST with the nearest known name. */
int http_query_only(const struct http_request *rq, const char *const known[], size_t n,
                    struct cail_err *err) NODISCARD;
/* part[i] as an id > 0: E_NOT_FOUND otherwise. */
int http_part_id(const struct http_request *rq, size_t i, int64_t *ret, struct cail_err *err)
    NODISCARD;

#endif
