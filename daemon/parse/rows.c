/* Collecting samples into rows. */
#include "parse/rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "base/mem.h"
#include "stats/median.h"

/* Rows by the hash of their series: open addressing, at most half full, so a log that reports a
 * thousand metrics a thousand times costs no search through all rows for each line. */
struct parse_index {
    struct slot {
        uint64_t hash;
        size_t row; /* + 1; 0 = empty */
    } * slot;
    size_t n, used; /* n: a power of two */
};

static uint64_t mix(uint64_t h, const char *s)
{
    do /* the NUL too: "a" "bc" is not "ab" "c" */
        h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001b3); /* FNV-1a */
    while (*s++);
    return h;
}

static uint64_t series_hash(const struct parse_series *s)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    h = mix(h, s->benchmark);
    h = mix(h, s->params);
    h = mix(h, s->metric);
    h = mix(h, s->unit);
    return h ^ (uint64_t)s->status;
}

static struct parse_series series_of(const struct result *r)
{
    return (struct parse_series){r->benchmark, r->params, r->metric, r->unit,
                                 r->better,    r->kind,   r->status};
}

static bool same_series(const struct result *r, const struct parse_series *s)
{
    return strcmp(r->benchmark, s->benchmark) == 0 && strcmp(r->params, s->params) == 0 &&
           strcmp(r->metric, s->metric) == 0 && strcmp(r->unit, s->unit) == 0 &&
           r->better == s->better && r->kind == s->kind && r->status == s->status;
}

static void put(struct parse_index *x, uint64_t hash, size_t row)
{
    size_t i = hash & (x->n - 1);
    while (x->slot[i].row)
        i = (i + 1) & (x->n - 1);
    x->slot[i].hash = hash;
    x->slot[i].row = row + 1;
    x->used++;
}

static void index_row(struct parse_out *out, size_t row)
{
    if (!out->index)
        out->index = mem_zalloc(sizeof *out->index);
    struct parse_index *x = out->index;
    if ((x->used + 1) * 2 > x->n) {
        struct parse_index wider = {.n = x->n ? x->n * 2 : 64};
        wider.slot = mem_array(wider.n, sizeof *wider.slot);
        for (size_t i = 0; i < x->n; i++)
            if (x->slot[i].row)
                put(&wider, x->slot[i].hash, x->slot[i].row - 1);
        free(x->slot);
        *x = wider;
    }
    const struct parse_series s = series_of(&out->result[row]);
    put(x, series_hash(&s), row);
}

static struct result *find(const struct parse_out *out, const struct parse_series *s)
{
    const struct parse_index *x = out->index;
    if (!x)
        return NULL;
    uint64_t hash = series_hash(s);
    for (size_t i = hash & (x->n - 1); x->slot[i].row; i = (i + 1) & (x->n - 1))
        if (x->slot[i].hash == hash && same_series(&out->result[x->slot[i].row - 1], s))
            return &out->result[x->slot[i].row - 1];
    return NULL;
}

void parse_out_done(struct parse_out *out)
{
    for (size_t i = 0; i < out->n; i++)
        result_done(&out->result[i]);
    free(out->result);
    if (out->index)
        free(out->index->slot);
    free(out->index);
    *out = (struct parse_out){.result = NULL};
}

static int too_many_rows(struct cail_err *err)
{
    return err_set(err, E_TOO_MANY, "more than %d results; report fewer, larger units",
                   RESULTS_PER_JOB_MAX);
}

static int too_many_samples(const struct result *r, struct cail_err *err)
{
    return err_set(err, E_TOO_MANY, "more than %d samples of \"%.80s\" \"%.80s\"",
                   RESULT_SAMPLES_MAX, r->benchmark, r->metric);
}

/* A row's array holds a power of two, so its length says its capacity. */
static void round_up(struct result *r)
{
    size_t cap = 1;
    while (cap < (size_t)r->n_samples)
        cap *= 2;
    if (r->n_samples && cap != (size_t)r->n_samples)
        r->samples = mem_grow(r->samples, cap, sizeof *r->samples);
}

int parse_out_take(struct parse_out *out, struct result *r, struct cail_err *err)
{
    if (out->n >= RESULTS_PER_JOB_MAX)
        return too_many_rows(err);
    if (out->n == out->cap) {
        out->cap = out->cap ? out->cap * 2 : 16;
        out->result = mem_grow(out->result, out->cap, sizeof *out->result);
    }
    if (!r->params)
        r->params = mem_strdup("{}");
    r->value = stats_median(r->samples, (size_t)r->n_samples);
    round_up(r);
    out->result[out->n] = *r;
    *r = (struct result){.value = NAN};
    index_row(out, out->n++);
    return 0;
}

static int add_row(struct parse_out *out, const struct parse_series *s, struct result **ret,
                   struct cail_err *err)
{
    struct result r = {
        .benchmark = mem_strdup(s->benchmark),
        .params = mem_strdup(s->params),
        .metric = mem_strdup(s->metric),
        .unit = mem_strdup(s->unit),
        .better = s->better,
        .kind = s->kind,
        .status = s->status,
    };
    int rc = parse_out_take(out, &r, err);
    result_done(&r);
    if (!rc)
        *ret = &out->result[out->n - 1];
    return rc;
}

static int row_of(struct parse_out *out, const struct parse_series *s, struct result **ret,
                  struct cail_err *err)
{
    *ret = find(out, s);
    return *ret ? 0 : add_row(out, s, ret, err);
}

static int add_sample(struct result *r, double sample, struct cail_err *err)
{
    size_t n = (size_t)r->n_samples;
    if (n >= RESULT_SAMPLES_MAX)
        return too_many_samples(r, err);
    if ((n & (n - 1)) == 0)
        r->samples = mem_grow(r->samples, n ? n * 2 : 1, sizeof *r->samples);
    r->samples[n] = sample;
    r->n_samples++;
    return 0;
}

int parse_add(struct parse_out *out, const struct parse_series *given, const double *samples,
              size_t n, struct cail_err *err)
{
    struct parse_series s = *given;
    if (!s.params)
        s.params = "{}";
    struct result *r;
    if (!n)
        return row_of(out, &s, &r, err);
    for (size_t i = 0; i < n; i++) {
        struct parse_series at = s;
        if (!isfinite(samples[i]))
            at.status = RESULT_NAN;
        int rc = row_of(out, &at, &r, err);
        if (!rc && isfinite(samples[i]))
            rc = add_sample(r, samples[i], err);
        if (rc)
            return rc;
    }
    return 0;
}

bool parse_out_has(const struct parse_out *out, const struct result *r)
{
    const struct parse_series s = series_of(r);
    return find(out, &s) != NULL;
}

void parse_settle(struct parse_out *out)
{
    for (size_t i = 0; i < out->n; i++)
        out->result[i].value =
            stats_median(out->result[i].samples, (size_t)out->result[i].n_samples);
}

/* Whether all rows of `from` find room in `to`. */
static int check_room(const struct parse_out *to, const struct parse_out *from,
                      struct cail_err *err)
{
    size_t rows = to->n;
    for (size_t i = 0; i < from->n; i++) {
        const struct parse_series s = series_of(&from->result[i]);
        const struct result *there = find(to, &s);
        rows += !there;
        if (there && there->n_samples + from->result[i].n_samples > RESULT_SAMPLES_MAX)
            return too_many_samples(there, err);
    }
    return rows > RESULTS_PER_JOB_MAX ? too_many_rows(err) : 0;
}

static int move_row(struct parse_out *to, struct result *r, struct cail_err *err)
{
    const struct parse_series s = series_of(r);
    struct result *there = find(to, &s);
    if (!there)
        return parse_out_take(to, r, err);
    for (int32_t i = 0; i < r->n_samples; i++) {
        int rc = add_sample(there, r->samples[i], err);
        if (rc)
            return rc;
    }
    there->value = stats_median(there->samples, (size_t)there->n_samples);
    return 0;
}

int parse_out_move(struct parse_out *to, struct parse_out *from, struct cail_err *err)
{
    int rc = check_room(to, from, err);
    for (size_t i = 0; !rc && i < from->n; i++)
        rc = move_row(to, &from->result[i], err);
    parse_out_done(from);
    return rc;
}

enum metric_kind parse_unit_kind(const char *unit)
{
    static const char *const times[] = {
        "s",    "ms",   "us",   "\xc2\xb5s",   "ns",      "ps",           "min",
        "h",    "sec",  "secs", "second",      "seconds", "milliseconds", "nanoseconds",
        "msec", "usec", "nsec", "microseconds"};
    for (size_t i = 0; i < ARRAY_LEN(times); i++)
        if (strcmp(unit, times[i]) == 0)
            return METRIC_TIME;
    size_t len = strlen(unit);
    bool per_second = (len >= 2 && strcmp(unit + len - 2, "/s") == 0) ||
                      (len >= 3 && strcmp(unit + len - 3, "ops") == 0) ||
                      (len >= 3 && strcmp(unit + len - 3, "OPS") == 0) ||
                      (len >= 4 && strcmp(unit + len - 4, "OP/s") == 0);
    return per_second ? METRIC_RATE : METRIC_COUNT;
}

static bool is_word(const char *s, size_t len, const char *word)
{
    return strlen(word) == len && strncasecmp(s, word, len) == 0;
}

/* strtod alone would take "0x1p3", "nan(7)", leading blanks and half a word. */
bool parse_number(const char *s, size_t len, double *ret)
{
    char text[64];
    if (!len || len >= sizeof text)
        return false;
    size_t sign = s[0] == '-' || s[0] == '+';
    if (is_word(s + sign, len - sign, "nan")) {
        *ret = NAN;
        return true;
    }
    if (is_word(s + sign, len - sign, "inf") || is_word(s + sign, len - sign, "infinity")) {
        *ret = s[0] == '-' ? -INFINITY : INFINITY;
        return true;
    }
    memcpy(text, s, len);
    text[len] = 0;
    if (strspn(text, "0123456789+-.eE") != len)
        return false;
    char *end;
    double v = strtod(text, &end);
    if (*end)
        return false;
    *ret = v;
    return true;
}

bool parse_has(const char *p, size_t len, const char *word)
{
    return len && memmem(p, len, word, strlen(word)) != NULL;
}

void parse_place(const char *p, size_t len, size_t at, int64_t *line, int64_t *column)
{
    if (at > len)
        at = len;
    const char *start = p;
    *line = 1;
    for (const char *nl; (nl = memchr(start, '\n', (size_t)(p + at - start))); start = nl + 1)
        ++*line;
    *column = (int64_t)(p + at - start) + 1;
}
