/* The invariants, counted again from nothing. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "sched/parts.h"

static void check_pool(const struct sched *s)
{
    struct pool p;
    sched_pool_idle(s, &p);
    for (const struct run *r = s->runs; r; r = r->hh.next) {
        BUG_ON(r->node->run != r || r->node->job->sched != r->node || r->node->id != r->id);
        BUG_ON(r->node->place != PLACE_RUNNING && r->node->place != PLACE_PICKED);
        sched_take(&p, &r->hold);
    }
    BUG_ON(p.cpus != s->pool.cpus || p.memory_mib != s->pool.memory_mib ||
           p.ports != s->pool.ports);
    for (int32_t i = 0; i < s->n_gpus; i++) {
        const struct card *a = &p.card[i], *b = &s->pool.card[i];
        BUG_ON(a->users != b->users || a->alone != b->alone || a->booked_mib != b->booked_mib);
        BUG_ON((a->users > 0) != (s->gpus[i].holder != 0));
    }
}

static int64_t check_shelf(const struct sched *s, struct shelf *sh)
{
    int64_t n_nodes = 0;
    const struct node *last = NULL;
    struct node *n;
    RB_FOREACH(n, sched_by_order, &sh->nodes) {
        BUG_ON(n->place != PLACE_READY || n->shelf != sh || n->lane != sh->lane);
        BUG_ON(n->team != sh->team || n->unmet || n->job->state != JOB_QUEUED);
        BUG_ON(last && sched_cmp_order(last->key, last->id, n->key, n->id) >= 0);
        last = n;
        n_nodes++;
    }
    BUG_ON(!n_nodes);
    BUG_ON(sh->open == (sh->stuck || sched_team_full(sh->team)));
    BUG_ON(sh->open && RB_FIND(sched_shelves, &sh->lane->shelves, sh) != sh);
    BUG_ON(sh->open && !sched_lane_blocked(sh->lane) && !sh->lane->open);
    BUG_ON(sh->lane->open &&
           RB_FIND(sched_lanes, (struct sched_lanes *)&s->lanes, sh->lane) != sh->lane);
    return n_nodes;
}

static void check_lanes(const struct sched *s)
{
    for (const struct lane *l = s->by_name; l; l = l->hh.next) {
        int64_t running = 0;
        for (const struct run *r = s->runs; r; r = r->hh.next)
            running += r->node->lane == l;
        BUG_ON(running != l->running || l->queued + running > l->nodes);
        BUG_ON(l->open && (sched_lane_blocked(l) || RB_EMPTY(&l->shelves)));
    }
}

static void check_teams(const struct sched *s)
{
    for (const struct team *t = s->teams; t; t = t->hh.next) {
        int64_t running = 0;
        const struct node *n;
        LIST_FOREACH(n, &t->members, in_team) {
            BUG_ON(n->team != t);
            running += n->run != NULL;
        }
        BUG_ON(running != t->running);
    }
}

static void check_deps(const struct sched *s)
{
    for (const struct dep *d = s->deps; d; d = d->hh.next) {
        const struct edge *e;
        BUG_ON(LIST_EMPTY(&d->edges));
        LIST_FOREACH(e, &d->edges, in_dep)
            BUG_ON(e->dep != d || e->node->job->after[e->index].job != d->id);
    }
}

void sched_check(const struct sched *s)
{
    int64_t queued = 0;
    struct shelf *sh;
    struct node *n;
    check_pool(s);
    check_lanes(s);
    check_teams(s);
    check_deps(s);
    RB_FOREACH(sh, sched_shapes, (struct sched_shapes *)&s->shapes)
        queued += check_shelf(s, sh);
    RB_FOREACH(n, sched_by_id, (struct sched_by_id *)&s->parked) {
        BUG_ON(n->place != PLACE_HELD && n->place != PLACE_AFTER && n->place != PLACE_NEW);
        BUG_ON(n->place == PLACE_AFTER && !n->unmet);
        queued += n->place == PLACE_AFTER;
    }
    RB_FOREACH(n, sched_by_alt, (struct sched_by_alt *)&s->timed) {
        BUG_ON(n->place != PLACE_TIME);
        queued++;
    }
    RB_FOREACH(n, sched_by_alt, (struct sched_by_alt *)&s->quiet) {
        BUG_ON(n->place != PLACE_QUIET || n->unmet || n->job->state != JOB_QUEUED);
        queued++;
    }
    RB_FOREACH(n, sched_by_id, (struct sched_by_id *)&s->doomed) {
        BUG_ON(n->place != PLACE_DOOMED || n->verdict == SCHED_START || n->edges);
        queued++;
    }
    BUG_ON(queued != s->n_queued);
}
