/* What happens next. A decide books what it gives at once (PLACE_PICKED), so each start is decided
 * against those before it; what the caller did not confirm is taken back by the next decide. */
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "sched/parts.h"

static int cmp_run_end(const void *a, const void *b)
{
    const struct run *x = *(const struct run *const *)a, *y = *(const struct run *const *)b;
    return sched_cmp_order(x->end_us, x->id, y->end_us, y->id);
}

/* When enough of what runs has reached its timeout for the head to fit. A job past its timeout is
 * being killed and counts as ending now. */
static bool reserve(struct sched *s, struct reservation *r, const struct node *head,
                    const struct want *want, int64_t now_us)
{
    size_t n = HASH_COUNT(s->runs), at = 0;
    struct sched_lease unused;
    CLEANUP(mem_freep) const struct run **runs = mem_array(n, sizeof *runs);
    for (const struct run *x = s->runs; x; x = x->hh.next)
        runs[at++] = x;
    qsort(runs, n, sizeof *runs, cmp_run_end);
    sched_pool_copy(s, &r->shadow, &s->pool);
    for (at = 0; at < n; at++) {
        sched_give(&r->shadow, &runs[at]->hold);
        if ((at + 1 < n && runs[at + 1]->end_us == runs[at]->end_us) ||
            !sched_fits(s, &r->shadow, want, &unused))
            continue;
        r->head = head;
        r->want = *want;
        r->at_us = runs[at]->end_us > now_us ? runs[at]->end_us : now_us;
        return true;
    }
    return false;
}

/* Would starting it now, with this lease, keep the head from its place? Takes the room in the
 * shadow when not. */
static bool delays(struct sched *s, struct reservation *r, const struct node *n,
                   const struct sched_lease *lease, int64_t now_us)
{
    if (!r->head || sched_end_us(n->job, now_us) <= r->at_us)
        return false;
    if (r->quiet)
        return true;
    struct hold h = {*lease, sched_is_share(n->job), n->job->needs.gpu_memory_mib};
    struct sched_lease unused;
    sched_take(&r->shadow, &h);
    if (sched_fits(s, &r->shadow, &r->want, &unused))
        return false;
    sched_give(&r->shadow, &h);
    return true;
}

static bool could_ever_fit(const struct sched *s, const struct want *w)
{
    struct pool idle;
    struct sched_lease unused;
    sched_pool_idle(s, &idle);
    return sched_fits(s, &idle, w, &unused);
}

static void start(struct sched *s, struct trial *t, struct node *n, const struct sched_lease *lease,
                  int64_t now_us)
{
    sched_pick(s, n, lease, now_us);
    if (t->n < ARRAY_LEN(t->first))
        t->first[t->n] = n->id;
    if (!t->dry)
        t->out[t->n] = (struct sched_decision){SCHED_START, n->job, 0, *lease};
    t->n++;
}

/* --- quiet --- */

int64_t sched_quiet_at_us(struct sched *s, const struct node *n)
{
    int64_t at_us = INT64_MIN;
    sched_mark_services(s, n);
    for (const struct run *r = s->runs; r; r = r->hh.next)
        if (r->mark != s->mark && r->end_us > at_us)
            at_us = r->end_us;
    return at_us;
}

/* Does it fit beside its own services alone? Else it waits without keeping anybody back. */
static bool fits_alone(struct sched *s, const struct node *n, struct sched_lease *ret)
{
    struct want w;
    struct pool p;
    sched_want(s, n, &w);
    sched_pool_idle(s, &p);
    sched_mark_services(s, n);
    for (const struct run *r = s->runs; r; r = r->hh.next)
        if (r->mark == s->mark)
            sched_take(&p, &r->hold);
    if (!sched_fits(s, &p, &w, ret))
        return false;
    ret->quiet = true;
    return true;
}

const struct node *sched_quiet_next(struct sched *s)
{
    struct node *n;
    struct sched_lease unused;
    RB_FOREACH(n, sched_by_alt, &s->quiet)
        if (!sched_lane_blocked(n->lane) && !sched_team_full(n->team) && fits_alone(s, n, &unused))
            return n;
    return NULL;
}

/* True when it started: then nothing else may. */
static bool try_quiet(struct sched *s, struct trial *t, struct node *n, int64_t now_us)
{
    struct sched_lease lease;
    int64_t at_us = sched_quiet_at_us(s, n);
    if (sched_lane_blocked(n->lane) || sched_team_full(n->team) || !fits_alone(s, n, &lease))
        return false; /* its queue may have filled up in this very pass */
    if (at_us == INT64_MIN && !delays(s, t->held, n, &lease, now_us)) {
        start(s, t, n, &lease, now_us);
        return true;
    }
    if (!t->held->head) {
        t->held->head = n;
        t->held->quiet = true;
        t->held->at_us = at_us > now_us ? at_us : now_us;
    }
    return false;
}

/* --- the pass --- */

enum tried { STARTED, WAITS, NEVER_FITS };

static enum tried try_shelf(struct sched *s, struct trial *t, struct node *n, int64_t now_us)
{
    struct want w;
    struct sched_lease lease;
    sched_want(s, n, &w);
    if (sched_fits(s, &s->pool, &w, &lease)) {
        if (delays(s, t->held, n, &lease, now_us))
            return WAITS;
        start(s, t, n, &lease, now_us);
        return STARTED;
    }
    if (!could_ever_fit(s, &w))
        return NEVER_FITS;
    if (!t->held->head)
        (void)reserve(s, t->held, n, &w, now_us);
    return WAITS;
}

static bool step(struct sched *s, struct trial *t, int64_t now_us)
{
    struct shelf *sh = sched_walk_next(s);
    struct node *n = RB_MIN(sched_by_order, &sh->nodes);
    bool more = RB_NEXT(sched_by_order, &sh->nodes, n) != NULL;
    switch (try_shelf(s, t, n, now_us)) {
    case STARTED:
        if (more && sh->open)
            sched_walk_again(s, sh);
        return true;
    case NEVER_FITS:
        sh->stuck = true; /* until the cards change */
        sched_shelf_fresh(s, sh);
        return true;
    case WAITS:
        break;
    }
    return false;
}

/* Every job takes a cpu, so with none free only the reservation is left to find. */
static bool is_over(const struct sched *s, const struct trial *t)
{
    if (t->n == t->max || (t->stop_at && t->stop_at->place == PLACE_PICKED))
        return true;
    return s->pool.cpus < 1 && (!t->dry || t->held->head);
}

void sched_pass(struct sched *s, int64_t now_us, struct trial *t)
{
    struct node *quiet = (struct node *)(uintptr_t)sched_quiet_next(s);
    int32_t looked = 0;
    sched_walk_begin(s);
    while (!is_over(s, t) && looked < s->config.backfill_depth) {
        struct shelf *sh = sched_walk_peek(s);
        struct node *n = sh ? RB_MIN(sched_by_order, &sh->nodes) : NULL;
        if (quiet && (!n || sched_cmp_order(quiet->key, quiet->id, n->key, n->id) < 0)) {
            if (try_quiet(s, t, quiet, now_us))
                return;
            quiet = NULL;
        } else if (!n) {
            return;
        } else if (!step(s, t, now_us)) {
            looked++;
        }
    }
}

/* --- decide --- */

void sched_take_back(struct sched *s)
{
    struct run *r, *next;
    HASH_ITER(hh, s->runs, r, next)
        if (r->node->place == PLACE_PICKED)
            sched_unpick(s, r->node);
}

static void wake_timed(struct sched *s, int64_t now_us)
{
    for (struct node *n; (n = RB_MIN(sched_by_alt, &s->timed)) && n->alt <= now_us;) {
        sched_unplace(s, n);
        sched_place(s, n);
    }
}

static void end_patience(struct sched *s, int64_t now_us)
{
    for (struct patience *p; (p = RB_MIN(sched_waits, &s->waits)) && p->at_us <= now_us;) {
        if (p->since_us == INT64_MIN) {
            RB_REMOVE(sched_waits, &s->waits, p);
            p->since_us = now_us;
            p->at_us = now_us + p->node->job->max_wait_s * 1000000;
            RB_INSERT(sched_waits, &s->waits, p);
        } else {
            sched_doom(s, p->node, SCHED_WAIT_TIMED_OUT, 0);
        }
    }
}

void sched_prepare(struct sched *s, int64_t now_us)
{
    s->now_us = now_us;
    sched_take_back(s);
    wake_timed(s, now_us);
    end_patience(s, now_us);
}

size_t sched_decide(struct sched *s, int64_t now_us, struct sched_decision *out, size_t max)
{
    struct reservation held = {.head = NULL};
    struct trial t = {.held = &held, .out = out, .max = max};
    struct node *n;
    sched_prepare(s, now_us);
    RB_FOREACH(n, sched_by_id, &s->doomed) {
        if (t.n == max)
            return t.n;
        out[t.n++] = (struct sched_decision){
            (enum sched_verdict)n->verdict, n->job, n->doomed_by, {.quiet = false}};
    }
    if (!s->paused && !s->n_quiet_runs)
        sched_pass(s, now_us, &t);
    return t.n;
}

int64_t sched_wake_at_us(const struct sched *s, int64_t now_us)
{
    const struct node *n = RB_MIN(sched_by_alt, (struct sched_by_alt *)&s->timed);
    const struct patience *p = RB_MIN(sched_waits, (struct sched_waits *)&s->waits);
    int64_t at_us = INT64_MAX;
    if (n)
        at_us = n->alt;
    if (p && p->at_us < at_us)
        at_us = p->at_us;
    return at_us < now_us ? now_us : at_us;
}
