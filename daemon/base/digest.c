/* SHA-256 by nettle. */
#include "base/digest.h"

#include <stdio.h>

#include <nettle/sha2.h>

void digest_hex(const void *p, size_t len, char out[DIGEST_LEN])
{
    struct sha256_ctx ctx;
    uint8_t raw[SHA256_DIGEST_SIZE];
    sha256_init(&ctx);
    sha256_update(&ctx, len, p);
    sha256_digest(&ctx, sizeof raw, raw);
    for (size_t i = 0; i < sizeof raw; i++)
        snprintf(out + 2 * i, 3, "%02x", raw[i]);
}
