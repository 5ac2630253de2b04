/* From a card's samples to a summary and a verdict. Pure. Every sample is counted as it comes, so
 * the summary is exact whatever of the samples is kept. docs/TELEMETRY.md says what each figure
 * means. */
#ifndef GPU_VERDICT_H
#define GPU_VERDICT_H

#include "base/jw.h"
#include "gpu/gpu.h"

/* Why clocks were held down. The first five are gpu_slowed, which a driver may count; the last has
 * no counter and is known by its bit alone. */
enum { CAUSE_HW_SLOWDOWN = GPU_SLOWED_COUNT, CAUSE_COUNT };

struct range {
    int32_t min, max; /* -1 = never told */
    int64_t sum, n;   /* of all told values, each sample once */
};

struct tally {
    int64_t start_us;
    int32_t sm_max_mhz;
    struct gpu_sample prev; /* newest sample; prev.mono_us 0 = none yet */
    int64_t n;              /* samples within the recording */
    int64_t gap_us;         /* longest stretch between two samples, from the start on */
    int64_t busy_us, idle_us, foreign_us, app_clocks_us;
    int64_t slowed_us[CAUSE_COUNT];
    bool counted[CAUSE_COUNT]; /* by the driver, not from bits */
    struct range sm, mem, power, temp, util, used, busy_sm;
    int64_t energy_mj; /* sum of counter differences, -1 = no counter */
    int64_t ecc_new;   /* uncorrected errors that came */
    int64_t xid;       /* newest within the recording, 0 = none */
    bool lost, foreign, used_by_job, partial;
};

/* seed: the newest sample before the start, the base of the counters; NULL = none or too old. */
void tally_start(struct tally *t, int64_t start_us, int32_t sm_max_mhz,
                 const struct gpu_sample *seed);
void tally_add(struct tally *t, const struct gpu_sample *s);
/* Slowed time by all causes together; at most the recording's length. */
int64_t tally_throttled_us(const struct tally *t, int64_t end_us);
/* Members of an open object. */
void tally_json(const struct tally *t, int64_t end_us, struct jw *w);

/* Several cards of one attempt; fast: 10 samples a second were asked for. ret->wrong_card is read,
 * the rest is written. */
void verdict_of(const struct tally *const *t, size_t n, int64_t end_us, bool fast,
                struct gpu_verdict *ret);
void verdict_thresholds_json(bool fast, struct jw *w);

#endif
