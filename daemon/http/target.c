/* Decoding of the request target. */
#include "http/target.h"

#include <string.h>

#include "base/utf8.h"

static int hex_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes raw[len] to out, NUL-terminated; returns the length or -1 for a bad escape or byte. */
static ssize_t decode(const char *raw, size_t len, char *out, bool in_query)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        int c = (unsigned char)raw[i];
        if (c <= 0x20 || c >= 0x7f)
            return -1;
        if (c == '%') {
            int high = i + 2 < len ? hex_of(raw[i + 1]) : -1;
            int low = high >= 0 ? hex_of(raw[i + 2]) : -1;
            if (low < 0)
                return -1;
            c = high * 16 + low;
            i += 2;
            if (!in_query && (c == '/' || c == '\\'))
                return -1;
        } else if (c == '+' && in_query) {
            c = ' ';
        } else if (c == '\\' || c == '#') {
            return -1;
        }
        if (c < 0x20 || c == 0x7f)
            return -1;
        out[n++] = (char)c;
    }
    out[n] = 0;
    return utf8_valid(out, n) ? (ssize_t)n : -1;
}

static bool has_dot_part(const char *path)
{
    for (const char *p = strchr(path, '/'); p; p = strchr(p + 1, '/')) {
        size_t n = strcspn(p + 1, "/");
        if ((n == 1 && p[1] == '.') || (n == 2 && p[1] == '.' && p[2] == '.'))
            return true;
    }
    return false;
}

static int parse_query(const char *raw, size_t len, char *out, struct http_request *rq,
                       struct cail_err *err)
{
    size_t at = 0;
    while (at < len) {
        const char *amp = memchr(raw + at, '&', len - at);
        size_t n = amp ? (size_t)(amp - raw) - at : len - at;
        const char *arg = raw + at;
        at += n + 1;
        if (n == 0)
            continue;
        if (rq->n_query == HTTP_QUERY_ARGS_MAX)
            return err_set(err, E_BAD_REQUEST, "more than %d query arguments", HTTP_QUERY_ARGS_MAX);
        const char *eq = memchr(arg, '=', n);
        ssize_t k = decode(arg, eq ? (size_t)(eq - arg) : n, out, true);
        char *value = out + (k < 0 ? 0 : k); /* without a '=': the key's own NUL */
        ssize_t v = k < 0 ? -1 : 0;
        if (v == 0 && eq)
            v = decode(eq + 1, n - (size_t)(eq - arg) - 1, ++value, true);
        if (v < 0)
            return err_set(err, E_BAD_REQUEST,
                           "the query has a bad %%-escape, a control character or is not UTF-8");
        rq->query[rq->n_query].key = out;
        rq->query[rq->n_query++].value = value;
        out = value + v + 1;
    }
    return 0;
}

/* Space: every piece needs its text and a NUL, for which the '?', '=' or '&' behind it pays; the
 * last piece has none behind it. */
int target_parse(const char *raw, size_t len, char *out, struct http_request *rq,
                 struct cail_err *err)
{
    rq->path = "/";
    rq->n_query = 0;
    if (len > TARGET_MAX)
        return err_set(err, E_URI_TOO_LONG, "the address is longer than %u bytes", TARGET_MAX);
    if (len == 0 || raw[0] != '/')
        return err_set(err, E_BAD_REQUEST, "malformed request: the target must begin with \"/\"");
    const char *mark = memchr(raw, '?', len);
    size_t path_len = mark ? (size_t)(mark - raw) : len;
    ssize_t n = decode(raw, path_len, out, false);
    if (n < 0)
        return err_set(
            err, E_BAD_REQUEST,
            "the path has a bad %%-escape, one of %%00 %%2f %%5c, a control character, or "
            "is not UTF-8");
    if (has_dot_part(out))
        return err_set(err, E_BAD_REQUEST, "the path has a \".\" or \"..\" in it");
    rq->path = out;
    return mark ? parse_query(mark + 1, len - path_len - 1, out + n + 1, rq, err) : 0;
}
