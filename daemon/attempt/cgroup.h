/* Which cgroup (v2) a process is in, from the texts of /proc/self/mountinfo and /proc/self/cgroup.
 * Works where v2 is mounted beside v1, as `unified`. */
#ifndef ATTEMPT_CGROUP_H
#define ATTEMPT_CGROUP_H

#include <stdbool.h>
#include <stddef.h>

/* The folder of the cgroup that the process is in. False: no v2 here, or a path that is not
 * reachable from this mount or has characters that the claim cannot hold. */
bool attempt_cgroup_parse(const char *mountinfo, const char *cgroup, char *out, size_t size);
/* The folder of an attempt's own cgroup below that. False: it does not fit. */
bool attempt_cgroup_name(const char *parent, const char *token, char *out, size_t size);
/* Is this path what attempt_cgroup_name makes for that token? For those who read it in a file. */
bool attempt_cgroup_is(const char *path, const char *token);

#endif
