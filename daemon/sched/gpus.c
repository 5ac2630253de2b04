/* The card table, and whether a request can ever be met here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/str.h"
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

/* Does the card's UUID begin so, with or without the "GPU-" or "MIG-" before it? */
static bool begins(const char *uuid, const char *word, size_t len)
{
    const char *dash = strchr(uuid, '-');
    return strncasecmp(uuid, word, len) == 0 || (dash && strncasecmp(dash + 1, word, len) == 0);
}

bool sched_is_named(const char *names, const char *uuid)
{
    for (size_t n; *names; names += n + (names[n] == ',')) {
        n = strcspn(names, ",");
        if (begins(uuid, names, n))
            return true;
    }
    return false;
}

/* The card that a word means, -1 with the reason. */
static int named_card(const struct sched *s, const char *word, size_t len, struct cail_err *err)
{
    int found = -1, n = 0;
    for (int32_t i = 0; i < s->n_present; i++)
        if (begins(s->gpus[i].uuid, word, len)) {
            if (strlen(s->gpus[i].uuid) == len)
                return i;
            found = i;
            n++;
        }
    if (n == 1)
        return found;
    if (n)
        (void)err_set_at(err, E_IMPOSSIBLE, "/needs/gpu_uuid",
                         "the UUIDs of %d cards begin with %.*s; write more of it", n, (int)len,
                         word);
    else
        (void)err_set_at(err, E_IMPOSSIBLE, "/needs/gpu_uuid", "this machine has no card %.*s",
                         (int)len, word);
    if (s->n_present)
        err_hint(err, "its cards: %.48s%s%.48s%s", s->gpus[0].uuid, s->n_present > 1 ? ", " : "",
                 s->n_present > 1 ? s->gpus[1].uuid : "", s->n_present > 2 ? ", ..." : "");
    return -1;
}

int sched_name_cards(const struct sched *s, struct needs *needs, struct cail_err *err)
{
    bool taken[SCHED_GPUS_MAX] = {false};
    CLEANUP(str_done) struct str all = STR_INIT;
    const char *p = needs->gpu_uuid;
    for (size_t n; p && *p; p += n + (p[n] == ',')) {
        n = strcspn(p, ",");
        int i = named_card(s, p, n, err);
        if (i < 0)
            return E_IMPOSSIBLE;
        if (taken[i])
            return err_set_at(err, E_IMPOSSIBLE, "/needs/gpu_uuid", "names %s twice",
                              s->gpus[i].uuid);
        taken[i] = true;
        str_addf(&all, "%s%s", all.len ? "," : "", s->gpus[i].uuid);
    }
    if (all.len) {
        free(needs->gpu_uuid);
        needs->gpu_uuid = str_take(&all);
    }
    return 0;
}

void sched_describe_gpus(const struct want *w, char *out, size_t size)
{
    char model[120] = "", memory[48] = "";
    if (w->gpu_model)
        snprintf(model, sizeof model, " like '%.96s'", w->gpu_model);
    if (w->gpu_memory_mib)
        snprintf(memory, sizeof memory, " with %lld MiB", (long long)w->gpu_memory_mib);
    if (w->gpu_uuid)
        snprintf(out, size, "needs %.200s%s%s", w->gpu_uuid, model, memory);
    else
        snprintf(out, size, "needs %d gpu%s%s%s", w->gpus, w->gpus == 1 ? "" : "s", model, memory);
}

static int possible_gpus(const struct sched *s, const struct needs *d, struct cail_err *err)
{
    const struct want w = {.gpus = d->gpus,
                           .gpu_memory_mib = d->gpu_memory_mib,
                           .gpu_model = d->gpu_model,
                           .gpu_uuid = d->gpu_uuid};
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
