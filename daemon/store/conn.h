/* One SQLite connection with this project's settings. Every connection is used by one thread at a
 * time (NOMUTEX); handing it over goes through the store's mutexes. Room-private. */
#ifndef STORE_CONN_H
#define STORE_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

#include "base/err.h"

enum conn_mode {
    CONN_WRITE,  /* reads, writes, checkpoints */
    CONN_CREATE, /* the same on a file that may not be there */
    CONN_READ,   /* READONLY, query_only, never checkpoints, not even when it closes last */
};

/* How long BEGIN waits for a stranger's lock (a person with the sqlite3 shell). */
#define CONN_BUSY_TIMEOUT_MS 30000
#define CONN_READ_DEADLINE_US (5 * INT64_C(1000000))

/* Before the first connection of the process, on one thread: what SQLite wants to know early. */
void conn_setup(void);
/* vfs NULL = SQLite's default. */
int conn_open(sqlite3 **ret, const char *path, const char *vfs, enum conn_mode mode,
              struct cail_err *err) NODISCARD;
/* Close; every statement must be finalized. NULL is fine. */
void conn_close(sqlite3 *db);
int conn_exec(sqlite3 *db, const char *sql, struct cail_err *err) NODISCARD;
int conn_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret, struct cail_err *err) NODISCARD;
/* First column of the first row. */
int conn_int(sqlite3 *db, const char *sql, int64_t *ret, struct cail_err *err) NODISCARD;
/* quick_check: 0, or E_STORE_UNREADABLE with SQLite's first finding. */
int conn_check(sqlite3 *db, struct cail_err *err) NODISCARD;
/* Fill err from the connection's last failure rc. E_DISK_FULL, E_STORE_UNREADABLE (damage),
 * E_UNAVAILABLE (interrupted) or E_STORE. */
int conn_error(sqlite3 *db, int rc, const char *doing, struct cail_err *err);
/* Did rc come from a full disk or quota? SQLite has three faces for that. */
bool conn_is_full(sqlite3 *db, int rc);

#endif
