/* LLVM's lit: -o JSON, --resultdb-output JSON, --time-trace-output JSON and the console
 * (lit_console.c); llvm-test-suite is the same JSON with metrics.
 *
 * A test is a check row: benchmark = "SUITE :: path", metric elapsed s; PASS, FLAKYPASS and XFAIL
 * are ok; FAIL, XPASS, UNRESOLVED and TIMEOUT failed; UNSUPPORTED, SKIPPED and EXCLUDED skipped.
 * The metrics of the test suite are lower-is-better, but its hashes are strings and left out. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "parse/formats.h"
#include "parse/lit.h"

bool lit_status(struct parse_span code, enum result_status *ret)
{
    static const struct {
        const char *code;
        enum result_status status;
    } codes[] = {
        {"PASS", RESULT_OK},         {"FLAKYPASS", RESULT_OK},
        {"XFAIL", RESULT_OK},        {"FAIL", RESULT_FAILED},
        {"XPASS", RESULT_FAILED},    {"UNRESOLVED", RESULT_FAILED},
        {"TIMEOUT", RESULT_FAILED},  {"UNSUPPORTED", RESULT_SKIPPED},
        {"SKIPPED", RESULT_SKIPPED}, {"EXCLUDED", RESULT_SKIPPED},
    };
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (parse_span_is(code, codes[i].code)) {
            *ret = codes[i].status;
            return true;
        }
    return false;
}

/* compile_time, exec_time, link_time in s; size and size..SECTION in bytes; others a count. In a
 * child of a microbenchmark ("x.test:BM_y") exec_time is in Google Benchmark's time_unit, which is
 * not in the file, so no unit is claimed. */
static int suite_metric(struct parse_in *in, const char *test, const char *key, double value,
                        enum result_status status)
{
    size_t n = strlen(key);
    bool is_time = n > 5 && strcmp(key + n - 5, "_time") == 0;
    bool is_size = strncmp(key, "size", 4) == 0;
    const char *dot = strstr(test, ".test:");
    struct parse_metric m = {NULL, key, "", BETTER_LOWER, METRIC_COUNT, 0};
    if (is_time) {
        m.unit = dot ? "" : "s";
        m.kind = METRIC_TIME;
    } else if (is_size) {
        m.unit = "B";
        m.kind = METRIC_EXACT;
    }
    return parse_put1(in, test, NULL, &m, status, value);
}

static int suite_metrics(struct parse_in *in, const json_t *metrics, const char *test,
                         enum result_status status)
{
    const char *key;
    json_t *member;
    int rc = 0;
    json_object_foreach((json_t *)metrics, key, member) {
        double value;
        if (rc || (json_is_string(member) && json_string_length(member)) ||
            !parse_stream_number(member, &value))
            continue;
        rc = suite_metric(in, test, key, value, status);
    }
    return rc;
}

/* --resultdb-output: status says what came out, expected whether that is good. */
static int resultdb(struct parse_in *in, const json_t *v, const char *test)
{
    const char *status, *duration;
    double seconds = -1;
    int rc = parse_name_of(in, v, "status", &status);
    if (!rc)
        rc = parse_text_of(in, v, "duration", &duration);
    if (rc)
        return rc;
    if (duration) {
        struct parse_span s = parse_span_of(duration);
        if (!parse_span_ends(s, "s") ||
            !parse_span_number((struct parse_span){s.p, s.n - 1}, &seconds))
            return parse_bad(in, "\"duration\" must be like \"0.14s\"");
    }
    enum result_status ours =
        json_is_true(json_object_get(v, "expected")) ? RESULT_OK : RESULT_FAILED;
    if (strcmp(status, "SKIP") == 0)
        ours = RESULT_SKIPPED;
    return parse_put_check(in, test, NULL, ours, seconds);
}

static int one_test(struct parse_in *in, const json_t *v)
{
    const char *test, *code;
    enum result_status status;
    bool there;
    double elapsed = NAN;
    int rc = parse_text_of(in, v, "testId", &test);
    if (!rc && test)
        return resultdb(in, v, test);
    if (!rc)
        rc = parse_name_of(in, v, "name", &test);
    if (!rc)
        rc = parse_name_of(in, v, "code", &code);
    if (!rc)
        rc = parse_number_of(in, v, "elapsed", &there, &elapsed);
    if (rc)
        return rc;
    if (!lit_status(parse_span_of(code), &status))
        return parse_bad(in, "the code \"%.40s\" is not known", code);
    rc = parse_put_check(in, test, NULL, status, there && !isnan(elapsed) ? elapsed : -1);
    return rc ? rc : suite_metrics(in, json_object_get(v, "metrics"), test, status);
}

/* --time-trace-output has times but no outcome: not_verified. */
static int one_event(struct parse_in *in, const json_t *v)
{
    const char *test;
    bool there;
    double us = NAN;
    int rc = parse_name_of(in, v, "name", &test);
    if (!rc)
        rc = parse_number_of(in, v, "dur", &there, &us);
    if (!rc && (!there || !(us >= 0)))
        rc = parse_bad(in, "an event has no \"dur\"");
    return rc ? rc : parse_put_check(in, test, NULL, RESULT_NOT_VERIFIED, us * 1e-6);
}

static int one(struct parse_in *in, const char *path, const json_t *v, void *st)
{
    (void)st;
    if (strcmp(path, "tests[]") == 0)
        return one_test(in, v);
    return strcmp(path, "traceEvents[]") == 0 ? one_event(in, v) : 0;
}

static int read_any(struct parse_in *in)
{
    static const char *const spread[] = {"tests", "traceEvents", NULL};
    if (parse_first(in->json.p, in->json.len) != '{')
        return lit_console(in);
    return parse_each(in, spread, one, NULL);
}

bool lit_detect(const char *p, size_t len)
{
    if (parse_first(p, len) != '{')
        return parse_any_line(p, len, lit_console_line);
    if (parse_key(p, len, "traceEvents"))
        return parse_has(p, len, " :: ") && !parse_key(p, len, "args") && !parse_key(p, len, "cat");
    return parse_object_with(p, len, "__version__", "elapsed", NULL);
}

int lit_parse(const char *p, size_t len, const char *benchmark, struct parse_out *out,
              struct cail_err *err)
{
    return parse_with(read_any, p, len, benchmark, out, err);
}
