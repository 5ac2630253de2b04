#include "lab/md.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool is_control(char c)
{
    return (unsigned char)c < ' ' || c == 0x7f;
}

void md_text(struct str *out, const char *text)
{
    if (!text || !*text) {
        str_addc(out, '-');
        return;
    }
    for (const char *p = text; *p; p++) {
        if (is_control(*p))
            str_addc(out, ' ');
        else if (*p == '<')
            str_adds(out, "&lt;");
        else if (*p == '&')
            str_adds(out, "&amp;");
        else if (*p == '@') /* a mention would call somebody */
            str_adds(out, "&#64;");
        else {
            if (strchr("\\`*_[]|~#>!", *p))
                str_addc(out, '\\');
            str_addc(out, *p);
        }
    }
}

void md_code(struct str *out, const char *text)
{
    str_addc(out, '`');
    for (const char *p = text ? text : ""; *p; p++)
        str_addc(out, is_control(*p) || *p == '`' ? '\'' : *p == '|' ? '/' : *p);
    str_addc(out, '`');
}

void md_shell(struct str *out, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-_=+,./:@%";
    if (*word && strspn(word, plain) == strlen(word)) {
        str_adds(out, word);
        return;
    }
    str_addc(out, '\'');
    for (const char *p = word; *p; p++) {
        if (*p == '\'')
            str_adds(out, "'\\''");
        else if (*p == '`' || is_control(*p))
            str_addc(out, '?'); /* stays one line inside a fence */
        else
            str_addc(out, *p);
    }
    str_addc(out, '\'');
}

void md_number(struct str *out, double v)
{
    if (isnan(v))
        str_addc(out, '-');
    else
        str_addf(out, "%.6g", v);
}
