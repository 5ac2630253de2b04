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

static int by_id(const void *a, const void *b)
{
    const struct job *x = *(struct job *const *)a, *y = *(struct job *const *)b;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* live[n_live] (any order) over the rows that are left; free() *ret. */
static size_t merge(struct job **live, size_t n_live, const struct group_loaded *rows,
                    struct job ***ret)
{
    size_t n_rows = rows && rows->rc == 0 ? rows->rec.jobs.n : 0, n = 0;
    struct job **all = mem_array(n_live + n_rows + 1, sizeof *all);
    if (n_live)
        qsort(live, n_live, sizeof *live, by_id);
    for (size_t i = 0; i < n_live; i++)
        all[n++] = live[i];
    for (size_t i = 0; i < n_rows; i++) {
        struct job *row = rows->rec.jobs.job[i];
        /* A retry takes jobs out of the record: they live again. */
        if (row && !(n_live && bsearch(&row, live, n_live, sizeof *live, by_id)))
            all[n++] = row;
    }
    if (n)
        qsort(all, n, sizeof *all, by_index);
    *ret = all;
    return n;
}

size_t group_members(struct api *api, int64_t id, const struct group_loaded *rows,
                     struct job ***ret)
{
    CLEANUP(mem_freep) struct job **live = NULL;
    size_t n_live = engine_group_jobs(api->engine, id, &live);
    return merge(live, n_live, rows, ret);
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

/* Load a group for part 0; 0, HTTP_RELOAD or an error. *ret_rows may have failed to find a row when the
 * group is live: it is younger than the newest batch. */
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
    int rc = API_QUERY(rq, err, "wait");
    if (rc == 0)
        rc = api_wait_query(rq, &wait_s, err);
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
    CLEANUP(mem_freep) struct job **live = NULL, **jobs = NULL;
    size_t n_live = engine_group_jobs(api->engine, id, &live);
    struct group copy = *g;
    copy.name = mem_strdup(g->name);
    engine_group_cancel(api->engine, id, grace_ms);
    size_t n = merge(live, n_live, rows, &jobs);
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

API_SERVE(api_group_retry)
{
    struct api *api = app;
    struct group_loaded *rows;
    const struct group *g;
    int64_t id;
    bool only_failed;
    size_t n_again;
    (void)ret_wait_key;
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
    rc = engine_group_retry(api->engine, &rows->rec, only_failed, &n_again, err);
    api_from_memory(api, reply);
    if (rc)
        return rc;
    CLEANUP(mem_freep) struct job **jobs = NULL;
    size_t n = group_members(api, id, rows, &jobs);
    g = engine_group(api->engine, id);
    group_reply(api, g ? g : rows->rec.group, jobs, n, reply);
    return 0;
}
