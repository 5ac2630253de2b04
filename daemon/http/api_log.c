/* GET /jobs/{id}/log: the whole log, a range, its last lines, or all of it as it comes. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "http/api.h"
#include "http/file_reply.h"
#include "http/log_file.h"
#include "http/log_stream.h"
#include "http/range.h"

/* Which log to open; taken from memory when the attempt lives, so that its row need not be there.
 */
struct log_scratch {
    struct api_scratch base;
    int64_t attempt_id; /* 0 = look it up in the rows */
    int32_t number;
    char dir[];
};

struct log_query {
    int64_t follow, tail, attempt; /* tail -1 = all; attempt 0 = the newest */
};

static int read_query(const struct http_request *rq, struct log_query *ret, struct cail_err *err)
{
    int rc = API_QUERY(rq, err, "follow", "tail", "attempt");
    if (rc == 0)
        rc = http_query_int(rq, "follow", 0, 1, 0, &ret->follow, err);
    if (rc == 0)
        rc = http_query_int(rq, "tail", 0, TAIL_LINES_MAX, -1, &ret->tail, err);
    if (rc == 0)
        rc = http_query_int(rq, "attempt", 1, INT32_MAX, 0, &ret->attempt, err);
    return rc;
}

/* The attempt asked for; NULL = no such. */
static const struct attempt *pick(const struct job_record *rec, int64_t number)
{
    for (size_t i = rec->n_attempts; i > 0; i--)
        if (number == 0 || rec->attempt[i - 1]->number == number)
            return rec->attempt[i - 1];
    return NULL;
}

static void open_log(struct job_loaded *l, const char *dir, const struct attempt *ended,
                     int64_t tail)
{
    l->file_rc = log_file_open(dir, &l->fd, &l->size, &l->file_err);
    if (l->fd < 0)
        return;
    if (ended && ended->end.hole_to > ended->end.hole_from) {
        l->hole_from = (uint64_t)ended->end.hole_from;
        l->hole_to = (uint64_t)ended->end.hole_to;
    } else if (!log_file_hole(l->fd, l->size, &l->hole_from, &l->hole_to)) {
        l->hole_from = l->hole_to = 0;
    }
    if (tail == 0)
        l->from = l->size;
    else if (tail > 0)
        l->from = tail_from(l->fd, l->hole_to < l->size ? l->hole_to : 0, l->size, tail);
}

API_LOAD(load_log)
{
    const struct log_scratch *sc = rq->scratch;
    struct log_query q;
    int64_t id;
    int rc = read_query(rq, &q, err);
    if (rc == 0)
        rc = http_part_id(rq, 0, &id, err);
    if (rc)
        return rc;
    struct job_loaded *l;
    if (sc->attempt_id) {
        l = mem_zalloc(sizeof *l);
        l->fd = -1;
        l->rc = -1; /* no rows were asked for */
        open_log(l, sc->dir, NULL, q.tail);
    } else {
        l = job_loaded_new(reader, id, 0);
        const struct attempt *a = l->rc == 0 ? pick(&l->rec, q.attempt) : NULL;
        if (a && !a->files_gone)
            open_log(l, a->dir, attempt_state_is_terminal(a->state) ? a : NULL, q.tail);
    }
    *ret = l;
    return 0;
}

static int ask_for(struct http_request *rq, const struct attempt *a)
{
    size_t len = a ? strlen(a->dir) + 1 : 1;
    struct log_scratch *sc = mem_zalloc(sizeof *sc + len);
    if (a) {
        sc->attempt_id = a->id;
        sc->number = a->number;
        memcpy(sc->dir, a->dir, len);
    }
    free(rq->scratch);
    rq->scratch = sc;
    return api_reload(rq);
}

static int follow(struct api *api, struct job_loaded *l, struct log_want *want,
                  struct http_reply *reply)
{
    want->to = UINT64_MAX;
    want->follow = true;
    if (l) {
        want->from = l->from;
        want->fd = l->fd;
        l->fd = -1;
    }
    reply->stream = log_stream_new(api, want);
    return 0;
}

static int plain(struct api *api, struct job_loaded *l, struct log_want *want, const char *range,
                 struct http_reply *reply, struct cail_err *err)
{
    if (l->fd < 0)
        return 0; /* it never wrote anything */
    http_reply_header(reply, "Accept-Ranges", "bytes");
    bool hole = l->hole_to > l->hole_from && l->hole_to > l->from;
    bool whole = l->from == 0;
    if (!hole || (range && whole))
        return file_reply(reply, &l->fd, l->from, l->size, whole ? range : NULL, err);
    want->from = l->from;
    want->to = l->size;
    want->fd = l->fd;
    l->fd = -1;
    reply->stream = log_stream_new(api, want);
    return 0;
}

/* Which attempt of the rows it is. 0 with attempt_id 0: none yet. */
static int want_row(const struct job_loaded *l, const struct log_query *q, bool is_live,
                    struct log_want *want, struct cail_err *err)
{
    if (l->rc && !(is_live && l->rc == E_NOT_FOUND)) {
        *err = l->err;
        return l->rc;
    }
    const struct attempt *a = l->rc == 0 ? pick(&l->rec, q->attempt) : NULL;
    if (!a)
        return q->attempt ? err_set(err, E_NOT_FOUND, "job %lld has no attempt %lld",
                                    (long long)want->job, (long long)q->attempt)
                          : 0;
    if (a->files_gone)
        return err_set(err, E_NOT_FOUND,
                       "the log of attempt %d has been removed to make room; its results are kept",
                       (int)a->number);
    want->attempt_id = a->id;
    want->number = a->number;
    want->dir = a->dir;
    return 0;
}

API_SERVE(api_log)
{
    struct api *api = app;
    struct log_query q;
    struct log_want want = {.fd = -1};
    int rc = read_query(rq, &q, err);
    if (rc == 0)
        rc = http_part_id(rq, 0, &want.job, err);
    if (rc)
        return rc;
    (void)ret_wait_key;
    api_text(reply);
    const struct job *live = engine_job(api->engine, want.job);
    struct job_loaded *l = api_loaded(rq);
    want.one = q.attempt > 0;
    if (!l && live && live->attempts_used == 0 && !q.attempt)
        return q.follow ? follow(api, NULL, &want, reply) : 0;
    if (!l) {
        const struct attempt *a = live ? engine_attempt(api->engine, live) : NULL;
        return ask_for(rq, a && (!q.attempt || a->number == q.attempt) ? a : NULL);
    }
    const struct log_scratch *sc = rq->scratch;
    if (sc->attempt_id) {
        want.attempt_id = sc->attempt_id;
        want.number = sc->number;
        want.dir = sc->dir;
    } else {
        rc = want_row(l, &q, live != NULL, &want, err);
    }
    if (rc == 0 && l->file_rc) {
        *err = l->file_err;
        rc = l->file_rc;
    }
    if (rc)
        return rc;
    /* An attempt that ended since it was asked for is followed too: what it wrote last is not lost.
     */
    bool grows = live || sc->attempt_id;
    return q.follow && grows ? follow(api, l, &want, reply)
                             : plain(api, l, &want, q.tail < 0 ? rq->range : NULL, reply, err);
}
