/* GET /jobs/{id}: one job, at once or at its end. */
#include "base/clock.h"
#include "base/clock.h"
#include "http/page.h"

API_SERVE(api_job)
{
    struct api *api = app;
    struct found f;
    int64_t wait_s;
    int rc = api_wait_query(rq, &wait_s, err);
    if (rc)
        return rc;
    if (page_wanted(rq))
        return page_job(api, rq, reply, err);
    bool waiting = wait_s && !rq->expired;
    rc = http_part_id(rq, 0, ret_wait_key, err);
    if (rc)
        return rc;
    /* A job that has just ended stays in memory until its last rows are durable; only then do the
     * rows say how. That is milliseconds away. */
    const struct job *live = engine_job(api->engine, *ret_wait_key);
    bool ending = live && job_state_is_terminal(live->state) && !rq->expired;
    if (ending && !rq->deadline_mono_us)
        rq->deadline_mono_us = clock_mono_us() + API_ENDING_US;
    if (live && (waiting || ending))
        return HTTP_WAIT;
    rc = job_find(api, rq, false, &f, err);
    if (rc == 0)
        job_reply(api, &f, reply);
    return rc;
}
