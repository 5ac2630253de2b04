/* Inside parse/: lines, words and CSV cells of a text, without copies: a span points into the
 * input and has no NUL at its end. */
#ifndef PARSE_TEXT_H
#define PARSE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct parse_span {
    const char *p;
    size_t n;
};

struct parse_span parse_span_of(const char *s);
struct parse_span parse_span_trim(struct parse_span s); /* blanks at both ends */
bool parse_span_is(struct parse_span s, const char *word);
bool parse_span_has(struct parse_span s, const char *word);
bool parse_span_starts(struct parse_span s, const char *word);
bool parse_span_ends(struct parse_span s, const char *word);
/* A plain decimal number (rows.h: parse_number), the whole of s. */
bool parse_span_number(struct parse_span s, double *ret);
char *parse_span_dup(struct parse_span s); /* caller frees */

/* These take from the front of *rest. */
bool parse_cut(struct parse_span *rest, const char *word); /* word, when it is there */
struct parse_span parse_cut_word(struct parse_span *rest); /* up to a blank; n 0 = none left */
/* Up to `end`, which goes too; false leaves *rest as it is when there is no `end`. */
bool parse_cut_to(struct parse_span *rest, const char *end, struct parse_span *ret);
/* The part of s from the last `word` on, without it; false = it is not in there. */
bool parse_after_last(struct parse_span s, const char *word, struct parse_span *before,
                      struct parse_span *after);

/* Lines without their ends, with a terminal's colours taken out. Starts as {.p, .len}. */
struct parse_text {
    const char *p;
    size_t len, at;
    int64_t line_no;
    struct parse_span line;
    struct str plain; /* where a line with colours is copied to */
};
bool parse_text_next(struct parse_text *t);
void parse_text_done(struct parse_text *t);

/* RFC 4180 within one line: cells apart by `sep`, a cell may be "quoted ""so"" ". */
enum { PARSE_CELLS_MAX = 256 };
struct parse_csv { /* starts as {0} */
    struct parse_span cell[PARSE_CELLS_MAX];
    size_t n;
    struct str text; /* of quoted cells */
};
/* false = a quote does not end, or more than PARSE_CELLS_MAX cells. */
bool parse_csv_row(struct parse_csv *c, struct parse_span line, char sep);
int parse_csv_find(const struct parse_csv *header, const char *name); /* -1 = no such column */
/* The cell under a column; empty when the row is shorter or there is no such column. */
struct parse_span parse_csv_cell(const struct parse_csv *row, int column);
void parse_csv_done(struct parse_csv *c);

#endif
