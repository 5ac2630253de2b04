/* GET /jobs: rows by filter, newest first, with what memory knows better laid over them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/ftime.h"
#include "base/mem.h"
#include "http/api.h"
#include "http/text.h"

static const char *const list_args[] = {"state", "kind", "recipe", "label", "pr",    "user",
                                        "group", "q",    "since",  "queue", "limit", "cursor"};

/* "queued,running" */
static int add_states(const char *text, uint32_t *states, struct cail_err *err)
{
    while (*text) {
        char word[24] = "";
        size_t len = strcspn(text, ",");
        if (len < sizeof word)
            memcpy(word, text, len);
        int state = word_find(word, job_state_words, JOB_STATE_COUNT);
        if (state < 0)
            return err_set(err, E_BAD_REQUEST,
                           "\"%.*s\" is no state; states are held, queued, running, succeeded, "
                           "failed, canceled, timed_out, lost and dep_failed",
                           len > 40 ? 40 : (int)len, text);
        *states |= 1u << state;
        text += len + (text[len] == ',');
    }
    return 0;
}

/* "k=v" or "k": cut into the two inside `kept`. */
static void cut_label(const char *text, char kept[], size_t size, struct job_filter *f)
{
    snprintf(kept, size, "%s", text);
    char *eq = strchr(kept, '=');
    f->label_key = kept;
    f->label_value = NULL;
    if (eq) {
        *eq = 0;
        f->label_value = eq + 1;
    }
}

static int read_words(const struct http_request *rq, struct job_filter *f, struct cail_err *err)
{
    const char *kind = http_query_get(rq, "kind"), *since = http_query_get(rq, "since");
    f->kind = kind ? word_find(kind, job_kind_words, KIND_COUNT) : -1;
    if (kind && f->kind < 0)
        return err_set(err, E_BAD_REQUEST,
                       "\"%.40s\" is no kind; kinds are build, benchmark, check and service", kind);
    if (since && ftime_parse(since, &f->since_us) != 0)
        return err_set(err, E_BAD_REQUEST,
                       "query argument \"since\" is a time such as 2026-11-22T17:08:13Z");
    return cursor_query(rq, &f->before_id, err);
}

static int read_filter(const struct http_request *rq, struct list_loaded *l, struct cail_err *err)
{
    struct job_filter *f = &l->filter;
    int64_t limit;
    int rc = http_query_only(rq, list_args, ARRAY_LEN(list_args), err);
    for (size_t i = 0; rc == 0 && i < rq->n_query; i++)
        if (strcmp(rq->query[i].key, "state") == 0)
            rc = add_states(rq->query[i].value, &f->states, err);
    if (rc == 0)
        rc = http_query_int(rq, "limit", 1, LIST_LIMIT_MAX, LIST_LIMIT_DEFAULT, &limit, err);
    if (rc == 0)
        rc = http_query_int(rq, "group", 1, INT64_MAX, 0, &f->group, err);
    if (rc == 0)
        rc = read_words(rq, f, err);
    if (rc)
        return rc;
    f->limit = (int32_t)limit;
    f->recipe = http_query_get(rq, "recipe");
    f->queue = http_query_get(rq, "queue");
    f->user = http_query_get(rq, "user");
    f->pr = http_query_get(rq, "pr");
    f->name_like = http_query_get(rq, "q");
    if (http_query_get(rq, "label"))
        cut_label(http_query_get(rq, "label"), l->label, sizeof l->label, f);
    return 0;
}

API_LOAD(load_list)
{
    struct list_loaded *l = mem_zalloc(sizeof *l);
    int rc = read_filter(rq, l, err);
    if (rc == 0)
        rc = store_read_jobs(reader, &l->filter, &l->rows, err);
    if (rc)
        free(l);
    else
        *ret = l;
    return rc;
}

void list_loaded_free(void *loaded)
{
    struct list_loaded *l = loaded;
    if (l)
        job_rows_done(&l->rows);
    free(l);
}

const struct job *list_pick(struct api *api, const struct list_loaded *l, size_t i)
{
    const struct job *row = l->rows.job[i], *live = engine_job(api->engine, row->id);
    const struct job *j = live ? live : row;
    return l->filter.states && !(l->filter.states & (1u << j->state)) ? NULL : j;
}

bool list_is_stale(struct api *api, const struct http_request *rq, const struct list_loaded *l)
{
    const struct api_scratch *sc = rq->scratch;
    if (sc && sc->n_loads >= API_LOADS_MAX)
        return false;
    for (size_t i = 0; i < l->rows.n; i++)
        if (!job_state_is_terminal(l->rows.job[i]->state) &&
            !engine_job(api->engine, l->rows.job[i]->id))
            return true;
    return false;
}

static void list_text(struct api *api, const struct list_loaded *l, struct http_reply *reply)
{
    CLEANUP(mem_freep) const struct job **jobs = mem_array(l->rows.n + 1, sizeof *jobs);
    size_t n = 0;
    for (size_t i = 0; i < l->rows.n; i++) {
        jobs[n] = list_pick(api, l, i);
        n += jobs[n] != NULL;
    }
    api_text(reply);
    text_jobs(&reply->body, jobs, n, clock_wall_us());
    if (n == 0)
        str_adds(&reply->body, "no jobs\n");
}

API_SERVE(api_list)
{
    struct api *api = app;
    struct list_loaded *l = rq->loaded;
    char cursor[CURSOR_LEN];
    (void)ret_wait_key, (void)err;
    if (list_is_stale(api, rq, l))
        return api_reload(rq);
    api_from_memory(api, reply);
    if (api_accepts(rq, "text/plain")) {
        list_text(api, l, reply);
        return 0;
    }
    struct jw w = JW(&reply->body);
    jw_open(&w, '{');
    jw_key(&w, "jobs");
    jw_open(&w, '[');
    for (size_t i = 0; i < l->rows.n; i++) {
        const struct job *j = list_pick(api, l, i);
        if (j)
            job_doc(&w, j, NULL);
    }
    jw_close(&w, ']');
    if (l->rows.more)
        cursor_make(l->rows.job[l->rows.n - 1]->id, cursor);
    jw_kstr(&w, "next_cursor", l->rows.more ? cursor : NULL);
    jw_close(&w, '}');
    api_json_end(reply);
    return 0;
}
