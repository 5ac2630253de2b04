/* Bisections as strangers send them: what is taken, what is refused, what they are made of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "wire/bisection_request.h"
#include "wire/comparison_request.h"

#define A "aaaaaaa"
#define B "bbbbbbb0000000000000000000000000000000000"
#define C "ccccccc"

static const struct {
    const char *body, *pointer;
} refused[] = {
    {"", ""},
    {"[]", ""},
    {"{}", "/recipe"},
    {"{\"recipe\":7,\"commits\":[\"" A "\",\"" C "\"]}", "/recipe"},
    {"{\"recipe\":\"r\"}", "/commits"},
    {"{\"recipe\":\"r\",\"commits\":{}}", "/commits"},
    {"{\"recipe\":\"r\",\"commits\":[\"" A "\"]}", "/commits"},
    {"{\"recipe\":\"r\",\"commits\":[\"" A "\",\"HEAD\"]}", "/commits/1"},
    {"{\"recipe\":\"r\",\"commits\":[\"AAAAAAA\",\"" A "\"]}", "/commits/0"},
    {"{\"recipe\":\"r\",\"commits\":[\"-aaaaaaa\",\"" A "\"]}", "/commits/0"},
    {"{\"recipe\":\"r\",\"commits\":[null,\"" A "\"]}", "/commits/0"},
    {"{\"recipe\":\"r\",\"commits\":[\"" A "\",\"" C "\"],\"good\":\"" C "\"}", "/good"},
    {"{\"recipe\":\"r\",\"commits\":[\"" A "\",\"" C "\"],\"bad\":\"" A "\"}", "/bad"},
    {"{\"recipe\":\"r\",\"commits\":[\"" A "\",\"" C "\"],\"base\":{}}", "/base"},
    {"{\"recipe\":\"r\",\"commits\":[\"" A "\",\"" C "\"],\"metrics\":[]}", "/metrics"},
    {"{\"recipe\":\"r\",\"commits\":[\"" A "\",\"" C "\"],\"metric\":\"a\\nb\"}", "/metric"},
    {"{\"recipe\":\"r\",\"commits\":[\"" A "\",\"" C "\"],\"rounds\":201}", "/rounds"},
    {"{\"recipe\":\"r\",\"commits\":[\"" A "\",\"" C "\"],\"rounds\":1e3}", "/rounds"},
    {"{\"recipe\":\"r\",\"commits\":[\"" A "\",\"" C "\"],\"env\":{\"A\":1}}", "/env/A"},
    {"{\"recipe\":\"r\",\"commits\":[\"" A "\",\"" C "\"],\"alpha\":2}", "/alpha"},
};

static void what_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct bisection_request rq;
        struct cail_err err = {0};
        if (!bisection_request_read(refused[i].body, strlen(refused[i].body), &rq, &err))
            fail_msg("taken: %s", refused[i].body);
        assert_string_equal(err.pointer, refused[i].pointer);
    }
}

static struct bisection_request take(const char *body)
{
    struct bisection_request rq;
    struct cail_err err;
    if (bisection_request_read(body, strlen(body), &rq, &err))
        fail_msg("%s refused: %s %s", body, err.pointer, err.text);
    return rq;
}

static struct comparison_request comparison(const struct bisection_request *rq, int32_t good,
                                            int32_t at, bool again)
{
    struct comparison_request c;
    struct cail_err err;
    CLEANUP(str_done) struct str body = STR_INIT;
    bisection_comparison(rq, 3, good, at, again, "https://example.org/pull/1", &body);
    if (comparison_request_read(body.p, body.len, &c, &err))
        fail_msg("%s refused: %s %s", body.p, err.pointer, err.text);
    return c;
}

static void what_it_is_made_of(void **state)
{
    struct bisection_request rq = take(
        "{\"recipe\":\"r\",\"name\":null,\"params\":{\"n\":3},\"rounds\":120,\"confirm\":false,"
        "\"good\":\"" A "\",\"bad\":\"" C "\",\"commits\":[\"" A "\",\"" B "\",\"" C "\"],"
        "\"metric\":\"time\",\"benchmark\":\"gemm*\",\"min_effect\":0.02,\"needs\":{\"gpus\":1}}");
    struct comparison_request c = comparison(&rq, 0, 1, false);
    (void)state;
    assert_int_equal(rq.n_commits, 3);
    assert_string_equal(c.recipe, "r");
    assert_string_equal(c.side[SIDE_BASE].ref, A);
    assert_string_equal(c.side[SIDE_HEAD].ref, B);
    assert_string_equal(c.params, "{\"n\":3}");
    assert_string_equal(c.needs, "{\"gpus\":1}");
    assert_string_equal(c.pr, "https://example.org/pull/1");
    assert_string_equal(c.name, "bisection 3: aaaaaaa against bbbbbbb00000");
    assert_int_equal(c.n_metrics, 1);
    assert_string_equal(c.metric[0], "gemm*/time");
    assert_int_equal(c.rounds, 120);
    assert_false(c.confirm);
    assert_true(c.min_effect[METRIC_TIME] > .019 && c.min_effect[METRIC_TIME] < .021);
    comparison_request_done(&c);
    c = comparison(&rq, 1, 2, true);
    assert_int_equal(c.rounds, 200); /* twice as many, as far as there may be */
    comparison_request_done(&c);
    bisection_request_done(&rq);
}

static void what_is_not_said(void **state)
{
    struct bisection_request rq = take("{\"recipe\":\"r\",\"commits\":[\"" A "\",\"" C "\"]}");
    struct comparison_request c = comparison(&rq, 0, 1, false);
    (void)state;
    assert_int_equal(c.rounds, 0);
    assert_int_equal(c.n_metrics, 0);
    assert_true(c.confirm);
    comparison_request_done(&c);
    c = comparison(&rq, 0, 1, true);
    assert_int_equal(c.rounds, 20);
    comparison_request_done(&c);
    bisection_request_done(&rq);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(what_it_is_made_of),
        cmocka_unit_test(what_is_not_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
