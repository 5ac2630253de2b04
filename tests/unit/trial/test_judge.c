/* Verdicts, one rule at a time. The numbers in `values` are base, head, base, head ... of rounds 0,
 * 1 ...; NAN with a letter in `marks` says why: f failed, s skipped, x not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "trial/judge.h"

#include "kit.h"

static struct trial_judgement judged;

static const struct trial_row *judge(void)
{
    trial_judgement_done(&judged);
    trial_judge(&kase, &judged);
    return judged.row;
}

static int teardown(void **state)
{
    (void)state;
    trial_judgement_done(&judged);
    return 0;
}

static const double none[10] = {1.001, .999,   1.002, .998,  1.0015,
                                .9985, 1.0005, .9995, 1.003, .997};
static const double plus3[10] = {1.030, 1.028, 1.032, 1.027, 1.033,
                                 1.026, 1.034, 1.029, 1.031, 1.0305};
static const double minus3[10] = {.970, .972, .968, .973, .967, .974, .966, .971, .969, .9695};
static const double plus_half[10] = {1.0050, 1.0048, 1.0052, 1.0047, 1.0053,
                                     1.0046, 1.0054, 1.0049, 1.0051, 1.00505};
static const double wild[10] = {1.05, .96, 1.04, .95, 1.02, .99, 1.06, .97, 1.03, .94};

static void test_verdicts(void **state)
{
    static const struct {
        const double *ratios;
        enum better better;
        enum metric_kind kind;
        enum verdict verdict;
        double min_effect, floor;
    } cases[] = {
        {plus3, BETTER_LOWER, METRIC_TIME, VERDICT_REGRESSION, NAN, 0},
        {plus3, BETTER_HIGHER, METRIC_RATE, VERDICT_IMPROVEMENT, NAN, 0},
        {minus3, BETTER_LOWER, METRIC_TIME, VERDICT_IMPROVEMENT, NAN, 0},
        {minus3, BETTER_HIGHER, METRIC_RATE, VERDICT_REGRESSION, NAN, 0},
        {none, BETTER_LOWER, METRIC_TIME, VERDICT_SAME, NAN, 0},
        {plus_half, BETTER_LOWER, METRIC_TIME, VERDICT_CHANGED_SMALL, NAN, 0},
        {plus_half, BETTER_LOWER, METRIC_COUNT, VERDICT_REGRESSION, NAN, 0},
        {plus_half, BETTER_LOWER, METRIC_TIME, VERDICT_REGRESSION, .0049, 0},
        {plus3, BETTER_LOWER, METRIC_TIME, VERDICT_CHANGED_SMALL, .05, 0},
        {plus3, BETTER_LOWER, METRIC_TIME, VERDICT_CHANGED_SMALL, NAN, .04}, /* the floor */
        {plus3, BETTER_LOWER, METRIC_TIME, VERDICT_CHANGED_SMALL, .001, .04},
        {wild, BETTER_LOWER, METRIC_TIME, VERDICT_INCONCLUSIVE, NAN, 0},
        {wild, BETTER_LOWER, METRIC_TIME, VERDICT_SAME, .1, 0},
        {plus3, BETTER_NEUTRAL, METRIC_TIME, VERDICT_CHANGED_SMALL, NAN, 0},
        {none, BETTER_NEUTRAL, METRIC_TIME, VERDICT_SAME, NAN, 0},
        {wild, BETTER_NEUTRAL, METRIC_TIME, VERDICT_INCONCLUSIVE, NAN, 0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        start();
        int32_t s = add_series(cases[i].better, cases[i].kind);
        series[s].min_effect = cases[i].min_effect;
        series[s].floor = cases[i].floor;
        add_ratios(s, 0, cases[i].ratios, 10);
        const struct trial_row *row = judge();
        if (row->verdict != cases[i].verdict)
            print_error("case %zu: %s\n", i, verdict_words[row->verdict]);
        assert_int_equal(row->verdict, cases[i].verdict);
        assert_int_equal(row->n, 10);
        assert_int_equal(isnan(row->p), cases[i].better == BETTER_NEUTRAL);
        bool shown = cases[i].better == BETTER_NEUTRAL;
        assert_int_equal(judged.verdict, shown ? VERDICT_SAME : cases[i].verdict);
    }
}

/* The effect is head/base whatever is better, and its interval the right way round. */
static void test_numbers(void **state)
{
    (void)state;
    for (int higher = 0; higher < 2; higher++) {
        start();
        int32_t s = add_series(higher ? BETTER_HIGHER : BETTER_LOWER, METRIC_TIME);
        add_ratios(s, 0, plus3, 10);
        const struct trial_row *row = judge();
        assert_true(fabs(row->effect - 1.03) < 1e-3);
        assert_true(row->lo > 1.026 && row->lo < row->effect);
        assert_true(row->hi < 1.034 && row->hi > row->effect);
        assert_true(fabs(row->p - 2. / 1024) < 1e-12);
        assert_true(fabs(row->base - 100.2) < .1);
        assert_true(row->base_lo <= row->base && row->base <= row->base_hi);
        assert_true(fabs(row->min_effect - .01) < 1e-15);
        assert_true(row->floor >= 0);
    }
}

static void test_resolution_is_a_floor(void **state)
{
    (void)state;
    start();
    int32_t s = add_series(BETTER_LOWER, METRIC_TIME);
    add_ratios(s, 0, plus3, 10);
    obs[3].resolution = 10; /* of 100: nothing under 10 % can be told */
    const struct trial_row *row = judge();
    assert_true(fabs(row->min_effect - .1) < .001);
    assert_int_equal(row->verdict, VERDICT_CHANGED_SMALL);
}

/* 25 series, one moved: Holm leaves it one; with 2 ^ -5 it cannot. */
static void test_family(void **state)
{
    (void)state;
    start();
    for (int i = 0; i < 25; i++)
        add_ratios(add_series(BETTER_LOWER, METRIC_TIME), 0, i == 7 ? plus3 : none, 10);
    const struct trial_row *row = judge();
    assert_int_equal(row[0].series, 7);
    assert_int_equal(row[0].verdict, VERDICT_REGRESSION);
    assert_true(fabs(row[0].p_holm - 25 * row[0].p) < 1e-12);
    assert_int_equal(row[24].verdict, VERDICT_SAME);
    assert_false(row[0].flags & TRIAL_FLAG_UNDERPOWERED);
    start();
    for (int i = 0; i < 25; i++)
        add_ratios(add_series(BETTER_LOWER, METRIC_TIME), 0, i == 7 ? plus3 : none, 8);
    row = judge();
    assert_int_equal(row[0].series, 7);
    assert_int_equal(row[0].verdict, VERDICT_INCONCLUSIVE);
    assert_true(row[0].flags & TRIAL_FLAG_UNDERPOWERED);
    assert_true(row[0].rounds_needed > 8 && row[0].rounds_needed < 20);
    /* what is only shown does not cost the family */
    for (int i = 0; i < 25; i++)
        series[i].gates = i == 7;
    row = judge();
    assert_int_equal(row[0].verdict, VERDICT_REGRESSION);
    assert_true(row[24].flags & TRIAL_FLAG_SHOWN_ONLY);
}

static void test_rounds_needed(void **state)
{
    double ratios[10];
    (void)state;
    start();
    int32_t s = add_series(BETTER_LOWER, METRIC_TIME);
    for (int i = 0; i < 10; i++)
        ratios[i] = 1.004 + (none[i] - 1) * 6; /* about 1.2 % */
    add_ratios(s, 0, ratios, 10);
    const struct trial_row *row = judge();
    assert_int_equal(row->verdict, VERDICT_INCONCLUSIVE);
    assert_in_range(row->rounds_needed, 11, 40);
    assert_true(judged.wants_look);
    start();
    s = add_series(BETTER_LOWER, METRIC_TIME);
    add_ratios(s, 0, wild, 10);
    series[s].min_effect = 1e-6; /* never */
    assert_int_equal(judge()->rounds_needed, 0);
}

static void test_not_comparable_comes_first(void **state)
{
    (void)state;
    start();
    int32_t s = add_series(BETTER_LOWER, METRIC_TIME);
    add_ratios(s, 0, plus3, 10);
    kase.comparable = false;
    const struct trial_row *row = judge();
    assert_int_equal(row->verdict, VERDICT_NOT_COMPARABLE);
    assert_true(isnan(row->effect) && isnan(row->p) && row->base > 0);
    assert_int_equal(judged.verdict, VERDICT_NOT_COMPARABLE);
    assert_int_equal(judged.exit_code, 4);
    assert_false(judged.wants_confirm);
}

static void add_marks(int32_t s, const char *base, const char *head)
{
    static const char *const letters = "ofsn";
    static const enum result_status status[] = {RESULT_OK, RESULT_FAILED, RESULT_SKIPPED,
                                                RESULT_NAN};
    const char *marks[SIDE_COUNT] = {base, head};

    for (int side = 0; side < SIDE_COUNT; side++)
        for (int32_t i = 0; marks[side][i] != '\0'; i++)
            if (marks[side][i] != 'x') {
                enum result_status st = status[strchr(letters, marks[side][i]) - letters];
                add_obs(s, 0, i, (enum side)side, st == RESULT_OK ? 100 + i : (double)NAN, st);
            }
}

static void test_failed_and_missing(void **state)
{
    static const struct {
        const char *base, *head;
        enum verdict verdict;
        bool shown;
        enum verdict all;
        int exit_code;
    } cases[] = {
        {"oooooo", "ffffff", VERDICT_FAILED, false, VERDICT_FAILED, 3},
        {"oooooo", "nnnnnn", VERDICT_FAILED, false, VERDICT_FAILED, 3},
        {"oooooo", "ooffff", VERDICT_FAILED, false, VERDICT_FAILED, 3},
        {"oooooo", "xxxxxx", VERDICT_MISSING, false, VERDICT_MISSING, 3},
        {"oooooo", "ssssss", VERDICT_MISSING, false, VERDICT_MISSING, 3},
        {"ffffff", "ffffff", VERDICT_FAILED, false, VERDICT_FAILED, 3},
        {"ffffff", "xxxxxx", VERDICT_MISSING, false, VERDICT_MISSING, 3},
        /* alone: nothing was compared, so it is no success */
        {"ffffff", "oooooo", VERDICT_FAILED, true, VERDICT_FAILED, 3},
        {"xxxxxx", "oooooo", VERDICT_MISSING, true, VERDICT_MISSING, 3},
        {"ssssss", "ssssss", VERDICT_MISSING, true, VERDICT_MISSING, 3},
        /* never in one round */
        {"oooxxx", "xxxooo", VERDICT_INCONCLUSIVE, false, VERDICT_INCONCLUSIVE, 0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        start();
        add_marks(add_series(BETTER_LOWER, METRIC_TIME), cases[i].base, cases[i].head);
        const struct trial_row *row = judge();
        assert_int_equal(row->verdict, cases[i].verdict);
        assert_int_equal(!!(row->flags & TRIAL_FLAG_SHOWN_ONLY), cases[i].shown);
        assert_int_equal(judged.verdict, cases[i].all);
        assert_int_equal(judged.exit_code, cases[i].exit_code);
        assert_true(isnan(row->p));
        /* beside one that was compared, only what is head's doing counts */
        add_ratios(add_series(BETTER_LOWER, METRIC_TIME), 0, none, 10);
        judge();
        assert_int_equal(judged.verdict, cases[i].shown ? VERDICT_SAME : cases[i].all);
        assert_int_equal(judged.exit_code, cases[i].shown ? 0 : cases[i].exit_code);
    }
    start(); /* some rounds are lost: the others count */
    int32_t s = add_series(BETTER_LOWER, METRIC_TIME);
    add_ratios(s, 0, plus3, 10);
    obs[1].status = RESULT_FAILED;
    obs[1].value = NAN;
    const struct trial_row *row = judge();
    assert_int_equal(row->verdict, VERDICT_REGRESSION);
    assert_int_equal(row->n, 9);
    assert_true(row->flags & TRIAL_FLAG_FAILED_ROUNDS);
    start();
    judge();
    assert_int_equal(judged.verdict, VERDICT_MISSING); /* nothing at all */
    assert_int_equal(judged.exit_code, 3);
}

static void add_exact(int32_t s, const double *base, const double *head, int n)
{
    for (int32_t i = 0; i < n; i++) {
        add_obs(s, 0, i, SIDE_BASE, base[i], RESULT_OK);
        add_obs(s, 0, i, SIDE_HEAD, head[i], RESULT_OK);
    }
}

static void test_exact(void **state)
{
    static const double one[] = {100, 100, 100}, more[] = {101, 101, 101}, less[] = {99, 99, 99},
                        shaky[] = {100, 101, 100}, over[] = {102, 103, 102}, zero[] = {0, 0, 0};
    static const struct {
        const double *base, *head;
        enum better better;
        double min;
        enum verdict verdict;
        bool unstable;
    } cases[] = {
        {one, one, BETTER_LOWER, NAN, VERDICT_SAME, false},
        {one, more, BETTER_LOWER, NAN, VERDICT_REGRESSION, false},
        {one, less, BETTER_LOWER, NAN, VERDICT_IMPROVEMENT, false},
        {one, more, BETTER_HIGHER, NAN, VERDICT_IMPROVEMENT, false},
        {one, more, BETTER_NEUTRAL, NAN, VERDICT_CHANGED_SMALL, false},
        {one, more, BETTER_LOWER, .02, VERDICT_CHANGED_SMALL, false},
        {one, shaky, BETTER_LOWER, NAN, VERDICT_INCONCLUSIVE, true},
        {shaky, shaky, BETTER_LOWER, NAN, VERDICT_INCONCLUSIVE, true},
        {shaky, over, BETTER_LOWER, NAN, VERDICT_REGRESSION, true},
        {zero, one, BETTER_LOWER, NAN, VERDICT_REGRESSION, false},
        {zero, zero, BETTER_LOWER, NAN, VERDICT_SAME, false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (int n = 1; n <= 3; n += 2) { /* one value is enough */
            if (cases[i].unstable && n == 1)
                continue;
            start();
            int32_t s = add_series(cases[i].better, METRIC_EXACT);
            series[s].min_effect = cases[i].min;
            series[s].floor = NAN;
            add_exact(s, cases[i].base, cases[i].head, n);
            const struct trial_row *row = judge();
            assert_int_equal(row->verdict, cases[i].verdict);
            assert_int_equal(!!(row->flags & TRIAL_FLAG_UNSTABLE), cases[i].unstable);
            assert_true(isnan(row->p) && isnan(row->p_holm));
            assert_false(row->flags & TRIAL_FLAG_FLOOR_UNKNOWN);
            assert_false(judged.wants_confirm);
            assert_int_equal(judged.exit_code, row->verdict == VERDICT_REGRESSION);
        }
    }
}

static void test_zeros(void **state)
{
    (void)state;
    start();
    int32_t s = add_series(BETTER_LOWER, METRIC_COUNT);
    for (int32_t i = 0; i < 10; i++) {
        add_obs(s, 0, i, SIDE_BASE, i == 0 ? 0 : 10, RESULT_OK);
        add_obs(s, 0, i, SIDE_HEAD, 12, RESULT_OK);
    }
    const struct trial_row *row = judge();
    assert_true(row->flags & TRIAL_FLAG_DIFFERENCE);
    assert_int_equal(row->verdict, VERDICT_REGRESSION);
    assert_true(fabs(row->effect - 1.2) < 1e-9);
    start(); /* all zero: the same, and no division by it */
    s = add_series(BETTER_LOWER, METRIC_COUNT);
    for (int32_t i = 0; i < 10; i++) {
        add_obs(s, 0, i, SIDE_BASE, 0, RESULT_OK);
        add_obs(s, 0, i, SIDE_HEAD, 0, RESULT_OK);
    }
    row = judge();
    assert_int_equal(row->verdict, VERDICT_SAME);
    assert_true(row->effect == 1);
    start(); /* huge and tiny numbers */
    s = add_series(BETTER_LOWER, METRIC_TIME);
    for (int32_t i = 0; i < 10; i++) {
        add_obs(s, 0, i, SIDE_BASE, 5e-324, RESULT_OK);
        add_obs(s, 0, i, SIDE_HEAD, i == 3 ? -1.7e308 : 1.7e308, RESULT_OK);
    }
    row = judge();
    assert_true(row->flags & TRIAL_FLAG_DIFFERENCE);
    assert_true(row->verdict < VERDICT_COUNT);
}

static void test_confirmation(void **state)
{
    static const struct {
        const double *again;
        int n;
        enum verdict verdict;
        uint32_t flag;
    } cases[] = {
        {plus3, 10, VERDICT_REGRESSION, TRIAL_FLAG_CONFIRMED},
        {none, 10, VERDICT_INCONCLUSIVE, TRIAL_FLAG_NOT_CONFIRMED},
        {minus3, 10, VERDICT_INCONCLUSIVE, TRIAL_FLAG_NOT_CONFIRMED},
        {plus_half, 10, VERDICT_CHANGED_SMALL, TRIAL_FLAG_NOT_CONFIRMED},
        {plus3, 5, VERDICT_INCONCLUSIVE, TRIAL_FLAG_NOT_CONFIRMED}, /* p .0625 at best */
        {plus3, 6, VERDICT_REGRESSION, TRIAL_FLAG_CONFIRMED},
        {plus3, 0, VERDICT_INCONCLUSIVE, TRIAL_FLAG_NOT_CONFIRMED},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        start();
        for (int k = 0; k < 25; k++)
            add_ratios(add_series(BETTER_LOWER, METRIC_TIME), 0, k == 0 ? plus3 : none, 10);
        judge();
        assert_true(judged.wants_confirm);
        assert_int_equal(judged.exit_code, 1);
        add_ratios(0, 1, cases[i].again, cases[i].n);
        add_ratios(1, 1, plus3, 10); /* was not flagged: not asked again */
        kase.confirmed_asked = true;
        const struct trial_row *row = judge();
        assert_int_equal(row[0].series, 0);
        assert_int_equal(row[0].verdict, cases[i].verdict);
        assert_int_equal(row[0].flags & (TRIAL_FLAG_CONFIRMED | TRIAL_FLAG_NOT_CONFIRMED),
                         cases[i].flag);
        assert_true(fabs(row[0].effect - 1.03) < 1e-3); /* not pooled */
        assert_int_equal(row[0].n, 10);
        assert_int_equal(row[24].verdict, VERDICT_SAME);
        assert_false(judged.wants_confirm);
        assert_int_equal(judged.exit_code, cases[i].verdict == VERDICT_REGRESSION);
    }
}

static void test_floor_unknown_warns(void **state)
{
    (void)state;
    start();
    int32_t s = add_series(BETTER_LOWER, METRIC_TIME);
    series[s].floor = NAN;
    add_ratios(s, 0, plus3, 10);
    const struct trial_row *row = judge();
    assert_int_equal(row->verdict, VERDICT_REGRESSION);
    assert_true(row->flags & TRIAL_FLAG_FLOOR_UNKNOWN);
    assert_int_equal(judged.verdict, VERDICT_REGRESSION);
    assert_int_equal(judged.exit_code, 0);
    s = add_series(BETTER_LOWER, METRIC_TIME); /* beside one whose floor is known */
    add_ratios(s, 0, plus3, 10);
    judge();
    assert_int_equal(judged.exit_code, 1);
}

static void test_exit_codes(void **state)
{
    (void)state;
    start();
    add_ratios(add_series(BETTER_LOWER, METRIC_TIME), 0, wild, 10);
    judge();
    assert_int_equal(judged.exit_code, 0);
    assert_int_equal(trial_exit_code(&judged, 1u << VERDICT_INCONCLUSIVE), 2);
    start();
    add_ratios(add_series(BETTER_LOWER, METRIC_TIME), 0, plus3, 10);
    add_marks(add_series(BETTER_LOWER, METRIC_TIME), "oooooo", "ffffff");
    judge();
    assert_int_equal(judged.exit_code, 1);
    assert_int_equal(trial_exit_code(&judged, 1u << VERDICT_FAILED), 3);
    assert_int_equal(trial_exit_code(&judged, 0), 0);
    start();
    add_ratios(add_series(BETTER_LOWER, METRIC_TIME), 0, minus3, 10);
    judge();
    assert_int_equal(judged.exit_code, 0);
    assert_int_equal(trial_exit_code(&judged, 1u << VERDICT_IMPROVEMENT), 1);
}

static void test_checks(void **state)
{
    static const struct {
        const char *base, *head;
        int verdict; /* -1 = the same */
        int exit_code;
        bool confirm;
    } cases[] = {
        {"ooo", "ooo", -1, 0, false},
        {"sss", "sss", -1, 0, false},
        {"ooo", "fff", CHECK_NEW_FAILURE, 1, false},
        {"o", "f", CHECK_NEW_FAILURE, 1, true},
        {"xxx", "fff", CHECK_NEW_FAILURE, 1, false},
        {"ooo", "ofo", CHECK_FLAKY, 0, false},
        {"ofo", "fff", CHECK_FLAKY, 0, false},
        {"fff", "fff", CHECK_STILL_FAILING, 0, false},
        {"fff", "ooo", CHECK_FIXED, 0, false},
        {"ooo", "xxx", CHECK_REMOVED, 0, false},
        {"ooo", "sss", CHECK_REMOVED, 0, false},
        {"xxx", "ooo", CHECK_NEW, 0, false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        start();
        int32_t s = add_series(BETTER_LOWER, METRIC_TIME);
        series[s].is_check = true;
        add_marks(s, cases[i].base, cases[i].head);
        judge();
        assert_int_equal(judged.n_rows, 0);
        assert_int_equal(judged.n_checks, cases[i].verdict >= 0);
        assert_int_equal(judged.checks_same, cases[i].verdict < 0);
        if (cases[i].verdict >= 0)
            assert_int_equal(judged.check[0].verdict, cases[i].verdict);
        assert_int_equal(judged.exit_code, cases[i].exit_code);
        assert_int_equal(judged.wants_confirm, cases[i].confirm);
        assert_int_equal(judged.verdict, cases[i].exit_code ? VERDICT_REGRESSION : VERDICT_SAME);
    }
    for (int again = 0; again < 2; again++) { /* once more on both sides */
        start();
        int32_t s = add_series(BETTER_LOWER, METRIC_TIME);
        series[s].is_check = true;
        add_marks(s, "o", "f");
        add_obs(s, 1, 0, SIDE_BASE, NAN, RESULT_OK);
        add_obs(s, 1, 0, SIDE_HEAD, NAN, again ? RESULT_FAILED : RESULT_OK);
        kase.confirmed_asked = true;
        judge();
        assert_int_equal(judged.check[0].verdict, again ? CHECK_NEW_FAILURE : CHECK_FLAKY);
        assert_int_equal(judged.exit_code, again);
        assert_false(judged.wants_confirm);
    }
}

static void test_unpaired(void **state)
{
    (void)state;
    start();
    kase.unpaired = true;
    int32_t s = add_series(BETTER_LOWER, METRIC_TIME);
    for (int32_t i = 0; i < 8; i++)
        add_obs(s, 0, 0, SIDE_BASE, 100 + .1 * i, RESULT_OK)->seq = i;
    for (int32_t i = 0; i < 6; i++)
        add_obs(s, 0, 0, SIDE_HEAD, 103 + .1 * i, RESULT_OK)->seq = i;
    const struct trial_row *row = judge();
    assert_int_equal(row->verdict, VERDICT_REGRESSION);
    assert_int_equal(row->n, 6);
    assert_true(row->flags & TRIAL_FLAG_UNPAIRED);
    assert_true(fabs(row->effect - 1.029) < 2e-3);
    assert_true(fabs(row->p - 2. / 3003) < 1e-9); /* 14 over 6 */
    assert_false(judged.wants_confirm);
}

static void test_geomean(void **state)
{
    (void)state;
    start();
    add_ratios(add_series(BETTER_LOWER, METRIC_TIME), 0, plus3, 10);
    judge();
    assert_true(isnan(judged.geomean)); /* of one there is none */
    add_ratios(add_series(BETTER_LOWER, METRIC_TIME), 0, minus3, 10);
    add_ratios(add_series(BETTER_LOWER, METRIC_TIME), 0, none, 10);
    add_ratios(add_series(BETTER_HIGHER, METRIC_RATE), 0, plus3, 10); /* another kind */
    judge();
    double want = cbrt(1.03 * .97);
    assert_true(fabs(judged.geomean - want) < 1e-3);
    assert_true(judged.geomean_lo <= judged.geomean && judged.geomean <= judged.geomean_hi);
    /* of what both sides have */
    add_marks(add_series(BETTER_LOWER, METRIC_TIME), "oooooo", "ffffff");
    judge();
    assert_true(fabs(judged.geomean - want) < 1e-3);
}

static void test_order_is_worst_first(void **state)
{
    static const double *const ratios[] = {none, plus3, wild, minus3, plus_half, plus3};
    static const enum verdict want[] = {
        VERDICT_REGRESSION,  VERDICT_REGRESSION,    VERDICT_FAILED, VERDICT_INCONCLUSIVE,
        VERDICT_IMPROVEMENT, VERDICT_CHANGED_SMALL, VERDICT_SAME};
    (void)state;
    start();
    for (size_t i = 0; i < ARRAY_LEN(ratios); i++)
        add_ratios(add_series(BETTER_LOWER, METRIC_TIME), 0, ratios[i], 10);
    add_marks(add_series(BETTER_LOWER, METRIC_TIME), "oooooo", "ffffff");
    const struct trial_row *row = judge();
    assert_int_equal(judged.n_rows, ARRAY_LEN(want));
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        assert_int_equal(row[i].verdict, want[i]);
}

static void test_hostile_observations(void **state)
{
    (void)state;
    start();
    int32_t s = add_series(BETTER_LOWER, METRIC_TIME);
    add_ratios(s, 0, plus3, 10);
    add_obs(-1, 0, 0, SIDE_BASE, 1, RESULT_OK);
    add_obs(99, 0, 0, SIDE_BASE, 1, RESULT_OK);
    add_obs(s, 0, -1, SIDE_BASE, 1, RESULT_OK); /* a warm-up */
    add_obs(s, 0, 10, SIDE_BASE, INFINITY, RESULT_OK);
    add_obs(s, 0, 10, SIDE_HEAD, 1, RESULT_OK);
    const struct trial_row *row = judge();
    assert_int_equal(row->n, 10);
    assert_true(row->flags & TRIAL_FLAG_FAILED_ROUNDS);
    obs[2].tainted = true;
    assert_true(judge()->flags & TRIAL_FLAG_TAINTED);
}

static void test_flags(void **state)
{
    uint64_t seed = 5;
    (void)state;
    start();
    int32_t s = add_series(BETTER_LOWER, METRIC_TIME);
    add_ratios(s, 0, none, 10);
    assert_int_equal(judge()->flags, 0);
    obs[5].value = 200;
    assert_int_equal(judge()->flags, TRIAL_FLAG_OUTLIERS);
    start();
    s = add_series(BETTER_LOWER, METRIC_TIME);
    for (int32_t i = 0; i < 40; i++)
        for (int side = 0; side < SIDE_COUNT; side++)
            add_obs(s, 0, i, (enum side)side, 100 + seeded_normal(&seed), RESULT_OK);
    assert_int_equal(judge()->flags, 0);
    for (size_t i = 0; i < kase.n_obs; i++) /* now and then in another world */
        obs[i].value *= seeded_unit(&seed) < .4 ? 1.07 : 1;
    assert_int_equal(judge()->flags, TRIAL_FLAG_BIMODAL);
}

static void test_drift_is_flagged(void **state)
{
    (void)state;
    start();
    int32_t s = add_series(BETTER_LOWER, METRIC_TIME);
    add_ratios(s, 0, none, 10);
    for (size_t i = 0; i < kase.n_obs; i++)
        obs[i].value *= 1 + .01 * obs[i].seq;
    const struct trial_row *row = judge();
    assert_int_equal(row->flags, TRIAL_FLAG_DRIFT);
    assert_int_not_equal(row->verdict, VERDICT_REGRESSION); /* pairs in turns take it out */
}

static void test_floor(void **state)
{
    double effects[40];
    (void)state;
    for (int i = 0; i < 40; i++)
        effects[i] = (i % 2 ? -1 : 1) * log1p(.001 * (i + 1));
    assert_true(isnan(trial_floor(effects, 19)));
    assert_true(fabs(trial_floor(effects, 20) - .01905) < 1e-5);
    assert_true(fabs(trial_floor(effects, 40) - .03805) < 1e-5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_resolution_is_a_floor),
        cmocka_unit_test(test_family),
        cmocka_unit_test(test_rounds_needed),
        cmocka_unit_test(test_not_comparable_comes_first),
        cmocka_unit_test(test_failed_and_missing),
        cmocka_unit_test(test_exact),
        cmocka_unit_test(test_zeros),
        cmocka_unit_test(test_confirmation),
        cmocka_unit_test(test_floor_unknown_warns),
        cmocka_unit_test(test_exit_codes),
        cmocka_unit_test(test_checks),
        cmocka_unit_test(test_unpaired),
        cmocka_unit_test(test_geomean),
        cmocka_unit_test(test_order_is_worst_first),
        cmocka_unit_test(test_hostile_observations),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_drift_is_flagged),
        cmocka_unit_test(test_floor),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
