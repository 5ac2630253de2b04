/* One job in one line: the table of `ls` and `queue`. */
#ifndef CLI_JOB_LINE_H
#define CLI_JOB_LINE_H

#include <jansson.h>

#include "cli.h"

/* jobs: an array; nothing is printed for an empty one. */
void job_table(const json_t *jobs, int fd, bool titles);
/* What is worth knowing now: progress, reason, how it ended. Cleaned, caller frees. */
char *job_info(const json_t *job);
/* ms it has run; -1 = not started. */
int64_t job_ran_ms(const json_t *job);

#endif
