/* Bodies that are passed on as they come: logs, artifacts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "internal.h"

#define ERROR_BODY_MAX ((size_t)64 << 10) /* bytes kept of a refusal's body */

struct pipe_to {
    CURL *easy;
    cail_sink *sink;
    void *ctx;
    int64_t skip; /* bytes to drop first: the server ignored our Range */
    size_t (*on_header)(char *line, size_t size, size_t n, void *ctx); /* NULL = none wanted */
    bool begun, stopped;
    struct cail_buf error;
};

static size_t pass_on(char *data, size_t size, size_t n, void *ctx)
{
    struct pipe_to *to = ctx;
    size_t len = size * n, drop;
    long status = 0;
    curl_easy_getinfo(to->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200 && status != 206) {
        if (to->error.len + len <= ERROR_BODY_MAX)
            cail_buf_add(&to->error, data, len);
        return len;
    }
    if (!to->begun && status == 206)
        to->skip = 0;
    to->begun = true;
    drop = to->skip < (int64_t)len ? (size_t)to->skip : len;
    to->skip -= (int64_t)drop;
    if (len > drop && to->sink(to->ctx, data + drop, len - drop) != 0) {
        to->stopped = true;
        return 0;
    }
    return len;
}

/* range: "5-" or "-65536", NULL = all. A log without that range yet (416) is an empty one. */
static int stream(struct cail *c, const char *path, const char *range, struct pipe_to *to)
{
    struct curl_slist *headers = NULL;
    curl_easy_reset(c->easy);
    int rc = cail_i_prepare(c, c->easy, "GET", path, "text/plain, */*", NULL, &headers);
    if (rc == CAIL_OK) {
        curl_easy_setopt(c->easy, CURLOPT_WRITEFUNCTION, pass_on);
        curl_easy_setopt(c->easy, CURLOPT_WRITEDATA, to);
        curl_easy_setopt(c->easy, CURLOPT_TCP_KEEPALIVE, 1L);
        if (range != NULL)
            curl_easy_setopt(c->easy, CURLOPT_RANGE, range);
        if (to->on_header != NULL) {
            curl_easy_setopt(c->easy, CURLOPT_HEADERFUNCTION, to->on_header);
            curl_easy_setopt(c->easy, CURLOPT_HEADERDATA, to->ctx);
        }
        CURLcode code = curl_easy_perform(c->easy);
        long status = 0;
        curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
        if (to->stopped)
            rc = cail_i_fail(c, CAIL_ESTOPPED, "stopped");
        else if (code != CURLE_OK)
            rc = cail_i_curl_failed(c, code);
        else if (status != 200 && status != 206 && !(status == 416 && range != NULL))
            rc = cail_i_refused(c, (int)status, to->error.p, to->error.len);
    }
    curl_slist_free_all(headers);
    cail_buf_done(&to->error);
    return rc;
}

int cail_stream(struct cail *c, const char *path, int64_t from, cail_sink *sink, void *ctx)
{
    char range[32];
    snprintf(range, sizeof range, "%lld-", (long long)from);
    struct pipe_to to = {.easy = c->easy, .sink = sink, .ctx = ctx, .skip = from};
    return stream(c, path, from > 0 ? range : NULL, &to);
}

struct last_bytes {
    struct cail_buf kept;
    size_t max;
    int64_t seen;  /* bytes of this answer */
    int64_t start; /* offset of its first byte */
};

/* A server that ignores the range sends the whole log: only its end is kept. */
static int keep_last(void *ctx, const char *data, size_t len)
{
    struct last_bytes *l = ctx;
    l->seen += (int64_t)len;
    cail_buf_add(&l->kept, data, len);
    if (l->kept.len > 2 * l->max) {
        memmove(l->kept.p, l->kept.p + l->kept.len - l->max, l->max + 1);
        l->kept.len = l->max;
    }
    return l->kept.oom;
}

static size_t content_range(char *line, size_t size, size_t n, void *ctx)
{
    static const char name[] = "content-range: bytes ";
    struct last_bytes *l = ctx;
    size_t len = size * n;
    if (len > sizeof name && strncasecmp(line, name, sizeof name - 1) == 0) {
        long long start = 0;
        for (size_t i = sizeof name - 1; i < len && line[i] >= '0' && line[i] <= '9'; i++)
            if (start < (INT64_MAX - 9) / 10)
                start = start * 10 + (line[i] - '0');
        l->start = start;
    }
    return len;
}

int cail_log_end(struct cail *c, int64_t job, int64_t attempt, size_t max, char **ret_text,
                 size_t *ret_len, int64_t *ret_end)
{
    struct last_bytes last = {.kept = CAIL_BUF_INIT, .max = max};
    struct pipe_to to = {
        .easy = c->easy, .sink = keep_last, .ctx = &last, .on_header = content_range};
    char range[32];
    char *path = attempt > 0
                     ? cail_path("/jobs/%lld/log?attempt=%lld", (long long)job, (long long)attempt)
                     : cail_path("/jobs/%lld/log", (long long)job);
    snprintf(range, sizeof range, "-%zu", max);
    if (path == NULL)
        return cail_i_fail(c, CAIL_ENOMEM, "out of memory");
    int rc = stream(c, path, range, &to);
    free(path);
    *ret_end = last.start + last.seen;
    *ret_len = last.kept.len < max ? last.kept.len : max;
    if (rc == CAIL_OK && last.kept.len > max) {
        memmove(last.kept.p, last.kept.p + last.kept.len - max, max + 1);
        last.kept.len = max;
    }
    *ret_text = rc == CAIL_OK ? cail_buf_take(&last.kept) : NULL;
    cail_buf_done(&last.kept);
    if (rc == CAIL_OK && *ret_text == NULL)
        rc = cail_i_fail(c, CAIL_ENOMEM, "out of memory");
    return rc;
}
