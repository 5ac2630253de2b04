/* Progress and readiness: twice a second (ten times while somebody follows) the new bytes of the
 * growing logs are looked at on the worker pool. Only the last 64 KiB of what is new are read, so
 * a flood costs no more than a whisper. */
#include "engine/internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fsx.h"
#include "base/mem.h"
#include "parse/parse.h"
#include "wire/job_doc.h"

enum { LOOK_BYTES = 65536 };

struct look {
    int64_t attempt_id, from; /* from: bytes seen before */
    char *path;
    bool service;
    /* answers */
    int64_t size;
    bool has_progress, is_ready;
    struct parse_progress progress;
};

struct tail {
    struct engine *e;
    struct look *look;
    size_t n;
};

/* Does a line of bytes from..end begin with the word? All of them are read, however many they are:
 * a service says it once. */
static bool says_ready(int fd, int64_t from, int64_t end, char *buf)
{
    static const char word[] = "::cail ready";
    enum { BACK = sizeof word }; /* the word and the line end before it may come in two parts */
    int64_t at = from > BACK ? from - BACK : 0;
    while (at < end) {
        ssize_t n = pread(fd, buf, LOOK_BYTES, at);
        for (const char *p = buf; n > 0; p++) {
            p = memmem(p, (size_t)(buf + n - p), word, sizeof word - 1);
            if (!p)
                break;
            if (p == buf ? at == 0 : p[-1] == '\n')
                return true;
        }
        if (n <= BACK)
            return false;
        at += at + n < end ? n - BACK : n;
    }
    return false;
}

static void look_at(struct look *l, char *buf)
{
    struct stat st;
    CLEANUP(fsx_closep) int fd = open(l->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    l->size = l->from;
    if (fd < 0 || fstat(fd, &st) || st.st_size <= l->from)
        return;
    int64_t from = st.st_size - l->from > LOOK_BYTES ? st.st_size - LOOK_BYTES : l->from;
    ssize_t n = pread(fd, buf, LOOK_BYTES, from);
    if (n <= 0)
        return;
    l->size = from + n;
    l->has_progress = parse_progress(buf, (size_t)n, &l->progress);
    if (l->service)
        l->is_ready = says_ready(fd, l->from, l->size, buf);
}

static void tail_work(void *arg)
{
    struct tail *t = arg;
    char *buf = mem_array(LOOK_BYTES, 1);
    for (size_t i = 0; i < t->n; i++)
        look_at(&t->look[i], buf);
    free(buf);
}

static void take_progress(struct run *r, const struct parse_progress *p)
{
    struct job *j = r->job;
    int64_t now = clock_mono_us();
    if (r->progress_from < 0 || p->done < r->progress_from || p->total != j->progress.total) {
        r->progress_from = p->done;
        r->progress_from_mono_us = now;
    }
    j->progress.done = p->done;
    j->progress.total = p->total;
    snprintf(j->progress.label, sizeof j->progress.label, "%s", p->label);
    int64_t made = p->done - r->progress_from, left = p->total - p->done;
    j->progress.eta_s = made > 0 ? (now - r->progress_from_mono_us) * left / made / 1000000 : -1;
}

static void publish_progress(struct engine *e, const struct run *r)
{
    if (!feed_has_readers(e->feed))
        return;
    const struct attempt *a = r->job->attempt;
    struct str s = STR_INIT;
    struct jw w = JW(&s);
    jw_open(&w, '{');
    jw_kint(&w, "job", r->job->id);
    jw_kint(&w, "attempt", a->id);
    jw_kint(&w, "number", a->number);
    jw_kstr(&w, "state", attempt_state_words[a->state]);
    jw_kint(&w, "log_bytes", r->log_at);
    jw_key(&w, "progress");
    progress_doc(&w, r->job);
    jw_close(&w, '}');
    size_t len = s.len;
    pump_publish(e, "attempt", r->job->id, str_take(&s), len);
}

static void become_ready(struct engine *e, struct job *j)
{
    j->ready = true;
    job_touched(e, j);
    sched_settle(e->sched, NULL, j->id, j->state, true);
    e->dirty = true;
}

static void take(struct engine *e, const struct look *l)
{
    struct run *r = run_find(e, l->attempt_id);
    if (!r || r->ended || l->size == l->from)
        return;
    r->log_at = l->size;
    if (l->has_progress && !trial_of(e, r->job))
        take_progress(r, &l->progress);
    if (l->is_ready && !r->job->ready)
        become_ready(e, r->job);
    publish_progress(e, r);
    e->listener.wake(e->listener.arg, r->job->id);
}

static void tail_done(void *arg)
{
    struct tail *t = arg;
    t->e->tail_busy = false;
    for (size_t i = 0; i < t->n; i++) {
        take(t->e, &t->look[i]);
        free(t->look[i].path);
    }
    free(t->look);
    free(t);
}

void tail_tick(struct engine *e)
{
    run_put_owed(e);
    size_t n = HASH_COUNT(e->runs);
    if (e->tail_busy || !n)
        return;
    struct tail *t = mem_zalloc(sizeof *t);
    t->e = e;
    t->look = mem_array(n, sizeof *t->look);
    struct run *r, *tmp;
    HASH_ITER(hh, e->runs, r, tmp) {
        if (r->ended || !r->launched)
            continue;
        struct look *l = &t->look[t->n++];
        l->attempt_id = r->attempt_id;
        l->from = r->log_at;
        l->service = r->job->kind == KIND_SERVICE && !r->job->ready;
        l->path = mem_printf("%s/log", r->job->attempt->dir);
    }
    e->tail_busy = true;
    engine_work(e, tail_work, tail_done, t);
}
