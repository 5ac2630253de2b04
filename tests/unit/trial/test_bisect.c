/* Bisections of simulated histories: the culprit is found in as many questions as halving takes,
 * and what cannot be answered ends it with a range that still holds the culprit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "seeded.h"
#include "trial/bisect.h"

enum { MAX = 200 };

/* A line of n commits that is slower from `culprit` on; n = never. */
struct world {
    int32_t n, culprit;
    const char *broken; /* a letter a commit: 'x' cannot be measured, 'u' unsure once, 'U' always */
    struct bisect_step step[MAX];
    size_t n_steps;
    struct bisect_next next;
};

static enum bisect_answer answer(const struct world *w, int32_t good, int32_t at, bool again)
{
    char how = w->broken && (size_t)at < strlen(w->broken) ? w->broken[at] : '.';
    if (how == 'x')
        return BISECT_FAILED;
    if (how == 'U' || (how == 'u' && !again))
        return BISECT_UNSURE;
    return good < w->culprit && at >= w->culprit ? BISECT_BAD : BISECT_GOOD;
}

static void play(struct world *w)
{
    for (;;) {
        bisect_next(w->n, w->step, w->n_steps, &w->next);
        if (w->next.action != BISECT_ASK)
            return;
        const struct bisect_next *q = &w->next;
        assert_true(w->n_steps < MAX);
        assert_true(q->good >= 0 && q->good < q->at && q->at <= q->bad && q->bad < w->n);
        /* Whatever happened, the culprit is between. */
        if (w->culprit < w->n)
            assert_true(q->good < w->culprit && w->culprit <= q->bad);
        w->step[w->n_steps++] =
            (struct bisect_step){q->good, q->at, answer(w, q->good, q->at, q->again)};
    }
}

static size_t halvings(int32_t n)
{
    size_t k = 0;
    for (int32_t wide = n - 1; wide > 1; wide = (wide + 1) / 2)
        k++;
    return k;
}

static void every_culprit_of_every_length(void **state)
{
    (void)state;
    for (int32_t n = 2; n < 70; n++)
        for (int32_t culprit = 1; culprit < n; culprit++) {
            struct world w = {.n = n, .culprit = culprit};
            play(&w);
            assert_int_equal(w.next.action, BISECT_FOUND);
            assert_int_equal(w.next.bad, culprit);
            assert_int_equal(w.next.good, culprit - 1);
            assert_true(w.n_steps <= halvings(n) + 2); /* the ends, and the neighbours */
        }
}

static void a_long_line(void **state)
{
    struct world w = {.n = 20000, .culprit = 12345};
    (void)state;
    play(&w);
    assert_int_equal(w.next.bad, 12345);
    assert_true(w.n_steps <= 17);
}

static void ends_that_do_not_differ(void **state)
{
    struct world w = {.n = 30, .culprit = 30};
    (void)state;
    play(&w);
    assert_int_equal(w.next.action, BISECT_STOP);
    assert_int_equal(w.n_steps, 1);
    assert_non_null(strstr(w.next.why, "do not differ"));
}

static void one_that_is_unsure_is_asked_once_more(void **state)
{
    struct world w = {.n = 9, .culprit = 6, .broken = "....u"};
    (void)state;
    play(&w);
    assert_int_equal(w.next.action, BISECT_FOUND);
    assert_int_equal(w.next.bad, 6);
    assert_int_equal(w.step[1].at, 4);
    assert_int_equal(w.step[2].at, 4);
}

static void one_that_stays_unsure_ends_it(void **state)
{
    struct world w = {.n = 9, .culprit = 6, .broken = "....U"};
    (void)state;
    play(&w);
    assert_int_equal(w.next.action, BISECT_STOP);
    assert_int_equal(w.n_steps, 3);
    assert_int_equal(w.next.good, 0);
    assert_int_equal(w.next.bad, 8);
    assert_non_null(strstr(w.next.why, "inconclusive"));
}

static void what_cannot_be_measured_is_passed_by(void **state)
{
    struct world w = {.n = 9, .culprit = 6, .broken = "....x"};
    (void)state;
    play(&w);
    assert_int_equal(w.next.action, BISECT_FOUND);
    assert_int_equal(w.next.bad, 6);
    assert_int_equal(w.step[2].at, 5);
}

static void a_gap_that_hides_the_culprit(void **state)
{
    struct world w = {.n = 9, .culprit = 5, .broken = "...xxxx"};
    (void)state;
    play(&w);
    assert_int_equal(w.next.action, BISECT_STOP);
    assert_int_equal(w.next.good, 2);
    assert_int_equal(w.next.bad, 7);
    assert_non_null(strstr(w.next.why, "could not be measured"));
}

static void a_bad_end_that_fails(void **state)
{
    struct world w = {.n = 3, .culprit = 1, .broken = "..x"};
    (void)state;
    play(&w);
    assert_int_equal(w.next.action, BISECT_STOP);
    assert_int_equal(w.n_steps, 1);
}

static void too_many_that_fail(void **state)
{
    char broken[65];
    struct world w = {.n = 65, .culprit = 64, .broken = broken};
    (void)state;
    memset(broken, 'x', 64);
    broken[64] = 0;
    play(&w);
    assert_int_equal(w.next.action, BISECT_STOP);
    assert_int_equal(w.n_steps, 1 + BISECT_FAILED_MAX);
}

static void a_slide_blames_nobody(void **state)
{
    struct bisect_step s[] = {
        {0, 4, BISECT_BAD}, {0, 2, BISECT_GOOD}, {2, 3, BISECT_GOOD}, {3, 4, BISECT_GOOD}};
    struct bisect_next next;
    (void)state;
    bisect_next(5, s, 3, &next);
    assert_int_equal(next.action, BISECT_ASK);
    assert_int_equal(next.good, 3);
    assert_int_equal(next.at, 4);
    bisect_next(5, s, 4, &next);
    assert_int_equal(next.action, BISECT_STOP);
    assert_non_null(strstr(next.why, "neighbour"));
}

static void steps_that_cannot_be(void **state)
{
    static const struct bisect_step bad[] = {
        {0, 9, BISECT_BAD}, {0, 0, BISECT_BAD}, {-1, 2, BISECT_BAD}};
    struct bisect_next next;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        bisect_next(5, &bad[i], 1, &next);
        assert_int_equal(next.action, BISECT_STOP);
    }
}

/* Whatever the answers: it ends, and the culprit stays between the two. */
static void random_histories(void **state)
{
    uint64_t seed = 7;
    (void)state;
    for (int k = 0; k < 3000; k++) {
        char broken[64];
        int32_t n = 2 + (int32_t)(seeded_next(&seed) % 60);
        struct world w = {.n = n,
                          .culprit = 1 + (int32_t)(seeded_next(&seed) % (uint64_t)(n - 1)),
                          .broken = broken};
        for (int32_t i = 0; i < n; i++)
            broken[i] = "......xuU."[seeded_next(&seed) % 10];
        broken[n] = 0;
        play(&w);
        assert_true(w.next.good < w.culprit && w.culprit <= w.next.bad);
        if (w.next.action == BISECT_FOUND)
            assert_int_equal(w.next.bad, w.culprit);
    }
}

static void answers_of_verdicts(void **state)
{
    (void)state;
    assert_int_equal(bisect_answer_of(VERDICT_REGRESSION), BISECT_BAD);
    assert_int_equal(bisect_answer_of(VERDICT_IMPROVEMENT), BISECT_GOOD);
    assert_int_equal(bisect_answer_of(VERDICT_SAME), BISECT_GOOD);
    assert_int_equal(bisect_answer_of(VERDICT_CHANGED_SMALL), BISECT_GOOD);
    assert_int_equal(bisect_answer_of(VERDICT_INCONCLUSIVE), BISECT_UNSURE);
    assert_int_equal(bisect_answer_of(VERDICT_MISSING), BISECT_FAILED);
    assert_int_equal(bisect_answer_of(-1), BISECT_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_culprit_of_every_length),
        cmocka_unit_test(a_long_line),
        cmocka_unit_test(ends_that_do_not_differ),
        cmocka_unit_test(one_that_is_unsure_is_asked_once_more),
        cmocka_unit_test(one_that_stays_unsure_ends_it),
        cmocka_unit_test(what_cannot_be_measured_is_passed_by),
        cmocka_unit_test(a_gap_that_hides_the_culprit),
        cmocka_unit_test(a_bad_end_that_fails),
        cmocka_unit_test(too_many_that_fail),
        cmocka_unit_test(a_slide_blames_nobody),
        cmocka_unit_test(steps_that_cannot_be),
        cmocka_unit_test(random_histories),
        cmocka_unit_test(answers_of_verdicts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
