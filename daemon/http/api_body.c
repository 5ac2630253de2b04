/* The small bodies of actions: {} or one member. */
#include <string.h>

#include "base/limits.h"
#include "http/api_body.h"

int body_object(const struct http_request *rq, const char *const known[], size_t n, json_t **ret,
                struct cail_err *err)
{
    *ret = NULL;
    if (rq->body_len == 0)
        return 0;
    CLEANUP(json_decrefp) json_t *v = NULL;
    int rc = json_read(rq->body, rq->body_len, &v, err);
    if (rc)
        return rc;
    if (!json_is_object(v))
        return err_set_at(err, E_BAD_FIELD, "", "the body must be a JSON object");
    const char *key;
    json_t *member;
    struct jpath at = {.len = 0};
    json_object_foreach(v, key, member)
    {
        size_t i = 0;
        while (i < n && strcmp(known[i], key) != 0)
            i++;
        if (i == n)
            return json_unknown(key, &at, known, n, err);
    }
    *ret = json_incref(v);
    return 0;
}

int body_member(const struct http_request *rq, const char *key, json_t **ret_body, json_t **ret,
                struct cail_err *err)
{
    const char *const known[] = {key};
    int rc = body_object(rq, known, 1, ret_body, err);
    if (rc == 0)
        *ret = json_object_get(*ret_body, key);
    return rc;
}

int body_grace(const struct http_request *rq, int64_t *ret_ms, struct cail_err *err)
{
    CLEANUP(json_decrefp) json_t *body = NULL;
    json_t *v = NULL;
    int64_t grace_s = JOB_GRACE_DEFAULT_MS / 1000;
    struct jpath at = {.text = "/grace_s", .len = 8};
    int rc = body_member(rq, "grace_s", &body, &v, err);
    if (rc == 0 && v)
        rc = json_get_int(v, &at, 0, JOB_GRACE_MAX_MS / 1000, &grace_s, err);
    *ret_ms = grace_s * 1000;
    return rc;
}
