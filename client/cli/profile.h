/* cail run --profile TOOL: the job, then the same once more under a profiler, whose figures nobody
 * takes and whose trace is an artifact. Both are sent in one request, so the second is queued even
 * when this client goes away. */
#ifndef CLI_PROFILE_H
#define CLI_PROFILE_H

#include "cli.h"

/* The body of a job becomes an array of the job and its profiled twin. 0 or an exit code. */
int profile_pair(struct cli *cli, json_t **body);
/* Follows both; the exit code. */
int profile_run(struct cli *cli, const json_t *reply);

#endif
