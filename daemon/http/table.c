#include "http/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/utf8.h"

#define GAP 2

void table_done(struct table *t)
{
    str_done(&t->cells);
}

void table_cell(struct table *t, const char *text)
{
    size_t left = text ? strlen(text) : 0;
    for (size_t n; left > 0; text += n, left -= n) {
        n = utf8_char_len(text, left);
        bool plain = n > 0 && utf8_printable(text, n, "");
        str_add(&t->cells, plain ? text : "?", plain ? n : 1);
        n = n ? n : 1;
    }
    str_addc(&t->cells, 0);
    t->n_cells++;
}

void table_cellf(struct table *t, const char *fmt, ...)
{
    char text[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    table_cell(t, text);
}

/* Characters: bytes that do not continue one. */
static size_t width_of(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static void put(struct str *out, const char *text, size_t width, bool right, bool last)
{
    size_t has = width_of(text);
    for (size_t i = has; right && i < width; i++)
        str_addc(out, ' ');
    if (has <= width) {
        str_adds(out, text);
    } else {
        const char *end = text;
        for (size_t n = 0; n + 1 < width; n++)
            do
                end++;
            while (((unsigned char)*end & 0xc0) == 0x80);
        str_add(out, text, (size_t)(end - text));
        str_adds(out, "…");
    }
    for (size_t i = has; !right && !last && i < width; i++)
        str_addc(out, ' ');
    str_adds(out, last ? "\n" : "  ");
}

/* Take from the widest column that may give, until it fits. */
static void shrink(const struct table *t, size_t *width, size_t max)
{
    size_t sum = GAP * (t->n_columns - 1);
    for (size_t i = 0; i < t->n_columns; i++)
        sum += width[i];
    while (sum > max) {
        size_t widest = t->n_columns;
        for (size_t i = 0; i < t->n_columns; i++)
            if (t->column[i].narrow && width[i] > t->column[i].narrow &&
                (widest == t->n_columns || width[i] > width[widest]))
                widest = i;
        if (widest == t->n_columns)
            return;
        width[widest]--;
        sum--;
    }
}

void table_print(const struct table *t, size_t max, struct str *out)
{
    size_t width[TABLE_COLUMNS_MAX];
    BUG_ON(t->n_columns > TABLE_COLUMNS_MAX || t->n_cells % t->n_columns);
    for (size_t i = 0; i < t->n_columns; i++)
        width[i] = strlen(t->column[i].title);
    const char *cell = t->cells.p;
    for (size_t i = 0; i < t->n_cells; i++, cell += strlen(cell) + 1) {
        size_t w = width_of(cell), *at = &width[i % t->n_columns];
        *at = w > *at ? w : *at;
    }
    shrink(t, width, max);
    for (size_t i = 0; i < t->n_columns; i++)
        put(out, t->column[i].title, width[i], t->column[i].right, i + 1 == t->n_columns);
    cell = t->cells.p;
    for (size_t i = 0; i < t->n_cells; i++, cell += strlen(cell) + 1) {
        size_t c = i % t->n_columns;
        put(out, cell, width[c], t->column[c].right, c + 1 == t->n_columns);
    }
}
