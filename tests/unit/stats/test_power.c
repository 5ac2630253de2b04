/* The planner's figures, and that they agree with experiments drawn by chance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>

#include <cmocka.h>

#include "near.h"
#include "seeded.h"
#include "stats/power.h"
#include "stats/signed_rank.h"

static const double one_percent = .01 * 1.4142135623730951;

static void test_what_is_possible_at_all(void **state)
{
    (void)state;
    near(stats_p_min(5), .0625, 0);
    near(stats_p_min(10), .001953125, 0);
    assert_int_equal(stats_rounds_floor(1, .05), 6);
    assert_int_equal(stats_rounds_floor(25, .05), 10);
    assert_int_equal(stats_rounds_floor(100, .05), 12);
    assert_int_equal(stats_rounds_floor(1000, .05), 16);
    near(stats_power(5, 1, 1, .01, .05), 0, 0);
    near(stats_power(9, 25, 1, .01, .05), 0, 0);
}

static void test_25_benchmarks_3_percent(void **state)
{
    (void)state;
    double e = log(1.03);
    /* At 10 rounds every sign must be right. */
    double right = erfc(-e / one_percent / sqrt(2)) / 2;
    near(stats_power(10, 25, e, one_percent, .05), pow(right, 10), 1e-5);
    /* Simulated by others: .836 .949 .967. */
    near(stats_power(10, 25, e, one_percent, .05), .836, .006);
    near(stats_power(11, 25, e, one_percent, .05), .949, .006);
    near(stats_power(12, 25, e, one_percent, .05), .967, .003);
    assert_int_equal(stats_rounds_needed(25, e, one_percent, .05, .975), 13);
    assert_int_equal(stats_rounds_needed(25, -e, one_percent, .05, .975), 13);
    assert_true(stats_power(10, 1, e, one_percent, .05) > .999);
    /* Two million experiments gave .8194, standard error .0003. */
    near(stats_power(20, 25, e / 2, one_percent, .05), .8194, .0005);
}

static void test_ends(void **state)
{
    (void)state;
    /* No effect: one side's share of alpha. */
    near(stats_power(12, 1, 0, .01, .05), .021240234375, 1e-6);
    near(stats_power(12, 1, 0, 0, .05), .021240234375, 1e-6);
    near(stats_power(12, 1, .01, 0, .05), 1, 0);
    assert_int_equal(stats_rounds_needed(1, .01, 0, .05, .975), 6);
    assert_int_equal(stats_rounds_needed(1, .0001, .02, .05, .975), 0);
    /* Where the two methods meet they differ by what the header says. */
    double last = stats_power(24, 1, .01, .0140, .05), first = stats_power(25, 1, .01, .0140, .05);
    near(first, last, .03);
}

/* Experiments drawn by chance, judged by the test itself. */
static double drawn(int rounds, double e, double sd, double alpha, int experiments)
{
    uint64_t seed = 42;
    int found = 0;
    for (int i = 0; i < experiments; i++) {
        double d[64];
        struct signed_rank t;
        for (int k = 0; k < rounds; k++)
            d[k] = e + sd * seeded_normal(&seed);
        assert_int_equal(stats_signed_rank(d, (size_t)rounds, &t), 0);
        found += t.p <= alpha && t.w_plus * 4 > rounds * (rounds + 1);
    }
    return (double)found / experiments;
}

static void test_power_is_that_of_experiments(void **state)
{
    (void)state;
    /* 20,000 experiments: 4 standard errors are at most .014. */
    near(stats_power(12, 25, .03, .02, .05), drawn(12, .03, .02, .002, 20000), .014);
    near(stats_power(20, 25, .03, .03, .05), drawn(20, .03, .03, .002, 20000), .014);
    near(stats_power(32, 1, .01, .02, .05), drawn(32, .01, .02, .05, 20000), .03);
    near(stats_power(60, 1, .01, .02, .05), drawn(60, .01, .02, .05, 20000), .01);
    near(stats_power(60, 1, .01, .025, .05), drawn(60, .01, .025, .05, 20000), .03);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_possible_at_all),
        cmocka_unit_test(test_25_benchmarks_3_percent),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_power_is_that_of_experiments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
