/* opt -time-passes and clang -ftime-report (llvm/lib/Support/Timer.cpp): one block a report.
 *
 * params {"report": title, "pass": name}; metrics user_time, system_time, cpu_time, wall_time s,
 * memory B and instructions. A column is left out by LLVM when its total is zero, so columns are
 * found by the header. The same name twice in a block is summed; the same report again, of a
 * further run in the same text, is a further sample. */
#include <string.h>

#include "base/mem.h"
#include "parse/formats.h"
#include "parse/reader.h"

static const struct parse_metric columns[] = {
    {"---User Time---", "user_time", "s", BETTER_LOWER, METRIC_TIME, 0},
    {"--System Time--", "system_time", "s", BETTER_LOWER, METRIC_TIME, 0},
    {"--User+System--", "cpu_time", "s", BETTER_LOWER, METRIC_TIME, 0},
    {"---Wall Time---", "wall_time", "s", BETTER_LOWER, METRIC_TIME, 0},
    {"---Mem---", "memory", "B", BETTER_LOWER, METRIC_COUNT, 0},
    {"---Instr---", "instructions", "", BETTER_LOWER, METRIC_COUNT, 0},
};
enum { N_COLUMNS = ARRAY_LEN(columns) };

struct report {
    struct parse_in rows; /* of the block that is being read; each row's samples are summed */
    struct str title;
    const struct parse_metric *column[N_COLUMNS]; /* in the order of the header */
    size_t n_columns;
    int64_t line; /* of the header; 0 = not in a block */
};

static bool is_header(struct parse_span line)
{
    return parse_span_ends(line, "--- Name ---") && parse_span_has(line, "Time---");
}

static int begin(struct parse_in *in, struct report *r)
{
    struct parse_span rest = in->text.line, before;
    r->n_columns = 0;
    r->line = in->text.line_no;
    for (size_t i = 0; i < N_COLUMNS; i++)
        if (parse_cut_to(&rest, columns[i].from, &before)) {
            if (parse_span_trim(before).n)
                return parse_bad(in, "a column is not known");
            r->column[r->n_columns++] = &columns[i];
        }
    if (!parse_span_is(parse_span_trim(rest), "--- Name ---"))
        return parse_bad(in, "a column is not known");
    return 0;
}

/* "0.0003 ( 32.8%)", "-----" for zero, or a bare number. */
static bool cell(struct parse_span *rest, double *ret)
{
    struct parse_span word = parse_cut_word(rest), inside;
    *ret = 0;
    if (!parse_span_is(word, "-----") && !parse_span_number(word, ret))
        return false;
    struct parse_span after = parse_span_trim(*rest);
    if (parse_cut(&after, "(") && parse_cut_to(&after, "%)", &inside) && inside.n < 10)
        *rest = after;
    return true;
}

static int end(struct parse_in *in, struct report *r)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < r->rows.got.n; i++) {
        const struct result *row = &r->rows.got.result[i];
        struct parse_metric m = {NULL, row->metric, row->unit, row->better, row->kind, 0};
        double sum = 0;
        for (int32_t k = 0; k < row->n_samples; k++)
            sum += row->samples[k];
        rc = parse_put(in, NULL, row->params, &m, row->status, &sum, row->n_samples ? 1 : 0);
    }
    parse_out_done(&r->rows.got);
    r->line = 0;
    return rc;
}

static int row(struct parse_in *in, struct report *r)
{
    struct parse_span rest = in->text.line;
    double v[N_COLUMNS] = {0};
    for (size_t i = 0; i < r->n_columns; i++)
        if (!cell(&rest, &v[i]))
            return parse_bad(in, "this is no row of the report");
    struct parse_pairs pairs = {.n = 0};
    CLEANUP(str_done) struct str params = STR_INIT;
    rest = parse_span_trim(rest);
    if (!rest.n || !parse_pairs_add(&pairs, parse_span_of("pass"), rest))
        return parse_bad(in, "the row has no name, or a very long one");
    parse_pairs_add(&pairs, parse_span_of("report"), (struct parse_span){r->title.p, r->title.len});
    parse_pairs_json(&pairs, &params);
    r->rows.text.line_no = in->text.line_no;
    int rc = 0;
    for (size_t i = 0; !rc && i < r->n_columns; i++)
        rc = parse_put1(&r->rows, NULL, params.p, r->column[i], RESULT_OK, v[i]);
    return rc || !parse_span_is(rest, "Total") ? rc : end(in, r);
}

/* The title stands alone between two lines of "===---". */
static void keep_title(struct report *r, struct parse_span line)
{
    struct parse_span s = parse_span_trim(line);
    while (s.n && (s.p[0] == '.' || s.p[0] == ' ')) {
        s.p++;
        s.n--;
    }
    while (s.n && (s.p[s.n - 1] == '.' || s.p[s.n - 1] == ' '))
        s.n--;
    str_clear(&r->title);
    str_add(&r->title, s.p, s.n < PARSE_NAME_MAX ? s.n : PARSE_NAME_MAX);
}

static int line(struct parse_in *in, struct report *r, bool *after_rule)
{
    struct parse_span text = in->text.line;
    if (is_header(text))
        return r->line ? parse_bad(in, "the report before this has no Total row") : begin(in, r);
    if (r->line)
        return row(in, r);
    if (*after_rule && parse_span_trim(text).n && !parse_span_starts(text, "===") &&
        !parse_span_starts(text, "  Total Execution Time:"))
        keep_title(r, text);
    *after_rule = parse_span_starts(text, "===--");
    return 0;
}

static int read_reports(struct parse_in *in)
{
    struct report r = {.rows = {.benchmark = in->benchmark, .err = in->err}};
    bool after_rule = false;
    int rc = 0;
    str_adds(&r.title, "");
    while (!rc && parse_text_next(&in->text))
        rc = line(in, &r, &after_rule);
    if (!rc && r.line)
        rc = err_set(in->err, E_BAD_REQUEST,
                     "line %lld: the report that starts here has no Total row", (long long)r.line);
    parse_out_done(&r.rows.got);
    str_done(&r.title);
    return rc;
}

bool time_passes_detect(const char *p, size_t len)
{
    return parse_any_line(p, len, is_header);
}

int time_passes_parse(const char *p, size_t len, const char *benchmark, struct parse_out *out,
                      struct cail_err *err)
{
    return parse_with(read_reports, p, len, benchmark, out, err);
}
