/* Groups: an array or a matrix of jobs. Who is live comes from memory, the rest from rows. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/api.h"
#include "http/api_body.h"

struct group_loaded *group_loaded_new(void *reader, int64_t id)
{
    struct group_loaded *l = mem_zalloc(sizeof *l);
    l->rc = store_read_group(reader, id, &l->rec, &l->err);
    return l;
}

void group_loaded_free(void *loaded)
{
    struct group_loaded *l = loaded;
    if (l && l->rc == 0)
        group_record_done(&l->rec);
    free(l);
}

API_LOAD(load_group)
{
    int64_t id;
    int rc = http_part_id(rq, 0, &id, err);
    if (rc == 0)
        *ret = group_loaded_new(reader, id);
    return rc;
}

static int by_index(const void *a, const void *b)
{
    const struct job *x = *(struct job *const *)a, *y = *(struct job *const *)b;
    return x->index < y->index ? -1 : x->index > y->index;
}

size_t group_members(struct api *api, int64_t id, const struct group_loaded *rows,
                     struct job ***ret)
{
    size_t n = 0;
    if (rows->rc == 0) {
        n = rows->rec.jobs.n;
        *ret = mem_array(n + 1, sizeof **ret);
        for (size_t i = 0; i < n; i++) {
            struct job *row = rows->rec.jobs.job[i], *live = engine_job(api->engine, row->id);
            (*ret)[i] = live ? live : row;
        }
    } else {
        n = engine_group_jobs(api->engine, id, ret);
    }
    if (n)
        qsort(*ret, n, sizeof **ret, by_index);
    return n;
}

/* Counts from the members shown, so that the two agree. */
static void group_reply(struct api *api, const struct group *g, struct job *const *jobs, size_t n,
                        struct http_reply *reply)
{
    struct group shown = *g;
    int64_t finished_at_us = 0;
    memset(shown.counts, 0, sizeof shown.counts);
    for (size_t i = 0; i < n; i++) {
        shown.counts[jobs[i]->state]++;
        if (jobs[i]->finished_at_us > finished_at_us)
            finished_at_us = jobs[i]->finished_at_us;
    }
    struct jw w = JW(&reply->body);
    group_doc(&w, &shown, jobs, n, finished_at_us);
    api_json_end(reply);
    api_from_memory(api, reply);
}

/* A member that is live in its row and gone from memory ended while the rows were read. */
static bool is_stale(struct api *api, const struct http_request *rq, const struct group_loaded *l)
{
    const struct api_scratch *sc = rq->scratch;
    if (l->rc || sc->n_loads >= API_LOADS_MAX)
        return false;
    for (size_t i = 0; i < l->rec.jobs.n; i++)
        if (!job_state_is_terminal(l->rec.jobs.job[i]->state) &&
            !engine_job(api->engine, l->rec.jobs.job[i]->id))
            return true;
    return false;
}

/* Load a group for part 0; 0, HTTP_RELOAD or an error. *ret_rows may have failed to find a row when
 * the group is live: it is younger than the newest batch. */
static int find_group(struct api *api, struct http_request *rq, int64_t *ret_id,
                      struct group_loaded **ret_rows, const struct group **ret_group,
                      struct cail_err *err)
{
    int rc = http_part_id(rq, 0, ret_id, err);
    if (rc)
        return rc;
    struct group_loaded *l = api_loaded(rq);
    if (!l)
        return api_reload(rq);
    if (is_stale(api, rq, l))
        return api_reload(rq);
    const struct group *live = engine_group(api->engine, *ret_id);
    if (!live && l->rc) {
        *err = l->err;
        return l->rc;
    }
    *ret_rows = l;
    *ret_group = live ? live : l->rec.group;
    return 0;
}

API_SERVE(api_group)
{
    struct api *api = app;
    struct group_loaded *rows;
    const struct group *g;
    int64_t wait_s, id;
    int rc = api_wait_query(rq, &wait_s, err);
    if (rc == 0)
        rc = http_part_id(rq, 0, &id, err);
    if (rc)
        return rc;
    const struct group *live = engine_group(api->engine, id);
    *ret_wait_key = HTTP_KEY_EVENTS;
    if (wait_s && !rq->expired && live && !group_is_finished(live))
        return HTTP_WAIT;
    rc = find_group(api, rq, &id, &rows, &g, err);
    if (rc)
        return rc;
    CLEANUP(mem_freep) struct job **jobs = NULL;
    size_t n = group_members(api, id, rows, &jobs);
    group_reply(api, g, jobs, n, reply);
    return 0;
}

API_SERVE(api_group_cancel)
{
    struct api *api = app;
    struct group_loaded *rows;
    const struct group *g;
    int64_t id, grace_ms;
    (void)ret_wait_key;
    int rc = API_NO_QUERY(rq, err);
    if (rc == 0)
        rc = body_grace(rq, &grace_ms, err);
    if (rc == 0)
        rc = find_group(api, rq, &id, &rows, &g, err);
    if (rc)
        return rc;
    /* Those still queued leave memory with the call; their nouns stay till the loop turns. */
    CLEANUP(mem_freep) struct job **jobs = NULL;
    size_t n = group_members(api, id, rows, &jobs);
    struct group copy = *g;
    copy.name = mem_strdup(g->name);
    engine_group_cancel(api->engine, id, grace_ms);
    group_reply(api, &copy, jobs, n, reply);
    free(copy.name);
    return 0;
}

static int read_only(const struct http_request *rq, bool *ret_only_failed, struct cail_err *err)
{
    static const char *const words[] = {"failed", "all"};
    CLEANUP(json_decrefp) json_t *body = NULL;
    json_t *v = NULL;
    int word = 0;
    int rc = body_member(rq, "only", &body, &v, err);
    struct jpath at = {.text = "/only", .len = 5};
    if (rc == 0 && v)
        rc = json_get_word(v, &at, words, 2, &word, err);
    *ret_only_failed = word == 0;
    return rc;
}

/* A member that has just ended leaves memory when that is durable; until then its row is old. */
static bool has_ending(struct api *api, const struct group_loaded *rows)
{
    for (size_t i = 0; i < rows->rec.jobs.n; i++) {
        const struct job *live = engine_job(api->engine, rows->rec.jobs.job[i]->id);
        if (live && job_state_is_terminal(live->state))
            return true;
    }
    return false;
}

API_SERVE(api_group_retry)
{
    struct api *api = app;
    struct group_loaded *rows;
    const struct group *g;
    int64_t id;
    bool only_failed;
    size_t n_again;
    int rc = API_NO_QUERY(rq, err);
    if (rc == 0)
        rc = read_only(rq, &only_failed, err);
    if (rc == 0)
        rc = find_group(api, rq, &id, &rows, &g, err);
    if (rc == 0 && rows->rc) {
        *err = rows->err;
        rc = rows->rc;
    }
    if (rc)
        return rc;
    if (has_ending(api, rows) && !rq->expired) {
        if (rq->deadline_mono_us == 0)
            rq->deadline_mono_us = clock_mono_us() + API_ENDING_US;
        *ret_wait_key = HTTP_KEY_EVENTS;
        return HTTP_WAIT;
    }
    /* A row that runs again goes over to the engine and stays where it is. */
    CLEANUP(mem_freep) struct job **jobs = NULL;
    size_t n = group_members(api, id, rows, &jobs);
    rc = engine_group_retry(api->engine, &rows->rec, only_failed, &n_again, err);
    api_from_memory(api, reply);
    if (rc)
        return rc;
    g = engine_group(api->engine, id);
    group_reply(api, g ? g : rows->rec.group, jobs, n, reply);
    return 0;
}
