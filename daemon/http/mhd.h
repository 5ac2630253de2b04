/* The inside of the server: connections, the calls on them, and who does what. Only server.c and
 * mhd_*.c include this.
 *
 *   server.c      start, the loop's hooks, stop
 *   mhd_conn.c    accept, identity, caps, deadlines of slow clients
 *   mhd_call.c    one request: head -> body -> load -> serve -> (wait) -> (batch) -> answer
 *   mhd_answer.c  struct http_reply -> MHD_Response, readers of long bodies and streams
 *   mhd_wait.c    wake keys, deadlines of waits, clients that leave while they wait
 *
 * Invariants
 *  1. A call is suspended in MHD exactly while c->suspended is true; call_resume is the only place
 *     that ends it, and marks the listener dirty: on_prepare runs MHD once for all of them.
 *  2. MHD_run is called from on_prepare and on_stop alone, so nothing here is entered twice.
 *  3. Memory of a request (MHD's pool, c->rq) lives until call_end; while c is LOADING a reader
 *     thread reads it, and a suspended connection cannot end.
 *  4. A call is in at most one of: a wait_key's list, the woken list, the batched list. */
#ifndef HTTP_MHD_H
#define HTTP_MHD_H

#include <microhttpd.h>
#include <sys/queue.h>
#include <uthash.h>
#include <uv.h>

#include "http/gate.h"
#include "http/listen.h"
#include "http/reply.h"
#include "http/route.h"
#include "http/server.h"

#define LISTENERS_MAX 5 /* four of TCP and the Unix socket */
#define OWNER_RESERVE 16
#define LARGE_BODY    (64u << 10) /* above it a body is sent in blocks, so that progress shows */
#define KEPT_MAX      (64u << 10) /* memory a connection keeps from one request to the next */

enum call_phase {
    CALL_IDLE, /* between requests */
    CALL_HEAD, /* the request line is known, headers are not judged yet */
    CALL_BODY,
    CALL_DROPPING, /* the body grew too large: read on and forget, then 413 */
    CALL_LOADING,  /* with the reader thread */
    CALL_WAITING,  /* serve said HTTP_WAIT */
    CALL_BATCHED,  /* the reply is ready, its batch is not durable */
    CALL_ANSWER,   /* the reply may leave */
    CALL_SENDING,  /* MHD has it */
};

struct wait_key;

struct call {
    enum call_phase phase;
    bool suspended;
    bool gone;    /* the client has left, or the server stops: to be broken off */
    bool close;   /* Connection: close after this answer */
    bool watched; /* in the server's watch epoll */
    bool woken;   /* in the woken list */
    bool streams; /* counted in n_streams */
    struct gate gate;
    struct http_request rq;
    struct http_reply reply;
    const struct http_route *route;
    struct str target; /* decoded target, then the path's parts */
    struct str body;
    size_t raw_len, parts_at;
    uint64_t dropped_bytes;
    struct http_load load;
    void *loaded;
    int code; /* of the target, later of the load */
    struct cail_err err;
    struct wait_key *key;
    int64_t asked_ms; /* a stream's read last came back empty */
    TAILQ_ENTRY(call) link;
};
TAILQ_HEAD(call_list, call);

struct wait_key {
    int64_t key;
    struct call_list calls;
    UT_hash_handle hh;
};

struct conn {
    struct listener *listener;
    struct MHD_Connection *mhd;
    int fd;
    struct http_peer peer;
    bool stranger;       /* not the owner: held to a part of the connections */
    bool served;         /* has had an answer; until then a slow head is told 408 */
    int64_t deadline_ms; /* on uv_now's clock; 0 = none */
    struct call call;
    LIST_ENTRY(conn) link;
};
LIST_HEAD(conn_list, conn);

struct listener {
    struct http_server *server;
    struct MHD_Daemon *mhd;
    int fd;
    int port;
    bool is_unix;
    bool dirty;  /* has something for MHD_run */
    bool paused; /* no descriptor was free; the sweep tries again */
    struct http_peer incoming;
    uv_poll_t accept_poll, mhd_poll;
};

struct http_server {
    uv_loop_t *loop;
    struct http_config config;
    struct route_table routes, pages;
    struct listener listeners[LISTENERS_MAX];
    size_t n_listeners;
    char *socket_path;
    struct listen_id socket_id;
    int netlink_fd, watch_fd, spare_fd;
    uv_prepare_t prepare;
    uv_timer_t kick, sweep, wait_timer;
    uv_poll_t watch_poll;
    unsigned n_handles;
    struct conn_list conns;
    unsigned n_connections, n_strangers, n_streams, n_waiting, n_loading;
    struct wait_key *keys;
    struct call_list woken, batched;
    unsigned n_woken;
    uint64_t requests, refused, client_errors, server_errors, bytes_out;
    char mhd_text[200]; /* what MHD said last while starting */
    int64_t log_window_ms;
    unsigned n_logged;
    bool stopping, stop_done;
    void (*stopped)(void *arg);
    void *stopped_arg;
};

static inline struct conn *conn_of(struct call *c)
{
    return (struct conn *)(void *)((char *)c - offsetof(struct conn, call));
}

static inline struct http_server *server_of(struct call *c)
{
    return conn_of(c)->listener->server;
}

/* mhd_conn.c */
void conn_accept(uv_poll_t *handle, int status, int events);
void conn_notify(void *listener, struct MHD_Connection *mhd, void **ctx,
                 enum MHD_ConnectionNotificationCode what);
void conn_sweep(uv_timer_t *timer);
void conn_send_too_large(struct conn *conn);
void conn_set_deadline(struct conn *conn, int after_ms); /* 0 = none */

/* mhd_call.c */
void *call_begin(void *listener, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result call_handle(void *listener, struct MHD_Connection *mhd, const char *url,
                            const char *method, const char *version, const char *data, size_t *size,
                            void **ctx);
void call_end(void *listener, struct MHD_Connection *mhd, void **ctx,
              enum MHD_RequestTerminationCode why);
void call_serve(struct call *c);
void call_fail(struct call *c, const struct cail_err *err); /* its reply becomes this problem */
void call_suspend(struct call *c);
void call_resume(struct call *c);  /* if it is suspended */
void call_settle(struct call *c);  /* outside a handler: resume it if it has something to say */
void call_dispose(struct call *c); /* the connection goes */

/* mhd_answer.c */
enum MHD_Result answer_queue(struct call *c);

/* mhd_wait.c */
void wait_add(struct call *c, int64_t key);
void wait_remove(struct call *c); /* from whichever list it is in */
void wait_run_woken(struct http_server *s);
void wait_unwatch(struct call *c);
void wait_on_timer(uv_timer_t *timer);
void wait_on_watch(uv_poll_t *handle, int status, int events);

#endif
