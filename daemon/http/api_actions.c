/* What is done to one job: cancel, hold, release, edit, retry; and why it does not run. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/api.h"
#include "http/api_body.h"
#include "http/peers.h"

static int has_ended(struct api *api, const struct found *f, struct http_reply *reply,
                     struct cail_err *err)
{
    const struct job *j = found_job(f);
    api_from_memory(api, reply);
    err_set(err, E_CONFLICT, "job %lld has ended already: %s", (long long)j->id,
            job_state_words[j->state]);
    err_hint(err, "POST /jobs/%lld/retry runs it again", (long long)j->id);
    return E_CONFLICT;
}

/* The job to act on, alive. 0, HTTP_RELOAD or an error. */
static int find_live(struct api *api, struct http_request *rq, struct found *ret,
                     struct http_reply *reply, struct cail_err *err)
{
    int rc = API_NO_QUERY(rq, err);
    if (rc == 0)
        rc = job_find(api, rq, false, ret, err);
    if (rc == 0 && job_state_is_terminal(found_job(ret)->state))
        rc = has_ended(api, ret, reply, err);
    return rc;
}

static int answer(struct api *api, const struct found *f, int rc, struct http_reply *reply)
{
    if (rc == 0)
        job_reply(api, f, reply);
    else
        api_from_memory(api, reply);
    return rc;
}

API_SERVE(api_cancel)
{
    struct api *api = app;
    struct found f;
    int64_t grace_ms;
    (void)ret_wait_key;
    int rc = body_grace(rq, &grace_ms, err);
    if (rc == 0)
        rc = API_NO_QUERY(rq, err);
    if (rc == 0)
        rc = job_find(api, rq, false, &f, err);
    if (rc)
        return rc;
    /* Asked twice, the second is no mistake. */
    if (found_job(&f)->state == JOB_CANCELED)
        return answer(api, &f, 0, reply);
    if (job_state_is_terminal(found_job(&f)->state))
        return has_ended(api, &f, reply, err);
    return answer(api, &f, engine_cancel(api->engine, f.live, grace_ms, err), reply);
}

static int act(void *app, struct http_request *rq, struct http_reply *reply, struct cail_err *err,
               int (*verb)(struct engine *e, struct job *j, struct cail_err *err))
{
    struct found f;
    CLEANUP(json_decrefp) json_t *body = NULL;
    int rc = body_object(rq, NULL, 0, &body, err);
    if (rc == 0)
        rc = find_live(app, rq, &f, reply, err);
    if (rc)
        return rc;
    struct api *api = app;
    return answer(api, &f, verb(api->engine, f.live, err), reply);
}

API_SERVE(api_hold)
{
    (void)ret_wait_key;
    return act(app, rq, reply, err, engine_hold);
}

API_SERVE(api_release)
{
    (void)ret_wait_key;
    return act(app, rq, reply, err, engine_release);
}

API_SERVE(api_patch)
{
    struct api *api = app;
    struct found f;
    (void)ret_wait_key;
    int rc = find_live(api, rq, &f, reply, err);
    if (rc)
        return rc;
    return answer(api, &f, engine_patch(api->engine, f.live, rq->body, rq->body_len, err), reply);
}

/* The record and the states of what the job comes after. */
API_LOAD(load_retry)
{
    int rc = load_job(reader, rq, ret, err);
    struct job_loaded *l = *ret;
    if (rc || l->rc)
        return rc;
    const struct job *j = l->rec.job;
    size_t n = (size_t)j->n_after;
    l->state_ids = mem_array(n, sizeof *l->state_ids);
    l->state_of = mem_array(n, sizeof *l->state_of);
    for (size_t i = 0; i < n; i++)
        l->state_ids[i] = j->after[i].job;
    l->rc = store_read_states(reader, l->state_ids, n, l->state_of, &l->err);
    if (!l->rc && j->group)
        l->group = group_loaded_new(reader, j->group);
    if (l->group)
        l->rc = l->group->rc;
    if (l->rc)
        job_record_done(&l->rec);
    l->states = (struct engine_known_states){l->state_ids, l->state_of, n};
    return 0;
}

API_SERVE(api_retry)
{
    struct api *api = app;
    struct found f;
    CLEANUP(json_decrefp) json_t *body = NULL;
    int rc = body_object(rq, NULL, 0, &body, err);
    if (rc == 0)
        rc = API_NO_QUERY(rq, err);
    if (rc == 0)
        rc = http_part_id(rq, 0, ret_wait_key, err);
    if (rc)
        return rc;
    /* It has just ended and leaves memory when that is durable: milliseconds. */
    const struct job *live = engine_job(api->engine, *ret_wait_key);
    if (live && job_state_is_terminal(live->state) && !rq->expired) {
        if (rq->deadline_mono_us == 0)
            rq->deadline_mono_us = clock_mono_us() + API_ENDING_US;
        return HTTP_WAIT;
    }
    rc = job_find(api, rq, true, &f, err);
    if (rc)
        return rc;
    api_from_memory(api, reply);
    const struct job *j = found_job(&f);
    if (f.live || !job_state_is_terminal(j->state))
        return err_set(err, E_CONFLICT, "job %lld is %s: only a job that has ended can be retried",
                       (long long)j->id, job_state_words[j->state]);
    rc = engine_retry(api->engine, &f.rows->rec, f.rows->group ? f.rows->group->rec.group : NULL,
                      &f.rows->states, &f.live, err);
    return answer(api, &f, rc, reply);
}

/* --- why --- */

static void constraint_doc(struct jw *w, const struct sched_constraint *c)
{
    jw_open(w, '{');
    jw_kstr(w, "name", c->name);
    jw_kbool(w, "met", c->met);
    jw_kstr(w, "detail", c->detail);
    jw_key(w, "jobs");
    jw_open(w, '[');
    for (int32_t i = 0; i < c->n_jobs; i++)
        jw_int(w, c->jobs[i]);
    jw_close(w, ']');
    jw_close(w, '}');
}

static void add_waiting(struct str *out, const struct sched_constraint *c, size_t n)
{
    const char *joint = "waits: ";
    for (size_t i = 0; i < n; i++) {
        if (c[i].met)
            continue;
        str_addf(out, "%s%s", joint, c[i].detail);
        for (int32_t k = 0; k < c[i].n_jobs; k++)
            str_addf(out, "%s%lld", k ? ", " : " (job ", (long long)c[i].jobs[k]);
        str_adds(out, c[i].n_jobs ? ")" : "");
        joint = "; ";
    }
    if (out->len == 0)
        str_adds(out, "nothing holds it back: it starts now");
}

void why_summary(const struct job *j, const struct sched_constraint *c, size_t n, struct str *out)
{
    if (j->state == JOB_HELD || j->state == JOB_QUEUED) {
        add_waiting(out, c, n);
        return;
    }
    if (j->state == JOB_RUNNING)
        str_addf(out, "runs%s", j->cancel_requested ? " and is being canceled" : "");
    else
        str_adds(out, job_state_words[j->state]);
    if (j->reason)
        str_addf(out, ": %s", j->reason);
    else if (j->exit_code > 0)
        str_addf(out, " with exit code %d", (int)j->exit_code);
    else if (j->signal)
        str_addf(out, " by signal %d", (int)j->signal);
}

/* The record, and what it is to be held against. */
API_LOAD(load_why)
{
    int rc = load_job(reader, rq, ret, err);
    struct job_loaded *l = *ret;
    if (rc == 0 && l->rc == 0)
        l->peers = peers_load(reader, &l->rec);
    return rc;
}

/* A run that goes on is judged by what its cards did so far, an ended one by what it left. */
static void add_peers(struct api *api, const struct found *f, struct str *summary, struct jw *w)
{
    const struct job *j = found_job(f);
    const struct attempt *live = f->live ? engine_attempt(api->engine, f->live) : NULL;
    const struct job_record *rec = &f->rows->rec;
    const struct peers *p = f->rows->rc ? NULL : f->rows->peers;
    bool running = j->state == JOB_RUNNING;
    if (!p || (running && (!live || !live->started_at_us))) {
        jw_null(w);
        return;
    }
    struct peer_facts mine = p->mine;
    if (running) {
        CLEANUP(str_done) struct str telemetry = STR_INIT;
        mine = (struct peer_facts){.job = j->id};
        engine_telemetry_json(api->engine, live->id, &telemetry);
        peer_facts_read(&mine, NULL, telemetry.p);
        mine.wall_s = (double)(clock_wall_us() - live->started_at_us) / 1e6;
    }
    peers_judge(p, &mine, rec->result, rec->n_results, running, summary, w);
}

API_SERVE(api_why)
{
    struct api *api = app;
    struct found f;
    struct sched_constraint c[SCHED_CONSTRAINTS_MAX];
    (void)ret_wait_key;
    int rc = API_NO_QUERY(rq, err);
    if (rc == 0)
        rc = job_find(api, rq, false, &f, err);
    if (rc)
        return rc;
    struct sched *sched = engine_sched(api->engine);
    const struct job *j = found_job(&f);
    bool waits = f.live && (j->state == JOB_HELD || j->state == JOB_QUEUED);
    if (!waits && !f.rows)
        return api_reload(rq);
    size_t n = waits ? sched_why(sched, j, clock_wall_us(), c) : 0;
    int64_t position = waits ? sched_position(sched, j) : 0;
    CLEANUP(str_done) struct str summary = STR_INIT;
    why_summary(j, c, n, &summary);
    CLEANUP(str_done) struct str series = STR_INIT;
    struct jw inner = JW(&series);
    if (!waits)
        add_peers(api, &f, &summary, &inner);
    struct jw w = JW(&reply->body);
    jw_open(&w, '{');
    jw_kint(&w, "job", j->id);
    jw_kstr(&w, "state", job_state_words[j->state]);
    jw_kstr(&w, "summary", summary.p);
    jw_key(&w, "constraints");
    jw_open(&w, '[');
    for (size_t i = 0; i < n; i++)
        constraint_doc(&w, &c[i]);
    jw_close(&w, ']');
    jw_key(&w, "series");
    if (series.len)
        jw_raw(&w, series.p, series.len);
    else
        jw_null(&w);
    jw_key(&w, "position");
    if (position)
        jw_int(&w, position);
    else
        jw_null(&w);
    jw_close(&w, '}');
    api_json_end(reply);
    api_from_memory(api, reply);
    return 0;
}
