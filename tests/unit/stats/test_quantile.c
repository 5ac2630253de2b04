/* Quantiles, spread, intervals of a median, and adjustment for many comparisons. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <float.h>
#include <math.h>

#include <cmocka.h>

#include "near.h"
#include "stats/holm.h"
#include "stats/quantile.h"
#include "stats/ranks.h"

static void test_quantile(void **state)
{
    (void)state;
    const double x[] = {1, 2, 3, 4}, wide[] = {-DBL_MAX, DBL_MAX};
    near(stats_quantile(x, 4, 0), 1, 0);
    near(stats_quantile(x, 4, .1), 1.3, 1e-15);
    near(stats_quantile(x, 4, .25), 1.75, 0);
    near(stats_quantile(x, 4, .9), 3.7, 1e-15);
    near(stats_quantile(x, 4, 1), 4, 0);
    near(stats_quantile(x, 1, .3), 1, 0);
    near(stats_quantile(wide, 2, .5), 0, 0);
    assert_true(isnan(stats_quantile(x, 0, .5)));
}

static void test_mad(void **state)
{
    (void)state;
    const double x[] = {1, 1, 2, 2, 4, 6, 9}, same[] = {3, 3, 3, 8};
    near(stats_mad(x, 7), 1, 0);
    near(stats_mad(same, 4), 0, 0);
    assert_true(isnan(stats_mad(x, 0)));
}

static void expect_ranks(size_t n, size_t lo, size_t hi, double conf)
{
    struct stats_ranks_interval r = stats_median_ranks(n, .95);
    assert_int_equal(r.lo, lo);
    assert_int_equal(r.hi, hi);
    near(r.conf, conf, 1e-14);
}

static void test_ranks_of_a_median(void **state)
{
    (void)state;
    expect_ranks(0, 0, 0, 0);
    expect_ranks(5, 0, 0, 0);
    expect_ranks(6, 1, 6, .96875);
    expect_ranks(10, 2, 9, .9785156250);
    expect_ranks(20, 6, 15, .95861053466796875);
    struct stats_ranks_interval r = stats_median_ranks(1000, .95);
    assert_true(r.lo == 469 && r.hi == 532 && r.conf >= .95);
}

static void test_midranks(void **state)
{
    (void)state;
    const double x[] = {3, 1, 3, 0, -0.0, 3};
    int32_t r2[6];
    assert_true(stats_ranks(x, 6, r2));
    const int32_t want[] = {10, 6, 10, 3, 3, 10};
    for (int i = 0; i < 6; i++)
        assert_int_equal(r2[i], want[i]);
    assert_false(stats_ranks(x, 2, r2));
    assert_false(stats_has_equal(x, 2));
    double y[] = {2, 1, 2, 1, 3};
    assert_int_equal(stats_sort_unique(y, 5), 3);
    assert_true(y[0] == 1 && y[1] == 2 && y[2] == 3);
    assert_int_equal(stats_sort_unique(y, 0), 0);
}

static void test_many_comparisons(void **state)
{
    (void)state;
    /* R: p.adjust(p, "holm") and p.adjust(p, "BH"). */
    const double p[] = {.03, .001, .8, .012, .03, .049, .0005};
    const double holm[] = {.12, .006, .8, .06, .12, .12, .0035};
    const double bh[] = {.042, .0035, .8, .028, .042, .0571666666666666712, .0035};
    double got[7];
    stats_holm(p, 7, got);
    for (int i = 0; i < 7; i++)
        near(got[i], holm[i], 1e-15);
    stats_bh(p, 7, got);
    for (int i = 0; i < 7; i++)
        near(got[i], bh[i], 1e-15);
    stats_holm(p, 1, got);
    near(got[0], .03, 0);
    got[0] = 9;
    stats_holm(p, 0, got);
    stats_bh(p, 0, got);
    near(got[0], 9, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quantile),          cmocka_unit_test(test_mad),
        cmocka_unit_test(test_ranks_of_a_median), cmocka_unit_test(test_midranks),
        cmocka_unit_test(test_many_comparisons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
