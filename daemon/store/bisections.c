/* Bisections and checks of change points: both directions. */
#include "store/bisections.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/conn.h"
#include "store/internal.h"

/* --- noun -> batch --- */

void store_put_bisection(struct store_batch *b, const struct bisection *x)
{
    batch_op(b, W_BISECTION);
    batch_int(b, x->id);
    batch_text_or_null(b, bisection_state_words[x->state]);
    batch_text_or_null(b, x->name);
    batch_text_or_null(b, x->recipe);
    batch_text_or_null(b, x->spec);
    batch_text_or_null(b, x->steps);
    batch_int_or_null(b, x->comparison, 0);
    batch_int(b, x->uid);
    batch_text_or_null(b, x->user);
    batch_text_or_null(b, x->pr);
    batch_int(b, x->created_at_us);
    batch_int_or_null(b, x->finished_at_us, 0);
    batch_text_or_null(b, x->culprit);
    batch_text_or_null(b, x->reason);
}

void store_put_change_check(struct store_batch *b, int64_t series_id, const struct change_check *x)
{
    batch_op(b, W_CHANGE_CHECK);
    batch_int(b, series_id);
    batch_text_or_null(b, x->before_point);
    batch_text_or_null(b, x->after_point);
    batch_int(b, x->comparison);
}

/* --- row -> noun --- */

/* The current row of a SELECT of BISECTION_COLUMNS; SQLite reads NULL as 0. */
static int get_bisection(sqlite3_stmt *st, struct bisection **ret, struct cail_err *err)
{
    int state;
    int code = row_get_word(st, 1, bisection_state_words, BISECTION_STATE_COUNT, &state, err);
    if (code)
        return code;
    struct bisection *x = *ret = mem_zalloc(sizeof *x);
    x->id = sqlite3_column_int64(st, 0);
    x->state = (enum bisection_state)state;
    x->name = mem_strdup(row_text(st, 2));
    x->recipe = mem_strdup(row_text(st, 3));
    x->spec = mem_strdup(row_text(st, 4));
    x->steps = mem_strdup(row_text(st, 5));
    x->comparison = sqlite3_column_int64(st, 6);
    x->uid = (uid_t)sqlite3_column_int64(st, 7);
    x->user = mem_strdup(row_text(st, 8));
    x->pr = row_text_or_null(st, 9);
    x->created_at_us = sqlite3_column_int64(st, 10);
    x->finished_at_us = sqlite3_column_int64(st, 11);
    x->culprit = row_text_or_null(st, 12);
    x->reason = row_text_or_null(st, 13);
    return 0;
}

int bisections_load(struct store_reader *r, const struct store_loader *to, struct store_ids *ids,
                    struct cail_err *err)
{
    CLEANUP(reader_resetp) sqlite3_stmt *st = NULL;
    CLEANUP(reader_resetp) sqlite3_stmt *last = NULL;
    bool is_row;
    struct bisection *x;
    int code = reader_stmt(r, R_LOAD_BISECTIONS, &st, err);
    while (code == 0 && (code = reader_step(r, st, &is_row, err)) == 0 && is_row)
        if ((code = get_bisection(st, &x, err)) == 0)
            to->bisection(to->arg, x);
    if (code == 0)
        code = reader_stmt(r, R_LAST_BISECTION, &last, err);
    if (code == 0 && (code = reader_step(r, last, &is_row, err)) == 0)
        ids->bisection = sqlite3_column_int64(last, 0);
    return code;
}

void bisection_rows_done(struct bisection_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++)
        bisection_free(rows->row[i]);
    free(rows->row);
    *rows = (struct bisection_rows){0};
}

int store_read_bisections(struct store_reader *r, int64_t before_id, int32_t limit,
                          struct bisection_rows *ret, struct cail_err *err)
{
    CLEANUP(reader_resetp) sqlite3_stmt *st = NULL;
    bool is_row;
    int code = reader_stmt(r, R_BISECTIONS, &st, err);
    *ret = (struct bisection_rows){0};
    if (code)
        return code;
    sqlite3_bind_int64(st, 1, before_id ? before_id : INT64_MAX);
    sqlite3_bind_int(st, 2, limit + 1);
    ret->row = mem_array((size_t)limit + 1, sizeof *ret->row);
    while ((code = reader_step(r, st, &is_row, err)) == 0 && is_row) {
        if (ret->n == (size_t)limit) {
            ret->more = true;
            break;
        }
        if ((code = get_bisection(st, &ret->row[ret->n], err)))
            break;
        ret->n++;
    }
    if (code)
        bisection_rows_done(ret);
    return code;
}

int store_read_bisection(struct store_reader *r, int64_t id, struct bisection **ret,
                         struct cail_err *err)
{
    CLEANUP(reader_resetp) sqlite3_stmt *st = NULL;
    int code = reader_the(r, R_BISECTION, "bisection", id, &st, err);
    return code ? code : get_bisection(st, ret, err);
}

int store_read_commit(struct store_reader *r, const char *sha, struct commit_info *ret,
                      struct cail_err *err)
{
    CLEANUP(reader_resetp) sqlite3_stmt *st = NULL;
    bool is_row;
    *ret = (struct commit_info){.position = -1};
    int code = reader_stmt(r, R_COMMIT, &st, err);
    if (code)
        return code;
    sqlite3_bind_text(st, 1, sha, -1, SQLITE_STATIC);
    if ((code = reader_step(r, st, &is_row, err)) || !is_row)
        return code;
    ret->sha = mem_strdup(sha);
    if (sqlite3_column_type(st, 0) != SQLITE_NULL)
        ret->position = sqlite3_column_int64(st, 0);
    ret->committed_at_us = sqlite3_column_int64(st, 1);
    ret->author = row_text_or_null(st, 2);
    ret->subject = row_text_or_null(st, 3);
    return 0;
}

void commit_info_done(struct commit_info *c)
{
    free(c->sha);
    free(c->author);
    free(c->subject);
    *c = (struct commit_info){.position = -1};
}

void change_check_rows_done(struct change_check_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++) {
        free(rows->row[i].before_point);
        free(rows->row[i].after_point);
    }
    free(rows->row);
    *rows = (struct change_check_rows){0};
}

static int get_check(sqlite3_stmt *st, struct change_check *ret, struct cail_err *err)
{
    int state, verdict = -1;
    int code = row_get_word(st, 3, comparison_state_words, COMPARISON_STATE_COUNT, &state, err);
    if (!code && sqlite3_column_type(st, 4) != SQLITE_NULL)
        code = row_get_word(st, 4, verdict_words, VERDICT_COUNT, &verdict, err);
    if (code)
        return code;
    *ret = (struct change_check){.before_point = mem_strdup(row_text(st, 0)),
                                 .after_point = mem_strdup(row_text(st, 1)),
                                 .comparison = sqlite3_column_int64(st, 2),
                                 .state = (enum comparison_state)state,
                                 .verdict = verdict};
    return 0;
}

int store_read_change_checks(struct store_reader *r, int64_t series_id,
                             struct change_check_rows *ret, struct cail_err *err)
{
    CLEANUP(reader_resetp) sqlite3_stmt *st = NULL;
    bool is_row;
    *ret = (struct change_check_rows){0};
    int code = reader_stmt(r, R_CHANGE_CHECKS, &st, err);
    if (code)
        return code;
    sqlite3_bind_int64(st, 1, series_id);
    while ((code = reader_step(r, st, &is_row, err)) == 0 && is_row) {
        if ((ret->n & (ret->n - 1)) == 0)
            ret->row = mem_grow(ret->row, ret->n ? 2 * ret->n : 1, sizeof *ret->row);
        if ((code = get_check(st, &ret->row[ret->n], err)))
            break;
        ret->n++;
    }
    if (code)
        change_check_rows_done(ret);
    return code;
}
