/* Inside parse/: what lit's JSON and its console share. */
#ifndef PARSE_LIT_H
#define PARSE_LIT_H

#include "parse/reader.h"

/* "PASS", "XFAIL" ...; false = not one of lit's codes. */
bool lit_status(struct parse_span code, enum result_status *ret);
int lit_console(struct parse_in *in);
bool lit_console_line(struct parse_span line); /* one that only lit prints */

#endif
