/* The store: one SQLite file, one writer thread, one reader thread. Durable before visible: the
 * engine fills a batch, hands it over, and lets its effects out when the batch came back committed.
 *
 * Threads: everything here is called on the loop thread, except functions taking a
 * `struct store_reader *`, which run on the reader thread inside a load. Completions are queued;
 * config.wake (any thread) asks the loop to call store_poll, which runs their callbacks.
 *
 * The writer's connection is the only one that writes and checkpoints (SQLite 3.40.1 has the
 * WAL-reset bug; a second checkpointer could corrupt the file). It opens first and closes last. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/bisection.h"
#include "model/comparison.h"
#include "model/job.h"
#include "model/lab.h"

struct store;
struct store_batch;
struct store_reader;

struct store_config {
    const char *dir;       /* state folder, exists, 0700; files: cail.db, cail.lock, cail.reserve */
    int64_t reserve_bytes; /* of the file given up when the disk is full; 0 = 16 MiB */
    void (*wake)(void *arg); /* from any thread */
    void *wake_arg;
};

/* Open: lock (E_CONFLICT "another cail-d (pid N) uses ..."), refuse a network file system, a file
 * that is not ours, is damaged (quick_check) or newer than this program (E_STORE_UNREADABLE; its
 * bytes stay as they are), migrate (copied to cail.db.pre-<n> first), start the threads. E_IO and
 * E_DISK_FULL: the folder cannot be written. A file above 32 MiB is checked by a thread of its own
 * after the open; damage found there fails the next batch, and store_load then says what it is. */
int store_open(struct store **ret, const struct store_config *config,
               struct cail_err *err) NODISCARD;
/* Finish what was handed over (its callbacks run in here), checkpoint, stop the threads, close,
 * unlock. Questions that wait are answered with E_UNAVAILABLE. NULL is fine. */
void store_close(struct store *s);

/* Start-up: every row the engine keeps in memory, in this order: queues, groups with a live job,
 * live jobs by id (with after[]), attempts of live jobs by id, open leases, cache entries,
 * idempotency keys younger than IDEMPOTENCY_KEEP_S, settings. Ownership of each noun goes to the
 * callback; strings are valid in the call alone. Only callbacks marked so may be NULL.
 * After STORE_FAILED it first closes every connection and opens the file again as at the start, so
 * what it hands out is durable; drop the batch that was being filled (store_batch_drop). If that
 * fails too, nothing can be stored any more: exit. Blocks; at the start 100,000 live jobs take
 * about 0.3 s, and finished ones take nothing. */
struct store_loader {
    void *arg;
    void (*queue)(void *arg, struct queue *q);
    void (*group)(void *arg, struct group *g); /* counts[] filled from all its jobs */
    void (*job)(void *arg, struct job *j);
    void (*attempt)(void *arg, struct attempt *a);
    /* Open leases, by attempt; NULL = not wanted. The strings are the store's. */
    void (*lease)(void *arg, int64_t attempt_id, const char *kind, const char *what,
                  int64_t since_us);
    void (*cache)(void *arg, struct cache_entry *c);
    void (*idem)(void *arg, const char *key, const char *body_sha256, const struct idem_made *made,
                 int64_t at_us);
    void (*setting)(void *arg, const char *key, const char *value);
    void (*pr)(void *arg, struct pr *p);       /* by id; NULL = not wanted */
    void (*topic)(void *arg, struct topic *t); /* by id; NULL = not wanted */
    /* Live comparisons by id, after all jobs, each with its measurements by seq (valid in the call
     * alone). NULL = not wanted. */
    void (*comparison)(void *arg, struct comparison *c, const struct measurement *m, size_t n);
    void (*bisection)(void *arg, struct bisection *b); /* live ones by id; NULL = not wanted */
};
/* Largest ids ever used: never reused. */
struct store_ids {
    int64_t job, attempt, group, result, comparison, annotation, bisection;
};
int store_load(struct store *s, int64_t now_us, const struct store_loader *loader,
               struct store_ids *ret_ids, struct cail_err *err) NODISCARD;

/* --- writing --- */

struct store_batch *store_batch_new(struct store *s);          /* from a free list */
void store_batch_drop(struct store *s, struct store_batch *b); /* one that is not committed */
bool store_batch_is_empty(const struct store_batch *b);
/* Each copies what it needs: the noun may change or go right after. Ids are the caller's, positive
 * and new when is_new; what a row refers to may come later in the same batch. A put with is_new
 * false writes the whole row but for what never changes: a job's group, index, kind, recipe,
 * uid, user and created_at_us; an attempt's job_id, number, step, token, boot_id, executor, dir and
 * created_at_us; a group's created_at_us. An attempt's `end` is kept in terminal states alone.
 * A batch that contradicts the file (a known id as new, a bad state, two open leases of one thing)
 * is a bug: the process stops, nothing of the batch is stored. */
void store_put_job(struct store_batch *b, const struct job *j, bool is_new);
/* All of after[]; once, when the job is new. */
void store_put_after(struct store_batch *b, const struct job *j);
void store_put_labels(struct store_batch *b, int64_t job_id, const char *const *keys,
                      const char *const *values, size_t n); /* replaces */
void store_put_attempt(struct store_batch *b, const struct attempt *a, bool is_new);
void store_put_group(struct store_batch *b, const struct group *g, bool is_new);
void store_put_queue(struct store_batch *b, const struct queue *q);
void store_put_lease(struct store_batch *b, int64_t attempt_id, const char *kind, const char *what,
                     int64_t since_us); /* kind "gpu", what = uuid */
void store_end_leases(struct store_batch *b, int64_t attempt_id, int64_t at_us);
void store_put_idem(struct store_batch *b, const char *key, const char *body_sha256,
                    const struct idem_made *made, int64_t at_us);
void store_drop_idem(struct store_batch *b, int64_t before_us);
void store_put_results(struct store_batch *b, const struct result *r, size_t n);
void store_put_artifacts(struct store_batch *b, const struct artifact *a, size_t n);
void store_put_cache(struct store_batch *b, const struct cache_entry *c);
void store_drop_cache(struct store_batch *b, const char *key);
/* The whole row, new or not; an address or a name that another id has is a contradiction. */
void store_put_pr(struct store_batch *b, const struct pr *p);
void store_put_topic(struct store_batch *b, const struct topic *t);
void store_put_setting(struct store_batch *b, const char *key, const char *value);

/* The whole row but for id, kind, name, recipe, spec, uid, user, pr and created_at_us, which never
 * change. */
void store_put_comparison(struct store_batch *b, const struct comparison *c);
/* New, or its state. */
void store_put_measurement(struct store_batch *b, const struct measurement *m);
/* What identical code did: effect = ln(head/base); alarm = it was judged to differ, and
 * such a row decides. */
void store_put_aa(struct store_batch *b, int64_t comparison_id, const char *benchmark,
                  const char *params, const char *metric, const char *fingerprint, double effect,
                  bool alarm, int64_t at_us);

enum store_outcome {
    STORE_COMMITTED,
    STORE_COMMITTED_DISK_FULL, /* committed, but by giving up the reserve, or after a wait for
                                  space: take no more work until store_retry_reserve says back */
    STORE_FAILED, /* the outcome is unknown: drop memory and load from the file again */
};
/* Takes the batch. At most one is under way: call when store_is_idle. done runs in store_poll (or
 * in store_close). With the disk full and the reserve gone there is no answer until there is space:
 * stats.waits_for_space says so, and config.wake is called when that begins. After STORE_FAILED
 * every batch fails at once until store_load. */
void store_commit(struct store *s, struct store_batch *b,
                  void (*done)(void *arg, enum store_outcome outcome, const struct cail_err *err),
                  void *arg);
bool store_is_idle(const struct store *s);
/* Run the callbacks of everything that finished. */
void store_poll(struct store *s);
/* Is there space again, and is the reserve file back? Tries to re-create it (on the writer, after a
 * batch under way; a batch that waits for space is tried at once). */
void store_retry_reserve(struct store *s, void (*done)(void *arg, bool back), void *arg);

/* --- reading (unbounded questions; deadline 5 s, row caps) --- */

/* Queue work for the reader thread; run there, then done in store_poll. false = queue full. The
 * deadline is one for all that `run` asks; past it a question ends with E_UNAVAILABLE. A failed
 * question leaves nothing to free. Damage met on the way is E_STORE_UNREADABLE. */
bool store_read(struct store *s, void (*run)(void *arg, struct store_reader *r),
                void (*done)(void *arg), void *arg);

/* The question under way may take so long, from now: what hangs on its answer is more than a reader
 * who asks again. On the reader thread. */
void store_reader_patience(struct store_reader *r, int64_t us);

struct job_filter {
    uint32_t states;                                    /* bit per enum job_state, 0 = all */
    int kind;                                           /* -1 = all */
    const char *recipe, *queue, *user, *pr, *name_like; /* NULL = all; name_like: substring */
    const char *label_key, *label_value;                /* value NULL = any */
    int64_t group;                                      /* 0 = all */
    int64_t since_us;                                   /* created at or after */
    int64_t before_id; /* keyset cursor: ids below; 0 = from the newest */
    int32_t limit;     /* 1..LIST_LIMIT_MAX; outside is a bug */
};
struct job_rows {
    struct job **job; /* newest first; owned */
    size_t n;
    bool more;
};
void job_rows_done(struct job_rows *rows);
int store_read_jobs(struct store_reader *r, const struct job_filter *f, struct job_rows *ret,
                    struct cail_err *err) NODISCARD;
/* What an attempt holds or held alone. */
struct lease_row {
    int64_t attempt_id;
    char kind[16];
    char *what;
    int64_t since_us, until_us; /* until_us 0 = still held */
};
/* One job with all its attempts, leases, results (at most max_results), artifacts; E_NOT_FOUND. */
struct job_record {
    struct job *job;
    struct attempt **attempt;
    size_t n_attempts;
    struct result *result;
    size_t n_results;
    struct artifact *artifact;
    size_t n_artifacts;
    struct lease_row *lease;
    size_t n_leases;
};
void job_record_done(struct job_record *rec);
int store_read_job(struct store_reader *r, int64_t id, size_t max_results, struct job_record *ret,
                   struct cail_err *err) NODISCARD;
/* A group with its jobs (by index) and counts; E_NOT_FOUND. */
struct group_record {
    struct group *group;
    struct job_rows jobs;
};
void group_record_done(struct group_record *rec);
int store_read_group(struct store_reader *r, int64_t id, struct group_record *ret,
                     struct cail_err *err) NODISCARD;
/* States of jobs by id (for `after` on jobs no longer in memory): -1 = no such job. */
int store_read_states(struct store_reader *r, const int64_t *ids, size_t n, int *ret_states,
                      struct cail_err *err) NODISCARD;
/* Attempts in terminal states whose folders are still there, oldest first (retention); not those of
 * jobs that a pull request links to. */
int store_read_old_attempts(struct store_reader *r, int64_t before_us, int32_t limit,
                            struct attempt ***ret, size_t *ret_n, struct cail_err *err) NODISCARD;

/* Comparisons, newest first; pr, recipe NULL = all. Owned. */
struct comparison_rows {
    struct comparison **comparison;
    size_t n;
    bool more;
};
void comparison_rows_done(struct comparison_rows *rows);
int store_read_comparisons(struct store_reader *r, int64_t before_id, int32_t limit, const char *pr,
                           const char *recipe, struct comparison_rows *ret,
                           struct cail_err *err) NODISCARD;
/* One with its measurements; E_NOT_FOUND. */
struct comparison_record {
    struct comparison *comparison;
    struct measurement *measurement;
    size_t n_measurements;
};
void comparison_record_done(struct comparison_record *rec);
int store_read_comparison(struct store_reader *r, int64_t id, struct comparison_record *ret,
                          struct cail_err *err) NODISCARD;
/* Every A/A effect (at most `limit`), by machine and series. The strings are valid in the call
 * alone. */
struct aa_row {
    const char *fingerprint, *benchmark, *params, *metric;
    double effect; /* ln(head/base) */
    bool alarm;
    int64_t comparison_id, at_us;
};
int store_read_noise(struct store_reader *r, int32_t limit,
                     void (*fn)(void *arg, const struct aa_row *row), void *arg,
                     struct cail_err *err) NODISCARD;
/* A/A effects of one machine that were known at `until_us`, by series. The strings are valid in the
 * call alone. */
int store_read_aa(struct store_reader *r, const char *fingerprint, int64_t until_us,
                  void (*fn)(void *arg, const char *benchmark, const char *params,
                             const char *metric, double effect, bool alarm, int64_t comparison_id),
                  void *arg, struct cail_err *err) NODISCARD;

struct store_stats {
    uint64_t batches, ops, failed, last_commit_us, max_commit_us, wal_bytes, checkpoints;
    bool waits_for_space; /* a batch is held up by a full disk */
    bool no_reserve;      /* there was no space for the reserve file, or it was given up */
};
void store_stats(struct store *s, struct store_stats *ret);
/* Version of SQLite as it is at run time; static. */
const char *store_library_version(void);

#endif
