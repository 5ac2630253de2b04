/* What a job sees and how its end is told: the ordinary life of an attempt. */
#include "../exec/world.h"

static void test_exit_codes(void **state)
{
    (void)state;
    start_sh(1, "exit 0");
    start_sh(2, "exit 7");
    start_sh(3, "kill -SEGV $$");
    struct told *t = until_ended(1);
    assert_int_equal(t->started, 1);
    assert_true(t->started_at_us > 0);
    assert_int_equal(t->outcome, EXEC_EXITED);
    assert_int_equal(t->end.cause, END_EXITED);
    assert_int_equal(t->end.exit_code, 0);
    assert_true(t->end.wall_us > 0);
    assert_true(t->end.max_rss_bytes > 0);
    assert_int_equal(t->end.instructions, -1); /* not asked for */
    assert_int_equal(t->end.log_bytes, 0);
    assert_false(file_exists(1, "log")); /* no output, no file */
    t = until_ended(2);
    assert_int_equal(t->end.cause, END_EXITED);
    assert_int_equal(t->end.exit_code, 7);
    t = until_ended(3);
    assert_int_equal(t->end.cause, END_SIGNALED);
    assert_int_equal(t->end.signal, SIGSEGV);
    assert_int_equal(t->end.exit_code, -1);
}

static struct told *run_argv(int id, const char *const *argv)
{
    struct exec_spec s = spec_of(id, argv);
    start(&s);
    return until_ended(id);
}

static void test_exec_failures(void **state)
{
    (void)state;
    struct told *t = run_argv(1, (const char *[]){"no-such-program-x", NULL});
    assert_int_equal(t->end.cause, END_EXEC_FAILED);
    assert_int_equal(t->end.exec_errno, ENOENT);
    assert_int_equal(t->end.exit_code, -1);
    assert_log(1, "cail-run: cannot execute 'no-such-program-x': No such file or directory\n");
    t = run_argv(2, (const char *[]){"/etc/passwd", NULL});
    assert_int_equal(t->end.cause, END_EXEC_FAILED);
    assert_int_equal(t->end.exec_errno, EACCES);
    const char *argv[] = {"true", NULL};
    struct exec_spec s = spec_of(3, argv);
    s.cwd = "/no/such/folder";
    start(&s);
    t = until_ended(3);
    assert_int_equal(t->end.cause, END_EXEC_FAILED);
    assert_log(3, "cail-run: cannot enter '/no/such/folder': No such file or directory\n");
    s = spec_of(4, argv);
    s.cpu_list = "0,99999";
    start(&s);
    assert_int_equal(until_ended(4)->end.exec_errno, EINVAL);
}

static void test_what_a_job_sees(void **state)
{
    (void)state;
    const char *argv[] = {"sh", "-c",
                          "pwd; umask >/dev/null; echo $A; cat; ls /proc/self/fd | wc -l; "
                          "cat /proc/self/oom_score_adj; ulimit -c; "
                          "grep -E 'SigBlk|SigIgn|Cpus_allowed_list' /proc/self/status",
                          NULL};
    const char *env[] = {"PATH=/usr/bin:/bin", "A=b=c", NULL};
    struct exec_spec s = spec_of(1, argv);
    s.env = env;
    s.cwd = "/usr";
    s.stdin_text = "from\0stdin\n";
    s.stdin_len = 11;
    s.cpu_list = "0";
    start(&s);
    assert_int_equal(until_ended(1)->end.exit_code, 0);
    size_t len;
    char *text = file_text(1, "log", &len);
    /* ls has 0, 1, 2 and the folder it reads. */
    static const char want[] = "/usr\nb=c\nfrom\0stdin\n4\n500\n0\nSigBlk:\t0000000000000000\n"
                               "SigIgn:\t0000000000000000\nCpus_allowed_list:\t0\n";
    assert_int_equal(len, sizeof want - 1);
    assert_memory_equal(text, want, len);
    free(text);
}

static void test_script_without_hashbang(void **state)
{
    (void)state;
    write_file(1, "job", "echo ran $1 $2\n", 15);
    char path[256];
    path_of(1, "job", path);
    chmod(path, 0700);
    run_argv(1, (const char *[]){path, "a", "b c", NULL});
    assert_log(1, "ran a b c\n");
}

static void test_streams_are_one_pipe(void **state)
{
    (void)state;
    /* Were stderr the file itself, opening it again would truncate it. */
    start_sh(1, "echo one; echo two >&2; echo x > /dev/stderr; echo y > /dev/stdout; echo last");
    struct told *t = until_ended(1);
    assert_log(1, "one\ntwo\nx\ny\nlast\n");
    assert_int_equal(t->end.log_bytes, 17);
}

static void test_last_lines_of_a_tee(void **state)
{
    (void)state;
    const char *argv[] = {"bash", "-c", "exec > >(sleep 0.05; tee copy) 2>&1; seq 1 1000", NULL};
    struct told *t = run_argv(1, argv);
    assert_int_equal(t->end.exit_code, 0);
    assert_int_equal(t->end.killed, 0);
    assert_int_equal(t->end.log_bytes, 3893);
}

static void test_stragglers_are_killed(void **state)
{
    (void)state;
    /* Two that hold the pipe: one in a session of its own, one forked twice. */
    start_sh(1, "setsid sleep 1000 & (setsid sh -c 'trap \"\" TERM; sleep 1001' &) ; exit 3");
    struct told *t = until_ended(1);
    assert_int_equal(t->end.exit_code, 3);
    assert_int_equal(t->end.cause, END_EXITED);
    assert_true(t->end.killed >= 2);
    assert_int_equal(alive_of(1), 0);
}

static void test_spawn_failure(void **state)
{
    (void)state;
    struct cail_err err;
    const char *argv[] = {"true", NULL};
    struct exec_spec s = spec_of(1, argv);
    /* The folder's place is taken by a file. */
    int fd = open(world->dir[1], O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    close(fd);
    assert_int_not_equal(exec_local.start(world->x, &s, &err), 0);
    assert_int_not_equal(err.text[0], 0);
    s.dir = "relative";
    assert_int_not_equal(exec_local.start(world->x, &s, &err), 0);
    assert_int_equal(world->told[1].ended, 0);
    struct exec *x;
    struct exec_events none = {0};
    assert_int_not_equal(exec_local.open(&x, &world->loop, &none, "/no/cail-run", &err), 0);
    assert_ptr_equal(exec_find("local"), &exec_local);
    assert_null(exec_find("nobody"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        T(test_exit_codes),
        T(test_exec_failures),
        T(test_what_a_job_sees),
        T(test_script_without_hashbang),
        T(test_streams_are_one_pipe),
        T(test_last_lines_of_a_tee),
        T(test_stragglers_are_killed),
        T(test_spawn_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
