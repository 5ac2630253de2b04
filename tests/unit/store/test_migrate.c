/* Migrations: from nothing, from an older file with a copy taken first, a step that fails, and the
 * embedded table. */
#include <sys/stat.h>

#include "fixture.h"
#include "store/conn.h"

#define PAINT "CREATE TABLE paint (a INTEGER) STRICT; INSERT INTO paint VALUES (1), (2);"

static int64_t ask(const struct fix *f, const char *name, const char *sql)
{
    char path[300];
    sqlite3 *db;
    struct cail_err err;
    int64_t n = 0;
    snprintf(path, sizeof path, "%s/%s", f->dir, name);
    if (conn_open(&db, path, NULL, CONN_READ, &err) || conn_int(db, sql, &n, &err))
        fail_msg("%s", err.text);
    conn_close(db);
    return n;
}

static bool exists(const struct fix *f, const char *name)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", f->dir, name);
    return access(path, F_OK) == 0;
}

static void test_from_nothing(void **state)
{
    (void)state;
    struct fix f;
    struct stat st;
    char path[300];
    fix_begin(&f);
    fix_must_open(&f);
    fix_close(&f);
    assert_int_equal(ask(&f, "cail.db", "PRAGMA application_id"), STORE_APPLICATION_ID);
    assert_int_equal(ask(&f, "cail.db", "PRAGMA user_version"), migrations_embedded.n);
    assert_int_equal(ask(&f, "cail.db", "SELECT count(*) FROM job"), 0);
    assert_false(exists(&f, "cail.db.pre-1"));
    assert_false(exists(&f, "cail.db.new"));
    snprintf(path, sizeof path, "%s/cail.db", f.dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600); /* a job's script is not for everybody */
    fix_end(&f);
}

static void put_three(struct fix *f)
{
    struct store_batch *b = store_batch_new(f->s);
    fix_put_jobs(f, b, 1, 3);
    assert_int_equal(fix_commit(f, b, NULL), STORE_COMMITTED);
}

enum { STEPS_MAX = 50 };

/* The embedded steps, which the store cannot do without, and two of the test's own behind them. */
static int more_steps(struct migration steps[STEPS_MAX], const char *one, const char *two)
{
    int n = migrations_embedded.n;
    assert_true(n + 2 <= STEPS_MAX);
    memcpy(steps, migrations_embedded.step, (size_t)n * sizeof *steps);
    steps[n] = (struct migration){"9998_paint", one};
    steps[n + 1] = (struct migration){"9999_last", two};
    return n;
}

static char *copy_name(char out[32], int version)
{
    snprintf(out, 32, "cail.db.pre-%d", version);
    return out;
}

static void test_upgrade(void **state)
{
    (void)state;
    struct fix f;
    struct migration steps[STEPS_MAX];
    char name[32];
    int n = more_steps(steps, PAINT, "INSERT INTO paint VALUES (3);");
    const struct migrations first = {steps, n}, all = {steps, n + 2};
    fix_begin(&f);
    f.seams.migrations = &first;
    fix_must_open(&f);
    put_three(&f);
    fix_close(&f);

    f.seams.migrations = &all;
    fix_must_open(&f);
    fix_close(&f);
    assert_int_equal(ask(&f, "cail.db", "PRAGMA user_version"), n + 2);
    assert_int_equal(ask(&f, "cail.db", "SELECT sum(a) FROM paint"), 6);
    assert_int_equal(ask(&f, "cail.db", "SELECT count(*) FROM job"), 3);
    /* the copy is a store of the version before, usable as it is */
    assert_int_equal(ask(&f, copy_name(name, n + 1), "PRAGMA user_version"), n);
    assert_int_equal(ask(&f, name, "PRAGMA application_id"), STORE_APPLICATION_ID);
    assert_int_equal(ask(&f, name, "SELECT count(*) FROM job"), 3);
    snprintf(name, sizeof name, "cail.db.pre-%d.tmp", n + 1);
    assert_false(exists(&f, name));

    fix_must_open(&f); /* nothing to do: no other copy */
    fix_close(&f);
    assert_false(exists(&f, copy_name(name, n + 2)));
    assert_false(exists(&f, copy_name(name, n + 3)));
    fix_end(&f);
}

static void test_bad_step_is_undone(void **state)
{
    (void)state;
    struct fix f;
    struct cail_err err;
    struct migration steps[STEPS_MAX];
    char name[32];
    int n = more_steps(steps, PAINT, "INSERT INTO paint VALUES (3); SELECT nonsense();");
    const struct migrations first = {steps, n}, all = {steps, n + 2};
    fix_begin(&f);
    f.seams.migrations = &first;
    fix_must_open(&f);
    put_three(&f);
    fix_close(&f);
    f.seams.migrations = &all;
    assert_int_equal(fix_open(&f, &err), E_STORE);
    assert_non_null(strstr(err.text, "9999_last"));
    assert_int_equal(ask(&f, "cail.db", "PRAGMA user_version"), n + 1);
    assert_int_equal(ask(&f, "cail.db", "SELECT sum(a) FROM paint"), 3);

    /* references that lead nowhere undo a step too */
    steps[n + 1].sql =
        "INSERT INTO lease (attempt_id, kind, what, since_us) VALUES (9, 'gpu', 'x', 0)";
    assert_int_equal(fix_open(&f, &err), E_STORE);
    assert_non_null(strstr(err.text, "lead nowhere"));
    assert_int_equal(ask(&f, "cail.db", "SELECT count(*) FROM lease"), 0);

    steps[n + 1].sql = "INSERT INTO paint VALUES (4)"; /* mended */
    fix_must_open(&f);
    fix_close(&f);
    assert_int_equal(ask(&f, "cail.db", "SELECT sum(a) FROM paint"), 7);
    assert_int_equal(ask(&f, copy_name(name, n + 2), "PRAGMA user_version"), n + 1);
    fix_end(&f);
}

/* A step that fails at birth leaves no file at all. */
static void test_bad_first_step(void **state)
{
    (void)state;
    struct fix f;
    struct cail_err err;
    const struct migration bad = {"0001_bad", "CREATE TABLE x (a); SELECT nonsense();"};
    const struct migrations one = {&bad, 1};
    fix_begin(&f);
    f.seams.migrations = &one;
    assert_int_equal(fix_open(&f, &err), E_STORE);
    assert_false(exists(&f, "cail.db"));
    assert_false(exists(&f, "cail.db.new"));
    f.seams.migrations = NULL;
    fix_must_open(&f);
    fix_end(&f);
}

/* The table made by the build is the folder's files, byte for byte, in order. */
static void test_embedded(void **state)
{
    (void)state;
    assert_true(migrations_embedded.n >= 1);
    for (int i = 0; i < migrations_embedded.n; i++) {
        const struct migration *step = &migrations_embedded.step[i];
        CLEANUP(mem_freep)
        char *path = mem_printf(CAIL_SOURCE_DIR "/schema/migrations/%s.sql", step->name);
        CLEANUP(str_done) struct str text = STR_INIT;
        struct cail_err err;
        assert_int_equal(atoi(step->name), i + 1);
        assert_int_equal(fsx_read(path, 1 << 20, &text, &err), 0);
        assert_string_equal(text.p, step->sql);
    }
}

/* Start-up must not walk the history: its queries use the indexes made for them. */
static void assert_plan(sqlite3 *db, const char *sql, const char *wanted, bool may_sort)
{
    CLEANUP(mem_freep) char *explain = mem_printf("EXPLAIN QUERY PLAN %s", sql);
    CLEANUP(str_done) struct str plan = STR_INIT;
    sqlite3_stmt *st;
    struct cail_err err;
    assert_int_equal(conn_prepare(db, explain, &st, &err), 0);
    while (sqlite3_step(st) == SQLITE_ROW)
        str_addf(&plan, "%s; ", row_text(st, 3));
    sqlite3_finalize(st);
    if (!strstr(plan.p, wanted) || (!may_sort && strstr(plan.p, "TEMP B-TREE FOR ORDER BY")))
        fail_msg("no '%s' in: %s", wanted, plan.p);
}

static void test_plans(void **state)
{
    (void)state;
#define X(sym, sql) [sym] = sql,
    static const char *const text[] = {STORE_READS(X)};
#undef X
    static const struct {
        enum read_stmt stmt;
        const char *index;
        bool may_sort; /* few rows */
    } plans[] = {
        {R_LOAD_JOBS, "SCAN job USING INDEX job_live", false},
        {R_LOAD_AFTER, "SCAN j USING INDEX job_live", false},
        {R_LOAD_GROUPS, "job_live", true},
        {R_LOAD_ATTEMPTS, "job_live", true},
        {R_LOAD_LEASES, "lease_open", true},
        {R_OLD_ATTEMPTS, "attempt_files", false},
        {R_GROUP_JOBS, "job_group_member", false},
        {R_RESULTS, "result_of_job", false},
    };
    struct fix f;
    fix_begin(&f);
    fix_must_open(&f);
    for (size_t i = 0; i < ARRAY_LEN(plans); i++)
        assert_plan(f.s->writer.db, text[plans[i].stmt], plans[i].index, plans[i].may_sort);
    fix_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_from_nothing),       cmocka_unit_test(test_upgrade),
        cmocka_unit_test(test_bad_step_is_undone), cmocka_unit_test(test_bad_first_step),
        cmocka_unit_test(test_embedded),           cmocka_unit_test(test_plans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
