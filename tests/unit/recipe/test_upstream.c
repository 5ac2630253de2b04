/* recipes/upstreams/NAME.json, the URLs that git may see, and what people write for a pull request.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <glob.h>

#include "base/fsx.h"
#include "base/mem.h"
#include "recipe/upstream.h"

#define ROW(name, more)                                                                            \
    "{\"name\":\"" name "\",\"title\":\"T\",\"group\":\"g\",\"url\":\"https://h.org/o/r.git\","    \
    "\"branch_hint\":\"main\",\"recipes\":{},\"rules\":{\"sign_off\":true},\"pull\":{\"page\":"    \
    "\"https://h.org/Own/Rep/pull/{number}\",\"compare\":\"https://h.org/c\",\"api\":"             \
    "\"/p/{number}\",\"comment_api\":\"/p/{number}/c\",\"fork\":\"https://h.org/{owner}/r\"}" more \
    "}"

static struct upstream *parse(const char *json)
{
    struct upstream *u = NULL;
    struct cail_err err = {.code = E_OK};
    if (upstream_parse(json, strlen(json), &u, &err))
        fail_msg("%s: %s", err.pointer, err.text);
    return u;
}

static void test_whole(void **state)
{
    (void)state;
    struct upstream *u = parse(ROW("one-two", ",\"aliases\":[\"three\",\"four_4\"]"));
    CLEANUP(str_done) struct str s = STR_INIT;
    struct jw w = JW(&s);
    assert_string_equal(u->aliases[1], "four_4");
    upstream_doc(&w, u, NULL);
    assert_non_null(strstr(s.p, "\"rules\":{\"sign_off\":true}"));
    assert_non_null(strstr(s.p, "\"default_branch\":null"));
    assert_true(upstream_find(&u, 1, "three") == u && upstream_find(&u, 1, "one-two") == u);
    assert_null(upstream_find(&u, 1, "Three"));
    char name[96];
    upstream_env_name(u->name, name);
    assert_string_equal(name, "CAIL_UPSTREAM_ONE_TWO_URL");
    upstream_free(u);
}

static void test_bad(void **state)
{
    static const struct {
        const char *json, *pointer;
    } rows[] = {
        {"[]", ""},
        {"{}", ""},
        {ROW("One", ""), "/name"},
        {ROW("", ""), "/name"},
        {ROW("a", ",\"more\":1"), "/more"},
        {ROW("a", ",\"aliases\":[\"x\",\"x\"]"), "/aliases/1"},
        {ROW("a", ",\"aliases\":[\"-x\"]"), "/aliases"},
        {ROW("a", ",\"aliases\":\"x\""), "/aliases"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct upstream *u = NULL;
        struct cail_err err = {.code = E_OK};
        assert_int_not_equal(upstream_parse(rows[i].json, strlen(rows[i].json), &u, &err), 0);
        assert_null(u);
        assert_string_equal(err.pointer, rows[i].pointer);
    }
}

/* One member of a good row after the other is replaced by something of the wrong kind. */
static void test_bad_members(void **state)
{
    static const struct {
        const char *from, *to;
    } swap[] = {
        {"https://h.org/o/r.git", "ext::sh -c id"},
        {"https://h.org/o/r.git", "-oProxyCommand=id"},
        {"https://h.org/Own/Rep/pull/{number}", "https://h.org/Own/Rep/pull/"},
        {"https://h.org/Own/Rep/pull/{number}", "http://h.org/pull/{number}"},
        {"https://h.org/Own/Rep/pull/{number}", "/pull/{number}"},
        {"\"/p/{number}\"", "\"https://h.org/p/{number}\""},
        {"\"/p/{number}/c\"", "\"/p/c\""},
        {"\"https://h.org/c\"", "\"h.org\""},
        {"\"recipes\":{}", "\"recipes\":[]"},
        {"\"title\":\"T\"", "\"title\":\"a\\u0007b\""},
        {"\"title\":\"T\"", "\"title\":7"},
    };
    static const char good[] = ROW("a", "");
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(swap); i++) {
        const char *at = strstr(good, swap[i].from);
        struct upstream *u = NULL;
        struct cail_err err = {.code = E_OK};
        assert_non_null(at);
        CLEANUP(mem_freep)
        char *bad =
            mem_printf("%.*s%s%s", (int)(at - good), good, swap[i].to, at + strlen(swap[i].from));
        assert_int_not_equal(upstream_parse(bad, strlen(bad), &u, &err), 0);
        assert_true(err.pointer[0] == '/');
    }
    upstream_free(parse(good));
}

static void test_urls(void **state)
{
    static const char *const good[] = {"https://h/r",        "http://h/r.git",  "ssh://git@h:22/r",
                                       "git://h/r",          "file:///m/r.git", "/m/r.git",
                                       "git@github.com:o/r", "host:r"};
    static const char *const bad[] = {"",
                                      "-x",
                                      "ext::sh -c id",
                                      "ext::sh",
                                      "a b",
                                      "h/r",
                                      "./r",
                                      "https://",
                                      "ftp://h/r",
                                      "u:p@h/r\n",
                                      "https://u:p@h/r",
                                      "fd::17/foo",
                                      "\x01/r",
                                      "h::r",
                                      ":r",
                                      "transport::https://h/r"};
    struct cail_err err;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_int_equal(upstream_check_url(good[i], "/url", &err), 0);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (upstream_check_url(bad[i], "/url", &err) == 0)
            fail_msg("'%s' was taken", bad[i]);
        assert_string_equal(err.pointer, "/url");
    }
}

static void test_pull_requests(void **state)
{
    static const struct {
        const char *text, *of;
        int64_t number; /* 0 = none */
    } rows[] = {
        {"https://h.org/Own/Rep/pull/7", NULL, 7},
        {"http://H.ORG/own/rep/pull/7", NULL, 7},
        {"https://www.h.org/Own/Rep/pull/7/files?x#y", NULL, 7},
        {"a#7", NULL, 7},
        {"A#7", NULL, 7},
        {"own/rep#7", NULL, 7},
        {"7", "a", 7},
        {"#7", "a", 7},
        {"b#7", "a", 0},
        {"7", NULL, 0},
        {"7", "b", 0},
        {"a#0", NULL, 0},
        {"a#07", NULL, 0},
        {"a#7 ", NULL, 0},
        {"a#1000000000", NULL, 0},
        {"#", "a", 0},
        {"", "a", 0},
        {"https://h.org/Own/Rep/pull/7x", NULL, 0},
        {"https://h.org.evil/Own/Rep/pull/7", NULL, 0},
        {"https://h.org:443/Own/Rep/pull/7", NULL, 0},
        {"https://u@h.org/Own/Rep/pull/7", NULL, 0},
        {"https://h.org/Own/Rep/pull", NULL, 0},
        {"h.org/Own/Rep/pull/7", NULL, 0},
    };
    struct upstream *u = parse(ROW("a", ""));
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct upstream_pr pr;
        struct cail_err err = {.code = E_OK};
        int rc = upstream_pr_read(&u, 1, rows[i].text, rows[i].of, &pr, &err);
        if ((rc == 0) != (rows[i].number != 0))
            fail_msg("'%s': %d", rows[i].text, rc);
        if (rc)
            continue;
        assert_int_equal(pr.number, rows[i].number);
        assert_string_equal(pr.url, "https://h.org/Own/Rep/pull/7");
        assert_string_equal(pr.brief, "a#7");
    }
    char longer[UPSTREAM_PR_MAX + 10];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    struct upstream_pr pr;
    struct cail_err err;
    assert_int_equal(upstream_pr_read(&u, 1, longer, NULL, &pr, &err), E_BAD_FIELD);
    upstream_free(u);
}

static void test_those_shipped(void **state)
{
    glob_t g;
    (void)state;
    assert_int_equal(glob(CAIL_SOURCE_DIR "/recipes/upstreams/*.json", 0, NULL, &g), 0);
    assert_true(g.gl_pathc >= 11);
    for (size_t i = 0; i < g.gl_pathc; i++) {
        CLEANUP(str_done) struct str text = STR_INIT;
        struct cail_err err;
        assert_int_equal(fsx_read(g.gl_pathv[i], UPSTREAM_FILE_MAX, &text, &err), 0);
        upstream_free(parse(text.p));
    }
    globfree(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),         cmocka_unit_test(test_bad),
        cmocka_unit_test(test_bad_members),   cmocka_unit_test(test_urls),
        cmocka_unit_test(test_pull_requests), cmocka_unit_test(test_those_shipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
