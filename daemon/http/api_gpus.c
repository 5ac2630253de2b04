/* Cards: what they are and do, taking them out of use, and what they did under a job. */
#include <fcntl.h>
#include <unistd.h>

#include "http/api.h"
#include "http/api_body.h"
#include "http/file_reply.h"
#include "http/log_file.h"
#include "http/text.h"

API_SERVE(api_gpus)
{
    struct api *api = app;
    (void)ret_wait_key;
    int rc = API_NO_QUERY(rq, err);
    if (rc)
        return rc;
    api_from_memory(api, reply);
    if (!api_accepts(rq, "text/plain")) {
        engine_gpus_json(api->engine, &reply->body);
        return 0;
    }
    const struct sched_gpu *gpus;
    size_t n = sched_gpus(engine_sched(api->engine), &gpus);
    text_gpus(&reply->body, gpus, n);
    api_text(reply);
    return 0;
}

static int drain(struct api *api, struct http_request *rq, struct http_reply *reply, bool on,
                 struct cail_err *err)
{
    CLEANUP(json_decrefp) json_t *body = NULL;
    json_t *note = NULL;
    const char *text = NULL;
    struct jpath at = {.text = "/note", .len = 5};
    int rc = API_NO_QUERY(rq, err);
    if (rc == 0)
        rc = body_member(rq, "note", &body, &note, err);
    if (rc == 0 && note)
        rc = json_get_str(note, &at, 100, "", &text, err);
    if (rc == 0)
        rc = engine_gpu_drain(api->engine, rq->part[0], on, text, err);
    if (rc)
        return rc;
    engine_gpus_json(api->engine, &reply->body);
    api_from_memory(api, reply);
    return 0;
}

API_SERVE(api_gpu_drain)
{
    (void)ret_wait_key;
    return drain(app, rq, reply, true, err);
}

API_SERVE(api_gpu_undrain)
{
    (void)ret_wait_key;
    return drain(app, rq, reply, false, err);
}

/* The newest attempt that left telemetry. */
API_LOAD(load_telemetry)
{
    int rc = load_job(reader, rq, ret, err);
    struct job_loaded *l = *ret;
    if (rc || l->rc)
        return rc;
    for (size_t i = l->rec.n_attempts; i > 0 && l->fd < 0 && l->file_rc == 0; i--)
        if (!l->rec.attempt[i - 1]->files_gone)
            l->file_rc = attempt_file_open(l->rec.attempt[i - 1]->dir, "telemetry.json", &l->fd,
                                           &l->size, &l->file_err);
    return 0;
}

API_SERVE(api_telemetry)
{
    struct api *api = app;
    struct found f;
    (void)ret_wait_key;
    int rc = API_NO_QUERY(rq, err);
    if (rc == 0)
        rc = job_find(api, rq, false, &f, err);
    if (rc)
        return rc;
    const struct attempt *live = f.live ? engine_attempt(api->engine, f.live) : NULL;
    if (live && engine_telemetry_json(api->engine, live->id, &reply->body)) {
        api_json_end(reply);
        api_from_memory(api, reply);
        return 0;
    }
    if (!f.rows)
        return api_reload(rq);
    if (f.rows->file_rc) {
        *err = f.rows->file_err;
        return f.rows->file_rc;
    }
    if (f.rows->fd < 0)
        return err_set(err, E_NOT_FOUND,
                       "job %lld has no telemetry: it held no card, or its "
                       "files are gone",
                       (long long)found_job(&f)->id);
    return file_reply(reply, &f.rows->fd, 0, f.rows->size, NULL, err);
}
