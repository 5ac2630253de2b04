#include "http/range.h"

#include <string.h>
#include <strings.h>
#include <sys/types.h>
#include <unistd.h>

/* Digits at *p; -1 = none, or more than fit. */
static int64_t number(const char **p)
{
    int64_t v = 0;
    const char *start = *p;
    while (**p >= '0' && **p <= '9') {
        if (*p - start == 18)
            return -1;
        v = v * 10 + (*(*p)++ - '0');
    }
    return *p == start ? -1 : v;
}

enum range range_parse(const char *header, uint64_t size, uint64_t *ret_from, uint64_t *ret_len)
{
    if (!header || strncasecmp(header, "bytes=", 6) != 0)
        return RANGE_WHOLE;
    const char *p = header + 6;
    p += strspn(p, " \t");
    int64_t first = number(&p);
    if (*p != '-')
        return RANGE_WHOLE;
    p++;
    int64_t last = number(&p);
    if (p[strspn(p, " \t")] || (first < 0 && last < 0) || (first >= 0 && last >= 0 && last < first))
        return RANGE_WHOLE;
    if (first < 0) { /* the last n bytes */
        if (last == 0 || size == 0)
            return RANGE_BAD;
        *ret_len = (uint64_t)last < size ? (uint64_t)last : size;
        *ret_from = size - *ret_len;
        return RANGE_PART;
    }
    if ((uint64_t)first >= size)
        return RANGE_BAD;
    uint64_t end = last < 0 || (uint64_t)last >= size ? size : (uint64_t)last + 1;
    *ret_from = (uint64_t)first;
    *ret_len = end - (uint64_t)first;
    return RANGE_PART;
}

uint64_t tail_from(int fd, uint64_t low, uint64_t size, int64_t lines)
{
    char block[16384];
    uint64_t pos = size;
    if (size - low > TAIL_BYTES_MAX)
        low = size - TAIL_BYTES_MAX;
    while (pos > low) {
        size_t want = pos - low < sizeof block ? (size_t)(pos - low) : sizeof block;
        ssize_t got = pread(fd, block, want, (off_t)(pos - want));
        if (got != (ssize_t)want)
            return pos; /* cut short under our hands */
        for (size_t i = want; i > 0; i--) {
            /* The very last line end closes the last line, it does not begin one. */
            if (block[i - 1] != '\n' || pos - want + i == size)
                continue;
            if (--lines <= 0)
                return pos - want + i;
        }
        pos -= want;
    }
    return low;
}
