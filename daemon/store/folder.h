/* The state folder's files: the lock, the reserve, and what may be said of cail.db before SQLite
 * may write to it. Room-private. */
#ifndef STORE_FOLDER_H
#define STORE_FOLDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "store/migrate.h"

/* A file up to this size is checked whole before the store opens (it takes about as long as
 * reading it); a larger one is checked by a thread of its own while the daemon already serves. */
#define FOLDER_CHECK_NOW_BYTES (32 * INT64_C(1048576))

/* flock `path`, pid inside. E_CONFLICT names the holder's pid. */
int folder_lock(const char *path, int *ret_fd, struct cail_err *err) NODISCARD;

struct folder_db {
    bool exists;
    int64_t bytes;
    int version;
};
/* Look without touching: is cail.db a store of ours, whole (up to check_bytes), and not newer than
 * m? On refusal the files keep every byte. */
int folder_probe(const char *db_path, const char *vfs, const struct migrations *m,
                 int64_t check_bytes, struct folder_db *ret, struct cail_err *err) NODISCARD;

/* Make the reserve file unless it is there in full size; false: no space for it (or no right). */
bool folder_reserve_make(const char *path, int64_t bytes);
/* Give its space back to the disk; false: there was none. */
bool folder_reserve_drop(const char *path);

/* fsync the folder that holds path, so that a rename in it lasts. */
int folder_sync_of(const char *path, struct cail_err *err) NODISCARD;

#endif
