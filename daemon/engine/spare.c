/* Empty folders that are handed on from attempt to attempt. Most attempts leave nothing in their
 * artifacts/ and results/, and making and removing those costs a tiny job more than its exec: ext4
 * without a journal does not use an inode again for minutes and steps over each such one, one by one,
 * at every creation (find_inode_bit: 0.5 ms of 2.6 ms a job, measured). */
#include "engine/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fsx.h"

enum { SPARE_MAX = 64, ENTRY_BYTES_MAX = 512 };

static void spare_path(const struct engine *e, size_t i, char out[CAIL_PATH_MAX])
{
    snprintf(out, CAIL_PATH_MAX, "%s/spare/%zu", e->config.state_dir, i);
}

/* As we made it: ours, private, with nothing but "." and ".." in it. */
static bool is_pristine(const char *path)
{
    _Alignas(struct dirent64) char entries[4 * ENTRY_BYTES_MAX];
    struct stat st;
    CLEANUP(fsx_closep) int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) || st.st_uid != geteuid() || (st.st_mode & 07777) != 0700)
        return false;
    ssize_t len = getdents64(fd, entries, sizeof entries);
    int n = 0;
    for (ssize_t at = 0; at < len; n++)
        at += ((const struct dirent64 *)(const void *)(entries + at))->d_reclen;
    return n == 2; /* three would have fitted */
}

bool spare_take(struct engine *e, const char *path)
{
    char from[CAIL_PATH_MAX];
    if (!e->n_spare)
        return false;
    spare_path(e, --e->n_spare, from);
    return rename(from, path) == 0;
}

/* A folder that an earlier daemon left under the same name is empty too: rename() takes its place. */
bool spare_give(struct engine *e, const char *path)
{
    char to[CAIL_PATH_MAX];
    if (e->n_spare == SPARE_MAX || !is_pristine(path))
        return false;
    spare_path(e, e->n_spare, to);
    if (rename(path, to)) {
        char parent[CAIL_PATH_MAX];
        snprintf(parent, sizeof parent, "%s/spare", e->config.state_dir);
        if (errno != ENOENT || mkdir(parent, 0700) || rename(path, to))
            return false;
    }
    e->n_spare++;
    return true;
}
