/* The dashboard: one document for every page, its script and its style, made by web/build.mjs and
 * embedded compressed. The two have their content's hash in their names, so they are kept by
 * browsers for good; the document is asked for each time and answered 304. */
#include <string.h>

#include <zlib.h>

#include "http/api.h"

enum { PLAIN_MAX = 4 << 20 }; /* an asset, inflated: what is larger is our own mistake */

/* Made by the build; all are empty where the dashboard was not bundled. */
extern const char asset_index_html_gz[], asset_index_html_gz_end[], asset_index_html_gz_etag[];
extern const char asset_app_js_gz[], asset_app_js_gz_end[], asset_app_js_gz_etag[];
extern const char asset_app_css_gz[], asset_app_css_gz_end[], asset_app_css_gz_etag[];

struct asset {
    const char *bytes, *end, *etag; /* etag: quoted digits */
    const char *stem, *suffix;      /* around the digits in its name */
    const char *content_type;
};

static const struct asset document = {
    asset_index_html_gz,       asset_index_html_gz_end, asset_index_html_gz_etag, "", "",
    "text/html; charset=utf-8"};
static const struct asset hashed[] = {
    {asset_app_js_gz, asset_app_js_gz_end, asset_app_js_gz_etag, "app.", ".js",
     "text/javascript; charset=utf-8"},
    {asset_app_css_gz, asset_app_css_gz_end, asset_app_css_gz_etag, "app.", ".css",
     "text/css; charset=utf-8"},
};

#define PAGE(pattern)                                                                              \
    {                                                                                              \
        HTTP_GET, pattern, HTTP_OWNER, HTTP_PAGE | HTTP_NOT_BATCHED, 0, NULL, NULL, api_dashboard, \
            "The dashboard"                                                                        \
    }

const struct http_route http_pages[] = {
    PAGE("/"),
    PAGE("/queue"),
    PAGE("/jobs"),
    PAGE("/jobs/{id}"),
    PAGE("/groups/{id}"),
    PAGE("/benchmarks"),
    PAGE("/benchmarks/{name*}"),
    PAGE("/comparisons"),
    PAGE("/comparisons/{id}"),
    PAGE("/bisections"),
    PAGE("/bisections/{id}"),
    PAGE("/noise"),
    PAGE("/prs"),
    PAGE("/prs/{id}"),
    PAGE("/topics"),
    PAGE("/upstreams"),
    PAGE("/gpus"),
    PAGE("/env"),
    PAGE("/cache"),
    PAGE("/recipes"),
    PAGE("/recipes/{name}"),
};

size_t http_n_pages(void)
{
    return document.end > document.bytes ? ARRAY_LEN(http_pages) : 0;
}

/* For a client without gzip: rare, so nothing is kept. */
static int inflate_into(struct str *out, const struct asset *a, struct cail_err *err)
{
    z_stream z = {.next_in = (z_const Bytef *)a->bytes, .avail_in = (uInt)(a->end - a->bytes)};
    int rc = inflateInit2(&z, 15 + 16); /* a gzip header is expected */
    while (rc == Z_OK && out->len < PLAIN_MAX) {
        enum { STEP = 64 << 10 };
        str_reserve(out, STEP);
        z.next_out = (Bytef *)out->p + out->len;
        z.avail_out = STEP;
        rc = inflate(&z, Z_NO_FLUSH);
        out->len += STEP - z.avail_out;
        out->p[out->len] = 0;
    }
    inflateEnd(&z);
    return rc == Z_STREAM_END ? 0 : err_set(err, E_INTERNAL, "an embedded file is broken");
}

static int give(const struct asset *a, const struct http_request *rq, struct http_reply *reply,
                struct cail_err *err)
{
    reply->content_type = a->content_type;
    http_reply_header(reply, "ETag", a->etag);
    http_reply_header(reply, "Vary", "Accept-Encoding");
    if (!rq->gzip_ok)
        return inflate_into(&reply->body, a, err);
    reply->asset = a->bytes;
    reply->asset_len = (size_t)(a->end - a->bytes);
    http_reply_header(reply, "Content-Encoding", "gzip");
    return 0;
}

/* Any query argument is the script's business. */
API_SERVE(api_dashboard)
{
    (void)app, (void)ret_wait_key;
    http_reply_header(reply, "Cache-Control", "no-cache");
    return give(&document, rq, reply, err);
}

/* "app.0123456789abcdef.js": only the hash of what is embedded, or an old page would be given a new
 * script for good. */
static bool is_named(const struct asset *a, const char *name)
{
    size_t stem = strlen(a->stem), digits = strlen(a->etag) - 2;
    return strncmp(name, a->stem, stem) == 0 && strncmp(name + stem, a->etag + 1, digits) == 0 &&
           strcmp(name + stem + digits, a->suffix) == 0;
}

API_SERVE(api_asset)
{
    (void)app, (void)ret_wait_key;
    int rc = API_NO_QUERY(rq, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < ARRAY_LEN(hashed); i++)
        if (hashed[i].end > hashed[i].bytes && is_named(&hashed[i], rq->part[0])) {
            http_reply_header(reply, "Cache-Control", "private, max-age=31536000, immutable");
            return give(&hashed[i], rq, reply, err);
        }
    return err_set(err, E_NOT_FOUND,
                   "there is no asset \"%.100s\"; reload the page, it is of another version",
                   rq->part[0]);
}
