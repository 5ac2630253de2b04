/* Cursors of lists: an id as eleven characters of base64url, so that nobody counts on what is
 * inside. */
#include <string.h>

#include "http/api.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void cursor_make(int64_t id, char out[CURSOR_LEN])
{
    uint64_t v = (uint64_t)id;
    for (int i = 10; i >= 0; i--, v >>= 6)
        out[i] = digits[v & 63];
    out[11] = 0;
}

bool cursor_read(const char *text, int64_t *ret)
{
    uint64_t v = 0;
    if (strlen(text) != 11 || strspn(text, digits) != 11)
        return false;
    for (int i = 0; i < 11; i++) {
        if (v >> 57)
            return false; /* beyond any id */
        v = v << 6 | (uint64_t)(strchr(digits, text[i]) - digits);
    }
    *ret = (int64_t)v;
    return v > 0;
}

int cursor_query(const struct http_request *rq, int64_t *ret, struct cail_err *err)
{
    const char *text = http_query_get(rq, "cursor");
    return !text || cursor_read(text, ret)
               ? 0
               : err_set(err, E_BAD_REQUEST,
                         "query argument \"cursor\" is not one that this daemon gave out");
}
