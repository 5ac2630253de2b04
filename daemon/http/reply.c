/* Replies: problem documents, the headers on every answer, ETags. */
#include "http/reply.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/jw.h"
#include "base/log.h"
#include "base/mem.h"

#define BODY_KEPT_MAX (64u << 10) /* a larger body's memory is given back after the answer */

void http_reply_header(struct http_reply *reply, const char *name, const char *value)
{
    BUG_ON(reply->n_headers == HTTP_REPLY_HEADERS_MAX);
    /* A line end in a value would start a header of its own. */
    BUG_ON(strpbrk(value, "\r\n") != NULL);
    reply->header[reply->n_headers].name = name;
    reply->header[reply->n_headers++].value = mem_strdup(value);
}

static void write_problem(struct str *out, const struct cail_err *err)
{
    struct jw w = JW(out);
    jw_open(&w, '{');
    jw_key(&w, "type");
    char type[64] = "urn:cail:";
    strncat(type, err_word(err->code), sizeof type - strlen(type) - 1);
    jw_str(&w, type);
    jw_kstr(&w, "title", err_title(err->code));
    jw_kint(&w, "status", err_http_status(err->code));
    jw_kstr(&w, "detail", err->text);
    jw_kstr(&w, "code", err_word(err->code));
    if (*err->hint)
        jw_kstr(&w, "hint", err->hint);
    if (*err->pointer) {
        jw_key(&w, "errors");
        jw_open(&w, '[');
        jw_open(&w, '{');
        jw_kstr(&w, "pointer", err->pointer);
        jw_kstr(&w, "detail", err->text);
        jw_close(&w, '}');
        jw_close(&w, ']');
    }
    jw_close(&w, '}');
    str_addc(out, '\n');
}

void http_reply_problem(struct http_reply *reply, const struct cail_err *err)
{
    uint64_t after_batch = reply->after_batch;
    reply_clear(reply);
    reply->after_batch = after_batch;
    reply->status = err_http_status(err->code);
    reply->content_type = "application/problem+json";
    write_problem(&reply->body, err);
    if (reply->status == 429 || reply->status == 503)
        http_reply_header(reply, "Retry-After", "1");
    if (reply->status == 401)
        http_reply_header(reply, "WWW-Authenticate", "Bearer realm=\"cail\"");
}

static bool has_header(const struct http_reply *reply, const char *name)
{
    for (size_t i = 0; i < reply->n_headers; i++)
        if (strcasecmp(reply->header[i].name, name) == 0)
            return true;
    return false;
}

static const struct reply_header on_all[] = {
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Vary", "Origin, Accept"},
};

static const struct reply_header on_html[] = {
    {"X-Frame-Options", "DENY"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Embedder-Policy", "require-corp"},
    {"Permissions-Policy", "camera=(), microphone=(), geolocation=(), usb=(), serial=()"},
};

static const char html_policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

size_t reply_headers(const struct http_reply *reply, struct reply_header out[REPLY_HEADERS_MAX])
{
    const char *type = reply->content_type ? reply->content_type : "application/json";
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(on_all); i++)
        out[n++] = on_all[i];
    if (reply->status != 304 && reply->status != 204)
        out[n++] = (struct reply_header){"Content-Type", type};
    if (!has_header(reply, "Cache-Control"))
        out[n++] = (struct reply_header){"Cache-Control", "no-store"};
    if (strncmp(type, "text/html", 9) == 0) {
        for (size_t i = 0; i < ARRAY_LEN(on_html); i++)
            out[n++] = on_html[i];
        if (!has_header(reply, "Content-Security-Policy"))
            out[n++] = (struct reply_header){"Content-Security-Policy", html_policy};
    }
    for (size_t i = 0; i < reply->n_headers; i++)
        out[n++] = (struct reply_header){reply->header[i].name, reply->header[i].value};
    return n;
}

static const char *etag_of(const struct http_reply *reply)
{
    for (size_t i = 0; i < reply->n_headers; i++)
        if (strcasecmp(reply->header[i].name, "ETag") == 0)
            return reply->header[i].value;
    return NULL;
}

/* The weak comparison of RFC 9110 13.1.2: W/ does not count. */
static const char *opaque(const char *tag)
{
    return strncmp(tag, "W/", 2) == 0 ? tag + 2 : tag;
}

bool reply_not_modified(const struct http_reply *reply, const char *list)
{
    const char *etag = etag_of(reply);
    if (!etag || !list || (reply->status != 0 && reply->status != 200))
        return false;
    if (strcmp(list, "*") == 0)
        return true;
    etag = opaque(etag);
    size_t len = strlen(etag);
    while (*list) {
        list += strspn(list, " \t,");
        const char *tag = opaque(list);
        const char *end = *tag == '"' ? strchr(tag + 1, '"') : NULL;
        if (!end)
            return false;
        if ((size_t)(end + 1 - tag) == len && memcmp(tag, etag, len) == 0)
            return true;
        list = end + 1;
    }
    return false;
}

void reply_clear(struct http_reply *reply)
{
    struct str body = reply->body;
    for (size_t i = 0; i < reply->n_headers; i++)
        free(reply->header[i].value);
    if (reply->stream)
        reply->stream->close(reply->stream);
    if (reply->fd > 0)
        close(reply->fd);
    memset(reply, 0, sizeof *reply);
    if (body.cap > BODY_KEPT_MAX)
        str_done(&body);
    str_clear(&body);
    reply->body = body;
}
