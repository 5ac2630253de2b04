/* Who comes first: the trees, and the merge of all lanes that a decide walks. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "sched/parts.h"

static int cmp64(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

int sched_cmp_order(int64_t key_a, int64_t id_a, int64_t key_b, int64_t id_b)
{
    int c = cmp64(key_a, key_b);
    return c ? c : cmp64(id_a, id_b);
}

static int cmp_order(const struct node *a, const struct node *b)
{
    return sched_cmp_order(a->key, a->id, b->key, b->id);
}

static int cmp_id(const struct node *a, const struct node *b)
{
    return cmp64(a->id, b->id);
}

static int cmp_alt(const struct node *a, const struct node *b)
{
    return sched_cmp_order(a->alt, a->id, b->alt, b->id);
}

static int cmp_waits(const struct patience *a, const struct patience *b)
{
    return sched_cmp_order(a->at_us, a->node->id, b->at_us, b->node->id);
}

static struct node *first_of(const struct shelf *sh)
{
    return RB_MIN(sched_by_order, (struct sched_by_order *)&sh->nodes);
}

static int cmp_shelves(const struct shelf *a, const struct shelf *b)
{
    return cmp_order(first_of(a), first_of(b));
}

static int cmp_texts(const char *p, const char *q)
{
    return p && q ? strcmp(p, q) : !!p - !!q;
}

/* Only for finding a shelf again: the order itself means nothing. */
static int cmp_shapes(const struct shelf *a, const struct shelf *b)
{
    if (a->lane != b->lane)
        return (uintptr_t)a->lane < (uintptr_t)b->lane ? -1 : 1;
    if (a->team != b->team)
        return (uintptr_t)a->team < (uintptr_t)b->team ? -1 : 1;
    const int64_t x[] = {a->want.cpus,       a->want.ports,          a->want.gpus,  a->timeout_s,
                         a->want.memory_mib, a->want.gpu_memory_mib, a->want.share, a->solo};
    const int64_t y[] = {b->want.cpus,       b->want.ports,          b->want.gpus,  b->timeout_s,
                         b->want.memory_mib, b->want.gpu_memory_mib, b->want.share, b->solo};
    for (size_t i = 0; i < ARRAY_LEN(x); i++)
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    int order = cmp_texts(a->want.gpu_model, b->want.gpu_model);
    return order ? order : cmp_texts(a->want.gpu_uuid, b->want.gpu_uuid);
}

struct node *sched_first_of_lane(struct lane *l)
{
    struct shelf *sh = RB_MIN(sched_shelves, &l->shelves);
    return sh ? first_of(sh) : NULL;
}

static int cmp_lanes(const struct lane *a, const struct lane *b)
{
    return cmp_order(sched_first_of_lane((struct lane *)a), sched_first_of_lane((struct lane *)b));
}

RB_GENERATE(sched_by_order, node, by, cmp_order)
RB_GENERATE(sched_by_id, node, by, cmp_id)
RB_GENERATE(sched_by_alt, node, by, cmp_alt)
RB_GENERATE(sched_waits, patience, by, cmp_waits)
RB_GENERATE(sched_shelves, shelf, in_lane, cmp_shelves)
RB_GENERATE(sched_shapes, shelf, in_shapes, cmp_shapes)
RB_GENERATE(sched_lanes, lane, by, cmp_lanes)

bool sched_lane_blocked(const struct lane *l)
{
    return l->paused || (l->limit > 0 && l->running >= l->limit);
}

bool sched_team_full(const struct team *t)
{
    return t && t->max_parallel > 0 && t->running >= t->max_parallel;
}

/* A tree's key must not change under it, so a lane and a shelf step out before their first job
 * changes and step in again after. */
static void lane_out(struct sched *s, struct lane *l)
{
    if (l->open)
        RB_REMOVE(sched_lanes, &s->lanes, l);
    l->open = false;
}

static void lane_in(struct sched *s, struct lane *l)
{
    if (sched_lane_blocked(l) || RB_EMPTY(&l->shelves))
        return;
    RB_INSERT(sched_lanes, &s->lanes, l);
    l->open = true;
}

void sched_lane_fresh(struct sched *s, struct lane *l)
{
    lane_out(s, l);
    lane_in(s, l);
}

static void shelf_out(struct sched *s, struct shelf *sh)
{
    lane_out(s, sh->lane);
    if (sh->open)
        RB_REMOVE(sched_shelves, &sh->lane->shelves, sh);
    sh->open = false;
}

static void shelf_in(struct sched *s, struct shelf *sh)
{
    if (!sh->stuck && !sched_team_full(sh->team) && !RB_EMPTY(&sh->nodes)) {
        RB_INSERT(sched_shelves, &sh->lane->shelves, sh);
        sh->open = true;
    }
    lane_in(s, sh->lane);
}

void sched_shelf_fresh(struct sched *s, struct shelf *sh)
{
    shelf_out(s, sh);
    shelf_in(s, sh);
}

void sched_team_fresh(struct sched *s, struct team *t)
{
    struct shelf *sh;
    LIST_FOREACH(sh, &t->shelves, in_team)
        sched_shelf_fresh(s, sh);
}

static struct shelf *shelf_for(struct sched *s, const struct node *n)
{
    const struct job *j = n->job;
    const struct needs *d = &j->needs;
    struct shelf probe = {
        .lane = n->lane,
        .team = n->team,
        .want = sched_asked(j),
        .timeout_s = j->timeout_s,
    };
    /* What "all cpus" means depends on the services it came with. */
    for (int32_t i = 0; d->cpus == CPUS_ALL && i < j->n_after; i++)
        if (j->after[i].when == AFTER_READY)
            probe.solo = n->id;
    struct shelf *sh = RB_FIND(sched_shapes, &s->shapes, &probe);
    if (sh)
        return sh;
    sh = mem_zalloc(sizeof *sh);
    *sh = probe;
    sh->want.gpu_model = mem_strdup(d->gpu_model);
    sh->want.gpu_uuid = mem_strdup(d->gpu_uuid);
    RB_INIT(&sh->nodes);
    RB_INSERT(sched_shapes, &s->shapes, sh);
    if (sh->team)
        LIST_INSERT_HEAD(&sh->team->shelves, sh, in_team);
    return sh;
}

void sched_shelve(struct sched *s, struct node *n)
{
    struct shelf *sh = n->shelf = shelf_for(s, n);
    struct node *first = first_of(sh);
    bool front = !first || cmp_order(n, first) < 0;
    if (front)
        shelf_out(s, sh);
    RB_INSERT(sched_by_order, &sh->nodes, n);
    if (front)
        shelf_in(s, sh);
}

void sched_unshelve(struct sched *s, struct node *n)
{
    struct shelf *sh = n->shelf;
    bool front = n == first_of(sh);
    if (front)
        shelf_out(s, sh);
    RB_REMOVE(sched_by_order, &sh->nodes, n);
    n->shelf = NULL;
    if (front)
        shelf_in(s, sh);
    if (!RB_EMPTY(&sh->nodes))
        return;
    RB_REMOVE(sched_shapes, &s->shapes, sh);
    if (sh->team)
        LIST_REMOVE(sh, in_team);
    free((char *)sh->want.gpu_model);
    free((char *)sh->want.gpu_uuid);
    free(sh);
}
