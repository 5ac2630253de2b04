/* Files the store must not use: each refused with a sentence that names it, and byte for byte the
 * same afterwards. */
#include <fcntl.h>
#include <sys/wait.h>

#include "base/digest.h"
#include "fixture.h"
#include "store/conn.h"

static const char *const parts[] = {"cail.db", "cail.db-wal", "cail.db.new"};

static void in_dir(const struct fix *f, const char *name, char out[300])
{
    snprintf(out, 300, "%s/%s", f->dir, name);
}

static void write_file(const struct fix *f, const char *name, const void *p, size_t len)
{
    char path[300];
    struct cail_err err;
    in_dir(f, name, path);
    assert_int_equal(fsx_write_atomic(path, p, len, 0600, false, &err), 0);
}

static void read_file(const struct fix *f, const char *name, struct str *ret)
{
    char path[300];
    struct cail_err err;
    in_dir(f, name, path);
    assert_int_equal(fsx_read(path, 1 << 26, ret, &err), 0);
}

/* One hash a part, "" where it is missing or no plain file. */
static void hash_parts(const struct fix *f, char out[ARRAY_LEN(parts)][DIGEST_LEN])
{
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        CLEANUP(str_done) struct str s = STR_INIT;
        char path[300];
        struct cail_err err;
        in_dir(f, parts[i], path);
        memset(out[i], 0, DIGEST_LEN);
        if (fsx_read(path, 1 << 26, &s, &err) == 0 && s.len)
            digest_hex(s.p, s.len, out[i]);
    }
}

static void assert_refused(struct fix *f, int code, const char *why)
{
    char before[ARRAY_LEN(parts)][DIGEST_LEN], after[ARRAY_LEN(parts)][DIGEST_LEN];
    struct cail_err err = {0};
    hash_parts(f, before);
    for (int i = 0; i < 2; i++) { /* and again: the first refusal left nothing behind */
        assert_int_equal(fix_open(f, &err), code);
        assert_null(f->s);
        assert_non_null(strstr(err.text, f->dir));
        if (!strstr(err.text, why))
            fail_msg("'%s' is not in: %s", why, err.text);
        hash_parts(f, after);
        assert_memory_equal(before, after, sizeof before);
    }
}

/* A store with some jobs, closed. */
static void make_store(struct fix *f, int64_t jobs)
{
    fix_must_open(f);
    struct store_batch *b = store_batch_new(f->s);
    fix_put_jobs(f, b, 1, jobs);
    assert_int_equal(fix_commit(f, b, NULL), STORE_COMMITTED);
    fix_close(f);
}

static void test_garbage(void **state)
{
    (void)state;
    struct fix f;
    char noise[8192];
    fix_begin(&f);
    memset(noise, 'x', sizeof noise);
    write_file(&f, "cail.db", noise, sizeof noise);
    assert_refused(&f, E_STORE_UNREADABLE, "is not a SQLite file");
    write_file(&f, "cail.db", "x", 1);
    assert_refused(&f, E_STORE_UNREADABLE, "is not a SQLite file");
    write_file(&f, "cail.db", "", 0);
    assert_refused(&f, E_STORE_UNREADABLE, "is empty");
    write_file(&f, "cail.db", "SQLite format 3\0\x10\0\2\2", 20); /* torn off */
    assert_refused(&f, E_STORE_UNREADABLE, "is not a SQLite file");
    fix_end(&f);
}

/* Somebody else's database, with changes waiting in its WAL: opening it to write would fold them
 * in. */
static void test_foreign(void **state)
{
    (void)state;
    struct fix f;
    char path[300];
    sqlite3 *db;
    struct cail_err err;
    fix_begin(&f);
    in_dir(&f, "cail.db", path);
    assert_int_equal(conn_open(&db, path, NULL, CONN_CREATE, &err), 0);
    assert_int_equal(conn_exec(db, "CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)", &err),
                     0);
    assert_refused(&f, E_STORE_UNREADABLE, "of another program");
    conn_close(db);
    assert_refused(&f, E_STORE_UNREADABLE, "of another program");
    fix_end(&f);
}

static void set_version(struct fix *f, int version, bool in_wal)
{
    char path[300], sql[60];
    sqlite3 *db;
    struct cail_err err;
    in_dir(f, "cail.db", path);
    snprintf(sql, sizeof sql, "PRAGMA user_version=%d", version);
    assert_int_equal(conn_open(&db, path, NULL, CONN_WRITE, &err), 0);
    assert_int_equal(conn_exec(db, sql, &err), 0);
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, in_wal, NULL);
    conn_close(db);
}

static void test_newer(void **state)
{
    (void)state;
    struct fix f;
    fix_begin(&f);
    make_store(&f, 3);
    int n = migrations_embedded.n;
    char text[80];
    snprintf(text, sizeof text, "has version %d, this cail-d knows up to %d", n + 1, n);
    set_version(&f, n + 1, true); /* known from the WAL alone */
    assert_refused(&f, E_STORE_UNREADABLE, text);
    set_version(&f, 99, false);
    assert_refused(&f, E_STORE_UNREADABLE, "has version 99");
    set_version(&f, n, false);
    fix_must_open(&f);
    fix_end(&f);
}

/* Every page in turn is overwritten, but for the first's header: either SQLite's own check finds
 * it, or the store opens and every job is still there. */
static void test_damaged_page(void **state)
{
    (void)state;
    struct fix f;
    CLEANUP(str_done) struct str whole = STR_INIT;
    int refused = 0;
    fix_begin(&f);
    make_store(&f, 200);
    read_file(&f, "cail.db", &whole);
    assert_true(whole.len > 20 * 4096);
    for (size_t page = 0; page < whole.len / 4096; page++) {
        struct cail_err err;
        CLEANUP(mem_freep) char *bad = mem_array(whole.len, 1);
        memcpy(bad, whole.p, whole.len);
        memset(bad + page * 4096 + (page ? 0 : 100), 0xa5, 1000);
        write_file(&f, "cail.db", bad, whole.len);
        if (fix_open(&f, &err) == 0) {
            struct fix_loaded *l = fix_load(&f, &err);
            assert_non_null(l);
            assert_int_equal(l->n_jobs, 200);
            fix_loaded_free(l);
            fix_close(&f);
            continue;
        }
        assert_refused(&f, E_STORE_UNREADABLE, "is damaged");
        refused++;
    }
    assert_true(refused >= 20);
    fix_end(&f);
}

static void test_no_plain_file(void **state)
{
    (void)state;
    struct fix f;
    char path[300], other[300];
    fix_begin(&f);
    in_dir(&f, "cail.db", path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_refused(&f, E_STORE_UNREADABLE, "is not a regular file");
    assert_int_equal(rmdir(path), 0);
    in_dir(&f, "elsewhere.db", other);
    assert_int_equal(symlink(other, path), 0);
    assert_refused(&f, E_STORE_UNREADABLE, "is not a regular file");
    assert_int_equal(access(other, F_OK), -1);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_refused(&f, E_STORE_UNREADABLE, "is not a regular file");
    fix_end(&f);
}

/* The file is gone but its WAL is not: a new file would make SQLite delete it. */
static void test_wal_without_file(void **state)
{
    (void)state;
    struct fix f;
    fix_begin(&f);
    write_file(&f, "cail.db-wal", "frames", 6);
    assert_refused(&f, E_STORE_UNREADABLE, "file is missing");
    fix_end(&f);
}

static void test_no_folder(void **state)
{
    (void)state;
    struct fix f;
    char kept[sizeof f.dir];
    fix_begin(&f);
    memcpy(kept, f.dir, sizeof kept);
    strncat(f.dir, "/none", sizeof f.dir - strlen(f.dir) - 1);
    assert_refused(&f, E_IO, "is not there");
    memcpy(f.dir, kept, sizeof kept);
    fix_end(&f);
}

/* In a child, because root must become somebody to be refused. */
static void read_only_child(struct fix *f)
{
    struct cail_err err = {0};
    if (geteuid() == 0 && (setgid(65534) || setuid(65534)))
        _exit(2);
    if (fix_open(f, &err) != E_IO || !strstr(err.text, f->dir))
        _exit(1);
    _exit(0);
}

static void test_read_only_folder(void **state)
{
    (void)state;
    struct fix f;
    char before[ARRAY_LEN(parts)][DIGEST_LEN], after[ARRAY_LEN(parts)][DIGEST_LEN];
    int status;
    fix_begin(&f);
    make_store(&f, 3);
    hash_parts(&f, before);
    assert_int_equal(chmod(f.dir, 0555), 0);
    pid_t pid = fork();
    if (pid == 0)
        read_only_child(&f);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(chmod(f.dir, 0700), 0);
    hash_parts(&f, after);
    assert_memory_equal(before, after, sizeof before);
    fix_must_open(&f);
    fix_end(&f);
}

static void test_second_opener(void **state)
{
    (void)state;
    struct fix f, second;
    char pid[40];
    struct cail_err err;
    fix_begin(&f);
    fix_must_open(&f);
    second = f;
    second.s = NULL;
    snprintf(pid, sizeof pid, "pid %d)", (int)getpid());
    assert_int_equal(fix_open(&second, &err), E_CONFLICT);
    assert_non_null(strstr(err.text, pid));
    assert_true(err.hint[0]);
    struct store_batch *b = store_batch_new(f.s); /* the first one goes on */
    fix_put_jobs(&f, b, 1, 1);
    assert_int_equal(fix_commit(&f, b, NULL), STORE_COMMITTED);
    fix_close(&f);
    fix_must_open(&f); /* and its lock goes with it */
    fix_end(&f);
}

/* A file too large to check before serving: found afterwards, it stops the writer. */
static void test_late_check(void **state)
{
    (void)state;
    struct fix f;
    CLEANUP(str_done) struct str whole = STR_INIT;
    struct cail_err err;
    fix_begin(&f);
    f.seams.check_now_bytes = 1;
    make_store(&f, 200);
    fix_must_open(&f); /* a whole file passes */
    pthread_join(f.s->check_thread, NULL);
    f.s->has_check_thread = false;
    assert_false(atomic_load(&f.s->damaged));
    fix_close(&f);
    read_file(&f, "cail.db", &whole);
    memset(whole.p + whole.len - 4096, 0xa5, 1000); /* the last page: jobs, or their index */
    write_file(&f, "cail.db", whole.p, whole.len);
    log_set_level((enum log_level)0);
    fix_must_open(&f);
    pthread_join(f.s->check_thread, NULL);
    f.s->has_check_thread = false;
    struct store_batch *b = store_batch_new(f.s);
    fix_put_jobs(&f, b, 1000, 1);
    assert_int_equal(fix_commit(&f, b, &err), STORE_FAILED);
    assert_int_equal(err.code, E_STORE_UNREADABLE);
    assert_null(fix_load(&f, &err));
    assert_int_equal(err.code, E_STORE_UNREADABLE);
    assert_non_null(strstr(err.text, "is damaged"));
    fix_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_garbage),       cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_newer),         cmocka_unit_test(test_damaged_page),
        cmocka_unit_test(test_no_plain_file), cmocka_unit_test(test_wal_without_file),
        cmocka_unit_test(test_no_folder),     cmocka_unit_test(test_read_only_folder),
        cmocka_unit_test(test_second_opener), cmocka_unit_test(test_late_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
