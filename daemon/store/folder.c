/* Lock file, reserve file, and the look at cail.db before it is opened. */
#include "store/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fsx.h"
#include "base/log.h"
#include "store/conn.h"

/* --- lock --- */

static int lock_taken(int fd, const char *path, struct cail_err *err)
{
    char pid[24] = "";
    ssize_t n = pread(fd, pid, sizeof pid - 1, 0);
    pid[n > 0 ? n : 0] = 0;
    pid[strcspn(pid, "\n")] = 0;
    err_set(err, E_CONFLICT, "another cail-d (pid %s) uses this state folder: '%s' is locked",
            *pid ? pid : "unknown", path);
    err_hint(err, "stop that one, or give this one another state folder");
    return E_CONFLICT;
}

/* A daemon that was killed while it started a child holds the lock a moment longer, through that
 * child, until it executes cail-run. */
enum { LOCK_TRIES = 100, LOCK_PAUSE_NS = 20000000 };

static bool holder_lives(int fd)
{
    char text[24] = "";
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    long pid = n > 0 ? strtol(text, NULL, 10) : 0;
    return pid <= 0 || kill((pid_t)pid, 0) == 0 || errno != ESRCH;
}

int folder_lock(const char *path, int *ret_fd, struct cail_err *err)
{
    CLEANUP(fsx_closep) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_set_errno(err, errno == ENOSPC ? E_DISK_FULL : E_IO, errno,
                             "cannot open the lock file '%s'", path);
    int tries = 0;
    while (flock(fd, LOCK_EX | LOCK_NB)) {
        if (errno != EWOULDBLOCK)
            return err_set_errno(err, E_IO, errno, "cannot lock '%s'", path);
        if (holder_lives(fd) || ++tries > LOCK_TRIES)
            return lock_taken(fd, path, err);
        nanosleep(&(struct timespec){.tv_nsec = LOCK_PAUSE_NS}, NULL);
    }
    char pid[24];
    int n = snprintf(pid, sizeof pid, "%d\n", (int)getpid());
    /* The pid only serves the sentence above; a full disk must not keep the daemon down. */
    if (ftruncate(fd, 0) || pwrite(fd, pid, (size_t)n, 0) != n)
        log_warn("store: cannot write the pid to '%s'", path);
    *ret_fd = fd;
    fd = -1;
    return 0;
}

/* --- reserve --- */

bool folder_reserve_make(const char *path, int64_t bytes)
{
    struct stat st;
    if (lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= bytes &&
        (int64_t)st.st_blocks * 512 >= bytes)
        return true;
    CLEANUP(fsx_closep)
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return false;
    if (posix_fallocate(fd, 0, bytes)) {
        (void)unlink(path);
        return false;
    }
    return true;
}

bool folder_reserve_drop(const char *path)
{
    return unlink(path) == 0;
}

int folder_sync_of(const char *path, struct cail_err *err)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    BUG_ON(!slash || (size_t)(slash - path) >= sizeof folder);
    memcpy(folder, path, (size_t)(slash - path));
    folder[slash - path] = 0;
    CLEANUP(fsx_closep) int fd = open(*folder ? folder : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd))
        return err_set_errno(err, E_IO, errno, "cannot sync the folder '%s'", folder);
    return 0;
}

/* --- probe --- */

static int refuse(struct cail_err *err, const char *path, const char *why)
{
    err_set(err, E_STORE_UNREADABLE, "'%s' %s; it was not touched", path, why);
    err_hint(err, "move it away to begin empty, or put a copy of your own in its place");
    return E_STORE_UNREADABLE;
}

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int refuse_newer(struct cail_err *err, const char *path, int64_t version, int newest)
{
    err_set(err, E_STORE_UNREADABLE,
            "'%s' has version %lld, this cail-d knows up to %d; it was not touched", path,
            (long long)version, newest);
    err_hint(err, "start the newer cail-d, or put the copy '%s.pre-%d' in its place", path,
             newest + 1);
    return E_STORE_UNREADABLE;
}

/* The first 100 bytes, as https://sqlite.org/fileformat.html has them. cail.db is born whole
 * (store.c), so its header always bears the mark, even while newer pages wait in the WAL. */
static int probe_header(const char *path, const struct migrations *m, struct cail_err *err)
{
    uint8_t head[100];
    CLEANUP(fsx_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return err_set_errno(err, E_STORE_UNREADABLE, errno, "cannot open '%s'", path);
    ssize_t n = pread(fd, head, sizeof head, 0);
    if (n < 0)
        return err_set_errno(err, E_STORE_UNREADABLE, errno, "cannot read '%s'", path);
    if (n == 0)
        return refuse(err, path, "is empty, which cail-d never leaves behind");
    if (n < (ssize_t)sizeof head || memcmp(head, "SQLite format 3", 16) != 0)
        return refuse(err, path, "is not a SQLite file");
    if (be32(head + 68) != STORE_APPLICATION_ID)
        return refuse(err, path, "is a SQLite file of another program");
    if (be32(head + 60) > (uint32_t)m->n)
        return refuse_newer(err, path, be32(head + 60), m->n);
    return 0;
}

static int refuse_failed(struct cail_err *err, const char *path, const struct cail_err *why)
{
    char text[sizeof why->text + 32];
    snprintf(text, sizeof text, "%s: %s",
             why->code == E_STORE_UNREADABLE ? "is damaged" : "cannot be read", why->text);
    return refuse(err, path, text);
}

static int probe_content(sqlite3 *db, const char *path, const struct migrations *m,
                         int64_t check_bytes, struct folder_db *ret, struct cail_err *err)
{
    int64_t version;
    struct cail_err why;
    int code = conn_int(db, "PRAGMA user_version", &version, &why);
    if (code == 0 && version > m->n)
        return refuse_newer(err, path, version, m->n);
    if (code == 0 && version < 1)
        return refuse(err, path, "has no version");
    if (code == 0 && ret->bytes <= check_bytes)
        code = conn_check(db, &why);
    if (code)
        return refuse_failed(err, path, &why);
    ret->version = (int)version;
    return 0;
}

/* A WAL without its file would be deleted by the birth of a new one: somebody's jobs. */
static int probe_missing(const char *path, struct cail_err *err)
{
    char wal[PATH_MAX];
    struct stat st;
    if (snprintf(wal, sizeof wal, "%s-wal", path) >= (int)sizeof wal)
        return err_set(err, E_IO, "the path '%.200s...' is too long", path);
    if (lstat(wal, &st) == 0 && st.st_size > 0)
        return refuse(err, wal, "holds jobs of a store whose file is missing");
    return 0;
}

int folder_probe(const char *db_path, const char *vfs, const struct migrations *m,
                 int64_t check_bytes, struct folder_db *ret, struct cail_err *err)
{
    struct stat st;
    sqlite3 *db = NULL;
    struct cail_err why;
    int code;
    *ret = (struct folder_db){0};
    if (lstat(db_path, &st))
        return errno == ENOENT
                   ? probe_missing(db_path, err)
                   : err_set_errno(err, E_STORE_UNREADABLE, errno, "cannot look at '%s'", db_path);
    if (!S_ISREG(st.st_mode))
        return refuse(err, db_path, "is not a regular file");
    ret->exists = true;
    ret->bytes = st.st_size;
    if ((code = probe_header(db_path, m, err)))
        return code;
    /* Read-only, and no checkpoint at close: SQLite recovers the WAL's index and writes nothing
     * into the file or the WAL. */
    if (conn_open(&db, db_path, vfs, CONN_READ, &why))
        return refuse_failed(err, db_path, &why);
    code = probe_content(db, db_path, m, check_bytes, ret, err);
    conn_close(db);
    return code;
}
