/* Migrations and the copy taken before them. */
#include "store/migrate.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fsx.h"
#include "base/log.h"
#include "store/conn.h"
#include "store/folder.h"

static int run_step(sqlite3 *db, const struct migration *step, int version, struct cail_err *err)
{
    char mark[120];
    snprintf(mark, sizeof mark, "PRAGMA application_id=%d; PRAGMA user_version=%d",
             STORE_APPLICATION_ID, version);
    int64_t dangling = 0;
    int code;
    if ((code = conn_exec(db, "BEGIN IMMEDIATE", err)))
        return code;
    if ((code = conn_exec(db, step->sql, err)) == 0 &&
        (code = conn_int(db, "SELECT count(*) FROM pragma_foreign_key_check", &dangling, err)) == 0)
        code = dangling ? err_set(err, E_STORE, "%lld references lead nowhere", (long long)dangling)
                        : conn_exec(db, mark, err);
    if (code == 0)
        code = conn_exec(db, "COMMIT", err);
    if (code && !sqlite3_get_autocommit(db))
        (void)!sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return code;
}

int migrate(sqlite3 *db, const struct migrations *m, struct cail_err *err)
{
    int64_t version;
    int code;
    if ((code = conn_int(db, "PRAGMA user_version", &version, err)))
        return code;
    BUG_ON(version < 0 || version > m->n);
    /* A step may rebuild a table that others refer to; the check inside the step stands in. */
    if ((code = conn_exec(db, "PRAGMA foreign_keys=OFF", err)))
        return code;
    for (int i = (int)version; i < m->n; i++) {
        struct cail_err why;
        if (run_step(db, &m->step[i], i + 1, &why))
            return err_set(err, why.code, "migration %s failed and was undone: %.280s",
                           m->step[i].name, why.text);
        log_info("store: migration %s done", m->step[i].name);
    }
    return conn_exec(db, "PRAGMA foreign_keys=ON", err);
}

/* VACUUM INTO writes without a single sync, and fills an empty file that is already there: so the
 * file is made here, with our mode, and synced here. */
static int copy_into(sqlite3 *db, const char *tmp, struct cail_err *err)
{
    (void)unlink(tmp);
    CLEANUP(fsx_closep) int fd = open(tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set_errno(err, errno == ENOSPC ? E_DISK_FULL : E_IO, errno, "cannot create '%s'",
                             tmp);
    sqlite3_stmt *st;
    int code = conn_prepare(db, "VACUUM INTO ?", &st, err);
    if (code)
        return code;
    sqlite3_bind_text(st, 1, tmp, -1, SQLITE_STATIC);
    int rc = sqlite3_step(st);
    sqlite3_finalize(st);
    if (rc != SQLITE_DONE)
        return conn_error(db, rc, "cannot copy the store", err);
    if (fsync(fd))
        return err_set_errno(err, E_IO, errno, "cannot sync '%s'", tmp);
    return 0;
}

int migrate_copy(sqlite3 *db, const char *path, struct cail_err *err)
{
    char tmp[PATH_MAX];
    if (snprintf(tmp, sizeof tmp, "%s.tmp", path) >= (int)sizeof tmp)
        return err_set(err, E_IO, "the path '%.200s...' is too long", path);
    int code = copy_into(db, tmp, err);
    if (code == 0 && rename(tmp, path))
        code = err_set_errno(err, E_IO, errno, "cannot name the copy '%s'", path);
    if (code == 0)
        code = folder_sync_of(path, err);
    if (code)
        (void)unlink(tmp);
    return code;
}
