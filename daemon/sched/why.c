/* Why a job does not run. The first rows compare what it asks for with what is there; the last one
 * is a decide that takes nothing, so it cannot disagree with the real one. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "sched/say.h"

static const char *to_do(enum after_when when)
{
    switch (when) {
    case AFTER_SUCCEEDED:
        return "to succeed";
    case AFTER_FAILED:
        return "to fail";
    case AFTER_FINISHED:
        return "to end";
    case AFTER_READY:
    case AFTER_WHEN_COUNT:
        break;
    }
    return "to be ready";
}

static void why_hold(struct rows *rows, const struct node *n)
{
    if (n->job->state == JOB_HELD)
        say(say_row(rows, "hold", false), "it is held; release it to let it run");
}

static void why_after(struct rows *rows, const struct node *n)
{
    const struct job *j = n->job;
    bool failed = n->verdict == SCHED_DEP_FAILED;
    if (!j->n_after)
        return;
    struct sched_constraint *c = say_row(rows, "after", !failed && !n->unmet);
    for (int32_t i = 0; i < j->n_after; i++)
        if (failed && j->after[i].job == n->doomed_by) {
            say(c, "needed job %" PRId64 " %s, which cannot happen any more", n->doomed_by,
                to_do(j->after[i].when));
            c->jobs[c->n_jobs++] = n->doomed_by;
            return;
        }
    for (int32_t i = 0; i < j->n_after && !c->met; i++) {
        if (j->after[i].met)
            continue;
        if (c->n_jobs < (int)ARRAY_LEN(c->jobs))
            c->jobs[c->n_jobs++] = j->after[i].job;
        say(c, "%sjob %" PRId64 " %s", c->n_jobs == 1 ? "waits for " : ", ", j->after[i].job,
            to_do(j->after[i].when));
    }
    if (c->met)
        say(c, "%d of %d jobs it comes after are through", j->n_after, j->n_after);
}

static void why_not_before(struct rows *rows, const struct node *n, int64_t now_us)
{
    int64_t at_us = n->job->not_before_us;
    if (!at_us)
        return;
    struct sched_constraint *c = say_row(rows, "not_before", at_us <= now_us);
    if (c->met) {
        say(c, "its time has come");
        return;
    }
    say(c, "not before its time, ");
    say_when(c, at_us, now_us);
}

static bool in_lane(const struct sched *s, const struct run *r, const void *arg)
{
    (void)s;
    return r->node->lane == arg;
}

static void why_queue(const struct sched *s, struct rows *rows, const struct node *n)
{
    const struct lane *l = n->lane;
    if (s->paused)
        say(say_row(rows, "paused", false),
            "the lab is paused; nothing starts until it is resumed");
    struct sched_constraint *c = say_row(rows, "queue", !sched_lane_blocked(l));
    if (l->paused) {
        say(c, "queue '%.64s' is paused", l->name);
        return;
    }
    say(c, "queue '%.64s' runs %" PRId64, l->name, l->running);
    if (!l->limit)
        return;
    say(c, " of at most %d", l->limit);
    int total = say_holders(c, s, in_lane, l);
    if (total && !c->met) {
        say(c, ": ");
        say_jobs(c, s, total);
    }
}

static bool in_team(const struct sched *s, const struct run *r, const void *arg)
{
    (void)s;
    return r->node->team == arg;
}

static void why_group(const struct sched *s, struct rows *rows, const struct node *n)
{
    const struct team *t = n->team;
    struct sched_constraint *c;
    if (n->verdict == SCHED_FAIL_FAST) {
        c = say_row(rows, "group", false);
        say(c, "job %" PRId64 " of its group failed, and the group stops at the first failure",
            n->doomed_by);
        c->jobs[c->n_jobs++] = n->doomed_by;
    } else if (t && t->max_parallel) {
        c = say_row(rows, "group", !sched_team_full(t));
        say(c, "group %" PRId64 " runs %" PRId64 " of at most %d", t->id, t->running,
            t->max_parallel);
        int total = say_holders(c, s, in_team, t);
        if (total && !c->met) {
            say(c, ": ");
            say_jobs(c, s, total);
        }
    }
}

/* --- resources --- */

static bool has_cpus(const struct sched *s, const struct run *r, const void *arg)
{
    (void)s, (void)arg;
    return r->hold.lease.cpus > 0;
}

static bool has_memory(const struct sched *s, const struct run *r, const void *arg)
{
    (void)s, (void)arg;
    return r->hold.lease.memory_mib > 0;
}

static bool has_ports(const struct sched *s, const struct run *r, const void *arg)
{
    (void)s, (void)arg;
    return r->hold.lease.ports > 0;
}

static bool has_card(const struct sched *s, const struct run *r, const void *arg)
{
    for (int32_t i = 0; i < r->hold.lease.n_gpus; i++)
        if (sched_card_suits(&s->gpus[r->hold.lease.gpu[i]], arg))
            return true;
    return false;
}

struct counted {
    const char *name, *unit; /* unit: " cpus" with its blank */
    int64_t need, free, total;
    bool (*holds)(const struct sched *s, const struct run *r, const void *arg);
};

static void why_counted(const struct sched *s, struct rows *rows, const struct counted *k)
{
    struct sched_constraint *c = say_row(rows, k->name, k->need <= k->free);
    int64_t left = k->free > 0 ? k->free : 0;
    if (k->need > k->total) {
        say(c, "needs %" PRId64 "%s; this machine grants %" PRId64, k->need, k->unit, k->total);
        return;
    }
    say(c, "needs %" PRId64 "%s, %" PRId64 " of %" PRId64 " %s free", k->need, k->unit, left,
        k->total, left == 1 ? "is" : "are");
    if (c->met)
        return;
    int total = say_holders(c, s, k->holds, NULL);
    say(c, "; ");
    say_jobs(c, s, total);
    say(c, " %s %s", total == 1 ? "holds" : "hold", k->total - left == 1 ? "it" : "them");
}

/* Cards that were asked for by name: each that is not free, and who has it. */
static void why_named(const struct sched *s, struct sched_constraint *c, const struct want *w)
{
    const char *joint = "waits for ";
    int32_t suit = 0;
    for (int32_t i = 0; i < s->n_gpus; i++) {
        const struct sched_gpu *g = &s->gpus[i];
        if (!sched_card_suits(g, w))
            continue;
        suit++;
        if (sched_card_free(g, &s->pool.card[i], w))
            continue;
        say(c, "%s%.48s", joint, g->uuid);
        if (g->holder)
            say(c, ", held by job %" PRId64, g->holder);
        else
            say(c, ": %.80s", g->reason[0] ? g->reason : "not available");
        if (g->holder && c->n_jobs < (int)ARRAY_LEN(c->jobs))
            c->jobs[c->n_jobs++] = g->holder;
        joint = "; ";
    }
    if (suit < w->gpus)
        say(c, "%s%.150s, which %s not there", joint, w->gpu_uuid, w->gpus == 1 ? "is" : "are");
}

static void why_gpus(const struct sched *s, struct rows *rows, const struct want *w)
{
    struct want cards_only = *w;
    struct sched_lease lease;
    int32_t suit = 0, away = 0, left = 0;
    const struct sched_gpu *first = NULL;
    char what[256];
    cards_only.cpus = cards_only.ports = 0;
    cards_only.memory_mib = 0;
    struct sched_constraint *c =
        say_row(rows, "gpus", sched_fits(s, &s->pool, &cards_only, &lease));
    if (w->gpu_uuid && !c->met) {
        why_named(s, c, w);
        return;
    }
    for (int32_t i = 0; i < s->n_present; i++) {
        const struct sched_gpu *g = &s->gpus[i];
        if (!sched_card_suits(g, w))
            continue;
        suit++;
        left += sched_card_free(g, &s->pool.card[i], w);
        if (!g->available && !away++)
            first = g;
    }
    sched_describe_gpus(w, what, sizeof what);
    say(c, "%.140s, %d of %d %s free", what, left, suit, left == 1 ? "is" : "are");
    if (c->met)
        return;
    int total = say_holders(c, s, has_card, w);
    if (total) {
        say(c, "; ");
        say_jobs(c, s, total);
        say(c, " %s", total == 1 ? "holds one or more" : "hold the others");
    }
    if (first)
        say(c, "; %d out of use, %.40s: %.80s", away, first->uuid,
            first->reason[0] ? first->reason : "not available");
}

static void why_resources(struct sched *s, struct rows *rows, const struct node *n)
{
    struct want w;
    sched_want(s, n, &w);
    why_counted(s, rows,
                &(struct counted){"cpus", w.cpus == 1 ? " cpu" : " cpus", w.cpus, s->pool.cpus,
                                  s->config.cpus, has_cpus});
    if (w.memory_mib)
        why_counted(s, rows,
                    &(struct counted){"memory", " MiB of memory", w.memory_mib, s->pool.memory_mib,
                                      s->config.memory_mib, has_memory});
    if (w.ports)
        why_counted(s, rows,
                    &(struct counted){"ports", w.ports == 1 ? " port" : " ports", w.ports,
                                      s->pool.ports, s->config.ports, has_ports});
    if (w.gpus)
        why_gpus(s, rows, &w);
}

/* --- quiet and the line --- */

static bool is_quiet(const struct sched *s, const struct run *r, const void *arg)
{
    (void)s, (void)arg;
    return r->hold.lease.quiet;
}

static bool is_stranger(const struct sched *s, const struct run *r, const void *arg)
{
    (void)arg;
    return r->mark != s->mark;
}

static void why_own_quiet(struct sched *s, struct rows *rows, const struct node *n, int64_t now_us)
{
    int64_t at_us = sched_quiet_at_us(s, n); /* leaves its services marked */
    const struct node *next;
    struct sched_constraint *c = say_row(rows, "quiet", at_us == INT64_MIN);
    if (!c->met) {
        int total = say_holders(c, s, is_stranger, NULL);
        say(c, "needs the machine to itself; ");
        say_jobs(c, s, total);
        say(c, " %s ", total == 1 ? "runs and ends" : "run, the last ends");
        say_when(c, at_us, now_us);
        say(c, " at the latest");
        return;
    }
    next = n->place == PLACE_QUIET ? sched_quiet_next(s) : n;
    if (next && next != n) {
        c->met = false;
        c->jobs[c->n_jobs++] = next->id;
        say(c,
            "job %" PRId64 " has the machine to itself first: quiet jobs go by priority, then id",
            next->id);
        return;
    }
    say(c, "the machine is free but for its own services");
}

static void why_quiet(struct sched *s, struct rows *rows, const struct node *n, int64_t now_us)
{
    if (s->n_quiet_runs) {
        struct sched_constraint *c = say_row(rows, "quiet", false);
        int total = say_holders(c, s, is_quiet, NULL);
        say_jobs(c, s, total);
        say(c, " %s the machine to itself; nothing else starts until it ends",
            total == 1 ? "has" : "have");
    } else if (n->job->needs.exclusive == EXCLUSIVE_QUIET) {
        why_own_quiet(s, rows, n, now_us);
    }
}

static bool all_met(const struct rows *rows)
{
    for (size_t i = 0; i < rows->n; i++)
        if (!rows->at[i].met)
            return false;
    return true;
}

static void say_reservation(struct sched_constraint *c, const struct node *n,
                            const struct reservation *held, int64_t now_us)
{
    if (held->head == n) {
        c->met = true;
        say(c, "it is next in line and starts ");
        say_when(c, held->at_us, now_us);
        say(c, " at the latest");
        return;
    }
    c->jobs[c->n_jobs++] = held->head->id;
    say(c, "job %" PRId64 " is ahead and %s ", held->head->id,
        held->quiet ? "gets the machine to itself" : "starts");
    say_when(c, held->at_us, now_us);
    say(c, " at the latest; with its timeout of %" PRId64 " s this one could keep it waiting",
        (sched_end_us(n->job, now_us) - now_us) / 1000000);
}

static void say_ahead(const struct sched *s, struct sched_constraint *c, const struct trial *t)
{
    for (size_t i = 0; i < t->n && i < ARRAY_LEN(t->first); i++)
        c->jobs[c->n_jobs++] = t->first[i];
    say_jobs(c, s, (int)t->n);
    say(c, " %s ahead and %s what is free", t->n == 1 ? "is" : "are", t->n == 1 ? "takes" : "take");
}

/* Those before it in this decide left nothing for it. */
static bool is_taken(struct sched *s, const struct node *n)
{
    struct sched_lease unused;
    struct want w;
    sched_want(s, n, &w);
    return sched_lane_blocked(n->lane) || sched_team_full(n->team) ||
           !sched_fits(s, &s->pool, &w, &unused);
}

/* What the dry run found for a job that nothing else blocks. */
static void why_line(struct sched *s, struct rows *rows, struct node *n, int64_t now_us)
{
    struct reservation held = {.head = NULL};
    struct trial t = {.stop_at = n, .held = &held, .max = SIZE_MAX, .dry = true};
    bool others_met = all_met(rows);
    sched_pass(s, now_us, &t);
    if (n->place == PLACE_PICKED)
        say(say_row(rows, "reservation", true), "nobody is ahead of it");
    else if (others_met && t.n && (held.head == n || is_taken(s, n)))
        say_ahead(s, say_row(rows, "reservation", false), &t);
    else if (held.head && (others_met || held.head == n))
        say_reservation(say_row(rows, "reservation", false), n, &held, now_us);
    else if (others_met)
        say(say_row(rows, "reservation", false),
            "too many different jobs that wait are ahead of it");
    sched_take_back(s);
}

size_t sched_why(struct sched *s, const struct job *j, int64_t now_us,
                 struct sched_constraint out[SCHED_CONSTRAINTS_MAX])
{
    struct rows rows = {out, 0};
    struct node *n = j->sched;
    if (!n || n->place == PLACE_RUNNING || n->place == PLACE_NEW)
        return 0;
    sched_prepare(s, now_us);
    why_hold(&rows, n);
    why_after(&rows, n);
    why_not_before(&rows, n, now_us);
    why_queue(s, &rows, n);
    why_group(s, &rows, n);
    why_resources(s, &rows, n);
    why_quiet(s, &rows, n, now_us);
    if (n->verdict == SCHED_WAIT_TIMED_OUT)
        say(say_row(&rows, "max_wait", false),
            "it waited longer than its max_wait of %" PRId64 " s", j->max_wait_s);
    bool may = n->place == PLACE_READY || n->place == PLACE_QUIET;
    if (may && !s->paused && !s->n_quiet_runs && !sched_lane_blocked(n->lane) &&
        !sched_team_full(n->team))
        why_line(s, &rows, n, now_us);
    return rows.n;
}
