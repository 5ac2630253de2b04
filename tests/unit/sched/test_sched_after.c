/* Dependencies, fail-fast groups, and giving up. */
#include "bench.h"

/* What becomes of a job that comes after another, by how the other ends. */
static void every_end_by_every_when(void **state)
{
    static const char *const want[AFTER_WHEN_COUNT][JOB_STATE_COUNT] = {
        [AFTER_SUCCEEDED] = {[JOB_SUCCEEDED] = "+2",
                             [JOB_FAILED] = "-2(1)",
                             [JOB_CANCELED] = "-2(1)",
                             [JOB_TIMED_OUT] = "-2(1)",
                             [JOB_LOST] = "-2(1)",
                             [JOB_DEP_FAILED] = "-2(1)"},
        [AFTER_FAILED] = {[JOB_SUCCEEDED] = "-2(1)",
                          [JOB_FAILED] = "+2",
                          [JOB_CANCELED] = "-2(1)",
                          [JOB_TIMED_OUT] = "+2",
                          [JOB_LOST] = "+2",
                          [JOB_DEP_FAILED] = "+2"},
        [AFTER_FINISHED] = {[JOB_SUCCEEDED] = "+2",
                            [JOB_FAILED] = "+2",
                            [JOB_CANCELED] = "+2",
                            [JOB_TIMED_OUT] = "+2",
                            [JOB_LOST] = "+2",
                            [JOB_DEP_FAILED] = "+2"},
        [AFTER_READY] = {[JOB_SUCCEEDED] = "-2(1)",
                         [JOB_FAILED] = "-2(1)",
                         [JOB_CANCELED] = "-2(1)",
                         [JOB_TIMED_OUT] = "-2(1)",
                         [JOB_LOST] = "-2(1)",
                         [JOB_DEP_FAILED] = "-2(1)"},
    };
    (void)state;
    for (int when = 0; when < AFTER_WHEN_COUNT; when++)
        for (int end = JOB_SUCCEEDED; end < JOB_STATE_COUNT; end++)
            for (int settled = 0; settled < 3; settled++) {
                struct bench b;
                bench_open(&b, 2);
                struct job *first = bench_job(&b), *second = bench_job(&b);
                bench_after(second, 1, (enum after_when)when);
                if (settled == 0) { /* while the other waits here */
                    bench_add(&b, second);
                    assert_string_equal(bench_go(&b), "");
                    sched_settle(b.s, NULL, first->id, (enum job_state)end, false);
                } else if (settled == 1) { /* it ended long ago */
                    sched_settle(b.s, second, 1, (enum job_state)end, false);
                    bench_add(&b, second);
                } else {
                    bench_add(&b, second);
                    sched_settle(b.s, second, 1, (enum job_state)end, false);
                }
                assert_string_equal(bench_go(&b), want[when][end]);
                bench_close(&b);
            }
}

static void service_becomes_ready(void **state)
{
    struct bench b;
    (void)state;
    bench_open(&b, 1);
    struct job *service = bench_job(&b), *user = bench_job(&b), *late = bench_job(&b);
    service->kind = KIND_SERVICE;
    bench_after(user, 1, AFTER_READY);
    bench_after(late, 1, AFTER_READY);
    bench_add(&b, service);
    bench_add(&b, user);
    assert_string_equal(bench_go(&b), "+1");
    bench_why(&b, user, "after", false, "waits for job 1 to be ready");
    service->ready = true;
    sched_settle(b.s, NULL, 1, JOB_RUNNING, true);
    assert_true(user->after[0].met);
    bench_add(&b, late); /* sees by itself that the service is ready */
    assert_true(late->after[0].met);
    assert_string_equal(bench_go(&b), ""); /* no cpu: and now the service dies */
    bench_end(&b, service, JOB_FAILED);
    assert_string_equal(bench_go(&b), "-2(1) -3(1)");
    bench_close(&b);
}

static void service_that_runs_again_is_awaited_again(void **state)
{
    struct bench b;
    (void)state;
    bench_open(&b, 1);
    struct job *service = bench_job(&b), *user = bench_job(&b);
    service->kind = KIND_SERVICE;
    bench_after(user, 1, AFTER_READY);
    bench_add(&b, service);
    bench_add(&b, user);
    assert_string_equal(bench_go(&b), "+1");
    sched_settle(b.s, NULL, 1, JOB_RUNNING, true);
    assert_true(user->after[0].met);
    sched_ended(b.s, service); /* its retry */
    bench_move(service, JOB_QUEUED, b.now_us);
    bench_add(&b, service);
    assert_false(user->after[0].met);
    assert_string_equal(bench_go(&b), "+1");
    bench_close(&b);
}

static void several_and_chains(void **state)
{
    struct bench b;
    (void)state;
    bench_open(&b, 4);
    bench_cpus(&b, 1, 100);
    bench_cpus(&b, 1, 100);
    struct job *both = bench_job(&b), *next = bench_job(&b), *cleanup = bench_job(&b);
    bench_after(both, 1, AFTER_SUCCEEDED);
    bench_after(both, 2, AFTER_SUCCEEDED);
    bench_after(next, 3, AFTER_SUCCEEDED);
    bench_after(cleanup, 3, AFTER_FAILED);
    bench_after(cleanup, 3, AFTER_FINISHED);
    bench_add(&b, both);
    bench_add(&b, next);
    bench_add(&b, cleanup);
    assert_string_equal(bench_go(&b), "+1 +2");
    bench_why(&b, both, "after", false, "waits for job 1 to succeed, job 2 to succeed");
    bench_end(&b, b.jobs[0], JOB_SUCCEEDED);
    assert_string_equal(bench_go(&b), "");
    bench_end(&b, b.jobs[1], JOB_FAILED);
    bench_why(&b, both, "after", false, "needed job 2 to succeed, which cannot happen any more");
    assert_string_equal(bench_go(&b), "-3(2) -4(3) +5");
    bench_close(&b);
}

static void held_jobs_are_told_too(void **state)
{
    struct bench b;
    (void)state;
    bench_open(&b, 4);
    struct job *j = bench_job(&b);
    j->state = JOB_HELD;
    bench_after(j, 7, AFTER_SUCCEEDED);
    bench_add(&b, j);
    sched_settle(b.s, NULL, 7, JOB_FAILED, false);
    assert_string_equal(bench_go(&b), "-1(7)");
    bench_close(&b);
}

static void met_stays_met(void **state)
{
    struct bench b;
    (void)state;
    bench_open(&b, 1);
    struct job *j = bench_job(&b);
    bench_after(j, 7, AFTER_SUCCEEDED);
    sched_settle(b.s, j, 7, JOB_SUCCEEDED, false);
    sched_settle(b.s, j, 7, JOB_LOST, false); /* forgotten since */
    bench_add(&b, j);
    sched_settle(b.s, NULL, 7, JOB_LOST, false);
    assert_string_equal(bench_go(&b), "+1");
    bench_close(&b);
}

static void settled_but_never_added(void **state)
{
    struct bench b;
    (void)state;
    bench_open(&b, 1);
    struct job *j = bench_job(&b), *kept = bench_job(&b);
    bench_after(j, 7, AFTER_SUCCEEDED);
    bench_after(kept, 7, AFTER_SUCCEEDED);
    sched_settle(b.s, j, 7, JOB_FAILED, false);
    sched_settle(b.s, kept, 7, JOB_FAILED, false);
    assert_string_equal(bench_go(&b), "");
    sched_remove(b.s, j);
    bench_close(&b);
}

/* --- fail-fast --- */

static void group_of(struct bench *b, int n)
{
    sched_set_group(b->s, 5, 0, true);
    for (int i = 0; i < n; i++) {
        struct job *j = bench_job(b);
        j->group = 5;
        bench_add(b, j);
    }
}

static void first_failure_stops_the_group(void **state)
{
    (void)state;
    for (int order = 0; order < 3; order++) {
        struct bench b;
        bench_open(&b, 2);
        group_of(&b, 5);
        bench_move(b.jobs[4], JOB_HELD, b.now_us);
        sched_changed(b.s, b.jobs[4]);
        assert_string_equal(bench_go(&b), "+1 +2");
        if (order == 0) {
            bench_end(&b, b.jobs[0], JOB_FAILED);
        } else if (order == 1) { /* freed before its state is known */
            sched_ended(b.s, b.jobs[0]);
            bench_move(b.jobs[0], JOB_LOST, b.now_us);
            sched_settle(b.s, NULL, 1, JOB_LOST, false);
        } else {
            bench_move(b.jobs[0], JOB_TIMED_OUT, b.now_us);
            sched_settle(b.s, NULL, 1, JOB_TIMED_OUT, false);
            sched_ended(b.s, b.jobs[0]);
        }
        bench_why(&b, b.jobs[2], "group", false,
                  "job 1 of its group failed, and the group stops at the first failure");
        assert_string_equal(bench_go(&b), "x3(1) x4(1) x5(1)");
        /* A retry afterwards is not stopped by the old failure. */
        bench_move(b.jobs[0], JOB_QUEUED, b.now_us);
        bench_add(&b, b.jobs[0]);
        assert_string_equal(bench_go(&b), "+1");
        bench_close(&b);
    }
}

static void a_cancel_or_a_next_step_is_no_failure(void **state)
{
    struct bench b;
    (void)state;
    bench_open(&b, 1);
    group_of(&b, 3);
    assert_string_equal(bench_go(&b), "+1");
    bench_end(&b, b.jobs[0], JOB_CANCELED);
    assert_string_equal(bench_go(&b), "+2");
    sched_ended(b.s, b.jobs[1]); /* its next step */
    bench_move(b.jobs[1], JOB_QUEUED, b.now_us);
    b.now_us += S;
    b.jobs[1]->queued_at_us = b.now_us;
    bench_add(&b, b.jobs[1]);
    assert_string_equal(bench_go(&b), "+3");
    bench_end(&b, b.jobs[2], JOB_SUCCEEDED);
    assert_string_equal(bench_go(&b), "+2");
    bench_close(&b);
}

static void failure_found_at_start_up(void **state)
{
    struct bench b;
    (void)state;
    bench_open(&b, 1);
    group_of(&b, 2);
    sched_group_failed(b.s, 5, 99);
    sched_group_failed(b.s, 6, 99);
    assert_string_equal(bench_go(&b), "x1(99) x2(99)");
    bench_close(&b);
}

/* --- giving up --- */

static void max_wait(void **state)
{
    struct bench b;
    (void)state;
    bench_open(&b, 1);
    bench_cpus(&b, 1, 1000);
    assert_string_equal(bench_go(&b), "+1");
    struct job *plain = bench_job(&b), *after = bench_job(&b), *held = bench_job(&b);
    plain->max_wait_s = after->max_wait_s = held->max_wait_s = 60;
    bench_after(after, 99, AFTER_FINISHED);
    held->state = JOB_HELD;
    bench_add(&b, plain);
    bench_add(&b, after);
    bench_add(&b, held);
    assert_int_equal(sched_wake_at_us(b.s, b.now_us), b.now_us + 60 * S);
    b.now_us += 59 * S;
    assert_string_equal(bench_go(&b), "");
    b.now_us += S;
    assert_string_equal(bench_go(&b), "!2");
    b.now_us += 1000 * S;
    sched_settle(b.s, NULL, 99, JOB_SUCCEEDED, false); /* its wait begins with this decide */
    assert_string_equal(bench_go(&b), "");
    after->priority = 3;
    sched_changed(b.s, after);
    assert_int_equal(sched_wake_at_us(b.s, b.now_us), b.now_us + 60 * S);
    b.now_us += 60 * S;
    assert_string_equal(bench_go(&b), "!3");
    assert_int_equal(held->state, JOB_HELD);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_end_by_every_when),
        cmocka_unit_test(service_becomes_ready),
        cmocka_unit_test(service_that_runs_again_is_awaited_again),
        cmocka_unit_test(several_and_chains),
        cmocka_unit_test(held_jobs_are_told_too),
        cmocka_unit_test(met_stays_met),
        cmocka_unit_test(settled_but_never_added),
        cmocka_unit_test(first_failure_stops_the_group),
        cmocka_unit_test(a_cancel_or_a_next_step_is_no_failure),
        cmocka_unit_test(failure_found_at_start_up),
        cmocka_unit_test(max_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
