/* mlir-opt -mlir-timing (mlir/lib/Support/Timing.cpp, LLVM 14..22): text or JSON, shown as a tree
 * or as a list, with or without a user column (present when threads ran, i.e. user != wall).
 *
 * A row is one series: {"pass": path}, metrics wall_time and user_time; the path joins a tree's
 * names by '/'. The same path twice in a report is one time, summed; a further report in the same
 * input is a further sample. A list adds up all calls of a pass wherever they are, so its series
 * carry "display": "list" too; its `root` row is its Total and is left out. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/jw.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "parse/formats.h"
#include "parse/rows.h"
#include "parse/stream.h"

#define TITLE "... Execution time report ..."

enum { LEVELS_MAX = 64, HEAD_LINES = 8, PATH_MAX_BYTES = 2000 };

/* One report while it is read. A row here: params = the bare path. */
struct report {
    struct parse_out rows;
    const char *benchmark;
    struct str path;
    size_t level_len[LEVELS_MAX + 1]; /* of path, when a name of that level is to come */
    int depth;                        /* of the last row */
    bool is_list, has_total;
    int64_t line; /* where it began */
};

static void report_reset(struct report *r)
{
    parse_out_done(&r->rows);
    str_clear(&r->path);
    r->depth = -1;
    r->is_list = r->has_total = false;
}

static void report_done(struct report *r)
{
    parse_out_done(&r->rows);
    str_done(&r->path);
}

static int add_time(struct report *r, const char *metric, double seconds, struct cail_err *err)
{
    struct parse_series s = {.benchmark = r->benchmark,
                             .params = r->path.p,
                             .metric = metric,
                             .unit = "s",
                             .better = BETTER_LOWER,
                             .kind = METRIC_TIME,
                             .status = RESULT_OK};
    return parse_add(&r->rows, &s, &seconds, 1, err);
}

/* user: NULL = no such column. false = the path is too long or too deep. */
static bool enter_name(struct report *r, int depth, const char *name, size_t len)
{
    if (depth > r->depth + 1)
        depth = r->depth + 1;
    if (depth >= LEVELS_MAX)
        return false;
    r->path.len = depth ? r->level_len[depth] : 0;
    if (depth)
        str_addc(&r->path, '/');
    str_add(&r->path, name, len);
    r->depth = depth;
    r->level_len[depth + 1] = r->path.len;
    return r->path.len <= PATH_MAX_BYTES;
}

static int add_row(struct report *r, const double *user, double wall, struct cail_err *err)
{
    if (strcmp(r->path.p, "root") == 0) {
        r->is_list = true;
        return 0;
    }
    if (strcmp(r->path.p, "Total") == 0)
        r->has_total = true;
    int rc = add_time(r, "wall_time", wall, err);
    return rc || !user ? rc : add_time(r, "user_time", *user, err);
}

/* The report's sums, one sample each, into out. */
static int report_flush(struct report *r, struct parse_out *out, struct cail_err *err)
{
    for (size_t i = 0; i < r->rows.n; i++) {
        const struct result *row = &r->rows.result[i];
        double sum = 0;
        for (int32_t k = 0; k < row->n_samples; k++)
            sum += row->samples[k];
        CLEANUP(str_done) struct str params = STR_INIT;
        struct jw w = JW(&params);
        jw_open(&w, '{');
        if (r->is_list && strcmp(row->params, "Total") != 0)
            jw_kstr(&w, "display", "list");
        jw_kstr(&w, "pass", row->params);
        jw_close(&w, '}');
        struct parse_series s = {row->benchmark, params.p,  row->metric, row->unit,
                                 row->better,    row->kind, row->status};
        int rc = parse_add(out, &s, &sum, row->n_samples ? 1 : 0, err);
        if (rc)
            return rc;
    }
    report_reset(r);
    return 0;
}

/* ---- text ---- */

struct text_row {
    double time[2];
    int indent;
    const char *name;
    size_t name_len;
};

static size_t blanks(const char *p, size_t len, size_t at)
{
    while (at < len && p[at] == ' ')
        at++;
    return at;
}

/* "    0.0033 ( 52.0%)  " times `columns`, then the name, indented by two a level. On failure *at
 * is the column where it stopped making sense. */
static bool text_row(const char *p, size_t len, int columns, struct text_row *ret, size_t *at)
{
    for (int i = 0; i < columns; i++) {
        *at = blanks(p, len, *at);
        size_t end = *at;
        while (end < len && p[end] != ' ' && p[end] != '(')
            end++;
        if (!parse_number(p + *at, end - *at, &ret->time[i]))
            return false;
        *at = blanks(p, len, end);
        const char *close = *at < len && p[*at] == '(' ? memchr(p + *at, ')', len - *at) : NULL;
        if (!close || close - (p + *at) > 12)
            return false;
        *at = (size_t)(close - p) + 1;
    }
    size_t name = blanks(p, len, *at);
    if (name < *at + 2 || name == len)
        return false;
    ret->indent = (int)(name - *at - 2);
    ret->name = p + name;
    ret->name_len = len - name;
    *at = name;
    return utf8_printable(ret->name, ret->name_len, "\t");
}

struct text_reader {
    enum { OUTSIDE, HEAD, ROWS } where;
    int columns;
    int64_t line;
    struct report report;
};

static int bad_line(const struct text_reader *t, size_t column, const char *what,
                    struct cail_err *err)
{
    return err_set(err, E_BAD_REQUEST, "line %lld, column %zu: %s", (long long)t->line, column + 1,
                   what);
}

static int text_rows_line(struct text_reader *t, const char *p, size_t len, struct parse_out *out,
                          struct cail_err *err)
{
    struct text_row row;
    size_t at = 0;
    if (!text_row(p, len, t->columns, &row, &at))
        return bad_line(t, at, "this is no row of the timing report", err);
    if (!enter_name(&t->report, row.indent / 2, row.name, row.name_len))
        return bad_line(t, at, "passes are nested too deep", err);
    const double *user = t->columns == 2 ? &row.time[0] : NULL;
    int rc = add_row(&t->report, user, row.time[t->columns - 1], err);
    if (rc || !t->report.has_total)
        return rc;
    t->where = OUTSIDE; /* Total is the last row */
    return report_flush(&t->report, out, err);
}

static int text_line(struct text_reader *t, const char *p, size_t len, struct parse_out *out,
                     struct cail_err *err)
{
    static const char wall[] = "----Wall Time----", user[] = "----User Time----";
    if (t->where == ROWS)
        return text_rows_line(t, p, len, out, err);
    if (parse_has(p, len, TITLE)) {
        report_reset(&t->report);
        t->report.line = t->line;
        t->where = HEAD;
        return 0;
    }
    if (t->where == OUTSIDE)
        return 0;
    if (parse_has(p, len, wall)) {
        t->columns = parse_has(p, len, user) ? 2 : 1;
        t->where = ROWS;
    } else if (t->line - t->report.line > HEAD_LINES) {
        return bad_line(t, 0, "the report's columns \"----Wall Time----\" expected", err);
    }
    return 0;
}

static int parse_text(const char *p, size_t len, const char *benchmark, struct parse_out *out,
                      struct cail_err *err)
{
    struct text_reader t = {.where = OUTSIDE, .report = {.benchmark = benchmark, .depth = -1}};
    int rc = 0;
    for (const char *end = p + len; !rc && p < end;) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        size_t n = (size_t)((nl ? nl : end) - p);
        t.line++;
        rc = text_line(&t, p, n && p[n - 1] == '\r' ? n - 1 : n, out, err);
        p = nl ? nl + 1 : end;
    }
    if (!rc && t.where != OUTSIDE)
        rc = err_set(err, E_BAD_REQUEST, "line %lld: the report that starts here has no Total row",
                     (long long)t.report.line);
    if (!rc && !out->n)
        rc = err_set(err, E_BAD_REQUEST, "there is no \"" TITLE "\" in %lld lines",
                     (long long)t.line);
    report_done(&t.report);
    return rc;
}

/* ---- JSON ---- */

/* entry.which.duration; false when it is there and no number. */
static bool duration(const json_t *entry, const char *which, const double **ret, double *room)
{
    const json_t *time = json_object_get(entry, which);
    *ret = NULL;
    if (!time)
        return true;
    if (!parse_stream_number(json_object_get(time, "duration"), room))
        return false;
    *ret = room;
    return true;
}

/* Recursion is bounded by PARSE_JSON_DEPTH, two levels a call. */
static int json_entry(const struct parse_stream *s, struct report *r, const json_t *entry,
                      int depth, struct cail_err *err)
{
    const json_t *name = json_object_get(entry, "name");
    const char *text = json_string_value(name);
    const double *wall, *user;
    double room[2];
    if (!text || !*text || !utf8_printable(text, json_string_length(name), "\t"))
        return parse_stream_bad(s, err, "an entry has no \"name\"");
    if (!duration(entry, "wall", &wall, &room[0]) || !duration(entry, "user", &user, &room[1]) ||
        !wall)
        return parse_stream_bad(s, err, "\"%.80s\" has no duration", text);
    if (!enter_name(r, depth, text, json_string_length(name)))
        return parse_stream_bad(s, err, "passes are nested too deep");
    int rc = add_row(r, user, *wall, err);
    const json_t *passes = json_object_get(entry, "passes");
    for (size_t i = 0; !rc && i < json_array_size(passes); i++) {
        const json_t *pass = json_array_get(passes, i);
        if (!json_is_object(pass) || json_object_size(pass)) /* each list ends with an empty {} */
            rc = json_entry(s, r, pass, depth + 1, err);
    }
    return rc;
}

static int end_of_doc(const struct parse_stream *s, struct report *r, struct parse_out *out,
                      struct cail_err *err)
{
    if (!r->has_total)
        return parse_stream_bad(s, err, "the report before this has no Total");
    return report_flush(r, out, err);
}

static int parse_json(const char *p, size_t len, const char *benchmark, struct parse_out *out,
                      struct cail_err *err)
{
    struct parse_stream s = {.p = p, .len = len};
    struct report r = {.benchmark = benchmark, .depth = -1};
    int64_t doc = 0;
    json_t *v = NULL;
    int rc;
    while ((rc = parse_stream_next(&s, &v, err)) == 0 && v) {
        if (doc && s.doc != doc)
            rc = end_of_doc(&s, &r, out, err);
        doc = s.doc;
        if (!rc)
            rc = json_entry(&s, &r, v, 0, err);
        json_decref(v);
        if (rc)
            break;
    }
    if (!rc)
        rc = end_of_doc(&s, &r, out, err);
    report_done(&r);
    return rc;
}

/* ---- both ---- */

static bool is_json(const char *p, size_t len)
{
    size_t at = 0;
    while (at < len && memchr(" \t\r\n", p[at], 4))
        at++;
    return at < len && p[at] == '[';
}

bool mlir_timing_detect(const char *p, size_t len)
{
    if (parse_has(p, len, TITLE))
        return true;
    return is_json(p, len) && parse_has(p, len, "\"wall\"") && parse_has(p, len, "\"percentage\"");
}

int mlir_timing_parse(const char *p, size_t len, const char *benchmark, struct parse_out *out,
                      struct cail_err *err)
{
    struct parse_out got = {.result = NULL};
    int rc = is_json(p, len) ? parse_json(p, len, benchmark, &got, err)
                             : parse_text(p, len, benchmark, &got, err);
    if (!rc)
        return parse_out_move(out, &got, err);
    parse_out_done(&got);
    return rc;
}
