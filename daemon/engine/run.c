/* Decisions become attempts. */
#include "engine/internal.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/rnd.h"

enum { DECISIONS_MAX = 64 };

struct run *run_find(struct engine *e, int64_t attempt_id)
{
    struct run *r;
    HASH_FIND(hh, e->runs, &attempt_id, sizeof attempt_id, r);
    return r;
}

struct run *run_add(struct engine *e, struct job *j, const struct sched_lease *lease)
{
    struct run *r = mem_zalloc(sizeof *r);
    r->attempt_id = j->attempt->id;
    r->job = j;
    r->lease = *lease;
    r->progress_from = -1;
    HASH_ADD(hh, e->runs, attempt_id, sizeof r->attempt_id, r);
    cards_taken(e, r);
    return r;
}

void run_drop(struct engine *e, struct run *r)
{
    e->n_owing -= r->owes_row;
    HASH_DEL(e->runs, r);
    cards_check_drop(e, r);
    cards_run_free(r);
    free(r->port);
    free(r->why);
    free(r);
}

void run_put_owed(struct engine *e)
{
    struct run *r, *next;
    HASH_ITER(hh, e->runs, r, next) {
        if (!e->n_owing)
            return;
        if (!r->owes_row)
            continue;
        r->owes_row = false;
        e->n_owing--;
        store_put_attempt(pump_batch(e), r->job->attempt, false);
    }
}

/* --- pinning: a benchmark gets cpus that no other benchmark has, the highest first --- */

void run_pin(struct engine *e, struct job *j, struct attempt *a)
{
    if (j->kind != KIND_BENCHMARK)
        return;
    cpu_set_t set;
    CLEANUP(str_done) struct str list = STR_INIT;
    int32_t want = a->granted_cpus;
    if (sched_getaffinity(0, sizeof set, &set))
        return;
    for (size_t cpu = CPU_SETSIZE; cpu-- > 0 && want;) {
        uint64_t *word = &e->pinned_cpus[cpu / 64], bit = UINT64_C(1) << (cpu % 64);
        if (!CPU_ISSET(cpu, &set) || (*word & bit))
            continue;
        *word |= bit;
        str_addf(&list, "%s%zu", list.len ? "," : "", cpu);
        want--;
    }
    if (list.len)
        a->cpu_list = str_take(&list);
}

static void set_pins(struct engine *e, const struct attempt *a, bool on)
{
    for (const char *p = a->cpu_list; p && *p;) {
        char *end;
        long cpu = strtol(p, &end, 10);
        if (end == p || cpu < 0 || cpu >= CPU_SETSIZE)
            return;
        uint64_t bit = UINT64_C(1) << (cpu % 64);
        if (on)
            e->pinned_cpus[cpu / 64] |= bit;
        else
            e->pinned_cpus[cpu / 64] &= ~bit;
        p = *end ? end + 1 : end;
    }
}

void run_unpin(struct engine *e, const struct attempt *a)
{
    set_pins(e, a, false);
}

void run_repin(struct engine *e, const struct attempt *a)
{
    set_pins(e, a, true);
}

/* --- starting --- */

/* held: the comparison whose lease goes on, NULL = a new one. */
static void begin_attempt(struct engine *e, struct job *j, const struct sched_lease *lease,
                          const struct trial *held)
{
    int64_t now = clock_wall_us();
    struct attempt *a = j->attempt = attempt_new();
    a->id = ++e->ids.attempt;
    a->job_id = j->id;
    a->number = ++j->attempts_used;
    a->step = j->step;
    a->state = ATTEMPT_STARTING;
    a->created_at_us = now;
    a->granted_cpus = lease->cpus;
    rnd_token(a->token);
    snprintf(a->boot_id, sizeof a->boot_id, "%s", e->boot_id);
    a->executor = mem_strdup(e->exec_ops->name);
    a->dir = attempt_dir(e, j, a->number);
    if (held)
        a->cpu_list = mem_strdup(held->cpu_list);
    else
        run_pin(e, j, a);
    j->tries_used++;
    j->progress.total = 0;
    if (!j->started_at_us)
        j->started_at_us = now;
    store_put_attempt(pump_batch(e), a, true);
    trial_began(e, j, held != NULL);
}

/* The step's build is in the cache: go past the cached steps without holding anything. */
void run_pass_cached(struct engine *e, struct job *j)
{
    const struct recipe *r = catalogue_find(e->catalogue, j->recipe);
    int32_t step = j->step;
    while (r && step < j->n_steps && (size_t)step < r->n_steps && r->step[step].cached)
        step++;
    j->cached = true;
    e->stats.cache_hits++;
    if (step == j->n_steps || !r) {
        j->exit_code = 0;
        if (!j->started_at_us)
            j->started_at_us = clock_wall_us();
        job_finish(e, j, JOB_SUCCEEDED, "answered from the build cache");
        return;
    }
    j->step = step;
    launch_step_needs(j);
    sched_changed(e->sched, j);
    job_touched(e, j);
}

static void wait_for_builder(struct engine *e, struct job *j, int64_t builder)
{
    /* In memory alone: after a restart the cache is looked at again when it would start. */
    j->after = mem_grow(j->after, (size_t)j->n_after + 1, sizeof *j->after);
    j->after[j->n_after++] = (struct after){builder, AFTER_FINISHED, false};
    sched_remove(e->sched, j);
    model_set(&j->reason, "the same build is under way in another job");
    sched_add(e->sched, j);
    job_announce(e, j);
}

/* The attempt has its run: leases, state, launch. */
static void begun(struct engine *e, struct job *j, struct run *run)
{
    /* A card alone has one open lease, the store sees to that; of a shared one each has its own. */
    char kind[16];
    snprintf(kind, sizeof kind, sched_is_share(j) ? "gpu:%llx" : "gpu",
             (unsigned long long)run->attempt_id);
    for (size_t i = 0; i < run->n_uuids; i++)
        store_put_lease(pump_batch(e), run->attempt_id, kind, run->uuids[i],
                        j->attempt->created_at_us);
    e->stats.started++;
    job_to(e, j, JOB_RUNNING, NULL);
    pump_effect(e, EFFECT_LAUNCH, j->id, 0);
}

static void start(struct engine *e, struct job *j, const struct sched_lease *lease)
{
    const struct recipe *r = j->recipe ? catalogue_find(e->catalogue, j->recipe) : NULL;
    if (j->recipe && (!r || (size_t)j->step >= r->n_steps)) {
        job_finish(e, j, JOB_FAILED, "its recipe is gone or has other steps now");
        return;
    }
    if (trial_start(e, j))
        return;
    if (r && r->step[j->step].cached) {
        int64_t builder;
        switch (cache_look(e, j, &builder)) {
        case CACHE_HIT:
            run_pass_cached(e, j);
            return;
        case CACHE_WAIT:
            wait_for_builder(e, j, builder);
            return;
        case CACHE_MISS:
            cache_begin(e, j);
            break;
        }
    }
    begin_attempt(e, j, lease, NULL);
    sched_started(e->sched, j, lease, clock_wall_us());
    begun(e, j, run_add(e, j, lease));
}

void run_go_on(struct engine *e, struct job *j, struct trial *t)
{
    begin_attempt(e, j, &t->held, t);
    struct run *run = mem_zalloc(sizeof *run);
    run->goes_on = true;
    run->attempt_id = j->attempt->id;
    run->job = j;
    run->lease = t->held;
    run->progress_from = -1;
    run->uuids = t->uuids;
    run->n_uuids = t->n_uuids;
    t->uuids = NULL;
    t->n_uuids = 0;
    t->holds = false;
    HASH_ADD(hh, e->runs, attempt_id, sizeof run->attempt_id, run);
    cards_named(run);
    begun(e, j, run);
}

static void apply(struct engine *e, const struct sched_decision *d)
{
    char text[80];
    switch (d->verdict) {
    case SCHED_START:
        start(e, d->job, &d->lease);
        break;
    case SCHED_DEP_FAILED:
        d->job->blocked_by = d->blocker;
        snprintf(text, sizeof text, "job %lld, which it comes after, did not end as asked",
                 (long long)d->blocker);
        job_finish(e, d->job, JOB_DEP_FAILED, text);
        break;
    case SCHED_WAIT_TIMED_OUT:
        job_finish(e, d->job, JOB_TIMED_OUT, "waited longer than max_wait_s");
        break;
    case SCHED_FAIL_FAST:
        snprintf(text, sizeof text, "fail_fast: job %lld of its group failed",
                 (long long)d->blocker);
        job_finish(e, d->job, JOB_CANCELED, text);
        break;
    }
}

void run_decide(struct engine *e)
{
    struct sched_decision d[DECISIONS_MAX];
    size_t n;
    e->dirty = false;
    do {
        n = sched_decide(e->sched, clock_wall_us(), d, DECISIONS_MAX);
        for (size_t i = 0; i < n; i++)
            apply(e, &d[i]);
    } while (n == DECISIONS_MAX);
    if (n)
        e->dirty = true; /* what was just applied may settle others */
}

void run_give_back(struct engine *e, struct run *r)
{
    struct attempt *a = r->job->attempt;
    struct exec_ref ref = {a->id, a->token, a->boot_id, a->dir};
    r->launched = true;
    e->exec_ops->set_void(e->exec, &ref);
}

void run_go(struct engine *e, struct run *r)
{
    struct job *j = r->job;
    struct launch *launch = NULL;
    struct exec_spec spec;
    struct cail_err err;
    if (j->cancel_requested) {
        run_give_back(e, r);
        return;
    }
    beside_started(e, r, false);
    r->launched = true;
    int rc = launch_prepare(e, j, &launch, &spec, &err);
    if (!rc) {
        cards_record(e, r);
        rc = e->exec_ops->start(e->exec, &spec, &err);
    }
    launch_free(launch);
    if (rc)
        ending_start_failed(e, r, &err);
}

void run_launch(struct engine *e, int64_t job_id)
{
    struct job *j = engine_job(e, job_id);
    struct run *r = j && j->attempt ? run_find(e, j->attempt->id) : NULL;
    if (r && !r->launched && !r->checking && (r->goes_on || !cards_check(e, r)))
        run_go(e, r);
}
