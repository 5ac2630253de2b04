/* Checks and settles. */
#include "gpu/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct checked_card {
    char uuid[64];
    int clean, foreign; /* samples in a row, up to the newest */
    bool seen;          /* a sample since it was asked */
    bool excused;       /* settle: what is on it now is an outsider's, no remains of the attempt */
};

struct check {
    enum check_kind kind;
    int64_t since_us, until_us;
    gpu_checked done;
    void *arg;
    bool decided, ok;
    char reason[256];
    size_t n;
    struct checked_card *cards;
    struct check *next;
};

static void check_free(struct check *c)
{
    free(c->cards);
    free(c);
}

void checks_add(struct checks *k, enum check_kind kind, const char *const *uuids, size_t n,
                int64_t now, int64_t patience_us, gpu_checked done, void *arg)
{
    struct check *c = mem_zalloc(sizeof *c), **end = &k->first;
    *c = (struct check){.kind = kind,
                        .since_us = now,
                        .until_us = now + patience_us,
                        .done = done,
                        .arg = arg,
                        .n = n};
    c->cards = mem_array(n ? n : 1, sizeof *c->cards);
    for (size_t i = 0; i < n; i++)
        snprintf(c->cards[i].uuid, sizeof c->cards[i].uuid, "%s", uuids[i]);
    if (!n)
        c->decided = c->ok = true;
    while (*end)
        end = &(*end)->next;
    *end = c;
}

void checks_cancel(struct checks *k, const void *arg)
{
    for (struct check **at = &k->first; *at;) {
        struct check *c = *at;
        if (c->arg != arg) {
            at = &c->next;
            continue;
        }
        *at = c->next;
        check_free(c);
    }
}

void checks_free(struct checks *k)
{
    while (k->first) {
        struct check *c = k->first;
        k->first = c->next;
        check_free(c);
    }
}

static struct checked_card *card_of(const struct check *c, const char *uuid)
{
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->cards[i].uuid, uuid) == 0)
            return &c->cards[i];
    return NULL;
}

bool checks_want(const struct checks *k, const char *uuid)
{
    for (const struct check *c = k->first; c; c = c->next)
        if (!c->decided && card_of(c, uuid))
            return true;
    return false;
}

static void decide(struct check *c, bool ok, int32_t index, const char *uuid, const char *why)
{
    if (c->decided)
        return;
    c->decided = true;
    c->ok = ok;
    if (ok)
        return;
    if (index >= 0)
        snprintf(c->reason, sizeof c->reason, "card %d (%.12s): %s", index, uuid, why);
    else
        snprintf(c->reason, sizeof c->reason, "card %.40s: %s", uuid, why);
}

/* Before a start nothing at all may speak against it; after an end only what was left on it. */
static bool all_clean(const struct check *c, const struct inventory *v)
{
    for (size_t i = 0; i < c->n; i++) {
        if (c->cards[i].excused)
            continue;
        int at = inventory_find(v, c->cards[i].uuid);
        if (at < 0 || c->cards[i].clean < CHECK_SAMPLES || !v->slot[at].clean ||
            (c->kind == CHECK_BEFORE && !v->card[at].free_twice))
            return false;
    }
    return true;
}

/* An outsider that came while we settle: the evidence keeps such a card busy as long as that one
 * stays, and free the moment it goes; setting the card aside would punish it for longer. */
static bool is_outsiders(const struct gpu_card *card)
{
    for (size_t i = 0; i < card->n_procs; i++)
        if (card->proc[i].compute && (card->proc[i].token[0] || !card->proc[i].known))
            return false;
    return card->n_procs > 0;
}

void checks_sample(struct checks *k, const struct inventory *v, size_t i)
{
    const struct gpu_card *card = &v->card[i];
    for (struct check *c = k->first; c; c = c->next) {
        struct checked_card *cc = c->decided ? NULL : card_of(c, card->uuid);
        if (!cc || card->last.mono_us <= c->since_us)
            continue;
        cc->seen = true;
        cc->clean = v->slot[i].clean ? cc->clean + 1 : 0;
        cc->foreign = card->last.foreign ? cc->foreign + 1 : 0;
        if (c->kind == CHECK_BEFORE && cc->foreign >= CHECK_SAMPLES)
            decide(c, false, card->index, card->uuid, card->reason);
        if (c->kind == CHECK_SETTLE && cc->foreign >= CHECK_SAMPLES && is_outsiders(card))
            cc->excused = true;
        if (all_clean(c, v))
            decide(c, true, -1, "", "");
    }
}

/* Before a start, what no further sample will change soon. A settle has its whole time. */
static const char *hopeless(const struct check *c, const struct gpu_card *card)
{
    bool is = card->health == GPU_GONE || card->drained || card->quarantine[0];
    return is && c->kind == CHECK_BEFORE ? card->reason : NULL;
}

static void give_up(struct check *c, struct inventory *v, struct checked_card *cc, int at,
                    const char *why)
{
    struct gpu_card *card = &v->card[at];
    char text[sizeof card->quarantine];
    snprintf(text, sizeof text, "%s", why);
    if (c->kind == CHECK_SETTLE)
        inventory_quarantine(v, (size_t)at, text);
    decide(c, false, card->index, cc->uuid, text);
}

static void tick_card(struct check *c, struct inventory *v, struct checked_card *cc, bool late)
{
    int at = inventory_find(v, cc->uuid);
    if (at < 0) {
        decide(c, false, -1, cc->uuid, "there is no such card");
        return;
    }
    const struct gpu_card *card = &v->card[at];
    const char *why = hopeless(c, card);
    if (!why && late && cc->clean < CHECK_SAMPLES && !cc->excused) {
        why = card->reason[0] ? card->reason : "it was not clean for long enough";
        if (!cc->seen)
            why = "no sample of it came: its driver or cail-probe does not answer";
    }
    if (why)
        give_up(c, v, cc, at, why);
}

void checks_tick(struct checks *k, struct inventory *v, int64_t now)
{
    for (struct check *c = k->first; c; c = c->next)
        /* The first card decides; of a settle that failed each unclean card is named. */
        for (size_t i = 0, n = c->decided ? 0 : c->n; i < n; i++)
            tick_card(c, v, &c->cards[i], now >= c->until_us);
}

void checks_tell(struct checks *k)
{
    for (;;) {
        struct check **at = &k->first;
        while (*at && !(*at)->decided)
            at = &(*at)->next;
        struct check *c = *at;
        if (!c)
            return;
        *at = c->next;
        c->done(c->arg, c->ok, c->reason);
        check_free(c);
    }
}
