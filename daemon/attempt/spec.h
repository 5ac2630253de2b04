/* The spec file: everything cail-run needs, written once (0600) by whoever starts the attempt.
 *
 * "CAILSPEC1" NUL, then key=value NUL ..., then crc=<8 hex digits> NUL over all bytes before it.
 * `arg` and `env` repeat, in order. `stdin=<n>` NUL is followed by n raw bytes and a NUL. An
 * unknown key refuses the spec: a limit that is not understood would not be kept. */
#ifndef ATTEMPT_SPEC_H
#define ATTEMPT_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/str.h"

#define ATTEMPT_SPEC_MAX      (16u << 20) /* a 1 MiB script, 4096 arguments, 512 variables fit */
#define ATTEMPT_SPEC_LIST_MAX 16384
#define ATTEMPT_GROUPS_MAX    1024

struct attempt_spec {
    int64_t id;
    const char *token;
    const char *cwd;          /* absolute; "" = the attempt's folder */
    const char *cpu_list;     /* "0,2-3"; NULL = not pinned */
    const char **argv, **env; /* NULL-terminated */
    const char *stdin_text;   /* NULL = /dev/null */
    size_t stdin_len;
    int64_t wall_ms, idle_ms, grace_ms; /* wall, idle: 0 = no limit */
    int64_t log_cap_bytes;              /* 0 = no cap */
    int64_t memory_mib;                 /* 0 = none */
    bool counters;
    /* argv starts a container by this engine (path of docker or podman), under this name, of this
     * image; given together or not at all. cail-run leaves none of that name behind. */
    const char *engine, *container, *image;
    int64_t uid, gid; /* -1 = as cail-run; given together or not at all */
    gid_t *groups;    /* the supplementary ones when uid is given */
    size_t n_groups;
};

/* Append the file's bytes. */
void attempt_spec_encode(const struct attempt_spec *s, struct str *out);
/* Strings of *ret point into bytes, which must outlive it; attempt_spec_done frees the lists. */
int attempt_spec_decode(const char *bytes, size_t len, struct attempt_spec *ret,
                        struct cail_err *err) NODISCARD;
void attempt_spec_done(struct attempt_spec *s);

/* The command that kills and removes the container, at once and without a word about one that is
 * gone: argv of at most ATTEMPT_REMOVE_ARGS, into which it points. */
#define ATTEMPT_REMOVE_ARGS 8
void attempt_container_remove(const char *engine, const char *container,
                              const char *argv[ATTEMPT_REMOVE_ARGS]);
/* Is this path docker's or podman's program by its name? */
bool attempt_engine_is_podman(const char *engine);

/* Parse "0,2-3" into cpu numbers below max: calls add(arg, cpu). False = not such a list. */
bool attempt_cpu_list(const char *text, int max, void (*add)(void *arg, int cpu), void *arg);

#endif
