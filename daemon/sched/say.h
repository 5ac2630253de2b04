/* The sentences of `why`: one row each, text cut at the end of its buffer, never past it. */
#ifndef SCHED_SAY_H
#define SCHED_SAY_H

#include "base/attr.h"
#include "sched/parts.h"

struct rows {
    struct sched_constraint *at;
    size_t n;
};

struct sched_constraint *say_row(struct rows *rows, const char *name, bool met);
/* Append to the row's detail. */
void say(struct sched_constraint *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* "in 5 min (2026-11-22T18:00:00Z)" */
void say_when(struct sched_constraint *c, int64_t at_us, int64_t now_us);
/* Note the running jobs that `holds` picks, lowest ids first; returns how many there are. */
int say_holders(struct sched_constraint *c, const struct sched *s,
                bool (*holds)(const struct sched *s, const struct run *r, const void *arg),
                const void *arg);
/* "job 9, service 12 and 3 more" of the row's jobs, `total` in all. */
void say_jobs(struct sched_constraint *c, const struct sched *s, int total);

#endif
