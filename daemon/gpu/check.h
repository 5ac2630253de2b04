/* Questions that take several samples: is a card free before a start, did it become clean after an
 * end? Samples and times come as values.
 *
 * check   ok: two clean samples in a row of each card, taken after the question; not ok: a
 * stranger's process in two in a row, a card that is drained, in quarantine, gone, or 5 s went by.
 * settle  ok: the same, whatever drain says; not ok: its time is over: those that were not clean go
 *         into quarantine. */
#ifndef GPU_CHECK_H
#define GPU_CHECK_H

#include "gpu/gpu.h"
#include "gpu/inventory.h"

enum { CHECK_US = 5000000, CHECK_SAMPLES = 2 };

enum check_kind { CHECK_BEFORE, CHECK_SETTLE };

struct check;

struct checks {
    struct check *first; /* in the order in which they were asked */
};

void checks_add(struct checks *k, enum check_kind kind, const char *const *uuids, size_t n,
                int64_t now_mono_us, int64_t patience_us, gpu_checked done, void *arg);
/* Forget those of this arg; their done is not called. */
void checks_cancel(struct checks *k, const void *arg);
void checks_free(struct checks *k);
bool checks_want(const struct checks *k, const char *uuid);
/* Card i has a new sample. */
void checks_sample(struct checks *k, const struct inventory *v, size_t i);
void checks_tick(struct checks *k, struct inventory *v, int64_t now_mono_us);
/* Tell those that are decided. Their callbacks may ask and cancel. */
void checks_tell(struct checks *k);

#endif
