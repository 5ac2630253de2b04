/* The plain format, for scripts that print their own numbers:
 *   {"name":"latency","unit":"ms","value":1.5,"better":"lower"}
 * one object, an array of them, or one a line. Optional: benchmark, params {}, metric_kind, status,
 * samples [] (in the place of value). The same name again adds a sample. A value of null or NaN is
 * a row of status nan. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/near.h"
#include "base/utf8.h"
#include "parse/formats.h"
#include "parse/reader.h"

enum { PLAIN_PARAMS_MAX = 64 };

static const char *const members[] = {"name",   "unit",        "value",  "samples",  "better",
                                      "params", "metric_kind", "status", "benchmark"};

/* Whether the first member of the first object is one of ours: other formats have names and values
 * further down. */
static bool begins_like_ours(const char *p, size_t len)
{
    const char *end = p + len, *at = p;
    while (at < end && memchr(" \t\r\n[{", *at, 6))
        at++;
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        size_t n = strlen(members[i]);
        if ((size_t)(end - at) > n + 2 && at[0] == '"' && memcmp(at + 1, members[i], n) == 0 &&
            at[n + 1] == '"')
            return true;
    }
    return false;
}

/* "range" and "extra" are github-action-benchmark's, which knows no "better". */
bool plain_detect(const char *p, size_t len)
{
    char first = parse_first(p, len);
    return (first == '{' || first == '[') && begins_like_ours(p, len) &&
           parse_key(p, len, "name") &&
           (parse_key(p, len, "value") || parse_key(p, len, "samples")) &&
           (parse_key(p, len, "better") ||
            (!parse_key(p, len, "range") && !parse_key(p, len, "extra")));
}

static int check_members(const struct parse_stream *s, const json_t *v, struct cail_err *err)
{
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)v, key, member) {
        size_t i = 0;
        while (i < ARRAY_LEN(members) && strcmp(members[i], key) != 0)
            i++;
        if (i < ARRAY_LEN(members))
            continue;
        const char *near = near_word(key, members, ARRAY_LEN(members));
        return parse_stream_bad(s, err, "there is no member \"%.40s\"%s%s%s", key,
                                near ? "; did you mean \"" : "", near ? near : "",
                                near ? "\"?" : "");
    }
    return 0;
}

/* *ret stays as it was when the member is not there. */
static int text(const struct parse_stream *s, const json_t *v, const char *key, size_t max,
                const char **ret, struct cail_err *err)
{
    const json_t *member = json_object_get(v, key);
    if (!member)
        return 0;
    size_t len = json_string_length(member);
    if (!json_is_string(member) || len > max || !utf8_printable(json_string_value(member), len, ""))
        return parse_stream_bad(s, err, "\"%s\" must be a string of at most %zu printable bytes",
                                key, max);
    *ret = json_string_value(member);
    return 0;
}

static int word(const struct parse_stream *s, const json_t *v, const char *key,
                const char *const words[], int n, int *ret, struct cail_err *err)
{
    const char *given = NULL;
    int rc = text(s, v, key, 40, &given, err);
    if (rc || !given)
        return rc;
    int at = word_find(given, words, n);
    if (at < 0)
        return parse_stream_bad(s, err, "\"%s\": \"%.40s\" is not known", key, given);
    *ret = at;
    return 0;
}

/* The text of params, keys sorted; caller frees. NULL without. */
static int params_text(const struct parse_stream *s, const json_t *v, char **ret,
                       struct cail_err *err)
{
    const json_t *params = json_object_get(v, "params");
    if (!params)
        return 0;
    if (!json_is_object(params) || json_object_size(params) > PLAIN_PARAMS_MAX)
        return parse_stream_bad(s, err, "\"params\" must be an object of at most %d members",
                                PLAIN_PARAMS_MAX);
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)params, key, member) {
        size_t len = json_string_length(member);
        if (json_is_object(member) || json_is_array(member) || len > PARSE_NAME_MAX ||
            strlen(key) > PARSE_NAME_MAX)
            return parse_stream_bad(s, err, "params: \"%.40s\" must be short and plain", key);
    }
    *ret = json_dumps(params, JSON_COMPACT | JSON_SORT_KEYS);
    return *ret ? 0 : err_set(err, E_NO_MEMORY, "out of memory");
}

static int series(const struct parse_stream *s, const json_t *v, struct parse_series *ret,
                  struct cail_err *err)
{
    int better = BETTER_NEUTRAL, status = RESULT_OK, kind;
    int rc = text(s, v, "name", PARSE_NAME_MAX, &ret->metric, err);
    if (!rc)
        rc = text(s, v, "benchmark", PARSE_NAME_MAX, &ret->benchmark, err);
    if (!rc)
        rc = text(s, v, "unit", PARSE_UNIT_MAX, &ret->unit, err);
    if (!rc)
        rc = word(s, v, "better", better_words, BETTER_COUNT, &better, err);
    if (!rc)
        rc = word(s, v, "status", result_status_words, RESULT_STATUS_COUNT, &status, err);
    kind = (int)parse_unit_kind(ret->unit);
    if (!rc)
        rc = word(s, v, "metric_kind", metric_kind_words, METRIC_KIND_COUNT, &kind, err);
    if (rc)
        return rc;
    if (!*ret->metric)
        return parse_stream_bad(s, err, "\"name\" is missing");
    ret->better = (enum better)better;
    ret->status = (enum result_status)status;
    ret->kind = (enum metric_kind)kind;
    return 0;
}

/* samples[] as numbers, caller frees. */
static int numbers(const struct parse_stream *s, const json_t *list, double **ret, size_t *ret_n,
                   struct cail_err *err)
{
    size_t n = json_array_size(list);
    if (!json_is_array(list) || n > RESULT_SAMPLES_MAX)
        return parse_stream_bad(s, err, "\"samples\" must be an array of at most %d numbers",
                                RESULT_SAMPLES_MAX);
    double *samples = mem_array(n + 1, sizeof *samples);
    for (size_t i = 0; i < n; i++) {
        if (parse_stream_number(json_array_get(list, i), &samples[i]))
            continue;
        free(samples);
        return parse_stream_bad(s, err, "sample %zu is not a number", i + 1);
    }
    *ret = samples;
    *ret_n = n;
    return 0;
}

static int add_samples(const struct parse_stream *s, const json_t *v, const struct parse_series *sr,
                       struct parse_out *out, struct cail_err *err)
{
    const json_t *list = json_object_get(v, "samples"), *one = json_object_get(v, "value");
    double single = NAN, *samples = NULL;
    size_t n = 0;
    int rc = 0;
    if (list)
        rc = numbers(s, list, &samples, &n, err);
    else if (one && !parse_stream_number(one, &single))
        rc = parse_stream_bad(s, err, "\"value\" is not a number");
    else if (one && (sr->status == RESULT_OK || isfinite(single)))
        n = 1;
    if (!rc && !n && sr->status == RESULT_OK)
        rc = parse_stream_bad(s, err, "neither \"value\" nor \"samples\" has a number");
    if (!rc)
        rc = parse_add(out, sr, samples ? samples : &single, n, err);
    free(samples);
    return rc;
}

static int one(const struct parse_stream *s, const json_t *v, const char *benchmark,
               struct parse_out *out, struct cail_err *err)
{
    if (!json_is_object(v))
        return parse_stream_bad(s, err, "a result must be an object");
    struct parse_series sr = {.benchmark = benchmark, .metric = "", .unit = ""};
    CLEANUP(mem_freep) char *params = NULL;
    int rc = check_members(s, v, err);
    if (!rc)
        rc = series(s, v, &sr, err);
    if (!rc)
        rc = params_text(s, v, &params, err);
    if (rc)
        return rc;
    sr.params = params;
    return add_samples(s, v, &sr, out, err);
}

int plain_parse(const char *p, size_t len, const char *benchmark, struct parse_out *out,
                struct cail_err *err)
{
    struct parse_stream s = {.p = p, .len = len};
    struct parse_out got = {.result = NULL};
    json_t *v = NULL;
    int rc;
    while ((rc = parse_stream_next(&s, &v, err)) == 0 && v) {
        rc = one(&s, v, benchmark, &got, err);
        json_decref(v);
        if (rc)
            break;
    }
    if (!rc && !s.value)
        rc = parse_stream_bad(&s, err, "there is no result in it");
    if (!rc)
        return parse_out_move(out, &got, err);
    parse_out_done(&got);
    return rc;
}
