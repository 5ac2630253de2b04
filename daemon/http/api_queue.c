/* The queue, the cards and the executors: all from memory. */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/api.h"
#include "http/api_body.h"
#include "http/text.h"

enum { SHOWN_MAX = 1000 };

/* Jobs gathered while visiting. */
struct gather {
    const struct job **job;
    size_t n;
    enum job_state state;
};

static bool take(void *arg, struct job *j)
{
    struct gather *g = arg;
    if (j->state == g->state)
        g->job[g->n++] = j;
    return g->n < SHOWN_MAX;
}

/* Those waiting in the order they will start, others by id. free() g->job. */
static void gather(struct api *api, enum job_state state, struct gather *g)
{
    *g = (struct gather){mem_array(SHOWN_MAX, sizeof *g->job), 0, state};
    if (state == JOB_QUEUED)
        sched_each_queued(engine_sched(api->engine), take, g);
    else
        engine_each_job(api->engine, take, g);
}

static void amount(struct jw *w, const char *key, int64_t total, int64_t used)
{
    jw_key(w, key);
    jw_open(w, '{');
    jw_kint(w, "total", total);
    jw_kint(w, "used", used);
    jw_close(w, '}');
}

static void queues_doc(struct api *api, struct jw *w)
{
    jw_key(w, "queues");
    jw_open(w, '[');
    for (const struct queue *q = engine_queues(api->engine); q; q = q->hh.next) {
        int64_t queued, running;
        sched_queue_counts(engine_sched(api->engine), q->name, &queued, &running);
        jw_open(w, '{');
        jw_kstr(w, "name", q->name);
        jw_kint(w, "limit", q->limit);
        jw_kbool(w, "paused", q->paused);
        jw_kint(w, "queued", queued);
        jw_kint(w, "running", running);
        jw_close(w, '}');
    }
    jw_close(w, ']');
}

static void jobs_doc(struct api *api, struct jw *w, const char *key, enum job_state state)
{
    struct gather g;
    gather(api, state, &g);
    jw_key(w, key);
    jw_open(w, '[');
    for (size_t i = 0; i < g.n; i++)
        job_doc(w, g.job[i], NULL);
    jw_close(w, ']');
    mem_freep(&g.job);
}

static void queue_reply(struct api *api, struct http_reply *reply)
{
    struct sched_usage u;
    struct jw w = JW(&reply->body);
    sched_usage(engine_sched(api->engine), &u);
    jw_open(&w, '{');
    jw_kbool(&w, "paused", u.paused);
    jw_kbool(&w, "draining", engine_is_draining(api->engine));
    amount(&w, "cpus", u.cpus_total, u.cpus_used);
    amount(&w, "memory_mib", u.memory_total_mib, u.memory_used_mib);
    amount(&w, "gpus", u.gpus_total, u.gpus_used);
    queues_doc(api, &w);
    jobs_doc(api, &w, "running", JOB_RUNNING);
    jobs_doc(api, &w, "queued", JOB_QUEUED);
    jobs_doc(api, &w, "held", JOB_HELD);
    jw_close(&w, '}');
    api_json_end(reply);
    api_from_memory(api, reply);
}

void queue_text(struct api *api, size_t max, struct str *out)
{
    static const enum job_state shown[] = {JOB_RUNNING, JOB_QUEUED, JOB_HELD};
    struct sched_usage u;
    CLEANUP(mem_freep) const struct job **all = mem_array(3 * SHOWN_MAX, sizeof *all);
    size_t n = 0;
    sched_usage(engine_sched(api->engine), &u);
    text_usage(out, &u);
    for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
        struct gather g;
        gather(api, shown[i], &g);
        if (g.n)
            memcpy(all + n, g.job, g.n * sizeof *all);
        n += g.n;
        mem_freep(&g.job);
    }
    if (n)
        str_addc(out, '\n');
    text_jobs(out, all, n < max ? n : max, clock_wall_us());
    if (n > max)
        str_addf(out, "and %s%zu more\n", n >= SHOWN_MAX ? "at least " : "", n - max);
}

API_SERVE(api_queue)
{
    struct api *api = app;
    (void)ret_wait_key;
    int rc = API_NO_QUERY(rq, err);
    if (rc)
        return rc;
    if (!api_accepts(rq, "text/plain")) {
        queue_reply(api, reply);
        return 0;
    }
    queue_text(api, SIZE_MAX, &reply->body);
    api_text(reply);
    api_from_memory(api, reply);
    return 0;
}

/* {} = everything; {"queue":"q"} = that one; {"queue":"q","limit":2} sets its limit as well. */
static int read_queue(const struct http_request *rq, json_t **ret_body, const char **ret_name,
                      int64_t *ret_limit, struct cail_err *err)
{
    static const char *const known[] = {"queue", "limit"};
    *ret_name = NULL;
    *ret_limit = -1;
    int rc = body_object(rq, known, ARRAY_LEN(known), ret_body, err);
    json_t *name = json_object_get(*ret_body, "queue"),
           *limit = json_object_get(*ret_body, "limit");
    struct jpath at_name = {.text = "/queue", .len = 6}, at_limit = {.text = "/limit", .len = 6};
    if (rc == 0 && name)
        rc = json_get_str(name, &at_name, JOB_QUEUE_NAME_MAX, "", ret_name, err);
    if (rc == 0 && limit)
        rc = json_get_int(limit, &at_limit, 0, INT32_MAX, ret_limit, err);
    if (rc == 0 && limit && !name)
        rc = err_set_at(err, E_BAD_FIELD, "/limit", "\"limit\" wants the name of a \"queue\" too");
    return rc;
}

static int set_paused(struct api *api, struct http_request *rq, bool paused,
                      struct http_reply *reply, struct cail_err *err)
{
    CLEANUP(json_decrefp) json_t *body = NULL;
    const char *name;
    int64_t limit;
    int rc = API_NO_QUERY(rq, err);
    if (rc == 0)
        rc = read_queue(rq, &body, &name, &limit, err);
    if (rc)
        return rc;
    if (name) {
        rc = engine_queue_set(api->engine, name, (int32_t)limit, paused, err);
    } else {
        if (!paused)
            engine_drain(api->engine, false);
        engine_pause(api->engine, paused);
    }
    if (rc == 0)
        queue_reply(api, reply);
    return rc;
}

API_SERVE(api_queue_pause)
{
    (void)ret_wait_key;
    return set_paused(app, rq, true, reply, err);
}

API_SERVE(api_queue_resume)
{
    (void)ret_wait_key;
    return set_paused(app, rq, false, reply, err);
}

API_SERVE(api_queue_drain)
{
    struct api *api = app;
    CLEANUP(json_decrefp) json_t *body = NULL;
    (void)ret_wait_key;
    int rc = API_NO_QUERY(rq, err);
    if (rc == 0)
        rc = body_object(rq, NULL, 0, &body, err);
    if (rc)
        return rc;
    engine_drain(api->engine, true);
    queue_reply(api, reply);
    return 0;
}

API_SERVE(api_executors)
{
    struct api *api = app;
    struct sched_usage u;
    (void)ret_wait_key;
    int rc = API_NO_QUERY(rq, err);
    if (rc)
        return rc;
    sched_usage(engine_sched(api->engine), &u);
    str_addf(&reply->body,
             "{\"executors\":[{\"name\":\"local\",\"default\":true,\"running\":%lld}]}\n",
             (long long)u.running);
    api_from_memory(api, reply);
    return 0;
}
