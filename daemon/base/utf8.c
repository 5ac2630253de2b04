/* UTF-8 validity by the table of Unicode 15, section 3.9, D92 (well-formed byte sequences). */
#include "base/utf8.h"

#include <string.h>

size_t utf8_char_len(const char *text, size_t len)
{
    const unsigned char *s = (const unsigned char *)text;
    if (s[0] < 0x80)
        return 1;
    unsigned char low = 0x80, high = 0xbf;
    size_t n;
    if (s[0] >= 0xc2 && s[0] <= 0xdf)
        n = 2;
    else if (s[0] >= 0xe0 && s[0] <= 0xef)
        n = 3;
    else if (s[0] >= 0xf0 && s[0] <= 0xf4)
        n = 4;
    else
        return 0;
    if (s[0] == 0xe0)
        low = 0xa0; /* else overlong */
    else if (s[0] == 0xed)
        high = 0x9f; /* else a surrogate */
    else if (s[0] == 0xf0)
        low = 0x90;
    else if (s[0] == 0xf4)
        high = 0x8f;
    if (len < n || s[1] < low || s[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++)
        if (s[i] < 0x80 || s[i] > 0xbf)
            return 0;
    return n;
}

bool utf8_valid(const char *s, size_t len)
{
    while (len) {
        size_t n = utf8_char_len(s, len);
        if (!n)
            return false;
        s += n;
        len -= n;
    }
    return true;
}

bool utf8_printable(const char *s, size_t len, const char *allowed)
{
    while (len) {
        size_t n = utf8_char_len(s, len);
        unsigned char c = (unsigned char)s[0];
        bool control = c < 0x20 || c == 0x7f || (c == 0xc2 && n == 2 && (unsigned char)s[1] < 0xa0);
        if (!n || (control && !(c && c < 0x80 && strchr(allowed, (char)c))))
            return false;
        s += n;
        len -= n;
    }
    return true;
}
