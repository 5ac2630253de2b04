/* An attempt's end becomes the job's next state: next step, another try, or the end. */
#include "engine/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "engine/commits.h"
#include "engine/history.h"

enum { VOID_STARTS_MAX = 4, VOID_WAIT_US = 300000 };

void ending_started(void *engine, int64_t attempt_id, int64_t at_us)
{
    struct engine *e = engine;
    struct run *r = run_find(e, attempt_id);
    if (!r || r->job->attempt->state != ATTEMPT_STARTING)
        return;
    struct attempt *a = r->job->attempt;
    r->job->void_starts = 0;
    BUG_ON(attempt_move(a, ATTEMPT_RUNNING, at_us));
    /* No commit of its own: the claim in the attempt's folder tells a restart that it runs. The row
     * rides in the next batch, or in that of its end, or goes with the next look at the logs. */
    r->owes_row = true;
    e->n_owing++;
    job_announce(e, r->job);
    pump_effect(e, EFFECT_WAKE, r->job->id, 0);
}

/* --- what a person reads --- */

static void describe(const struct attempt_end *end, char *out, size_t len)
{
    switch (end->cause) {
    case END_EXITED:
        snprintf(out, len, "exited with %d", end->exit_code);
        break;
    case END_SIGNALED:
        snprintf(out, len, "ended by signal %d (%s)", end->signal, strsignal(end->signal));
        break;
    case END_TIMEOUT:
        snprintf(out, len, "ran longer than its timeout");
        break;
    case END_IDLE_TIMEOUT:
        snprintf(out, len, "wrote nothing for longer than its idle timeout");
        break;
    case END_CANCELED:
        snprintf(out, len, "canceled");
        break;
    case END_EXEC_FAILED:
        snprintf(out, len, "could not be executed: %s", strerror(end->exec_errno));
        break;
    case END_OUT_OF_MEMORY:
        snprintf(out, len, "used more memory than it asked for and was killed");
        break;
    case END_VOID:
        snprintf(out, len, "never started");
        break;
    case END_LOST:
    case END_CAUSE_COUNT:
        snprintf(out, len, "lost: nobody saw how it ended");
        break;
    }
}

static enum job_state state_of(const struct job *j, enum exec_outcome outcome,
                               const struct attempt_end *end)
{
    if (outcome == EXEC_LOST)
        return JOB_LOST;
    if (end->cause == END_EXITED && end->exit_code == 0 && !j->cancel_requested)
        return JOB_SUCCEEDED;
    if (end->cause == END_TIMEOUT || end->cause == END_IDLE_TIMEOUT)
        return JOB_TIMED_OUT;
    if (j->cancel_requested || end->cause == END_CANCELED)
        return JOB_CANCELED;
    return JOB_FAILED;
}

static bool may_retry(const struct job *j, enum job_state as)
{
    enum retry_cause cause = as == JOB_TIMED_OUT ? RETRY_TIMED_OUT
                             : as == JOB_LOST    ? RETRY_LOST
                                                 : RETRY_FAILED;
    bool retryable = as == JOB_FAILED || as == JOB_TIMED_OUT || as == JOB_LOST;
    return retryable && !j->cancel_requested && (j->retry_on & (1u << cause)) &&
           j->tries_used < j->max_tries && j->attempts_used < JOB_ATTEMPTS_MAX;
}

static void requeue(struct engine *e, struct job *j, const char *reason)
{
    job_to(e, j, JOB_QUEUED, reason);
    sched_add(e->sched, j);
}

/* Doubling with each try, at most an hour. */
static void try_again(struct engine *e, struct job *j, const char *how)
{
    int64_t wait_s = j->backoff_s;
    for (int32_t i = 1; i < j->tries_used && wait_s < 3600; i++)
        wait_s *= 2;
    char text[200];
    snprintf(text, sizeof text, "try %d of %d %s; the next one waits %lld s", (int)j->tries_used,
             (int)j->max_tries, how, (long long)wait_s);
    j->not_before_us = clock_wall_us() + wait_s * 1000000;
    e->stats.retried++;
    requeue(e, j, text);
}

static void next_step(struct engine *e, struct job *j, struct collected *c)
{
    const struct recipe *r = j->recipe ? catalogue_find(e->catalogue, j->recipe) : NULL;
    bool keys = r && (size_t)j->step < r->n_steps && r->step[j->step].keys_cache;
    if (keys && c && c->identity)
        cache_set_key(e, j, c->identity, c->identity_len);
    j->step++;
    j->tries_used = 0;
    launch_step_needs(j);
    requeue(e, j, NULL);
    int64_t builder;
    r = j->recipe ? catalogue_find(e->catalogue, j->recipe) : NULL;
    if (r && (size_t)j->step < r->n_steps && r->step[j->step].cached &&
        cache_look(e, j, &builder) == CACHE_HIT)
        run_pass_cached(e, j);
}

/* Its cail-run died before the claim, so it was no try. One that never comes up (not executable
 * here, no room for the claim) is given up instead of being started for ever. */
static void start_again(struct engine *e, struct job *j)
{
    if (++j->void_starts >= VOID_STARTS_MAX) {
        j->exit_code = 126;
        job_finish(e, j, JOB_FAILED, "cail-run ended before it started the job, several times");
        return;
    }
    j->tries_used--;
    if (j->void_starts > 1)
        j->not_before_us = clock_wall_us() + j->void_starts * VOID_WAIT_US;
    requeue(e, j, NULL);
}

/* why: in words of what could not be started, NULL = the end speaks for itself. */
static void settle_job(struct engine *e, struct job *j, enum exec_outcome outcome,
                       struct attempt *a, struct collected *c, const char *why)
{
    char how[600];
    describe(&a->end, how, sizeof how);
    if (why && (a->end.cause == END_EXITED || a->end.cause == END_EXEC_FAILED))
        snprintf(how, sizeof how, "%s", why);
    j->exit_code = a->end.cause == END_EXEC_FAILED ? (a->end.exec_errno == ENOENT ? 127 : 126)
                                                   : a->end.exit_code;
    j->signal = a->end.signal;
    if (outcome == EXEC_NEVER_STARTED && a->number == 1)
        j->started_at_us = 0;
    if (outcome == EXEC_NEVER_STARTED && !j->cancel_requested) {
        start_again(e, j);
        return;
    }
    enum job_state as =
        outcome == EXEC_NEVER_STARTED ? JOB_CANCELED : state_of(j, outcome, &a->end);
    if (as == JOB_SUCCEEDED && j->step + 1 < j->n_steps)
        next_step(e, j, c);
    else if (may_retry(j, as))
        try_again(e, j, how);
    else
        job_finish(e, j, as, as == JOB_SUCCEEDED ? (c ? c->note : NULL) : how);
}

static void set_flags(struct job *j, const struct attempt *a, const struct collected *c)
{
    if (a->end.hole_to > a->end.hole_from)
        j->flags |= JOB_FLAG_METRICS_MAYBE_MISSING;
    if (a->end.killed)
        j->flags |= JOB_FLAG_LEFTOVERS_KILLED;
    if (a->end.unkillable)
        j->flags |= JOB_FLAG_UNKILLABLE;
    if (c)
        j->flags |= c->flags;
}

/* The processes of a comparison are its own business, until it is judged. */
static void tell_measured(struct engine *e, const struct job *j, const struct history *h)
{
    int64_t series[64];
    if (e->listener.measured && !trial_of(e, j))
        e->listener.measured(e->listener.arg, j->uid, series,
                             history_series(h, series, ARRAY_LEN(series)));
}

static void keep_collected(struct engine *e, const struct job *j, struct attempt *a,
                           struct collected *c)
{
    for (size_t i = 0; i < c->n_results; i++) {
        c->result[i].id = ++e->ids.result;
        c->result[i].job_id = a->job_id;
        c->result[i].attempt_id = a->id;
    }
    for (size_t i = 0; i < c->n_artifacts; i++) {
        c->artifact[i].job_id = a->job_id;
        c->artifact[i].attempt_id = a->id;
    }
    if (c->n_results)
        store_put_results(pump_batch(e), c->result, c->n_results);
    commits_put(pump_batch(e), c->commits);
    if (c->history)
        history_put(pump_batch(e), c->history, c->result, clock_wall_us(), j->flags, j->recipe);
    if (c->history)
        tell_measured(e, j, c->history);
    if (c->n_artifacts)
        store_put_artifacts(pump_batch(e), c->artifact, c->n_artifacts);
    if (c->provenance) {
        free(a->provenance);
        a->provenance = c->provenance;
        c->provenance = NULL;
    }
}

/* The attempt is over and collected: one batch has its row, its results and the job's next state.
 */
static void settle(struct engine *e, int64_t attempt_id, enum exec_outcome outcome,
                   struct collected *c)
{
    struct run *r = run_find(e, attempt_id);
    if (!r || !r->ended) {
        /* The store was loaded anew meanwhile; the run file tells the end once more. */
        collected_free(c);
        return;
    }
    struct job *j = r->job;
    struct attempt *a = j->attempt;
    set_flags(j, a, c);
    if (c)
        keep_collected(e, j, a, c);
    BUG_ON(attempt_move(a, outcome == EXEC_LOST ? ATTEMPT_LOST : ATTEMPT_EXITED, clock_wall_us()));
    store_put_attempt(pump_batch(e), a, false);
    if (r->n_uuids)
        store_end_leases(pump_batch(e), a->id, clock_wall_us());
    bool built = c && c->built_bytes >= 0;
    if (built && a->end.cause == END_EXITED && !a->end.exit_code && outcome == EXEC_EXITED)
        cache_built(e, j, c->built_bytes);
    else
        cache_abandon(e, j);
    struct trial *t = trial_of(e, j);
    j->attempt = NULL;
    j->progress.total = 0;
    if (t) {
        trial_settle(e, t, r, outcome, a, c);
    } else {
        CLEANUP(mem_freep) char *why = mem_strdup(c && c->why ? c->why : r->why);
        run_drop(e, r);
        settle_job(e, j, outcome, a, c, why);
    }
    attempt_free(a);
    collected_free(c);
}

static void over(struct engine *e, struct run *r, enum exec_outcome outcome)
{
    struct job *j = r->job;
    r->ended = true;
    r->keeps = trial_keeps(e, r, outcome);
    cards_ended(e, r, r->keeps);
    if (!r->keeps) {
        sched_ended(e->sched, j);
        run_unpin(e, j->attempt);
    }
    e->dirty = true;
    if (outcome == EXEC_EXITED && !collect_is_needless(e, r))
        collect_start(e, r, outcome, settle);
    else
        settle(e, r->attempt_id, outcome, NULL);
}

void ending_ended(void *engine, int64_t attempt_id, enum exec_outcome outcome,
                  const struct attempt_end *end)
{
    struct engine *e = engine;
    struct run *r = run_find(e, attempt_id);
    if (!r || r->ended)
        return;
    struct attempt *a = r->job->attempt;
    free(a->end.unkillable);
    a->end = *end;
    a->end.unkillable = mem_strdup(end->unkillable);
    if (outcome == EXEC_LOST)
        a->end.cause = END_LOST;
    else if (outcome == EXEC_NEVER_STARTED)
        a->end.cause = END_VOID;
    over(e, r, outcome);
}

void ending_start_failed(struct engine *e, struct run *r, const struct cail_err *why)
{
    struct attempt *a = r->job->attempt;
    log_error("job %lld could not be started: %s", (long long)r->job->id, why->text);
    attempt_end_init(&a->end);
    free(r->why);
    r->why = mem_printf("could not be started: %s", why->text);
    a->end.cause = END_EXEC_FAILED;
    a->end.exec_errno = why->sys_errno ? why->sys_errno : EIO;
    over(e, r, EXEC_EXITED);
}
