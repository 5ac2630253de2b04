/* What the scheduler knows of each job, and how it moves from place to place. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "sched/parts.h"

enum { AGEING_DEFAULT_US = 60 * 1000 * 1000, BACKFILL_DEFAULT = 1000 };
static const int64_t AGEING_MAX_US = INT64_C(1) << 50; /* times 100 points it still fits */

struct sched *sched_new(const struct sched_config *config)
{
    struct sched *s = mem_zalloc(sizeof *s);
    s->config = *config;
    BUG_ON(config->cpus < 1);
    if (s->config.ageing_us <= 0)
        s->config.ageing_us = AGEING_DEFAULT_US;
    if (s->config.ageing_us > AGEING_MAX_US)
        s->config.ageing_us = AGEING_MAX_US;
    if (s->config.backfill_depth <= 0)
        s->config.backfill_depth = BACKFILL_DEFAULT;
    sched_pool_idle(s, &s->pool);
    return s;
}

static void node_free(struct sched *s, struct node *n)
{
    struct lane *l = n->lane;
    sched_edges_drop(s, n);
    sched_team_leave(s, n);
    if (l && --l->nodes == 0)
        sched_lane_drop(s, l);
    n->job->sched = NULL;
    free(n->patience);
    free(n);
}

static int64_t order_key(const struct sched *s, const struct job *j)
{
    return j->queued_at_us - (int64_t)j->priority * s->config.ageing_us;
}

struct node *sched_node_of(struct sched *s, struct job *j)
{
    struct node *n = j->sched;
    if (n)
        return n;
    n = mem_zalloc(sizeof *n);
    n->job = j;
    n->id = j->id;
    n->place = PLACE_NEW;
    j->sched = n;
    RB_INSERT(sched_by_id, &s->parked, n);
    return n;
}

/* --- patience --- */

static void patience_out(struct sched *s, struct node *n)
{
    if (n->patience && n->patience->in_tree) {
        RB_REMOVE(sched_waits, &s->waits, n->patience);
        n->patience->in_tree = false;
    }
}

/* A job counts its wait from when it could first have started: known for one without dependencies,
 * else the next decide's time, and kept while edits move the job about. */
static void patience_in(struct sched *s, struct node *n)
{
    const struct job *j = n->job;
    struct patience *p = n->patience;
    if (j->max_wait_s <= 0)
        return;
    if (!p) {
        p = n->patience = mem_zalloc(sizeof *p);
        p->node = n;
        p->since_us = INT64_MIN;
    }
    if (!j->n_after)
        p->since_us = j->not_before_us > j->queued_at_us ? j->not_before_us : j->queued_at_us;
    p->at_us = p->since_us == INT64_MIN ? INT64_MIN : p->since_us + j->max_wait_s * 1000000;
    RB_INSERT(sched_waits, &s->waits, p);
    p->in_tree = true;
}

static void patience_forget(struct node *n)
{
    free(n->patience);
    n->patience = NULL;
}

/* --- places --- */

static enum place place_for(const struct sched *s, const struct node *n)
{
    if (n->verdict != SCHED_START)
        return PLACE_DOOMED;
    if (n->job->state == JOB_HELD)
        return PLACE_HELD;
    if (n->unmet)
        return PLACE_AFTER;
    if (n->job->not_before_us > s->now_us)
        return PLACE_TIME;
    return n->job->needs.exclusive == EXCLUSIVE_QUIET ? PLACE_QUIET : PLACE_READY;
}

static void count(struct sched *s, struct node *n, int sign)
{
    if (n->place == PLACE_HELD || n->place == PLACE_NEW)
        return;
    n->lane->queued += sign;
    s->n_queued += sign;
}

void sched_place(struct sched *s, struct node *n)
{
    n->key = order_key(s, n->job);
    n->place = (uint8_t)place_for(s, n);
    switch ((enum place)n->place) {
    case PLACE_DOOMED:
        RB_INSERT(sched_by_id, &s->doomed, n);
        break;
    case PLACE_HELD:
    case PLACE_AFTER:
        patience_forget(n);
        RB_INSERT(sched_by_id, &s->parked, n);
        break;
    case PLACE_TIME:
        patience_forget(n);
        n->alt = n->job->not_before_us;
        RB_INSERT(sched_by_alt, &s->timed, n);
        break;
    case PLACE_QUIET:
        n->alt = -(int64_t)n->job->priority;
        RB_INSERT(sched_by_alt, &s->quiet, n);
        patience_in(s, n);
        break;
    case PLACE_READY:
        sched_shelve(s, n);
        patience_in(s, n);
        break;
    case PLACE_NEW:
    case PLACE_PICKED:
    case PLACE_RUNNING:
        BUG_ON(true);
    }
    count(s, n, 1);
}

void sched_unplace(struct sched *s, struct node *n)
{
    patience_out(s, n);
    count(s, n, -1);
    switch ((enum place)n->place) {
    case PLACE_NEW:
    case PLACE_HELD:
    case PLACE_AFTER:
        RB_REMOVE(sched_by_id, &s->parked, n);
        break;
    case PLACE_TIME:
        RB_REMOVE(sched_by_alt, &s->timed, n);
        break;
    case PLACE_QUIET:
        RB_REMOVE(sched_by_alt, &s->quiet, n);
        break;
    case PLACE_DOOMED:
        RB_REMOVE(sched_by_id, &s->doomed, n);
        break;
    case PLACE_READY:
        sched_unshelve(s, n);
        break;
    case PLACE_PICKED:
    case PLACE_RUNNING:
        BUG_ON(true);
    }
}

void sched_doom(struct sched *s, struct node *n, enum sched_verdict verdict, int64_t by)
{
    if (n->verdict != SCHED_START || n->place == PLACE_RUNNING)
        return;
    n->verdict = (uint8_t)verdict;
    n->doomed_by = by;
    if (n->place == PLACE_NEW)
        return; /* sched_add will see it */
    if (n->place == PLACE_PICKED)
        sched_unpick(s, n);
    sched_edges_drop(s, n);
    if (n->place != PLACE_DOOMED) {
        sched_unplace(s, n);
        sched_place(s, n);
    }
}

void sched_add(struct sched *s, struct job *j)
{
    struct node *n = sched_node_of(s, j);
    BUG_ON(n->place != PLACE_NEW);
    BUG_ON(j->state != JOB_HELD && j->state != JOB_QUEUED);
    RB_REMOVE(sched_by_id, &s->parked, n);
    n->lane = sched_lane_get(s, j->queue);
    n->lane->nodes++;
    sched_team_join(s, n);
    if (n->verdict == SCHED_START)
        sched_edges_add(s, n);
    sched_place(s, n);
}

static void relane(struct sched *s, struct node *n)
{
    struct lane *old = n->lane;
    if (strcmp(old->name, n->job->queue) == 0)
        return;
    n->lane = sched_lane_get(s, n->job->queue);
    n->lane->nodes++;
    if (--old->nodes == 0)
        sched_lane_drop(s, old);
}

void sched_changed(struct sched *s, struct job *j)
{
    struct node *n = j->sched;
    if (!n || n->place == PLACE_NEW) {
        sched_add(s, j);
        return;
    }
    if (n->place == PLACE_RUNNING)
        return;
    if (n->place == PLACE_PICKED)
        sched_unpick(s, n);
    sched_unplace(s, n);
    relane(s, n);
    sched_place(s, n);
}

/* --- leases --- */

int64_t sched_end_us(const struct job *j, int64_t start_us)
{
    int64_t timeout_s = j->timeout_s > 0 ? j->timeout_s : JOB_TIMEOUT_DEFAULT_S;
    if (timeout_s > (INT64_MAX / 2) / 1000000)
        timeout_s = (INT64_MAX / 2) / 1000000;
    return start_us + timeout_s * 1000000;
}

static void run_begin(struct sched *s, struct node *n, const struct sched_lease *lease,
                      int64_t now_us)
{
    struct run *r = mem_zalloc(sizeof *r);
    for (int32_t i = 0; i < lease->n_gpus; i++)
        BUG_ON(lease->gpu[i] < 0 || lease->gpu[i] >= s->n_gpus);
    r->id = n->id;
    r->node = n;
    r->hold.lease = *lease;
    r->hold.share = sched_is_share(n->job);
    r->hold.gpu_memory_mib = n->job->needs.gpu_memory_mib;
    r->end_us = sched_end_us(n->job, now_us);
    n->run = r;
    HASH_ADD(hh, s->runs, id, sizeof r->id, r);
    sched_take(&s->pool, &r->hold);
    for (int32_t i = 0; i < lease->n_gpus; i++) {
        struct sched_gpu *g = &s->gpus[lease->gpu[i]];
        if (!g->holder || g->holder > n->id)
            g->holder = n->id;
    }
    s->n_quiet_runs += lease->quiet;
    n->lane->running++;
    sched_lane_fresh(s, n->lane);
    if (n->team) {
        n->team->running++;
        if (n->team->running == n->team->max_parallel)
            sched_team_fresh(s, n->team);
    }
}

static void card_holder(struct sched *s, int16_t card)
{
    int64_t holder = 0;
    for (const struct run *r = s->runs; s->pool.card[card].users && r; r = r->hh.next)
        for (int32_t i = 0; i < r->hold.lease.n_gpus; i++)
            if (r->hold.lease.gpu[i] == card && (!holder || r->id < holder))
                holder = r->id;
    s->gpus[card].holder = holder;
}

static void run_end(struct sched *s, struct node *n)
{
    struct run *r = n->run;
    HASH_DEL(s->runs, r);
    sched_give(&s->pool, &r->hold);
    for (int32_t i = 0; i < r->hold.lease.n_gpus; i++)
        card_holder(s, r->hold.lease.gpu[i]);
    s->n_quiet_runs -= r->hold.lease.quiet;
    n->lane->running--;
    sched_lane_fresh(s, n->lane);
    if (n->team && n->team->running-- == n->team->max_parallel)
        sched_team_fresh(s, n->team);
    n->run = NULL;
    free(r);
}

void sched_pick(struct sched *s, struct node *n, const struct sched_lease *lease, int64_t now_us)
{
    sched_unplace(s, n);
    n->place = PLACE_PICKED;
    run_begin(s, n, lease, now_us);
}

void sched_unpick(struct sched *s, struct node *n)
{
    run_end(s, n);
    sched_place(s, n);
}

void sched_started(struct sched *s, struct job *j, const struct sched_lease *lease, int64_t now_us)
{
    struct node *n = j->sched;
    if (n && n->place == PLACE_PICKED)
        run_end(s, n);
    else if (n && n->place == PLACE_RUNNING)
        run_end(s, n);
    else if (n && n->place != PLACE_NEW)
        sched_unplace(s, n);
    if (!n || n->place == PLACE_NEW) { /* adopted */
        n = sched_node_of(s, j);
        RB_REMOVE(sched_by_id, &s->parked, n);
        n->lane = sched_lane_get(s, j->queue);
        n->lane->nodes++;
        sched_team_join(s, n);
    }
    sched_edges_drop(s, n);
    patience_forget(n);
    n->verdict = SCHED_START;
    n->place = PLACE_RUNNING;
    run_begin(s, n, lease, now_us);
}

void sched_remove(struct sched *s, struct job *j)
{
    struct node *n = j->sched;
    if (!n)
        return;
    if (n->run)
        run_end(s, n);
    else
        sched_unplace(s, n);
    if (j->kind == KIND_SERVICE)
        sched_not_ready(s, n->id);
    node_free(s, n);
}

void sched_ended(struct sched *s, struct job *j)
{
    sched_remove(s, j);
}

void sched_set_paused(struct sched *s, bool paused)
{
    s->paused = paused;
}

void sched_free(struct sched *s)
{
    if (!s)
        return;
    for (struct team *t = s->teams; t; t = t->hh.next)
        t->fail_fast = false; /* nobody is left to be told */
    struct node *n;
    while (s->runs)
        sched_remove(s, s->runs->node->job);
    while ((n = RB_ROOT(&s->parked)) || (n = RB_ROOT(&s->doomed)) || (n = RB_ROOT(&s->timed)) ||
           (n = RB_ROOT(&s->quiet)))
        sched_remove(s, n->job);
    for (struct shelf *sh; (sh = RB_ROOT(&s->shapes));)
        sched_remove(s, RB_ROOT(&sh->nodes)->job);
    struct lane *l, *next_lane;
    HASH_ITER(hh, s->by_name, l, next_lane) {
        HASH_DEL(s->by_name, l);
        free(l->name);
        free(l);
    }
    struct team *t, *next_team;
    HASH_ITER(hh, s->teams, t, next_team) {
        HASH_DEL(s->teams, t);
        free(t);
    }
    struct ended *e, *next_ended;
    HASH_ITER(hh, s->ended, e, next_ended) {
        HASH_DEL(s->ended, e);
        free(e);
    }
    free(s->gpus);
    free(s->heap);
    free(s);
}
