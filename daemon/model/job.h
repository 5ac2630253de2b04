/* The nouns of the queue: job, attempt, group, queue, lease. Plain values; who changes them is said
 * at each field. States are changed by move.h alone. */
#ifndef MODEL_JOB_H
#define MODEL_JOB_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <uthash.h>

#include "base/rnd.h"
#include "model/word.h"

/* What a job (or one of its steps) asks of the machine. */
struct needs {
    int32_t cpus; /* >= 1; CPUS_ALL = every cpu that is granted to jobs */
    int32_t gpus; /* 0 = none */
    int32_t ports;
    int64_t memory_mib;     /* 0 = not said: books nothing */
    int64_t gpu_memory_mib; /* least memory of each card, 0 = any */
    char *gpu_model;        /* glob, NULL = any */
    char *gpu_uuid; /* these cards alone: UUIDs or beginnings of them with commas; NULL = any */
    enum exclusive exclusive;
    bool share; /* may share a card; never for benchmarks */
};

#define CPUS_ALL (-1)

struct after {
    int64_t job;
    enum after_when when;
    bool met; /* sched */
};

/* One job. Freed with job_free. Everything else about the request is in `spec`, one JSON object in
 * the request's own words; it is parsed when the job starts, not before. */
struct job {
    int64_t id;
    int64_t group; /* 0 = none */
    int32_t index; /* place in the group */
    enum job_state state;
    enum job_kind kind;
    int32_t priority;   /* -100..100, higher first */
    char *name;         /* never NULL */
    char *queue;        /* never NULL */
    char *recipe;       /* NULL unless a recipe's */
    char *spec;         /* JSON object text, never NULL */
    struct needs needs; /* of the step that is next or runs */
    int64_t timeout_s;  /* wall time of one attempt */
    int64_t max_wait_s; /* 0 = waits for ever; a quiet lease gives up after it */
    int64_t created_at_us;
    int64_t queued_at_us;   /* when it last became eligible to age; sched's order */
    int64_t not_before_us;  /* 0 = now; also the end of a retry's backoff */
    int64_t started_at_us;  /* first attempt, 0 = none yet */
    int64_t finished_at_us; /* set exactly in terminal states */
    int32_t step, n_steps;  /* step < n_steps; jobs without named steps have 1 */
    int32_t attempts_used;  /* attempts of the whole job so far */
    int32_t tries_used;     /* tries of the present step, counted against max_tries */
    int32_t max_tries;      /* retry.max_attempts, >= 1 */
    uint32_t retry_on;      /* bit per enum retry_cause */
    int32_t backoff_s;
    struct after *after;
    int32_t n_after;
    int64_t blocked_by; /* dep_failed: the job that did it */
    uid_t uid;          /* submitter */
    char *user;         /* its name at submit, never NULL */
    char *pr;           /* NULL = none */
    char *reason;       /* sentence for a person, NULL = none; engine */
    int32_t exit_code;  /* of the last attempt; -1 = none */
    int32_t signal;     /* 0 = none */
    bool cached;        /* answered from the build cache */
    bool ready;         /* a service whose probe passed */
    bool cancel_requested;
    int64_t cancel_grace_ms;
    uint32_t flags; /* JOB_FLAG_* */
    /* Memory only. */
    struct attempt *attempt; /* the live one, NULL = none; owned by the engine */
    int64_t measures;        /* a comparison, which may have ended since; 0 = none; engine */
    int32_t void_starts;     /* attempts in a row that ended before they were claimed */
    struct {
        int64_t done, total, eta_s; /* total 0 = unknown; eta_s -1 = unknown */
        char label[32];
    } progress;
    void *sched;       /* sched's own node; NULL unless it knows the job */
    UT_hash_handle hh; /* engine's table, by id */
};

enum {
    JOB_FLAG_METRICS_MAYBE_MISSING = 1 << 0, /* the log was capped */
    JOB_FLAG_LEFTOVERS_KILLED = 1 << 1,      /* the job left processes behind */
    JOB_FLAG_UNKILLABLE = 1 << 2,
    JOB_FLAG_RECIPE_CHANGED = 1 << 3, /* the recipe's files changed between submit and start */
    JOB_FLAG_RESULTS_BAD = 1 << 4,    /* a declared result file could not be read */
    JOB_FLAG_TAINTED = 1 << 5,        /* a card was throttled or shared: see its telemetry */
    JOB_FLAG_WRONG_CARD = 1 << 6,     /* its processes were seen on a card it had not leased */
    JOB_FLAG_UNUSED_CARD = 1 << 7,    /* nothing of it was ever seen on its cards */
};
/* Words of the flags by bit number; NULL past the last. */
extern const char *const job_flag_words[];

/* What cail-run measured and how it ended; every field null-able says how. */
struct attempt_end {
    enum end_cause cause;
    int32_t exit_code;  /* -1 = none */
    int32_t signal;     /* 0 = none */
    int32_t exec_errno; /* END_EXEC_FAILED */
    int64_t wall_us, user_us, system_us;
    int64_t max_rss_bytes;                       /* -1 unknown */
    int64_t instructions, cycles, branch_misses; /* -1 = no counter here */
    int64_t log_bytes;                           /* bytes of output, hole included */
    int64_t hole_from, hole_to;                  /* punched out; equal = none */
    int32_t killed;   /* stragglers killed after the main process ended */
    char *unkillable; /* "pid pid", NULL = none */
};

struct attempt {
    int64_t id;
    int64_t job_id;
    int32_t number; /* 1.. within the job */
    int32_t step;
    enum attempt_state state;
    char token[RND_TOKEN_LEN];
    char boot_id[40];
    char *executor; /* "local" */
    char *dir;      /* its folder, absolute */
    int64_t created_at_us;
    int64_t started_at_us; /* 0 until cail-run was seen alive */
    int64_t ended_at_us;
    int32_t granted_cpus;   /* what the lease gave */
    char *cpu_list;         /* pinned cpus "2,3", NULL = not pinned */
    char *provenance;       /* JSON object, NULL = not taken */
    char *gpus;             /* uuids with commas, NULL = none; from the leases, not a column */
    bool files_gone;        /* retention removed its folder */
    struct attempt_end end; /* valid in terminal states */
};

/* An array or a matrix. */
struct group {
    int64_t id;
    char *name;
    int32_t size;
    int32_t max_parallel; /* 0 = no limit */
    bool fail_fast;
    int64_t created_at_us;
    int32_t counts[JOB_STATE_COUNT]; /* engine keeps them while any job is in memory */
    int32_t in_memory;               /* members in the engine's table; memory only */
    UT_hash_handle hh;
};

struct queue {
    char *name;
    int32_t limit; /* jobs running at once, 0 = no limit */
    bool paused;
    UT_hash_handle hh;
};

struct result {
    int64_t id, job_id, attempt_id;
    char *benchmark, *params; /* params: JSON object text */
    char *metric, *unit;
    enum better better;
    enum metric_kind kind;
    enum result_status status;
    double *samples;
    int32_t n_samples;
    double value; /* median of samples; NaN = none */
};

struct artifact {
    int64_t job_id, attempt_id;
    char *name; /* relative path below the artifact folder */
    int64_t bytes;
    char sha256[65];
    bool diff;
};

/* What a request with an Idempotency-Key has made: one of them, the others are 0. */
struct idem_made {
    int64_t job, group, comparison, bisection;
};

struct cache_entry {
    char *key;                   /* sha256 of recipe content, parameters, source and tools */
    char *recipe, *params, *sha; /* sha NULL = no source */
    char *path;
    int64_t bytes; /* 0 while building */
    enum cache_state state;
    int64_t created_at_us, last_used_at_us;
    int64_t uses, job_id;
    char *pr; /* a pull request that used it, NULL = none; a setting, not a column */
    UT_hash_handle hh;
};

void needs_done(struct needs *n);
void needs_copy(struct needs *to, const struct needs *from);
struct job *job_new(void);    /* zeroed, exit_code -1, n_steps 1, max_tries 1 */
void job_free(struct job *j); /* NULL is fine; not the attempt */
struct attempt *attempt_new(void);
void attempt_free(struct attempt *a);
void attempt_end_init(struct attempt_end *e); /* unknowns, not zeros */
void group_free(struct group *g);
void queue_free(struct queue *q);
void result_done(struct result *r);
void artifact_done(struct artifact *a);
void cache_entry_free(struct cache_entry *c);
/* Replace an owned string. */
void model_set(char **field, const char *value);

/* What a client exits with once the job has ended (API.md "Exit codes"); -1 while it lives. */
int job_exit_status(const struct job *j);

#endif
