/* What cail-d tells a running cail-run, and the other way.
 *
 * `control` (written as tmp + rename, then SIGUSR1) holds the latest request; there is one kind,
 * stop. cail-run starts the grace at the moment it reads it. */
#ifndef ATTEMPT_CONTROL_H
#define ATTEMPT_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define ATTEMPT_CONTROL_BYTES_MAX 256

struct attempt_control {
    int64_t grace_ms; /* between TERM and KILL */
};

void attempt_control_encode(const char *token, const struct attempt_control *c, struct str *out);
/* False: torn, of another version, or for another attempt. */
bool attempt_control_decode(const char *bytes, size_t len, const char *token,
                            struct attempt_control *ret);

/* Written by cail-run, in one piece, to a pipe that all attempts of one cail-d share, once its job
 * was executed (or could not be). Nobody reading any more is no error. */
struct attempt_started {
    int64_t id;    /* attempt */
    int64_t at_us; /* wall clock */
};

#endif
