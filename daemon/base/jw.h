/* A JSON writer that appends to a struct str: commas and escapes are its business, shape is the
 * caller's. An answer is written once, never built as a tree first.
 *
 *     struct jw w = JW(&out);
 *     jw_open(&w, '{');
 *     jw_key(&w, "id"); jw_int(&w, 7);
 *     jw_close(&w, '}');
 *
 * A string that is not UTF-8 is written with U+FFFD in the place of each bad byte, so the output is
 * always valid JSON. */
#ifndef BASE_JW_H
#define BASE_JW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct jw {
    struct str *out;
    bool comma; /* the next value needs one before it */
};

#define JW(s) ((struct jw){(s), false})

void jw_open(struct jw *w, char bracket);        /* '{' or '[' */
void jw_close(struct jw *w, char bracket);       /* '}' or ']' */
void jw_key(struct jw *w, const char *name);     /* name needs no escaping */
void jw_key_any(struct jw *w, const char *name); /* a key that a stranger chose */
void jw_str(struct jw *w, const char *s);        /* NULL = null */
void jw_strn(struct jw *w, const char *s, size_t len);
void jw_int(struct jw *w, int64_t v);
void jw_real(struct jw *w, double v); /* %.17g shortened; NaN and infinities = null */
void jw_bool(struct jw *w, bool v);
void jw_null(struct jw *w);
void jw_raw(struct jw *w, const char *json, size_t len); /* len 0 = nothing at all */
void jw_time(struct jw *w, int64_t at_us); /* RFC 3339 UTC with milliseconds; 0 = null */

/* jw_key + value. */
void jw_kstr(struct jw *w, const char *key, const char *v);
void jw_kint(struct jw *w, const char *key, int64_t v);
void jw_kreal(struct jw *w, const char *key, double v);
void jw_kbool(struct jw *w, const char *key, bool v);
void jw_knull(struct jw *w, const char *key);
void jw_ktime(struct jw *w, const char *key, int64_t at_us);

#endif
