/* The process dies: at every write, sync and truncate of a scripted run (the write torn in half
 * every other time), and from outside at seeded moments. What was acknowledged is there, a batch is
 * whole or absent, and the next start works. */
#include <sys/mman.h>
#include <sys/wait.h>

#include "faultfs.h"
#include "fixture.h"

enum { BATCHES = 8, JOBS_PER_BATCH = 4, POINTS_MAX = 400 };

/* Shared with the child: what it was told before it died. */
struct told {
    atomic_int acked; /* batches 0..acked-1 were acknowledged */
    atomic_bool opened, ended;
};

static struct told *shared_new(void)
{
    void *p =
        mmap(NULL, sizeof(struct told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(p != MAP_FAILED);
    return p;
}

static const struct migration colour = {
    "9999_colour", "ALTER TABLE job ADD COLUMN colour TEXT; CREATE TABLE paint (a INTEGER) STRICT;"
                   "INSERT INTO paint VALUES (1), (2);"};

static void put_batch(struct fix *f, struct store_batch *b, int i)
{
    fix_put_jobs(f, b, 1 + i * JOBS_PER_BATCH, JOBS_PER_BATCH);
    if (i == 0)
        return;
    struct job *earlier = fix_job(1); /* one row that every batch changes */
    earlier->state = JOB_HELD;
    earlier->attempts_used = i;
    store_put_job(b, earlier, false);
    job_free(earlier);
}

static void child_script(struct fix *f, struct told *told, int batches)
{
    struct cail_err err;
    if (fix_open(f, &err))
        _exit(3);
    told->opened = true;
    for (int i = told->acked; i < batches; i++) {
        struct store_batch *b = store_batch_new(f->s);
        put_batch(f, b, i);
        if (fix_commit(f, b, &err) != STORE_COMMITTED)
            _exit(4);
        told->acked = i + 1;
    }
    fix_close(f);
    told->ended = true;
    _exit(0);
}

/* Runs the script in a child that dies at its at-th operation; true when it did. */
static bool run_child(struct fix *f, struct told *told, int at, int batches)
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        fault_arm(FAULT_ANY, at, FAULT_KILL, false);
        child_script(f, told, batches);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFSIGNALED(status)) {
        assert_int_equal(WTERMSIG(status), SIGKILL);
        return true;
    }
    assert_int_equal(WEXITSTATUS(status), 0);
    return false;
}

/* Opens, compares, closes; from then on what is there counts as told. */
static void assert_kept(struct fix *f, struct told *told)
{
    struct cail_err err;
    int n[BATCHES + 1] = {0}, last = -1;
    fix_must_open(f);
    struct fix_loaded *l = fix_load(f, &err);
    assert_non_null(l);
    for (size_t i = 0; i < l->n_jobs; i++)
        n[(l->job[i]->id - 1) / JOBS_PER_BATCH]++;
    for (int i = 0; i < BATCHES; i++) {
        assert_true(n[i] == JOBS_PER_BATCH || (n[i] == 0 && i >= told->acked));
        if (n[i])
            last = i;
    }
    assert_true(last <= told->acked); /* one batch may be there that was not yet told */
    if (last > 0)
        assert_int_equal(l->job[0]->attempts_used, last); /* the changed row is the last batch's */
    told->acked = last + 1;
    fix_loaded_free(l);
    fix_close(f);
}

static void test_killed_at_every_operation(void **state)
{
    (void)state;
    struct told *told = shared_new();
    int points = 0;
    for (int at = 1;; at++) {
        struct fix f;
        fix_begin(&f);
        f.seams = (struct store_seams){.vfs = fault_install(), .idle_s = 3600};
        memset(told, 0, sizeof *told);
        assert_true(at < POINTS_MAX);
        bool died = run_child(&f, told, at, BATCHES);
        assert_kept(&f, told);
        fix_end(&f);
        if (!died)
            break;
        points++;
    }
    assert_true(told->ended);
    print_message("          killed at each of %d operations\n", points);
    munmap(told, sizeof *told);
}

static void test_killed_while_migrating(void **state)
{
    (void)state;
    struct told *told = shared_new();
    int points = 0;
    enum { STEPS_MAX = 50 };
    struct migration steps[STEPS_MAX];
    int n = migrations_embedded.n;
    assert_true(n < STEPS_MAX);
    memcpy(steps, migrations_embedded.step, (size_t)n * sizeof *steps);
    steps[n] = colour;
    const struct migrations before = {steps, n}, upgraded = {steps, n + 1};
    for (int at = 1;; at++) {
        struct fix f;
        fix_begin(&f);
        f.seams = (struct store_seams){.vfs = fault_install(), .migrations = &before};
        memset(told, 0, sizeof *told);
        assert_false(run_child(&f, told, POINTS_MAX, 2));
        f.seams.migrations = &upgraded;
        told->ended = false;
        bool died = run_child(&f, told, at, 3);
        assert_kept(&f, told); /* ends the upgrade where the child did not */
        fix_end(&f);
        if (!died)
            break;
        points++;
    }
    assert_true(told->ended);
    print_message("          killed at each of %d operations\n", points);
    munmap(told, sizeof *told);
}

/* From outside, while the writer is anywhere: checkpoints, between a sync and its answer. */
static void kill_when_told(struct fix *f, struct told *told, int acks)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        child_script(f, told, BATCHES);
    int status;
    siginfo_t gone = {0};
    while (told->acked < acks && !gone.si_pid)
        (void)waitid(P_PID, (id_t)pid, &gone, WEXITED | WNOHANG | WNOWAIT);
    kill(pid, SIGKILL);
    /* it may have ended by itself, but never badly */
    if (waitpid(pid, &status, 0) == pid)
        assert_true(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : !WEXITSTATUS(status));
}

static void test_killed_from_outside(void **state)
{
    (void)state;
    struct told *told = shared_new();
    for (unsigned seed = 0; seed < 24; seed++) {
        struct fix f;
        fix_begin(&f);
        memset(told, 0, sizeof *told);
        kill_when_told(&f, told, 1 + (int)(seed * 7 % BATCHES));
        assert_kept(&f, told);
        kill_when_told(&f, told, BATCHES); /* the survivors' file goes on */
        assert_kept(&f, told);
        fix_end(&f);
    }
    munmap(told, sizeof *told);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed_at_every_operation),
        cmocka_unit_test(test_killed_while_migrating),
        cmocka_unit_test(test_killed_from_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
