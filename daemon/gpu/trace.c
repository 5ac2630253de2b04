/* Keeping samples. */
#include "gpu/trace.h"

#include <stdlib.h>

#include "base/mem.h"

/* n is TRACE_MAX, which is even. */
static void thin(struct trace *t)
{
    for (uint32_t i = 0; i * 2 < t->n; i++)
        t->p[i] = t->p[i * 2];
    t->n = (t->n + 1) / 2;
    t->skipped += t->every; /* the newest point was the second of its pair */
    t->every *= 2;
}

static int16_t to_i16(int32_t v)
{
    return v > INT16_MAX ? INT16_MAX : (int16_t)v;
}

void trace_add(struct trace *t, const struct gpu_sample *s, int64_t start_us)
{
    if (!t->every)
        t->every = 1;
    if (t->n == TRACE_MAX)
        thin(t);
    if (t->n && ++t->skipped < t->every)
        return;
    t->skipped = 0;
    if (t->n == t->cap) {
        t->cap = t->cap ? t->cap * 2 : 16;
        t->p = mem_grow(t->p, t->cap, sizeof *t->p);
    }
    t->p[t->n++] = (struct point){
        .ms = (s->mono_us - start_us) / 1000,
        .power_mw = s->power_mw,
        .used_mib = s->used_mib,
        .sm_mhz = s->sm_mhz,
        .mem_mhz = s->mem_mhz,
        .temp_c = to_i16(s->temp_c),
        .reasons = (int16_t)(s->reasons & 0x1ff), /* the bits that NVML documents */
        .util_pct = (int8_t)s->util_pct,
        .foreign = s->foreign,
    };
}

void trace_done(struct trace *t)
{
    free(t->p);
    *t = (struct trace){0};
}

enum field { F_MS, F_SM, F_MEM, F_POWER, F_TEMP, F_UTIL, F_USED, F_REASONS, F_FOREIGN, F_COUNT };

static int64_t field_of(const struct point *p, enum field f)
{
    switch (f) {
    case F_MS:
        return p->ms;
    case F_SM:
        return p->sm_mhz;
    case F_MEM:
        return p->mem_mhz;
    case F_POWER:
        return p->power_mw;
    case F_TEMP:
        return p->temp_c;
    case F_UTIL:
        return p->util_pct;
    case F_USED:
        return p->used_mib;
    case F_REASONS:
        return p->reasons;
    case F_FOREIGN:
    case F_COUNT:
        break;
    }
    return p->foreign;
}

void trace_json(const struct trace *t, struct jw *w)
{
    static const char *const names[] = {"mono_ms",  "sm_mhz",   "mem_mhz", "power_mw", "temp_c",
                                        "util_pct", "used_mib", "reasons", "foreign"};
    jw_open(w, '{');
    jw_kint(w, "every", t->every ? t->every : 1);
    for (int f = 0; f < F_COUNT; f++) {
        jw_key(w, names[f]);
        jw_open(w, '[');
        for (uint32_t i = 0; i < t->n; i++) {
            int64_t v = field_of(&t->p[i], (enum field)f);
            if (v < 0)
                jw_null(w);
            else
                jw_int(w, v);
        }
        jw_close(w, ']');
    }
    jw_close(w, '}');
}
