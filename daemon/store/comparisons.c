/* Comparisons, their measurements, and what identical code did: both directions. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/conn.h"
#include "store/internal.h"

/* --- noun -> batch --- */

void store_put_comparison(struct store_batch *b, const struct comparison *c)
{
    batch_op(b, W_COMPARISON);
    batch_int(b, c->id);
    batch_text_or_null(b, comparison_state_words[c->state]);
    batch_text_or_null(b, comparison_kind_words[c->kind]);
    batch_text_or_null(b, c->name);
    batch_text_or_null(b, c->recipe);
    batch_text_or_null(b, c->spec);
    batch_text_or_null(b, c->plan);
    batch_int_or_null(b, c->base_job, 0);
    batch_int_or_null(b, c->head_job, 0);
    batch_int_or_null(b, c->measure_job, 0);
    batch_int(b, c->uid);
    batch_text_or_null(b, c->user);
    batch_text_or_null(b, c->pr);
    batch_int(b, c->created_at_us);
    batch_int_or_null(b, c->finished_at_us, 0);
    batch_text_or_null(b, c->verdict < 0 ? NULL : verdict_words[c->verdict]);
    batch_int_or_null(b, c->exit_code, -1);
    batch_text_or_null(b, c->reason);
    batch_text_or_null(b, c->judged);
}

void store_put_measurement(struct store_batch *b, const struct measurement *m)
{
    batch_op(b, W_MEASUREMENT);
    batch_int(b, m->comparison_id);
    batch_int(b, m->seq);
    batch_int(b, m->batch);
    batch_int(b, m->round);
    batch_text_or_null(b, side_words[m->side]);
    batch_int(b, m->attempt_id);
    batch_text_or_null(b, measurement_state_words[m->state]);
    batch_int(b, m->lease);
}

void store_put_aa(struct store_batch *b, int64_t comparison_id, const char *benchmark,
                  const char *params, const char *metric, const char *fingerprint, double effect,
                  bool alarm, int64_t at_us)
{
    batch_op(b, W_AA);
    batch_int(b, comparison_id);
    batch_text_or_null(b, benchmark);
    batch_text_or_null(b, params);
    batch_text_or_null(b, metric);
    batch_text_or_null(b, fingerprint);
    batch_real(b, effect);
    batch_int(b, alarm);
    batch_int(b, at_us);
}

/* --- row -> noun --- */

/* The current row of a SELECT of COMPARISON_COLUMNS. */
static int get_comparison(sqlite3_stmt *st, struct comparison **ret, struct cail_err *err)
{
    int state, kind, verdict = -1;
    int code = row_get_word(st, 1, comparison_state_words, COMPARISON_STATE_COUNT, &state, err);
    if (!code)
        code = row_get_word(st, 2, comparison_kind_words, COMPARISON_KIND_COUNT, &kind, err);
    if (!code && sqlite3_column_type(st, 15) != SQLITE_NULL)
        code = row_get_word(st, 15, verdict_words, VERDICT_COUNT, &verdict, err);
    if (code)
        return code;
    struct comparison *c = *ret = comparison_new();
    c->id = sqlite3_column_int64(st, 0);
    c->state = (enum comparison_state)state;
    c->kind = (enum comparison_kind)kind;
    c->name = mem_strdup(row_text(st, 3));
    c->recipe = row_text_or_null(st, 4);
    c->spec = mem_strdup(row_text(st, 5));
    c->plan = mem_strdup(row_text(st, 6));
    c->base_job = row_int_or(st, 7, 0);
    c->head_job = row_int_or(st, 8, 0);
    c->measure_job = row_int_or(st, 9, 0);
    c->uid = (uid_t)sqlite3_column_int64(st, 10);
    c->user = mem_strdup(row_text(st, 11));
    c->pr = row_text_or_null(st, 12);
    c->created_at_us = sqlite3_column_int64(st, 13);
    c->finished_at_us = row_int_or(st, 14, 0);
    c->verdict = verdict;
    c->exit_code = (int32_t)row_int_or(st, 16, -1);
    c->reason = row_text_or_null(st, 17);
    c->judged = row_text_or_null(st, 18);
    return 0;
}

static int get_measurement(sqlite3_stmt *st, int64_t id, struct measurement *ret,
                           struct cail_err *err)
{
    int side, state;
    int code = row_get_word(st, 3, side_words, SIDE_COUNT, &side, err);
    if (!code)
        code = row_get_word(st, 5, measurement_state_words, MEASUREMENT_STATE_COUNT, &state, err);
    if (code)
        return code;
    *ret = (struct measurement){.comparison_id = id,
                                .seq = sqlite3_column_int(st, 0),
                                .batch = sqlite3_column_int(st, 1),
                                .round = sqlite3_column_int(st, 2),
                                .side = (enum side)side,
                                .attempt_id = sqlite3_column_int64(st, 4),
                                .state = (enum measurement_state)state,
                                .lease = sqlite3_column_int(st, 6)};
    return 0;
}

static int read_measurements(struct store_reader *r, int64_t id, struct measurement **ret,
                             size_t *ret_n, struct cail_err *err)
{
    CLEANUP(reader_resetp) sqlite3_stmt *st = NULL;
    bool is_row;
    size_t n = 0;
    struct measurement *m = NULL;
    int code = reader_stmt(r, R_MEASUREMENTS, &st, err);
    if (code)
        return code;
    sqlite3_bind_int64(st, 1, id);
    while ((code = reader_step(r, st, &is_row, err)) == 0 && is_row) {
        if ((n & (n - 1)) == 0)
            m = mem_grow(m, n ? 2 * n : 1, sizeof *m);
        if ((code = get_measurement(st, id, &m[n], err)))
            break;
        n++;
    }
    if (code) {
        free(m);
        return code;
    }
    *ret = m;
    *ret_n = n;
    return 0;
}

int comparisons_load(struct store_reader *r, const struct store_loader *to, struct cail_err *err)
{
    CLEANUP(reader_resetp) sqlite3_stmt *st = NULL;
    bool is_row;
    struct comparison *c;
    int code = reader_stmt(r, R_LOAD_COMPARISONS, &st, err);
    while (code == 0 && (code = reader_step(r, st, &is_row, err)) == 0 && is_row) {
        struct measurement *m = NULL;
        size_t n = 0;
        if ((code = get_comparison(st, &c, err)))
            break;
        if ((code = read_measurements(r, c->id, &m, &n, err))) {
            comparison_free(c);
            break;
        }
        to->comparison(to->arg, c, m, n);
        free(m);
    }
    return code;
}

void comparison_rows_done(struct comparison_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++)
        comparison_free(rows->comparison[i]);
    free(rows->comparison);
    *rows = (struct comparison_rows){0};
}

int store_read_comparisons(struct store_reader *r, int64_t before_id, int32_t limit, const char *pr,
                           const char *recipe, struct comparison_rows *ret, struct cail_err *err)
{
    CLEANUP(reader_resetp) sqlite3_stmt *st = NULL;
    bool is_row;
    int code = reader_stmt(r, R_COMPARISONS, &st, err);
    *ret = (struct comparison_rows){0};
    if (code)
        return code;
    sqlite3_bind_int64(st, 1, before_id ? before_id : INT64_MAX);
    sqlite3_bind_text(st, 2, pr, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 3, recipe, -1, SQLITE_STATIC);
    sqlite3_bind_int(st, 4, limit + 1);
    ret->comparison = mem_array((size_t)limit + 1, sizeof *ret->comparison);
    while ((code = reader_step(r, st, &is_row, err)) == 0 && is_row) {
        if (ret->n == (size_t)limit) {
            ret->more = true;
            break;
        }
        if ((code = get_comparison(st, &ret->comparison[ret->n], err)))
            break;
        ret->n++;
    }
    if (code)
        comparison_rows_done(ret);
    return code;
}

void comparison_record_done(struct comparison_record *rec)
{
    comparison_free(rec->comparison);
    free(rec->measurement);
    *rec = (struct comparison_record){0};
}

static int read_the_comparison(struct store_reader *r, int64_t id, struct comparison **ret,
                               struct cail_err *err)
{
    CLEANUP(reader_resetp) sqlite3_stmt *st = NULL;
    int code = reader_the(r, R_COMPARISON, "comparison", id, &st, err);
    return code ? code : get_comparison(st, ret, err);
}

int store_read_comparison(struct store_reader *r, int64_t id, struct comparison_record *ret,
                          struct cail_err *err)
{
    *ret = (struct comparison_record){0};
    int code = reader_begin(r, err);
    if (code)
        return code;
    if ((code = read_the_comparison(r, id, &ret->comparison, err)) == 0)
        code = read_measurements(r, id, &ret->measurement, &ret->n_measurements, err);
    reader_end(r);
    if (code)
        comparison_record_done(ret);
    return code;
}

int store_read_aa(struct store_reader *r, const char *fingerprint, int64_t until_us,
                  void (*fn)(void *arg, const char *benchmark, const char *params,
                             const char *metric, double effect, bool alarm, int64_t comparison_id),
                  void *arg, struct cail_err *err)
{
    CLEANUP(reader_resetp) sqlite3_stmt *st = NULL;
    bool is_row;
    int code = reader_stmt(r, R_AA, &st, err);
    if (code)
        return code;
    sqlite3_bind_text(st, 1, fingerprint, -1, SQLITE_STATIC);
    sqlite3_bind_int64(st, 2, until_us);
    while ((code = reader_step(r, st, &is_row, err)) == 0 && is_row)
        fn(arg, row_text(st, 0), row_text(st, 1), row_text(st, 2), sqlite3_column_double(st, 3),
           sqlite3_column_int(st, 4) != 0, sqlite3_column_int64(st, 5));
    return code;
}

int store_read_noise(struct store_reader *r, int32_t limit,
                     void (*fn)(void *arg, const struct aa_row *row), void *arg,
                     struct cail_err *err)
{
    CLEANUP(reader_resetp) sqlite3_stmt *st = NULL;
    bool is_row;
    int code = reader_stmt(r, R_NOISE, &st, err);
    if (code)
        return code;
    sqlite3_bind_int(st, 1, limit);
    while ((code = reader_step(r, st, &is_row, err)) == 0 && is_row)
        fn(arg, &(struct aa_row){.fingerprint = row_text(st, 0),
                                 .benchmark = row_text(st, 1),
                                 .params = row_text(st, 2),
                                 .metric = row_text(st, 3),
                                 .effect = sqlite3_column_double(st, 4),
                                 .alarm = sqlite3_column_int(st, 5) != 0,
                                 .comparison_id = sqlite3_column_int64(st, 6),
                                 .at_us = sqlite3_column_int64(st, 7)});
    return code;
}
