/* The server: libmicrohttpd's epoll inside libuv's loop. */
#include "http/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "http/ident.h"
#include "http/mhd.h"

#define LOG_LINES_PER_10_S 20
#define ROUNDS_MAX         8

/* -- the library's callbacks ----------------------------------------------------------------- */

/* Clients cause most of these lines at will, so they are debug lines and counted. While the server
 * starts they are kept instead: they say why. */
static void PRINTF_LIKE(2, 0) on_log(void *cls, const char *fmt, va_list ap)
{
    struct http_server *s = cls;
    char text[sizeof s->mhd_text];
    int64_t now = (int64_t)uv_now(s->loop);
    if (now - s->log_window_ms > 10000) {
        s->log_window_ms = now;
        s->n_logged = 0;
    }
    if (++s->n_logged > LOG_LINES_PER_10_S)
        return;
    vsnprintf(text, sizeof text, fmt, ap);
    text[strcspn(text, "\n")] = 0;
    memcpy(s->mhd_text, text, sizeof text);
    log_debug("http: %s", text);
}

/* The target is decoded by target.c from the raw text; MHD's copy stays as it came. */
static size_t keep_escaped(void *cls, struct MHD_Connection *mhd, char *text)
{
    (void)cls;
    (void)mhd;
    return strlen(text);
}

static int start_mhd(struct listener *l, struct cail_err *err)
{
    struct http_server *s = l->server;
    unsigned flags =
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | MHD_USE_NO_LISTEN_SOCKET;
    unsigned limit = (unsigned)s->config.limits.connections_max + OWNER_RESERVE + 1;
    /* The logger comes first, so that complaints about the other options reach it. The library's
     * own timeout stays off: conn_sweep has the deadlines. */
    l->mhd =
        MHD_start_daemon(flags, 0, NULL, NULL, call_handle, l, MHD_OPTION_EXTERNAL_LOGGER, on_log,
                         s, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_CONNECTION_LIMIT, limit,
                         MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_HEADER_POOL,
                         MHD_OPTION_URI_LOG_CALLBACK, call_begin, l, MHD_OPTION_UNESCAPE_CALLBACK,
                         keep_escaped, NULL, MHD_OPTION_NOTIFY_COMPLETED, call_end, l,
                         MHD_OPTION_NOTIFY_CONNECTION, conn_notify, l, MHD_OPTION_END);
    if (!l->mhd)
        return err_set(err, E_INTERNAL, "cannot start the http server: %s", s->mhd_text);
    return 0;
}

/* -- the loop's hooks ------------------------------------------------------------------------ */

static void stop_now(struct http_server *s);

static void on_mhd_ready(uv_poll_t *handle, int status, int events)
{
    struct listener *l = handle->data;
    (void)status;
    (void)events;
    l->dirty = true; /* on_prepare runs it, once for all that happened in this turn */
}

static void on_kick(uv_timer_t *timer)
{
    (void)timer; /* it was there to keep the loop from sleeping */
}

static bool run_dirty(struct http_server *s)
{
    bool any = false;
    for (size_t i = 0; i < s->n_listeners; i++) {
        struct listener *l = &s->listeners[i];
        if (!l->dirty)
            continue;
        l->dirty = false;
        any = true;
        (void)MHD_run(l->mhd);
    }
    return any;
}

/* Just before the loop sleeps: everything resumed in this turn is carried out in one MHD_run a
 * listener. The sleep is skipped where the library has more to do, and after anything was served:
 * whoever collects the turn's commands in a prepare hook of its own may have run before this one.
 */
static void on_prepare(uv_prepare_t *handle)
{
    struct http_server *s = handle->data;
    bool more = true, ran = false;
    for (int round = 0; more && round < ROUNDS_MAX; round++) {
        wait_run_woken(s);
        more = run_dirty(s) || s->n_woken;
        ran = ran || more;
    }
    for (size_t i = 0; i < s->n_listeners; i++) {
        struct listener *l = &s->listeners[i];
        MHD_UNSIGNED_LONG_LONG ms;
        if (MHD_get_timeout(l->mhd, &ms) == MHD_YES && ms == 0)
            l->dirty = true;
        ran = ran || l->dirty;
    }
    if (ran)
        uv_timer_start(&s->kick, on_kick, 0, 0);
    if (s->stopping)
        stop_now(s);
}

/* -- start ----------------------------------------------------------------------------------- */

static void default_int(int *v, int dflt)
{
    if (*v <= 0)
        *v = dflt;
}

static void set_defaults(struct http_limits *l)
{
    default_int(&l->head_ms, HTTP_HEADER_DEADLINE_MS);
    default_int(&l->body_ms, HTTP_BODY_DEADLINE_MS);
    default_int(&l->idle_ms, HTTP_IDLE_MS);
    default_int(&l->write_ms, HTTP_WRITE_STALL_MS);
    default_int(&l->stream_ms, HTTP_STREAM_WAKE_MS);
    default_int(&l->connections_max, HTTP_CONNECTIONS_MAX);
    default_int(&l->streams_max, HTTP_STREAMS_MAX);
}

static int open_listeners(struct http_server *s, int ret_ports[4], struct cail_err *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < s->config.n_listen; i++) {
        struct listener *l = &s->listeners[s->n_listeners];
        l->server = s;
        r = listen_tcp(s->config.listen[i].host, s->config.listen[i].port, &l->fd, &l->port, err);
        ret_ports[i] = r ? 0 : l->port;
        s->n_listeners += r == 0 && l->fd >= 0;
    }
    if (r || !s->socket_path)
        return r;
    struct listener *l = &s->listeners[s->n_listeners];
    l->server = s;
    l->is_unix = true;
    r = listen_unix(s->socket_path, &l->fd, &s->socket_id, err);
    s->n_listeners += r == 0;
    return r;
}

static int open_rest(struct http_server *s, struct cail_err *err)
{
    s->netlink_fd = ident_open();
    if (s->netlink_fd < 0)
        log_warn("http: no sock_diag here, so clients over TCP have no identity: use the socket");
    s->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    s->watch_fd = epoll_create1(EPOLL_CLOEXEC);
    if (s->watch_fd < 0 || s->spare_fd < 0)
        return err_set_errno(err, E_IO, errno, "cannot start the http server");
    int r = 0;
    for (size_t i = 0; r == 0 && i < s->n_listeners; i++)
        r = start_mhd(&s->listeners[i], err);
    return r;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Closes what is no handle of the loop. The library's connections end here. */
static void release(struct http_server *s)
{
    for (size_t i = 0; i < s->n_listeners; i++) {
        if (s->listeners[i].mhd)
            MHD_stop_daemon(s->listeners[i].mhd);
        if (s->listeners[i].is_unix && s->listeners[i].fd >= 0)
            listen_unlink(s->socket_path, &s->socket_id);
        close_fd(&s->listeners[i].fd);
    }
    close_fd(&s->netlink_fd);
    close_fd(&s->watch_fd);
    close_fd(&s->spare_fd);
    route_table_done(&s->routes);
    route_table_done(&s->pages);
}

/* Often enough to be at most a quarter late, and at least once a second. */
static uint64_t sweep_every_ms(const struct http_limits *l)
{
    const int all[] = {l->head_ms, l->body_ms, l->idle_ms, l->write_ms, l->stream_ms};
    int least = 4000;
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        least = all[i] < least ? all[i] : least;
    return (uint64_t)least / 4 + 1;
}

static void start_handles(struct http_server *s)
{
    int bad = uv_prepare_init(s->loop, &s->prepare) || uv_timer_init(s->loop, &s->kick) ||
              uv_timer_init(s->loop, &s->sweep) || uv_timer_init(s->loop, &s->wait_timer) ||
              uv_poll_init(s->loop, &s->watch_poll, s->watch_fd);
    s->prepare.data = s->kick.data = s->sweep.data = s->wait_timer.data = s->watch_poll.data = s;
    s->n_handles = 5;
    for (size_t i = 0; i < s->n_listeners; i++) {
        struct listener *l = &s->listeners[i];
        int fd = MHD_get_daemon_info(l->mhd, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
        bad = bad || uv_poll_init(s->loop, &l->accept_poll, l->fd) ||
              uv_poll_init(s->loop, &l->mhd_poll, fd);
        l->accept_poll.data = l->mhd_poll.data = l;
        bad = bad || uv_poll_start(&l->accept_poll, UV_READABLE, conn_accept) ||
              uv_poll_start(&l->mhd_poll, UV_READABLE, on_mhd_ready);
        s->n_handles += 2;
    }
    uint64_t every = sweep_every_ms(&s->config.limits);
    bad = bad || uv_prepare_start(&s->prepare, on_prepare) ||
          uv_poll_start(&s->watch_poll, UV_READABLE, wait_on_watch) ||
          uv_timer_start(&s->sweep, conn_sweep, every, every);
    BUG_ON(bad); /* fresh descriptors and a living loop: nothing of this can fail */
}

int http_server_start(struct http_server **ret, uv_loop_t *loop, const struct http_config *config,
                      int ret_ports[4], struct cail_err *err)
{
    struct http_server *s = mem_zalloc(sizeof *s);
    s->loop = loop;
    s->config = *config;
    s->socket_path = mem_strdup(config->socket_path);
    s->netlink_fd = s->watch_fd = s->spare_fd = -1;
    LIST_INIT(&s->conns);
    TAILQ_INIT(&s->woken);
    TAILQ_INIT(&s->batched);
    set_defaults(&s->config.limits);
    route_table_init(&s->routes, config->routes, config->n_routes);
    route_table_init(&s->pages, config->pages, config->n_pages);
    int r = open_listeners(s, ret_ports, err);
    if (r == 0)
        r = open_rest(s, err);
    if (r) {
        release(s);
        free(s->socket_path);
        free(s);
        return r;
    }
    start_handles(s);
    *ret = s;
    return 0;
}

/* -- stop ------------------------------------------------------------------------------------ */

static void on_closed(uv_handle_t *handle)
{
    struct http_server *s = handle->data;
    if (--s->n_handles)
        return;
    void (*done)(void *) = s->stopped;
    void *arg = s->stopped_arg;
    free(s->socket_path);
    free(s);
    if (done)
        done(arg);
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct listener *l = handle->data;
    handle->data = l->server;
    on_closed(handle);
}

static void stop_accepting(struct http_server *s)
{
    for (size_t i = 0; i < s->n_listeners; i++) {
        struct listener *l = &s->listeners[i];
        uv_close((uv_handle_t *)&l->accept_poll, on_listener_closed);
        if (l->is_unix)
            listen_unlink(s->socket_path, &s->socket_id);
        close_fd(&l->fd);
        l->paused = false;
    }
}

/* Waits are told, streams are broken off: their end would read as the end of the log. */
static void end_calls(struct http_server *s)
{
    struct cail_err stopping, unknown;
    struct conn *conn;
    err_set(&stopping, E_UNAVAILABLE, "cail-d is stopping");
    err_set(&unknown, E_COMMIT_UNKNOWN,
            "cail-d is stopping; repeat the request with the same Idempotency-Key");
    LIST_FOREACH(conn, &s->conns, link)
    {
        struct call *c = &conn->call;
        bool batched = c->phase == CALL_BATCHED;
        if (!batched && c->phase != CALL_WAITING && c->phase != CALL_SENDING)
            continue;
        wait_remove(c);
        if (c->phase == CALL_SENDING)
            c->gone = true;
        else
            call_fail(c, batched ? &unknown : &stopping);
        c->close = true;
        c->phase = c->phase == CALL_SENDING ? CALL_SENDING : CALL_ANSWER;
        call_resume(c);
    }
}

/* The library aborts the process when it is stopped with a connection suspended, so: no more
 * clients, everybody resumed, two runs to carry that out, and only then the end. */
static void stop_now(struct http_server *s)
{
    if (s->stop_done)
        return;
    end_calls(s);
    for (size_t i = 0; i < 2 * s->n_listeners; i++)
        (void)MHD_run(s->listeners[i % s->n_listeners].mhd);
    if (s->n_loading)
        return; /* their done() comes, and this is called again */
    s->stop_done = true;
    for (size_t i = 0; i < s->n_listeners; i++)
        uv_close((uv_handle_t *)&s->listeners[i].mhd_poll, on_listener_closed);
    uv_close((uv_handle_t *)&s->prepare, on_closed);
    uv_close((uv_handle_t *)&s->kick, on_closed);
    uv_close((uv_handle_t *)&s->sweep, on_closed);
    uv_close((uv_handle_t *)&s->wait_timer, on_closed);
    uv_close((uv_handle_t *)&s->watch_poll, on_closed);
    release(s);
}

void http_server_stop(struct http_server *s, void (*done)(void *arg), void *arg)
{
    if (s->stopping)
        return;
    s->stopping = true;
    s->stopped = done;
    s->stopped_arg = arg;
    stop_accepting(s);
    uv_timer_start(&s->kick, on_kick, 0, 0);
}

/* -- figures --------------------------------------------------------------------------------- */

const char *http_library_version(void)
{
    return MHD_get_version();
}

void http_server_stats(const struct http_server *s, struct http_stats *ret)
{
    *ret = (struct http_stats){.requests = s->requests,
                               .refused = s->refused,
                               .client_errors = s->client_errors,
                               .server_errors = s->server_errors,
                               .bytes_out = s->bytes_out,
                               .connections = s->n_connections,
                               .streams = s->n_streams,
                               .waiting = s->n_waiting};
}
