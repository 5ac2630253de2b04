/* Hardware counters. */
#include "run/counters.h"

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

void counters_open(struct counters *c, bool wanted)
{
    static const uint64_t config[N_COUNTERS] = {
        PERF_COUNT_HW_INSTRUCTIONS, PERF_COUNT_HW_CPU_CYCLES, PERF_COUNT_HW_BRANCH_MISSES};
    for (int i = 0; i < N_COUNTERS; i++) {
        struct perf_event_attr a = {
            .type = PERF_TYPE_HARDWARE,
            .size = sizeof a,
            .config = config[i],
            .read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
            .disabled = 1,
            .inherit = 1,
            .enable_on_exec = 1,
            .exclude_kernel = 1, /* all that perf_event_paranoid 2, the usual value, allows */
            .exclude_hv = 1,
        };
        c->fd[i] = wanted ? (int)syscall(SYS_perf_event_open, &a, 0, -1, -1,
                                         (unsigned long)PERF_FLAG_FD_CLOEXEC)
                          : -1;
    }
}

/* Counters that shared the PMU ran only a part of the time; scaling is how perf does it, too. */
static int64_t scaled(int fd)
{
    struct {
        uint64_t value, enabled, running;
    } v;
    if (fd < 0 || read(fd, &v, sizeof v) != (ssize_t)sizeof v || !v.running)
        return -1;
    if (v.running >= v.enabled)
        return (int64_t)v.value;
    return (int64_t)((double)v.value * ((double)v.enabled / (double)v.running));
}

void counters_read(const struct counters *c, struct attempt_record *to)
{
    to->instructions = scaled(c->fd[0]);
    to->cycles = scaled(c->fd[1]);
    to->branch_misses = scaled(c->fd[2]);
}
