/* XLA's hlo_runner_main and run_hlo_module:
 *   ## Execution time, file=/w/model.hlo repeat=0 duration=827655700ns
 *   0/1 runs miscompared.
 * benchmark = the file's name without its folders, execution_time ns, a repeat is a sample; repeat
 * 0 is the warm-up and is left out where there are others. The CSV of averages ("Datetime,a.hlo")
 * has a column a file. run_hlo_module gives no time: a check row. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "parse/formats.h"
#include "parse/reader.h"

enum { FILES_MAX = 256 };
static const char mark[] = "## Execution time, file=";
static const struct parse_metric time_ns = {NULL,         "execution_time", "ns",
                                            BETTER_LOWER, METRIC_TIME,      0};

struct file {
    char *path, *name; /* name: inside path */
    double first_ns;   /* of repeat 0, held back */
    bool has_first, has_others;
};

struct run {
    struct file file[FILES_MAX];
    size_t n;
};

/* Of two files with one name in different folders the numbers would be mixed. */
static int find_file(struct parse_in *in, struct run *r, struct parse_span path, struct file **ret)
{
    CLEANUP(mem_freep) char *text = parse_span_dup(path);
    const char *slash = strrchr(text, '/'), *name = slash ? slash + 1 : text;
    for (size_t i = 0; i < r->n; i++) {
        *ret = &r->file[i];
        if (strcmp(r->file[i].path, text) == 0)
            return 0;
        if (strcmp(r->file[i].name, name) == 0)
            return parse_bad(in, "two files are named \"%.80s\"", name);
    }
    if (r->n == FILES_MAX || !*name)
        return parse_bad(in, "a file without a name, or more than %d", FILES_MAX);
    struct file *f = *ret = &r->file[r->n++];
    *f = (struct file){.path = mem_strdup(text)};
    f->name = f->path + (name - text);
    return 0;
}

static int put_first(struct parse_in *in, struct file *f)
{
    int rc = f->has_first && !f->has_others
                 ? parse_put1(in, f->name, NULL, &time_ns, RESULT_OK, f->first_ns)
                 : 0;
    f->has_first = f->has_others = false;
    return rc;
}

/* "... repeat=0 duration=827655700ns", after mark. */
static int execution(struct parse_in *in, struct run *r, struct parse_span rest)
{
    struct parse_span path, repeat, after;
    double number, ns;
    struct file *f = NULL;
    if (!parse_after_last(rest, " repeat=", &path, &after) ||
        !parse_cut_to(&after, " duration=", &repeat) || !parse_span_number(repeat, &number) ||
        !parse_span_ends(after, "ns") ||
        !parse_span_number((struct parse_span){after.p, after.n - 2}, &ns))
        return parse_bad(in, "file=F repeat=N duration=Nns expected");
    int rc = find_file(in, r, path, &f);
    if (rc)
        return rc;
    if (number == 0) { /* of a further run in the same log, too */
        rc = put_first(in, f);
        f->first_ns = ns;
        f->has_first = true;
        return rc;
    }
    f->has_others = true;
    return parse_put1(in, f->name, NULL, &time_ns, RESULT_OK, ns);
}

/* "0/1 runs miscompared." */
static int miscompared(struct parse_in *in, struct parse_span line)
{
    struct parse_span bad = line, rest = line;
    double n;
    if (!parse_cut_to(&rest, "/", &bad) || !parse_span_number(parse_span_trim(bad), &n))
        return 0;
    return parse_put_check(in, NULL, NULL, n == 0 ? RESULT_OK : RESULT_FAILED, -1);
}

/* ---- CSV ---- */

static bool duration(struct parse_span s, double *ret_ns)
{
    static const struct {
        const char *unit;
        double ns;
    } units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        struct parse_span number = s;
        if (!parse_span_ends(s, units[i].unit))
            continue;
        number.n -= strlen(units[i].unit);
        if (!parse_span_number(number, ret_ns))
            continue; /* "ms" ends in s, too */
        *ret_ns *= units[i].ns;
        return true;
    }
    return false;
}

static int csv_row(struct parse_in *in, const struct parse_csv *h, const struct parse_csv *row)
{
    int rc = 0;
    if (row->n > h->n)
        return parse_bad(in, "more cells than columns");
    for (int i = 1; !rc && i < (int)row->n; i++) {
        CLEANUP(mem_freep) char *name = parse_span_dup(parse_csv_cell(h, i));
        double ns;
        if (!duration(parse_csv_cell(row, i), &ns))
            return parse_bad(in, "\"%.80s\": a time such as 84.85ms expected", name);
        rc = parse_put1(in, name, NULL, &time_ns, RESULT_OK, ns);
    }
    return rc;
}

static int read_csv(struct parse_in *in)
{
    struct parse_csv header = {.n = 0}, row = {.n = 0};
    CLEANUP(mem_freep) char *first = parse_span_dup(in->text.line);
    int rc = parse_csv_row(&header, parse_span_of(first), ',') ? 0 : parse_bad(in, "no row of CSV");
    while (!rc && parse_text_next(&in->text)) {
        if (!parse_span_trim(in->text.line).n)
            continue;
        rc = parse_csv_row(&row, in->text.line, ',') ? csv_row(in, &header, &row)
                                                     : parse_bad(in, "no row of CSV");
    }
    parse_csv_done(&header);
    parse_csv_done(&row);
    return rc;
}

static int read_lines(struct parse_in *in)
{
    struct run *r = mem_zalloc(sizeof *r);
    int rc = 0;
    while (!rc && parse_text_next(&in->text)) {
        struct parse_span rest = in->text.line, before;
        if (in->text.line_no == 1 && parse_span_starts(rest, "Datetime,"))
            rc = read_csv(in);
        else if (parse_cut_to(&rest, mark, &before))
            rc = execution(in, r, rest);
        else if (parse_span_ends(rest, " runs miscompared."))
            rc = miscompared(in, rest);
    }
    for (size_t i = 0; i < r->n; i++) {
        if (!rc)
            rc = put_first(in, &r->file[i]);
        free(r->file[i].path);
    }
    free(r);
    return rc;
}

bool hlo_runner_detect(const char *p, size_t len)
{
    static const char csv[] = "Datetime,";
    return parse_has(p, len, mark) || parse_has(p, len, " runs miscompared.") ||
           (len > sizeof csv && memcmp(p, csv, sizeof csv - 1) == 0);
}

int hlo_runner_parse(const char *p, size_t len, const char *benchmark, struct parse_out *out,
                     struct cail_err *err)
{
    return parse_with(read_lines, p, len, benchmark, out, err);
}
