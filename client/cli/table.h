/* Tables that fit the terminal: first the flexible columns shrink, then whole columns go, the least
 * needed first. Not a terminal: nothing is shortened, so that a pipe sees everything. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "../buf.h"

struct column {
    const char *title;
    bool right; /* numbers */
    int least;  /* columns it may shrink to; 0 = never shrinks */
    int drop;   /* 0 = always shown; else the highest goes first */
};

struct cell {
    char *text;         /* cleaned; owned */
    const char *colour; /* SGR parameters such as "32", static; NULL = none */
};

struct table {
    const struct column *columns;
    size_t n_columns;
    struct cell *cells; /* row by row */
    size_t n_cells, cap;
};

void table_init(struct table *t, const struct column *columns, size_t n);
/* The next cell, left to right; text is cleaned and copied. */
void table_add(struct table *t, const char *text);
void table_addf(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Of the cell added last. */
void table_colour(struct table *t, const char *sgr);
/* width 0 = no limit; colour: may colours be used. Frees the table. */
void table_text(struct table *t, struct cail_buf *out, int width, bool colour, bool titles);
void table_print(struct table *t, int fd, int width, bool colour, bool titles);
/* On stdout as the terminal wants it. Of one without rows `none` is said alone, NULL = nothing. */
void table_show(struct table *t, const char *none);

#endif
