/* JSON values one after the other. */
#include "parse/stream.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jscan.h"
#include "base/mem.h"
#include "parse/rows.h"

static int bad_at(const struct parse_stream *s, size_t at, enum cail_code code, const char *what,
                  struct cail_err *err)
{
    int64_t line, column;
    parse_place(s->p, s->len, at, &line, &column);
    return err_set(err, code, "line %lld, column %lld (byte %zu): %s", (long long)line,
                   (long long)column, at, what);
}

int parse_stream_bad(const struct parse_stream *s, struct cail_err *err, const char *fmt, ...)
{
    char what[260];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    return bad_at(s, s->start, E_BAD_REQUEST, what, err);
}

static size_t blanks(const struct parse_stream *s, size_t at)
{
    while (at < s->len && memchr(" \t\r\n", s->p[at], 4))
        at++;
    return at;
}

static bool is_not_finite(const char *word, size_t len)
{
    static const char *const words[] = {"NaN", "nan", "NAN", "Infinity", "inf", "Inf", "INF"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strlen(words[i]) == len && memcmp(word, words[i], len) == 0)
            return true;
    return false;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Overwrite bare NaN and Infinity by "" and blanks: same length, so places in errors stay right. */
static void mask_not_finite(char *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (p[i] == '"') {
            for (i++; i < len && p[i] != '"'; i++)
                i += p[i] == '\\';
            continue;
        }
        if (!is_letter(p[i]))
            continue;
        size_t end = i;
        while (end < len && is_letter(p[end]))
            end++;
        if (is_not_finite(p + i, end - i)) {
            size_t from = i && (p[i - 1] == '-' || p[i - 1] == '+') ? i - 1 : i;
            memset(p + from, ' ', end - from);
            p[from] = p[from + 1] = '"';
        }
        i = end - 1;
    }
}

static int load(struct parse_stream *s, size_t end, json_t **ret, struct cail_err *err)
{
    size_t n = end - s->start;
    if (n > PARSE_VALUE_MAX)
        return bad_at(s, s->start, E_TOO_LARGE, "one value of more than 4 MiB", err);
    char *text = mem_strndup(s->p + s->start, n);
    mask_not_finite(text, n);
    json_error_t e;
    json_t *v = json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
    free(text);
    if (!v) {
        size_t back = e.position > 0 ? (size_t)e.position : 0;
        return bad_at(s, s->start + (back < n ? back : n), E_BAD_JSON, e.text, err);
    }
    s->at = end;
    s->value++;
    *ret = v;
    return 0;
}

static int value(struct parse_stream *s, json_t **ret, struct cail_err *err)
{
    size_t n = 0;
    enum jscan rc = jscan_value(s->p + s->at, s->len - s->at, PARSE_JSON_DEPTH, &n);
    s->start = blanks(s, s->at);
    if (rc == JSCAN_DEEP)
        return bad_at(s, s->at + n, E_BAD_JSON, "nested deeper than 64 levels", err);
    if (rc != JSCAN_OK)
        return bad_at(s, s->start, E_BAD_JSON, "the value that starts here has no end", err);
    return load(s, s->at + n, ret, err);
}

static void path_to(struct parse_stream *s, size_t len)
{
    s->path[len] = 0;
}

static void path_add(struct parse_stream *s, const char *p, size_t len)
{
    size_t at = strlen(s->path), room = sizeof s->path - 1 - at;
    if (len > room) { /* no path that anyone asks for */
        p = "?";
        len = room ? 1 : 0;
    }
    memcpy(s->path + at, p, len);
    path_to(s, at + len);
}

/* The key before a member's value. Its escapes stay: no key that is looked for has one. */
static int member_key(struct parse_stream *s, struct cail_err *err)
{
    size_t from = blanks(s, s->at), n = 0;
    if (from == s->len || s->p[from] != '"' ||
        jscan_value(s->p + from, s->len - from, 1, &n) != JSCAN_OK || n < 2)
        return bad_at(s, from, E_BAD_JSON, "a member's name expected", err);
    if (s->path[0])
        path_add(s, ".", 1);
    path_add(s, s->p + from + 1, n - 2);
    s->at = blanks(s, from + n);
    if (s->at == s->len || s->p[s->at] != ':')
        return bad_at(s, s->at, E_BAD_JSON, "':' expected", err);
    s->at++;
    return 0;
}

/* In an open container: on to the next value (*ret_closed = false) or past the closing bracket. */
static int step(struct parse_stream *s, bool *ret_closed, struct cail_err *err)
{
    int top = s->depth - 1;
    char close = s->open[top].close;
    path_to(s, s->open[top].path_len);
    s->at = blanks(s, s->at);
    char c = s->at < s->len ? s->p[s->at] : 0;
    *ret_closed = c == close;
    if (*ret_closed) {
        s->at++;
        s->depth--;
        return 0;
    }
    if (!c || (c != ',' && !s->open[top].first))
        return bad_at(s, s->at, E_BAD_JSON,
                      close == ']' ? "',' or ']' expected" : "',' or '}' expected", err);
    if (!s->open[top].first)
        s->at++;
    s->open[top].first = false;
    if (close == '}')
        return member_key(s, err);
    path_add(s, "[]", 2);
    return 0;
}

static bool is_spread(const struct parse_stream *s, char bracket)
{
    if (s->depth == PARSE_SPREAD_DEPTH || (bracket != '[' && bracket != '{'))
        return false;
    if (!s->depth)
        return bracket == '[' || s->spread;
    for (const char *const *path = s->spread; path && *path; path++)
        if (strcmp(*path, s->path) == 0)
            return true;
    return false;
}

static void enter(struct parse_stream *s, char bracket)
{
    s->open[s->depth].close = bracket == '[' ? ']' : '}';
    s->open[s->depth].first = true;
    s->open[s->depth].path_len = strlen(s->path);
    s->depth++;
    s->opened++;
    s->at++;
}

int parse_stream_next(struct parse_stream *s, json_t **ret, struct cail_err *err)
{
    *ret = NULL;
    for (;;) {
        if (s->depth) {
            bool closed;
            int rc = step(s, &closed, err);
            if (rc)
                return rc;
            if (closed)
                continue;
        } else {
            path_to(s, 0);
        }
        size_t at = blanks(s, s->at);
        if (!s->depth) {
            if (at == s->len)
                return 0;
            s->doc++;
        }
        char c = at < s->len ? s->p[at] : 0;
        if (!is_spread(s, c))
            return value(s, ret, err);
        s->at = at;
        enter(s, c);
    }
}

bool parse_stream_number(const json_t *v, double *ret)
{
    if (json_is_number(v)) {
        *ret = json_number_value(v);
        return true;
    }
    *ret = NAN;
    if (json_is_null(v) || (json_is_string(v) && json_string_length(v) == 0))
        return true;
    return json_is_string(v) && parse_number(json_string_value(v), json_string_length(v), ret) &&
           !isfinite(*ret);
}
