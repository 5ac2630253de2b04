/* The fields of a "::cail" line. */
#include "parse/fields.h"

#include <stddef.h>
#include <string.h>

static void skip_blanks(char **at)
{
    *at += strspn(*at, " \t");
}

char *parse_word(char **at)
{
    skip_blanks(at);
    if (!**at)
        return NULL;
    char *word = *at;
    *at += strcspn(*at, " \t");
    if (**at)
        *(*at)++ = 0;
    return word;
}

static bool malformed(char **ret_key, char *what)
{
    *ret_key = what;
    return false;
}

/* *at: after the opening quote. Unescapes in place. */
static char *quoted(char **at)
{
    char *value = *at, *to = value;
    for (char *p = value; *p; p++) {
        if (*p == '"') {
            if (p[1] && p[1] != ' ' && p[1] != '\t')
                return NULL;
            *at = p + 1;
            *to = 0;
            return value;
        }
        if (*p == '\\' && (p[1] == '"' || p[1] == '\\'))
            p++;
        *to++ = *p;
    }
    return NULL;
}

bool parse_field(char **at, char **ret_key, char **ret_value)
{
    static char no_equals[] = "a field has no '='";
    static char no_quote[] = "a quoted value does not end";
    skip_blanks(at);
    *ret_key = NULL;
    if (!**at)
        return false;
    char *key = *at;
    size_t n = strcspn(key, "= \t");
    if (key[n] != '=')
        return malformed(ret_key, no_equals);
    key[n] = 0;
    *at = key + n + 1;
    if (**at == '"') {
        ++*at;
        *ret_value = quoted(at);
        if (!*ret_value)
            return malformed(ret_key, no_quote);
    } else {
        *ret_value = *at;
        *at += strcspn(*at, " \t");
        if (**at)
            *(*at)++ = 0;
    }
    *ret_key = key;
    return true;
}
