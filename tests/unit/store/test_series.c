/* Series and their points, what people say of them, and what retention takes. */
#include <math.h>

#include "fixture.h"
#include "store/series.h"

static char params[] = "{\"m\":4096}", unit[] = "us", bench[] = "gemm", metric[] = "time";
static double samples[] = {3, 1, 2};

static struct result a_result(int64_t id, int64_t job, int64_t attempt)
{
    return (struct result){.id = id,
                           .job_id = job,
                           .attempt_id = attempt,
                           .benchmark = bench,
                           .params = params,
                           .metric = metric,
                           .unit = unit,
                           .better = BETTER_LOWER,
                           .kind = METRIC_TIME,
                           .status = RESULT_OK,
                           .samples = samples,
                           .n_samples = 3,
                           .value = 2};
}

/* Job i measured commit i: one result, one point. */
static void put_run(struct store_batch *b, int64_t i, const char *pr, int64_t ended_at_us)
{
    char sha[41];
    struct job *j = fix_job(i);
    struct attempt *a = fix_attempt(i, i, 1);
    model_set(&j->pr, pr);
    a->state = ATTEMPT_EXITED;
    a->ended_at_us = ended_at_us;
    attempt_end_init(&a->end);
    store_put_job(b, j, true);
    store_put_attempt(b, a, true);
    snprintf(sha, sizeof sha, "%040lld", (long long)i);
    struct result r = a_result(i, i, i);
    struct result_origin o = {.at_us = T0 + i,
                              .flags = JOB_FLAG_TAINTED,
                              .recipe = "gemm",
                              .recipe_version = "v1",
                              .sha = sha,
                              .fingerprint_id = 77,
                              .fingerprint = "{\"host\":\"a\"}"};
    struct result_summary s = {
        .series_id = 5, .median = 2 + (double)i, .low = 1, .high = 3, .mad = NAN};
    store_put_results(b, &r, 1);
    store_put_points(b, &o, &r, &s, 1);
    job_free(j);
    attempt_free(a);
}

static void put_runs(struct fix *f, int64_t n)
{
    struct store_batch *b = store_batch_new(f->s);
    for (int64_t i = 1; i <= n; i++)
        put_run(b, i, i == 2 ? "https://example.org/pull/1" : NULL, T0 + i);
    assert_int_equal(fix_commit(f, b, NULL), STORE_COMMITTED);
}

static void ask_series(void *arg, struct store_reader *r)
{
    struct series_filter f = {
        .limit = 10, .benchmark_glob = "g*", .metric = "time", .points_min = 3};
    struct series_rows rows;
    struct cail_err err;
    double spark[2];
    size_t n;
    char *doc;
    (void)arg;
    assert_int_equal(store_read_series(r, &f, &rows, &err), 0);
    assert_int_equal(rows.n, 1);
    assert_false(rows.more);
    const struct series *s = &rows.series[0];
    assert_int_equal(s->id, 5);
    assert_int_equal(s->points, 3);
    assert_int_equal(s->last_job_id, 3);
    assert_true(s->last_value == 5);
    assert_string_equal(s->params, "{\"m\":4096}");
    assert_int_equal(s->better, BETTER_LOWER);
    series_rows_done(&rows);
    f.after_benchmark = "gemm", f.after_metric = "time", f.after_params = params, f.after_id = 5;
    assert_int_equal(store_read_series(r, &f, &rows, &err), 0);
    assert_int_equal(rows.n, 0);
    f = (struct series_filter){.limit = 10, .like = "GEMM TIME", .fingerprint_id = 78};
    assert_int_equal(store_read_series(r, &f, &rows, &err), 0);
    assert_int_equal(rows.n, 0);
    assert_int_equal(store_read_spark(r, 5, spark, 2, &n, &err), 0);
    assert_int_equal(n, 2);
    assert_true(spark[0] == 4 && spark[1] == 5);
    assert_int_equal(store_read_fingerprint(r, 77, &doc, &err), 0);
    assert_string_equal(doc, "{\"host\":\"a\"}");
    free(doc);
}

static void ask_points(void *arg, struct store_reader *r)
{
    struct point_rows rows;
    struct cail_err err;
    (void)arg;
    assert_int_equal(store_read_points(r, 5, 0, 2, &rows, &err), 0);
    assert_int_equal(rows.n, 2); /* the newest two, oldest first */
    assert_int_equal(rows.point[0].job_id, 2);
    assert_int_equal(rows.point[1].job_id, 3);
    assert_string_equal(rows.point[1].commit.sha, "0000000000000000000000000000000000000003");
    assert_string_equal(rows.point[1].commit.subject, "third");
    assert_null(rows.point[1].commit.author);
    assert_int_equal(rows.point[1].commit.position, 30);
    assert_int_equal(rows.point[0].commit.position, -1);
    assert_int_equal(rows.point[1].flags, JOB_FLAG_TAINTED);
    assert_int_equal(rows.point[1].n, 3);
    assert_true(isnan(rows.point[1].mad) && rows.point[1].high == 3);
    point_rows_done(&rows);
    assert_int_equal(store_read_points(r, 5, T0 + 3, 9, &rows, &err), 0);
    assert_int_equal(rows.n, 1);
    point_rows_done(&rows);
}

static void test_points(void **state)
{
    (void)state;
    struct fix f;
    fix_begin(&f);
    fix_must_open(&f);
    put_runs(&f, 3);
    struct store_batch *b = store_batch_new(f.s);
    char sha[] = "0000000000000000000000000000000000000003", subject[] = "third";
    store_put_commit(b, &(struct commit_info){.sha = sha, .position = 30, .subject = subject});
    store_put_commit(b, &(struct commit_info){.sha = sha, .position = -1});
    assert_int_equal(fix_commit(&f, b, NULL), STORE_COMMITTED);
    fix_read(&f, ask_series, NULL);
    fix_read(&f, ask_points, NULL);
    fix_end(&f);
}

static void ask_raw(void *arg, struct store_reader *r)
{
    size_t *left = arg;
    struct cail_err err;
    for (int64_t i = 1; i <= 5; i++) {
        double *v;
        assert_int_equal(store_read_samples(r, i, &v, &left[i], &err), 0);
        free(v);
    }
    struct point_rows rows;
    assert_int_equal(store_read_points(r, 5, 0, 100, &rows, &err), 0);
    assert_int_equal(rows.n, 5);
    assert_int_equal(rows.point[0].n, 3);
    point_rows_done(&rows);
}

/* 1 and 3 are old; 2 belongs to a pull request, 4 is a baseline's, 5 is young. */
static void test_thin(void **state)
{
    (void)state;
    struct fix f;
    size_t left[6];
    char name[] = "v1", user[] = "ada";
    fix_begin(&f);
    fix_must_open(&f);
    put_runs(&f, 5);
    struct store_batch *b = store_batch_new(f.s);
    store_put_baseline(b, &(struct baseline){.name = name, .job_id = 4, .user = user, .at_us = T0});
    store_thin_results(b, T0 + 5, 1);
    assert_int_equal(fix_commit(&f, b, NULL), STORE_COMMITTED);
    fix_read(&f, ask_raw, left);
    assert_int_equal(left[1], 0); /* one at a time */
    assert_int_equal(left[3], 3);
    b = store_batch_new(f.s);
    store_thin_results(b, T0 + 5, 100);
    assert_int_equal(fix_commit(&f, b, NULL), STORE_COMMITTED);
    fix_read(&f, ask_raw, left);
    assert_int_equal(left[1], 0);
    assert_int_equal(left[2], 3);
    assert_int_equal(left[3], 0);
    assert_int_equal(left[4], 3);
    assert_int_equal(left[5], 3);
    fix_end(&f);
}

static void ask_marks(void *arg, struct store_reader *r)
{
    struct baseline_rows base;
    struct release_rows rel;
    struct annotation_rows notes;
    struct change_state_rows states;
    struct cail_err err;
    (void)arg;
    assert_int_equal(store_read_baselines(r, &base, &err), 0);
    assert_int_equal(base.n, 1);
    assert_string_equal(base.row[0].sha, "abc");
    assert_int_equal(base.row[0].job_id, 0);
    assert_int_equal(store_read_releases(r, &rel, &err), 0);
    assert_int_equal(rel.n, 1);
    assert_string_equal(rel.row[0].name, "v19");
    assert_int_equal(store_read_annotations(r, "gemm", &notes, &err), 0);
    assert_int_equal(notes.n, 2);
    annotation_rows_done(&notes);
    assert_int_equal(store_read_annotations(r, "conv", &notes, &err), 0);
    assert_int_equal(notes.n, 1);
    assert_int_equal(notes.row[0].on_at_us, T0);
    annotation_rows_done(&notes);
    assert_int_equal(store_read_annotations(r, NULL, &notes, &err), 0);
    assert_int_equal(notes.n, 2);
    assert_int_equal(store_read_change_states(r, 5, &states, &err), 0);
    assert_int_equal(states.n, 1);
    assert_int_equal(states.row[0].state, CHANGE_FIXED);
    assert_null(states.row[0].url);
    baseline_rows_done(&base);
    release_rows_done(&rel);
    annotation_rows_done(&notes);
    change_state_rows_done(&states);
}

static void test_marks(void **state)
{
    (void)state;
    struct fix f;
    char name[] = "main", sha[] = "abc", user[] = "ada", v19[] = "v19", text[] = "new driver",
         before[] = "aa", after[] = "job-7", note[] = "known";
    fix_begin(&f);
    fix_must_open(&f);
    put_runs(&f, 1);
    struct store_batch *b = store_batch_new(f.s);
    struct change_state_row cs = {before, after, CHANGE_ACKNOWLEDGED, note, NULL, user, T0};
    store_put_baseline(b, &(struct baseline){name, NULL, 1, note, user, T0});
    store_put_baseline(b, &(struct baseline){name, sha, 0, NULL, user, T0}); /* replaces */
    store_put_release(b, &(struct release){v19, sha, user, T0});
    store_put_annotation(b, &(struct annotation){1, bench, sha, 0, text, NULL, user, T0});
    store_put_annotation(b, &(struct annotation){2, NULL, NULL, T0, text, note, user, T0});
    store_put_change_state(b, 5, &cs);
    cs.state = CHANGE_FIXED;
    store_put_change_state(b, 5, &cs);
    assert_int_equal(fix_commit(&f, b, NULL), STORE_COMMITTED);
    fix_read(&f, ask_marks, NULL);
    struct cail_err err;
    struct fix_loaded *l = fix_load(&f, &err);
    assert_int_equal(l->ids.annotation, 2);
    fix_loaded_free(l);
    fix_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_points),
        cmocka_unit_test(test_thin),
        cmocka_unit_test(test_marks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
