/* Criterion.rs: target/criterion/NAME/new/{estimates,sample}.json and the console. Times in ns per
 * iteration.
 *
 * sample.json: each times[i] / iters[i] is a sample of `time`. estimates.json: mean, median, slope
 * and `typical`, which is what the console prints: the slope, or the mean where sampling was flat
 * and the slope is null. The files do not hold their name: it is the caller's.
 * change/estimates.json holds ratios to the run before and is refused. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "parse/formats.h"
#include "parse/reader.h"

static const struct parse_metric typical = {NULL, "typical", "ns", BETTER_LOWER, METRIC_TIME, 0};

static int estimate(struct parse_in *in, const json_t *v, const struct parse_metric *m,
                    bool *ret_there)
{
    const json_t *o = json_object_get(v, m->from);
    double point;
    *ret_there = false;
    if (!o || json_is_null(o))
        return 0;
    int rc = parse_number_of(in, o, "point_estimate", ret_there, &point);
    if (!rc && !*ret_there)
        rc = parse_bad(in, "\"%s\" has no \"point_estimate\"", m->from);
    return rc ? rc : parse_put1(in, NULL, NULL, m, RESULT_OK, point);
}

static int estimates(struct parse_in *in, const json_t *v)
{
    static const struct parse_metric m[] = {
        {"mean", "mean", "ns", BETTER_LOWER, METRIC_TIME, 0},
        {"median", "median", "ns", BETTER_LOWER, METRIC_TIME, 0},
        {"slope", "slope", "ns", BETTER_LOWER, METRIC_TIME, 0},
        {"std_dev", "std_dev", "ns", BETTER_NEUTRAL, METRIC_TIME, 0},
        {"median_abs_dev", "median_abs_dev", "ns", BETTER_NEUTRAL, METRIC_TIME, 0},
    };
    if (!json_object_get(v, "std_dev"))
        return parse_bad(in, "these are changes against an earlier run, not times");
    bool there[ARRAY_LEN(m)];
    struct parse_metric shown = typical;
    int rc = 0;
    for (size_t i = 0; !rc && i < ARRAY_LEN(m); i++)
        rc = estimate(in, v, &m[i], &there[i]);
    if (rc)
        return rc;
    shown.from = there[2] ? "slope" : "mean";
    return estimate(in, v, &shown, &there[0]);
}

static int samples(struct parse_in *in, const json_t *v)
{
    static const struct parse_metric m = {NULL, "time", "ns", BETTER_LOWER, METRIC_TIME, 0};
    double *times = NULL, *iters = NULL;
    size_t n = 0, n_iters = 0;
    int rc = parse_samples_of(in, json_object_get(v, "times"), 1, &times, &n);
    if (!rc)
        rc = parse_samples_of(in, json_object_get(v, "iters"), 1, &iters, &n_iters);
    if (!rc && n != n_iters)
        rc = parse_bad(in, "\"iters\" and \"times\" are not of one length");
    for (size_t i = 0; !rc && i < n; i++)
        times[i] /= iters[i]; /* no iterations: not finite, a row of status nan */
    if (!rc && n)
        rc = parse_put(in, NULL, NULL, &m, RESULT_OK, times, n);
    free(times);
    free(iters);
    return rc;
}

static int read_json(struct parse_in *in)
{
    json_t *v = NULL;
    int rc;
    while ((rc = parse_stream_next(&in->json, &v, in->err)) == 0 && v) {
        if (json_object_get(v, "mean"))
            rc = estimates(in, v);
        else if (json_object_get(v, "iters"))
            rc = samples(in, v);
        else
            rc = parse_bad(in, "neither estimates nor samples of Criterion");
        json_decref(v);
        if (rc)
            break;
    }
    return rc;
}

/* ---- console ---- */

struct unit {
    const char *word;
    double scale;
};

static bool scale_of(struct parse_span unit, const struct unit *units, size_t n, double *ret)
{
    for (size_t i = 0; i < n; i++)
        if (parse_span_is(unit, units[i].word)) {
            *ret = units[i].scale;
            return true;
        }
    return false;
}

/* "[22.343 ns 25.087 ns 27.951 ns]": the one in the middle. */
static bool middle(struct parse_span rest, double *ret, struct parse_span *ret_unit)
{
    rest = parse_span_trim(rest);
    if (!parse_cut(&rest, "["))
        return false;
    parse_cut_word(&rest);
    parse_cut_word(&rest);
    bool ok = parse_span_number(parse_cut_word(&rest), ret);
    *ret_unit = parse_cut_word(&rest);
    return ok;
}

static int put_time(struct parse_in *in, const struct str *name, struct parse_span rest)
{
    static const struct unit units[] = {{"ps", 1e-3},       {"ns", 1},   {"us", 1e3},
                                        {"\xc2\xb5s", 1e3}, {"ms", 1e6}, {"s", 1e9}};
    struct parse_span unit;
    double v, scale;
    if (!middle(rest, &v, &unit) || !scale_of(unit, units, ARRAY_LEN(units), &scale))
        return parse_bad(in, "\"time:\" must be like [1.1 ns 1.2 ns 1.3 ns]");
    if (!name->len)
        return parse_bad(in, "the time has no name before it");
    return parse_put1(in, name->p, NULL, &typical, RESULT_OK, v * scale);
}

static int put_throughput(struct parse_in *in, const struct str *name, struct parse_span rest)
{
    static const struct unit bytes[] = {{"B/s", 1},
                                        {"KiB/s", 1024.},
                                        {"MiB/s", 1024. * 1024},
                                        {"GiB/s", 1024. * 1024 * 1024},
                                        {"TiB/s", 1024. * 1024 * 1024 * 1024},
                                        {"KB/s", 1e3},
                                        {"MB/s", 1e6},
                                        {"GB/s", 1e9}};
    static const struct unit elements[] = {
        {"elem/s", 1}, {"Kelem/s", 1e3}, {"Melem/s", 1e6}, {"Gelem/s", 1e9}};
    struct parse_metric m = {NULL, "throughput", "B/s", BETTER_HIGHER, METRIC_RATE, 0};
    struct parse_span unit;
    double v, scale;
    if (!name->len || !middle(rest, &v, &unit))
        return parse_bad(in, "\"thrpt:\" must be like [1.1 GiB/s 1.2 GiB/s 1.3 GiB/s]");
    if (!scale_of(unit, bytes, ARRAY_LEN(bytes), &scale)) {
        m.unit = "elem/s";
        if (!scale_of(unit, elements, ARRAY_LEN(elements), &scale))
            return parse_bad(in, "the unit of \"thrpt:\" is not known");
    }
    return parse_put1(in, name->p, NULL, &m, RESULT_OK, v * scale);
}

/* A long name stands on the line before its time. The lines of "change:" repeat both words with
 * percentages. */
static int console(struct parse_in *in)
{
    CLEANUP(str_done) struct str name = STR_INIT, above = STR_INIT;
    bool changes = false;
    int rc = 0;
    while (!rc && parse_text_next(&in->text)) {
        struct parse_span rest = in->text.line, before;
        if (parse_cut_to(&rest, "time:   [", &before)) {
            before = parse_span_trim(before);
            bool inner = !before.n && changes;
            if (inner)
                continue;
            str_clear(&name);
            str_add(&name, before.n ? before.p : above.p, before.n ? before.n : above.len);
            rest.p--;
            rest.n++;
            rc = put_time(in, &name, rest);
        } else if (parse_cut_to(&rest, "thrpt:  [", &before) && !changes) {
            rest.p--;
            rest.n++;
            rc = put_throughput(in, &name, rest);
        }
        struct parse_span line = parse_span_trim(in->text.line);
        if (parse_span_starts(line, "change:"))
            changes = true;
        else if (in->text.line.n && in->text.line.p[0] != ' ')
            changes = false;
        if (line.n && !parse_span_starts(line, "Benchmarking ")) {
            str_clear(&above);
            str_add(&above, line.p, line.n);
        }
    }
    return rc;
}

static int read_any(struct parse_in *in)
{
    return parse_first(in->json.p, in->json.len) == '{' ? read_json(in) : console(in);
}

static bool is_time(struct parse_span line)
{
    return parse_span_has(line, "time:   [");
}

bool criterion_detect(const char *p, size_t len)
{
    if (parse_first(p, len) == '{')
        return parse_object_with(p, len, "mean", "confidence_interval", "point_estimate") ||
               parse_object_with(p, len, "sampling_mode", "iters", NULL);
    return parse_any_line(p, len, is_time);
}

int criterion_parse(const char *p, size_t len, const char *benchmark, struct parse_out *out,
                    struct cail_err *err)
{
    return parse_with(read_any, p, len, benchmark, out, err);
}
