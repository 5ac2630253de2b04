/* The reader thread and the questions it answers. */
#include "store/internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/conn.h"

/* --- the connection --- */

static int past_deadline(void *arg)
{
    struct store_reader *r = arg;
    if (!r->deadline_mono_us)
        return 0;
    return atomic_load(&r->s->stopping) || clock_mono_us() > r->deadline_mono_us;
}

int reader_open(struct store_reader *r, struct store *s, struct cail_err *err)
{
    r->s = s;
    int code = conn_open(&r->db, s->db_path, s->vfs, CONN_READ, err);
    if (code == 0)
        sqlite3_progress_handler(r->db, 1000, past_deadline, r);
    return code;
}

void reader_close(struct store_reader *r)
{
    for (size_t i = 0; i < READ_STMT_COUNT; i++) {
        sqlite3_finalize(r->stmt[i]);
        r->stmt[i] = NULL;
    }
    conn_close(r->db);
    r->db = NULL;
}

void store_reader_patience(struct store_reader *r, int64_t us)
{
    r->deadline_mono_us = clock_mono_us() + us;
}

void *reader_main(void *arg)
{
    struct store *s = arg;
    for (;;) {
        pthread_mutex_lock(&s->mutex);
        while (!s->reader_in.head && !atomic_load(&s->stopping))
            pthread_cond_wait(&s->reader_cond, &s->mutex);
        struct task *t = task_pop(&s->reader_in);
        pthread_mutex_unlock(&s->mutex);
        if (!t)
            return NULL;
        pthread_mutex_lock(&s->reader_mutex);
        if (!s->reader.db)
            (void)!reader_open(&s->reader, s, &s->reader.open_err);
        s->reader.deadline_mono_us = clock_mono_us() + CONN_READ_DEADLINE_US;
        t->run(s, t);
        pthread_mutex_unlock(&s->reader_mutex);
        store_task_ran(s, t);
    }
}

int reader_stmt(struct store_reader *r, enum read_stmt which, sqlite3_stmt **ret,
                struct cail_err *err)
{
#define X(sym, sql) [sym] = sql,
    static const char *const text[] = {STORE_READS(X)};
#undef X
    if (!r->db) {
        *err = r->open_err;
        return (int)err->code;
    }
    if (!r->stmt[which]) {
        int code = conn_prepare(r->db, text[which], &r->stmt[which], err);
        if (code)
            return code;
    }
    *ret = r->stmt[which];
    return 0;
}

int reader_step(struct store_reader *r, sqlite3_stmt *st, bool *ret_row, struct cail_err *err)
{
    int rc = sqlite3_step(st);
    *ret_row = rc == SQLITE_ROW;
    if (rc == SQLITE_ROW || rc == SQLITE_DONE)
        return 0;
    if (rc != SQLITE_INTERRUPT)
        return conn_error(r->db, rc, "cannot read the store", err);
    err_set(err, E_UNAVAILABLE, "the answer took longer than %d s to find and was given up",
            (int)(CONN_READ_DEADLINE_US / 1000000));
    err_hint(err, "narrow the question: since, state, recipe");
    return E_UNAVAILABLE;
}

void reader_resetp(sqlite3_stmt **st)
{
    if (*st)
        (void)sqlite3_reset(*st);
}

static int run_plain(struct store_reader *r, enum read_stmt which, struct cail_err *err)
{
    CLEANUP(reader_resetp) sqlite3_stmt *st = NULL;
    bool is_row;
    int code = reader_stmt(r, which, &st, err);
    return code ? code : reader_step(r, st, &is_row, err);
}

int reader_begin(struct store_reader *r, struct cail_err *err)
{
    return run_plain(r, R_BEGIN, err);
}

void reader_end(struct store_reader *r)
{
    struct cail_err ignored; /* ending a read cannot lose anything; the next BEGIN would tell */
    int64_t deadline = r->deadline_mono_us;
    r->deadline_mono_us = 0; /* past the deadline too the snapshot must be let go */
    if (r->db && !sqlite3_get_autocommit(r->db))
        (void)!run_plain(r, R_END, &ignored);
    r->deadline_mono_us = deadline;
}

/* --- results --- */

void job_rows_done(struct job_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++)
        job_free(rows->job[i]);
    free(rows->job);
    *rows = (struct job_rows){0};
}

void job_record_done(struct job_record *rec)
{
    job_free(rec->job);
    for (size_t i = 0; i < rec->n_attempts; i++)
        attempt_free(rec->attempt[i]);
    for (size_t i = 0; i < rec->n_results; i++)
        result_done(&rec->result[i]);
    for (size_t i = 0; i < rec->n_artifacts; i++)
        artifact_done(&rec->artifact[i]);
    for (size_t i = 0; i < rec->n_leases; i++)
        free(rec->lease[i].what);
    free(rec->attempt);
    free(rec->result);
    free(rec->artifact);
    free(rec->lease);
    *rec = (struct job_record){0};
}

void group_record_done(struct group_record *rec)
{
    group_free(rec->group);
    job_rows_done(&rec->jobs);
    rec->group = NULL;
}

/* Room for one more in an array that doubles; n is a count, zero or a power of two grows. */
static void *grow(void *p, size_t n, size_t size)
{
    return n && (n & (n - 1)) ? p : mem_grow(p, n ? 2 * n : 1, size);
}

void job_add_after(struct job *j, int64_t on_job, enum after_when when)
{
    j->after = grow(j->after, (size_t)j->n_after, sizeof *j->after);
    j->after[j->n_after++] = (struct after){.job = on_job, .when = when};
}

static int read_after(struct store_reader *r, struct job *j, struct cail_err *err)
{
    CLEANUP(reader_resetp) sqlite3_stmt *st = NULL;
    bool is_row;
    int code = reader_stmt(r, R_AFTER, &st, err);
    if (code)
        return code;
    sqlite3_bind_int64(st, 1, j->id);
    while ((code = reader_step(r, st, &is_row, err)) == 0 && is_row) {
        int when;
        if ((code = row_get_word(st, 1, after_when_words, AFTER_WHEN_COUNT, &when, err)))
            return code;
        job_add_after(j, sqlite3_column_int64(st, 0), (enum after_when)when);
    }
    return code;
}

/* Rows of JOB_COLUMNS into rows, at most `limit`; one more sets rows->more. */
static int collect_jobs(struct store_reader *r, sqlite3_stmt *st, size_t limit,
                        struct job_rows *rows, struct cail_err *err)
{
    bool is_row;
    int code;
    while ((code = reader_step(r, st, &is_row, err)) == 0 && is_row) {
        if (rows->n == limit) {
            rows->more = true;
            return 0;
        }
        struct job *j;
        if ((code = row_get_job(st, &j, err)))
            return code;
        rows->job = grow(rows->job, rows->n, sizeof(struct job *));
        rows->job[rows->n++] = j;
        if ((code = read_after(r, j, err)))
            return code;
    }
    return code;
}

/* --- the job list --- */

static void add_states(struct str *sql, uint32_t states)
{
    static const uint32_t live = 1u << JOB_HELD | 1u << JOB_QUEUED | 1u << JOB_RUNNING;
    const char *sep = " AND state IN (";
    if (!states)
        return;
    for (int i = 0; i < JOB_STATE_COUNT; i++) {
        if (!(states >> i & 1))
            continue;
        str_addf(sql, "%s'%s'", sep, job_state_words[i]);
        sep = ", ";
    }
    str_adds(sql, ")");
    if (!(states & ~live))
        str_adds(sql, " AND " STORE_LIVE);
}

static void list_sql(const struct job_filter *f, struct str *sql)
{
    str_adds(sql, STORE_LIST_BASE);
    add_states(sql, f->states & ((1u << JOB_STATE_COUNT) - 1));
    if (f->kind >= 0)
        str_adds(sql, STORE_LIST_KIND);
#define X(member, text)                                                                            \
    if (f->member)                                                                                 \
        str_adds(sql, text);
    STORE_LIST_TEXT_FILTERS(X)
    STORE_LIST_INT_FILTERS(X)
#undef X
    if (f->label_key)
        str_adds(sql, f->label_value ? STORE_LIST_LABEL : STORE_LIST_LABEL_KEY);
    str_adds(sql, STORE_LIST_END);
}

static void list_bind(sqlite3_stmt *st, const struct job_filter *f, int32_t limit)
{
    int n = 0;
    sqlite3_bind_int64(st, ++n, f->before_id > 0 ? f->before_id : INT64_MAX);
    if (f->kind >= 0)
        sqlite3_bind_text(st, ++n, job_kind_words[f->kind], -1, SQLITE_STATIC);
#define X(member, text)                                                                            \
    if (f->member)                                                                                 \
        sqlite3_bind_text(st, ++n, f->member, -1, SQLITE_STATIC);
    STORE_LIST_TEXT_FILTERS(X)
#undef X
#define X(member, text)                                                                            \
    if (f->member)                                                                                 \
        sqlite3_bind_int64(st, ++n, f->member);
    STORE_LIST_INT_FILTERS(X)
#undef X
    if (f->label_key)
        sqlite3_bind_text(st, ++n, f->label_key, -1, SQLITE_STATIC);
    if (f->label_key && f->label_value)
        sqlite3_bind_text(st, ++n, f->label_value, -1, SQLITE_STATIC);
    sqlite3_bind_int64(st, ++n, limit + 1);
    BUG_ON(n != sqlite3_bind_parameter_count(st));
}

int store_read_jobs(struct store_reader *r, const struct job_filter *f, struct job_rows *ret,
                    struct cail_err *err)
{
    BUG_ON(f->kind >= KIND_COUNT || f->limit < 1 || f->limit > LIST_LIMIT_MAX);
    CLEANUP(str_done) struct str sql = STR_INIT;
    sqlite3_stmt *st;
    *ret = (struct job_rows){0};
    int code = reader_begin(r, err);
    if (code)
        return code;
    list_sql(f, &sql);
    if ((code = conn_prepare(r->db, sql.p, &st, err)) == 0) {
        list_bind(st, f, f->limit);
        code = collect_jobs(r, st, (size_t)f->limit, ret, err);
        sqlite3_finalize(st);
    }
    reader_end(r);
    if (code)
        job_rows_done(ret);
    return code;
}

/* --- one job --- */

/* The statement with the job's id bound first. */
static int by_id(struct store_reader *r, enum read_stmt which, int64_t id, sqlite3_stmt **ret,
                 struct cail_err *err)
{
    int code = reader_stmt(r, which, ret, err);
    if (code == 0)
        sqlite3_bind_int64(*ret, 1, id);
    return code;
}

int reader_the(struct store_reader *r, enum read_stmt which, const char *what, int64_t id,
               sqlite3_stmt **ret, struct cail_err *err)
{
    bool is_row;
    int code = by_id(r, which, id, ret, err);
    if (code || (code = reader_step(r, *ret, &is_row, err)))
        return code;
    return is_row ? 0 : err_set(err, E_NOT_FOUND, "there is no %s %lld", what, (long long)id);
}

static int read_the_job(struct store_reader *r, int64_t id, struct job **ret, struct cail_err *err)
{
    CLEANUP(reader_resetp) sqlite3_stmt *st = NULL;
    int code = reader_the(r, R_JOB, "job", id, &st, err);
    if (code || (code = row_get_job(st, ret, err)))
        return code;
    return read_after(r, *ret, err);
}

static int collect_attempts(struct store_reader *r, sqlite3_stmt *st, struct attempt ***list,
                            size_t *n, struct cail_err *err)
{
    bool is_row;
    int code;
    while ((code = reader_step(r, st, &is_row, err)) == 0 && is_row) {
        struct attempt *a;
        if ((code = row_get_attempt(st, &a, err)))
            return code;
        *list = grow(*list, *n, sizeof(struct attempt *));
        (*list)[(*n)++] = a;
    }
    return code;
}

static int read_attempts(struct store_reader *r, int64_t id, struct job_record *rec,
                         struct cail_err *err)
{
    CLEANUP(reader_resetp) sqlite3_stmt *st = NULL;
    int code = by_id(r, R_ATTEMPTS, id, &st, err);
    return code ? code : collect_attempts(r, st, &rec->attempt, &rec->n_attempts, err);
}

static int read_results(struct store_reader *r, int64_t id, size_t max, struct job_record *rec,
                        struct cail_err *err)
{
    CLEANUP(reader_resetp) sqlite3_stmt *st = NULL;
    bool is_row;
    int code = by_id(r, R_RESULTS, id, &st, err);
    if (code)
        return code;
    sqlite3_bind_int64(st, 2, (int64_t)max);
    while ((code = reader_step(r, st, &is_row, err)) == 0 && is_row) {
        rec->result = grow(rec->result, rec->n_results, sizeof *rec->result);
        if ((code = row_get_result(st, &rec->result[rec->n_results], err)))
            return code;
        rec->n_results++;
    }
    return code;
}

static int read_artifacts(struct store_reader *r, int64_t id, struct job_record *rec,
                          struct cail_err *err)
{
    CLEANUP(reader_resetp) sqlite3_stmt *st = NULL;
    bool is_row;
    int code = by_id(r, R_ARTIFACTS, id, &st, err);
    if (code)
        return code;
    while ((code = reader_step(r, st, &is_row, err)) == 0 && is_row) {
        rec->artifact = grow(rec->artifact, rec->n_artifacts, sizeof *rec->artifact);
        if ((code = row_get_artifact(st, &rec->artifact[rec->n_artifacts], err)))
            return code;
        rec->n_artifacts++;
    }
    return code;
}

static int read_leases(struct store_reader *r, int64_t id, struct job_record *rec,
                       struct cail_err *err)
{
    CLEANUP(reader_resetp) sqlite3_stmt *st = NULL;
    bool is_row;
    int code = by_id(r, R_LEASES, id, &st, err);
    if (code)
        return code;
    while ((code = reader_step(r, st, &is_row, err)) == 0 && is_row) {
        rec->lease = grow(rec->lease, rec->n_leases, sizeof *rec->lease);
        struct lease_row *l = &rec->lease[rec->n_leases++];
        *l = (struct lease_row){.attempt_id = sqlite3_column_int64(st, 0),
                                .what = mem_strdup(row_text(st, 2)),
                                .since_us = sqlite3_column_int64(st, 3),
                                .until_us = sqlite3_column_int64(st, 4)};
        strncpy(l->kind, row_text(st, 1), sizeof l->kind - 1);
    }
    return code;
}

int store_read_job(struct store_reader *r, int64_t id, size_t max_results, struct job_record *ret,
                   struct cail_err *err)
{
    *ret = (struct job_record){0};
    int code = reader_begin(r, err);
    if (code)
        return code;
    if ((code = read_the_job(r, id, &ret->job, err)) == 0 &&
        (code = read_attempts(r, id, ret, err)) == 0 &&
        (code = read_results(r, id, max_results, ret, err)) == 0 &&
        (code = read_artifacts(r, id, ret, err)) == 0)
        code = read_leases(r, id, ret, err);
    reader_end(r);
    if (code)
        job_record_done(ret);
    return code;
}

/* --- groups, states, retention --- */

int reader_group_counts(struct store_reader *r, struct group *g, struct cail_err *err)
{
    CLEANUP(reader_resetp) sqlite3_stmt *st = NULL;
    bool is_row;
    int state, code = by_id(r, R_GROUP_COUNTS, g->id, &st, err);
    if (code)
        return code;
    while ((code = reader_step(r, st, &is_row, err)) == 0 && is_row) {
        if ((code = row_get_word(st, 0, job_state_words, JOB_STATE_COUNT, &state, err)))
            return code;
        g->counts[state] = sqlite3_column_int(st, 1);
    }
    return code;
}

static int read_the_group(struct store_reader *r, int64_t id, struct group **ret,
                          struct cail_err *err)
{
    CLEANUP(reader_resetp) sqlite3_stmt *st = NULL;
    int code = reader_the(r, R_GROUP, "group", id, &st, err);
    if (code || (code = row_get_group(st, ret, err)))
        return code;
    return reader_group_counts(r, *ret, err);
}

static int read_group_jobs(struct store_reader *r, int64_t id, struct job_rows *rows,
                           struct cail_err *err)
{
    CLEANUP(reader_resetp) sqlite3_stmt *st = NULL;
    int code = by_id(r, R_GROUP_JOBS, id, &st, err);
    return code ? code : collect_jobs(r, st, SIZE_MAX, rows, err);
}

int store_read_group(struct store_reader *r, int64_t id, struct group_record *ret,
                     struct cail_err *err)
{
    *ret = (struct group_record){0};
    int code = reader_begin(r, err);
    if (code)
        return code;
    if ((code = read_the_group(r, id, &ret->group, err)) == 0)
        code = read_group_jobs(r, id, &ret->jobs, err);
    reader_end(r);
    if (code)
        group_record_done(ret);
    return code;
}

static int read_state(struct store_reader *r, int64_t id, int *ret, struct cail_err *err)
{
    CLEANUP(reader_resetp) sqlite3_stmt *st = NULL;
    bool is_row;
    int code = by_id(r, R_STATE, id, &st, err);
    if (code || (code = reader_step(r, st, &is_row, err)))
        return code;
    *ret = -1;
    return is_row ? row_get_word(st, 0, job_state_words, JOB_STATE_COUNT, ret, err) : 0;
}

int store_read_states(struct store_reader *r, const int64_t *ids, size_t n, int *ret_states,
                      struct cail_err *err)
{
    int code = reader_begin(r, err);
    for (size_t i = 0; code == 0 && i < n; i++)
        code = read_state(r, ids[i], &ret_states[i], err);
    reader_end(r);
    return code;
}

int store_read_old_attempts(struct store_reader *r, int64_t before_us, int32_t limit,
                            struct attempt ***ret, size_t *ret_n, struct cail_err *err)
{
    CLEANUP(reader_resetp) sqlite3_stmt *st = NULL;
    struct attempt **list = NULL;
    size_t n = 0;
    int code = by_id(r, R_OLD_ATTEMPTS, before_us, &st, err);
    if (code)
        return code;
    sqlite3_bind_int64(st, 2, limit);
    code = collect_attempts(r, st, &list, &n, err);
    if (code) {
        for (size_t i = 0; i < n; i++)
            attempt_free(list[i]);
        free(list);
        return code;
    }
    *ret = list;
    *ret_n = n;
    return 0;
}
