/* What the handlers share: scratch and reloads, media types, the end of an answer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/api.h"

void *api_scratch(struct http_request *rq, size_t size)
{
    if (!rq->scratch)
        rq->scratch = mem_zalloc(size);
    return rq->scratch;
}

int api_reload(struct http_request *rq)
{
    struct api_scratch *sc = api_scratch(rq, sizeof *sc);
    sc->n_loads++;
    sc->fresh = true;
    return HTTP_RELOAD;
}

void *api_loaded(struct http_request *rq)
{
    struct api_scratch *sc = rq->scratch;
    if (!sc || !sc->fresh)
        return NULL;
    sc->fresh = false;
    return rq->loaded;
}

static bool type_is(const char *p, size_t len, const char *type)
{
    size_t n = strlen(type);
    return len >= n && strncasecmp(p, type, n) == 0 && (len == n || strchr("; \t", p[n]));
}

/* "q=0", "q=0.0": not wanted at all. */
static bool is_refused(const char *p, size_t len)
{
    for (size_t i = 0; i + 3 < len + 1; i++)
        if ((p[i] == 'q' || p[i] == 'Q') && p[i + 1] == '=' && i > 0 && strchr("; \t", p[i - 1]))
            return p[i + 2] == '0' && strcspn(p + i + 2, "123456789") >= len - i - 2;
    return false;
}

bool api_accepts(const struct http_request *rq, const char *type)
{
    for (const char *p = rq->accept ? rq->accept : ""; *p;) {
        p += strspn(p, " \t,");
        size_t len = strcspn(p, ",");
        if (type_is(p, len, type))
            return !is_refused(p, len);
        p += len;
    }
    return false;
}

bool api_is_type(const struct http_request *rq, const char *type)
{
    const char *is = rq->content_type;
    return is && type_is(is, strlen(is), type);
}

void api_from_memory(struct api *api, struct http_reply *reply)
{
    reply->after_batch = engine_batch(api->engine);
}

void api_text(struct http_reply *reply)
{
    reply->content_type = "text/plain; charset=utf-8";
}

void api_location(struct http_reply *reply, const char *folder, int64_t id)
{
    char text[48];
    snprintf(text, sizeof text, "/%s/%lld", folder, (long long)id);
    http_reply_header(reply, "Location", text);
}

void api_canceled(struct api *api, struct http_reply *reply, int64_t id, bool over)
{
    struct jw w = JW(&reply->body);
    jw_open(&w, '{');
    jw_kint(&w, "id", id);
    jw_kstr(&w, "state", over ? "canceled" : "being canceled");
    jw_close(&w, '}');
    api_json_end(reply);
    api_from_memory(api, reply);
}

void api_json_end(struct http_reply *reply)
{
    if (reply->body.len == 0 || reply->body.p[reply->body.len - 1] != '\n')
        str_addc(&reply->body, '\n');
}

int api_wait_query(struct http_request *rq, int64_t *ret_wait_s, struct cail_err *err)
{
    int rc = API_QUERY(rq, err, "wait");
    if (rc == 0)
        rc = http_query_int(rq, "wait", 0, HTTP_WAIT_MAX_S, 0, ret_wait_s, err);
    if (rc == 0 && *ret_wait_s && rq->deadline_mono_us == 0)
        rq->deadline_mono_us = clock_mono_us() + *ret_wait_s * 1000000;
    return rc;
}
