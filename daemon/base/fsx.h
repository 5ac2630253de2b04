/* Files: the few shapes this project needs, every descriptor CLOEXEC from birth. Blocking: not for
 * the loop thread, save on files that were just written. */
#ifndef BASE_FSX_H
#define BASE_FSX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/str.h"

/* For CLEANUP(fsx_closep): close a local descriptor unless it is < 0. */
void fsx_closep(int *fd);

/* Read a whole regular file (not a link, not a device) of at most max bytes. */
int fsx_read(const char *path, size_t max, struct str *ret, struct cail_err *err) NODISCARD;
/* Write path as tmp + rename in the same folder; mode as given. sync: fsync file and folder. */
int fsx_write_atomic(const char *path, const void *p, size_t len, mode_t mode, bool sync,
                     struct cail_err *err) NODISCARD;
/* mkdir -p; each folder made gets `mode`. */
int fsx_mkdirs(const char *path, mode_t mode, struct cail_err *err) NODISCARD;
/* Write all of it, through EINTR and short writes. 0 or -1 with errno. */
int fsx_write_all(int fd, const void *p, size_t len) NODISCARD;
/* rm -rf without following any link and without leaving path's file system. Missing is fine. */
int fsx_remove_tree(const char *path, struct cail_err *err) NODISCARD;
/* Bytes of the tree's files (allocated blocks); 0 when missing. */
int64_t fsx_tree_bytes(const char *path);
/* Bytes a plain user may still write on path's file system; -1 unknown. */
int64_t fsx_free_bytes(const char *path);
bool fsx_is_network(const char *path); /* NFS, SMB, AFS, 9p, FUSE over a network */

#endif
