/* Inside parse/: what the two forms of Google Benchmark share. */
#ifndef PARSE_GBENCH_H
#define PARSE_GBENCH_H

#include "parse/reader.h"

/* The console's table. */
int gbench_console(struct parse_in *in);
bool gbench_is_header(struct parse_span line);

/* false = unit is not one of the library's four. */
bool gbench_put_times(struct parse_in *in, const char *name, double real, double cpu,
                      const char *unit, int *ret_rc);
int gbench_put_counter(struct parse_in *in, const char *name, const char *counter, double value,
                       bool rate);
/* A failed or skipped benchmark has no number. */
int gbench_put_bad(struct parse_in *in, const char *name, const char *unit,
                   enum result_status status);

#endif
