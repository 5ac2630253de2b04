/* One point a commit, their order, tainted runs, what was said of a change, the noise floor. */
#include <math.h>

#include "../store/fixture.h"

#include "http/series_view.h"

enum { SERIES = 5, PRINT = 77 };

static char bench[] = "gemm", params[] = "{}", metric[] = "time", unit[] = "us";

struct run {
    int64_t id, at_us;
    const char *sha;
    double value;
    uint32_t flags;
    enum result_status status;
};

static void put_run(struct store_batch *b, const struct run *x)
{
    struct job *j = fix_job(x->id);
    struct attempt *a = fix_attempt(x->id, x->id, 1);
    double samples[] = {x->value};
    struct result r = {.id = x->id,
                       .job_id = x->id,
                       .attempt_id = x->id,
                       .benchmark = bench,
                       .params = params,
                       .metric = metric,
                       .unit = unit,
                       .better = BETTER_LOWER,
                       .kind = METRIC_TIME,
                       .status = x->status,
                       .samples = samples,
                       .n_samples = 1,
                       .value = x->value};
    struct result_origin o = {.at_us = x->at_us,
                              .flags = x->flags,
                              .sha = x->sha,
                              .fingerprint_id = PRINT,
                              .fingerprint = "{}"};
    struct result_summary s = {SERIES, x->value, x->value, x->value, 0};
    store_put_job(b, j, true);
    store_put_attempt(b, a, true);
    store_put_results(b, &r, 1);
    store_put_points(b, &o, &r, &s, 1);
    job_free(j);
    attempt_free(a);
}

static void commit(struct fix *f, struct store_batch *b)
{
    assert_int_equal(fix_commit(f, b, NULL), STORE_COMMITTED);
}

struct ask {
    void (*look)(const struct view *v);
};

static void ask_view(void *arg, struct store_reader *r)
{
    const struct ask *q = arg;
    struct series_filter filter = {.series_id = SERIES, .limit = 1};
    struct view_wish wish = {.limit = 1000};
    struct series_rows rows;
    struct view v;
    struct cail_err err;
    assert_int_equal(store_read_series(r, &filter, &rows, &err), 0);
    assert_int_equal(view_load(r, &rows.series[0], &wish, &v, &err), 0);
    q->look(&v);
    view_done(&v);
    series_rows_done(&rows);
}

static void look(struct fix *f, void (*fn)(const struct view *v))
{
    struct ask q = {fn};
    fix_read(f, ask_view, &q);
}

/* --- grouping --- */

static void see_groups(const struct view *v)
{
    assert_int_equal(v->n, 4);
    assert_string_equal(v->order, "at");
    /* aaaaaaa was measured first and again last: it keeps its place; its tainted run is left out */
    assert_string_equal(v->point[0].key, "aaaaaaa");
    assert_int_equal(v->point[0].runs, 3);
    assert_true(v->point[0].value == 11);
    assert_int_equal(v->point[0].newest->job_id, 6);
    assert_false(v->point[0].tainted);
    /* all of bbbbbbb is tainted: better than nothing, and said */
    assert_string_equal(v->point[1].key, "bbbbbbb");
    assert_true(v->point[1].tainted && v->point[1].value == 20);
    /* no commit: the job; no number: no value */
    assert_string_equal(v->point[2].key, "job-4");
    assert_true(isnan(v->point[3].value));
    assert_int_equal(v->n_values, 3);
    assert_int_equal(view_find(v, "bbbbbbb"), 1);
    assert_int_equal(view_find(v, "job-6"), 0);
    assert_int_equal(view_find(v, "bbb"), -1);
}

static void test_groups(void **state)
{
    (void)state;
    static const struct run runs[] = {
        {1, T0 + 1, "aaaaaaa", 10, 0, RESULT_OK},
        {2, T0 + 2, "aaaaaaa", 99, JOB_FLAG_TAINTED, RESULT_OK},
        {3, T0 + 3, "bbbbbbb", 20, JOB_FLAG_TAINTED, RESULT_OK},
        {4, T0 + 4, NULL, 30, 0, RESULT_OK},
        {5, T0 + 5, "ccccccc", (double)NAN, 0, RESULT_FAILED},
        {6, T0 + 6, "aaaaaaa", 12, 0, RESULT_OK},
    };
    struct fix f;
    fix_begin(&f);
    fix_must_open(&f);
    struct store_batch *b = store_batch_new(f.s);
    for (size_t i = 0; i < ARRAY_LEN(runs); i++)
        put_run(b, &runs[i]);
    commit(&f, b);
    look(&f, see_groups);
    fix_end(&f);
}

/* --- order, state, floor --- */

static char *sha_of(int64_t i, char out[41])
{
    snprintf(out, 41, "%040lld", (long long)i);
    return out;
}

/* Forty commits, measured newest first, with a step of 3 % at commit 20. */
static void put_steps(struct fix *f)
{
    struct store_batch *b = store_batch_new(f->s);
    char sha[41];
    for (int64_t i = 0; i < 40; i++) {
        double noise = .001 * (double)((i * 7) % 11 - 5);
        struct run x = {40 - i, T0 + 40 - i, sha_of(i, sha), (i < 20 ? 100 : 103) * (1 + noise),
                        0,      RESULT_OK};
        struct commit_info c = {.sha = sha, .position = -1, .committed_at_us = T0 - 1000 + i};
        put_run(b, &x);
        store_put_commit(b, &c);
    }
    commit(f, b);
}

static void see_order(const struct view *v)
{
    char sha[41];
    assert_string_equal(v->order, "committed_at");
    assert_string_equal(v->point[0].key, sha_of(0, sha));
    assert_string_equal(v->point[39].key, sha_of(39, sha));
    assert_int_equal(v->history.n_steps, 1);
    assert_int_equal(v->history.step[0].index, 20);
    assert_int_equal(view_direction(v, 0), 1);
    assert_null(view_state(v, 0));
    assert_true(isnan(v->aa_floor));
}

static void see_state(const struct view *v)
{
    assert_int_equal(v->history.n_steps, 1);
    assert_non_null(view_state(v, 0));
    assert_int_equal(view_state(v, 0)->state, CHANGE_IGNORED);
}

static void see_no_state(const struct view *v)
{
    assert_null(view_state(v, 0));
}

static void see_floor(const struct view *v)
{
    assert_int_equal(v->history.n_steps, 0); /* 3 % is what identical code does here */
    assert_true(fabs(v->aa_floor - .05) < 1e-12);
}

static void say(struct fix *f, int64_t at)
{
    char before[41], after[41], user[] = "ada";
    struct store_batch *b = store_batch_new(f->s);
    struct change_state_row row = {.before_point = sha_of(at - 1, before),
                                   .after_point = sha_of(at, after),
                                   .state = CHANGE_IGNORED,
                                   .user = user,
                                   .at_us = T0};
    store_put_change_state(b, SERIES, &row);
    commit(f, b);
}

static void put_floor(struct fix *f)
{
    struct store_batch *b = store_batch_new(f->s);
    char fingerprint[HISTORY_ID_LEN];
    history_id_text(PRINT, fingerprint);
    for (int64_t i = 1; i <= 20; i++) {
        struct comparison *c = comparison_new();
        c->id = i;
        c->kind = COMPARISON_AA;
        c->created_at_us = T0;
        model_set(&c->name, "aa");
        model_set(&c->spec, "{}");
        model_set(&c->plan, "{}");
        model_set(&c->user, "ada");
        store_put_comparison(b, c);
        comparison_free(c);
        store_put_aa(b, i, bench, params, metric, fingerprint, (i % 2 ? 1 : -1) * log1p(.05), false,
                     T0);
    }
    commit(f, b);
}

static void test_order(void **state)
{
    (void)state;
    struct fix f;
    fix_begin(&f);
    fix_must_open(&f);
    put_steps(&f);
    look(&f, see_order);
    say(&f, 30); /* of another change */
    look(&f, see_no_state);
    say(&f, 22); /* it was seen two points later then */
    look(&f, see_state);
    put_floor(&f);
    look(&f, see_floor);
    fix_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
