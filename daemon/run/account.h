/* What a container uses, by its cgroup. podman's containers are descendants of ours, whose cpu time
 * wait(2) tells exactly; docker's are not. Their cgroup goes with them, so it is looked at while
 * they run: the last second may be missing. */
#ifndef RUN_ACCOUNT_H
#define RUN_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>

#define ACCOUNT_PATH_MAX 1024

struct account {
    const char *token; /* NULL = nothing to account for */
    int64_t next_us;   /* when account_look wants to be called again */
    int looks;
    char v2[ACCOUNT_PATH_MAX]; /* its folder, "" = not found yet */
    char v1_cpu[ACCOUNT_PATH_MAX], v1_memory[ACCOUNT_PATH_MAX];
    int64_t user_us, system_us, peak_bytes; /* -1 = unknown */
    bool oom_killed;
};

/* In a container's claim of time: begin with the token that its processes have. */
void account_init(struct account *a, const char *token, int64_t now_us);
/* Find the cgroup, or read it. Cheap: a look at /proc until it is found, then three small files. */
void account_look(struct account *a, int64_t now_us);

#endif
