/* Looking at the queue without changing it. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "sched/parts.h"

void sched_usage(const struct sched *s, struct sched_usage *ret)
{
    *ret = (struct sched_usage){
        .cpus_total = s->config.cpus,
        .cpus_used = s->config.cpus - s->pool.cpus,
        .memory_total_mib = s->config.memory_mib,
        .memory_used_mib = s->config.memory_mib - s->pool.memory_mib,
        .gpus_total = s->n_present,
        .queued = s->n_queued,
        .running = HASH_COUNT(s->runs),
        .paused = s->paused,
        .quiet = s->n_quiet_runs > 0,
    };
    for (int32_t i = 0; i < s->n_present; i++)
        ret->gpus_used += s->pool.card[i].users > 0;
}

int64_t sched_position(const struct sched *s, const struct job *j)
{
    const struct node *me = j->sched;
    int64_t before = 0;
    if (!me || (me->place != PLACE_READY && me->place != PLACE_QUIET))
        return 0;
    struct shelf *sh;
    struct node *n;
    RB_FOREACH(sh, sched_shapes, (struct sched_shapes *)&s->shapes)
        RB_FOREACH(n, sched_by_order, &sh->nodes) {
            if (sched_cmp_order(n->key, n->id, me->key, me->id) >= 0)
                break;
            before++;
        }
    RB_FOREACH(n, sched_by_alt, (struct sched_by_alt *)&s->quiet)
        before += sched_cmp_order(n->key, n->id, me->key, me->id) < 0;
    return before + 1;
}

/* One sorted list that each_queued merges: a shelf, or jobs put into an array of their own. */
static int cmp_nodes_order(const void *a, const void *b)
{
    const struct node *x = *(struct node *const *)a, *y = *(struct node *const *)b;
    return sched_cmp_order(x->key, x->id, y->key, y->id);
}

static int cmp_nodes_id(const void *a, const void *b)
{
    const struct node *x = *(struct node *const *)a, *y = *(struct node *const *)b;
    return sched_cmp_order(x->id, 0, y->id, 0);
}

struct list {
    struct node **at;
    size_t n, cap;
};

static void list_add(struct list *l, struct node *n)
{
    if (l->n == l->cap) {
        l->cap = l->cap ? 2 * l->cap : 256;
        l->at = mem_grow(l->at, l->cap, sizeof(struct node *));
    }
    l->at[l->n++] = n;
}

static void sift_down(struct list *h, size_t at)
{
    struct node *n = h->at[at];
    for (size_t kid; (kid = 2 * at + 1) < h->n; at = kid) {
        if (kid + 1 < h->n && cmp_nodes_order(&h->at[kid + 1], &h->at[kid]) < 0)
            kid++;
        if (cmp_nodes_order(&n, &h->at[kid]) <= 0)
            break;
        h->at[at] = h->at[kid];
    }
    h->at[at] = n;
}

/* A heap of the shelves' cursors, so the first few of a long queue are cheap. Quiet jobs have no
 * shelf: each is a cursor of its own. */
static bool each_in_order(const struct sched *s, bool (*fn)(void *, struct job *), void *arg)
{
    CLEANUP(mem_freep) struct node **memory = NULL;
    struct list heap = {NULL, 0, 0};
    struct shelf *sh;
    struct node *n;
    RB_FOREACH(sh, sched_shapes, (struct sched_shapes *)&s->shapes)
        list_add(&heap, RB_MIN(sched_by_order, &sh->nodes));
    RB_FOREACH(n, sched_by_alt, (struct sched_by_alt *)&s->quiet)
        list_add(&heap, n);
    memory = heap.at;
    for (size_t i = heap.n / 2; i--;)
        sift_down(&heap, i);
    while (heap.n) {
        n = heap.at[0];
        struct node *next = n->shelf ? RB_NEXT(sched_by_order, &n->shelf->nodes, n) : NULL;
        if (!fn(arg, n->job))
            return false;
        heap.at[0] = next ? next : heap.at[--heap.n];
        if (heap.n)
            sift_down(&heap, 0);
    }
    return true;
}

void sched_each_queued(const struct sched *s, bool (*fn)(void *arg, struct job *j), void *arg)
{
    CLEANUP(mem_freep) struct node **memory = NULL;
    struct list rest = {NULL, 0, 0};
    struct node *n;
    if (!each_in_order(s, fn, arg))
        return;
    RB_FOREACH(n, sched_by_id, (struct sched_by_id *)&s->parked)
        if (n->place != PLACE_NEW)
            list_add(&rest, n);
    RB_FOREACH(n, sched_by_id, (struct sched_by_id *)&s->doomed)
        list_add(&rest, n);
    RB_FOREACH(n, sched_by_alt, (struct sched_by_alt *)&s->timed)
        list_add(&rest, n);
    memory = rest.at;
    if (rest.n)
        qsort(rest.at, rest.n, sizeof(struct node *), cmp_nodes_id);
    for (size_t i = 0; i < rest.n; i++)
        if (!fn(arg, rest.at[i]->job))
            return;
}
