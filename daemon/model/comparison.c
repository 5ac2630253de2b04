/* Comparisons: making, freeing, moving. */
#include "model/comparison.h"

#include <stdlib.h>

#include "base/mem.h"

struct comparison *comparison_new(void)
{
    struct comparison *c = mem_zalloc(sizeof *c);
    c->verdict = -1;
    c->exit_code = -1;
    return c;
}

void comparison_free(struct comparison *c)
{
    if (!c)
        return;
    free(c->name);
    free(c->recipe);
    free(c->spec);
    free(c->plan);
    free(c->user);
    free(c->pr);
    free(c->reason);
    free(c->judged);
    free(c);
}

int comparison_move(struct comparison *c, enum comparison_state to, int64_t now_us)
{
#define TO(s) (1u << COMPARISON_##s)
    static const unsigned allowed[COMPARISON_STATE_COUNT] = {
        [COMPARISON_PREPARING] = TO(MEASURING) | TO(JUDGING) | TO(FAILED) | TO(CANCELED),
        /* back to preparing: its lease was lost and it waits for another */
        [COMPARISON_MEASURING] = TO(PREPARING) | TO(JUDGING) | TO(FAILED) | TO(CANCELED),
        /* measuring: another look, or the confirmation */
        [COMPARISON_JUDGING] =
            TO(MEASURING) | TO(PREPARING) | TO(FINISHED) | TO(FAILED) | TO(CANCELED),
        [COMPARISON_FINISHED] = 0,
        [COMPARISON_FAILED] = 0,
        [COMPARISON_CANCELED] = 0,
    };
#undef TO
    if (!(allowed[c->state] & (1u << to)))
        return -1;
    c->state = to;
    c->finished_at_us = comparison_state_is_terminal(to) ? now_us : 0;
    return 0;
}
