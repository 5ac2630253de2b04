/* What a recipe's first step says of the commits it fetched, in the file "commits" of its attempt:
 * lines "SHA TAB PLACE TAB TIME TAB AUTHOR TAB SUBJECT". PLACE counts first parents of the default
 * branch from its root (empty: not on that line), TIME is seconds since 1970. Author and subject
 * are a stranger's words: only data, cut to a length, without controls. */
#ifndef ENGINE_COMMITS_H
#define ENGINE_COMMITS_H

#include <stddef.h>

#include "store/series.h"

struct commits {
    struct commit_info *commit;
    size_t n;
};

/* Any thread. NULL = none. Lines that are not such are left out. */
struct commits *commits_read(const char *attempt_dir);
struct commits *commits_parse(const char *text, size_t len);
void commits_free(struct commits *c);                             /* NULL is fine */
void commits_put(struct store_batch *b, const struct commits *c); /* NULL is fine */

#endif
