/* The end and the depth of a JSON value. */
#include "base/jscan.h"

#include <string.h>

/* at: the opening quote. Offset after the closing one, or 0: there is none. */
static size_t string_end(const char *p, size_t len, size_t at)
{
    for (size_t i = at + 1; i < len; i++) {
        if (p[i] == '\\')
            i++;
        else if (p[i] == '"')
            return i + 1;
    }
    return 0;
}

static size_t scalar_end(const char *p, size_t len, size_t at)
{
    while (at < len && !memchr(" \t\r\n,:]}[{\"", p[at], 11))
        at++;
    return at;
}

enum jscan jscan_value(const char *p, size_t len, int max_depth, size_t *ret_end)
{
    size_t i = 0;
    while (i < len && memchr(" \t\r\n", p[i], 4))
        i++;
    *ret_end = len;
    if (i == len)
        return JSCAN_EMPTY;
    int depth = 0;
    for (; i < len; i++) {
        size_t end = i + 1;
        if (p[i] == '"') {
            end = string_end(p, len, i);
            if (!end)
                return JSCAN_OPEN;
        } else if (p[i] == '{' || p[i] == '[') {
            if (depth == max_depth) {
                *ret_end = i;
                return JSCAN_DEEP;
            }
            depth++;
        } else if (p[i] == '}' || p[i] == ']') {
            depth--;
        } else if (depth == 0) {
            end = scalar_end(p, len, i);
            end = end > i ? end : i + 1; /* a lone ',' is one step, for the parser to refuse */
        }
        if (depth <= 0) {
            *ret_end = end;
            return JSCAN_OK;
        }
        i = end - 1;
    }
    return JSCAN_OPEN;
}
