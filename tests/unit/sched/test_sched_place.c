/* What fits where: cpus, memory, ports, cards; the head's reservation and who may go before it. */
#include "bench.h"

static void counters(void **state)
{
    struct bench b;
    (void)state;
    bench_open(&b, 4);
    struct job *j = bench_job(&b);
    j->needs.cpus = 3;
    j->needs.memory_mib = 600;
    j->needs.ports = 3;
    bench_add(&b, j);
    assert_string_equal(bench_go(&b), "+1");
    assert_int_equal(b.lease[1].cpus, 3);
    bench_cpus(&b, 2, 100);
    j = bench_job(&b);
    j->needs.memory_mib = 500;
    bench_add(&b, j);
    j = bench_job(&b);
    j->needs.ports = 2;
    bench_add(&b, j);
    assert_string_equal(bench_go(&b), "");
    bench_why(&b, b.jobs[1], "cpus", false, "needs 2 cpus, 1 of 4 is free; job 1 holds them");
    bench_why(&b, b.jobs[2], "memory", false,
              "needs 500 MiB of memory, 400 of 1000 are free; job 1 holds them");
    bench_why(&b, b.jobs[3], "ports", false, "needs 2 ports, 1 of 4 is free; job 1 holds them");
    struct sched_usage u;
    sched_usage(b.s, &u);
    assert_int_equal(u.cpus_used, 3);
    assert_int_equal(u.memory_used_mib, 600);
    assert_int_equal(u.queued, 3);
    assert_int_equal(u.running, 1);
    bench_end(&b, b.jobs[0], JOB_SUCCEEDED);
    assert_string_equal(bench_go(&b), "+2 +3 +4");
    bench_close(&b);
}

static void all_cpus(void **state)
{
    struct bench b;
    (void)state;
    bench_open(&b, 4);
    bench_cpus(&b, 1, 100);
    bench_cpus(&b, CPUS_ALL, 100);
    assert_string_equal(bench_go(&b), "+1");
    bench_end(&b, b.jobs[0], JOB_SUCCEEDED);
    assert_string_equal(bench_go(&b), "+2");
    assert_int_equal(b.lease[2].cpus, 4);
    bench_close(&b);
}

static void all_cpus_beside_its_service(void **state)
{
    struct bench b;
    (void)state;
    bench_open(&b, 4);
    struct job *service = bench_job(&b);
    service->kind = KIND_SERVICE;
    bench_add(&b, service);
    assert_string_equal(bench_go(&b), "+1");
    struct job *j = bench_job(&b);
    j->needs.cpus = CPUS_ALL;
    bench_after(j, 1, AFTER_READY);
    bench_add(&b, j);
    assert_string_equal(bench_go(&b), "");
    service->ready = true;
    sched_settle(b.s, NULL, 1, JOB_RUNNING, true);
    assert_string_equal(bench_go(&b), "+2");
    assert_int_equal(b.lease[2].cpus, 3);
    bench_close(&b);
}

static void possible(void **state)
{
    struct bench b;
    struct cail_err err;
    struct needs n = {.cpus = 5};
    (void)state;
    bench_open(&b, 4);
    assert_int_equal(sched_possible(b.s, &n, &err), E_IMPOSSIBLE);
    assert_string_equal(err.pointer, "/needs/cpus");
    assert_string_equal(err.text, "needs 5 cpus; this machine grants 4");
    n = (struct needs){.cpus = CPUS_ALL, .memory_mib = 1001};
    assert_int_equal(sched_possible(b.s, &n, &err), E_IMPOSSIBLE);
    assert_string_equal(err.pointer, "/needs/memory_mib");
    n = (struct needs){.cpus = 4, .memory_mib = 1000, .ports = 4};
    assert_int_equal(sched_possible(b.s, &n, &err), 0);
    n.gpus = 1;
    assert_int_equal(sched_possible(b.s, &n, &err), E_IMPOSSIBLE);
    assert_string_equal(err.text, "needs 1 gpu; this machine has 0");
    struct sched_gpu g = {.uuid = "GPU-0", .model = "NVIDIA A100", .memory_mib = 40000};
    sched_set_gpus(b.s, &g, 1);
    assert_int_equal(sched_possible(b.s, &n, &err), 0); /* drained today, not for ever */
    char model[] = "A100";
    n.gpu_model = model;
    assert_int_equal(sched_possible(b.s, &n, &err), E_IMPOSSIBLE);
    assert_string_equal(err.text, "needs 1 gpu like 'A100'; of this machine's 1, 0 would do");
    assert_string_equal(err.hint,
                        "the first card is 'NVIDIA A100' with 40000 MiB; '*' stands for any text");
    char globbed[] = "*a100*";
    n.gpu_model = globbed;
    assert_int_equal(sched_possible(b.s, &n, &err), 0);
    bench_close(&b);
}

/* --- cards --- */

static void cards(struct bench *b)
{
    static const struct sched_gpu table[] = {
        {.uuid = "GPU-big", .model = "NVIDIA A100", .memory_mib = 80000, .available = true},
        {.uuid = "GPU-one", .model = "NVIDIA L4", .memory_mib = 24000, .available = true},
        {.uuid = "GPU-two", .model = "NVIDIA L4", .memory_mib = 24000, .available = true},
    };
    sched_set_gpus(b->s, table, 3);
}

static struct job *with_gpus(struct bench *b, int gpus, const char *model, int64_t memory_mib)
{
    struct job *j = bench_job(b);
    j->needs.gpus = gpus;
    j->needs.gpu_memory_mib = memory_mib;
    j->needs.gpu_model = mem_strdup(model);
    return bench_add(b, j);
}

static void smallest_card_that_does(void **state)
{
    struct bench b;
    (void)state;
    bench_open(&b, 8);
    cards(&b);
    with_gpus(&b, 1, NULL, 0);
    with_gpus(&b, 1, "*A100", 0);
    with_gpus(&b, 1, NULL, 30000);
    with_gpus(&b, 1, "*L4", 24000);
    assert_string_equal(bench_go(&b), "+1 +2 +4");
    assert_int_equal(b.lease[1].gpu[0], 1);
    assert_int_equal(b.lease[2].gpu[0], 0);
    assert_int_equal(b.lease[4].gpu[0], 2);
    bench_why(&b, b.jobs[2], "gpus", false,
              "needs 1 gpu with 30000 MiB, 0 of 1 are free; job 2 holds one or more");
    const struct sched_gpu *g;
    assert_int_equal(sched_gpus(b.s, &g), 3);
    assert_int_equal(g[0].holder, 2);
    bench_end(&b, b.jobs[1], JOB_SUCCEEDED);
    assert_string_equal(bench_go(&b), "+3");
    bench_close(&b);
}

static void named_cards_and_who_has_them(void **state)
{
    struct bench b;
    struct needs n = {.cpus = 1, .gpus = 2};
    struct cail_err err;
    (void)state;
    bench_open(&b, 8);
    cards(&b);
    n.gpu_uuid = mem_strdup("two,gpu-B");
    assert_int_equal(sched_name_cards(b.s, &n, &err), 0);
    assert_string_equal(n.gpu_uuid, "GPU-two,GPU-big");
    struct job *j = bench_job(&b), *k = bench_job(&b);
    needs_copy(&j->needs, &n);
    k->needs.gpus = 1;
    k->needs.gpu_uuid = mem_strdup("GPU-big");
    bench_add(&b, j);
    bench_add(&b, k);
    with_gpus(&b, 1, NULL, 0);
    assert_string_equal(bench_go(&b), "+1 +3");
    assert_int_equal(b.lease[3].gpu[0], 1);
    bench_why(&b, k, "gpus", false, "waits for GPU-big, held by job 1");
    bench_end(&b, j, JOB_SUCCEEDED);
    assert_string_equal(bench_go(&b), "+2");
    assert_int_equal(b.lease[2].gpu[0], 0);
    static const char *const wrong[][2] = {
        {"GPU-t", NULL},
        {"GPU-", "the UUIDs of 3 cards begin with GPU-; write more of it"},
        {"GPU-three", "this machine has no card GPU-three"},
        {"GPU-two,two", "names GPU-two twice"},
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        model_set(&n.gpu_uuid, wrong[i][0]);
        assert_int_equal(sched_name_cards(b.s, &n, &err), wrong[i][1] ? E_IMPOSSIBLE : 0);
        if (wrong[i][1])
            assert_string_equal(err.text, wrong[i][1]);
    }
    needs_done(&n);
    bench_close(&b);
}

static void drained_cards_wait_without_blocking(void **state)
{
    struct bench b;
    struct sched_gpu table[2] = {{.uuid = "GPU-0", .model = "x", .reason = "drained by ada"},
                                 {.uuid = "GPU-1", .model = "x", .available = true}};
    (void)state;
    bench_open(&b, 2);
    sched_set_gpus(b.s, table, 2);
    with_gpus(&b, 2, NULL, 0);
    with_gpus(&b, 1, NULL, 0);
    bench_cpus(&b, 1, 100000);
    assert_string_equal(bench_go(&b), "+2 +3");
    bench_why(
        &b, b.jobs[0], "gpus", false,
        "needs 2 gpus, 0 of 2 are free; job 2 holds one or more; 1 out of use, GPU-0: drained "
        "by ada");
    bench_end(&b, b.jobs[1], JOB_SUCCEEDED);
    bench_end(&b, b.jobs[2], JOB_SUCCEEDED);
    table[0].available = true;
    sched_set_gpus(b.s, table, 2);
    assert_string_equal(bench_go(&b), "+1");
    bench_close(&b);
}

static void leases_stay_with_the_uuid(void **state)
{
    struct bench b;
    struct sched_gpu table[2] = {{.uuid = "GPU-0", .model = "x", .available = true},
                                 {.uuid = "GPU-1", .model = "x", .available = true}};
    const struct sched_gpu *g;
    (void)state;
    bench_open(&b, 4);
    sched_set_gpus(b.s, table, 2);
    with_gpus(&b, 1, NULL, 0);
    assert_string_equal(bench_go(&b), "+1");
    sched_set_gpus(b.s, table + 1, 1); /* GPU-0 fell off the bus */
    sched_check(b.s);
    assert_int_equal(sched_gpus(b.s, &g), 2);
    assert_string_equal(g[1].uuid, "GPU-0");
    assert_false(g[1].available);
    with_gpus(&b, 1, NULL, 0);
    with_gpus(&b, 1, NULL, 0);
    assert_string_equal(bench_go(&b), "+2");
    struct sched_gpu swapped[2] = {table[1], table[0]};
    sched_set_gpus(b.s, swapped, 2);
    sched_check(b.s);
    assert_int_equal(sched_gpus(b.s, &g), 2);
    assert_int_equal(g[0].holder, 2);
    assert_int_equal(g[1].holder, 1);
    assert_string_equal(bench_go(&b), "");
    bench_end(&b, b.jobs[0], JOB_LOST);
    assert_string_equal(bench_go(&b), "+3");
    assert_int_equal(b.lease[3].gpu[0], 1);
    bench_close(&b);
}

static struct job *sharing(struct bench *b, int64_t memory_mib, enum job_kind kind)
{
    struct job *j = bench_job(b);
    j->kind = kind;
    j->needs.gpus = 1;
    j->needs.share = true;
    j->needs.gpu_memory_mib = memory_mib;
    return bench_add(b, j);
}

static void shared_cards(void **state)
{
    struct bench b;
    struct sched_gpu table[2] = {
        {.uuid = "GPU-0", .model = "x", .memory_mib = 100, .available = true},
        {.uuid = "GPU-1", .model = "x", .memory_mib = 100, .available = true}};
    const struct sched_gpu *g;
    (void)state;
    bench_open(&b, 8);
    sched_set_gpus(b.s, table, 2);
    sharing(&b, 60, KIND_CHECK);
    sharing(&b, 40, KIND_CHECK);
    sharing(&b, 10, KIND_BENCHMARK); /* never shares, whatever it says */
    sharing(&b, 10, KIND_CHECK);
    assert_string_equal(bench_go(&b), "+1 +2 +3");
    assert_int_equal(b.lease[2].gpu[0], 0);
    assert_int_equal(b.lease[3].gpu[0], 1);
    bench_end(&b, b.jobs[0], JOB_SUCCEEDED);
    sched_gpus(b.s, &g);
    assert_int_equal(g[0].holder, 2);
    assert_string_equal(bench_go(&b), "+4");
    bench_close(&b);
}

/* --- reservation --- */

static void later_jobs_do_not_delay_the_head(void **state)
{
    struct bench b;
    (void)state;
    bench_open(&b, 4);
    bench_cpus(&b, 2, 1000); /* ends at 1000 at the latest */
    bench_cpus(&b, 1, 300);
    assert_string_equal(bench_go(&b), "+1 +2");
    bench_cpus(&b, 3, 100);  /* head: 3 cpus are free at 1000 */
    bench_cpus(&b, 1, 1001); /* fits beside the head: one cpu is left then */
    bench_cpus(&b, 1, 1001);
    assert_string_equal(bench_go(&b), "+4");
    b.now_us += 10 * S;
    bench_end(&b, b.jobs[1], JOB_SUCCEEDED);
    assert_string_equal(bench_go(&b), ""); /* job 5 would hold a cpu past 1000 */
    bench_why(&b, b.jobs[2], "cpus", false,
              "needs 3 cpus, 1 of 4 is free; job 1 and job 4 hold them");
    bench_why(&b, b.jobs[2], "reservation", true,
              "it is next in line and starts in 17 min (1970-01-12T14:03:20Z) at the latest");
    bench_why(&b, b.jobs[4], "reservation", false,
              "job 3 is ahead and starts in 17 min (1970-01-12T14:03:20Z) at the latest; with its "
              "timeout of 1001 s this one could keep it waiting");
    bench_cpus(&b, 1, 990);
    assert_string_equal(bench_go(&b), "+6"); /* over by then */
    bench_close(&b);
}

static void cards_are_reserved_too(void **state)
{
    struct bench b;
    (void)state;
    bench_open(&b, 8);
    cards(&b);
    with_gpus(&b, 1, NULL, 0)->timeout_s = 50;
    assert_string_equal(bench_go(&b), "+1");
    with_gpus(&b, 3, NULL, 0); /* all cards at 50 */
    struct job *j = bench_job(&b);
    j->needs.gpus = 1;
    j->timeout_s = 51;
    bench_add(&b, j);
    j = bench_job(&b);
    j->needs.gpus = 1;
    j->timeout_s = 49;
    bench_add(&b, j);
    bench_cpus(&b, 5, 1000); /* no card: none of the head's business */
    assert_string_equal(bench_go(&b), "+4 +5");
    bench_close(&b);
}

/* A wide, unloved job against a flood that never ends: ageing, then the reservation, bring it in.
 */
static void nothing_starves(void **state)
{
    struct bench b;
    int64_t began;
    (void)state;
    bench_open(&b, 2);
    struct job *wide = bench_job(&b);
    wide->needs.cpus = 2;
    wide->priority = -10;
    bench_add(&b, wide);
    began = b.now_us;
    for (int i = 0; i < 200 && wide->state == JOB_QUEUED; i++) {
        bench_cpus(&b, 1, 60);
        bench_go(&b);
        b.now_us += 30 * S; /* two run at any time, each for its whole minute */
        for (int k = 1; k < b.n; k++)
            if (b.jobs[k]->state == JOB_RUNNING && b.now_us - b.began_us[b.jobs[k]->id] >= 60 * S)
                bench_end(&b, b.jobs[k], JOB_SUCCEEDED);
    }
    assert_int_equal(wide->state, JOB_RUNNING);
    assert_in_range((b.now_us - began) / S, 10 * 60, 10 * 60 + 120); /* 10 points x 60 s */
    bench_close(&b);
}

static void what_can_never_fit_reserves_nothing(void **state)
{
    struct bench b;
    (void)state;
    bench_open(&b, 2);
    bench_cpus(&b, 3, 10); /* the machine shrank since it was queued */
    bench_cpus(&b, 1, 1000);
    assert_string_equal(bench_go(&b), "+2");
    bench_why(&b, b.jobs[0], "cpus", false, "needs 3 cpus; this machine grants 2");
    bench_close(&b);
}

static void what_runs_runs(void **state)
{
    struct bench b;
    (void)state;
    bench_open(&b, 2);
    struct job *j = bench_job(&b);
    j->needs.cpus = 8; /* adopted from a time with more cpus */
    j->state = JOB_RUNNING;
    const struct sched_lease lease = {.cpus = 8};
    sched_started(b.s, j, &lease, b.now_us);
    sched_check(b.s);
    bench_cpus(&b, 1, 10);
    assert_string_equal(bench_go(&b), "");
    bench_why(&b, b.jobs[1], "cpus", false, "needs 1 cpu, 0 of 2 are free; job 1 holds them");
    bench_end(&b, j, JOB_SUCCEEDED);
    assert_string_equal(bench_go(&b), "+2");
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters),
        cmocka_unit_test(all_cpus),
        cmocka_unit_test(all_cpus_beside_its_service),
        cmocka_unit_test(possible),
        cmocka_unit_test(smallest_card_that_does),
        cmocka_unit_test(named_cards_and_who_has_them),
        cmocka_unit_test(drained_cards_wait_without_blocking),
        cmocka_unit_test(leases_stay_with_the_uuid),
        cmocka_unit_test(shared_cards),
        cmocka_unit_test(later_jobs_do_not_delay_the_head),
        cmocka_unit_test(cards_are_reserved_too),
        cmocka_unit_test(nothing_starves),
        cmocka_unit_test(what_can_never_fit_reserves_nothing),
        cmocka_unit_test(what_runs_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
