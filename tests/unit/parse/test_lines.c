/* "::cail" lines: what is taken, what is counted as bad, and that pieces of any size read alike. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "parse/parse.h"

struct read {
    struct parse_lines st;
    struct parse_out out;
};

static void feed_all(struct read *r, const char *text, size_t len, size_t piece)
{
    memset(r, 0, sizeof *r);
    for (size_t at = 0; at < len; at += piece) {
        size_t n = len - at < piece ? len - at : piece;
        assert_int_equal(parse_lines_feed(&r->st, text + at, n, "job", &r->out, NULL), 0);
    }
    assert_int_equal(parse_lines_end(&r->st, "job", &r->out, NULL), 0);
}

static const char log_text[] =
    "configuring\n"
    "::cail metric name=wall value=12.5 unit=ms better=lower\n"
    "::cail metric name=wall value=10.5 unit=ms better=lower\r\n"
    "a ::cail metric name=inside value=1 of another line\n"
    "::cailmetric name=x value=1\n"
    "::cail metric name=\"two words\" value=3 unit=\"GB/s\" better=higher benchmark=\"a "
    "\\\"b\\\"\"\n"
    "::cail metric name=wall value=11.5 unit=ms better=lower param.b=2 param.a=\"x y\"\n"
    "::cail metric name=wall value=13.5 unit=ms better=lower param.a=\"x y\" param.b=2\n"
    "::cail metric name=size value=812 unit=bytes better=lower kind=exact\n"
    "::cail metric name=wall value=nan unit=ms better=lower\n"
    "::cail progress done=3 total=9\n"
    "::cail metric name=last value=-1e-3";

static void check_log(const struct read *r)
{
    assert_int_equal(r->st.bad, 0);
    assert_int_equal(r->out.n, 6);
    const struct result *x = r->out.result;
    assert_string_equal(x[0].benchmark, "job");
    assert_string_equal(x[0].params, "{}");
    assert_int_equal(x[0].n_samples, 2);
    assert_true(x[0].value == 11.5 && x[0].samples[0] == 12.5);
    assert_int_equal(x[0].kind, METRIC_TIME);
    assert_string_equal(x[1].metric, "two words");
    assert_string_equal(x[1].benchmark, "a \"b\"");
    assert_int_equal(x[1].kind, METRIC_RATE);
    assert_int_equal(x[1].better, BETTER_HIGHER);
    assert_string_equal(x[2].params, "{\"a\":\"x y\",\"b\":\"2\"}");
    assert_int_equal(x[2].n_samples, 2);
    assert_int_equal(x[3].kind, METRIC_EXACT);
    assert_int_equal(x[4].status, RESULT_NAN);
    assert_true(isnan(x[4].value) && x[4].n_samples == 0);
    assert_string_equal(x[5].metric, "last");
    assert_int_equal(x[5].better, BETTER_NEUTRAL);
}

static void test_pieces_of_any_size(void **state)
{
    (void)state;
    for (size_t piece = 1; piece <= sizeof log_text; piece++) {
        struct read r;
        feed_all(&r, log_text, sizeof log_text - 1, piece);
        check_log(&r);
        parse_out_done(&r.out);
    }
}

static void test_bad_lines_are_counted(void **state)
{
    (void)state;
    static const struct {
        const char *line, *says;
    } bad[] = {
        {"::cail metric value=1", "line 1: metric has no name"},
        {"::cail metric name=a", "line 1: metric has no value"},
        {"::cail metric name=a value=fast", "line 1: value=\"fast\" is not a number"},
        {"::cail metric name=a value=0x1p3", "line 1: value=\"0x1p3\" is not a number"},
        {"::cail metric name=a value=1ms", "line 1: value=\"1ms\" is not a number"},
        {"::cail metric name=a value=", "line 1: value=\"\" is not a number"},
        {"::cail metric name=a value=1 better=up",
         "line 1: better=\"up\" is not lower, higher or neutral"},
        {"::cail metric name=a value=1 kind=x",
         "line 1: kind=\"x\" is not time, rate, count or exact"},
        {"::cail metric name=a value=1 untis=ms",
         "line 1: a metric has no field \"untis\"; did you mean \"unit\"?"},
        {"::cail metric name=a value=1 value=2", "line 1: value is there twice"},
        {"::cail metric name=a value=1 param.x=1 param.x=2", "line 1: param.x is there twice"},
        {"::cail metric name=a value=1 fast", "line 1: a field has no '='"},
        {"::cail metric name=\"a value=1", "line 1: a quoted value does not end"},
        {"::cail metric name=\"a\"b value=1", "line 1: a quoted value does not end"},
        {"::cail mertic name=a value=1", "line 1: \"mertic\" is neither metric nor progress"},
        {"::cail  ", "line 1: \"\" is neither metric nor progress"},
        {"::cail metric name=a\x01 value=1", "line 1: it has a control character"},
        {"::cail metric name=\xff value=1", "line 1: it has a control character"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct read r;
        feed_all(&r, bad[i].line, strlen(bad[i].line), 7);
        assert_string_equal(r.st.first_bad, bad[i].says);
        assert_int_equal(r.st.bad, 1);
        assert_int_equal(r.out.n, 0);
        parse_out_done(&r.out);
    }
}

static void test_long_lines_are_skipped(void **state)
{
    (void)state;
    CLEANUP(str_done) struct str text = STR_INIT;
    for (int i = 0; i < 10000; i++)
        str_addc(&text, 'x');
    str_adds(&text, "\n::cail metric name=");
    for (int i = 0; i < 5000; i++)
        str_addc(&text, 'y');
    str_adds(&text, " value=1\n::cail metric name=z value=2\n");
    static const size_t pieces[] = {1, 100, 4096, 100000};
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        struct read r;
        feed_all(&r, text.p, text.len, pieces[i]);
        assert_int_equal(r.st.bad, 1);
        assert_string_equal(r.st.first_bad, "line 2: it has more than 4096 bytes");
        assert_int_equal(r.out.n, 1);
        assert_string_equal(r.out.result[0].metric, "z");
        parse_out_done(&r.out);
    }
}

/* A line of exactly the limit is read; a byte more is not. */
static void test_the_longest_line(void **state)
{
    (void)state;
    for (int more = 0; more < 2; more++) {
        CLEANUP(str_done) struct str text = STR_INIT;
        str_adds(&text, "::cail metric name=a value=1 ");
        while (text.len < RESULT_LINE_MAX + (size_t)more)
            str_addc(&text, ' ');
        str_addc(&text, '\n');
        struct read r;
        feed_all(&r, text.p, text.len, 1000);
        assert_int_equal(r.out.n, !more);
        assert_int_equal(r.st.bad, more);
        parse_out_done(&r.out);
    }
}

static void test_results_are_bounded(void **state)
{
    (void)state;
    struct read r;
    memset(&r, 0, sizeof r);
    struct cail_err err = {.code = E_OK};
    int rc = 0;
    for (int i = 0; i <= RESULTS_PER_JOB_MAX && !rc; i++) {
        CLEANUP(mem_freep) char *line = mem_printf("::cail metric name=m%d value=1\n", i);
        rc = parse_lines_feed(&r.st, line, strlen(line), "job", &r.out, &err);
    }
    assert_int_equal(rc, E_TOO_MANY);
    assert_int_equal(err.code, E_TOO_MANY);
    assert_int_equal(r.out.n, RESULTS_PER_JOB_MAX);
    /* A series that is there still takes samples. */
    static const char known[] = "::cail metric name=m7 value=3\n";
    assert_int_equal(parse_lines_feed(&r.st, known, sizeof known - 1, "job", &r.out, NULL), 0);
    assert_int_equal(parse_lines_end(&r.st, "job", &r.out, NULL), 0);
    assert_int_equal(r.out.result[7].n_samples, 2);
    assert_true(r.out.result[7].value == 2);
    parse_out_done(&r.out);
}

static void test_take_then_add(void **state)
{
    (void)state;
    struct read r;
    memset(&r, 0, sizeof r);
    struct result given = {.benchmark = mem_strdup("job"),
                           .metric = mem_strdup("m"),
                           .unit = mem_strdup(""),
                           .better = BETTER_NEUTRAL,
                           .kind = METRIC_COUNT};
    given.samples = mem_array(3, sizeof *given.samples); /* not a power of two */
    given.n_samples = 3;
    assert_int_equal(parse_out_take(&r.out, &given, NULL), 0);
    assert_null(given.samples);
    static const char more[] = "::cail metric name=m value=4\n::cail metric name=m value=4\n";
    assert_int_equal(parse_lines_feed(&r.st, more, sizeof more - 1, "job", &r.out, NULL), 0);
    assert_int_equal(parse_lines_end(&r.st, "job", &r.out, NULL), 0);
    assert_int_equal(r.out.n, 1);
    assert_int_equal(r.out.result[0].n_samples, 5);
    parse_out_done(&r.out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_of_any_size),     cmocka_unit_test(test_bad_lines_are_counted),
        cmocka_unit_test(test_long_lines_are_skipped), cmocka_unit_test(test_the_longest_line),
        cmocka_unit_test(test_results_are_bounded),    cmocka_unit_test(test_take_then_add),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
