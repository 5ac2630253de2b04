/* What the formats share. */
#include "parse/reader.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jw.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/utf8.h"

int parse_with(int (*read)(struct parse_in *in), const char *p, size_t len, const char *benchmark,
               struct parse_out *out, struct cail_err *err)
{
    struct parse_in in = {
        .benchmark = benchmark,
        .json = {.p = p, .len = len},
        .text = {.p = p, .len = len},
        .err = err,
    };
    int rc = read(&in);
    if (!rc && !in.got.n)
        rc = err_set(err, E_BAD_REQUEST, "line 1: there is no result in the %zu bytes", len);
    parse_text_done(&in.text);
    if (!rc)
        return parse_out_move(out, &in.got, err);
    parse_out_done(&in.got);
    return rc;
}

int parse_bad(const struct parse_in *in, const char *fmt, ...)
{
    char what[260];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    if (in->text.line_no)
        return err_set(in->err, E_BAD_REQUEST, "line %lld: %s", (long long)in->text.line_no, what);
    return parse_stream_bad(&in->json, in->err, "%s", what);
}

static bool is_name(const char *s, size_t max)
{
    size_t len = strlen(s);
    return len <= max && utf8_printable(s, len, "");
}

int parse_put(struct parse_in *in, const char *benchmark, const char *params,
              const struct parse_metric *m, enum result_status status, const double *samples,
              size_t n)
{
    struct parse_series s = {
        .benchmark = benchmark && *benchmark ? benchmark : in->benchmark,
        .params = params,
        .metric = m->name,
        .unit = m->unit,
        .better = m->better,
        .kind = m->kind,
        .status = status,
    };
    if (!is_name(s.benchmark, PARSE_LONG_NAME_MAX) || !is_name(s.metric, PARSE_NAME_MAX) ||
        !is_name(s.unit, PARSE_UNIT_MAX))
        return parse_bad(in, "a name is too long or has a control character");
    if (m->scale == 0 || m->scale == 1 || n == 0)
        return parse_add(&in->got, &s, samples, n, in->err);
    int rc = 0;
    for (size_t i = 0; !rc && i < n; i++) {
        double scaled = samples[i] * m->scale;
        rc = parse_add(&in->got, &s, &scaled, 1, in->err);
    }
    return rc;
}

int parse_put1(struct parse_in *in, const char *benchmark, const char *params,
               const struct parse_metric *m, enum result_status status, double sample)
{
    return parse_put(in, benchmark, params, m, status, &sample, 1);
}

int parse_put_check(struct parse_in *in, const char *test, const char *params,
                    enum result_status status, double seconds)
{
    static const struct parse_metric elapsed = {NULL, "elapsed", "s", BETTER_LOWER, METRIC_TIME, 0};
    /* A time that is NaN must not hide a failure behind status nan. */
    bool known = status == RESULT_OK ? !(seconds < 0) : seconds >= 0 && isfinite(seconds);
    return parse_put(in, test, params, &elapsed, status, &seconds, known ? 1 : 0);
}

int parse_put_counts(struct parse_in *in, double passed, double failed, double skipped)
{
    static const struct parse_metric counts[] = {
        {NULL, "tests_passed", "tests", BETTER_HIGHER, METRIC_EXACT, 0},
        {NULL, "tests_failed", "tests", BETTER_LOWER, METRIC_EXACT, 0},
        {NULL, "tests_skipped", "tests", BETTER_NEUTRAL, METRIC_EXACT, 0},
    };
    const double n[] = {passed, failed, skipped};
    int rc = 0;
    for (size_t i = 0; !rc && i < ARRAY_LEN(n); i++)
        rc = parse_put1(in, NULL, NULL, &counts[i], RESULT_OK, n[i]);
    return rc;
}

int parse_each(struct parse_in *in, const char *const *spread,
               int (*one)(struct parse_in *in, const char *path, const json_t *v, void *st),
               void *st)
{
    json_t *v = NULL;
    int rc;
    in->json.spread = spread;
    while ((rc = parse_stream_next(&in->json, &v, in->err)) == 0 && v) {
        rc = one(in, in->json.path, v, st);
        json_decref(v);
        if (rc)
            break;
    }
    return rc;
}

int parse_text_of(const struct parse_in *in, const json_t *v, const char *key, const char **ret)
{
    const json_t *member = json_object_get(v, key);
    *ret = NULL;
    if (!member || json_is_null(member))
        return 0;
    const char *text = json_string_value(member);
    if (!text || json_string_length(member) > PARSE_LONG_NAME_MAX ||
        !utf8_printable(text, json_string_length(member), ""))
        return parse_bad(in, "\"%s\" must be a printable string of at most %d bytes", key,
                         PARSE_LONG_NAME_MAX);
    *ret = text;
    return 0;
}

int parse_name_of(const struct parse_in *in, const json_t *v, const char *key, const char **ret)
{
    int rc = parse_text_of(in, v, key, ret);
    if (!rc && (!*ret || !**ret))
        rc = parse_bad(in, "\"%s\" is missing", key);
    return rc;
}

int parse_number_of(const struct parse_in *in, const json_t *v, const char *key, bool *ret_there,
                    double *ret)
{
    const json_t *member = json_object_get(v, key);
    *ret_there = member != NULL;
    if (member && !parse_stream_number(member, ret))
        return parse_bad(in, "\"%s\" is not a number", key);
    return 0;
}

int parse_samples_of(const struct parse_in *in, const json_t *list, double scale, double **ret,
                     size_t *ret_n)
{
    size_t n = json_array_size(list);
    if (!json_is_array(list) || n > RESULT_SAMPLES_MAX)
        return parse_bad(in, "an array of at most %d numbers expected", RESULT_SAMPLES_MAX);
    double *samples = mem_array(n + 1, sizeof *samples);
    for (size_t i = 0; i < n; i++) {
        if (!parse_stream_number(json_array_get(list, i), &samples[i])) {
            free(samples);
            return parse_bad(in, "sample %zu is not a number", i + 1);
        }
        samples[i] *= scale;
    }
    *ret = samples;
    *ret_n = n;
    return 0;
}

static int put_list(struct parse_in *in, const json_t *list, const char *benchmark,
                    const char *params, const struct parse_metric *m, enum result_status status)
{
    double *samples = NULL;
    size_t n = 0;
    int rc = parse_samples_of(in, list, 1, &samples, &n);
    if (!rc) /* nothing measured is a row as well */
        rc = parse_put(in, benchmark, params, m, n ? status : RESULT_NAN, samples, n);
    free(samples);
    return rc;
}

int parse_members(struct parse_in *in, const json_t *v, const char *benchmark, const char *params,
                  const struct parse_metric *m, size_t n, enum result_status status)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < n; i++) {
        const json_t *member = json_object_get(v, m[i].from);
        bool there;
        double value = NAN;
        if (json_is_array(member)) {
            rc = put_list(in, member, benchmark, params, &m[i], status);
            continue;
        }
        rc = parse_number_of(in, v, m[i].from, &there, &value);
        if (!rc && there)
            rc = parse_put1(in, benchmark, params, &m[i], status, value);
    }
    return rc;
}

/* ---- parameters ---- */

static bool same(struct parse_span a, struct parse_span b)
{
    return a.n == b.n && (!a.n || memcmp(a.p, b.p, a.n) == 0);
}

bool parse_pairs_add(struct parse_pairs *pairs, struct parse_span key, struct parse_span value)
{
    for (size_t i = 0; i < pairs->n; i++)
        if (same(pairs->pair[i].key, key))
            return false;
    if (pairs->n == ARRAY_LEN(pairs->pair) || !key.n || key.n > PARSE_NAME_MAX ||
        value.n > PARSE_LONG_NAME_MAX)
        return false;
    pairs->pair[pairs->n++] = (struct parse_pair){key, value};
    return true;
}

bool parse_pairs_adds(struct parse_pairs *pairs, const char *key, const char *value)
{
    return parse_pairs_add(pairs, parse_span_of(key), parse_span_of(value));
}

static int pair_order(const void *a, const void *b)
{
    const struct parse_span *x = &((const struct parse_pair *)a)->key;
    const struct parse_span *y = &((const struct parse_pair *)b)->key;
    int order = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);
    return order ? order : (x->n > y->n) - (x->n < y->n);
}

/* Whole numbers a double holds exactly, as JSON writes them. */
static bool is_json_word(struct parse_span s)
{
    if (parse_span_is(s, "true") || parse_span_is(s, "false"))
        return true;
    size_t sign = s.n && s.p[0] == '-', digits = s.n - sign;
    if (!digits || digits > 15 || (s.p[sign] == '0' && s.n > 1))
        return false;
    for (size_t i = sign; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return true;
}

const char *parse_pairs_json(struct parse_pairs *pairs, struct str *out)
{
    str_clear(out);
    qsort(pairs->pair, pairs->n, sizeof pairs->pair[0], pair_order);
    struct jw w = JW(out);
    jw_open(&w, '{');
    for (size_t i = 0; i < pairs->n; i++) {
        CLEANUP(mem_freep) char *key = parse_span_dup(pairs->pair[i].key);
        jw_key_any(&w, key);
        struct parse_span value = pairs->pair[i].value;
        if (is_json_word(value))
            jw_raw(&w, value.p, value.n);
        else
            jw_strn(&w, value.n ? value.p : "", value.n);
    }
    jw_close(&w, '}');
    return out->p;
}

/* ---- units ---- */

const char *parse_unit(const char *unit)
{
    static const char *const spelled[][2] = {
        {"sec", "s"},
        {"secs", "s"},
        {"second", "s"},
        {"seconds", "s"},
        {"Seconds", "s"},
        {"msec", "ms"},
        {"milliseconds", "ms"},
        {"Milliseconds", "ms"},
        {"usec", "us"},
        {"\xc2\xb5s", "us"}, /* the micro sign */
        {"\xce\xbcs", "us"}, /* the Greek letter */
        {"microseconds", "us"},
        {"Microseconds", "us"},
        {"nsec", "ns"},
        {"nanoseconds", "ns"},
        {"Nanoseconds", "ns"},
        {"Bytes", "B"},
        {"bytes", "B"},
        {"Kilobytes", "kB"},
        {"Megabytes", "MB"},
        {"Gigabytes", "GB"},
        {"Bits/Second", "bit/s"},
        {"Bytes/Second", "B/s"},
        {"Kilobytes/Second", "kB/s"},
        {"Megabytes/Second", "MB/s"},
        {"Gigabytes/Second", "GB/s"},
        {"Count/Second", "1/s"},
        {"Percent", "%"},
        {"percent", "%"},
        {"percentage", "%"},
        {"Count", ""},
        {"count", ""},
        {"None", ""},
        {"requests/sec", "requests/s"},
        {"tokens/sec", "tokens/s"},
        {"tokens/sec/user", "tokens/s/user"},
        {"infer/sec", "infer/s"},
        {"ops/sec", "ops/s"},
        {"iter/sec", "iter/s"},
        {"per sec", "requests/s"},
    };
    for (size_t i = 0; i < ARRAY_LEN(spelled); i++)
        if (strcmp(unit, spelled[i][0]) == 0)
            return spelled[i][1];
    return unit;
}

enum better parse_unit_better(const char *unit)
{
    enum metric_kind kind = parse_unit_kind(unit);
    if (kind == METRIC_TIME || strncmp(unit, "ns/", 3) == 0)
        return BETTER_LOWER;
    return kind == METRIC_RATE ? BETTER_HIGHER : BETTER_NEUTRAL;
}

/* ---- detection ---- */

char parse_first(const char *p, size_t len)
{
    size_t at = 0;
    while (at < len && memchr(" \t\r\n", p[at], 4))
        at++;
    return at < len ? p[at] : 0;
}

bool parse_key(const char *p, size_t len, const char *key)
{
    size_t n = strlen(key);
    const char *end = p + len;
    for (const char *at = p; len && (at = memmem(at, (size_t)(end - at), key, n)); at++) {
        const char *after = at + n;
        if (at == p || at[-1] != '"' || after == end || *after != '"')
            continue;
        if (parse_first(after + 1, (size_t)(end - after - 1)) == ':')
            return true;
    }
    return false;
}

bool parse_object_with(const char *p, size_t len, const char *a, const char *b, const char *c)
{
    return parse_first(p, len) == '{' && parse_key(p, len, a) && (!b || parse_key(p, len, b)) &&
           (!c || parse_key(p, len, c));
}

bool parse_any_line(const char *p, size_t len, bool (*like)(struct parse_span line))
{
    struct parse_text t = {.p = p, .len = len};
    bool found = false;
    while (!found && parse_text_next(&t))
        found = like(t.line);
    parse_text_done(&t);
    return found;
}
