/* A growable byte string. */
#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void str_done(struct str *s)
{
    free(s->p);
    *s = (struct str)STR_INIT;
}

void str_clear(struct str *s)
{
    s->len = 0;
    if (s->p)
        s->p[0] = 0;
}

void str_reserve(struct str *s, size_t more)
{
    size_t need = s->len + more + 1;
    if (need <= s->cap)
        return;
    size_t cap = s->cap ? s->cap : 64;
    while (cap < need)
        cap += cap;
    s->p = mem_grow(s->p, cap, 1);
    s->cap = cap;
}

void str_add(struct str *s, const void *p, size_t len)
{
    str_reserve(s, len);
    if (len)
        memcpy(s->p + s->len, p, len);
    s->len += len;
    s->p[s->len] = 0;
}

void str_adds(struct str *s, const char *text)
{
    str_add(s, text, strlen(text));
}

void str_addc(struct str *s, char c)
{
    str_add(s, &c, 1);
}

void str_addf(struct str *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0)
        abort(); /* a bad format is our bug */
    str_reserve(s, (size_t)n);
    va_start(ap, fmt);
    vsnprintf(s->p + s->len, (size_t)n + 1, fmt, ap);
    va_end(ap);
    s->len += (size_t)n;
}

void str_add_int(struct str *s, int64_t v)
{
    char digits[20];
    size_t at = sizeof digits;
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    do
        digits[--at] = (char)('0' + u % 10);
    while (u /= 10);
    if (v < 0)
        str_addc(s, '-');
    str_add(s, digits + at, sizeof digits - at);
}

char *str_take(struct str *s)
{
    str_reserve(s, 0);
    s->p[s->len] = 0;
    char *p = s->p;
    *s = (struct str)STR_INIT;
    return p;
}
