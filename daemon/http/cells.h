/* Cells of CSV (RFC 4180) and of Markdown tables, from text of strangers. Pure. */
#ifndef HTTP_CELLS_H
#define HTTP_CELLS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

/* A text that begins with '=', '+', '-' or '@', and is no number, would be run by a spreadsheet: in
 * CSV it gets a quote before it. Line breaks become blanks. */
void cell_text(struct str *out, const char *text, size_t len, bool markdown);

#endif
