/* The check of a large file, by a thread of its own while the daemon serves: reading it whole
 * before opening would cost seconds with a million finished jobs. What it finds stops the writer
 * (the next batch fails, and reloading is refused with the finding). */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "store/conn.h"
#include "store/internal.h"

static int stop_asked(void *arg)
{
    struct store *s = arg;
    return atomic_load(&s->stopping);
}

void *check_main(void *arg)
{
    struct store *s = arg;
    sqlite3 *db = NULL;
    struct cail_err why;
    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 10);
    int code = conn_open(&db, s->db_path, s->vfs, CONN_READ, &why);
    if (code == 0) {
        sqlite3_progress_handler(db, 10000, stop_asked, s);
        code = conn_check(db, &why);
        conn_close(db);
    }
    if (code == E_STORE_UNREADABLE) {
        err_set(&s->damage_err, E_STORE_UNREADABLE, "'%s' is damaged: %.250s", s->db_path,
                why.text);
        err_hint(&s->damage_err, "put a copy of your own in its place");
        atomic_store(&s->damaged, true);
        log_error("store: %s", s->damage_err.text);
    } else if (code && !atomic_load(&s->stopping)) {
        log_warn("store: the check of the file did not end: %s", why.text);
    }
    return NULL;
}
