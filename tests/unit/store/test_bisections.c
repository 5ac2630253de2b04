/* Bisections, what is known of commits, and the comparisons that check change points. */
#include "fixture.h"
#include "store/bisections.h"

static struct bisection a_bisection(int64_t id)
{
    static char name[] = "n\xc3\xa4me", recipe[] = "r", spec[] = "{\"a\":1}", steps[] = "[]",
                user[] = "ada";
    return (struct bisection){.id = id,
                              .state = BISECTION_RUNNING,
                              .name = name,
                              .recipe = recipe,
                              .spec = spec,
                              .steps = steps,
                              .uid = 1000,
                              .user = user,
                              .created_at_us = T0 + id};
}

static void ask_bisections(void *arg, struct store_reader *r)
{
    struct bisection_rows rows;
    struct bisection *b;
    struct cail_err err;
    (void)arg;
    assert_int_equal(store_read_bisections(r, 0, 2, &rows, &err), 0);
    assert_int_equal(rows.n, 2);
    assert_true(rows.more);
    assert_int_equal(rows.row[0]->id, 3);
    bisection_rows_done(&rows);
    assert_int_equal(store_read_bisections(r, 2, 2, &rows, &err), 0);
    assert_int_equal(rows.n, 1);
    assert_false(rows.more);
    bisection_rows_done(&rows);
    assert_int_equal(store_read_bisection(r, 2, &b, &err), 0);
    assert_int_equal(b->state, BISECTION_FINISHED);
    assert_string_equal(b->name, "n\xc3\xa4me");
    assert_string_equal(b->spec, "{\"a\":1}");
    assert_string_equal(b->steps, "[{\"at\":1}]");
    assert_string_equal(b->culprit, "abcdef0");
    assert_null(b->reason);
    assert_null(b->pr);
    assert_int_equal(b->comparison, 0);
    assert_int_equal(b->created_at_us, T0 + 2);
    assert_int_equal(b->finished_at_us, T0 + 9);
    assert_int_equal(b->uid, 1000);
    bisection_free(b);
    assert_int_equal(store_read_bisection(r, 9, &b, &err), E_NOT_FOUND);
}

static void test_bisections(void **state)
{
    struct fix f;
    char steps[] = "[{\"at\":1}]", culprit[] = "abcdef0";
    (void)state;
    fix_begin(&f);
    fix_must_open(&f);
    struct store_batch *b = store_batch_new(f.s);
    for (int64_t id = 1; id <= 3; id++) {
        struct bisection x = a_bisection(id);
        store_put_bisection(b, &x);
    }
    struct bisection ended = a_bisection(2);
    ended.state = BISECTION_FINISHED;
    ended.steps = steps;
    ended.culprit = culprit;
    ended.finished_at_us = T0 + 9;
    ended.created_at_us = 7; /* never changes */
    store_put_bisection(b, &ended);
    assert_int_equal(fix_commit(&f, b, NULL), STORE_COMMITTED);
    fix_read(&f, ask_bisections, NULL);
    fix_end(&f);
}

static void ask_commit(void *arg, struct store_reader *r)
{
    struct commit_info c;
    struct cail_err err;
    (void)arg;
    assert_int_equal(store_read_commit(r, "abcdef0", &c, &err), 0);
    assert_string_equal(c.sha, "abcdef0");
    assert_int_equal(c.position, 7);
    assert_int_equal(c.committed_at_us, T0);
    assert_string_equal(c.author, "Ada");
    assert_string_equal(c.subject, "newer");
    commit_info_done(&c);
    assert_int_equal(store_read_commit(r, "abcdef1", &c, &err), 0);
    assert_null(c.sha);
    commit_info_done(&c);
}

static void test_what_is_unknown_leaves_what_is_known(void **state)
{
    struct fix f;
    char sha[] = "abcdef0", author[] = "Ada", older[] = "older", newer[] = "newer";
    (void)state;
    fix_begin(&f);
    fix_must_open(&f);
    struct store_batch *b = store_batch_new(f.s);
    struct commit_info all = {sha, 7, T0, author, older}, some = {sha, -1, 0, NULL, newer};
    store_put_commit(b, &all);
    store_put_commit(b, &some);
    assert_int_equal(fix_commit(&f, b, NULL), STORE_COMMITTED);
    fix_read(&f, ask_commit, NULL);
    fix_end(&f);
}

static void put_series(struct store_batch *b)
{
    static char bench[] = "gemm", params[] = "{}", metric[] = "time", unit[] = "us";
    static double sample = 1;
    struct job *j = fix_job(1);
    struct attempt *a = fix_attempt(1, 1, 1);
    a->state = ATTEMPT_EXITED;
    a->ended_at_us = T0;
    attempt_end_init(&a->end);
    store_put_job(b, j, true);
    store_put_attempt(b, a, true);
    struct result r = {.id = 1,
                       .job_id = 1,
                       .attempt_id = 1,
                       .benchmark = bench,
                       .params = params,
                       .metric = metric,
                       .unit = unit,
                       .samples = &sample,
                       .n_samples = 1,
                       .value = 1};
    struct result_origin o = {.at_us = T0, .fingerprint_id = 7, .fingerprint = "{}"};
    struct result_summary s = {.series_id = 5, .median = 1, .low = 1, .high = 1, .mad = 0};
    store_put_results(b, &r, 1);
    store_put_points(b, &o, &r, &s, 1);
    job_free(j);
    attempt_free(a);
}

static void put_comparison(struct store_batch *b, int64_t id, bool ended)
{
    struct comparison *c = comparison_new();
    c->id = id;
    c->name = mem_strdup("c");
    c->spec = mem_strdup("{}");
    c->plan = mem_strdup("{}");
    c->user = mem_strdup("ada");
    c->created_at_us = T0;
    if (ended) {
        c->state = COMPARISON_FINISHED;
        c->finished_at_us = T0 + 1;
        c->verdict = VERDICT_REGRESSION;
        c->exit_code = 1;
    }
    store_put_comparison(b, c);
    comparison_free(c);
}

static void ask_checks(void *arg, struct store_reader *r)
{
    struct change_check_rows rows;
    struct cail_err err;
    (void)arg;
    assert_int_equal(store_read_change_checks(r, 5, &rows, &err), 0);
    assert_int_equal(rows.n, 2);
    for (size_t i = 0; i < rows.n; i++) {
        const struct change_check *k = &rows.row[i];
        bool first = strcmp(k->after_point, "bbbbbbb") == 0;
        assert_string_equal(k->before_point, first ? "aaaaaa2" : "bbbbbbb");
        assert_int_equal(k->comparison, first ? 2 : 1);
        assert_int_equal(k->state, first ? COMPARISON_FINISHED : COMPARISON_PREPARING);
        assert_int_equal(k->verdict, first ? VERDICT_REGRESSION : -1);
    }
    change_check_rows_done(&rows);
    assert_int_equal(store_read_change_checks(r, 6, &rows, &err), 0);
    assert_int_equal(rows.n, 0);
    change_check_rows_done(&rows);
}

static void test_checks_of_changes(void **state)
{
    struct fix f;
    char a[] = "aaaaaaa", a2[] = "aaaaaa2", b_[] = "bbbbbbb", c[] = "ccccccc";
    (void)state;
    fix_begin(&f);
    fix_must_open(&f);
    struct store_batch *b = store_batch_new(f.s);
    put_series(b);
    put_comparison(b, 1, false);
    put_comparison(b, 2, true);
    store_put_change_check(
        b, 5, &(struct change_check){.before_point = a, .after_point = b_, .comparison = 1});
    store_put_change_check(
        b, 5, &(struct change_check){.before_point = a2, .after_point = b_, .comparison = 2});
    store_put_change_check(
        b, 5, &(struct change_check){.before_point = b_, .after_point = c, .comparison = 1});
    assert_int_equal(fix_commit(&f, b, NULL), STORE_COMMITTED);
    fix_read(&f, ask_checks, NULL);
    fix_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bisections),
        cmocka_unit_test(test_what_is_unknown_leaves_what_is_known),
        cmocka_unit_test(test_checks_of_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
