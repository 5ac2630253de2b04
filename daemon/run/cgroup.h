/* The job's own cgroup (v2), where this process may make one: as root, or below a delegated
 * cgroup. It kills a tree at one stroke, and finds survivors should cail-run die. Without it
 * everything works by tree.h alone. */
#ifndef RUN_CGROUP_H
#define RUN_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "attempt/run_file.h"

struct cgroup {
    char path[ATTEMPT_CGROUP_MAX]; /* "" = there is no cgroup v2 */
    int fd;                        /* its folder, -1 = it could not be made */
};

/* Only finds the name, which the claim needs; makes nothing. */
void cgroup_name(struct cgroup *c, const char *token);
/* memory_mib: 0 = no limit; kept only where the memory controller is. */
void cgroup_make(struct cgroup *c, int64_t memory_mib);
void cgroup_kill(const struct cgroup *c);
bool cgroup_oom_killed(const struct cgroup *c);
int64_t cgroup_peak_bytes(const struct cgroup *c); /* -1 unknown */
void cgroup_remove(struct cgroup *c);

#endif
