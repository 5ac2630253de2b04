/* One parameter's value against its type. A value may become an argument of a command, so none but
 * an int with a negative `min` may start with '-', and none has a control character.
 *
 * An empty default makes a parameter optional: "" is then a value of it, whatever its type's rules
 * say about text. */
#include "recipe/value.h"

#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/near.h"
#include "base/utf8.h"

/* glibc expands a{n,m} by copying and answers back references by trying all ways: both let a short
 * pattern cost gigabytes or hours, so repetitions are bounded (their product, as they may nest) and
 * back references refused. */
const char *recipe_pattern_bad(const char *pattern)
{
    long product = 1;
    for (const char *p = pattern; *p; p++) {
        if (*p == '\\' && p[1] >= '0' && p[1] <= '9')
            return "has a back reference";
        if (*p == '\\' && p[1]) {
            p++;
            continue;
        }
        if (*p != '{')
            continue;
        long most = 1;
        for (p++; *p && *p != '}'; p++) {
            char *end;
            long n = strtol(p, &end, 10);
            if (end == p)
                continue;
            most = n > most ? n : most;
            p = end - 1;
        }
        if (most > 1000 || (product *= most) > 1000)
            return "repeats more than 1000 times";
        if (!*p)
            break;
    }
    regex_t re;
    char *anchored = mem_printf("^(%s)$", pattern);
    int rc = regcomp(&re, anchored, REG_EXTENDED | REG_NOSUB);
    free(anchored);
    if (rc)
        return "is not a POSIX extended regular expression";
    regfree(&re);
    return NULL;
}

static bool matches(const char *pattern, const char *text)
{
    regex_t re;
    char *anchored = mem_printf("^(%s)$", pattern);
    int rc = regcomp(&re, anchored, REG_EXTENDED | REG_NOSUB);
    free(anchored);
    if (rc)
        return false; /* checked when the recipe was read */
    rc = regexec(&re, text, 0, NULL, 0);
    regfree(&re);
    return rc == 0;
}

/* git-check-ref-format(1), one level allowed; a sha and pull/N are such names too. merge-base:REF
 * is where REF left the default branch. */
static const char *ref_bad(const char *ref)
{
    if (strncmp(ref, "merge-base:", 11) == 0 && ref[11])
        ref += 11;
    size_t len = strlen(ref);
    if (len > 250)
        return "is longer than 250 bytes";
    if (strpbrk(ref, " ~^:?*[\\"))
        return "has one of: space ~ ^ : ? * [ \\";
    if (strstr(ref, "..") || strstr(ref, "@{") || strcmp(ref, "@") == 0)
        return "has '..' or '@{', or is '@'";
    if (ref[0] == '/' || ref[len - 1] == '/' || strstr(ref, "//"))
        return "has an empty part between slashes";
    if (ref[len - 1] == '.')
        return "ends with '.'";
    for (const char *part = ref; part; part = strchr(part, '/')) {
        part += *part == '/';
        size_t n = strcspn(part, "/");
        if (part[0] == '.' || (n >= 5 && memcmp(part + n - 5, ".lock", 5) == 0))
            return "has a part that starts with '.' or ends with '.lock'";
    }
    return NULL;
}

static const char *path_bad(const char *path)
{
    size_t len = strlen(path);
    if (path[0] != '/')
        return "is not absolute";
    if (len >= CAIL_PATH_MAX)
        return "is too long for a path";
    if (len > 1 && path[len - 1] == '/')
        return "ends with '/'";
    for (const char *part = path; part && len > 1; part = strchr(part, '/')) {
        part++;
        size_t n = strcspn(part, "/");
        if (n == 0 || (n == 1 && part[0] == '.') || (n == 2 && memcmp(part, "..", 2) == 0))
            return "has an empty part, '.' or '..'";
    }
    return NULL;
}

static const char *sha_bad(const char *text)
{
    size_t len = strlen(text);
    if (len < 7 || len > 40 || strspn(text, "0123456789abcdefABCDEF") != len)
        return "is not 7 to 40 hexadecimal digits";
    return NULL;
}

static json_t *bad(const char *text, const char *what, char why[RECIPE_WHY_LEN])
{
    snprintf(why, RECIPE_WHY_LEN, "'%.80s' %s", text, what);
    return NULL;
}

static json_t *int_value(const struct recipe_param *p, const char *text, char why[RECIPE_WHY_LEN])
{
    const char *digits = text + (text[0] == '-');
    size_t len = strlen(digits);
    errno = 0;
    long long n = strtoll(text, NULL, 10);
    if (!len || strspn(digits, "0123456789") != len || errno)
        return bad(text, "is not a whole number", why);
    if (n < p->min || n > p->max) {
        snprintf(why, RECIPE_WHY_LEN, "%lld is not from %lld to %lld", n, (long long)p->min,
                 (long long)p->max);
        return NULL;
    }
    return json_integer(n);
}

static json_t *bool_value(const char *text, char why[RECIPE_WHY_LEN])
{
    static const char *const words[] = {"false", "true", "0", "1", "no", "yes", "off", "on"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcmp(text, words[i]) == 0)
            return json_boolean(i % 2 == 1);
    return bad(text, "is neither true nor false", why);
}

static json_t *enum_value(const struct recipe_param *p, const char *text, char why[RECIPE_WHY_LEN])
{
    size_t n = 0;
    for (; p->choices[n]; n++)
        if (strcmp(text, p->choices[n]) == 0)
            return json_string(text);
    const char *near = near_word(text, (const char *const *)p->choices, n);
    if (near) {
        snprintf(why, RECIPE_WHY_LEN, "'%.80s' is not a choice; did you mean '%.80s'?", text, near);
        return NULL;
    }
    size_t len = (size_t)snprintf(why, RECIPE_WHY_LEN, "'%.60s' is not one of", text);
    for (size_t i = 0; i < n && len < RECIPE_WHY_LEN; i++)
        len += (size_t)snprintf(why + len, RECIPE_WHY_LEN - len, "%s %s", i ? "," : "",
                                p->choices[i]);
    return NULL;
}

static json_t *sha_value(const char *text, char why[RECIPE_WHY_LEN])
{
    const char *what = sha_bad(text);
    if (what)
        return bad(text, what, why);
    char lower[41];
    size_t i = 0;
    for (; text[i]; i++)
        lower[i] = (char)(text[i] >= 'A' && text[i] <= 'F' ? text[i] + ('a' - 'A') : text[i]);
    lower[i] = 0;
    return json_string(lower);
}

static json_t *text_value(const struct recipe_param *p, const char *text, char why[RECIPE_WHY_LEN])
{
    const char *what = NULL;
    if (p->type == PARAM_REF)
        what = ref_bad(text);
    else if (p->type == PARAM_PATH)
        what = path_bad(text);
    else if (p->pattern && !matches(p->pattern, text)) {
        snprintf(why, RECIPE_WHY_LEN, "'%.80s' does not match %.120s", text, p->pattern);
        return NULL;
    }
    return what ? bad(text, what, why) : json_string(text);
}

json_t *recipe_value(const struct recipe_param *p, const char *text, char why[RECIPE_WHY_LEN])
{
    size_t len = strlen(text);
    size_t most = p->type == PARAM_PATH ? CAIL_PATH_MAX : RECIPE_VALUE_MAX;
    if (len > most) {
        snprintf(why, RECIPE_WHY_LEN, "is longer than %zu bytes", most);
        return NULL;
    }
    if (!utf8_printable(text, len, "")) {
        snprintf(why, RECIPE_WHY_LEN, "has a control character or is not UTF-8");
        return NULL;
    }
    if (p->type == PARAM_INT)
        return int_value(p, text, why);
    if (p->type == PARAM_BOOL)
        return bool_value(text, why);
    if (text[0] == '-')
        return bad(text, "starts with '-'", why);
    if (p->type == PARAM_ENUM)
        return enum_value(p, text, why);
    if (!len && p->dflt && !p->dflt[0])
        return json_string("");
    if (!len && p->type != PARAM_STRING)
        return bad(text, "is empty", why);
    if (p->type == PARAM_SHA)
        return sha_value(text, why);
    return text_value(p, text, why);
}

char *recipe_value_text(const struct recipe_param *p, const json_t *v, char why[RECIPE_WHY_LEN])
{
    if (json_is_string(v))
        return mem_strndup(json_string_value(v), json_string_length(v));
    if (json_is_integer(v))
        return mem_printf("%lld", (long long)json_integer_value(v));
    if (json_is_boolean(v) && p->type == PARAM_BOOL)
        return mem_strdup(json_is_true(v) ? "true" : "false");
    if (json_is_null(v))
        snprintf(why, RECIPE_WHY_LEN, "is null; leave it out to get the default");
    else if (p->type == PARAM_INT)
        snprintf(why, RECIPE_WHY_LEN, "must be a whole number");
    else if (p->type == PARAM_BOOL)
        snprintf(why, RECIPE_WHY_LEN, "must be true or false");
    else
        snprintf(why, RECIPE_WHY_LEN, "must be a string");
    return NULL;
}
