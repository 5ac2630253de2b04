#include "buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void cail_buf_done(struct cail_buf *b)
{
    free(b->p);
    *b = (struct cail_buf)CAIL_BUF_INIT;
}

void cail_buf_clear(struct cail_buf *b)
{
    b->len = 0;
    if (b->p != NULL)
        b->p[0] = '\0';
}

static bool reserve(struct cail_buf *b, size_t more)
{
    if (b->oom || more > SIZE_MAX / 2 - b->len - 1) {
        b->oom = true;
        return false;
    }
    size_t need = b->len + more + 1;
    if (need <= b->cap)
        return true;
    size_t cap = b->cap < 64 ? 64 : b->cap;
    while (cap < need)
        cap *= 2;
    char *p = realloc(b->p, cap);
    if (p == NULL) {
        b->oom = true;
        return false;
    }
    b->p = p;
    b->cap = cap;
    return true;
}

void cail_buf_add(struct cail_buf *b, const void *p, size_t len)
{
    if (!reserve(b, len))
        return;
    if (len > 0)
        memcpy(b->p + b->len, p, len);
    b->len += len;
    b->p[b->len] = '\0';
}

void cail_buf_adds(struct cail_buf *b, const char *text)
{
    cail_buf_add(b, text, strlen(text));
}

void cail_buf_addc(struct cail_buf *b, char c)
{
    cail_buf_add(b, &c, 1);
}

void cail_buf_addf(struct cail_buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *text = NULL;
    int n = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (n < 0) {
        b->oom = true;
        return;
    }
    cail_buf_add(b, text, (size_t)n);
    free(text);
}

void cail_buf_encode(struct cail_buf *b, const char *text)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (; *text != '\0'; text++) {
        if (strchr(plain, *text) != NULL)
            cail_buf_addc(b, *text);
        else
            cail_buf_addf(b, "%%%02X", (unsigned)(unsigned char)*text);
    }
}

char *cail_buf_take(struct cail_buf *b)
{
    if (b->p == NULL)
        cail_buf_add(b, "", 0);
    char *p = b->p;
    if (b->oom) {
        free(p);
        p = NULL;
    }
    *b = (struct cail_buf)CAIL_BUF_INIT;
    return p;
}
