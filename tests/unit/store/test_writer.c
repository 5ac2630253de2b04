/* The writer: batches, their memory, checkpoints, closing, and a bug that stops the process. */
#include <math.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "fixture.h"
#include "store/folder.h"

static void test_batch_memory_is_used_again(void **state)
{
    (void)state;
    struct fix f;
    fix_begin(&f);
    fix_must_open(&f);
    struct store_batch *b = store_batch_new(f.s);
    assert_true(store_batch_is_empty(b));
    fix_put_jobs(&f, b, 1, 100);
    assert_false(store_batch_is_empty(b));
    assert_int_equal(fix_commit(&f, b, NULL), STORE_COMMITTED);
    const struct store_batch *first = b;
    const uint8_t *arena = b->p;
    for (int64_t i = 1; i < 5; i++) {
        b = store_batch_new(f.s);
        assert_ptr_equal(b, first);
        assert_true(store_batch_is_empty(b));
        fix_put_jobs(&f, b, 1 + 100 * i, 100);
        assert_ptr_equal(b->p, arena); /* grown once */
        assert_int_equal(fix_commit(&f, b, NULL), STORE_COMMITTED);
    }
    b = store_batch_new(f.s); /* one that is dropped leaves nothing */
    fix_put_jobs(&f, b, 1, 100);
    store_batch_drop(f.s, b);
    b = store_batch_new(f.s);
    assert_true(store_batch_is_empty(b));
    assert_int_equal(fix_commit(&f, b, NULL), STORE_COMMITTED);
    fix_end(&f);
}

/* Every kind of value survives the encoding, also when growing moves the arena. */
static void test_encoding(void **state)
{
    (void)state;
    struct store_batch *b = mem_zalloc(sizeof *b);
    CLEANUP(mem_freep) char *big = mem_array(100000, 1);
    struct batch_cursor c;
    enum write_stmt which;
    int n;
    memset(big, 'b', 100000);
    batch_op(b, W_SETTING);
    batch_int(b, INT64_MIN);
    batch_text(b, "", 0);
    batch_op(b, W_COMMIT);
    batch_op(b, W_RESULT);
    batch_null(b);
    batch_real(b, -0.0);
    batch_text(b, big, 100000);
    batch_blob(b, NULL, 0);
    assert_int_equal(b->n_ops, 3);
    sqlite3 *db;
    sqlite3_stmt *st;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT ?1, ?2, ?3, ?4", -1, &st, NULL), SQLITE_OK);
    batch_begin(b, &c);
    assert_true(batch_next(&c, &which, &n));
    assert_int_equal(which, W_SETTING);
    assert_int_equal(n, 2);
    for (int i = 1; i <= n; i++)
        assert_int_equal(batch_bind(&c, st, i), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    assert_true(sqlite3_column_int64(st, 0) == INT64_MIN);
    assert_int_equal(sqlite3_column_type(st, 1), SQLITE_TEXT);
    assert_int_equal(sqlite3_column_bytes(st, 1), 0);
    sqlite3_reset(st);
    assert_true(batch_next(&c, &which, &n));
    assert_int_equal(n, 0);
    assert_true(batch_next(&c, &which, &n));
    assert_int_equal(n, 4);
    for (int i = 1; i <= n; i++)
        assert_int_equal(batch_bind(&c, st, i), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    assert_int_equal(sqlite3_column_type(st, 0), SQLITE_NULL);
    assert_true(signbit(sqlite3_column_double(st, 1)) != 0);
    assert_int_equal(sqlite3_column_bytes(st, 2), 100000);
    assert_int_equal(sqlite3_column_type(st, 3), SQLITE_BLOB);
    assert_false(batch_next(&c, &which, &n));
    sqlite3_finalize(st);
    sqlite3_close(db);
    batch_clear(b);
    batch_begin(b, &c);
    assert_false(batch_next(&c, &which, &n));
    batch_free(b);
}

static void test_checkpoints_by_size(void **state)
{
    (void)state;
    struct fix f;
    struct store_stats stats;
    fix_begin(&f);
    f.seams.idle_s = 3600;
    fix_must_open(&f);
    store_stats(f.s, &stats);
    uint64_t at_open = stats.checkpoints;
    for (int i = 0; i < 20; i++) {
        struct store_batch *b = store_batch_new(f.s);
        fix_put_mib(b, i);
        assert_int_equal(fix_commit(&f, b, NULL), STORE_COMMITTED);
    }
    store_stats(f.s, &stats);
    assert_true(stats.checkpoints > at_open);
    assert_true(stats.wal_bytes < 2 * WRITER_CHECKPOINT_BYTES); /* begun anew, not grown on */
    assert_int_equal(stats.batches, 20);
    assert_int_equal(stats.ops, 20);
    assert_int_equal(stats.failed, 0);
    assert_true(stats.max_commit_us >= stats.last_commit_us);
    fix_close(&f);
    struct stat st;
    char wal[300];
    snprintf(wal, sizeof wal, "%s/cail.db-wal", f.dir);
    assert_true(stat(wal, &st) || st.st_size == 0); /* closing leaves one file to copy */
    fix_end(&f);
}

static void test_close_finishes_what_was_handed_over(void **state)
{
    (void)state;
    struct fix f;
    struct fix_commit c = {0};
    struct cail_err err;
    fix_begin(&f);
    fix_must_open(&f);
    assert_true(store_is_idle(f.s));
    struct store_batch *b = store_batch_new(f.s);
    fix_put_jobs(&f, b, 1, 1000);
    store_commit(f.s, b, fix_committed, &c);
    assert_false(store_is_idle(f.s));
    fix_close(&f);
    assert_true(c.ended);
    assert_int_equal(c.outcome, STORE_COMMITTED);
    fix_must_open(&f);
    struct fix_loaded *l = fix_load(&f, &err);
    assert_int_equal(l->n_jobs, 1000);
    fix_loaded_free(l);
    store_close(NULL);
    fix_end(&f);
}

/* A batch that contradicts the file is our bug: the process stops, nothing of it is stored. */
static void child_with_bug(struct fix *f, const void *what)
{
    struct store_batch *b;
    struct job *j = fix_job(2);
    const char *kind = what;
    log_set_level(LOG_LEVEL_ERROR);
    (void)!freopen("/dev/null", "w", stderr);
    (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    fix_must_open(f);
    b = store_batch_new(f->s);
    store_put_job(b, j, true);
    if (strcmp(kind, "same id") == 0)
        fix_put_jobs(f, b, 1, 1);
    if (strcmp(kind, "no such group") == 0) {
        j->id = 3;
        j->group = 77;
        store_put_job(b, j, true);
    }
    if (strcmp(kind, "two holders") == 0) {
        struct attempt *a = fix_attempt(1, 1, 1);
        store_put_attempt(b, a, true);
        store_put_lease(b, 1, "gpu", "GPU-1", 1);
        store_put_lease(b, 1, "gpu", "GPU-1", 2);
    }
    if (strcmp(kind, "end without time") == 0) {
        j->state = JOB_FAILED;
        store_put_job(b, j, false);
    }
    (void)fix_commit(f, b, NULL);
    _exit(0);
}

static void test_contradiction_stops_the_process(void **state)
{
    (void)state;
    static const char *const kinds[] = {"same id", "no such group", "two holders",
                                        "end without time"};
    struct fix f;
    struct cail_err err;
    int status;
    fix_begin(&f);
    fix_must_open(&f);
    struct store_batch *b = store_batch_new(f.s);
    fix_put_jobs(&f, b, 1, 1);
    assert_int_equal(fix_commit(&f, b, NULL), STORE_COMMITTED);
    fix_close(&f);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        pid_t pid = fork();
        if (pid == 0)
            child_with_bug(&f, kinds[i]);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
        fix_must_open(&f);
        struct fix_loaded *l = fix_load(&f, &err);
        assert_int_equal(l->n_jobs, 1);
        fix_loaded_free(l);
        fix_close(&f);
    }
    fix_end(&f);
}

struct back {
    bool ended, back;
};

static void on_back(void *arg, bool back)
{
    *(struct back *)arg = (struct back){true, back};
}

static void test_reserve(void **state)
{
    (void)state;
    struct fix f;
    struct back back = {0};
    struct stat st;
    char path[300];
    fix_begin(&f);
    fix_must_open(&f);
    snprintf(path, sizeof path, "%s/cail.reserve", f.dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 65536);
    assert_true(st.st_blocks * 512 >= 65536); /* real space, not a hole */
    store_retry_reserve(f.s, on_back, &back);
    fix_wait(&f, &back.ended);
    assert_true(back.back);
    fix_close(&f);
    assert_int_equal(truncate(path, 100), 0); /* cut: made whole at the next start */
    fix_must_open(&f);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 65536);
    fix_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batch_memory_is_used_again),
        cmocka_unit_test(test_encoding),
        cmocka_unit_test(test_checkpoints_by_size),
        cmocka_unit_test(test_close_finishes_what_was_handed_over),
        cmocka_unit_test(test_contradiction_stops_the_process),
        cmocka_unit_test(test_reserve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
