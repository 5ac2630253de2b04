/* Checks: compared by status, over all rounds of both batches. */
#include <stdlib.h>

#include "trial/rows.h"

struct outcome {
    int32_t passed, failed;
    enum result_status last;
};

/* Skipped and not verified are no outcome: the check was not made. */
static void note(struct outcome *o, const struct trial_obs *x)
{
    o->last = x->status;
    o->passed += x->status == RESULT_OK;
    o->failed += x->status == RESULT_FAILED || x->status == RESULT_NAN;
}

static void collect(struct outcome of[SIDE_COUNT], const struct trial_grid *g, int32_t series)
{
    of[SIDE_BASE] = of[SIDE_HEAD] = (struct outcome){0, 0, RESULT_STATUS_COUNT};
    for (size_t i = g->from[series]; i < g->from[series + 1]; i++)
        note(&of[g->obs[i]->side], g->obs[i]);
}

static bool mixed(const struct outcome *o)
{
    return o->passed > 0 && o->failed > 0;
}

static bool made(const struct outcome *o)
{
    return o->passed > 0 || o->failed > 0;
}

bool trial_check_judge(const struct trial_grid *g, int32_t series, struct trial_check *ret)
{
    struct outcome of[SIDE_COUNT];
    const struct outcome *b = &of[SIDE_BASE], *h = &of[SIDE_HEAD];

    collect(of, g, series);
    *ret = (struct trial_check){.series = series, .base = b->last, .head = h->last};
    if (mixed(b) || mixed(h)) {
        ret->verdict = CHECK_FLAKY;
    } else if (!made(h)) {
        ret->verdict = CHECK_REMOVED;
        return made(b);
    } else if (h->failed > 0 && b->failed > 0) {
        ret->verdict = CHECK_STILL_FAILING;
    } else if (h->failed > 0) {
        /* that the base lacks it is no excuse: it fails with the change */
        ret->verdict = CHECK_NEW_FAILURE;
        ret->once = h->failed == 1;
    } else if (b->failed > 0) {
        ret->verdict = CHECK_FIXED;
    } else {
        ret->verdict = CHECK_NEW;
        return !made(b);
    }
    return true;
}
