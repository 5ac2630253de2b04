/* Nouns as JSON documents. The spec of a job is already JSON in the request's words, so its members
 * are copied into the document as they are. */
#include "wire/job_doc.h"

#include <stdio.h>
#include <string.h>

#include "wire/job_spec.h"

/* "GPU-a,GPU-b" as an array; NULL as an empty one. */
static void put_list(struct jw *w, const char *text)
{
    jw_open(w, '[');
    while (text && *text) {
        size_t n = strcspn(text, ",");
        jw_strn(w, text, n);
        text += n + (text[n] == ',');
    }
    jw_close(w, ']');
}

void needs_doc(struct jw *w, const struct needs *n)
{
    jw_open(w, '{');
    jw_key(w, "cpus");
    if (n->cpus == CPUS_ALL)
        jw_str(w, "all");
    else
        jw_int(w, n->cpus);
    jw_key(w, "memory_mib");
    if (n->memory_mib)
        jw_int(w, n->memory_mib);
    else
        jw_null(w);
    jw_kint(w, "gpus", n->gpus);
    jw_kstr(w, "gpu_model", n->gpu_model);
    jw_key(w, "gpu_uuid");
    if (n->gpu_uuid)
        put_list(w, n->gpu_uuid);
    else
        jw_null(w);
    jw_key(w, "gpu_memory_mib");
    if (n->gpu_memory_mib)
        jw_int(w, n->gpu_memory_mib);
    else
        jw_null(w);
    jw_kstr(w, "exclusive", exclusive_words[n->exclusive]);
    jw_kint(w, "ports", n->ports);
    jw_kbool(w, "share", n->share);
    jw_close(w, '}');
}

void progress_doc(struct jw *w, const struct job *j)
{
    if (j->progress.total <= 0 || j->state != JOB_RUNNING) {
        jw_null(w);
        return;
    }
    jw_open(w, '{');
    jw_kint(w, "done", j->progress.done);
    jw_kint(w, "total", j->progress.total);
    jw_key(w, "eta_s");
    if (j->progress.eta_s >= 0)
        jw_int(w, j->progress.eta_s);
    else
        jw_null(w);
    jw_kstr(w, "label", j->progress.label);
    jw_close(w, '}');
}

static void null_or_int(struct jw *w, const char *key, bool known, int64_t v)
{
    jw_key(w, key);
    if (known)
        jw_int(w, v);
    else
        jw_null(w);
}

static void after_doc(struct jw *w, const struct job *j)
{
    jw_key(w, "after");
    jw_open(w, '[');
    for (int32_t i = 0; i < j->n_after; i++) {
        jw_open(w, '{');
        jw_kint(w, "job", j->after[i].job);
        jw_kstr(w, "when", after_when_words[j->after[i].when]);
        jw_close(w, '}');
    }
    jw_close(w, ']');
}

static void retry_doc(struct jw *w, const struct job *j)
{
    jw_key(w, "retry");
    jw_open(w, '{');
    jw_kint(w, "max_attempts", j->max_tries);
    jw_key(w, "on");
    jw_open(w, '[');
    for (int i = 0; i < RETRY_CAUSE_COUNT; i++)
        if (j->retry_on & (1u << i))
            jw_str(w, retry_cause_words[i]);
    jw_close(w, ']');
    jw_kint(w, "backoff_s", j->backoff_s);
    jw_close(w, '}');
}

static void step_doc(struct jw *w, const struct job *j)
{
    char name[64];
    jw_key(w, "step");
    if (!job_spec_step_name(j->spec, j->step, name)) {
        jw_null(w);
        return;
    }
    jw_open(w, '{');
    jw_kint(w, "index", j->step);
    jw_kint(w, "count", j->n_steps);
    jw_kstr(w, "name", name);
    jw_close(w, '}');
}

static void flags_doc(struct jw *w, const struct job *j)
{
    jw_key(w, "flags");
    jw_open(w, '[');
    for (int i = 0; job_flag_words[i]; i++)
        if (j->flags & (1u << i))
            jw_str(w, job_flag_words[i]);
    jw_close(w, ']');
}

static void gpus_doc(struct jw *w, const char *gpus)
{
    jw_key(w, "gpus");
    put_list(w, gpus);
}

static void outcome_doc(struct jw *w, const struct job *j)
{
    int status = job_exit_status(j);
    null_or_int(w, "exit_code", j->exit_code >= 0, j->exit_code);
    null_or_int(w, "signal", j->signal, j->signal);
    null_or_int(w, "exit_status", status >= 0, status);
    null_or_int(w, "blocked_by", j->blocked_by, j->blocked_by);
    gpus_doc(w, j->attempt ? j->attempt->gpus : NULL);
    jw_kbool(w, "cached", j->cached);
    jw_kbool(w, "ready", j->ready);
    flags_doc(w, j);
}

static void links_doc(struct jw *w, const struct job *j)
{
    static const struct {
        const char *key, *tail;
    } links[] = {{"self", ""},
                 {"log", "/log"},
                 {"why", "/why"},
                 {"results", "/results"},
                 {"artifacts", "/artifacts"},
                 {"repro", "/repro"},
                 {"provenance", "/provenance"}};
    jw_key(w, "links");
    jw_open(w, '{');
    for (size_t i = 0; i < ARRAY_LEN(links); i++) {
        char text[64];
        size_t n =
            (size_t)snprintf(text, sizeof text, "/jobs/%lld%s", (long long)j->id, links[i].tail);
        jw_key(w, links[i].key);
        jw_strn(w, text, n);
    }
    jw_close(w, '}');
}

static void extras_doc(struct jw *w, const struct job_extras *x)
{
    jw_key(w, "attempts");
    jw_open(w, '[');
    for (size_t i = 0; i < x->n_attempts; i++)
        attempt_doc(w, x->attempt[i], x->host);
    jw_close(w, ']');
    jw_key(w, "results");
    jw_open(w, '[');
    for (size_t i = 0; i < x->n_results; i++)
        result_doc(w, &x->result[i], false);
    jw_close(w, ']');
}

void job_doc(struct jw *w, const struct job *j, const struct job_extras *extras)
{
    jw_open(w, '{');
    jw_kint(w, "id", j->id);
    jw_kstr(w, "name", j->name);
    jw_kstr(w, "kind", job_kind_words[j->kind]);
    jw_kstr(w, "state", job_state_words[j->state]);
    jw_kstr(w, "reason", j->reason);
    jw_kstr(w, "queue", j->queue);
    jw_kint(w, "priority", j->priority);
    null_or_int(w, "group", j->group, j->group);
    null_or_int(w, "index", j->group, j->index);
    jw_key(w, "needs");
    needs_doc(w, &j->needs);
    jw_kint(w, "timeout_s", j->timeout_s);
    retry_doc(w, j);
    after_doc(w, j);
    jw_kstr(w, "pr", j->pr);
    jw_key(w, "submitter");
    jw_open(w, '{');
    jw_kint(w, "uid", (int64_t)j->uid);
    jw_kstr(w, "user", j->user);
    jw_close(w, '}');
    jw_ktime(w, "created_at", j->created_at_us);
    jw_ktime(w, "not_before", j->not_before_us);
    jw_ktime(w, "started_at", j->started_at_us);
    jw_ktime(w, "finished_at", j->finished_at_us);
    outcome_doc(w, j);
    step_doc(w, j);
    jw_key(w, "progress");
    progress_doc(w, j);
    jw_raw(w, j->spec + 1, strlen(j->spec) - 2); /* the spec's own members */
    if (extras)
        extras_doc(w, extras);
    links_doc(w, j);
    jw_close(w, '}');
}

static void end_doc(struct jw *w, const struct attempt_end *e)
{
    jw_kstr(w, "cause", end_cause_words[e->cause]);
    null_or_int(w, "exit_code", e->exit_code >= 0, e->exit_code);
    null_or_int(w, "signal", e->signal, e->signal);
    null_or_int(w, "exec_errno", e->exec_errno, e->exec_errno);
    jw_kint(w, "wall_ms", e->wall_us / 1000);
    jw_kint(w, "user_ms", e->user_us / 1000);
    jw_kint(w, "system_ms", e->system_us / 1000);
    null_or_int(w, "max_rss_bytes", e->max_rss_bytes >= 0, e->max_rss_bytes);
    null_or_int(w, "instructions", e->instructions >= 0, e->instructions);
    null_or_int(w, "cycles", e->cycles >= 0, e->cycles);
    null_or_int(w, "branch_misses", e->branch_misses >= 0, e->branch_misses);
    jw_kint(w, "log_bytes", e->log_bytes);
    jw_key(w, "log_hole");
    if (e->hole_to > e->hole_from) {
        jw_open(w, '{');
        jw_kint(w, "from", e->hole_from);
        jw_kint(w, "to", e->hole_to);
        jw_close(w, '}');
    } else {
        jw_null(w);
    }
    jw_kint(w, "killed", e->killed);
    jw_kstr(w, "unkillable", e->unkillable);
}

void attempt_doc(struct jw *w, const struct attempt *a, const char *host)
{
    jw_open(w, '{');
    jw_kint(w, "id", a->id);
    jw_kint(w, "number", a->number);
    jw_kint(w, "step", a->step);
    jw_kstr(w, "state", attempt_state_words[a->state]);
    jw_kstr(w, "executor", a->executor);
    jw_kstr(w, "host", host);
    jw_kstr(w, "dir", a->dir);
    jw_ktime(w, "started_at", a->started_at_us);
    jw_ktime(w, "ended_at", a->ended_at_us);
    jw_kint(w, "granted_cpus", a->granted_cpus);
    jw_kstr(w, "cpu_list", a->cpu_list);
    gpus_doc(w, a->gpus);
    jw_kbool(w, "files_gone", a->files_gone);
    if (attempt_state_is_terminal(a->state))
        end_doc(w, &a->end);
    jw_close(w, '}');
}

void result_doc(struct jw *w, const struct result *r, bool with_samples)
{
    jw_open(w, '{');
    jw_kstr(w, "benchmark", r->benchmark);
    jw_key(w, "params");
    jw_raw(w, r->params, strlen(r->params));
    jw_kstr(w, "metric", r->metric);
    jw_kstr(w, "unit", r->unit);
    jw_kstr(w, "better", better_words[r->better]);
    jw_kstr(w, "metric_kind", metric_kind_words[r->kind]);
    jw_kstr(w, "status", result_status_words[r->status]);
    jw_kreal(w, "value", r->value);
    jw_kint(w, "n", r->n_samples);
    if (with_samples) {
        jw_key(w, "samples");
        jw_open(w, '[');
        for (int32_t i = 0; i < r->n_samples; i++)
            jw_real(w, r->samples[i]);
        jw_close(w, ']');
    }
    jw_close(w, '}');
}

void artifact_doc(struct jw *w, const struct artifact *a)
{
    jw_open(w, '{');
    jw_kstr(w, "name", a->name);
    jw_kint(w, "bytes", a->bytes);
    jw_kstr(w, "sha256", a->sha256);
    jw_kbool(w, "diff", a->diff);
    jw_close(w, '}');
}

bool group_is_finished(const struct group *g)
{
    return !g->counts[JOB_HELD] && !g->counts[JOB_QUEUED] && !g->counts[JOB_RUNNING];
}

const char *group_state(const struct group *g)
{
    if (g->counts[JOB_RUNNING])
        return "running";
    if (g->counts[JOB_QUEUED])
        return g->counts[JOB_QUEUED] == g->size ? "queued" : "running";
    if (g->counts[JOB_HELD])
        return "held";
    if (g->counts[JOB_SUCCEEDED] == g->size)
        return "succeeded";
    return g->counts[JOB_SUCCEEDED] + g->counts[JOB_CANCELED] == g->size ? "canceled" : "failed";
}

void group_doc(struct jw *w, const struct group *g, struct job *const *jobs, size_t n_jobs,
               int64_t finished_at_us)
{
    int64_t live = g->counts[JOB_HELD] + g->counts[JOB_QUEUED] + g->counts[JOB_RUNNING];
    jw_open(w, '{');
    jw_kint(w, "id", g->id);
    jw_kstr(w, "name", g->name);
    jw_kstr(w, "state", group_state(g));
    jw_kint(w, "size", g->size);
    jw_kint(w, "max_parallel", g->max_parallel);
    jw_kbool(w, "fail_fast", g->fail_fast);
    jw_ktime(w, "created_at", g->created_at_us);
    jw_ktime(w, "finished_at", group_is_finished(g) ? finished_at_us : 0);
    jw_key(w, "counts");
    jw_open(w, '{');
    for (int i = 0; i < JOB_STATE_COUNT; i++)
        jw_kint(w, job_state_words[i], g->counts[i]);
    jw_close(w, '}');
    jw_key(w, "progress");
    jw_open(w, '{');
    jw_kint(w, "done", g->size - live);
    jw_kint(w, "total", g->size);
    jw_close(w, '}');
    jw_key(w, "jobs");
    jw_open(w, '[');
    for (size_t i = 0; i < n_jobs; i++)
        job_doc(w, jobs[i], NULL);
    jw_close(w, ']');
    jw_close(w, '}');
}

void cache_doc(struct jw *w, const struct cache_entry *c, const char *pinned, bool evict)
{
    jw_open(w, '{');
    jw_kstr(w, "key", c->key);
    jw_kstr(w, "recipe", c->recipe);
    jw_key(w, "params");
    jw_raw(w, c->params, strlen(c->params));
    jw_kstr(w, "sha", c->sha);
    jw_kstr(w, "path", c->path);
    jw_kint(w, "bytes", c->bytes);
    jw_kstr(w, "state", cache_state_words[c->state]);
    jw_ktime(w, "created_at", c->created_at_us);
    jw_ktime(w, "last_used_at", c->last_used_at_us);
    jw_kint(w, "uses", c->uses);
    jw_kint(w, "job", c->job_id);
    jw_kstr(w, "pinned", pinned);
    jw_kbool(w, "evict", evict);
    jw_close(w, '}');
}
