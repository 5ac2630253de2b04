/* Who goes first: priority, ageing, ids; queues and groups; hold, not_before, pause. */
#include "bench.h"

static struct job *with_priority(struct bench *b, int priority)
{
    struct job *j = bench_job(b);
    j->priority = priority;
    return bench_add(b, j);
}

static void priority_then_id(void **state)
{
    struct bench b;
    (void)state;
    bench_open(&b, 1);
    with_priority(&b, 0);
    with_priority(&b, 5);
    with_priority(&b, 5);
    with_priority(&b, -5);
    assert_int_equal(sched_position(b.s, b.jobs[0]), 3);
    assert_int_equal(sched_position(b.s, b.jobs[3]), 4);
    const char *want[] = {"+2", "+3", "+1", "+4"};
    for (int i = 0; i < 4; i++) {
        assert_string_equal(bench_go(&b), want[i]);
        for (int k = 0; k < 4; k++)
            if (b.jobs[k]->state == JOB_RUNNING)
                bench_end(&b, b.jobs[k], JOB_SUCCEEDED);
    }
    assert_string_equal(bench_go(&b), "");
    bench_close(&b);
}

static void waiting_is_worth_priority(void **state)
{
    struct bench b;
    (void)state;
    bench_open(&b, 1);
    with_priority(&b, 0);
    b.now_us += 10 * 60 * S; /* ten ageing periods: as good as ten points */
    with_priority(&b, 10);
    with_priority(&b, 11);
    assert_int_equal(sched_position(b.s, b.jobs[2]), 1);
    assert_int_equal(sched_position(b.s, b.jobs[0]), 2);
    assert_int_equal(sched_position(b.s, b.jobs[1]), 3);
    b.jobs[1]->priority = 100;
    sched_changed(b.s, b.jobs[1]);
    assert_string_equal(bench_go(&b), "+2");
    bench_close(&b);
}

static void queue_limit_blocks_its_own(void **state)
{
    struct bench b;
    (void)state;
    bench_open(&b, 4);
    sched_set_queue(b.s, "gpu", 1, false);
    for (int i = 0; i < 3; i++) {
        struct job *j = bench_job(&b);
        model_set(&j->queue, "gpu");
        bench_add(&b, j);
    }
    bench_cpus(&b, 1, 100);
    assert_string_equal(bench_go(&b), "+1 +4");
    int64_t queued, running;
    sched_queue_counts(b.s, "gpu", &queued, &running);
    assert_int_equal(queued, 2);
    assert_int_equal(running, 1);
    bench_why(&b, b.jobs[1], "queue", false, "queue 'gpu' runs 1 of at most 1: job 1");
    bench_end(&b, b.jobs[0], JOB_FAILED);
    assert_string_equal(bench_go(&b), "+2");
    sched_set_queue(b.s, "gpu", 0, true);
    assert_string_equal(bench_go(&b), "");
    bench_why(&b, b.jobs[2], "queue", false, "queue 'gpu' is paused");
    model_set(&b.jobs[2]->queue, "other");
    sched_changed(b.s, b.jobs[2]);
    assert_string_equal(bench_go(&b), "+3");
    bench_close(&b);
}

static void group_runs_so_many(void **state)
{
    struct bench b;
    (void)state;
    bench_open(&b, 8);
    sched_set_group(b.s, 9, 2, false);
    for (int i = 0; i < 4; i++) {
        struct job *j = bench_job(&b);
        j->group = 9;
        j->timeout_s = 100 + i % 2; /* two shapes */
        bench_add(&b, j);
    }
    bench_cpus(&b, 1, 100);
    assert_string_equal(bench_go(&b), "+1 +2 +5");
    bench_why(&b, b.jobs[2], "group", false, "group 9 runs 2 of at most 2: job 1 and job 2");
    bench_end(&b, b.jobs[1], JOB_SUCCEEDED);
    assert_string_equal(bench_go(&b), "+3");
    sched_set_group(b.s, 9, 0, false);
    assert_string_equal(bench_go(&b), "+4");
    sched_forget_group(b.s, 9);
    bench_close(&b);
}

static void hold_time_and_pause(void **state)
{
    struct bench b;
    (void)state;
    bench_open(&b, 4);
    struct job *held = bench_job(&b), *later = bench_job(&b);
    held->state = JOB_HELD;
    later->not_before_us = b.now_us + 60 * S;
    bench_add(&b, held);
    bench_add(&b, later);
    assert_string_equal(bench_go(&b), "");
    assert_int_equal(sched_wake_at_us(b.s, b.now_us), b.now_us + 60 * S);
    bench_why(&b, held, "hold", false, "it is held; release it to let it run");
    bench_why(&b, later, "not_before", false,
              "not before its time, in 60 s (1970-01-12T13:47:40Z)");
    assert_int_equal(sched_position(b.s, later), 0);
    b.now_us += 60 * S;
    sched_set_paused(b.s, true);
    bench_move(held, JOB_QUEUED, b.now_us);
    sched_changed(b.s, held);
    assert_string_equal(bench_go(&b), "");
    bench_why(&b, held, "paused", false, "the lab is paused; nothing starts until it is resumed");
    sched_set_paused(b.s, false);
    assert_string_equal(bench_go(&b), "+1 +2");
    assert_int_equal(sched_wake_at_us(b.s, b.now_us), INT64_MAX);
    bench_close(&b);
}

static bool note_id(void *arg, struct job *j)
{
    int64_t *ids = arg;
    ids[++ids[0]] = j->id;
    return ids[0] < 8;
}

static void listed_in_order_then_parked(void **state)
{
    struct bench b;
    (void)state;
    bench_open(&b, 1);
    struct job *held = bench_job(&b);
    held->state = JOB_HELD;
    bench_add(&b, held);
    with_priority(&b, 1);
    bench_cpus(&b, 2, 7);
    struct job *later = bench_job(&b), *quiet = bench_job(&b);
    later->not_before_us = b.now_us + S;
    bench_add(&b, later);
    quiet->needs.exclusive = EXCLUSIVE_QUIET;
    quiet->priority = 2;
    bench_add(&b, quiet);
    with_priority(&b, 3);
    assert_string_equal(bench_go(&b), "+6");
    int64_t ids[16] = {0};
    sched_each_queued(b.s, note_id, ids);
    const int64_t want[] = {5, 5, 2, 3, 1, 4};
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        assert_int_equal(ids[i], want[i]);
    bench_close(&b);
}

static void unconfirmed_is_decided_again(void **state)
{
    struct bench b;
    struct sched_decision out[4];
    (void)state;
    bench_open(&b, 1);
    bench_cpus(&b, 1, 100);
    bench_cpus(&b, 1, 100);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(sched_decide(b.s, b.now_us, out, 4), 1);
        assert_ptr_equal(out[0].job, b.jobs[0]);
        sched_check(b.s);
    }
    sched_decide(b.s, b.now_us, out, 4);
    bench_end_as(&b, b.jobs[0], JOB_CANCELED);
    assert_string_equal(bench_go(&b), "+2");
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(priority_then_id),
        cmocka_unit_test(waiting_is_worth_priority),
        cmocka_unit_test(queue_limit_blocks_its_own),
        cmocka_unit_test(group_runs_so_many),
        cmocka_unit_test(hold_time_and_pause),
        cmocka_unit_test(listed_in_order_then_parked),
        cmocka_unit_test(unconfirmed_is_decided_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
