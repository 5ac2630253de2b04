/* The room's door: connects core to the loop, the clock, the probe and /proc. */
#include "gpu/gpu.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "gpu/core.h"
#include "gpu/feed.h"
#include "gpu/owner.h"

enum { TICK_MS = 500 };

struct gpu {
    struct core core;
    struct gpu_config config;
    struct feed *feed;
    struct owners *owners;
    uv_timer_t timer;
    bool closing;
    int parts; /* that still close */
    void (*closed)(void *arg);
    void *closed_arg;
};

/* --- after each event --- */

static void tell_rates(struct gpu *g)
{
    struct inventory *v = &g->core.inv;
    for (size_t i = 0; i < v->n; i++) {
        int hz = core_hz(&g->core, i);
        if (v->card[i].health != GPU_GONE && v->slot[i].hz_told != hz &&
            feed_rate(g->feed, v->card[i].uuid, hz))
            v->slot[i].hz_told = hz;
    }
}

/* Callbacks may call anything of gpu.h. */
static void after_event(struct gpu *g)
{
    checks_tell(&g->core.checks);
    if (g->closing)
        return;
    tell_rates(g);
    if (inventory_changed(&g->core.inv) && g->config.changed)
        g->config.changed(g->config.arg);
}

/* --- events --- */

static int on_line(void *arg, const char *p, size_t len)
{
    struct gpu *g = arg;
    return core_line(&g->core, p, len, clock_mono_us());
}

static void on_pause(void *arg)
{
    after_event(arg);
}

/* The cards stay what they were; without samples they soon go stale. */
static void on_down(void *arg, const char *why)
{
    struct gpu *g = arg;
    size_t n = strnlen(why, sizeof g->core.inv.none - 1);
    memcpy(g->core.inv.none, why, n);
    g->core.inv.none[n] = 0;
    after_event(g);
}

static void on_found(void *arg)
{
    struct gpu *g = arg;
    core_judge(&g->core, clock_mono_us());
    after_event(g);
}

static void on_tick(uv_timer_t *t)
{
    struct gpu *g = t->data;
    core_tick(&g->core, clock_mono_us());
    after_event(g);
}

static void who(void *arg, struct gpu_proc *p, int64_t now)
{
    struct gpu *g = arg;
    owners_ask(g->owners, p, now);
}

static bool is_ours(void *arg, const char *token)
{
    struct gpu *g = arg;
    return g->config.is_ours && g->config.is_ours(g->config.arg, token);
}

/* --- open and close --- */

int gpu_open(struct gpu **ret, uv_loop_t *loop, const struct gpu_config *config,
             struct cail_err *err)
{
    struct gpu *g = mem_zalloc(sizeof *g);
    g->config = *config;
    struct feed_config feed = {
        FEED_DEFAULTS,   .probe = config->probe, .nvml_path = config->nvml_path,
        .line = on_line, .pause = on_pause,      .down = on_down,
        .arg = g};
    int code = feed_open(&g->feed, loop, &feed, err);
    if (code) {
        free(g);
        return code;
    }
    BUG_ON(uv_timer_init(loop, &g->timer)); /* it has no way to fail */
    core_init(&g->core, &(struct core_config){who, is_ours, g});
    g->owners = owners_new(loop, on_found, g);
    g->timer.data = g;
    uv_timer_start(&g->timer, on_tick, TICK_MS, TICK_MS);
    *ret = g;
    return 0;
}

static void part_closed(void *arg)
{
    struct gpu *g = arg;
    if (--g->parts)
        return;
    void (*closed)(void *arg) = g->closed;
    void *closed_arg = g->closed_arg;
    core_done(&g->core);
    free(g);
    closed(closed_arg);
}

static void on_timer_closed(uv_handle_t *h)
{
    part_closed(h->data);
}

void gpu_close(struct gpu *g, void (*done)(void *arg), void *arg)
{
    g->closing = true;
    g->closed = done;
    g->closed_arg = arg;
    g->parts = 2;
    checks_free(&g->core.checks);
    owners_free(g->owners);
    uv_close((uv_handle_t *)&g->timer, on_timer_closed);
    feed_close(g->feed, part_closed, g);
}

/* --- questions --- */

size_t gpu_cards(const struct gpu *g, const struct gpu_card **ret)
{
    *ret = g->core.inv.card;
    return g->core.inv.n;
}

const struct gpu_card *gpu_find(const struct gpu *g, const char *uuid)
{
    int i = inventory_find(&g->core.inv, uuid);
    return i < 0 ? NULL : &g->core.inv.card[i];
}

bool gpu_is_known(const struct gpu *g)
{
    return g->core.inv.n || strcmp(g->core.inv.none, INVENTORY_LOOKING) != 0;
}

const char *gpu_none_reason(const struct gpu *g)
{
    for (size_t i = 0; i < g->core.inv.n; i++)
        if (g->core.inv.card[i].health != GPU_GONE)
            return "";
    return g->core.inv.none[0] ? g->core.inv.none : "every card is gone";
}

void gpu_versions(const struct gpu *g, const char **ret_driver, int32_t *ret_cuda)
{
    *ret_driver = g->core.inv.driver;
    *ret_cuda = g->core.inv.cuda;
}

int gpu_drain(struct gpu *g, const char *uuid, bool on, const char *note, struct cail_err *err)
{
    int i = inventory_find(&g->core.inv, uuid);
    if (i < 0)
        return err_set(err, E_NOT_FOUND, "there is no card '%.80s'", uuid);
    inventory_drain(&g->core.inv, (size_t)i, on, note, clock_mono_us());
    return 0;
}

/* --- leases --- */

void gpu_check(struct gpu *g, const char *const *uuids, size_t n, gpu_checked done, void *arg)
{
    checks_add(&g->core.checks, CHECK_BEFORE, uuids, n, clock_mono_us(), CHECK_US, done, arg);
    tell_rates(g);
}

void gpu_check_cancel(struct gpu *g, void *arg)
{
    checks_cancel(&g->core.checks, arg);
}

void gpu_settle(struct gpu *g, const char *const *uuids, size_t n, int64_t settle_ms,
                gpu_checked done, void *arg)
{
    checks_add(&g->core.checks, CHECK_SETTLE, uuids, n, clock_mono_us(), settle_ms * 1000, done,
               arg);
    tell_rates(g);
}

void gpu_record_start(struct gpu *g, int64_t attempt_id, const char *token,
                      const char *const *uuids, size_t n, bool fast)
{
    int64_t now = clock_mono_us();
    struct record *x =
        record_start(&g->core.records, attempt_id, token, uuids, n, fast, now, clock_wall_us());
    for (size_t i = 0; i < g->core.inv.n; i++)
        record_seed(x, &g->core.inv.card[i]);
    core_judge(&g->core, now);
    tell_rates(g);
}

bool gpu_record_json(const struct gpu *g, int64_t attempt_id, struct jw *w)
{
    const struct record *x = record_find(&g->core.records, attempt_id);
    if (x)
        record_json(x, clock_mono_us(), w);
    return x != NULL;
}

char *gpu_record_end(struct gpu *g, int64_t attempt_id, struct gpu_verdict *ret)
{
    int64_t now = clock_mono_us();
    struct record *x = record_find(&g->core.records, attempt_id);
    if (!x) {
        *ret = (struct gpu_verdict){.reasons = "unobserved"};
        return NULL;
    }
    struct str out = STR_INIT;
    struct jw w = JW(&out);
    record_verdict(x, now, ret);
    record_json(x, now, &w);
    record_free(&g->core.records, x);
    core_judge(&g->core, now);
    tell_rates(g);
    return str_take(&out);
}
