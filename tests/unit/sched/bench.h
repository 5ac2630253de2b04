/* A scheduler on a table: jobs made in one line, decisions applied the way the engine does. */
#ifndef TEST_SCHED_BENCH_H
#define TEST_SCHED_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "model/move.h"
#include "sched/sched.h"

#define S INT64_C(1000000) /* microseconds of a second */

struct bench {
    struct sched *s;
    int64_t now_us;
    struct job *jobs[256];
    int n;
    struct sched_lease lease[257]; /* by job id */
    int64_t began_us[257];
    char log[4096]; /* "+1 -2(3)": started 1; 2 ended undecided because of 3 */
};

static inline void bench_open(struct bench *b, int cpus)
{
    const struct sched_config c = {
        .cpus = cpus, .memory_mib = 1000, .ports = 4, .ageing_us = 60 * S, .backfill_depth = 100};
    memset(b, 0, sizeof *b);
    b->s = sched_new(&c);
    b->now_us = 1000000 * S;
}

static inline void bench_close(struct bench *b)
{
    sched_free(b->s);
    for (int i = 0; i < b->n; i++) {
        assert_null(b->jobs[i]->sched);
        job_free(b->jobs[i]);
    }
}

/* One cpu, 100 s, queue "default"; change it, then bench_add. Ids count from 1. */
static inline struct job *bench_job(struct bench *b)
{
    struct job *j = job_new();
    j->id = b->n + 1;
    j->state = JOB_QUEUED;
    j->queue = mem_strdup("default");
    j->name = mem_strdup("job");
    j->timeout_s = 100;
    j->queued_at_us = b->now_us;
    b->jobs[b->n++] = j;
    return j;
}

static inline struct job *bench_add(struct bench *b, struct job *j)
{
    sched_add(b->s, j);
    sched_check(b->s);
    return j;
}

static inline struct job *bench_cpus(struct bench *b, int cpus, int timeout_s)
{
    struct job *j = bench_job(b);
    j->needs.cpus = cpus;
    j->timeout_s = timeout_s;
    return bench_add(b, j);
}

static inline void bench_after(struct job *j, int64_t id, enum after_when when)
{
    j->after = mem_grow(j->after, (size_t)j->n_after + 1, sizeof *j->after);
    j->after[j->n_after++] = (struct after){id, when, false};
}

static inline void bench_move(struct job *j, enum job_state to, int64_t now_us)
{
    assert_int_equal(job_move(j, to, now_us), 0);
}

static inline void bench_end_as(struct bench *b, struct job *j, enum job_state state)
{
    bench_move(j, state, b->now_us);
    sched_remove(b->s, j);
    sched_settle(b->s, NULL, j->id, state, false);
    sched_check(b->s);
}

static inline void bench_note(struct bench *b, char sign, int64_t id, int64_t by)
{
    size_t n = strlen(b->log);
    snprintf(b->log + n, sizeof b->log - n, by ? "%s%c%d(%d)" : "%s%c%d", n ? " " : "", sign,
             (int)id, (int)by);
}

static inline void bench_apply(struct bench *b, const struct sched_decision *d)
{
    struct job *j = d->job;
    switch (d->verdict) {
    case SCHED_START:
        bench_note(b, '+', j->id, 0);
        bench_move(j, JOB_RUNNING, b->now_us);
        b->lease[j->id] = d->lease;
        b->began_us[j->id] = b->now_us;
        sched_started(b->s, j, &d->lease, b->now_us);
        break;
    case SCHED_DEP_FAILED:
        bench_note(b, '-', j->id, d->blocker);
        bench_end_as(b, j, JOB_DEP_FAILED);
        break;
    case SCHED_WAIT_TIMED_OUT:
        bench_note(b, '!', j->id, 0);
        bench_end_as(b, j, JOB_TIMED_OUT);
        break;
    case SCHED_FAIL_FAST:
        bench_note(b, 'x', j->id, d->blocker);
        bench_end_as(b, j, JOB_CANCELED);
        break;
    }
}

/* Decide until nothing is left to say; what was said, in order. */
static inline const char *bench_go(struct bench *b)
{
    struct sched_decision out[3];
    size_t n;
    b->log[0] = 0;
    do {
        n = sched_decide(b->s, b->now_us, out, 3);
        for (size_t i = 0; i < n; i++)
            bench_apply(b, &out[i]);
        sched_check(b->s);
    } while (n);
    return b->log;
}

static inline void bench_end(struct bench *b, struct job *j, enum job_state state)
{
    bench_move(j, state, b->now_us);
    sched_ended(b->s, j);
    sched_settle(b->s, NULL, j->id, state, false);
    sched_check(b->s);
}

static inline const struct sched_constraint *bench_row(struct bench *b, struct job *j,
                                                       const char *name)
{
    static struct sched_constraint rows[SCHED_CONSTRAINTS_MAX];
    size_t n = sched_why(b->s, j, b->now_us, rows);
    for (size_t i = 0; i < n; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

static inline void bench_why(struct bench *b, struct job *j, const char *name, bool met,
                             const char *detail)
{
    const struct sched_constraint *c = bench_row(b, j, name);
    assert_non_null(c);
    assert_int_equal(c->met, met);
    assert_string_equal(c->detail, detail);
    assert_int_equal(strlen(c->detail) < sizeof c->detail - 1, 1);
}

#endif
