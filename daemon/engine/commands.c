/* What clients ask of jobs, groups and queues; and the few functions through which every state
 * change in the engine goes. */
#include "engine/internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "engine/history.h"
#include "wire/job_doc.h"
#include "wire/job_spec.h"

struct group *group_of(struct engine *e, const struct job *j)
{
    struct group *g = NULL;
    if (j->group)
        HASH_FIND(hh, e->groups, &j->group, sizeof j->group, g);
    return g;
}

void jobs_add(struct engine *e, struct job *j)
{
    struct group *g = group_of(e, j);
    HASH_ADD(hh, e->jobs, id, sizeof j->id, j);
    if (g)
        g->in_memory++;
}

void jobs_drop(struct engine *e, struct job *j)
{
    struct group *g = group_of(e, j);
    HASH_DEL(e->jobs, j);
    if (!g || --g->in_memory)
        return;
    HASH_DEL(e->groups, g);
    sched_forget_group(e->sched, g->id);
    group_free(g);
}

void job_announce(struct engine *e, const struct job *j)
{
    if (!feed_has_readers(e->feed)) {
        pump_publish(e, "job", j->id, NULL, 0);
        return;
    }
    struct str s = STR_INIT;
    struct jw w = JW(&s);
    job_doc(&w, j, NULL);
    size_t len = s.len;
    pump_publish(e, "job", j->id, str_take(&s), len);
}

void job_touched(struct engine *e, struct job *j)
{
    store_put_job(pump_batch(e), j, false);
    job_announce(e, j);
    pump_effect(e, EFFECT_WAKE, j->id, 0);
}

void job_to(struct engine *e, struct job *j, enum job_state to, const char *reason)
{
    enum job_state from = j->state;
    if (from != to) {
        BUG_ON(job_move(j, to, clock_wall_us()));
        struct group *g = group_of(e, j);
        if (g) {
            g->counts[from]--;
            g->counts[to]++;
        }
    }
    model_set(&j->reason, reason);
    job_touched(e, j);
    e->dirty = true;
}

void job_finish(struct engine *e, struct job *j, enum job_state to, const char *reason)
{
    BUG_ON(!job_state_is_terminal(to));
    sched_remove(e->sched, j);
    job_to(e, j, to, reason);
    uses_finished(e, j);
    bool keeps = trial_needs(e, j);
    trial_job_finished(e, j);
    sched_settle(e->sched, NULL, j->id, to, false);
    e->n_live--;
    e->stats.finished++;
    if (to == JOB_SUCCEEDED)
        e->stats.succeeded++;
    else if (to == JOB_LOST)
        e->stats.lost++;
    else
        e->stats.failed++;
    /* Memory goes once the row is durable; whoever waits is told after that and reads the row. */
    pump_effect(e, EFFECT_FORGET, j->id, 0);
    pump_effect(e, EFFECT_WAKE, j->id, 0);
    if (j->group)
        pump_effect(e, EFFECT_WAKE, j->group, 0);
    if ((j->n_steps > 1 || j->recipe) && !keeps) {
        CLEANUP(mem_freep) char *dir = job_dir(e, j->id);
        pump_remove(e, dir);
    }
}

struct job *engine_job(struct engine *e, int64_t id)
{
    struct job *j;
    HASH_FIND(hh, e->jobs, &id, sizeof id, j);
    return j;
}

struct group *engine_group(struct engine *e, int64_t id)
{
    struct group *g;
    HASH_FIND(hh, e->groups, &id, sizeof id, g);
    return g;
}

size_t engine_group_jobs(struct engine *e, int64_t id, struct job ***ret)
{
    struct group *g = engine_group(e, id);
    size_t n = 0;
    *ret = mem_array(g ? (size_t)g->size : 0, sizeof **ret);
    if (!g)
        return 0;
    struct job *j, *tmp;
    HASH_ITER(hh, e->jobs, j, tmp)
        if (j->group == id && n < (size_t)g->size)
            (*ret)[n++] = j;
    return n;
}

const struct attempt *engine_attempt(struct engine *e, const struct job *j)
{
    (void)e;
    return j->attempt;
}

int engine_cancel(struct engine *e, struct job *j, int64_t grace_ms, struct cail_err *err)
{
    if (job_state_is_terminal(j->state))
        return err_set(err, E_CONFLICT, "job %lld has already %s", (long long)j->id,
                       job_state_words[j->state]);
    if (!j->attempt) {
        job_finish(e, j, JOB_CANCELED,
                   j->state == JOB_RUNNING ? "canceled" : "canceled before it started");
        return 0;
    }
    struct attempt *a = j->attempt;
    j->cancel_requested = true;
    j->cancel_grace_ms = grace_ms;
    if (attempt_can_move(a->state, ATTEMPT_STOPPING)) {
        BUG_ON(attempt_move(a, ATTEMPT_STOPPING, clock_wall_us()));
        store_put_attempt(pump_batch(e), a, false);
    }
    model_set(&j->reason, "being canceled");
    job_touched(e, j);
    pump_effect(e, EFFECT_STOP, a->id, grace_ms);
    return 0;
}

int engine_hold(struct engine *e, struct job *j, struct cail_err *err)
{
    if (j->state == JOB_HELD)
        return 0;
    if (j->state != JOB_QUEUED)
        return err_set(err, E_CONFLICT, "job %lld is %s; only a queued job can be held",
                       (long long)j->id, job_state_words[j->state]);
    job_to(e, j, JOB_HELD, "held");
    sched_changed(e->sched, j);
    return 0;
}

int engine_release(struct engine *e, struct job *j, struct cail_err *err)
{
    if (j->state == JOB_QUEUED)
        return 0;
    if (j->state != JOB_HELD)
        return err_set(err, E_CONFLICT, "job %lld is %s; only a held job can be released",
                       (long long)j->id, job_state_words[j->state]);
    j->queued_at_us = clock_wall_us();
    job_to(e, j, JOB_QUEUED, NULL);
    sched_changed(e->sched, j);
    return 0;
}

/* What a patch may change, for a trial on a copy. */
static struct job *patch_copy(const struct job *j)
{
    struct job *c = job_new();
    needs_copy(&c->needs, &j->needs);
    c->priority = j->priority;
    c->timeout_s = j->timeout_s;
    c->not_before_us = j->not_before_us;
    c->name = mem_strdup(j->name);
    c->queue = mem_strdup(j->queue);
    c->pr = mem_strdup(j->pr);
    c->spec = mem_strdup(j->spec);
    return c;
}

int engine_patch(struct engine *e, struct job *j, const char *body, size_t len,
                 struct cail_err *err)
{
    if (j->state != JOB_QUEUED && j->state != JOB_HELD)
        return err_set(err, E_CONFLICT, "job %lld is %s; only a queued or held job can be edited",
                       (long long)j->id, job_state_words[j->state]);
    struct job *trial = patch_copy(j);
    struct job_patch patch;
    int rc = job_patch_apply(body, len, trial, &patch, err);
    if (!rc) {
        rc = sched_name_cards(e->sched, &trial->needs, err);
        if (!rc)
            rc = sched_possible(e->sched, &trial->needs, err);
        job_patch_done(&patch);
    }
    job_free(trial);
    if (rc)
        return rc;
    BUG_ON(job_patch_apply(body, len, j, &patch, err));
    if (patch.labels_changed)
        store_put_labels(pump_batch(e), j->id, (const char *const *)patch.label_key,
                         (const char *const *)patch.label_value, patch.n_labels);
    job_patch_done(&patch);
    sched_changed(e->sched, j);
    job_touched(e, j);
    e->dirty = true;
    return 0;
}

/* --- running again --- */

static void settle_after(struct engine *e, struct job *j, const struct engine_known_states *known)
{
    for (int32_t i = 0; i < j->n_after; i++) {
        struct job *on = engine_job(e, j->after[i].job);
        if (on && !job_state_is_terminal(on->state))
            continue;
        int state = on ? (int)on->state : JOB_LOST;
        for (size_t k = 0; !on && known && k < known->n; k++)
            if (known->id[k] == j->after[i].job && known->state[k] >= 0)
                state = known->state[k];
        sched_settle(e->sched, j, j->after[i].job, (enum job_state)state, false);
    }
}

/* The group is in memory, or comes there from its row; the row must be newer than its last member's
 * end, else its counts are old. */
static int group_adopt(struct engine *e, const struct group *row, struct cail_err *err)
{
    if (engine_group(e, row->id))
        return 0;
    if (!group_is_finished(row))
        return err_set(err, E_CONFLICT, "group %lld has just changed; try again",
                       (long long)row->id);
    struct group *g = mem_zalloc(sizeof *g);
    *g = *row;
    g->name = mem_strdup(row->name);
    g->in_memory = 0;
    memset(&g->hh, 0, sizeof g->hh);
    HASH_ADD(hh, e->groups, id, sizeof g->id, g);
    sched_set_group(e->sched, g->id, g->max_parallel, g->fail_fast);
    return 0;
}

/* j is finished and in the table. */
static void requeue(struct engine *e, struct job *j, const struct engine_known_states *states)
{
    int64_t now = clock_wall_us();
    if (j->step) { /* what its steps left for each other went when it finished */
        j->step = 0;
        launch_step_needs(j);
    }
    j->tries_used = 0;
    j->cancel_requested = j->ready = j->cached = false;
    j->exit_code = -1;
    j->signal = 0;
    j->blocked_by = j->not_before_us = 0;
    j->flags = 0;
    j->queued_at_us = now;
    e->n_live++;
    e->stats.retried++;
    job_to(e, j, JOB_QUEUED, NULL);
    sched_add(e->sched, j);
    settle_after(e, j, states);
}

/* Its comparison is over; alone the job would measure nothing. */
static int check_alone(const struct job *j, struct cail_err *err)
{
    int64_t id = job_spec_comparison(j->spec);
    return id ? err_set(err, E_CONFLICT,
                        "job %lld belongs to comparison %lld: compare again instead",
                        (long long)j->id, (long long)id)
              : 0;
}

int engine_retry(struct engine *e, struct job_record *rec, const struct group *group,
                 const struct engine_known_states *states, struct job **ret, struct cail_err *err)
{
    int64_t id = rec->job->id;
    struct job *j = engine_job(e, id);
    if (j && !job_state_is_terminal(j->state))
        return err_set(err, E_CONFLICT, "job %lld is %s; only a finished job can be retried",
                       (long long)id, job_state_words[j->state]);
    if (!j && !job_state_is_terminal(rec->job->state))
        return err_set(err, E_CONFLICT, "job %lld has just changed; try again", (long long)id);
    int rc = check_alone(rec->job, err);
    if (rc)
        return rc;
    if (!j) {
        rc = rec->job->group ? group_adopt(e, group, err) : 0;
        if (rc)
            return rc;
        j = rec->job;
        rec->job = NULL;
        jobs_add(e, j);
    }
    requeue(e, j, states);
    *ret = j;
    return 0;
}

static bool wants_retry(struct engine *e, const struct job *row, bool only_failed)
{
    const struct job *j = engine_job(e, row->id);
    enum job_state state = j ? j->state : row->state;
    return job_state_is_terminal(state) && !(only_failed && state == JOB_SUCCEEDED);
}

int engine_group_retry(struct engine *e, struct group_record *rec, bool only_failed, size_t *ret_n,
                       struct cail_err *err)
{
    size_t n = 0;
    for (size_t i = 0; i < rec->jobs.n; i++)
        n += wants_retry(e, rec->jobs.job[i], only_failed);
    if (!n)
        return err_set(err, E_CONFLICT, "group %lld has no %s member to retry",
                       (long long)rec->group->id, only_failed ? "failed" : "finished");
    int rc = check_alone(rec->jobs.job[0], err);
    if (!rc)
        rc = group_adopt(e, rec->group, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < rec->jobs.n; i++) {
        struct job *row = rec->jobs.job[i], *j = engine_job(e, row->id);
        if (!wants_retry(e, row, only_failed))
            continue;
        if (!j) {
            j = row;
            rec->jobs.job[i] = NULL;
            jobs_add(e, j);
        }
        requeue(e, j, NULL);
    }
    *ret_n = n;
    return 0;
}

void engine_group_cancel(struct engine *e, int64_t group, int64_t grace_ms)
{
    struct job **jobs;
    size_t n = engine_group_jobs(e, group, &jobs);
    for (size_t i = 0; i < n; i++)
        if (!job_state_is_terminal(jobs[i]->state))
            BUG_ON(engine_cancel(e, jobs[i], grace_ms, NULL)); /* live: cannot be refused */
    free(jobs);
}

int engine_add_results(struct engine *e, const struct job *j, int64_t attempt_id, struct result *r,
                       struct history *h, struct cail_err *err)
{
    if (!attempt_id)
        return err_set(err, E_CONFLICT, "job %lld has not started: results belong to an attempt",
                       (long long)j->id);
    int64_t id = job_spec_comparison(j->spec);
    if (id && !engine_comparison(e, id)) /* what was said of them stays said */
        return err_set(err, E_CONFLICT, "comparison %lld, which job %lld belongs to, is over",
                       (long long)id, (long long)j->id);
    for (size_t i = 0; i < h->n; i++) {
        r[i].id = ++e->ids.result;
        r[i].job_id = j->id;
        r[i].attempt_id = attempt_id;
    }
    store_put_results(pump_batch(e), r, h->n);
    history_put(pump_batch(e), h, r, clock_wall_us(), j->flags, j->recipe);
    pump_effect(e, EFFECT_WAKE, j->id, 0);
    return 0;
}

/* --- queues --- */

struct queue *queue_named(struct engine *e, const char *name)
{
    struct queue *q;
    HASH_FIND(hh, e->queues, name, strlen(name), q);
    if (q)
        return q;
    q = mem_zalloc(sizeof *q);
    q->name = mem_strdup(name);
    HASH_ADD_KEYPTR(hh, e->queues, q->name, strlen(q->name), q);
    return q;
}

void queue_apply_pause(struct engine *e)
{
    sched_set_paused(e->sched, e->paused || e->draining || e->disk_full);
}

void engine_tell(struct engine *e, const char *name, int64_t id)
{
    char *text = mem_printf("{\"id\":%lld}", (long long)id);
    pump_publish(e, name, 0, text, strlen(text));
}

static void publish_queue(struct engine *e)
{
    struct str s = STR_INIT;
    str_addf(&s, "{\"paused\":%s,\"draining\":%s}", e->paused ? "true" : "false",
             e->draining ? "true" : "false");
    size_t len = s.len;
    pump_publish(e, "queue", 0, str_take(&s), len);
}

int engine_queue_set(struct engine *e, const char *name, int32_t limit, int paused,
                     struct cail_err *err)
{
    if (!*name || strlen(name) > JOB_QUEUE_NAME_MAX)
        return err_set_at(err, E_BAD_FIELD, "/queue", "a queue's name has 1 to %d bytes",
                          JOB_QUEUE_NAME_MAX);
    struct queue *q = queue_named(e, name);
    if (limit >= 0)
        q->limit = limit;
    if (paused >= 0)
        q->paused = paused;
    store_put_queue(pump_batch(e), q);
    sched_set_queue(e->sched, q->name, q->limit, q->paused);
    publish_queue(e);
    e->dirty = true;
    return 0;
}

void engine_pause(struct engine *e, bool paused)
{
    e->paused = paused;
    queue_apply_pause(e);
    store_put_setting(pump_batch(e), "paused", paused ? "1" : "0");
    publish_queue(e);
    e->dirty = true;
}

void engine_drain(struct engine *e, bool draining)
{
    e->draining = draining;
    queue_apply_pause(e);
    store_put_setting(pump_batch(e), "draining", draining ? "1" : "0");
    publish_queue(e);
    e->dirty = true;
}
