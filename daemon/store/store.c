/* The store's life: open, close, threads, queues. */
#include "store/store.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fsx.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/conn.h"
#include "store/folder.h"
#include "store/internal.h"

enum { RESERVE_DEFAULT_BYTES = 16 << 20 };
enum { IDLE_DEFAULT_S = 1 };
enum { READS_WAITING_MAX = 256 }; /* at 5 s each more than anybody waits for */
enum { FREE_BATCHES_MAX = 4 };

/* --- tasks --- */

void store_queue_write(struct store *s, struct task *t)
{
    pthread_mutex_lock(&s->mutex);
    task_push(&s->writer_in, t);
    pthread_cond_signal(&s->writer_cond);
    pthread_mutex_unlock(&s->mutex);
}

void store_run_now(struct store *s, struct task *t)
{
    BUG_ON(t->finish);
    pthread_mutex_lock(&s->mutex);
    task_push(&s->writer_in, t);
    pthread_cond_signal(&s->writer_cond);
    while (!t->ran)
        pthread_cond_wait(&s->sync_cond, &s->mutex);
    pthread_mutex_unlock(&s->mutex);
}

void store_task_ran(struct store *s, struct task *t)
{
    bool is_for_loop = t->finish != NULL;
    pthread_mutex_lock(&s->mutex);
    if (is_for_loop)
        task_push(&s->finished, t);
    else
        t->ran = true;
    pthread_cond_broadcast(&s->sync_cond);
    pthread_mutex_unlock(&s->mutex);
    if (is_for_loop)
        s->wake(s->wake_arg);
}

void store_poll(struct store *s)
{
    pthread_mutex_lock(&s->mutex);
    struct task_queue ran = s->finished;
    s->finished = (struct task_queue){0};
    pthread_mutex_unlock(&s->mutex);
    for (struct task *t; (t = task_pop(&ran));)
        t->finish(s, t);
}

struct read_task {
    struct task task;
    void (*run)(void *arg, struct store_reader *r);
    void (*done)(void *arg);
    void *arg;
};

static void read_run(struct store *s, struct task *t)
{
    struct read_task *r = (struct read_task *)t;
    r->run(r->arg, &s->reader);
}

static void read_finish(struct store *s, struct task *t)
{
    struct read_task *r = (struct read_task *)t;
    (void)s;
    r->done(r->arg);
    free(r);
}

bool store_read(struct store *s, void (*run)(void *arg, struct store_reader *r),
                void (*done)(void *arg), void *arg)
{
    pthread_mutex_lock(&s->mutex);
    bool has_room = s->reader_in.n < READS_WAITING_MAX;
    if (has_room) {
        struct read_task *r = mem_zalloc(sizeof *r);
        *r = (struct read_task){{.run = read_run, .finish = read_finish}, run, done, arg};
        task_push(&s->reader_in, &r->task);
        pthread_cond_signal(&s->reader_cond);
    }
    pthread_mutex_unlock(&s->mutex);
    return has_room;
}

/* --- batches --- */

struct store_batch *store_batch_new(struct store *s)
{
    struct store_batch *b = s->free_batches;
    if (!b)
        return mem_zalloc(sizeof *b);
    s->free_batches = b->next_free;
    s->n_free_batches--;
    return b;
}

void store_batch_drop(struct store *s, struct store_batch *b)
{
    if (s->n_free_batches == FREE_BATCHES_MAX) {
        batch_free(b);
        return;
    }
    batch_clear(b);
    b->next_free = s->free_batches;
    s->free_batches = b;
    s->n_free_batches++;
}

bool store_is_idle(const struct store *s)
{
    return !s->committing;
}

const char *store_library_version(void)
{
    return sqlite3_libversion();
}

void store_set_reserve(struct store *s, bool has)
{
    s->writer.has_reserve = has;
    pthread_mutex_lock(&s->mutex);
    s->stats.no_reserve = !has;
    pthread_mutex_unlock(&s->mutex);
}

void store_stats(struct store *s, struct store_stats *ret)
{
    pthread_mutex_lock(&s->mutex);
    *ret = s->stats;
    pthread_mutex_unlock(&s->mutex);
}

/* --- life --- */

static int check_folder(const char *dir, struct cail_err *err)
{
    struct stat st;
    if (stat(dir, &st) || !S_ISDIR(st.st_mode))
        return err_set(err, E_IO, "the state folder '%s' is not there", dir);
    if (fsx_is_network(dir)) {
        err_set(err, E_STORE_UNREADABLE,
                "the state folder '%s' is on a network file system, where SQLite's WAL breaks",
                dir);
        err_hint(err, "choose a folder on a local disk");
        return E_STORE_UNREADABLE;
    }
    return 0;
}

static struct store *store_new(const struct store_config *config, const struct store_seams *seams)
{
    struct store *s = mem_zalloc(sizeof *s);
    pthread_condattr_t monotonic;
    s->db_path = mem_printf("%s/cail.db", config->dir);
    s->lock_path = mem_printf("%s/cail.lock", config->dir);
    s->reserve_path = mem_printf("%s/cail.reserve", config->dir);
    s->vfs = mem_strdup(seams->vfs);
    s->migrations = seams->migrations ? seams->migrations : &migrations_embedded;
    s->check_now_bytes = seams->check_now_bytes ? seams->check_now_bytes : FOLDER_CHECK_NOW_BYTES;
    s->idle_s = seams->idle_s ? seams->idle_s : IDLE_DEFAULT_S;
    s->reserve_bytes = config->reserve_bytes > 0 ? config->reserve_bytes : RESERVE_DEFAULT_BYTES;
    s->wake = config->wake;
    s->wake_arg = config->wake_arg;
    s->lock_fd = -1;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&s->mutex, NULL);
    pthread_mutex_init(&s->reader_mutex, NULL);
    pthread_cond_init(&s->writer_cond, &monotonic);
    pthread_cond_init(&s->reader_cond, &monotonic);
    pthread_cond_init(&s->sync_cond, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return s;
}

static void store_free(struct store *s)
{
    for (struct store_batch *b; (b = s->free_batches);) {
        s->free_batches = b->next_free;
        batch_free(b);
    }
    pthread_cond_destroy(&s->sync_cond);
    pthread_cond_destroy(&s->reader_cond);
    pthread_cond_destroy(&s->writer_cond);
    pthread_mutex_destroy(&s->reader_mutex);
    pthread_mutex_destroy(&s->mutex);
    fsx_closep(&s->lock_fd); /* last: whoever waits for the lock finds the file closed */
    free(s->vfs);
    free(s->reserve_path);
    free(s->lock_path);
    free(s->db_path);
    free(s);
}

/* Signals are the loop's. */
static void start_threads(struct store *s)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&s->writer_thread, NULL, writer_main, s);
    BUG_ON(rc);
    rc = pthread_create(&s->reader_thread, NULL, reader_main, s);
    BUG_ON(rc);
    s->has_check_thread = s->check_later;
    if (s->has_check_thread) {
        rc = pthread_create(&s->check_thread, NULL, check_main, s);
        BUG_ON(rc);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

int store_open_with(struct store **ret, const struct store_config *config,
                    const struct store_seams *seams, struct cail_err *err)
{
    int code = check_folder(config->dir, err);
    if (code)
        return code;
    conn_setup();
    struct store *s = store_new(config, seams);
    if ((code = folder_lock(s->lock_path, &s->lock_fd, err)) || (code = store_attach(s, err))) {
        store_free(s);
        return code;
    }
    start_threads(s);
    *ret = s;
    return 0;
}

int store_open(struct store **ret, const struct store_config *config, struct cail_err *err)
{
    static const struct store_seams none;
    return store_open_with(ret, config, &none, err);
}

void store_close(struct store *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->mutex);
    atomic_store(&s->stopping, true);
    pthread_cond_broadcast(&s->writer_cond);
    pthread_cond_broadcast(&s->reader_cond);
    pthread_mutex_unlock(&s->mutex);
    if (s->has_check_thread)
        pthread_join(s->check_thread, NULL);
    pthread_join(s->reader_thread, NULL);
    pthread_join(s->writer_thread, NULL);
    store_poll(s);
    reader_close(&s->reader);
    if (s->writer.db)
        (void)writer_checkpoint(s, SQLITE_CHECKPOINT_TRUNCATE);
    store_detach(s, true);
    store_free(s);
}
