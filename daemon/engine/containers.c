/* Which engine there is, and whether a request for a container can be kept. */
#include "engine/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attempt/spec.h"
#include "base/mem.h"
#include "wire/container.h"
#include "wire/job_spec.h"
#include "wire/json.h"

/* The program by that name in our PATH, or where systems have it; NULL = none. Caller frees. */
static char *find_program(const char *name)
{
    static const char usual[] = "/usr/local/bin:/usr/bin:/bin";
    const char *own = getenv("PATH");
    CLEANUP(mem_freep) char *path = mem_printf("%s:%s", own ? own : "", usual);
    for (const char *at = path; *at; at += *at == ':') {
        size_t len = strcspn(at, ":");
        CLEANUP(mem_freep) char *file = mem_printf("%.*s/%s", (int)len, at, name);
        if (*at == '/' && !access(file, X_OK))
            return mem_strdup(file);
        at += len;
    }
    return NULL;
}

/* docker's program alone runs nothing. Whether its daemon answers is found out at the start. */
static bool docker_has_daemon(void)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    CLEANUP(mem_freep) char *own = mem_printf("%s/docker.sock", runtime ? runtime : "");
    return getenv("DOCKER_HOST") || !access("/var/run/docker.sock", W_OK) ||
           (runtime && !access(own, W_OK));
}

static int absent(const char *what, struct cail_err *err)
{
    return err_set_at(err, E_IMPOSSIBLE, "/container/engine", "%s", what);
}

int containers_engine(enum container_engine want, char **ret, struct cail_err *err)
{
    CLEANUP(mem_freep) char *docker = find_program("docker");
    CLEANUP(mem_freep) char *podman = find_program("podman");
    bool alive = docker && docker_has_daemon();
    if (want == ENGINE_PODMAN && !podman)
        return absent("podman is not installed here: apt install podman catatonit", err);
    if (want == ENGINE_DOCKER && !docker)
        return absent("docker is not installed here: apt install docker.io", err);
    if (want == ENGINE_DOCKER && !alive)
        return absent("docker's daemon does not run here, or is not ours to use: there is no "
                      "/var/run/docker.sock that we may write to",
                      err);
    if (!podman && !alive)
        return absent(docker ? "docker is here without its daemon: start that, or apt install "
                               "podman catatonit"
                             : "there is no container engine here: apt install podman catatonit, "
                               "or docker.io",
                      err);
    *ret = mem_strdup(want == ENGINE_PODMAN || !alive ? podman : docker);
    return 0;
}

static bool is_in(const char *path, const char *folder)
{
    size_t n = strlen(folder);
    return strncmp(path, folder, n) == 0 && (!path[n] || path[n] == '/' || n == 1);
}

int containers_mount_check(const struct engine *e, const struct container_mount *m, size_t i,
                           struct cail_err *err)
{
    char at[64];
    CLEANUP(mem_freep) char *state = realpath(e->config.state_dir, NULL);
    CLEANUP(mem_freep) char *source = realpath(m->source, NULL);
    const char *own = state ? state : e->config.state_dir;
    snprintf(at, sizeof at, "/container/mounts/%zu", i);
    if (!source)
        return err_set_at(err, E_IMPOSSIBLE, at, "there is no %s on this machine", m->source);
    if (strcmp(source, "/") == 0 || is_in(source, "/proc") || is_in(source, "/sys"))
        return err_set_at(err, E_IMPOSSIBLE, at, "%s is %s, which is not mounted", m->source,
                          source);
    if (is_in(source, own) || is_in(own, source))
        return err_set_at(err, E_IMPOSSIBLE, at,
                          "%s %s cail's own folder %s: mount the folders that the job needs",
                          m->source, is_in(source, own) ? "is in" : "holds", own);
    if (is_in(e->config.state_dir, m->target) || is_in(m->target, e->config.state_dir))
        return err_set_at(err, E_IMPOSSIBLE, at, "%s would hide cail's own folder %s", m->target,
                          e->config.state_dir);
    return 0;
}

static int check(struct engine *e, const struct container *c, struct job_request *rq,
                 struct cail_err *err)
{
    CLEANUP(mem_freep) char *program = NULL;
    int rc = containers_engine(c->engine, &program, err);
    for (size_t i = 0; !rc && i < c->n_mounts; i++)
        rc = containers_mount_check(e, &c->mount[i], i, err);
    if (rc)
        return rc;
    if (rq->profile)
        return err_set_at(err, E_IMPOSSIBLE, "/profile",
                          "a profiler sees nothing of what runs in a container");
    if (rq->job->recipe && c->n_ports)
        return err_set_at(err, E_BAD_FIELD, "/container/ports",
                          "belong to a command or script: a recipe's steps ask for their own");
    if (rq->job->needs.ports < rq->said_ports)
        rq->job->needs.ports = rq->said_ports;
    if (rq->job->needs.ports && c->said_network && c->network == NETWORK_NONE)
        return err_set_at(err, E_BAD_FIELD, "/container/network",
                          "\"none\" has no ports to publish; say \"bridge\", or nothing");
    return 0;
}

int containers_check(struct engine *e, struct job_request *rq, struct cail_err *err)
{
    struct job_spec spec;
    CLEANUP(mem_freep) char *text = mem_printf("{%s}", rq->spec.p);
    int rc = job_spec_read(text, &spec, err);
    if (rc)
        return rc;
    rc = check(e, spec.container, rq, err);
    job_spec_done(&spec);
    return rc;
}

void engine_containers_look(struct engine_containers *ret)
{
    struct cail_err err;
    CLEANUP(mem_freep) char *program = NULL;
    *ret = (struct engine_containers){.docker = find_program("docker"),
                                      .podman = find_program("podman")};
    if (containers_engine(ENGINE_AUTO, &program, &err))
        snprintf(ret->why, sizeof ret->why, "%s", err.text);
    else
        ret->engine = container_engine_words[attempt_engine_is_podman(program) ? ENGINE_PODMAN
                                                                               : ENGINE_DOCKER];
}

void engine_containers_done(struct engine_containers *c)
{
    free(c->docker);
    free(c->podman);
}
