/* Cards, by UUID. */
#include "gpu/inventory.h"

#include <stdio.h>
#include <string.h>

#include "gpu/evidence.h"

static void put_text(char *out, size_t size, const char *text)
{
    size_t n = strnlen(text, size - 1);
    memmove(out, text, n);
    out[n] = 0;
}

/* "what: why", or "what" alone. */
static void join(char *out, size_t size, const char *what, const char *why)
{
    size_t n = strlen(what);
    put_text(out, size, what);
    if (why[0])
        put_text(out + n, size - n, ": ");
    if (why[0])
        put_text(out + n + 2, size - n - 2, why);
}

void inventory_init(struct inventory *v)
{
    memset(v, 0, sizeof *v);
    snprintf(v->none, sizeof v->none, "%s", INVENTORY_LOOKING);
}

int inventory_find(const struct inventory *v, const char *uuid)
{
    for (size_t i = 0; i < v->n; i++)
        if (strcmp(v->card[i].uuid, uuid) == 0)
            return (int)i;
    return -1;
}

bool inventory_xid_is_programs(int64_t xid)
{
    static const int programs[] = {13, 31, 43, 45, 68, 109};
    for (size_t i = 0; i < ARRAY_LEN(programs); i++)
        if (programs[i] == xid)
            return true;
    return false;
}

/* --- judging --- */

/* What speaks against the card itself, before any sample does. */
static bool judge_health(struct inventory *v, size_t i, int64_t now, char *why, size_t size)
{
    struct gpu_card *c = &v->card[i];
    const struct slot *s = &v->slot[i];
    if (c->health == GPU_GONE) {
        snprintf(why, size, "%s", s->fault[0] ? s->fault : "it is gone");
        return false;
    }
    bool stale = now - s->sampled_mono_us > INVENTORY_STALE_US;
    c->health = s->fault[0] || (stale && s->sampled_mono_us) ? GPU_SUSPECT : GPU_HEALTHY;
    if (s->fault[0])
        snprintf(why, size, "%s", s->fault);
    else if (!s->sampled_mono_us)
        snprintf(why, size, "it has not been looked at yet");
    else if (stale)
        snprintf(why, size, "no sample of it for %lld s: its driver does not answer",
                 (long long)((now - s->sampled_mono_us) / 1000000));
    else if (c->mig == 1 && !c->parent[0])
        snprintf(why, size, "it is in MIG mode: its instances are leased instead");
    else
        return true;
    return false;
}

static bool settled(const struct inventory *v, size_t i)
{
    const struct slot *s = &v->slot[i];
    return v->card[i].health == GPU_HEALTHY && s->clean_since_mono_us &&
           v->card[i].last.mono_us > s->clean_since_mono_us;
}

/* The rest, once the card itself is sound: our own books, then the samples. */
static void judge_books(struct inventory *v, size_t i, const char *why)
{
    struct gpu_card *c = &v->card[i];
    if (c->drained)
        join(c->reason, sizeof c->reason, "drained", c->drain_note);
    else if (why[0])
        snprintf(c->reason, sizeof c->reason, "%s", why);
    else if (c->quarantine[0])
        join(c->reason, sizeof c->reason, "in quarantine", c->quarantine);
    else if (!settled(v, i))
        snprintf(c->reason, sizeof c->reason, "clean once, waiting for a second sample");
    else
        c->reason[0] = 0;
    c->free_twice = !c->reason[0];
}

void inventory_judge(struct inventory *v, size_t i, int64_t now)
{
    struct gpu_card *c = &v->card[i];
    struct slot *s = &v->slot[i];
    char why[sizeof c->reason] = "";
    bool sound = judge_health(v, i, now, why, sizeof why);
    s->clean = sound && evidence_clean(c, s->held, s->procs_more, why, sizeof why);
    c->last.foreign = evidence_foreign(c);
    if (!s->clean)
        s->clean_since_mono_us = 0;
    else if (!s->clean_since_mono_us)
        s->clean_since_mono_us = c->last.mono_us;
    else if (c->last.mono_us - s->clean_since_mono_us > INVENTORY_QUARANTINE_US)
        c->quarantine[0] = 0;
    judge_books(v, i, why);
}

/* --- the probe speaks --- */

static void take_facts(struct gpu_card *c, const struct gpu_card *from, bool partial)
{
    memcpy(c->name, from->name, sizeof c->name);
    memcpy(c->bus, from->bus, sizeof c->bus);
    memcpy(c->vbios, from->vbios, sizeof c->vbios);
    memcpy(c->compute, from->compute, sizeof c->compute);
    memcpy(c->parent, from->parent, sizeof c->parent);
    c->index = from->index;
    c->minor = from->minor;
    c->memory_mib = from->memory_mib;
    c->power_limit_mw = from->power_limit_mw;
    c->sm_max_mhz = from->sm_max_mhz;
    c->mem_max_mhz = from->mem_max_mhz;
    c->pcie_gen_max = from->pcie_gen_max;
    c->pcie_width_max = from->pcie_width_max;
    c->ecc = from->ecc;
    c->mig = from->mig;
    c->persistence = from->persistence;
    c->display = from->display;
    c->partial = partial;
}

/* A place for a new card; of a full table that of one that is gone. -1 = none. */
static int place(struct inventory *v)
{
    if (v->n < GPU_CARDS_MAX)
        return (int)v->n++;
    for (size_t i = 0; i < v->n; i++)
        if (v->card[i].health == GPU_GONE && !v->slot[i].held)
            return (int)i;
    return -1;
}

static void reset_evidence(struct gpu_card *c, struct slot *s)
{
    s->sampled_mono_us = s->clean_since_mono_us = 0;
    s->clean = false;
    s->hz_told = 0;
    c->free_twice = false;
    c->n_procs = 0;
}

static void come(struct inventory *v, const struct gpu_card *from, bool partial, int64_t now)
{
    int i = inventory_find(v, from->uuid);
    bool is_new = i < 0;
    if (is_new && (i = place(v)) < 0)
        return;
    struct gpu_card *c = &v->card[i];
    struct slot *s = &v->slot[i];
    if (is_new) {
        *c = (struct gpu_card){.baseline_mib = -1};
        *s = (struct slot){0};
        memcpy(c->uuid, from->uuid, sizeof c->uuid);
        c->last = (struct gpu_sample){.sm_mhz = -1,
                                      .mem_mhz = -1,
                                      .power_mw = -1,
                                      .temp_c = -1,
                                      .util_pct = -1,
                                      .used_mib = -1,
                                      .reserved_mib = -1,
                                      .slowed_us = {-1, -1, -1, -1, -1},
                                      .energy_mj = -1,
                                      .pstate = -1,
                                      .pcie_gen = -1,
                                      .pcie_width = -1,
                                      .ecc_uncorrected = -1};
    }
    if (c->health == GPU_GONE && !s->fault_sticks)
        s->fault[0] = 0;
    if (is_new || c->health == GPU_GONE)
        reset_evidence(c, s);
    take_facts(c, from, partial);
    c->health = GPU_HEALTHY;
    inventory_judge(v, (size_t)i, now); /* it may be in MIG mode now */
}

void inventory_lost(struct inventory *v, size_t i, const char *error)
{
    struct gpu_card *c = &v->card[i];
    struct slot *s = &v->slot[i];
    if (!s->fault_sticks)
        join(s->fault, sizeof s->fault, "it is gone", error);
    c->health = GPU_GONE;
    reset_evidence(c, s);
    put_text(c->reason, sizeof c->reason, s->fault);
}

void inventory_hello(struct inventory *v, const struct line *l, int64_t now)
{
    memcpy(v->driver, l->driver, sizeof v->driver);
    v->cuda = l->cuda;
    snprintf(v->none, sizeof v->none, "%s", l->n_cards ? "" : "the driver lists no card");
    for (size_t i = 0; i < v->n; i++) {
        bool listed = false;
        for (size_t k = 0; k < l->n_cards; k++)
            listed |= strcmp(l->cards[k].uuid, v->card[i].uuid) == 0;
        v->slot[i].hz_told = 0; /* a new probe knows of no rates */
        if (!listed && v->card[i].health != GPU_GONE)
            inventory_lost(v, i, "the driver lists it no more");
    }
    for (size_t k = 0; k < l->n_cards; k++)
        come(v, &l->cards[k], l->partial, now);
}

void inventory_none(struct inventory *v, const char *reason)
{
    snprintf(v->none, sizeof v->none, "%s", reason[0] ? reason : "there are none");
    for (size_t i = 0; i < v->n; i++)
        if (v->card[i].health != GPU_GONE)
            inventory_lost(v, i, v->none);
}

static void take_remap(struct slot *s, const struct line *l)
{
    if (s->fault_sticks)
        return;
    s->fault[0] = 0;
    if (l->remap_failed)
        snprintf(s->fault, sizeof s->fault, "a row of its memory could not be remapped");
    else if (l->remap_pending)
        snprintf(s->fault, sizeof s->fault, "rows of its memory wait for a reset to be remapped");
}

bool inventory_sample(struct inventory *v, size_t i, const struct line *l, int64_t now)
{
    struct gpu_card *c = &v->card[i];
    struct slot *s = &v->slot[i];
    /* A card is back when the driver lists it, not when a late line comes. */
    if (c->health == GPU_GONE || (s->sampled_mono_us && l->mono_us <= c->last.mono_us))
        return false;
    c->last = l->sample;
    c->partial = !l->procs_told;
    c->n_procs = l->n_procs;
    memcpy(c->proc, l->procs, sizeof c->proc);
    s->procs_more = l->procs_more;
    s->n_samples++;
    s->sampled_mono_us = now;
    take_remap(s, l);
    c->baseline_mib = evidence_baseline(c, s->procs_more);
    inventory_judge(v, i, now);
    return true;
}

void inventory_xid(struct inventory *v, size_t i, int64_t xid, int64_t mono_us)
{
    struct gpu_card *c = &v->card[i];
    struct slot *s = &v->slot[i];
    c->xid = xid;
    c->xid_mono_us = mono_us;
    if (inventory_xid_is_programs(xid))
        return;
    snprintf(s->fault, sizeof s->fault, "its driver reported Xid %lld; undrain it once it is well",
             (long long)xid);
    s->fault_sticks = true;
    s->clean_since_mono_us = 0;
    if (c->health == GPU_HEALTHY)
        c->health = GPU_SUSPECT;
    c->free_twice = false;
    put_text(c->reason, sizeof c->reason, s->fault);
}

/* --- time and people --- */

void inventory_tick(struct inventory *v, int64_t now)
{
    for (size_t i = 0; i < v->n; i++)
        if (v->card[i].health != GPU_GONE && v->slot[i].sampled_mono_us &&
            now - v->slot[i].sampled_mono_us > INVENTORY_STALE_US)
            inventory_judge(v, i, now);
}

void inventory_drain(struct inventory *v, size_t i, bool on, const char *note, int64_t now)
{
    struct gpu_card *c = &v->card[i];
    struct slot *s = &v->slot[i];
    c->drained = on;
    snprintf(c->drain_note, sizeof c->drain_note, "%s", on && note ? note : "");
    if (!on) { /* somebody vouches for it */
        c->quarantine[0] = 0;
        if (s->fault_sticks)
            s->fault[0] = 0;
        s->fault_sticks = false;
    }
    inventory_judge(v, i, now);
}

void inventory_quarantine(struct inventory *v, size_t i, const char *why)
{
    struct gpu_card *c = &v->card[i];
    snprintf(c->quarantine, sizeof c->quarantine, "%s", why);
    v->slot[i].clean_since_mono_us = 0;
    c->free_twice = false;
    if (!c->reason[0])
        join(c->reason, sizeof c->reason, "in quarantine", c->quarantine);
}

static uint64_t mix(uint64_t h, uint64_t x)
{
    return (h ^ x) * 0x100000001b3u; /* FNV-1a, by words */
}

static uint64_t state_of(const struct gpu_card *c)
{
    uint64_t h = mix(0xcbf29ce484222325u, c->free_twice);
    h = mix(h, (uint64_t)c->health + 1);
    h = mix(h, c->drained);
    h = mix(h, c->quarantine[0] != 0);
    h = mix(h, c->partial);
    h = mix(h, (uint64_t)c->index + 1);
    h = mix(h, (uint64_t)c->xid_mono_us);
    for (size_t i = 0; i < c->n_procs; i++)
        if (c->proc[i].compute)
            h = mix(h, (uint64_t)c->proc[i].pid + ((uint64_t)c->proc[i].known << 40));
    /* The reason's words; a figure in it may change 10 times a second. */
    for (const char *p = c->reason; *p; p++)
        if (*p < '0' || *p > '9')
            h = mix(h, (unsigned char)*p);
    return h;
}

bool inventory_changed(struct inventory *v)
{
    uint64_t none = 0;
    for (const char *p = v->none; *p; p++)
        none = mix(none + 1, (unsigned char)*p);
    bool changed = none != v->told_none;
    v->told_none = none;
    for (size_t i = 0; i < v->n; i++) {
        uint64_t state = state_of(&v->card[i]);
        changed |= state != v->slot[i].told_state;
        v->slot[i].told_state = state;
    }
    return changed;
}
