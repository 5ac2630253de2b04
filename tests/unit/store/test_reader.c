/* The reader: filters, pages, deadline, and that it neither sees half a batch nor holds one up. */
#include "base/limits.h"
#include "fixture.h"
#include "store/conn.h"

enum { JOBS = 700 };

/* Job i (1..JOBS) has properties by i's remainders, so a filter's answer can be counted. */
static void put_world(struct fix *f)
{
    static const char *const keys[] = {"arch", "team"};
    struct store_batch *b = store_batch_new(f->s);
    for (int64_t i = 1; i <= JOBS; i++) {
        const char *values[] = {i % 2 ? "x86" : "arm", "compilers"};
        struct job *j = fix_job(i);
        j->state = (enum job_state)(i % JOB_STATE_COUNT);
        j->finished_at_us = job_state_is_terminal(j->state) ? T0 : 0;
        j->kind = (enum job_kind)(i % KIND_COUNT);
        model_set(&j->recipe, i % 3 ? NULL : "setup-llvm");
        model_set(&j->queue, i % 5 ? "default" : "night");
        model_set(&j->user, i % 7 ? "ada" : "eve'; --");
        model_set(&j->pr, i % 11 ? NULL : "llvm#42");
        model_set(&j->name, i % 13 ? "plain" : "50%_Odd \xc3\xa9");
        store_put_job(b, j, true);
        if (i % 4 == 0)
            store_put_labels(b, i, keys, values, i % 8 ? 1 : 2);
        job_free(j);
    }
    assert_int_equal(fix_commit(f, b, NULL), STORE_COMMITTED);
}

struct list {
    struct job_filter filter;
    struct job_rows rows;
    int code;
    struct cail_err err;
};

static void ask_list(void *arg, struct store_reader *r)
{
    struct list *q = arg;
    q->code = store_read_jobs(r, &q->filter, &q->rows, &q->err);
}

static struct job_filter all(void)
{
    return (struct job_filter){.kind = -1, .limit = 1000};
}

static void assert_count(struct fix *f, struct job_filter filter, size_t expected)
{
    struct list q = {.filter = filter};
    fix_read(f, ask_list, &q);
    assert_int_equal(q.code, 0);
    assert_int_equal(q.rows.n, expected);
    assert_false(q.rows.more);
    for (size_t i = 1; i < q.rows.n; i++)
        assert_true(q.rows.job[i]->id < q.rows.job[i - 1]->id);
    job_rows_done(&q.rows);
}

static void test_filters(void **state)
{
    (void)state;
    struct fix f;
    struct job_filter x;
    fix_begin(&f);
    fix_must_open(&f);
    put_world(&f);
    assert_count(&f, all(), JOBS);
    x = all(), x.states = 1u << JOB_QUEUED;
    assert_count(&f, x, (JOBS - 1) / 9 + 1);
    x = all(), x.states = 1u << JOB_QUEUED | 1u << JOB_LOST;
    assert_count(&f, x, 78 + 78);
    x = all(), x.states = UINT32_MAX;
    assert_count(&f, x, JOBS);
    x = all(), x.kind = KIND_SERVICE;
    assert_count(&f, x, JOBS / 4);
    x = all(), x.recipe = "setup-llvm";
    assert_count(&f, x, JOBS / 3);
    x = all(), x.queue = "night";
    assert_count(&f, x, JOBS / 5);
    x = all(), x.user = "eve'; --";
    assert_count(&f, x, JOBS / 7);
    x = all(), x.pr = "llvm#42";
    assert_count(&f, x, JOBS / 11);
    x = all(), x.name_like = "%_oDD";
    assert_count(&f, x, JOBS / 13);
    x = all(), x.name_like = "%plain";
    assert_count(&f, x, 0);
    x = all(), x.label_key = "arch";
    assert_count(&f, x, JOBS / 4);
    x = all(), x.label_key = "team", x.label_value = "compilers";
    assert_count(&f, x, JOBS / 8);
    x = all(), x.label_key = "arch", x.label_value = "x86";
    assert_count(&f, x, 0);
    x = all(), x.since_us = T0 + JOBS;
    assert_count(&f, x, 1);
    x = all(), x.before_id = 11;
    assert_count(&f, x, 10);
    x = all(), x.recipe = "setup-llvm", x.queue = "night", x.user = "ada", x.kind = KIND_BENCHMARK;
    x.before_id = 420; /* i = 0 mod 15, not 0 mod 7, 1 mod 4 */
    assert_count(&f, x, 6);
    fix_end(&f);
}

/* Pages of any size give every job once, newest first, also while jobs are added. */
static void test_pages(void **state)
{
    (void)state;
    struct fix f;
    fix_begin(&f);
    fix_must_open(&f);
    put_world(&f);
    struct list q = {.filter = all()};
    int64_t next = JOBS;
    q.filter.limit = 96;
    do {
        fix_read(&f, ask_list, &q);
        assert_int_equal(q.code, 0);
        assert_int_equal(q.rows.more, next > 96);
        for (size_t i = 0; i < q.rows.n; i++)
            assert_int_equal(q.rows.job[i]->id, next--);
        q.filter.before_id = next + 1;
        job_rows_done(&q.rows);
        struct store_batch *b = store_batch_new(f.s);
        fix_put_jobs(&f, b, 10000 + next, 1);
        assert_int_equal(fix_commit(&f, b, NULL), STORE_COMMITTED);
    } while (next > 0);
    q.filter.before_id = 1;
    fix_read(&f, ask_list, &q);
    assert_int_equal(q.rows.n, 0);
    job_rows_done(&q.rows);
    fix_end(&f);
}

static void ask_too_late(void *arg, struct store_reader *r)
{
    r->deadline_mono_us = 1;
    ask_list(arg, r);
}

/* SQLite counts the steps of a statement over all its uses, so any use may meet the deadline. */
static void ask_to_end_late(void *arg, struct store_reader *r)
{
    int *held = arg;
    struct cail_err err;
    for (int i = 0; i < 2000; i++) {
        r->deadline_mono_us = 0;
        if (reader_begin(r, &err))
            abort();
        r->deadline_mono_us = 1;
        reader_end(r);
        *held += !sqlite3_get_autocommit(r->db);
    }
}

static void test_deadline(void **state)
{
    (void)state;
    struct fix f;
    fix_begin(&f);
    fix_must_open(&f);
    put_world(&f);
    struct list q = {.filter = all()};
    q.filter.name_like = "nowhere";
    fix_read(&f, ask_too_late, &q);
    assert_int_equal(q.code, E_UNAVAILABLE);
    assert_true(q.err.hint[0]);
    assert_int_equal(q.rows.n, 0);
    int held = 0;
    fix_read(&f, ask_to_end_late, &held);
    assert_int_equal(held, 0);
    assert_count(&f, all(), JOBS); /* the next one has a whole deadline and no old snapshot */
    fix_end(&f);
}

struct moment {
    sem_t begun, changed;
    int64_t first, second;
    struct cail_err err;
};

static void ask_twice(void *arg, struct store_reader *r)
{
    struct moment *m = arg;
    if (reader_begin(r, &m->err) || conn_int(r->db, "SELECT count(*) FROM job", &m->first, &m->err))
        abort();
    sem_post(&m->begun);
    sem_wait(&m->changed);
    if (conn_int(r->db, "SELECT count(*) FROM job", &m->second, &m->err))
        abort();
    reader_end(r);
}

/* A reader in the middle of its question holds up neither commits nor checkpoints. */
static void test_reader_holds_nothing_up(void **state)
{
    (void)state;
    struct fix f;
    struct moment m = {0};
    struct fix_read q = {ask_twice, &m, false};
    struct store_stats stats;
    fix_begin(&f);
    fix_must_open(&f);
    sem_init(&m.begun, 0, 0);
    sem_init(&m.changed, 0, 0);
    assert_true(store_read(f.s, fix_read_run, fix_read_done, &q));
    sem_wait(&m.begun);
    for (int i = 0; i < 6; i++) {
        struct store_batch *b = store_batch_new(f.s);
        fix_put_mib(b, i);
        fix_put_jobs(&f, b, 1 + i, 1);
        assert_int_equal(fix_commit(&f, b, NULL), STORE_COMMITTED);
    }
    store_stats(f.s, &stats);
    assert_true(stats.wal_bytes > WRITER_CHECKPOINT_BYTES); /* kept for the reader */
    assert_false(q.ended);
    sem_post(&m.changed);
    fix_wait(&f, &q.ended);
    assert_int_equal(m.first, 0);
    assert_int_equal(m.second, 0); /* one moment */
    assert_count(&f, all(), 6);
    fix_end(&f);
    sem_destroy(&m.begun);
    sem_destroy(&m.changed);
}

struct states {
    int64_t ids[4];
    int states[4];
    int code;
};

static void ask_states(void *arg, struct store_reader *r)
{
    struct states *q = arg;
    struct cail_err err;
    q->code = store_read_states(r, q->ids, 4, q->states, &err);
}

struct old {
    struct attempt **attempt;
    size_t n;
    int code;
};

static void ask_old(void *arg, struct store_reader *r)
{
    struct old *q = arg;
    struct cail_err err;
    q->code = store_read_old_attempts(r, T0 + 100, 3, &q->attempt, &q->n, &err);
}

static void test_states_and_old_attempts(void **state)
{
    (void)state;
    struct fix f;
    fix_begin(&f);
    fix_must_open(&f);
    put_world(&f);
    struct states s = {.ids = {JOB_LOST, 9999, JOB_HELD + 9, -1}};
    fix_read(&f, ask_states, &s);
    assert_int_equal(s.code, 0);
    assert_int_equal(s.states[0], JOB_LOST);
    assert_int_equal(s.states[1], -1);
    assert_int_equal(s.states[2], JOB_HELD);
    assert_int_equal(s.states[3], -1);

    struct store_batch *b = store_batch_new(f.s);
    for (int64_t i = 1; i <= 6; i++) {
        struct attempt *a = fix_attempt(i, i, 1);
        a->state = ATTEMPT_EXITED;
        a->ended_at_us = T0 + 20 * (7 - i); /* the last id ended first */
        a->files_gone = i == 6;
        store_put_attempt(b, a, true);
        attempt_free(a);
    }
    assert_int_equal(fix_commit(&f, b, NULL), STORE_COMMITTED);
    struct old q = {0};
    fix_read(&f, ask_old, &q);
    assert_int_equal(q.code, 0);
    assert_int_equal(q.n, 3);
    for (size_t i = 0; i < q.n; i++) {
        assert_int_equal(q.attempt[i]->id, 5 - (int64_t)i);
        attempt_free(q.attempt[i]);
    }
    free(q.attempt);
    fix_end(&f);
}

/* The queue of questions is bounded; closing answers those that wait. */
static void ask_and_block(void *arg, struct store_reader *r)
{
    struct moment *m = arg;
    (void)r;
    sem_post(&m->begun);
    sem_wait(&m->changed);
}

static void nothing(void *arg, struct store_reader *r)
{
    (void)arg;
    (void)r;
}

static void count_up(void *arg)
{
    ++*(int *)arg;
}

static void test_bounded_queue(void **state)
{
    (void)state;
    struct fix f;
    struct moment m = {0};
    struct fix_read q = {ask_and_block, &m, false};
    int n = 0, ended = 0;
    fix_begin(&f);
    fix_must_open(&f);
    sem_init(&m.begun, 0, 0);
    sem_init(&m.changed, 0, 0);
    assert_true(store_read(f.s, fix_read_run, fix_read_done, &q));
    sem_wait(&m.begun);
    while (store_read(f.s, nothing, count_up, &ended))
        assert_true(++n < 10000);
    assert_true(n > 0);
    sem_post(&m.changed);
    fix_close(&f);
    assert_true(q.ended);
    assert_int_equal(ended, n);
    fix_end(&f);
    sem_destroy(&m.begun);
    sem_destroy(&m.changed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_reader_holds_nothing_up),
        cmocka_unit_test(test_states_and_old_attempts),
        cmocka_unit_test(test_bounded_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
