/* From a struct http_reply to status, headers and body, still free of libmicrohttpd. Pure. */
#ifndef HTTP_REPLY_H
#define HTTP_REPLY_H

#include "http/http.h"

struct reply_header {
    const char *name, *value;
};

#define REPLY_HEADERS_MAX (HTTP_REPLY_HEADERS_MAX + 16)

/* Every header of the answer, the security headers among them; returns how many. The values live as
 * long as *reply. */
size_t reply_headers(const struct http_reply *reply, struct reply_header out[REPLY_HEADERS_MAX]);
/* Does If-None-Match name the reply's ETag, so that 304 is the answer? */
bool reply_not_modified(const struct http_reply *reply, const char *if_none_match);
/* Free what the reply owns and make it empty; the body keeps its memory for the next one. */
void reply_clear(struct http_reply *reply);

#endif
