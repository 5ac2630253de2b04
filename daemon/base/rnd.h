/* Randomness from the kernel. Passed as a value to everything that can take one. */
#ifndef BASE_RND_H
#define BASE_RND_H

#include <stddef.h>
#include <stdint.h>

#define RND_TOKEN_LEN 33 /* 128 bits as hex, with the NUL */

void rnd_bytes(void *out, size_t len); /* getrandom(2); len <= 256 */
void rnd_token(char out[RND_TOKEN_LEN]);

#endif
