/* Small pieces that the formats share. */
#include "attempt/files.h"

uint32_t attempt_crc32(const void *p, size_t len)
{
    /* Half a byte at a time: 64 bytes of table, and specs are a few KiB. */
    static const uint32_t table[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
        0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };
    const unsigned char *at = p;
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < len; i++) {
        crc = table[(crc ^ at[i]) & 15] ^ (crc >> 4);
        crc = table[(crc ^ (uint32_t)(at[i] >> 4)) & 15] ^ (crc >> 4);
    }
    return ~crc;
}

bool attempt_token_ok(const char *token, size_t len)
{
    if (len < 1 || len > 64)
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = token[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(c >= '0' && c <= '9') && c != '-')
            return false;
    }
    return true;
}

bool attempt_parse_int(const char *text, size_t len, int64_t min, int64_t *ret)
{
    bool minus = len && text[0] == '-';
    size_t i = minus;
    if (i == len || len - i > 19)
        return false;
    uint64_t v = 0; /* 19 digits fit */
    for (; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        v = v * 10 + (uint64_t)(text[i] - '0');
    }
    if (v > (uint64_t)1 << 62)
        return false;
    int64_t n = minus ? -(int64_t)v : (int64_t)v;
    if (n < min)
        return false;
    *ret = n;
    return true;
}
