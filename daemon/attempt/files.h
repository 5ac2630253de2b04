/* The folder of one attempt: the names of its files and the room's small shared pieces.
 *
 *   spec     what to run and within which limits; written by cail-d before the start (spec.h)
 *   run      lock, claim and exit record of cail-run (run_file.h)
 *   control  the latest request of cail-d to cail-run (control.h)
 *   image    of a container: what the engine knows its image as; written by cail-run
 *   log      stdout and stderr of the job, byte N of the output at byte N of the file
 *   ports    those of 127.0.0.1 that it leased, "21000,21001"; written by cail-d
 *   containers  that a step started by itself (containers.h)
 *
 * A file is made when it is first needed: creating files is most of what a tiny job costs. */
#ifndef ATTEMPT_FILES_H
#define ATTEMPT_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ATTEMPT_SPEC_FILE       "spec"
#define ATTEMPT_RUN_FILE        "run"
#define ATTEMPT_CONTROL_FILE    "control"
#define ATTEMPT_LOG_FILE        "log"
#define ATTEMPT_IMAGE_FILE      "image" /* "<id> <name>@<digest> ..." */
#define ATTEMPT_PORTS_FILE      "ports"
#define ATTEMPT_CONTAINERS_FILE "containers" /* containers.h */

/* In the environment of everything the job starts, so that survivors of a dead cail-run are
 * found. Not CAIL_TOKEN, which is the client's bearer token. */
#define ATTEMPT_TOKEN_VAR "CAIL_ATTEMPT_TOKEN"

/* What cail-run exits with; 0 = the exit record is written. */
enum {
    ATTEMPT_EXIT_USAGE = 64,
    ATTEMPT_EXIT_IO = 74,      /* a file of the folder could not be written */
    ATTEMPT_EXIT_CLAIMED = 75, /* somebody else has the lock or the claim: nothing was run */
    ATTEMPT_EXIT_SPEC = 78,    /* the spec is not readable: nothing was run */
};

/* CRC-32 (IEEE 802.3) of p[len], as zlib's crc32(0, p, len). */
uint32_t attempt_crc32(const void *p, size_t len);
/* 1..64 letters, digits or '-': what may be a token, and thereby part of a path. */
bool attempt_token_ok(const char *token, size_t len);
/* All of text[len] as a decimal number from min to 2^62; false = it is not one. */
bool attempt_parse_int(const char *text, size_t len, int64_t min, int64_t *ret);

#endif
