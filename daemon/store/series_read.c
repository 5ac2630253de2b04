/* Questions about series, points and what people said of them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/conn.h"
#include "store/internal.h"
#include "store/series.h"

static double real_or_nan(sqlite3_stmt *st, int column)
{
    return sqlite3_column_type(st, column) == SQLITE_NULL ? NAN : sqlite3_column_double(st, column);
}

/* Room for one more in an array that doubles. */
static void *grow(void *p, size_t n, size_t size)
{
    return n && (n & (n - 1)) ? p : mem_grow(p, n ? 2 * n : 1, size);
}

/* --- series --- */

static void series_done(struct series *s)
{
    free(s->benchmark);
    free(s->metric);
    free(s->params);
    free(s->unit);
    free(s->recipe);
    free(s->recipe_version);
}

void series_rows_done(struct series_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++)
        series_done(&rows->series[i]);
    free(rows->series);
    *rows = (struct series_rows){0};
}

static int get_series(sqlite3_stmt *st, struct series *ret, struct cail_err *err)
{
    int better, kind, code = row_get_word(st, 6, better_words, BETTER_COUNT, &better, err);
    if (!code)
        code = row_get_word(st, 7, metric_kind_words, METRIC_KIND_COUNT, &kind, err);
    if (code)
        return code;
    *ret = (struct series){.id = sqlite3_column_int64(st, 0),
                           .benchmark = mem_strdup(row_text(st, 1)),
                           .metric = mem_strdup(row_text(st, 2)),
                           .params = mem_strdup(row_text(st, 3)),
                           .fingerprint_id = sqlite3_column_int64(st, 4),
                           .unit = mem_strdup(row_text(st, 5)),
                           .better = (enum better)better,
                           .kind = (enum metric_kind)kind,
                           .recipe = row_text_or_null(st, 8),
                           .recipe_version = row_text_or_null(st, 9),
                           .points = sqlite3_column_int64(st, 10),
                           .last_at_us = sqlite3_column_int64(st, 11),
                           .last_job_id = sqlite3_column_int64(st, 12),
                           .last_value = real_or_nan(st, 13)};
    return 0;
}

static void list_sql(const struct series_filter *f, struct str *sql)
{
    str_adds(sql, SERIES_LIST_BASE);
#define X(member, text)                                                                            \
    if (f->member)                                                                                 \
        str_adds(sql, text);
    SERIES_LIST_TEXT_FILTERS(X)
    SERIES_LIST_INT_FILTERS(X)
#undef X
    str_adds(sql, f->newest_first ? SERIES_LIST_NEWEST : SERIES_LIST_END);
}

static void list_bind(sqlite3_stmt *st, const struct series_filter *f)
{
    int n = 0;
    sqlite3_bind_text(st, ++n, f->after_benchmark ? f->after_benchmark : "", -1, SQLITE_STATIC);
    sqlite3_bind_text(st, ++n, f->after_metric ? f->after_metric : "", -1, SQLITE_STATIC);
    sqlite3_bind_text(st, ++n, f->after_params ? f->after_params : "", -1, SQLITE_STATIC);
    sqlite3_bind_int64(st, ++n, f->after_id);
#define X(member, text)                                                                            \
    if (f->member)                                                                                 \
        sqlite3_bind_text(st, ++n, f->member, -1, SQLITE_STATIC);
    SERIES_LIST_TEXT_FILTERS(X)
#undef X
#define X(member, text)                                                                            \
    if (f->member)                                                                                 \
        sqlite3_bind_int64(st, ++n, f->member);
    SERIES_LIST_INT_FILTERS(X)
#undef X
    sqlite3_bind_int64(st, ++n, f->limit + 1);
    BUG_ON(n != sqlite3_bind_parameter_count(st));
}

int store_read_series(struct store_reader *r, const struct series_filter *f,
                      struct series_rows *ret, struct cail_err *err)
{
    BUG_ON(f->limit < 1 || f->limit > LIST_LIMIT_MAX);
    CLEANUP(str_done) struct str sql = STR_INIT;
    sqlite3_stmt *st;
    bool is_row;
    *ret = (struct series_rows){0};
    int code = reader_begin(r, err);
    if (code)
        return code;
    list_sql(f, &sql);
    if ((code = conn_prepare(r->db, sql.p, &st, err)) == 0) {
        list_bind(st, f);
        while ((code = reader_step(r, st, &is_row, err)) == 0 && is_row) {
            if ((ret->more = ret->n == (size_t)f->limit))
                break;
            ret->series = grow(ret->series, ret->n, sizeof *ret->series);
            if ((code = get_series(st, &ret->series[ret->n], err)))
                break;
            ret->n++;
        }
        sqlite3_finalize(st);
    }
    reader_end(r);
    if (code)
        series_rows_done(ret);
    return code;
}

int store_read_spark(struct store_reader *r, int64_t series_id, double *ret, size_t max,
                     size_t *ret_n, struct cail_err *err)
{
    CLEANUP(reader_resetp) sqlite3_stmt *st = NULL;
    bool is_row;
    size_t n = 0;
    int code = reader_stmt(r, R_SPARK, &st, err);
    if (code)
        return code;
    sqlite3_bind_int64(st, 1, series_id);
    sqlite3_bind_int64(st, 2, (int64_t)max);
    while ((code = reader_step(r, st, &is_row, err)) == 0 && is_row && n < max)
        ret[n++] = real_or_nan(st, 0);
    for (size_t i = 0; i < n / 2; i++) {
        double swapped = ret[i];
        ret[i] = ret[n - 1 - i];
        ret[n - 1 - i] = swapped;
    }
    *ret_n = n;
    return code;
}

int store_read_fingerprint(struct store_reader *r, int64_t id, char **ret, struct cail_err *err)
{
    CLEANUP(reader_resetp) sqlite3_stmt *st = NULL;
    bool is_row;
    int code = reader_stmt(r, R_FINGERPRINT, &st, err);
    if (code)
        return code;
    sqlite3_bind_int64(st, 1, id);
    if ((code = reader_step(r, st, &is_row, err)))
        return code;
    *ret = mem_strdup(is_row ? row_text(st, 0) : "{}");
    return 0;
}

/* --- points --- */

void point_rows_done(struct point_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++) {
        free(rows->point[i].commit.sha);
        free(rows->point[i].commit.author);
        free(rows->point[i].commit.subject);
    }
    free(rows->point);
    *rows = (struct point_rows){0};
}

static int get_point(sqlite3_stmt *st, struct point *ret, struct cail_err *err)
{
    int status, code = row_get_word(st, 6, result_status_words, RESULT_STATUS_COUNT, &status, err);
    if (code)
        return code;
    *ret = (struct point){.result_id = sqlite3_column_int64(st, 0),
                          .job_id = sqlite3_column_int64(st, 1),
                          .at_us = sqlite3_column_int64(st, 3),
                          .commit = {.sha = row_text_or_null(st, 2),
                                     .position = row_int_or(st, 4, -1),
                                     .committed_at_us = row_int_or(st, 5, 0),
                                     .author = row_text_or_null(st, 13),
                                     .subject = row_text_or_null(st, 14)},
                          .status = (enum result_status)status,
                          .flags = (uint32_t)sqlite3_column_int64(st, 7),
                          .n = sqlite3_column_int64(st, 8),
                          .median = real_or_nan(st, 9),
                          .low = real_or_nan(st, 10),
                          .high = real_or_nan(st, 11),
                          .mad = real_or_nan(st, 12)};
    return 0;
}

static void turn_round(struct point_rows *rows)
{
    for (size_t i = 0; i < rows->n / 2; i++) {
        struct point swapped = rows->point[i];
        rows->point[i] = rows->point[rows->n - 1 - i];
        rows->point[rows->n - 1 - i] = swapped;
    }
}

int store_read_points(struct store_reader *r, int64_t series_id, int64_t since_us, int64_t limit,
                      struct point_rows *ret, struct cail_err *err)
{
    CLEANUP(reader_resetp) sqlite3_stmt *st = NULL;
    bool is_row;
    *ret = (struct point_rows){0};
    int code = reader_stmt(r, R_POINTS, &st, err);
    if (code)
        return code;
    sqlite3_bind_int64(st, 1, series_id);
    sqlite3_bind_int64(st, 2, since_us);
    sqlite3_bind_int64(st, 3, limit);
    while ((code = reader_step(r, st, &is_row, err)) == 0 && is_row) {
        ret->point = grow(ret->point, ret->n, sizeof *ret->point);
        if ((code = get_point(st, &ret->point[ret->n], err)))
            break;
        ret->n++;
    }
    if (code)
        point_rows_done(ret);
    turn_round(ret);
    return code;
}

int store_read_samples(struct store_reader *r, int64_t result_id, double **ret, size_t *ret_n,
                       struct cail_err *err)
{
    CLEANUP(reader_resetp) sqlite3_stmt *st = NULL;
    bool is_row;
    *ret = NULL;
    *ret_n = 0;
    int code = reader_stmt(r, R_SAMPLES, &st, err);
    if (code)
        return code;
    sqlite3_bind_int64(st, 1, result_id);
    if ((code = reader_step(r, st, &is_row, err)) || !is_row)
        return code;
    size_t bytes = (size_t)sqlite3_column_bytes(st, 0), n = bytes / sizeof **ret;
    if (!n)
        return 0;
    *ret = mem_array(n, sizeof **ret);
    memcpy(*ret, sqlite3_column_blob(st, 0), n * sizeof **ret);
    *ret_n = n;
    return 0;
}

int store_read_aa_effects(struct store_reader *r, const struct series *s, const char *fingerprint,
                          double **ret, size_t *ret_n, struct cail_err *err)
{
    const char *const by[] = {s->benchmark, s->params, s->metric, fingerprint};
    CLEANUP(reader_resetp) sqlite3_stmt *st = NULL;
    bool is_row;
    *ret = NULL;
    *ret_n = 0;
    int code = reader_stmt(r, R_AA_EFFECTS, &st, err);
    if (code)
        return code;
    for (int i = 0; i < (int)ARRAY_LEN(by); i++)
        sqlite3_bind_text(st, i + 1, by[i], -1, SQLITE_STATIC);
    while ((code = reader_step(r, st, &is_row, err)) == 0 && is_row) {
        *ret = grow(*ret, *ret_n, sizeof **ret);
        (*ret)[(*ret_n)++] = sqlite3_column_double(st, 0);
    }
    if (code) {
        free(*ret);
        *ret = NULL;
        *ret_n = 0;
    }
    return code;
}

/* --- what people said --- */

void baseline_done(struct baseline *x)
{
    free(x->name);
    free(x->sha);
    free(x->note);
    free(x->user);
}

void release_done(struct release *x)
{
    free(x->name);
    free(x->sha);
    free(x->user);
}

void annotation_done(struct annotation *x)
{
    free(x->benchmark);
    free(x->sha);
    free(x->text);
    free(x->url);
    free(x->user);
}

void change_state_done(struct change_state_row *x)
{
    free(x->before_point);
    free(x->after_point);
    free(x->note);
    free(x->url);
    free(x->user);
}

void baseline_rows_done(struct baseline_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++)
        baseline_done(&rows->row[i]);
    free(rows->row);
    *rows = (struct baseline_rows){0};
}

void release_rows_done(struct release_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++)
        release_done(&rows->row[i]);
    free(rows->row);
    *rows = (struct release_rows){0};
}

void annotation_rows_done(struct annotation_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++)
        annotation_done(&rows->row[i]);
    free(rows->row);
    *rows = (struct annotation_rows){0};
}

void change_state_rows_done(struct change_state_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++)
        change_state_done(&rows->row[i]);
    free(rows->row);
    *rows = (struct change_state_rows){0};
}

int store_read_baselines(struct store_reader *r, struct baseline_rows *ret, struct cail_err *err)
{
    CLEANUP(reader_resetp) sqlite3_stmt *st = NULL;
    bool is_row;
    *ret = (struct baseline_rows){0};
    int code = reader_stmt(r, R_BASELINES, &st, err);
    if (code)
        return code;
    sqlite3_bind_int64(st, 1, STORE_MARKS_MAX);
    while ((code = reader_step(r, st, &is_row, err)) == 0 && is_row) {
        ret->row = grow(ret->row, ret->n, sizeof *ret->row);
        ret->row[ret->n++] = (struct baseline){.name = mem_strdup(row_text(st, 0)),
                                               .sha = row_text_or_null(st, 1),
                                               .job_id = row_int_or(st, 2, 0),
                                               .note = row_text_or_null(st, 3),
                                               .user = mem_strdup(row_text(st, 4)),
                                               .at_us = sqlite3_column_int64(st, 5)};
    }
    if (code)
        baseline_rows_done(ret);
    return code;
}

int store_read_releases(struct store_reader *r, struct release_rows *ret, struct cail_err *err)
{
    CLEANUP(reader_resetp) sqlite3_stmt *st = NULL;
    bool is_row;
    *ret = (struct release_rows){0};
    int code = reader_stmt(r, R_RELEASES, &st, err);
    if (code)
        return code;
    sqlite3_bind_int64(st, 1, STORE_MARKS_MAX);
    while ((code = reader_step(r, st, &is_row, err)) == 0 && is_row) {
        ret->row = grow(ret->row, ret->n, sizeof *ret->row);
        ret->row[ret->n++] = (struct release){.name = mem_strdup(row_text(st, 0)),
                                              .sha = mem_strdup(row_text(st, 1)),
                                              .user = mem_strdup(row_text(st, 2)),
                                              .at_us = sqlite3_column_int64(st, 3)};
    }
    if (code)
        release_rows_done(ret);
    return code;
}

int store_read_annotations(struct store_reader *r, const char *benchmark,
                           struct annotation_rows *ret, struct cail_err *err)
{
    CLEANUP(reader_resetp) sqlite3_stmt *st = NULL;
    bool is_row;
    *ret = (struct annotation_rows){0};
    int code = reader_stmt(r, R_ANNOTATIONS, &st, err);
    if (code)
        return code;
    if (benchmark)
        sqlite3_bind_text(st, 1, benchmark, -1, SQLITE_STATIC);
    else
        sqlite3_bind_null(st, 1);
    sqlite3_bind_int64(st, 2, STORE_MARKS_MAX);
    while ((code = reader_step(r, st, &is_row, err)) == 0 && is_row) {
        ret->row = grow(ret->row, ret->n, sizeof *ret->row);
        ret->row[ret->n++] = (struct annotation){.id = sqlite3_column_int64(st, 0),
                                                 .benchmark = row_text_or_null(st, 1),
                                                 .sha = row_text_or_null(st, 2),
                                                 .on_at_us = row_int_or(st, 3, 0),
                                                 .text = mem_strdup(row_text(st, 4)),
                                                 .url = row_text_or_null(st, 5),
                                                 .user = mem_strdup(row_text(st, 6)),
                                                 .at_us = sqlite3_column_int64(st, 7)};
    }
    if (code)
        annotation_rows_done(ret);
    return code;
}

int store_read_change_states(struct store_reader *r, int64_t series_id,
                             struct change_state_rows *ret, struct cail_err *err)
{
    CLEANUP(reader_resetp) sqlite3_stmt *st = NULL;
    bool is_row;
    int state;
    *ret = (struct change_state_rows){0};
    int code = reader_stmt(r, R_CHANGE_STATES, &st, err);
    if (code)
        return code;
    sqlite3_bind_int64(st, 1, series_id);
    while ((code = reader_step(r, st, &is_row, err)) == 0 && is_row) {
        if ((code = row_get_word(st, 2, change_state_words, CHANGE_STATE_COUNT, &state, err)))
            break;
        ret->row = grow(ret->row, ret->n, sizeof *ret->row);
        ret->row[ret->n++] = (struct change_state_row){.before_point = mem_strdup(row_text(st, 0)),
                                                       .after_point = mem_strdup(row_text(st, 1)),
                                                       .state = (enum change_state)state,
                                                       .note = row_text_or_null(st, 3),
                                                       .url = row_text_or_null(st, 4),
                                                       .user = mem_strdup(row_text(st, 5)),
                                                       .at_us = sqlite3_column_int64(st, 6)};
    }
    if (code)
        change_state_rows_done(ret);
    return code;
}
