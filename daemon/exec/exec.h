/* Executors: how an attempt comes to run, and how its end is learnt. An executor is a row of
 * exec_table and one file; `local` starts cail-run on this machine.
 *
 * The protocol (docs/LIFECYCLE.md): the engine commits the attempt as `starting` with a random
 * token, then calls start. cail-run takes the flock on <dir>/run, writes its claim, executes the
 * job and appends a checksummed exit record. Whoever decides about an attempt after a restart does so only
 * while holding that flock. Loop thread only; callbacks come from the loop, never from inside
 * start/stop/adopt. */
#ifndef EXEC_EXEC_H
#define EXEC_EXEC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "base/err.h"
#include "model/job.h"

struct exec;

/* Everything cail-run needs; borrowed for the call. */
struct exec_spec {
    int64_t attempt_id;
    const char *token;   /* attempt.token */
    const char *boot_id; /* attempt.boot_id */
    const char *dir;     /* the attempt's folder, absolute; made (0700) by start */
    const char *const *argv; /* NULL-terminated, argv[0] looked up in env's PATH */
    const char *const *env;  /* NULL-terminated "K=V"; the whole environment of the job, but for
                              * CAIL_ATTEMPT_TOKEN=<token>, which the executor adds */
    const char *cwd;         /* absolute; "" = the attempt's folder */
    const char *stdin_text;  /* NULL = /dev/null; else the job's standard input (a script) */
    size_t stdin_len;
    int64_t wall_ms;  /* 0 = no limit */
    int64_t idle_ms;  /* without output; 0 = no limit */
    int64_t grace_ms; /* between TERM and KILL */
    int64_t log_cap_bytes;
    const char *cpu_list; /* "2,3" = pin to these; NULL = not */
    int64_t memory_mib;   /* enforced where a cgroup allows; 0 = none */
    /* argv runs this engine, which makes a container of this name from this image; all NULL = none.
     * Whatever ends the attempt, no container of that name is left. */
    const char *engine, *container, *image;
    bool counters;        /* try perf_event_open: instructions, cycles, branch misses */
};

/* What is known of an attempt that did not start in this process. */
struct exec_ref {
    int64_t attempt_id;
    const char *token, *boot_id, *dir;
};

enum exec_outcome {
    EXEC_EXITED,        /* a whole exit record with the right token */
    EXEC_LOST,          /* claimed, no exit record, nobody alive (or another boot) */
    EXEC_NEVER_STARTED, /* nobody claimed it; the claim is now void, so nobody ever will */
};

struct exec_events {
    void *arg;
    /* cail-run has claimed and executed the job (or failed to: then ended follows at once). At most
     * once in the life of an executor and before `ended`; soon also for an attempt that was
     * adopted or settled, with the time of its claim. Never without a claim. */
    void (*started)(void *arg, int64_t attempt_id, int64_t at_us);
    /* It is over. end is borrowed; for EXEC_LOST only what is known is set. */
    void (*ended)(void *arg, int64_t attempt_id, enum exec_outcome outcome,
                  const struct attempt_end *end);
};

enum exec_adopted {
    EXEC_ADOPTED,   /* alive: `ended` will come */
    EXEC_SETTLED,   /* over already: `ended` will come from the loop, soon */
    EXEC_UNCLAIMED, /* same boot, nobody claimed: start it again with the same spec, or void it */
};

struct exec_ops {
    const char *name;
    int (*open)(struct exec **ret, uv_loop_t *loop, const struct exec_events *events,
                const char *helper_path /* cail-run */, struct cail_err *err);
    /* Stop watching and free; what runs, runs on. Memory goes when the loop has run once more. */
    void (*close)(struct exec *x);
    /* Make the folder, write the spec, spawn. An error means that nothing will ever run for this
     * token (the claim was voided if need be). */
    int (*start)(struct exec *x, const struct exec_spec *spec, struct cail_err *err);
    /* TERM now, KILL after grace_ms, whatever it started. Unknown attempt: no-op. Repeatable with
     * a shorter grace. */
    void (*stop)(struct exec *x, int64_t attempt_id, int64_t grace_ms);
    /* After a restart, while holding the flock as HOUSE.md says. */
    enum exec_adopted (*adopt)(struct exec *x, const struct exec_ref *ref);
    /* Settle an unclaimed attempt for good: `ended(EXEC_NEVER_STARTED)` comes, or, when somebody
     * claimed in between, what became of that. */
    void (*set_void)(struct exec *x, const struct exec_ref *ref);
};

extern const struct exec_ops exec_local;
/* By name, or NULL. */
const struct exec_ops *exec_find(const char *name);

#endif
