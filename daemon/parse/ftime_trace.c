/* clang -ftime-trace: Chrome trace events. The "Total X" events are the sums that clang itself
 * made: wall_time us and how many calls, params {"event": "X"}. The single events are left out:
 * they nest, so their sums count twice, and short ones are missing. */
#include <math.h>
#include <string.h>

#include "parse/formats.h"
#include "parse/reader.h"

static int one(struct parse_in *in, const char *path, const json_t *v, void *st)
{
    static const struct parse_metric time = {"dur",        "wall_time", "us",
                                             BETTER_LOWER, METRIC_TIME, 0};
    static const struct parse_metric calls = {"count",        "calls",      "calls",
                                              BETTER_NEUTRAL, METRIC_EXACT, 0};
    const char *name = NULL;
    (void)st;
    if (strcmp(path, "traceEvents[]") != 0)
        return 0;
    int rc = parse_text_of(in, v, "name", &name);
    if (rc || !name || strncmp(name, "Total ", 6) != 0)
        return rc;
    if (!json_object_get(v, "dur"))
        return parse_bad(in, "\"%.80s\" has no \"dur\"", name);
    CLEANUP(str_done) struct str params = STR_INIT;
    struct parse_pairs pairs = {.n = 0};
    parse_pairs_adds(&pairs, "event", name + 6);
    parse_pairs_json(&pairs, &params);
    rc = parse_members(in, v, NULL, params.p, &time, 1, RESULT_OK);
    if (!rc)
        rc = parse_members(in, json_object_get(v, "args"), NULL, params.p, &calls, 1, RESULT_OK);
    return rc;
}

static int read_trace(struct parse_in *in)
{
    static const char *const spread[] = {"traceEvents", NULL};
    return parse_each(in, spread, one, NULL);
}

bool ftime_trace_detect(const char *p, size_t len)
{
    return parse_object_with(p, len, "traceEvents", "args", NULL);
}

int ftime_trace_parse(const char *p, size_t len, const char *benchmark, struct parse_out *out,
                      struct cail_err *err)
{
    return parse_with(read_trace, p, len, benchmark, out, err);
}
