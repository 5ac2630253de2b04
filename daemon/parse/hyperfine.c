/* hyperfine (src/benchmark/benchmark_result.rs), --export-json and --export-csv. benchmark = the
 * command or its name, params = {parameters}. times[] are the samples of wall_time; user, system
 * and memory are what it gives of each run or in the mean. With -i a failure shows in exit_codes
 * alone: null is a run that was killed. The CSV has the median alone. */
#include <string.h>

#include "base/mem.h"
#include "parse/formats.h"
#include "parse/reader.h"

static const struct parse_metric wall = {"times", "wall_time", "s", BETTER_LOWER, METRIC_TIME, 0};
static const struct parse_metric wall_median = {"median",     "wall_time", "s",
                                                BETTER_LOWER, METRIC_TIME, 0};
static const struct parse_metric others[] = {
    {"user", "user_time", "s", BETTER_LOWER, METRIC_TIME, 0},
    {"system", "system_time", "s", BETTER_LOWER, METRIC_TIME, 0},
    {"memory_usage_byte", "peak_memory", "B", BETTER_LOWER, METRIC_COUNT, 0},
};

static int params_of(const struct parse_in *in, const json_t *v, struct str *out)
{
    struct parse_pairs pairs = {.n = 0};
    const char *key;
    json_t *member;
    json_object_foreach(json_object_get(v, "parameters"), key, member) {
        if (!json_is_string(member) || !parse_pairs_adds(&pairs, key, json_string_value(member)))
            return parse_bad(in, "\"parameters\" must be at most 64 short strings");
    }
    parse_pairs_json(&pairs, out);
    return 0;
}

static enum result_status outcome(const json_t *v)
{
    const json_t *codes = json_object_get(v, "exit_codes");
    for (size_t i = 0; i < json_array_size(codes); i++) {
        const json_t *code = json_array_get(codes, i);
        if (!json_is_integer(code) || json_integer_value(code) != 0)
            return RESULT_FAILED;
    }
    return RESULT_OK;
}

static int one(struct parse_in *in, const char *path, const json_t *v, void *st)
{
    (void)st;
    if (strcmp(path, "results[]") != 0)
        return 0;
    const char *command;
    CLEANUP(str_done) struct str params = STR_INIT;
    int rc = parse_name_of(in, v, "command", &command);
    if (!rc)
        rc = params_of(in, v, &params);
    if (rc)
        return rc;
    enum result_status status = outcome(v);
    const json_t *times = json_object_get(v, "times");
    bool samples = json_array_size(times) > 0;
    if (!samples && !json_object_get(v, "median"))
        return parse_bad(in, "neither \"times\" nor \"median\" is there");
    rc = parse_members(in, v, command, params.p, samples ? &wall : &wall_median, 1, status);
    return rc ? rc : parse_members(in, v, command, params.p, others, ARRAY_LEN(others), status);
}

static int csv_row(struct parse_in *in, const struct parse_csv *h, const struct parse_csv *row)
{
    static const struct parse_metric m[] = {
        {"median", "wall_time", "s", BETTER_LOWER, METRIC_TIME, 0},
        {"user", "user_time", "s", BETTER_LOWER, METRIC_TIME, 0},
        {"system", "system_time", "s", BETTER_LOWER, METRIC_TIME, 0},
    };
    CLEANUP(mem_freep) char *command = parse_span_dup(parse_csv_cell(row, 0));
    CLEANUP(str_done) struct str params = STR_INIT;
    struct parse_pairs pairs = {.n = 0};
    for (int i = 0; i < (int)h->n; i++) {
        struct parse_span key = parse_csv_cell(h, i);
        if (parse_cut(&key, "parameter_"))
            parse_pairs_add(&pairs, key, parse_csv_cell(row, i));
    }
    parse_pairs_json(&pairs, &params);
    int rc = 0;
    for (size_t i = 0; !rc && i < ARRAY_LEN(m); i++) {
        double v;
        if (!parse_span_number(parse_csv_cell(row, parse_csv_find(h, m[i].from)), &v))
            return parse_bad(in, "\"%s\" is not a number", m[i].from);
        rc = parse_put1(in, command, params.p, &m[i], RESULT_OK, v);
    }
    return rc;
}

static int read_csv(struct parse_in *in)
{
    struct parse_csv header = {.n = 0}, row = {.n = 0};
    int rc = 0;
    parse_text_next(&in->text);
    CLEANUP(mem_freep) char *first = parse_span_dup(in->text.line);
    if (!parse_csv_row(&header, parse_span_of(first), ',') || !header.n ||
        !parse_span_is(header.cell[0], "command"))
        rc = parse_bad(in, "the columns command,mean,stddev,... expected");
    while (!rc && parse_text_next(&in->text)) {
        if (!parse_span_trim(in->text.line).n)
            continue;
        rc = parse_csv_row(&row, in->text.line, ',') ? csv_row(in, &header, &row)
                                                     : parse_bad(in, "this is no row of CSV");
    }
    parse_csv_done(&header);
    parse_csv_done(&row);
    return rc;
}

static int read_any(struct parse_in *in)
{
    static const char *const spread[] = {"results", NULL};
    if (parse_first(in->json.p, in->json.len) != '{')
        return read_csv(in);
    return parse_each(in, spread, one, NULL);
}

bool hyperfine_detect(const char *p, size_t len)
{
    static const char header[] = "command,mean,stddev,median,";
    return parse_object_with(p, len, "results", "command", NULL) ||
           (len > sizeof header && memcmp(p, header, sizeof header - 1) == 0);
}

int hyperfine_parse(const char *p, size_t len, const char *benchmark, struct parse_out *out,
                    struct cail_err *err)
{
    return parse_with(read_any, p, len, benchmark, out, err);
}
