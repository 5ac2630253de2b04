/* Dependencies: an index from the job waited for to the jobs that wait. */
#include <stdlib.h>

#include "base/mem.h"
#include "sched/parts.h"

enum outcome { OPEN, MET, NEVER };

static enum outcome judge(enum after_when when, enum job_state state, bool ready)
{
    if (!job_state_is_terminal(state))
        return when == AFTER_READY && ready ? MET : OPEN;
    switch (when) {
    case AFTER_SUCCEEDED:
        return state == JOB_SUCCEEDED ? MET : NEVER;
    case AFTER_FAILED:
        return state == JOB_SUCCEEDED || state == JOB_CANCELED ? NEVER : MET;
    case AFTER_FINISHED:
        return MET;
    case AFTER_READY:
    case AFTER_WHEN_COUNT:
        break;
    }
    return NEVER;
}

static void edge_drop(struct sched *s, struct edge *e)
{
    struct dep *d = e->dep;
    if (!d)
        return;
    e->dep = NULL;
    LIST_REMOVE(e, in_dep);
    if (!LIST_EMPTY(&d->edges) || d == s->busy_dep)
        return;
    HASH_DEL(s->deps, d);
    free(d);
}

void sched_edges_drop(struct sched *s, struct node *n)
{
    for (int32_t i = 0; i < n->n_edges; i++)
        edge_drop(s, &n->edges[i]);
    free(n->edges);
    n->edges = NULL;
    n->n_edges = 0;
}

static void edge_add(struct sched *s, struct edge *e, int64_t id)
{
    struct dep *d;
    HASH_FIND(hh, s->deps, &id, sizeof id, d);
    if (!d) {
        d = mem_zalloc(sizeof *d);
        d->id = id;
        LIST_INIT(&d->edges);
        HASH_ADD(hh, s->deps, id, sizeof d->id, d);
    }
    e->dep = d;
    LIST_INSERT_HEAD(&d->edges, e, in_dep);
}

static bool is_ready_now(struct sched *s, int64_t id)
{
    struct run *r;
    HASH_FIND(hh, s->runs, &id, sizeof id, r);
    return r && r->node->place == PLACE_RUNNING && r->node->job->ready;
}

/* after: ready stays watched once met: the service may end before the job starts. */
void sched_edges_add(struct sched *s, struct node *n)
{
    struct job *j = n->job;
    n->unmet = 0;
    if (!j->n_after)
        return;
    n->n_edges = j->n_after;
    n->edges = mem_array((size_t)j->n_after, sizeof *n->edges);
    for (int32_t i = 0; i < j->n_after; i++) {
        struct after *a = &j->after[i];
        n->edges[i] = (struct edge){.node = n, .index = i};
        if (!a->met && a->when == AFTER_READY && is_ready_now(s, a->job))
            a->met = true;
        n->unmet += !a->met;
        if (!a->met || a->when == AFTER_READY)
            edge_add(s, &n->edges[i], a->job);
    }
}

/* What is met stays met; only a service can go away again. */
static bool is_settled(const struct after *a)
{
    return a->met && a->when != AFTER_READY;
}

/* True when the node's place may have changed. */
static bool apply(struct sched *s, struct node *n, int32_t i, enum outcome outcome)
{
    struct after *a = &n->job->after[i];
    switch (outcome) {
    case OPEN:
        return false;
    case MET:
        if (a->met)
            return false;
        a->met = true;
        n->unmet--;
        if (a->when != AFTER_READY)
            edge_drop(s, &n->edges[i]);
        return !n->unmet;
    case NEVER:
        sched_doom(s, n, SCHED_DEP_FAILED, a->job);
        return false;
    }
    return false;
}

static void replace(struct sched *s, struct node *n)
{
    if (n->place == PLACE_PICKED) {
        sched_unpick(s, n);
        return;
    }
    sched_unplace(s, n);
    sched_place(s, n);
}

/* A service that ends, be it to run again, is ready no more. */
void sched_not_ready(struct sched *s, int64_t id)
{
    struct dep *d;
    struct edge *e;
    HASH_FIND(hh, s->deps, &id, sizeof id, d);
    if (!d)
        return;
    LIST_FOREACH(e, &d->edges, in_dep) {
        struct after *a = &e->node->job->after[e->index];
        if (a->when != AFTER_READY || !a->met)
            continue;
        a->met = false;
        e->node->unmet++;
        replace(s, e->node);
    }
}

/* The job is not added yet: note what is met, keep a node for what never will be. */
static void settle_new(struct sched *s, struct job *j, int32_t i, enum outcome outcome)
{
    if (outcome == MET)
        j->after[i].met = true;
    else if (outcome == NEVER)
        sched_doom(s, sched_node_of(s, j), SCHED_DEP_FAILED, j->after[i].job);
}

static void settle_one(struct sched *s, struct job *j, int64_t id, enum job_state state, bool ready)
{
    for (int32_t i = 0; i < j->n_after; i++) {
        struct node *n = j->sched;
        if (j->after[i].job != id || is_settled(&j->after[i]))
            continue;
        enum outcome outcome = judge(j->after[i].when, state, ready);
        if (!n || n->place == PLACE_NEW)
            settle_new(s, j, i, outcome);
        else if (n->edges && apply(s, n, i, outcome))
            replace(s, n);
    }
}

static void settle_all(struct sched *s, int64_t id, enum job_state state, bool ready)
{
    struct dep *d;
    HASH_FIND(hh, s->deps, &id, sizeof id, d);
    if (!d)
        return;
    s->busy_dep = d;
    for (struct edge *e = LIST_FIRST(&d->edges), *next; e; e = next) {
        next = LIST_NEXT(e, in_dep);
        /* A doomed job drops all its edges; `next` may be one of them. */
        while (next && next->node == e->node)
            next = LIST_NEXT(next, in_dep);
        struct node *n = e->node;
        for (int32_t i = 0; n->edges && i < n->n_edges; i++)
            if (n->edges[i].dep == d && apply(s, n, i, judge(n->job->after[i].when, state, ready)))
                replace(s, n);
    }
    s->busy_dep = NULL;
    if (!LIST_EMPTY(&d->edges))
        return;
    HASH_DEL(s->deps, d);
    free(d);
}

void sched_settle(struct sched *s, struct job *waiter, int64_t id, enum job_state state, bool ready)
{
    if (waiter) {
        settle_one(s, waiter, id, state, ready);
        return;
    }
    settle_all(s, id, state, ready);
    if (job_state_is_terminal(state))
        sched_team_saw(s, id, state);
}

static struct run *service_of(struct sched *s, int64_t id)
{
    struct run *r;
    HASH_FIND(hh, s->runs, &id, sizeof id, r);
    return r && r->node->job->kind == KIND_SERVICE ? r : NULL;
}

static bool mark_from(struct sched *s, const struct job *j)
{
    bool more = false;
    for (int32_t i = 0; i < j->n_after; i++) {
        struct run *r = j->after[i].when == AFTER_READY ? service_of(s, j->after[i].job) : NULL;
        if (r && r->mark != s->mark) {
            r->mark = s->mark;
            more = true;
        }
    }
    return more;
}

/* Services can stand on services, so repeat until nothing is added; few run at once. */
void sched_mark_services(struct sched *s, const struct node *n)
{
    s->mark++;
    if (!mark_from(s, n->job))
        return;
    for (bool more = true; more;) {
        more = false;
        for (struct run *r = s->runs; r; r = r->hh.next)
            if (r->mark == s->mark && mark_from(s, r->node->job))
                more = true;
    }
}
