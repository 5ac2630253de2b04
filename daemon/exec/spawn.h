/* Starting cail-run on this machine. posix_spawn, never fork: the daemon is large, and a fork
 * copies its page tables. */
#ifndef EXEC_SPAWN_H
#define EXEC_SPAWN_H

#include <spawn.h>
#include <stdbool.h>

#include "exec/exec.h"

struct spawner {
    char *helper; /* cail-run */
    posix_spawnattr_t attr;
    posix_spawn_file_actions_t files;
};

/* started_fd: write end of the pipe that gets struct attempt_started. */
int spawner_init(struct spawner *s, const char *helper, int started_fd, struct cail_err *err);
void spawner_done(struct spawner *s);
/* Make the folder and write the spec. */
int spawner_prepare(const struct exec_spec *spec, struct cail_err *err);
/* Start cail-run for that folder; it has every signal blocked that it will ask for. */
int spawner_start(const struct spawner *s, const char *dir, pid_t *ret, struct cail_err *err);

#endif
