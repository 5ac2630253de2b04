/* Those who wait: long polls and silent streams by wake key, answers by batch, and the watch for
 * clients that leave meanwhile, which libmicrohttpd does not see while a connection is suspended.
 */
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/mhd.h"

/* -- keys ------------------------------------------------------------------------------------ */

static void arm_timer(struct http_server *s, int64_t deadline_us)
{
    int64_t left_ms = (deadline_us - clock_mono_us() + 999) / 1000;
    uint64_t due = left_ms > 0 ? (uint64_t)left_ms : 0;
    if (!uv_is_active((uv_handle_t *)&s->wait_timer) || due < uv_timer_get_due_in(&s->wait_timer))
        uv_timer_start(&s->wait_timer, wait_on_timer, due, 0);
}

/* An fd may be in several epoll sets; ONESHOT, because one notice is enough. */
static void watch(struct call *c)
{
    struct epoll_event e = {.events = EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLONESHOT,
                            .data.ptr = c};
    if (!c->watched && epoll_ctl(server_of(c)->watch_fd, EPOLL_CTL_ADD, conn_of(c)->fd, &e) == 0)
        c->watched = true;
}

void wait_unwatch(struct call *c)
{
    if (c->watched)
        (void)epoll_ctl(server_of(c)->watch_fd, EPOLL_CTL_DEL, conn_of(c)->fd, NULL);
    c->watched = false;
}

void wait_add(struct call *c, int64_t key)
{
    struct http_server *s = server_of(c);
    struct wait_key *k;
    HASH_FIND(hh, s->keys, &key, sizeof key, k);
    if (!k) {
        k = mem_zalloc(sizeof *k);
        k->key = key;
        TAILQ_INIT(&k->calls);
        HASH_ADD(hh, s->keys, key, sizeof k->key, k);
    }
    TAILQ_INSERT_TAIL(&k->calls, c, link);
    c->key = k;
    s->n_waiting++;
    watch(c);
    if (c->reply.stream)
        return; /* the sweep asks it again */
    if (c->rq.deadline_mono_us == 0)
        c->rq.deadline_mono_us = clock_mono_us() + HTTP_WAIT_MAX_S * INT64_C(1000000);
    arm_timer(s, c->rq.deadline_mono_us);
}

static void drop_key_if_empty(struct http_server *s, struct wait_key *k)
{
    if (!TAILQ_EMPTY(&k->calls))
        return;
    HASH_DEL(s->keys, k);
    free(k);
}

void wait_remove(struct call *c)
{
    struct http_server *s = server_of(c);
    if (c->key) {
        struct wait_key *k = c->key;
        TAILQ_REMOVE(&k->calls, c, link);
        c->key = NULL;
        s->n_waiting--;
        drop_key_if_empty(s, k);
    } else if (c->woken) {
        TAILQ_REMOVE(&s->woken, c, link);
        c->woken = false;
        s->n_woken--;
    } else if (c->phase == CALL_BATCHED) {
        TAILQ_REMOVE(&s->batched, c, link);
        c->phase = CALL_ANSWER;
    }
}

void http_server_wake(struct http_server *s, int64_t key)
{
    struct wait_key *k;
    struct call *c;
    if (!s->keys)
        return;
    HASH_FIND(hh, s->keys, &key, sizeof key, k);
    if (!k)
        return;
    TAILQ_FOREACH(c, &k->calls, link)
    {
        c->key = NULL;
        c->woken = true;
        s->n_waiting--;
        s->n_woken++;
    }
    TAILQ_CONCAT(&s->woken, &k->calls, link);
    drop_key_if_empty(s, k);
}

static void ask_again(struct call *c)
{
    if (c->phase == CALL_WAITING) {
        call_serve(c);
        call_settle(c);
    } else {
        call_resume(c);
    }
}

void wait_run_woken(struct http_server *s)
{
    /* Those woken by these serves come in the next round. */
    for (unsigned n = s->n_woken; n && s->n_woken; n--) {
        struct call *c = TAILQ_FIRST(&s->woken);
        wait_remove(c);
        ask_again(c);
    }
}

/* -- deadlines of waits ---------------------------------------------------------------------- */

void wait_on_timer(uv_timer_t *timer)
{
    struct http_server *s = timer->data;
    int64_t now = clock_mono_us(), next = INT64_MAX;
    struct conn *conn;
    LIST_FOREACH(conn, &s->conns, link)
    {
        struct call *c = &conn->call;
        if (c->phase != CALL_WAITING)
            continue;
        if (c->rq.deadline_mono_us <= now) {
            c->rq.expired = true;
            wait_remove(c);
            ask_again(c);
        } else if (c->rq.deadline_mono_us < next) {
            next = c->rq.deadline_mono_us;
        }
    }
    if (next != INT64_MAX)
        arm_timer(s, next);
}

/* -- clients that leave ---------------------------------------------------------------------- */

void wait_on_watch(uv_poll_t *handle, int status, int events)
{
    struct http_server *s = handle->data;
    struct epoll_event e[64];
    (void)status;
    (void)events;
    int n = epoll_wait(s->watch_fd, e, ARRAY_LEN(e), 0);
    for (int i = 0; i < n; i++) {
        struct call *c = e[i].data.ptr;
        c->gone = true;
        wait_remove(c);
        call_resume(c);
    }
}

/* -- durability ------------------------------------------------------------------------------ */

void http_server_durable(struct http_server *s, uint64_t batch)
{
    struct call *c, *next;
    for (c = TAILQ_FIRST(&s->batched); c; c = next) {
        next = TAILQ_NEXT(c, link);
        if (c->reply.after_batch > batch)
            continue;
        wait_remove(c);
        call_resume(c);
    }
}

void http_server_fail_waiting(struct http_server *s, const struct cail_err *err)
{
    struct call *c;
    while ((c = TAILQ_FIRST(&s->batched))) {
        wait_remove(c);
        call_fail(c, err);
        call_resume(c);
    }
}
