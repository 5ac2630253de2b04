/* A body -> a submission: one job, an array, or a matrix. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "wire/decode.h"

int labels_decode(json_t *v, struct jpath *at, char ***ret_keys, char ***ret_values, size_t *ret_n,
                  struct cail_err *err)
{
    if (!json_is_object(v) || json_object_size(v) > JOB_LABELS_MAX)
        return err_set_at(err, E_BAD_FIELD, at->text, "wants an object of at most %d labels",
                          JOB_LABELS_MAX);
    size_t cap = json_object_size(v), n = 0;
    char **keys = mem_array(cap, sizeof *keys), **values = mem_array(cap, sizeof *values);
    const char *key, *text;
    json_t *m;
    int rc = 0;
    json_object_foreach(v, key, m) {
        size_t mark = jpath_push(at, key);
        if (!*key || strlen(key) > JOB_LABEL_KEY_MAX || strchr(key, '='))
            rc = err_set_at(err, E_BAD_FIELD, at->text,
                            "a label's name has 1 to %d bytes and no '='", JOB_LABEL_KEY_MAX);
        else
            rc = json_get_str(m, at, JOB_LABEL_VALUE_MAX, "", &text, err);
        if (rc)
            break;
        keys[n] = mem_strdup(key);
        values[n++] = mem_strdup(text);
        jpath_pop(at, mark);
    }
    if (rc) {
        labels_free(keys, values, n);
        return rc;
    }
    *ret_keys = keys;
    *ret_values = values;
    *ret_n = n;
    return 0;
}

void labels_free(char **keys, char **values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(keys[i]);
        free(values[i]);
    }
    free(keys);
    free(values);
}

void submission_done(struct submission *s)
{
    for (size_t i = 0; i < s->n; i++)
        job_request_done(&s->req[i]);
    free(s->req);
    free(s->group_name);
    memset(s, 0, sizeof *s);
}

static int decode_one(json_t *v, struct submission *s, size_t i, bool from_matrix,
                      struct cail_err *err)
{
    struct decode d = {
        .rq = &s->req[i], .err = err, .index = (int32_t)i, .from_matrix = from_matrix};
    if (s->is_array && !from_matrix)
        jpath_push_index(&d.at, i);
    json_t *script = json_is_object(v) ? json_object_get(v, "script") : NULL;
    int rc = json_is_string(script) ? script_options(v, json_string_value(script), err) : 0;
    return rc ? rc : job_request_decode(&d, v);
}

static int decode_all(json_t *const *values, size_t n, bool from_matrix, struct submission *s,
                      struct cail_err *err)
{
    s->req = mem_array(n, sizeof *s->req);
    s->n = n;
    for (size_t i = 0; i < n; i++) {
        int rc = decode_one(values[i], s, i, from_matrix, err);
        if (rc) {
            submission_done(s);
            return rc;
        }
    }
    return 0;
}

static int from_array(json_t *v, struct submission *s, struct cail_err *err)
{
    size_t n = json_array_size(v);
    if (!n || n > JOBS_PER_ARRAY_MAX)
        return err_set(err, E_BAD_FIELD, "an array of jobs has 1 to %d elements, this one %zu",
                       JOBS_PER_ARRAY_MAX, n);
    json_t **values = mem_array(n, sizeof *values);
    for (size_t i = 0; i < n; i++)
        values[i] = json_array_get(v, i);
    s->is_array = true;
    int rc = decode_all(values, n, false, s, err);
    free(values);
    return rc;
}

static int from_matrix(json_t *v, struct submission *s, struct cail_err *err)
{
    json_t **values;
    size_t n;
    int rc = matrix_expand(v, &values, &n, &s->max_parallel, &s->fail_fast, err);
    if (rc)
        return rc;
    s->is_array = true;
    rc = decode_all(values, n, true, s, err);
    for (size_t i = 0; i < n; i++)
        json_decref(values[i]);
    free(values);
    return rc;
}

int submission_from_value(json_t *v, struct submission *ret, struct cail_err *err)
{
    struct submission s = {0};
    int rc;
    if (json_is_array(v)) {
        rc = from_array(v, &s, err);
    } else if (json_is_object(v) && json_object_get(v, "matrix")) {
        rc = from_matrix(v, &s, err);
    } else {
        s.is_single = true;
        rc = decode_all(&v, 1, false, &s, err);
    }
    if (rc)
        return rc;
    if (s.req[0].job->name)
        s.group_name = mem_strdup(s.req[0].job->name);
    *ret = s;
    return 0;
}

int submission_from_json(const char *body, size_t len, struct submission *ret, struct cail_err *err)
{
    CLEANUP(json_decrefp) json_t *v = NULL;
    int rc = json_read(body, len, &v, err);
    return rc ? rc : submission_from_value(v, ret, err);
}
