/* Counters of the build tools, as they print them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "parse/parse.h"

static void test_markers(void **state)
{
    (void)state;
    static const struct {
        const char *log;
        int64_t done, total;
        const char *unit, *label;
    } good[] = {
        {"[12/477] Building CXX object a.o\n", 12, 477, "edges", "ninja"},
        {"[1/3] a\n[2/3] b\nwarning: [9/9] no\n", 2, 3, "edges", "ninja"},
        {"[12/477] Building CXX object a.o\n[13/47", 12, 477, "edges", "ninja"},
        {"[ 12%] Building CXX object a.o\n", 12, 100, "%", "cmake"},
        {"[100%] Linking\n", 100, 100, "%", "cmake"},
        {"\x1b[32m[1,234 / 5,678]\x1b[0m 3 actions, 2 running\r", 1234, 5678, "steps", "bazel"},
        {"   Compiling tokio\n    Building [=====>      ] 12/50: foo, bar\r", 12, 50, "crates",
         "cargo"},
        {"PASS: MLIR :: a/b.mlir (12 of 500)\n", 12, 500, "tests", "lit"},
        {"FAIL: MLIR :: (odd) name (13 of 500)\n", 13, 500, "tests", "lit"},
        {"Receiving objects:  12% (120/1000), 1.20 MiB | 3 MiB/s\r", 120, 1000, "objects", "git"},
        {"remote: Counting objects:   5% (1/20)\r", 1, 20, "objects", "git"},
        {"Updating files: 45% (9/20)\r", 9, 20, "files", "git"},
        {"::cail progress done=3 total=9\n", 3, 9, "steps", ""},
        {"::cail progress done=3 total=9 label=\"round 3\" unit=rounds\n", 3, 9, "rounds",
         "round 3"},
        {"[1/2] a\n::cail progress done=3 total=9", 1, 2, "edges", "ninja"}, /* may be cut off */
        {"[1/2] a\n\n\r\r", 1, 2, "edges", "ninja"},
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct parse_progress p;
        if (!parse_progress(good[i].log, strlen(good[i].log), &p))
            fail_msg("nothing found in %s", good[i].log);
        assert_int_equal(p.done, good[i].done);
        assert_int_equal(p.total, good[i].total);
        assert_string_equal(p.unit, good[i].unit);
        assert_string_equal(p.label, good[i].label);
    }
}

static void test_no_marker(void **state)
{
    (void)state;
    static const char *const none[] = {
        "",
        "\n",
        "[12/47",
        "[12/0] nothing to do\n",
        "[13/12] more than all\n",
        "[99999999999999999999/99999999999999999999] too long\n",
        "[12]\n",
        "[-1/3]\n",
        "[ 120%] no\n",
        "note: (3 of 4) people\n",
        "error: 12% (3/x)\n",
        "::cail progress done=3\n",
        "::cail progress done=x total=3\n",
        "::cail progress done=1 total=3 label=\"x\n",
        "::cail metric name=a value=1\n",
        "\x1b[",
    };
    for (size_t i = 0; i < ARRAY_LEN(none); i++) {
        struct parse_progress p;
        if (parse_progress(none[i], strlen(none[i]), &p))
            fail_msg("%lld of %lld found in %s", (long long)p.done, (long long)p.total, none[i]);
    }
}

/* Long lines and many lines cost no more than a look. */
static void test_bounded(void **state)
{
    (void)state;
    size_t len = 1 << 20;
    char *log = malloc(len);
    assert_non_null(log);
    struct parse_progress p;
    memset(log, '[', len);
    assert_false(parse_progress(log, len, &p));
    memset(log, '\n', len);
    memcpy(log, "[1/2] a", 7);
    assert_false(parse_progress(log, len, &p));
    free(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_markers),
        cmocka_unit_test(test_no_marker),
        cmocka_unit_test(test_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
