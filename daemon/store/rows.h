/* Row <-> noun, one place for both directions: a column is one line in a list below, and that line
 * makes its part of the SQL (stmts.def), its bind and its read. Room-private.
 *
 * X(column, type, member): types are those of enum field_type; W(column, member, words, count) is
 * an enum kept as its word. FIXED columns are written once, at the insert; MOVING ones by every
 * put. The first MOVING column is its own list because SQL wants commas between, not after. */
#ifndef STORE_ROWS_H
#define STORE_ROWS_H

#include <sqlite3.h>

#include "base/err.h"
#include "model/job.h"
#include "model/lab.h"

#define JOB_FIXED(X, W)                                                                            \
    X(group_id, I64_0, group)                                                                      \
    X(group_index, I32, index)                                                                     \
    W(kind, kind, job_kind_words, KIND_COUNT)                                                      \
    X(recipe, TEXT_NULL, recipe)                                                                   \
    X(created_at_us, I64, created_at_us)                                                           \
    X(uid, U32, uid)                                                                               \
    X(user, TEXT, user)
#define JOB_MOVING_FIRST(X, W) W(state, state, job_state_words, JOB_STATE_COUNT)
#define JOB_MOVING(X, W)                                                                           \
    X(name, TEXT, name)                                                                            \
    X(queue, TEXT, queue)                                                                          \
    X(priority, I32, priority)                                                                     \
    X(spec, TEXT, spec)                                                                            \
    X(cpus, I32, needs.cpus)                                                                       \
    X(gpus, I32, needs.gpus)                                                                       \
    X(ports, I32, needs.ports)                                                                     \
    X(memory_mib, I64, needs.memory_mib)                                                           \
    X(gpu_memory_mib, I64, needs.gpu_memory_mib)                                                   \
    X(gpu_model, TEXT_NULL, needs.gpu_model)                                                       \
    W(exclusive, needs.exclusive, exclusive_words, EXCLUSIVE_COUNT)                                \
    X(share, BOOL, needs.share)                                                                    \
    X(timeout_s, I64, timeout_s)                                                                   \
    X(max_wait_s, I64, max_wait_s)                                                                 \
    X(queued_at_us, I64, queued_at_us)                                                             \
    X(not_before_us, I64, not_before_us)                                                           \
    X(started_at_us, I64_0, started_at_us)                                                         \
    X(finished_at_us, I64_0, finished_at_us)                                                       \
    X(step, I32, step)                                                                             \
    X(n_steps, I32, n_steps)                                                                       \
    X(attempts_used, I32, attempts_used)                                                           \
    X(tries_used, I32, tries_used)                                                                 \
    X(max_tries, I32, max_tries)                                                                   \
    X(retry_on, U32, retry_on)                                                                     \
    X(backoff_s, I32, backoff_s)                                                                   \
    X(blocked_by, I64, blocked_by)                                                                 \
    X(pr, TEXT_NULL, pr)                                                                           \
    X(reason, TEXT_NULL, reason)                                                                   \
    X(exit_code, I32_M1, exit_code)                                                                \
    X(signal, I32_0, signal)                                                                       \
    X(cached, BOOL, cached)                                                                        \
    X(ready, BOOL, ready)                                                                          \
    X(cancel, BOOL, cancel_requested)                                                              \
    X(cancel_grace_ms, I64, cancel_grace_ms)                                                       \
    X(flags, U32, flags)

#define ATTEMPT_FIXED(X, W)                                                                        \
    X(job_id, I64, job_id)                                                                         \
    X(number, I32, number)                                                                         \
    X(step, I32, step)                                                                             \
    X(token, CHARS, token)                                                                         \
    X(boot_id, CHARS, boot_id)                                                                     \
    X(executor, TEXT, executor)                                                                    \
    X(dir, TEXT, dir)                                                                              \
    X(created_at_us, I64, created_at_us)
#define ATTEMPT_MOVING_FIRST(X, W) W(state, state, attempt_state_words, ATTEMPT_STATE_COUNT)
#define ATTEMPT_MOVING(X, W)                                                                       \
    X(started_at_us, I64_0, started_at_us)                                                         \
    X(ended_at_us, I64_0, ended_at_us)                                                             \
    X(granted_cpus, I32, granted_cpus)                                                             \
    X(cpu_list, TEXT_NULL, cpu_list)                                                               \
    X(provenance, TEXT_NULL, provenance)                                                           \
    X(files_gone, BOOL, files_gone)
/* NULL, all of them, until the attempt has ended. */
#define ATTEMPT_END(X, W)                                                                          \
    W(cause, end.cause, end_cause_words, END_CAUSE_COUNT)                                          \
    X(exit_code, I32_M1, end.exit_code)                                                            \
    X(signal, I32_0, end.signal)                                                                   \
    X(exec_errno, I32_0, end.exec_errno)                                                           \
    X(wall_us, I64, end.wall_us)                                                                   \
    X(user_us, I64, end.user_us)                                                                   \
    X(system_us, I64, end.system_us)                                                               \
    X(max_rss_bytes, I64_M1, end.max_rss_bytes)                                                    \
    X(instructions, I64_M1, end.instructions)                                                      \
    X(cycles, I64_M1, end.cycles)                                                                  \
    X(branch_misses, I64_M1, end.branch_misses)                                                    \
    X(log_bytes, I64, end.log_bytes)                                                               \
    X(hole_from, I64, end.hole_from)                                                               \
    X(hole_to, I64, end.hole_to)                                                                   \
    X(killed, I32, end.killed)                                                                     \
    X(unkillable, TEXT_NULL, end.unkillable)

#define GROUP_FIXED(X, W)        X(created_at_us, I64, created_at_us)
#define GROUP_MOVING_FIRST(X, W) X(name, TEXT, name)
#define GROUP_MOVING(X, W)                                                                         \
    X(size, I32, size)                                                                             \
    X(max_parallel, I32, max_parallel)                                                             \
    X(fail_fast, BOOL, fail_fast)

/* samples follow in a BLOB of their own (row_put_result). */
#define RESULT_FIELDS(X, W)                                                                        \
    X(job_id, I64, job_id)                                                                         \
    X(attempt_id, I64, attempt_id)                                                                 \
    X(benchmark, TEXT, benchmark)                                                                  \
    X(params, TEXT, params)                                                                        \
    X(metric, TEXT, metric)                                                                        \
    X(unit, TEXT, unit)                                                                            \
    W(better, better, better_words, BETTER_COUNT)                                                  \
    W(metric_kind, kind, metric_kind_words, METRIC_KIND_COUNT)                                     \
    W(status, status, result_status_words, RESULT_STATUS_COUNT)                                    \
    X(value, REAL, value)

#define ARTIFACT_FIRST(X, W) X(job_id, I64, job_id)
#define ARTIFACT_FIELDS(X, W)                                                                      \
    X(attempt_id, I64, attempt_id)                                                                 \
    X(name, TEXT, name)                                                                            \
    X(bytes, I64, bytes)                                                                           \
    X(sha256, CHARS, sha256)                                                                       \
    X(diff, BOOL, diff)

#define CACHE_FIRST(X, W) X(key, TEXT, key)
#define CACHE_FIELDS(X, W)                                                                         \
    X(recipe, TEXT, recipe)                                                                        \
    X(params, TEXT, params)                                                                        \
    X(sha, TEXT_NULL, sha)                                                                         \
    X(path, TEXT, path)                                                                            \
    X(bytes, I64, bytes)                                                                           \
    W(state, state, cache_state_words, CACHE_STATE_COUNT)                                          \
    X(created_at_us, I64, created_at_us)                                                           \
    X(last_used_at_us, I64, last_used_at_us)                                                       \
    X(uses, I64, uses)                                                                             \
    X(job_id, I64, job_id)

#define QUEUE_FIRST(X, W) X(name, TEXT, name)
#define QUEUE_FIELDS(X, W)                                                                         \
    X(limit_, I32, limit)                                                                          \
    X(paused, BOOL, paused)

#define PR_FIRST(X, W) X(id, I64, id)
#define PR_FIELDS(X, W)                                                                            \
    X(url, TEXT, url)                                                                              \
    X(brief, TEXT, brief)                                                                          \
    X(upstream, TEXT, upstream)                                                                    \
    X(number, I64, number)                                                                         \
    X(title, TEXT_NULL, title)                                                                     \
    W(state, state, pr_state_words, PR_STATE_COUNT)                                                \
    X(author, TEXT_NULL, author)                                                                   \
    X(head_sha, TEXT_NULL, head_sha)                                                               \
    X(base_sha, TEXT_NULL, base_sha)                                                               \
    X(base_ref, TEXT_NULL, base_ref)                                                               \
    X(note, TEXT_NULL, note)                                                                       \
    X(fetched_at_us, I64_0, fetched_at_us)                                                         \
    X(created_at_us, I64, created_at_us)                                                           \
    X(updated_at_us, I64, updated_at_us)

#define TOPIC_FIRST(X, W) X(id, I64, id)
#define TOPIC_FIELDS(X, W)                                                                         \
    X(upstream, TEXT, upstream)                                                                    \
    X(name, TEXT, name)                                                                            \
    X(branch, TEXT, branch)                                                                        \
    X(worktree, TEXT, worktree)                                                                    \
    X(fork, TEXT_NULL, fork)                                                                       \
    X(base_branch, TEXT_NULL, base_branch)                                                         \
    X(base_sha, TEXT_NULL, base_sha)                                                               \
    X(head_sha, TEXT_NULL, head_sha)                                                               \
    X(ahead, I32_M1, ahead)                                                                        \
    X(behind, I32_M1, behind)                                                                      \
    X(check_job, I64_0, check_job)                                                                 \
    X(check_sha, TEXT_NULL, check_sha)                                                             \
    X(pr, TEXT_NULL, pr)                                                                           \
    X(closed, BOOL, closed)                                                                        \
    X(created_at_us, I64, created_at_us)                                                           \
    X(updated_at_us, I64, updated_at_us)

/* Text makers for the lists above. */
#define ROW_NAME0(column, ...) #column
#define ROW_NAME(column, ...)  ", " #column
#define ROW_MARK(column, ...)  ", ?"
#define ROW_SET0(column, ...)  #column " = ?"
#define ROW_SET(column, ...)   ", " #column " = ?"
#define ROW_KEEP(column, ...)  ", " #column " = excluded." #column
#define ROW_LIST(list, maker)  list(maker, maker)

#define JOB_COLUMNS                                                                                \
    "id" ROW_LIST(JOB_FIXED, ROW_NAME) ROW_LIST(JOB_MOVING_FIRST, ROW_NAME)                        \
        ROW_LIST(JOB_MOVING, ROW_NAME)
#define ATTEMPT_COLUMNS                                                                            \
    "id" ROW_LIST(ATTEMPT_FIXED, ROW_NAME) ROW_LIST(ATTEMPT_MOVING_FIRST, ROW_NAME)                \
        ROW_LIST(ATTEMPT_MOVING, ROW_NAME) ROW_LIST(ATTEMPT_END, ROW_NAME)
#define GROUP_COLUMNS                                                                              \
    "id" ROW_LIST(GROUP_FIXED, ROW_NAME) ROW_LIST(GROUP_MOVING_FIRST, ROW_NAME)                    \
        ROW_LIST(GROUP_MOVING, ROW_NAME)
#define RESULT_COLUMNS   "id" ROW_LIST(RESULT_FIELDS, ROW_NAME) ", samples"
#define ARTIFACT_COLUMNS ROW_LIST(ARTIFACT_FIRST, ROW_NAME0) ROW_LIST(ARTIFACT_FIELDS, ROW_NAME)
#define CACHE_COLUMNS    ROW_LIST(CACHE_FIRST, ROW_NAME0) ROW_LIST(CACHE_FIELDS, ROW_NAME)
#define QUEUE_COLUMNS    ROW_LIST(QUEUE_FIRST, ROW_NAME0) ROW_LIST(QUEUE_FIELDS, ROW_NAME)
#define PR_COLUMNS       ROW_LIST(PR_FIRST, ROW_NAME0) ROW_LIST(PR_FIELDS, ROW_NAME)
#define TOPIC_COLUMNS    ROW_LIST(TOPIC_FIRST, ROW_NAME0) ROW_LIST(TOPIC_FIELDS, ROW_NAME)

struct store_batch;

/* Binds of an insert, in the order of *_COLUMNS. */
void row_put_job(struct store_batch *b, const struct job *j);
void row_put_attempt(struct store_batch *b, const struct attempt *a);
void row_put_group(struct store_batch *b, const struct group *g);
void row_put_result(struct store_batch *b, const struct result *r);
void row_put_artifact(struct store_batch *b, const struct artifact *a);
void row_put_cache(struct store_batch *b, const struct cache_entry *c);
void row_put_queue(struct store_batch *b, const struct queue *q);
void row_put_pr(struct store_batch *b, const struct pr *p);
void row_put_topic(struct store_batch *b, const struct topic *t);
/* Binds of an update: the MOVING columns, then the id. */
void row_move_job(struct store_batch *b, const struct job *j);
void row_move_attempt(struct store_batch *b, const struct attempt *a);
void row_move_group(struct store_batch *b, const struct group *g);

/* Read the current row of a SELECT of exactly *_COLUMNS. A cell that no insert of ours can have
 * written (the file was edited or is damaged) gives E_STORE_UNREADABLE and no noun. */
int row_get_job(sqlite3_stmt *st, struct job **ret, struct cail_err *err) NODISCARD;
int row_get_attempt(sqlite3_stmt *st, struct attempt **ret, struct cail_err *err) NODISCARD;
int row_get_group(sqlite3_stmt *st, struct group **ret, struct cail_err *err) NODISCARD;
int row_get_result(sqlite3_stmt *st, struct result *ret, struct cail_err *err) NODISCARD;
int row_get_artifact(sqlite3_stmt *st, struct artifact *ret, struct cail_err *err) NODISCARD;
int row_get_cache(sqlite3_stmt *st, struct cache_entry **ret, struct cail_err *err) NODISCARD;
int row_get_queue(sqlite3_stmt *st, struct queue **ret, struct cail_err *err) NODISCARD;
int row_get_pr(sqlite3_stmt *st, struct pr **ret, struct cail_err *err) NODISCARD;
int row_get_topic(sqlite3_stmt *st, struct topic **ret, struct cail_err *err) NODISCARD;

/* A word column that stands alone (a state in a count, `when_`). */
int row_get_word(sqlite3_stmt *st, int column, const char *const *words, int n, int *ret,
                 struct cail_err *err) NODISCARD;
/* A text column, "" when it is NULL; valid until the next step. */
const char *row_text(sqlite3_stmt *st, int column);
/* NULL where it is NULL; the caller's. */
char *row_text_or_null(sqlite3_stmt *st, int column);
int64_t row_int_or(sqlite3_stmt *st, int column, int64_t null);

#endif
