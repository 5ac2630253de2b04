/* All of this room that needs no loop, no process and no clock: what the probe says and what the
 * time is goes in, judgements, recordings and answers come out. gpu.c connects it to the world, the
 * simulator in tests/ to dice. */
#ifndef GPU_CORE_H
#define GPU_CORE_H

#include "gpu/check.h"
#include "gpu/inventory.h"
#include "gpu/record.h"

enum {
    CORE_HZ = 1,
    CORE_HZ_FAST = 10,
    /* How long the probe may then be silent before it is taken for hung. It asks a machine without
     * cards again every 30 s, and a driver may take long to wake up. */
    CORE_SILENT_MS = 15000,
    CORE_SILENT_NONE_MS = 90000,
    CORE_SKEW_US = 60000000, /* a sample's time is at most so far from ours, the same clock */
};

struct core_config {
    void (*who)(void *arg, struct gpu_proc *p, int64_t now_mono_us); /* owners_ask */
    bool (*is_ours)(void *arg, const char *token);
    void *arg;
};

struct core {
    struct core_config config;
    struct inventory inv;
    struct records records;
    struct checks checks;
};

void core_init(struct core *c, const struct core_config *config);
void core_done(struct core *c);
/* One line of the probe. How long the next may take in ms, or -1: the line made no sense. */
int core_line(struct core *c, const char *p, size_t len, int64_t now_mono_us);
/* Judge all cards again: processes were looked up, a recording began or ended. */
void core_judge(struct core *c, int64_t now_mono_us);
void core_tick(struct core *c, int64_t now_mono_us);
/* Samples per second that card i should have. */
int core_hz(const struct core *c, size_t i);

#endif
