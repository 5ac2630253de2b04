/* Does a card's newest sample speak against using it? Pure.
 *
 * Two such answers in a row make a card free (inventory.c). While a recording has the card its
 * memory and utilisation are the job's own and are not judged; a process that is not at home always
 * is. */
#ifndef GPU_EVIDENCE_H
#define GPU_EVIDENCE_H

#include "gpu/gpu.h"

enum {
    EVIDENCE_MARGIN_MIB = 256, /* above the baseline; a context of the driver's own, a monitor */
    EVIDENCE_DISPLAY_UTIL_PCT = 10 /* a desktop redraws itself */
};

/* Clean = true; else why in a sentence. procs_more: the list was longer than proc[]. */
bool evidence_clean(const struct gpu_card *c, bool held, bool procs_more, char *why, size_t size);
/* The baseline after this sample: the minimum of memory in use over samples without a compute
 * process (where the list cannot be seen: without utilisation). -1 = still unknown. */
int32_t evidence_baseline(const struct gpu_card *c, bool procs_more);
/* A compute process that is known and not at home was seen. */
bool evidence_foreign(const struct gpu_card *c);
/* Somebody draws on it: a display is attached or a graphics process runs. */
bool evidence_display(const struct gpu_card *c);

#endif
