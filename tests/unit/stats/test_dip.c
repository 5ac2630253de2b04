/* Hartigan's dip against diptest's figures, and its p against seeded uniform samples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>

#include <cmocka.h>

#include "near.h"
#include "seeded.h"
#include "stats/dip.h"
#include "stats/ranks.h"

static void test_dip(void **state)
{
    (void)state;
    const double gap[] = {1, 2, 3, 8, 9, 10}, one[] = {4}, same[] = {2, 2, 2, 2};
    const double two[] = {0, 0, 0, 1, 1, 1}, even[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    near(stats_dip(gap, 6), 5. / 28, 1e-15);
    near(stats_dip(one, 1), .5, 0);
    near(stats_dip(same, 4), .125, 0);
    near(stats_dip(two, 6), .25, 1e-15); /* as far from one mode as there is */
    near(stats_dip(even, 10), .05, 1e-15);
    near(stats_dip(gap, 0), 0, 0);
    near(stats_dip(gap, 2), .25, 1e-15);
}

static void test_p(void **state)
{
    (void)state;
    assert_true(isnan(stats_dip_p(.1, 19)));
    near(stats_dip_p(.25, 20), 1e-4, 1e-15);
    near(stats_dip_p(.02, 20), 1, 0);
    near(stats_dip_p(.4704 / sqrt(20), 20), .05, 1e-4);
    near(stats_dip_p(.5350 / sqrt(1000), 1000), .05, 1e-4);
    near(stats_dip_p(.5350 / sqrt(1e5), 100000), .05, 1e-4);
    double last = 2;
    for (int i = 0; i < 200; i++) { /* never rises with the dip */
        double p = stats_dip_p(i * .001, 70);
        assert_true(p <= last && p > 0);
        last = p;
    }
}

static double rejected(size_t n, double apart, uint64_t *seed)
{
    double x[150];
    int hits = 0;
    for (int i = 0; i < 2000; i++) {
        for (size_t k = 0; k < n; k++)
            x[k] = apart > 0 ? seeded_normal(seed) + (k % 2 ? apart : 0) : seeded_unit(seed);
        stats_sort(x, n);
        hits += stats_dip_p(stats_dip(x, n), n) < .05;
    }
    return hits / 2000.;
}

static void test_false_alarms_and_power(void **state)
{
    (void)state;
    uint64_t seed = 6;
    near(rejected(20, 0, &seed), .05, .02); /* 4 standard errors */
    near(rejected(75, 0, &seed), .05, .02);
    near(rejected(150, 0, &seed), .05, .02);
    assert_true(rejected(40, .5, &seed) < .05);
    assert_true(rejected(40, 6, &seed) > .95);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dip),
        cmocka_unit_test(test_p),
        cmocka_unit_test(test_false_alarms_and_power),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
