/* Google Benchmark (src/json_reporter.cc, src/console_reporter.cc), 1.7 and 1.9, and
 * iree-benchmark-module, which is the same: JSON here, the console in gbench_console.c.
 *
 * benchmark = run_name with its parameters ("BM_Sum/1024/threads:2"); metrics real_time, cpu_time
 * and each user counter. A repetition is a sample. Aggregates (mean, median ...) are left out where
 * repetitions are; of a file that has aggregates alone the median is the one sample. A name with
 * /real_time or /manual_time says that the CPU's clock means nothing there: cpu_time is neutral. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "parse/formats.h"
#include "parse/gbench.h"

/* json_reporter.cc writes these itself; every other number is a counter. */
static const char *const own_members[] = {
    "family_index",
    "per_family_instance_index",
    "repetitions",
    "repetition_index",
    "threads",
    "iterations",
    "real_time",
    "cpu_time",
    "cpu_coefficient",
    "real_coefficient",
    "rms",
    "allocs_per_iter",
    "max_bytes_used",
    "net_heap_growth",
    "total_allocated_bytes",
};

bool gbench_put_times(struct parse_in *in, const char *name, double real, double cpu,
                      const char *unit, int *ret_rc)
{
    static const char *const units[] = {"ns", "us", "ms", "s"};
    size_t i = 0;
    while (i < ARRAY_LEN(units) && strcmp(units[i], unit) != 0)
        i++;
    if (i == ARRAY_LEN(units))
        return false;
    bool other_clock = strstr(name, "/real_time") || strstr(name, "/manual_time");
    const struct parse_metric m[] = {
        {NULL, "real_time", units[i], BETTER_LOWER, METRIC_TIME, 0},
        {NULL, "cpu_time", units[i], other_clock ? BETTER_NEUTRAL : BETTER_LOWER, METRIC_TIME, 0},
    };
    *ret_rc = parse_put1(in, name, NULL, &m[0], RESULT_OK, real);
    if (!*ret_rc)
        *ret_rc = parse_put1(in, name, NULL, &m[1], RESULT_OK, cpu);
    return true;
}

static bool ends_in(const char *s, const char *end)
{
    size_t n = strlen(s), k = strlen(end);
    return n >= k && strcmp(s + n - k, end) == 0;
}

/* The console writes "/s" behind a rate; in JSON its name alone tells. A "gflops" is a rate too,
 * but in a unit of its author's own. */
int gbench_put_counter(struct parse_in *in, const char *name, const char *counter, double value,
                       bool rate)
{
    struct parse_metric m = {NULL, counter, "", BETTER_NEUTRAL, METRIC_COUNT, 0};
    rate = rate || ends_in(counter, "_per_second") || strcmp(counter, "flops") == 0;
    if (rate || strcasestr(counter, "flops")) {
        m.better = BETTER_HIGHER;
        m.kind = METRIC_RATE;
    }
    if (strcmp(counter, "bytes_per_second") == 0)
        m.unit = "B/s";
    else if (strcmp(counter, "items_per_second") == 0)
        m.unit = "items/s";
    else if (rate)
        m.unit = "1/s";
    return parse_put1(in, name, NULL, &m, RESULT_OK, value);
}

int gbench_put_bad(struct parse_in *in, const char *name, const char *unit,
                   enum result_status status)
{
    const struct parse_metric m = {NULL, "real_time", unit, BETTER_LOWER, METRIC_TIME, 0};
    return parse_put(in, name, NULL, &m, status, NULL, 0);
}

static int counters(struct parse_in *in, const json_t *v, const char *name)
{
    const char *key;
    json_t *member;
    int rc = 0;
    json_object_foreach((json_t *)v, key, member) {
        size_t i = 0;
        double value;
        while (i < ARRAY_LEN(own_members) && strcmp(own_members[i], key) != 0)
            i++;
        bool bare = json_is_string(member) && json_string_length(member) == 0; /* NaN */
        if (i < ARRAY_LEN(own_members) || !(json_is_number(member) || bare) ||
            strcmp(key, "label") == 0 || !parse_stream_number(member, &value))
            continue;
        rc = gbench_put_counter(in, name, key, value, false);
        if (rc)
            return rc;
    }
    return rc;
}

static int measured(struct parse_in *in, const json_t *v, const char *name)
{
    double real = NAN, cpu = NAN;
    const char *unit = NULL;
    bool there[2];
    int rc = parse_number_of(in, v, "real_time", &there[0], &real);
    if (!rc)
        rc = parse_number_of(in, v, "cpu_time", &there[1], &cpu);
    if (!rc && (!there[0] || !there[1]))
        rc = parse_bad(in, "\"real_time\" or \"cpu_time\" is missing");
    if (!rc)
        rc = parse_name_of(in, v, "time_unit", &unit);
    if (rc)
        return rc;
    if (!gbench_put_times(in, name, real, cpu, unit, &rc))
        return parse_bad(in, "\"time_unit\" is not ns, us, ms or s");
    return rc ? rc : counters(in, v, name);
}

/* in->got has the samples of this document, medians its medians, earlier what came before. */
struct reading {
    struct parse_in medians;
    struct parse_out earlier;
    int64_t doc;
};

static int entry(struct parse_in *in, const json_t *v, struct reading *r)
{
    const char *name, *run_name, *type, *aggregate, *unit;
    int rc = parse_name_of(in, v, "name", &name);
    if (!rc)
        rc = parse_text_of(in, v, "run_name", &run_name);
    if (!rc)
        rc = parse_text_of(in, v, "run_type", &type);
    if (!rc)
        rc = parse_text_of(in, v, "aggregate_name", &aggregate);
    if (rc)
        return rc;
    if (run_name)
        name = run_name;
    if (type && strcmp(type, "aggregate") == 0) {
        if (!aggregate || strcmp(aggregate, "median") != 0)
            return 0;
        r->medians.json = in->json; /* for the place in errors */
        return measured(&r->medians, v, name);
    }
    const json_t *skipped = json_object_get(v, "skipped");
    bool failed = json_is_true(json_object_get(v, "error_occurred"));
    if (!failed && !json_is_true(skipped) && !json_is_string(skipped))
        return measured(in, v, name);
    rc = parse_text_of(in, v, "time_unit", &unit);
    return rc ? rc
              : gbench_put_bad(in, name, unit ? unit : "", failed ? RESULT_FAILED : RESULT_SKIPPED);
}

/* The medians of what has no samples in this document. */
static int end_of_doc(struct parse_in *in, struct reading *r)
{
    struct parse_out *medians = &r->medians.got;
    int rc = 0;
    for (size_t i = 0; !rc && i < medians->n; i++)
        if (!parse_out_has(&in->got, &medians->result[i]))
            rc = parse_out_take(&in->got, &medians->result[i], in->err);
    parse_out_done(medians);
    return rc ? rc : parse_out_move(&r->earlier, &in->got, in->err);
}

static int one(struct parse_in *in, const char *path, const json_t *v, void *st)
{
    struct reading *r = st;
    int rc = 0;
    if (r->doc && r->doc != in->json.doc)
        rc = end_of_doc(in, r);
    r->doc = in->json.doc;
    if (rc || strcmp(path, "benchmarks[]") != 0)
        return rc;
    return entry(in, v, r);
}

static int read_any(struct parse_in *in)
{
    static const char *const spread[] = {"benchmarks", NULL};
    if (parse_first(in->json.p, in->json.len) != '{')
        return gbench_console(in);
    struct reading r = {.medians = {.benchmark = in->benchmark, .err = in->err}};
    int rc = parse_each(in, spread, one, &r);
    if (!rc)
        rc = end_of_doc(in, &r);
    parse_out_done(&r.medians.got);
    if (rc)
        parse_out_done(&r.earlier);
    else
        in->got = r.earlier; /* end_of_doc left it empty */
    return rc;
}

bool gbench_detect(const char *p, size_t len)
{
    if (parse_first(p, len) == '{')
        return parse_object_with(p, len, "context", "num_cpus", NULL) ||
               parse_object_with(p, len, "context", "library_build_type", NULL);
    return parse_any_line(p, len, gbench_is_header);
}

int gbench_parse(const char *p, size_t len, const char *benchmark, struct parse_out *out,
                 struct cail_err *err)
{
    return parse_with(read_any, p, len, benchmark, out, err);
}
