/* Bisections: posted, waited for, listed, canceled. A live one is answered from memory, an ended
 * one from its row. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "engine/bisect.h"
#include "http/api_body.h"
#include "http/api_lab.h"
#include "http/api_series.h"

enum { ROWS_MAX = 100 };

struct bisection_loaded {
    int rc;
    struct cail_err err;
    struct bisection *row;
    struct commit_info culprit;
};

void bisection_loaded_free(void *loaded)
{
    struct bisection_loaded *l = loaded;
    if (!l)
        return;
    bisection_free(l->row);
    commit_info_done(&l->culprit);
    free(l);
}

static void *load(void *reader, int64_t id)
{
    struct bisection_loaded *l = mem_zalloc(sizeof *l);
    l->rc = store_read_bisection(reader, id, &l->row, &l->err);
    if (!l->rc && l->row->culprit)
        l->rc = store_read_commit(reader, l->row->culprit, &l->culprit, &l->err);
    return l;
}

API_LOAD(load_bisection)
{
    int64_t id;
    int rc = http_part_id(rq, 0, &id, err);
    if (rc == 0)
        *ret = load(reader, id);
    return rc;
}

static void put_doc(struct api *api, struct http_reply *reply, const struct bisection *b,
                    const struct commit_info *culprit)
{
    struct jw w = JW(&reply->body);
    bisection_doc(&w, b, culprit, true);
    api_json_end(reply);
    api_from_memory(api, reply);
}

/* The row that is loaded. 0 with *ret, HTTP_RELOAD, or an error. */
static int find(struct http_request *rq, struct bisection_loaded **ret, struct cail_err *err)
{
    struct bisection_loaded *l = *ret = api_loaded(rq);
    if (!l)
        return api_reload(rq);
    if (l->rc)
        *err = l->err;
    return l->rc;
}

struct bisect_scratch {
    struct api_scratch base;
    int64_t id; /* what its Idempotency-Key made before */
};

API_LOAD(load_bisected)
{
    const struct bisect_scratch *sc = rq->scratch;
    (void)err;
    *ret = load(reader, sc->id);
    return 0;
}

static int make(struct api *api, struct http_request *rq, const char *sha256,
                struct bisection **ret, struct cail_err *err)
{
    struct bisection_request br;
    int rc = bisection_request_read(rq->body, rq->body_len, &br, err);
    if (rc)
        return rc;
    char *pr = mem_strdup(br.pr);
    rc = api_pr_settle(api, &pr, "/pr", err);
    if (rc == 0)
        rc = engine_bisect(api->engine, &br, pr, rq->peer.uid, ret, err);
    bisection_request_done(&br);
    free(pr);
    if (rc == 0) {
        api_pr_known(api, (*ret)->pr);
        api_key_keep(api, rq, sha256, &(struct idem_made){.bisection = (*ret)->id});
    }
    return rc;
}

API_SERVE(api_bisect)
{
    struct api *api = app;
    struct bisect_scratch *sc = api_scratch(rq, sizeof *sc);
    struct bisection *b = NULL;
    struct bisection_loaded *l = NULL;
    struct idem_made seen = {0};
    char sha256[DIGEST_LEN];
    (void)ret_wait_key;
    int rc = API_NO_QUERY(rq, err);
    if (rc == 0)
        rc = api_key_seen(api, rq, sha256, &seen, err);
    sc->id = seen.bisection;
    if (rc == 0 && sc->id && !(b = engine_bisection(api->engine, sc->id)))
        rc = find(rq, &l, err);
    else if (rc == 0 && !sc->id)
        rc = make(api, rq, sha256, &b, err);
    if (rc) {
        api_from_memory(api, reply);
        return rc;
    }
    put_doc(api, reply, b ? b : l->row, b ? NULL : &l->culprit);
    reply->status = sc->id ? 200 : 201;
    api_location(reply, "bisections", b ? b->id : sc->id);
    return 0;
}

API_SERVE(api_bisection)
{
    struct api *api = app;
    struct bisection_loaded *l;
    int64_t wait_s, id;
    int rc = api_wait_query(rq, &wait_s, err);
    if (rc == 0)
        rc = http_part_id(rq, 0, &id, err);
    if (rc)
        return rc;
    struct bisection *b = engine_bisection(api->engine, id);
    *ret_wait_key = id;
    if (b && b->state != BISECTION_RUNNING && !rq->deadline_mono_us)
        rq->deadline_mono_us = clock_mono_us() + API_ENDING_US;
    if (b && !rq->expired && (wait_s || b->state != BISECTION_RUNNING))
        return HTTP_WAIT; /* for its end, or for that to be stored */
    if (b) {
        put_doc(api, reply, b, NULL);
        return 0;
    }
    rc = find(rq, &l, err);
    if (rc == 0)
        put_doc(api, reply, l->row, &l->culprit);
    return rc;
}

API_SERVE(api_bisection_cancel)
{
    struct api *api = app;
    struct bisection_loaded *l;
    int64_t id, grace_ms;
    (void)ret_wait_key;
    int rc = API_NO_QUERY(rq, err);
    if (rc == 0)
        rc = body_grace(rq, &grace_ms, err);
    if (rc == 0)
        rc = http_part_id(rq, 0, &id, err);
    if (rc)
        return rc;
    struct bisection *b = engine_bisection(api->engine, id);
    if (!b && (rc = find(rq, &l, err)))
        return rc;
    enum bisection_state state = b ? b->state : l->row->state;
    if (state != BISECTION_RUNNING)
        return err_set(err, E_CONFLICT, "bisection %" PRId64 " is over: %s", id,
                       bisection_state_words[state]);
    rc = engine_bisection_cancel(api->engine, b, grace_ms, err);
    if (rc)
        return rc;
    api_canceled(api, reply, id, b->state != BISECTION_RUNNING);
    return 0;
}

/* A row may hold 20000 commits: all of it is done here, on the reader thread. */
API_LOAD(load_bisections)
{
    int64_t limit, before = 0;
    struct bisection_rows rows;
    char next[CURSOR_LEN];
    int rc = API_QUERY(rq, err, "limit", "cursor");
    if (rc == 0)
        rc = http_query_int(rq, "limit", 1, ROWS_MAX, 25, &limit, err);
    if (rc == 0)
        rc = cursor_query(rq, &before, err);
    if (rc == 0)
        rc = store_read_bisections(reader, before, (int32_t)limit, &rows, err);
    if (rc)
        return rc;
    struct written *x = *ret = mem_zalloc(sizeof *x);
    struct jw w = JW(&x->body);
    jw_open(&w, '{');
    jw_key(&w, "bisections");
    jw_open(&w, '[');
    for (size_t i = 0; i < rows.n; i++)
        bisection_doc(&w, rows.row[i], NULL, false);
    jw_close(&w, ']');
    if (rows.more)
        cursor_make(rows.row[rows.n - 1]->id, next);
    jw_kstr(&w, "next_cursor", rows.more ? next : NULL);
    jw_close(&w, '}');
    str_addc(&x->body, '\n');
    bisection_rows_done(&rows);
    return 0;
}
