/* Sentences for a person. */
#include "sched/say.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/ftime.h"
#include "base/log.h"

struct sched_constraint *say_row(struct rows *rows, const char *name, bool met)
{
    BUG_ON(rows->n == SCHED_CONSTRAINTS_MAX);
    struct sched_constraint *c = &rows->at[rows->n++];
    memset(c, 0, sizeof *c);
    c->name = name;
    c->met = met;
    return c;
}

void say(struct sched_constraint *c, const char *fmt, ...)
{
    size_t n = strlen(c->detail);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(c->detail + n, sizeof c->detail - n, fmt, ap);
    va_end(ap);
}

void say_when(struct sched_constraint *c, int64_t at_us, int64_t now_us)
{
    char at[FTIME_LEN];
    int64_t s = at_us > now_us ? (at_us - now_us + 999999) / 1000000 : 0;
    ftime_utc(at_us, at);
    if (s < 120)
        say(c, "in %" PRId64 " s", s);
    else if (s < 120 * 60)
        say(c, "in %" PRId64 " min", (s + 59) / 60);
    else
        say(c, "in %" PRId64 " h", (s + 3599) / 3600);
    say(c, " (%.19sZ)", at);
}

int say_holders(struct sched_constraint *c, const struct sched *s,
                bool (*holds)(const struct sched *s, const struct run *r, const void *arg),
                const void *arg)
{
    int total = 0;
    for (const struct run *r = s->runs; r; r = r->hh.next) {
        if (!holds(s, r, arg))
            continue;
        int at = c->n_jobs < (int)ARRAY_LEN(c->jobs) ? c->n_jobs++ : (int)ARRAY_LEN(c->jobs) - 1;
        if (total++ >= (int)ARRAY_LEN(c->jobs) && c->jobs[at] < r->id)
            continue;
        for (; at && c->jobs[at - 1] > r->id; at--)
            c->jobs[at] = c->jobs[at - 1];
        c->jobs[at] = r->id;
    }
    return total;
}

void say_jobs(struct sched_constraint *c, const struct sched *s, int total)
{
    enum { SHOWN = 4 };
    int shown = c->n_jobs < SHOWN ? c->n_jobs : SHOWN;
    for (int i = 0; i < shown; i++) {
        const struct run *r;
        HASH_FIND(hh, s->runs, &c->jobs[i], sizeof c->jobs[i], r);
        bool service = r && r->node->job->kind == KIND_SERVICE;
        const char *glue = !i ? "" : i == shown - 1 && total == shown ? " and " : ", ";
        say(c, "%s%s %" PRId64, glue, service ? "service" : "job", c->jobs[i]);
    }
    if (total > shown)
        say(c, " and %d more", total - shown);
}
