/* Bencher Metric Format: {"benchmark": {"measure": {"value": 1.5, "lower_value", "upper_value"}}}.
 * The measures that Bencher itself defines have a unit and a direction, others are neutral. */
#include <string.h>

#include "base/jscan.h"
#include "base/mem.h"
#include "parse/formats.h"
#include "parse/reader.h"

static const struct parse_metric known[] = {
    {"latency", "latency", "ns", BETTER_LOWER, METRIC_TIME, 0},
    {"throughput", "throughput", "ops/s", BETTER_HIGHER, METRIC_RATE, 0},
    {"build-time", "build-time", "s", BETTER_LOWER, METRIC_TIME, 0},
    {"file-size", "file-size", "B", BETTER_LOWER, METRIC_EXACT, 0},
    {"instructions", "instructions", "", BETTER_LOWER, METRIC_COUNT, 0},
    {"l1-accesses", "l1-accesses", "", BETTER_LOWER, METRIC_COUNT, 0},
    {"l2-accesses", "l2-accesses", "", BETTER_LOWER, METRIC_COUNT, 0},
    {"ram-accesses", "ram-accesses", "", BETTER_LOWER, METRIC_COUNT, 0},
    {"total-accesses", "total-accesses", "", BETTER_LOWER, METRIC_COUNT, 0},
    {"estimated-cycles", "estimated-cycles", "", BETTER_LOWER, METRIC_COUNT, 0},
};

static int measure(struct parse_in *in, const char *benchmark, const char *name, const json_t *v)
{
    struct parse_metric m = {"value", name, "", BETTER_NEUTRAL, METRIC_COUNT, 0};
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (strcmp(known[i].from, name) == 0)
            m = known[i];
    m.from = "value";
    if (!json_object_get(v, "value") || json_is_array(json_object_get(v, "value")))
        return parse_bad(in, "\"%.80s\" \"%.80s\" has no value", benchmark, name);
    return parse_members(in, v, benchmark, NULL, &m, 1, RESULT_OK);
}

static int read_json(struct parse_in *in)
{
    json_t *v = NULL;
    int rc;
    while ((rc = parse_stream_next(&in->json, &v, in->err)) == 0 && v) {
        const char *benchmark, *name;
        json_t *measures, *one;
        json_object_foreach(v, benchmark, measures) {
            if (!json_is_object(measures) && !rc)
                rc = parse_bad(in, "\"%.80s\" must be an object of measures", benchmark);
            json_object_foreach(measures, name, one) {
                if (!rc)
                    rc = measure(in, benchmark, name, one);
            }
        }
        json_decref(v);
        if (rc)
            break;
    }
    return rc;
}

/* After `open`, a key and ':'. */
static bool enter(const char **p, const char *end, char open, const char **key, size_t *key_len)
{
    size_t n = 0, left = (size_t)(end - *p);
    if (parse_first(*p, left) != open)
        return false;
    *p = (const char *)memchr(*p, open, left) + 1;
    left = (size_t)(end - *p);
    if (parse_first(*p, left) != '"' || jscan_value(*p, left, 1, &n) != JSCAN_OK)
        return false;
    *key = (const char *)memchr(*p, '"', left) + 1;
    *key_len = (size_t)(*p + n - 1 - *key);
    *p += n;
    if (parse_first(*p, (size_t)(end - *p)) != ':')
        return false;
    *p = (const char *)memchr(*p, ':', (size_t)(end - *p)) + 1;
    return true;
}

bool bmf_detect(const char *p, size_t len)
{
    const char *end = p + len, *key;
    size_t n = 0;
    for (int depth = 0; depth < 3; depth++)
        if (!len || !enter(&p, end, '{', &key, &n))
            return false;
    struct parse_span last = {key, n};
    return parse_span_is(last, "value") || parse_span_is(last, "lower_value") ||
           parse_span_is(last, "upper_value");
}

int bmf_parse(const char *p, size_t len, const char *benchmark, struct parse_out *out,
              struct cail_err *err)
{
    return parse_with(read_json, p, len, benchmark, out, err);
}
