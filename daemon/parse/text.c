/* Lines, words and CSV cells. */
#include "parse/text.h"

#include <string.h>

#include "base/mem.h"
#include "parse/rows.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct parse_span parse_span_of(const char *s)
{
    return (struct parse_span){s, strlen(s)};
}

struct parse_span parse_span_trim(struct parse_span s)
{
    while (s.n && is_blank(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

bool parse_span_is(struct parse_span s, const char *word)
{
    return s.n == strlen(word) && memcmp(s.p, word, s.n) == 0;
}

bool parse_span_has(struct parse_span s, const char *word)
{
    return parse_has(s.p, s.n, word);
}

bool parse_span_starts(struct parse_span s, const char *word)
{
    size_t n = strlen(word);
    return s.n >= n && memcmp(s.p, word, n) == 0;
}

bool parse_span_ends(struct parse_span s, const char *word)
{
    size_t n = strlen(word);
    return s.n >= n && memcmp(s.p + s.n - n, word, n) == 0;
}

bool parse_span_number(struct parse_span s, double *ret)
{
    return parse_number(s.p, s.n, ret);
}

char *parse_span_dup(struct parse_span s)
{
    return mem_strndup(s.n ? s.p : "", s.n);
}

static void drop(struct parse_span *s, size_t n)
{
    s->p += n;
    s->n -= n;
}

bool parse_cut(struct parse_span *rest, const char *word)
{
    if (!parse_span_starts(*rest, word))
        return false;
    drop(rest, strlen(word));
    return true;
}

struct parse_span parse_cut_word(struct parse_span *rest)
{
    while (rest->n && is_blank(rest->p[0]))
        drop(rest, 1);
    struct parse_span word = {rest->p, 0};
    while (word.n < rest->n && !is_blank(rest->p[word.n]))
        word.n++;
    drop(rest, word.n);
    return word;
}

bool parse_cut_to(struct parse_span *rest, const char *end, struct parse_span *ret)
{
    const char *at = rest->n ? memmem(rest->p, rest->n, end, strlen(end)) : NULL;
    if (!at)
        return false;
    *ret = (struct parse_span){rest->p, (size_t)(at - rest->p)};
    drop(rest, ret->n + strlen(end));
    return true;
}

bool parse_after_last(struct parse_span s, const char *word, struct parse_span *before,
                      struct parse_span *after)
{
    struct parse_span rest = s, piece;
    bool found = false;
    while (parse_cut_to(&rest, word, &piece)) {
        found = true;
        *before = (struct parse_span){s.p, (size_t)(piece.p + piece.n - s.p)};
        *after = rest;
    }
    return found;
}

/* "\033[1;37m": from the bracket up to a letter. */
static void without_colours(struct parse_text *t)
{
    const char *p = t->line.p, *end = p + t->line.n;
    str_clear(&t->plain);
    while (p < end) {
        if (*p != '\033') {
            str_addc(&t->plain, *p++);
            continue;
        }
        p++;
        if (p < end && *p == '[')
            for (p++; p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x40;)
                p++;
        p += p < end;
    }
    t->line = (struct parse_span){t->plain.len ? t->plain.p : "", t->plain.len};
}

bool parse_text_next(struct parse_text *t)
{
    if (t->at >= t->len)
        return false;
    const char *p = t->p + t->at;
    size_t left = t->len - t->at;
    const char *nl = memchr(p, '\n', left);
    size_t n = nl ? (size_t)(nl - p) : left;
    t->at += nl ? n + 1 : n;
    t->line_no++;
    if (n && p[n - 1] == '\r')
        n--;
    t->line = (struct parse_span){p, n};
    if (n && memchr(p, '\033', n))
        without_colours(t);
    return true;
}

void parse_text_done(struct parse_text *t)
{
    str_done(&t->plain);
}

static bool add_cell(struct parse_csv *c, struct parse_span cell)
{
    if (c->n == PARSE_CELLS_MAX)
        return false;
    c->cell[c->n++] = cell;
    return true;
}

/* *rest: after the opening quote. c->text never moves here: parse_csv_row reserved for it. */
static bool quoted_cell(struct parse_csv *c, struct parse_span *rest)
{
    struct parse_span cell = {c->text.p + c->text.len, 0};
    for (; rest->n; drop(rest, 1)) {
        if (rest->p[0] == '"') {
            drop(rest, 1);
            if (!rest->n || rest->p[0] != '"') {
                cell.n = (size_t)(c->text.p + c->text.len - cell.p);
                return add_cell(c, cell);
            }
        }
        str_addc(&c->text, rest->p[0]);
    }
    return false;
}

bool parse_csv_row(struct parse_csv *c, struct parse_span line, char sep)
{
    c->n = 0;
    str_clear(&c->text);
    str_reserve(&c->text, line.n + 1);
    for (struct parse_span rest = line;; drop(&rest, 1)) {
        if (rest.n && rest.p[0] == '"') {
            drop(&rest, 1);
            if (!quoted_cell(c, &rest) || (rest.n && rest.p[0] != sep))
                return false;
        } else {
            const char *end = rest.n ? memchr(rest.p, sep, rest.n) : NULL;
            size_t n = end ? (size_t)(end - rest.p) : rest.n;
            if (!add_cell(c, (struct parse_span){rest.p, n}))
                return false;
            drop(&rest, n);
        }
        if (!rest.n)
            return true;
    }
}

int parse_csv_find(const struct parse_csv *header, const char *name)
{
    for (size_t i = 0; i < header->n; i++)
        if (parse_span_is(parse_span_trim(header->cell[i]), name))
            return (int)i;
    return -1;
}

struct parse_span parse_csv_cell(const struct parse_csv *row, int column)
{
    if (column < 0 || (size_t)column >= row->n)
        return (struct parse_span){"", 0};
    return parse_span_trim(row->cell[column]);
}

void parse_csv_done(struct parse_csv *c)
{
    str_done(&c->text);
}
