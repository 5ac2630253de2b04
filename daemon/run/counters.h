/* Hardware counters of the whole tree of the job, by perf_event_open. Everything is -1 where there
 * is no PMU (most virtual machines) or perf_event_paranoid forbids it. */
#ifndef RUN_COUNTERS_H
#define RUN_COUNTERS_H

#include "attempt/run_file.h"

enum { N_COUNTERS = 3 };

struct counters {
    int fd[N_COUNTERS]; /* -1 = not open */
};

/* Before the job is cloned: it inherits them, and they start at its exec. */
void counters_open(struct counters *c, bool wanted);
/* After it ended. */
void counters_read(const struct counters *c, struct attempt_record *to);

#endif
