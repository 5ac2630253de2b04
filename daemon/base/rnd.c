/* Randomness from the kernel. */
#include "base/rnd.h"

#include <stdio.h>
#include <sys/random.h>

#include "base/log.h"

void rnd_bytes(void *out, size_t len)
{
    BUG_ON(getrandom(out, len, 0) != (ssize_t)len);
}

void rnd_token(char out[RND_TOKEN_LEN])
{
    unsigned char b[16];
    rnd_bytes(b, sizeof b);
    for (size_t i = 0; i < sizeof b; i++)
        snprintf(out + 2 * i, 3, "%02x", b[i]);
}
