/* A server with a fake route table in a loop of its own thread, and raw sockets to drive it. The
 * tests know no clock: they wait for a state of the server or for bytes, and a limit of 20 s on
 * each read only turns a hang into a failure. */
#ifndef TESTS_HTTP_FIXTURE_H
#define TESTS_HTTP_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/server.h"

#define BIG_BYTES (8u << 20)

struct fixture {
    uv_loop_t loop;
    uv_async_t async;
    pthread_t thread;
    sem_t ran;
    void (*fn)(struct fixture *f);
    struct http_server *server;
    struct http_config config;
    struct cail_err err;
    int started, ports[4];
    char folder[64], socket_path[96];
    /* What the fake routes see; loop thread only. */
    uint64_t durable;
    struct counts {
        int canary, streams_closed, loaded_freed, serves;
        struct http_load *load;
    } now, seen; /* seen: the copy that the test's own thread may read, as of the last UNTIL */
    bool flag[8], load_full;
    int64_t arg;
    const char *stream_text;
    int stream_end; /* what read says once the text is out: 0 = nothing yet */
    struct http_stats stats;
};

static struct fixture *fx;

/* -- routes ---------------------------------------------------------------------------------- */

static int serve_text(void *app, struct http_request *rq, struct http_reply *reply, int64_t *key,
                      struct cail_err *err)
{
    (void)app, (void)rq, (void)key, (void)err;
    reply->content_type = "text/plain; charset=utf-8";
    str_adds(&reply->body, "ok\n");
    return 0;
}

static int serve_page(void *app, struct http_request *rq, struct http_reply *reply, int64_t *key,
                      struct cail_err *err)
{
    (void)app, (void)rq, (void)key, (void)err;
    reply->content_type = "text/html; charset=utf-8";
    str_adds(&reply->body, "<!doctype html><title>x</title>\n");
    return 0;
}

static int serve_echo(void *app, struct http_request *rq, struct http_reply *reply, int64_t *key,
                      struct cail_err *err)
{
    (void)app, (void)key, (void)err;
    reply->content_type = "text/plain";
    str_addf(&reply->body, "path=%s part=%s uid=%d known=%d unix=%d browser=%d gzip=%d", rq->path,
             rq->n_parts ? rq->part[0] : "", (int)rq->peer.uid, rq->peer.known, rq->peer.is_unix,
             rq->browser, rq->gzip_ok);
    for (size_t i = 0; i < rq->n_query; i++)
        str_addf(&reply->body, " %s=%s", rq->query[i].key, rq->query[i].value);
    str_addf(&reply->body, " body[%zu]=", rq->body_len);
    str_add(&reply->body, rq->body, rq->body_len);
    str_adds(&reply->body, "\n");
    return 0;
}

static int serve_canary(void *app, struct http_request *rq, struct http_reply *reply, int64_t *key,
                        struct cail_err *err)
{
    fx->now.canary++;
    return serve_text(app, rq, reply, key, err);
}

static int serve_wait(void *app, struct http_request *rq, struct http_reply *reply, int64_t *key,
                      struct cail_err *err)
{
    int64_t n, ms;
    (void)app;
    fx->now.serves++;
    if (http_part_id(rq, 0, &n, err) || http_query_int(rq, "ms", 1, 1000000, 1000000, &ms, err))
        return (int)err->code;
    if (!rq->scratch)
        rq->scratch = mem_strdup("kept");
    if (n < 8 && !fx->flag[n] && !rq->expired) {
        if (!rq->deadline_mono_us)
            rq->deadline_mono_us = clock_mono_us() + ms * 1000;
        *key = n;
        return HTTP_WAIT;
    }
    str_addf(&reply->body, "{\"expired\":%d,\"scratch\":\"%s\"}\n", rq->expired,
             (char *)rq->scratch);
    return 0;
}

struct fake_stream {
    struct http_stream base;
    size_t at;
};

static ssize_t fake_read(struct http_stream *self, char *buf, size_t max)
{
    struct fake_stream *st = (struct fake_stream *)(void *)self;
    size_t n = strlen(fx->stream_text) - st->at;
    if (n > max)
        n = max;
    memcpy(buf, fx->stream_text + st->at, n);
    st->at += n;
    return n ? (ssize_t)n : fx->stream_end;
}

static void fake_close(struct http_stream *self)
{
    fx->now.streams_closed++;
    free(self);
}

static int serve_stream(void *app, struct http_request *rq, struct http_reply *reply, int64_t *key,
                        struct cail_err *err)
{
    (void)app, (void)rq, (void)key, (void)err;
    struct fake_stream *st = mem_zalloc(sizeof *st);
    st->base = (struct http_stream){fake_read, fake_close, HTTP_KEY_EVENTS};
    reply->stream = &st->base;
    reply->content_type = "text/event-stream";
    return 0;
}

static int load_rows(void *reader, const struct http_request *rq, void **ret, struct cail_err *err)
{
    if (http_query_get(rq, "bad"))
        return err_set(err, E_STORE, "no rows for you");
    *ret = mem_strdup(reader);
    return 0;
}

static void free_rows(void *rows)
{
    fx->now.loaded_freed++;
    free(rows);
}

static int serve_loaded(void *app, struct http_request *rq, struct http_reply *reply, int64_t *key,
                        struct cail_err *err)
{
    (void)app, (void)key, (void)err;
    str_addf(&reply->body, "{\"rows\":\"%s\"}\n", (char *)rq->loaded);
    return 0;
}

static int serve_batch(void *app, struct http_request *rq, struct http_reply *reply, int64_t *key,
                       struct cail_err *err)
{
    int64_t n;
    (void)app, (void)key;
    if (http_part_id(rq, 0, &n, err))
        return (int)err->code;
    reply->after_batch = (uint64_t)n;
    if (http_query_get(rq, "bad"))
        return err_set(err, E_CONFLICT, "not now");
    str_addf(&reply->body, "{\"batch\":%d}\n", (int)n);
    return 0;
}

static char big[BIG_BYTES];

static int serve_big(void *app, struct http_request *rq, struct http_reply *reply, int64_t *key,
                     struct cail_err *err)
{
    (void)app, (void)rq, (void)key, (void)err;
    reply->content_type = "application/octet-stream";
    reply->asset = big;
    reply->asset_len = sizeof big;
    return 0;
}

static int serve_file(void *app, struct http_request *rq, struct http_reply *reply, int64_t *key,
                      struct cail_err *err)
{
    int64_t past;
    (void)app, (void)key;
    if (http_query_int(rq, "past", 0, 100, 0, &past, err))
        return (int)err->code;
    char path[128];
    snprintf(path, sizeof path, "%s/file", fx->folder);
    FILE *f = fopen(path, "w+e");
    fputs("0123456789", f);
    fflush(f);
    reply->fd = dup(fileno(f));
    fclose(f);
    unlink(path);
    reply->fd_from = 2;
    reply->fd_len = 5 + (uint64_t)past;
    return 0;
}

static int serve_etag(void *app, struct http_request *rq, struct http_reply *reply, int64_t *key,
                      struct cail_err *err)
{
    http_reply_header(reply, "ETag", "\"abc\"");
    http_reply_header(reply, "Cache-Control", "no-cache");
    return serve_text(app, rq, reply, key, err);
}

static int serve_mute(void *app, struct http_request *rq, struct http_reply *reply, int64_t *key,
                      struct cail_err *err)
{
    (void)app, (void)rq, (void)reply, (void)key, (void)err;
    return E_INTERNAL;
}

static const struct http_route routes[] = {
    {HTTP_GET, "/", HTTP_OPEN, HTTP_PAGE, 0, NULL, NULL, serve_page, ""},
    {HTTP_GET, "/healthz", HTTP_OPEN, HTTP_NOT_BATCHED, 0, NULL, NULL, serve_text, ""},
    {HTTP_GET, "/jobs", HTTP_OWNER, 0, 0, NULL, NULL, serve_text, ""},
    {HTTP_POST, "/jobs", HTTP_OWNER, 0, 1000, NULL, NULL, serve_echo, ""},
    {HTTP_GET, "/smuggled", HTTP_OPEN, 0, 0, NULL, NULL, serve_canary, ""},
    {HTTP_GET, "/echo/{x}", HTTP_OWNER, 0, 0, NULL, NULL, serve_echo, ""},
    {HTTP_POST, "/form", HTTP_OWNER, HTTP_TAKES_FORM | HTTP_TAKES_SCRIPT, 1000, NULL, NULL,
     serve_echo, ""},
    {HTTP_POST, "/any", HTTP_OWNER, HTTP_TAKES_ANY, 100000, NULL, NULL, serve_echo, ""},
    {HTTP_POST, "/empty", HTTP_OWNER, HTTP_EMPTY_OK, 1000, NULL, NULL, serve_echo, ""},
    {HTTP_DELETE, "/thing/{id}", HTTP_OWNER, HTTP_EMPTY_OK, 0, NULL, NULL, serve_echo, ""},
    {HTTP_GET, "/wait/{n}", HTTP_OWNER, 0, 0, NULL, NULL, serve_wait, ""},
    {HTTP_GET, "/stream", HTTP_OWNER, HTTP_STREAMS, 0, NULL, NULL, serve_stream, ""},
    {HTTP_GET, "/load", HTTP_OWNER, 0, 0, load_rows, free_rows, serve_loaded, ""},
    {HTTP_GET, "/batch/{n}", HTTP_OWNER, 0, 0, NULL, NULL, serve_batch, ""},
    {HTTP_GET, "/unbatched/{n}", HTTP_OWNER, HTTP_NOT_BATCHED, 0, NULL, NULL, serve_batch, ""},
    {HTTP_GET, "/big", HTTP_OWNER, 0, 0, NULL, NULL, serve_big, ""},
    {HTTP_GET, "/file", HTTP_OWNER, 0, 0, NULL, NULL, serve_file, ""},
    {HTTP_GET, "/etag", HTTP_OWNER, 0, 0, NULL, NULL, serve_etag, ""},
    {HTTP_GET, "/mute", HTTP_OWNER, 0, 0, NULL, NULL, serve_mute, ""},
};

/* -- the loop's thread ----------------------------------------------------------------------- */

static bool hook_load(void *app, struct http_load *load)
{
    (void)app;
    if (fx->load_full)
        return false;
    fx->now.load = load;
    return true;
}

static uint64_t hook_durable(void *app)
{
    (void)app;
    return fx->durable;
}

static void on_async(uv_async_t *async)
{
    (void)async;
    fx->fn(fx);
    sem_post(&fx->ran);
}

static void *loop_thread(void *arg)
{
    (void)arg;
    uv_run(&fx->loop, UV_RUN_DEFAULT);
    return NULL;
}

/* Run fn on the loop and wait for it. */
static void on_loop(void (*fn)(struct fixture *f))
{
    fx->fn = fn;
    uv_async_send(&fx->async);
    while (sem_wait(&fx->ran) != 0)
        ;
}

static void take_stats(struct fixture *f)
{
    http_server_stats(f->server, &f->stats);
    f->seen = f->now;
}

/* Until the server is in the state: no clock, only its own figures. */
#define UNTIL(cond)                                                                                \
    do {                                                                                           \
        on_loop(take_stats);                                                                       \
        if (cond)                                                                                  \
            break;                                                                                 \
        sched_yield();                                                                             \
    } while (1)

static void do_start(struct fixture *f)
{
    f->started = http_server_start(&f->server, &f->loop, &f->config, f->ports, &f->err);
}

static void on_stopped(void *arg)
{
    struct fixture *f = arg;
    f->server = NULL;
    uv_close((uv_handle_t *)&f->async, NULL);
}

static void do_stop(struct fixture *f)
{
    http_server_stop(f->server, on_stopped, f);
}

static void fixture_begin(void)
{
    signal(SIGPIPE, SIG_IGN);
    fx = mem_zalloc(sizeof *fx);
    snprintf(fx->folder, sizeof fx->folder, "/tmp/cail-http-XXXXXX");
    assert_non_null(mkdtemp(fx->folder));
    snprintf(fx->socket_path, sizeof fx->socket_path, "%s/sock", fx->folder);
    fx->stream_text = "";
    fx->config = (struct http_config){.routes = routes,
                                      .n_routes = ARRAY_LEN(routes),
                                      .hooks = {NULL, hook_load, hook_durable},
                                      .listen = {{"127.0.0.1", 0}, {"::1", 0}},
                                      .n_listen = 2,
                                      .socket_path = fx->socket_path,
                                      .owner = geteuid()};
    sem_init(&fx->ran, 0, 0);
    uv_loop_init(&fx->loop);
    uv_async_init(&fx->loop, &fx->async, on_async);
}

static void fixture_run(void)
{
    pthread_create(&fx->thread, NULL, loop_thread, NULL);
    on_loop(do_start);
    assert_int_equal(fx->started, 0);
}

static void fixture_join(void)
{
    pthread_join(fx->thread, NULL);
    assert_int_equal(uv_loop_close(&fx->loop), 0);
    assert_null(fx->server);
    assert_int_not_equal(access(fx->socket_path, F_OK), 0);
    assert_int_equal(rmdir(fx->folder), 0);
    sem_destroy(&fx->ran);
    free(fx);
    fx = NULL;
}

UNUSED static int fixture_setup(void **state)
{
    (void)state;
    fixture_begin();
    fixture_run();
    return 0;
}

UNUSED static int fixture_teardown(void **state)
{
    (void)state;
    on_loop(do_stop);
    fixture_join();
    return 0;
}

/* -- raw clients ----------------------------------------------------------------------------- */

static int dial_sockaddr(const void *addr, socklen_t len)
{
    struct timeval limit = {.tv_sec = 20};
    int fd = socket(((const struct sockaddr *)addr)->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    assert_int_equal(connect(fd, addr, len), 0);
    return fd;
}

static int dial(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)fx->ports[0]),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return dial_sockaddr(&a, sizeof a);
}

UNUSED static int dial6(void)
{
    struct sockaddr_in6 a = {.sin6_family = AF_INET6,
                             .sin6_port = htons((uint16_t)fx->ports[1]),
                             .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    return dial_sockaddr(&a, sizeof a);
}

UNUSED static int dial_unix(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    memcpy(a.sun_path, fx->socket_path, strlen(fx->socket_path) + 1);
    return dial_sockaddr(&a, sizeof a);
}

static void say(int fd, const char *text, size_t len)
{
    while (len) {
        ssize_t n = send(fd, text, len, MSG_NOSIGNAL);
        if (n <= 0)
            return; /* the server has closed: what it said is still to be read */
        text += n;
        len -= (size_t)n;
    }
}

UNUSED static void say_text(int fd, const char *text)
{
    say(fd, text, strlen(text));
}

static struct str got;

/* Reads one answer into `got`: to the end of its Content-Length, or of the stream. Returns the
 * status, 0 = closed without a word. */
static int hear(int fd)
{
    char buf[65536];
    str_clear(&got);
    for (;;) {
        const char *end = got.len ? strstr(got.p, "\r\n\r\n") : NULL;
        const char *cl = end ? strcasestr(got.p, "\r\nContent-Length: ") : NULL;
        if (cl && cl < end && got.len >= (size_t)(end + 4 - got.p) + strtoull(cl + 18, NULL, 10))
            break;
        ssize_t n = recv(fd, buf, sizeof buf, 0);
        if (n < 0 && errno != ECONNRESET)
            fail_msg("no answer: %s; so far: %s", strerror(errno), got.len ? got.p : "");
        if (n <= 0)
            break;
        str_add(&got, buf, (size_t)n);
    }
    return got.len > 12 ? atoi(got.p + 9) : 0;
}

UNUSED static bool heard(const char *text)
{
    return got.len && strstr(got.p, text);
}

/* Is the connection closed now (true), or still good for a next request? Blocks for either. */
UNUSED static bool is_closed(int fd)
{
    char c;
    say_text(fd, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    return recv(fd, &c, 1, 0) <= 0;
}

/* One request on fd; "%P" in the text becomes "localhost:PORT". */
static int ask(int fd, const char *text)
{
    CLEANUP(str_done) struct str s = STR_INIT;
    for (const char *p = text; *p; p++) {
        if (p[0] == '%' && p[1] == 'P') {
            str_addf(&s, "localhost:%d", fx->ports[0]);
            p++;
        } else {
            str_addc(&s, *p);
        }
    }
    say(fd, s.p, s.len);
    return hear(fd);
}

UNUSED static int ask_once(const char *text)
{
    int fd = dial();
    int status = ask(fd, text);
    close(fd);
    return status;
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: %P\r\n\r\n"

#endif
