/* What a restarted daemon makes of what it finds: adoption, settling, loss, and the races of the
 * start. A restart is a closed executor and a new one; the attempts go on meanwhile. */
#include "../exec/world.h"

#include "attempt/cgroup.h"
#include "attempt/spec.h"

static void restart(void)
{
    world_close(world);
    world_open(world);
}

static enum exec_adopted adopt(int id)
{
    struct exec_ref ref = ref_of(id);
    return exec_local.adopt(world->x, &ref);
}

static void set_void(int id)
{
    struct exec_ref ref = ref_of(id);
    exec_local.set_void(world->x, &ref);
}

/* The empty, locked run file of a cail-run that stalls between lock and claim. */
static int hold_lock(int id)
{
    char path[256];
    mkdir(world->dir[id], 0700);
    path_of(id, "run", path);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
    return fd;
}

/* A cail-run of our own. */
static pid_t spawn_run(const char *dir)
{
    pid_t pid = fork();
    if (!pid) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, 1);
        dup2(null, 2);
        execl(CAIL_BIN_DIR "/cail-run", "cail-run", dir, (char *)NULL);
        _exit(99);
    }
    return pid;
}

static void write_spec(int id, const struct attempt_spec *s)
{
    CLEANUP(str_done) struct str bytes = STR_INIT;
    attempt_spec_encode(s, &bytes);
    write_file(id, "spec", bytes.p, bytes.len);
}

/* One for a job that makes the file `ran`. */
static pid_t spawn_late(int id)
{
    static const char *argv[] = {"sh", "-c", ": > ran; exec sleep 1000", NULL};
    static const char *env[] = {"PATH=/usr/bin:/bin", NULL};
    struct attempt_spec s = {.id = id, .token = world->token[id], .cwd = "", .argv = argv,
                             .env = env, .uid = -1, .gid = -1};
    write_spec(id, &s);
    return spawn_run(world->dir[id]);
}

static int status_of(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_adopted(void **state)
{
    (void)state;
    start_sh(1, "echo before; : > up; while [ ! -e go ]; do sleep 0.01; done; echo after; exit 6");
    until_file(1, "up");
    until_started(1);
    restart();
    world->told[1] = (struct told){0};
    assert_int_equal(adopt(1), EXEC_ADOPTED);
    assert_int_equal(world->told[1].started, 0); /* never from inside adopt */
    until_started(1);
    write_file(1, "go", "", 0);
    struct told *t = until_ended(1);
    assert_int_equal(t->started, 1); /* once in each daemon's life */
    assert_int_equal(t->started_at_us, read_run(1).claim.at_us);
    assert_int_equal(t->outcome, EXEC_EXITED);
    assert_int_equal(t->end.exit_code, 6);
    assert_log(1, "before\nafter\n");
}

static void test_adopted_is_stopped(void **state)
{
    (void)state;
    start_sh(1, "trap '' TERM; : > up; while :; do sleep 1000; done");
    until_file(1, "up");
    restart();
    assert_int_equal(adopt(1), EXEC_ADOPTED);
    exec_local.stop(world->x, 1, 20);
    struct told *t = until_ended(1);
    assert_int_equal(t->end.cause, END_CANCELED);
    assert_int_equal(t->end.signal, SIGKILL);
    assert_int_equal(alive_of(1), 0);
}

static void test_limits_hold_without_a_daemon(void **state)
{
    (void)state;
    const char *argv[] = {"sleep", "1000", NULL};
    struct exec_spec s = spec_of(1, argv);
    s.wall_ms = 200;
    start(&s);
    until_started(1);
    pid_t pid = read_run(1).claim.pid;
    world_close(world);
    assert_int_equal(status_of(pid), 0);
    world_open(world);
    world->told[1] = (struct told){0};
    assert_int_equal(adopt(1), EXEC_SETTLED);
    assert_int_equal(world->told[1].ended, 0); /* never from inside adopt */
    struct told *t = until_ended(1);
    assert_int_equal(t->started, 1);
    assert_int_equal(t->end.cause, END_TIMEOUT);
}

static void test_lost_when_cail_run_is_killed(void **state)
{
    (void)state;
    start_sh(1, "echo x; (setsid sleep 1000 &); setsid sleep 1001 & : > up; sleep 1002");
    until_file(1, "up");
    until_started(1);
    assert_int_equal(kill(read_run(1).claim.pid, SIGKILL), 0);
    struct told *t = until_ended(1);
    assert_int_equal(t->outcome, EXEC_LOST);
    assert_int_equal(t->end.cause, END_LOST);
    assert_int_equal(t->end.exit_code, -1);
    assert_string_equal(t->unkillable, "");
    assert_int_equal(alive_of(1), 0);
    struct attempt_run run = read_run(1);
    assert_int_equal(run.state, ATTEMPT_RUN_CLAIMED);
    assert_true(!run.claim.cgroup[0] || attempt_cgroup_is(run.claim.cgroup, world->token[1]));
    assert_int_equal(access(run.claim.cgroup, F_OK), -1);
}

static void test_lost_while_the_daemon_was_down(void **state)
{
    (void)state;
    start_sh(1, "(setsid sleep 1000 &); : > up; sleep 1001");
    until_file(1, "up");
    pid_t pid = read_run(1).claim.pid;
    world_close(world);
    kill(pid, SIGKILL);
    assert_int_equal(status_of(pid), -1);
    world_open(world);
    assert_int_equal(adopt(1), EXEC_SETTLED);
    assert_int_equal(until_ended(1)->outcome, EXEC_LOST);
    assert_int_equal(alive_of(1), 0);
}

static void test_another_boot(void **state)
{
    (void)state;
    snprintf(world->boot, sizeof world->boot, "00000000-0000-0000-0000-000000000000");
    assert_int_equal(adopt(1), EXEC_SETTLED); /* a power cut takes the claim, too */
    assert_int_equal(until_ended(1)->outcome, EXEC_LOST);
    assert_int_equal(world->told[1].started, 0);
    /* But a whole exit record that did survive says what happened. */
    CLEANUP(str_done) struct str text = STR_INIT;
    struct attempt_claim c = {.pid = 1, .boot = "x", .at_us = 5};
    struct attempt_record r;
    attempt_record_init(&r);
    r.cause = END_EXITED;
    r.exit_code = 3;
    attempt_claim_encode(world->token[2], &c, &text);
    size_t claim_len = text.len;
    attempt_record_encode(world->token[2], &r, &text);
    write_file(2, "run", text.p, text.len);
    assert_int_equal(adopt(2), EXEC_SETTLED);
    assert_int_equal(until_ended(2)->end.exit_code, 3);
    /* Torn anywhere, it is lost. */
    write_file(3, "run", text.p, text.len - 1);
    write_file(4, "run", text.p, claim_len + 20);
    for (int id = 3; id < 5; id++) {
        memcpy(world->token[id], world->token[2], RND_TOKEN_LEN);
        assert_int_equal(adopt(id), EXEC_SETTLED);
        assert_int_equal(until_ended(id)->outcome, EXEC_LOST);
    }
}

static void test_torn_records(void **state)
{
    (void)state;
    CLEANUP(str_done) struct str text = STR_INIT;
    struct attempt_claim c = {.pid = 1, .start = 1, .boot = "x", .at_us = 5};
    struct attempt_record r;
    attempt_record_init(&r);
    r.cause = END_EXITED;
    r.exit_code = 0;
    attempt_claim_encode(world->token[1], &c, &text);
    size_t claim_len = text.len;
    attempt_record_encode(world->token[1], &r, &text);
    write_file(1, "run", text.p, text.len - 5); /* torn exit */
    write_file(2, "run", text.p, claim_len - 5); /* torn claim */
    write_file(3, "run", text.p, text.len);      /* another attempt's */
    for (int id = 1; id < 4; id++) {
        assert_int_equal(adopt(id), EXEC_SETTLED);
        struct told *t = until_ended(id);
        assert_int_equal(t->outcome, EXEC_LOST); /* never called succeeded */
        assert_int_equal(t->end.cause, END_LOST);
        assert_int_equal(t->started, id == 1);
    }
}

static void test_unclaimed(void **state)
{
    (void)state;
    assert_int_equal(adopt(1), EXEC_UNCLAIMED); /* not even a folder */
    write_file(2, "spec", "x", 1);
    assert_int_equal(adopt(2), EXEC_UNCLAIMED);
    start_sh(2, "exit 4"); /* the same attempt again */
    assert_int_equal(until_ended(2)->end.exit_code, 4);
    set_void(1);
    assert_int_equal(world->told[1].ended, 0); /* never from inside */
    assert_int_equal(until_ended(1)->outcome, EXEC_NEVER_STARTED);
    assert_int_equal(world->told[1].started, 0);
    set_void(1); /* again: the same answer */
    world->told[1] = (struct told){0};
    assert_int_equal(until_ended(1)->outcome, EXEC_NEVER_STARTED);
}

static void test_void_then_late_cail_run(void **state)
{
    (void)state;
    mkdir(world->dir[1], 0700);
    set_void(1);
    assert_int_equal(until_ended(1)->outcome, EXEC_NEVER_STARTED);
    assert_int_equal(read_run(1).state, ATTEMPT_RUN_VOID);
    assert_int_equal(status_of(spawn_late(1)), ATTEMPT_EXIT_CLAIMED);
    assert_false(file_exists(1, "ran"));
    /* The daemon's own start finds the same. */
    world->told[1] = (struct told){0};
    start_sh(1, ": > ran");
    assert_int_equal(until_ended(1)->outcome, EXEC_NEVER_STARTED);
    assert_false(file_exists(1, "ran"));
}

static void test_void_comes_too_late(void **state)
{
    (void)state;
    pid_t pid = spawn_late(1);
    until_file(1, "ran");
    set_void(1);
    exec_local.stop(world->x, 1, 60000);
    struct told *t = until_ended(1);
    assert_int_equal(t->outcome, EXEC_EXITED);
    assert_int_equal(t->started, 1);
    assert_int_equal(t->end.signal, SIGTERM);
    assert_true(waitpid(pid, NULL, 0) == pid || errno == ECHILD);
}

static void test_second_start_finds_the_first(void **state)
{
    (void)state;
    /* A cail-run of the daemon before this one claims first: ours steps back, its job counts. */
    pid_t pid = spawn_late(1);
    until_file(1, "ran");
    start_sh(1, ": > ran2");
    exec_local.stop(world->x, 1, 60000);
    struct told *t = until_ended(1);
    assert_int_equal(t->outcome, EXEC_EXITED);
    assert_int_equal(t->end.cause, END_CANCELED);
    assert_false(file_exists(1, "ran2"));
    assert_int_equal(read_run(1).claim.pid, pid);
    assert_true(waitpid(pid, NULL, 0) == pid || errno == ECHILD);
}

static void test_stalled_between_lock_and_claim(void **state)
{
    (void)state;
    int dies = hold_lock(1), claims = hold_lock(2);
    assert_int_equal(adopt(1), EXEC_ADOPTED);
    assert_int_equal(adopt(2), EXEC_ADOPTED);
    for (int i = 0; i < 3; i++) /* each round is a look */
        uv_run(&world->loop, UV_RUN_ONCE);
    assert_int_equal(world->told[1].ended + world->told[2].ended, 0);
    close(dies);
    assert_int_equal(until_ended(1)->outcome, EXEC_NEVER_STARTED);
    assert_int_equal(read_run(1).state, ATTEMPT_RUN_VOID);
    /* The other wakes up, claims, and dies before it can tell. */
    CLEANUP(str_done) struct str text = STR_INIT;
    struct attempt_claim c = {.pid = getpid(), .start = 1, .boot = "x", .at_us = 5};
    attempt_claim_encode(world->token[2], &c, &text);
    assert_int_equal(fsx_write_all(claims, text.p, text.len), 0);
    for (int i = 0; i < 3; i++)
        uv_run(&world->loop, UV_RUN_ONCE);
    assert_int_equal(world->told[2].ended, 0);
    close(claims);
    assert_int_equal(until_ended(2)->outcome, EXEC_LOST);
}

static void test_start_while_locked(void **state)
{
    (void)state;
    /* Ours cannot get the lock and exits 75; who holds it never claims: then nobody ran it. */
    int fd = hold_lock(1);
    start_sh(1, ": > ran");
    for (int i = 0; i < 3; i++)
        uv_run(&world->loop, UV_RUN_ONCE);
    close(fd);
    struct told *t = until_ended(1);
    /* Whether ours came before or after the release is open; never both, never neither. */
    assert_int_equal(t->outcome == EXEC_EXITED, file_exists(1, "ran"));
    assert_true(t->outcome == EXEC_EXITED || t->outcome == EXEC_NEVER_STARTED);
}

static int run_status(const char *dir)
{
    return status_of(spawn_run(dir));
}

static void test_another_user(void **state)
{
    (void)state;
    if (geteuid())
        skip();
    static const char *argv[] = {"sh", "-c", "id -u; id -g; id -G; echo x > /dev/stderr", NULL};
    static const char *env[] = {"PATH=/usr/bin:/bin", NULL};
    gid_t groups[] = {44};
    struct attempt_spec s = {.id = 1, .token = world->token[1], .cwd = "/", .argv = argv,
                             .env = env, .uid = 65534, .gid = 65533, .groups = groups,
                             .n_groups = 1};
    write_spec(1, &s);
    assert_int_equal(run_status(world->dir[1]), 0);
    assert_log(1, "65534\n65533\n65533 44\nx\n");
}

static void test_refusals_of_cail_run(void **state)
{
    (void)state;
    assert_int_equal(run_status("/no/such/folder"), ATTEMPT_EXIT_SPEC);
    mkdir(world->dir[1], 0700);
    assert_int_equal(run_status(world->dir[1]), ATTEMPT_EXIT_SPEC);
    write_file(1, "spec", "CAILSPEC1\0torn", 14);
    assert_int_equal(run_status(world->dir[1]), ATTEMPT_EXIT_SPEC);
    assert_false(file_exists(1, "run")); /* nothing is claimed for it */
    /* A whole one that others could have written. */
    int fd = hold_lock(2);
    assert_int_equal(status_of(spawn_late(2)), ATTEMPT_EXIT_CLAIMED);
    close(fd);
    char path[256];
    path_of(2, "spec", path);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(run_status(world->dir[2]), ATTEMPT_EXIT_SPEC);
    assert_false(file_exists(2, "ran"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        T(test_adopted),
        T(test_adopted_is_stopped),
        T(test_limits_hold_without_a_daemon),
        T(test_lost_when_cail_run_is_killed),
        T(test_lost_while_the_daemon_was_down),
        T(test_another_boot),
        T(test_torn_records),
        T(test_unclaimed),
        T(test_void_then_late_cail_run),
        T(test_void_comes_too_late),
        T(test_second_start_finds_the_first),
        T(test_stalled_between_lock_and_claim),
        T(test_start_while_locked),
        T(test_refusals_of_cail_run),
        T(test_another_user),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
