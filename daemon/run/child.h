/* Starting the job: from here to its first instruction. */
#ifndef RUN_CHILD_H
#define RUN_CHILD_H

#include <sys/types.h>

#include "attempt/spec.h"

struct child_plan {
    const struct attempt_spec *spec;
    int stdin_fd;  /* the job's standard input */
    int out_fd;    /* write end of its output */
    int cgroup_fd; /* -1 = none */
};

/* What kept the job from running. */
struct child_failure {
    int sys_errno; /* 0 = it runs */
    char step[16]; /* "execute", "enter" ... */
};

/* Returns when the job has been executed, or has failed to be: its pid (then to be reaped in both
 * cases), or -1 when there is not even a process. */
pid_t child_start(const struct child_plan *p, struct child_failure *ret);

#endif
