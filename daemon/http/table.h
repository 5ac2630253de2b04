/* A text table that fits a width. Pure. Cells may come from strangers: control characters become
 * '?'. Width is counted in characters; a terminal that draws some of them double is off by those.
 */
#ifndef HTTP_TABLE_H
#define HTTP_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

#define TABLE_COLUMNS_MAX 10

struct table_column {
    const char *title;
    bool right; /* numbers */
    size_t
        narrow; /* may be cut down to this many characters when the table is too wide; 0 = never */
};

struct table {
    const struct table_column *column;
    size_t n_columns, n_cells;
    struct str cells; /* NUL-terminated, one after the other */
};

#define TABLE(columns) ((struct table){(columns), ARRAY_LEN(columns), 0, STR_INIT})

void table_done(struct table *t);
void table_cell(struct table *t, const char *text); /* NULL = "" */
void table_cellf(struct table *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The title row and all rows, each at most `width` characters unless no column may be cut. */
void table_print(const struct table *t, size_t width, struct str *out);

#endif
