/* The `run` file: lock, claim and exit record of one attempt.
 *
 * It is made empty by whoever wants its flock(LOCK_EX). Under that lock it gets one claim (or a
 * void record, which says that nobody may claim it any more), later one exit record; each is one
 * line, one write, with the attempt's token and a CRC-32. Whoever finds the file not empty after
 * taking the lock must not run the job. cail-run holds the lock as long as it lives.
 *
 *     CAILRUN1 claim token=.. pid=.. start=.. boot=.. at_us=.. cgroup=.. crc=........
 *     CAILRUN1 exit token=.. cause=exited code=0 .. crc=........
 *
 * Unknown keys are skipped, so a newer cail-run can be read by an older cail-d. */
#ifndef ATTEMPT_RUN_FILE_H
#define ATTEMPT_RUN_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/str.h"

#define ATTEMPT_RUN_FILE_MAX   8192
#define ATTEMPT_CGROUP_MAX     1024
#define ATTEMPT_UNKILLABLE_MAX 512

/* cail-run, so that it is known again. */
struct attempt_claim {
    pid_t pid;
    int64_t start;   /* field 22 of /proc/PID/stat: with pid, never the same process twice */
    char boot[40];
    int64_t at_us;   /* wall clock */
    char cgroup[ATTEMPT_CGROUP_MAX]; /* the job's cgroup v2 folder, "" = none was tried */
};

/* How it ended. Fields are those of struct attempt_end (model/job.h), which says what they mean;
 * cause is an index of CAIL_END_CAUSES, the same number as enum end_cause. */
struct attempt_record {
    int cause;
    int32_t exit_code, signal, exec_errno;
    int64_t wall_us, user_us, system_us;
    int64_t max_rss_bytes;
    int64_t instructions, cycles, branch_misses;
    int64_t log_bytes, hole_from, hole_to;
    int32_t killed;
    char unkillable[ATTEMPT_UNKILLABLE_MAX]; /* "pid pid", "" = none */
};

enum attempt_run_state {
    ATTEMPT_RUN_ABSENT,      /* no byte: nobody claimed it */
    ATTEMPT_RUN_VOID,        /* nobody did and nobody may */
    ATTEMPT_RUN_TORN,        /* claimed, but the claim cannot be read */
    ATTEMPT_RUN_WRONG_TOKEN, /* claimed for another attempt */
    ATTEMPT_RUN_CLAIMED,     /* claimed, no exit record */
    ATTEMPT_RUN_EXIT_TORN,   /* claimed, and what follows is not a whole exit record */
    ATTEMPT_RUN_ENDED,       /* claimed and ended */
};

struct attempt_run {
    enum attempt_run_state state;
    struct attempt_claim claim;   /* from CLAIMED on */
    struct attempt_record record; /* ENDED */
};

void attempt_record_init(struct attempt_record *r); /* unknowns, not zeros */
void attempt_claim_encode(const char *token, const struct attempt_claim *c, struct str *out);
void attempt_void_encode(const char *token, int64_t at_us, struct str *out);
void attempt_record_encode(const char *token, const struct attempt_record *r, struct str *out);
/* What the file's bytes say about the attempt with that token. Total: any bytes give a state. */
void attempt_run_decode(const char *bytes, size_t len, const char *token, struct attempt_run *ret);

/* Read an open run file from its beginning. 0, or -1 with errno. */
int attempt_run_read(int fd, const char *token, struct attempt_run *ret);

#endif
