/* Lines and time in, judgements out. */
#include "gpu/core.h"

#include <string.h>

void core_init(struct core *c, const struct core_config *config)
{
    *c = (struct core){.config = *config};
    inventory_init(&c->inv);
}

void core_done(struct core *c)
{
    checks_free(&c->checks);
    while (c->records.all)
        record_free(&c->records, c->records.all);
}

static void look_up(struct core *c, const char *uuid, struct gpu_proc *procs, size_t n, int64_t now)
{
    for (size_t i = 0; i < n; i++) {
        struct gpu_proc *p = &procs[i];
        c->config.who(c->config.arg, p, now);
        p->ours = p->known && p->token[0] && c->config.is_ours(c->config.arg, p->token);
        p->at_home = p->ours && record_is_home(&c->records, p->token, uuid);
    }
}

static void sample(struct core *c, size_t i, struct line *l, int64_t now)
{
    bool fast;
    look_up(c, l->uuid, l->procs, l->n_procs, now);
    c->inv.slot[i].held = record_holds(&c->records, l->uuid, &fast);
    if (!inventory_sample(&c->inv, i, l, now))
        return;
    record_sample(&c->records, &c->inv.card[i]);
    checks_sample(&c->checks, &c->inv, i);
}

/* A recording that lost a card says so, however the loss came to be known. */
static void note_losses(struct core *c)
{
    for (size_t i = 0; i < c->inv.n; i++)
        if (c->inv.card[i].health == GPU_GONE)
            record_lost(&c->records, c->inv.card[i].uuid);
}

static void take_card_line(struct core *c, struct line *l, int64_t now)
{
    int i = inventory_find(&c->inv, l->uuid);
    if (i < 0)
        return; /* a card beyond the table, or one that went meanwhile */
    if (l->kind == LINE_SAMPLE) {
        sample(c, (size_t)i, l, now);
    } else if (l->kind == LINE_LOST) {
        inventory_lost(&c->inv, (size_t)i, l->text);
        note_losses(c);
    } else {
        inventory_xid(&c->inv, (size_t)i, l->xid, now);
        record_xid(&c->records, l->uuid, l->xid);
    }
}

int core_line(struct core *c, const char *p, size_t len, int64_t now)
{
    struct line l;
    int patience = CORE_SILENT_MS;
    if (line_read(p, len, &l, NULL))
        return -1;
    if (l.kind == LINE_HELLO) {
        inventory_hello(&c->inv, &l, now);
        patience = l.n_cards ? CORE_SILENT_MS : CORE_SILENT_NONE_MS;
        note_losses(c);
    } else if (l.kind == LINE_NONE) {
        inventory_none(&c->inv, l.text);
        patience = CORE_SILENT_NONE_MS;
        note_losses(c);
    } else if (l.kind == LINE_SAMPLE && (l.mono_us > now + CORE_SKEW_US || l.mono_us <= 0 ||
                                         l.mono_us < now - CORE_SKEW_US)) {
        patience = -1;
    } else {
        take_card_line(c, &l, now);
    }
    line_done(&l);
    return patience;
}

void core_judge(struct core *c, int64_t now)
{
    for (size_t i = 0; i < c->inv.n; i++) {
        struct gpu_card *card = &c->inv.card[i];
        bool fast;
        look_up(c, card->uuid, card->proc, card->n_procs, now);
        c->inv.slot[i].held = record_holds(&c->records, card->uuid, &fast);
        inventory_judge(&c->inv, i, now);
    }
}

void core_tick(struct core *c, int64_t now)
{
    inventory_tick(&c->inv, now);
    checks_tick(&c->checks, &c->inv, now);
}

int core_hz(const struct core *c, size_t i)
{
    const char *uuid = c->inv.card[i].uuid;
    bool fast;
    record_holds(&c->records, uuid, &fast);
    return fast || checks_want(&c->checks, uuid) ? CORE_HZ_FAST : CORE_HZ;
}
