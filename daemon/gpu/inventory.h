/* The table of cards: who they are by UUID, how they are, whether they are free. Takes what the
 * probe said as values and the time as a value; touches nothing outside, so it can be simulated.
 *
 * A card keeps its place in the table for ever (the scheduler holds indexes); the driver's own
 * order may change at any time. A card that went stays as GPU_GONE and is the same card when it
 * returns. Its place is given away only when the table is full. */
#ifndef GPU_INVENTORY_H
#define GPU_INVENTORY_H

#include "gpu/gpu.h"
#include "gpu/lines.h"

enum {
    INVENTORY_STALE_US = 5000000,       /* without a sample, its evidence counts for nothing */
    INVENTORY_QUARANTINE_US = 30000000, /* clean for so long ends a quarantine */
};

/* What a card's owner does not show. */
struct slot {
    char fault[128];   /* Xid, remap, lost: not healthy until it is said otherwise; "" = none */
    bool fault_sticks; /* until somebody undrains it; else until a sample says otherwise */
    bool held;         /* a recording has it: set by core.c before each sample */
    bool procs_more;
    bool clean;                  /* the newest sample was */
    int64_t sampled_mono_us;     /* newest sample by our clock, 0 = none since it came */
    int64_t clean_since_mono_us; /* first of the clean samples up to now; 0 = not clean */
    uint64_t n_samples;
    int hz_told;         /* what the probe was told, 0 = nothing */
    uint64_t told_state; /* digest of what `changed` reported */
};

struct inventory {
    struct gpu_card card[GPU_CARDS_MAX];
    struct slot slot[GPU_CARDS_MAX];
    size_t n;
    char driver[32], none[160];
    int32_t cuda;
    uint64_t told_none; /* digest of `none` when inventory_changed was last asked */
};

/* v->none until the probe has said for the first time what there is. */
#define INVENTORY_LOOKING "the cards are being looked for"
void inventory_init(struct inventory *v);
int inventory_find(const struct inventory *v, const char *uuid); /* -1 = not there */
void inventory_hello(struct inventory *v, const struct line *l, int64_t now_mono_us);
/* All cards are gone, for this reason. */
void inventory_none(struct inventory *v, const char *reason);
/* The line's processes must have been looked up and slot.held be right. False: an old sample. */
bool inventory_sample(struct inventory *v, size_t i, const struct line *l, int64_t now_mono_us);
/* Judge the newest sample again: a process was looked up, a lease began or ended. */
void inventory_judge(struct inventory *v, size_t i, int64_t now_mono_us);
void inventory_xid(struct inventory *v, size_t i, int64_t xid, int64_t mono_us);
void inventory_lost(struct inventory *v, size_t i, const char *error);
/* Time passed: who has gone stale? */
void inventory_tick(struct inventory *v, int64_t now_mono_us);
void inventory_drain(struct inventory *v, size_t i, bool on, const char *note, int64_t now_mono_us);
void inventory_quarantine(struct inventory *v, size_t i, const char *why);
/* Anything that a scheduler would want to know since the last call? */
bool inventory_changed(struct inventory *v);
/* May that Xid be a program's own doing? Then the card is not to blame (NVIDIA's Xid catalogue and
 * the list that its Kubernetes plugin skips). */
bool inventory_xid_is_programs(int64_t xid);

#endif
