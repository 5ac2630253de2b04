/* exclusive: quiet. One job has the machine to itself, but for the services it stands on. */
#include "bench.h"

static struct job *quiet(struct bench *b, int priority)
{
    struct job *j = bench_job(b);
    j->needs.exclusive = EXCLUSIVE_QUIET;
    j->priority = priority;
    return j;
}

static struct job *ready_service(struct bench *b, int64_t stands_on)
{
    struct job *j = bench_job(b);
    j->kind = KIND_SERVICE;
    j->timeout_s = 5000;
    if (stands_on)
        bench_after(j, stands_on, AFTER_READY);
    bench_add(b, j);
    bench_go(b);
    assert_int_equal(j->state, JOB_RUNNING);
    j->ready = true;
    sched_settle(b->s, NULL, j->id, JOB_RUNNING, true);
    return j;
}

static void waits_reserves_and_is_alone(void **state)
{
    struct bench b;
    (void)state;
    bench_open(&b, 4);
    bench_cpus(&b, 1, 1000);
    assert_string_equal(bench_go(&b), "+1");
    bench_add(&b, quiet(&b, 0));
    bench_cpus(&b, 1, 1001); /* would run past the reservation */
    bench_cpus(&b, 1, 1000);
    assert_string_equal(bench_go(&b), "+4");
    bench_why(&b, b.jobs[1], "quiet", false,
              "needs the machine to itself; job 1 and job 4 run, the last ends in 17 min "
              "(1970-01-12T14:03:20Z) at the latest");
    bench_why(&b, b.jobs[2], "reservation", false,
              "job 2 is ahead and gets the machine to itself in 17 min (1970-01-12T14:03:20Z) at "
              "the latest; with its timeout of 1001 s this one could keep it waiting");
    bench_end(&b, b.jobs[0], JOB_SUCCEEDED);
    assert_string_equal(bench_go(&b), "");
    bench_end(&b, b.jobs[3], JOB_SUCCEEDED);
    assert_string_equal(bench_go(&b), "+2");
    assert_true(b.lease[2].quiet);
    bench_why(&b, b.jobs[2], "quiet", false,
              "job 2 has the machine to itself; nothing else starts until it ends");
    struct sched_usage u;
    sched_usage(b.s, &u);
    assert_true(u.quiet);
    bench_end(&b, b.jobs[1], JOB_SUCCEEDED);
    assert_string_equal(bench_go(&b), "+3");
    bench_close(&b);
}

static void jobs_before_it_in_line_go_first(void **state)
{
    struct bench b;
    (void)state;
    bench_open(&b, 2);
    bench_cpus(&b, 1, 100);
    assert_string_equal(bench_go(&b), "+1");
    b.now_us += S;
    bench_cpus(&b, 1, 100000);
    b.now_us += S;
    bench_add(&b, quiet(&b, 0));
    assert_string_equal(bench_go(&b), "+2");
    bench_close(&b);
}

static void by_priority_then_id(void **state)
{
    struct bench b;
    (void)state;
    bench_open(&b, 2);
    bench_add(&b, quiet(&b, 0));
    bench_add(&b, quiet(&b, 0));
    b.now_us += 3600 * S; /* waiting counts for nothing among quiet jobs */
    bench_add(&b, quiet(&b, 1));
    bench_why(&b, b.jobs[0], "quiet", false,
              "job 3 has the machine to itself first: quiet jobs go by priority, then id");
    assert_string_equal(bench_go(&b), "+3");
    bench_end(&b, b.jobs[2], JOB_SUCCEEDED);
    assert_string_equal(bench_go(&b), "+1");
    bench_end(&b, b.jobs[0], JOB_SUCCEEDED);
    assert_string_equal(bench_go(&b), "+2");
    bench_close(&b);
}

static void its_services_stay(void **state)
{
    struct bench b;
    (void)state;
    bench_open(&b, 4);
    ready_service(&b, 0);
    ready_service(&b, 1); /* stands on the first, so that one belongs too */
    struct job *j = quiet(&b, 0);
    j->needs.cpus = CPUS_ALL;
    bench_after(j, 2, AFTER_READY);
    bench_add(&b, j);
    assert_string_equal(bench_go(&b), "+3");
    assert_int_equal(b.lease[3].cpus, 2);
    bench_close(&b);
}

static void another_service_makes_it_wait(void **state)
{
    struct bench b;
    (void)state;
    bench_open(&b, 4);
    ready_service(&b, 0);
    ready_service(&b, 0);
    struct job *j = quiet(&b, 0);
    j->max_wait_s = 600;
    bench_after(j, 1, AFTER_READY);
    bench_add(&b, j);
    bench_cpus(&b, 1, 4000); /* over before service 2 has to be */
    assert_string_equal(bench_go(&b), "+4");
    bench_end(&b, b.jobs[3], JOB_SUCCEEDED);
    bench_why(&b, j, "quiet", false,
              "needs the machine to itself; service 2 runs and ends in 84 min "
              "(1970-01-12T15:10:00Z) at the latest");
    b.now_us += 600 * S;
    assert_string_equal(bench_go(&b), "!3");
    bench_close(&b);
}

static void what_cannot_be_alone_keeps_nobody_back(void **state)
{
    struct bench b;
    (void)state;
    bench_open(&b, 2);
    struct job *service = bench_job(&b);
    service->kind = KIND_SERVICE;
    service->needs.cpus = 2;
    bench_add(&b, service);
    bench_go(&b);
    service->ready = true;
    struct job *j = quiet(&b, 9);
    bench_after(j, 1, AFTER_READY);
    bench_add(&b, j); /* needs a cpu; its own service has both */
    bench_add(&b, quiet(&b, 0));
    assert_string_equal(bench_go(&b), "");
    bench_end(&b, service, JOB_SUCCEEDED);
    assert_string_equal(bench_go(&b), "-2(1) +3");
    bench_close(&b);
}

static void a_blocked_queue_keeps_its_quiet_jobs(void **state)
{
    struct bench b;
    (void)state;
    bench_open(&b, 2);
    sched_set_queue(b.s, "night", 0, true);
    struct job *j = quiet(&b, 50);
    model_set(&j->queue, "night");
    bench_add(&b, j);
    bench_add(&b, quiet(&b, 0));
    assert_string_equal(bench_go(&b), "+2");
    bench_end(&b, b.jobs[1], JOB_SUCCEEDED);
    bench_cpus(&b, 1, 10);
    assert_string_equal(bench_go(&b), "+3");
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_reserves_and_is_alone),
        cmocka_unit_test(jobs_before_it_in_line_go_first),
        cmocka_unit_test(by_priority_then_id),
        cmocka_unit_test(its_services_stay),
        cmocka_unit_test(another_service_makes_it_wait),
        cmocka_unit_test(what_cannot_be_alone_keeps_nobody_back),
        cmocka_unit_test(a_blocked_queue_keeps_its_quiet_jobs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
