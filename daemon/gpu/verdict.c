/* Counting and judging. */
#include "gpu/verdict.h"

#include <stdio.h>
#include <string.h>

/* NVML's clocks-event bits. */
enum { BIT_IDLE = 0x1, BIT_APP_CLOCKS = 0x2 };

/* The thresholds: a cause taints when it held the clocks down for more than floor_ms and for more
 * than permille of the busy time, or for more than total_ms whatever the share.
 * The floor is what a counter's refresh and a sample's edge can invent. Power capping is normal for
 * moments on a card that works hard, so it has a share: a hundredth of the time cannot move a
 * figure by more than a hundredth. Heat and the board's own brakes are never part of an honest
 * figure. */
static const struct threshold {
    const char *word;
    uint32_t bit;
    int32_t floor_ms, permille, total_ms;
} thresholds[CAUSE_COUNT] = {
    {"sw_power_cap", 0x4, 10, 10, 1000}, {"sw_thermal", 0x20, 10, 0, 0},
    {"hw_thermal", 0x40, 10, 0, 0},      {"hw_power_brake", 0x80, 10, 0, 0},
    {"sync_boost", 0x10, 10, 10, 1000},  {"hw_slowdown", 0x8, 10, 0, 0},
};

enum {
    LOW_CLOCKS_PCT = 70,      /* of the card's maximum, mean over busy samples */
    LOW_CLOCKS_BUSY_MS = 500, /* below that a mean is the ramp from idle */
    GAP_MS = 5000,            /* without a sample, at 1 Hz */
    GAP_FAST_MS = 2000,       /* at 10 Hz */
};

/* --- counting --- */

static void range_add(struct range *r, int32_t v)
{
    if (v < 0)
        return;
    r->min = !r->n || v < r->min ? v : r->min;
    r->max = !r->n || v > r->max ? v : r->max;
    r->sum += v;
    r->n++;
}

static double range_mean(const struct range *r)
{
    return r->n ? (double)r->sum / (double)r->n : -1;
}

/* Utilisation where the card tells it (MIG instances do not), else the driver's word "idle". */
static bool is_busy(const struct gpu_sample *s)
{
    return s->util_pct >= 0 ? s->util_pct > 0 : !(s->reasons & BIT_IDLE);
}

void tally_start(struct tally *t, int64_t start_us, int32_t sm_max_mhz,
                 const struct gpu_sample *seed)
{
    *t = (struct tally){.start_us = start_us, .sm_max_mhz = sm_max_mhz, .energy_mj = -1};
    struct range none = {.min = -1, .max = -1};
    t->sm = t->mem = t->power = t->temp = t->util = t->used = t->busy_sm = none;
    if (seed)
        t->prev = *seed;
}

/* A driver's counters may jump by anything; sums of them stay below 2^62. */
static int64_t risen(int64_t from, int64_t to)
{
    const int64_t max = INT64_MAX / 4;
    return to - from < max ? to - from : max;
}

/* A counter that fell was reset: then the bit says what the interval was. */
static void add_slowed(struct tally *t, const struct gpu_sample *s, int64_t dt)
{
    for (int i = 0; i < CAUSE_COUNT; i++) {
        bool has = i < GPU_SLOWED_COUNT && t->prev.mono_us && t->prev.slowed_us[i] >= 0 &&
                   s->slowed_us[i] >= t->prev.slowed_us[i];
        if (has)
            t->slowed_us[i] += risen(t->prev.slowed_us[i], s->slowed_us[i]);
        else if (s->reasons & thresholds[i].bit)
            t->slowed_us[i] += dt;
        /* A driver's counter is a sum of hardware ticks; what it cannot be is longer than time. */
        int64_t whole = s->mono_us - t->start_us;
        if (t->slowed_us[i] > whole)
            t->slowed_us[i] = whole;
        t->counted[i] |= has;
    }
}

static void add_counters(struct tally *t, const struct gpu_sample *s)
{
    if (t->prev.energy_mj >= 0 && s->energy_mj >= t->prev.energy_mj) {
        if (t->energy_mj < 0)
            t->energy_mj = 0;
        if (t->energy_mj < INT64_MAX / 4)
            t->energy_mj += risen(t->prev.energy_mj, s->energy_mj);
    }
    if (t->prev.ecc_uncorrected >= 0 && s->ecc_uncorrected > t->prev.ecc_uncorrected &&
        t->ecc_new < INT64_MAX / 4)
        t->ecc_new += risen(t->prev.ecc_uncorrected, s->ecc_uncorrected);
}

static void add_figures(struct tally *t, const struct gpu_sample *s)
{
    range_add(&t->sm, s->sm_mhz);
    range_add(&t->mem, s->mem_mhz);
    range_add(&t->power, s->power_mw);
    range_add(&t->temp, s->temp_c);
    range_add(&t->util, s->util_pct);
    range_add(&t->used, s->used_mib);
    if (is_busy(s))
        range_add(&t->busy_sm, s->sm_mhz);
}

void tally_add(struct tally *t, const struct gpu_sample *s)
{
    if (s->mono_us <= t->start_us || (t->prev.mono_us && s->mono_us <= t->prev.mono_us))
        return;
    bool has_prev = t->prev.mono_us != 0;
    int64_t from = has_prev && t->prev.mono_us > t->start_us ? t->prev.mono_us : t->start_us;
    int64_t dt = s->mono_us - from;
    t->gap_us = dt > t->gap_us ? dt : t->gap_us;
    *(is_busy(s) ? &t->busy_us : &t->idle_us) += dt;
    if (s->foreign)
        t->foreign_us += dt;
    t->foreign |= s->foreign;
    if (s->reasons & BIT_APP_CLOCKS)
        t->app_clocks_us += dt;
    add_slowed(t, s, dt);
    if (has_prev)
        add_counters(t, s);
    add_figures(t, s);
    t->n++;
    t->prev = *s;
}

int64_t tally_throttled_us(const struct tally *t, int64_t end_us)
{
    int64_t sum = 0, named = t->slowed_us[GPU_SLOWED_HW_THERMAL];
    named += t->slowed_us[GPU_SLOWED_HW_POWER_BRAKE];
    for (int i = 0; i < GPU_SLOWED_COUNT; i++)
        sum += t->slowed_us[i];
    /* The hw_slowdown bit is set along with what caused it. */
    if (t->slowed_us[CAUSE_HW_SLOWDOWN] > named)
        sum += t->slowed_us[CAUSE_HW_SLOWDOWN] - named;
    int64_t whole = end_us - t->start_us;
    return sum < whole ? sum : whole;
}

/* --- telling --- */

static void put_number(struct jw *w, const char *key, int64_t v)
{
    if (v < 0)
        jw_knull(w, key);
    else
        jw_kint(w, key, v);
}

static void put_mean(struct jw *w, const char *key, const struct range *r)
{
    if (r->n)
        jw_kint(w, key, (int64_t)(range_mean(r) + 0.5));
    else
        jw_knull(w, key);
}

static void put_range(struct jw *w, const char *key, const struct range *r)
{
    jw_key(w, key);
    jw_open(w, '{');
    put_number(w, "min", r->min);
    put_mean(w, "mean", r);
    put_number(w, "max", r->max);
    jw_close(w, '}');
}

static void put_throttled(const struct tally *t, int64_t end_us, struct jw *w)
{
    jw_kint(w, "throttled_ms", tally_throttled_us(t, end_us) / 1000);
    jw_key(w, "throttled_by");
    jw_open(w, '{');
    for (int i = 0; i < CAUSE_COUNT; i++)
        if (t->slowed_us[i] > 0)
            jw_kint(w, thresholds[i].word, t->slowed_us[i] / 1000);
    jw_close(w, '}');
    bool counted = false;
    for (int i = 0; i < CAUSE_COUNT; i++)
        counted |= t->counted[i];
    jw_kstr(w, "throttled_from", counted ? "counters" : "samples");
}

static int64_t gap_at(const struct tally *t, int64_t end_us)
{
    int64_t last = t->n ? end_us - t->prev.mono_us : end_us - t->start_us;
    return last > t->gap_us ? last : t->gap_us;
}

void tally_json(const struct tally *t, int64_t end_us, struct jw *w)
{
    int64_t watched = t->busy_us + t->idle_us;
    jw_kint(w, "duration_ms", (end_us - t->start_us) / 1000);
    jw_kint(w, "samples", t->n);
    jw_kint(w, "longest_gap_ms", gap_at(t, end_us) / 1000);
    put_range(w, "sm_mhz", &t->sm);
    put_range(w, "sm_busy_mhz", &t->busy_sm);
    put_number(w, "sm_max_mhz", t->sm_max_mhz > 0 ? t->sm_max_mhz : -1);
    put_number(w, "mem_mhz_min", t->mem.min);
    put_number(w, "power_mw_max", t->power.max);
    put_mean(w, "power_mw_mean", &t->power);
    put_number(w, "temp_c_max", t->temp.max);
    put_mean(w, "util_pct_mean", &t->util);
    put_number(w, "used_mib_max", t->used.max);
    put_throttled(t, end_us, w);
    jw_kint(w, "foreign_ms", t->foreign_us / 1000);
    if (t->energy_mj < 0)
        jw_knull(w, "energy_j");
    else
        jw_kreal(w, "energy_j", (double)t->energy_mj / 1000);
    jw_kint(w, "busy_ms", t->busy_us / 1000);
    if (watched)
        jw_kreal(w, "idle_share", (double)(t->idle_us / 1000) / ((double)(watched / 1000) + 1e-9));
    else
        jw_knull(w, "idle_share");
    jw_kint(w, "ecc_uncorrected", t->ecc_new);
    put_number(w, "xid", t->xid ? t->xid : -1);
    jw_kbool(w, "lost", t->lost);
    jw_kbool(w, "used", t->used_by_job);
    jw_kstr(w, "visibility", t->partial ? "partial" : "full");
}

/* --- judging --- */

static bool is_over(const struct tally *t, int cause)
{
    const struct threshold *h = &thresholds[cause];
    int64_t ms = t->slowed_us[cause] / 1000;
    int64_t of = t->busy_us ? t->busy_us : t->idle_us;
    if (ms <= h->floor_ms)
        return false;
    return t->slowed_us[cause] > of / 1000 * h->permille || (h->total_ms && ms > h->total_ms);
}

/* Clocks that somebody fixed on purpose (application clocks) are a policy, not a fault. */
static bool has_low_clocks(const struct tally *t)
{
    return t->sm_max_mhz > 0 && t->busy_us > LOW_CLOCKS_BUSY_MS * 1000 && t->busy_sm.n &&
           t->app_clocks_us < t->busy_us / 2 &&
           range_mean(&t->busy_sm) * 100 < (double)t->sm_max_mhz * LOW_CLOCKS_PCT;
}

static bool is_unobserved(const struct tally *t, int64_t end_us, bool fast)
{
    int64_t limit = (fast ? GAP_FAST_MS : GAP_MS) * 1000;
    return gap_at(t, end_us) > limit || (fast && !t->n);
}

static void add_reason(struct gpu_verdict *v, bool is, const char *word)
{
    size_t n = strlen(v->reasons);
    if (is)
        snprintf(v->reasons + n, sizeof v->reasons - n, "%s%s", n ? "," : "", word);
}

/* Does any of the cards have it? */
#define ANY(condition)                                                                             \
    any = false;                                                                                   \
    for (size_t i = 0; i < n; i++)                                                                 \
        any |= (condition);

void verdict_of(const struct tally *const *t, size_t n, int64_t end_us, bool fast,
                struct gpu_verdict *ret)
{
    bool any, used = false, seen = n > 0;
    ret->reasons[0] = 0;
    ret->throttled_ms = 0;
    for (int cause = 0; cause < CAUSE_COUNT; cause++) {
        ANY(is_over(t[i], cause))
        add_reason(ret, any, thresholds[cause].word);
    }
    ANY(has_low_clocks(t[i]))
    add_reason(ret, any, "low_clocks");
    ANY(t[i]->foreign)
    add_reason(ret, any, "foreign_process");
    ANY(t[i]->xid != 0)
    add_reason(ret, any, "xid");
    ANY(t[i]->ecc_new > 0)
    add_reason(ret, any, "ecc");
    ANY(t[i]->lost)
    add_reason(ret, any, "gpu_lost");
    ANY(!t[i]->lost && is_unobserved(t[i], end_us, fast))
    add_reason(ret, any, "unobserved");
    add_reason(ret, ret->wrong_card, "wrong_card");
    for (size_t i = 0; i < n; i++) {
        int64_t ms = tally_throttled_us(t[i], end_us) / 1000;
        ret->throttled_ms = ms > ret->throttled_ms ? ms : ret->throttled_ms;
        used |= t[i]->used_by_job || t[i]->busy_us > 0;
        seen &= t[i]->n >= 3 && !t[i]->partial;
    }
    ret->clean = !ret->reasons[0];
    ret->unused_card = seen && !used;
}

static void put_threshold(struct jw *w, const struct threshold *h)
{
    jw_key(w, h->word);
    jw_open(w, '{');
    jw_kint(w, "over_ms", h->floor_ms);
    jw_kreal(w, "and_over_share_of_busy", h->permille / 1000.0);
    if (h->total_ms)
        jw_kint(w, "or_over_ms", h->total_ms);
    jw_close(w, '}');
}

void verdict_thresholds_json(bool fast, struct jw *w)
{
    jw_open(w, '{');
    for (int i = 0; i < CAUSE_COUNT; i++)
        put_threshold(w, &thresholds[i]);
    jw_key(w, "low_clocks");
    jw_open(w, '{');
    jw_kreal(w, "sm_busy_mean_under_share_of_max", LOW_CLOCKS_PCT / 100.0);
    jw_kint(w, "when_busy_over_ms", LOW_CLOCKS_BUSY_MS);
    jw_close(w, '}');
    jw_key(w, "unobserved");
    jw_open(w, '{');
    jw_kint(w, "gap_over_ms", fast ? GAP_FAST_MS : GAP_MS);
    jw_close(w, '}');
    jw_kstr(w, "foreign_process", "any");
    jw_kstr(w, "xid", "any");
    jw_kstr(w, "ecc", "any uncorrected error");
    jw_kstr(w, "gpu_lost", "any");
    jw_kstr(w, "wrong_card", "any");
    jw_close(w, '}');
}
