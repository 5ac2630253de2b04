/* A growable byte string for the client. Running out of memory is remembered in `oom` instead of
 * being reported by each call: check it once, before the bytes are used. */
#ifndef CLIENT_BUF_H
#define CLIENT_BUF_H

#include <stdbool.h>
#include <stddef.h>

struct cail_buf {
    char *p; /* NUL-terminated once something was added */
    size_t len, cap;
    bool oom;
};

#define CAIL_BUF_INIT                                                                              \
    {                                                                                              \
        NULL, 0, 0, false                                                                          \
    }

void cail_buf_done(struct cail_buf *b);
void cail_buf_clear(struct cail_buf *b); /* keeps the memory */
void cail_buf_add(struct cail_buf *b, const void *p, size_t len);
void cail_buf_adds(struct cail_buf *b, const char *text);
void cail_buf_addc(struct cail_buf *b, char c);
void cail_buf_addf(struct cail_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* %-encode everything but the unreserved characters of RFC 3986. */
void cail_buf_encode(struct cail_buf *b, const char *text);
/* Caller frees; "" when empty, NULL when memory ended. Leaves b empty. */
char *cail_buf_take(struct cail_buf *b);

#endif
