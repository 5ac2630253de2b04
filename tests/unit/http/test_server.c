/* The server over real sockets: requests, refusals, waits, streams, batches, stop. */
#include "fixture.h"

static void test_simple(void **state)
{
    (void)state;
    int fd = dial();
    assert_int_equal(ask(fd, GET("/jobs")), 200);
    assert_true(heard("X-Content-Type-Options: nosniff"));
    assert_true(heard("Referrer-Policy: no-referrer"));
    assert_true(heard("Cross-Origin-Resource-Policy: same-origin"));
    assert_true(heard("Cache-Control: no-store"));
    assert_false(heard("Access-Control"));
    /* Keep-alive: the same connection again, and a query. */
    assert_int_equal(ask(fd, GET("/echo/a%20b?x=1+2&y=%26")), 200);
    assert_true(heard("path=/echo/a b part=a b "));
    assert_true(heard(" x=1 2 y=&"));
    assert_int_equal(ask(fd, "HEAD /jobs HTTP/1.1\r\nHost: %P\r\n\r\n"
                             "GET /healthz HTTP/1.1\r\nHost: %P\r\n\r\n"),
                     200);
    close(fd);
    assert_int_equal(ask_once(GET("/nothing")), 404);
    assert_true(heard("Connection: close"));
    assert_int_equal(ask_once("DELETE /jobs HTTP/1.1\r\nHost: %P\r\n\r\n"), 405);
    assert_true(heard("Allow: GET, HEAD, POST\r\n"));
    assert_int_equal(ask_once("FOO /jobs HTTP/1.1\r\nHost: %P\r\n\r\n"), 405);
    assert_int_equal(ask_once("OPTIONS /jobs HTTP/1.1\r\nHost: %P\r\n\r\n"), 403);
    assert_false(heard("Access-Control"));
    assert_int_equal(ask_once(GET("/mute")), 500);
    assert_int_equal(ask_once(GET("/")), 200);
    assert_true(heard("Content-Security-Policy: default-src 'none'"));
    assert_true(heard("X-Frame-Options: DENY"));
}

static void test_head_has_no_body(void **state)
{
    (void)state;
    int fd = dial();
    char buf[4096];
    size_t n = 0;
    CLEANUP(str_done) struct str s = STR_INIT;
    str_addf(&s, "HEAD /jobs HTTP/1.1\r\nHost: localhost:%d\r\nConnection: close\r\n\r\n",
             fx->ports[0]);
    say(fd, s.p, s.len);
    for (ssize_t r; (r = recv(fd, buf + n, sizeof buf - 1 - n, 0)) > 0;)
        n += (size_t)r;
    buf[n] = 0;
    assert_non_null(strstr(buf, "Content-Length: 3\r\n"));
    assert_string_equal(strstr(buf, "\r\n\r\n"), "\r\n\r\n");
    close(fd);
    /* A stream is closed unread. */
    fx->stream_text = "x";
    assert_int_equal(ask_once("HEAD /stream HTTP/1.1\r\nHost: %P\r\n\r\n"), 200);
    UNTIL(fx->seen.streams_closed == 1);
}

/* What the library lets through, pinned to a status each; 0 = closed without a word. `canary` is a
 * request hidden behind the first one, which must never be carried out. */
static const struct malformed {
    const char *name, *text;
    size_t len;
    int status;
} malformed[] = {
#define M(name, text, status)                                                                      \
    {                                                                                              \
        name, text, sizeof text - 1, status                                                        \
    }
#define H "Host: %P\r\n"
    M("normal", "GET /jobs HTTP/1.1\r\n" H "\r\n", 200),
    M("no Host", "GET /jobs HTTP/1.1\r\n\r\n", 400),
    M("no Host in 1.0", "GET /jobs HTTP/1.0\r\n\r\n", 400),
    M("two Hosts", "GET /jobs HTTP/1.1\r\n" H "Host: evil.com\r\n\r\n", 400),
    M("two equal Hosts", "GET /jobs HTTP/1.1\r\n" H H "\r\n", 400),
    M("space before the colon", "GET /jobs HTTP/1.1\r\nHost : evil.com\r\n" H "\r\n", 400),
    M("space before another colon", "GET /jobs HTTP/1.1\r\n" H "X : y\r\n\r\n", 400),
    M("obs-fold", "GET /jobs HTTP/1.1\r\nHost: localhost\r\n :8080\r\nX: a\r\n b\r\n\r\n", 400),
    M("absolute-form", "GET http://%P/jobs HTTP/1.1\r\n" H "\r\n", 400),
    M("authority-form", "GET localhost:80 HTTP/1.1\r\n" H "\r\n", 400),
    M("asterisk", "GET * HTTP/1.1\r\n" H "\r\n", 400),
    M("bare CR in a value", "GET /jobs HTTP/1.1\r\n" H "X: a\rY: b\r\n\r\n", 400),
    M("NUL in the Host", "GET /jobs HTTP/1.1\r\nHost: local\0host\r\n\r\n", 421),
    M("NUL in the target", "GET /jobs\0x HTTP/1.1\r\n" H "\r\n", 400),
    M("CL and TE",
      "POST /jobs HTTP/1.1\r\n" H "Content-Type: application/json\r\nContent-Length: 4\r\n"
      "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n" H "\r\n",
      400),
    M("TE list",
      "POST /jobs HTTP/1.1\r\n" H "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"
      "GET /smuggled HTTP/1.1\r\n" H "\r\n",
      400),
    M("TE unknown",
      "POST /jobs HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"
      "GET /smuggled HTTP/1.1\r\n" H "\r\n",
      400),
    M("two TE",
      "POST /jobs HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"
      "\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n" H "\r\n",
      400),
    M("TE in 1.0", "POST /jobs HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    M("two CL",
      "POST /jobs HTTP/1.1\r\n" H "Content-Length: 0\r\nContent-Length: 42\r\n\r\n"
      "GET /smuggled HTTP/1.1\r\n" H "\r\n",
      400),
    M("CL +5", "POST /jobs HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\nHELLO", 400),
    M("CL -1", "POST /jobs HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\nHELLO", 400),
    M("CL 2^64", "POST /jobs HTTP/1.1\r\n" H "Content-Length: 18446744073709551616\r\n\r\nHELLO",
      413),
    M("CL 5 5", "POST /jobs HTTP/1.1\r\n" H "Content-Length: 5 5\r\n\r\nHELLO", 400),
    M("chunk extension",
      "POST /jobs HTTP/1.1\r\n" H "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
      "\r\n5;x=y\r\nHELLO\r\n0\r\n\r\n",
      200),
    M("chunk size overflow",
      "POST /jobs HTTP/1.1\r\n" H "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
      "\r\nFFFFFFFFFFFFFFFFF\r\nHELLO\r\n0\r\n\r\n",
      413),
    M("%2e%2e %00", "GET /jobs/%2e%2e%2fetc%00x/..%252f HTTP/1.1\r\n" H "\r\n", 400),
    M("%00", "GET /jobs%00x HTTP/1.1\r\n" H "\r\n", 400),
    M("%2f", "GET /echo/a%2fb HTTP/1.1\r\n" H "\r\n", 400),
    M("%5c", "GET /echo/a%5cb HTTP/1.1\r\n" H "\r\n", 400),
    M("..", "GET /echo/../jobs HTTP/1.1\r\n" H "\r\n", 400),
    M("HTTP/0.9", "GET /jobs\r\n\r\n", 400),
    M("HTTP/9.9", "GET /jobs HTTP/9.9\r\n" H "\r\n", 505),
    M("method garbage", "\x01\x02 /jobs HTTP/1.1\r\n" H "\r\n", 405),
    M("lower-case method", "get /jobs HTTP/1.1\r\n" H "\r\n", 405),
    M("extra spaces", "GET   /jobs   HTTP/1.1\r\n" H "\r\n", 0),
    M("extra space", "GET  /jobs HTTP/1.1\r\n" H "\r\n", 400),
    M("header without a colon", "GET /jobs HTTP/1.1\r\n" H "garbage\r\nX: y\r\n\r\n", 400),
    M("GET with a body", "GET /jobs HTTP/1.1\r\n" H "Content-Length: 4\r\n\r\nabcd", 413),
    M("compressed body",
      "POST /jobs HTTP/1.1\r\n" H "Content-Type: application/json\r\nContent-Encoding: gzip\r\n"
      "Content-Length: 4\r\n\r\nabcd",
      415),
    M("Authorization", "GET /jobs HTTP/1.1\r\n" H "Authorization: Bearer x\r\n\r\n", 401),
    M("Host of another", "GET /jobs HTTP/1.1\r\nHost: evil.com\r\n\r\n", 421),
    M("Host of another, unknown path", "BREW /x HTTP/1.1\r\nHost: evil.com\r\n\r\n", 421),
#undef M
#undef H
};

static void test_malformed(void **state)
{
    (void)state;
    char host[32];
    int n = snprintf(host, sizeof host, "localhost:%d", fx->ports[0]);
    for (size_t i = 0; i < ARRAY_LEN(malformed); i++) {
        const struct malformed *m = &malformed[i];
        CLEANUP(str_done) struct str s = STR_INIT;
        for (size_t k = 0; k < m->len; k++) { /* by hand: there are NULs in it */
            if (m->text[k] == '%' && k + 1 < m->len && m->text[k + 1] == 'P') {
                str_add(&s, host, (size_t)n);
                k++;
            } else {
                str_addc(&s, m->text[k]);
            }
        }
        int fd = dial();
        say(fd, s.p, s.len);
        int status = hear(fd);
        if (status != m->status)
            fail_msg("%s: %d instead of %d: %s", m->name, status, m->status, got.p);
        if (status >= 400 && !is_closed(fd))
            fail_msg("%s: the connection was kept", m->name);
        close(fd);
    }
    on_loop(take_stats);
    assert_int_equal(fx->seen.canary, 0);
    assert_int_equal(ask_once(GET("/smuggled")), 200); /* the canary can sing */
    on_loop(take_stats);
    assert_int_equal(fx->seen.canary, 1);
}

static void test_large_heads(void **state)
{
    (void)state;
    CLEANUP(str_done) struct str s = STR_INIT;
    str_adds(&s, "GET /jobs HTTP/1.1\r\nHost: localhost\r\nX: ");
    for (int i = 0; i < 65536; i++)
        str_addc(&s, 'a');
    str_adds(&s, "\r\n\r\n");
    int fd = dial();
    say(fd, s.p, s.len);
    assert_int_equal(hear(fd), 431);
    close(fd);
    str_clear(&s);
    str_addf(&s, "GET /echo/x?");
    for (int i = 0; i < 9000; i++)
        str_addc(&s, 'a');
    str_addf(&s, " HTTP/1.1\r\nHost: localhost:%d\r\n\r\n", fx->ports[0]);
    fd = dial();
    say(fd, s.p, s.len);
    assert_int_equal(hear(fd), 414);
    close(fd);
    str_clear(&s);
    str_addf(&s, "GET /jobs HTTP/1.1\r\nHost: localhost:%d\r\n", fx->ports[0]);
    for (int i = 0; i < 5000; i++)
        str_addf(&s, "H%d: x\r\n", i);
    str_adds(&s, "\r\n");
    fd = dial();
    say(fd, s.p, s.len);
    assert_int_equal(hear(fd), 431);
    close(fd);
}

static int post(const char *path, const char *headers, const char *body)
{
    CLEANUP(str_done) struct str s = STR_INIT;
    str_addf(&s, "POST %s HTTP/1.1\r\nHost: %%P\r\n%sContent-Length: %zu\r\n\r\n%s", path, headers,
             strlen(body), body);
    return ask_once(s.p);
}

static void test_bodies(void **state)
{
    (void)state;
    assert_int_equal(post("/jobs", "Content-Type: application/json\r\n", "{\"a\":1}"), 200);
    assert_true(heard("body[7]={\"a\":1}\n"));
    assert_int_equal(post("/jobs", "Content-Type: text/plain\r\n", "{}"), 415);
    assert_true(heard("curl --json"));
    assert_int_equal(post("/jobs", "Content-Type: application/x-www-form-urlencoded\r\n", "a=b"),
                     415);
    assert_int_equal(post("/form", "Content-Type: application/x-www-form-urlencoded\r\n", "a=b"),
                     200);
    assert_int_equal(post("/form",
                          "Referer: http://x/\r\nX-Cail-CSRF: 1\r\n"
                          "Content-Type: application/x-www-form-urlencoded\r\n",
                          "a=b"),
                     415);
    assert_int_equal(post("/form", "Content-Type: text/x-shellscript\r\n", "true"), 200);
    assert_int_equal(post("/any", "Content-Type: x/y\r\n", "abc"), 200);
    assert_int_equal(post("/empty", "", ""), 200);
    assert_int_equal(post("/jobs", "", ""), 400);
    assert_int_equal(ask_once("POST /any HTTP/1.1\r\nHost: %P\r\nTransfer-Encoding: chunked\r\n\r\n"
                              "3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"),
                     200);
    assert_true(heard("body[7]=abcdefg\n"));
}

static void test_body_too_large(void **state)
{
    (void)state;
    /* By announcement: at once, nothing sent; and "100 Continue" is not said. */
    assert_int_equal(ask_once("POST /jobs HTTP/1.1\r\nHost: %P\r\nExpect: 100-continue\r\n"
                              "Content-Type: application/json\r\nContent-Length: 1001\r\n\r\n"),
                     413);
    /* By chunks: read on to the end and explained. */
    CLEANUP(str_done) struct str s = STR_INIT;
    str_adds(&s, "POST /jobs HTTP/1.1\r\nHost: %P\r\nContent-Type: application/json\r\n"
                 "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 15; i++) {
        str_adds(&s, "64\r\n");
        for (int k = 0; k < 100; k++)
            str_addc(&s, 'x');
        str_adds(&s, "\r\n");
    }
    str_adds(&s, "0\r\n\r\n");
    assert_int_equal(ask_once(s.p), 413);
    /* Beyond twice the limit: told, and cut in the middle of its upload. */
    s.len -= 5;
    s.p[s.len] = 0;
    for (int i = 0; i < 10; i++) {
        str_adds(&s, "64\r\n");
        for (int k = 0; k < 100; k++)
            str_addc(&s, 'x');
        str_adds(&s, "\r\n");
    }
    assert_int_equal(ask_once(s.p), 413);
    assert_true(heard("much larger"));
    /* The limit itself is fine, and 100 Continue is said. */
    assert_int_equal(ask_once("POST /jobs HTTP/1.1\r\nHost: %P\r\nExpect: 100-continue\r\n"
                              "Content-Type: application/json\r\nContent-Length: 2\r\n"
                              "Connection: close\r\n\r\n{}"),
                     100);
    assert_true(heard("body[2]={}\n"));
}

static void test_other_sites(void **state)
{
    (void)state;
    static const struct {
        const char *headers;
        int get, page, change;
    } t[] = {
        {"Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image\r\n", 403,
         403, 403},
        {"Sec-Fetch-Site: same-site\r\n", 403, 403, 403},
        {"Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n",
         403, 200, 403},
        {"Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe\r\n",
         403, 403, 403},
        {"Sec-Fetch-Site: none\r\n", 200, 200, 403},
        {"Sec-Fetch-Site: same-origin\r\nX-Cail-CSRF: 1\r\n", 200, 200, 200},
        {"Sec-Fetch-Site: same-origin\r\nX-Cail-CSRF: 2\r\n", 200, 200, 403},
        {"Origin: http://evil.com\r\nX-Cail-CSRF: 1\r\n", 403, 403, 403},
        {"Origin: null\r\nX-Cail-CSRF: 1\r\n", 403, 403, 403},
        {"Origin: http://localhost:1\r\nX-Cail-CSRF: 1\r\n", 403, 403, 403},
        {"Origin: http://%P\r\nX-Cail-CSRF: 1\r\n", 200, 200, 200},
        {"Origin: http://%P\r\n", 200, 200, 403},
        {"Cookie: a=b\r\n", 200, 200, 403},
    };
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        char text[1024];
        snprintf(text, sizeof text, "GET /jobs HTTP/1.1\r\nHost: %%P\r\n%s\r\n", t[i].headers);
        assert_int_equal(ask_once(text), t[i].get);
        snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: %%P\r\n%s\r\n", t[i].headers);
        assert_int_equal(ask_once(text), t[i].page);
        snprintf(text, sizeof text, "%sContent-Type: application/json\r\n", t[i].headers);
        assert_int_equal(post("/jobs", text, "{}"), t[i].change);
    }
}

static void test_transports(void **state)
{
    (void)state;
    char text[256];
    int fd = dial_unix();
    assert_int_equal(ask(fd, "GET /echo/x HTTP/1.1\r\nHost: localhost\r\n\r\n"), 200);
    assert_true(heard("known=1 unix=1"));
    assert_int_equal(ask(fd, "GET /echo/x HTTP/1.1\r\nHost: evil.com\r\n\r\n"), 421);
    close(fd);
    fd = dial6();
    snprintf(text, sizeof text, "GET /echo/x HTTP/1.1\r\nHost: [::1]:%d\r\n\r\n", fx->ports[1]);
    assert_int_equal(ask(fd, text), 200);
    assert_true(heard("known=1 unix=0"));
    close(fd);
    /* Somebody who speaks for others has no identity of his own. */
    fd = dial();
    assert_int_equal(ask(fd, "GET /jobs HTTP/1.1\r\nHost: %P\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n"),
                     401);
    assert_true(heard("no_identity") && heard("--unix-socket"));
    close(fd);
    assert_int_equal(ask_once("GET /jobs HTTP/1.1\r\nHost: %P\r\nVia: 1.1 x\r\n\r\n"), 401);
    assert_int_equal(ask_once("GET /healthz HTTP/1.1\r\nHost: %P\r\nVia: 1.1 x\r\n\r\n"), 200);
}

static void do_flag(struct fixture *f)
{
    f->flag[f->arg] = true;
    http_server_wake(f->server, f->arg);
}

static void do_wake(struct fixture *f)
{
    http_server_wake(f->server, f->arg);
}

static void test_wait(void **state)
{
    (void)state;
    int a = dial(), b = dial();
    CLEANUP(str_done) struct str s = STR_INIT;
    str_addf(&s, "GET /wait/1 HTTP/1.1\r\nHost: localhost:%d\r\n\r\n", fx->ports[0]);
    say(a, s.p, s.len);
    say(b, s.p, s.len);
    UNTIL(fx->stats.waiting == 2);
    fx->arg = 2; /* another key: nobody is asked */
    on_loop(do_wake);
    fx->arg = 1; /* the key, but no news: asked, and waits on */
    on_loop(do_wake);
    UNTIL(fx->seen.serves == 4 && fx->stats.waiting == 2);
    on_loop(do_flag);
    assert_int_equal(hear(a), 200);
    assert_true(heard("{\"expired\":0,\"scratch\":\"kept\"}"));
    assert_int_equal(hear(b), 200);
    /* The connection goes on, and a deadline ends a wait. */
    assert_int_equal(ask(a, GET("/wait/3?ms=1")), 200);
    assert_true(heard("{\"expired\":1"));
    close(a);
    close(b);
}

static void test_wait_client_leaves(void **state)
{
    (void)state;
    int fd = dial_unix();
    say_text(fd, "GET /wait/1 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    UNTIL(fx->stats.waiting == 1);
    close(fd);
    UNTIL(fx->stats.waiting == 0 && fx->stats.connections == 0);
}

static void do_say_more(struct fixture *f)
{
    f->stream_text = "one\ntwo\n";
    http_server_wake(f->server, HTTP_KEY_EVENTS);
}

static void do_say_end(struct fixture *f)
{
    f->stream_end = (int)f->arg;
    http_server_wake(f->server, HTTP_KEY_EVENTS);
}

static void hear_until(int fd, const char *text)
{
    char buf[4096];
    while (!heard(text)) {
        ssize_t n = recv(fd, buf, sizeof buf, 0);
        if (n <= 0)
            fail_msg("no \"%s\" in: %s", text, got.len ? got.p : "");
        str_add(&got, buf, (size_t)n);
    }
}

static void open_stream(int fd)
{
    CLEANUP(str_done) struct str s = STR_INIT;
    str_addf(&s, "GET /stream HTTP/1.1\r\nHost: localhost:%d\r\n\r\n", fx->ports[0]);
    str_clear(&got);
    say(fd, s.p, s.len);
}

static void test_stream(void **state)
{
    (void)state;
    fx->stream_text = "one\n";
    int fd = dial();
    open_stream(fd);
    hear_until(fd, "one\n");
    assert_true(heard("text/event-stream"));
    UNTIL(fx->stats.waiting == 1 && fx->stats.streams == 1);
    on_loop(do_say_more);
    hear_until(fd, "two\n");
    UNTIL(fx->stats.waiting == 1);
    fx->arg = -1;
    on_loop(do_say_end);
    hear_until(fd, "\r\n0\r\n\r\n"); /* a whole end, and the connection goes on */
    assert_int_equal(ask(fd, GET("/jobs")), 200);
    UNTIL(fx->stats.streams == 0 && fx->seen.streams_closed == 1);
    close(fd);
    /* -2: broken off, without the last chunk. */
    fx->arg = -2;
    on_loop(do_say_end);
    fd = dial();
    open_stream(fd);
    hear(fd);
    assert_false(heard("\r\n0\r\n\r\n"));
    close(fd);
    UNTIL(fx->seen.streams_closed == 2);
}

static void test_stream_client_leaves(void **state)
{
    (void)state;
    fx->stream_text = "one\n";
    int fd = dial();
    open_stream(fd);
    hear_until(fd, "one\n");
    UNTIL(fx->stats.waiting == 1);
    close(fd);
    UNTIL(fx->stats.streams == 0 && fx->stats.connections == 0);
    on_loop(take_stats);
    assert_int_equal(fx->seen.streams_closed, 1);
    /* By a reset as well. */
    fd = dial();
    open_stream(fd);
    hear_until(fd, "one\n");
    UNTIL(fx->stats.waiting == 1);
    struct linger hard = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(fd);
    UNTIL(fx->stats.streams == 0 && fx->stats.connections == 0);
}

static void do_load_done(struct fixture *f)
{
    struct http_load *load = f->now.load;
    f->now.load = NULL;
    load->done(load);
}

static void finish_load(void)
{
    static char reader[] = "reader";
    UNTIL(fx->seen.load != NULL);
    fx->seen.load->run(fx->seen.load, reader); /* this thread is the reader */
    on_loop(do_load_done);
}

static void test_load(void **state)
{
    (void)state;
    CLEANUP(str_done) struct str s = STR_INIT;
    int fd = dial();
    str_addf(&s, "GET /load HTTP/1.1\r\nHost: localhost:%d\r\n\r\n", fx->ports[0]);
    say(fd, s.p, s.len);
    finish_load();
    assert_int_equal(hear(fd), 200);
    assert_true(heard("{\"rows\":\"reader\"}"));
    str_clear(&s);
    str_addf(&s, "GET /load?bad HTTP/1.1\r\nHost: localhost:%d\r\n\r\n", fx->ports[0]);
    say(fd, s.p, s.len);
    finish_load();
    assert_int_equal(hear(fd), 500);
    assert_true(heard("no rows for you"));
    on_loop(take_stats);
    assert_int_equal(fx->seen.loaded_freed, 1);
    fx->load_full = true;
    assert_int_equal(ask(fd, GET("/load")), 503);
    assert_true(heard("Retry-After: 1"));
    close(fd);
}

static void do_durable(struct fixture *f)
{
    f->durable = (uint64_t)f->arg;
    http_server_durable(f->server, f->durable);
}

static void do_fail_waiting(struct fixture *f)
{
    struct cail_err err;
    err_set(&err, E_COMMIT_UNKNOWN, "repeat with the same Idempotency-Key");
    http_server_fail_waiting(f->server, &err);
}

static bool has_bytes(int fd)
{
    char c;
    return recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

static void say_batch(int fd, int n, const char *more)
{
    char text[128];
    int len = snprintf(text, sizeof text, "GET /batch/%d%s HTTP/1.1\r\nHost: localhost:%d\r\n\r\n",
                       n, more, fx->ports[0]);
    say(fd, text, (size_t)len);
}

static void test_batches(void **state)
{
    (void)state;
    int a = dial(), b = dial(), c = dial();
    say_batch(a, 5, "");
    say_batch(b, 6, "");
    say_batch(c, 6, "?bad"); /* an error can be news as well */
    UNTIL(fx->stats.requests == 3);
    fx->arg = 4;
    on_loop(do_durable);
    assert_false(has_bytes(a));
    fx->arg = 5;
    on_loop(do_durable);
    assert_int_equal(hear(a), 200);
    assert_false(has_bytes(b) || has_bytes(c));
    assert_int_equal(ask(a, GET("/unbatched/9")), 200); /* exempt */
    assert_int_equal(ask(a, GET("/batch/5")), 200);     /* durable already */
    fx->arg = 6;
    on_loop(do_durable);
    assert_int_equal(hear(b), 200);
    assert_int_equal(hear(c), 409);
    say_batch(a, 7, "");
    UNTIL(fx->stats.requests == 6);
    on_loop(do_fail_waiting);
    assert_int_equal(hear(a), 503);
    assert_true(heard("commit_unknown"));
    close(a);
    close(b);
    close(c);
}

static void test_bytes(void **state)
{
    (void)state;
    int fd = dial();
    assert_int_equal(ask(fd, GET("/file")), 200);
    assert_true(heard("Content-Length: 5\r\n") && heard("\r\n\r\n23456"));
    assert_int_equal(ask(fd, GET("/big")), 200);
    assert_int_equal(got.len - (size_t)(strstr(got.p, "\r\n\r\n") + 4 - got.p), BIG_BYTES);
    assert_int_equal(ask(fd, GET("/etag")), 200);
    assert_true(heard("Cache-Control: no-cache") && !heard("no-store"));
    assert_int_equal(ask(fd, "GET /etag HTTP/1.1\r\nHost: %P\r\nIf-None-Match: \"x\", W/\"abc\"\r\n"
                             "Connection: close\r\n\r\n"),
                     304);
    assert_true(heard("ETag: \"abc\"") && !heard("ok\n"));
    close(fd);
    /* A file that is shorter than promised is broken off, not padded. */
    assert_int_equal(ask_once(GET("/file?past=50")), 200);
    assert_non_null(strstr(got.p, "\r\n\r\n23456789"));
}

static void test_pipeline(void **state)
{
    (void)state;
    CLEANUP(str_done) struct str s = STR_INIT;
    for (int i = 0; i < 3; i++)
        str_addf(&s, "GET /batch/%d HTTP/1.1\r\nHost: localhost:%d\r\n\r\n", i + 1, fx->ports[0]);
    int fd = dial();
    say(fd, s.p, s.len);
    for (fx->arg = 1; fx->arg <= 3; fx->arg++) {
        UNTIL(fx->stats.requests == (uint64_t)fx->arg);
        on_loop(do_durable);
        assert_int_equal(hear(fd), 200);
    }
    close(fd);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(test_simple),      T(test_head_has_no_body),
        T(test_malformed),   T(test_large_heads),
        T(test_bodies),      T(test_body_too_large),
        T(test_other_sites), T(test_transports),
        T(test_wait),        T(test_wait_client_leaves),
        T(test_stream),      T(test_stream_client_leaves),
        T(test_load),        T(test_batches),
        T(test_bytes),       T(test_pipeline),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    str_done(&got);
    return failed;
}
