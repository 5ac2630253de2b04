/* Lanes (queues) and teams (groups): their limits, and fail-fast. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sched/parts.h"

struct lane *sched_lane_find(const struct sched *s, const char *name)
{
    struct lane *l;
    HASH_FIND_STR(s->by_name, name, l);
    return l;
}

struct lane *sched_lane_get(struct sched *s, const char *name)
{
    struct lane *l = sched_lane_find(s, name);
    if (l)
        return l;
    l = mem_zalloc(sizeof *l);
    l->name = mem_strdup(name);
    RB_INIT(&l->shelves);
    HASH_ADD_KEYPTR(hh, s->by_name, l->name, strlen(l->name), l);
    return l;
}

/* Names come from strangers: what no job and no setting needs is forgotten. */
void sched_lane_drop(struct sched *s, struct lane *l)
{
    if (l->nodes || l->limit || l->paused)
        return;
    HASH_DEL(s->by_name, l);
    free(l->name);
    free(l);
}

void sched_set_queue(struct sched *s, const char *name, int32_t limit, bool paused)
{
    struct lane *l = sched_lane_get(s, name);
    l->limit = limit > 0 ? limit : 0;
    l->paused = paused;
    sched_lane_fresh(s, l);
    sched_lane_drop(s, l);
}

void sched_queue_counts(const struct sched *s, const char *queue, int64_t *ret_queued,
                        int64_t *ret_running)
{
    const struct lane *l = sched_lane_find(s, queue);
    *ret_queued = l ? l->queued : 0;
    *ret_running = l ? l->running : 0;
}

struct team *sched_team_find(const struct sched *s, int64_t id)
{
    struct team *t;
    HASH_FIND(hh, s->teams, &id, sizeof id, t);
    return t;
}

struct team *sched_team_get(struct sched *s, int64_t id)
{
    struct team *t = sched_team_find(s, id);
    if (t)
        return t;
    t = mem_zalloc(sizeof *t);
    t->id = id;
    LIST_INIT(&t->members);
    LIST_INIT(&t->shelves);
    HASH_ADD(hh, s->teams, id, sizeof t->id, t);
    return t;
}

static void team_drop(struct sched *s, struct team *t)
{
    if (t->set || !LIST_EMPTY(&t->members))
        return;
    HASH_DEL(s->teams, t);
    free(t);
}

void sched_set_group(struct sched *s, int64_t group, int32_t max_parallel, bool fail_fast)
{
    struct team *t = sched_team_get(s, group);
    t->set = true;
    t->max_parallel = max_parallel > 0 ? max_parallel : 0;
    t->fail_fast = fail_fast;
    sched_team_fresh(s, t);
}

void sched_forget_group(struct sched *s, int64_t group)
{
    struct team *t = sched_team_find(s, group);
    if (!t)
        return;
    t->set = t->fail_fast = false;
    t->max_parallel = 0;
    sched_team_fresh(s, t);
    team_drop(s, t);
}

static void ended_forget(struct sched *s, int64_t id)
{
    struct ended *e;
    HASH_FIND(hh, s->ended, &id, sizeof id, e);
    if (!e)
        return;
    HASH_DEL(s->ended, e);
    free(e);
}

void sched_team_join(struct sched *s, struct node *n)
{
    n->team = n->job->group ? sched_team_get(s, n->job->group) : NULL;
    if (n->team)
        LIST_INSERT_HEAD(&n->team->members, n, in_team);
    ended_forget(s, n->id);
}

void sched_group_failed(struct sched *s, int64_t group, int64_t id)
{
    struct team *t = sched_team_find(s, group);
    struct node *n;
    if (!t || !t->fail_fast)
        return;
    LIST_FOREACH(n, &t->members, in_team)
        if (n->id != id && n->place != PLACE_RUNNING)
            sched_doom(s, n, SCHED_FAIL_FAST, id);
}

static bool is_failure(enum job_state state)
{
    return state == JOB_FAILED || state == JOB_TIMED_OUT || state == JOB_LOST;
}

/* A member is about to be unknown. Its end may be settled now, or only after this. */
void sched_team_leave(struct sched *s, struct node *n)
{
    struct team *t = n->team;
    if (!t)
        return;
    LIST_REMOVE(n, in_team);
    n->team = NULL;
    if (t->fail_fast && is_failure(n->job->state)) {
        sched_group_failed(s, t->id, n->id);
    } else if (t->fail_fast && !job_state_is_terminal(n->job->state)) {
        struct ended *e = mem_zalloc(sizeof *e);
        e->id = n->id;
        e->group = t->id;
        HASH_ADD(hh, s->ended, id, sizeof e->id, e);
    }
    team_drop(s, t);
}

void sched_team_saw(struct sched *s, int64_t id, enum job_state state)
{
    struct run *r;
    struct ended *e;
    HASH_FIND(hh, s->runs, &id, sizeof id, r);
    HASH_FIND(hh, s->ended, &id, sizeof id, e);
    int64_t group = r ? r->node->job->group : e ? e->group : 0;
    if (group && is_failure(state))
        sched_group_failed(s, group, id);
    ended_forget(s, id);
}
