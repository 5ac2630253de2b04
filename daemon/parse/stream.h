/* Inside parse/: JSON values one after the other: a single one, an array's elements, one a line, or
 * several documents in a row (a benchmark that was run again and again into one file). Each is
 * built alone, so a file of 64 MiB never becomes a tree of gigabytes; for the same reason the big
 * containers inside a document can be named in `spread`: they come piece by piece too. */
#ifndef PARSE_STREAM_H
#define PARSE_STREAM_H

#include <jansson.h>

#include "parse/parse.h"

enum { PARSE_VALUE_MAX = 4 << 20, PARSE_JSON_DEPTH = 64, PARSE_SPREAD_DEPTH = 6 };

struct parse_stream { /* starts as {.p, .len} */
    const char *p;
    size_t len;
    size_t at;     /* offset of what comes next */
    size_t start;  /* offset of the value that was given last */
    int64_t doc;   /* which document it is of, from 1 */
    int64_t value; /* which value of the input, from 1 */
    /* NULL-terminated paths of containers whose parts come one by one: "tests" (of the top object),
     * "tests[]" (each element of it), "tests[].runs". With it the top object is spread as well;
     * a top array always is. */
    const char *const *spread;
    char path[128]; /* of the value that was given last: "tests[]"; too long ends in '?' */
    int64_t opened; /* how many containers were spread so far: tells one element from the next */
    int depth;      /* of open */
    struct {
        char close;
        bool first;
        size_t path_len;
    } open[PARSE_SPREAD_DEPTH];
};

/* The next value, *ret NULL at the end; the caller decrefs it. Bare NaN and Infinity, which tools
 * print though JSON has none, come as empty strings: read numbers with parse_stream_number. */
int parse_stream_next(struct parse_stream *s, json_t **ret, struct cail_err *err) NODISCARD;
/* An integer or a real; null, "" and words such as "NaN" are NaN. false = none of them. */
bool parse_stream_number(const json_t *v, double *ret);
/* E_BAD_REQUEST about the value that was given last. */
int parse_stream_bad(const struct parse_stream *s, struct cail_err *err, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

#endif
