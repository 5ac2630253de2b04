/* A VFS over SQLite's own that counts writes, syncs and truncates, and at the n-th of the armed
 * kinds fails (once or from then on) or kills the process, leaving a torn write behind. */
#ifndef TESTS_STORE_FAULTFS_H
#define TESTS_STORE_FAULTFS_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/attr.h"

enum { FAULT_WRITE = 1, FAULT_SYNC = 2, FAULT_TRUNCATE = 4, FAULT_ANY = 7 };
enum { FAULT_KILL = -1 };

static atomic_int fault_kinds;   /* armed kinds; 0 = none */
static atomic_int fault_at;      /* the n-th of them, from 1 */
static atomic_int fault_code;    /* SQLite's code, or FAULT_KILL */
static atomic_bool fault_stays;  /* from the n-th on */
static atomic_int fault_seen;    /* of the armed kinds */
static atomic_bool fault_struck; /* it happened */
static atomic_int fault_syncs;   /* every sync, armed or not */

struct fault_file {
    sqlite3_file base;
    sqlite3_file *real;
};

static sqlite3_vfs *fault_real_vfs;
static sqlite3_vfs fault_vfs;

#define REAL(f)   (((struct fault_file *)(f))->real)
#define CALL(...) (REAL(f)->pMethods->__VA_ARGS__)

/* 0 or the code this operation fails with; a kill tears the write it comes in. */
static int fault_strike(int kind, sqlite3_file *f, const void *p, int len, sqlite3_int64 at)
{
    if (!(fault_kinds & kind))
        return 0;
    int n = ++fault_seen;
    if (n != fault_at && !(fault_stays && n > fault_at))
        return 0;
    fault_struck = true;
    if (fault_code != FAULT_KILL)
        return fault_code;
    if (p && n % 2)
        (void)CALL(xWrite(REAL(f), p, len / 2, at));
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

static int fault_close(sqlite3_file *f)
{
    return CALL(xClose(REAL(f)));
}

static int fault_read(sqlite3_file *f, void *p, int len, sqlite3_int64 at)
{
    return CALL(xRead(REAL(f), p, len, at));
}

static int fault_write(sqlite3_file *f, const void *p, int len, sqlite3_int64 at)
{
    int rc = fault_strike(FAULT_WRITE, f, p, len, at);
    return rc ? rc : CALL(xWrite(REAL(f), p, len, at));
}

static int fault_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    int rc = fault_strike(FAULT_TRUNCATE, f, NULL, 0, 0);
    return rc ? rc : CALL(xTruncate(REAL(f), size));
}

static int fault_sync(sqlite3_file *f, int flags)
{
    int rc = fault_strike(FAULT_SYNC, f, NULL, 0, 0);
    fault_syncs++;
    return rc ? rc : CALL(xSync(REAL(f), flags));
}

static int fault_size(sqlite3_file *f, sqlite3_int64 *ret)
{
    return CALL(xFileSize(REAL(f), ret));
}

static int fault_lock(sqlite3_file *f, int level)
{
    return CALL(xLock(REAL(f), level));
}

static int fault_unlock(sqlite3_file *f, int level)
{
    return CALL(xUnlock(REAL(f), level));
}

static int fault_reserved(sqlite3_file *f, int *ret)
{
    return CALL(xCheckReservedLock(REAL(f), ret));
}

static int fault_control(sqlite3_file *f, int op, void *arg)
{
    return CALL(xFileControl(REAL(f), op, arg));
}

static int fault_sector(sqlite3_file *f)
{
    return CALL(xSectorSize(REAL(f)));
}

static int fault_traits(sqlite3_file *f)
{
    return CALL(xDeviceCharacteristics(REAL(f)));
}

static int fault_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **ret)
{
    return CALL(xShmMap(REAL(f), page, size, extend, ret));
}

static int fault_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    return CALL(xShmLock(REAL(f), offset, n, flags));
}

static void fault_shm_barrier(sqlite3_file *f)
{
    CALL(xShmBarrier(REAL(f)));
}

static int fault_shm_unmap(sqlite3_file *f, int del)
{
    return CALL(xShmUnmap(REAL(f), del));
}

static int fault_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                      int *ret_flags)
{
    static const sqlite3_io_methods methods = {2,
                                               fault_close,
                                               fault_read,
                                               fault_write,
                                               fault_truncate,
                                               fault_sync,
                                               fault_size,
                                               fault_lock,
                                               fault_unlock,
                                               fault_reserved,
                                               fault_control,
                                               fault_sector,
                                               fault_traits,
                                               fault_shm_map,
                                               fault_shm_lock,
                                               fault_shm_barrier,
                                               fault_shm_unmap,
                                               NULL,
                                               NULL};
    struct fault_file *f = (struct fault_file *)file;
    (void)vfs;
    f->real = (sqlite3_file *)(f + 1);
    int rc = fault_real_vfs->xOpen(fault_real_vfs, name, f->real, flags, ret_flags);
    f->base.pMethods = rc == SQLITE_OK ? &methods : NULL;
    return rc;
}

#undef REAL
#undef CALL

/* Its name, for seams.vfs. */
static UNUSED const char *fault_install(void)
{
    if (!fault_real_vfs) {
        fault_real_vfs = sqlite3_vfs_find(NULL);
        fault_vfs = *fault_real_vfs;
        fault_vfs.zName = "fault";
        fault_vfs.szOsFile = (int)sizeof(struct fault_file) + fault_real_vfs->szOsFile;
        fault_vfs.xOpen = fault_open;
        fault_vfs.pNext = NULL;
        sqlite3_vfs_register(&fault_vfs, 0);
    }
    return fault_vfs.zName;
}

static UNUSED void fault_arm(int kinds, int at, int code, bool stays)
{
    fault_seen = 0;
    fault_struck = false;
    fault_at = at;
    fault_code = code;
    fault_stays = stays;
    fault_kinds = kinds;
}

static UNUSED void fault_disarm(void)
{
    fault_kinds = 0;
}

#endif
