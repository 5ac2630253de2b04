/* A command that is ready to run becomes a call of docker or podman. The engine's program gets the
 * daemon's own environment where that would steer it, and of the job's what would not. */
#include "engine/launch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attempt/files.h"
#include "attempt/spec.h"
#include "base/fsx.h"
#include "base/mem.h"
#include "wire/container.h"

extern char **environ;

enum { FOLDERS_MAX = 4 };

void launch_container_free(struct launch *l)
{
    container_argv_free(l->engine_argv);
    container_argv_free(l->engine_env);
    free(l->engine);
    free(l->container);
}

static size_t count(char *const *list)
{
    size_t n = 0;
    while (list && list[n])
        n++;
    return n;
}

static bool is_engines(const char *pair)
{
    return container_env_is_engines(pair, strcspn(pair, "="));
}

static char **engine_env(char *const *job)
{
    char **env = mem_array(count(environ) + count(job) + 1, sizeof *env);
    size_t n = 0;
    for (char **e = environ; *e; e++)
        if (is_engines(*e))
            env[n++] = mem_strdup(*e);
    for (; job && *job; job++)
        if (!is_engines(*job))
            env[n++] = mem_strdup(*job);
    return env;
}

/* Everything the job is told of by path, under its own path. Lists are NULL-terminated. */
struct folders {
    const char **written, **read;
    size_t n_written, n_read;
};

static void add_folder(const char **list, size_t *n, const char *path)
{
    for (size_t i = 0; i < *n; i++)
        if (strcmp(list[i], path) == 0)
            return;
    list[(*n)++] = path;
}

static void list_folders(struct engine *e, struct launch *l, const struct job *j,
                         const char *build_root, const char *jobs, const char *build,
                         struct folders *f)
{
    size_t most = FOLDERS_MAX + l->spec.n_uses + 1;
    f->written = mem_array(most, sizeof *f->written);
    f->read = mem_array(most, sizeof *f->read);
    add_folder(f->written, &f->n_written, j->attempt->dir);
    add_folder(f->written, &f->n_written, build_root);
    if (!j->recipe)
        return;
    add_folder(f->written, &f->n_written, jobs);
    if (build)
        add_folder(f->written, &f->n_written, build);
    add_folder(f->read, &f->n_read, e->config.recipes_dir);
    if (e->config.tools_dir && e->config.tools_dir[0])
        add_folder(f->read, &f->n_read, e->config.tools_dir);
    for (size_t i = 0; i < l->spec.n_uses; i++)
        if (l->spec.uses[i].dir)
            add_folder(f->read, &f->n_read, l->spec.uses[i].dir);
}

static int check_folders(struct engine *e, const struct launch *l, const struct folders *f,
                         struct cail_err *err)
{
    for (size_t i = 0; i < l->spec.container->n_mounts; i++) {
        int rc = containers_mount_check(e, &l->spec.container->mount[i], i, err);
        if (rc)
            return rc;
    }
    for (size_t i = 0; i < f->n_written + f->n_read; i++) {
        const char *path = i < f->n_written ? f->written[i] : f->read[i - f->n_written];
        if (!container_path_ok(path))
            return err_set(err, E_IMPOSSIBLE,
                           "the folder %s cannot be mounted: its path has one of , : \" \\", path);
    }
    return 0;
}

static void make_argv(struct launch *l, const struct job *j, const struct run *r,
                      const struct folders *f, struct exec_spec *spec)
{
    const struct attempt *a = j->attempt;
    size_t n = count(l->env);
    const char **env = mem_array(n + 2, sizeof *env);
    env[0] = ATTEMPT_TOKEN_VAR "="; /* named alone; its value is in the engine's environment */
    for (size_t i = 0; i < n; i++)
        env[i + 1] = l->env[i];
    bool podman = attempt_engine_is_podman(l->engine);
    struct container_start s = {
        .program = l->engine,
        .is_podman = podman,
        .has_cpusets = !podman || !geteuid(),
        .name = l->container,
        .token = a->token,
        .attempt_id = a->id,
        .uid = geteuid(),
        .gid = getegid(),
        .cwd = l->spec.cwd ? l->spec.cwd : a->dir,
        .cpu_list = a->cpu_list,
        .memory_mib = j->needs.memory_mib,
        .uuids = (const char *const *)r->uuids,
        .n_uuids = r->n_uuids,
        .port = r->port,
        .n_ports = r->n_ports,
        .folder = f->written,
        .shown = f->read,
        .env = env,
        .argv = spec->argv,
    };
    l->engine_argv = container_argv(l->spec.container, &s);
    free(env);
}

int launch_container(struct engine *e, struct launch *l, const struct job *j, const struct run *r,
                     const char *build_root, struct exec_spec *spec, struct cail_err *err)
{
    struct folders f = {0};
    CLEANUP(mem_freep) char *jobs = job_dir(e, j->id);
    CLEANUP(mem_freep) char *build = j->recipe ? cache_dir(e, j) : NULL;
    list_folders(e, l, j, build_root, jobs, build, &f);
    int rc = containers_engine(l->spec.container->engine, &l->engine, err);
    if (!rc)
        rc = fsx_mkdirs(build_root, 0755, err);
    if (!rc)
        rc = check_folders(e, l, &f, err);
    if (!rc) {
        l->container = mem_printf("cail-%lld-%.8s", (long long)j->attempt->id, j->attempt->token);
        make_argv(l, j, r, &f, spec);
        l->engine_env = engine_env(l->env);
        spec->argv = (const char *const *)l->engine_argv;
        spec->env = (const char *const *)l->engine_env;
        spec->cwd = j->attempt->dir;
        spec->engine = l->engine;
        spec->container = l->container;
        spec->image = l->spec.container->image;
    }
    free(f.written);
    free(f.read);
    return rc;
}
