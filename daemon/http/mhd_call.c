/* One request, from its first line to its answer. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "http/api.h"
#include "http/ident.h"
#include "http/mhd.h"
#include "http/target.h"

#define BODY_RESERVE_MAX (256u << 10) /* memory taken on a mere announcement */

static struct conn *conn_at(struct MHD_Connection *mhd)
{
    return MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

/* -- suspension ------------------------------------------------------------------------------ */

void call_suspend(struct call *c)
{
    BUG_ON(c->suspended);
    c->suspended = true;
    MHD_suspend_connection(conn_of(c)->mhd);
}

void call_resume(struct call *c)
{
    if (!c->suspended)
        return;
    c->suspended = false;
    conn_of(c)->listener->dirty = true;
    MHD_resume_connection(conn_of(c)->mhd);
}

void call_settle(struct call *c)
{
    if (c->phase == CALL_ANSWER || (c->gone && c->phase != CALL_LOADING))
        call_resume(c);
}

/* -- head ------------------------------------------------------------------------------------ */

/* Called with the raw target before MHD cuts it up; MHD's own decoding is never looked at. */
void *call_begin(void *listener, const char *uri, struct MHD_Connection *mhd)
{
    struct conn *conn = conn_at(mhd);
    struct call *c = &conn->call;
    (void)listener;
    c->phase = CALL_HEAD;
    if (conn->served)
        conn_set_deadline(conn, server_of(c)->config.limits.head_ms);
    c->raw_len = uri ? strlen(uri) : 0;
    size_t room = c->raw_len <= TARGET_MAX ? c->raw_len : 0;
    str_clear(&c->target);
    str_reserve(&c->target, 2 * room + 4);
    c->parts_at = room + 2;
    c->code = target_parse(uri ? uri : "", c->raw_len, c->target.p, &c->rq, &c->err);
    return c;
}

static enum MHD_Result collect(void *cls, enum MHD_ValueKind kind, const char *key, size_t key_len,
                               const char *value, size_t value_len)
{
    (void)kind;
    gate_header(cls, key, key_len, value, value_len);
    return MHD_YES;
}

/* MHD ends strings at a NUL that came in the request line, and skips spaces; both show as parts
 * that do not lie side by side. */
static bool line_is_plain(const struct call *c, const char *method, const char *url,
                          const char *version)
{
    return url == method + strlen(method) + 1 && version == url + c->raw_len + 1;
}

static int check_access(struct call *c, struct cail_err *err)
{
    const struct http_peer *peer = &c->rq.peer;
    unsigned owner = server_of(c)->config.owner;
    if (c->route->access == HTTP_OPEN || ident_is_owner(peer, owner))
        return 0;
    if (!peer->known)
        err_set(err, E_NO_IDENTITY, "cail cannot tell which user this connection belongs to%s",
                c->gate.proxied ? ", because it came through a proxy" : "");
    else
        err_set(err, E_FORBIDDEN, "you are uid %u; this cail-d works for uid %u alone",
                (unsigned)peer->uid, owner);
    if (server_of(c)->socket_path)
        err_hint(err,
                 "run as uid %u%s, or use its socket: curl --unix-socket %.100s "
                 "http://localhost/",
                 owner, peer->known && peer->uid == 0 ? "" : " on this machine",
                 server_of(c)->socket_path);
    else
        err_hint(err, "run as uid %u on this machine", owner);
    return err ? (int)err->code : (int)E_FORBIDDEN;
}

static int find_route(struct call *c, struct cail_err *err)
{
    unsigned allowed;
    char allow[ROUTE_ALLOW_LEN];
    c->route = NULL;
    if (api_accepts(&c->rq, "text/html"))
        c->route = route_find(&server_of(c)->pages, &c->rq, c->target.p + c->parts_at, &allowed);
    if (c->route)
        return 0;
    c->route = route_find(&server_of(c)->routes, &c->rq, c->target.p + c->parts_at, &allowed);
    if (c->route)
        return 0;
    if (allowed == 0) {
        err_set(err, E_NOT_FOUND, "there is no \"%.200s\" here", c->rq.path);
        err_hint(err, "GET / says what there is, GET /openapi.json says it all");
        return E_NOT_FOUND;
    }
    route_allow(allowed, allow);
    err_set(err, E_METHOD, "\"%.200s\" takes %s alone", c->rq.path, allow);
    http_reply_header(&c->reply, "Allow", allow);
    return E_METHOD;
}

static void fill_request(struct call *c)
{
    const struct gate *g = &c->gate;
    struct http_request *rq = &c->rq;
    rq->accept = g->accept;
    rq->content_type = g->content_type;
    rq->idempotency_key = g->idempotency_key;
    rq->if_none_match = g->if_none_match;
    rq->if_match = g->if_match;
    rq->last_event_id = g->last_event_id;
    rq->range = g->range;
    rq->browser = g->browser;
    rq->gzip_ok = gate_offers_gzip(g->accept_encoding);
    rq->peer = conn_of(c)->peer;
    if (g->proxied)
        rq->peer.known = false;
}

static int judge_head(struct call *c, struct cail_err *err)
{
    struct listener *l = conn_of(c)->listener;
    struct gate_site site = {l->port, l->is_unix, l->server->config.allowed_hosts};
    int r = gate_check(&c->gate, &site, err);
    if (r)
        return r;
    if (c->code) {
        *err = c->err;
        return c->code;
    }
    c->rq.method = c->gate.method;
    fill_request(c);
    r = find_route(c, err);
    if (r == 0)
        r = gate_check_origin(&c->gate, c->route->flags & HTTP_PAGE, err);
    if (r == 0)
        r = check_access(c, err);
    if (r == 0)
        r = gate_check_body(&c->gate, c->route, err);
    if (r == 0 && l->server->stopping)
        r = err_set(err, E_UNAVAILABLE, "cail-d is stopping");
    return r;
}

/* The reply becomes a problem, save for an Allow header that is there already. */
void call_fail(struct call *c, const struct cail_err *err)
{
    char *allow = NULL;
    if (err->code == E_METHOD && c->reply.n_headers == 1) {
        allow = c->reply.header[0].value;
        c->reply.n_headers = 0;
    }
    http_reply_problem(&c->reply, err);
    if (allow)
        http_reply_header(&c->reply, "Allow", allow);
    free(allow);
}

static enum MHD_Result refuse(struct call *c, const struct cail_err *err)
{
    server_of(c)->refused++;
    c->close = true;
    call_fail(c, err);
    c->phase = CALL_ANSWER;
    return answer_queue(c);
}

static enum MHD_Result head(struct call *c, const char *url, const char *method,
                            const char *version)
{
    struct conn *conn = conn_of(c);
    struct cail_err err;
    server_of(c)->requests++;
    gate_begin(&c->gate, method, strcmp(version, "HTTP/1.0") == 0);
    if (!line_is_plain(c, method, url, version))
        c->gate.fault = "the request line has a NUL or a second space";
    MHD_get_connection_values_n(conn->mhd, MHD_HEADER_KIND, collect, &c->gate);
    if (judge_head(c, &err) != 0)
        return refuse(c, &err);
    c->phase = CALL_BODY;
    uint64_t length = gate_length(&c->gate);
    if (length)
        str_reserve(&c->body, length < BODY_RESERVE_MAX ? (size_t)length : BODY_RESERVE_MAX);
    conn_set_deadline(conn, server_of(c)->config.limits.body_ms);
    return MHD_YES;
}

/* -- body ------------------------------------------------------------------------------------ */

/* In the middle of an upload MHD takes no answer, so a chunked body that has grown too large is
 * read on to twice the limit, for the sake of an orderly 413, and cut off there. */
static enum MHD_Result body(struct call *c, const char *data, size_t *size)
{
    size_t max = c->route->body_max;
    if (c->phase == CALL_BODY && c->body.len + *size > max) {
        c->phase = CALL_DROPPING;
        c->dropped_bytes = c->body.len;
        str_done(&c->body);
    }
    if (c->phase == CALL_BODY) {
        str_add(&c->body, data, *size);
    } else if ((c->dropped_bytes += *size) > 2 * (uint64_t)max) {
        conn_send_too_large(conn_of(c));
        return MHD_NO;
    }
    *size = 0;
    return MHD_YES;
}

static enum MHD_Result refuse_body(struct call *c)
{
    struct cail_err err;
    err_set(&err, E_TOO_LARGE, "the body is too large, the most taken here is %zu bytes",
            c->route->body_max);
    return refuse(c, &err);
}

/* -- load and serve -------------------------------------------------------------------------- */

static struct call *call_of_load(struct http_load *load)
{
    return (struct call *)(void *)((char *)load - offsetof(struct call, load));
}

/* On a reader thread. */
static void load_run(struct http_load *load, void *reader)
{
    struct call *c = call_of_load(load);
    c->code = c->route->load(reader, &c->rq, &c->loaded, &c->err);
}

static void ready(struct call *c)
{
    struct http_server *s = server_of(c);
    bool batched = !(c->route->flags & HTTP_NOT_BATCHED) && c->reply.after_batch &&
                   c->reply.after_batch > s->config.hooks.durable(s->config.hooks.app);
    c->phase = batched ? CALL_BATCHED : CALL_ANSWER;
    if (batched)
        TAILQ_INSERT_TAIL(&s->batched, c, link);
}

static void fail_ready(struct call *c, const struct cail_err *err)
{
    call_fail(c, err);
    ready(c);
}

static void load_done(struct http_load *load)
{
    struct call *c = call_of_load(load);
    struct http_server *s = server_of(c);
    s->n_loading--;
    c->rq.loaded = c->loaded;
    if (s->stopping)
        err_set(&c->err, E_UNAVAILABLE, "cail-d is stopping");
    if (s->stopping || c->code)
        fail_ready(c, &c->err);
    else
        call_serve(c);
    call_settle(c);
}

static void drop_loaded(struct call *c)
{
    if (c->loaded)
        (c->route->free_loaded ? c->route->free_loaded : free)(c->loaded);
    c->loaded = c->rq.loaded = NULL;
}

/* Off to a reader thread; what an earlier load brought goes. */
static void begin_load(struct call *c)
{
    struct http_server *s = server_of(c);
    drop_loaded(c);
    c->phase = CALL_LOADING;
    c->load = (struct http_load){load_run, load_done};
    c->code = 0;
    s->n_loading++;
    if (s->config.hooks.load(s->config.hooks.app, &c->load))
        return;
    s->n_loading--;
    err_set(&c->err, E_UNAVAILABLE, "too many questions to the store are waiting already");
    fail_ready(c, &c->err);
}

void call_serve(struct call *c)
{
    struct http_server *s = server_of(c);
    struct cail_err err;
    int64_t key = 0;
    err.code = E_OK;
    int r = c->route->serve(s->config.hooks.app, &c->rq, &c->reply, &key, &err);
    if (r == HTTP_WAIT && !c->rq.expired) {
        if (s->n_waiting < (unsigned)s->config.limits.connections_max / 2) {
            reply_clear(&c->reply);
            wait_add(c, key);
            c->phase = CALL_WAITING;
            return;
        }
        r = err_set(&err, E_UNAVAILABLE, "too many requests are waiting already");
    }
    if (r == HTTP_RELOAD && c->route->load) {
        reply_clear(&c->reply);
        begin_load(c);
        return;
    }
    if (r == 0 && c->reply.stream && s->n_streams >= (unsigned)s->config.limits.streams_max)
        r = err_set(&err, E_UNAVAILABLE, "too many streams are open already");
    if (r && err.code == E_OK)
        err_set(&err, E_INTERNAL, "no answer was made");
    if (r)
        fail_ready(c, &err);
    else
        ready(c);
}

static void start(struct call *c)
{
    conn_set_deadline(conn_of(c), 0);
    c->rq.body = c->body.len ? c->body.p : "";
    c->rq.body_len = c->body.len;
    if (!c->route->load || (c->route->flags & HTTP_LOAD_LAZY))
        call_serve(c);
    else
        begin_load(c);
}

/* -- MHD's callbacks ------------------------------------------------------------------------- */

/* MHD calls this at the end of the head (size 0), for each piece of the body, at its end (size 0),
 * and again after each resume. */
enum MHD_Result call_handle(void *listener, struct MHD_Connection *mhd, const char *url,
                            const char *method, const char *version, const char *data, size_t *size,
                            void **ctx)
{
    struct call *c = *ctx;
    (void)listener;
    (void)mhd;
    if (c->phase == CALL_HEAD)
        return head(c, url, method, version);
    if (*size)
        return body(c, data, size);
    if (c->phase == CALL_DROPPING)
        return refuse_body(c);
    if (c->phase == CALL_BODY)
        start(c);
    if (c->gone)
        return MHD_NO;
    if (c->phase == CALL_ANSWER)
        return answer_queue(c);
    if (c->phase != CALL_SENDING)
        call_suspend(c);
    return MHD_YES;
}

static void keep_some(struct str *s)
{
    if (s->cap > KEPT_MAX)
        str_done(s);
    str_clear(s);
}

/* Also for a request whose head never came whole. */
void call_end(void *listener, struct MHD_Connection *mhd, void **ctx,
              enum MHD_RequestTerminationCode why)
{
    struct call *c = *ctx;
    (void)listener;
    (void)mhd;
    (void)why;
    if (!c)
        return;
    BUG_ON(c->phase == CALL_LOADING || c->suspended);
    wait_remove(c);
    wait_unwatch(c);
    drop_loaded(c);
    free(c->rq.scratch);
    if (c->streams)
        server_of(c)->n_streams--;
    reply_clear(&c->reply);
    keep_some(&c->body);
    keep_some(&c->target);
    c->route = NULL;
    c->gone = c->close = c->streams = false;
    memset(&c->rq, 0, sizeof c->rq);
    c->phase = CALL_IDLE;
    conn_of(c)->served = true;
    conn_set_deadline(conn_of(c), server_of(c)->config.limits.idle_ms);
    *ctx = NULL;
}

void call_dispose(struct call *c)
{
    wait_remove(c);
    wait_unwatch(c);
    reply_clear(&c->reply);
    str_done(&c->reply.body);
    str_done(&c->body);
    str_done(&c->target);
}
