/* A decoded request becomes the spec that is stored with its job. */
#include <stdlib.h>
#include <string.h>

#include "base/jw.h"
#include "base/limits.h"
#include "base/mem.h"
#include "wire/decode.h"

void job_request_done(struct job_request *rq)
{
    job_free(rq->job);
    str_done(&rq->spec);
    free(rq->params);
    free(rq->source_ref);
    free(rq->after_ref);
    labels_free(rq->label_key, rq->label_value, rq->n_labels);
    memset(rq, 0, sizeof *rq);
}

/* A name for a job that was given none: its recipe, its program, or "script". */
static char *default_name(const struct job_request *rq)
{
    if (rq->job->recipe)
        return mem_strdup(rq->job->recipe);
    static const char start[] = "\"command\":[\"";
    const char *at = rq->spec.p ? strstr(rq->spec.p, start) : NULL;
    if (!at)
        return mem_strdup("script");
    at += sizeof start - 1;
    const char *end = strchr(at, '"');
    const char *base = at;
    for (const char *c = at; c < end; c++)
        if (*c == '/' && c + 1 < end)
            base = c + 1;
    size_t len = (size_t)(end - base);
    return mem_strndup(base, len < JOB_NAME_MAX ? len : JOB_NAME_MAX);
}

void job_request_seal(struct job_request *rq, const char *canonical_params,
                      const char *const *step_names, size_t n_steps)
{
    struct job *j = rq->job;
    CLEANUP(str_done) struct str s = STR_INIT;
    struct jw w = JW(&s);
    str_reserve(&s, rq->spec.len + 128);
    jw_open(&w, '{');
    if (j->recipe) {
        jw_kstr(&w, "recipe", j->recipe);
        jw_key(&w, "params");
        jw_raw(&w, canonical_params, strlen(canonical_params));
    }
    jw_raw(&w, rq->spec.p, rq->spec.len);
    if (n_steps) {
        jw_key(&w, "steps");
        jw_open(&w, '[');
        for (size_t i = 0; i < n_steps; i++)
            jw_str(&w, step_names[i]);
        jw_close(&w, ']');
        j->n_steps = (int32_t)n_steps;
    }
    jw_close(&w, '}');
    free(j->spec);
    j->spec = str_take(&s);
    if (j->name)
        return;
    CLEANUP(mem_freep) char *name = default_name(rq);
    if (rq->profile) /* told apart in lists: this one measured nothing */
        j->name = mem_printf("%.*s (%s)", JOB_NAME_MAX - 8, name, profile_words[rq->profile]);
    else
        j->name = mem_strdup(name);
}
