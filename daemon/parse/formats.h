/* Inside parse/: the two functions of each row of the table. */
#ifndef PARSE_FORMATS_H
#define PARSE_FORMATS_H

#include "parse/parse.h"

enum { PARSE_HEAD = 4096 }; /* detect sees no more of the input */

bool mlir_timing_detect(const char *p, size_t len);
int mlir_timing_parse(const char *p, size_t len, const char *benchmark, struct parse_out *out,
                      struct cail_err *err);

bool plain_detect(const char *p, size_t len);
int plain_parse(const char *p, size_t len, const char *benchmark, struct parse_out *out,
                struct cail_err *err);

#endif
