#include "http/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fsx.h"

int attempt_file_open(const char *dir, const char *name, int *ret_fd, uint64_t *ret_size,
                      struct cail_err *err)
{
    CLEANUP(fsx_closep) int folder = open(dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    /* O_NONBLOCK: a pipe in its place must not hold us up before it is refused. */
    int fd =
        folder < 0 ? -1 : openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat st;
    *ret_fd = -1;
    *ret_size = 0;
    if (fd < 0)
        return errno == ENOENT ? 0 : err_set_errno(err, E_IO, errno, "cannot open the %s", name);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return err_set(err, E_IO, "the %s is not a regular file", name);
    }
    *ret_fd = fd;
    *ret_size = (uint64_t)st.st_size;
    return 0;
}

int log_file_open(const char *dir, int *ret_fd, uint64_t *ret_size, struct cail_err *err)
{
    return attempt_file_open(dir, "log", ret_fd, ret_size, err);
}

bool log_file_hole(int fd, uint64_t size, uint64_t *ret_from, uint64_t *ret_to)
{
    off_t from = lseek(fd, 0, SEEK_HOLE);
    if (from < 0 || (uint64_t)from >= size)
        return false;
    off_t to = lseek(fd, from, SEEK_DATA);
    *ret_from = (uint64_t)from;
    *ret_to = to < 0 ? size : (uint64_t)to;
    return true;
}

static ssize_t give_mark(struct log_reader *r, char *buf, size_t max)
{
    size_t n = r->mark_len - r->mark_at;
    n = n < max ? n : max;
    memcpy(buf, r->mark + r->mark_at, n);
    r->mark_at += n;
    return (ssize_t)n;
}

/* If pos stands in a hole: over it, and the mark is ready. */
static bool skip_hole(struct log_reader *r)
{
    off_t data = lseek(r->fd, (off_t)r->pos, SEEK_DATA);
    if (data < 0 || (uint64_t)data <= r->pos)
        return false;
    uint64_t to = (uint64_t)data < r->end ? (uint64_t)data : r->end;
    r->mark_len = (size_t)snprintf(r->mark, sizeof r->mark, "\n[cail: %llu bytes left out here]\n",
                                   (unsigned long long)(to - r->pos));
    r->mark_at = 0;
    r->pos = to;
    return true;
}

ssize_t log_reader_read(struct log_reader *r, char *buf, size_t max)
{
    if (r->mark_at < r->mark_len)
        return give_mark(r, buf, max);
    if (r->fd < 0 || r->pos >= r->end)
        return 0;
    for (int tries = 0; tries < 4; tries++) {
        if (skip_hole(r))
            return give_mark(r, buf, max);
        uint64_t want = r->end - r->pos < max ? r->end - r->pos : max;
        ssize_t n = pread(r->fd, buf, (size_t)want, (off_t)r->pos);
        if (n <= 0)
            return n < 0 && errno != EINTR ? -1 : 0;
        /* Looked at after the read: zeros of a hole that was punched meanwhile must not pass. */
        off_t hole = lseek(r->fd, (off_t)r->pos, SEEK_HOLE);
        if (hole >= 0 && (uint64_t)hole == r->pos)
            continue;
        if (hole > 0 && (uint64_t)hole - r->pos < (uint64_t)n)
            n = (ssize_t)((uint64_t)hole - r->pos);
        r->pos += (uint64_t)n;
        return n;
    }
    return 0;
}
