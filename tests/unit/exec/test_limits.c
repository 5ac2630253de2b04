/* Timeouts, stopping, the cap of the log: whatever the job does against it. */
#include "../exec/world.h"

#include <sys/resource.h>

/* Ignores TERM, leaves its session, forks twice, and says so. */
#define STUBBORN                                                                                   \
    "trap '' TERM; (setsid sh -c \"trap '' TERM; : > down; sleep 1000\" &); "                      \
    "setsid sleep 1001 & : > up; while :; do sleep 1002; done"

static struct exec_spec sh_spec(int id, const char **argv, const char *script)
{
    argv[0] = "sh";
    argv[1] = "-c";
    argv[2] = script;
    argv[3] = NULL;
    return spec_of(id, argv);
}

static void test_wall_timeout(void **state)
{
    (void)state;
    const char *argv[4];
    struct exec_spec s = sh_spec(1, argv, "trap 'echo got term; exit 9' TERM; sleep 1000 & wait");
    s.wall_ms = 300;
    start(&s);
    struct told *t = until_ended(1);
    assert_int_equal(t->end.cause, END_TIMEOUT);
    assert_int_equal(t->end.exit_code, 9); /* asked politely first */
    assert_log(1, "got term\n");
    assert_int_equal(alive_of(1), 0);
}

static void test_wall_timeout_of_the_stubborn(void **state)
{
    (void)state;
    const char *argv[4];
    struct exec_spec s = sh_spec(1, argv, STUBBORN);
    s.wall_ms = 300;
    s.grace_ms = 50;
    start(&s);
    struct told *t = until_ended(1);
    assert_int_equal(t->end.cause, END_TIMEOUT);
    assert_int_equal(t->end.signal, SIGKILL);
    assert_string_equal(t->unkillable, "");
    assert_int_equal(alive_of(1), 0);
}

static void test_idle_timeout(void **state)
{
    (void)state;
    const char *argv[4];
    struct exec_spec s = sh_spec(1, argv, "for i in 1 2 3 4 5 6; do echo $i; sleep 0.1; done; "
                                          "exec sleep 1000");
    s.idle_ms = 400;
    start(&s);
    struct told *t = until_ended(1);
    assert_int_equal(t->end.cause, END_IDLE_TIMEOUT);
    assert_int_equal(t->end.signal, SIGTERM);
    assert_log(1, "1\n2\n3\n4\n5\n6\n"); /* output kept it alive */
    s = sh_spec(2, argv, "exec >&- 2>&-; exec sleep 1000"); /* nobody holds the pipe */
    s.idle_ms = 100;
    start(&s);
    assert_int_equal(until_ended(2)->end.cause, END_IDLE_TIMEOUT);
}

static void test_stop(void **state)
{
    (void)state;
    start_sh(1, STUBBORN);
    until_file(1, "up");
    until_file(1, "down");
    exec_local.stop(world->x, 1, 60000);
    exec_local.stop(world->x, 1, 50); /* the shorter grace wins */
    struct told *t = until_ended(1);
    assert_int_equal(t->outcome, EXEC_EXITED);
    assert_int_equal(t->end.cause, END_CANCELED);
    assert_int_equal(t->end.signal, SIGKILL);
    assert_int_equal(alive_of(1), 0);
    exec_local.stop(world->x, 1, 0); /* unknown now: nothing happens */
    exec_local.stop(world->x, 15, 0);
}

static void test_stop_reaches_all(void **state)
{
    (void)state;
    /* TERM alone ends them: one below a shell, one in its own session, one that is stopped. Each
     * says that it is past its exec: before, it still has the trap of the shell. */
    start_sh(1, "trap 'exit 5' TERM; sh -c ': > a; exec sleep 1000' & "
                "setsid sh -c ': > b; exec sleep 1001' & sh -c 'kill -STOP $$' & "
                "until grep -q '^State:.T' /proc/$!/status; do sleep 0.01; done; : > c; "
                "wait; wait; wait");
    until_file(1, "a");
    until_file(1, "b");
    until_file(1, "c");
    exec_local.stop(world->x, 1, 3600000);
    struct told *t = until_ended(1);
    assert_int_equal(t->end.cause, END_CANCELED);
    assert_int_equal(t->end.exit_code, 5);
    assert_int_equal(alive_of(1), 0);
}

static void test_stop_at_once(void **state)
{
    (void)state;
    /* Before cail-run can have done anything: nothing is lost, the job is ended in order. */
    for (int id = 1; id < 9; id++) {
        start_sh(id, "exec sleep 1000");
        exec_local.stop(world->x, id, 60000);
    }
    for (int id = 1; id < 9; id++) {
        struct told *t = until_ended(id);
        assert_int_equal(t->outcome, EXEC_EXITED);
        assert_int_equal(t->end.cause, END_CANCELED);
        assert_int_equal(t->end.signal, SIGTERM);
        assert_int_equal(t->started, 1);
    }
}

static void test_term_to_cail_run(void **state)
{
    (void)state;
    start_sh(1, "exec sleep 1000");
    until_started(1);
    assert_int_equal(kill(read_run(1).claim.pid, SIGTERM), 0); /* as a logout does */
    struct told *t = until_ended(1);
    assert_int_equal(t->end.cause, END_CANCELED);
    assert_int_equal(t->end.signal, SIGTERM);
}

static void test_control_of_another(void **state)
{
    (void)state;
    start_sh(1, "while [ ! -e go ]; do sleep 0.01; done");
    until_started(1);
    static const char text[] = "CAILCTL1 stop grace_ms=0 token=somebodyelse\n";
    write_file(1, "control", text, sizeof text - 1);
    assert_int_equal(kill(read_run(1).claim.pid, SIGUSR1), 0);
    write_file(1, "go", "", 0);
    struct told *t = until_ended(1);
    assert_int_equal(t->end.cause, END_EXITED);
    assert_int_equal(t->end.exit_code, 0);
}

static void test_log_cap(void **state)
{
    (void)state;
    const char *argv[4];
    /* 8 bytes a line, so every place is known by its number. */
    struct exec_spec s = sh_spec(1, argv, "seq -w 1000000 3000000 | head -c 16000000");
    s.log_cap_bytes = 4 << 20;
    start(&s);
    struct told *t = until_ended(1);
    assert_int_equal(t->end.exit_code, 0);
    assert_int_equal(t->end.log_bytes, 16000000);
    int64_t from = t->end.hole_from, to = t->end.hole_to;
    assert_int_equal(from, 2 << 20);
    assert_int_equal((to - from) % (1 << 20), 0);
    assert_true(16000000 - to >= 2 << 20);
    assert_true(16000000 - to < 3 << 20);
    size_t len;
    char *text = file_text(1, "log", &len);
    assert_int_equal(len, 16000000);
    char line[16];
    snprintf(line, sizeof line, "%07d\n", (int)(1000000 + from / 8 - 1));
    assert_memory_equal(text + from - 8, line, 8);
    assert_int_equal(text[from], 0);
    assert_int_equal(text[to - 1], 0);
    snprintf(line, sizeof line, "%07d\n", (int)(1000000 + to / 8));
    assert_memory_equal(text + to, line, 8);
    free(text);
    char path[256];
    struct stat st;
    path_of(1, "log", path);
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_blocks * 512 <= (6 << 20));
}

/* Peak memory of a process that still lives. */
static long peak_kib(pid_t pid)
{
    char path[64], text[4096];
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    assert_true(n > 0);
    text[n] = 0;
    const char *row = strstr(text, "VmHWM:");
    assert_non_null(row);
    return strtol(row + 6, NULL, 10);
}

static void test_flood_costs_no_memory(void **state)
{
    (void)state;
    struct rusage before, after;
    const char *argv[4];
    struct exec_spec s = sh_spec(1, argv, "head -c 67108864 /dev/zero; : > flooded; exec sleep 999");
    s.log_cap_bytes = 1 << 20;
    getrusage(RUSAGE_SELF, &before);
    start(&s);
    until_file(1, "flooded");
    long peak = peak_kib(read_run(1).claim.pid);
#ifndef __SANITIZE_ADDRESS__
    assert_true(peak < 4096);
#endif
    assert_true(peak > 0);
    getrusage(RUSAGE_SELF, &after);
    assert_true(after.ru_maxrss - before.ru_maxrss < 16384);
    exec_local.stop(world->x, 1, 0);
    struct told *t = until_ended(1);
    assert_int_equal(t->end.log_bytes, 67108864);
    assert_true(t->end.hole_to - t->end.hole_from > 60 << 20);
}

static void test_output_that_cannot_be_written(void **state)
{
    (void)state;
    /* As on a full disk: the write fails, the job runs on, the record says what is missing. */
    struct rlimit old, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 65536;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    start_sh(1, "head -c 1000000 /dev/zero; exit 3");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    struct told *t = until_ended(1);
    assert_int_equal(t->end.exit_code, 3);
    assert_int_equal(t->end.log_bytes, 1000000);
    assert_int_equal(t->end.hole_from, 65536);
    assert_int_equal(t->end.hole_to, 1000000);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        T(test_wall_timeout),
        T(test_wall_timeout_of_the_stubborn),
        T(test_idle_timeout),
        T(test_stop),
        T(test_stop_reaches_all),
        T(test_stop_at_once),
        T(test_term_to_cail_run),
        T(test_control_of_another),
        T(test_log_cap),
        T(test_flood_costs_no_memory),
        T(test_output_that_cannot_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
