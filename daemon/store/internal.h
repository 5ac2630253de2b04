/* The store's inside: who owns which field, and what its files call of each other. Room-private;
 * tests use store_open_with. */
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include <sqlite3.h>

#include "store/batch.h"
#include "store/migrate.h"
#include "store/store.h"

/* What a test may replace. */
struct store_seams {
    const char *vfs;                     /* NULL = SQLite's default */
    const struct migrations *migrations; /* NULL = the embedded ones */
    int64_t check_now_bytes;             /* 0 = FOLDER_CHECK_NOW_BYTES */
    int64_t idle_s;                      /* 0 = 1 s: quiet time before a checkpoint */
};
int store_open_with(struct store **ret, const struct store_config *config,
                    const struct store_seams *seams, struct cail_err *err) NODISCARD;

/* WAL size that calls for a checkpoint. It writes each page once however often the WAL has it, so
 * larger is cheaper; smaller keeps start-up and readers quick. */
#define WRITER_CHECKPOINT_BYTES (4 << 20)

/* The writer's side. Touched by the writer thread alone once it runs. */
struct writer {
    sqlite3 *db; /* NULL: a COMMIT failed, or reopening did */
    sqlite3_stmt *stmt[WRITE_STMT_COUNT];
    bool has_reserve;
    int64_t page_bytes;
    int64_t wal_pages;      /* in the WAL, by the last commit; checkpointed ones included */
    int64_t checkpoint_at;  /* pages: the next checkpoint under load */
    bool has_unwritten;     /* frames not yet in the file */
    bool checkpoint_failed; /* said once, not at every try */
};

/* A read-only connection with its statements. */
struct store_reader {
    struct store *s;
    sqlite3 *db;
    sqlite3_stmt *stmt[READ_STMT_COUNT];
    int64_t deadline_mono_us; /* 0 = none */
    struct cail_err open_err; /* why db is NULL */
};

struct store {
    /* Set at open, then constant. */
    char *db_path, *lock_path, *reserve_path;
    char *vfs;
    const struct migrations *migrations;
    int64_t reserve_bytes, check_now_bytes, idle_s;
    void (*wake)(void *arg);
    void *wake_arg;
    int lock_fd;
    pthread_t writer_thread, reader_thread, check_thread;
    bool check_later; /* attach found a file too large to check before serving */
    bool has_check_thread;

    atomic_bool stopping; /* set under mutex; read anywhere */
    atomic_bool damaged;  /* the check of a large file found damage; damage_err is set before */
    struct cail_err damage_err;

    pthread_mutex_t mutex; /* guards from here ... */
    pthread_cond_t writer_cond, reader_cond, sync_cond;
    struct task_queue writer_in, reader_in, finished;
    struct store_stats stats; /* ... to here */

    struct writer writer;
    pthread_mutex_t reader_mutex; /* guards reader: its thread, or the writer while reopening */
    struct store_reader reader;

    /* Loop thread. */
    struct store_batch *free_batches;
    int n_free_batches;
    bool committing;
    int retries_waiting; /* store_retry_reserve under way */
};

/* attach.c: from the folder to a ready writer connection (probe, birth or copy and migrations,
 * checkpoint), and back. Used at open and after a failed COMMIT. */
int store_attach(struct store *s, struct cail_err *err) NODISCARD;
/* checkpoint false: leave the WAL as it is (after a failure). */
void store_detach(struct store *s, bool checkpoint);
/* has_reserve, and what the statistics say of it. */
void store_set_reserve(struct store *s, bool has);
/* store_attach again on the writer thread, with the reader's connection closed, if the writer has
 * none. Called on the loop thread, which waits for it. */
int store_reattach(struct store *s, struct cail_err *err) NODISCARD;

/* store.c: queue t on the writer. */
void store_queue_write(struct store *s, struct task *t);
/* store.c: queue t on the writer and wait for it; t->finish is NULL. */
void store_run_now(struct store *s, struct task *t);
/* store.c: t was run; hand it to store_poll (or to store_run_now) and wake the loop. */
void store_task_ran(struct store *s, struct task *t);

/* writer.c, reader.c, check.c: thread mains; arg is the store. */
void *writer_main(void *arg);
void *reader_main(void *arg);
void *check_main(void *arg);
/* 0 or SQLite's code; counts, and never loses anything when it fails. */
int writer_checkpoint(struct store *s, int mode);

/* reader.c */
int reader_open(struct store_reader *r, struct store *s, struct cail_err *err) NODISCARD;
void reader_close(struct store_reader *r);
/* The statement, reset; E_STORE when the connection could not be opened. */
int reader_stmt(struct store_reader *r, enum read_stmt which, sqlite3_stmt **ret,
                struct cail_err *err) NODISCARD;
/* The same, standing on the row of that id; E_NOT_FOUND: "there is no `what` `id`". */
int reader_the(struct store_reader *r, enum read_stmt which, const char *what, int64_t id,
               sqlite3_stmt **ret, struct cail_err *err) NODISCARD;
/* Step: *ret_row false at the end. */
int reader_step(struct store_reader *r, sqlite3_stmt *st, bool *ret_row,
                struct cail_err *err) NODISCARD;
/* Everything until reader_end sees one moment of the file. */
int reader_begin(struct store_reader *r, struct cail_err *err) NODISCARD;
void reader_end(struct store_reader *r);
/* For CLEANUP: a statement left in the middle holds its snapshot, and with it the WAL. */
void reader_resetp(sqlite3_stmt **st);
int reader_group_counts(struct store_reader *r, struct group *g, struct cail_err *err) NODISCARD;
/* comparisons.c: the live ones, at start-up. */
int comparisons_load(struct store_reader *r, const struct store_loader *to,
                     struct cail_err *err) NODISCARD;
/* bisections.c: the live ones, and the last id. */
int bisections_load(struct store_reader *r, const struct store_loader *to, struct store_ids *ids,
                    struct cail_err *err) NODISCARD;
/* Appends one entry to j->after; met is the scheduler's. */
void job_add_after(struct job *j, int64_t on_job, enum after_when when);

#endif
