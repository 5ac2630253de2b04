/* Rows become memory: at start-up, and again when a commit failed and only the file knows what is
 * stored. What runs is adopted, what waits is placed. */
#include "engine/bisect.h"
#include "engine/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"

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
    jobs_add(e, j);
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

static void load_lease(void *arg, int64_t attempt_id, const char *kind, const char *what,
                       int64_t since_us)
{
    struct engine *e = arg;
    (void)since_us;
    for (struct job *j = e->jobs; j && strncmp(kind, "gpu", 3) == 0; j = j->hh.next)
        if (j->attempt && j->attempt->id == attempt_id)
            cards_lease_loaded(e, j->id, what);
}

static void load_cache(void *arg, struct cache_entry *c)
{
    struct engine *e = arg;
    HASH_ADD_KEYPTR(hh, e->cache, c->key, strlen(c->key), c);
}

static void load_idem(void *arg, const char *key, const char *sha, const struct idem_made *made,
                      int64_t at_us)
{
    submit_key_loaded(arg, key, sha, made, at_us);
}

static void load_setting(void *arg, const char *key, const char *value)
{
    struct engine *e = arg;
    if (strcmp(key, "paused") == 0)
        e->paused = value[0] == '1';
    else if (strcmp(key, "draining") == 0)
        e->draining = value[0] == '1';
    else if (strncmp(key, "pinned ", 7) == 0)
        cache_pinned_loaded(e, key + 7, value);
    else if (strncmp(key, "drained ", 8) == 0 && *value)
        cards_drained_loaded(e, key + 8, value);
}

static void load_pr(void *arg, struct pr *p)
{
    struct engine *e = arg;
    if (e->listener.pr)
        e->listener.pr(e->listener.arg, p);
    else
        pr_free(p);
}

static void load_topic(void *arg, struct topic *t)
{
    struct engine *e = arg;
    if (e->listener.topic)
        e->listener.topic(e->listener.arg, t);
    else
        topic_free(t);
}

static void load_comparison(void *arg, struct comparison *c, const struct measurement *m, size_t n)
{
    trial_loaded(arg, c, m, n);
}

static void load_bisection(void *arg, struct bisection *b)
{
    bisect_loaded(arg, b);
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
    /* Also called from inside the loop after a failed commit, so the loop cannot be turned here;
     * this is milliseconds of start-up. */
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
    cards_lease_of(e, j->id, &lease);
    sched_started(e->sched, j, &lease, a->started_at_us ? a->started_at_us : a->created_at_us);
    struct run *r = run_add(e, j, &lease);
    struct exec_ref ref = {a->id, a->token, a->boot_id, a->dir};
    switch (e->exec_ops->adopt(e->exec, &ref)) {
    case EXEC_ADOPTED:
        beside_started(e, r, true);
        r->launched = true;
        cards_record(e, r);
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
        else if (j->state == JOB_RUNNING && trial_of(e, j)) { /* it was being judged */
            job_to(e, j, JOB_QUEUED, NULL);
            sched_add(e->sched, j);
        } else if (j->state == JOB_RUNNING)
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

int load_open_store(struct engine *e, struct cail_err *err)
{
    struct store_config config = {
        .dir = e->config.state_dir, .wake = store_woken, .wake_arg = e, .reserve_bytes = 16 << 20};
    return store_open(&e->store, &config, err);
}

int load_all(struct engine *e, struct cail_err *err)
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
                                  .lease = load_lease,
                                  .cache = load_cache,
                                  .idem = load_idem,
                                  .pr = load_pr,
                                  .topic = load_topic,
                                  .setting = load_setting,
                                  .comparison = load_comparison,
                                  .bisection = load_bisection};
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
        cards_table(e);
        place_all(e, &s);
        trials_resume(e);
        bisect_resume(e);
        struct store_stats stats;
        store_stats(e->store, &stats);
        queue_apply_pause(e);
        if (stats.no_reserve)
            pump_disk_full(e);
        e->dirty = true;
        e->loading = false;
    }
    free(s.id);
    free(s.state);
    return rc;
}

void load_drop_all(struct engine *e)
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
    trials_drop_all(e);
    bisect_drop_all(e);
    cards_forget(e);
    memset(e->pinned_cpus, 0, sizeof e->pinned_cpus);
    e->n_live = 0;
}

/* A COMMIT failed and nobody knows whether it is on disk: only the file knows. */
void load_anew(struct engine *e)
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
    load_drop_all(e);
    if (e->listener.forget)
        e->listener.forget(e->listener.arg);
    store_close(e->store);
    e->store = NULL;
    int rc = load_open_store(e, &err);
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
