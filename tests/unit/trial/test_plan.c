/* Which side runs next: the order, what is taken again, and that it always comes to an end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "seeded.h"
#include "trial/plan.h"

enum { MAX = TRIAL_TAKEN_MAX + 8 };

struct run {
    struct trial_plan plan;
    struct trial_goal goal;
    struct trial_taken taken[MAX];
    size_t n;
    int32_t lease;
    struct trial_slot slot;
};

static void setup(struct run *r, int32_t rounds, int32_t repeats, uint64_t seed)
{
    memset(r, 0, sizeof *r);
    r->plan = (struct trial_plan){rounds, 1, repeats, true, seed, .05};
    r->goal = (struct trial_goal){TRIAL_BATCH_MAIN, rounds};
}

static enum trial_next ask(struct run *r)
{
    return trial_next(&r->plan, &r->goal, r->taken, r->n, r->lease, &r->slot);
}

static void put(struct run *r, enum measurement_state state)
{
    assert_true(r->n < MAX);
    r->taken[r->n++] = (struct trial_taken){.batch = r->slot.batch,
                                            .round = r->slot.round,
                                            .side = r->slot.side,
                                            .state = state,
                                            .lease = r->lease};
}

/* Takes what is asked for with these ends: letters of "otflv", the last one repeated. */
static enum trial_next play(struct run *r, const char *ends)
{
    static const char letters[] = "otflv";
    static const enum measurement_state states[] = {MEASUREMENT_OK, MEASUREMENT_TAINTED,
                                                    MEASUREMENT_FAILED, MEASUREMENT_LOST,
                                                    MEASUREMENT_VOID};
    enum trial_next next;

    while ((next = ask(r)) == TRIAL_TAKE) {
        put(r, states[strchr(letters, *ends) - letters]);
        if (ends[1] != '\0')
            ends++;
    }
    return next;
}

/* "Bw Hw B0 H0 H1 B1": what was taken, warm-ups as w. */
static const char *sequence(const struct run *r)
{
    static char text[16 * 1024];
    size_t at = 0;

    text[0] = '\0';
    for (size_t i = 0; i < r->n && at + 16 < sizeof text; i++) {
        const struct trial_taken *t = &r->taken[i];
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%c", i > 0 ? " " : "",
                               t->side == SIDE_BASE ? 'B' : 'H');
        if (t->round < 0)
            at += (size_t)snprintf(text + at, sizeof text - at, "w");
        else
            at += (size_t)snprintf(text + at, sizeof text - at, "%d", t->round);
    }
    return text;
}

/* R pairs, each of one lease; order balanced; returns how many are tainted. */
static int assert_whole(const struct run *r)
{
    int ab = 0, ba = 0, tainted = 0;

    for (int32_t i = 0; i < r->goal.rounds; i++) {
        size_t b, h;
        assert_true(trial_pair(r->taken, r->n, r->goal.batch, i, &b, &h));
        assert_int_equal(r->taken[b].lease, r->taken[h].lease);
        assert_int_equal(r->taken[b].side, SIDE_BASE);
        assert_int_equal(r->taken[h].side, SIDE_HEAD);
        assert_int_equal(r->taken[b].round, i);
        assert_int_equal(r->taken[h].round, i);
        assert_true(b + 1 == h || h + 1 == b);
        *(b < h ? &ab : &ba) += 1;
        assert_true(ab - ba <= 1 && ba - ab <= 1);
        tainted += r->taken[b].state != MEASUREMENT_OK || r->taken[h].state != MEASUREMENT_OK;
    }
    return tainted;
}

static void test_order(void **state)
{
    static struct run r;
    (void)state;
    setup(&r, 6, 3, 0);
    assert_int_equal(play(&r, "o"), TRIAL_ENOUGH);
    assert_string_equal(sequence(&r), "Hw Bw B0 H0 H1 B1 B2 H2 H3 B3 B4 H4 H5 B5");
    setup(&r, 6, 3, 7);
    assert_int_equal(play(&r, "o"), TRIAL_ENOUGH);
    assert_string_equal(sequence(&r), "Bw Hw H0 B0 B1 H1 H2 B2 B3 H3 H4 B4 B5 H5");
    assert_int_equal(assert_whole(&r), 0);
}

static void test_repeats(void **state)
{
    static struct run r;
    static const struct {
        const char *ends, *sequence;
        enum trial_next next;
        int tainted;
    } cases[] = {
        /* a failure is taken again at once, from its first side */
        {"ooofo", "Hw Bw B0 H0 B0 H0 H1 B1 B2 H2", TRIAL_ENOUGH, 0},
        {"oofo", "Hw Bw B0 B0 H0 H1 B1 B2 H2", TRIAL_ENOUGH, 0},
        {"oolo", "Hw Bw B0 B0 H0 H1 B1 B2 H2", TRIAL_ENOUGH, 0},
        {"oovo", "Hw Bw B0 B0 H0 H1 B1 B2 H2", TRIAL_ENOUGH, 0},
        /* a tainted one at the end */
        {"ooto", "Hw Bw B0 H0 H1 B1 B2 H2 B0 H0", TRIAL_ENOUGH, 0},
        {"ooooooot", "Hw Bw B0 H0 H1 B1 B2 H2 B2 H2 B2 H2", TRIAL_ENOUGH, 1},
        {"oot", "Hw Bw B0 H0 H1 B1 B2 H2 B0 H0 H1 B1", TRIAL_ENOUGH, 3},
        /* a tainted warm-up is one */
        {"to", "Hw Bw B0 H0 H1 B1 B2 H2", TRIAL_ENOUGH, 0},
        /* a side that fails twice */
        {"ooofof", "Hw Bw B0 H0 B0 H0", TRIAL_HOPELESS, 0},
        {"ff", "Hw Hw", TRIAL_HOPELESS, 0},
        {"ofof", "Hw Bw Hw Bw", TRIAL_HOPELESS, 0},
        /* a loss between two failures is none of them, but costs a repeat */
        {"oofll", "Hw Bw B0 B0 B0", TRIAL_HOPELESS, 0},
        /* failures of different slots: until the repeats are used up */
        {"oofoofoof", "Hw Bw B0 B0 H0 H1 H1 B1 B2", TRIAL_HOPELESS, 0},
        /* a repeat that comes to nothing leaves the tainted pair */
        {"ototoooolol", "Hw Bw B0 H0 H1 B1 B2 H2 B0 B0 H0", TRIAL_ENOUGH, 1},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        setup(&r, 3, 2, 0);
        r.plan.rounds = TRIAL_ROUNDS_MIN; /* timed; three of them show it all */
        enum trial_next next = play(&r, cases[i].ends);
        assert_string_equal(sequence(&r), cases[i].sequence);
        assert_int_equal(next, cases[i].next);
        if (next == TRIAL_ENOUGH)
            assert_int_equal(assert_whole(&r), cases[i].tainted);
        assert_int_equal(ask(&r), next); /* and stays so */
    }
}

static void test_hopeless_names_the_slot(void **state)
{
    static struct run r;
    (void)state;
    setup(&r, 6, 3, 0);
    assert_int_equal(play(&r, "ooooofof"), TRIAL_HOPELESS);
    assert_int_equal(r.slot.round, 1);
    assert_int_equal(r.slot.side, SIDE_BASE);
    /* other batches have their own luck */
    r.goal = (struct trial_goal){TRIAL_BATCH_CONFIRM, 6};
    assert_int_equal(play(&r, "o"), TRIAL_ENOUGH);
    assert_int_equal(assert_whole(&r), 0);
}

static void test_running_is_the_slot(void **state)
{
    static struct run r;
    (void)state;
    setup(&r, 6, 3, 0);
    assert_int_equal(ask(&r), TRIAL_TAKE);
    put(&r, MEASUREMENT_RUNNING);
    r.slot = (struct trial_slot){9, 9, SIDE_BASE};
    assert_int_equal(ask(&r), TRIAL_TAKE);
    assert_int_equal(r.slot.round, TRIAL_WARM_UP);
    assert_int_equal(r.slot.side, SIDE_HEAD);
    r.lease++; /* whoever asks settles it first; until then it is that slot */
    assert_int_equal(ask(&r), TRIAL_TAKE);
    assert_int_equal(r.slot.batch, TRIAL_BATCH_MAIN);
}

/* More rounds and the confirmation go on under the same lease, or warm up under a new one. */
static void test_looks_and_confirmation(void **state)
{
    static struct run r;
    (void)state;
    setup(&r, 6, 3, 0);
    assert_int_equal(play(&r, "o"), TRIAL_ENOUGH);
    size_t at = r.n;
    r.goal.rounds = 12;
    assert_int_equal(play(&r, "o"), TRIAL_ENOUGH);
    assert_int_equal(r.n - at, 12);
    assert_int_equal(r.taken[at].round, 6);
    at = r.n;
    r.goal = (struct trial_goal){TRIAL_BATCH_CONFIRM, 6};
    r.lease = 1;
    assert_int_equal(play(&r, "o"), TRIAL_ENOUGH);
    assert_int_equal(r.n - at, 14);
    assert_int_equal(assert_whole(&r), 0);
    r.goal = (struct trial_goal){TRIAL_BATCH_MAIN, 12};
    r.lease = 2;
    assert_int_equal(ask(&r), TRIAL_ENOUGH); /* nothing is warmed up for nothing */
}

/* Killed at every place, once running and once between two. */
static void test_crash_at_each_prefix(void **state)
{
    static struct run whole, r;
    (void)state;
    setup(&whole, 10, 3, 1);
    assert_int_equal(play(&whole, "oooooototooofooooooo"), TRIAL_ENOUGH);
    for (size_t cut = 0; cut <= whole.n; cut++) {
        for (int lost = 0; lost < 2; lost++) {
            r = whole;
            r.plan.repeats_max = 5;
            r.n = cut;
            if (lost && cut > 0)
                r.taken[cut - 1].state = MEASUREMENT_LOST;
            r.lease = 1;
            assert_int_equal(play(&r, "o"), TRIAL_ENOUGH);
            assert_int_equal(assert_whole(&r), 0);
            assert_true(r.n <= cut + 2 + 2 * 10 + 2 * 5);
            if (cut > 2 && cut < whole.n) { /* a new lease is cold */
                assert_int_equal(r.taken[cut].round, TRIAL_WARM_UP);
                assert_int_equal(r.taken[cut + 1].round, TRIAL_WARM_UP);
                assert_int_not_equal(r.taken[cut + 2].round, TRIAL_WARM_UP);
            }
        }
    }
}

static uint32_t next_random(uint64_t *seed)
{
    return (uint32_t)(seeded_next(seed) >> 33);
}

/* Whether HOPELESS was said with reason. */
static bool reason_for_hopeless(const struct run *r)
{
    int last[2] = {-1, -1};

    for (size_t i = 0; i < r->n; i++) {
        const struct trial_taken *t = &r->taken[i];
        if (t->batch == r->slot.batch && t->round == r->slot.round && t->side == r->slot.side) {
            last[0] = last[1];
            last[1] = (int)t->state;
        }
    }
    if (last[0] == MEASUREMENT_FAILED && last[1] == MEASUREMENT_FAILED)
        return true;
    /* or the repeats are used up, which one more shows, and this round has no pair */
    static struct run more;
    size_t b, h;
    more = *r;
    more.plan.repeats_max++;
    return ask(&more) == TRIAL_TAKE &&
           (r->slot.round == TRIAL_WARM_UP ||
            !trial_pair(r->taken, r->n, r->slot.batch, r->slot.round, &b, &h));
}

static void test_random_histories(void **state)
{
    static struct run r;
    uint64_t seed = 20261122;
    int enough = 0, hopeless = 0, tainted = 0;
    (void)state;
    for (int i = 0; i < 10000; i++) {
        int32_t rounds = 6 + (int32_t)(next_random(&seed) % 8);
        int32_t repeats = (int32_t)(next_random(&seed) % 7);
        uint32_t bad = next_random(&seed) % 4 == 0 ? 40 : 6; /* percent of each kind */
        setup(&r, rounds, repeats, next_random(&seed));
        enum trial_next next;
        while ((next = ask(&r)) == TRIAL_TAKE) {
            uint32_t dice = next_random(&seed) % 200;
            enum measurement_state s = MEASUREMENT_OK;
            if (dice < bad)
                s = MEASUREMENT_TAINTED;
            else if (dice < 2 * bad)
                s = MEASUREMENT_FAILED;
            else if (dice < 3 * bad)
                s = next_random(&seed) % 2 ? MEASUREMENT_LOST : MEASUREMENT_VOID;
            put(&r, s);
            if (s == MEASUREMENT_LOST || next_random(&seed) % 40 == 0)
                r.lease++;
            assert_true(r.n <= (size_t)(2 * (2 * rounds + 1 + repeats)));
        }
        if (next == TRIAL_ENOUGH) {
            enough++;
            tainted += assert_whole(&r) > 0;
        } else {
            hopeless++;
            assert_true(reason_for_hopeless(&r));
        }
    }
    assert_true(enough > 1000 && hopeless > 1000 && tainted > 100); /* all of it was met */
}

/* A machine that dies in every warm-up, or whenever a lease is warm. */
static void test_always_ends(void **state)
{
    static struct run r;
    (void)state;
    setup(&r, 200, 200, 0);
    while (ask(&r) == TRIAL_TAKE) {
        put(&r, MEASUREMENT_LOST);
        r.lease++;
    }
    assert_int_equal(r.n, 201);
    setup(&r, 200, 200, 0);
    r.plan.looks = TRIAL_LOOKS_MAX;
    r.goal.rounds = 1000;
    while (ask(&r) == TRIAL_TAKE) {
        put(&r, MEASUREMENT_OK);
        if (r.n % 4 == 0)
            r.lease++;
    }
    assert_int_equal(r.n, 4000);
}

static void test_pair(void **state)
{
    static struct run r;
    size_t b, h;
    (void)state;
    setup(&r, 6, 3, 0);
    r.slot = (struct trial_slot){0, 0, SIDE_BASE};
    put(&r, MEASUREMENT_OK);
    assert_false(trial_pair(r.taken, r.n, 0, 0, &b, &h));
    r.slot.side = SIDE_HEAD;
    put(&r, MEASUREMENT_TAINTED);
    assert_true(trial_pair(r.taken, r.n, 0, 0, &b, &h));
    r.slot.side = SIDE_BASE; /* H1 B2 is no pair: H1 is taken */
    put(&r, MEASUREMENT_OK);
    assert_true(trial_pair(r.taken, r.n, 0, 0, &b, &h));
    assert_int_equal(b, 0);
    r.slot.side = SIDE_HEAD;
    put(&r, MEASUREMENT_OK);
    assert_true(trial_pair(r.taken, r.n, 0, 0, &b, &h));
    assert_int_equal(b, 2);
    assert_int_equal(h, 3);
    r.slot.side = SIDE_BASE; /* newer, but tainted */
    put(&r, MEASUREMENT_TAINTED);
    r.slot.side = SIDE_HEAD;
    put(&r, MEASUREMENT_OK);
    assert_true(trial_pair(r.taken, r.n, 0, 0, &b, &h));
    assert_int_equal(b, 2);
    r.slot.side = SIDE_BASE; /* halves of two leases */
    put(&r, MEASUREMENT_OK);
    r.lease++;
    r.slot.side = SIDE_HEAD;
    put(&r, MEASUREMENT_OK);
    assert_true(trial_pair(r.taken, r.n, 0, 0, &b, &h));
    assert_int_equal(b, 2);
    assert_false(trial_pair(r.taken, r.n, 1, 0, &b, &h));
    assert_false(trial_pair(r.taken, r.n, 0, 1, &b, &h));
    assert_false(trial_pair(NULL, 0, 0, 0, &b, &h));
}

static const char *progress(struct run *r, int32_t *done, int32_t *total)
{
    static char text[200];
    trial_progress(&r->plan, &r->goal, r->taken, r->n, done, total, text, sizeof text);
    return text;
}

static void test_progress(void **state)
{
    static struct run r;
    int32_t done, total;
    (void)state;
    setup(&r, 6, 3, 0);
    assert_string_equal(progress(&r, &done, &total), "warm-up, then 6 rounds");
    assert_int_equal(done, 0);
    assert_int_equal(total, 14);
    for (int i = 0; i < 7; i++) {
        ask(&r);
        put(&r, i == 2 ? MEASUREMENT_TAINTED : MEASUREMENT_OK);
    }
    assert_string_equal(progress(&r, &done, &total), "round 3 of 6");
    assert_int_equal(done, 7);
    assert_int_equal(total, 16); /* the tainted pair comes again */
    ask(&r);
    put(&r, MEASUREMENT_RUNNING);
    assert_string_equal(progress(&r, &done, &total), "round 3 of 6");
    assert_int_equal(done, 7);
    assert_int_equal(total, 16);
    r.taken[r.n - 1].state = MEASUREMENT_FAILED;
    ask(&r);
    put(&r, MEASUREMENT_RUNNING);
    assert_string_equal(progress(&r, &done, &total), "round 3 of 6 again (1 of at most 3 repeats)");
    r.taken[r.n - 1].state = MEASUREMENT_OK;
    assert_int_equal(play(&r, "o"), TRIAL_ENOUGH);
    assert_string_equal(progress(&r, &done, &total), "6 of 6 rounds");
    assert_int_equal(done, total);
    r.goal = (struct trial_goal){TRIAL_BATCH_CONFIRM, 6};
    r.lease++;
    ask(&r);
    put(&r, MEASUREMENT_RUNNING);
    assert_string_equal(progress(&r, &done, &total), "confirming: warm-up, then 6 rounds");
    assert_int_equal(done, 0);
    assert_int_equal(total, 14);
    r.taken[r.n - 1].state = MEASUREMENT_OK;
    assert_int_equal(play(&r, "oof"), TRIAL_HOPELESS);
    assert_string_equal(progress(&r, &done, &total),
                        "base fails again and again at confirming: round 1 of 6 again "
                        "(2 of at most 3 repeats)");
    assert_int_equal(done, total);
}

/* Tests that pass or fail: nothing is warmed up, under no lease. */
static void test_untimed(void **state)
{
    static struct run r;
    int32_t done, total;
    (void)state;
    setup(&r, 1, 2, 0);
    assert_false(trial_plan_times(&r.plan));
    assert_string_equal(progress(&r, &done, &total), "round 1 of 1");
    assert_int_equal(total, 2);
    assert_int_equal(play(&r, "o"), TRIAL_ENOUGH);
    r.goal = (struct trial_goal){TRIAL_BATCH_CONFIRM, 1};
    r.lease++;
    assert_int_equal(play(&r, "olo"), TRIAL_ENOUGH);
    assert_string_equal(sequence(&r), "B0 H0 B0 H0 B0 H0");
    setup(&r, 1, 2, 0);
    assert_int_equal(play(&r, "off"), TRIAL_HOPELESS);
    assert_string_equal(sequence(&r), "B0 H0 B0 B0");
    setup(&r, TRIAL_ROUNDS_MIN, 2, 0);
    assert_true(trial_plan_times(&r.plan));
}

static void test_check(void **state)
{
    struct cail_err err;
    const struct trial_plan good = {10, 1, 5, true, 0, .05};
    (void)state;
    assert_int_equal(trial_plan_check(&good, TRIAL_ROUNDS_MIN, &err), 0);
#define BAD(field, value, at)                                                                      \
    do {                                                                                           \
        struct trial_plan bad = good;                                                              \
        bad.field = value;                                                                         \
        assert_int_equal(trial_plan_check(&bad, TRIAL_ROUNDS_MIN, &err), E_BAD_FIELD);             \
        assert_string_equal(err.pointer, at);                                                      \
    } while (0)
    BAD(rounds, 5, "/rounds");
    BAD(rounds, 201, "/rounds");
    assert_int_equal(
        trial_plan_check(&(struct trial_plan){1, 1, 2, true, 0, .05}, TRIAL_ROUNDS_CHECK, &err), 0);
    BAD(looks, 0, "/looks");
    BAD(looks, 6, "/looks");
    BAD(repeats_max, -1, "/repeats_max");
    BAD(repeats_max, 201, "/repeats_max");
    BAD(alpha, 0, "/alpha");
    BAD(alpha, .6, "/alpha");
    BAD(alpha, (double)NAN, "/alpha");
#undef BAD
}

static void test_underpowered(void **state)
{
    char text[400];
    int32_t rounds;
    const double nan = NAN, three = log(1.03), noise = .01 * sqrt(2);
    struct trial_plan p = {10, 1, 5, true, 0, .05};
    (void)state;
    assert_false(trial_underpowered(&p, 1, nan, three, &rounds, text, sizeof text));
    assert_string_equal(text, "10 rounds find a change of 3 % in 99 of 100 comparisons, were one "
                              "process to vary by 1 % (its noise is not known)");
    assert_in_range(rounds, 6, 10);
    /* 25 at once: .83 with 10, .945 with 11, .966 with 12, .991 with 13 */
    assert_false(trial_underpowered(&p, 25, noise, three, &rounds, text, sizeof text));
    assert_string_equal(text, "10 rounds find a change of 3 % in 83 of 100 comparisons among 25 "
                              "results, at the noise that was seen, 1.42 % a round");
    assert_int_equal(rounds, 13);
    assert_true(trial_underpowered(&p, 25, noise, log(1.01), &rounds, text, sizeof text));
    assert_non_null(strstr(text, "underpowered: 10 rounds find a change of 1 % in "));
    assert_true(rounds > 30);
    p.rounds = 8;
    assert_true(trial_underpowered(&p, 25, noise, three, &rounds, text, sizeof text));
    assert_string_equal(text,
                        "underpowered: 8 rounds cannot show any change among 25 results, for the "
                        "smallest p possible is 0.0078 and has to be 0.002; 13 rounds would");
    assert_true(trial_underpowered(&p, 1, .5, three, &rounds, text, sizeof text));
    assert_int_equal(rounds, 0);
    assert_non_null(strstr(text, "not even 200 rounds would"));
    p = (struct trial_plan){10, 5, 5, true, 0, .05}; /* each look at a fifth of alpha */
    assert_true(trial_underpowered(&p, 25, noise, three, &rounds, text, sizeof text));
    assert_true(trial_underpowered(&p, 1000, 0, 0, &rounds, text, sizeof text));
    assert_true(trial_underpowered(&p, 1000, 0, 0, &rounds, text, 10)); /* cut, not over */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_repeats),
        cmocka_unit_test(test_untimed),
        cmocka_unit_test(test_hopeless_names_the_slot),
        cmocka_unit_test(test_running_is_the_slot),
        cmocka_unit_test(test_looks_and_confirmation),
        cmocka_unit_test(test_crash_at_each_prefix),
        cmocka_unit_test(test_random_histories),
        cmocka_unit_test(test_always_ends),
        cmocka_unit_test(test_pair),
        cmocka_unit_test(test_progress),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_underpowered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
