/* The open batch and what waits for it. One batch is open, at most one is with the writer; whatever
 * arrives while that one syncs is the next (group commit). An effect leaves when its batch is
 * durable, in the order it was added; a batch without rows lets its effects out at once when
 * nothing older is still under way. */
#include "engine/bisect.h"
#include "engine/internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/fsx.h"
#include "base/log.h"
#include "base/mem.h"

struct store_batch *pump_batch(struct engine *e)
{
    return e->open.batch;
}

struct store_batch *engine_open_batch(struct engine *e)
{
    return e->open.batch;
}

static struct effect *effect_new(struct engine *e)
{
    struct effect *f = e->free_effects;
    if (f)
        e->free_effects = f->next;
    else
        f = mem_zalloc(sizeof *f);
    memset(f, 0, sizeof *f);
    return f;
}

static void effect_free(struct engine *e, struct effect *f)
{
    free(f->text);
    f->next = e->free_effects;
    e->free_effects = f;
}

static struct effect *append(struct engine *e, enum effect_kind kind, int64_t id)
{
    struct effect *f = effect_new(e);
    f->kind = kind;
    f->id = id;
    if (e->open.last)
        e->open.last->next = f;
    else
        e->open.first = f;
    e->open.last = f;
    return f;
}

void pump_effect(struct engine *e, enum effect_kind kind, int64_t id, int64_t arg)
{
    append(e, kind, id)->arg = arg;
}

void pump_publish(struct engine *e, const char *name, int64_t job, char *text, size_t len)
{
    struct effect *f = append(e, EFFECT_PUBLISH, job);
    f->name = name;
    f->text = text;
    f->len = len;
}

void pump_remove(struct engine *e, const char *folder)
{
    append(e, EFFECT_REMOVE, 0)->text = mem_strdup(folder);
}

static void remove_work(void *arg)
{
    struct cail_err err;
    if (fsx_remove_tree(arg, &err))
        log_warn("%s", err.text);
}

static void remove_done(void *arg)
{
    free(arg);
}

static void forget(struct engine *e, int64_t id)
{
    struct job *j;
    HASH_FIND(hh, e->jobs, &id, sizeof id, j);
    if (!j || !job_state_is_terminal(j->state))
        return; /* it was retried meanwhile */
    jobs_drop(e, j);
    job_free(j);
}

static void let_out(struct engine *e, struct effect *f)
{
    switch (f->kind) {
    case EFFECT_LAUNCH:
        run_launch(e, f->id);
        break;
    case EFFECT_STOP:
        e->exec_ops->stop(e->exec, f->id, f->arg);
        break;
    case EFFECT_PUBLISH:
        feed_push(e->feed, f->name, f->id, f->text, f->len);
        e->listener.wake(e->listener.arg, -1);
        break;
    case EFFECT_WAKE:
        e->listener.wake(e->listener.arg, f->id);
        break;
    case EFFECT_FORGET:
        forget(e, f->id);
        break;
    case EFFECT_JUDGE:
        trial_judge_now(e, f->id);
        break;
    case EFFECT_BISECT:
        bisect_go_on(e, f->id);
        break;
    case EFFECT_REMOVE:
        engine_work(e, remove_work, remove_done, f->text);
        f->text = NULL;
        break;
    }
}

static void let_all_out(struct engine *e, struct pending *p)
{
    struct effect *f = p->first;
    p->first = p->last = NULL;
    while (f) {
        struct effect *next = f->next;
        let_out(e, f);
        effect_free(e, f);
        f = next;
    }
}

void pump_drop(struct engine *e, struct pending *p)
{
    while (p->first) {
        struct effect *next = p->first->next;
        effect_free(e, p->first);
        p->first = next;
    }
    p->last = NULL;
}

void pump_disk_full(struct engine *e)
{
    if (e->disk_full)
        return;
    e->disk_full = true;
    queue_apply_pause(e);
    log_error("the disk of %s is full: nothing new is taken or started", e->config.state_dir);
}

static void committed(void *arg, enum store_outcome outcome, const struct cail_err *err)
{
    struct engine *e = arg;
    e->is_flying = false;
    if (outcome == STORE_FAILED) {
        e->failed = true; /* engine.c loads from the file again, outside this callback */
        e->failure = *err;
        log_error("a commit failed: %s", err->text);
        return;
    }
    if (outcome == STORE_COMMITTED_DISK_FULL)
        pump_disk_full(e);
    e->durable = e->flying.seq;
    let_all_out(e, &e->flying);
    e->listener.durable(e->listener.arg, e->durable);
}

static void hand_over(struct engine *e)
{
    run_put_owed(e);
    e->flying = e->open;
    e->open = (struct pending){.batch = store_batch_new(e->store), .seq = e->flying.seq + 1};
    e->is_flying = true;
    store_commit(e->store, e->flying.batch, committed, e);
}

void pump_flush(struct engine *e)
{
    if (e->loading || e->failed || !e->open.batch) /* no batch: closing */
        return;
    for (int i = 0; i < 100; i++) { /* effects may make work; bounded, the next turn goes on */
        if (e->dirty)
            run_decide(e);
        if (e->is_flying)
            return;
        if (!store_batch_is_empty(e->open.batch)) {
            hand_over(e);
            return;
        }
        if (!e->open.first)
            return;
        let_all_out(e, &e->open);
    }
}

void pump_start(struct engine *e)
{
    e->open = (struct pending){.batch = store_batch_new(e->store), .seq = e->durable + 1};
    e->is_flying = false;
}

uint64_t engine_batch(const struct engine *e)
{
    if (!store_batch_is_empty(e->open.batch))
        return e->open.seq;
    return e->is_flying ? e->flying.seq : e->durable;
}

uint64_t engine_durable(const struct engine *e)
{
    return e->durable;
}
