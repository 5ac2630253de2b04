/* Is it there, is it well, which one is it. Exempt from waiting for a COMMIT: a daemon whose disk
 * stalls must still be able to say so. */
#include <unistd.h>

#include "base/mem.h"
#include "cail_version.h"
#include "http/api.h"

API_SERVE(api_healthz)
{
    (void)app, (void)ret_wait_key;
    int rc = API_NO_QUERY(rq, err);
    if (rc)
        return rc;
    str_adds(&reply->body, "{\"status\":\"ok\"}\n");
    return 0;
}

API_SERVE(api_readyz)
{
    struct api *api = app;
    const char *why_not = NULL;
    (void)ret_wait_key;
    int rc = API_NO_QUERY(rq, err);
    if (rc)
        return rc;
    if (!engine_is_ready(api->engine, &why_not))
        return err_set(err, E_UNAVAILABLE, "not ready: %s", why_not ? why_not : "starting");
    str_adds(&reply->body, "{\"status\":\"ready\"}\n");
    return 0;
}

API_SERVE(api_version)
{
    struct api *api = app;
    struct engine_stats stats;
    const struct engine_config *config = engine_config(api->engine);
    (void)ret_wait_key;
    int rc = API_NO_QUERY(rq, err);
    if (rc)
        return rc;
    engine_stats(api->engine, &stats);
    struct jw w = JW(&reply->body);
    jw_open(&w, '{');
    jw_kstr(&w, "version", CAIL_VERSION);
    jw_kint(&w, "api", 1);
    jw_kstr(&w, "sqlite", api->sqlite_version);
    jw_kstr(&w, "libmicrohttpd", api->libmicrohttpd_version);
    jw_kstr(&w, "libuv", uv_version_string());
    jw_kint(&w, "pid", getpid());
    jw_ktime(&w, "started_at", stats.started_at_us);
    jw_kstr(&w, "state_dir", config->state_dir);
    jw_kstr(&w, "build_root", config->build_root);
    jw_kstr(&w, "epoch", engine_feed_epoch(api->engine));
    jw_close(&w, '}');
    api_json_end(reply);
    return 0;
}

/* Made of schema/openapi.yaml by the build. */
extern const char asset_openapi_json[], asset_openapi_json_end[], asset_openapi_json_etag[];

API_SERVE(api_openapi)
{
    (void)app, (void)ret_wait_key;
    int rc = API_NO_QUERY(rq, err);
    if (rc)
        return rc;
    reply->asset = asset_openapi_json;
    reply->asset_len = (size_t)(asset_openapi_json_end - asset_openapi_json);
    http_reply_header(reply, "ETag", asset_openapi_json_etag);
    http_reply_header(reply, "Cache-Control", "no-cache");
    return 0;
}
