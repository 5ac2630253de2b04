/* Server-sent events out of a stream of bytes (WHATWG HTML, section 9.2). Only `event` and `data`
 * are looked at: whoever reconnects asks for the whole job again, so ids are of no use here. */
#ifndef CLIENT_SSE_H
#define CLIENT_SSE_H

#include "buf.h"

#define CAIL_SSE_MAX ((size_t)8 << 20) /* bytes of one event; longer ones are dropped whole */

struct cail_sse {
    struct cail_buf line, event, data;
    bool after_cr; /* the last byte was CR: a LF that follows belongs to it */
    bool too_long; /* of the event that is being read */
    void *ctx;
    void (*on_event)(void *ctx, const char *event, const char *data, size_t len);
};

void cail_sse_feed(struct cail_sse *s, const char *p, size_t len);
void cail_sse_reset(struct cail_sse *s); /* a new connection: forget the half event */
void cail_sse_done(struct cail_sse *s);

#endif
