/* SHA-256 as lower-case hex, by nettle. */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stddef.h>

#define DIGEST_LEN 65 /* with the NUL */

void digest_hex(const void *p, size_t len, char out[DIGEST_LEN]);

#endif
