/* What the store does per second: durable inserts by batch size, moves, start-up beside a long
 * history, the check of the whole file. Prints one line each; asserts nothing.
 *     store_bench FOLDER [live jobs] [finished jobs] */
#include <errno.h>
#include <inttypes.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/err.h"
#include "store/conn.h"
#include "store/store.h"

#define NOW_US INT64_C(1760000000000000)

static sem_t awake;
static struct store *store;
static bool ended;

static void die(const char *what, const struct cail_err *err)
{
    fprintf(stderr, "store_bench: %s: %s\n", what, err->text);
    exit(1);
}

static void wake(void *arg)
{
    (void)arg;
    sem_post(&awake);
}

static void committed(void *arg, enum store_outcome outcome, const struct cail_err *err)
{
    (void)arg;
    if (outcome != STORE_COMMITTED)
        die("commit", err);
    ended = true;
}

static void commit(struct store_batch *b)
{
    ended = false;
    store_commit(store, b, committed, NULL);
    while (!ended) {
        while (sem_wait(&awake) && errno == EINTR)
            ;
        store_poll(store);
    }
}

static void open_store(const char *dir)
{
    struct store_config config = {.dir = dir, .wake = wake};
    struct cail_err err;
    int64_t begun = clock_mono_us();
    if (store_open(&store, &config, &err))
        die("open", &err);
    printf("open                      %8.1f ms\n", (double)(clock_mono_us() - begun) / 1e3);
}

static struct job *plain_job(void)
{
    struct job *j = job_new();
    j->kind = KIND_BENCHMARK;
    j->timeout_s = 3600;
    j->created_at_us = j->queued_at_us = NOW_US;
    model_set(&j->name, "nightly benchmark of the vectorizer");
    model_set(&j->queue, "default");
    model_set(&j->user, "ada");
    model_set(&j->spec, "{\"run\":[\"python3\",\"bench.py\",\"--size\",\"4096\"],\"needs\":"
                        "{\"cpus\":4,\"gpus\":1},\"env\":{\"OMP_NUM_THREADS\":\"4\"},\"cwd\":"
                        "\"/home/ada/work/kernels\",\"timeout_s\":3600}");
    return j;
}

static int64_t put_jobs(int64_t first, int64_t n, int64_t per_batch, enum job_state state)
{
    struct job *j = plain_job();
    j->state = state;
    j->finished_at_us = job_state_is_terminal(state) ? NOW_US : 0;
    for (int64_t id = first; id < first + n;) {
        struct store_batch *b = store_batch_new(store);
        for (int64_t i = 0; i < per_batch && id < first + n; i++) {
            j->id = id++;
            store_put_job(b, j, true);
        }
        commit(b);
    }
    job_free(j);
    return first + n;
}

static int64_t timed_inserts(int64_t first, int64_t n, int64_t per_batch)
{
    int64_t begun = clock_mono_us();
    int64_t next = put_jobs(first, n, per_batch, JOB_SUCCEEDED);
    double s = (double)(clock_mono_us() - begun) / 1e6;
    printf("insert, %5" PRId64 " a batch     %8.0f jobs/s, %.3f ms a batch\n", per_batch,
           (double)n / s, s * 1e3 * (double)per_batch / (double)n);
    return next;
}

/* What a job costs the writer on its way: attempt in, job running, attempt out, job done. */
static void timed_moves(int64_t first, int64_t n, int64_t per_batch)
{
    struct job *j = plain_job();
    struct attempt *a = attempt_new();
    model_set(&a->executor, "local");
    model_set(&a->dir, "/home/ada/.local/state/cail/attempts/12345");
    snprintf(a->token, sizeof a->token, "0123456789abcdef0123456789abcdef");
    int64_t begun = clock_mono_us();
    for (int64_t i = 0; i < n;) {
        struct store_batch *b = store_batch_new(store);
        for (int64_t k = 0; k < per_batch && i < n; k++, i++) {
            j->id = a->job_id = first + i;
            a->id = i + 1;
            a->number = 1;
            a->state = ATTEMPT_STARTING;
            a->ended_at_us = 0;
            store_put_attempt(b, a, true);
            j->state = JOB_RUNNING;
            j->finished_at_us = 0;
            store_put_job(b, j, false);
            a->state = ATTEMPT_EXITED;
            a->ended_at_us = j->finished_at_us = NOW_US;
            j->state = JOB_SUCCEEDED;
            store_put_attempt(b, a, false);
            store_put_job(b, j, false);
        }
        commit(b);
    }
    double s = (double)(clock_mono_us() - begun) / 1e6;
    printf("four moves, %4" PRId64 " a batch  %8.0f jobs/s\n", per_batch, (double)n / s);
    attempt_free(a);
    job_free(j);
}

static int64_t n_loaded;

static void on_job(void *arg, struct job *j)
{
    (void)arg;
    n_loaded++;
    job_free(j);
}

static void on_attempt(void *arg, struct attempt *a)
{
    (void)arg;
    attempt_free(a);
}

static void timed_load(void)
{
    struct store_loader to = {.job = on_job, .attempt = on_attempt};
    struct store_ids ids;
    struct cail_err err;
    int64_t begun = clock_mono_us();
    if (store_load(store, NOW_US, &to, &ids, &err))
        die("load", &err);
    printf("load %6" PRId64 " live jobs     %8.1f ms (largest id %" PRId64 ")\n", n_loaded,
           (double)(clock_mono_us() - begun) / 1e3, ids.job);
}

static void timed_check(const char *dir)
{
    char path[4096];
    struct stat st;
    sqlite3 *db = NULL;
    struct cail_err err;
    snprintf(path, sizeof path, "%s/cail.db", dir);
    int64_t begun = clock_mono_us();
    if (stat(path, &st) || conn_open(&db, path, NULL, CONN_READ, &err) || conn_check(db, &err))
        die("check", &err);
    conn_close(db);
    printf("check of %5.0f MiB        %8.1f ms\n", (double)st.st_size / 1048576,
           (double)(clock_mono_us() - begun) / 1e3);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: store_bench FOLDER [live jobs] [finished jobs]\n");
        return 64;
    }
    int64_t live = argc > 2 ? strtoll(argv[2], NULL, 10) : 100000;
    int64_t finished = argc > 3 ? strtoll(argv[3], NULL, 10) : 1000000;
    setvbuf(stdout, NULL, _IOLBF, 0);
    sem_init(&awake, 0, 0);
    open_store(argv[1]);
    int64_t next = timed_inserts(1, 500, 1);
    next = timed_inserts(next, 5000, 10);
    next = timed_inserts(next, 50000, 100);
    next = timed_inserts(next, 200000, 1000);
    int64_t moved = next;
    next = put_jobs(next, 50000, 1000, JOB_QUEUED);
    timed_moves(moved, 50000, 500);
    if (next < finished)
        next = put_jobs(next, finished - next, 1000, JOB_SUCCEEDED);
    put_jobs(next, live, 1000, JOB_QUEUED);
    store_close(store);
    open_store(argv[1]);
    timed_load();
    store_close(store);
    timed_check(argv[1]);
    return 0;
}
