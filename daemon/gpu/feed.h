/* cail-probe as a child: started, read line by line, told rates, restarted when it ends, says
 * nonsense, floods or hangs. Nothing here waits: pipes do not block, a child that cannot be killed
 * (a driver holds it in the kernel) is left to its fate and no second one is started beside it. */
#ifndef GPU_FEED_H
#define GPU_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "base/err.h"

struct feed_config {
    const char *probe;     /* path; "--nvml PATH" is its only option */
    const char *nvml_path; /* NULL = it searches */
    int first_ms;          /* until its first line; NVML's first start may take half a minute */
    int backoff_ms, backoff_max_ms; /* before a restart; doubled each time */
    int steady_ms;                  /* having lived for so long it is started at once next time */
    int flood_lines;                /* more in a second is a fault */
    /* How many ms the next line may take; -1 = no sense in it. p[len] has no newline. */
    int (*line)(void *arg, const char *p, size_t len);
    void (*pause)(void *arg);                 /* lines came; no more for the moment */
    void (*down)(void *arg, const char *why); /* it is not running */
    void *arg;
};

#define FEED_DEFAULTS                                                                              \
    .first_ms = 60000, .backoff_ms = 1000, .backoff_max_ms = 60000, .steady_ms = 60000,            \
    .flood_lines = 10000

struct feed;

/* Copies config; strings too. It is started from the loop. */
int feed_open(struct feed **ret, uv_loop_t *loop, const struct feed_config *config,
              struct cail_err *err) NODISCARD;
/* False: not now, say it again later. */
bool feed_rate(struct feed *f, const char *uuid, int hz);
void feed_close(struct feed *f, void (*done)(void *arg), void *arg);

#endif
