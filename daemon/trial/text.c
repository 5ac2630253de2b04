/* Words. */
#include "trial/text.h"

#include <string.h>

#include "base/utf8.h"

static uint32_t code_point(const char *s, size_t n)
{
    const unsigned char *u = (const unsigned char *)s;

    switch (n) {
    case 1:
        return u[0];
    case 2:
        return (uint32_t)(u[0] & 0x1f) << 6 | (u[1] & 0x3f);
    case 3:
        return (uint32_t)(u[0] & 0x0f) << 12 | (uint32_t)(u[1] & 0x3f) << 6 | (u[2] & 0x3f);
    default:
        return (uint32_t)(u[0] & 0x07) << 18 | (uint32_t)(u[1] & 0x3f) << 12 |
               (uint32_t)(u[2] & 0x3f) << 6 | (u[3] & 0x3f);
    }
}

/* Characters that would change how a line is shown rather than be seen: controls, joiners, marks of
 * direction, line and paragraph separators, the byte order mark, tags, what is no character. */
static bool is_hidden(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0xad || c == 0x61c || c == 0x180e ||
           (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) ||
           (c & 0xfffe) == 0xfffe || (c >= 0xe0000 && c <= 0xe0fff);
}

/* One character of s: its length, and in *ret_as what stands for it (NULL = itself). buf 12. */
static size_t next_char(const char *s, char *buf, const char **ret_as)
{
    size_t n = utf8_char_len(s, strnlen(s, 4));
    uint32_t c;

    *ret_as = NULL;
    if (n == 0) {
        *ret_as = "\xef\xbf\xbd";
        return 1;
    }
    c = code_point(s, n);
    if (is_hidden(c)) {
        static const char hex[] = "0123456789abcdef";
        size_t at = 0;
        buf[at++] = '\\';
        buf[at++] = 'u';
        for (int shift = c > 0xffff ? 20 : 12; shift >= 0; shift -= 4)
            buf[at++] = hex[c >> shift & 15];
        buf[at] = '\0';
        *ret_as = buf;
    }
    return n;
}

/* s with hidden characters shown but for those in keep; every other one through put, or as it is
 * where that says no. */
static void shown(struct str *out, const char *s, const char *keep,
                  bool (*put)(struct str *out, const char *s))
{
    char buf[12];
    const char *as;

    if (s == NULL)
        return;
    while (*s != '\0') {
        size_t n = next_char(s, buf, &as);
        if (as != NULL && strchr(keep, *s) == NULL)
            str_adds(out, as);
        else if (put == NULL || !put(out, s))
            str_add(out, s, n);
        s += n;
    }
}

void trial_plain(struct str *out, const char *s)
{
    shown(out, s, "", NULL);
}

/* Inside a table a bar ends the cell even within code, unless a backslash stands before it; and
 * what two of them do differs between readers, so one before a bar is written as a number. */
static bool put_code(struct str *out, const char *s)
{
    if (s[0] == '|')
        str_adds(out, "\\|");
    else if (s[0] == '\\' && s[1] == '|')
        str_adds(out, "\\u005c");
    else
        return false;
    return true;
}

static size_t longest_run(const char *s, char c)
{
    size_t best = 0, run = 0;

    for (; *s != '\0'; s++) {
        run = *s == c ? run + 1 : 0;
        best = run > best ? run : best;
    }
    return best;
}

static void repeat(struct str *out, char c, size_t n)
{
    while (n-- > 0)
        str_addc(out, c);
}

void trial_md_code(struct str *out, const char *s)
{
    size_t ticks;
    bool pad;

    if (s == NULL || *s == '\0') {
        str_addc(out, '-');
        return;
    }
    ticks = longest_run(s, '`') + 1;
    pad = s[0] == '`' || s[strlen(s) - 1] == '`';
    repeat(out, '`', ticks);
    repeat(out, ' ', pad);
    shown(out, s, "", put_code);
    repeat(out, ' ', pad);
    repeat(out, '`', ticks);
}

static bool put_text(struct str *out, const char *s)
{
    if (*s == '@') /* no mention of anybody */
        str_adds(out, "@<!-- -->");
    else if (*s == '<')
        str_adds(out, "&lt;");
    else if (*s == '&')
        str_adds(out, "&amp;");
    else if (strchr("\\`*_[#|~>", *s) != NULL)
        str_add(out, (const char[2]){'\\', *s}, 2);
    else
        return false;
    return true;
}

void trial_md_text(struct str *out, const char *s)
{
    if (s != NULL && *s != '\0' && strchr("-+=", *s) != NULL) /* would begin a list, a heading */
        str_addc(out, '\\');
    shown(out, s, "", put_text);
}

void trial_md_fence(struct str *out, const char *info, const char *text)
{
    size_t ticks = longest_run(text, '`') + 1;

    ticks = ticks < 3 ? 3 : ticks;
    repeat(out, '`', ticks);
    str_addf(out, "%s\n", info);
    shown(out, text, "\n\t", NULL);
    if (text[0] != '\0' && text[strlen(text) - 1] != '\n')
        str_addc(out, '\n');
    repeat(out, '`', ticks);
    str_addc(out, '\n');
}

static bool is_plain_url(const char *url)
{
    if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
        return false;
    for (const char *c = url; *c != '\0'; c++)
        if (*c <= 0x20 || *c >= 0x7f || strchr("<>()[]\\`|\"", *c) != NULL)
            return false;
    return true;
}

void trial_md_link(struct str *out, const char *words, const char *url)
{
    if (is_plain_url(url))
        str_addf(out, "[%s](%s)", words, url);
    else
        trial_md_code(out, url);
}

static bool put_xml(struct str *out, const char *s)
{
    switch (*s) {
    case '<':
        str_adds(out, "&lt;");
        return true;
    case '>':
        str_adds(out, "&gt;");
        return true;
    case '&':
        str_adds(out, "&amp;");
        return true;
    case '"':
        str_adds(out, "&quot;");
        return true;
    default:
        return false;
    }
}

void trial_xml(struct str *out, const char *s)
{
    shown(out, s, "", put_xml);
}

/* A JSON string from its opening quote: its characters, \" and \\ resolved, others as written.
 * Returns what follows. */
static const char *put_string(struct str *out, const char *s)
{
    for (s++; *s != '\0' && *s != '"'; s++) {
        if (*s == '\\' && (s[1] == '"' || s[1] == '\\' || s[1] == '/'))
            s++;
        else if (*s == '\\' && s[1] != '\0')
            str_addc(out, *s++);
        str_addc(out, *s);
    }
    return *s == '"' ? s + 1 : s;
}

void trial_params(struct str *out, const char *json)
{
    int depth = 0;

    for (const char *s = json != NULL ? json : ""; *s != '\0';) {
        if (*s == '"') {
            s = put_string(out, s);
            continue;
        }
        bool brace = *s == '{' || *s == '}';
        depth += (*s == '{' || *s == '[') - (*s == '}' || *s == ']');
        if (brace && depth <= (*s == '{')) /* the outer ones */
            ;
        else if (*s == ':')
            str_addc(out, '=');
        else if (*s == ',' && depth == 1)
            str_addc(out, ' ');
        else if (*s != ' ' && *s != '\n')
            str_addc(out, *s);
        s++;
    }
}
