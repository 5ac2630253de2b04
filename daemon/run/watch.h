/* Watching the job from its start to the death of its last descendant. */
#ifndef RUN_WATCH_H
#define RUN_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "attempt/run_file.h"
#include "attempt/spec.h"
#include "run/account.h"
#include "run/cgroup.h"
#include "run/output.h"

enum watch_stage {
    WATCH_RUNNING,
    WATCH_LINGERING, /* the job itself has ended, what it left may finish by itself */
    WATCH_TERMED,    /* asked to stop, until act_us */
    WATCH_KILLED,    /* KILL is sent again and again until act_us */
};

struct watch {
    const struct attempt_spec *spec;
    const struct cgroup *cgroup;
    struct output *output;
    struct account account;
    int signal_fd; /* CHLD, TERM, INT, USR1 */
    pid_t job;     /* 0 once reaped */
    pid_t asker;   /* asks about the image of a container; it is not the job's. 0 = none */
    pid_t remover; /* removes the container; nothing is killed meanwhile. 0 = none */
    int status;    /* of the job, as wait(2) gives it */
    enum watch_stage stage;
    int cause;           /* why we stopped it, -1 = we did not */
    bool cut_stragglers; /* KILL came after the job had ended by itself */
    bool gave_up;        /* something did not die of KILL */
    int32_t killed;
    int64_t begun_us, ended_us; /* BOOTTIME */
    int64_t spoke_us;           /* last output */
    int64_t act_us;             /* end of the stage, 0 = none */
};

/* Until no descendant is left, or those that are left cannot be killed. */
void watch_run(struct watch *w);

#endif
