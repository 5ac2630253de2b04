/* Hunting by cgroup, then by token. */
#include "exec/survivors.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "attempt/cgroup.h"
#include "attempt/containers.h"
#include "attempt/files.h"
#include "attempt/spec.h"
#include "base/clock.h"
#include "base/fsx.h"
#include "base/mem.h"
#include "base/str.h"

enum { PAUSE_MS = 10, GIVE_UP_MS = 5000, PIECE = 64 << 10, ENGINE_MS = 20000, REMOVE_TRIES = 4 };

extern char **environ;

static void nap(void)
{
    nanosleep(&(struct timespec){0, PAUSE_MS * 1000000}, NULL);
}

static void kill_cgroup(const char *path, const char *token)
{
    struct statfs fs;
    if (!attempt_cgroup_is(path, token))
        return;
    CLEANUP(fsx_closep) int dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0 || fstatfs(dir, &fs) || fs.f_type != CGROUP2_SUPER_MAGIC)
        return;
    CLEANUP(fsx_closep) int fd = openat(dir, "cgroup.kill", O_WRONLY | O_CLOEXEC);
    if (fd >= 0)
        (void)!write(fd, "1", 1);
    /* Busy until the last of them is gone. */
    for (int ms = 0; rmdir(path) && errno == EBUSY && ms < GIVE_UP_MS; ms += PAUSE_MS)
        nap();
}

/* Does the environment have this item? Read in pieces that overlap by the item's length. */
static bool environ_has(int proc, const char *pid, const char *item, size_t len)
{
    char path[64];
    snprintf(path, sizeof path, "%.20s/environ", pid);
    CLEANUP(fsx_closep) int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    char text[PIECE];
    size_t have = 0;
    for (;;) {
        ssize_t n = read(fd, text + have, sizeof text - have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        have += (size_t)n;
        if (memmem(text, have, item, len))
            return true;
        size_t keep = have < len ? have : len;
        memmove(text, text + have - keep, keep);
        have = keep;
    }
}

/* The pidfd is taken first and the environment read again: between the two the pid may have
 * become another's. */
static void kill_one(int proc, const char *name, const char *item, size_t len)
{
    CLEANUP(fsx_closep) int fd = pidfd_open((pid_t)strtol(name, NULL, 10), 0);
    if (fd >= 0 && environ_has(proc, name, item, len))
        (void)pidfd_send_signal(fd, SIGKILL, NULL, 0);
}

/* One look at every process; how many had the token, their pids into found. */
static int pass(const char *item, size_t len, struct str *found)
{
    int n = 0;
    DIR *d = opendir("/proc");
    if (!d)
        return 0;
    str_clear(found);
    for (struct dirent *e; (e = readdir(d));) {
        if (!isdigit((unsigned char)e->d_name[0]) || !environ_has(dirfd(d), e->d_name, item, len))
            continue;
        kill_one(dirfd(d), e->d_name, item, len);
        str_addf(found, n ? " %s" : "%s", e->d_name);
        n++;
    }
    closedir(d);
    return n;
}

/* Run it to its end: its exit status, -1 = it could not or took too long. */
static int run_quietly(const char *const *argv)
{
    pid_t pid = 0;
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attr);
    for (int fd = 0; fd < 3; fd++)
        posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_RDWR, 0);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attr, &none);
    int rc = posix_spawn(&pid, argv[0], &files, &attr, (char *const *)argv, environ);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&files);
    if (rc)
        return -1;
    int status = -1;
    for (int ms = 0; waitpid(pid, &status, WNOHANG) == 0; ms += PAUSE_MS) {
        if (ms >= ENGINE_MS) {
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
            return -1;
        }
        nap();
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* What runs in docker's containers may be another user's, and its daemon would keep the dead one:
 * the engine itself has to remove it. podman may fail once when its monitor was just killed. */
static void remove_container(const char *token, const char *dir, struct survivors *ret)
{
    CLEANUP(str_done) struct str bytes = STR_INIT;
    CLEANUP(mem_freep) char *path = mem_printf("%s/" ATTEMPT_SPEC_FILE, dir);
    const char *argv[ATTEMPT_REMOVE_ARGS];
    struct attempt_spec s;
    struct cail_err err;
    if (fsx_read(path, ATTEMPT_SPEC_MAX, &bytes, &err) ||
        attempt_spec_decode(bytes.p, bytes.len, &s, &err))
        return;
    if (s.container && strcmp(s.token, token) == 0) {
        int rc = 1;
        attempt_container_remove(s.engine, s.container, argv);
        for (int i = 0; rc > 0 && i < REMOVE_TRIES; i++)
            rc = run_quietly(argv);
        if (rc && !ret->unkillable)
            ret->unkillable = mem_strdup(s.container);
    }
    attempt_spec_done(&s);
}

static void remove_noted(void *arg, const char *engine, const char *name)
{
    const char *argv[ATTEMPT_REMOVE_ARGS];
    int rc = 1;
    (void)arg;
    attempt_container_remove(engine, name, argv);
    for (int i = 0; rc > 0 && i < REMOVE_TRIES; i++)
        rc = run_quietly(argv);
}

/* Those that a step started by itself. */
static void remove_all_noted(const char *dir)
{
    CLEANUP(str_done) struct str text = STR_INIT;
    CLEANUP(mem_freep) char *path = mem_printf("%s/" ATTEMPT_CONTAINERS_FILE, dir);
    struct cail_err err;
    if (!fsx_read(path, ATTEMPT_CONTAINERS_BYTES, &text, &err) && text.len)
        attempt_containers_parse(text.p, text.len, remove_noted, NULL);
}

void survivors_kill(const char *token, const char *cgroup, const char *dir, struct survivors *ret)
{
    CLEANUP(str_done) struct str found = STR_INIT;
    char item[128];
    int n = snprintf(item, sizeof item, ATTEMPT_TOKEN_VAR "=%s", token);
    size_t len = (size_t)n + 1; /* with the NUL, so a longer token does not match */
    int64_t give_up = clock_mono_us() + GIVE_UP_MS * 1000;
    *ret = (struct survivors){0};
    /* The token first, so that those the cgroup would kill are counted. */
    int most = pass(item, len, &found);
    kill_cgroup(cgroup, token);
    for (int clean = 0; clean < 2;) {
        int now = pass(item, len, &found);
        most = now > most ? now : most;
        clean = now ? 0 : clean + 1;
        if (now && clock_mono_us() > give_up) {
            ret->unkillable = str_take(&found);
            break;
        }
        if (now)
            nap();
    }
    ret->killed = most;
    remove_container(token, dir, ret);
    remove_all_noted(dir);
}
