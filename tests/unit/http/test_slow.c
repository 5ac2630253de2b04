/* Slow clients, full houses and the end: deadlines passed in short, caps passed in small. */
#include "fixture.h"

#include <sys/resource.h>

/* Feeds one byte at a time until the server cuts the line; there is no end but that. */
static void drip(int fd, const char *text)
{
    size_t n = strlen(text);
    for (size_t i = 0;; i++) {
        if (send(fd, text + i % n, 1, MSG_NOSIGNAL) != 1)
            return;
        char c;
        ssize_t r = recv(fd, &c, 1, MSG_DONTWAIT | MSG_PEEK);
        if (r >= 0)
            return;
        usleep(1000); /* a slow client is slow: nothing is waited for here */
    }
}

/* One short deadline at a time: the others must not strike a client that a busy machine slows. */
static int with_limits(struct http_limits limits)
{
    fixture_begin();
    fx->config.limits = limits;
    fixture_run();
    return 0;
}

#define SETUP(name, ...)                                                                           \
    static int name(void **state)                                                                  \
    {                                                                                              \
        (void)state;                                                                               \
        return with_limits((struct http_limits){__VA_ARGS__});                                     \
    }
SETUP(short_head, .head_ms = 60)
SETUP(short_body, .body_ms = 60)
SETUP(short_idle, .idle_ms = 60)
SETUP(short_write, .write_ms = 60)
SETUP(short_stream, .stream_ms = 20)
SETUP(small_house, .connections_max = 4, .streams_max = 1)

static void test_slow_head(void **state)
{
    (void)state;
    int fd = dial();
    assert_int_equal(hear(fd), 408); /* not a word */
    assert_true(heard("request_timeout"));
    close(fd);
    fd = dial();
    drip(fd, "GET / HTTP/1.1\r\n");
    hear(fd);
    close(fd);
    fd = dial();
    say_text(fd, "GET / HTTP/1.1\r\nHost: localhost\r\nX: ");
    drip(fd, "x");
    assert_int_equal(hear(fd), 408);
    close(fd);
    UNTIL(fx->stats.connections == 0);
}

static void test_slow_body(void **state)
{
    (void)state;
    int fd = dial();
    CLEANUP(str_done) struct str s = STR_INIT;
    str_addf(&s, "POST /any HTTP/1.1\r\nHost: localhost:%d\r\nContent-Length: 90000\r\n\r\n",
             fx->ports[0]);
    say(fd, s.p, s.len);
    drip(fd, "x");
    assert_int_equal(hear(fd), 408);
    close(fd);
    fd = dial();
    str_clear(&s);
    str_addf(&s, "POST /any HTTP/1.1\r\nHost: localhost:%d\r\nTransfer-Encoding: chunked\r\n\r\n",
             fx->ports[0]);
    say(fd, s.p, s.len);
    drip(fd, "1\r\nx\r\n");
    assert_int_equal(hear(fd), 408);
    close(fd);
    UNTIL(fx->stats.connections == 0);
}

static void test_idle(void **state)
{
    (void)state;
    int fd = dial();
    assert_int_equal(ask(fd, GET("/jobs")), 200);
    assert_int_equal(hear(fd), 0); /* closed, and without a 408 nobody asked for */
    close(fd);
}

static void test_stalled_reader(void **state)
{
    (void)state;
    int fd = dial_unix();
    say_text(fd, "GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n");
    UNTIL(fx->stats.requests == 1);
    UNTIL(fx->stats.connections == 0); /* cut, though the client never said a thing */
    hear(fd);
    assert_true(got.len < BIG_BYTES);
    close(fd);
}

static void do_say_heartbeat(struct fixture *f)
{
    f->stream_text = "heartbeat\n";
}

static void test_silent_stream_is_asked(void **state)
{
    (void)state;
    int fd = dial();
    CLEANUP(str_done) struct str s = STR_INIT;
    str_addf(&s, "GET /stream HTTP/1.1\r\nHost: localhost:%d\r\n\r\n", fx->ports[0]);
    say(fd, s.p, s.len);
    UNTIL(fx->stats.waiting == 1);
    on_loop(do_say_heartbeat); /* and no wake */
    char buf[4096];
    str_clear(&got);
    while (!heard("heartbeat")) {
        ssize_t n = recv(fd, buf, sizeof buf, 0);
        assert_true(n > 0);
        str_add(&got, buf, (size_t)n);
    }
    close(fd);
    UNTIL(fx->stats.streams == 0);
}

/* -- full houses ----------------------------------------------------------------------------- */

static void test_connection_cap(void **state)
{
    (void)state;
    int fd[4];
    for (int i = 0; i < 4; i++) {
        fd[i] = dial();
        assert_int_equal(ask(fd[i], GET("/jobs")), 200);
    }
    for (int i = 0; i < 20; i++) {
        assert_int_equal(ask_once(GET("/jobs")), 503);
        assert_true(heard("Retry-After: 1") && heard("\"unavailable\""));
    }
    /* The owner's socket has a reserve. */
    int owner = dial_unix();
    assert_int_equal(ask(owner, "GET /jobs HTTP/1.1\r\nHost: localhost\r\n\r\n"), 200);
    close(owner);
    close(fd[0]);
    UNTIL(fx->stats.connections == 3);
    assert_int_equal(ask_once(GET("/jobs")), 200);
    for (int i = 1; i < 4; i++)
        close(fd[i]);
}

static void test_stream_cap(void **state)
{
    (void)state;
    CLEANUP(str_done) struct str s = STR_INIT;
    str_addf(&s, "GET /stream HTTP/1.1\r\nHost: localhost:%d\r\n\r\n", fx->ports[0]);
    int fd = dial(), more = dial();
    say(fd, s.p, s.len);
    UNTIL(fx->stats.streams == 1);
    assert_int_equal(ask(more, GET("/stream")), 503);
    assert_true(heard("Retry-After: 1"));
    on_loop(take_stats);
    assert_int_equal(fx->seen.streams_closed, 1);
    close(fd);
    UNTIL(fx->stats.streams == 0);
    say(more, s.p, s.len);
    UNTIL(fx->stats.streams == 1);
    close(more);
    UNTIL(fx->stats.streams == 0);
}

static void test_wait_cap(void **state)
{
    (void)state;
    int fd[3];
    CLEANUP(str_done) struct str s = STR_INIT;
    str_addf(&s, "GET /wait/1 HTTP/1.1\r\nHost: localhost:%d\r\n\r\n", fx->ports[0]);
    for (int i = 0; i < 2; i++) {
        fd[i] = dial();
        say(fd[i], s.p, s.len);
        UNTIL(fx->stats.waiting == (unsigned)i + 1);
    }
    fd[2] = dial();
    assert_int_equal(ask(fd[2], GET("/wait/1")), 503);
    for (int i = 0; i < 3; i++)
        close(fd[i]);
    UNTIL(fx->stats.connections == 0);
}

/* The process's descriptors run out; the client hears of it all the same. */
static void test_no_descriptors(void **state)
{
    (void)state;
    struct rlimit old, low;
    int fd = dial(), held[64], n = 0;
    assert_int_equal(ask(fd, GET("/jobs")), 200);
    int late = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)fx->ports[0]),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    getrlimit(RLIMIT_NOFILE, &old);
    low = (struct rlimit){64, old.rlim_max};
    setrlimit(RLIMIT_NOFILE, &low);
    while (n < 64 && (held[n] = dup(fd)) >= 0)
        n++;
    assert_true(n < 64);
    assert_int_equal(connect(late, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(hear(late), 503);
    assert_int_equal(ask(fd, GET("/jobs")), 200);
    while (n > 0)
        close(held[--n]);
    setrlimit(RLIMIT_NOFILE, &old);
    close(late);
    assert_int_equal(ask_once(GET("/jobs")), 200);
    close(fd);
}

/* -- the end --------------------------------------------------------------------------------- */

static void do_load_done(struct fixture *f)
{
    f->now.load->done(f->now.load);
    f->now.load = NULL;
}

static void send_get(int fd, const char *path)
{
    char text[128];
    int n = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: localhost:%d\r\n\r\n", path,
                     fx->ports[0]);
    say(fd, text, (size_t)n);
}

/* Everything at once that a server can be in the middle of. */
static void test_stop(void **state)
{
    (void)state;
    static char reader[] = "reader";
    fixture_begin();
    fx->stream_text = "one\n";
    fixture_run();
    int wait = dial(), stream = dial(), batch = dial(), load = dial(), idle = dial(), half = dial(),
        big_reader = dial();
    send_get(wait, "/wait/1");
    send_get(stream, "/stream");
    send_get(batch, "/batch/7");
    send_get(load, "/load");
    say_text(half, "GET / HT");
    send_get(big_reader, "/big");
    assert_int_equal(ask(idle, GET("/jobs")), 200);
    UNTIL(fx->stats.waiting == 2 && fx->seen.load && fx->stats.requests == 6);
    on_loop(do_stop);
    assert_int_equal(hear(wait), 503);
    assert_int_equal(hear(batch), 503);
    assert_true(heard("commit_unknown"));
    hear(stream);
    assert_false(heard("\r\n0\r\n\r\n"));
    /* The load is with its reader: its memory is held until it comes back. */
    fx->seen.load->run(fx->seen.load, reader);
    on_loop(do_load_done);
    assert_int_equal(hear(load), 503);
    fixture_join();
    close(wait), close(stream), close(batch), close(load), close(idle), close(half);
    close(big_reader);
}

static int serve_stopping(void *app, struct http_request *rq, struct http_reply *reply,
                          int64_t *key, struct cail_err *err)
{
    (void)app, (void)rq, (void)key, (void)err;
    http_server_stop(fx->server, on_stopped, fx);
    str_adds(&reply->body, "{}\n");
    return 0;
}

static void test_stop_inside_serve(void **state)
{
    (void)state;
    static const struct http_route stop_routes[] = {
        {HTTP_GET, "/stop", HTTP_OPEN, 0, 0, NULL, NULL, serve_stopping, ""}};
    fixture_begin();
    fx->config.routes = stop_routes;
    fx->config.n_routes = 1;
    fixture_run();
    assert_int_equal(ask_once(GET("/stop")), 200);
    fixture_join();
}

/* -- starting -------------------------------------------------------------------------------- */

static int try_start(const char *host, int port)
{
    fixture_begin();
    struct http_listen listen = {.port = port};
    snprintf(listen.host, sizeof listen.host, "%s", host);
    fx->config.listen[0] = listen;
    fx->config.n_listen = 1;
    do_start(fx);
    int r = fx->started;
    if (r == 0)
        do_stop(fx);
    else
        uv_close((uv_handle_t *)&fx->async, NULL);
    uv_run(&fx->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&fx->loop), 0);
    assert_int_not_equal(access(fx->socket_path, F_OK), 0); /* nothing is left bound */
    rmdir(fx->folder);
    return r;
}

static void drop(void)
{
    sem_destroy(&fx->ran);
    free(fx);
}

static void test_only_loopback(void **state)
{
    (void)state;
    static const char *const hosts[] = {"0.0.0.0",     "::",        "10.0.0.1", "192.168.1.1",
                                        "example.com", "localhost", "",         "::ffff:127.0.0.1"};
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        assert_int_equal(try_start(hosts[i], 0), E_FORBIDDEN);
        assert_non_null(strstr(fx->err.text, "loopback"));
        drop();
    }
    assert_int_equal(try_start("127.0.0.2", 0), 0);
    drop();
}

static void test_port_taken(void **state)
{
    (void)state;
    struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t l4 = sizeof a4, l6 = sizeof a6;
    int s4 = socket(AF_INET, SOCK_STREAM, 0), s6 = socket(AF_INET6, SOCK_STREAM, 0);
    char pid[32];
    snprintf(pid, sizeof pid, "pid %d (", (int)getpid());
    assert_int_equal(bind(s4, (struct sockaddr *)&a4, l4), 0);
    assert_int_equal(listen(s4, 1), 0);
    getsockname(s4, (struct sockaddr *)&a4, &l4);
    assert_int_equal(try_start("127.0.0.1", ntohs(a4.sin_port)), E_CONFLICT);
    assert_non_null(strstr(fx->err.text, pid));
    drop();
    if (bind(s6, (struct sockaddr *)&a6, l6) == 0 && listen(s6, 1) == 0) {
        getsockname(s6, (struct sockaddr *)&a6, &l6);
        assert_int_equal(try_start("::1", ntohs(a6.sin6_port)), E_CONFLICT);
        assert_non_null(strstr(fx->err.text, pid));
        drop();
    }
    close(s4);
    close(s6);
}

int main(void)
{
#define T(f, setup) cmocka_unit_test_setup_teardown(f, setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(test_slow_head, short_head),
        T(test_slow_body, short_body),
        T(test_idle, short_idle),
        T(test_stalled_reader, short_write),
        T(test_silent_stream_is_asked, short_stream),
        T(test_connection_cap, small_house),
        T(test_stream_cap, small_house),
        T(test_wait_cap, small_house),
        T(test_no_descriptors, fixture_setup),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_stop_inside_serve),
        cmocka_unit_test(test_only_loopback),
        cmocka_unit_test(test_port_taken),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    str_done(&got);
    return failed;
}
