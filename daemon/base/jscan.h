/* Where a JSON value ends and how deep it nests, found before a tree is built of it: a tree costs
 * up to 79 times its text, and its builder recurses. Brackets and quotes alone are looked at;
 * whether the text is JSON is for the real parser to say. */
#ifndef BASE_JSCAN_H
#define BASE_JSCAN_H

#include <stddef.h>

enum jscan {
    JSCAN_OK,
    JSCAN_EMPTY, /* nothing but white space */
    JSCAN_OPEN,  /* the text ends inside the value */
    JSCAN_DEEP   /* nests deeper than max_depth; end = the bracket that does */
};

/* The first value of p[len]: *ret_end = the offset just after it. */
enum jscan jscan_value(const char *p, size_t len, int max_depth, size_t *ret_end);

#endif
