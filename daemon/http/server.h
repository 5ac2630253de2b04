/* The HTTP server: libmicrohttpd inside a libuv loop. server.c and its neighbours mhd_*.c are the
 * only files that see <microhttpd.h>. Loop thread only, unless said otherwise. */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include <uv.h>

#include "http/http.h"

struct http_server;

/* serve runs in the loop's prepare phase or in a load's done(); one more turn of the loop follows
 * before it sleeps, so commands may be collected and sent off by any hook of the loop. */

/* One `load`: run() is called on a reader thread, then done() on the loop thread. Owned by the
 * server; the hook just passes it along. */
struct http_load {
    void (*run)(struct http_load *self, void *reader);
    void (*done)(struct http_load *self);
};

struct http_hooks {
    void *app; /* handed to every serve */
    /* Queue a load; false = the reader's queue is full (the client gets 503 unavailable). true is a
     * promise that done() comes exactly once, later, on the loop: the request's memory lives till
     * then, and http_server_stop waits for it. */
    bool (*load)(void *app, struct http_load *load);
    /* Newest batch number that is durable. Answers with a larger after_batch wait for
     * http_server_durable. */
    uint64_t (*durable)(void *app);
};

struct http_listen {
    char host[64]; /* "127.0.0.1", "::1"; anything not loopback is refused */
    int port;      /* 0 = any free one; ret_port says which */
};

/* Deadlines are absolute from the first byte's point of view, so a client that drips one byte a
 * second is cut as well. 0 = the default of base/limits.h. */
struct http_limits {
    int head_ms;   /* accept -> whole request head, first request of a connection */
    int body_ms;   /* head -> whole body */
    int idle_ms;   /* answer sent -> whole head of the next request */
    int write_ms;  /* an answer makes no progress (streams excepted) */
    int stream_ms; /* a silent stream is asked again: its heartbeat */
    int connections_max; /* all listeners; the Unix socket has 16 more for its owner */
    int streams_max;
};

#define HTTP_WRITE_STALL_MS 30000
#define HTTP_STREAM_WAKE_MS 15000

struct http_config {
    const struct http_route *routes;
    size_t n_routes;
    const struct http_route *pages; /* for GET with text/html in Accept; before routes */
    size_t n_pages;
    struct http_hooks hooks;
    struct http_listen listen[4];
    size_t n_listen;
    const char *socket_path;          /* Unix socket, 0600 in a folder of ours; NULL = none */
    const char *const *allowed_hosts; /* beside localhost, 127.0.0.1 and [::1]; NULL-terminated or NULL */
    uid_t owner;                      /* whom HTTP_OWNER admits */
    struct http_limits limits;
};

/* Bind, listen and serve. On failure nothing is left bound: E_FORBIDDEN (not loopback), E_CONFLICT
 * "port taken by pid N (name)", E_IO. ret_ports[i]: the port of listen[i]; 0 = "::1" asked for on a
 * machine without IPv6. routes, allowed_hosts and what they point to must outlive the server. */
int http_server_start(struct http_server **ret, uv_loop_t *loop, const struct http_config *config,
                      int ret_ports[4], struct cail_err *err) NODISCARD;
/* Everything up to `batch` is durable: release the answers that waited. */
void http_server_durable(struct http_server *s, uint64_t batch);
/* The batches > durable are lost or unknown: each answer that waited becomes *err (commit_unknown). */
void http_server_fail_waiting(struct http_server *s, const struct cail_err *err);
/* Something about `key` changed: ask its waiting serves and streams again (soon, not inside). */
void http_server_wake(struct http_server *s, int64_t key);
/* Stop accepting, end every wait and stream, wait for the loads under way, close; then done(arg) on
 * the loop, after which *s is gone. May be called from anywhere on the loop, even inside serve. */
void http_server_stop(struct http_server *s, void (*done)(void *arg), void *arg);

struct http_stats {
    uint64_t requests, refused, client_errors, server_errors, bytes_out;
    unsigned connections, streams, waiting;
};
void http_server_stats(const struct http_server *s, struct http_stats *ret);

/* Version of libmicrohttpd as it is at run time; static. */
const char *http_library_version(void);

#endif
