/* Query strings out of options. */
#ifndef CLI_QUERY_H
#define CLI_QUERY_H

#include "../buf.h"
#include "args.h"

/* "?key=value" or "&key=value", encoded; value NULL = nothing. */
void query_add(struct cail_buf *path, const char *key, const char *value);
/* Each option of that name that was given, under its own name. */
void query_add_args(struct cail_buf *path, const struct args *a, const char *const names[],
                    size_t n);

/* --since as the daemon wants it: "2h" is a time ago. False = neither, and path
 * is released. */
bool query_add_since(struct cail_buf *path, const struct args *a);

#endif
