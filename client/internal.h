/* What the files of libcail share; nobody else includes it. */
#ifndef CLIENT_INTERNAL_H
#define CLIENT_INTERNAL_H

#include <curl/curl.h>

#include "buf.h"
#include "cail/cail.h"

struct cail {
    CURL *easy;    /* for cail_call: keeps its connection */
    char *base;    /* "http://localhost:8080", no slash at the end */
    char *socket;  /* path of the Unix socket, NULL = TCP */
    char *where;   /* what cail_where says */
    char *token;   /* NULL = none */
    bool loopback; /* the address never leaves this machine */
    struct curl_slist *resolve; /* what "localhost" is, NULL = another host */
    long timeout_ms;
    char warning[256]; /* "" = none */
    int rc;            /* of the last failure */
    char message[1024];
    int status;      /* HTTP status of the last problem */
    json_t *problem; /* its body, NULL = not JSON */
};

/* find.c: fills base, socket, where, loopback, token. */
int cail_i_find(struct cail *c, const struct cail_options *options);

/* Remember a failure and return rc. */
int cail_i_fail(struct cail *c, int rc, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The failure that a finished transfer means: a curl error, or a status >= 400 with its body. */
int cail_i_curl_failed(struct cail *c, CURLcode code);
int cail_i_refused(struct cail *c, int status, const char *body, size_t len);

/* Adds one header line; name with its colon. False = out of memory, *list is as it was. */
bool cail_i_header(struct curl_slist **list, const char *name, const char *value);
/* What holds for every request: http and https alone, nothing is followed elsewhere. */
void cail_i_options(CURL *easy, const char *url, const char *method, struct curl_slist *headers);
/* Common options on an easy handle for `path`; *ret_headers is the caller's to free after the
 * transfer. accept: media type. extra: one more header line or NULL. */
int cail_i_prepare(struct cail *c, CURL *easy, const char *method, const char *path,
                   const char *accept, const char *extra, struct curl_slist **ret_headers);
/* Did the request perhaps reach the daemon, or was there nobody? */
bool cail_i_never_connected(CURLcode code);

int64_t cail_i_now_ms(void); /* monotonic */

#endif
