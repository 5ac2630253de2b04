/* Connections: accepted by us, not by libmicrohttpd, because at its limit it stops accepting and
 * the client waits for ever. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "http/ident.h"
#include "http/mhd.h"

#define ACCEPTS_AT_ONCE 64

#define RAW_ANSWER(status, more, body)                                                             \
    "HTTP/1.1 " status "\r\nContent-Type: application/problem+json\r\n" more                       \
    "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n"          \
    "\r\n" body "\n"

static const char busy_answer[] = RAW_ANSWER(
    "503 Service Unavailable", "Retry-After: 1\r\n",
    "{\"type\":\"urn:cail:unavailable\",\"title\":\"Not available right now\",\"status\":503,"
    "\"detail\":\"too many connections are open\",\"code\":\"unavailable\"}");

static const char late_answer[] = RAW_ANSWER(
    "408 Request Timeout", "",
    "{\"type\":\"urn:cail:request_timeout\",\"title\":\"The request took too long to arrive\","
    "\"status\":408,\"detail\":\"the request did not arrive in time\",\"code\":"
    "\"request_timeout\"}");

static const char large_answer[] = RAW_ANSWER(
    "413 Content Too Large", "",
    "{\"type\":\"urn:cail:too_large\",\"title\":\"The body is too large\",\"status\":413,"
    "\"detail\":\"the body is much larger than what is taken here\",\"code\":\"too_large\"}");

void conn_set_deadline(struct conn *conn, int after_ms)
{
    conn->deadline_ms = after_ms ? (int64_t)uv_now(conn->listener->server->loop) + after_ms : 0;
}

/* -- accept ---------------------------------------------------------------------------------- */

/* Answers without reading: what the client has sent by now is thrown away, so that closing sends a
 * FIN and no reset that would overtake the answer. */
static void turn_away(struct http_server *s, int fd)
{
    char sink[4096];
    (void)!send(fd, busy_answer, sizeof busy_answer - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    shutdown(fd, SHUT_WR);
    for (int i = 0; i < 8 && recv(fd, sink, sizeof sink, MSG_DONTWAIT) > 0; i++)
        ;
    close(fd);
    s->refused++;
}

/* The owner's socket keeps a reserve, and others may fill a quarter: nobody can lock the owner out.
 */
static bool has_room(const struct http_server *s, const struct listener *l, bool stranger)
{
    unsigned max = (unsigned)s->config.limits.connections_max;
    if (stranger && s->n_strangers >= max / 4)
        return false;
    return s->n_connections < max + (l->is_unix ? OWNER_RESERVE : 0);
}

static void admit(struct listener *l, int fd, const struct sockaddr_storage *addr, socklen_t len)
{
    struct http_server *s = l->server;
    int one = 1;
    if (l->is_unix)
        ident_unix(fd, &l->incoming);
    else
        ident_tcp(s->netlink_fd, fd, &l->incoming);
    if (!has_room(s, l, !ident_is_owner(&l->incoming, s->config.owner))) {
        turn_away(s, fd);
        return;
    }
    if (!l->is_unix)
        (void)!setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    /* It closes fd when it fails. */
    (void)MHD_add_connection(l->mhd, fd, (const struct sockaddr *)addr, len);
    l->dirty = true;
}

/* No descriptor is left: the spare one lets us take a client from the queue and tell it so. */
static bool turn_away_by_spare(struct listener *l)
{
    struct http_server *s = l->server;
    if (s->spare_fd < 0)
        return false;
    close(s->spare_fd);
    int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0)
        turn_away(s, fd);
    s->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return fd >= 0;
}

void conn_accept(uv_poll_t *handle, int status, int events)
{
    struct listener *l = handle->data;
    (void)events;
    for (int i = 0; status == 0 && i < ACCEPTS_AT_ONCE; i++) {
        struct sockaddr_storage addr;
        socklen_t len = sizeof addr;
        int fd = accept4(l->fd, (struct sockaddr *)&addr, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            admit(l, fd, &addr, len);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            if (turn_away_by_spare(l))
                continue;
            /* Nothing to be done but not to spin. */
            uv_poll_stop(&l->accept_poll);
            l->paused = true;
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

void conn_notify(void *cls, struct MHD_Connection *mhd, void **ctx,
                 enum MHD_ConnectionNotificationCode what)
{
    struct listener *l = cls;
    struct http_server *s = l->server;
    struct conn *conn = *ctx;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        *ctx = conn = mem_zalloc(sizeof *conn);
        conn->listener = l;
        conn->mhd = mhd;
        conn->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        conn->peer = l->incoming;
        conn->stranger = !ident_is_owner(&conn->peer, s->config.owner);
        LIST_INSERT_HEAD(&s->conns, conn, link);
        s->n_connections++;
        s->n_strangers += conn->stranger;
        conn_set_deadline(conn, s->config.limits.head_ms);
        return;
    }
    LIST_REMOVE(conn, link);
    s->n_connections--;
    s->n_strangers -= conn->stranger;
    call_dispose(&conn->call);
    free(conn);
}

/* In the middle of an upload MHD takes no answer. Nothing has been sent yet, so the socket does. */
void conn_send_too_large(struct conn *conn)
{
    (void)!send(conn->fd, large_answer, sizeof large_answer - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    conn->listener->server->refused++;
}

/* -- slow clients ---------------------------------------------------------------------------- */

/* A timeout of the library restarts at every byte, so these deadlines are ours. The library sees
 * the shutdown as a hang-up and cleans up by itself. */
static void cut(struct conn *conn)
{
    enum call_phase phase = conn->call.phase;
    bool unheard = phase == CALL_BODY || phase == CALL_DROPPING || phase == CALL_HEAD ||
                   (phase == CALL_IDLE && !conn->served);
    if (unheard)
        (void)!send(conn->fd, late_answer, sizeof late_answer - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    shutdown(conn->fd, SHUT_RDWR);
    conn->deadline_ms = 0;
    conn->listener->server->refused += unheard;
}

void conn_sweep(uv_timer_t *timer)
{
    struct http_server *s = timer->data;
    int64_t now = (int64_t)uv_now(s->loop);
    struct conn *conn;
    LIST_FOREACH(conn, &s->conns, link)
    {
        struct call *c = &conn->call;
        if (conn->deadline_ms && now >= conn->deadline_ms)
            cut(conn);
        if (c->phase == CALL_SENDING && c->suspended &&
            now - c->asked_ms >= s->config.limits.stream_ms) {
            wait_remove(c);
            call_resume(c);
        }
    }
    for (size_t i = 0; i < s->n_listeners; i++) {
        struct listener *l = &s->listeners[i];
        if (l->paused && uv_poll_start(&l->accept_poll, UV_READABLE, conn_accept) == 0)
            l->paused = false;
    }
}
