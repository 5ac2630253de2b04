/* "::cail" lines of a job's log. A line that is not right is counted and the first one remembered;
 * it never fails the job. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jw.h"
#include "base/limits.h"
#include "base/near.h"
#include "base/utf8.h"
#include "parse/fields.h"
#include "parse/rows.h"

enum { LINE_PARAMS_MAX = 16, WHAT_LEN = 120 };

struct metric_line {
    char *name, *value, *unit, *better, *benchmark, *kind;
    struct line_param {
        char *key, *value;
    } param[LINE_PARAMS_MAX];
    size_t n_params;
};

static bool wrong(char what[WHAT_LEN], const char *fmt, ...) PRINTF_LIKE(2, 3);
static bool wrong(char what[WHAT_LEN], const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, WHAT_LEN, fmt, ap);
    va_end(ap);
    return false;
}

static bool add_param(struct metric_line *m, char *key, char *value, char what[WHAT_LEN])
{
    if (!*key)
        return wrong(what, "a param. has no name");
    for (size_t i = 0; i < m->n_params; i++)
        if (strcmp(m->param[i].key, key) == 0)
            return wrong(what, "param.%.40s is there twice", key);
    if (m->n_params == LINE_PARAMS_MAX)
        return wrong(what, "more than %d params", LINE_PARAMS_MAX);
    m->param[m->n_params++] = (struct line_param){key, value};
    return true;
}

static bool set_field(struct metric_line *m, char *key, char *value, char what[WHAT_LEN])
{
    static const char *const names[] = {"name",      "value", "unit",   "better",
                                        "benchmark", "kind",  "param.X"};
    char **const fields[] = {&m->name, &m->value, &m->unit, &m->better, &m->benchmark, &m->kind};
    if (strncmp(key, "param.", 6) == 0)
        return add_param(m, key + 6, value, what);
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (strcmp(key, names[i]) != 0)
            continue;
        if (*fields[i])
            return wrong(what, "%s is there twice", names[i]);
        *fields[i] = value;
        return true;
    }
    const char *near = near_word(key, names, ARRAY_LEN(names));
    return wrong(what, "a metric has no field \"%.30s\"%s%s%s", key,
                 near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static bool split(struct metric_line *m, char *line, char what[WHAT_LEN])
{
    char *key, *value;
    while (parse_field(&line, &key, &value))
        if (!set_field(m, key, value, what))
            return false;
    if (key)
        return wrong(what, "%s", key);
    if (!m->name || !*m->name)
        return wrong(what, "metric has no name");
    if (!m->value)
        return wrong(what, "metric has no value");
    if (strlen(m->name) > PARSE_NAME_MAX || (m->benchmark && strlen(m->benchmark) > PARSE_NAME_MAX))
        return wrong(what, "metric has a name of more than 400 bytes");
    if (m->unit && strlen(m->unit) > PARSE_UNIT_MAX)
        return wrong(what, "metric has a unit of more than 40 bytes");
    return true;
}

static int param_order(const void *a, const void *b)
{
    return strcmp(((const struct line_param *)a)->key, ((const struct line_param *)b)->key);
}

/* Keys sorted: the same parameters in another order are the same series. */
static void put_params(struct metric_line *m, struct str *out)
{
    qsort(m->param, m->n_params, sizeof m->param[0], param_order);
    struct jw w = JW(out);
    jw_open(&w, '{');
    for (size_t i = 0; i < m->n_params; i++) {
        jw_key_any(&w, m->param[i].key);
        jw_str(&w, m->param[i].value);
    }
    jw_close(&w, '}');
}

static bool read_words(const struct metric_line *m, struct parse_series *s, double *value,
                       char what[WHAT_LEN])
{
    int better = BETTER_NEUTRAL, kind = (int)parse_unit_kind(s->unit);
    if (m->better)
        better = word_find(m->better, better_words, BETTER_COUNT);
    if (better < 0)
        return wrong(what, "better=\"%.40s\" is not lower, higher or neutral", m->better);
    if (m->kind)
        kind = word_find(m->kind, metric_kind_words, METRIC_KIND_COUNT);
    if (kind < 0)
        return wrong(what, "kind=\"%.40s\" is not time, rate, count or exact", m->kind);
    if (!parse_number(m->value, strlen(m->value), value))
        return wrong(what, "value=\"%.40s\" is not a number", m->value);
    s->better = (enum better)better;
    s->kind = (enum metric_kind)kind;
    return true;
}

static int metric(char *line, const char *benchmark, struct parse_out *out, char what[WHAT_LEN],
                  struct cail_err *err)
{
    struct metric_line m = {.n_params = 0};
    if (!split(&m, line, what))
        return 0;
    struct parse_series s = {
        .benchmark = m.benchmark && *m.benchmark ? m.benchmark : benchmark,
        .metric = m.name,
        .unit = m.unit ? m.unit : "",
        .status = RESULT_OK,
    };
    double value = 0;
    if (!read_words(&m, &s, &value, what))
        return 0;
    CLEANUP(str_done) struct str params = STR_INIT;
    put_params(&m, &params);
    s.params = params.p;
    return parse_add(out, &s, &value, 1, err);
}

/* One line without its end, known to start with PARSE_CAIL. */
static int cail_line(struct parse_lines *st, const char *p, size_t len, const char *benchmark,
                     struct parse_out *out, struct cail_err *err)
{
    char text[RESULT_LINE_MAX + 1], what[WHAT_LEN] = "";
    int rc = 0;
    while (len && p[len - 1] == '\r')
        len--;
    memcpy(text, p, len);
    text[len] = 0;
    char *at = text + strlen(PARSE_CAIL);
    const char *verb = NULL;
    if (!utf8_printable(p, len, "\t"))
        wrong(what, "it has a control character");
    else if (!(verb = parse_word(&at)) ||
             (strcmp(verb, "metric") != 0 && strcmp(verb, "progress") != 0))
        wrong(what, "\"%.40s\" is neither metric nor progress", verb ? verb : "");
    else if (verb[0] == 'm') /* progress is parse_progress's */
        rc = metric(at, benchmark, out, what, err);
    if (what[0] && st->bad++ == 0)
        snprintf(st->first_bad, sizeof st->first_bad, "line %lld: %s", (long long)st->line_no,
                 what);
    return rc;
}

static bool is_ours(const char *p, size_t len)
{
    size_t n = strlen(PARSE_CAIL);
    return memcmp(p, PARSE_CAIL, len < n ? len : n) == 0;
}

/* Keep a piece of a line until its end comes, as long as it can still be one of ours. */
static void keep(struct parse_lines *st, const char *p, size_t len)
{
    if (st->skipping)
        return;
    size_t room = sizeof st->line - st->len;
    if (len > room) {
        if (is_ours(st->line, st->len) && (st->len || is_ours(p, len)) && st->bad++ == 0)
            snprintf(st->first_bad, sizeof st->first_bad, "line %lld: it has more than %d bytes",
                     (long long)st->line_no + 1, RESULT_LINE_MAX);
        st->skipping = true;
        return;
    }
    memcpy(st->line + st->len, p, len);
    st->len += len;
    st->skipping = !is_ours(st->line, st->len);
}

static int end_line(struct parse_lines *st, const char *benchmark, struct parse_out *out,
                    struct cail_err *err)
{
    st->line_no++;
    int rc = 0;
    if (!st->skipping && st->len >= strlen(PARSE_CAIL))
        rc = cail_line(st, st->line, st->len, benchmark, out, err);
    st->len = 0;
    st->skipping = false;
    return rc;
}

int parse_lines_feed(struct parse_lines *st, const char *p, size_t len, const char *benchmark,
                     struct parse_out *out, struct cail_err *err)
{
    for (const char *end = p + len; p < end;) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        const char *stop = nl ? nl : end;
        keep(st, p, (size_t)(stop - p));
        if (!nl)
            return 0;
        int rc = end_line(st, benchmark, out, err);
        if (rc) {
            parse_settle(out); /* a caller may well stop here and keep what there is */
            return rc;
        }
        p = nl + 1;
    }
    return 0;
}

int parse_lines_end(struct parse_lines *st, const char *benchmark, struct parse_out *out,
                    struct cail_err *err)
{
    int rc = st->len ? end_line(st, benchmark, out, err) : 0;
    parse_settle(out);
    return rc;
}
