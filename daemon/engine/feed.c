/* Live events: a ring of the newest, numbered without gaps. A reader keeps its own place; one that
 * fell behind the ring is told to load afresh. Events carry their text only while somebody reads;
 * after a minute without readers they are only counted, and the ring starts anew. */
#include "engine/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rnd.h"

enum { FEED_EVENTS = 8192 };
#define FEED_BYTES_MAX (8u << 20)
#define FEED_IDLE_US   INT64_C(60000000)

struct slot {
    const char *name;
    int64_t job;
    char *data;
    size_t len;
};

struct feed {
    struct slot ring[FEED_EVENTS];
    uint64_t newest; /* number of the last event; 0 = none yet */
    uint64_t oldest; /* number of the oldest kept; newest + 1 = none kept */
    size_t bytes;
    int64_t read_mono_us; /* last time somebody asked; 0 = never */
    char epoch[9];
};

struct feed *feed_new(void)
{
    struct feed *f = mem_zalloc(sizeof *f);
    unsigned char b[4];
    rnd_bytes(b, sizeof b);
    snprintf(f->epoch, sizeof f->epoch, "%02x%02x%02x%02x", b[0], b[1], b[2], b[3]);
    f->oldest = 1;
    return f;
}

void feed_free(struct feed *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < FEED_EVENTS; i++)
        free(f->ring[i].data);
    free(f);
}

bool feed_has_readers(const struct feed *f)
{
    return f->read_mono_us && clock_mono_us() - f->read_mono_us < FEED_IDLE_US;
}

static void drop_oldest(struct feed *f)
{
    struct slot *s = &f->ring[f->oldest % FEED_EVENTS];
    f->bytes -= s->len;
    free(s->data);
    memset(s, 0, sizeof *s);
    f->oldest++;
}

void feed_push(struct feed *f, const char *name, int64_t job, const char *data, size_t len)
{
    f->newest++;
    if (!data) { /* nobody read when it was made: a later reader has to load afresh */
        while (f->oldest < f->newest)
            drop_oldest(f);
        f->oldest = f->newest + 1;
        return;
    }
    while (f->oldest < f->newest &&
           (f->newest - f->oldest >= FEED_EVENTS || f->bytes + len > FEED_BYTES_MAX))
        drop_oldest(f);
    f->ring[f->newest % FEED_EVENTS] = (struct slot){name, job, mem_strndup(data, len), len};
    f->bytes += len;
}

const char *engine_feed_epoch(const struct engine *e)
{
    return e->feed->epoch;
}

uint64_t engine_feed_newest(const struct engine *e)
{
    e->feed->read_mono_us = clock_mono_us();
    return e->feed->newest;
}

int engine_feed_next(const struct engine *e, uint64_t seq, int64_t job, struct feed_event *ret)
{
    struct feed *f = e->feed;
    f->read_mono_us = clock_mono_us();
    if (seq > f->newest || seq + 1 < f->oldest)
        return -1;
    for (uint64_t n = seq + 1; n <= f->newest; n++) {
        const struct slot *s = &f->ring[n % FEED_EVENTS];
        if (job && s->job != job)
            continue;
        *ret = (struct feed_event){n, s->name, s->job, s->data, s->len};
        return 1;
    }
    return 0;
}
