/* UTF-8 validity (RFC 3629: no surrogates, no overlong forms, nothing past U+10FFFF). */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Length 1..4 of the valid character at s, or 0 when the bytes there are not one. len >= 1. */
size_t utf8_char_len(const char *s, size_t len);
bool utf8_valid(const char *s, size_t len);
/* Valid UTF-8 and no control character (C0, DEL, C1) but those in `allowed`. */
bool utf8_printable(const char *s, size_t len, const char *allowed);

#endif
