/* Segments, steps, what the newest points hint at, drift. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>

#include <cmocka.h>

#include "stats/segments.h"

static double at_s[200];

static double noise(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (double)(int64_t)(*seed >> 11) / (double)(INT64_C(1) << 52) - 1;
}

static void fill(double *v, size_t from, size_t to, double value)
{
    uint64_t seed = from + 1;
    for (size_t i = from; i < to; i++) {
        v[i] = value * (1 + .004 * noise(&seed));
        at_s[i] = (double)i * 86400;
    }
}

static struct stats_history look(const double *v, size_t n, double min_magnitude)
{
    struct stats_edivisive_rule rule = stats_edivisive_default;
    struct stats_history h;
    rule.min_magnitude = min_magnitude;
    stats_history(v, at_s, n, &rule, &h);
    return h;
}

static void test_steps(void **state)
{
    (void)state;
    double v[100];
    fill(v, 0, 40, 100);
    fill(v, 40, 100, 110);
    struct stats_history h = look(v, 100, .01);
    assert_int_equal(h.n_steps, 1);
    assert_int_equal(h.n_segments, 2);
    assert_int_equal(h.step[0].index, 40);
    assert_false(h.step[0].tentative);
    assert_true(h.step[0].ratio_low > 1.09 && h.step[0].ratio_low < h.step[0].ratio);
    assert_true(h.step[0].ratio_high < 1.11 && h.step[0].ratio_high > h.step[0].ratio);
    assert_true(fabs(h.step[0].ratio - 1.1) < .005);
    assert_int_equal(h.segment[0].to, 40);
    assert_int_equal(h.segment[1].from, 40);
    assert_int_equal(h.segment[1].to, 100);
    assert_true(h.segment[1].low > 109 && h.segment[1].high < 111);
    assert_true(h.drift_p > .01);
    stats_history_done(&h);
    h = look(v, 0, .01);
    assert_int_equal(h.n_segments, 0);
    stats_history_done(&h);
    h = look(v, 1, .01);
    assert_int_equal(h.n_segments, 1);
    assert_true(isnan(h.drift_p));
    stats_history_done(&h);
}

/* One or two points that leave are tentative, three are a change, one that comes back is nothing.
 */
static void test_tentative(void **state)
{
    (void)state;
    double v[44];
    for (size_t k = 1; k <= 4; k++) {
        fill(v, 0, 40, 100);
        fill(v, 40, 40 + k, 120);
        struct stats_history h = look(v, 40 + k, .01);
        assert_int_equal(h.n_steps, 1);
        assert_int_equal(h.step[0].index, 40);
        assert_int_equal(h.step[0].tentative, k < 3);
        assert_int_equal(isnan(h.step[0].p), k < 3);
        stats_history_done(&h);
    }
    fill(v, 40, 41, 120);
    fill(v, 41, 44, 100);
    struct stats_history h = look(v, 44, .01);
    assert_int_equal(h.n_steps, 0);
    stats_history_done(&h);
    v[42] = 80, v[43] = 120; /* to both sides: the last one alone */
    h = look(v, 44, .01);
    assert_int_equal(h.n_steps, 1);
    assert_int_equal(h.step[0].index, 43);
    stats_history_done(&h);
    for (size_t i = 0; i < 20; i++) /* exact: any change */
        v[i] = i < 19 ? 4096 : 4097;
    h = look(v, 20, 0);
    assert_int_equal(h.n_steps, 1);
    assert_true(h.step[0].tentative);
    stats_history_done(&h);
    h = look(v, 20, .001);
    assert_int_equal(h.n_steps, 0);
    stats_history_done(&h);
}

static void test_drift(void **state)
{
    (void)state;
    double v[30];
    fill(v, 0, 30, 100);
    for (size_t i = 0; i < 30; i++) /* 1 % in the 29 days */
        v[i] = 100 * exp(.01 * (double)i / 29);
    struct stats_edivisive_rule rule = stats_edivisive_default;
    rule.min_magnitude = .02;
    struct stats_history h;
    stats_history(v, at_s, 30, &rule, &h);
    assert_int_equal(h.n_steps, 0);
    assert_true(h.drift_p < 1e-6);
    assert_true(fabs(h.drift_90_days - expm1(.01 * 90 / 29)) < 1e-9);
    stats_history_done(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_tentative),
        cmocka_unit_test(test_drift),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
