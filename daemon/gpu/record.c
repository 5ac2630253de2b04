/* Who recorded what. */
#include "gpu/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct record *record_find(const struct records *r, int64_t attempt_id)
{
    struct record *x = NULL;
    HASH_FIND(hh, r->all, &attempt_id, sizeof attempt_id, x);
    return x;
}

void record_free(struct records *r, struct record *x)
{
    HASH_DEL(r->all, x);
    for (size_t i = 0; i < x->n; i++)
        trace_done(&x->cards[i].trace);
    free(x->cards);
    free(x);
}

struct record *record_start(struct records *r, int64_t attempt_id, const char *token,
                            const char *const *uuids, size_t n, bool fast, int64_t now_mono_us,
                            int64_t now_at_us)
{
    struct record *x = record_find(r, attempt_id);
    if (x)
        record_free(r, x);
    x = mem_zalloc(sizeof *x);
    *x = (struct record){.attempt_id = attempt_id,
                         .fast = fast,
                         .start_mono_us = now_mono_us,
                         .start_at_us = now_at_us,
                         .n = n < GPU_CARDS_MAX ? n : GPU_CARDS_MAX};
    snprintf(x->token, sizeof x->token, "%s", token);
    x->cards = mem_array(x->n ? x->n : 1, sizeof *x->cards);
    for (size_t i = 0; i < x->n; i++) {
        snprintf(x->cards[i].uuid, sizeof x->cards[i].uuid, "%s", uuids[i]);
        tally_start(&x->cards[i].tally, now_mono_us, -1, NULL);
    }
    HASH_ADD(hh, r->all, attempt_id, sizeof x->attempt_id, x);
    return x;
}

static struct record_card *card_of(const struct record *x, const char *uuid)
{
    for (size_t i = 0; i < x->n; i++)
        if (strcmp(x->cards[i].uuid, uuid) == 0)
            return &x->cards[i];
    return NULL;
}

void record_seed(struct record *x, const struct gpu_card *c)
{
    struct record_card *rc = card_of(x, c->uuid);
    if (!rc)
        return;
    bool young = c->last.mono_us && x->start_mono_us - c->last.mono_us < RECORD_SEED_US;
    memcpy(rc->name, c->name, sizeof rc->name);
    tally_start(&rc->tally, x->start_mono_us, c->sm_max_mhz, young ? &c->last : NULL);
}

bool record_holds(const struct records *r, const char *uuid, bool *ret_fast)
{
    bool holds = false;
    *ret_fast = false;
    for (struct record *x = r->all; x; x = x->hh.next)
        if (card_of(x, uuid)) {
            holds = true;
            *ret_fast |= x->fast;
        }
    return holds;
}

bool record_is_home(const struct records *r, const char *token, const char *uuid)
{
    for (struct record *x = r->all; x; x = x->hh.next)
        if (token[0] && strcmp(x->token, token) == 0 && card_of(x, uuid))
            return true;
    return false;
}

static bool is_on(const struct record *x, const struct gpu_card *c)
{
    for (size_t i = 0; i < c->n_procs; i++)
        if (c->proc[i].known && c->proc[i].compute && c->proc[i].ours &&
            strcmp(c->proc[i].token, x->token) == 0)
            return true;
    return false;
}

void record_sample(struct records *r, const struct gpu_card *c)
{
    for (struct record *x = r->all; x; x = x->hh.next) {
        struct record_card *rc = card_of(x, c->uuid);
        bool on = is_on(x, c);
        if (!rc) {
            x->wrong_card |= on;
            continue;
        }
        if (rc->tally.sm_max_mhz <= 0) { /* it was not known when the recording began */
            rc->tally.sm_max_mhz = c->sm_max_mhz;
            memcpy(rc->name, c->name, sizeof rc->name);
        }
        rc->tally.used_by_job |= on;
        rc->tally.partial |= c->partial;
        int64_t before = rc->tally.n;
        tally_add(&rc->tally, &c->last);
        if (rc->tally.n > before)
            trace_add(&rc->trace, &c->last, x->start_mono_us);
    }
}

void record_xid(struct records *r, const char *uuid, int64_t xid)
{
    for (struct record *x = r->all; x; x = x->hh.next) {
        struct record_card *rc = card_of(x, uuid);
        if (rc)
            rc->tally.xid = xid;
    }
}

void record_lost(struct records *r, const char *uuid)
{
    for (struct record *x = r->all; x; x = x->hh.next) {
        struct record_card *rc = card_of(x, uuid);
        if (rc)
            rc->tally.lost = true;
    }
}

void record_verdict(const struct record *x, int64_t now, struct gpu_verdict *ret)
{
    const struct tally *t[GPU_CARDS_MAX];
    for (size_t i = 0; i < x->n; i++)
        t[i] = &x->cards[i].tally;
    *ret = (struct gpu_verdict){.wrong_card = x->wrong_card};
    verdict_of(t, x->n, now, x->fast, ret);
}

static void put_reasons(struct jw *w, const char *reasons)
{
    jw_key(w, "reasons");
    jw_open(w, '[');
    while (*reasons) {
        size_t n = strcspn(reasons, ",");
        jw_strn(w, reasons, n);
        reasons += n + (reasons[n] == ',');
    }
    jw_close(w, ']');
}

static void put_card(const struct record_card *rc, int64_t now, struct jw *w)
{
    jw_open(w, '{');
    jw_kstr(w, "uuid", rc->uuid);
    jw_kstr(w, "name", rc->name[0] ? rc->name : NULL);
    jw_key(w, "summary");
    jw_open(w, '{');
    tally_json(&rc->tally, now, w);
    jw_close(w, '}');
    jw_key(w, "samples");
    trace_json(&rc->trace, w);
    jw_close(w, '}');
}

void record_json(const struct record *x, int64_t now, struct jw *w)
{
    struct gpu_verdict v;
    record_verdict(x, now, &v);
    jw_open(w, '{');
    jw_ktime(w, "start_at", x->start_at_us);
    jw_kint(w, "hz", x->fast ? 10 : 1);
    jw_kstr(w, "verdict", v.clean ? "clean" : "tainted");
    put_reasons(w, v.reasons);
    jw_kint(w, "throttled_ms", v.throttled_ms);
    jw_kbool(w, "wrong_card", v.wrong_card);
    jw_kbool(w, "unused_card", v.unused_card);
    jw_key(w, "cards");
    jw_open(w, '[');
    for (size_t i = 0; i < x->n; i++)
        put_card(&x->cards[i], now, w);
    jw_close(w, ']');
    jw_key(w, "thresholds");
    verdict_thresholds_json(x->fast, w);
    jw_close(w, '}');
}
