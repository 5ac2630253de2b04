/* The sequence of a paired experiment, folded from what was taken so far.
 *
 * A pair is taken back to back: its second half is the very next thing that is begun. So a pair is
 * read from the history by looking at neighbours, and whatever stands between two halves (a crash,
 * a new lease with its warm-up) is what broke the pair.
 *
 * A pair without values (failed, lost, cut by a new lease) is taken again at once: a side that does
 * not work is found out early. A tainted pair waits until every round was begun, for a throttled
 * card wants time to cool and a busy neighbour to end. */
#include "trial/plan.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/* What is known of one round of the batch. */
struct round_seen {
    int32_t begun; /* pairs */
    bool clean, tainted;
    bool broken;              /* the newest pair has no values */
    int8_t fails[SIDE_COUNT]; /* takes in a row of this slot that failed */
};

struct tally {
    struct round_seen *round; /* goal->rounds */
    struct round_seen warm;   /* of the batch; clean = under the present lease, in any batch */
    int32_t repeats;          /* pairs begun again, warm-ups that nothing came of included */
    bool gain;                /* a pair became whole since the last warm-up was begun */
    bool open;                /* the last take is a good first half under the present lease */
};

/* AB BA AB ...; the warm-up is the round before round 0. */
static enum side begins(const struct trial_plan *plan, int32_t round)
{
    return (plan->seed ^ (uint64_t)round) & 1 ? SIDE_HEAD : SIDE_BASE;
}

static enum side other(enum side s)
{
    return s == SIDE_BASE ? SIDE_HEAD : SIDE_BASE;
}

static bool has_value(const struct trial_taken *t)
{
    return t->state == MEASUREMENT_OK || t->state == MEASUREMENT_TAINTED;
}

/* a and b, begun one after the other, are the two halves of one pair. */
static bool halves(const struct trial_taken *a, const struct trial_taken *b)
{
    return a->batch == b->batch && a->round == b->round && a->lease == b->lease &&
           a->side != b->side && has_value(a);
}

static bool budget_left(const struct trial_plan *plan, const struct tally *t)
{
    return t->repeats < plan->repeats_max;
}

static void note_pair(struct round_seen *r, bool tainted)
{
    *(tainted ? &r->tainted : &r->clean) = true;
    r->broken = false;
}

/* A warm-up is part of the plan when something was won since the last one: then the lease was lost
 * between rounds. Otherwise it is a repeat, so a machine that dies in every warm-up comes to an
 * end. */
static void note_begin(struct tally *t, struct round_seen *r)
{
    if (r == &t->warm) {
        t->repeats += r->begun > 0 && !t->gain;
        t->gain = false;
    } else {
        t->repeats += r->begun > 0;
    }
    r->begun++;
    r->broken = true; /* until it is whole */
}

static struct round_seen *seen_of(struct tally *t, const struct trial_goal *goal,
                                  const struct trial_taken *x)
{
    if (x->batch != goal->batch)
        return NULL;
    if (x->round == TRIAL_WARM_UP)
        return &t->warm;
    return x->round >= 0 && x->round < goal->rounds ? &t->round[x->round] : NULL;
}

/* One take; returns whether it is the first half of a pair whose second may follow. */
static bool fold(struct tally *t, const struct trial_goal *goal, const struct trial_taken *x,
                 const struct trial_taken *first, int32_t lease)
{
    struct round_seen *r = seen_of(t, goal, x);
    bool whole = first != NULL && has_value(x);

    if (whole && x->round == TRIAL_WARM_UP && x->lease == lease)
        t->warm.clean = true;
    if (r != NULL) {
        if (first == NULL)
            note_begin(t, r);
        if (whole && r == &t->warm)
            r->broken = false;
        else if (whole)
            note_pair(r, x->state == MEASUREMENT_TAINTED || first->state == MEASUREMENT_TAINTED);
        t->gain |= whole && r != &t->warm;
        int8_t *fails = &r->fails[x->side];
        *fails = x->state == MEASUREMENT_FAILED ? (int8_t)(*fails < 2 ? *fails + 1 : 2) : 0;
    }
    return first == NULL && has_value(x);
}

static void tally(struct tally *t, const struct trial_plan *plan, const struct trial_goal *goal,
                  const struct trial_taken *taken, size_t n, int32_t lease)
{
    bool open = false;

    memset(t, 0, sizeof *t);
    t->warm.clean = !trial_plan_times(plan);
    t->round = mem_array((size_t)(goal->rounds > 0 ? goal->rounds : 1), sizeof *t->round);
    for (size_t i = 0; i < n; i++) {
        bool second = open && halves(&taken[i - 1], &taken[i]);
        open = fold(t, goal, &taken[i], second ? &taken[i - 1] : NULL, lease);
    }
    t->open = open && taken[n - 1].lease == lease && taken[n - 1].batch == goal->batch;
}

static void tally_done(struct tally *t)
{
    mem_freep(&t->round);
}

static bool satisfied(const struct trial_plan *plan, const struct tally *t,
                      const struct round_seen *r)
{
    return r->clean || (r->tainted && !budget_left(plan, t));
}

static bool goal_reached(const struct trial_plan *plan, const struct trial_goal *goal,
                         const struct tally *t)
{
    for (int32_t i = 0; i < goal->rounds; i++)
        if (!satisfied(plan, t, &t->round[i]))
            return false;
    return true;
}

/* A slot that failed twice in a row. *side is the one. */
static bool fails_again(const struct round_seen *r, enum side *side)
{
    *side = r->fails[SIDE_HEAD] >= 2 ? SIDE_HEAD : SIDE_BASE;
    return r->fails[*side] >= 2;
}

static bool find_hopeless(const struct trial_goal *goal, const struct tally *t,
                          struct trial_slot *ret)
{
    enum side side;

    if (!t->warm.clean && fails_again(&t->warm, &side)) {
        *ret = (struct trial_slot){goal->batch, TRIAL_WARM_UP, side};
        return true;
    }
    for (int32_t i = 0; i < goal->rounds; i++) {
        if (t->round[i].clean || !fails_again(&t->round[i], &side))
            continue;
        *ret = (struct trial_slot){goal->batch, i, side};
        return true;
    }
    return false;
}

/* The round whose pair is begun next, under a warm lease; -1 = none can be. Broken ones first, then
 * new ones, then tainted ones, of these the one that was taken least. */
static int32_t pick_round(const struct trial_plan *plan, const struct trial_goal *goal,
                          const struct tally *t, int32_t *ret_stuck)
{
    int32_t fresh = -1, tainted = -1;

    for (int32_t i = 0; i < goal->rounds; i++) {
        const struct round_seen *r = &t->round[i];
        if (satisfied(plan, t, r))
            continue;
        if (r->begun == 0) {
            fresh = fresh < 0 ? i : fresh;
        } else if (r->broken) {
            *ret_stuck = i;
            return budget_left(plan, t) ? i : -1;
        } else if (tainted < 0 || r->begun < t->round[tainted].begun) {
            tainted = i;
        }
    }
    return fresh >= 0 ? fresh : tainted;
}

static enum trial_next take(struct trial_slot *ret, int32_t batch, int32_t round, enum side side)
{
    *ret = (struct trial_slot){batch, round, side};
    return TRIAL_TAKE;
}

static enum trial_next begin(const struct trial_plan *plan, const struct trial_goal *goal,
                             const struct tally *t, struct trial_slot *ret)
{
    int32_t stuck = -1, round;

    if (!t->warm.clean) {
        bool paid = t->warm.begun == 0 || t->gain || budget_left(plan, t);
        take(ret, goal->batch, TRIAL_WARM_UP, begins(plan, TRIAL_WARM_UP));
        return paid ? TRIAL_TAKE : TRIAL_HOPELESS;
    }
    round = pick_round(plan, goal, t, &stuck);
    if (round >= 0)
        return take(ret, goal->batch, round, begins(plan, round));
    *ret = (struct trial_slot){goal->batch, stuck, begins(plan, stuck)};
    return TRIAL_HOPELESS;
}

static enum trial_next decide(const struct trial_plan *plan, const struct trial_goal *goal,
                              const struct trial_taken *taken, size_t n, const struct tally *t,
                              struct trial_slot *ret)
{
    const struct trial_taken *last = n > 0 ? &taken[n - 1] : NULL;

    if (t->open && last->round < goal->rounds)
        return take(ret, last->batch, last->round, other(last->side));
    if (goal_reached(plan, goal, t))
        return TRIAL_ENOUGH;
    if (find_hopeless(goal, t, ret))
        return TRIAL_HOPELESS;
    if (n >= TRIAL_TAKEN_MAX) {
        *ret = (struct trial_slot){last->batch, last->round, last->side};
        return TRIAL_HOPELESS;
    }
    enum trial_next next = begin(plan, goal, t, ret);
    if (next == TRIAL_HOPELESS && last != NULL && last->round == ret->round)
        ret->side = last->side; /* it used the last repeat up */
    return next;
}

enum trial_next trial_next(const struct trial_plan *plan, const struct trial_goal *goal,
                           const struct trial_taken *taken, size_t n, int32_t lease,
                           struct trial_slot *ret)
{
    struct tally t;
    enum trial_next next;

    if (n > 0 && taken[n - 1].state == MEASUREMENT_RUNNING)
        return take(ret, taken[n - 1].batch, taken[n - 1].round, taken[n - 1].side);
    tally(&t, plan, goal, taken, n, lease);
    next = decide(plan, goal, taken, n, &t, ret);
    tally_done(&t);
    return next;
}

bool trial_pair(const struct trial_taken *taken, size_t n, int32_t batch, int32_t round,
                size_t *ret_base, size_t *ret_head)
{
    bool found = false, found_clean = false;

    for (size_t i = 1; i < n; i++) {
        const struct trial_taken *a = &taken[i - 1], *b = &taken[i];
        if (b->batch != batch || b->round != round || !halves(a, b) || !has_value(b))
            continue;
        bool clean = a->state == MEASUREMENT_OK && b->state == MEASUREMENT_OK;
        if (clean || !found_clean) {
            *ret_base = a->side == SIDE_BASE ? i - 1 : i;
            *ret_head = a->side == SIDE_BASE ? i : i - 1;
            found = true;
            found_clean |= clean;
        }
        i++; /* the second half of this pair is nobody's first */
    }
    return found;
}

/* Processes still to come when all goes well from here. */
static int32_t still_to_come(const struct trial_plan *plan, const struct trial_goal *goal,
                             const struct tally *t, const struct trial_taken *last)
{
    int32_t pairs = 0, tainted = 0, left = plan->repeats_max - t->repeats;
    bool open_round = t->open && last->round >= 0;

    for (int32_t i = 0; i < goal->rounds; i++) {
        const struct round_seen *r = &t->round[i];
        if (satisfied(plan, t, r) || (open_round && last->round == i))
            continue;
        *(r->begun > 0 && !r->broken ? &tainted : &pairs) += 1;
    }
    pairs += tainted < left ? tainted : left > 0 ? left : 0;
    if (t->open)
        return 2 * pairs + 1;
    return 2 * pairs + (t->warm.clean || pairs == 0 ? 0 : 2);
}

static int32_t rounds_left(const struct trial_plan *plan, const struct trial_goal *goal,
                           const struct tally *t)
{
    int32_t left = 0;

    for (int32_t i = 0; i < goal->rounds; i++)
        left += !satisfied(plan, t, &t->round[i]);
    return left;
}

/* What stands at `slot`, in words. */
static void say_slot(const struct trial_plan *plan, const struct trial_goal *goal,
                     const struct tally *t, const struct trial_slot *slot, char *text, size_t len)
{
    const char *batch = slot->batch == TRIAL_BATCH_CONFIRM ? "confirming: " : "";

    if (slot->round == TRIAL_WARM_UP)
        snprintf(text, len, "%swarm-up%s, then %d rounds", batch, t->warm.begun > 1 ? " again" : "",
                 rounds_left(plan, goal, t));
    else if (slot->round < goal->rounds && t->round[slot->round].begun > 1)
        snprintf(text, len, "%sround %d of %d again (%d of at most %d repeats)", batch,
                 slot->round + 1, goal->rounds, t->repeats, plan->repeats_max);
    else
        snprintf(text, len, "%sround %d of %d", batch, slot->round + 1, goal->rounds);
}

void trial_progress(const struct trial_plan *plan, const struct trial_goal *goal,
                    const struct trial_taken *taken, size_t n, int32_t *ret_done,
                    int32_t *ret_total, char *text, size_t len)
{
    const struct trial_taken *last = n > 0 ? &taken[n - 1] : NULL;
    bool running = n > 0 && last->state == MEASUREMENT_RUNNING;
    size_t ended = running ? n - 1 : n;
    int32_t lease = last != NULL ? last->lease : 0, done = 0;
    struct trial_slot slot;
    struct tally t;

    for (size_t i = 0; i < ended; i++)
        done += taken[i].batch == goal->batch;
    tally(&t, plan, goal, taken, ended, lease);
    enum trial_next next = decide(plan, goal, taken, ended, &t, &slot);
    *ret_done = done;
    *ret_total = done + (next == TRIAL_TAKE
                             ? still_to_come(plan, goal, &t, ended > 0 ? &taken[ended - 1] : NULL)
                             : 0);
    if (running) {
        tally_done(&t); /* a pair that runs is begun: it counts in the words */
        tally(&t, plan, goal, taken, n, lease);
        slot = (struct trial_slot){last->batch, last->round, last->side};
        say_slot(plan, goal, &t, &slot, text, len);
    } else if (next == TRIAL_TAKE) {
        say_slot(plan, goal, &t, &slot, text, len);
    } else if (next == TRIAL_ENOUGH) {
        snprintf(text, len, "%s%d of %d rounds",
                 goal->batch == TRIAL_BATCH_CONFIRM ? "confirming: " : "", goal->rounds,
                 goal->rounds);
    } else {
        char where[80];
        say_slot(plan, goal, &t, &slot, where, sizeof where);
        snprintf(text, len, "%s fails again and again at %s", side_words[slot.side], where);
    }
    tally_done(&t);
}

bool trial_plan_times(const struct trial_plan *plan)
{
    return plan->rounds >= TRIAL_ROUNDS_MIN;
}

int trial_plan_check(const struct trial_plan *plan, int32_t rounds_min, struct cail_err *err)
{
    if (plan->rounds < rounds_min || plan->rounds > TRIAL_ROUNDS_MAX)
        return err_set_at(err, E_BAD_FIELD, "/rounds",
                          "rounds is %d; it must be %d to %d (under %d no paired test can reach "
                          "alpha .05), usually %d",
                          plan->rounds, rounds_min, TRIAL_ROUNDS_MAX, TRIAL_ROUNDS_MIN,
                          TRIAL_ROUNDS_DEFAULT);
    if (plan->looks < 1 || plan->looks > TRIAL_LOOKS_MAX)
        return err_set_at(err, E_BAD_FIELD, "/looks", "looks is %d; it must be 1 to %d",
                          plan->looks, TRIAL_LOOKS_MAX);
    if (plan->repeats_max < 0 || plan->repeats_max > TRIAL_ROUNDS_MAX)
        return err_set_at(err, E_BAD_FIELD, "/repeats_max", "repeats_max is %d; it must be 0 to %d",
                          plan->repeats_max, TRIAL_ROUNDS_MAX);
    if (!(plan->alpha > 0 && plan->alpha <= .2))
        return err_set_at(err, E_BAD_FIELD, "/alpha",
                          "alpha is %g; it must be over 0 and at most .2, usually .05",
                          plan->alpha);
    return E_OK;
}
