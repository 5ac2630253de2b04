/* SQLite connections: opening, settings, errors. */
#include "store/conn.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

/* secure_delete: Debian builds with it on, and it doubles the pages an UPDATE writes.
 * wal_autocheckpoint: the writer checkpoints by its own rules (writer.c).
 * journal_size_limit: what a WAL keeps of its size after a long reader had made it grow. */
static const char write_settings[] =
    "PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0; PRAGMA journal_size_limit=67108864;"
    "PRAGMA foreign_keys=ON; PRAGMA secure_delete=OFF;";
static const char read_settings[] = "PRAGMA query_only=ON;";
static const char all_settings[] = "PRAGMA trusted_schema=OFF; PRAGMA temp_store=MEMORY;"
                                   "PRAGMA cell_size_check=ON; PRAGMA cache_size=-4096;";

bool conn_is_full(sqlite3 *db, int rc)
{
    int primary = rc & 0xff;
    if (primary == SQLITE_FULL)
        return true;
    /* ENOSPC at an fsync or while growing the -shm file, and EDQUOT anywhere, come as IOERR. */
    int why = primary == SQLITE_IOERR ? sqlite3_system_errno(db) : 0;
    return why == ENOSPC || why == EDQUOT;
}

int conn_error(sqlite3 *db, int rc, const char *doing, struct cail_err *err)
{
    enum cail_code code = E_STORE;
    int primary = rc & 0xff;
    if (conn_is_full(db, rc))
        code = E_DISK_FULL;
    else if (primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB)
        code = E_STORE_UNREADABLE;
    else if (primary == SQLITE_INTERRUPT)
        code = E_UNAVAILABLE;
    int why = primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN ? sqlite3_system_errno(db) : 0;
    if (why)
        return err_set_errno(err, code, why, "%.80s: SQLite %s (%d)", doing, sqlite3_errstr(rc),
                             rc);
    return err_set(err, code, "%.80s: SQLite %s (%d): %s", doing, sqlite3_errstr(rc), rc,
                   sqlite3_errmsg(db));
}

int conn_exec(sqlite3 *db, const char *sql, struct cail_err *err)
{
    int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : conn_error(db, rc, sql, err);
}

int conn_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret, struct cail_err *err)
{
    int rc = sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL);
    return rc == SQLITE_OK ? 0 : conn_error(db, rc, sql, err);
}

int conn_int(sqlite3 *db, const char *sql, int64_t *ret, struct cail_err *err)
{
    sqlite3_stmt *st;
    int code = conn_prepare(db, sql, &st, err);
    if (code)
        return code;
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        *ret = sqlite3_column_int64(st, 0);
    else
        code = rc == SQLITE_DONE ? err_set(err, E_STORE, "no row from: %s", sql)
                                 : conn_error(db, rc, sql, err);
    sqlite3_finalize(st);
    return code;
}

int conn_check(sqlite3 *db, struct cail_err *err)
{
    sqlite3_stmt *st;
    int code = conn_prepare(db, "PRAGMA quick_check(1)", &st, err);
    if (code)
        return code;
    int rc = sqlite3_step(st);
    if (rc != SQLITE_ROW) {
        code = conn_error(db, rc, "quick_check", err);
    } else {
        const char *found = (const char *)sqlite3_column_text(st, 0);
        const char *line = found ? strchr(found, '\n') : NULL; /* the first names the database */
        if (!found || strcmp(found, "ok") != 0)
            code = err_set(err, E_STORE_UNREADABLE, "quick_check: %s",
                           line    ? line + 1
                           : found ? found
                                   : "no answer");
    }
    sqlite3_finalize(st);
    return code;
}

static int wal_mode(sqlite3 *db, struct cail_err *err)
{
    sqlite3_stmt *st;
    int code = conn_prepare(db, "PRAGMA journal_mode=WAL", &st, err);
    if (code)
        return code;
    int rc = sqlite3_step(st);
    if (rc != SQLITE_ROW)
        code = conn_error(db, rc, "journal_mode=WAL", err);
    else if (strcmp((const char *)sqlite3_column_text(st, 0), "wal") != 0)
        code = err_set(err, E_STORE,
                       "this file system does not allow SQLite's WAL: use a local "
                       "disk for the state folder");
    sqlite3_finalize(st);
    return code;
}

static int apply_settings(sqlite3 *db, enum conn_mode mode, struct cail_err *err)
{
    int code;
    sqlite3_extended_result_codes(db, 1);
    sqlite3_busy_timeout(db, CONN_BUSY_TIMEOUT_MS);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    if (mode == CONN_READ)
        sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    else if ((code = wal_mode(db, err)))
        return code;
    if ((code = conn_exec(db, all_settings, err)))
        return code;
    return conn_exec(db, mode == CONN_READ ? read_settings : write_settings, err);
}

/* Memory statistics cost a mutex at every allocation: a sixth of an insert. Refused, harmlessly,
 * when SQLite already runs (a second store, a test's own VFS). */
void conn_setup(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

int conn_open(sqlite3 **ret, const char *path, const char *vfs, enum conn_mode mode,
              struct cail_err *err)
{
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    flags |= mode == CONN_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    flags |= mode == CONN_CREATE ? SQLITE_OPEN_CREATE : 0;
    sqlite3 *db = NULL;
    char doing[300];
    snprintf(doing, sizeof doing, "cannot open '%s'", path);
    int rc = sqlite3_open_v2(path, &db, flags, vfs);
    int code;
    if (rc == SQLITE_OK)
        code = apply_settings(db, mode, err);
    else if (db)
        code = conn_error(db, rc, doing, err);
    else
        code = err_set(err, E_NO_MEMORY, "%s: %s", doing, sqlite3_errstr(rc));
    if (code) {
        conn_close(db);
        return code;
    }
    *ret = db;
    return 0;
}

void conn_close(sqlite3 *db)
{
    int rc = sqlite3_close(db);
    BUG_ON(rc == SQLITE_BUSY); /* a statement was left behind */
}
