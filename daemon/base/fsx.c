/* Files. */
#include "base/fsx.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

void fsx_closep(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

int fsx_write_all(int fd, const void *p, size_t len)
{
    const char *at = p;
    while (len) {
        ssize_t n = write(fd, at, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

int fsx_read(const char *path, size_t max, struct str *ret, struct cail_err *err)
{
    CLEANUP(fsx_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return err_set_errno(err, errno == ENOENT ? E_NOT_FOUND : E_IO, errno, "cannot open '%s'",
                             path);
    struct stat st;
    if (fstat(fd, &st) || !S_ISREG(st.st_mode))
        return err_set(err, E_IO, "'%s' is not a regular file", path);
    if (st.st_size > (off_t)max)
        return err_set(err, E_TOO_LARGE, "'%s' has %lld bytes; at most %zu are read", path,
                       (long long)st.st_size, max);
    CLEANUP(str_done) struct str s = STR_INIT;
    for (;;) {
        str_reserve(&s, 65536);
        ssize_t n = read(fd, s.p + s.len, 65536);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set_errno(err, E_IO, errno, "cannot read '%s'", path);
        if (!n)
            break;
        s.len += (size_t)n;
        if (s.len > max)
            return err_set(err, E_TOO_LARGE, "'%s' grew past %zu bytes", path, max);
    }
    s.p[s.len] = 0;
    str_done(ret);
    *ret = s;
    s = (struct str)STR_INIT;
    return 0;
}

static int sync_folder_of(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (slash == path)
        snprintf(folder, sizeof folder, "/");
    else if (slash)
        snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
    else
        snprintf(folder, sizeof folder, ".");
    CLEANUP(fsx_closep) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -1 : fsync(fd);
}

int fsx_write_atomic(const char *path, const void *p, size_t len, mode_t mode, bool sync,
                     struct cail_err *err)
{
    char tmp[PATH_MAX];
    if (snprintf(tmp, sizeof tmp, "%s.tmp.%d", path, (int)getpid()) >= (int)sizeof tmp)
        return err_set(err, E_IO, "the path '%.100s...' is too long", path);
    unlink(tmp);
    CLEANUP(fsx_closep) int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0)
        return err_set_errno(err, E_IO, errno, "cannot create '%s'", tmp);
    if (fsx_write_all(fd, p, len) || (sync && fsync(fd)) || rename(tmp, path) ||
        (sync && sync_folder_of(path))) {
        int code = err_set_errno(err, errno == ENOSPC ? E_DISK_FULL : E_IO, errno,
                                 "cannot write '%s'", path);
        unlink(tmp);
        return code;
    }
    return 0;
}

int fsx_mkdirs(const char *path, mode_t mode, struct cail_err *err)
{
    char part[PATH_MAX];
    size_t len = strlen(path);
    if (len >= sizeof part)
        return err_set(err, E_IO, "the path '%.100s...' is too long", path);
    for (size_t i = 1; i <= len; i++) {
        if (path[i] != '/' && path[i])
            continue;
        memcpy(part, path, i);
        part[i] = 0;
        if (mkdir(part, mode) && errno != EEXIST)
            return err_set_errno(err, errno == ENOSPC ? E_DISK_FULL : E_IO, errno,
                                 "cannot make the folder '%s'", part);
    }
    return 0;
}

/* Calls itself once a folder level; a tree deeper than this is refused, not followed. */
enum { TREE_DEPTH_MAX = 512 };

/* A job may have left a folder that its own user may not read or change. */
static int open_folder(int parent, const char *name, mode_t mode)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(parent, name, flags);
    if (fd < 0 && errno == EACCES &&
        !fchmodat(parent, name, (mode & 07777) | S_IRWXU, AT_SYMLINK_NOFOLLOW))
        fd = openat(parent, name, flags);
    if (fd >= 0)
        (void)fchmod(fd, (mode & 07777) | S_IRWXU);
    return fd;
}

static int remove_in(int parent, const char *name, dev_t dev, int depth)
{
    struct stat st;
    if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW))
        return errno == ENOENT ? 0 : -1;
    if (!S_ISDIR(st.st_mode))
        return unlinkat(parent, name, 0) && errno != ENOENT ? -1 : 0;
    if (st.st_dev != dev || depth > TREE_DEPTH_MAX) {
        errno = EXDEV;
        return -1;
    }
    int fd = open_folder(parent, name, st.st_mode);
    if (fd < 0)
        return -1;
    DIR *d = fdopendir(fd);
    if (!d) {
        close(fd);
        return -1;
    }
    int rc = 0;
    for (struct dirent *e; !rc && (e = readdir(d));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            rc = remove_in(fd, e->d_name, dev, depth + 1);
    int kept = errno;
    closedir(d);
    errno = kept;
    if (!rc && unlinkat(parent, name, AT_REMOVEDIR) && errno != ENOENT)
        rc = -1;
    return rc;
}

int fsx_remove_tree(const char *path, struct cail_err *err)
{
    struct stat st;
    if (lstat(path, &st))
        return errno == ENOENT ? 0 : err_set_errno(err, E_IO, errno, "cannot look at '%s'", path);
    if (remove_in(AT_FDCWD, path, st.st_dev, 0))
        return err_set_errno(err, E_IO, errno, "cannot remove '%s'", path);
    return 0;
}

static int64_t bytes_in(int parent, const char *name, dev_t dev, int depth)
{
    struct stat st;
    if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) || st.st_dev != dev ||
        depth > TREE_DEPTH_MAX)
        return 0;
    int64_t sum = (int64_t)st.st_blocks * 512;
    if (!S_ISDIR(st.st_mode))
        return sum;
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        fsx_closep(&fd);
        return sum;
    }
    for (struct dirent *e; (e = readdir(d));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            sum += bytes_in(fd, e->d_name, dev, depth + 1);
    closedir(d);
    return sum;
}

int64_t fsx_tree_bytes(const char *path)
{
    struct stat st;
    return lstat(path, &st) ? 0 : bytes_in(AT_FDCWD, path, st.st_dev, 0);
}

int64_t fsx_free_bytes(const char *path)
{
    struct statvfs v;
    if (statvfs(path, &v))
        return -1;
    return (int64_t)v.f_bavail * (int64_t)v.f_frsize;
}

bool fsx_is_network(const char *path)
{
    struct statfs s;
    if (statfs(path, &s))
        return false;
    switch ((unsigned long)s.f_type) {
    case NFS_SUPER_MAGIC:
    case SMB_SUPER_MAGIC:
    case 0xFF534D42: /* cifs */
    case 0xFE534D42: /* smb2 */
    case AFS_SUPER_MAGIC:
    case V9FS_MAGIC:
    case CEPH_SUPER_MAGIC:
    case 0x0BD00BD0: /* lustre */
    case 0x47504653: /* gpfs */
        return true;
    default:
        return false;
    }
}
