/* A card's samples of one recording, small: at most TRACE_MAX points; when full every second goes
 * and from then on only every second, fourth, ... sample is kept. Pure. What counts is in the
 * tally. */
#ifndef GPU_TRACE_H
#define GPU_TRACE_H

#include "base/jw.h"
#include "gpu/gpu.h"

enum { TRACE_MAX = 1200 };

struct point { /* -1 = not told */
    int64_t ms;
    int32_t power_mw, used_mib, sm_mhz, mem_mhz;
    int16_t temp_c, reasons;
    int8_t util_pct;
    bool foreign;
};

struct trace {
    struct point *p;
    uint32_t n, cap;
    uint32_t every, skipped; /* keep one of `every` */
};

void trace_add(struct trace *t, const struct gpu_sample *s, int64_t start_us);
void trace_done(struct trace *t);
/* {"mono_ms":[],"sm_mhz":[],...,"every":1} */
void trace_json(const struct trace *t, struct jw *w);

#endif
