/* Life and death of the nouns. */
#include "model/job.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

const char *const job_flag_words[] = {
    "metrics_maybe_missing", "leftovers_killed", "unkillable",  "recipe_changed", "results_bad",
    "tainted",               "wrong_card",       "unused_card", NULL};

void model_set(char **field, const char *value)
{
    char *copy = mem_strdup(value);
    free(*field);
    *field = copy;
}

void needs_done(struct needs *n)
{
    free(n->gpu_model);
    free(n->gpu_uuid);
    memset(n, 0, sizeof *n);
}

void needs_copy(struct needs *to, const struct needs *from)
{
    char *model = mem_strdup(from->gpu_model), *uuid = mem_strdup(from->gpu_uuid);
    free(to->gpu_model);
    free(to->gpu_uuid);
    *to = *from;
    to->gpu_model = model;
    to->gpu_uuid = uuid;
}

struct job *job_new(void)
{
    struct job *j = mem_zalloc(sizeof *j);
    j->exit_code = -1;
    j->n_steps = 1;
    j->max_tries = 1;
    j->needs.cpus = 1;
    j->progress.eta_s = -1;
    return j;
}

void job_free(struct job *j)
{
    if (!j)
        return;
    needs_done(&j->needs);
    free(j->name);
    free(j->queue);
    free(j->recipe);
    free(j->spec);
    free(j->after);
    free(j->user);
    free(j->pr);
    free(j->reason);
    free(j);
}

void attempt_end_init(struct attempt_end *e)
{
    memset(e, 0, sizeof *e);
    e->exit_code = -1;
    e->max_rss_bytes = e->instructions = e->cycles = e->branch_misses = -1;
}

struct attempt *attempt_new(void)
{
    struct attempt *a = mem_zalloc(sizeof *a);
    attempt_end_init(&a->end);
    return a;
}

void attempt_free(struct attempt *a)
{
    if (!a)
        return;
    free(a->executor);
    free(a->dir);
    free(a->cpu_list);
    free(a->provenance);
    free(a->gpus);
    free(a->end.unkillable);
    free(a);
}

void group_free(struct group *g)
{
    if (!g)
        return;
    free(g->name);
    free(g);
}

void queue_free(struct queue *q)
{
    if (!q)
        return;
    free(q->name);
    free(q);
}

void result_done(struct result *r)
{
    free(r->benchmark);
    free(r->params);
    free(r->metric);
    free(r->unit);
    free(r->samples);
    memset(r, 0, sizeof *r);
}

void artifact_done(struct artifact *a)
{
    free(a->name);
    memset(a, 0, sizeof *a);
}

void cache_entry_free(struct cache_entry *c)
{
    if (!c)
        return;
    free(c->key);
    free(c->recipe);
    free(c->params);
    free(c->sha);
    free(c->path);
    free(c->pr);
    free(c);
}

int job_exit_status(const struct job *j)
{
    switch (j->state) {
    case JOB_HELD:
    case JOB_QUEUED:
    case JOB_RUNNING:
        return -1;
    case JOB_SUCCEEDED:
        return 0;
    case JOB_TIMED_OUT:
        return 124;
    case JOB_LOST:
        return 69;
    case JOB_DEP_FAILED:
        return 66;
    case JOB_CANCELED:
        if (!j->started_at_us)
            return 66;
        FALLTHROUGH;
    case JOB_FAILED:
    case JOB_STATE_COUNT:
        break;
    }
    if (j->signal)
        return 128 + j->signal;
    return j->exit_code > 0 ? j->exit_code : 1;
}
