/* RFC 3339 times without the C library's time zone state: it reads the environment, which the pure
 * rooms must not. Day arithmetic: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms". */
#include "base/ftime.h"

#include <stdio.h>
#include <string.h>

static int64_t days_from_civil(int64_t y, int m, int d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

static void civil_from_days(int64_t z, int *y, int *m, int *d)
{
    z += 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *d = (int)(doy - (153 * mp + 2) / 5 + 1);
    *m = (int)(mp < 10 ? mp + 3 : mp - 9);
    *y = (int)(yoe + era * 400 + (*m <= 2));
}

static void put(char *at, int width, int v)
{
    while (width--) {
        at[width] = (char)('0' + v % 10);
        v /= 10;
    }
}

void ftime_utc(int64_t at_us, char out[FTIME_LEN])
{
    int64_t ms = at_us / 1000, days = ms / 86400000;
    int in_day = (int)(ms % 86400000);
    if (in_day < 0) {
        in_day += 86400000;
        days--;
    }
    int y, m, d;
    civil_from_days(days, &y, &m, &d);
    memcpy(out, "0000-00-00T00:00:00.000Z", 25);
    put(out, 4, y);
    put(out + 5, 2, m);
    put(out + 8, 2, d);
    put(out + 11, 2, in_day / 3600000);
    put(out + 14, 2, in_day / 60000 % 60);
    put(out + 17, 2, in_day / 1000 % 60);
    put(out + 20, 3, in_day % 1000);
}

/* Exactly `width` digits at *p, in low..high. */
static int digits(const char **p, int width, int low, int high, int *ret)
{
    int v = 0;
    for (int i = 0; i < width; i++) {
        char c = (*p)[i];
        if (c < '0' || c > '9')
            return -1;
        v = v * 10 + (c - '0');
    }
    *p += width;
    if (v < low || v > high)
        return -1;
    *ret = v;
    return 0;
}

static int literal(const char **p, char c)
{
    if (**p != c)
        return -1;
    ++*p;
    return 0;
}

/* ".123", cut to microseconds; nothing is 0; a dot alone is an error. */
static int fraction(const char **p, int64_t *ret_us)
{
    int64_t us = 0, unit = 100000;
    const char *first = *p + 1;
    if (**p == '.') {
        for (++*p; **p >= '0' && **p <= '9'; ++*p, unit /= 10)
            us += (**p - '0') * unit;
        if (*p == first)
            return -1;
    }
    *ret_us = us;
    return 0;
}

static int offset_s(const char **p, int *ret)
{
    if (**p == 'Z' || **p == 'z') {
        ++*p;
        *ret = 0;
        return 0;
    }
    int sign = **p == '+' ? 1 : **p == '-' ? -1 : 0, h, m;
    if (!sign)
        return -1;
    ++*p;
    if (digits(p, 2, 0, 23, &h) || literal(p, ':') || digits(p, 2, 0, 59, &m))
        return -1;
    *ret = sign * (h * 3600 + m * 60);
    return 0;
}

int ftime_parse(const char *text, int64_t *ret_us)
{
    const char *p = text;
    int y, mo, d, h, mi, s, off;
    if (digits(&p, 4, 1970, 9999, &y) || literal(&p, '-') || digits(&p, 2, 1, 12, &mo) ||
        literal(&p, '-') || digits(&p, 2, 1, 31, &d) || (*p != 'T' && *p != 't' && *p != ' '))
        return -1;
    p++;
    if (digits(&p, 2, 0, 23, &h) || literal(&p, ':') || digits(&p, 2, 0, 59, &mi) ||
        literal(&p, ':') || digits(&p, 2, 0, 60, &s))
        return -1;
    int64_t us;
    if (fraction(&p, &us) || offset_s(&p, &off) || *p)
        return -1;
    int64_t days = days_from_civil(y, mo, d);
    int y_back, mo_back, d_back;
    civil_from_days(days, &y_back, &mo_back, &d_back);
    if (d_back != d) /* 30 February */
        return -1;
    *ret_us = ((days * 86400 + h * 3600 + mi * 60 + s) - off) * 1000000 + us;
    return 0;
}
