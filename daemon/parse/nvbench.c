/* nvbench --json: benchmarks[].states[].summaries[], told apart by their tags. params = the axes'
 * values and the device. Times are s, of the means that nvbench made: cold runs have the L2 cache
 * flushed, batch runs go back to back. A skipped state is a row without numbers. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "parse/formats.h"
#include "parse/reader.h"

static const struct parse_metric tags[] = {
    {"nv/cold/time/gpu/mean", "cold_gpu_time", "s", BETTER_LOWER, METRIC_TIME, 0},
    {"nv/cold/time/cpu/mean", "cold_cpu_time", "s", BETTER_LOWER, METRIC_TIME, 0},
    {"nv/batch/time/gpu/mean", "batch_gpu_time", "s", BETTER_LOWER, METRIC_TIME, 0},
    {"nv/cpu_only/time/cpu/mean", "cpu_time", "s", BETTER_LOWER, METRIC_TIME, 0},
    {"nv/cold/bw/item_rate", "item_rate", "items/s", BETTER_HIGHER, METRIC_RATE, 0},
    {"nv/cold/bw/global/bytes_per_second", "bandwidth", "B/s", BETTER_HIGHER, METRIC_RATE, 0},
    {"nv/cold/bw/global/utilization", "bandwidth_used", "", BETTER_HIGHER, METRIC_COUNT, 0},
};

/* Numbers are strings in this format, so that no digit is lost. */
static bool number(const json_t *v, double *ret)
{
    if (json_is_string(v))
        return parse_span_number(parse_span_of(json_string_value(v)), ret);
    return parse_stream_number(v, ret);
}

static int axes(struct parse_in *in, const json_t *state, struct str *out)
{
    const json_t *list = json_object_get(state, "axis_values");
    struct parse_pairs pairs = {.n = 0};
    char device[24] = "";
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *axis = json_array_get(list, i), *value = json_object_get(axis, "value");
        const char *name, *text = json_string_value(value);
        int rc = parse_name_of(in, axis, "name", &name);
        if (rc)
            return rc;
        if (!text || !parse_pairs_adds(&pairs, name, text))
            return parse_bad(in, "axis \"%.40s\" is there twice or has no text", name);
    }
    const json_t *id = json_object_get(state, "device");
    if (json_is_integer(id)) {
        snprintf(device, sizeof device, "%lld", (long long)json_integer_value(id));
        parse_pairs_adds(&pairs, "device", device);
    }
    parse_pairs_json(&pairs, out);
    return 0;
}

static int summary(struct parse_in *in, const json_t *v, const char *name, const char *params)
{
    const char *tag;
    int rc = parse_name_of(in, v, "tag", &tag);
    if (rc)
        return rc;
    const json_t *data = json_object_get(v, "data");
    for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
        double value;
        if (strcmp(tags[i].from, tag) != 0)
            continue;
        for (size_t k = 0; k < json_array_size(data); k++) {
            const json_t *d = json_array_get(data, k);
            const char *what = json_string_value(json_object_get(d, "name"));
            if (!what || strcmp(what, "value") != 0)
                continue;
            if (!number(json_object_get(d, "value"), &value))
                return parse_bad(in, "\"%.60s\" is not a number", tag);
            return parse_put1(in, name, params, &tags[i], RESULT_OK, value);
        }
        return parse_bad(in, "\"%.60s\" has no value", tag);
    }
    return 0;
}

static int state(struct parse_in *in, const json_t *v, const char *name)
{
    CLEANUP(str_done) struct str params = STR_INIT;
    int rc = axes(in, v, &params);
    if (rc)
        return rc;
    if (json_is_true(json_object_get(v, "is_skipped")))
        return parse_put(in, name, params.p, &tags[0], RESULT_SKIPPED, NULL, 0);
    const json_t *list = json_object_get(v, "summaries");
    if (!json_is_array(list) && !json_is_null(list))
        return parse_bad(in, "\"summaries\" must be an array");
    for (size_t i = 0; !rc && i < json_array_size(list); i++)
        rc = summary(in, json_array_get(list, i), name, params.p);
    return rc;
}

struct reading {
    char name[PARSE_LONG_NAME_MAX + 1];
    int64_t opened; /* when it was read: its states are the next container that opens */
};

/* A benchmark's name comes before its states. */
static int one(struct parse_in *in, const char *path, const json_t *v, void *st)
{
    struct reading *r = st;
    if (strcmp(path, "benchmarks[].name") == 0) {
        if (!json_is_string(v) || json_string_length(v) >= sizeof r->name)
            return parse_bad(in, "a benchmark's name must be a short string");
        memcpy(r->name, json_string_value(v), json_string_length(v) + 1);
        r->opened = in->json.opened;
    }
    if (strcmp(path, "benchmarks[].states[]") != 0)
        return 0;
    return r->name[0] && r->opened + 1 == in->json.opened
               ? state(in, v, r->name)
               : parse_bad(in, "the states have no name before them");
}

static int read_json(struct parse_in *in)
{
    static const char *const spread[] = {"benchmarks", "benchmarks[]", "benchmarks[].states", NULL};
    struct reading r = {.name = ""};
    return parse_each(in, spread, one, &r);
}

bool nvbench_detect(const char *p, size_t len)
{
    return parse_object_with(p, len, "nvbench", "meta", NULL) ||
           parse_object_with(p, len, "devices", "sm_version", NULL);
}

int nvbench_parse(const char *p, size_t len, const char *benchmark, struct parse_out *out,
                  struct cail_err *err)
{
    return parse_with(read_json, p, len, benchmark, out, err);
}
