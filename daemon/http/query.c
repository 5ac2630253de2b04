/* What the api files ask about query arguments and path parts. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/near.h"
#include "http/http.h"

const char *http_query_get(const struct http_request *rq, const char *key)
{
    for (size_t i = 0; i < rq->n_query; i++)
        if (strcmp(rq->query[i].key, key) == 0)
            return rq->query[i].value;
    return NULL;
}

/* Plain decimal, optionally signed; no spaces, no leading '+'. */
static bool int_of(const char *text, int64_t *ret)
{
    const char *digits = *text == '-' ? text + 1 : text;
    size_t n = strspn(digits, "0123456789");
    if (n == 0 || n > 18 || digits[n] != 0)
        return false;
    *ret = strtoll(text, NULL, 10);
    return true;
}

int http_query_int(const struct http_request *rq, const char *key, int64_t low, int64_t high,
                   int64_t dflt, int64_t *ret, struct cail_err *err)
{
    const char *text = http_query_get(rq, key);
    int64_t v = dflt;
    if (text && (!int_of(text, &v) || v < low || v > high))
        return err_set(err, E_BAD_REQUEST,
                       "query argument \"%s\" must be a whole number from %" PRId64 " to %" PRId64,
                       key, low, high);
    *ret = v;
    return 0;
}

int http_query_only(const struct http_request *rq, const char *const allowed[], size_t n,
                    struct cail_err *err)
{
    for (size_t i = 0; i < rq->n_query; i++) {
        const char *key = rq->query[i].key;
        size_t k = 0;
        while (k < n && strcmp(allowed[k], key) != 0)
            k++;
        if (k < n)
            continue;
        const char *near = near_word(key, allowed, n);
        err_set(err, E_BAD_REQUEST, "query argument \"%.60s\" is not known here%s%s%s", key,
                near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
        return E_BAD_REQUEST;
    }
    return 0;
}

int http_part_id(const struct http_request *rq, size_t i, int64_t *ret, struct cail_err *err)
{
    int64_t id = 0;
    const char *text = i < rq->n_parts ? rq->part[i] : "";
    if (*text < '1' || *text > '9' || !int_of(text, &id))
        return err_set(err, E_NOT_FOUND, "\"%.60s\" is not an id", text);
    *ret = id;
    return 0;
}
