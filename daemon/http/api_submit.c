/* POST /jobs. The hot path: one parse, one decision, one document. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/mem.h"
#include "http/api.h"
#include "http/api_lab.h"
#include "wire/job_request.h"

enum want { WANT_STATES = 1, WANT_JOB, WANT_GROUP };

/* The rare roads: `after` names jobs that are only rows, or a repeated key made something that is.
 */
struct submit_scratch {
    struct api_scratch base;
    enum want want;
    int64_t id; /* WANT_JOB, WANT_GROUP */
    size_t n_ids;
    int64_t ids[]; /* WANT_STATES */
};

struct submit_loaded {
    enum want want;
    struct job_loaded *job;
    struct group_loaded *group;
    int *states;
};

void submit_loaded_free(void *loaded)
{
    struct submit_loaded *l = loaded;
    if (!l)
        return;
    job_loaded_free(l->job);
    group_loaded_free(l->group);
    free(l->states);
    free(l);
}

int load_submit(void *reader, const struct http_request *rq, void **ret, struct cail_err *err)
{
    const struct submit_scratch *sc = rq->scratch;
    struct submit_loaded *l = mem_zalloc(sizeof *l);
    int rc = 0;
    l->want = sc->want;
    switch (sc->want) {
    case WANT_STATES:
        l->states = mem_array(sc->n_ids, sizeof *l->states);
        rc = store_read_states(reader, sc->ids, sc->n_ids, l->states, err);
        break;
    case WANT_JOB:
        l->job = job_loaded_new(reader, sc->id, 0);
        break;
    case WANT_GROUP:
        l->group = group_loaded_new(reader, sc->id);
        break;
    }
    if (rc)
        submit_loaded_free(l);
    else
        *ret = l;
    return rc;
}

static int check_key(const char *key, struct cail_err *err)
{
    size_t len = strlen(key);
    for (size_t i = 0; i < len; i++)
        if (key[i] < 0x20 || key[i] > 0x7e)
            len = 0;
    if (len == 0 || len > IDEMPOTENCY_KEY_MAX)
        return err_set(err, E_BAD_REQUEST,
                       "an Idempotency-Key is 1 to %d printable ASCII characters",
                       IDEMPOTENCY_KEY_MAX);
    return 0;
}

int api_key_seen(struct api *api, const struct http_request *rq, char sha256[DIGEST_LEN],
                 struct idem_made *ret, struct cail_err *err)
{
    const char *key = rq->idempotency_key;
    *ret = (struct idem_made){0};
    if (key == NULL)
        return 0;
    digest_hex(rq->body, rq->body_len, sha256);
    int rc = check_key(key, err);
    return rc ? rc : engine_key_seen(api->engine, rq->peer.uid, key, sha256, ret, err);
}

void api_key_keep(struct api *api, const struct http_request *rq, const char *sha256,
                  const struct idem_made *made)
{
    if (rq->idempotency_key)
        engine_key_keep(api->engine, rq->peer.uid, rq->idempotency_key, sha256, made);
}

static int parse_body(const struct http_request *rq, struct submission *sub, struct cail_err *err)
{
    if (api_is_type(rq, "application/x-www-form-urlencoded"))
        return submission_from_form(rq->body, rq->body_len, sub, err);
    if (!api_is_type(rq, "text/x-shellscript"))
        return submission_from_json(rq->body, rq->body_len, sub, err);
    if (rq->body_len > HTTP_SCRIPT_MAX)
        return err_set(err, E_TOO_LARGE, "a script is at most %u bytes", HTTP_SCRIPT_MAX);
    return submission_from_script(rq->body, rq->body_len, sub, err);
}

/* {"group":5,"jobs":[...]} */
static void array_reply(struct api *api, int64_t group, struct job *const *jobs, size_t n,
                        struct http_reply *reply)
{
    struct jw w = JW(&reply->body);
    jw_open(&w, '{');
    jw_key(&w, "group");
    if (group)
        jw_int(&w, group);
    else
        jw_null(&w);
    jw_key(&w, "jobs");
    jw_open(&w, '[');
    for (size_t i = 0; i < n; i++)
        job_doc(&w, jobs[i], NULL);
    jw_close(&w, ']');
    jw_close(&w, '}');
    api_json_end(reply);
    api_from_memory(api, reply);
    if (group)
        api_location(reply, "groups", group);
}

static int compare_ids(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* Every id that `after` names, once each, for the reader. */
static int want_states(struct http_request *rq, const struct submission *sub)
{
    size_t n = 0;
    for (size_t i = 0; i < sub->n; i++)
        n += (size_t)sub->req[i].job->n_after;
    struct submit_scratch *sc = mem_zalloc(sizeof *sc + n * sizeof sc->ids[0]);
    if (rq->scratch)
        sc->base = ((struct submit_scratch *)rq->scratch)->base;
    free(rq->scratch);
    rq->scratch = sc;
    sc->want = WANT_STATES;
    for (size_t i = 0; i < sub->n; i++) {
        const struct job_request *one = &sub->req[i];
        for (int32_t k = 0; k < one->job->n_after; k++)
            if (one->after_ref[k] < 0)
                sc->ids[sc->n_ids++] = one->job->after[k].job;
    }
    qsort(sc->ids, sc->n_ids, sizeof sc->ids[0], compare_ids);
    size_t kept = 0;
    for (size_t i = 0; i < sc->n_ids; i++)
        if (kept == 0 || sc->ids[kept - 1] != sc->ids[i])
            sc->ids[kept++] = sc->ids[i];
    sc->n_ids = kept;
    return api_reload(rq);
}

static int want_old(struct http_request *rq, enum want want, int64_t id)
{
    struct submit_scratch *sc = api_scratch(rq, sizeof *sc);
    sc->want = want;
    sc->id = id;
    return api_reload(rq);
}

/* The key was seen before: show what it made then, as it is now. */
static int repeated(struct api *api, struct http_request *rq, const struct idem_made *made,
                    struct http_reply *reply)
{
    if (made->group)
        return want_old(rq, WANT_GROUP, made->group);
    struct found f = {engine_job(api->engine, made->job), NULL};
    if (!f.live)
        return want_old(rq, WANT_JOB, made->job);
    job_reply(api, &f, reply);
    api_location(reply, "jobs", made->job);
    return 0;
}

static int old_reply(struct api *api, const struct submit_scratch *sc, struct submit_loaded *l,
                     struct http_reply *reply, struct cail_err *err)
{
    if (sc->want == WANT_JOB) {
        struct found f = {engine_job(api->engine, sc->id), l->job};
        if (!f.live && l->job->rc) {
            *err = l->job->err;
            return l->job->rc;
        }
        job_reply(api, &f, reply);
        api_location(reply, "jobs", sc->id);
        return 0;
    }
    CLEANUP(mem_freep) struct job **jobs = NULL;
    size_t n = group_members(api, sc->id, l->group, &jobs);
    if (n == 0) {
        *err = l->group->err;
        return l->group->rc ? l->group->rc : err_set(err, E_NOT_FOUND, "the group is gone");
    }
    array_reply(api, sc->id, jobs, n, reply);
    return 0;
}

static void made_reply(struct api *api, const struct submission *sub,
                       const struct engine_submitted *made, struct http_reply *reply)
{
    reply->status = 201;
    if (!sub->is_single) {
        array_reply(api, made->group ? made->group->id : 0, made->job, made->n, reply);
        return;
    }
    struct found f = {made->job[0], NULL};
    job_reply(api, &f, reply);
    api_location(reply, "jobs", made->job[0]->id);
}

static int settle_prs(struct api *api, struct submission *sub, struct cail_err *err)
{
    char at[32];
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sub->n; i++) {
        snprintf(at, sizeof at, sub->is_single ? "/pr" : "/%zu/pr", i);
        rc = api_pr_settle(api, &sub->req[i].job->pr, at, err);
    }
    return rc;
}

/* (states, n) as the reader found them, or NULL before it was asked. */
static int submit(struct api *api, struct http_request *rq,
                  const struct engine_known_states *states, struct http_reply *reply,
                  struct cail_err *err)
{
    char sha256[DIGEST_LEN];
    struct idem_made seen;
    CLEANUP(submission_done) struct submission sub = {0};
    int rc = api_key_seen(api, rq, sha256, &seen, err);
    if (rc == 0 && (seen.job || seen.group))
        return repeated(api, rq, &seen, reply);
    if (rc == 0)
        rc = parse_body(rq, &sub, err);
    if (rc == 0)
        rc = settle_prs(api, &sub, err);
    if (rc)
        return rc;
    struct engine_submitted made = {0};
    rc = engine_submit(api->engine, &sub, rq->peer.uid, states, &made, err);
    if (rc) {
        api_from_memory(api, reply); /* what it was refused for may not be durable yet */
    } else if (made.needs_states) {
        rc = want_states(rq, &sub);
    } else {
        seen = (struct idem_made){.job = made.group ? 0 : made.job[0]->id,
                                  .group = made.group ? made.group->id : 0};
        api_key_keep(api, rq, sha256, &seen);
        made_reply(api, &sub, &made, reply);
    }
    for (size_t i = 0; rc == 0 && i < made.n; i++)
        api_pr_known(api, made.job[i]->pr);
    free(made.job);
    return rc;
}

API_SERVE(api_submit)
{
    struct api *api = app;
    struct submit_loaded *l = api_loaded(rq);
    struct submit_scratch *sc = rq->scratch;
    (void)ret_wait_key;
    if (l && l->want != WANT_STATES)
        return old_reply(api, sc, l, reply, err);
    int rc = API_NO_QUERY(rq, err);
    if (rc)
        return rc;
    if (!l)
        return submit(api, rq, NULL, reply, err);
    struct engine_known_states states = {sc->ids, l->states, sc->n_ids};
    if (sc->base.n_loads > API_LOADS_MAX)
        return err_set(err, E_UNAVAILABLE, "the jobs that this one comes after keep changing");
    return submit(api, rq, &states, reply, err);
}
