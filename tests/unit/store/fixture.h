/* What the store's tests share: a temporary folder, a store in it, waiting for its answers without
 * a clock, and nouns with hostile values. */
#ifndef TESTS_STORE_FIXTURE_H
#define TESTS_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fsx.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/internal.h"
#include "store/store.h"

#define T0 INT64_C(1760000000000000) /* some October, in microseconds */

struct fix {
    char dir[200];
    struct store *s;
    sem_t awake;
    struct store_seams seams;
    int64_t reserve_bytes; /* 0 = 64 KiB: tests make many stores */
};

static UNUSED void fix_wake(void *arg)
{
    sem_post(arg);
}

static UNUSED void fix_begin(struct fix *f)
{
    memset(f, 0, sizeof *f);
    /* in memory where it can be had: these tests make hundreds of stores and judge no disk */
    const char *tmp = getenv("TMPDIR");
    if (!tmp)
        tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(f->dir, sizeof f->dir, "%s/cail-store-XXXXXX", tmp);
    if (!mkdtemp(f->dir))
        abort();
    sem_init(&f->awake, 0, 0);
    log_set_level(LOG_LEVEL_ERROR);
}

static UNUSED int fix_open(struct fix *f, struct cail_err *err)
{
    struct store_config c = {.dir = f->dir,
                             .reserve_bytes = f->reserve_bytes ? f->reserve_bytes : 65536,
                             .wake = fix_wake,
                             .wake_arg = &f->awake};
    return store_open_with(&f->s, &c, &f->seams, err);
}

/* Open, and say why when it fails. */
static UNUSED void fix_must_open(struct fix *f)
{
    struct cail_err err;
    if (fix_open(f, &err))
        fail_msg("%s", err.text);
}

static UNUSED void fix_close(struct fix *f)
{
    store_close(f->s);
    f->s = NULL;
}

static UNUSED void fix_end(struct fix *f)
{
    struct cail_err err;
    fix_close(f);
    sem_destroy(&f->awake);
    (void)!fsx_remove_tree(f->dir, &err);
}

static UNUSED void fix_wait(struct fix *f, const bool *flag)
{
    while (!*flag) {
        while (sem_wait(&f->awake) && errno == EINTR)
            ;
        store_poll(f->s);
    }
}

struct fix_commit {
    bool ended;
    enum store_outcome outcome;
    struct cail_err err;
};

static UNUSED void fix_committed(void *arg, enum store_outcome outcome, const struct cail_err *err)
{
    struct fix_commit *c = arg;
    c->outcome = outcome;
    c->err = *err;
    c->ended = true;
}

static UNUSED enum store_outcome fix_commit(struct fix *f, struct store_batch *b,
                                            struct cail_err *err)
{
    struct fix_commit c = {0};
    store_commit(f->s, b, fix_committed, &c);
    fix_wait(f, &c.ended);
    if (err)
        *err = c.err;
    return c.outcome;
}

struct fix_read {
    void (*ask)(void *arg, struct store_reader *r);
    void *arg;
    bool ended;
};

static UNUSED void fix_read_run(void *arg, struct store_reader *r)
{
    struct fix_read *q = arg;
    q->ask(q->arg, r);
}

static UNUSED void fix_read_done(void *arg)
{
    ((struct fix_read *)arg)->ended = true;
}

/* Runs ask on the reader thread and waits for it. */
static UNUSED void fix_read(struct fix *f, void (*ask)(void *arg, struct store_reader *r),
                            void *arg)
{
    struct fix_read q = {ask, arg, false};
    if (!store_read(f->s, fix_read_run, fix_read_done, &q))
        abort();
    fix_wait(f, &q.ended);
}

/* A queued job of the plainest kind. */
static UNUSED struct job *fix_job(int64_t id)
{
    struct job *j = job_new();
    j->id = id;
    j->state = JOB_QUEUED;
    j->kind = KIND_CHECK;
    j->timeout_s = 3600;
    j->created_at_us = j->queued_at_us = T0 + id % 1000000;
    model_set(&j->name, "true");
    model_set(&j->queue, "default");
    model_set(&j->spec, "{\"run\":[\"true\"]}");
    model_set(&j->user, "ada");
    return j;
}

static UNUSED struct attempt *fix_attempt(int64_t id, int64_t job_id, int32_t number)
{
    struct attempt *a = attempt_new();
    a->id = id;
    a->job_id = job_id;
    a->number = number;
    a->state = ATTEMPT_STARTING;
    snprintf(a->token, sizeof a->token, "%032llx", (unsigned long long)id);
    snprintf(a->boot_id, sizeof a->boot_id, "boot");
    model_set(&a->executor, "local");
    model_set(&a->dir, "/nowhere");
    a->created_at_us = T0 + id % 1000000;
    a->granted_cpus = 1;
    return a;
}

static UNUSED void fix_put_jobs(struct fix *f, struct store_batch *b, int64_t from, int64_t n)
{
    (void)f;
    for (int64_t id = from; id < from + n; id++) {
        struct job *j = fix_job(id);
        store_put_job(b, j, true);
        job_free(j);
    }
}

/* 1 MiB in one row: fills a WAL fast. */
static UNUSED void fix_put_mib(struct store_batch *b, int i)
{
    char key[20];
    CLEANUP(mem_freep) char *value = mem_array((1 << 20) + 1, 1);
    memset(value, 'm', 1 << 20);
    snprintf(key, sizeof key, "big%d", i);
    store_put_setting(b, key, value);
}

/* Everything store_load hands out. */
struct fix_loaded {
    struct job *job[4096];
    struct attempt *attempt[256];
    struct group *group[64];
    struct queue *queue[64];
    struct cache_entry *cache[64];
    size_t n_jobs, n_attempts, n_groups, n_queues, n_caches, n_leases, n_idems, n_settings;
    char order[64];  /* one letter at each change of kind */
    char text[4096]; /* leases, keys and settings, one line each */
    struct store_ids ids;
};

static UNUSED void fix_saw(struct fix_loaded *l, char kind)
{
    size_t n = strlen(l->order);
    if (n + 1 < sizeof l->order && (!n || l->order[n - 1] != kind))
        l->order[n] = kind;
}

#define FIX_COLLECT(name, type, list, count, letter)                                               \
    static UNUSED void name(void *arg, struct type *x)                                             \
    {                                                                                              \
        struct fix_loaded *l = arg;                                                                \
        if (l->count >= ARRAY_LEN(l->list))                                                        \
            abort();                                                                               \
        l->list[l->count++] = x;                                                                   \
        fix_saw(l, letter);                                                                        \
    }
FIX_COLLECT(fix_on_job, job, job, n_jobs, 'j')
FIX_COLLECT(fix_on_attempt, attempt, attempt, n_attempts, 'a')
FIX_COLLECT(fix_on_group, group, group, n_groups, 'g')
FIX_COLLECT(fix_on_queue, queue, queue, n_queues, 'q')
FIX_COLLECT(fix_on_cache, cache_entry, cache, n_caches, 'c')

static UNUSED void fix_line(struct fix_loaded *l, const char *fmt, ...) PRINTF_LIKE(2, 3);
static UNUSED void fix_line(struct fix_loaded *l, const char *fmt, ...)
{
    size_t n = strlen(l->text);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(l->text + n, sizeof l->text - n, fmt, ap);
    va_end(ap);
}

static UNUSED void fix_on_lease(void *arg, int64_t attempt, const char *kind, const char *what,
                                int64_t since_us)
{
    struct fix_loaded *l = arg;
    l->n_leases++;
    fix_saw(l, 'l');
    fix_line(l, "lease %lld %s %s %lld\n", (long long)attempt, kind, what, (long long)since_us);
}

static UNUSED void fix_on_idem(void *arg, const char *key, const char *sha,
                               const struct idem_made *made, int64_t at_us)
{
    struct fix_loaded *l = arg;
    l->n_idems++;
    fix_saw(l, 'i');
    fix_line(l, "idem %s %s %lld %lld %lld %lld %lld\n", key, sha, (long long)made->job,
             (long long)made->group, (long long)made->comparison, (long long)made->bisection,
             (long long)at_us);
}

static UNUSED void fix_on_setting(void *arg, const char *key, const char *value)
{
    struct fix_loaded *l = arg;
    l->n_settings++;
    fix_saw(l, 's');
    fix_line(l, "setting %s %s\n", key, value);
}

static UNUSED struct fix_loaded *fix_load(struct fix *f, struct cail_err *err)
{
    struct fix_loaded *l = mem_zalloc(sizeof *l);
    struct store_loader to = {.arg = l,
                              .queue = fix_on_queue,
                              .group = fix_on_group,
                              .job = fix_on_job,
                              .attempt = fix_on_attempt,
                              .lease = fix_on_lease,
                              .cache = fix_on_cache,
                              .idem = fix_on_idem,
                              .setting = fix_on_setting};
    if (store_load(f->s, T0, &to, &l->ids, err) == 0)
        return l;
    free(l);
    return NULL;
}

static UNUSED void fix_loaded_free(struct fix_loaded *l)
{
    for (size_t i = 0; i < l->n_jobs; i++)
        job_free(l->job[i]);
    for (size_t i = 0; i < l->n_attempts; i++)
        attempt_free(l->attempt[i]);
    for (size_t i = 0; i < l->n_groups; i++)
        group_free(l->group[i]);
    for (size_t i = 0; i < l->n_queues; i++)
        queue_free(l->queue[i]);
    for (size_t i = 0; i < l->n_caches; i++)
        cache_entry_free(l->cache[i]);
    free(l);
}

#endif
