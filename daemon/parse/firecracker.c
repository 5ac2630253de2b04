/* Firecracker's metrics.json (tests/host_tools/metrics.py): {"metrics": {name: {unit, values[]}},
 * "dimensions": {...}}. benchmark = the dimension performance_test; params = the dimensions, but
 * for those of the machine, which the fingerprint has. The units are CloudWatch's. Direction is
 * not stored: rates and "bw_" or "throughput" are higher, times, memory and CPU lower. */
#include <string.h>

#include "base/mem.h"
#include "parse/formats.h"
#include "parse/reader.h"

static enum better better_of(const char *name, const char *unit)
{
    if (strncmp(name, "bw_", 3) == 0 || strstr(name, "throughput") || strncmp(name, "iops", 4) == 0)
        return BETTER_HIGHER;
    if (strstr(name, "memory") || strstr(name, "latency") || strstr(name, "time") ||
        strncmp(name, "clat_", 5) == 0 || strncmp(name, "cpu_utilization", 15) == 0)
        return BETTER_LOWER;
    return parse_unit_better(unit);
}

static int metric(struct parse_in *in, const char *benchmark, const char *params, const char *name,
                  const json_t *v)
{
    const char *unit;
    int rc = parse_text_of(in, v, "unit", &unit);
    if (!rc && !json_is_array(json_object_get(v, "values")))
        rc = parse_bad(in, "\"%.80s\" has no values", name);
    if (rc)
        return rc;
    const char *spelled = parse_unit(unit ? unit : "");
    struct parse_metric m = {
        "values", name, spelled, better_of(name, spelled), parse_unit_kind(spelled), 0};
    return parse_members(in, v, benchmark, params, &m, 1, RESULT_OK);
}

static int params_of(struct parse_in *in, const json_t *dimensions, struct str *out)
{
    static const char *const left_out[] = {"performance_test", "instance", "cpu_model",
                                           "host_kernel"};
    struct parse_pairs pairs = {.n = 0};
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)dimensions, key, member) {
        size_t i = 0;
        while (i < ARRAY_LEN(left_out) && strcmp(left_out[i], key) != 0)
            i++;
        if (i < ARRAY_LEN(left_out))
            continue;
        if (!json_is_string(member) || !parse_pairs_adds(&pairs, key, json_string_value(member)))
            return parse_bad(in, "\"dimensions\" must be at most 64 short strings");
    }
    parse_pairs_json(&pairs, out);
    return 0;
}

static int document(struct parse_in *in, const json_t *v)
{
    const json_t *dimensions = json_object_get(v, "dimensions");
    const char *benchmark, *name;
    json_t *member;
    CLEANUP(str_done) struct str params = STR_INIT;
    int rc = parse_text_of(in, dimensions, "performance_test", &benchmark);
    if (!rc)
        rc = params_of(in, dimensions, &params);
    json_object_foreach(json_object_get(v, "metrics"), name, member) {
        if (!rc)
            rc = metric(in, benchmark, params.p, name, member);
    }
    return rc;
}

static int read_json(struct parse_in *in)
{
    json_t *v = NULL;
    int rc;
    while ((rc = parse_stream_next(&in->json, &v, in->err)) == 0 && v) {
        rc = document(in, v);
        json_decref(v);
        if (rc)
            break;
    }
    return rc;
}

bool firecracker_detect(const char *p, size_t len)
{
    return parse_object_with(p, len, "metrics", "unit", "values");
}

int firecracker_parse(const char *p, size_t len, const char *benchmark, struct parse_out *out,
                      struct cail_err *err)
{
    return parse_with(read_json, p, len, benchmark, out, err);
}
