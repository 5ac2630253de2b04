/* A growable byte string. Always NUL-terminated once something was added; may hold NULs.
 *
 *     CLEANUP(str_done) struct str s = STR_INIT;
 *     str_addf(&s, "%d jobs", n);
 *
 * Growth stops the process when memory ends (base/mem.h). */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct str {
    char *p;    /* NULL while empty and never used */
    size_t len; /* without the NUL */
    size_t cap;
};

#define STR_INIT                                                                                   \
    {                                                                                              \
        NULL, 0, 0                                                                                 \
    }

void str_done(struct str *s);                 /* frees; leaves it empty and usable */
void str_clear(struct str *s);                /* empties, keeps the memory */
void str_reserve(struct str *s, size_t more); /* room for `more` bytes beyond len */
void str_add(struct str *s, const void *p, size_t len);
void str_adds(struct str *s, const char *text);
void str_addc(struct str *s, char c);
void str_addf(struct str *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
void str_add_int(struct str *s, int64_t v); /* decimal; the fast way */
char *str_take(struct str *s) NODISCARD;    /* caller frees; "" (not NULL) when empty */

#endif
