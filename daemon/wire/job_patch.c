/* Editing a queued job. */
#include <stdlib.h>
#include <string.h>

#include "base/ftime.h"
#include "base/limits.h"
#include "base/mem.h"
#include "wire/decode.h"
#include "wire/job_doc.h"

struct patch {
    struct job *to; /* a scratch copy of the scheduling fields */
    struct job_patch *out;
    json_t *labels; /* borrowed; NULL = not said */
    struct jpath at;
    struct cail_err *err;
};

static int patch_number(struct patch *p, const char *key, json_t *v)
{
    int64_t n = 0;
    int rc = 0;
    if (strcmp(key, "priority") == 0) {
        rc = json_get_int(v, &p->at, JOB_PRIORITY_MIN, JOB_PRIORITY_MAX, &n, p->err);
        p->to->priority = (int32_t)n;
    } else {
        n = json_is_string(v) ? duration_s(json_string_value(v)) : 0;
        if (!json_is_string(v))
            rc = json_get_int(v, &p->at, 1, JOB_TIMEOUT_MAX_S, &n, p->err);
        else if (n < 1 || n > JOB_TIMEOUT_MAX_S)
            rc = err_set_at(p->err, E_BAD_FIELD, p->at.text, "is no duration such as 2h");
        p->to->timeout_s = n;
    }
    return rc;
}

static int patch_text(struct patch *p, const char *key, json_t *v)
{
    const char *text;
    bool queue = strcmp(key, "queue") == 0;
    int rc = json_get_str(v, &p->at, queue ? JOB_QUEUE_NAME_MAX : JOB_NAME_MAX, "", &text, p->err);
    if (rc)
        return rc;
    if (strcmp(key, "not_before") == 0) {
        if (ftime_parse(text, &p->to->not_before_us))
            return err_set_at(p->err, E_BAD_FIELD, p->at.text, "is no RFC 3339 time");
    } else if (queue) {
        model_set(&p->to->queue, text);
    } else if (strcmp(key, "pr") == 0) {
        model_set(&p->to->pr, text);
    } else {
        model_set(&p->to->name, text);
    }
    return 0;
}

static int patch_field(struct patch *p, const char *key, json_t *v)
{
    static const char *const known[] = {"priority", "needs", "timeout_s",  "labels",
                                        "name",     "queue", "not_before", "pr"};
    bool is_known = false;
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        is_known |= strcmp(key, known[i]) == 0;
    if (!is_known)
        return json_unknown(key, &p->at, known, ARRAY_LEN(known), p->err);
    size_t mark = jpath_push(&p->at, key);
    int rc;
    if (strcmp(key, "needs") == 0) {
        rc = json_get_needs(v, &p->at, &p->to->needs, p->err);
    } else if (strcmp(key, "labels") == 0) {
        rc = labels_decode(v, &p->at, &p->out->label_key, &p->out->label_value, &p->out->n_labels,
                           p->err);
        p->labels = v;
        p->out->labels_changed = !rc;
    } else if (strcmp(key, "priority") == 0 || strcmp(key, "timeout_s") == 0) {
        rc = patch_number(p, key, v);
    } else {
        rc = patch_text(p, key, v);
    }
    jpath_pop(&p->at, mark);
    return rc;
}

/* What has no column goes into the spec: the cards that the present step names. */
static void put_cards(json_t *spec, const struct job *j)
{
    json_t *steps = json_object_get(spec, "step_needs");
    if (!steps) {
        steps = json_array();
        json_object_set_new(spec, "step_needs", steps);
    }
    while (json_array_size(steps) <= (size_t)j->step)
        json_array_append_new(steps, json_object());
    CLEANUP(str_done) struct str s = STR_INIT;
    struct jw w = JW(&s);
    json_t *needs = NULL;
    needs_doc(&w, &j->needs);
    if (!json_read(s.p, s.len, &needs, NULL))
        json_array_set_new(steps, (size_t)j->step, needs);
}

/* The spec with its "labels" replaced (NULL = as they are), and with the cards of `to`. */
static int new_spec(const char *spec, json_t *labels, const struct job *to, char **ret,
                    struct cail_err *err)
{
    CLEANUP(json_decrefp) json_t *v = NULL;
    int rc = json_read(spec, strlen(spec), &v, err);
    if (rc)
        return rc;
    if (labels)
        json_object_set(v, "labels", labels);
    if (to)
        put_cards(v, to);
    *ret = json_text(v);
    return 0;
}

static void keep(struct job *job, struct job *from)
{
    needs_copy(&job->needs, &from->needs);
    job->step = from->step;
    job->priority = from->priority;
    job->timeout_s = from->timeout_s;
    job->not_before_us = from->not_before_us;
    model_set(&job->queue, from->queue);
    model_set(&job->name, from->name);
    model_set(&job->pr, from->pr);
}

int job_patch_apply(const char *body, size_t len, struct job *job, struct job_patch *ret,
                    struct cail_err *err)
{
    CLEANUP(json_decrefp) json_t *v = NULL;
    memset(ret, 0, sizeof *ret);
    int rc = json_read(body, len, &v, err);
    if (rc)
        return rc;
    if (!json_is_object(v))
        return err_set(err, E_BAD_FIELD, "wants an object of the fields to change");
    struct patch p = {.to = job_new(), .out = ret, .err = err};
    keep(p.to, job);
    const char *key;
    json_t *m;
    json_object_foreach(v, key, m) {
        rc = patch_field(&p, key, m);
        if (rc)
            break;
    }
    char *spec = NULL;
    bool cards = strcmp(job->needs.gpu_uuid ? job->needs.gpu_uuid : "",
                        p.to->needs.gpu_uuid ? p.to->needs.gpu_uuid : "") != 0;
    if (!rc && (p.labels || cards))
        rc = new_spec(job->spec, p.labels, cards ? p.to : NULL, &spec, err);
    if (!rc) {
        keep(job, p.to);
        if (spec) {
            free(job->spec);
            job->spec = spec;
        }
    } else {
        job_patch_done(ret);
    }
    job_free(p.to);
    return rc;
}

void job_patch_done(struct job_patch *p)
{
    labels_free(p->label_key, p->label_value, p->n_labels);
    memset(p, 0, sizeof *p);
}
