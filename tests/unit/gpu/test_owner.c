/* Whose process is it: against a made-up /proc and against real children. */
#include "probe_say.h"

#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fsx.h"
#include "gpu/owner.h"

#define TOKEN "0123456789abcdef0123456789abcdef"
#define OTHER "fedcba9876543210fedcba9876543210"

static char proc[64];

static void put(int pid, const char *name, const char *text, size_t len)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%d", proc, pid);
    (void)mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/%d/%s", proc, pid, name);
    assert_int_equal(fsx_write_atomic(path, text, len, 0600, false, NULL), 0);
}

static void put_stat(int pid, const char *comm, int parent, int start)
{
    char text[300];
    int n = snprintf(text, sizeof text,
                     "%d (%s) S %d 1 1 0 -1 4194304 1 0 0 0 1 2 0 0 20 0 1 0 %d 1 2 3\n", pid, comm,
                     parent, start);
    put(pid, "stat", text, (size_t)n);
}

#define PUT(pid, name, text) put(pid, name, text, sizeof(text) - 1)

static int make_proc(void **state)
{
    (void)state;
    snprintf(proc, sizeof proc, "/tmp/cail-owner-XXXXXX");
    return mkdtemp(proc) ? 0 : -1;
}

static int drop_proc(void **state)
{
    (void)state;
    return fsx_remove_tree(proc, NULL);
}

static struct owner_facts look(int pid)
{
    struct owner_facts f;
    owner_look(proc, pid, &f);
    return f;
}

static void test_by_cgroup(void **state)
{
    (void)state;
    put_stat(10, "a) S 1 (b", 1, 77);
    PUT(10, "cgroup", "1:name=x:/\n0::/user.slice/cail-" TOKEN "/inner\n");
    PUT(10, "status", "Name:\tx\nUid:\t5\t0\t5\t5\n");
    PUT(10, "cmdline", "/usr/bin/python3\0/home/a/train.py\0--key=secret\0");
    struct owner_facts f = look(10);
    assert_true(f.seen);
    assert_string_equal(f.token, TOKEN);
    assert_int_equal(f.start_ticks, 77);
    assert_int_equal(f.uid, 0);
    assert_string_equal(f.user, "root");
    assert_string_equal(f.command, "python3 train.py");
}

static void test_not_our_cgroup(void **state)
{
    (void)state;
    put_stat(11, "x\033[31m", 1, 1);
    PUT(11, "cgroup", "0::/system.slice/cail-d.service\n0::/cail-" TOKEN "0\n0::/cail-0123\n");
    PUT(11, "environ", "A=CAIL_ATTEMPT_TOKEN=" TOKEN "\0CAIL_ATTEMPT_TOKEN=" TOKEN "0\0");
    struct owner_facts f = look(11);
    assert_true(f.seen);
    assert_string_equal(f.token, "");
    assert_string_equal(f.command, "x?[31m"); /* nothing that moves a terminal's cursor */
    assert_int_equal(f.uid, (uid_t)-1);
}

static void test_by_environment_and_parents(void **state)
{
    (void)state;
    put_stat(20, "shell", 1, 1);
    PUT(20, "environ", "PATH=/bin\0CAIL_ATTEMPT_TOKEN=" TOKEN "\0HOME=/\0");
    put_stat(21, "sudo", 20, 1);
    put_stat(22, "worker", 21, 1);
    PUT(22, "environ", "");
    assert_string_equal(look(20).token, TOKEN);
    assert_string_equal(look(22).token, TOKEN);
    PUT(22, "environ", "CAIL_ATTEMPT_TOKEN=" OTHER "\0");
    assert_string_equal(look(22).token, OTHER); /* its own word counts more */
}

static void test_loops_and_ghosts(void **state)
{
    (void)state;
    put_stat(30, "a", 31, 1);
    put_stat(31, "b", 30, 1);
    assert_string_equal(look(30).token, ""); /* and it ends */
    assert_false(look(999).seen);
    PUT(32, "stat", "32 (x");
    assert_false(look(32).seen);
    PUT(33, "stat", "");
    assert_false(look(33).seen);
}

static void test_stat_cut_anywhere(void **state)
{
    (void)state;
    static const char stat[] = "40 (x y) S 1 1 1 0 -1 4194304 1 0 0 0 1 2 0 0 20 0 1 0 77 1 2 3\n";
    for (size_t i = 0; i < sizeof stat; i++) {
        put(40, "stat", stat, i);
        struct owner_facts f = look(40);
        if (f.seen)
            assert_true(f.start_ticks == 7 || f.start_ticks == 77);
    }
}

/* --- with a loop and real processes --- */

static void on_found(void *arg)
{
    ++*(int *)arg;
}

static pid_t start(const char *env)
{
    char *argv[] = {(char[]){"sleep"}, (char[]){"1000"}, NULL}, *envp[] = {(char *)env, NULL};
    pid_t pid;
    assert_int_equal(posix_spawn(&pid, "/bin/sleep", NULL, NULL, argv, envp), 0);
    return pid;
}

static void stop(pid_t pid)
{
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_real(void **state)
{
    (void)state;
    int found = 0;
    uv_loop_t loop;
    uv_loop_init(&loop);
    struct owners *o = owners_new(&loop, on_found, &found);
    pid_t ours = start("CAIL_ATTEMPT_TOKEN=" TOKEN), other = start("X=1");
    struct gpu_proc p = {.pid = ours}, q = {.pid = other};
    int64_t now = 1000000;
    owners_ask(o, &p, now);
    owners_ask(o, &q, now);
    assert_false(p.known);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_true(found > 0);
    owners_ask(o, &p, now);
    owners_ask(o, &q, now);
    assert_true(p.known && q.known);
    assert_string_equal(p.token, TOKEN);
    assert_string_equal(p.command, "sleep");
    assert_int_equal(p.uid, geteuid());
    assert_string_equal(q.token, "");
    stop(ours); /* the card may list it for a moment longer: it stays ours */
    owners_ask(o, &p, now + 1500000);
    assert_true(p.known);
    assert_string_equal(p.token, TOKEN);
    stop(other);
    owners_free(o);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

/* One that cannot be seen is asked for again, and after a while is a stranger. */
static void test_ghost(void **state)
{
    (void)state;
    int found = 0;
    uv_loop_t loop;
    uv_loop_init(&loop);
    struct owners *o = owners_new(&loop, on_found, &found);
    pid_t gone = start("X=1");
    stop(gone);
    struct gpu_proc p = {.pid = gone};
    for (int64_t now = 0; now <= OWNER_PATIENCE_US; now += 500000) {
        owners_ask(o, &p, now);
        assert_false(p.known);
        uv_run(&loop, UV_RUN_DEFAULT);
    }
    owners_ask(o, &p, OWNER_PATIENCE_US + 1);
    assert_true(p.known);
    assert_string_equal(p.token, "");
    owners_free(o); /* with a lookup under way */
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_cgroup),
        cmocka_unit_test(test_not_our_cgroup),
        cmocka_unit_test(test_by_environment_and_parents),
        cmocka_unit_test(test_loops_and_ghosts),
        cmocka_unit_test(test_stat_cut_anywhere),
        cmocka_unit_test(test_real),
        cmocka_unit_test(test_ghost),
    };
    return cmocka_run_group_tests(tests, make_proc, drop_proc);
}
