/* Comparisons: posted, waited for, shown from their rows, reported. A live one is known to the
 * engine; what it shows is always what is stored, so a reader and a restart see the same. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/api.h"
#include "http/api_body.h"
#include "http/api_lab.h"
#include "http/api_series.h"
#include "wire/comparison_request.h"

/* --- one --- */

struct comparison_loaded {
    int rc;
    struct cail_err err;
    struct comparison_view *view;
};

struct compare_scratch {
    struct api_scratch base;
    int64_t id;    /* what this request has made; 0 = nothing yet */
    bool repeated; /* its Idempotency-Key made it before */
};

static void *load(void *reader, int64_t id)
{
    struct comparison_loaded *l = mem_zalloc(sizeof *l);
    l->rc = comparison_view_told(reader, id, &l->view, &l->err);
    return l;
}

API_LOAD(load_comparison)
{
    int64_t id;
    int rc = http_part_id(rq, 0, &id, err);
    if (rc == 0)
        *ret = load(reader, id);
    return rc;
}

API_LOAD(load_comparison_report)
{
    int64_t id;
    int rc = http_part_id(rq, 0, &id, err);
    if (rc)
        return rc;
    struct comparison_loaded *l = *ret = mem_zalloc(sizeof *l);
    l->rc = comparison_view_read(reader, id, &l->view, &l->err);
    return 0;
}

/* Of a POST that waits: the one it has made. */
API_LOAD(load_compared)
{
    const struct compare_scratch *sc = rq->scratch;
    (void)err;
    *ret = load(reader, sc->id);
    return 0;
}

void comparison_loaded_free(void *loaded)
{
    struct comparison_loaded *l = loaded;
    if (!l)
        return;
    comparison_view_free(l->view);
    free(l);
}

/* Is it over, or may this request wait no longer? Else wait for it. */
static bool must_wait(struct api *api, const struct http_request *rq, int64_t id, int64_t wait_s)
{
    return wait_s && !rq->expired && engine_comparison(api->engine, id);
}

/* Rows of a comparison that memory no longer has and that do not say its end yet: the end is on its
 * way to the disk. */
static bool is_stale(struct api *api, const struct http_request *rq, int64_t id,
                     const struct comparison_loaded *l)
{
    const struct api_scratch *sc = rq->scratch;
    if (sc->n_loads >= API_LOADS_MAX || engine_comparison(api->engine, id))
        return false;
    return l->rc == 0 && !comparison_state_is_terminal(comparison_view_row(l->view)->state);
}

/* 0 with *ret, HTTP_RELOAD, HTTP_WAIT for an end that is on its way to the disk, or an error. */
static int find(struct api *api, struct http_request *rq, int64_t id, int64_t *ret_wait_key,
                struct comparison_loaded **ret, struct cail_err *err)
{
    struct comparison_loaded *l = *ret = api_loaded(rq);
    if (!l)
        return api_reload(rq);
    if (is_stale(api, rq, id, l) && !rq->expired) {
        if (engine_batch(api->engine) == engine_durable(api->engine))
            return api_reload(rq); /* it arrived while the rows were read */
        if (rq->deadline_mono_us == 0)
            rq->deadline_mono_us = clock_mono_us() + API_ENDING_US;
        *ret_wait_key = id;
        return HTTP_WAIT;
    }
    if (l->rc == 0)
        return 0;
    *err = l->err;
    return l->rc;
}

API_SERVE(api_comparison)
{
    struct api *api = app;
    struct comparison_loaded *l;
    int64_t wait_s, id;
    int rc = api_wait_query(rq, &wait_s, err);
    if (rc == 0)
        rc = http_part_id(rq, 0, &id, err);
    if (rc)
        return rc;
    *ret_wait_key = id;
    if (must_wait(api, rq, id, wait_s))
        return HTTP_WAIT;
    rc = find(api, rq, id, ret_wait_key, &l, err);
    if (rc)
        return rc;
    comparison_view_put(l->view, COMPARISON_JSON, NULL, &reply->body);
    api_from_memory(api, reply);
    return 0;
}

API_SERVE(api_comparison_report)
{
    static const struct {
        const char *word, *type;
        enum comparison_format format;
    } formats[] = {
        {"markdown", "text/markdown; charset=utf-8", COMPARISON_MARKDOWN},
        {"junit", "application/xml", COMPARISON_JUNIT},
        {"github", NULL, COMPARISON_GITHUB},
    };
    struct api *api = app;
    struct comparison_loaded *l;
    int64_t id;
    int rc = API_QUERY(rq, err, "format");
    const char *word = http_query_get(rq, "format");
    size_t i = 0;
    while (rc == 0 && word && i < ARRAY_LEN(formats) && strcmp(formats[i].word, word) != 0)
        i++;
    if (rc == 0 && i == ARRAY_LEN(formats))
        rc =
            err_set(err, E_BAD_REQUEST, "format is markdown, junit or github, not \"%.40s\"", word);
    if (rc == 0)
        rc = http_part_id(rq, 0, &id, err);
    if (rc == 0)
        rc = find(api, rq, id, ret_wait_key, &l, err);
    if (rc)
        return rc;
    reply->content_type = formats[i].type;
    comparison_view_put(l->view, formats[i].format, engine_config(api->engine)->url, &reply->body);
    api_from_memory(api, reply);
    return 0;
}

API_SERVE(api_comparison_cancel)
{
    struct api *api = app;
    struct comparison_loaded *l;
    int64_t id, grace_ms;
    int rc = API_NO_QUERY(rq, err);
    if (rc == 0)
        rc = body_grace(rq, &grace_ms, err);
    if (rc == 0)
        rc = http_part_id(rq, 0, &id, err);
    if (rc)
        return rc;
    struct comparison *c = engine_comparison(api->engine, id);
    if (!c) {
        rc = find(api, rq, id, ret_wait_key, &l, err);
        return rc ? rc
                  : err_set(err, E_CONFLICT, "comparison %" PRId64 " has already %s", id,
                            comparison_state_words[comparison_view_row(l->view)->state]);
    }
    rc = engine_comparison_cancel(api->engine, c, grace_ms, err);
    if (rc)
        return rc;
    api_canceled(api, reply, id, !engine_comparison(api->engine, id));
    return 0;
}

/* --- posted --- */

/* *ret = NULL: it was made before. */
static int make(struct api *api, struct http_request *rq, struct compare_scratch *sc,
                struct comparison **ret, struct cail_err *err)
{
    char sha256[DIGEST_LEN];
    struct idem_made seen;
    struct comparison_request cr;
    int rc = api_key_seen(api, rq, sha256, &seen, err);
    if (rc || seen.comparison) {
        sc->id = seen.comparison;
        sc->repeated = true;
        return rc;
    }
    rc = comparison_request_read(rq->body, rq->body_len, &cr, err);
    if (rc)
        return rc;
    rc = api_pr_settle(api, &cr.pr, "/pr", err);
    if (rc == 0)
        rc = engine_compare(api->engine, &cr, rq->body, rq->body_len, rq->peer.uid, ret, err);
    if (rc == 0) {
        sc->id = seen.comparison = (*ret)->id;
        api_pr_known(api, (*ret)->pr);
        api_key_keep(api, rq, sha256, &seen);
    }
    comparison_request_done(&cr);
    return rc;
}

API_SERVE(api_compare)
{
    struct api *api = app;
    struct comparison *c = NULL;
    struct comparison_loaded *l;
    int64_t wait_s;
    int rc = api_wait_query(rq, &wait_s, err);
    if (rc)
        return rc;
    struct compare_scratch *sc = api_scratch(rq, sizeof *sc);
    if (!sc->id) {
        rc = make(api, rq, sc, &c, err);
        if (rc) {
            api_from_memory(api, reply); /* what it was refused for may not be durable yet */
            return rc;
        }
        if (c && !wait_s) {
            struct jw w = JW(&reply->body);
            comparison_summary(&w, c);
            api_json_end(reply);
            api_from_memory(api, reply);
            api_location(reply, "comparisons", sc->id);
            reply->status = 201;
            return 0;
        }
    }
    *ret_wait_key = sc->id;
    if (must_wait(api, rq, sc->id, wait_s))
        return HTTP_WAIT;
    rc = find(api, rq, sc->id, ret_wait_key, &l, err);
    if (rc)
        return rc;
    comparison_view_put(l->view, COMPARISON_JSON, NULL, &reply->body);
    api_from_memory(api, reply);
    api_location(reply, "comparisons", sc->id);
    reply->status = sc->repeated ? 200 : 201;
    return 0;
}

/* --- many --- */

API_LOAD(load_comparisons)
{
    int64_t limit, before = 0;
    struct comparison_rows rows;
    char next[CURSOR_LEN];
    int rc = API_QUERY(rq, err, "pr", "recipe", "limit", "cursor");
    if (rc == 0)
        rc = http_query_int(rq, "limit", 1, LIST_LIMIT_MAX, 50, &limit, err);
    if (rc == 0)
        rc = cursor_query(rq, &before, err);
    if (rc == 0)
        rc = store_read_comparisons(reader, before, (int32_t)limit, http_query_get(rq, "pr"),
                                    http_query_get(rq, "recipe"), &rows, err);
    if (rc)
        return rc;
    struct written *x = *ret = mem_zalloc(sizeof *x);
    struct jw w = JW(&x->body);
    jw_open(&w, '{');
    jw_key(&w, "comparisons");
    jw_open(&w, '[');
    for (size_t i = 0; i < rows.n; i++)
        comparison_summary(&w, rows.comparison[i]);
    jw_close(&w, ']');
    if (rows.more)
        cursor_make(rows.comparison[rows.n - 1]->id, next);
    jw_kstr(&w, "next_cursor", rows.more ? next : NULL);
    jw_close(&w, '}');
    str_addc(&x->body, '\n');
    comparison_rows_done(&rows);
    return 0;
}

/* --- the noise of this installation --- */

API_LOAD(load_noise)
{
    int rc = API_NO_QUERY(rq, err);
    if (rc)
        return rc;
    struct written *x = *ret = mem_zalloc(sizeof *x);
    return noise_read(reader, &x->body, err);
}
