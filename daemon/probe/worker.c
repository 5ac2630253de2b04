/* One card: its facts when asked, its samples when due. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "probe/probe.h"

enum task { TASK_WAIT, TASK_READ, TASK_SAMPLE };

struct worker {
    struct probe *p;
    struct card *c;
    struct str line;
};

/* Lock held. A rate that went up takes effect at once: the next sample is one period away at most.
 */
static int64_t earliest_due(struct worker *k, int64_t now_us)
{
    int64_t first_us = INT64_MAX;
    for (unsigned i = 0; i < k->c->facts.n_units; i++) {
        struct unit *u = &k->c->facts.unit[i];
        int64_t period_us = 1000000 / probe_hz(k->p, u->uuid);
        if (u->due_us > now_us + period_us)
            u->due_us = now_us + period_us;
        if (u->due_us < first_us)
            first_us = u->due_us;
    }
    return first_us;
}

/* Lock held. */
static enum task next_task(struct worker *k, int64_t now_us, int64_t *ret_until_us)
{
    struct card *c = k->c;
    *ret_until_us = now_us + 3600000000;
    if (c->state == CARD_ABSENT)
        return TASK_WAIT;
    if (c->generation != k->p->generation || c->recheck)
        return TASK_READ;
    if (c->state != CARD_LIVE)
        return TASK_WAIT;
    *ret_until_us = earliest_due(k, now_us);
    return *ret_until_us <= now_us ? TASK_SAMPLE : TASK_WAIT;
}

/* Lock held. Timetables go on for a device that is still there; what is cached is kept with them.
 */
static void keep_timetable(const struct card_facts *old, struct card_facts *fresh)
{
    for (unsigned i = 0; i < fresh->n_units; i++) {
        for (unsigned j = 0; j < old->n_units; j++) {
            if (!strcmp(fresh->unit[i].uuid, old->unit[j].uuid))
                fresh->unit[i].due_us = old->unit[j].due_us;
        }
    }
}

/* Lock held. */
static bool is_same(const struct card_facts *a, const struct card_facts *b)
{
    return a->procs_told == b->procs_told && a->json.len == b->json.len && a->json.p && b->json.p &&
           !memcmp(a->json.p, b->json.p, a->json.len);
}

/* The loss is told before the hello that leaves the card out. */
static void lose(struct worker *k, nvml_ret error)
{
    struct card *c = k->c;
    probe_lock(k->p);
    bool was_told = c->state == CARD_LIVE;
    probe_unlock(k->p);
    for (unsigned i = 0; was_told && i < c->facts.n_units; i++)
        emit_lost(c->facts.unit[i].uuid, error);
    probe_lock(k->p);
    if (c->state != CARD_ABSENT)
        c->state = CARD_LOST;
    c->error = error;
    k->p->dirty = true;
    probe_wake(k->p);
    probe_unlock(k->p);
}

/* Lock held. */
static void take_facts(struct worker *k, const struct card_facts *fresh)
{
    struct card *c = k->c;
    bool same = c->state == CARD_LIVE && is_same(&c->facts, fresh);
    str_done(&c->facts.json);
    c->facts = *fresh;
    if (same || c->state == CARD_ABSENT)
        return;
    c->state = CARD_READY;
    c->version++;
    k->p->dirty = true;
    probe_wake(k->p);
}

static void read_facts(struct worker *k)
{
    struct card *c = k->c;
    struct card_facts fresh = {.json = STR_INIT};
    (void)!probe_enter(k->p, c, 0);
    probe_lock(k->p);
    uint64_t generation = k->p->generation; /* stays while we are inside */
    c->recheck = false;
    probe_unlock(k->p);
    nvml_ret ret = card_read(c->index, &fresh);
    probe_leave(k->p, c);
    probe_lock(k->p);
    c->generation = generation;
    if (ret == NV_OK) {
        keep_timetable(&c->facts, &fresh);
        take_facts(k, &fresh);
    }
    probe_unlock(k->p);
    if (ret != NV_OK)
        lose(k, ret);
}

/* The timetable does not drift; what was missed is not made up for. */
static void plan_next(struct worker *k, struct unit *u, int64_t now_us)
{
    probe_lock(k->p);
    int64_t period_us = 1000000 / probe_hz(k->p, u->uuid);
    probe_unlock(k->p);
    u->due_us += period_us;
    if (u->due_us <= now_us)
        u->due_us = now_us + period_us - (now_us - u->due_us) % period_us;
}

static void sample_due(struct worker *k, int64_t now_us)
{
    for (unsigned i = 0; i < k->c->facts.n_units; i++) {
        struct unit *u = &k->c->facts.unit[i];
        if (u->due_us > now_us)
            continue;
        if (!probe_enter(k->p, k->c, k->c->generation))
            return;
        nvml_ret ret = sample_line(u, &k->line);
        probe_leave(k->p, k->c);
        plan_next(k, u, now_us);
        if (ret == NV_OK) {
            emit(&k->line);
        } else if (i == 0) {
            lose(k, ret);
            return;
        } else { /* a MIG device was taken down; its card is another question */
            probe_lock(k->p);
            k->c->recheck = true;
            probe_unlock(k->p);
        }
    }
}

static enum task wait_for_task(struct worker *k, int64_t *ret_now_us)
{
    probe_lock(k->p);
    for (;;) {
        int64_t until_us;
        *ret_now_us = clock_mono_us();
        enum task task = next_task(k, *ret_now_us, &until_us);
        if (task != TASK_WAIT) {
            probe_unlock(k->p);
            return task;
        }
        probe_wait(k->p, until_us);
    }
}

void *worker_run(void *arg)
{
    struct worker_arg a = *(struct worker_arg *)arg;
    free(arg);
    struct worker k = {.p = a.probe, .c = a.card, .line = STR_INIT};
    for (;;) {
        int64_t now_us;
        if (wait_for_task(&k, &now_us) == TASK_READ)
            read_facts(&k);
        else
            sample_due(&k, now_us);
    }
    return NULL;
}
