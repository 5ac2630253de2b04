/* The paired experiment as a sequence: which side runs next. PURE, and without hidden state: the
 * answer follows from the plan and from what was taken so far, so a restart asks again with the
 * rows of the store and goes on where it was.
 *
 * Rounds are pairs of fresh processes, one a side, in the order AB BA AB ...; who begins comes from
 * the seed. One warm-up round (both sides) is dropped by rule, and again whenever the lease is new,
 * for its cards and cores are cold then. A pair counts only when both of its halves were measured
 * under the same lease: otherwise, or when a half was tainted or failed, the whole pair is taken
 * again, a bounded number of times, and never dropped silently. A pair without values comes again
 * at once, a tainted one after the last round. */
#ifndef TRIAL_PLAN_H
#define TRIAL_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/word.h"

enum {
    TRIAL_ROUNDS_MIN = 6,   /* below it no paired test can reach alpha .05: nothing is timed */
    TRIAL_ROUNDS_CHECK = 1, /* of tests alone, which pass or fail */
    TRIAL_ROUNDS_MAX = 200, /* of one look */
    TRIAL_ROUNDS_DEFAULT = 10,
    TRIAL_ROUNDS_UNASKED_MAX = 20, /* where nobody said how many: at most as many are taken */
    TRIAL_LOOKS_MAX = 5,
    TRIAL_TAKEN_MAX = 4096,
};

struct trial_plan {
    int32_t rounds;      /* of a look */
    int32_t looks;       /* fixed before the first one; each is judged at alpha / looks */
    int32_t repeats_max; /* pairs taken again over one batch, for whatever reason */
    bool confirm;        /* a change must show again in a fresh batch, judged alone */
    uint64_t seed;       /* bit 0: who begins round 0 */
    double alpha;        /* .05 */
};

/* Batch 0 is the experiment: look k has rounds [0, (k + 1) * rounds). Batch 1 confirms. */
enum { TRIAL_BATCH_MAIN = 0, TRIAL_BATCH_CONFIRM = 1, TRIAL_WARM_UP = -1 };

struct trial_taken {
    int32_t batch;
    int32_t round; /* TRIAL_WARM_UP, 0.. */
    enum side side;
    enum measurement_state state;
    int32_t lease; /* counts leases of this comparison from 0 */
    int64_t attempt_id;
};

/* What is wanted now: pairs of `batch` up to `rounds`. */
struct trial_goal {
    int32_t batch, rounds;
};

struct trial_slot {
    int32_t batch, round;
    enum side side;
};

enum trial_next {
    TRIAL_TAKE,    /* *ret runs next */
    TRIAL_ENOUGH,  /* the goal is reached: judge */
    TRIAL_HOPELESS /* a side fails again and again: *ret names its last slot; judge what is there */
};

/* `taken` in the order in which they were begun; the last may be RUNNING, then it is the slot
 * itself that is returned. lease = the present one. O(n). */
enum trial_next trial_next(const struct trial_plan *plan, const struct trial_goal *goal,
                           const struct trial_taken *taken, size_t n, int32_t lease,
                           struct trial_slot *ret);

/* The pair that counts for (batch, round): indexes into taken, or false. The newest whole pair; a
 * tainted one only when no clean one is there. */
bool trial_pair(const struct trial_taken *taken, size_t n, int32_t batch, int32_t round,
                size_t *ret_base, size_t *ret_head);

/* "round 7 of 10", with repeats and warm-up said in words; and how many of how many processes. */
void trial_progress(const struct trial_plan *plan, const struct trial_goal *goal,
                    const struct trial_taken *taken, size_t n, int32_t *ret_done,
                    int32_t *ret_total, char *text, size_t len);

/* Before anything runs: what `rounds` can see. n_series = how many are tested at once (1 if
 * unknown), noise = standard deviation of ln(head/base) of identical code (NaN = unknown, then 1 %
 * a side is taken and said), effect = the smallest that matters (ln). Fills a sentence for a person
 * and returns true when the plan is underpowered (power < .8), with *ret_rounds = what .975 would
 * take (0 = more than TRIAL_ROUNDS_MAX). Smallest p possible at all is 2/2^R: said when it is above
 * alpha / n. */
bool trial_underpowered(const struct trial_plan *plan, int32_t n_series, double noise,
                        double effect, int32_t *ret_rounds, char *text, size_t len);

/* Figures with noise can be told apart at all. Else only tests and exact figures are compared, and
 * no round is spent on warming up. */
bool trial_plan_times(const struct trial_plan *plan);

/* Ranges of a plan, with JSON Pointers ("/rounds") and what would do. rounds_min =
 * TRIAL_ROUNDS_MIN, or TRIAL_ROUNDS_CHECK. */
int trial_plan_check(const struct trial_plan *plan, int32_t rounds_min,
                     struct cail_err *err) NODISCARD;

#endif
