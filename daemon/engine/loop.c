/* The hooks by which the engine hangs in the loop: every turn hands over what it brought, timers
 * ask the scheduler, look at logs and tidy up. */
#include "engine/bisect.h"
#include "engine/internal.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"

enum { SPACE_LOOK_US = 2000000 };

static void count_stall(struct engine *e, int64_t us)
{
    static const int64_t edge_us[] = {1000, 2000, 5000, 10000, 20000, 50000, 100000};
    size_t i = 0;
    while (i < ARRAY_LEN(edge_us) && us >= edge_us[i])
        i++;
    e->stats.stall_bucket[i]++;
    if ((uint64_t)us > e->stats.stall_us_max)
        e->stats.stall_us_max = (uint64_t)us;
}

static void arm_sched_timer(struct engine *e);

static void turn(struct engine *e)
{
    if (e->failed && !e->closing)
        load_anew(e);
    pump_flush(e);
    arm_sched_timer(e);
}

/* Before the poll: everything that timers and callbacks brought is handed over. */
static void on_prepare(uv_prepare_t *h)
{
    struct engine *e = h->data;
    turn(e);
    if (e->poll_left_mono_us)
        count_stall(e, clock_mono_us() - e->poll_left_mono_us);
}

/* After the poll and its callbacks. */
static void on_check(uv_check_t *h)
{
    struct engine *e = h->data;
    turn(e);
    e->poll_left_mono_us = clock_mono_us();
}

static void on_store(uv_async_t *h)
{
    struct engine *e = h->data;
    struct store_stats stats;
    if (!e->store)
        return;
    store_poll(e->store);
    store_stats(e->store, &stats);
    if (stats.waits_for_space && e->sched && !e->failed)
        pump_disk_full(e); /* that batch waits; what comes now is refused at once */
}

static void on_sched_timer(uv_timer_t *h)
{
    ((struct engine *)h->data)->dirty = true;
}

static void arm_sched_timer(struct engine *e)
{
    if (!e->sched || e->failed)
        return;
    int64_t now = clock_wall_us(), at = sched_wake_at_us(e->sched, now);
    if (at == INT64_MAX) {
        uv_timer_stop(&e->sched_timer);
        return;
    }
    int64_t ms = at > now ? (at - now) / 1000 + 1 : 1;
    /* Wall time may be set: look again within 30 s whatever it says. */
    uv_timer_start(&e->sched_timer, on_sched_timer, (uint64_t)(ms < 30000 ? ms : 30000), 0);
}

static void reserve_back(void *arg, bool back)
{
    struct engine *e = arg;
    e->looks_for_space = false;
    if (!back || !e->disk_full)
        return;
    e->disk_full = false;
    queue_apply_pause(e);
    e->dirty = true;
    log_info("there is space again: jobs are taken and started");
}

/* While the disk is full. One look at a time: the writer itself may be waiting for space. */
static void look_for_space(struct engine *e)
{
    int64_t now = clock_mono_us();
    if (e->failed || !e->store || e->looks_for_space || now < e->looked_mono_us + SPACE_LOOK_US)
        return;
    e->looks_for_space = true;
    e->looked_mono_us = now;
    store_retry_reserve(e->store, reserve_back, e);
}

static void on_tail_timer(uv_timer_t *h)
{
    struct engine *e = h->data;
    tail_tick(e);
    if (e->disk_full)
        look_for_space(e);
}

static void drop_old_idems(struct engine *e)
{
    int64_t before = clock_wall_us() - IDEMPOTENCY_KEEP_S * INT64_C(1000000);
    struct idem *i, *tmp;
    size_t dropped = 0;
    HASH_ITER(hh, e->idems, i, tmp) { /* insertion order: the oldest come first */
        if (i->at_us >= before && HASH_COUNT(e->idems) <= IDEMPOTENCY_KEYS_MAX)
            break;
        HASH_DEL(e->idems, i);
        free(i->key);
        free(i);
        dropped++;
    }
    if (dropped)
        store_drop_idem(pump_batch(e), before);
}

static void on_minute(uv_timer_t *h)
{
    struct engine *e = h->data;
    if (e->failed || !e->store)
        return;
    drop_old_idems(e);
    keep_tick(e);
    bisect_resume(e); /* what could not be queued before */
}

void engine_log_watch(struct engine *e, bool on)
{
    e->log_watchers += on ? 1 : -1;
    uint64_t every_ms = e->log_watchers ? 100 : 500;
    uv_timer_start(&e->tail_timer, on_tail_timer, every_ms, every_ms);
}

void loop_init(struct engine *e)
{
    uv_async_init(e->loop, &e->store_wake, on_store);
    uv_prepare_init(e->loop, &e->prepare);
    uv_check_init(e->loop, &e->check);
    uv_timer_init(e->loop, &e->sched_timer);
    uv_timer_init(e->loop, &e->tail_timer);
    uv_timer_init(e->loop, &e->minute_timer);
    uv_handle_t *all[] = {(uv_handle_t *)&e->store_wake, (uv_handle_t *)&e->prepare,
                          (uv_handle_t *)&e->check,      (uv_handle_t *)&e->sched_timer,
                          (uv_handle_t *)&e->tail_timer, (uv_handle_t *)&e->minute_timer};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        all[i]->data = e;
    e->handles = ARRAY_LEN(all);
}

void loop_run(struct engine *e)
{
    uv_prepare_start(&e->prepare, on_prepare);
    uv_check_start(&e->check, on_check);
    uv_timer_start(&e->tail_timer, on_tail_timer, 500, 500);
    uv_timer_start(&e->minute_timer, on_minute, 2000, 60000);
}

static void handle_closed(uv_handle_t *h)
{
    ((struct engine *)h->data)->handles--;
}

void loop_close(struct engine *e)
{
    uv_close((uv_handle_t *)&e->store_wake, handle_closed);
    uv_close((uv_handle_t *)&e->prepare, handle_closed);
    uv_close((uv_handle_t *)&e->check, handle_closed);
    uv_close((uv_handle_t *)&e->sched_timer, handle_closed);
    uv_close((uv_handle_t *)&e->tail_timer, handle_closed);
    uv_close((uv_handle_t *)&e->minute_timer, handle_closed);
    while (e->handles)
        uv_run(e->loop, UV_RUN_ONCE);
}
