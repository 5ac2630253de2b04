/* Telemetry of the attempts that hold cards. Times and samples come as values. */
#ifndef GPU_RECORD_H
#define GPU_RECORD_H

#include <uthash.h>

#include "gpu/gpu.h"
#include "gpu/trace.h"
#include "gpu/verdict.h"

enum { RECORD_SEED_US = 2000000 }; /* a sample this young is the base of a recording's counters */

struct record_card {
    char uuid[64], name[96];
    struct tally tally;
    struct trace trace;
};

struct record {
    int64_t attempt_id;
    char token[RND_TOKEN_LEN];
    bool fast, wrong_card;
    int64_t start_mono_us, start_at_us;
    size_t n;
    struct record_card *cards;
    UT_hash_handle hh; /* by attempt_id */
};

struct records {
    struct record *all; /* hash */
};

struct record *record_find(const struct records *r, int64_t attempt_id);
/* A recording of the same attempt that is there already is replaced. The cards start empty: call
 * record_seed for those that are known. */
struct record *record_start(struct records *r, int64_t attempt_id, const char *token,
                            const char *const *uuids, size_t n, bool fast, int64_t now_mono_us,
                            int64_t now_at_us);
void record_seed(struct record *x, const struct gpu_card *c);
void record_free(struct records *r, struct record *x);
/* Is the card in a recording; in a fast one? */
bool record_holds(const struct records *r, const char *uuid, bool *ret_fast);
/* Does the attempt of that token hold that card? */
bool record_is_home(const struct records *r, const char *token, const char *uuid);
/* c has a new sample. */
void record_sample(struct records *r, const struct gpu_card *c);
void record_xid(struct records *r, const char *uuid, int64_t xid);
void record_lost(struct records *r, const char *uuid);
void record_verdict(const struct record *x, int64_t now_mono_us, struct gpu_verdict *ret);
/* The whole object, verdict included. */
void record_json(const struct record *x, int64_t now_mono_us, struct jw *w);

#endif
