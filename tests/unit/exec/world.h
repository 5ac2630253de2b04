/* A local executor over the real cail-run in a folder of its own, and what it told. */
#ifndef TEST_EXEC_WORLD_H
#define TEST_EXEC_WORLD_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attempt/files.h"
#include "attempt/run_file.h"
#include "base/clock.h"
#include "base/fsx.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "base/str.h"
#include "exec/exec.h"

struct told {
    int started, ended;
    int64_t started_at_us;
    enum exec_outcome outcome;
    struct attempt_end end;
    char unkillable[256];
};

struct world {
    uv_loop_t loop;
    struct exec *x;
    char root[64];
    char boot[BOOT_ID_LEN];
    struct told told[16]; /* by attempt id */
    char token[16][RND_TOKEN_LEN];
    char dir[16][96];
};

static struct world *world;

static void on_started(void *arg, int64_t id, int64_t at_us)
{
    struct told *t = &((struct world *)arg)->told[id];
    assert_int_equal(t->ended, 0);
    t->started++;
    t->started_at_us = at_us;
}

static void on_ended(void *arg, int64_t id, enum exec_outcome outcome,
                     const struct attempt_end *end)
{
    struct told *t = &((struct world *)arg)->told[id];
    t->ended++;
    t->outcome = outcome;
    t->end = *end;
    snprintf(t->unkillable, sizeof t->unkillable, "%s", end->unkillable ? end->unkillable : "");
    t->end.unkillable = NULL;
}

static void world_open(struct world *w)
{
    struct exec_events events = {w, on_started, on_ended};
    struct cail_err err;
    assert_int_equal(exec_local.open(&w->x, &w->loop, &events, CAIL_BIN_DIR "/cail-run", &err), 0);
}

static void world_close(struct world *w)
{
    exec_local.close(w->x);
    w->x = NULL;
    uv_run(&w->loop, UV_RUN_DEFAULT);
}

static int world_setup(void **state)
{
    (void)state;
    world = mem_zalloc(sizeof *world);
    snprintf(world->root, sizeof world->root, "/tmp/cail-exec-XXXXXX");
    assert_non_null(mkdtemp(world->root));
    assert_int_equal(uv_loop_init(&world->loop), 0);
    clock_boot_id(world->boot);
    for (int i = 0; i < 16; i++) {
        rnd_token(world->token[i]);
        snprintf(world->dir[i], sizeof world->dir[i], "%s/a%d", world->root, i);
    }
    world_open(world);
    return 0;
}

static int world_teardown(void **state)
{
    (void)state;
    if (world->x)
        world_close(world);
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
    assert_int_equal(uv_loop_close(&world->loop), 0);
    struct cail_err err;
    assert_int_equal(fsx_remove_tree(world->root, &err), 0);
    free(world);
    world = NULL;
    return 0;
}

static const char *const plain_env[] = {"PATH=/usr/local/bin:/usr/bin:/bin", NULL};

/* A spec with the usual limits. */
static struct exec_spec spec_of(int id, const char *const *argv)
{
    return (struct exec_spec){
        .attempt_id = id,
        .token = world->token[id],
        .boot_id = world->boot,
        .dir = world->dir[id],
        .argv = argv,
        .env = plain_env,
        .cwd = "",
        .grace_ms = 60000,
        .log_cap_bytes = 64 << 20,
    };
}

static UNUSED struct exec_ref ref_of(int id)
{
    return (struct exec_ref){id, world->token[id], world->boot, world->dir[id]};
}

static void start(const struct exec_spec *s)
{
    struct cail_err err = {0};
    int code = exec_local.start(world->x, s, &err);
    if (code)
        print_error("%s\n", err.text);
    assert_int_equal(code, 0);
}

static UNUSED void start_sh(int id, const char *script)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    struct exec_spec s = spec_of(id, argv);
    start(&s);
}

static UNUSED struct told *until_ended(int id)
{
    while (!world->told[id].ended)
        uv_run(&world->loop, UV_RUN_ONCE);
    assert_int_equal(world->told[id].ended, 1);
    return &world->told[id];
}

static UNUSED struct told *until_started(int id)
{
    while (!world->told[id].started)
        uv_run(&world->loop, UV_RUN_ONCE);
    assert_int_equal(world->told[id].started, 1);
    return &world->told[id];
}

static void path_of(int id, const char *name, char out[256])
{
    snprintf(out, 256, "%s/%s", world->dir[id], name);
}

static UNUSED bool file_exists(int id, const char *name)
{
    char path[256];
    path_of(id, name, path);
    return access(path, F_OK) == 0;
}

/* The whole file; the caller frees. */
static UNUSED char *file_text(int id, const char *name, size_t *len)
{
    char path[256];
    struct str s = STR_INIT;
    struct cail_err err;
    path_of(id, name, path);
    int code = fsx_read(path, 256u << 20, &s, &err);
    if (code)
        print_error("%s\n", err.text);
    assert_int_equal(code, 0);
    if (len)
        *len = s.len;
    return str_take(&s);
}

/* A job makes the file when it has come that far; the loop goes on meanwhile. */
static void nap_on_loop(uv_timer_t *t)
{
    (void)t;
}

static UNUSED void until_file(int id, const char *name)
{
    uv_timer_t t;
    uv_timer_init(&world->loop, &t);
    uv_timer_start(&t, nap_on_loop, 2, 2);
    while (!file_exists(id, name))
        uv_run(&world->loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&t, NULL);
    uv_run(&world->loop, UV_RUN_NOWAIT);
}

static UNUSED void assert_log(int id, const char *want)
{
    char *text = file_text(id, "log", NULL);
    assert_string_equal(text, want);
    free(text);
}

static UNUSED struct attempt_run read_run(int id)
{
    struct attempt_run run;
    char path[256];
    path_of(id, "run", path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(attempt_run_read(fd, world->token[id], &run), 0);
    close(fd);
    return run;
}

/* Processes (zombies aside) with this attempt's token in their environment. */
static UNUSED int alive_of(int id)
{
    char item[96];
    int n = 0;
    snprintf(item, sizeof item, ATTEMPT_TOKEN_VAR "=%s", world->token[id]);
    DIR *d = opendir("/proc");
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        static char env[1 << 17];
        char path[300];
        snprintf(path, sizeof path, "/proc/%s/environ", e->d_name);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            continue;
        ssize_t got = read(fd, env, sizeof env);
        close(fd);
        n += got > 0 && memmem(env, (size_t)got, item, strlen(item)) != NULL;
    }
    closedir(d);
    return n;
}

static UNUSED void write_file(int id, const char *name, const char *text, size_t len)
{
    char path[256];
    mkdir(world->dir[id], 0700);
    path_of(id, name, path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(fsx_write_all(fd, text, len), 0);
    close(fd);
}

#endif
