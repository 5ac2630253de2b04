#include "http/html.h"

#include <stdbool.h>
#include <string.h>

#include "base/utf8.h"

static const char *entity(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

/* U+202A..202E and U+2066..2069: "Trojan Source" (CVE-2021-42574). */
static bool turns_direction(const char *p, size_t n)
{
    unsigned char last = n == 3 ? (unsigned char)p[2] : 0;
    return (n == 3 && memcmp(p, "\xe2\x80", 2) == 0 && last >= 0xaa && last <= 0xae) ||
           (n == 3 && memcmp(p, "\xe2\x81", 2) == 0 && last >= 0xa6 && last <= 0xa9);
}

void html_add(struct str *out, const char *text, size_t len)
{
    while (len > 0) {
        size_t n = utf8_char_len(text, len);
        const char *as = n == 1 ? entity(*text) : NULL;
        if (n == 0 || !utf8_printable(text, n, "\t\n") || turns_direction(text, n))
            as = "\xef\xbf\xbd";
        if (as)
            str_adds(out, as);
        else
            str_add(out, text, n);
        n = n ? n : 1;
        text += n;
        len -= n;
    }
}

void html_adds(struct str *out, const char *text)
{
    if (text)
        html_add(out, text, strlen(text));
}

/* Length of the terminal sequence at p, which is an ESC. ECMA-48: CSI, the string sequences up to
 * BEL or ST, and two-byte ones. One that is cut off takes the rest. */
static size_t sequence_len(const char *p, size_t len)
{
    size_t i = 2;
    if (len < 2)
        return len;
    if (p[1] == '[') {
        while (i < len && (unsigned char)p[i] >= 0x20 && (unsigned char)p[i] < 0x40)
            i++;
        return i < len ? i + 1 : len;
    }
    if (strchr("]PX^_", p[1])) {
        for (; i < len; i++)
            if (p[i] == '\a' || (p[i] == '\\' && p[i - 1] == 0x1b) || p[i] == '\n')
                return p[i] == '\n' ? i : i + 1;
        return len;
    }
    while (i < len && (unsigned char)p[i - 1] >= 0x20 && (unsigned char)p[i - 1] < 0x30)
        i++;
    return i;
}

void html_add_log(struct str *out, const char *text, size_t len)
{
    size_t from = 0, i = 0;
    while (i < len) {
        if (text[i] != 0x1b && text[i] != '\r') {
            i++;
            continue;
        }
        html_add(out, text + from, i - from);
        if (text[i] == '\r') {
            if (i + 1 < len && text[i + 1] != '\n' && text[i + 1] != '\r')
                str_addc(out, '\n');
            i++;
        } else {
            i += sequence_len(text + i, len - i);
        }
        from = i;
    }
    html_add(out, text + from, len - from);
}
