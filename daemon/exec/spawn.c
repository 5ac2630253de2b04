/* Folder, spec, process. */
#include "exec/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attempt/files.h"
#include "attempt/spec.h"
#include "base/fsx.h"
#include "base/limits.h"
#include "base/mem.h"

/* Where cail-run finds the started pipe. */
#define STARTED_FD 3 /* spawner_start says it as text */

int spawner_init(struct spawner *s, const char *helper, int started_fd, struct cail_err *err)
{
    if (access(helper, X_OK))
        return err_set_errno(err, E_IO, errno, "cannot execute '%s'", helper);
    sigset_t all;
    sigfillset(&all);
    if (posix_spawnattr_init(&s->attr))
        return err_set(err, E_NO_MEMORY, "out of memory");
    if (posix_spawn_file_actions_init(&s->files)) {
        posix_spawnattr_destroy(&s->attr);
        return err_set(err, E_NO_MEMORY, "out of memory");
    }
    s->helper = mem_strdup(helper);
    /* A stop that comes before cail-run listens must wait, not kill it. Its own session, because
     * a Ctrl-C at the daemon's terminal is not for jobs. */
    posix_spawnattr_setsigmask(&s->attr, &all);
    posix_spawnattr_setflags(&s->attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID);
    /* It outlives us: were it to hold our stderr, whoever reads that would wait for every job. */
    if (posix_spawn_file_actions_addopen(&s->files, 0, "/dev/null", O_RDWR, 0) ||
        posix_spawn_file_actions_adddup2(&s->files, 0, 1) ||
        posix_spawn_file_actions_adddup2(&s->files, 0, 2) ||
        posix_spawn_file_actions_adddup2(&s->files, started_fd, STARTED_FD)) {
        spawner_done(s);
        return err_set(err, E_NO_MEMORY, "out of memory");
    }
    return 0;
}

void spawner_done(struct spawner *s)
{
    posix_spawn_file_actions_destroy(&s->files);
    posix_spawnattr_destroy(&s->attr);
    free(s->helper);
    s->helper = NULL;
}

static size_t count(const char *const *list)
{
    size_t n = 0;
    while (list[n])
        n++;
    return n;
}

/* The job's environment with our token in front, where a hunt finds it soonest. */
static const char **env_with_token(const char *const *env, const char *item)
{
    static const char key[] = ATTEMPT_TOKEN_VAR "=";
    const char **out = mem_array(count(env) + 2, sizeof *out);
    size_t n = 0;
    out[n++] = item;
    for (; *env; env++)
        if (strncmp(*env, key, sizeof key - 1) != 0)
            out[n++] = *env;
    return out;
}

static void encode(const struct exec_spec *spec, struct str *out)
{
    CLEANUP(mem_freep) char *item = mem_printf(ATTEMPT_TOKEN_VAR "=%s", spec->token);
    CLEANUP(mem_freep) const char **env = env_with_token(spec->env, item);
    struct attempt_spec s = {
        .id = spec->attempt_id,
        .token = spec->token,
        .cwd = spec->cwd ? spec->cwd : "",
        .cpu_list = spec->cpu_list,
        .argv = (const char **)spec->argv,
        .env = env,
        .stdin_text = spec->stdin_text,
        .stdin_len = spec->stdin_len,
        .wall_ms = spec->wall_ms,
        .idle_ms = spec->idle_ms,
        .grace_ms = spec->grace_ms,
        .log_cap_bytes = spec->log_cap_bytes,
        .memory_mib = spec->memory_mib,
        .counters = spec->counters,
        .engine = spec->engine,
        .container = spec->container,
        .image = spec->image,
        .uid = -1,
        .gid = -1,
    };
    attempt_spec_encode(&s, out);
}

static int make_folder(const char *dir, struct cail_err *err)
{
    if (!mkdir(dir, 0700) || errno == EEXIST)
        return 0;
    return fsx_mkdirs(dir, 0700, err);
}

int spawner_prepare(const struct exec_spec *spec, struct cail_err *err)
{
    char path[CAIL_PATH_MAX];
    if (spec->dir[0] != '/' || strlen(spec->dir) > sizeof path - 64)
        return err_set(err, E_IO, "the attempt's folder '%.100s' is not usable", spec->dir);
    if (!attempt_token_ok(spec->token, strlen(spec->token)))
        return err_set(err, E_INTERNAL, "the attempt's token is not one");
    CLEANUP(str_done) struct str bytes = STR_INIT;
    encode(spec, &bytes);
    if (bytes.len > ATTEMPT_SPEC_MAX || count(spec->argv) > ATTEMPT_SPEC_LIST_MAX ||
        count(spec->env) >= ATTEMPT_SPEC_LIST_MAX)
        return err_set(err, E_TOO_LARGE, "the command and its environment are too large");
    int code = make_folder(spec->dir, err);
    if (code)
        return code;
    snprintf(path, sizeof path, "%s/" ATTEMPT_SPEC_FILE, spec->dir);
    CLEANUP(fsx_closep)
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 || fsx_write_all(fd, bytes.p, bytes.len))
        return err_set_errno(err, errno == ENOSPC ? E_DISK_FULL : E_IO, errno, "cannot write '%s'",
                             path);
    return 0;
}

int spawner_start(const struct spawner *s, const char *dir, pid_t *ret, struct cail_err *err)
{
    char name[] = "cail-run", fd[] = "3", *none[] = {NULL};
    CLEANUP(mem_freep) char *dir_copy = mem_strdup(dir);
    char *argv[] = {name, dir_copy, fd, NULL};
    int rc = posix_spawn(ret, s->helper, &s->files, &s->attr, argv, none);
    if (rc)
        return err_set_errno(err, rc == ENOMEM ? E_NO_MEMORY : E_UNAVAILABLE, rc,
                             "cannot start '%s'", s->helper);
    return 0;
}
