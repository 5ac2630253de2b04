/* The paired test against published values and against counting every sign pattern. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ends.h"
#include "near.h"
#include "seeded.h"
#include "stats/ranks.h"
#include "stats/signed_rank.h"

static struct signed_rank test_of(const double *d, size_t n)
{
    struct signed_rank t;
    assert_int_equal(stats_signed_rank(d, n, &t), 0);
    return t;
}

static struct stats_paired paired(const double *d, size_t n, double alpha)
{
    struct stats_paired r;
    assert_int_equal(stats_paired(d, n, alpha, &r), 0);
    return r;
}

/* --- by definition: midranks by comparing, p by trying all signs --- */

static double p_by_signs(const double *d, size_t n)
{
    int rank2[16], used = 0, seen = 0, all = 0;
    for (size_t i = 0; i < n; i++) {
        int r2 = 1;
        for (size_t j = 0; j < n; j++)
            r2 += (fabs(d[j]) < fabs(d[i]) ? 2 : 0) + (fabs(d[j]) == fabs(d[i]) ? 1 : 0);
        if (d[i] == 0)
            continue;
        rank2[used++] = r2;
        all += r2;
        seen += d[i] > 0 ? r2 : 0;
    }
    int small = seen < all - seen ? seen : all - seen;
    long hits = 0, patterns = 1l << used;
    for (long pattern = 0; pattern < patterns; pattern++) {
        int sum = 0;
        for (int i = 0; i < used; i++)
            sum += pattern >> i & 1 ? rank2[i] : 0;
        hits += sum <= small;
    }
    return fmin(1, 2 * (double)hits / (double)patterns);
}

/* Quarters between -2 and 2: ties, zeros, and shifts that are exact in binary. */
static size_t draw_tied(uint64_t *seed, double *d, size_t most)
{
    size_t n = 1 + seeded_below(seed, most);
    uint64_t wide = 1 + seeded_below(seed, 9);
    double shift = (double)seeded_below(seed, 5) / 4;
    for (size_t i = 0; i < n; i++)
        d[i] = ((double)seeded_below(seed, wide) - (double)(wide / 2)) / 4 + shift;
    return n;
}

static void test_vectors(void **state)
{
    (void)state;
    double d[12];
    for (int i = 0; i < 12; i++)
        d[i] = i + 1;
    /* The smallest p is 2 / 2^R. */
    near(test_of(d, 5).p, .0625, 0);
    near(test_of(d, 6).p, .03125, 0);
    near(test_of(d, 8).p, .0078125, 0);
    near(test_of(d, 10).p, .001953125, 0);
    near(test_of(d, 10).w_plus, 55, 0);
    /* Hollander and Wolfe, depression scale; R: wilcox.test(x, y, paired = TRUE): V = 40. */
    const double x[] = {1.83, .50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30};
    const double y[] = {.878, .647, .598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29};
    for (int i = 0; i < 9; i++)
        d[i] = x[i] - y[i];
    near(test_of(d, 9).w_plus, 40, 0);
    near(test_of(d, 9).p, .0390625, 0);
    near(stats_signed_rank_cdf(10, 8), .0244140625, 0);
    near(stats_signed_rank_cdf(10, 54), 1 - 1 / 1024., 1e-15);
    near(stats_signed_rank_cdf(10, 55), 1, 0);
    near(stats_signed_rank_cdf(10, -1), 0, 0);
}

static void test_zeros_take_their_ranks(void **state)
{
    (void)state;
    /* Ranks of |d| are 1.5 1.5 | 3 4 5 6; the zeros' are left out, so W+ is 3 + 4 + 5 + 6. */
    const double d[] = {0, 1, 2, 0, 3, 4}, none[] = {0, 0, -0.0, 0, 0, 0, 0};
    struct signed_rank t = test_of(d, 6);
    near(t.w_plus, 18, 0);
    assert_int_equal(t.n_used, 4);
    near(t.p, .125, 0);
    near(test_of(none, 7).p, 1, 0);
    assert_int_equal(test_of(none, 7).n_used, 0);
    /* Seven equal rounds are evidence of sameness: no other shift is believed. */
    struct stats_paired r = paired(none, 7, .05);
    near(r.lo, 0, 0);
    near(r.hi, 0, 0);
    near(r.hl, 0, 0);
}

static void test_p_is_that_of_all_sign_patterns(void **state)
{
    (void)state;
    uint64_t seed = 20240501;
    double d[16];
    for (int round = 0; round < 3000; round++) {
        size_t n = draw_tied(&seed, d, round < 200 ? 14 : 10);
        near(test_of(d, n).p, p_by_signs(d, n), 0);
        for (size_t i = 0; i < n; i++)
            d[i] = seeded_normal(&seed) + .5;
        near(test_of(d, n).p, p_by_signs(d, n), 0);
    }
}

static void test_interval_is_an_order_statistic_of_the_averages(void **state)
{
    (void)state;
    uint64_t seed = 7;
    double d[10], walsh[55];
    for (int round = 0; round < 50; round++) {
        size_t m = 0;
        for (int i = 0; i < 10; i++)
            d[i] = seeded_normal(&seed);
        for (int i = 0; i < 10; i++)
            for (int j = i; j < 10; j++)
                walsh[m++] = (d[i] + d[j]) / 2;
        stats_sort(walsh, m);
        struct stats_paired r = paired(d, 10, .05);
        near(r.lo, walsh[8], 1e-15);
        near(r.hi, walsh[55 - 9], 1e-15);
        near(r.hl, walsh[27], 1e-15);
        near(r.conf_achieved, 1 - 2 * .0244140625, 1e-15);
    }
    const double six[] = {.5, -.25, 1, 2, .75, .125};
    struct stats_paired r = paired(six, 6, .05);
    near(r.lo, -.25, 0);
    near(r.hi, 2, 0);
    near(r.conf_achieved, .96875, 0);
    r = paired(six, 5, .05);
    assert_true(isinf(r.lo) && r.lo < 0 && isinf(r.hi) && r.hi > 0);
    near(r.conf_achieved, 1, 0);
}

struct asked {
    const double *d;
    size_t n;
    double alpha;
};

static bool accepts(void *arg, double theta)
{
    const struct asked *a = arg;
    double moved[16];
    for (size_t i = 0; i < a->n; i++)
        moved[i] = a->d[i] - theta;
    return !(p_by_signs(moved, a->n) <= a->alpha);
}

static void ends_by_definition(const double *d, size_t n, double alpha, double *lo, double *hi)
{
    double at[128];
    size_t m = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = i; j < n; j++)
            at[m++] = (d[i] + d[j]) / 2;
    ends_by_asking(at, m, accepts, &(struct asked){d, n, alpha}, lo, hi);
}

static void test_confidence_is_what_the_nearest_rejected_shifts_leave(void **state)
{
    (void)state;
    /* Averages 1 (10 times, 4 equal values), 1.5 .. 2.5, and so on; the cells outside the ends. */
    const double d[] = {1, 1, 1, 1, 2, 2, 3, 4};
    struct stats_paired r = paired(d, 8, .05);
    double below[8], above[8];
    for (int i = 0; i < 8; i++) {
        below[i] = d[i] - (r.lo - .125);
        above[i] = d[i] - (r.hi + .125);
    }
    double p_below = p_by_signs(below, 8), p_above = p_by_signs(above, 8);
    assert_true(p_below <= .05 && p_above <= .05);
    near(r.conf_achieved, 1 - (p_below + p_above) / 2, 1e-15);
}

static void test_interval_is_what_the_test_does_not_reject(void **state)
{
    (void)state;
    uint64_t seed = 99;
    double d[16];
    int cut = 0;
    for (int round = 0; round < 1200; round++) {
        size_t n = draw_tied(&seed, d, 9);
        double alpha = round % 3 ? .05 : .2, lo, hi;
        struct stats_paired r = paired(d, n, alpha);
        ends_by_definition(d, n, alpha, &lo, &hi);
        assert_true((r.lo > 0 || r.hi < 0) == (r.p <= alpha));
        assert_true(r.conf_achieved >= 1 - alpha - 1e-12 && r.conf_achieved <= 1);
        if (fabs(r.lo) == DBL_MIN || fabs(r.hi) == DBL_MIN) {
            cut++; /* 0 itself is rejected and would be an end, or lies in a gap */
            continue;
        }
        near(isinf(r.lo) ? -1e9 : r.lo, isinf(lo) ? -1e9 : lo, 0);
        near(isinf(r.hi) ? 1e9 : r.hi, isinf(hi) ? 1e9 : hi, 0);
    }
    assert_in_range(cut, 1, 200);
}

static void test_test_and_interval_agree_at_every_size(void **state)
{
    (void)state;
    uint64_t seed = 5;
    double d[260];
    for (int turn = 0; turn < 400; turn++) {
        size_t n = 1 + seeded_below(&seed, turn < 20 ? 260 : 60);
        double step = turn % 2 ? 4 : 1e9, shift = 2 * seeded_unit(&seed) / sqrt((double)n);
        for (size_t i = 0; i < n; i++)
            d[i] = round(step * (seeded_normal(&seed) + shift)) / step;
        struct stats_paired r = paired(d, n, .05);
        assert_true((r.lo > 0 || r.hi < 0) == (r.p <= .05));
        assert_true(r.lo <= r.hl && r.hl <= r.hi);
        double lo, hi;
        assert_int_equal(stats_paired_tost(d, n, .05, &lo, &hi), 0);
        assert_true(r.lo <= lo && lo <= hi && hi <= r.hi);
    }
}

static void test_mostly_zeros(void **state)
{
    (void)state;
    /* 29 zeros and 11 rounds above: the test is sure of a shift, the middle is 0. */
    double d[40] = {0};
    for (int i = 0; i < 11; i++)
        d[i] = 1 + i * .125;
    struct stats_paired r = paired(d, 40, .05);
    near(r.p, 2. / 2048, 0);
    near(r.hl, 0, 0);
    near(r.lo, DBL_MIN, 0);
    assert_true(r.hi > 0);
    d[40 - 1] = 0;
    for (int i = 0; i < 40; i++)
        d[i] = -d[i];
    r = paired(d, 40, .05);
    near(r.hi, -DBL_MIN, 0);
}

static void test_large(void **state)
{
    (void)state;
    double d[1000];
    uint64_t seed = 3;
    for (int i = 0; i < 1000; i++)
        d[i] = i + 1;
    near(test_of(d, 1000).p / ldexp(1, -999), 1, 1e-12);
    for (int i = 0; i < 1000; i++)
        d[i] = seeded_normal(&seed);
    /* At this size the normal approximation is good to some 1e-5. */
    struct signed_rank t = test_of(d, 1000);
    double z = (fabs(t.w_plus - 250250) - .5) / sqrt(1000. * 1001 * 2001 / 24);
    near(t.p, erfc(z / sqrt(2)), 1e-3);
    assert_int_equal(stats_signed_rank(d, 0, &t), -1);
    assert_int_equal(stats_signed_rank(d, 1001, &t), -1);
    struct stats_paired r;
    assert_int_equal(stats_paired(d, 10, 0, &r), -1);
    assert_int_equal(stats_paired(d, 10, 1, &r), -1);
    assert_int_equal(stats_paired(d, 10, NAN, &r), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_zeros_take_their_ranks),
        cmocka_unit_test(test_p_is_that_of_all_sign_patterns),
        cmocka_unit_test(test_interval_is_an_order_statistic_of_the_averages),
        cmocka_unit_test(test_confidence_is_what_the_nearest_rejected_shifts_leave),
        cmocka_unit_test(test_interval_is_what_the_test_does_not_reject),
        cmocka_unit_test(test_test_and_interval_agree_at_every_size),
        cmocka_unit_test(test_mostly_zeros),
        cmocka_unit_test(test_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
