#include "engine/commits.h"

#include <stdlib.h>
#include <string.h>

#include "base/fsx.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/utf8.h"
#include "engine/history.h"

enum {
    COMMITS_FILE_MAX = 65536,
    COMMITS_MAX = 64,
    AUTHOR_MAX = 200,
    SUBJECT_MAX = 300,
    PLACE_DIGITS_MAX = 12,
};

/* The field up to the next TAB, or to the end where it is the last one. */
static const char *field(const char **at, const char *end, bool last, size_t *ret_len)
{
    const char *p = *at, *tab = last ? NULL : memchr(p, '\t', (size_t)(end - p));
    const char *stop = tab ? tab : end;
    *ret_len = (size_t)(stop - p);
    *at = tab ? tab + 1 : end;
    return p;
}

/* At most max bytes of valid text, no character cut; what is none, or controls, is left out. */
static char *words(const char *p, size_t len, size_t max)
{
    struct str s = STR_INIT;
    while (len) {
        size_t n = utf8_char_len(p, len);
        if (n && s.len + n > max)
            break;
        if (n && utf8_printable(p, n, ""))
            str_add(&s, p, n);
        p += n ? n : 1;
        len -= n ? n : 1;
    }
    if (s.len)
        return str_take(&s);
    str_done(&s);
    return NULL;
}

static int64_t number(const char *p, size_t len, int64_t none)
{
    char digits[PLACE_DIGITS_MAX + 1];
    if (!len || len > PLACE_DIGITS_MAX)
        return none;
    memcpy(digits, p, len);
    digits[len] = 0;
    return strspn(digits, "0123456789") == len ? strtoll(digits, NULL, 10) : none;
}

static bool read_line(const char *p, const char *end, struct commit_info *ret)
{
    size_t n;
    const char *f = field(&p, end, false, &n);
    char *sha = mem_strndup(f, n);
    if (!history_is_sha(sha)) {
        free(sha);
        return false;
    }
    *ret = (struct commit_info){.sha = sha};
    f = field(&p, end, false, &n);
    ret->position = number(f, n, -1);
    f = field(&p, end, false, &n);
    ret->committed_at_us = number(f, n, 0) * 1000000;
    f = field(&p, end, false, &n);
    ret->author = words(f, n, AUTHOR_MAX);
    f = field(&p, end, true, &n);
    ret->subject = words(f, n, SUBJECT_MAX);
    return true;
}

struct commits *commits_parse(const char *text, size_t len)
{
    struct commits *c = mem_zalloc(sizeof *c);
    const char *end = text + len;
    c->commit = mem_array(COMMITS_MAX, sizeof *c->commit);
    while (text < end && c->n < COMMITS_MAX) {
        const char *nl = memchr(text, '\n', (size_t)(end - text));
        const char *stop = nl ? nl : end;
        c->n += read_line(text, stop, &c->commit[c->n]);
        text = stop + 1;
    }
    return c;
}

struct commits *commits_read(const char *attempt_dir)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/commits", attempt_dir);
    CLEANUP(str_done) struct str text = STR_INIT;
    struct cail_err err;
    if (fsx_read(path, COMMITS_FILE_MAX, &text, &err) || !text.len)
        return NULL;
    return commits_parse(text.p, text.len);
}

void commits_free(struct commits *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n; i++) {
        free(c->commit[i].sha);
        free(c->commit[i].author);
        free(c->commit[i].subject);
    }
    free(c->commit);
    free(c);
}

void commits_put(struct store_batch *b, const struct commits *c)
{
    for (size_t i = 0; c && i < c->n; i++)
        store_put_commit(b, &c->commit[i]);
}
