/* Runs a fuzz target over files, for machines and compilers without libFuzzer: each file, each
 * half of it, and CAIL_FUZZ_CHANGES (200) changes of it drawn from a fixed seed. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fsx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CHANGES = 200, CHANGES_MAX = 10000000 };

static uint64_t next(uint64_t *x) /* xorshift64 (Marsaglia, 2003) */
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

static long changes_wanted(void)
{
    const char *text = getenv("CAIL_FUZZ_CHANGES");
    long n = text ? strtol(text, NULL, 10) : CHANGES;
    return n < 0 || n > CHANGES_MAX ? CHANGES : n;
}

static void changed(struct str *s, uint64_t *seed, long n)
{
    for (long i = 0; s->len && i < n; i++) {
        size_t at = (size_t)(next(seed) % s->len), len = s->len;
        char was = s->p[at];
        switch (next(seed) % 4) {
        case 0:
            s->p[at] = (char)next(seed);
            break;
        case 1:
            s->p[at] = "\"{}[]:,\n"[next(seed) % 8];
            break;
        case 2:
            s->p[at] = s->p[(size_t)(next(seed) % len)];
            break;
        default:
            len = at;
            break;
        }
        LLVMFuzzerTestOneInput((const uint8_t *)s->p, len);
        s->p[at] = was;
    }
}

int main(int argc, char **argv)
{
    uint64_t seed = UINT64_C(88172645463325252);
    for (int i = 1; i < argc; i++) {
        CLEANUP(str_done) struct str s = STR_INIT;
        struct cail_err err;
        if (fsx_read(argv[i], 1 << 20, &s, &err)) {
            fprintf(stderr, "%s: %s\n", argv[i], err.text);
            return 1;
        }
        LLVMFuzzerTestOneInput((const uint8_t *)s.p, s.len);
        LLVMFuzzerTestOneInput((const uint8_t *)s.p, s.len / 2);
        changed(&s, &seed, changes_wanted());
    }
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    printf("%d files\n", argc - 1);
    return argc < 2;
}
