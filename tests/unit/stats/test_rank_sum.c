/* The unpaired test against published values and against counting every choice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ends.h"
#include "near.h"
#include "seeded.h"
#include "stats/median.h"
#include "stats/rank_sum.h"

static struct rank_sum test_of(const double *x, size_t n, const double *y, size_t m)
{
    struct rank_sum t;
    assert_int_equal(stats_rank_sum(x, n, y, m, &t), 0);
    return t;
}

/* The two columns of a golden file. */
static size_t columns(const char *name, double *a, double *b)
{
    char path[512];
    snprintf(path, sizeof path, "%s/tests/golden/stats/%s", CAIL_SOURCE_DIR, name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t n = 0;
    assert_int_equal(fscanf(f, "old,new%*1[\r\n]"), 0);
    while (n < 100 && fscanf(f, "%lf,%lf", &a[n], &b[n]) == 2)
        n++;
    fclose(f);
    return n;
}

static void test_vectors(void **state)
{
    (void)state;
    const double x[] = {1, 2, 3, 4, 5}, y[] = {6, 7, 8, 9, 10};
    near(test_of(x, 3, y, 3).p, .1, 1e-15);
    near(test_of(x, 4, y, 4).p, 2. / 70, 1e-15);
    near(test_of(x, 5, y, 5).p, 2. / 252, 1e-15);
    near(test_of(x, 5, y, 5).u, 0, 0);
    near(test_of(y, 5, x, 5).u, 25, 0);
    near(test_of(y, 5, x, 5).p, 2. / 252, 1e-15);
    near(test_of(x, 5, x, 5).p, 1, 0);
    /* Ties make the two tails differ: P(U <= 5) = 13 / 21, P(U >= 5) = 9 / 21. */
    const double skew_x[] = {0, 3}, skew_y[] = {1, 1, 2, 2, 2};
    near(test_of(skew_x, 2, skew_y, 5).p, 18. / 21, 1e-15);
    near(test_of(skew_y, 5, skew_x, 2).p, 18. / 21, 1e-15);
    struct stats_unpaired r;
    assert_int_equal(stats_unpaired(x, 5, y, 5, .05, &r), 0);
    near(r.hl, 5, 0);
    near(r.conf_achieved, .9682539682539683, 1e-15); /* R: conf.int of wilcox.test(y, x) */
    near(r.lo, 2, 0);
    near(r.hi, 8, 0);
}

static void test_benchstat(void **state)
{
    (void)state;
    double old[100], new[100];
    size_t n = columns("benchstat-gob.csv", old, new);
    assert_int_equal(n, 10);
    struct rank_sum t = test_of(old, n, new, n);
    near(fmin(t.u, 100 - t.u), 39.5, 0);
    near(t.p, .446102, 5e-7);
    near(stats_median(old, n), 3065.5, 0);
    near(stats_median(new, n), 3070, 0);
    n = columns("benchstat-json.csv", old, new);
    assert_int_equal(n, 10);
    t = test_of(old, n, new, n);
    near(t.u, 100, 0);
    near(t.p, 2. / 184756, 1e-18);
    near(stats_median(old, n), 1718, 0);
    near(stats_median(new, n), 1422.5, 0);
    near(stats_median(new, n) / stats_median(old, n), .827998, 5e-7);
    for (size_t i = 0; i < n; i++) {
        old[i] = log(old[i]);
        new[i] = log(new[i]);
    }
    struct stats_unpaired r;
    assert_int_equal(stats_unpaired(old, n, new, n, .05, &r), 0);
    near(exp(r.hl), .826608, 5e-7);
    assert_true(r.hi < 0 && r.lo < r.hl && r.hl < r.hi);
}

static void test_approximation(void **state)
{
    (void)state;
    /* R: wilcox.test(1:60, 31:90 + 0.5, exact = FALSE): W = 435. */
    double x[60], y[60];
    for (int i = 0; i < 60; i++) {
        x[i] = i + 1;
        y[i] = i + 31.5;
    }
    struct rank_sum t = test_of(x, 60, y, 60);
    assert_false(t.exact);
    near(t.u, 435, 0);
    near(t.p, 7.9643326704704953e-13, 1e-25);
    assert_true(test_of(x, 50, y, 50).exact);
    for (int i = 0; i < 60; i++)
        x[i] = y[i] = 1;
    near(test_of(x, 60, y, 60).p, 1, 0);
    assert_int_equal(stats_rank_sum(x, 0, y, 60, &t), -1);
    assert_int_equal(stats_rank_sum(x, 60, y, 1001, &t), -1);
}

/* --- by definition: U by comparing pairs, p by trying all choices --- */

static double u_of(const double *all, unsigned chosen, int count)
{
    double u = 0;
    for (int i = 0; i < count; i++)
        for (int j = 0; j < count; j++)
            if ((chosen >> i & 1) && !(chosen >> j & 1))
                u += all[i] > all[j] ? 1 : all[i] == all[j] ? .5 : 0;
    return u;
}

static double p_by_choices(const double *x, size_t n, const double *y, size_t m)
{
    double all[16];
    int count = (int)(n + m);
    for (int i = 0; i < count; i++)
        all[i] = (size_t)i < n ? x[i] : y[(size_t)i - n];
    double seen = u_of(all, (1u << n) - 1, count);
    long below = 0, above = 0, ways = 0;
    for (unsigned chosen = 0; chosen < 1u << count; chosen++) {
        if (__builtin_popcount(chosen) != (int)n)
            continue;
        double u = u_of(all, chosen, count);
        below += u <= seen;
        above += u >= seen;
        ways++;
    }
    return fmin(1, 2 * (double)(below < above ? below : above) / (double)ways);
}

static void draw(uint64_t *seed, double *x, size_t n, uint64_t wide, double shift)
{
    for (size_t i = 0; i < n; i++)
        x[i] = wide ? (double)seeded_below(seed, wide) / 4 + shift : seeded_normal(seed) + shift;
}

static void test_p_is_that_of_all_choices(void **state)
{
    (void)state;
    uint64_t seed = 11;
    double x[8], y[8];
    for (int round = 0; round < 600; round++) {
        size_t n = 1 + seeded_below(&seed, round < 20 ? 7 : 5);
        size_t m = 1 + seeded_below(&seed, round < 20 ? 7 : 5);
        uint64_t wide = seeded_below(&seed, 7);
        draw(&seed, x, n, wide, 0);
        draw(&seed, y, m, wide, (double)seeded_below(&seed, 3) / 2);
        near(test_of(x, n, y, m).p, p_by_choices(x, n, y, m), 1e-14);
    }
}

struct asked {
    const double *x, *y;
    size_t n, m;
    double alpha;
};

static bool accepts(void *arg, double theta)
{
    const struct asked *a = arg;
    double moved[8];
    for (size_t j = 0; j < a->m; j++)
        moved[j] = a->y[j] - theta;
    return !(p_by_choices(a->x, a->n, moved, a->m) <= a->alpha);
}

static void ends_by_definition(const double *x, size_t n, const double *y, size_t m, double alpha,
                               double *lo, double *hi)
{
    double at[64];
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < m; j++)
            at[count++] = y[j] - x[i];
    ends_by_asking(at, count, accepts, &(struct asked){x, y, n, m, alpha}, lo, hi);
}

static void test_interval_is_what_the_test_does_not_reject(void **state)
{
    (void)state;
    uint64_t seed = 17;
    double x[8], y[8], lo, hi;
    for (int round = 0; round < 250; round++) {
        size_t n = 1 + seeded_below(&seed, 5), m = 1 + seeded_below(&seed, 5);
        uint64_t wide = seeded_below(&seed, 9);
        double alpha = round % 2 ? .1 : .2;
        draw(&seed, x, n, wide, 0);
        draw(&seed, y, m, wide, (double)seeded_below(&seed, 5) / 2);
        struct stats_unpaired r;
        assert_int_equal(stats_unpaired(x, n, y, m, alpha, &r), 0);
        assert_true((r.lo > 0 || r.hi < 0) == (r.p <= alpha));
        if (fabs(r.lo) == DBL_MIN || fabs(r.hi) == DBL_MIN)
            continue;
        ends_by_definition(x, n, y, m, alpha, &lo, &hi);
        near(isinf(r.lo) ? -1e9 : r.lo, isinf(lo) ? -1e9 : lo, 0);
        near(isinf(r.hi) ? 1e9 : r.hi, isinf(hi) ? 1e9 : hi, 0);
    }
}

static void test_test_and_interval_agree_at_every_size(void **state)
{
    (void)state;
    uint64_t seed = 23;
    double x[80], y[80];
    for (int round = 0; round < 120; round++) {
        size_t most = round < 10 ? 80 : 25;
        size_t n = 1 + seeded_below(&seed, most), m = 1 + seeded_below(&seed, most);
        draw(&seed, x, n, round % 2 ? 12 : 0, 0);
        draw(&seed, y, m, round % 2 ? 12 : 0, .5);
        struct stats_unpaired r;
        assert_int_equal(stats_unpaired(x, n, y, m, .05, &r), 0);
        assert_true((r.lo > 0 || r.hi < 0) == (r.p <= .05));
        assert_true(r.lo <= r.hl && r.hl <= r.hi);
        assert_true(!r.exact || r.conf_achieved >= .95 - 1e-3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_benchstat),
        cmocka_unit_test(test_approximation),
        cmocka_unit_test(test_p_is_that_of_all_choices),
        cmocka_unit_test(test_interval_is_what_the_test_does_not_reject),
        cmocka_unit_test(test_test_and_interval_agree_at_every_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
