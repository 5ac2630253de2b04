#include "table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "term.h"

#define GAP         2 /* columns between two columns */
#define COLUMNS_MAX 16

void table_init(struct table *t, const struct column *columns, size_t n)
{
    *t = (struct table){.columns = columns, .n_columns = n < COLUMNS_MAX ? n : COLUMNS_MAX};
}

void table_add(struct table *t, const char *text)
{
    if (t->n_cells == t->cap) {
        t->cap = t->cap == 0 ? 64 : 2 * t->cap;
        t->cells = reallocarray(t->cells, t->cap, sizeof *t->cells);
        if (t->cells == NULL)
            abort();
    }
    t->cells[t->n_cells++] = (struct cell){term_clean(text), NULL};
}

void table_addf(struct table *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *text = NULL;
    if (vasprintf(&text, fmt, ap) < 0)
        abort();
    va_end(ap);
    table_add(t, text);
    free(text);
}

void table_colour(struct table *t, const char *sgr)
{
    if (t->n_cells > 0)
        t->cells[t->n_cells - 1].colour = sgr;
}

/* Width of each column, -1 = not shown. */
static void natural(const struct table *t, bool titles, int width[])
{
    for (size_t i = 0; i < t->n_columns; i++)
        width[i] = titles ? term_columns(t->columns[i].title) : 0;
    for (size_t i = 0; i < t->n_cells; i++) {
        int w = term_columns(t->cells[i].text);
        if (w > width[i % t->n_columns])
            width[i % t->n_columns] = w;
    }
}

static int total(const struct table *t, const int width[])
{
    int sum = -GAP;
    for (size_t i = 0; i < t->n_columns; i++)
        sum += width[i] >= 0 ? width[i] + GAP : 0;
    return sum;
}

/* Take one column off the widest column that may shrink. */
static bool shrink(const struct table *t, int width[])
{
    size_t best = t->n_columns;
    for (size_t i = 0; i < t->n_columns; i++)
        if (t->columns[i].least > 0 && width[i] > t->columns[i].least &&
            (best == t->n_columns || width[i] > width[best]))
            best = i;
    if (best < t->n_columns)
        width[best]--;
    return best < t->n_columns;
}

static bool drop(const struct table *t, int width[])
{
    size_t best = t->n_columns;
    for (size_t i = 0; i < t->n_columns; i++)
        if (t->columns[i].drop > 0 && width[i] >= 0 &&
            (best == t->n_columns || t->columns[i].drop > t->columns[best].drop))
            best = i;
    if (best < t->n_columns)
        width[best] = -1;
    return best < t->n_columns;
}

/* A column goes only when shrinking alone does not do; then the others may be wide again. */
static void fit(const struct table *t, bool titles, int limit, int width[])
{
    int wide[COLUMNS_MAX];
    natural(t, titles, wide);
    memcpy(width, wide, sizeof wide);
    while (limit > 0 && total(t, width) > limit) {
        if (shrink(t, width))
            continue;
        if (!drop(t, wide))
            break;
        memcpy(width, wide, sizeof wide);
    }
}

/* text in exactly `columns` columns (without trailing blanks if `last`). */
static void put_cell(struct cail_buf *b, const char *text, int columns, bool right, bool last,
                     const char *colour)
{
    int have = term_columns(text);
    char *cut = NULL;
    if (have > columns) {
        const char *dots = term.utf8 ? "\xe2\x80\xa6" : "~";
        cut = strdup(text);
        size_t len = strlen(text);
        while (cut != NULL && len > 0 && term_columns(cut) > columns - 1) {
            while (len > 1 && ((unsigned char)cut[len - 1] & 0xc0) == 0x80)
                len--;
            cut[--len] = '\0';
        }
        have = cut != NULL ? term_columns(cut) + 1 : columns;
        if (colour != NULL)
            cail_buf_addf(b, "\033[%sm", colour);
        cail_buf_addf(b, "%s%s", cut != NULL ? cut : "", dots);
        right = false;
    } else {
        if (right)
            cail_buf_addf(b, "%*s", columns - have, "");
        if (colour != NULL)
            cail_buf_addf(b, "\033[%sm", colour);
        cail_buf_adds(b, text);
    }
    if (colour != NULL)
        cail_buf_adds(b, "\033[0m");
    if (!right && !last && columns > have)
        cail_buf_addf(b, "%*s", columns - have, "");
    free(cut);
}

static size_t last_shown(const struct table *t, const int width[])
{
    size_t last = 0;
    for (size_t i = 0; i < t->n_columns; i++)
        if (width[i] >= 0)
            last = i;
    return last;
}

void table_text(struct table *t, struct cail_buf *b, int limit, bool colour, bool titles)
{
    int width[COLUMNS_MAX];
    fit(t, titles, limit, width);
    size_t last = last_shown(t, width), rows = t->n_columns > 0 ? t->n_cells / t->n_columns : 0;
    for (size_t r = titles ? 0 : 1; r <= rows; r++) {
        for (size_t i = 0; i <= last; i++) {
            if (width[i] < 0)
                continue;
            const struct cell *cell = r > 0 ? &t->cells[(r - 1) * t->n_columns + i] : NULL;
            put_cell(b, cell != NULL ? cell->text : t->columns[i].title, width[i],
                     t->columns[i].right, i == last,
                     !colour        ? NULL
                     : cell != NULL ? cell->colour
                                    : "2");
            if (i != last)
                cail_buf_addf(b, "%*s", GAP, "");
        }
        while (b->len > 0 && b->p[b->len - 1] == ' ')
            b->p[--b->len] = '\0';
        cail_buf_addc(b, '\n');
    }
    for (size_t i = 0; i < t->n_cells; i++)
        free(t->cells[i].text);
    free(t->cells);
    t->cells = NULL;
    t->n_cells = t->cap = 0;
}

void table_print(struct table *t, int fd, int limit, bool colour, bool titles)
{
    struct cail_buf b = CAIL_BUF_INIT;
    table_text(t, &b, limit, colour, titles);
    if (b.len > 0)
        term_write(fd, b.p, b.len);
    cail_buf_done(&b);
}

void table_show(struct table *t, const char *none)
{
    if (t->n_cells > 0)
        table_print(t, STDOUT_FILENO, term_width(), term.colour, true);
    else if (none != NULL)
        cli_say("%s", none);
}
