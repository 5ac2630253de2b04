/* One walk over everything that could start, best first, without looking at what is behind it: a
 * heap takes the first shelf of a lane only when the walk comes to it, and the next shelf of a lane
 * only when the one before was taken off. Cost is O(log n) a step, whatever waits behind. */
#include "base/mem.h"
#include "sched/parts.h"

static const struct node *first_of(struct shelf *sh)
{
    return RB_MIN(sched_by_order, &sh->nodes);
}

static bool less(const struct spot *a, const struct spot *b)
{
    return sched_cmp_order(a->key, a->id, b->key, b->id) < 0;
}

static void push(struct sched *s, struct shelf *sh, bool frontier)
{
    const struct node *n = first_of(sh);
    struct spot new = {n->key, n->id, sh, frontier};
    sh->pass = s->pass;
    if (s->n_heap == s->cap_heap) {
        s->cap_heap = s->cap_heap ? 2 * s->cap_heap : 64;
        s->heap = mem_grow(s->heap, s->cap_heap, sizeof *s->heap);
    }
    size_t at = s->n_heap++;
    for (; at && less(&new, &s->heap[(at - 1) / 2]); at = (at - 1) / 2)
        s->heap[at] = s->heap[(at - 1) / 2];
    s->heap[at] = new;
}

static struct spot pop(struct sched *s)
{
    struct spot top = s->heap[0], last = s->heap[--s->n_heap];
    size_t at = 0;
    for (size_t kid; (kid = 2 * at + 1) < s->n_heap; at = kid) {
        if (kid + 1 < s->n_heap && less(&s->heap[kid + 1], &s->heap[kid]))
            kid++;
        if (!less(&s->heap[kid], &last))
            break;
        s->heap[at] = s->heap[kid];
    }
    s->heap[at] = last;
    return top;
}

/* The lane's first shelf past (key, id) that this walk has not seen. A shelf seen earlier can stand
 * there: it moved back when its first job was taken. */
static struct shelf *shelf_past(struct sched *s, struct lane *l, int64_t key, int64_t id)
{
    struct shelf *best = NULL;
    for (struct shelf *at = RB_ROOT(&l->shelves); at;) {
        const struct node *n = first_of(at);
        if (sched_cmp_order(n->key, n->id, key, id) > 0) {
            best = at;
            at = RB_LEFT(at, in_lane);
        } else {
            at = RB_RIGHT(at, in_lane);
        }
    }
    while (best && best->pass == s->pass)
        best = RB_NEXT(sched_shelves, &l->shelves, best);
    return best;
}

static struct lane *lane_past(struct sched *s)
{
    struct lane *best = NULL;
    for (struct lane *at = RB_ROOT(&s->lanes); at;) {
        const struct node *n = sched_first_of_lane(at);
        if (sched_cmp_order(n->key, n->id, s->walk_key, s->walk_id) > 0) {
            best = at;
            at = RB_LEFT(at, by);
        } else {
            at = RB_RIGHT(at, by);
        }
    }
    while (best && best->pass == s->pass)
        best = RB_NEXT(sched_lanes, &s->lanes, best);
    return best;
}

static void offer_lane(struct sched *s)
{
    struct lane *l = lane_past(s);
    if (!l)
        return;
    const struct node *n = sched_first_of_lane(l);
    if (s->n_heap && sched_cmp_order(s->heap[0].key, s->heap[0].id, n->key, n->id) < 0)
        return;
    l->pass = s->pass;
    s->walk_key = n->key;
    s->walk_id = n->id;
    push(s, n->shelf, true);
}

static struct spot take(struct sched *s)
{
    struct spot top = pop(s);
    if (top.frontier && top.shelf->lane->open) {
        struct shelf *next = shelf_past(s, top.shelf->lane, top.key, top.id);
        if (next)
            push(s, next, true);
    }
    return top;
}

void sched_walk_begin(struct sched *s)
{
    s->pass++;
    s->n_heap = 0;
    s->walk_key = s->walk_id = INT64_MIN;
}

struct shelf *sched_walk_peek(struct sched *s)
{
    for (;;) {
        offer_lane(s);
        if (!s->n_heap)
            return NULL;
        struct shelf *sh = s->heap[0].shelf;
        if (sh->open && sh->lane->open)
            return sh;
        take(s); /* its group or its lane filled up meanwhile */
    }
}

struct shelf *sched_walk_next(struct sched *s)
{
    return sched_walk_peek(s) ? take(s).shelf : NULL;
}

void sched_walk_again(struct sched *s, struct shelf *sh)
{
    push(s, sh, false);
}
