/* How far a build is, read off the last counter in a piece of its log. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parse/fields.h"
#include "parse/parse.h"

enum { LINE_MAX_LOOKED = 400, LINES_LOOKED = 200 };

/* A count, bazel's "1,234" too. Moves *p past it. -1 = none here. */
static int64_t count(const char **p)
{
    const char *s = *p;
    int64_t n = 0;
    int digits = 0;
    for (; (*s >= '0' && *s <= '9') || (*s == ',' && digits && s[1] >= '0' && s[1] <= '9'); s++) {
        if (*s == ',')
            continue;
        if (++digits > 15)
            return -1;
        n = n * 10 + (*s - '0');
    }
    *p = s;
    return digits ? n : -1;
}

static const char *skip(const char *p, const char *set)
{
    return p + strspn(p, set);
}

static bool found(struct parse_progress *ret, int64_t done, int64_t total, const char *unit,
                  const char *label)
{
    if (total <= 0 || done < 0 || done > total)
        return false;
    ret->done = done;
    ret->total = total;
    snprintf(ret->unit, sizeof ret->unit, "%s", unit);
    snprintf(ret->label, sizeof ret->label, "%s", label);
    return true;
}

/* "done<between>total" at p, `after` behind it. */
static bool pair(const char *p, const char *between, const char *after, int64_t *done,
                 int64_t *total)
{
    *done = count(&p);
    if (*done < 0 || strncmp(p, between, strlen(between)) != 0)
        return false;
    p += strlen(between);
    *total = count(&p);
    return *total >= 0 && strncmp(p, after, strlen(after)) == 0;
}

/* "[12/477] Building", "[1,234 / 5,678] 3 actions", "[ 12%] Building CXX object". */
static bool bracketed(const char *line, struct parse_progress *ret)
{
    if (line[0] != '[')
        return false;
    const char *p = skip(line + 1, " ");
    int64_t done, total;
    if (pair(p, "/", "]", &done, &total))
        return found(ret, done, total, "edges", "ninja");
    if (pair(p, " / ", "]", &done, &total))
        return found(ret, done, total, "steps", "bazel");
    int64_t pct = count(&p);
    return pct >= 0 && strncmp(p, "%]", 2) == 0 && found(ret, pct, 100, "%", "cmake");
}

/* "    Building [=====>      ] 12/50: foo, bar". */
static bool cargo(const char *line, struct parse_progress *ret)
{
    const char *p = skip(line, " ");
    if (strncmp(p, "Building [", 10) != 0)
        return false;
    p = strchr(p, ']');
    if (!p)
        return false;
    int64_t done, total;
    p = skip(p + 1, " ");
    return pair(p, "/", ":", &done, &total) && found(ret, done, total, "crates", "cargo");
}

/* "PASS: MLIR :: a/b.mlir (12 of 500)". */
static bool lit(const char *line, struct parse_progress *ret)
{
    size_t word = strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    if (!word || line[word] != ':')
        return false;
    const char *p = strrchr(line, '(');
    int64_t done, total;
    return p && pair(p + 1, " of ", ")", &done, &total) && found(ret, done, total, "tests", "lit");
}

/* "Receiving objects:  12% (120/1000), 1.20 MiB", "Updating files: 45% (9/20)", with "remote: ". */
static bool git(const char *line, struct parse_progress *ret)
{
    if (strncmp(line, "remote: ", 8) == 0)
        line += 8;
    const char *colon = strchr(line, ':');
    if (!colon)
        return false;
    const char *p = skip(colon + 1, " ");
    if (count(&p) < 0 || strncmp(p, "% (", 3) != 0)
        return false;
    int64_t done, total;
    if (!pair(p + 3, "/", ")", &done, &total))
        return false;
    static const char files[] = "Updating files";
    bool is_files = strncmp(line, files, sizeof files - 1) == 0;
    return found(ret, done, total, is_files ? "files" : "objects", "git");
}

static bool ours(char *line, struct parse_progress *ret)
{
    if (strncmp(line, PARSE_CAIL, strlen(PARSE_CAIL)) != 0)
        return false;
    line += strlen(PARSE_CAIL);
    const char *verb = parse_word(&line);
    if (!verb || strcmp(verb, "progress") != 0)
        return false;
    int64_t done = -1, total = -1;
    const char *label = "", *unit = "steps";
    char *key, *value;
    while (parse_field(&line, &key, &value)) {
        const char *number = value;
        if (strcmp(key, "done") == 0)
            done = count(&number);
        else if (strcmp(key, "total") == 0)
            total = count(&number);
        else if (strcmp(key, "label") == 0)
            label = value;
        else if (strcmp(key, "unit") == 0)
            unit = value;
        if (number != value && *number)
            return false;
    }
    return !key && found(ret, done, total, unit, label);
}

/* Copy a line without the colours and cursor moves that bazel and cargo print. */
static void plain_text(const char *p, size_t len, char out[LINE_MAX_LOOKED + 1])
{
    size_t n = 0;
    for (size_t i = 0; i < len && n < LINE_MAX_LOOKED; i++) {
        if (p[i] == '\x1b' && i + 1 < len && p[i + 1] == '[') {
            for (i += 2; i < len && (p[i] < '@' || p[i] > '~');)
                i++;
            continue;
        }
        if (p[i] == '\t')
            out[n++] = ' ';
        else if ((unsigned char)p[i] >= 0x20 && p[i] != 0x7f)
            out[n++] = p[i];
    }
    out[n] = 0;
}

/* whole: the line's end was seen, so no number in it is cut off. */
static bool one_line(const char *p, size_t len, bool whole, struct parse_progress *ret)
{
    char line[LINE_MAX_LOOKED + 1];
    plain_text(p, len, line);
    return bracketed(line, ret) || cargo(line, ret) || lit(line, ret) || git(line, ret) ||
           (whole && ours(line, ret));
}

bool parse_progress(const char *p, size_t len, struct parse_progress *ret)
{
    size_t end = len;
    bool whole = false;
    for (int lines = 0; lines < LINES_LOOKED; lines++) {
        size_t start = end;
        while (start > 0 && p[start - 1] != '\n' && p[start - 1] != '\r')
            start--;
        struct parse_progress got;
        if (start < end && one_line(p + start, end - start, whole, &got)) {
            *ret = got;
            return true;
        }
        if (start == 0)
            return false;
        end = start - 1;
        whole = true;
    }
    return false;
}
