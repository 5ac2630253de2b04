/* Times as text: RFC 3339, UTC, milliseconds ("2026-11-22T17:08:13.042Z"). Pure: no clock here. */
#ifndef BASE_FTIME_H
#define BASE_FTIME_H

#include <stdint.h>

#include "base/attr.h"

#define FTIME_LEN 32

/* at_us: microseconds since 1970-01-01 UTC, years 1970..9999. */
void ftime_utc(int64_t at_us, char out[FTIME_LEN]);
/* Reads "YYYY-MM-DDThh:mm:ss[.frac](Z|+hh:mm|-hh:mm)". Returns 0, or -1 and leaves *ret_us. */
int ftime_parse(const char *text, int64_t *ret_us) NODISCARD;

#endif
