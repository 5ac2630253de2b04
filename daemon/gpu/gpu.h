/* The cards of this machine: who they are, whether each is free (by evidence, not by our books
 * alone),
 * what they did while an attempt held them. Fed by cail-probe, a child process: a driver that
 * hangs, hangs
 * that, and the loop never waits for it. Loop thread only.
 *
 * Free = known, healthy, not drained, no foreign compute process, memory near its baseline,
 * utilisation 0, in
 * two samples in a row. Whether it is leased is the scheduler's book, not ours. */
#ifndef GPU_GPU_H
#define GPU_GPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "base/err.h"
#include "base/jw.h"
#include "base/rnd.h"

enum { GPU_CARDS_MAX = 64, GPU_PROCS_MAX = 32 };

struct gpu;

struct gpu_proc {
    pid_t pid;
    uid_t uid;            /* (uid_t)-1 = not known */
    int64_t used_mib;     /* -1 = not told */
    bool compute;
    bool known;           /* looked up; until then nothing below is to be trusted */
    bool ours;            /* belongs to a live attempt: our cgroup, or CAIL_ATTEMPT_TOKEN in its
                           * environment or that of a parent */
    bool at_home;         /* ours, and a recording says that its attempt has this card */
    char token[RND_TOKEN_LEN]; /* of its attempt, live or not, "" = none */
    char user[32];        /* "" = not known */
    char command[64];
};

/* -1 in any number = the card does not tell. */
struct gpu_sample {
    int64_t mono_us;
    int32_t sm_mhz, mem_mhz, power_mw, temp_c, util_pct, used_mib, reserved_mib;
    uint32_t reasons;
    int64_t slowed_us[5]; /* GPU_SLOWED_*; accumulated by the driver */
    int64_t energy_mj;
    int32_t pstate, pcie_gen, pcie_width;
    int64_t ecc_uncorrected;
    bool foreign; /* a foreign compute process was on it */
};
enum gpu_slowed { GPU_SLOWED_SW_POWER_CAP, GPU_SLOWED_SW_THERMAL, GPU_SLOWED_HW_THERMAL,
                  GPU_SLOWED_HW_POWER_BRAKE, GPU_SLOWED_SYNC_BOOST, GPU_SLOWED_COUNT };
extern const char *const gpu_slowed_words[];

enum gpu_health { GPU_HEALTHY, GPU_SUSPECT /* no sample lately, Xid, remap pending */, GPU_GONE };

struct gpu_card {
    char uuid[64], name[96], bus[32], vbios[32], compute[8], parent[64]; /* parent "" = none */
    int32_t index, minor;
    int64_t memory_mib;
    int32_t power_limit_mw, sm_max_mhz, mem_max_mhz;
    int32_t pcie_gen_max, pcie_width_max;
    int8_t ecc, mig, persistence, display; /* 1, 0, -1 = not told */
    enum gpu_health health;
    bool drained;
    char drain_note[128];
    char quarantine[160];    /* "" = not; why it was not clean after a lease */
    int32_t baseline_mib;    /* -1 = not learnt yet: memory is not judged */
    bool partial;            /* the process list cannot be seen */
    struct gpu_sample last;
    struct gpu_proc proc[GPU_PROCS_MAX];
    size_t n_procs;
    bool free_twice;         /* evidence of the last two samples */
    char reason[160];        /* why it is not free; "" when it is */
    int64_t xid, xid_mono_us; /* newest, 0 = none */
};

struct gpu_config {
    const char *probe;      /* path of cail-probe */
    const char *nvml_path;  /* library to load instead of the system's; NULL = search */
    bool (*is_ours)(void *arg, const char *token); /* is that a live attempt's token? */
    void (*changed)(void *arg); /* cards came, went, became free or busy */
    void *arg;
};

int gpu_open(struct gpu **ret, uv_loop_t *loop, const struct gpu_config *config,
             struct cail_err *err) NODISCARD;
/* Callbacks of checks that are open are not called any more. */
void gpu_close(struct gpu *g, void (*done)(void *arg), void *arg);
/* A card keeps its place for as long as the daemon runs, also while it is GPU_GONE. */
size_t gpu_cards(const struct gpu *g, const struct gpu_card **ret);
const struct gpu_card *gpu_find(const struct gpu *g, const char *uuid);
/* Has the probe said which cards there are, or that there are none? */
bool gpu_is_known(const struct gpu *g);
/* Why there are no cards, or "". */
const char *gpu_none_reason(const struct gpu *g);
void gpu_versions(const struct gpu *g, const char **ret_driver, int32_t *ret_cuda);

int gpu_drain(struct gpu *g, const char *uuid, bool on, const char *note, struct cail_err *err)
    NODISCARD;

/* --- leases: the engine says which attempt has which cards --- */

/* Ask for evidence: at least two fresh samples of each card after this call, then done(ok,
 * reason) on the
 * loop; within 5 s in any case (no fresh sample = not ok). Meanwhile sampled at 10 Hz. */
typedef void (*gpu_checked)(void *arg, bool ok, const char *reason);
void gpu_check(struct gpu *g, const char *const *uuids, size_t n, gpu_checked done, void *arg);
void gpu_check_cancel(struct gpu *g, void *arg);

/* Record telemetry for an attempt from now on; fast = 10 Hz, else 1 Hz. token: the value of
 * CAIL_ATTEMPT_TOKEN in its processes. */
void gpu_record_start(struct gpu *g, int64_t attempt_id, const char *token,
                      const char *const *uuids, size_t n, bool fast);
/* What was recorded so far, as one JSON object (GET /jobs/{id}/telemetry):
 * {"cards":[{"uuid","name","summary":{},
 *
 * "samples":{"mono_ms":[],"sm_mhz":[],...}}],"verdict":"clean|tainted","reasons":[],"thresholds":{}}. */
bool gpu_record_json(const struct gpu *g, int64_t attempt_id, struct jw *w);

struct gpu_verdict {
    bool clean;
    char reasons[200];     /* "sw_power_cap,foreign_process"; "" when clean */
    int64_t throttled_ms;
    bool wrong_card, unused_card; /* its processes were on a card it has not leased / on none of its cards */
};
/* The end: summary and samples (packed JSON text, caller frees) and the verdict; recording stops.
 * NULL when nothing was recorded; the verdict is then tainted(unobserved). */
char *gpu_record_end(struct gpu *g, int64_t attempt_id, struct gpu_verdict *ret);
/* After the end the cards must become clean again: done(ok) when two samples say so, or
 * quarantine with the reason
 * after settle_ms. */
void gpu_settle(struct gpu *g, const char *const *uuids, size_t n, int64_t settle_ms,
                gpu_checked done, void *arg);

/* What does not change from sample to sample: uuid, model, vbios, limits ... */
void gpu_facts_json(const struct gpu_card *c, struct jw *w);
/* One card as GET /gpus shows it, without lease facts; appends members to an open object: facts,
 * "live"
 * (newest sample), "evidence" {free, reason, ...}, "processes". */
void gpu_card_json(const struct gpu_card *c, struct jw *w);

#endif
