/* Opening, loading, adopting, loading anew after a failed commit, closing. */
#include "engine/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fsx.h"
#include "base/log.h"
#include "base/mem.h"
#include "wire/json.h"

/* --- rows -> memory --- */

static void load_queue(void *arg, struct queue *q)
{
    struct engine *e = arg;
    HASH_ADD_KEYPTR(hh, e->queues, q->name, strlen(q->name), q);
    sched_set_queue(e->sched, q->name, q->limit, q->paused);
}

static void load_group(void *arg, struct group *g)
{
    struct engine *e = arg;
    HASH_ADD(hh, e->groups, id, sizeof g->id, g);
    sched_set_group(e->sched, g->id, g->max_parallel, g->fail_fast);
}

static void load_job(void *arg, struct job *j)
{
    struct engine *e = arg;
    HASH_ADD(hh, e->jobs, id, sizeof j->id, j);
    queue_named(e, j->queue);
    e->n_live++;
}

static void load_attempt(void *arg, struct attempt *a)
{
    struct engine *e = arg;
    struct job *j = engine_job(e, a->job_id);
    if (!j || attempt_state_is_terminal(a->state)) {
        attempt_free(a);
        return;
    }
    j->attempt = a;
}

static void load_cache(void *arg, struct cache_entry *c)
{
    struct engine *e = arg;
    HASH_ADD_KEYPTR(hh, e->cache, c->key, strlen(c->key), c);
}

static void load_idem(void *arg, const char *key, const char *sha, int64_t job, int64_t group,
                      int64_t at_us)
{
    struct engine *e = arg;
    struct idem *i = mem_zalloc(sizeof *i);
    i->key = mem_strdup(key);
    snprintf(i->body_sha256, sizeof i->body_sha256, "%s", sha);
    i->job = job;
    i->group = group;
    i->at_us = at_us;
    HASH_ADD_KEYPTR(hh, e->idems, i->key, strlen(i->key), i);
}

static void load_setting(void *arg, const char *key, const char *value)
{
    struct engine *e = arg;
    if (strcmp(key, "paused") == 0)
        e->paused = value[0] == '1';
    else if (strcmp(key, "draining") == 0)
        e->draining = value[0] == '1';
}

/* --- states of jobs that are only rows, for `after` --- */

struct states {
    int64_t *id;
    int *state;
    size_t n, cap;
    struct cail_err err;
    int rc;
    bool done;
};

static void states_read(void *arg, struct store_reader *r)
{
    struct states *s = arg;
    s->rc = store_read_states(r, s->id, s->n, s->state, &s->err);
}

static void states_done(void *arg)
{
    ((struct states *)arg)->done = true;
}

static void want_state(struct states *s, int64_t id)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 64;
        s->id = mem_grow(s->id, s->cap, sizeof *s->id);
        s->state = mem_grow(s->state, s->cap, sizeof *s->state);
    }
    s->id[s->n] = id;
    s->state[s->n++] = -1;
}

static int fetch_states(struct engine *e, struct states *s, struct cail_err *err)
{
    struct job *j, *tmp;
    HASH_ITER(hh, e->jobs, j, tmp)
        for (int32_t i = 0; i < j->n_after; i++)
            if (!engine_job(e, j->after[i].job))
                want_state(s, j->after[i].job);
    if (!s->n)
        return 0;
    if (!store_read(e->store, states_read, states_done, s))
        return err_set(err, E_STORE, "the reader's queue is full at start-up");
    /* Also called from inside the loop after a failed commit, so the loop cannot be turned here; this
     * is milliseconds of start-up. */
    while (!s->done) {
        store_poll(e->store);
        nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
    }
    if (s->rc)
        *err = s->err;
    return s->rc;
}

static void settle_rows(struct engine *e, struct job *j, const struct states *s)
{
    for (int32_t i = 0; i < j->n_after; i++) {
        struct job *on = engine_job(e, j->after[i].job);
        if (on && on->ready)
            sched_settle(e->sched, j, on->id, on->state, true);
        for (size_t k = 0; !on && k < s->n; k++)
            if (s->id[k] == j->after[i].job) {
                enum job_state state = s->state[k] >= 0 ? (enum job_state)s->state[k] : JOB_LOST;
                sched_settle(e->sched, j, s->id[k], state, false);
                break;
            }
    }
}

/* --- adopting what runs --- */

static void adopt(struct engine *e, struct job *j)
{
    struct attempt *a = j->attempt;
    struct sched_lease lease = {.cpus = a->granted_cpus,
                                .memory_mib = j->needs.memory_mib,
                                .ports = j->needs.ports,
                                .quiet = j->needs.exclusive == EXCLUSIVE_QUIET};
    run_repin(e, a);
    sched_started(e->sched, j, &lease, a->started_at_us ? a->started_at_us : a->created_at_us);
    struct run *r = run_add(e, j, &lease);
    struct exec_ref ref = {a->id, a->token, a->boot_id, a->dir};
    switch (e->exec_ops->adopt(e->exec, &ref)) {
    case EXEC_ADOPTED:
        r->launched = true;
        log_info("job %lld: attempt %d runs on, adopted", (long long)j->id, (int)a->number);
        if (j->cancel_requested)
            pump_effect(e, EFFECT_STOP, a->id, j->cancel_grace_ms ? j->cancel_grace_ms : 10000);
        break;
    case EXEC_SETTLED:
        r->launched = true;
        break;
    case EXEC_UNCLAIMED:
        pump_effect(e, EFFECT_LAUNCH, j->id, 0);
        break;
    }
}

static void place_all(struct engine *e, const struct states *s)
{
    struct job *j, *tmp;
    HASH_ITER(hh, e->jobs, j, tmp) {
        if (j->attempt)
            adopt(e, j);
        else if (j->state == JOB_RUNNING)
            job_finish(e, j, JOB_LOST, "it was running without an attempt");
        else
            sched_add(e->sched, j);
    }
    HASH_ITER(hh, e->jobs, j, tmp)
        if (!j->attempt && !job_state_is_terminal(j->state))
            settle_rows(e, j, s);
}

/* --- the store, the scheduler and what hangs on them: opened together, also anew --- */

static void store_woken(void *arg)
{
    struct engine *e = arg;
    uv_async_send(&e->store_wake);
}

static int open_store(struct engine *e, struct cail_err *err)
{
    struct store_config config = {
        .dir = e->config.state_dir, .wake = store_woken, .wake_arg = e, .reserve_bytes = 16 << 20};
    return store_open(&e->store, &config, err);
}

static int load_all(struct engine *e, struct cail_err *err)
{
    struct sched_config sc = {.cpus = e->config.cpus,
                              .memory_mib = e->config.memory_mib,
                              .ports = 1000,
                              .ageing_us = 60 * INT64_C(1000000),
                              .backfill_depth = 1000};
    struct store_loader loader = {.arg = e,
                                  .queue = load_queue,
                                  .group = load_group,
                                  .job = load_job,
                                  .attempt = load_attempt,
                                  .cache = load_cache,
                                  .idem = load_idem,
                                  .setting = load_setting};
    struct exec_events events = {e, ending_started, ending_ended};
    struct states s = {0};
    e->loading = true;
    e->sched = sched_new(&sc);
    int rc = store_load(e->store, clock_wall_us(), &loader, &e->ids, err);
    if (!rc)
        rc = e->exec_ops->open(&e->exec, e->loop, &events, e->config.helper, err);
    if (!rc)
        rc = fetch_states(e, &s, err);
    if (!rc) {
        pump_start(e);
        queue_named(e, "default");
        place_all(e, &s);
        sched_set_paused(e->sched, e->paused || e->draining || e->disk_full);
        e->dirty = true;
        e->loading = false;
    }
    free(s.id);
    free(s.state);
    return rc;
}

static void drop_all(struct engine *e)
{
    struct job *j, *jt;
    struct group *g, *gt;
    struct queue *q, *qt;
    struct run *r, *rt;
    struct idem *i, *it;
    struct cache_entry *c, *ct;
    if (e->exec)
        e->exec_ops->close(e->exec);
    e->exec = NULL;
    pump_drop(e, &e->open);
    pump_drop(e, &e->flying);
    if (e->open.batch)
        store_batch_drop(e->store, e->open.batch);
    e->open.batch = NULL;
    sched_free(e->sched);
    e->sched = NULL;
    HASH_ITER(hh, e->runs, r, rt)
        run_drop(e, r);
    HASH_ITER(hh, e->jobs, j, jt) {
        HASH_DEL(e->jobs, j);
        attempt_free(j->attempt);
        job_free(j);
    }
    HASH_ITER(hh, e->groups, g, gt) {
        HASH_DEL(e->groups, g);
        group_free(g);
    }
    HASH_ITER(hh, e->queues, q, qt) {
        HASH_DEL(e->queues, q);
        queue_free(q);
    }
    HASH_ITER(hh, e->idems, i, it) {
        HASH_DEL(e->idems, i);
        free(i->key);
        free(i);
    }
    HASH_ITER(hh, e->cache, c, ct) {
        HASH_DEL(e->cache, c);
        cache_entry_free(c);
    }
    memset(e->pinned_cpus, 0, sizeof e->pinned_cpus);
    e->n_live = 0;
}

/* A COMMIT failed and nobody knows whether it is on disk: only the file knows. */
static void load_anew(struct engine *e)
{
    struct cail_err err;
    uint64_t durable = e->open.seq;
    /* Whatever waits for the failed batch or for the one that was open behind it. */
    e->listener.failed(e->listener.arg, &e->failure);
    if (e->failed_once) {
        err_set(&err, E_STORE, "the store failed again after it was opened anew");
        e->listener.fatal(e->listener.arg, &err);
        return;
    }
    e->failed_once = true;
    log_warn("opening the store anew; running jobs run on");
    drop_all(e);
    store_close(e->store);
    e->store = NULL;
    int rc = open_store(e, &err);
    if (!rc) {
        e->durable = durable;
        rc = load_all(e, &err);
    }
    if (rc) {
        e->listener.fatal(e->listener.arg, &err);
        return;
    }
    e->failed = false;
}

/* --- the loop --- */

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
    if (e->store)
        store_poll(e->store);
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

static void on_tail_timer(uv_timer_t *h)
{
    tail_tick(h->data);
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

static void reserve_back(void *arg, bool back)
{
    struct engine *e = arg;
    if (!back || !e->disk_full)
        return;
    e->disk_full = false;
    sched_set_paused(e->sched, e->paused || e->draining);
    e->dirty = true;
    log_info("there is space again: jobs are taken and started");
}

static void on_minute(uv_timer_t *h)
{
    struct engine *e = h->data;
    if (e->failed || !e->store)
        return;
    drop_old_idems(e);
    if (e->disk_full)
        store_retry_reserve(e->store, reserve_back, e);
    keep_tick(e);
}

void engine_log_watch(struct engine *e, bool on)
{
    e->log_watchers += on ? 1 : -1;
    uint64_t every_ms = e->log_watchers ? 100 : 500;
    uv_timer_start(&e->tail_timer, on_tail_timer, every_ms, every_ms);
}

static void open_handles(struct engine *e)
{
    uv_async_init(e->loop, &e->store_wake, on_store);
    uv_prepare_init(e->loop, &e->prepare);
    uv_check_init(e->loop, &e->check);
    uv_timer_init(e->loop, &e->sched_timer);
    uv_timer_init(e->loop, &e->tail_timer);
    uv_timer_init(e->loop, &e->minute_timer);
    uv_handle_t *all[] = {(uv_handle_t *)&e->store_wake,  (uv_handle_t *)&e->prepare,
                          (uv_handle_t *)&e->check,       (uv_handle_t *)&e->sched_timer,
                          (uv_handle_t *)&e->tail_timer, (uv_handle_t *)&e->minute_timer};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        all[i]->data = e;
    e->handles = ARRAY_LEN(all);
}

static void run_handles(struct engine *e)
{
    uv_prepare_start(&e->prepare, on_prepare);
    uv_check_start(&e->check, on_check);
    uv_timer_start(&e->tail_timer, on_tail_timer, 500, 500);
    uv_timer_start(&e->minute_timer, on_minute, 2000, 60000);
}

/* --- open and close --- */

static void copy_config(struct engine *e, const struct engine_config *c)
{
    e->config = *c;
    e->config.state_dir = mem_strdup(c->state_dir);
    e->config.build_root = mem_strdup(c->build_root);
    e->config.recipes_dir = mem_strdup(c->recipes_dir);
    e->config.helper = mem_strdup(c->helper);
    e->config.tools_dir = mem_strdup(c->tools_dir);
    struct engine_upstream *copy = mem_array(c->n_upstreams, sizeof *copy);
    if (c->n_upstreams)
        memcpy(copy, c->upstreams, c->n_upstreams * sizeof *copy);
    e->config.upstreams = copy;
    e->url = mem_strdup(c->url);
}

int engine_open(struct engine **ret, uv_loop_t *loop, const struct engine_config *config,
                const struct engine_listener *listener, struct cail_err *err)
{
    struct engine *e = mem_zalloc(sizeof *e);
    e->loop = loop;
    e->listener = *listener;
    copy_config(e, config);
    clock_boot_id(e->boot_id);
    if (gethostname(e->host, sizeof e->host - 1))
        snprintf(e->host, sizeof e->host, "localhost");
    e->exec_ops = &exec_local;
    e->feed = feed_new();
    e->catalogue = catalogue_open(config->recipes_dir);
    e->stats.started_at_us = clock_wall_us();
    open_handles(e);
    e->loading = true;
    int rc = open_store(e, err);
    if (!rc)
        rc = load_all(e, err);
    if (rc) {
        engine_close(e);
        return rc;
    }
    run_handles(e);
    log_info("%lld live jobs, %u running; the newest job is %lld", (long long)e->n_live,
             HASH_COUNT(e->runs), (long long)e->ids.job);
    *ret = e;
    return 0;
}

static void handle_closed(uv_handle_t *h)
{
    ((struct engine *)h->data)->handles--;
}

void engine_close(struct engine *e)
{
    e->closing = true;
    while (!e->loading && !e->failed && e->store &&
           (e->is_flying || !store_batch_is_empty(e->open.batch))) {
        pump_flush(e);
        uv_run(e->loop, UV_RUN_ONCE);
    }
    while (e->works)
        uv_run(e->loop, UV_RUN_ONCE);
    drop_all(e);
    store_close(e->store);
    uv_close((uv_handle_t *)&e->store_wake, handle_closed);
    uv_close((uv_handle_t *)&e->prepare, handle_closed);
    uv_close((uv_handle_t *)&e->check, handle_closed);
    uv_close((uv_handle_t *)&e->sched_timer, handle_closed);
    uv_close((uv_handle_t *)&e->tail_timer, handle_closed);
    uv_close((uv_handle_t *)&e->minute_timer, handle_closed);
    while (e->handles)
        uv_run(e->loop, UV_RUN_ONCE);
    while (e->free_effects) {
        struct effect *next = e->free_effects->next;
        free(e->free_effects);
        e->free_effects = next;
    }
    feed_free(e->feed);
    catalogue_close(e->catalogue);
    free((void *)e->config.state_dir);
    free((void *)e->config.build_root);
    free((void *)e->config.recipes_dir);
    free((void *)e->config.helper);
    free((void *)e->config.tools_dir);
    free((void *)e->config.upstreams);
    free(e->url);
    free(e);
}

/* --- small questions --- */

void engine_set_url(struct engine *e, const char *url)
{
    model_set(&e->url, url);
}

bool engine_is_ready(const struct engine *e, const char **ret_why_not)
{
    *ret_why_not = e->failed      ? "the store is being opened anew"
                   : e->loading   ? "loading"
                   : e->disk_full ? "the disk is full"
                   : e->closing   ? "shutting down"
                                  : NULL;
    return !*ret_why_not;
}

bool engine_is_full(const struct engine *e)
{
    return e->disk_full;
}

bool engine_is_draining(const struct engine *e)
{
    return e->draining;
}

struct sched *engine_sched(struct engine *e)
{
    return e->sched;
}

const struct queue *engine_queues(struct engine *e)
{
    return e->queues;
}

const char *engine_host(const struct engine *e)
{
    return e->host;
}

const struct engine_config *engine_config(const struct engine *e)
{
    return &e->config;
}

void engine_each_job(struct engine *e, bool (*fn)(void *arg, struct job *j), void *arg)
{
    struct job *j, *tmp;
    HASH_ITER(hh, e->jobs, j, tmp)
        if (!fn(arg, j))
            return;
}

bool engine_read(struct engine *e, void (*run)(void *arg, struct store_reader *r),
                 void (*done)(void *arg), void *arg)
{
    return e->store && !e->failed && store_read(e->store, run, done, arg);
}

struct work {
    uv_work_t req;
    struct engine *e;
    void (*work)(void *arg);
    void (*done)(void *arg);
    void *arg;
};

static void work_run(uv_work_t *req)
{
    struct work *w = req->data;
    w->work(w->arg);
}

static void work_done(uv_work_t *req, int status)
{
    struct work *w = req->data;
    (void)status; /* works are never canceled: close waits for them */
    w->e->works--;
    w->done(w->arg);
    free(w);
}

void engine_work(struct engine *e, void (*work)(void *arg), void (*done)(void *arg), void *arg)
{
    struct work *w = mem_zalloc(sizeof *w);
    *w = (struct work){.e = e, .work = work, .done = done, .arg = arg};
    w->req.data = w;
    e->works++;
    BUG_ON(uv_queue_work(e->loop, &w->req, work_run, work_done));
}

void engine_stats(struct engine *e, struct engine_stats *ret)
{
    e->stats.live = e->n_live;
    e->stats.running = HASH_COUNT(e->runs);
    if (e->store)
        store_stats(e->store, &e->stats.store);
    *ret = e->stats;
}
