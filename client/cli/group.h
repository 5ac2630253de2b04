/* Groups: what `group`, `wait` and `run --matrix` share. */
#ifndef CLI_GROUP_H
#define CLI_GROUP_H

#include "cli.h"

/* Wait for the end with a bar on stderr; deadline_ms: fmt_now_ms clock, 0 = none. Returns 0 and the
 * group, or an exit code (EXIT_TIMED_OUT, EXIT_DETACHED, a failure's). ret is the caller's. */
int group_wait(const struct cli *cli, int64_t id, int64_t deadline_ms, struct cail_reply *ret);
/* "12 jobs: 9 succeeded, 3 failed" and the jobs that did not succeed, to fd. */
void group_print(const json_t *group, int fd, bool all_jobs);
/* Its end, printed as --json or not; releases r and returns the exit code. */
int group_end(const struct cli *cli, struct cail_reply *r);
/* One GET of a job or group with ?wait= that survives a restart of the daemon. 0 or exit code. */
int wait_get(const struct cli *cli, const char *kind, int64_t id, int64_t seconds,
             struct cail_reply *ret);

#endif
