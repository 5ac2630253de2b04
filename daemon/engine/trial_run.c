/* From one process of a comparison to the next. Each (round, side) is an attempt of the measuring
 * job; they follow one another under one lease, so that both sides of a round meet the same cards,
 * cores and neighbours. What comes next follows from what was taken (trial/plan.h), so a restart
 * asks the rows and goes on. */
#include "engine/internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

static void put_row(struct engine *e, const struct trial *t, size_t i)
{
    const struct trial_taken *k = &t->taken[i];
    struct measurement m = {.comparison_id = t->c->id,
                            .seq = (int32_t)i,
                            .batch = k->batch,
                            .round = k->round,
                            .side = k->side,
                            .attempt_id = k->attempt_id,
                            .state = k->state,
                            .lease = k->lease};
    store_put_measurement(pump_batch(e), &m);
}

const struct trial_taken *trial_slot_of(const struct trial *t)
{
    BUG_ON(!t->n);
    return &t->taken[t->n - 1];
}

/* What the measuring job's document shows. The mean length of a process so far gives the rest. */
static void show_progress(struct trial *t, struct job *j)
{
    int32_t done, total;
    char text[120];
    trial_progress(&t->plan, &t->goal, t->taken, t->n, &done, &total, text, sizeof text);
    j->progress.done = done;
    j->progress.total = total;
    snprintf(j->progress.label, sizeof j->progress.label, "%s", text);
    j->progress.eta_s = -1;
    if (done > 0 && j->started_at_us) {
        int64_t ran_us = clock_wall_us() - j->started_at_us;
        j->progress.eta_s = ran_us / done * (total - done) / 1000000;
    }
}

static void judge(struct engine *e, struct trial *t)
{
    if (t->c->state != COMPARISON_JUDGING)
        BUG_ON(comparison_move(t->c, COMPARISON_JUDGING, clock_wall_us()));
    t->judging = true;
    pump_effect(e, EFFECT_JUDGE, t->c->id, 0);
    trial_touched(e, t);
}

bool trial_start(struct engine *e, struct job *j)
{
    struct trial *t = trial_of(e, j);
    struct trial_slot slot;
    if (!t)
        return false;
    if (trial_next(&t->plan, &t->goal, t->taken, t->n, t->lease + 1, &slot) == TRIAL_TAKE)
        return false;
    /* It stopped while it was being judged: all is measured, nothing is to be started. */
    sched_remove(e->sched, j);
    job_to(e, j, JOB_RUNNING, "being judged");
    judge(e, t);
    return true;
}

void trial_began(struct engine *e, struct job *j, bool goes_on)
{
    struct trial *t = trial_of(e, j);
    struct trial_slot slot;
    if (!t)
        return;
    if (!goes_on)
        t->lease++;
    BUG_ON(trial_next(&t->plan, &t->goal, t->taken, t->n, t->lease, &slot) != TRIAL_TAKE);
    t->taken = mem_grow(t->taken, t->n + 1, sizeof *t->taken);
    t->taken[t->n++] = (struct trial_taken){.batch = slot.batch,
                                            .round = slot.round,
                                            .side = slot.side,
                                            .state = MEASUREMENT_RUNNING,
                                            .lease = t->lease,
                                            .attempt_id = j->attempt->id};
    put_row(e, t, t->n - 1);
    show_progress(t, j);
    if (t->c->state != COMPARISON_MEASURING)
        BUG_ON(comparison_move(t->c, COMPARISON_MEASURING, clock_wall_us()));
    trial_touched(e, t);
}

bool trial_keeps(struct engine *e, const struct run *r, enum exec_outcome outcome)
{
    return outcome == EXEC_EXITED && !r->job->cancel_requested && !e->closing &&
           trial_of(e, r->job) != NULL;
}

static enum measurement_state state_of(const struct trial *t, const struct run *r,
                                       enum exec_outcome outcome, const struct attempt *a,
                                       const struct collected *c)
{
    if (outcome == EXEC_NEVER_STARTED)
        return MEASUREMENT_VOID;
    if (outcome == EXEC_LOST)
        return MEASUREMENT_LOST;
    bool well = a->end.cause == END_EXITED && a->end.exit_code == 0;
    /* A check that fails exits with 1 and says which tests did: that is measured. */
    bool told = a->end.cause == END_EXITED && t->rq.recipe && c && c->n_results;
    if (!well && !told)
        return MEASUREMENT_FAILED;
    return r->tainted ? MEASUREMENT_TAINTED : MEASUREMENT_OK;
}

/* The first process, of the warm-up, tells how many figures are tested at once: is the plan strong
 * enough for them, for 3 % at the noise of a usual machine? Where nobody said how many rounds, it
 * becomes so, before anything that counts is measured; else, or where that takes too many, it is
 * said. */
static void say_power(struct trial *t, const struct collected *c)
{
    char text[240];
    const struct trial_rule rule = {&t->rq, &t->plan, t->words.tests, false};
    int32_t n = t->rq.recipe || (c && c->n_results) ? 0 : 1, wanted; /* a command's own time */
    for (size_t i = 0; c && i < c->n_results; i++)
        n += trial_is_timed(&rule, &c->result[i]);
    if (!n || !trial_underpowered(&t->plan, n, NAN, log1p(.03), &wanted, text, sizeof text))
        return;
    if (!t->rq.rounds && wanted > t->plan.rounds && wanted <= TRIAL_ROUNDS_UNASKED_MAX) {
        trial_plan_rounds(t, wanted);
        trial_replan(t);
    } else {
        model_set(&t->c->reason, text);
    }
}

/* The lease is t's until the next process begins or the comparison ends. */
static void hold(struct trial *t, struct run *r, const struct attempt *a)
{
    t->holds = true;
    t->held = r->lease;
    t->uuids = r->uuids;
    t->n_uuids = r->n_uuids;
    r->uuids = NULL;
    r->n_uuids = 0;
    free(t->cpu_list);
    t->cpu_list = mem_strdup(a->cpu_list);
}

static void wait_again(struct engine *e, struct trial *t, struct job *j, const char *why)
{
    if (t->c->state == COMPARISON_MEASURING)
        BUG_ON(comparison_move(t->c, COMPARISON_PREPARING, clock_wall_us()));
    trial_touched(e, t);
    job_to(e, j, JOB_QUEUED, why);
    sched_add(e->sched, j);
}

void trial_settle(struct engine *e, struct trial *t, struct run *r, enum exec_outcome outcome,
                  struct attempt *a, const struct collected *c)
{
    struct job *j = r->job;
    struct trial_slot slot;
    BUG_ON(!t->n);
    struct trial_taken *last = &t->taken[t->n - 1];
    bool keeps = r->keeps;
    last->state = state_of(t, r, outcome, a, c);
    put_row(e, t, t->n - 1);
    if (keeps)
        hold(t, r, a);
    if (t->n == 1)
        say_power(t, c);
    run_drop(e, r);
    if (j->cancel_requested) {
        job_finish(e, j, JOB_CANCELED, "canceled");
        return;
    }
    if (!keeps) {
        bool never = outcome == EXEC_NEVER_STARTED;
        if (never && ++j->void_starts >= 8) {
            job_finish(e, j, JOB_FAILED, "its processes could not be started, several times");
            return;
        }
        if (never)
            j->not_before_us = clock_wall_us() + j->void_starts * INT64_C(300000);
        wait_again(e, t, j, never ? NULL : "its lease was lost; it goes on with the next one");
        return;
    }
    if (trial_next(&t->plan, &t->goal, t->taken, t->n, t->lease, &slot) == TRIAL_TAKE)
        run_go_on(e, j, t);
    else
        judge(e, t);
}

/* --- verdicts --- */

struct judging {
    struct engine *e;
    int64_t id;
    struct comparison_view *view;
    int rc;
    struct cail_err err;
};

/* A measured comparison is not given up because its many rows take a while to be read. */
#define JUDGE_PATIENCE_US (600 * INT64_C(1000000))

static void judge_read(void *arg, struct store_reader *r)
{
    struct judging *g = arg;
    store_reader_patience(r, JUDGE_PATIENCE_US);
    g->rc = comparison_view_read(r, g->id, &g->view, &g->err);
}

/* Another look, or the batch that confirms: under the lease that is held, or a new one. */
static void measure_more(struct engine *e, struct trial *t, int32_t batch, int32_t rounds)
{
    struct job *j = engine_job(e, t->c->measure_job);
    t->goal = (struct trial_goal){.batch = batch, .rounds = rounds};
    trial_replan(t);
    if (t->holds) {
        run_go_on(e, j, t);
        return;
    }
    BUG_ON(comparison_move(t->c, COMPARISON_PREPARING, clock_wall_us()));
    trial_touched(e, t);
    if (j->state == JOB_RUNNING)
        job_to(e, j, JOB_QUEUED, NULL);
    sched_add(e->sched, j);
    e->dirty = true;
}

static void conclude(struct engine *e, struct trial *t, const struct comparison_view *v)
{
    struct comparison *c = t->c;
    struct job *j = c->measure_job ? engine_job(e, c->measure_job) : NULL;
    comparison_view_conclude(v, c);
    comparison_view_put_aa(v, pump_batch(e));
    trial_finish(e, t, COMPARISON_FINISHED, NULL);
    if (!j)
        return;
    j->exit_code = 0;
    job_finish(e, j, JOB_SUCCEEDED, NULL);
}

/* The comparison is still there and waits for this. */
static struct trial *judged_of(const struct judging *g)
{
    struct comparison *c = engine_comparison(g->e, g->id);
    struct trial *t = c ? c->trial : NULL;
    return t && t->judging && !g->e->closing && !g->e->failed ? t : NULL;
}

static void judging_free(struct judging *g)
{
    comparison_view_free(g->view);
    free(g);
}

static void find_diffs(void *arg)
{
    trial_diffs_find(((struct judging *)arg)->view);
}

static void diffs_done(void *arg)
{
    struct judging *g = arg;
    struct trial *t = judged_of(g);
    if (t)
        conclude(g->e, t, g->view);
    judging_free(g);
}

static void judge_done(void *arg)
{
    struct judging *g = arg;
    struct engine *e = g->e;
    struct trial *t = judged_of(g);
    if (!t) {
        judging_free(g);
        return;
    }
    struct comparison *c = t->c;
    struct job *j = c->measure_job ? engine_job(e, c->measure_job) : NULL;
    bool first = t->goal.batch == TRIAL_BATCH_MAIN;
    int32_t more = t->goal.rounds + t->plan.rounds;
    bool look = j && !g->rc && first && comparison_view_wants_look(g->view) &&
                more <= t->plan.rounds * t->plan.looks;
    int32_t confirm =
        j && !g->rc && first && t->plan.confirm ? comparison_view_confirms(g->view) : 0;
    if (!g->rc && !look && !confirm && !(j && j->cancel_requested)) {
        engine_work(e, find_diffs, diffs_done, g); /* and then the end */
        return;
    }
    t->judging = false;
    if (g->rc) {
        log_error("comparison %lld: %s", (long long)c->id, g->err.text);
        trial_finish(e, t, COMPARISON_FAILED, g->err.text);
        if (j)
            job_finish(e, j, JOB_FAILED, "it could not be judged");
    } else if (j && j->cancel_requested) {
        job_finish(e, j, JOB_CANCELED, "canceled");
    } else {
        measure_more(e, t, look ? TRIAL_BATCH_MAIN : TRIAL_BATCH_CONFIRM, look ? more : confirm);
    }
    judging_free(g);
}

void trial_judge_now(struct engine *e, int64_t id)
{
    struct judging *g = mem_zalloc(sizeof *g);
    g->e = e;
    g->id = id;
    if (engine_read(e, judge_read, judge_done, g))
        return;
    /* The reader's queue is full: another turn. */
    free(g);
    pump_effect(e, EFFECT_JUDGE, id, 0);
}
