/* Repetitions: files of one benchmark fed one after the other are samples of one series; a file
 * that is bad leaves what was there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/str.h"
#include "parse/parse.h"

static int plain(struct parse_out *out, const char *text, struct cail_err *err)
{
    return parse_find("plain")->parse(text, strlen(text), "b", out, err);
}

static void test_files_add_up(void **state)
{
    (void)state;
    struct parse_out out = {.result = NULL};
    assert_int_equal(plain(&out, "{\"name\":\"t\",\"unit\":\"s\",\"value\":3}", NULL), 0);
    assert_int_equal(plain(&out, "{\"name\":\"t\",\"unit\":\"s\",\"value\":1}", NULL), 0);
    assert_int_equal(plain(&out, "{\"name\":\"t\",\"unit\":\"ms\",\"value\":9}", NULL), 0);
    assert_int_equal(out.n, 2);
    assert_int_equal(out.result[0].n_samples, 2);
    assert_true(out.result[0].value == 2);
    struct cail_err err = {.code = E_OK};
    assert_int_equal(plain(&out, "{\"name\":\"t\",\"unit\":\"s\",\"value\":5}\n{\"name\":7}", &err),
                     E_BAD_REQUEST);
    assert_int_equal(out.n, 2);
    assert_int_equal(out.result[0].n_samples, 2);
    assert_non_null(strstr(err.text, "line 2, column 1"));
    parse_out_done(&out);
}

static void test_too_many_changes_nothing(void **state)
{
    (void)state;
    struct parse_out out = {.result = NULL};
    CLEANUP(str_done) struct str half = STR_INIT, other = STR_INIT;
    for (int i = 0; i < RESULTS_PER_JOB_MAX / 2 + 1; i++) {
        str_addf(&half, "{\"name\":\"a%d\",\"value\":1}\n", i);
        str_addf(&other, "{\"name\":\"b%d\",\"value\":1}\n", i);
    }
    assert_int_equal(plain(&out, half.p, NULL), 0);
    assert_int_equal(plain(&out, half.p, NULL), 0); /* the same series: room enough */
    assert_int_equal(plain(&out, other.p, NULL), E_TOO_MANY);
    assert_int_equal(out.n, RESULTS_PER_JOB_MAX / 2 + 1);
    assert_int_equal(out.result[0].n_samples, 2);
    parse_out_done(&out);
}

static void test_samples_are_bounded(void **state)
{
    (void)state;
    struct parse_out out = {.result = NULL};
    CLEANUP(str_done) struct str text = STR_INIT;
    str_adds(&text, "{\"name\":\"a\",\"samples\":[1");
    for (int i = 1; i < RESULT_SAMPLES_MAX; i++)
        str_adds(&text, ",1");
    str_adds(&text, "]}");
    assert_int_equal(plain(&out, text.p, NULL), 0);
    assert_int_equal(out.result[0].n_samples, RESULT_SAMPLES_MAX);
    assert_int_equal(plain(&out, "{\"name\":\"a\",\"value\":1}", NULL), E_TOO_MANY);
    text.len -= 2;
    str_adds(&text, ",1]}");
    struct parse_out more = {.result = NULL};
    assert_int_equal(plain(&more, text.p, NULL), E_BAD_REQUEST);
    assert_int_equal(more.n, 0);
    parse_out_done(&out);
}

/* One value of more than 4 MiB would become a tree of hundreds. */
static void test_a_huge_value_is_refused(void **state)
{
    (void)state;
    CLEANUP(str_done) struct str text = STR_INIT;
    str_adds(&text, "{\"name\":\"");
    while (text.len < (5u << 20))
        str_adds(&text, "0123456789abcdef0123456789abcdef0123456789abcdef");
    str_adds(&text, "\"}");
    struct parse_out out = {.result = NULL};
    assert_int_equal(plain(&out, text.p, NULL), E_TOO_LARGE);
    parse_out_done(&out);
}

/* A document larger than that comes piece by piece: Google Benchmark's is one object. */
static void test_a_huge_document_is_read_in_pieces(void **state)
{
    (void)state;
    CLEANUP(str_done) struct str text = STR_INIT;
    size_t n = 0;
    str_adds(&text, "{\"context\":{\"num_cpus\":2},\"benchmarks\":[");
    for (; text.len < (6u << 20); n++)
        str_addf(&text,
                 "%s{\"name\":\"b\",\"run_name\":\"b\",\"run_type\":\"iteration\",\"iterations\":"
                 "100000000,\"real_time\":%zu,\"cpu_time\":1.0e+00,\"time_unit\":\"ns\"}",
                 n ? "," : "", n);
    str_adds(&text, "]}");
    struct parse_out out = {.result = NULL};
    assert_int_equal(parse_find("gbench")->parse(text.p, text.len, "b", &out, NULL), 0);
    assert_int_equal(out.n, 2);
    assert_int_equal(out.result[0].n_samples, (int)n);
    text.p[text.len - 2] = '}'; /* the array is never closed */
    struct cail_err err = {.code = E_OK};
    struct parse_out none = {.result = NULL};
    assert_int_equal(parse_find("gbench")->parse(text.p, text.len, "b", &none, &err), E_BAD_JSON);
    assert_int_equal(none.n, 0);
    assert_non_null(strstr(err.text, "',' or ']' expected"));
    parse_out_done(&out);
}

/* What the tool writes beside its numbers stays out of every row. */
static void test_secrets_are_dropped(void **state)
{
    (void)state;
    static const char text[] =
        "{\"version\":3,\"start_time\":\"x\",\"args\":[\"all_reduce_perf\"],"
        "\"env\":[\"TOKEN=canary\"],\"results\":[{\"size\":8,\"type\":\"float\",\"redop\":\"sum\","
        "\"root\":\"-1\",\"out_of_place\":{\"time\":1,\"alg_bw\":1,\"bus_bw\":1,\"nwrong\":0}}]}";
    struct parse_out out = {.result = NULL};
    assert_int_equal(parse_find("nccl-tests")->parse(text, sizeof text - 1, "b", &out, NULL), 0);
    assert_int_equal(out.n, 3);
    for (size_t i = 0; i < out.n; i++) {
        assert_null(strstr(out.result[i].params, "canary"));
        assert_null(strstr(out.result[i].benchmark, "canary"));
        assert_null(strstr(out.result[i].metric, "canary"));
    }
    parse_out_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_add_up),
        cmocka_unit_test(test_too_many_changes_nothing),
        cmocka_unit_test(test_samples_are_bounded),
        cmocka_unit_test(test_a_huge_value_is_refused),
        cmocka_unit_test(test_a_huge_document_is_read_in_pieces),
        cmocka_unit_test(test_secrets_are_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
