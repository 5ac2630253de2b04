/* GET /events: live events as text/event-stream. A reader keeps its place by "<epoch>-<seq>";
 * whoever cannot be given all that happened since is told to load afresh ("resync"). */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/api.h"
#include "http/event_id.h"

enum { PENDING_MAX = 64 << 10 };       /* gathered for one write */
#define HEARTBEAT_US INT64_C(10000000) /* asked every 15 s, so at least that often */

struct event_stream {
    struct http_stream base;
    struct engine *engine;
    uint64_t seq;
    int64_t job; /* 0 = all */
    bool resync;
    struct str pending;
    size_t given;
    int64_t wrote_mono_us;
};

static void add_resync(struct event_stream *s)
{
    s->seq = engine_feed_newest(s->engine);
    s->resync = false;
    str_addf(&s->pending, "id: %s-%" PRIu64 "\nevent: resync\ndata: {}\n\n",
             engine_feed_epoch(s->engine), s->seq);
}

static void gather(struct event_stream *s)
{
    struct feed_event ev;
    str_clear(&s->pending);
    s->given = 0;
    while (s->pending.len < PENDING_MAX) {
        int r = s->resync ? -1 : engine_feed_next(s->engine, s->seq, s->job, &ev);
        if (r == 0) {
            /* Past all that did not concern it: else a quiet filter would fall behind the ring. */
            s->seq = engine_feed_newest(s->engine);
            return;
        }
        if (r < 0) {
            add_resync(s);
            continue;
        }
        str_addf(&s->pending, "id: %s-%" PRIu64 "\nevent: %s\ndata: ", engine_feed_epoch(s->engine),
                 ev.seq, ev.name);
        str_add(&s->pending, ev.data, ev.len);
        str_adds(&s->pending, "\n\n");
        s->seq = ev.seq;
    }
}

static ssize_t stream_read(struct http_stream *base, char *buf, size_t max)
{
    struct event_stream *s = (struct event_stream *)base;
    int64_t now = clock_mono_us();
    if (s->given == s->pending.len)
        gather(s);
    if (s->pending.len == 0 && now - s->wrote_mono_us >= HEARTBEAT_US)
        str_adds(&s->pending, ": hb\n\n");
    size_t n = s->pending.len - s->given;
    n = n < max ? n : max;
    if (n == 0)
        return 0;
    memcpy(buf, s->pending.p + s->given, n);
    s->given += n;
    s->wrote_mono_us = now;
    return (ssize_t)n;
}

static void stream_close(struct http_stream *base)
{
    struct event_stream *s = (struct event_stream *)base;
    str_done(&s->pending);
    free(s);
}

bool event_id_read(const char *text, const char *epoch, uint64_t *ret_seq)
{
    size_t n = strlen(epoch);
    if (strncmp(text, epoch, n) != 0 || text[n] != '-')
        return false;
    const char *digits = text + n + 1;
    size_t len = strspn(digits, "0123456789");
    if (len == 0 || len > 18 || digits[len])
        return false;
    *ret_seq = (uint64_t)strtoull(digits, NULL, 10);
    return true;
}

API_SERVE(api_events)
{
    struct api *api = app;
    int64_t job;
    (void)ret_wait_key;
    int rc = API_QUERY(rq, err, "job", "last_event_id");
    if (rc == 0)
        rc = http_query_int(rq, "job", 1, INT64_MAX, 0, &job, err);
    if (rc)
        return rc;
    const char *last = rq->last_event_id, *epoch = engine_feed_epoch(api->engine);
    if (!last)
        last = http_query_get(rq, "last_event_id");
    struct event_stream *s = mem_zalloc(sizeof *s);
    s->base = (struct http_stream){stream_read, stream_close, HTTP_KEY_EVENTS};
    s->engine = api->engine;
    s->job = job;
    s->seq = engine_feed_newest(api->engine);
    s->resync = last && !event_id_read(last, epoch, &s->seq);
    s->wrote_mono_us = clock_mono_us();
    /* An id without data sets the reader's place before the first event. */
    if (!s->resync)
        str_addf(&s->pending, "id: %s-%" PRIu64 "\n", epoch, s->seq);
    str_adds(&s->pending, "retry: 1000\n\n");
    /* Tells the feed that somebody reads from here on. */
    struct feed_event ev;
    (void)engine_feed_next(api->engine, s->seq, job, &ev);
    reply->stream = &s->base;
    reply->content_type = "text/event-stream";
    return 0;
}
