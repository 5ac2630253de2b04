/* E-divisive against Otava's own series, the mended rule, the t distribution and drift. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "stats/edivisive.h"
#include "stats/student.h"
#include "stats/trend.h"

#define assert_near(a, b, eps) assert_true(fabs((a) - (b)) <= (eps))

static const double otava_20[] = {1.02, .95, .99, 1.00, 1.12, 1.00, 1.01, .98, 1.01, .96,
                                  .50,  .51, .48, .48,  .55,  .50,  .49,  .51, .50,  .49};

static struct stats_edivisive_rule otava(size_t window, double p)
{
    return (struct stats_edivisive_rule){
        .window = window, .min_segment = 1, .weak_p = 10 * p, .final_p = p, .compat_otava = true};
}

/* want ends with 0. */
static void expect(const double *value, size_t n, const struct stats_edivisive_rule *rule,
                   const size_t *want)
{
    struct stats_change *change;
    size_t got = stats_edivisive(value, n, rule, &change), i = 0;
    for (; i < got && want[i]; i++)
        assert_int_equal(change[i].index, want[i]);
    assert_int_equal(got, i);
    assert_int_equal(want[i], 0);
    for (i = 0; i < got; i++)
        assert_true(change[i].p >= 0 && change[i].p < rule->final_p);
    free(change);
}

static void test_otava_20(void **state)
{
    (void)state;
    struct stats_edivisive_rule rule = otava(10, 1e-4), ours = stats_edivisive_default;
    expect(otava_20, 20, &rule, (const size_t[]){10, 0});
    expect(otava_20, 20, &ours, (const size_t[]){10, 0});
    /* Its incremental test has six points more and windows of 5. */
    double more[26] = {0};
    memcpy(more, otava_20, sizeof otava_20);
    memcpy(more + 20, (const double[]){.47, .48, .45, .01, .1, .22}, 6 * sizeof(double));
    rule = otava(5, 1e-4);
    expect(more, 26, &rule, (const size_t[]){10, 23, 0});
}

static size_t read_tigerbeetle(double *value, size_t max)
{
    FILE *f = fopen(CAIL_SOURCE_DIR "/tests/golden/stats/otava-tigerbeetle.csv", "re");
    char line[64];
    size_t n = 0;
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof line, f)); /* its title */
    while (n < max && fgets(line, sizeof line, f))
        value[n++] = strtod(line, NULL);
    fclose(f);
    return n;
}

static void test_tigerbeetle(void **state)
{
    (void)state;
    double value[400];
    size_t n = read_tigerbeetle(value, 400);
    assert_int_equal(n, 365);
    static const struct {
        double p;
        size_t want[20];
    } cases[] = {
        {.01, {15, 26, 61, 71, 95, 117, 131, 142, 148, 165, 169, 192, 212, 260, 0}},
        {.001, {15, 61, 71, 95, 117, 131, 142, 148, 192, 212, 260, 0}},
        {1e-4, {71, 95, 117, 131, 142, 148, 192, 212, 0}},
        {1e-5, {71, 95, 131, 192, 212, 0}},
    };
    for (size_t i = 0; i < 4; i++) {
        struct stats_edivisive_rule rule = otava(30, cases[i].p);
        expect(value, n, &rule, cases[i].want);
    }
    /* Mended, 260 goes and the rest stays; without logarithms, as below zero. */
    struct stats_edivisive_rule rule = stats_edivisive_default;
    rule.window = 30;
    expect(value, n, &rule, (const size_t[]){71, 95, 117, 131, 142, 148, 192, 212, 0});
    for (size_t i = 0; i < n; i++)
        value[i] = -value[i];
    expect(value, n, &rule, (const size_t[]){15, 61, 71, 95, 117, 131, 142, 148, 192, 212, 0});
}

/* Deterministic noise in (-1, 1). */
static double noise(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (double)(int64_t)(*seed >> 11) / (double)(INT64_C(1) << 52) - 1;
}

static void test_mended(void **state)
{
    (void)state;
    struct stats_edivisive_rule rule = stats_edivisive_default;
    double v[200];
    uint64_t seed = 7;
    for (size_t i = 0; i < 200; i++)
        v[i] = (i < 60 ? 100 : i < 140 ? 103 : 90) * (1 + .005 * noise(&seed));
    expect(v, 200, &rule, (const size_t[]){60, 140, 0});
    rule.min_magnitude = .05; /* 3 % is below, 13 % above */
    expect(v, 200, &rule, (const size_t[]){140, 0});
    /* Below zero there are no logarithms, and the same points. */
    rule.min_magnitude = 0;
    for (size_t i = 0; i < 200; i++)
        v[i] = -v[i];
    expect(v, 200, &rule, (const size_t[]){60, 140, 0});
    /* One spike, and two, are no change; a bump that stays for a while is two. */
    for (size_t spikes = 1; spikes <= 10; spikes += spikes > 1 ? 8 : 1) {
        for (size_t i = 0; i < 40; i++)
            v[i] = (i >= 20 && i < 20 + spikes ? 200 : 100) + noise(&seed);
        expect(v, 40, &rule, spikes < 3 ? (const size_t[]){0} : (const size_t[]){20, 30, 0});
    }
    /* Sizes have no noise at all: one step is one change. */
    for (size_t i = 0; i < 40; i++)
        v[i] = i < 11 ? 4096 : 4104;
    expect(v, 40, &rule, (const size_t[]){11, 0});
    for (size_t i = 0; i < 40; i++)
        v[i] = 4096;
    expect(v, 40, &rule, (const size_t[]){0});
}

static void test_short(void **state)
{
    (void)state;
    struct stats_edivisive_rule rule = stats_edivisive_default;
    for (size_t n = 0; n <= 5; n++)
        expect(otava_20 + 5, n, &rule, (const size_t[]){0});
    expect(otava_20 + 7, 6, &rule, (const size_t[]){3, 0});
}

static void test_student(void **state)
{
    (void)state;
    assert_near(stats_student_p(1, 1), .5, 1e-14);
    assert_near(stats_student_p(-1, 1), .5, 1e-14);
    assert_near(stats_student_p(2.5, 7), .040992218585752874, 1e-15);
    assert_near(stats_student_p(0, 5), 1, 0);
    assert_near(stats_student_p(1.96, 1e6) / .04999609, 1, 1e-5);
    /* With 2 degrees of freedom p = 1 - t / sqrt(2 + t^2). */
    for (double t = .1; t < 50; t *= 1.5)
        assert_near(stats_student_p(t, 2), 1 - t / sqrt(2 + t * t), 1e-13);
    assert_true(stats_student_p(INFINITY, 3) == 0);
    assert_true(stats_student_p(NAN, 3) == 1);
    assert_true(stats_student_p(40, 98) > 0 && stats_student_p(40, 98) < 1e-50);
}

static void test_trend(void **state)
{
    (void)state;
    double x[1500], y[1500];
    for (size_t i = 0; i < 1500; i++)
        y[i] = x[i] = (double)i;
    struct stats_trend t = stats_trend(x, y, 10);
    assert_near(t.slope, 1, 0);
    assert_near(t.p, 8.303e-5, 1e-8);
    y[9] = 1000; /* an outlier moves neither far */
    t = stats_trend(x, y, 10);
    assert_near(t.slope, 1, 0);
    /* Ties: S = 2, variance (3*2*11 - 2*1*9)/18 = 8/3, z = 1/sqrt(8/3). */
    const double ties[] = {1, 1, 2};
    t = stats_trend(x, ties, 3);
    assert_near(t.slope, .5, 1e-15);
    assert_near(t.p, erfc(1 / sqrt(8. / 3) / sqrt(2)), 1e-15);
    const double flat[] = {4, 4, 4, 4};
    t = stats_trend(x, flat, 4);
    assert_true(t.slope == 0 && t.p == 1);
    t = stats_trend(flat, x, 4);
    assert_true(isnan(t.slope));
    t = stats_trend(x, y, 1);
    assert_true(isnan(t.slope) && t.p == 1);
    t = stats_trend(x, x, 1500);
    assert_true(t.slope == 1 && t.p < 1e-100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_otava_20), cmocka_unit_test(test_tigerbeetle),
        cmocka_unit_test(test_mended),   cmocka_unit_test(test_short),
        cmocka_unit_test(test_student),  cmocka_unit_test(test_trend),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
