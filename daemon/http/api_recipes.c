/* Recipes and the build cache: the engine writes the documents. */
#include <string.h>

#include "base/digest.h"
#include "http/api.h"
#include "http/api_body.h"

static void end_with_etag(struct http_reply *reply)
{
    char sha256[DIGEST_LEN], etag[24];
    api_json_end(reply);
    digest_hex(reply->body.p, reply->body.len, sha256);
    etag[0] = '"';
    memcpy(etag + 1, sha256, 16);
    memcpy(etag + 17, "\"", 2);
    http_reply_header(reply, "ETag", etag);
}

API_SERVE(api_recipes)
{
    struct api *api = app;
    (void)ret_wait_key;
    int rc = API_NO_QUERY(rq, err);
    if (rc)
        return rc;
    engine_recipes_json(api->engine, &reply->body);
    end_with_etag(reply);
    return 0;
}

API_SERVE(api_recipe)
{
    struct api *api = app;
    (void)ret_wait_key;
    int rc = API_NO_QUERY(rq, err);
    if (rc == 0)
        rc = engine_recipe_json(api->engine, rq->part[0], &reply->body, err);
    if (rc == E_UNKNOWN_RECIPE) /* the same sentence, but here it is the address that is wrong */
        rc = err->code = E_NOT_FOUND;
    if (rc == 0)
        end_with_etag(reply);
    return rc;
}

API_SERVE(api_cache)
{
    struct api *api = app;
    (void)ret_wait_key;
    int rc = API_NO_QUERY(rq, err);
    if (rc)
        return rc;
    engine_cache_json(api->engine, &reply->body);
    api_json_end(reply);
    api_from_memory(api, reply);
    return 0;
}

API_SERVE(api_cache_prune)
{
    struct api *api = app;
    CLEANUP(json_decrefp) json_t *body = NULL;
    json_t *v = NULL;
    int64_t max_bytes = -1;
    struct jpath at = {.text = "/max_bytes", .len = 10};
    (void)ret_wait_key;
    int rc = API_NO_QUERY(rq, err);
    if (rc == 0)
        rc = body_member(rq, "max_bytes", &body, &v, err);
    if (rc == 0 && v)
        rc = json_get_int(v, &at, 0, INT64_C(1) << 60, &max_bytes, err);
    if (rc)
        return rc;
    engine_cache_prune(api->engine, max_bytes, &reply->body);
    api_json_end(reply);
    api_from_memory(api, reply);
    return 0;
}
