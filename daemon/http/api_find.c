/* One job, wherever it is: memory, rows, or both. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "http/api.h"
#include "http/peers.h"

/* The cards of each attempt stand in its leases. */
static void name_cards(struct job_record *rec)
{
    for (size_t i = 0; i < rec->n_attempts; i++) {
        CLEANUP(str_done) struct str all = STR_INIT;
        for (size_t k = 0; k < rec->n_leases; k++)
            if (rec->lease[k].attempt_id == rec->attempt[i]->id &&
                strncmp(rec->lease[k].kind, "gpu", 3) == 0)
                str_addf(&all, "%s%s", all.len ? "," : "", rec->lease[k].what);
        if (all.len)
            model_set(&rec->attempt[i]->gpus, all.p);
    }
}

struct job_loaded *job_loaded_new(void *reader, int64_t id, size_t max_results)
{
    struct job_loaded *l = mem_zalloc(sizeof *l);
    l->fd = -1;
    l->rc = store_read_job(reader, id, max_results, &l->rec, &l->err);
    if (l->rc == 0)
        name_cards(&l->rec);
    return l;
}

void job_loaded_free(void *loaded)
{
    struct job_loaded *l = loaded;
    if (!l)
        return;
    if (l->rc == 0)
        job_record_done(&l->rec);
    if (l->fd >= 0)
        close(l->fd);
    group_loaded_free(l->group);
    peers_free(l->peers);
    free(l->state_ids);
    free(l->state_of);
    free(l->text);
    free(l);
}

int load_job(void *reader, const struct http_request *rq, void **ret, struct cail_err *err)
{
    int64_t id;
    int rc = http_part_id(rq, 0, &id, err);
    if (rc == 0)
        *ret = job_loaded_new(reader, id, API_RESULTS_SHOWN);
    return rc;
}

/* Is all there is to say about a live job in memory? Its first attempt is, earlier ones are rows.
 */
static bool is_whole(const struct job *j)
{
    return j->attempts_used <= (j->attempt ? 1 : 0);
}

int job_find(struct api *api, struct http_request *rq, bool need_rows, struct found *ret,
             struct cail_err *err)
{
    int64_t id;
    int rc = http_part_id(rq, 0, &id, err);
    if (rc)
        return rc;
    *ret = (struct found){engine_job(api->engine, id), api_loaded(rq)};
    if (ret->live && (ret->rows || (!need_rows && is_whole(ret->live))))
        return 0;
    if (!ret->rows)
        return api_reload(rq);
    if (ret->rows->rc) {
        *err = ret->rows->err;
        return ret->rows->rc;
    }
    /* Gone from memory, live in its row: it ended while the row was read. */
    const struct api_scratch *sc = rq->scratch;
    if (!job_state_is_terminal(ret->rows->rec.job->state) && sc->n_loads < API_LOADS_MAX)
        return api_reload(rq);
    return 0;
}

const struct job *found_job(const struct found *f)
{
    return f->live ? f->live : f->rows->rec.job;
}

size_t found_attempts(struct api *api, const struct found *f, struct attempt ***ret)
{
    const struct job_record *rec = f->rows && f->rows->rc == 0 ? &f->rows->rec : NULL;
    size_t n_rows = rec ? rec->n_attempts : 0, n = 0;
    const struct attempt *live = f->live ? engine_attempt(api->engine, f->live) : NULL;
    struct attempt **all = mem_array(n_rows + 1, sizeof *all);
    for (size_t i = 0; i < n_rows; i++)
        if (!live || rec->attempt[i]->id != live->id)
            all[n++] = rec->attempt[i];
    if (live)
        all[n++] = (struct attempt *)(uintptr_t)live; /* nobody writes through the array */
    *ret = all;
    return n;
}

void job_reply(struct api *api, const struct found *f, struct http_reply *reply)
{
    CLEANUP(mem_freep) struct attempt **attempts = NULL;
    struct job_extras extras = {.host = engine_host(api->engine)};
    extras.n_attempts = found_attempts(api, f, &attempts);
    extras.attempt = attempts;
    if (f->rows && f->rows->rc == 0) {
        extras.result = f->rows->rec.result;
        extras.n_results = f->rows->rec.n_results;
    }
    struct jw w = JW(&reply->body);
    job_doc(&w, found_job(f), &extras);
    api_json_end(reply);
    api_from_memory(api, reply);
}
