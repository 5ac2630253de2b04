/* The writer thread: the only connection that writes and checkpoints. */
#include "store/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/fsx.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/conn.h"
#include "store/folder.h"

/* Readers that follow one another without a gap can keep the WAL from being begun anew; past this
 * the writer waits for such a gap (bounded by their deadline). */
enum { WAL_PATIENCE_BYTES = 64 << 20 };
enum { RESTART_TIMEOUT_MS = 6000 };
enum { IDLE_AFTER_FAILURE_S = 10, FULL_RETRY_S = 1 };

/* --- one batch --- */

/* Ids are the loop's, so a constraint that fails means memory and file disagree: stop before the
 * next decision is taken on wrong ground. What was acknowledged is on disk. */
static void stop_on_bug(sqlite3 *db, int rc, enum write_stmt stmt)
{
#define X(sym, sql) [sym] = #sym,
    static const char *const names[] = {STORE_WRITES(X)};
#undef X
    int primary = rc & 0xff;
    if (primary != SQLITE_CONSTRAINT && primary != SQLITE_MISMATCH && primary != SQLITE_RANGE &&
        primary != SQLITE_MISUSE && primary != SQLITE_TOOBIG)
        return;
    log_error("store: %s: %s (%d)", names[stmt], sqlite3_errmsg(db), rc);
    log_bug(__FILE__, __LINE__, "a batch the schema refuses");
}

static int run_stmt(struct writer *w, enum write_stmt which)
{
    sqlite3_stmt *st = w->stmt[which];
    int rc = sqlite3_step(st);
    if (rc == SQLITE_DONE)
        rc = SQLITE_OK;
    else
        stop_on_bug(w->db, rc, which);
    /* reset repeats the step's code; the message stays with the connection */
    (void)sqlite3_reset(st);
    return rc;
}

static int run_ops(struct writer *w, const struct store_batch *b)
{
    struct batch_cursor c;
    enum write_stmt which;
    int n;
    batch_begin(b, &c);
    while (batch_next(&c, &which, &n)) {
        sqlite3_stmt *st = w->stmt[which];
        BUG_ON(n != sqlite3_bind_parameter_count(st));
        for (int i = 1; i <= n; i++) {
            int rc = batch_bind(&c, st, i);
            stop_on_bug(w->db, rc, which);
            if (rc != SQLITE_OK)
                return rc;
        }
        int rc = run_stmt(w, which);
        if (rc != SQLITE_OK)
            return rc;
    }
    return SQLITE_OK;
}

/* 0, or SQLite's code with err filled and nothing of the transaction left open. */
static int commit_once(struct writer *w, const struct store_batch *b, struct cail_err *err)
{
    int rc = run_stmt(w, W_BEGIN);
    if (rc == SQLITE_OK)
        rc = run_ops(w, b);
    if (rc == SQLITE_OK)
        rc = run_stmt(w, W_COMMIT);
    if (rc == SQLITE_OK)
        return 0;
    conn_error(w->db, rc, "the batch was not stored", err);
    /* SQLite ends the transaction by itself on FULL and on most I/O errors */
    if (!sqlite3_get_autocommit(w->db))
        (void)run_stmt(w, W_ROLLBACK);
    return rc;
}

static bool give_up_reserve(struct store *s)
{
    if (!s->writer.has_reserve || !folder_reserve_drop(s->reserve_path))
        return false;
    store_set_reserve(s, false);
    log_error("store: the disk is full; gave up the reserve file");
    return true;
}

/* Full, and no reserve left. Nothing is unknown: the batch is not there, and this connection writes
 * it again over the same frames. So wait: jobs run on, and answers stay unsaid rather than guessed.
 * Returns after a second, or when something new is asked of the writer; false: stopping. */
static bool wait_for_space(struct store *s)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += FULL_RETRY_S;
    pthread_mutex_lock(&s->mutex);
    bool is_first = !s->stats.waits_for_space;
    s->stats.waits_for_space = true;
    pthread_mutex_unlock(&s->mutex);
    if (is_first) {
        log_error("store: the disk is full; waiting for space");
        s->wake(s->wake_arg);
    }
    pthread_mutex_lock(&s->mutex);
    if (!atomic_load(&s->stopping))
        (void)pthread_cond_timedwait(&s->writer_cond, &s->mutex, &until);
    bool go_on = !atomic_load(&s->stopping);
    pthread_mutex_unlock(&s->mutex);
    return go_on;
}

static enum store_outcome commit(struct store *s, const struct store_batch *b, struct cail_err *err)
{
    struct writer *w = &s->writer;
    bool was_full = false;
    if (atomic_load(&s->damaged)) {
        *err = s->damage_err;
        store_detach(s, false);
        return STORE_FAILED;
    }
    if (!w->db) {
        err_set(err, E_STORE, "an earlier batch failed; the store has to be loaded again");
        return STORE_FAILED;
    }
    while (commit_once(w, b, err)) {
        if (err->code != E_DISK_FULL || (!give_up_reserve(s) && !wait_for_space(s))) {
            /* Nothing this connection believes is to be trusted; store_load opens another. */
            store_detach(s, false);
            return STORE_FAILED;
        }
        was_full = true;
    }
    *err = (struct cail_err){0};
    return was_full ? STORE_COMMITTED_DISK_FULL : STORE_COMMITTED;
}

static void commit_run(struct store *s, struct task *t)
{
    struct store_batch *b = (struct store_batch *)t;
    int64_t begun = clock_mono_us();
    b->outcome = commit(s, b, &b->err);
    uint64_t took = (uint64_t)(clock_mono_us() - begun);
    pthread_mutex_lock(&s->mutex);
    struct store_stats *st = &s->stats;
    st->batches++;
    st->ops += b->n_ops;
    st->waits_for_space = false;
    st->failed += b->outcome == STORE_FAILED;
    st->last_commit_us = took;
    if (took > st->max_commit_us)
        st->max_commit_us = took;
    st->wal_bytes = (uint64_t)(s->writer.wal_pages * s->writer.page_bytes);
    pthread_mutex_unlock(&s->mutex);
}

static void commit_finish(struct store *s, struct task *t)
{
    struct store_batch *b = (struct store_batch *)t;
    s->committing = false;
    b->done(b->done_arg, b->outcome, &b->err);
    store_batch_drop(s, b);
}

void store_commit(struct store *s, struct store_batch *b,
                  void (*done)(void *arg, enum store_outcome outcome, const struct cail_err *err),
                  void *arg)
{
    BUG_ON(s->committing);
    s->committing = true;
    b->done = done;
    b->done_arg = arg;
    b->err = (struct cail_err){0};
    b->task = (struct task){.run = commit_run, .finish = commit_finish};
    store_queue_write(s, &b->task);
}

/* --- the reserve --- */

struct reserve_task {
    struct task task;
    void (*done)(void *arg, bool back);
    void *arg;
    bool back;
};

static void reserve_run(struct store *s, struct task *t)
{
    struct reserve_task *r = (struct reserve_task *)t;
    /* Twice: to take all that is left would fill the disk by itself. */
    if (!s->writer.has_reserve && fsx_free_bytes(s->db_path) >= 2 * s->reserve_bytes)
        store_set_reserve(s, folder_reserve_make(s->reserve_path, s->reserve_bytes));
    r->back = s->writer.has_reserve;
}

static void reserve_finish(struct store *s, struct task *t)
{
    struct reserve_task *r = (struct reserve_task *)t;
    (void)s;
    r->done(r->arg, r->back);
    free(r);
}

void store_retry_reserve(struct store *s, void (*done)(void *arg, bool back), void *arg)
{
    struct reserve_task *r = mem_zalloc(sizeof *r);
    r->task = (struct task){.run = reserve_run, .finish = reserve_finish};
    r->done = done;
    r->arg = arg;
    store_queue_write(s, &r->task);
}

/* --- checkpoints --- */

int writer_checkpoint(struct store *s, int mode)
{
    struct writer *w = &s->writer;
    int in_wal = 0, written = 0;
    int rc = sqlite3_wal_checkpoint_v2(w->db, NULL, mode, &in_wal, &written);
    bool whole = rc == SQLITE_OK && in_wal == written;
    if (rc != SQLITE_OK && !w->checkpoint_failed)
        log_warn("store: a checkpoint failed and will be tried again: %s (%d)",
                 sqlite3_errmsg(w->db), rc);
    w->checkpoint_failed = rc != SQLITE_OK;
    w->has_unwritten = !whole;
    /* or earlier, when the WAL begins anew (on_wal) */
    w->checkpoint_at = w->wal_pages + WRITER_CHECKPOINT_BYTES / w->page_bytes;
    pthread_mutex_lock(&s->mutex);
    s->stats.checkpoints += whole;
    pthread_mutex_unlock(&s->mutex);
    return rc;
}

static void checkpoint_if_due(struct store *s, bool is_idle)
{
    struct writer *w = &s->writer;
    if (!w->db || !w->has_unwritten || !(is_idle || w->wal_pages >= w->checkpoint_at))
        return;
    if (w->wal_pages * w->page_bytes < WAL_PATIENCE_BYTES) {
        (void)writer_checkpoint(s, SQLITE_CHECKPOINT_PASSIVE);
    } else {
        sqlite3_busy_timeout(w->db, RESTART_TIMEOUT_MS);
        (void)writer_checkpoint(s, SQLITE_CHECKPOINT_RESTART);
        sqlite3_busy_timeout(w->db, CONN_BUSY_TIMEOUT_MS);
    }
    if (is_idle)
        sqlite3_db_release_memory(w->db);
}

/* --- the thread --- */

/* The next task; NULL: idle long enough for a checkpoint, or stopping with nothing left. */
static struct task *next_task(struct store *s)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += s->writer.checkpoint_failed ? IDLE_AFTER_FAILURE_S : s->idle_s;
    pthread_mutex_lock(&s->mutex);
    int rc = 0;
    while (!s->writer_in.head && !atomic_load(&s->stopping) && rc == 0) {
        if (s->writer.has_unwritten && s->writer.db)
            rc = pthread_cond_timedwait(&s->writer_cond, &s->mutex, &until);
        else
            rc = pthread_cond_wait(&s->writer_cond, &s->mutex);
    }
    struct task *t = task_pop(&s->writer_in);
    pthread_mutex_unlock(&s->mutex);
    return t;
}

void *writer_main(void *arg)
{
    struct store *s = arg;
    (void)pthread_setname_np(pthread_self(), "store-writer"); /* for ps -L and strace */
    for (;;) {
        struct task *t = next_task(s);
        if (t) {
            t->run(s, t);
            store_task_ran(s, t);
        } else if (atomic_load(&s->stopping)) {
            return NULL;
        }
        checkpoint_if_due(s, !t);
    }
}
