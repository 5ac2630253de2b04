/* Which bytes of a file are wanted: the Range header, and "the last N lines". */
#ifndef HTTP_RANGE_H
#define HTTP_RANGE_H

#include <stdint.h>

#include "base/attr.h"

enum range {
    RANGE_WHOLE, /* none asked for, or one that RFC 9110 14.2 lets us ignore: another unit, more
                  * than one range, not a range at all */
    RANGE_PART,  /* *ret_from, *ret_len: len > 0, inside the file */
    RANGE_BAD,   /* wholly outside: 416 */
};

/* Pure. header NULL = absent. */
enum range range_parse(const char *header, uint64_t size, uint64_t *ret_from, uint64_t *ret_len);

enum { TAIL_LINES_MAX = 100000 };
#define TAIL_BYTES_MAX (16u << 20) /* looked at; longer lines than that have no last N */

/* Where the last `lines` lines of fd's bytes low..size begin. A last line without its line end
 * counts. Reads backwards, blocking: not for the loop thread. */
uint64_t tail_from(int fd, uint64_t low, uint64_t size, int64_t lines);

#endif
