/* Baselines, releases and annotations: places in the history of results that have a name. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/ftime.h"
#include "base/mem.h"
#include "http/api_body.h"
#include "http/api_series.h"

enum { NAME_MAX_BYTES = 100, NOTE_MAX_BYTES = 2000, URL_MAX_BYTES = 500 };

/* --- bodies --- */

/* A string member, NULL when absent or null; borrowed from body. */
static int text_member(const json_t *body, const char *key, size_t max, const char *allowed,
                       char **ret, struct cail_err *err)
{
    struct jpath at = {0};
    const json_t *v = json_object_get(body, key);
    const char *text;
    *ret = NULL;
    if (!v || json_is_null(v))
        return 0;
    (void)jpath_push(&at, key);
    int rc = json_get_str(v, &at, max, allowed, &text, err);
    if (rc == 0)
        *ret = (char *)(uintptr_t)text;
    return rc;
}

static int wanted_text(const json_t *body, const char *key, size_t max, const char *allowed,
                       char **ret, struct cail_err *err)
{
    int rc = text_member(body, key, max, allowed, ret, err);
    CLEANUP(mem_freep) char *at = mem_printf("/%s", key);
    if (rc == 0 && !*ret)
        rc = err_set_at(err, E_BAD_FIELD, at, "wants \"%s\"", key);
    return rc;
}

static int commit_member(const json_t *body, char **ret, struct cail_err *err)
{
    int rc = text_member(body, "commit", 64, "", ret, err);
    if (rc == 0 && *ret && !history_is_sha(*ret))
        rc = err_set_at(err, E_BAD_FIELD, "/commit", "wants 7 to 64 lower-case hex digits");
    return rc;
}

static int url_member(const json_t *body, char **ret, struct cail_err *err)
{
    int rc = text_member(body, "url", URL_MAX_BYTES, "", ret, err);
    if (rc == 0 && *ret && strncmp(*ret, "https://", 8) != 0 && strncmp(*ret, "http://", 7) != 0)
        rc = err_set_at(err, E_BAD_FIELD, "/url", "wants an http or https URL");
    return rc;
}

/* --- documents --- */

static void baseline_doc(struct jw *w, const struct baseline *b)
{
    jw_open(w, '{');
    jw_kstr(w, "name", b->name);
    jw_kstr(w, "commit", b->sha);
    if (b->job_id)
        jw_kint(w, "job", b->job_id);
    else
        jw_knull(w, "job");
    jw_kstr(w, "note", b->note);
    jw_kstr(w, "by", b->user);
    jw_ktime(w, "at", b->at_us);
    jw_close(w, '}');
}

static void release_doc(struct jw *w, const struct release *r)
{
    jw_open(w, '{');
    jw_kstr(w, "name", r->name);
    jw_kstr(w, "commit", r->sha);
    jw_kstr(w, "by", r->user);
    jw_ktime(w, "at", r->at_us);
    jw_close(w, '}');
}

static void annotation_doc(struct jw *w, const struct annotation *a)
{
    jw_open(w, '{');
    jw_kint(w, "id", a->id);
    jw_kstr(w, "benchmark", a->benchmark);
    jw_kstr(w, "commit", a->sha);
    jw_ktime(w, "on", a->on_at_us);
    jw_kstr(w, "text", a->text);
    jw_kstr(w, "url", a->url);
    jw_kstr(w, "by", a->user);
    jw_ktime(w, "at", a->at_us);
    jw_close(w, '}');
}

/* --- lists --- */

#define LIST_OF(noun, rows)                                                                        \
    struct written *x = mem_zalloc(sizeof *x);                                                     \
    struct jw w = JW(&x->body);                                                                    \
    jw_open(&w, '{');                                                                              \
    jw_key(&w, #noun "s");                                                                         \
    jw_open(&w, '[');                                                                              \
    for (size_t i = 0; i < (rows).n; i++)                                                          \
        noun##_doc(&w, &(rows).row[i]);                                                            \
    jw_close(&w, ']');                                                                             \
    jw_close(&w, '}');                                                                             \
    str_addc(&x->body, '\n');                                                                      \
    noun##_rows_done(&(rows));                                                                     \
    *ret = x

API_LOAD(load_baselines)
{
    struct baseline_rows rows;
    int rc = API_NO_QUERY(rq, err);
    if (rc == 0)
        rc = store_read_baselines(reader, &rows, err);
    if (rc)
        return rc;
    LIST_OF(baseline, rows);
    return 0;
}

API_LOAD(load_releases)
{
    struct release_rows rows;
    int rc = API_NO_QUERY(rq, err);
    if (rc == 0)
        rc = store_read_releases(reader, &rows, err);
    if (rc)
        return rc;
    LIST_OF(release, rows);
    return 0;
}

API_LOAD(load_annotations)
{
    struct annotation_rows rows;
    int rc = API_QUERY(rq, err, "benchmark");
    if (rc == 0)
        rc = store_read_annotations(reader, http_query_get(rq, "benchmark"), &rows, err);
    if (rc)
        return rc;
    LIST_OF(annotation, rows);
    return 0;
}

/* --- posts --- */

/* The job that a baseline names must be there: in memory, or a row that load_baseline_post saw. */
struct baseline_seen {
    int64_t job_id;
    int state; /* -1 = no row */
};

API_LOAD(load_baseline_post)
{
    CLEANUP(json_decrefp) json_t *body = NULL;
    struct baseline_seen *seen = mem_zalloc(sizeof *seen);
    seen->state = -1;
    if (rq->body_len && json_read(rq->body, rq->body_len, &body, NULL) == 0)
        seen->job_id = json_integer_value(json_object_get(body, "job"));
    int rc = seen->job_id > 0 ? store_read_states(reader, &seen->job_id, 1, &seen->state, err) : 0;
    if (rc)
        free(seen);
    else
        *ret = seen;
    return rc;
}

static int read_baseline(const json_t *body, struct baseline *b, struct cail_err *err)
{
    struct jpath at = {.text = "/job", .len = 4};
    const json_t *job = json_object_get(body, "job");
    int rc = wanted_text(body, "name", NAME_MAX_BYTES, "", &b->name, err);
    if (rc == 0)
        rc = text_member(body, "note", NOTE_MAX_BYTES, "\n\t", &b->note, err);
    if (rc == 0)
        rc = commit_member(body, &b->sha, err);
    if (rc == 0 && job && !json_is_null(job))
        rc = json_get_int(job, &at, 1, INT64_MAX, &b->job_id, err);
    if (rc == 0 && !b->sha == !b->job_id)
        rc = err_set_at(err, E_BAD_FIELD, "", "a baseline is either a \"commit\" or a \"job\"");
    return rc;
}

API_SERVE(api_baselines_post)
{
    static const char *const known[] = {"name", "commit", "job", "note"};
    struct api *api = app;
    const struct baseline_seen *seen = rq->loaded;
    struct baseline b = {0};
    CLEANUP(json_decrefp) json_t *body = NULL;
    (void)ret_wait_key;
    int rc = API_NO_QUERY(rq, err);
    if (rc == 0)
        rc = body_object(rq, known, ARRAY_LEN(known), &body, err);
    if (rc == 0)
        rc = read_baseline(body, &b, err);
    if (rc == 0 && b.job_id && seen->state < 0 && !engine_job(api->engine, b.job_id))
        rc = err_set_at(err, E_BAD_FIELD, "/job", "there is no job %lld", (long long)b.job_id);
    if (rc)
        return rc;
    engine_put_baseline(api->engine, &b, rq->peer.uid);
    struct jw w = JW(&reply->body);
    baseline_doc(&w, &b);
    free(b.user);
    reply->status = 201;
    api_json_end(reply);
    api_from_memory(api, reply);
    return 0;
}

API_SERVE(api_releases_post)
{
    static const char *const known[] = {"name", "commit"};
    struct api *api = app;
    struct release x = {0};
    CLEANUP(json_decrefp) json_t *body = NULL;
    (void)ret_wait_key;
    int rc = API_NO_QUERY(rq, err);
    if (rc == 0)
        rc = body_object(rq, known, ARRAY_LEN(known), &body, err);
    if (rc == 0)
        rc = wanted_text(body, "name", NAME_MAX_BYTES, "", &x.name, err);
    if (rc == 0)
        rc = commit_member(body, &x.sha, err);
    if (rc == 0 && !x.sha)
        rc = err_set_at(err, E_BAD_FIELD, "/commit", "wants \"commit\"");
    if (rc)
        return rc;
    engine_put_release(api->engine, &x, rq->peer.uid);
    struct jw w = JW(&reply->body);
    release_doc(&w, &x);
    free(x.user);
    reply->status = 201;
    api_json_end(reply);
    api_from_memory(api, reply);
    return 0;
}

/* Without commit and time: now. */
static int read_annotation(const json_t *body, struct annotation *a, struct cail_err *err)
{
    char *on;
    int rc = wanted_text(body, "text", NOTE_MAX_BYTES, "\n\t", &a->text, err);
    if (rc == 0)
        rc = text_member(body, "benchmark", 400, "", &a->benchmark, err);
    if (rc == 0)
        rc = commit_member(body, &a->sha, err);
    if (rc == 0)
        rc = url_member(body, &a->url, err);
    if (rc == 0)
        rc = text_member(body, "on", 40, "", &on, err);
    if (rc == 0 && on && (a->sha || ftime_parse(on, &a->on_at_us) != 0 || a->on_at_us <= 0))
        rc = err_set_at(err, E_BAD_FIELD, "/on",
                        "wants a time such as 2026-11-22T17:08:13Z, and no commit beside it");
    if (rc == 0 && !on && !a->sha)
        a->on_at_us = clock_wall_us();
    return rc;
}

API_SERVE(api_annotations_post)
{
    static const char *const known[] = {"text", "benchmark", "commit", "on", "url"};
    struct api *api = app;
    struct annotation a = {0};
    CLEANUP(json_decrefp) json_t *body = NULL;
    (void)ret_wait_key;
    int rc = API_NO_QUERY(rq, err);
    if (rc == 0)
        rc = body_object(rq, known, ARRAY_LEN(known), &body, err);
    if (rc == 0)
        rc = read_annotation(body, &a, err);
    if (rc)
        return rc;
    engine_put_annotation(api->engine, &a, rq->peer.uid);
    struct jw w = JW(&reply->body);
    annotation_doc(&w, &a);
    free(a.user);
    reply->status = 201;
    api_json_end(reply);
    api_from_memory(api, reply);
    return 0;
}
