/* Every noun comes back as it went in: plain, with hostile strings, at the ends of its ranges. */
#include <math.h>

#include "fixture.h"

static const char nasty[] =
    "'; DROP TABLE job; -- \"\\ \n\t\x01 \xff\xfe caf\xc3\xa9 \xf0\x9f\x98\x80";

static void assert_same_text(const char *a, const char *b)
{
    assert_int_equal(!a, !b);
    if (a)
        assert_string_equal(a, b);
}

#define SAME(member)      assert_int_equal(a->member, b->member)
#define SAME_TEXT(member) assert_same_text(a->member, b->member)

static void assert_same_needs(const struct needs *a, const struct needs *b)
{
    SAME(cpus);
    SAME(gpus);
    SAME(ports);
    SAME(memory_mib);
    SAME(gpu_memory_mib);
    SAME_TEXT(gpu_model);
    SAME(exclusive);
    SAME(share);
}

static void assert_same_job(const struct job *a, const struct job *b)
{
    SAME(id);
    SAME(group);
    SAME(index);
    SAME(state);
    SAME(kind);
    SAME(priority);
    SAME_TEXT(name);
    SAME_TEXT(queue);
    SAME_TEXT(recipe);
    SAME_TEXT(spec);
    assert_same_needs(&a->needs, &b->needs);
    SAME(timeout_s);
    SAME(max_wait_s);
    SAME(created_at_us);
    SAME(queued_at_us);
    SAME(not_before_us);
    SAME(started_at_us);
    SAME(finished_at_us);
    SAME(step);
    SAME(n_steps);
    SAME(attempts_used);
    SAME(tries_used);
    SAME(max_tries);
    SAME(retry_on);
    SAME(backoff_s);
    SAME(blocked_by);
    SAME(uid);
    SAME_TEXT(user);
    SAME_TEXT(pr);
    SAME_TEXT(reason);
    SAME(exit_code);
    SAME(signal);
    SAME(cached);
    SAME(ready);
    SAME(cancel_requested);
    SAME(cancel_grace_ms);
    SAME(flags);
    SAME(n_after);
    for (int32_t i = 0; i < a->n_after; i++) {
        SAME(after[i].job);
        SAME(after[i].when);
    }
}

/* Every member that is kept, at an end of its range. */
static struct job *extreme_job(int64_t id)
{
    struct job *j = fix_job(id);
    j->index = INT32_MAX;
    j->kind = KIND_SERVICE;
    j->state = JOB_TIMED_OUT;
    j->priority = -100;
    model_set(&j->name, nasty);
    model_set(&j->queue, "");
    model_set(&j->recipe, nasty);
    model_set(&j->user, nasty);
    model_set(&j->pr, nasty);
    model_set(&j->reason, nasty);
    j->needs = (struct needs){.cpus = CPUS_ALL,
                              .gpus = INT32_MAX,
                              .ports = INT32_MAX,
                              .memory_mib = INT64_MAX,
                              .gpu_memory_mib = INT64_MAX,
                              .gpu_model = mem_strdup(nasty),
                              .exclusive = EXCLUSIVE_QUIET,
                              .share = true};
    j->timeout_s = j->max_wait_s = INT64_MAX;
    j->created_at_us = INT64_MIN;
    j->queued_at_us = j->not_before_us = j->started_at_us = j->finished_at_us = INT64_MAX;
    j->step = INT32_MAX - 1;
    j->n_steps = j->attempts_used = j->tries_used = j->max_tries = j->backoff_s = INT32_MAX;
    j->retry_on = j->flags = UINT32_MAX;
    j->blocked_by = INT64_MAX;
    j->uid = UINT32_MAX;
    j->exit_code = INT32_MIN;
    j->signal = 64;
    j->cached = j->ready = j->cancel_requested = true;
    j->cancel_grace_ms = INT64_MAX;
    return j;
}

struct one_job {
    int64_t id;
    struct job_record rec;
    int code;
    struct cail_err err;
};

static void ask_job(void *arg, struct store_reader *r)
{
    struct one_job *q = arg;
    q->code = store_read_job(r, q->id, 1000, &q->rec, &q->err);
}

static struct one_job get_job(struct fix *f, int64_t id)
{
    struct one_job q = {.id = id};
    fix_read(f, ask_job, &q);
    return q;
}

static void assert_comes_back(struct fix *f, struct job *j, bool is_new)
{
    struct store_batch *b = store_batch_new(f->s);
    store_put_job(b, j, is_new);
    if (is_new)
        store_put_after(b, j);
    assert_int_equal(fix_commit(f, b, NULL), STORE_COMMITTED);
    struct one_job q = get_job(f, j->id);
    assert_int_equal(q.code, 0);
    assert_same_job(j, q.rec.job);
    job_record_done(&q.rec);
}

static void test_job(void **state)
{
    (void)state;
    struct fix f;
    fix_begin(&f);
    fix_must_open(&f);
    struct job *first = fix_job(1), *far = extreme_job(INT64_MAX);
    assert_comes_back(&f, first, true);
    assert_comes_back(&f, far, true);

    struct job *third = extreme_job(7);
    third->state = JOB_HELD;
    third->finished_at_us = 0;
    third->after = mem_array(2, sizeof *third->after);
    third->n_after = 2;
    third->after[0] = (struct after){.job = INT64_MAX, .when = AFTER_READY};
    third->after[1] = (struct after){.job = 1, .when = AFTER_FINISHED};
    assert_comes_back(&f, third, true);

    /* every moving member changes, in both directions of NULL */
    struct job *later = fix_job(7);
    later->index = third->index;
    later->kind = third->kind;
    later->created_at_us = third->created_at_us;
    later->uid = third->uid;
    model_set(&later->recipe, nasty);
    model_set(&later->user, nasty);
    model_set(&later->pr, nasty);
    later->after = third->after;
    later->n_after = third->n_after;
    third->after = NULL;
    assert_comes_back(&f, later, false);

    struct one_job q = get_job(&f, 8);
    assert_int_equal(q.code, E_NOT_FOUND);
    job_free(first);
    job_free(far);
    job_free(third);
    job_free(later);
    fix_end(&f);
}

static void assert_same_attempt(const struct attempt *a, const struct attempt *b)
{
    SAME(id);
    SAME(job_id);
    SAME(number);
    SAME(step);
    SAME(state);
    SAME_TEXT(token);
    SAME_TEXT(boot_id);
    SAME_TEXT(executor);
    SAME_TEXT(dir);
    SAME(created_at_us);
    SAME(started_at_us);
    SAME(ended_at_us);
    SAME(granted_cpus);
    SAME_TEXT(cpu_list);
    SAME_TEXT(provenance);
    SAME(files_gone);
    SAME(end.cause);
    SAME(end.exit_code);
    SAME(end.signal);
    SAME(end.exec_errno);
    SAME(end.wall_us);
    SAME(end.user_us);
    SAME(end.system_us);
    SAME(end.max_rss_bytes);
    SAME(end.instructions);
    SAME(end.cycles);
    SAME(end.branch_misses);
    SAME(end.log_bytes);
    SAME(end.hole_from);
    SAME(end.hole_to);
    SAME(end.killed);
    SAME_TEXT(end.unkillable);
}

static void fill_end(struct attempt *a)
{
    a->state = ATTEMPT_EXITED;
    a->started_at_us = 1;
    a->ended_at_us = INT64_MAX;
    a->files_gone = true;
    model_set(&a->cpu_list, "0-3,7");
    model_set(&a->provenance, "{\"a\":[1,\"\\u0000\"]}");
    a->end = (struct attempt_end){END_OUT_OF_MEMORY, 255,       9,         2,         0,
                                  INT64_MAX,         1,         INT64_MAX, 0,         INT64_MAX,
                                  INT64_MAX,         INT64_MAX, 1,         INT64_MAX, 77,
                                  mem_strdup(nasty)};
}

static void test_attempt(void **state)
{
    (void)state;
    struct fix f;
    fix_begin(&f);
    fix_must_open(&f);
    struct store_batch *b = store_batch_new(f.s);
    struct attempt *one = fix_attempt(5, 1, 1), *two = fix_attempt(INT64_MAX, 1, INT32_MAX);
    fix_put_jobs(&f, b, 1, 1);
    store_put_attempt(b, one, true);
    fill_end(two);
    two->step = INT32_MAX;
    memset(two->token, 'f', sizeof two->token - 1);
    memset(two->boot_id, '-', sizeof two->boot_id - 1);
    model_set(&two->dir, nasty);
    store_put_attempt(b, two, true);
    assert_int_equal(fix_commit(&f, b, NULL), STORE_COMMITTED);
    struct one_job q = get_job(&f, 1);
    assert_int_equal(q.rec.n_attempts, 2);
    assert_same_attempt(one, q.rec.attempt[0]);
    assert_same_attempt(two, q.rec.attempt[1]);
    job_record_done(&q.rec);

    fill_end(one); /* the same row moves to its end; unknowns stay unknown */
    one->end.exit_code = -1;
    one->end.max_rss_bytes = one->end.instructions = -1;
    b = store_batch_new(f.s);
    store_put_attempt(b, one, false);
    assert_int_equal(fix_commit(&f, b, NULL), STORE_COMMITTED);
    q = get_job(&f, 1);
    assert_same_attempt(one, q.rec.attempt[0]);
    job_record_done(&q.rec);
    attempt_free(one);
    attempt_free(two);
    fix_end(&f);
}

static void put_results(struct store_batch *b, double *samples, int32_t n)
{
    char *benchmark = mem_strdup(nasty), *params = mem_strdup("{}");
    char *metric = mem_strdup("m"), *unit = mem_strdup("");
    struct result r[2] = {{1, 1, 1, benchmark, params, metric, unit, BETTER_LOWER, METRIC_TIME,
                           RESULT_OK, samples, n, 1.5},
                          {INT64_MAX, 1, 1, benchmark, params, metric, unit, BETTER_NEUTRAL,
                           METRIC_EXACT, RESULT_NAN, NULL, 0, NAN}};
    store_put_results(b, r, 2);
    free(benchmark);
    free(params);
    free(metric);
    free(unit);
}

static void test_results_and_artifacts(void **state)
{
    (void)state;
    struct fix f;
    double samples[] = {0.0, -0.0, INFINITY, 5e-324, 1.7976931348623157e308, NAN};
    struct artifact art = {1, 1, mem_strdup(nasty), INT64_MAX, "", true};
    memset(art.sha256, 'a', 64);
    fix_begin(&f);
    fix_must_open(&f);
    struct store_batch *b = store_batch_new(f.s);
    struct attempt *a = fix_attempt(1, 1, 1);
    fix_put_jobs(&f, b, 1, 1);
    store_put_attempt(b, a, true);
    put_results(b, samples, ARRAY_LEN(samples));
    store_put_artifacts(b, &art, 1);
    art.bytes = 3; /* collected again */
    store_put_artifacts(b, &art, 1);
    assert_int_equal(fix_commit(&f, b, NULL), STORE_COMMITTED);

    struct one_job q = get_job(&f, 1);
    assert_int_equal(q.rec.n_results, 2);
    const struct result *r = q.rec.result;
    assert_string_equal(r[0].benchmark, nasty);
    assert_int_equal(r[0].n_samples, ARRAY_LEN(samples));
    assert_memory_equal(r[0].samples, samples, sizeof samples);
    assert_true(r[0].value == 1.5);
    assert_int_equal(r[1].id, INT64_MAX);
    assert_int_equal(r[1].status, RESULT_NAN);
    assert_int_equal(r[1].n_samples, 0);
    assert_true(isnan(r[1].value));
    assert_int_equal(q.rec.n_artifacts, 1);
    assert_string_equal(q.rec.artifact[0].name, nasty);
    assert_int_equal(q.rec.artifact[0].bytes, 3);
    assert_string_equal(q.rec.artifact[0].sha256, art.sha256);
    job_record_done(&q.rec);
    artifact_done(&art);
    attempt_free(a);
    fix_end(&f);
}

static void put_small_nouns(struct fix *f)
{
    struct store_batch *b = store_batch_new(f->s);
    struct queue q1 = {.name = mem_strdup(nasty), .limit = INT32_MAX, .paused = true};
    struct queue q2 = {.name = mem_strdup("a"), .limit = 1};
    struct cache_entry c = {.key = mem_strdup("k"),
                            .recipe = mem_strdup("r"),
                            .params = mem_strdup("{}"),
                            .path = mem_strdup(nasty),
                            .state = CACHE_BUILDING,
                            .job_id = 9};
    struct attempt *a = fix_attempt(3, 2, 1);
    struct job *j = fix_job(2);
    j->attempts_used = 1;
    store_put_queue(b, &q1);
    store_put_queue(b, &q2);
    q2.limit = 7;
    store_put_queue(b, &q2);
    store_put_cache(b, &c);
    model_set(&c.sha, "abc");
    c.state = CACHE_READY;
    c.bytes = c.uses = c.created_at_us = c.last_used_at_us = INT64_MAX;
    store_put_cache(b, &c);
    model_set(&c.key, "gone");
    store_put_cache(b, &c);
    store_drop_cache(b, "gone");
    store_put_lease(b, 3, "gpu", "GPU-1", 5); /* before its attempt: order does not matter */
    store_put_attempt(b, a, true);
    store_put_job(b, j, true);
    const struct idem_made job = {.job = 2}, group = {.group = 4}, compared = {.comparison = 5},
                           bisected = {.bisection = 6};
    store_put_idem(b, "old", "s0", &job, T0 - 86400 * INT64_C(1000000) - 1);
    store_put_idem(b, "one", "s1", &job, T0 - 5);
    store_put_idem(b, nasty, "s2", &group, T0);
    store_put_idem(b, "three", "s3", &compared, T0 + 1);
    store_put_idem(b, "four", "s4", &bisected, T0 + 2);
    store_put_setting(b, "lab", "x");
    store_put_setting(b, "lab", nasty);
    assert_int_equal(fix_commit(f, b, NULL), STORE_COMMITTED);
    free(q1.name);
    free(q2.name);
    free(c.key);
    free(c.recipe);
    free(c.params);
    free(c.sha);
    free(c.path);
    attempt_free(a);
    job_free(j);
}

static void test_small_nouns_and_load_order(void **state)
{
    (void)state;
    struct fix f;
    struct cail_err err;
    char expected[1000];
    fix_begin(&f);
    fix_must_open(&f);
    put_small_nouns(&f);
    fix_close(&f);
    fix_must_open(&f);
    struct fix_loaded *l = fix_load(&f, &err);
    assert_non_null(l);
    assert_string_equal(l->order, "qjalcis");
    assert_int_equal(l->n_queues, 2);
    assert_string_equal(l->queue[0]->name, nasty);
    assert_int_equal(l->queue[0]->limit, INT32_MAX);
    assert_true(l->queue[0]->paused);
    assert_int_equal(l->queue[1]->limit, 7);
    assert_int_equal(l->n_caches, 1);
    assert_string_equal(l->cache[0]->path, nasty);
    assert_string_equal(l->cache[0]->sha, "abc");
    assert_int_equal(l->cache[0]->bytes, INT64_MAX);
    assert_int_equal(l->cache[0]->state, CACHE_READY);
    snprintf(expected, sizeof expected,
             "lease 3 gpu GPU-1 5\nidem one s1 2 0 0 0 %lld\nidem %s s2 0 4 0 0 %lld\n"
             "idem three s3 0 0 5 0 %lld\nidem four s4 0 0 0 6 %lld\nsetting lab %s\n",
             (long long)(T0 - 5), nasty, (long long)T0, (long long)(T0 + 1), (long long)(T0 + 2),
             nasty);
    assert_string_equal(l->text, expected);
    assert_int_equal(l->ids.job, 2);
    assert_int_equal(l->ids.attempt, 3);
    assert_int_equal(l->ids.group, 0);
    fix_loaded_free(l);

    /* an old key may be used again; leases end; swept keys go */
    struct store_batch *b = store_batch_new(f.s);
    store_put_idem(b, "old", "s9", &(struct idem_made){.job = 2}, T0);
    store_end_leases(b, 3, 6);
    store_put_lease(b, 3, "gpu", "GPU-1", 7);
    store_end_leases(b, 3, 8);
    store_drop_idem(b, T0);
    assert_int_equal(fix_commit(&f, b, NULL), STORE_COMMITTED);
    l = fix_load(&f, &err);
    assert_int_equal(l->n_leases, 0);
    assert_int_equal(l->n_idems, 4);
    fix_loaded_free(l);
    fix_end(&f);
}

static struct group group_of(int64_t id, const char *name)
{
    return (struct group){.id = id, .name = mem_strdup(name), .size = 3, .created_at_us = T0};
}

static void put_member(struct store_batch *b, int64_t id, int64_t group, int32_t index,
                       enum job_state state)
{
    struct job *j = fix_job(id);
    j->group = group;
    j->index = index;
    j->state = state;
    if (job_state_is_terminal(state))
        j->finished_at_us = T0;
    store_put_job(b, j, true);
    job_free(j);
}

struct one_group {
    struct group_record rec;
    int code;
};

static void ask_group(void *arg, struct store_reader *r)
{
    struct one_group *q = arg;
    struct cail_err err;
    q->code = store_read_group(r, 1, &q->rec, &err);
}

static void test_groups(void **state)
{
    (void)state;
    struct fix f;
    struct cail_err err;
    fix_begin(&f);
    fix_must_open(&f);
    struct store_batch *b = store_batch_new(f.s);
    struct group live = group_of(1, nasty), over = group_of(2, "over");
    live.max_parallel = INT32_MAX;
    live.fail_fast = true;
    put_member(b, 10, 1, 2, JOB_QUEUED);
    put_member(b, 11, 1, 0, JOB_FAILED);
    put_member(b, 12, 1, 1, JOB_FAILED);
    put_member(b, 13, 2, 0, JOB_SUCCEEDED);
    store_put_group(b, &over, true);
    store_put_group(b, &live, true);
    live.size = 1000;
    store_put_group(b, &live, false);
    assert_int_equal(fix_commit(&f, b, NULL), STORE_COMMITTED);

    struct fix_loaded *l = fix_load(&f, &err);
    assert_int_equal(l->n_groups, 1); /* the other has no live job */
    assert_int_equal(l->n_jobs, 1);
    assert_string_equal(l->order, "gj");
    assert_int_equal(l->ids.group, 2);
    assert_int_equal(l->ids.job, 13);
    assert_int_equal(l->group[0]->size, 1000);
    assert_int_equal(l->group[0]->max_parallel, INT32_MAX);
    assert_true(l->group[0]->fail_fast);
    assert_int_equal(l->group[0]->counts[JOB_QUEUED], 1);
    assert_int_equal(l->group[0]->counts[JOB_FAILED], 2);
    fix_loaded_free(l);

    struct one_group q = {0};
    fix_read(&f, ask_group, &q);
    assert_int_equal(q.code, 0);
    assert_string_equal(q.rec.group->name, nasty);
    assert_int_equal(q.rec.group->counts[JOB_FAILED], 2);
    assert_int_equal(q.rec.jobs.n, 3);
    assert_int_equal(q.rec.jobs.job[0]->id, 11);
    assert_int_equal(q.rec.jobs.job[2]->id, 10);
    group_record_done(&q.rec);
    free(live.name);
    free(over.name);
    fix_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_job),
        cmocka_unit_test(test_attempt),
        cmocka_unit_test(test_results_and_artifacts),
        cmocka_unit_test(test_small_nouns_and_load_order),
        cmocka_unit_test(test_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
