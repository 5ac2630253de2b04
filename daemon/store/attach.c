/* From the state folder to a ready writer connection, and back. */
#include "store/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fsx.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/conn.h"
#include "store/folder.h"

static void remove_with(const char *path, const char *suffix)
{
    CLEANUP(mem_freep) char *name = mem_printf("%s%s", path, suffix);
    (void)unlink(name);
}

static int make_file(const struct store *s, const char *path, struct cail_err *err)
{
    sqlite3 *db = NULL;
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set_errno(err, errno == ENOSPC ? E_DISK_FULL : E_IO, errno, "cannot create '%s'",
                             path);
    close(fd);
    int code = conn_open(&db, path, s->vfs, CONN_CREATE, err);
    if (code)
        return code;
    code = migrate(db, s->migrations, err);
    if (code == 0) {
        int rc = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
        if (rc != SQLITE_OK)
            code = conn_error(db, rc, "cannot write the new store", err);
    }
    conn_close(db);
    return code;
}

/* A new store is made under another name and renamed: cail.db is whole from its first moment, so
 * an empty or half-made cail.db is damage, never a birth. */
static int birth(const struct store *s, struct cail_err *err)
{
    static const char *const parts[] = {"", "-wal", "-shm", "-journal"};
    CLEANUP(mem_freep) char *tmp = mem_printf("%s.new", s->db_path);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        remove_with(tmp, parts[i]);
    int code = make_file(s, tmp, err);
    if (code == 0 && rename(tmp, s->db_path))
        code = err_set_errno(err, E_IO, errno, "cannot name the new store '%s'", s->db_path);
    if (code == 0)
        code = folder_sync_of(s->db_path, err);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        remove_with(tmp, parts[i]);
    return code;
}

/* The copy has the number of the first step it comes before. */
static int bring_up(struct store *s, const struct folder_db *found, struct cail_err *err)
{
    if (!found->exists || found->version == s->migrations->n)
        return 0;
    CLEANUP(mem_freep) char *copy = mem_printf("%s.pre-%d", s->db_path, found->version + 1);
    struct cail_err why;
    if (migrate_copy(s->writer.db, copy, &why))
        return err_set(err, why.code, "no migration without a copy of '%s': %.200s", s->db_path,
                       why.text);
    log_info("store: copied to '%s' before migrating", copy);
    return migrate(s->writer.db, s->migrations, err);
}

static int on_wal(void *arg, sqlite3 *db, const char *name, int pages)
{
    struct writer *w = arg;
    (void)db;
    (void)name;
    if (pages < w->wal_pages) /* begun anew */
        w->checkpoint_at = WRITER_CHECKPOINT_BYTES / w->page_bytes;
    w->wal_pages = pages;
    w->has_unwritten = true;
    return SQLITE_OK; /* anything else would make a commit that happened look failed */
}

static int prepare_all(struct writer *w, struct cail_err *err)
{
#define X(sym, sql) [sym] = sql,
    static const char *const text[] = {STORE_WRITES(X)};
#undef X
    for (size_t i = 0; i < WRITE_STMT_COUNT; i++) {
        int code = conn_prepare(w->db, text[i], &w->stmt[i], err);
        if (code)
            return code;
    }
    sqlite3_wal_hook(w->db, on_wal, w);
    return conn_int(w->db, "PRAGMA page_size", &w->page_bytes, err);
}

static int ready_writer(struct store *s, const struct folder_db *found, struct cail_err *err)
{
    struct writer *w = &s->writer;
    int code;
    if ((code = conn_open(&w->db, s->db_path, s->vfs, CONN_WRITE, err)) ||
        (code = bring_up(s, found, err)) || (code = prepare_all(w, err)))
        return code;
    /* After a failed fsync the kernel may show WAL pages it never wrote, and what is loaded now
     * counts as durable: so write it into the file, synced, before anybody reads it. */
    int rc = writer_checkpoint(s, SQLITE_CHECKPOINT_PASSIVE);
    if (rc != SQLITE_OK && conn_is_full(w->db, rc)) /* that failed no fsync; serve what is there */
        return 0;
    return rc == SQLITE_OK ? 0 : conn_error(w->db, rc, "cannot write the WAL back", err);
}

int store_attach(struct store *s, struct cail_err *err)
{
    struct folder_db found;
    struct cail_err why;
    int code;
    if (atomic_load(&s->damaged)) {
        *err = s->damage_err;
        return (int)err->code;
    }
    if ((code = folder_probe(s->db_path, s->vfs, s->migrations, s->check_now_bytes, &found, err)))
        return code;
    s->check_later = found.bytes > s->check_now_bytes;
    s->writer.wal_pages = s->writer.checkpoint_at = 0;
    s->writer.has_unwritten = s->writer.checkpoint_failed = false;
    code = found.exists ? 0 : birth(s, &why);
    if (code == 0)
        code = ready_writer(s, &found, &why);
    if (code) {
        store_detach(s, false);
        return err_set(err, why.code, "cannot use '%s': %.300s", s->db_path, why.text);
    }
    store_set_reserve(s, folder_reserve_make(s->reserve_path, s->reserve_bytes));
    if (!s->writer.has_reserve)
        log_warn("store: no space for the reserve file '%s'", s->reserve_path);
    return 0;
}

void store_detach(struct store *s, bool checkpoint)
{
    struct writer *w = &s->writer;
    for (size_t i = 0; i < WRITE_STMT_COUNT; i++) {
        sqlite3_finalize(w->stmt[i]);
        w->stmt[i] = NULL;
    }
    if (!w->db)
        return;
    if (!checkpoint)
        sqlite3_db_config(w->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    conn_close(w->db);
    w->db = NULL;
}

struct reattach_task {
    struct task task;
    int code;
    struct cail_err err;
};

static void reattach_run(struct store *s, struct task *t)
{
    struct reattach_task *r = (struct reattach_task *)t;
    if (s->writer.db)
        return;
    pthread_mutex_lock(&s->reader_mutex);
    reader_close(&s->reader); /* the writer opens first */
    r->code = store_attach(s, &r->err);
    pthread_mutex_unlock(&s->reader_mutex);
}

int store_reattach(struct store *s, struct cail_err *err)
{
    struct reattach_task r = {.task = {.run = reattach_run}};
    store_run_now(s, &r.task);
    if (r.code)
        *err = r.err;
    return r.code;
}
