/* One request and its answer. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cail_version.h"
#include "internal.h"

#define CALL_TIMEOUT_MS                                                                            \
    60000L /* a build machine's disk stalls for seconds before a COMMIT is through */
#define CONNECT_TIMEOUT_MS 5000L

int64_t cail_i_now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int cail_i_fail(struct cail *c, int rc, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(c->message, sizeof c->message, fmt, ap);
    va_end(ap);
    c->rc = rc;
    c->status = 0;
    json_decref(c->problem);
    c->problem = NULL;
    return rc;
}

bool cail_i_never_connected(CURLcode code)
{
    return code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST ||
           code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_SSL_CONNECT_ERROR ||
           code == CURLE_PEER_FAILED_VERIFICATION;
}

int cail_i_curl_failed(struct cail *c, CURLcode code)
{
    if (code == CURLE_OUT_OF_MEMORY)
        return cail_i_fail(c, CAIL_ENOMEM, "out of memory");
    if (code == CURLE_OPERATION_TIMEDOUT)
        return cail_i_fail(c, CAIL_ETIMEOUT, "cail-d at %s did not answer in time", c->where);
    if (cail_i_never_connected(code))
        return cail_i_fail(c, CAIL_EUNREACHABLE, "cannot reach cail-d at %s: %s", c->where,
                           curl_easy_strerror(code));
    return cail_i_fail(c, CAIL_EUNREACHABLE, "the connection to cail-d at %s broke: %s", c->where,
                       curl_easy_strerror(code));
}

static const char *member(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

int cail_i_refused(struct cail *c, int status, const char *body, size_t len)
{
    json_t *problem = json_loadb(body != NULL ? body : "", len, 0, NULL);
    if (!json_is_object(problem)) {
        json_decref(problem);
        problem = NULL;
    }
    const char *title = member(problem, "title"), *detail = member(problem, "detail");
    if (title[0] == '\0')
        cail_i_fail(c, CAIL_EREFUSED, "%s answered with HTTP status %d, which cail-d would explain",
                    c->where, status);
    else
        cail_i_fail(c, CAIL_EREFUSED, "%s%s%s", title, detail[0] != '\0' ? ": " : "", detail);
    c->status = status;
    c->problem = problem;
    return CAIL_EREFUSED;
}

struct cail_problem cail_problem(const struct cail *c)
{
    const json_t *errors = json_object_get(c->problem, "errors");
    return (struct cail_problem){
        .status = c->status,
        .code = member(c->problem, "code"),
        .title = member(c->problem, "title"),
        .detail = member(c->problem, "detail"),
        .hint = member(c->problem, "hint"),
        .errors = json_is_array(errors) ? errors : NULL,
    };
}

static size_t collect(char *data, size_t size, size_t n, void *ctx)
{
    struct cail_buf *b = ctx;
    if (n > CAIL_REPLY_MAX / size || b->len + size * n > CAIL_REPLY_MAX)
        return 0;
    cail_buf_add(b, data, size * n);
    return b->oom ? 0 : size * n;
}

bool cail_i_header(struct curl_slist **list, const char *name, const char *value)
{
    struct cail_buf line = CAIL_BUF_INIT;
    cail_buf_adds(&line, name);
    cail_buf_adds(&line, value);
    struct curl_slist *grown = line.oom ? NULL : curl_slist_append(*list, line.p);
    cail_buf_done(&line);
    if (grown != NULL)
        *list = grown;
    return grown != NULL;
}

void cail_i_options(CURL *easy, const char *url, const char *method, struct curl_slist *headers)
{
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "cail/" CAIL_VERSION);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
}

int cail_i_prepare(struct cail *c, CURL *easy, const char *method, const char *path,
                   const char *accept, const char *extra, struct curl_slist **ret_headers)
{
    struct curl_slist *list = NULL;
    char *url = cail_path("%s%s", c->base, path);
    bool ok = url != NULL && cail_i_header(&list, "Accept: ", accept) &&
              (extra == NULL || cail_i_header(&list, "", extra)) &&
              (c->token == NULL || cail_i_header(&list, "Authorization: Bearer ", c->token)) &&
              cail_i_header(&list, "Expect:", ""); /* 100-continue costs a round trip for nothing */
    *ret_headers = list;
    if (!ok) {
        free(url);
        return cail_i_fail(c, CAIL_ENOMEM, "out of memory");
    }
    cail_i_options(easy, url, method, list);
    free(url);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    if (c->socket != NULL)
        curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, c->socket);
    if (c->resolve != NULL)
        curl_easy_setopt(easy, CURLOPT_RESOLVE, c->resolve);
    if (c->loopback) /* http_proxy in the environment must not see what stays on this machine */
        curl_easy_setopt(easy, CURLOPT_PROXY, "");
    return CAIL_OK;
}

static int finish(struct cail *c, CURLcode code, struct cail_buf *body, struct cail_reply *ret)
{
    long status = 0;
    curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    if (code == CURLE_WRITE_ERROR && !body->oom)
        return cail_i_fail(c, CAIL_ETOOBIG, "the answer is larger than %zu MiB",
                           CAIL_REPLY_MAX >> 20);
    if (code != CURLE_OK)
        return cail_i_curl_failed(c, body->oom ? CURLE_OUT_OF_MEMORY : code);
    if (status < 200 || status >= 300)
        return cail_i_refused(c, (int)status, body->p, body->len);
    char *type = NULL;
    curl_easy_getinfo(c->easy, CURLINFO_CONTENT_TYPE, &type);
    bool is_json = type != NULL && strncmp(type, "application/json", 16) == 0;
    ret->status = (int)status;
    ret->len = body->len;
    ret->text = cail_buf_take(body);
    if (ret->text == NULL)
        return cail_i_fail(c, CAIL_ENOMEM, "out of memory");
    if (!is_json)
        return CAIL_OK;
    ret->json = json_loadb(ret->text, ret->len, 0, NULL);
    return ret->json != NULL
               ? CAIL_OK
               : cail_i_fail(c, CAIL_EPROTOCOL, "the answer of %s is broken JSON", c->where);
}

struct body {
    const char *data; /* NULL = none */
    size_t len;
    const char *type; /* "Content-Type: application/json" */
};

/* extra: one more header line, or NULL. *ret_curl tells how the transfer itself went. */
static int call_with(struct cail *c, const char *method, const char *path, const struct body *send,
                     const char *extra, struct cail_reply *ret, CURLcode *ret_curl)
{
    struct cail_buf body = CAIL_BUF_INIT;
    struct curl_slist *headers = NULL;
    *ret_curl = CURLE_OUT_OF_MEMORY;
    curl_easy_reset(c->easy);
    int rc = cail_i_prepare(c, c->easy, method, path, "application/json", extra, &headers);
    if (rc == CAIL_OK && send->data != NULL) {
        struct curl_slist *more = curl_slist_append(headers, send->type);
        if (more != NULL)
            headers = more;
        curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(c->easy, CURLOPT_POSTFIELDS, send->data);
        curl_easy_setopt(c->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)send->len);
    } else if (rc == CAIL_OK && strcmp(method, "POST") == 0) {
        curl_easy_setopt(c->easy, CURLOPT_POSTFIELDS, "");
        curl_easy_setopt(c->easy, CURLOPT_POSTFIELDSIZE, 0L);
    }
    if (rc == CAIL_OK) {
        curl_easy_setopt(c->easy, CURLOPT_TIMEOUT_MS,
                         c->timeout_ms > 0 ? c->timeout_ms : CALL_TIMEOUT_MS);
        curl_easy_setopt(c->easy, CURLOPT_WRITEFUNCTION, collect);
        curl_easy_setopt(c->easy, CURLOPT_WRITEDATA, &body);
        *ret_curl = curl_easy_perform(c->easy);
        rc = finish(c, *ret_curl, &body, ret);
    }
    curl_slist_free_all(headers);
    cail_buf_done(&body);
    if (rc != CAIL_OK)
        cail_reply_done(ret);
    return rc;
}

static int call(struct cail *c, const char *method, const char *path, const json_t *json,
                const char *extra, struct cail_reply *ret, CURLcode *ret_curl)
{
    char *text = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;
    struct body body = {text, text != NULL ? strlen(text) : 0, "Content-Type: application/json"};
    *ret_curl = CURLE_OUT_OF_MEMORY;
    int rc = json != NULL && text == NULL ? cail_i_fail(c, CAIL_ENOMEM, "out of memory")
                                          : call_with(c, method, path, &body, extra, ret, ret_curl);
    free(text);
    return rc;
}

int cail_post(struct cail *c, const char *path, const void *data, size_t len,
              struct cail_reply *ret)
{
    struct body body = {data, len, "Content-Type: application/octet-stream"};
    CURLcode ignored;
    *ret = (struct cail_reply){0};
    return call_with(c, "POST", path, &body, NULL, ret, &ignored);
}

int cail_call(struct cail *c, const char *method, const char *path, const json_t *body,
              struct cail_reply *ret)
{
    CURLcode ignored;
    *ret = (struct cail_reply){0};
    return call(c, method, path, body, NULL, ret, &ignored);
}

static bool worth_repeating(const struct cail *c, int rc, CURLcode code, int tries)
{
    if (rc == CAIL_EREFUSED)
        return strcmp(cail_problem(c).code, "commit_unknown") == 0;
    /* Nobody there at the first try: nothing was sent, the caller should hear it at once. Later it
     * is a daemon that is being restarted under us. */
    return rc == CAIL_ETIMEOUT ||
           (rc == CAIL_EUNREACHABLE && (tries > 0 || !cail_i_never_connected(code)));
}

int cail_submit(struct cail *c, const json_t *body, const char *key, struct cail_reply *ret)
{
    return cail_post_once(c, "/jobs", body, key, ret);
}

int cail_post_once(struct cail *c, const char *path, const json_t *body, const char *key,
                   struct cail_reply *ret)
{
    static const int pause_ms[] = {200, 1500};
    struct cail_buf header = CAIL_BUF_INIT;
    char made[33];
    if (key == NULL) {
        unsigned char r[16];
        if (getentropy(r, sizeof r) != 0)
            return cail_i_fail(c, CAIL_EARGUMENT, "no random numbers: %s", strerror(errno));
        for (size_t i = 0; i < sizeof r; i++)
            snprintf(made + 2 * i, 3, "%02x", r[i]);
        key = made;
    }
    cail_buf_addf(&header, "Idempotency-Key: %s", key);
    int rc = header.oom || strpbrk(key, "\r\n") != NULL
                 ? cail_i_fail(c, CAIL_EARGUMENT, "bad Idempotency-Key")
                 : CAIL_OK;
    for (int tries = 0; rc == CAIL_OK; tries++) {
        CURLcode code;
        *ret = (struct cail_reply){0};
        rc = call(c, "POST", path, body, header.p, ret, &code);
        if (rc == CAIL_OK || tries == 2 || !worth_repeating(c, rc, code, tries))
            break;
        nanosleep(&(struct timespec){pause_ms[tries] / 1000, pause_ms[tries] % 1000 * 1000000L},
                  NULL);
        rc = CAIL_OK;
    }
    cail_buf_done(&header);
    return rc;
}
