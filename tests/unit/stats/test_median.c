/* The median. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <float.h>
#include <math.h>

#include <cmocka.h>

#include "stats/median.h"

static void test_median(void **state)
{
    (void)state;
    const double odd[] = {3, 1, 2}, even[] = {4, 1, 3, 2}, same[] = {5, 5}, one[] = {-7};
    const double wide[] = {DBL_MAX, DBL_MAX}, apart[] = {-DBL_MAX, DBL_MAX};
    assert_true(isnan(stats_median(NULL, 0)));
    assert_true(stats_median(one, 1) == -7);
    assert_true(stats_median(odd, 3) == 2);
    assert_true(odd[0] == 3);
    assert_true(stats_median(even, 4) == 2.5);
    assert_true(stats_median(same, 2) == 5);
    assert_true(stats_median(wide, 2) == DBL_MAX);
    assert_true(stats_median(apart, 2) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_median)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
