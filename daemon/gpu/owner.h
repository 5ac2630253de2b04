/* Whose is a process on a card? By our cgroup's name in /proc/PID/cgroup, else by
 * CAIL_ATTEMPT_TOKEN in /proc/PID/environ, else by its parents'.
 *
 * Reading another process's environ or cmdline waits for that process's memory map, which a driver
 * may hold for ever. So looking up is done on the worker pool, one piece of work at a time, and the
 * loop gets "not known yet" meanwhile. Answers are kept by pid and start time. */
#ifndef GPU_OWNER_H
#define GPU_OWNER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "gpu/gpu.h"

enum {
    OWNER_PATIENCE_US = 2000000, /* a process that cannot be looked at for so long is a stranger */
    OWNER_FORGET_US = 10000000,
};

struct owner_facts {
    bool seen; /* false: no such process here: it ended, is a ghost, or in another pid namespace */
    uint64_t start_ticks;
    uid_t uid; /* (uid_t)-1 = not known */
    char token[RND_TOKEN_LEN], user[32], command[64];
};

/* Blocking. proc: "/proc". */
void owner_look(const char *proc, pid_t pid, struct owner_facts *ret);

struct owners;

/* found: answers came; judge again. */
struct owners *owners_new(uv_loop_t *loop, void (*found)(void *arg), void *arg);
/* Never blocks. Fills uid, token, user, command and known. */
void owners_ask(struct owners *o, struct gpu_proc *p, int64_t now_mono_us);
/* A lookup under way frees what is left when it ends. */
void owners_free(struct owners *o);

#endif
