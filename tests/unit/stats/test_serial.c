/* Drift, memory and strays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>

#include <cmocka.h>

#include "near.h"
#include "seeded.h"
#include "stats/serial.h"

static void test_spearman(void **state)
{
    (void)state;
    const double five[] = {2, 1, 4, 3, 5}, order[] = {1, 2, 3, 4, 5, 6, 7};
    const double seven[] = {3, 1, 2, 5, 7, 4, 6}, same[] = {1, 1, 1, 1};
    struct stats_serial r = stats_order(five, 5);
    near(r.rho, .8, 1e-15);
    near(r.p, 16. / 120, 1e-15);
    r = stats_spearman(order, seven, 7);
    near(r.rho, .71428571428571428, 1e-15);
    near(r.p, 444. / 5040, 1e-15); /* R: .0880952 */
    r = stats_order(order, 7);
    near(r.rho, 1, 0);
    near(r.p, 2. / 5040, 1e-15);
    r = stats_order(same, 4);
    assert_true(r.rho == 0 && r.p == 1);
    r = stats_order(order, 2);
    assert_true(r.rho == 0 && r.p == 1);
    /* scipy.stats.spearmanr(range(10), [1, 3, 2, 5, 4, 4, 8, 7, 9, 12]) */
    const double ten[] = {1, 3, 2, 5, 4, 4, 8, 7, 9, 12};
    r = stats_order(ten, 10);
    near(r.rho, .93617453726729945, 1e-14);
    near(r.p, 6.718873258402915e-05, 1e-15);
}

static void test_lag1(void **state)
{
    (void)state;
    double up[10], saw[10];
    for (int i = 0; i < 10; i++) {
        up[i] = i * i;
        saw[i] = i % 2 ? 10 + i : -i;
    }
    struct stats_serial r = stats_lag1(up, 10);
    near(r.rho, .7, 1e-15);
    near(r.p, .0011500, 1e-5);
    r = stats_lag1(saw, 10);
    assert_true(r.rho < -.5 && r.p < .05);
    r = stats_lag1(up, 3);
    assert_true(r.rho == 0 && r.p == 1);
}

/* Flags at p < .01 on what has neither drift nor memory, and on what has. */
static void flags(double phi, double slope, double *order, double *memory)
{
    uint64_t seed = 8;
    int by_order = 0, by_memory = 0;
    for (int i = 0; i < 4000; i++) {
        double x[20], was = seeded_normal(&seed);
        for (int k = 0; k < 20; k++) {
            was = phi * was + sqrt(1 - phi * phi) * seeded_normal(&seed);
            x[k] = was + slope * k;
        }
        by_order += stats_order(x, 20).p < .01;
        by_memory += stats_lag1(x, 20).p < .01;
    }
    *order = by_order / 4000.;
    *memory = by_memory / 4000.;
}

static void test_flags(void **state)
{
    (void)state;
    double order, memory;
    flags(0, 0, &order, &memory);
    near(order, .01, .0065); /* 4 standard errors */
    near(memory, .01, .0065);
    flags(.9, 0, &order, &memory);
    assert_true(memory > .7);
    flags(0, .3, &order, &memory);
    assert_true(order > .9);
}

static void test_outliers(void **state)
{
    (void)state;
    const double x[] = {10, 10.1, 9.9, 10.2, 9.8, 30}, flat[] = {5, 5, 5, 5, 9};
    bool out[6];
    assert_int_equal(stats_outliers(x, 6, 10, out), 1);
    assert_true(out[5] && !out[0]);
    assert_int_equal(stats_outliers(x, 6, 100, NULL), 0);
    assert_int_equal(stats_outliers(flat, 5, 10, NULL), 0); /* MAD 0 */
    assert_int_equal(stats_outliers(x, 0, 10, NULL), 0);
}

static void test_cliff(void **state)
{
    (void)state;
    const double x[] = {1, 2, 3, 4}, y[] = {3, 4, 5};
    near(stats_cliff(x, 4, y, 3), (9. - 1) / 12, 1e-15);
    near(stats_cliff(y, 3, x, 4), -(9. - 1) / 12, 1e-15);
    near(stats_cliff(x, 4, x, 4), 0, 0);
    near(stats_cliff(x, 4, y, 0), 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spearman), cmocka_unit_test(test_lag1),  cmocka_unit_test(test_flags),
        cmocka_unit_test(test_outliers), cmocka_unit_test(test_cliff),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
