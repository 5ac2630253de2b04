/* Shared by the load programs: clock, percentiles, the pipe through which stamp jobs report.
 * Every function ends the program with a message when it cannot go on: a figure taken after an error
 * would be no figure. */
#ifndef BENCH_TIMING_H
#define BENCH_TIMING_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

void die(const char *what) __attribute__((noreturn)); /* prints errno too */
/* A whole decimal number of at least `least`. */
long number_of(const char *text, long least);
int64_t mono_ns(void);

/* "p50 p99 min max" in milliseconds, one line; sorts `ns`. */
void print_latency(int64_t *ns, size_t n);

/* Opens (and makes) the fifo for reading; stamps write into it. Never sees an end of file. */
int stamps_open(const char *path);
/* The time in the next stamp; at most one may be on its way. Waits 30 s at most. */
int64_t stamps_next(int fd);

/* Counts stamps on a thread of its own, so that no writer ever waits for room in the pipe. */
struct stamps {
    pthread_t thread;
    int fd;
    long want;
    int64_t last_ns; /* when the last one was read */
};
void stamps_count(struct stamps *s, int fd, long want);
int64_t stamps_wait(struct stamps *s); /* -> last_ns */

#endif
