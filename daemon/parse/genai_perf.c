/* genai-perf and AIPerf: PREFIX_genai_perf.json, {metric: {unit, avg, min, max, std, p1 ..}}, and
 * the same as CSV. The average has the metric's own name, the rest a suffix
 * ("request_latency_p99"). Times are lower, rates and goodput higher, lengths and counts neutral,
 * as is every std. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "parse/formats.h"
#include "parse/reader.h"

static const char *const stats[] = {"avg", "min", "max", "std", "p1",  "p5", "p10",
                                    "p25", "p50", "p75", "p90", "p95", "p99"};

static int put_stat(struct parse_in *in, const char *metric, const char *stat, const char *unit,
                    double value)
{
    char name[PARSE_NAME_MAX + 8];
    if (strlen(metric) > PARSE_NAME_MAX)
        return parse_bad(in, "a metric has a name of more than %d bytes", PARSE_NAME_MAX);
    bool average = strcmp(stat, "avg") == 0;
    snprintf(name, sizeof name, "%s%s%s", metric, average ? "" : "_", average ? "" : stat);
    struct parse_metric m = {NULL,
                             name,
                             parse_unit(unit),
                             parse_unit_better(parse_unit(unit)),
                             parse_unit_kind(parse_unit(unit)),
                             0};
    if (strncmp(m.unit, "tokens/s", 8) == 0)
        m.kind = METRIC_RATE; /* per user, too */
    if (m.kind == METRIC_RATE)
        m.better = BETTER_HIGHER;
    if (strcmp(stat, "std") == 0)
        m.better = BETTER_NEUTRAL;
    return parse_put1(in, NULL, NULL, &m, RESULT_OK, value);
}

static int metric(struct parse_in *in, const char *name, const json_t *v)
{
    const char *unit;
    int rc = parse_text_of(in, v, "unit", &unit);
    if (rc || !unit)
        return rc;
    for (size_t i = 0; !rc && i < ARRAY_LEN(stats); i++) {
        bool there;
        double value = NAN;
        rc = parse_number_of(in, v, stats[i], &there, &value);
        if (!rc && there)
            rc = put_stat(in, name, stats[i], unit, value);
    }
    return rc;
}

static int one(struct parse_in *in, const char *path, const json_t *v, void *st)
{
    (void)st;
    return json_is_object(v) && strcmp(path, "input_config") != 0 ? metric(in, path, v) : 0;
}

/* ---- CSV ---- */

/* "Time To First Token (ms)" -> time_to_first_token, ms. */
static bool split_name(struct parse_span cell, char name[PARSE_NAME_MAX], char unit[PARSE_UNIT_MAX])
{
    struct parse_span before = cell, after = {"", 0};
    if (parse_after_last(cell, " (", &before, &after) && parse_span_ends(after, ")"))
        after.n--;
    if (!before.n || before.n >= PARSE_NAME_MAX || after.n >= PARSE_UNIT_MAX)
        return false;
    for (size_t i = 0; i < before.n; i++) {
        char c = before.p[i];
        name[i] = c == ' ' ? '_' : c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    name[before.n] = 0;
    memcpy(unit, after.p, after.n);
    unit[after.n] = 0;
    return true;
}

/* "1,234.50": the CSV groups digits in quoted cells. */
static bool grouped(struct parse_span s, double *ret)
{
    char text[40];
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (n + 1 >= sizeof text)
            return false;
        if (s.p[i] != ',')
            text[n++] = s.p[i];
    }
    return parse_span_number((struct parse_span){text, n}, ret);
}

static const char *stat_of(struct parse_span column)
{
    for (size_t i = 0; i < ARRAY_LEN(stats); i++)
        if (parse_span_is(column, stats[i]))
            return stats[i];
    return parse_span_is(column, "Value") ? "avg" : NULL;
}

static int csv_row(struct parse_in *in, const struct parse_csv *h, const struct parse_csv *row)
{
    char name[PARSE_NAME_MAX], unit[PARSE_UNIT_MAX];
    int rc = 0;
    if (!h->n || row->n > h->n || !split_name(parse_csv_cell(row, 0), name, unit))
        return parse_bad(in, "a metric and its values expected");
    for (int i = 1; !rc && i < (int)row->n; i++) {
        const char *stat = stat_of(parse_csv_cell(h, i));
        struct parse_span cell = parse_csv_cell(row, i);
        double v;
        if (!stat || !cell.n)
            continue;
        if (!grouped(cell, &v))
            return parse_bad(in, "\"%s\" is not a number", stat);
        rc = put_stat(in, name, stat, unit, v);
    }
    return rc;
}

static int read_csv(struct parse_in *in)
{
    struct parse_csv header = {.n = 0}, row = {.n = 0};
    CLEANUP(str_done) struct str kept = STR_INIT; /* the header's cells point into it */
    int rc = 0;
    while (!rc && parse_text_next(&in->text)) {
        struct parse_span line = parse_span_trim(in->text.line);
        if (!line.n)
            continue;
        if (parse_span_starts(line, "Metric,")) {
            str_clear(&kept);
            str_add(&kept, line.p, line.n);
            line = (struct parse_span){kept.p, kept.len};
            if (!parse_csv_row(&header, line, ','))
                rc = parse_bad(in, "this is no row of CSV");
        } else if (!parse_csv_row(&row, line, ',')) {
            rc = parse_bad(in, "this is no row of CSV");
        } else {
            rc = csv_row(in, &header, &row);
        }
    }
    parse_csv_done(&header);
    parse_csv_done(&row);
    return rc;
}

static int read_any(struct parse_in *in)
{
    static const char *const spread[] = {NULL};
    if (parse_first(in->json.p, in->json.len) != '{')
        return read_csv(in);
    return parse_each(in, spread, one, NULL);
}

static bool is_header(struct parse_span line)
{
    return parse_span_starts(line, "Metric,avg,min,max") || parse_span_is(line, "Metric,Value");
}

bool genai_perf_detect(const char *p, size_t len)
{
    if (parse_first(p, len) == '{')
        return parse_object_with(p, len, "request_throughput", "unit", "avg") ||
               parse_object_with(p, len, "request_latency", "unit", "avg");
    return parse_any_line(p, len, is_header);
}

int genai_perf_parse(const char *p, size_t len, const char *benchmark, struct parse_out *out,
                     struct cail_err *err)
{
    return parse_with(read_any, p, len, benchmark, out, err);
}
