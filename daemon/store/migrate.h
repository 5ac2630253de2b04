/* The schema's steps, forward only. schema/migrations/NNNN_*.sql are embedded at build time
 * (cmake/migrations.cmake), in order; step i brings the file to version i + 1. Room-private. */
#ifndef STORE_MIGRATE_H
#define STORE_MIGRATE_H

#include <sqlite3.h>

#include "base/err.h"

struct migration {
    const char *name; /* "0001_init" */
    const char *sql;
};

struct migrations {
    const struct migration *step;
    int n;
};

extern const struct migrations migrations_embedded;

#define STORE_APPLICATION_ID 0x4341494c /* "CAIL" */

/* Bring db from its user_version to m->n: each step in one transaction that also sets the version
 * and proves the references, so a crash leaves a whole version. */
int migrate(sqlite3 *db, const struct migrations *m, struct cail_err *err) NODISCARD;
/* Copy the file behind db to `path`, whole and synced; a copy of that name is replaced. */
int migrate_copy(sqlite3 *db, const char *path, struct cail_err *err) NODISCARD;

#endif
