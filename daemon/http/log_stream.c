/* Following a log. The end of an attempt is learnt first and its file is read after that, so
 * nothing written before the end is missed. The next attempt comes from memory, or, when the reader
 * of the stream is slow and attempts have come and gone meanwhile, from their rows. */
#include "http/log_stream.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "http/log_file.h"

struct log_stream;

/* A question to the rows: which attempt comes after `number`, and is the job over? Lives on its
 * own: the stream may be closed before the answer is there. */
struct ask {
    struct log_stream *stream; /* NULL = closed meanwhile */
    int64_t job;
    int32_t number;
    int rc;
    bool over;          /* the job's row is in a terminal state */
    int64_t attempt_id; /* 0 = none */
    int32_t next_number;
    char *dir;
};

struct log_stream {
    struct http_stream base;
    struct api *api;
    struct log_reader reader;
    char *dir;
    int64_t attempt_id;
    int32_t number;
    bool follow, one;
    struct ask *asking, *answer;
};

static void ask_free(struct ask *a)
{
    if (a)
        free(a->dir);
    free(a);
}

static void ask_run(void *arg, struct store_reader *r)
{
    struct ask *a = arg;
    struct job_record rec;
    struct cail_err err;
    a->rc = store_read_job(r, a->job, 0, &rec, &err);
    if (a->rc)
        return;
    a->over = job_state_is_terminal(rec.job->state);
    for (size_t i = 0; i < rec.n_attempts && !a->dir; i++)
        if (rec.attempt[i]->number > a->number) {
            a->attempt_id = rec.attempt[i]->id;
            a->next_number = rec.attempt[i]->number;
            a->dir = mem_strdup(rec.attempt[i]->dir);
        }
    job_record_done(&rec);
}

static void ask_done(void *arg)
{
    struct ask *a = arg;
    if (!a->stream) {
        ask_free(a);
        return;
    }
    a->stream->asking = NULL;
    a->stream->answer = a;
    http_server_wake(a->stream->api->server, a->stream->base.key);
}

static void ask(struct log_stream *s)
{
    struct ask *a = mem_zalloc(sizeof *a);
    a->stream = s;
    a->job = s->base.key;
    a->number = s->number;
    if (engine_read(s->api->engine, ask_run, ask_done, a))
        s->asking = a;
    else
        ask_free(a); /* too busy: asked again at the next turn */
}

static void begin(struct log_stream *s, int64_t attempt_id, int32_t number, const char *dir)
{
    free(s->dir);
    if (s->reader.fd >= 0)
        close(s->reader.fd);
    s->dir = mem_strdup(dir);
    s->attempt_id = attempt_id;
    s->number = number;
    s->reader = (struct log_reader){.fd = -1, .end = UINT64_MAX};
}

static const struct attempt *live_attempt(const struct log_stream *s, const struct job *live)
{
    return live ? engine_attempt(s->api->engine, live) : NULL;
}

static bool attempt_is_over(const struct log_stream *s)
{
    const struct attempt *a = live_attempt(s, engine_job(s->api->engine, s->base.key));
    return !a || a->id != s->attempt_id || attempt_state_is_terminal(a->state);
}

/* 1 = the next attempt has begun, 0 = not yet, -1 = there will be none, -2 = cannot say. */
static int take_answer(struct log_stream *s, bool is_live)
{
    struct ask *a = s->answer;
    int next = a->rc ? (a->rc == E_NOT_FOUND ? -1 : -2) : a->over && !is_live ? -1 : 0;
    if (a->rc == 0 && a->dir) {
        begin(s, a->attempt_id, a->next_number, a->dir);
        next = 1;
    }
    s->answer = NULL;
    ask_free(a);
    return next;
}

static int advance(struct log_stream *s)
{
    const struct job *live = engine_job(s->api->engine, s->base.key);
    const struct attempt *a = live_attempt(s, live);
    if (s->one)
        return -1;
    if (a && a->number == s->number + 1) {
        begin(s, a->id, a->number, a->dir);
        return 1;
    }
    if (s->answer)
        return take_answer(s, live != NULL);
    bool waits = live && !job_state_is_terminal(live->state) && live->attempts_used <= s->number;
    if (!waits && !s->asking)
        ask(s);
    return 0;
}

static ssize_t read_attempt(struct log_stream *s, char *buf, size_t max)
{
    struct cail_err err;
    uint64_t size;
    if (s->reader.fd < 0 && s->dir && log_file_open(s->dir, &s->reader.fd, &size, &err) != 0)
        return -2;
    ssize_t n = log_reader_read(&s->reader, buf, max);
    return n < 0 ? -2 : n;
}

static ssize_t stream_read(struct http_stream *base, char *buf, size_t max)
{
    struct log_stream *s = (struct log_stream *)base;
    for (;;) {
        bool over = attempt_is_over(s);
        ssize_t n = read_attempt(s, buf, max);
        if (n != 0)
            return n;
        if (!s->follow)
            return -1;
        if (!over)
            return 0;
        int next = advance(s);
        if (next <= 0)
            return next;
    }
}

static void stream_close(struct http_stream *base)
{
    struct log_stream *s = (struct log_stream *)base;
    if (s->follow)
        engine_log_watch(s->api->engine, false);
    if (s->asking)
        s->asking->stream = NULL;
    ask_free(s->answer);
    if (s->reader.fd >= 0)
        close(s->reader.fd);
    free(s->dir);
    free(s);
}

struct http_stream *log_stream_new(struct api *api, const struct log_want *want)
{
    struct log_stream *s = mem_zalloc(sizeof *s);
    s->base = (struct http_stream){stream_read, stream_close, want->job};
    s->api = api;
    s->reader = (struct log_reader){.fd = want->fd, .pos = want->from, .end = want->to};
    s->dir = mem_strdup(want->dir);
    s->attempt_id = want->attempt_id;
    s->number = want->number;
    s->follow = want->follow;
    s->one = want->one;
    if (s->follow)
        engine_log_watch(api->engine, true);
    return &s->base;
}
