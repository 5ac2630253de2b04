/* cutlass_profiler (tools/profiler/src/performance_report.cpp): CSV and console.
 *
 * benchmark = the operation's name. Its tile, stages, warps and instruction are in that name;
 * params are the problem's own arguments, without those at their default, so that a version which
 * adds an argument goes on with the same series. Metrics runtime ms, bandwidth GiB/s (the CSV says
 * GB/s and divides by 2^30), math GFLOP/s. A disposition that is not good is a row without numbers.
 * What an example program prints ("Avg runtime:") is read as well. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "parse/formats.h"
#include "parse/reader.h"

static const struct parse_metric metrics[] = {
    {"Runtime", "runtime", "ms", BETTER_LOWER, METRIC_TIME, 0},
    {"GB/s", "bandwidth", "GiB/s", BETTER_HIGHER, METRIC_RATE, 0},
    {"GFLOPs", "math", "GFLOP/s", BETTER_HIGHER, METRIC_RATE, 0},
};
enum { N_METRICS = ARRAY_LEN(metrics), DISPOSITION_LEN = 32 };

/* Says what the operation is, not what it was given. */
static bool describes(struct parse_span key, struct parse_span operation)
{
    static const char *const starts[] = {"cta_", "warps_", "inst_"};
    static const char *const whole[] = {"op_class", "accum", "stages", "min_cc", "max_cc"};
    for (size_t i = 0; i < ARRAY_LEN(starts); i++)
        if (parse_span_starts(key, starts[i]))
            return true;
    for (size_t i = 0; i < ARRAY_LEN(whole); i++)
        if (parse_span_is(key, whole[i]))
            return true;
    /* "_0x0x1_": the cluster is chosen at run time, and is an argument. */
    return parse_span_starts(key, "cluster_") && !parse_span_has(operation, "_0x0x");
}

static bool at_default(struct parse_span key, struct parse_span value)
{
    static const char *const defaults[][2] = {
        {"gemm_kind", "universal"},    {"alpha", "1"},          {"beta", "0"},
        {"split_k_mode", "serial"},    {"split_k_slices", "1"}, {"batch_count", "1"},
        {"raster_order", "heuristic"}, {"swizzle_size", "1"},
    };
    if (!value.n || parse_span_is(value, "false") || parse_span_is(value, "invalid"))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(defaults); i++)
        if (parse_span_is(key, defaults[i][0]))
            return parse_span_is(value, defaults[i][1]);
    return false;
}

static void add_argument(struct parse_pairs *pairs, struct parse_span operation,
                         struct parse_span key, struct parse_span value)
{
    if (!describes(key, operation) && !at_default(key, value))
        parse_pairs_add(pairs, key, value);
}

/* "passed", "Not verified", "not_supported": the CSV's and the console's words. */
static bool disposition(struct parse_span s, enum result_status *ret)
{
    static const struct {
        const char *word;
        enum result_status status;
    } words[] = {
        {"passed", RESULT_OK},
        {"not_verified", RESULT_NOT_VERIFIED},
        {"failed", RESULT_FAILED},
        {"incorrect", RESULT_FAILED},
        {"not_run", RESULT_SKIPPED},
        {"invalid_problem", RESULT_SKIPPED},
        {"not_supported", RESULT_SKIPPED},
    };
    char word[DISPOSITION_LEN];
    if (s.n >= sizeof word)
        return false;
    for (size_t i = 0; i < s.n; i++)
        word[i] = s.p[i] == ' ' ? '_' : s.p[i];
    word[s.n] = 0;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcasecmp(word, words[i].word) == 0) {
            *ret = words[i].status;
            return true;
        }
    return false;
}

struct problem {
    struct parse_span operation;
    enum result_status status;
    struct parse_pairs params;
    double value[N_METRICS];
    bool there[N_METRICS];
};

static int put_problem(struct parse_in *in, struct problem *pr, struct str *params)
{
    CLEANUP(mem_freep) char *name = parse_span_dup(pr->operation);
    parse_pairs_json(&pr->params, params);
    bool ran = pr->there[0] && !(pr->value[0] <= 0); /* NaN is a row of its own */
    int rc = 0;
    if (!ran && (pr->status == RESULT_OK || pr->status == RESULT_NOT_VERIFIED))
        return parse_bad(in, "the problem has no runtime");
    for (size_t i = 0; !rc && i < N_METRICS; i++)
        if (pr->there[i] || (!ran && i == 0))
            rc = parse_put(in, name, params->p, &metrics[i], pr->status, &pr->value[i], ran);
    return rc;
}

/* ---- CSV ---- */

struct columns {
    int operation, disposition, provider, status, bytes, metric[N_METRICS];
};

static bool find_columns(const struct parse_csv *h, struct columns *c)
{
    c->operation = parse_csv_find(h, "Operation");
    c->disposition = parse_csv_find(h, "Disposition");
    c->provider = parse_csv_find(h, "Provider");
    c->status = parse_csv_find(h, "Status");
    c->bytes = parse_csv_find(h, "Bytes");
    for (size_t i = 0; i < N_METRICS; i++)
        c->metric[i] = parse_csv_find(h, metrics[i].from);
    return c->operation >= 0 && c->disposition >= 0 && c->status >= 0 && c->metric[0] >= 0;
}

static int csv_row(struct parse_in *in, const struct parse_csv *h, const struct columns *c,
                   const struct parse_csv *row, struct str *params)
{
    struct problem pr = {.operation = parse_csv_cell(row, c->operation)};
    if (row->n > h->n)
        return parse_bad(in, "more cells than columns");
    if (!pr.operation.n || !disposition(parse_csv_cell(row, c->disposition), &pr.status))
        return parse_bad(in, "Operation and a known Disposition expected");
    int problem = parse_csv_find(h, "Problem");
    for (int i = 0; i < (int)h->n; i++) {
        bool tag = i < problem; /* --tags: columns in front of the others */
        bool argument = i > c->status && i < (c->bytes > 0 ? c->bytes : c->metric[0]);
        if (tag || argument)
            add_argument(&pr.params, pr.operation, parse_csv_cell(h, i), parse_csv_cell(row, i));
    }
    struct parse_span provider = parse_csv_cell(row, c->provider);
    if (provider.n && !parse_span_is(provider, "CUTLASS"))
        parse_pairs_add(&pr.params, parse_span_of("provider"), provider);
    for (size_t i = 0; i < N_METRICS; i++) {
        struct parse_span cell = parse_csv_cell(row, c->metric[i]);
        pr.there[i] = cell.n > 0;
        if (cell.n && !parse_span_number(cell, &pr.value[i]))
            return parse_bad(in, "%s is not a number", metrics[i].from);
    }
    return put_problem(in, &pr, params);
}

static bool is_csv_header(struct parse_span line)
{
    return parse_span_has(line, "Operation,Disposition,Status,");
}

/* The header's line is in->text.line. Further headers (--append) may come. */
static int csv(struct parse_in *in, struct str *params)
{
    struct parse_csv header = {.n = 0}, row = {.n = 0};
    struct columns c = {0};
    CLEANUP(mem_freep) char *kept = NULL; /* a line with colours does not stay */
    int rc = 0;
    do {
        struct parse_span line = in->text.line;
        if (!parse_span_trim(line).n)
            continue;
        if (is_csv_header(line)) {
            free(kept);
            kept = parse_span_dup(line);
            if (!parse_csv_row(&header, parse_span_of(kept), ',') || !find_columns(&header, &c))
                rc = parse_bad(in,
                               "the columns Operation, Disposition, Status and Runtime expected");
        } else if (!parse_csv_row(&row, line, ',')) {
            rc = parse_bad(in, "a quoted cell has no end, or there are too many");
        } else {
            rc = csv_row(in, &header, &c, &row, params);
        }
    } while (!rc && parse_text_next(&in->text));
    parse_csv_done(&header);
    parse_csv_done(&row);
    return rc;
}

/* ---- console ---- */

struct block {
    struct problem problem;
    struct str operation, arguments; /* the spans of problem point into them */
    bool open, has_disposition;
};

/* "--m=3456 --A=f32:column ... \" over several lines. */
static void split_arguments(struct block *b)
{
    struct parse_span rest = {b->arguments.p, b->arguments.len}, key;
    for (struct parse_span word; (word = parse_cut_word(&rest)).n;)
        if (parse_cut(&word, "--") && parse_cut_to(&word, "=", &key))
            add_argument(&b->problem.params, b->problem.operation, key, word);
}

static int end_block(struct parse_in *in, struct block *b, struct str *params)
{
    int rc = 0;
    if (b->open && b->operation.len) {
        b->problem.operation = (struct parse_span){b->operation.p, b->operation.len};
        split_arguments(b);
        rc = b->has_disposition ? put_problem(in, &b->problem, params)
                                : parse_bad(in, "the problem before this has no Disposition");
    }
    str_clear(&b->operation);
    str_clear(&b->arguments);
    b->problem = (struct problem){.status = RESULT_OK};
    b->open = b->has_disposition = false;
    return rc;
}

static void keep(struct str *to, struct parse_span s)
{
    str_add(to, s.p, s.n);
    str_addc(to, ' ');
}

static int field(struct parse_in *in, struct block *b, struct parse_span key,
                 struct parse_span value)
{
    static const char *const values[N_METRICS] = {"Runtime", "Memory", "Math"};
    if (parse_span_is(key, "Operation")) {
        str_add(&b->operation, value.p, value.n);
    } else if (parse_span_is(key, "Arguments")) {
        keep(&b->arguments, value);
    } else if (parse_span_is(key, "Provider") && !parse_span_is(value, "CUTLASS")) {
        keep(&b->arguments, parse_span_of("--provider="));
        b->arguments.len--;
        keep(&b->arguments, value);
    } else if (parse_span_is(key, "Disposition")) {
        b->has_disposition = disposition(value, &b->problem.status);
        if (!b->has_disposition)
            return parse_bad(in, "the disposition is not known");
    }
    for (size_t i = 0; i < N_METRICS; i++) {
        if (!parse_span_is(key, values[i]))
            continue;
        b->problem.there[i] = parse_span_number(parse_cut_word(&value), &b->problem.value[i]);
        if (!b->problem.there[i])
            return parse_bad(in, "%s is not a number", values[i]);
    }
    return 0;
}

static int console_line(struct parse_in *in, struct block *b, struct str *params)
{
    struct parse_span line = parse_span_trim(in->text.line), key, value = line;
    if (parse_span_starts(line, "=====")) {
        int rc = end_block(in, b, params);
        b->open = true;
        return rc;
    }
    if (!b->open)
        return 0;
    if (parse_span_starts(line, "--"))
        keep(&b->arguments, line);
    else if (parse_cut_to(&value, ":", &key))
        return field(in, b, key, parse_span_trim(value));
    return 0;
}

/* What examples/48 and its like print: one problem, no operation's name. */
static int example_line(struct parse_in *in, enum result_status *status, struct str *size,
                        struct str *params)
{
    struct parse_span key, value = in->text.line;
    struct parse_pairs pairs = {.n = 0};
    double v;
    if (!parse_cut_to(&value, ":", &key))
        return 0;
    key = parse_span_trim(key);
    value = parse_span_trim(value);
    if (parse_span_is(key, "Disposition") && !disposition(value, status))
        return parse_bad(in, "the disposition is not known");
    if (parse_span_is(key, "Problem Size")) {
        str_clear(size);
        str_add(size, value.p, value.n);
    }
    size_t which = parse_span_is(key, "Avg runtime") ? 0 : parse_span_is(key, "GFLOPS") ? 2 : 9;
    if (which == 9)
        return 0;
    if (!parse_span_number(parse_cut_word(&value), &v))
        return parse_bad(in, "%s is not a number", metrics[which].name);
    if (size->len)
        parse_pairs_add(&pairs, parse_span_of("mnk"), (struct parse_span){size->p, size->len});
    return parse_put1(in, NULL, parse_pairs_json(&pairs, params), &metrics[which], *status, v);
}

/* Without --output the console repeats everything as "CSV Results:": those are no more samples. */
static int read_any(struct parse_in *in)
{
    struct block b = {.open = false};
    CLEANUP(str_done) struct str params = STR_INIT, size = STR_INIT;
    enum result_status status = RESULT_NOT_VERIFIED;
    bool is_console = false;
    int rc = 0;
    while (!rc && parse_text_next(&in->text)) {
        is_console = is_console || parse_span_starts(in->text.line, "=====");
        if (is_console && parse_span_starts(in->text.line, "CSV Results:"))
            break;
        if (!is_console && is_csv_header(in->text.line))
            rc = csv(in, &params);
        else if (is_console)
            rc = console_line(in, &b, &params);
        else
            rc = example_line(in, &status, &size, &params);
    }
    if (!rc)
        rc = end_block(in, &b, &params);
    str_done(&b.operation);
    str_done(&b.arguments);
    return rc;
}

bool cutlass_detect(const char *p, size_t len)
{
    return parse_any_line(p, len, is_csv_header) ||
           (parse_has(p, len, "Disposition: ") &&
            (parse_has(p, len, "Problem ID: ") || parse_has(p, len, "Avg runtime: ")));
}

int cutlass_parse(const char *p, size_t len, const char *benchmark, struct parse_out *out,
                  struct cail_err *err)
{
    return parse_with(read_any, p, len, benchmark, out, err);
}
