#include "web.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "internal.h"

#define WEB_REPLY_MAX  ((size_t)4 << 20)
#define WEB_TIMEOUT_MS 20000L

void web_reply_done(struct web_reply *r)
{
    json_decref(r->json);
    r->json = NULL;
}

static bool fail(struct web_reply *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool fail(struct web_reply *r, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(r->message, sizeof r->message, fmt, ap);
    va_end(ap);
    return false;
}

/* http, https and nothing else; *ret_private: nobody on the network can read along. */
static bool check_base(const char *base, bool *ret_private)
{
    CURLU *u = curl_url();
    char *scheme = NULL, *host = NULL, *user = NULL;
    bool ok = u != NULL && curl_url_set(u, CURLUPART_URL, base, 0) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_USER, &user, 0) != CURLUE_OK &&
              (strcmp(scheme, "https") == 0 || strcmp(scheme, "http") == 0);
    *ret_private = ok && (strcmp(scheme, "https") == 0 || strcmp(host, "localhost") == 0 ||
                          strncmp(host, "127.", 4) == 0 || strcmp(host, "[::1]") == 0);
    curl_free(scheme);
    curl_free(host);
    curl_free(user);
    curl_url_cleanup(u);
    return ok;
}

static size_t collect(char *data, size_t size, size_t n, void *ctx)
{
    struct cail_buf *b = ctx;
    if (b->len + size * n > WEB_REPLY_MAX)
        return 0;
    cail_buf_add(b, data, size * n);
    return b->oom ? 0 : size * n;
}

static int64_t header_int(CURL *easy, const char *name)
{
    struct curl_header *h;
    char *end;
    if (curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &h) != CURLHE_OK)
        return -1;
    long long v = strtoll(h->value, &end, 10);
    return end != h->value && *end == '\0' && v >= 0 ? v : -1;
}

static void explain(CURL *easy, int64_t now_s, struct web_reply *r)
{
    const char *said = json_string_value(json_object_get(r->json, "message"));
    int64_t after = header_int(easy, "retry-after"), reset = header_int(easy, "x-ratelimit-reset");
    bool none_left = header_int(easy, "x-ratelimit-remaining") == 0;
    if (r->status == 429 || (r->status == 403 && (none_left || after >= 0))) {
        r->is_rate_limit = true;
        r->wait_s = after >= 0 ? after : reset > now_s ? reset - now_s : -1;
    }
    if (r->is_rate_limit)
        snprintf(r->message, sizeof r->message, "the limit of requests is used up (HTTP %d)",
                 r->status);
    else if (r->status == 401)
        snprintf(r->message, sizeof r->message, "the token is not accepted (HTTP 401)");
    else if (r->status >= 300 && r->status < 400)
        snprintf(r->message, sizeof r->message, "it moved elsewhere (HTTP %d), not followed",
                 r->status);
    else
        snprintf(r->message, sizeof r->message, "HTTP %d%s%.150s", r->status,
                 said != NULL ? ": " : "", said != NULL ? said : "");
}

static bool finish(CURL *easy, CURLcode code, const struct cail_buf *body, int64_t now_s,
                   struct web_reply *r)
{
    long status = 0;
    if (code != CURLE_OK)
        return fail(r, "%s", curl_easy_strerror(code));
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    r->status = (int)status;
    r->json = json_loadb(body->p != NULL ? body->p : "", body->len, JSON_REJECT_DUPLICATES, NULL);
    if (status < 200 || status >= 300) {
        explain(easy, now_s, r);
        return false;
    }
    return json_is_object(r->json) || fail(r, "the answer is no JSON object");
}

static bool is_clean(const char *token)
{
    for (const char *p = token; *p != '\0'; p++)
        if (*p <= ' ' || *p > '~')
            return false;
    return token[0] != '\0';
}

bool web_call(const char *method, const char *base, const char *path, const char *token,
              const json_t *body, int64_t now_s, struct web_reply *ret)
{
    struct cail_buf url = CAIL_BUF_INIT, got = CAIL_BUF_INIT;
    struct curl_slist *headers = NULL;
    bool is_private;
    *ret = (struct web_reply){.wait_s = -1};
    if (!check_base(base, &is_private))
        return fail(ret, "%.150s is no address of an API", base);
    if (token != NULL && (!is_private || !is_clean(token)))
        return fail(ret, "the token is not sent to %.150s: it wants https", base);
    size_t base_len = strlen(base);
    while (base_len > 0 && base[base_len - 1] == '/')
        base_len--;
    cail_buf_add(&url, base, base_len);
    cail_buf_adds(&url, path);
    char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    CURL *easy = curl_easy_init();
    bool ok = easy != NULL && !url.oom && (body == NULL || text != NULL) &&
              cail_i_header(&headers, "Accept: ", "application/vnd.github+json") &&
              cail_i_header(&headers, "X-GitHub-Api-Version: ", "2022-11-28") &&
              cail_i_header(&headers, "Expect:", "") &&
              (token == NULL || cail_i_header(&headers, "Authorization: Bearer ", token)) &&
              (body == NULL || cail_i_header(&headers, "Content-Type: ", "application/json"));
    if (ok) {
        cail_i_options(easy, url.p, method, headers);
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, WEB_TIMEOUT_MS);
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, collect);
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, &got);
        if (strncmp(base, "http:", 5) == 0) /* a proxy must not see what stays on this machine */
            curl_easy_setopt(easy, CURLOPT_PROXY, "");
        if (text != NULL)
            curl_easy_setopt(easy, CURLOPT_POSTFIELDS, text);
        ok = finish(easy, curl_easy_perform(easy), &got, now_s, ret);
    } else {
        ok = fail(ret, "out of memory");
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(easy);
    free(text);
    cail_buf_done(&url);
    cail_buf_done(&got);
    return ok;
}
