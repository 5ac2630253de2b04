/* GET /jobs/{id}: one job, at once or at its end. */
#include "base/clock.h"
#include "base/clock.h"
#include "http/page.h"

API_SERVE(api_job)
{
    struct api *api = app;
    struct found f;
    int64_t wait_s;
    int rc = API_QUERY(rq, err, "wait");
    if (rc == 0)
        rc = api_wait_query(rq, &wait_s, err);
    if (rc)
        return rc;
    if (api_accepts(rq, "text/html"))
        return page_job(api, rq, reply, err);
    bool waiting = wait_s && !rq->expired;
    rc = http_part_id(rq, 0, ret_wait_key, err);
    if (rc)
        return rc;
    /* A job that has just ended stays in memory until its last rows are durable; only then do the rows
     * say how. That is milliseconds away. */
    const struct job *live = engine_job(api->engine, *ret_wait_key);
    bool ending = live && job_state_is_terminal(live->state) && !rq->expired;
    if (ending && !rq->deadline_mono_us)
        rq->deadline_mono_us = clock_mono_us() + 5000000;
    if (live && (waiting || ending))
        return HTTP_WAIT;
    rc = job_find(api, rq, false, &f, err);
    if (rc)
        return rc;
    /* Gone from memory, but its end was not yet in the rows that were read. */
    struct api_scratch *sc = rq->scratch;
    if (waiting && !job_state_is_terminal(found_job(&f)->state) && sc &&
        sc->n_loads < API_LOADS_MAX)
        return api_reload(rq);
    job_reply(api, &f, reply);
    return 0;
}
