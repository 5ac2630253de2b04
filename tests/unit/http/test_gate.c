/* The gate, the target, the routes, the query, the replies: pure functions by table. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "http/gate.h"
#include "http/reply.h"
#include "http/route.h"
#include "http/target.h"

/* -- Host ------------------------------------------------------------------------------------ */

static void test_hosts(void **state)
{
    (void)state;
    static const char *const names[] = {"lab.example", "cail.lab:9000", "[fd00::1]", NULL};
    static const struct {
        const char *host;
        bool tcp, on_80, on_unix; /* port 8080, port 80, the Unix socket */
    } t[] = {
        {"localhost:8080", 1, 0, 1},
        {"LocalHost:8080", 1, 0, 1},
        {"localhost.:8080", 1, 0, 1},
        {"127.0.0.1:8080", 1, 0, 1},
        {"[::1]:8080", 1, 0, 1},
        {"localhost", 0, 1, 1},
        {"127.0.0.1", 0, 1, 1},
        {"[::1]", 0, 1, 1},
        {"localhost:80", 0, 1, 1},
        {"localhost:8081", 0, 0, 1},
        {"lab.example:8080", 1, 0, 1},
        {"lab.example", 1, 1, 1}, /* a proxy on the scheme's own port */
        {"LAB.EXAMPLE.", 1, 1, 1},
        {"lab.example:1", 0, 0, 1},
        {"cail.lab:9000", 1, 1, 1},
        {"cail.lab:8080", 0, 0, 0},
        {"cail.lab", 0, 0, 0},
        {"[fd00::1]:8080", 1, 0, 1},
        {"", 0, 0, 0},
        {".", 0, 0, 0},
        {":8080", 0, 0, 0},
        {"localhost:", 0, 0, 0},
        {"localhost:08080", 0, 0, 0},
        {"localhost:+8080", 0, 0, 0},
        {"localhost:8080 ", 0, 0, 0},
        {" localhost:8080", 0, 0, 0},
        {"localhost:8080,evil", 0, 0, 0},
        {"localhost:808", 0, 0, 1},
        {"localhost:80800", 0, 0, 0},
        {"localhost:99999999999", 0, 0, 0},
        {"localhost..:8080", 0, 0, 0},
        {"localhost:8080.evil.com", 0, 0, 0},
        {"localhost.evil.com:8080", 0, 0, 0},
        {"evil.com:8080", 0, 0, 0},
        {"user@localhost:8080", 0, 0, 0},
        {"localhost:8080@evil.com", 0, 0, 0},
        {"http://localhost:8080", 0, 0, 0},
        {"localhost/:8080", 0, 0, 0},
        {"127.0.0.1.nip.io:8080", 0, 0, 0},
        {"127.1:8080", 0, 0, 0},
        {"0.0.0.0:8080", 0, 0, 0},
        {"2130706433:8080", 0, 0, 0},
        {"::1:8080", 0, 0, 0},
        {"[::1:8080", 0, 0, 0},
        {"[::1]8080", 0, 0, 0},
        {"[::1]x:8080", 0, 0, 0},
        {"[]:8080", 0, 0, 0},
        {"[::ffff:127.0.0.1]:8080", 0, 0, 0},
        {"l\xc3\xb6"
         "calhost:8080",
         0, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        struct gate_site tcp = {8080, false, names}, on_80 = {80, false, names},
                         on_unix = {0, true, names};
        if (gate_host_ok(t[i].host, &tcp) != t[i].tcp ||
            gate_host_ok(t[i].host, &on_80) != t[i].on_80 ||
            gate_host_ok(t[i].host, &on_unix) != t[i].on_unix)
            fail_msg("\"%s\"", t[i].host);
    }
    /* Longer than any name may be: no overrun, no match. */
    char text[600];
    memset(text, 'a', sizeof text);
    for (size_t len = 240; len < sizeof text; len++) {
        text[len] = 0;
        struct gate_site site = {8080, false, NULL};
        assert_false(gate_host_ok(text, &site));
        text[len] = 'a';
    }
}

/* The refusal must name the line that mends it, and that line must then let the host in. */
static void test_refusal_mends_itself(void **state)
{
    (void)state;
    static const char *const hosts[] = {"lab.example:8080", "lab.example", "lab.example:9",
                                        "[fd00::1]:8080"};
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        struct gate g;
        struct cail_err err;
        struct gate_site site = {8080, false, NULL};
        gate_begin(&g, "GET", false);
        gate_header(&g, "Host", 4, hosts[i], strlen(hosts[i]));
        assert_int_equal(gate_check(&g, &site, &err), E_BAD_HOST);
        const char *line = strstr(err.hint, "allowed_hosts = ");
        assert_non_null(line);
        const char *list[] = {line + strlen("allowed_hosts = "), NULL};
        site.allowed_hosts = list;
        assert_int_equal(gate_check(&g, &site, &err), 0);
    }
}

/* -- heads ----------------------------------------------------------------------------------- */

static int check(const char *method, bool old, const char *const headers[], struct gate *g)
{
    struct cail_err err;
    struct gate_site site = {8080, false, NULL};
    gate_begin(g, method, old);
    for (; *headers; headers += 2)
        gate_header(g, headers[0], strlen(headers[0]), headers[1], strlen(headers[1]));
    return gate_check(g, &site, &err);
}

#define CHECK(method, ...)                                                                         \
    check(method, false, (const char *const[]){"Host", "localhost:8080", __VA_ARGS__, NULL}, &g)

static void test_heads(void **state)
{
    (void)state;
    struct gate g;
    assert_int_equal(CHECK("GET", "A", "b"), 0);
    assert_int_equal(g.method, HTTP_GET);
    assert_int_equal(check("GET", false, (const char *const[]){NULL}, &g), E_BAD_REQUEST);
    static const char *const once[] = {
        "Host",           "Origin",         "Content-Length",  "Transfer-Encoding",
        "Content-Type",   "Authorization",  "X-Cail-CSRF",     "Sec-Fetch-Site",
        "Sec-Fetch-Mode", "Sec-Fetch-Dest", "Idempotency-Key", "Range",
        "Last-Event-ID"};
    for (size_t i = 0; i < ARRAY_LEN(once); i++)
        assert_int_equal(CHECK("GET", once[i], "1", once[i], "1"), E_BAD_REQUEST);
    assert_int_equal(CHECK("GET", "ACCEPT", "a", "accept", "b"), 0);
    static const char *const names[] = {"a b", "a\t", "", "a(", "a:", "a\x7f", "a\x80", "a\x01"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_int_equal(CHECK("GET", names[i], "x"), E_BAD_REQUEST);
    for (int c = 1; c < 256; c++) {
        char value[] = {'a', (char)c, 'b', 0};
        bool bad = (c < 0x20 && c != '\t') || c == 0x7f;
        assert_int_equal(CHECK("GET", "X", value), bad ? E_BAD_REQUEST : 0);
    }
    gate_begin(&g, "GET", false);
    gate_header(&g, "X", 1, NULL, 0);
    assert_non_null(g.fault);
}

static void test_framing(void **state)
{
    (void)state;
    struct gate g;
    assert_int_equal(CHECK("POST", "Transfer-Encoding", "Chunked"), 0);
    static const char *const bad_te[] = {"xchunked",         "chunked, identity", "identity",
                                         "chunked;q=1",      "gzip, chunked",     "",
                                         "chunked, chunked", " chunked"};
    for (size_t i = 0; i < ARRAY_LEN(bad_te); i++)
        assert_int_equal(CHECK("POST", "Transfer-Encoding", bad_te[i]), E_BAD_REQUEST);
    assert_int_equal(CHECK("POST", "Transfer-Encoding", "chunked", "Content-Length", "0"),
                     E_BAD_REQUEST);
    assert_int_equal(
        check("POST", true,
              (const char *const[]){"Host", "localhost:8080", "Transfer-Encoding", "chunked", NULL},
              &g),
        E_BAD_REQUEST);
    static const char *const bad_cl[] = {"",    "+5",  "-1", "5 5",
                                         "5,5", "0x5", "5a", "18446744073709551616"};
    for (size_t i = 0; i < ARRAY_LEN(bad_cl); i++)
        assert_int_equal(CHECK("POST", "Content-Length", bad_cl[i]), E_BAD_REQUEST);
    assert_int_equal(CHECK("POST", "Content-Length", "0012"), 0);
    assert_int_equal(gate_length(&g), 12);
}

static void test_methods(void **state)
{
    (void)state;
    struct gate g;
    static const struct {
        const char *method;
        int want;
    } t[] = {{"GET", 0},
             {"HEAD", 0},
             {"POST", 0},
             {"PUT", 0},
             {"PATCH", 0},
             {"DELETE", 0},
             {"OPTIONS", E_CROSS_SITE},
             {"TRACE", E_METHOD},
             {"CONNECT", E_METHOD},
             {"get", E_METHOD},
             {"GETX", E_METHOD},
             {"", E_METHOD},
             {"\x01\x02", E_METHOD},
             {"PROPFIND", E_METHOD}};
    for (size_t i = 0; i < ARRAY_LEN(t); i++)
        assert_int_equal(CHECK(t[i].method, "A", "b"), t[i].want);
    assert_int_equal(CHECK("GET", "Authorization", "Bearer x"), E_NO_IDENTITY);
}

static void test_marks(void **state)
{
    (void)state;
    struct gate g;
    static const struct {
        const char *name;
        bool browser, proxied;
    } t[] = {{"Origin", 1, 0},      {"Referer", 1, 0},         {"Cookie", 1, 0},
             {"sec-fetch-x", 1, 0}, {"Sec-Fetch-User", 1, 0},  {"Sec-Fetch-Dest", 1, 0},
             {"Forwarded", 0, 1},   {"X-Forwarded-For", 0, 1}, {"x-forwarded-host", 0, 1},
             {"Via", 0, 1},         {"X-Real-IP", 0, 1},       {"User-Agent", 0, 0},
             {"X-Forward", 0, 0},   {"Accept", 0, 0}};
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        CHECK("GET", t[i].name, "x");
        if (g.browser != t[i].browser || g.proxied != t[i].proxied)
            fail_msg("%s", t[i].name);
    }
}

static void test_gzip(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool offers;
    } t[] = {{NULL, 0},
             {"", 0},
             {"gzip", 1},
             {"deflate, GZIP", 1},
             {"gzip;q=0", 0},
             {"gzip;q=0.000", 0},
             {"gzip;q=0.5", 1},
             {"gzip; q=1", 1},
             {"x-gzip", 0},
             {"gzipped", 0},
             {"*", 1},
             {"*;q=0", 0},
             {"br;q=1, gzip;q=0, *", 0},
             {",,gzip", 1}};
    for (size_t i = 0; i < ARRAY_LEN(t); i++)
        if (gate_offers_gzip(t[i].text) != t[i].offers)
            fail_msg("%s", t[i].text);
}

static void test_origin(void **state)
{
    (void)state;
    struct gate g;
    struct cail_err err;
    static const struct {
        const char *origin;
        int want;
    } t[] = {{"http://localhost:8080", 0},
             {"http://LOCALHOST:8080", 0},
             {"http://localhost.:8080", 0},
             {"https://localhost:8080", E_CROSS_SITE},
             {"http://localhost", E_CROSS_SITE},
             {"http://localhost:8081", E_CROSS_SITE},
             {"http://127.0.0.1:8080", E_CROSS_SITE},
             {"null", E_CROSS_SITE},
             {"", E_CROSS_SITE},
             {"http://localhost:8080/", E_CROSS_SITE},
             {"http://localhost:8080.evil.com", E_CROSS_SITE},
             {"HTTP://localhost:8080", E_CROSS_SITE},
             {"localhost:8080", E_CROSS_SITE},
             {"http://localhost:8080 http://evil.com", E_CROSS_SITE}};
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        assert_int_equal(CHECK("GET", "Origin", t[i].origin), 0);
        if (gate_check_origin(&g, false, &err) != t[i].want)
            fail_msg("%s", t[i].origin);
    }
}

static void test_types(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        int json, form, script, any; /* what a route of that kind says */
    } t[] = {
        {"application/json", 0, 0, 0, 0},
        {"Application/JSON; charset=UTF-8", 0, 0, 0, 0},
        {"application/json;charset=\"utf-8\"", 0, 0, 0, 0},
        {"application/json; charset=utf-16", E_MEDIA_TYPE, E_MEDIA_TYPE, E_MEDIA_TYPE, 0},
        {"application/jsonp", E_MEDIA_TYPE, E_MEDIA_TYPE, E_MEDIA_TYPE, 0},
        {"application/json, text/plain", E_MEDIA_TYPE, E_MEDIA_TYPE, E_MEDIA_TYPE, 0},
        {"text/plain", E_MEDIA_TYPE, E_MEDIA_TYPE, E_MEDIA_TYPE, 0},
        {"text/plain; application/json", E_MEDIA_TYPE, E_MEDIA_TYPE, E_MEDIA_TYPE, 0},
        {"", E_MEDIA_TYPE, E_MEDIA_TYPE, E_MEDIA_TYPE, 0},
        {"multipart/form-data", E_MEDIA_TYPE, E_MEDIA_TYPE, E_MEDIA_TYPE, 0},
        {"application/x-www-form-urlencoded", E_MEDIA_TYPE, 0, E_MEDIA_TYPE, 0},
        {"text/x-shellscript", E_MEDIA_TYPE, E_MEDIA_TYPE, 0, 0},
    };
    static const unsigned flags[] = {0, HTTP_TAKES_FORM, HTTP_TAKES_SCRIPT, HTTP_TAKES_ANY};
    struct gate g;
    struct cail_err err;
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        const int want[] = {t[i].json, t[i].form, t[i].script, t[i].any};
        for (size_t k = 0; k < ARRAY_LEN(flags); k++) {
            struct http_route route = {.method = HTTP_POST, .flags = flags[k], .body_max = 100};
            CHECK("POST", "Content-Type", t[i].type, "Content-Length", "5");
            if (gate_check_body(&g, &route, &err) != want[k])
                fail_msg("\"%s\" for flags %u", t[i].type, flags[k]);
            /* A browser gets JSON alone past the gate. */
            CHECK("POST", "Content-Type", t[i].type, "Content-Length", "5", "Cookie", "a");
            if (gate_check_body(&g, &route, &err) != want[0])
                fail_msg("\"%s\" from a browser, flags %u", t[i].type, flags[k]);
        }
    }
}

static void test_lengths(void **state)
{
    (void)state;
    struct gate g;
    struct cail_err err;
    struct http_route route = {.method = HTTP_POST, .body_max = 100}, none = {.method = HTTP_POST},
                      empty_ok = {.method = HTTP_POST, .flags = HTTP_EMPTY_OK, .body_max = 100};
    CHECK("POST", "Content-Type", "application/json", "Content-Length", "100");
    assert_int_equal(gate_check_body(&g, &route, &err), 0);
    assert_int_equal(gate_check_body(&g, &none, &err), E_TOO_LARGE);
    CHECK("POST", "Content-Type", "application/json", "Content-Length", "101");
    assert_int_equal(gate_check_body(&g, &route, &err), E_TOO_LARGE);
    CHECK("POST", "Content-Type", "application/json", "Content-Length", "9999999999999999999");
    assert_int_equal(gate_check_body(&g, &route, &err), E_TOO_LARGE);
    CHECK("POST", "Content-Length", "0");
    assert_int_equal(gate_check_body(&g, &route, &err), E_BAD_REQUEST);
    assert_int_equal(gate_check_body(&g, &empty_ok, &err), 0);
    assert_int_equal(gate_check_body(&g, &none, &err), 0);
    CHECK("POST", "Transfer-Encoding", "chunked");
    assert_int_equal(gate_check_body(&g, &none, &err), E_TOO_LARGE);
    assert_int_equal(gate_check_body(&g, &route, &err), E_MEDIA_TYPE);
    CHECK("POST", "Content-Encoding", "gzip", "Content-Length", "1");
    assert_int_equal(gate_check_body(&g, &route, &err), E_MEDIA_TYPE);
}

/* -- targets --------------------------------------------------------------------------------- */

static int parse(const char *raw, struct http_request *rq, char **ret)
{
    struct cail_err err;
    size_t len = strlen(raw);
    memset(rq, 0, sizeof *rq);
    *ret = mem_array(len + 1, 1); /* exactly what is asked for: a sanitizer sees one byte more */
    return target_parse(raw, len, *ret, rq, &err);
}

static void test_targets(void **state)
{
    (void)state;
    static const struct {
        const char *raw, *path; /* path NULL = refused */
    } t[] = {
        {"/", "/"},
        {"/a/b", "/a/b"},
        {"/a%20b", "/a b"},
        {"/a+b", "/a+b"},
        {"/%41", "/A"},
        {"/%c3%a4", "/\xc3\xa4"},
        {"/a%25", "/a%"},
        {"/a%2525", "/a%25"},
        {"/a/", "/a/"},
        {"//a", "//a"},
        {"/a.b/..c/.d", "/a.b/..c/.d"},
        {"/...", "/..."},
        {"/?x", "/"},
        {"/a?/../b", "/a"},
        {"", NULL},
        {"a", NULL},
        {"*", NULL},
        {"http://localhost/", NULL},
        {"?a", NULL},
        {"/%00", NULL},
        {"/a%00b", NULL},
        {"/%2f", NULL},
        {"/%2F", NULL},
        {"/%5c", NULL},
        {"/%5C", NULL},
        {"/\\", NULL},
        {"/#", NULL},
        {"/a#b", NULL},
        {"/%", NULL},
        {"/%4", NULL},
        {"/%4g", NULL},
        {"/%zz", NULL},
        {"/.", NULL},
        {"/..", NULL},
        {"/../a", NULL},
        {"/a/..", NULL},
        {"/a/./b", NULL},
        {"/%2e", NULL},
        {"/%2e%2e/a", NULL},
        {"/.%2e", NULL},
        {"/%0a", NULL},
        {"/%7f", NULL},
        {"/%1b[m", NULL},
        {"/\x01", NULL},
        {"/\xc3\xa4", NULL},
        {"/%c3", NULL},
        {"/%c0%af", NULL},
        {"/%ed%a0%80", NULL},
        {"/%ff", NULL},
        {"/a b", NULL},
        {"/a?%00", NULL},
        {"/a?x=%", NULL},
        {"/a?%ff=1", NULL},
        {"/a?x=%0a", NULL},
        {"/a?x=\xc3\xa4", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        struct http_request rq;
        char *out;
        int r = parse(t[i].raw, &rq, &out);
        if ((r == 0) != (t[i].path != NULL) || (r == 0 && strcmp(rq.path, t[i].path) != 0))
            fail_msg("\"%s\": %d \"%s\"", t[i].raw, r, rq.path);
        free(out);
    }
}

static void test_query(void **state)
{
    (void)state;
    struct http_request rq;
    struct cail_err err;
    char *out;
    int64_t v;
    assert_int_equal(parse("/a?x=1&&y&z=a%26b%3dc&=e&w=/%2f%5c?&n=-5&f=+7", &rq, &out), 0);
    assert_string_equal(http_query_get(&rq, "x"), "1");
    assert_string_equal(http_query_get(&rq, "y"), "");
    assert_string_equal(http_query_get(&rq, "z"), "a&b=c");
    assert_string_equal(http_query_get(&rq, ""), "e");
    assert_string_equal(http_query_get(&rq, "w"), "//\\?");
    assert_string_equal(http_query_get(&rq, "f"), " 7");
    assert_null(http_query_get(&rq, "q"));
    assert_int_equal(http_query_int(&rq, "x", 0, 9, 3, &v, &err), 0);
    assert_int_equal(v, 1);
    assert_int_equal(http_query_int(&rq, "q", 0, 9, 3, &v, &err), 0);
    assert_int_equal(v, 3);
    assert_int_equal(http_query_int(&rq, "n", -9, 9, 3, &v, &err), 0);
    assert_int_equal(v, -5);
    assert_int_equal(http_query_int(&rq, "n", 0, 9, 3, &v, &err), E_BAD_REQUEST);
    assert_int_equal(http_query_int(&rq, "y", 0, 9, 3, &v, &err), E_BAD_REQUEST);
    assert_int_equal(http_query_int(&rq, "z", 0, 9, 3, &v, &err), E_BAD_REQUEST);
    assert_int_equal(http_query_int(&rq, "f", 0, 9, 3, &v, &err), E_BAD_REQUEST);
    assert_int_equal(v, -5); /* untouched by failures */
    free(out);
    assert_int_equal(parse("/a?limit=99999999999999999999", &rq, &out), 0);
    assert_int_equal(http_query_int(&rq, "limit", 0, INT64_MAX, 3, &v, &err), E_BAD_REQUEST);
    free(out);
    static const char *const known[] = {"limit", "cursor"};
    assert_int_equal(parse("/a?limt=3", &rq, &out), 0);
    assert_int_equal(http_query_only(&rq, known, 2, &err), E_BAD_REQUEST);
    assert_non_null(strstr(err.text, "did you mean \"limit\""));
    free(out);
    assert_int_equal(parse("/a?limit=3&cursor=x", &rq, &out), 0);
    assert_int_equal(http_query_only(&rq, known, 2, &err), 0);
    free(out);
    char many[400] = "/a?";
    for (int i = 0; i <= HTTP_QUERY_ARGS_MAX; i++)
        snprintf(many + strlen(many), sizeof many - strlen(many), "%d&", i);
    assert_int_equal(parse(many, &rq, &out), E_BAD_REQUEST);
    free(out);
}

static void test_ids(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t id; /* 0 = refused */
    } t[] = {{"1", 1},
             {"42", 42},
             {"999999999999999999", 999999999999999999},
             {"0", 0},
             {"", 0},
             {"01", 0},
             {"-1", 0},
             {"+1", 0},
             {"1x", 0},
             {" 1", 0},
             {"9999999999999999999", 0},
             {"1.0", 0},
             {"0x1", 0}};
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        struct http_request rq = {.part = {t[i].text}, .n_parts = 1};
        struct cail_err err;
        int64_t id = 0;
        assert_int_equal(http_part_id(&rq, 0, &id, &err), t[i].id ? 0 : E_NOT_FOUND);
        assert_int_equal(id, t[i].id);
        assert_int_equal(http_part_id(&rq, 1, &id, &err), E_NOT_FOUND);
    }
}

/* -- routes ---------------------------------------------------------------------------------- */

static void test_routes(void **state)
{
    (void)state;
    static const struct http_route rows[] = {
        {.method = HTTP_GET, .pattern = "/"},
        {.method = HTTP_GET, .pattern = "/jobs"},
        {.method = HTTP_POST, .pattern = "/jobs"},
        {.method = HTTP_GET, .pattern = "/jobs/{id}"},
        {.method = HTTP_PATCH, .pattern = "/jobs/{id}"},
        {.method = HTTP_GET, .pattern = "/results/{x}"},
        {.method = HTTP_GET, .pattern = "/results/table"},
        {.method = HTTP_PATCH, .pattern = "/results/changes/{id}"},
        {.method = HTTP_GET, .pattern = "/jobs/{id}/artifacts/{name}"},
        {.method = HTTP_DELETE, .pattern = "/results/{x}"},
    };
    static const struct {
        enum http_method method;
        const char *path;
        int row; /* -1 = none */
        const char *allow, *part;
    } t[] = {
        {HTTP_GET, "/", 0, NULL, NULL},
        {HTTP_HEAD, "/", 0, NULL, NULL},
        {HTTP_GET, "/jobs", 1, NULL, NULL},
        {HTTP_POST, "/jobs", 2, NULL, NULL},
        {HTTP_HEAD, "/jobs/7", 3, NULL, "7"},
        {HTTP_PATCH, "/jobs/7", 4, NULL, "7"},
        {HTTP_DELETE, "/jobs/7", -1, "GET, HEAD, PATCH", NULL},
        {HTTP_GET, "/results/table", 6, NULL, NULL},
        {HTTP_GET, "/results/tables", 5, NULL, "tables"},
        {HTTP_DELETE, "/results/table", 9, NULL, "table"},
        {HTTP_PATCH, "/results/changes/3", 7, NULL, "3"},
        {HTTP_GET, "/jobs/1/artifacts/a b", 8, NULL, "1"},
        {HTTP_GET, "/jobs/", -1, "", NULL},
        {HTTP_GET, "//", -1, "", NULL},
        {HTTP_GET, "/job", -1, "", NULL},
        {HTTP_GET, "/jobsx", -1, "", NULL},
        {HTTP_GET, "/jobs/1/", -1, "", NULL},
        {HTTP_GET, "/jobs//artifacts/x", -1, "", NULL},
        {HTTP_GET, "/a/b/c/d/e/f/g/h/i/j/k", -1, "", NULL},
        {HTTP_GET, "/{id}", -1, "", NULL},
    };
    struct route_table table;
    route_table_init(&table, rows, ARRAY_LEN(rows));
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        struct http_request rq = {.method = t[i].method, .path = t[i].path};
        unsigned allowed;
        char allow[ROUTE_ALLOW_LEN], *out = mem_array(strlen(t[i].path) + 1, 1);
        const struct http_route *r = route_find(&table, &rq, out, &allowed);
        assert_ptr_equal(r, t[i].row < 0 ? NULL : &rows[t[i].row]);
        route_allow(allowed, allow);
        if (!r)
            assert_string_equal(allow, t[i].allow);
        if (t[i].part)
            assert_string_equal(rq.part[0], t[i].part);
        free(out);
    }
    struct http_request rq = {.path = "/jobs/1/artifacts/a b"};
    unsigned allowed;
    char out[32], allow[ROUTE_ALLOW_LEN];
    assert_non_null(route_find(&table, &rq, out, &allowed));
    assert_int_equal(rq.n_parts, 2);
    assert_string_equal(rq.part[1], "a b");
    route_allow(~0u, allow);
    assert_string_equal(allow, "GET, HEAD, POST, PUT, PATCH, DELETE");
    route_table_done(&table);
}

/* -- replies --------------------------------------------------------------------------------- */

static void test_problem(void **state)
{
    (void)state;
    struct http_reply r = {.after_batch = 9};
    struct cail_err err;
    http_reply_header(&r, "X", "y");
    str_adds(&r.body, "half an answer");
    err_set_at(&err, E_BAD_FIELD, "/613/needs", "\"needs\" is\nbad");
    err_hint(&err, "look");
    http_reply_problem(&r, &err);
    assert_int_equal(r.status, 422);
    assert_int_equal(r.n_headers, 0);
    assert_int_equal(r.after_batch, 9);
    assert_string_equal(r.body.p,
                        "{\"type\":\"urn:cail:bad_field\",\"title\":\"A field has a bad value\","
                        "\"status\":422,\"detail\":\"\\\"needs\\\" is\\nbad\",\"code\":"
                        "\"bad_field\",\"hint\":\"look\",\"errors\":[{\"pointer\":\"/613/needs\","
                        "\"detail\":\"\\\"needs\\\" is\\nbad\"}]}\n");
    for (int code = E_OK + 1; code < E_COUNT_; code++) {
        err_set(&err, (enum cail_code)code, "x");
        http_reply_problem(&r, &err);
        assert_int_equal(r.status, err_http_status((enum cail_code)code));
    }
    reply_clear(&r);
    str_done(&r.body);
}

static const char *value_of(const struct reply_header *h, size_t n, const char *name)
{
    const char *found = NULL;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(h[i].name, name) != 0)
            continue;
        assert_null(found); /* once */
        found = h[i].value;
    }
    return found;
}

static void test_headers(void **state)
{
    (void)state;
    static const char *const types[] = {NULL, "text/plain", "text/html; charset=utf-8",
                                        "text/event-stream", "application/octet-stream"};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct http_reply r = {.status = 200, .content_type = types[i]};
        struct reply_header h[REPLY_HEADERS_MAX];
        size_t n = reply_headers(&r, h);
        assert_string_equal(value_of(h, n, "X-Content-Type-Options"), "nosniff");
        assert_string_equal(value_of(h, n, "Referrer-Policy"), "no-referrer");
        assert_string_equal(value_of(h, n, "Cross-Origin-Resource-Policy"), "same-origin");
        assert_string_equal(value_of(h, n, "Cache-Control"), "no-store");
        assert_string_equal(value_of(h, n, "Content-Type"),
                            types[i] ? types[i] : "application/json");
        assert_int_equal(value_of(h, n, "Content-Security-Policy") != NULL, i == 2);
        assert_int_equal(value_of(h, n, "X-Frame-Options") != NULL, i == 2);
        for (size_t k = 0; k < n; k++)
            assert_null(strstr(h[k].name, "Access-Control"));
    }
    struct http_reply r = {.status = 200, .content_type = "text/html"};
    struct reply_header h[REPLY_HEADERS_MAX];
    http_reply_header(&r, "Cache-Control", "immutable");
    http_reply_header(&r, "Content-Security-Policy", "sandbox");
    for (int i = 2; i < HTTP_REPLY_HEADERS_MAX; i++)
        http_reply_header(&r, "X", "y");
    size_t n = reply_headers(&r, h);
    assert_true(n <= REPLY_HEADERS_MAX);
    assert_string_equal(value_of(h, n, "Cache-Control"), "immutable");
    assert_string_equal(value_of(h, n, "Content-Security-Policy"), "sandbox");
    reply_clear(&r);
}

static void test_etags(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        bool same;
    } t[] = {{"\"a\"", 1},
             {"W/\"a\"", 1},
             {"\"b\", \"a\"", 1},
             {"*", 1},
             {"\"b\"", 0},
             {"a", 0},
             {"", 0},
             {"\"a", 0},
             {"\"aa\"", 0},
             {NULL, 0},
             {"\"b\" , W/\"a\"", 1}};
    struct http_reply r = {0};
    assert_false(reply_not_modified(&r, "*"));
    http_reply_header(&r, "ETag", "\"a\"");
    for (size_t i = 0; i < ARRAY_LEN(t); i++)
        if (reply_not_modified(&r, t[i].list) != t[i].same)
            fail_msg("%s", t[i].list);
    r.status = 404;
    assert_false(reply_not_modified(&r, "*"));
    reply_clear(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosts),   cmocka_unit_test(test_refusal_mends_itself),
        cmocka_unit_test(test_heads),   cmocka_unit_test(test_framing),
        cmocka_unit_test(test_methods), cmocka_unit_test(test_marks),
        cmocka_unit_test(test_gzip),    cmocka_unit_test(test_origin),
        cmocka_unit_test(test_types),   cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_targets), cmocka_unit_test(test_query),
        cmocka_unit_test(test_ids),     cmocka_unit_test(test_routes),
        cmocka_unit_test(test_problem), cmocka_unit_test(test_headers),
        cmocka_unit_test(test_etags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
