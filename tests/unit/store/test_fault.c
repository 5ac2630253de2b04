/* Failing writes, syncs and truncates: what was acknowledged is never lost, a doubtful commit is
 * reported as one, what was loaded after it stays, and the file opens again, whole. The n-th
 * operation fails, for n = 1, 2, ... until a run meets no fault. */
#include "faultfs.h"
#include "fixture.h"
#include "store/conn.h"

enum { BATCHES = 6, JOBS_PER_BATCH = 5, SWEEP_MAX = 400 };

struct script {
    bool acked[BATCHES]; /* the store said committed */
    bool seen[BATCHES];  /* a load after a failure showed it */
    bool failed, full, refused;
};

/* Commits; a store that waits for space is closed in the middle of it, as a person would. */
static enum store_outcome commit_or_close(struct fix *f, struct store_batch *b, struct script *s,
                                          struct cail_err *err)
{
    struct fix_commit c = {0};
    store_commit(f->s, b, fix_committed, &c);
    while (!c.ended) {
        struct store_stats stats;
        while (sem_wait(&f->awake) && errno == EINTR)
            ;
        store_poll(f->s);
        store_stats(f->s, &stats);
        if (stats.waits_for_space && !c.ended) {
            s->refused = true;
            fix_close(f);
            assert_true(c.ended);
        }
    }
    *err = c.err;
    return c.outcome;
}

static void commit_one(struct fix *f, struct script *s, int i)
{
    struct store_batch *b = store_batch_new(f->s);
    struct cail_err err;
    fix_put_jobs(f, b, 1 + i * JOBS_PER_BATCH, JOBS_PER_BATCH);
    switch (commit_or_close(f, b, s, &err)) {
    case STORE_COMMITTED_DISK_FULL:
        s->full = true;
        FALLTHROUGH;
    case STORE_COMMITTED:
        s->acked[i] = true;
        return;
    case STORE_FAILED:
        s->failed = true;
        assert_true(err.code == E_STORE || err.code == E_DISK_FULL);
        assert_true(err.text[0]);
    }
}

/* Batches that are there, whole; a part of one fails the test. */
static void batches_of(const struct fix_loaded *l, bool there[BATCHES])
{
    int n[BATCHES] = {0};
    for (size_t i = 0; i < l->n_jobs; i++)
        n[(l->job[i]->id - 1) / JOBS_PER_BATCH]++;
    for (int i = 0; i < BATCHES; i++) {
        assert_true(n[i] == 0 || n[i] == JOBS_PER_BATCH);
        there[i] = n[i] > 0;
    }
}

/* The engine's answer to a failure: drop everything, load again; false = give up. */
static bool reload(struct fix *f, struct script *s)
{
    struct cail_err err;
    struct fix_loaded *l = fix_load(f, &err);
    if (!l) {
        assert_true(err.text[0]);
        return false;
    }
    bool there[BATCHES];
    batches_of(l, there);
    for (int i = 0; i < BATCHES; i++) {
        assert_true(there[i] || !s->acked[i]);
        s->seen[i] |= there[i];
    }
    fix_loaded_free(l);
    return true;
}

static void run_script(struct fix *f, struct script *s)
{
    for (int i = 0; i < BATCHES; i++) {
        commit_one(f, s, i);
        if (!s->failed)
            continue;
        s->failed = false;
        s->refused = s->refused || !reload(f, s);
        if (s->refused)
            return;
    }
}

static void assert_whole(struct fix *f)
{
    char path[300];
    sqlite3 *db;
    struct cail_err err;
    sqlite3_stmt *st;
    snprintf(path, sizeof path, "%s/cail.db", f->dir);
    assert_int_equal(conn_open(&db, path, NULL, CONN_READ, &err), 0);
    assert_int_equal(conn_prepare(db, "PRAGMA integrity_check", &st, &err), 0);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    assert_string_equal(row_text(st, 0), "ok");
    sqlite3_finalize(st);
    conn_close(db);
}

static void assert_kept(struct fix *f, const struct script *s)
{
    struct cail_err err;
    bool there[BATCHES];
    fix_must_open(f);
    struct fix_loaded *l = fix_load(f, &err);
    assert_non_null(l);
    batches_of(l, there);
    for (int i = 0; i < BATCHES; i++) {
        assert_true(there[i] || !s->acked[i]);
        assert_true(there[i] || !s->seen[i]);
    }
    fix_loaded_free(l);
    assert_whole(f);
}

/* One run with the at-th operation failing; true when the fault struck. */
static bool one_run(int kinds, int code, bool stays, int at, struct script *s)
{
    struct fix f;
    fix_begin(&f);
    f.seams = (struct store_seams){.vfs = fault_install(), .idle_s = 3600};
    fix_must_open(&f);
    fault_arm(kinds, at, code, stays);
    run_script(&f, s);
    fix_close(&f); /* under the fault too: a checkpoint may fail, nothing may be lost */
    bool struck = fault_struck;
    fault_disarm();
    assert_kept(&f, s);
    fix_end(&f);
    return struck;
}

static void sweep(int kinds, int code, bool stays)
{
    int runs = 0, failed = 0, full = 0, refused = 0;
    for (int at = 1;; at++) {
        struct script s = {0};
        assert_true(at < SWEEP_MAX);
        if (!one_run(kinds, code, stays, at, &s))
            break;
        bool all = true;
        for (int i = 0; i < BATCHES; i++)
            all &= s.acked[i];
        runs++;
        failed += !all;
        full += s.full;
        refused += s.refused;
    }
    print_message(
        "          code %d %s: %d runs, %d with failed commits, %d on the reserve, %d given "
        "up\n",
        code, stays ? "for ever" : "once", runs, failed, full, refused);
    assert_true(runs > 0);
    if (code != SQLITE_IOERR_TRUNCATE && code != SQLITE_FULL)
        assert_true(failed > 0);
    if (code == SQLITE_FULL)
        assert_true(full > 0 || stays);
}

static void test_write_fails(void **state)
{
    (void)state;
    sweep(FAULT_WRITE, SQLITE_IOERR_WRITE, false);
    sweep(FAULT_WRITE, SQLITE_IOERR_WRITE, true);
}

static void test_sync_fails(void **state)
{
    (void)state;
    sweep(FAULT_SYNC, SQLITE_IOERR_FSYNC, false);
    sweep(FAULT_SYNC, SQLITE_IOERR_FSYNC, true);
}

static void test_truncate_fails(void **state)
{
    (void)state;
    sweep(FAULT_TRUNCATE, SQLITE_IOERR_TRUNCATE, false);
    sweep(FAULT_TRUNCATE, SQLITE_IOERR_TRUNCATE, true);
}

static void test_disk_full(void **state)
{
    (void)state;
    sweep(FAULT_WRITE, SQLITE_FULL, false);
    sweep(FAULT_WRITE, SQLITE_FULL, true);
}

static void ask_nothing_much(void *arg, struct store_reader *r)
{
    struct cail_err err;
    int64_t id = 1;
    assert_int_equal(store_read_states(r, &id, 1, arg, &err), 0);
}

/* After a doubtful commit nothing is stored until all was loaded anew, by new connections. */
static void test_nothing_goes_on_after_a_failure(void **state)
{
    (void)state;
    struct fix f;
    struct cail_err err;
    int job_state = 0;
    fix_begin(&f);
    f.seams = (struct store_seams){.vfs = fault_install(), .idle_s = 3600};
    fix_must_open(&f);
    fix_read(&f, ask_nothing_much, &job_state);
    assert_int_equal(job_state, -1);
    assert_non_null(f.s->reader.db);
    fault_arm(FAULT_SYNC, 1, SQLITE_IOERR_FSYNC, false);
    for (int64_t i = 0; i < 3; i++) {
        struct store_batch *b = store_batch_new(f.s);
        fix_put_jobs(&f, b, 1 + i, 1);
        assert_int_equal(fix_commit(&f, b, &err), STORE_FAILED);
        assert_int_equal(err.code, E_STORE);
    }
    fault_disarm();
    struct fix_loaded *l = fix_load(&f, &err);
    assert_non_null(l);
    assert_null(f.s->reader.db);
    int64_t next = l->ids.job + 1;
    assert_true(next <= 2); /* the first may be there, the others were not tried */
    fix_loaded_free(l);
    struct store_batch *b = store_batch_new(f.s);
    fix_put_jobs(&f, b, next, 1);
    assert_int_equal(fix_commit(&f, b, &err), STORE_COMMITTED);
    fix_read(&f, ask_nothing_much, &job_state);
    assert_int_equal(job_state, JOB_QUEUED);
    fix_end(&f);
}

struct back {
    bool ended, back;
};

static void on_back(void *arg, bool back)
{
    *(struct back *)arg = (struct back){true, back};
}

/* With the reserve gone the batch waits, unanswered, and is stored when there is space. */
static void test_waits_for_space(void **state)
{
    (void)state;
    struct fix f;
    struct store_stats stats = {0};
    struct fix_commit c = {0};
    struct back back = {0};
    fix_begin(&f);
    f.seams = (struct store_seams){.vfs = fault_install(), .idle_s = 3600};
    fix_must_open(&f);
    struct store_batch *b = store_batch_new(f.s);
    fix_put_jobs(&f, b, 1, 3);
    fault_arm(FAULT_WRITE, 1, SQLITE_FULL, true);
    store_commit(f.s, b, fix_committed, &c);
    while (!stats.waits_for_space) {
        sem_wait(&f.awake);
        store_poll(f.s);
        store_stats(f.s, &stats);
    }
    assert_false(c.ended);
    assert_false(store_is_idle(f.s));
    fault_disarm();
    store_retry_reserve(f.s, on_back, &back);
    fix_wait(&f, &c.ended);
    assert_int_equal(c.outcome, STORE_COMMITTED_DISK_FULL);
    fix_wait(&f, &back.ended);
    assert_true(back.back);
    store_stats(f.s, &stats);
    assert_false(stats.waits_for_space);
    assert_int_equal(stats.failed, 0);
    fix_end(&f);
}

/* A birth that fails leaves nothing in the way of the next one. */
static void test_birth_fails(void **state)
{
    (void)state;
    static const int codes[] = {SQLITE_IOERR_WRITE, SQLITE_FULL};
    for (size_t c = 0; c < ARRAY_LEN(codes); c++) {
        bool struck = true;
        for (int at = 1; struck; at++) {
            struct fix f;
            struct cail_err err;
            fix_begin(&f);
            f.seams.vfs = fault_install();
            assert_true(at < SWEEP_MAX);
            fault_arm(FAULT_ANY, at, codes[c], false);
            int code = fix_open(&f, &err);
            struck = fault_struck;
            fault_disarm();
            if (code == 0)
                fix_close(&f);
            else
                assert_non_null(strstr(err.text, "cail.db"));
            fix_must_open(&f);
            fix_end(&f);
        }
    }
}

/* One fsync from a batch to its answer, however large the batch. */
static void test_one_sync_a_batch(void **state)
{
    (void)state;
    struct fix f;
    fix_begin(&f);
    f.seams = (struct store_seams){.vfs = fault_install(), .idle_s = 3600};
    fix_must_open(&f);
    int64_t id = 1;
    int before = 0;
    for (int i = 0; i < 5; i++) {
        struct store_batch *b = store_batch_new(f.s);
        int64_t n = i == 2 ? 500 : 1;
        fix_put_jobs(&f, b, id, n);
        id += n;
        before = fault_syncs;
        assert_int_equal(fix_commit(&f, b, NULL), STORE_COMMITTED);
        if (i > 0) /* the first one after a checkpoint also syncs the new WAL's header */
            assert_int_equal(fault_syncs - before, 1);
    }
    fix_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write_fails),
        cmocka_unit_test(test_sync_fails),
        cmocka_unit_test(test_truncate_fails),
        cmocka_unit_test(test_disk_full),
        cmocka_unit_test(test_nothing_goes_on_after_a_failure),
        cmocka_unit_test(test_waits_for_space),
        cmocka_unit_test(test_birth_fails),
        cmocka_unit_test(test_one_sync_a_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
