/* github-action-benchmark: an array of {name, unit, value, range, extra}, and the data.js that the
 * action keeps: "window.BENCHMARK_DATA = " and entries{suite: [{commit, tool, benches[]}]}, of
 * which the newest entry of each suite is taken: older ones are other commits. The direction is
 * that of the tool; in the bare array it is not written down, so it is that of the unit. */
#include <string.h>

#include "base/mem.h"
#include "parse/formats.h"
#include "parse/reader.h"

static const char prefix[] = "window.BENCHMARK_DATA = ";

/* "ns/iter", "ns/op": the time of one. */
static bool per_one(const char *unit, char time[8])
{
    const char *slash = strchr(unit, '/');
    if (!slash || slash - unit > 4 || (strcmp(slash, "/iter") != 0 && strcmp(slash, "/op") != 0))
        return false;
    memcpy(time, unit, (size_t)(slash - unit));
    time[slash - unit] = 0;
    return parse_unit_kind(parse_unit(time)) == METRIC_TIME;
}

static int bench(struct parse_in *in, const json_t *v, const char *suite, const char *tool)
{
    const char *name, *unit;
    char time[8];
    int rc = parse_name_of(in, v, "name", &name);
    if (!rc)
        rc = parse_text_of(in, v, "unit", &unit);
    if (!rc && (!json_object_get(v, "value") || json_is_array(json_object_get(v, "value"))))
        rc = parse_bad(in, "\"value\" is missing");
    if (rc)
        return rc;
    const char *spelled = parse_unit(unit ? unit : "");
    if (per_one(spelled, time))
        spelled = parse_unit(time);
    struct parse_metric m = {
        "value", "value", spelled, parse_unit_better(spelled), parse_unit_kind(spelled), 0};
    if (m.kind == METRIC_TIME)
        m.name = "time";
    else if (m.kind == METRIC_RATE)
        m.name = "rate";
    if (tool)
        m.better = strcmp(tool, "benchmarkjs") == 0 || strcmp(tool, "pytest") == 0 ||
                           strcmp(tool, "customBiggerIsBetter") == 0
                       ? BETTER_HIGHER
                       : BETTER_LOWER;
    CLEANUP(str_done) struct str params = STR_INIT;
    struct parse_pairs pairs = {.n = 0};
    if (suite)
        parse_pairs_adds(&pairs, "suite", suite);
    return parse_members(in, v, name, parse_pairs_json(&pairs, &params), &m, 1, RESULT_OK);
}

static int newest(struct parse_in *in, const char *suite, const json_t *list)
{
    const json_t *last = json_array_get(list, json_array_size(list) - 1);
    const json_t *benches = json_object_get(last, "benches");
    const char *tool;
    int rc = parse_text_of(in, last, "tool", &tool);
    if (!rc && !json_is_array(benches))
        rc = parse_bad(in, "\"%.80s\" has no benches", suite);
    for (size_t i = 0; !rc && i < json_array_size(benches); i++)
        rc = bench(in, json_array_get(benches, i), suite, tool);
    return rc;
}

static int one(struct parse_in *in, const char *path, const json_t *v, void *st)
{
    (void)st;
    if (strcmp(path, "[]") == 0)
        return bench(in, v, NULL, NULL);
    if (strncmp(path, "entries.", 8) != 0)
        return 0;
    return newest(in, path + 8, v);
}

static int read_any(struct parse_in *in)
{
    static const char *const spread[] = {"entries", NULL};
    size_t n = sizeof prefix - 1;
    if (in->json.len > n && memcmp(in->json.p, prefix, n) == 0)
        in->json.at = n;
    return parse_each(in, spread, one, NULL);
}

bool github_benchmark_detect(const char *p, size_t len)
{
    size_t n = sizeof prefix - 1;
    if (len > n && memcmp(p, prefix, n) == 0)
        return true;
    if (parse_first(p, len) == '{')
        return parse_object_with(p, len, "lastUpdate", "entries", NULL);
    return parse_first(p, len) == '[' && parse_key(p, len, "name") && parse_key(p, len, "value") &&
           (parse_key(p, len, "range") || parse_key(p, len, "extra")) &&
           !parse_key(p, len, "better");
}

int github_benchmark_parse(const char *p, size_t len, const char *benchmark, struct parse_out *out,
                           struct cail_err *err)
{
    return parse_with(read_any, p, len, benchmark, out, err);
}
