/* pytest-benchmark's JSON (--benchmark-json, --benchmark-save). benchmark = fullname; time s: the
 * samples are stats.data, which --benchmark-save leaves out, then the median is the one sample. */
#include <string.h>

#include "base/mem.h"
#include "parse/formats.h"
#include "parse/reader.h"

static int one(struct parse_in *in, const char *path, const json_t *v, void *st)
{
    static const struct parse_metric data = {"data", "time", "s", BETTER_LOWER, METRIC_TIME, 0};
    static const struct parse_metric median = {"median", "time", "s", BETTER_LOWER, METRIC_TIME, 0};
    const char *name;
    (void)st;
    if (strcmp(path, "benchmarks[]") != 0)
        return 0;
    int rc = parse_text_of(in, v, "fullname", &name);
    if (!rc && !name)
        rc = parse_name_of(in, v, "name", &name);
    if (rc)
        return rc;
    const json_t *stats = json_object_get(v, "stats");
    bool samples = json_array_size(json_object_get(stats, "data")) > 0;
    if (!samples && !json_object_get(stats, "median"))
        return parse_bad(in, "\"%.80s\" has no stats", name);
    return parse_members(in, stats, name, NULL, samples ? &data : &median, 1, RESULT_OK);
}

static int read_json(struct parse_in *in)
{
    static const char *const spread[] = {"benchmarks", NULL};
    return parse_each(in, spread, one, NULL);
}

bool pytest_benchmark_detect(const char *p, size_t len)
{
    return parse_object_with(p, len, "machine_info", "python_version", NULL) ||
           parse_object_with(p, len, "machine_info", "commit_info", NULL);
}

int pytest_benchmark_parse(const char *p, size_t len, const char *benchmark, struct parse_out *out,
                           struct cail_err *err)
{
    return parse_with(read_json, p, len, benchmark, out, err);
}
