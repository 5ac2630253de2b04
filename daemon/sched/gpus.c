/* The card table, and whether a request can ever be met here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sched/parts.h"

static int find_card(const struct sched_gpu *gpus, int32_t n, const char *uuid)
{
    for (int32_t i = 0; i < n; i++)
        if (strcmp(gpus[i].uuid, uuid) == 0)
            return i;
    return -1;
}

/* A leased card that is no longer listed keeps a place behind the others until its lease ends. */
static int keep_ghost(struct sched *s, struct sched_gpu *table, const struct sched_gpu *old)
{
    struct sched_gpu *g = &table[s->n_gpus];
    *g = *old;
    g->available = false;
    snprintf(g->reason, sizeof g->reason, "it is no longer there");
    return s->n_gpus++;
}

static void open_stuck(struct sched *s)
{
    struct shelf *sh;
    RB_FOREACH(sh, sched_shapes, &s->shapes) {
        if (!sh->stuck)
            continue;
        sh->stuck = false;
        sched_shelf_fresh(s, sh);
    }
}

static void move_leases(struct sched *s, struct sched_gpu *table)
{
    for (struct run *r = s->runs; r; r = r->hh.next) {
        struct sched_lease *l = &r->hold.lease;
        for (int32_t i = 0; i < l->n_gpus; i++) {
            const struct sched_gpu *old = &s->gpus[l->gpu[i]];
            int at = find_card(table, s->n_gpus, old->uuid);
            if (at < 0)
                at = keep_ghost(s, table, old);
            table[at].holder = old->holder;
            l->gpu[i] = (int16_t)at;
        }
    }
}

void sched_set_gpus(struct sched *s, const struct sched_gpu *gpus, size_t n)
{
    sched_take_back(s);
    struct sched_gpu *table = mem_array(SCHED_GPUS_MAX + (size_t)s->n_gpus, sizeof *table);
    s->n_present = n > SCHED_GPUS_MAX ? SCHED_GPUS_MAX : (int32_t)n;
    for (int32_t i = 0; i < s->n_present; i++) {
        table[i] = gpus[i];
        table[i].holder = 0;
    }
    s->n_gpus = s->n_present;
    move_leases(s, table);
    free(s->gpus);
    s->gpus = table;
    sched_pool_idle(s, &s->pool);
    for (const struct run *r = s->runs; r; r = r->hh.next)
        sched_take(&s->pool, &r->hold);
    open_stuck(s);
}

size_t sched_gpus(const struct sched *s, const struct sched_gpu **ret)
{
    *ret = s->gpus;
    return (size_t)s->n_gpus;
}

void sched_describe_gpus(const struct want *w, char *out, size_t size)
{
    char model[120] = "", memory[48] = "";
    if (w->gpu_model)
        snprintf(model, sizeof model, " like '%.96s'", w->gpu_model);
    if (w->gpu_memory_mib)
        snprintf(memory, sizeof memory, " with %lld MiB", (long long)w->gpu_memory_mib);
    snprintf(out, size, "needs %d gpu%s%s%s", w->gpus, w->gpus == 1 ? "" : "s", model, memory);
}

static int possible_gpus(const struct sched *s, const struct needs *d, struct cail_err *err)
{
    const struct want w = {
        .gpus = d->gpus, .gpu_memory_mib = d->gpu_memory_mib, .gpu_model = d->gpu_model};
    char what[256];
    int32_t suit = 0;
    for (int32_t i = 0; i < s->n_present; i++)
        suit += sched_card_suits(&s->gpus[i], &w);
    if (d->gpus <= suit && d->gpus <= (int32_t)ARRAY_LEN(((struct sched_lease *)0)->gpu))
        return 0;
    sched_describe_gpus(&w, what, sizeof what);
    if (suit == s->n_present)
        return err_set_at(err, E_IMPOSSIBLE, "/needs/gpus", "%s; this machine has %d", what, suit);
    int code =
        err_set_at(err, E_IMPOSSIBLE, d->gpu_model ? "/needs/gpu_model" : "/needs/gpu_memory_mib",
                   "%s; of this machine's %d, %d would do", what, s->n_present, suit);
    err_hint(err, "the first card is '%.96s' with %lld MiB; '*' stands for any text",
             s->gpus[0].model, (long long)s->gpus[0].memory_mib);
    return code;
}

int sched_possible(const struct sched *s, const struct needs *d, struct cail_err *err)
{
    const struct sched_config *c = &s->config;
    if (d->cpus != CPUS_ALL && d->cpus > c->cpus)
        return err_set_at(err, E_IMPOSSIBLE, "/needs/cpus", "needs %d cpus; this machine grants %d",
                          d->cpus, c->cpus);
    if (d->memory_mib > c->memory_mib)
        return err_set_at(err, E_IMPOSSIBLE, "/needs/memory_mib",
                          "needs %lld MiB of memory; this machine grants %lld",
                          (long long)d->memory_mib, (long long)c->memory_mib);
    if (d->ports > c->ports)
        return err_set_at(err, E_IMPOSSIBLE, "/needs/ports",
                          "needs %d ports; this machine leases %d", d->ports, c->ports);
    return d->gpus ? possible_gpus(s, d, err) : 0;
}
