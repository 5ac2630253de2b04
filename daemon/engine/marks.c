/* What people say of the history of results, on its way to the store. */
#include "base/mem.h"
#include "engine/internal.h"
#include "store/series.h"

void engine_put_baseline(struct engine *e, struct baseline *x, uid_t uid)
{
    x->user = mem_strdup(submit_user(uid));
    x->at_us = clock_wall_us();
    store_put_baseline(pump_batch(e), x);
}

void engine_put_release(struct engine *e, struct release *x, uid_t uid)
{
    x->user = mem_strdup(submit_user(uid));
    x->at_us = clock_wall_us();
    store_put_release(pump_batch(e), x);
}

void engine_put_annotation(struct engine *e, struct annotation *x, uid_t uid)
{
    x->id = ++e->ids.annotation;
    x->user = mem_strdup(submit_user(uid));
    x->at_us = clock_wall_us();
    store_put_annotation(pump_batch(e), x);
}

void engine_put_change_state(struct engine *e, int64_t series_id, struct change_state_row *x,
                             uid_t uid)
{
    x->user = mem_strdup(submit_user(uid));
    x->at_us = clock_wall_us();
    store_put_change_state(pump_batch(e), series_id, x);
}
