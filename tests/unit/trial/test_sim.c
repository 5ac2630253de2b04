/* A small simulation, so that a rule that no longer keeps its promises is seen at once: few false
 * alarms on identical code, changes found. The large one is tests/real/stats_sim.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "kit.h"

enum { BENCHMARKS = 25 };

struct world {
    int rounds;
    double noise, drift; /* of a process; of the machine from process to process */
    double head;         /* ratio of benchmark 0 */
    double min_effect;
    bool confirm;
};

static void measure(const struct world *w, int32_t s, int32_t batch, uint64_t *seed)
{
    double level = 0;
    for (int32_t i = 0; i < w->rounds; i++) {
        double y[2];
        for (int k = 0; k < 2; k++) {
            level = .9 * level + w->drift * seeded_normal(seed);
            y[k] = exp(level + w->noise * seeded_normal(seed));
        }
        bool head_first = i & 1;
        add_obs(s, batch, i, SIDE_BASE, y[head_first], RESULT_OK);
        add_obs(s, batch, i, SIDE_HEAD, y[!head_first] * (s == 0 ? w->head : 1), RESULT_OK);
    }
}

/* One comparison, confirmed as the engine would; whether something regressed, and whether it was
 * benchmark 0. */
static bool regressed(const struct world *w, uint64_t *seed, bool *ret_first)
{
    struct trial_judgement j;

    start();
    for (int32_t s = 0; s < BENCHMARKS; s++) {
        add_series(BETTER_LOWER, METRIC_TIME);
        series[s].min_effect = w->min_effect;
        measure(w, s, TRIAL_BATCH_MAIN, seed);
    }
    trial_judge(&kase, &j);
    if (w->confirm && j.wants_confirm) {
        for (int32_t s = 0; s < BENCHMARKS; s++)
            measure(w, s, TRIAL_BATCH_CONFIRM, seed);
        kase.confirmed_asked = true;
        trial_judgement_done(&j);
        trial_judge(&kase, &j);
    }
    bool is = j.verdict == VERDICT_REGRESSION;
    *ret_first = is && j.row[0].series == 0;
    assert_int_equal(j.exit_code, is);
    trial_judgement_done(&j);
    return is;
}

static int count(const struct world *w, int comparisons, uint64_t seed, int *ret_first)
{
    int n = 0;

    *ret_first = 0;
    for (int i = 0; i < comparisons; i++) {
        bool first;
        n += regressed(w, &seed, &first);
        *ret_first += first;
    }
    return n;
}

/* Without a smallest effect the false alarms are Holm's alone: one side of .05. */
static void test_alarms_are_alpha(void **state)
{
    int first, n;
    (void)state;
    n = count(&(struct world){12, .01, 0, 1, 0, false}, 200, 1, &first);
    assert_in_range(n, 1, 12); /* 5 expected */
}

static void test_alarms_of_the_rule(void **state)
{
    int first, n;
    (void)state;
    n = count(&(struct world){12, .01, 0, 1, NAN, false}, 100, 2, &first);
    assert_in_range(n, 0, 7);
    n = count(&(struct world){12, .01, 0, 1, NAN, true}, 100, 2, &first);
    assert_in_range(n, 0, 1);
}

/* A machine that slows down and recovers while it is measured. */
static void test_alarms_under_drift(void **state)
{
    int first, n;
    (void)state;
    n = count(&(struct world){12, .003, .009, 1, NAN, false}, 100, 3, &first);
    assert_in_range(n, 0, 8);
}

static void test_power(void **state)
{
    int first, n;
    (void)state;
    n = count(&(struct world){13, .01, 0, 1.03, NAN, true}, 100, 4, &first);
    assert_true(first >= 94); /* .991 for each batch */
    assert_true(n - first <= 2);
    n = count(&(struct world){13, .01, 0, .97, NAN, true}, 50, 5, &first);
    assert_in_range(n, 0, 2); /* an improvement is none */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alarms_are_alpha),
        cmocka_unit_test(test_alarms_of_the_rule),
        cmocka_unit_test(test_alarms_under_drift),
        cmocka_unit_test(test_power),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
