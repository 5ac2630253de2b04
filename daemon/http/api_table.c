/* GET /results/table: results as a pivot: rows, columns and one metric in the cells. An axis is
 * "benchmark", "metric", "unit", "machine" or the name of a parameter; several stand for their
 * combinations. Where a cell has several results the newest counts. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "http/api_series.h"
#include "http/cells.h"
#include "wire/json.h"

enum { AXES_MAX = 6, SIDE_MAX = 2000, CELLS_MAX = 100000 };

struct axis {
    char *name[AXES_MAX];
    size_t n;
};

/* The different values of an axis, sorted; names joined by '\n' inside. */
struct pivot_side {
    char **key;
    size_t n;
};

struct cell {
    char *row, *col;
    double value;
    int64_t at_us, job_id;
};

struct pivot {
    struct axis rows, cols;
    struct cell *cell;
    size_t n;
    char unit[64]; /* of all cells; "" = they differ */
    bool wants_machine, several_units, truncated;
    struct pivot_side down, across;
};

static void axis_done(struct axis *a)
{
    for (size_t i = 0; i < a->n; i++)
        free(a->name[i]);
}

static int axis_read(const char *text, const char *arg, struct axis *a, struct cail_err *err)
{
    for (const char *p = text ? text : ""; *p;) {
        size_t len = strcspn(p, ",");
        if (!len || a->n == AXES_MAX)
            return err_set(err, E_BAD_REQUEST,
                           "query argument \"%s\" wants at most %d names, with commas between", arg,
                           AXES_MAX);
        a->name[a->n++] = mem_strndup(p, len);
        p += len + (p[len] == ',');
    }
    return 0;
}

static char *value_on(const struct axis *a, const struct series *s, const char *machine)
{
    struct str key = STR_INIT;
    for (size_t i = 0; i < a->n; i++) {
        const char *name = a->name[i];
        CLEANUP(mem_freep) char *own = NULL;
        const char *text = strcmp(name, "benchmark") == 0 ? s->benchmark
                           : strcmp(name, "metric") == 0  ? s->metric
                           : strcmp(name, "unit") == 0    ? s->unit
                           : strcmp(name, "machine") == 0 ? (machine ? machine : "")
                                                          : (own = param_text(s->params, name));
        if (i)
            str_addc(&key, '\n');
        for (; *text; text++)
            str_addc(&key, *text == '\n' ? ' ' : *text);
    }
    return str_take(&key);
}

static void pivot_done(struct pivot *p)
{
    axis_done(&p->rows);
    axis_done(&p->cols);
    for (size_t i = 0; i < p->n; i++) {
        free(p->cell[i].row);
        free(p->cell[i].col);
    }
    free(p->cell);
    free(p->down.key);
    free(p->across.key);
}

static void pivot_add(struct pivot *p, const struct series *s, const char *machine, double value,
                      int64_t at_us, int64_t job_id)
{
    if (p->n == CELLS_MAX) {
        p->truncated = true;
        return;
    }
    if (!p->n)
        snprintf(p->unit, sizeof p->unit, "%s", s->unit);
    else
        p->several_units |= strcmp(p->unit, s->unit) != 0;
    if (!(p->n & (p->n - 1)))
        p->cell = mem_grow(p->cell, p->n ? 2 * p->n : 1, sizeof *p->cell);
    p->cell[p->n++] = (struct cell){.row = value_on(&p->rows, s, machine),
                                    .col = value_on(&p->cols, s, machine),
                                    .value = value,
                                    .at_us = at_us,
                                    .job_id = job_id};
}

/* --- order --- */

/* Numbers by size, texts by letters, part by part. */
static int by_parts(const char *a, const char *b)
{
    while (*a || *b) {
        char *end_a, *end_b;
        size_t len_a = strcspn(a, "\n"), len_b = strcspn(b, "\n");
        double x = strtod(a, &end_a), y = strtod(b, &end_b);
        bool numbers = len_a && len_b && end_a == a + len_a && end_b == b + len_b;
        int order = numbers ? (x > y) - (x < y) : 0;
        if (!order && !numbers)
            order = strncmp(a, b, len_a < len_b ? len_a : len_b);
        if (!order)
            order = (len_a > len_b) - (len_a < len_b);
        if (order)
            return order;
        a += len_a + (a[len_a] != 0);
        b += len_b + (b[len_b] != 0);
    }
    return 0;
}

static int by_key(const void *a, const void *b)
{
    return by_parts(*(char *const *)a, *(char *const *)b);
}

static int by_cell(const void *a, const void *b)
{
    const struct cell *x = a, *y = b;
    int order = by_parts(x->row, y->row);
    if (!order)
        order = by_parts(x->col, y->col);
    if (!order) /* newest first */
        order = (y->at_us > x->at_us) - (y->at_us < x->at_us);
    return order;
}

static void side_fill(struct pivot_side *s, const struct pivot *p, bool rows)
{
    char **key = mem_array(p->n + 1, sizeof *key);
    for (size_t i = 0; i < p->n; i++)
        key[i] = rows ? p->cell[i].row : p->cell[i].col;
    qsort(key, p->n, sizeof *key, by_key);
    for (size_t i = 0; i < p->n; i++)
        if (!i || by_parts(key[i], key[s->n - 1]))
            key[s->n++] = key[i];
    s->key = key;
}

static void pivot_sort(struct pivot *p)
{
    if (p->n)
        qsort(p->cell, p->n, sizeof *p->cell, by_cell);
    side_fill(&p->down, p, true);
    side_fill(&p->across, p, false);
    if (p->down.n > SIDE_MAX || p->across.n > SIDE_MAX)
        p->truncated = true;
    p->down.n = p->down.n > SIDE_MAX ? SIDE_MAX : p->down.n;
    p->across.n = p->across.n > SIDE_MAX ? SIDE_MAX : p->across.n;
}

/* Cells are sorted by row, then column; *at walks along. NULL = an empty cell. */
static const struct cell *next_cell(const struct pivot *p, const char *row, const char *col,
                                    size_t *at)
{
    for (; *at < p->n; ++*at) {
        const struct cell *c = &p->cell[*at];
        int order = by_parts(c->row, row);
        if (!order)
            order = by_parts(c->col, col);
        if (order > 0)
            return NULL;
        if (!order)
            return &p->cell[(*at)++];
    }
    return NULL;
}

/* --- the three ways to write it --- */

static void parts_member(struct jw *w, const char *key)
{
    jw_open(w, '[');
    for (const char *p = key;; p++) {
        size_t len = strcspn(p, "\n");
        jw_strn(w, p, len);
        p += len;
        if (!*p)
            break;
    }
    jw_close(w, ']');
}

static void names_member(struct jw *w, const char *key, const struct axis *a)
{
    jw_key(w, key);
    jw_open(w, '[');
    for (size_t i = 0; i < a->n; i++)
        jw_str(w, a->name[i]);
    jw_close(w, ']');
}

static void write_json(const struct pivot *p, const char *metric, struct str *out)
{
    struct jw w = JW(out);
    size_t at = 0;
    jw_open(&w, '{');
    jw_kstr(&w, "value", metric);
    jw_kstr(&w, "unit", p->several_units || !p->n ? NULL : p->unit);
    names_member(&w, "rows", &p->rows);
    names_member(&w, "cols", &p->cols);
    jw_key(&w, "columns");
    jw_open(&w, '[');
    for (size_t c = 0; c < p->across.n; c++)
        parts_member(&w, p->across.key[c]);
    jw_close(&w, ']');
    jw_key(&w, "table");
    jw_open(&w, '[');
    for (size_t r = 0; r < p->down.n; r++) {
        jw_open(&w, '{');
        jw_key(&w, "row");
        parts_member(&w, p->down.key[r]);
        jw_key(&w, "cells");
        jw_open(&w, '[');
        for (size_t c = 0; c < p->across.n; c++) {
            const struct cell *cell = next_cell(p, p->down.key[r], p->across.key[c], &at);
            jw_real(&w, cell ? cell->value : NAN);
        }
        jw_close(&w, ']');
        jw_close(&w, '}');
    }
    jw_close(&w, ']');
    jw_kbool(&w, "truncated", p->truncated);
    jw_close(&w, '}');
    str_addc(out, '\n');
}

static void parts_cells(struct str *out, const char *key, const char *sep, bool markdown)
{
    for (const char *p = key;; p++) {
        size_t len = strcspn(p, "\n");
        cell_text(out, p, len, markdown);
        p += len;
        if (!*p)
            return;
        str_adds(out, sep);
    }
}

/* A column with several names is titled by all of them. */
static void title(struct str *out, const char *key, bool markdown)
{
    CLEANUP(mem_freep) char *one = mem_strdup(key);
    for (char *p = one; *p; p++)
        if (*p == '\n')
            *p = ' ';
    cell_text(out, one, strlen(one), markdown);
}

static void write_head(const struct pivot *p, const char *metric, bool markdown, struct str *out)
{
    const char *sep = markdown ? " | " : ",";
    str_adds(out, markdown ? "| " : "");
    for (size_t i = 0; i < p->rows.n; i++) {
        if (i)
            str_adds(out, sep);
        cell_text(out, p->rows.name[i], strlen(p->rows.name[i]), markdown);
    }
    for (size_t c = 0; c < p->across.n; c++) {
        str_adds(out, sep);
        title(out, p->cols.n ? p->across.key[c] : metric, markdown);
    }
    str_adds(out, markdown ? " |\n|" : "\n");
    for (size_t i = 0; markdown && i < p->rows.n + p->across.n; i++)
        str_adds(out, i < p->rows.n ? "---|" : "---:|");
    if (markdown)
        str_addc(out, '\n');
}

static void write_text(const struct pivot *p, const char *metric, bool markdown, struct str *out)
{
    const char *sep = markdown ? " | " : ",";
    size_t at = 0;
    if (markdown && p->n && !p->several_units) {
        title(out, metric, true);
        if (p->unit[0]) {
            str_adds(out, ", ");
            title(out, p->unit, true);
        }
        str_adds(out, "\n\n");
    }
    write_head(p, metric, markdown, out);
    for (size_t r = 0; r < p->down.n; r++) {
        str_adds(out, markdown ? "| " : "");
        parts_cells(out, p->down.key[r], sep, markdown);
        for (size_t c = 0; c < p->across.n; c++) {
            const struct cell *cell = next_cell(p, p->down.key[r], p->across.key[c], &at);
            str_adds(out, sep);
            if (cell && isfinite(cell->value))
                str_addf(out, markdown ? "%.6g" : "%.17g", cell->value);
        }
        str_adds(out, markdown ? " |\n" : "\n");
    }
}

/* --- what is in it --- */

struct table_wish {
    struct series_query q;
    const char *metric, *commit, *format;
    int64_t job, group;
};

static char *machine_of(struct store_reader *r, const struct series *s)
{
    CLEANUP(mem_freep) char *doc = NULL;
    if (store_read_fingerprint(r, s->fingerprint_id, &doc, NULL))
        return mem_strdup("");
    return param_text(doc, "host");
}

/* The newest point of the series that fits; 0 and *ret_found. */
static int newest_of(struct store_reader *r, const struct series *s, const struct table_wish *wish,
                     struct point *ret, bool *ret_found, struct cail_err *err)
{
    struct point_rows rows;
    *ret_found = false;
    int rc = store_read_points(r, s->id, wish->q.since_us, VIEW_POINTS_MAX, &rows, err);
    if (rc)
        return rc;
    for (size_t i = rows.n; i > 0 && !*ret_found; i--) {
        const struct point *p = &rows.point[i - 1];
        bool fits = p->status == RESULT_OK;
        if (wish->job)
            fits &= p->job_id == wish->job;
        if (wish->commit)
            fits &=
                p->commit.sha && strncmp(p->commit.sha, wish->commit, strlen(wish->commit)) == 0;
        if (fits) {
            *ret = *p;
            *ret_found = true;
        }
    }
    ret->commit = (struct commit_info){0};
    point_rows_done(&rows);
    return 0;
}

static int add_series(struct store_reader *r, const struct series *s, const struct table_wish *wish,
                      struct pivot *p, struct cail_err *err)
{
    struct point point = {
        .median = s->last_value, .at_us = s->last_at_us, .job_id = s->last_job_id};
    bool found = isfinite(s->last_value);
    CLEANUP(mem_freep) char *machine = p->wants_machine ? machine_of(r, s) : NULL;
    if (wish->job || wish->commit) {
        int rc = newest_of(r, s, wish, &point, &found, err);
        if (rc)
            return rc;
    }
    if (found)
        pivot_add(p, s, machine, point.median, point.at_us, point.job_id);
    return 0;
}

/* Page by page: a tuning matrix has thousands of series. */
static int fill_from_series(struct store_reader *r, struct table_wish *wish, struct pivot *p,
                            struct cail_err *err)
{
    struct series_filter f = wish->q.filter;
    struct series_rows rows, before = {0};
    int rc;
    f.metric = wish->metric;
    f.limit = LIST_LIMIT_MAX;
    while ((rc = store_read_series(r, &f, &rows, err)) == 0) {
        for (size_t i = 0; rc == 0 && i < rows.n; i++)
            if (series_query_fits(&wish->q, &rows.series[i]))
                rc = add_series(r, &rows.series[i], wish, p, err);
        series_rows_done(&before);
        before = rows;
        if (rc || !rows.more || p->truncated)
            break;
        f.after_benchmark = rows.series[rows.n - 1].benchmark;
        f.after_metric = rows.series[rows.n - 1].metric;
        f.after_params = rows.series[rows.n - 1].params;
        f.after_id = rows.series[rows.n - 1].id;
    }
    series_rows_done(&before);
    return rc;
}

static void add_job(const struct job_record *rec, const struct table_wish *wish, struct pivot *p)
{
    for (size_t i = 0; i < rec->n_results; i++) {
        const struct result *x = &rec->result[i];
        struct series s = {
            .benchmark = x->benchmark, .metric = x->metric, .params = x->params, .unit = x->unit};
        const struct series_filter *f = &wish->q.filter;
        bool fits = strcmp(x->metric, wish->metric) == 0 && x->status == RESULT_OK &&
                    (!f->benchmark || strcmp(f->benchmark, x->benchmark) == 0);
        if (fits && isfinite(x->value) && series_query_fits(&wish->q, &s))
            pivot_add(p, &s, "", x->value, x->id, x->job_id);
    }
}

/* A job, or the jobs of a matrix. */
static int fill_from_jobs(struct store_reader *r, const struct table_wish *wish, struct pivot *p,
                          struct cail_err *err)
{
    struct group_record group = {0};
    struct job_record rec;
    int rc = wish->group ? store_read_group(r, wish->group, &group, err) : 0;
    size_t n = wish->group ? group.jobs.n : 1;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        int64_t id = wish->group ? group.jobs.job[i]->id : wish->job;
        if ((rc = store_read_job(r, id, RESULTS_PER_JOB_MAX, &rec, err)) == 0) {
            add_job(&rec, wish, p);
            job_record_done(&rec);
        }
    }
    group_record_done(&group);
    return rc;
}

static int read_table_wish(const struct http_request *rq, struct table_wish *wish, struct pivot *p,
                           struct cail_err *err)
{
    static const char *const formats[] = {"json", "markdown", "csv"};
    wish->metric = http_query_get(rq, "value");
    wish->commit = http_query_get(rq, "commit");
    wish->format = http_query_get(rq, "format");
    if (!wish->metric || !http_query_get(rq, "rows"))
        return err_set(err, E_BAD_REQUEST,
                       "say what is in the cells and what goes down: value=METRIC&rows=A,B");
    if (wish->commit && !history_is_sha(wish->commit))
        return err_set(err, E_BAD_REQUEST, "query argument \"commit\" is hex digits");
    if (wish->format && word_find(wish->format, formats, 3) < 0)
        return err_set(err, E_BAD_REQUEST, "query argument \"format\" is json, markdown or csv");
    if (!wish->format && api_accepts(rq, "text/markdown"))
        wish->format = "markdown";
    else if (!wish->format && api_accepts(rq, "text/csv"))
        wish->format = "csv";
    int rc = axis_read(http_query_get(rq, "rows"), "rows", &p->rows, err);
    if (rc == 0)
        rc = axis_read(http_query_get(rq, "cols"), "cols", &p->cols, err);
    if (rc == 0)
        rc = http_query_int(rq, "job", 1, INT64_MAX, 0, &wish->job, err);
    if (rc == 0)
        rc = http_query_int(rq, "group", 1, INT64_MAX, 0, &wish->group, err);
    for (size_t i = 0; i < p->rows.n; i++)
        p->wants_machine |= strcmp(p->rows.name[i], "machine") == 0;
    for (size_t i = 0; i < p->cols.n; i++)
        p->wants_machine |= strcmp(p->cols.name[i], "machine") == 0;
    return rc ? rc : series_query_read(rq, &wish->q, err);
}

static struct written *write_table(const struct table_wish *wish, struct pivot *p)
{
    struct written *x = mem_zalloc(sizeof *x);
    const char *format = wish->format ? wish->format : "json";
    pivot_sort(p);
    if (strcmp(format, "json") == 0) {
        write_json(p, wish->metric, &x->body);
        return x;
    }
    bool markdown = strcmp(format, "markdown") == 0;
    write_text(p, wish->metric, markdown, &x->body);
    x->type = markdown ? "text/markdown; charset=utf-8" : "text/csv; charset=utf-8";
    return x;
}

API_LOAD(load_table)
{
    struct table_wish wish = {0};
    struct pivot p = {0};
    int rc = API_QUERY(rq, err, "rows", "cols", "value", "format", "job", "group", "commit",
                       "benchmark", "params", "recipe", "fingerprint", "since");
    if (rc == 0)
        rc = read_table_wish(rq, &wish, &p, err);
    if (rc == 0)
        rc = wish.job || wish.group ? fill_from_jobs(reader, &wish, &p, err)
                                    : fill_from_series(reader, &wish, &p, err);
    if (rc == 0)
        *ret = write_table(&wish, &p);
    pivot_done(&p);
    series_query_done(&wish.q);
    return rc;
}
