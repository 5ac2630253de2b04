/* The fields of a job request: one table row and one small function each. */
#include "wire/job_request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ftime.h"
#include "base/jw.h"
#include "base/limits.h"
#include "base/mem.h"
#include "wire/container.h"
#include "wire/decode.h"
#include "wire/json.h"

/* Append "key":<v as it came> to the members of the spec. */
static void keep(struct decode *d, const char *key, const json_t *v)
{
    struct str *s = &d->rq->spec;
    str_addf(s, "%s\"%s\":", s->len ? "," : "", key);
    json_put(s, v);
}

static int get_name(struct decode *d, json_t *v)
{
    const char *text;
    int rc = json_get_str(v, &d->at, JOB_NAME_MAX, "", &text, d->err);
    if (rc)
        return rc;
    model_set(&d->rq->job->name, text);
    d->rq->said_name = true;
    return 0;
}

/* A name of ours: recipe, queue, key of a label. */
static int get_ident(struct decode *d, json_t *v, size_t max, const char **ret)
{
    int rc = json_get_str(v, &d->at, max, "", ret, d->err);
    if (rc)
        return rc;
    for (const char *c = *ret; *c; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
              strchr("._-/:", *c)))
            return err_set_at(d->err, E_BAD_FIELD, d->at.text,
                              "\"%s\" may hold letters, digits and . _ - / : alone", *ret);
    return 0;
}

static int get_recipe(struct decode *d, json_t *v)
{
    const char *text;
    int rc = get_ident(d, v, 100, &text);
    if (!rc)
        model_set(&d->rq->job->recipe, text);
    return rc;
}

static int get_params(struct decode *d, json_t *v)
{
    if (!json_is_object(v))
        return err_set_at(d->err, E_BAD_FIELD, d->at.text, "wants an object of parameters");
    free(d->rq->params);
    d->rq->params = json_text(v);
    return 0;
}

static int get_command(struct decode *d, json_t *v)
{
    if (json_is_string(v))
        return err_set_at(d->err, E_BAD_FIELD, d->at.text,
                          "wants an array of arguments; for a shell line use \"script\"");
    if (!json_is_array(v) || !json_array_size(v))
        return err_set_at(d->err, E_BAD_FIELD, d->at.text, "wants an array of at least one string");
    if (json_array_size(v) > JOB_ARGS_MAX)
        return err_set_at(d->err, E_BAD_FIELD, d->at.text,
                          "has %zu arguments; at most %d are taken", json_array_size(v),
                          JOB_ARGS_MAX);
    size_t i;
    json_t *arg;
    json_array_foreach(v, i, arg) {
        size_t mark = jpath_push_index(&d->at, i);
        if (!json_is_string(arg))
            return err_set_at(d->err, E_BAD_FIELD, d->at.text, "wants a string");
        jpath_pop(&d->at, mark);
    }
    if (!json_string_length(json_array_get(v, 0)))
        return err_set_at(d->err, E_BAD_FIELD, d->at.text, "names no program");
    keep(d, "command", v);
    d->has_command = true;
    return 0;
}

static int get_script(struct decode *d, json_t *v)
{
    if (!json_is_string(v) || !json_string_length(v))
        return err_set_at(d->err, E_BAD_FIELD, d->at.text, "wants the text of a bash script");
    if (json_string_length(v) > JOB_SPEC_MAX / 2)
        return err_set_at(d->err, E_BAD_FIELD, d->at.text,
                          "has %zu bytes; at most %u are taken: call a file of yours instead",
                          json_string_length(v), JOB_SPEC_MAX / 2);
    keep(d, "script", v);
    d->has_script = true;
    return 0;
}

static int get_kind(struct decode *d, json_t *v)
{
    int word;
    int rc = json_get_word(v, &d->at, job_kind_words, KIND_COUNT, &word, d->err);
    if (rc)
        return rc;
    d->rq->job->kind = (enum job_kind)word;
    d->rq->said_kind = true;
    return 0;
}

static int get_priority(struct decode *d, json_t *v)
{
    int64_t n = 0;
    int rc = json_get_int(v, &d->at, JOB_PRIORITY_MIN, JOB_PRIORITY_MAX, &n, d->err);
    if (!rc)
        d->rq->job->priority = (int32_t)n;
    return rc;
}

static int get_queue(struct decode *d, json_t *v)
{
    const char *text;
    int rc = get_ident(d, v, JOB_QUEUE_NAME_MAX, &text);
    if (!rc)
        model_set(&d->rq->job->queue, text);
    return rc;
}

static int get_needs(struct decode *d, json_t *v)
{
    json_t *cpus = json_object_get(v, "cpus");
    d->rq->said_needs = true;
    d->rq->said_cpus = cpus && !json_is_null(cpus);
    return json_get_needs(v, &d->at, &d->rq->job->needs, d->err);
}

/* Seconds as an integer, or "30s", "2h". */
static int get_seconds(struct decode *d, json_t *v, int64_t *ret)
{
    int64_t n = json_is_string(v) ? duration_s(json_string_value(v)) : 0;
    if (json_is_string(v) && (n < 1 || n > JOB_TIMEOUT_MAX_S))
        return err_set_at(d->err, E_BAD_FIELD, d->at.text,
                          "\"%.40s\" is no duration such as 90, "
                          "30s, 15m, 2h or 1d of at most 90 days",
                          json_string_value(v));
    if (!json_is_string(v)) {
        int rc = json_get_int(v, &d->at, 1, JOB_TIMEOUT_MAX_S, &n, d->err);
        if (rc)
            return rc;
    }
    *ret = n;
    return 0;
}

static int get_timeout(struct decode *d, json_t *v)
{
    d->rq->said_timeout = true;
    return get_seconds(d, v, &d->rq->job->timeout_s);
}

static int get_idle_timeout(struct decode *d, json_t *v)
{
    int64_t n = 0;
    int rc = get_seconds(d, v, &n);
    if (rc)
        return rc;
    struct str *s = &d->rq->spec;
    str_addf(s, "%s\"idle_timeout_s\":%lld", s->len ? "," : "", (long long)n);
    return 0;
}

static int get_max_wait(struct decode *d, json_t *v)
{
    return get_seconds(d, v, &d->rq->job->max_wait_s);
}

static int get_retry_on(struct decode *d, json_t *v)
{
    if (!json_is_array(v))
        return err_set_at(d->err, E_BAD_FIELD, d->at.text, "wants an array of causes");
    size_t i;
    json_t *item;
    d->rq->job->retry_on = 0;
    json_array_foreach(v, i, item) {
        int word;
        size_t mark = jpath_push_index(&d->at, i);
        int rc = json_get_word(item, &d->at, retry_cause_words, RETRY_CAUSE_COUNT, &word, d->err);
        jpath_pop(&d->at, mark);
        if (rc)
            return rc;
        d->rq->job->retry_on |= 1u << word;
    }
    return 0;
}

static int get_retry(struct decode *d, json_t *v)
{
    static const char *const known[] = {"max_attempts", "on", "backoff_s"};
    struct job *j = d->rq->job;
    const char *key;
    json_t *m;
    if (!json_is_object(v))
        return err_set_at(d->err, E_BAD_FIELD, d->at.text, "wants an object");
    j->retry_on = (1u << RETRY_CAUSE_COUNT) - 1;
    json_object_foreach(v, key, m) {
        size_t mark = jpath_push(&d->at, key);
        int64_t n = 0;
        int rc;
        if (strcmp(key, "max_attempts") == 0) {
            rc = json_get_int(m, &d->at, 1, JOB_ATTEMPTS_MAX, &n, d->err);
            j->max_tries = (int32_t)n;
        } else if (strcmp(key, "backoff_s") == 0) {
            rc = json_get_int(m, &d->at, 0, 86400, &n, d->err);
            j->backoff_s = (int32_t)n;
        } else if (strcmp(key, "on") == 0) {
            rc = get_retry_on(d, m);
        } else {
            jpath_pop(&d->at, mark);
            rc = json_unknown(key, &d->at, known, ARRAY_LEN(known), d->err);
        }
        if (rc)
            return rc;
        jpath_pop(&d->at, mark);
    }
    d->rq->said_retry = true;
    return 0;
}

/* after[].job: an id, or "#n", an earlier element of the same array. */
static int get_after_job(struct decode *d, json_t *v, struct after *a, int32_t *ref)
{
    *ref = -1;
    if (!json_is_string(v))
        return json_get_int(v, &d->at, 1, INT64_C(1) << 53, &a->job, d->err);
    const char *text = json_string_value(v);
    char *end = NULL;
    long n = text[0] == '#' ? strtol(text + 1, &end, 10) : -1;
    if (!end || end == text + 1 || *end || n < 0 || n >= d->index)
        return err_set_at(d->err, E_BAD_FIELD, d->at.text,
                          "\"%.20s\" is neither a job id nor \"#n\", an earlier element of this "
                          "array (counted from 0)",
                          text);
    *ref = (int32_t)n;
    return 0;
}

static int get_after_one(struct decode *d, json_t *v, struct after *a, int32_t *ref)
{
    static const char *const known[] = {"job", "when"};
    *ref = -1;
    a->when = AFTER_SUCCEEDED;
    if (json_is_integer(v))
        return get_after_job(d, v, a, ref);
    if (!json_is_object(v) || !json_object_get(v, "job"))
        return err_set_at(d->err, E_BAD_FIELD, d->at.text, "wants {\"job\": id, \"when\": word}");
    const char *key;
    json_t *m;
    json_object_foreach(v, key, m) {
        size_t mark = jpath_push(&d->at, key);
        int rc, word = AFTER_SUCCEEDED;
        if (strcmp(key, "job") == 0) {
            rc = get_after_job(d, m, a, ref);
        } else if (strcmp(key, "when") == 0) {
            rc = json_get_word(m, &d->at, after_when_words, AFTER_WHEN_COUNT, &word, d->err);
            a->when = (enum after_when)word;
        } else {
            jpath_pop(&d->at, mark);
            rc = json_unknown(key, &d->at, known, ARRAY_LEN(known), d->err);
        }
        if (rc)
            return rc;
        jpath_pop(&d->at, mark);
    }
    return 0;
}

static int get_after(struct decode *d, json_t *v)
{
    if (!json_is_array(v))
        return err_set_at(d->err, E_BAD_FIELD, d->at.text, "wants an array of {job, when}");
    size_t n = json_array_size(v), i;
    if (n > JOB_AFTER_MAX)
        return err_set_at(d->err, E_BAD_FIELD, d->at.text, "has %zu entries; at most %d are taken",
                          n, JOB_AFTER_MAX);
    struct job *j = d->rq->job;
    j->after = mem_array(n, sizeof *j->after);
    d->rq->after_ref = mem_array(n, sizeof *d->rq->after_ref);
    j->n_after = (int32_t)n;
    json_t *item;
    json_array_foreach(v, i, item) {
        size_t mark = jpath_push_index(&d->at, i);
        int rc = get_after_one(d, item, &j->after[i], &d->rq->after_ref[i]);
        if (rc)
            return rc;
        jpath_pop(&d->at, mark);
    }
    return 0;
}

static int get_source(struct decode *d, json_t *v)
{
    static const char *const known[] = {"upstream", "repo", "ref", "worktree"};
    if (!json_is_object(v))
        return err_set_at(d->err, E_BAD_FIELD, d->at.text, "wants an object");
    const char *key, *text;
    json_t *m;
    json_object_foreach(v, key, m) {
        size_t mark = jpath_push(&d->at, key);
        bool is_known = false;
        for (size_t i = 0; i < ARRAY_LEN(known); i++)
            is_known |= strcmp(key, known[i]) == 0;
        int rc;
        if (is_known) {
            rc = json_get_str(m, &d->at, 1000, "", &text, d->err);
        } else {
            jpath_pop(&d->at, mark);
            rc = json_unknown(key, &d->at, known, ARRAY_LEN(known), d->err);
        }
        if (rc)
            return rc;
        if (text[0] == '-')
            return err_set_at(d->err, E_BAD_FIELD, d->at.text, "must not begin with '-'");
        if (strcmp(key, "ref") == 0)
            model_set(&d->rq->source_ref, text);
        d->rq->source_worktree |= strcmp(key, "worktree") == 0;
        jpath_pop(&d->at, mark);
    }
    keep(d, "source", v);
    return 0;
}

static int get_pr(struct decode *d, json_t *v)
{
    const char *text;
    int rc = json_get_str(v, &d->at, 500, "", &text, d->err);
    if (rc)
        return rc;
    const char *hash = strchr(text, '#');
    bool brief =
        hash && hash > text && hash[1] && strspn(hash + 1, "0123456789") == strlen(hash + 1);
    if (strncmp(text, "https://", 8) != 0 && strncmp(text, "http://", 7) != 0 && !brief)
        return err_set_at(d->err, E_BAD_FIELD, d->at.text,
                          "wants the URL of a pull request, or NAME#N as in llvm#123");
    model_set(&d->rq->job->pr, text);
    return 0;
}

static int get_labels(struct decode *d, json_t *v)
{
    int rc =
        labels_decode(v, &d->at, &d->rq->label_key, &d->rq->label_value, &d->rq->n_labels, d->err);
    if (!rc)
        keep(d, "labels", v);
    return rc;
}

static int get_env(struct decode *d, json_t *v)
{
    int rc = json_check_env(v, &d->at, d->err);
    if (!rc)
        keep(d, "env", v);
    return rc;
}

static int get_folder(struct decode *d, json_t *v, const char *key)
{
    const char *text;
    int rc = json_get_str(v, &d->at, CAIL_PATH_MAX - 1, "", &text, d->err);
    if (rc)
        return rc;
    if (text[0] != '/' || strstr(text, "/../") ||
        (strlen(text) >= 3 && strcmp(text + strlen(text) - 3, "/..") == 0))
        return err_set_at(d->err, E_BAD_FIELD, d->at.text,
                          "wants an absolute path without \"..\", got \"%.100s\"", text);
    keep(d, key, v);
    return 0;
}

static int get_cwd(struct decode *d, json_t *v)
{
    return get_folder(d, v, "cwd");
}

static int get_build_root(struct decode *d, json_t *v)
{
    return get_folder(d, v, "build_root");
}

static int get_not_before(struct decode *d, json_t *v)
{
    const char *text;
    int rc = json_get_str(v, &d->at, 40, "", &text, d->err);
    if (rc)
        return rc;
    if (ftime_parse(text, &d->rq->job->not_before_us))
        return err_set_at(d->err, E_BAD_FIELD, d->at.text,
                          "\"%s\" is no time such as 2026-11-22T18:00:00Z", text);
    return 0;
}

static int get_executor(struct decode *d, json_t *v)
{
    static const char *const words[] = {"local"};
    int word;
    return json_get_word(v, &d->at, words, 1, &word, d->err);
}

static int get_container(struct decode *d, json_t *v)
{
    int rc = container_check(v, &d->at, d->err);
    if (rc)
        return rc;
    keep(d, "container", v);
    d->rq->has_container = true;
    d->rq->said_ports = container_ports(v);
    return 0;
}

/* A name or glob below a folder of the attempt: relative, no "..", no leading '/'. */
static int get_relative(struct decode *d, const json_t *v)
{
    const char *text;
    int rc = json_get_str(v, &d->at, 255, "", &text, d->err);
    if (rc)
        return rc;
    if (text[0] == '/' || strncmp(text, "../", 3) == 0 || strstr(text, "/../") ||
        strcmp(text, "..") == 0 || strchr(text, '\\'))
        return err_set_at(d->err, E_BAD_FIELD, d->at.text, "wants a relative path without \"..\"");
    return 0;
}

/* [{<main>: relative path, <other>: anything bounded}] under JOB_ARTIFACTS_MAX entries. */
static int get_files(struct decode *d, json_t *v, const char *main, const char *other)
{
    const char *const known[] = {main, other};
    if (!json_is_array(v) || json_array_size(v) > JOB_ARTIFACTS_MAX)
        return err_set_at(d->err, E_BAD_FIELD, d->at.text, "wants an array of at most %d objects",
                          JOB_ARTIFACTS_MAX);
    size_t i;
    json_t *item, *m;
    const char *key, *text;
    json_array_foreach(v, i, item) {
        size_t mark = jpath_push_index(&d->at, i);
        if (!json_is_object(item) || !json_object_get(item, main))
            return err_set_at(d->err, E_BAD_FIELD, d->at.text, "wants an object with \"%s\"", main);
        json_object_foreach(item, key, m) {
            size_t inner = jpath_push(&d->at, key);
            int rc = 0;
            if (strcmp(key, main) == 0) {
                rc = get_relative(d, m);
            } else if (strcmp(key, other) == 0) {
                rc = json_is_boolean(m) ? 0 : json_get_str(m, &d->at, 40, "", &text, d->err);
            } else {
                jpath_pop(&d->at, inner);
                rc = json_unknown(key, &d->at, known, ARRAY_LEN(known), d->err);
            }
            if (rc)
                return rc;
            jpath_pop(&d->at, inner);
        }
        jpath_pop(&d->at, mark);
    }
    return 0;
}

static int get_artifacts(struct decode *d, json_t *v)
{
    int rc = get_files(d, v, "path", "diff");
    if (!rc)
        keep(d, "artifacts", v);
    return rc;
}

static int get_results(struct decode *d, json_t *v)
{
    int rc = get_files(d, v, "file", "parser");
    if (!rc)
        keep(d, "results_spec", v);
    return rc;
}

static int get_profile(struct decode *d, json_t *v)
{
    int word;
    int rc = json_get_word(v, &d->at, profile_words, PROFILE_COUNT, &word, d->err);
    if (!rc && word != PROFILE_NONE)
        keep(d, "profile", v);
    if (!rc)
        d->rq->profile = (enum profile)word;
    return rc;
}

static int get_hold(struct decode *d, json_t *v)
{
    return json_get_bool(v, &d->at, &d->rq->hold, d->err);
}

static int skip_matrix(struct decode *d, json_t *v)
{
    (void)v; /* matrix.c took it off before a request is decoded; here it is nested */
    return err_set_at(d->err, E_BAD_FIELD, d->at.text, "a matrix cannot stand inside an array");
}

/* The coordinates that matrix.c gives each job of a matrix. */
static int get_coordinates(struct decode *d, json_t *v)
{
    keep(d, "matrix", v);
    return 0;
}

static const struct {
    const char *key;
    int (*get)(struct decode *d, json_t *v);
} fields[] = {
    {"recipe", get_recipe},
    {"params", get_params},
    {"command", get_command},
    {"script", get_script},
    {"name", get_name},
    {"kind", get_kind},
    {"priority", get_priority},
    {"queue", get_queue},
    {"needs", get_needs},
    {"timeout_s", get_timeout},
    {"idle_timeout_s", get_idle_timeout},
    {"max_wait_s", get_max_wait},
    {"retry", get_retry},
    {"after", get_after},
    {"source", get_source},
    {"pr", get_pr},
    {"labels", get_labels},
    {"env", get_env},
    {"cwd", get_cwd},
    {"build_root", get_build_root},
    {"matrix", skip_matrix},
    {"not_before", get_not_before},
    {"executor", get_executor},
    {"container", get_container},
    {"artifacts", get_artifacts},
    {"results", get_results},
    {"profile", get_profile},
    {"hold", get_hold},
};

static int unknown_field(struct decode *d, const char *key)
{
    const char *known[ARRAY_LEN(fields)];
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        known[i] = fields[i].key;
    return json_unknown(key, &d->at, known, ARRAY_LEN(known), d->err);
}

static int get_field(struct decode *d, const char *key, json_t *v)
{
    if (strcmp(key, MATRIX_COORDINATES) == 0 && d->from_matrix)
        return get_coordinates(d, v);
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (strcmp(key, fields[i].key) != 0)
            continue;
        size_t mark = jpath_push(&d->at, key);
        int rc = fields[i].get(d, v);
        if (rc)
            return rc;
        jpath_pop(&d->at, mark);
        return 0;
    }
    return unknown_field(d, key);
}

static int check_whole(struct decode *d)
{
    int n = (d->rq->job->recipe != NULL) + d->has_command + d->has_script;
    if (n != 1)
        return err_set_at(d->err, E_BAD_FIELD, d->at.text,
                          "wants exactly one of \"recipe\", \"command\" and \"script\"");
    if (d->rq->params && !d->rq->job->recipe)
        return err_set_at(d->err, E_BAD_FIELD, d->at.text, "\"params\" belong to a recipe");
    if (d->rq->spec.len > JOB_SPEC_MAX)
        return err_set_at(d->err, E_TOO_LARGE, d->at.text, "the request has %zu bytes; at most %u",
                          d->rq->spec.len, JOB_SPEC_MAX);
    return 0;
}

int job_request_decode(struct decode *d, json_t *v)
{
    if (!json_is_object(v))
        return err_set_at(d->err, E_BAD_FIELD, d->at.text, "wants an object: a job request");
    struct job *j = d->rq->job = job_new();
    j->timeout_s = JOB_TIMEOUT_DEFAULT_S;
    j->kind = KIND_CHECK;
    j->backoff_s = 10;
    j->retry_on = 1u << RETRY_FAILED;
    const char *key;
    json_t *member;
    json_object_foreach(v, key, member) {
        if (json_is_null(member))
            continue;
        int rc = get_field(d, key, member);
        if (rc)
            return rc;
    }
    if (!j->queue)
        model_set(&j->queue, "default");
    return check_whole(d);
}
