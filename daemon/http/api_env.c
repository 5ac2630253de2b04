/* GET /env: what tools/env_check.sh finds, kept for a minute. The script looks at every tool's
 * version, so it runs on the worker pool, under a deadline, and all who ask meanwhile wait for the
 * one run. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fsx.h"
#include "base/mem.h"
#include "http/api.h"
#include "wire/json.h"

#define FRESH_US    INT64_C(60000000)
#define RETRY_US    INT64_C(2000000) /* after a failure */
#define DEADLINE_US INT64_C(30000000)
enum { OUTPUT_MAX = 1 << 20 };
#define KEY_ENV INT64_C(-2) /* wakes those who wait for the script */

extern char **environ;

struct env_cache {
    struct api *api; /* NULL = the server is gone, free it */
    bool running;
    int rc;
    struct cail_err err;
    struct str json;
    int64_t taken_mono_us; /* 0 = never */
    char *script, *build_root, *recipes;
};

static void env_free(struct env_cache *c)
{
    str_done(&c->json);
    free(c->script);
    free(c->build_root);
    free(c->recipes);
    free(c);
}

/* --- on the worker pool --- */

static char **with_recipes(const char *recipes, char *mine)
{
    size_t n = 0;
    while (environ[n])
        n++;
    char **env = mem_array(n + 2, sizeof *env);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (strncmp(environ[i], "CAIL_RECIPES=", 13) != 0)
            env[kept++] = environ[i];
    if (recipes)
        env[kept++] = mine;
    return env;
}

/* In a process group of its own, so that what it started can be ended with it. */
static int spawn(const struct env_cache *c, int out, pid_t *ret, struct cail_err *err)
{
    char *argv[] = {(char[]){"bash"}, c->script, (char[]){"--json"}, NULL};
    CLEANUP(mem_freep) char *mine = mem_printf("CAIL_RECIPES=%s", c->recipes ? c->recipes : "");
    CLEANUP(mem_freep) char **env = with_recipes(c->recipes, mine);
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, out, 1);
    posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attr, &none);
    int rc = posix_spawn(ret, "/bin/bash", &files, &attr, argv, env);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attr);
    return rc ? err_set_errno(err, E_IO, rc, "cannot start %s", c->script) : 0;
}

static int collect(int fd, struct str *out, struct cail_err *err)
{
    int64_t deadline = clock_mono_us() + DEADLINE_US;
    for (;;) {
        struct pollfd p = {fd, POLLIN, 0};
        int64_t left_us = deadline - clock_mono_us();
        if (left_us <= 0 || poll(&p, 1, (int)(left_us / 1000) + 1) == 0)
            return err_set(err, E_UNAVAILABLE, "env_check.sh took longer than %d s",
                           (int)(DEADLINE_US / 1000000));
        str_reserve(out, 16384);
        ssize_t n = read(fd, out->p + out->len, 16384);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? err_set_errno(err, E_IO, errno, "cannot read from env_check.sh") : 0;
        out->len += (size_t)n;
        out->p[out->len] = 0;
        if (out->len > OUTPUT_MAX)
            return err_set(err, E_IO, "env_check.sh says more than %d bytes", OUTPUT_MAX);
    }
}

static json_t *text_or_null(const char *text)
{
    return text && *text ? json_string(text) : json_null();
}

static json_t *containers(void)
{
    struct engine_containers c;
    engine_containers_look(&c);
    json_t *v = json_object();
    json_object_set_new(v, "engine", text_or_null(c.engine));
    json_object_set_new(v, "docker", text_or_null(c.docker));
    json_object_set_new(v, "podman", text_or_null(c.podman));
    json_object_set_new(v, "reason", text_or_null(c.why));
    engine_containers_done(&c);
    return v;
}

/* The script knows the machine; what the daemon was told is added. */
static int finish(struct env_cache *c, const struct str *out, struct cail_err *err)
{
    CLEANUP(json_decrefp) json_t *v = NULL;
    int rc = out->len ? json_read(out->p, out->len, &v, err)
                      : err_set(err, E_IO, "env_check.sh said nothing");
    if (rc || !json_is_object(v))
        return rc ? E_IO : err_set(err, E_IO, "env_check.sh did not print a JSON object");
    int64_t free_bytes = c->build_root ? fsx_free_bytes(c->build_root) : -1;
    json_object_set_new(v, "build_root", c->build_root ? json_string(c->build_root) : json_null());
    json_object_set_new(v, "free_disk_bytes",
                        free_bytes < 0 ? json_null() : json_integer(free_bytes));
    json_object_set_new(v, "containers", containers());
    str_clear(&c->json);
    json_put(&c->json, v);
    return 0;
}

static int run_script(struct env_cache *c, struct cail_err *err)
{
    CLEANUP(str_done) struct str out = STR_INIT;
    int ends[2];
    pid_t pid = 0;
    if (!c->script || access(c->script, R_OK) != 0)
        return err_set(err, E_UNAVAILABLE, "env_check.sh is not installed beside this cail-d");
    if (pipe2(ends, O_CLOEXEC) != 0)
        return err_set_errno(err, E_IO, errno, "cannot make a pipe");
    int rc = spawn(c, ends[1], &pid, err);
    close(ends[1]);
    if (rc == 0) {
        rc = collect(ends[0], &out, err);
        kill(-pid, SIGKILL); /* it is over, or it is to be */
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    close(ends[0]);
    return rc ? rc : finish(c, &out, err);
}

static void work(void *arg)
{
    struct env_cache *c = arg;
    c->rc = run_script(c, &c->err);
    if (c->rc)
        c->err.code = (enum cail_code)c->rc;
}

/* --- on the loop --- */

static void done(void *arg)
{
    struct env_cache *c = arg;
    c->running = false;
    c->taken_mono_us = clock_mono_us();
    if (c->api)
        http_server_wake(c->api->server, KEY_ENV);
    else
        env_free(c);
}

static struct env_cache *cache_of(struct api *api)
{
    const struct engine_config *config = engine_config(api->engine);
    if (api->env)
        return api->env;
    struct env_cache *c = mem_zalloc(sizeof *c);
    c->api = api;
    if (config->tools_dir)
        c->script = mem_printf("%s/env_check.sh", config->tools_dir);
    c->build_root = mem_strdup(config->build_root);
    c->recipes = mem_strdup(config->recipes_dir);
    return api->env = c;
}

void api_done(struct api *api)
{
    struct env_cache *c = api->env;
    api_forget_looks(api);
    api->env = NULL;
    if (!c)
        return;
    c->api = NULL;
    if (!c->running)
        env_free(c);
}

API_SERVE(api_env)
{
    struct api *api = app;
    int64_t now = clock_mono_us();
    int rc = API_NO_QUERY(rq, err);
    if (rc)
        return rc;
    struct env_cache *c = cache_of(api);
    bool fresh = c->taken_mono_us && now - c->taken_mono_us < (c->rc ? RETRY_US : FRESH_US);
    if (fresh && !c->running) {
        if (c->rc) {
            *err = c->err;
            return c->rc;
        }
        str_add(&reply->body, c->json.p, c->json.len);
        api_json_end(reply);
        return 0;
    }
    if (rq->expired)
        return err_set(err, E_UNAVAILABLE, "the look at the machine takes too long");
    if (!c->running) {
        c->running = true;
        engine_work(api->engine, work, done, c);
    }
    if (rq->deadline_mono_us == 0)
        rq->deadline_mono_us = now + DEADLINE_US + 5000000;
    *ret_wait_key = KEY_ENV;
    return HTTP_WAIT;
}
