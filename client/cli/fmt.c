#include "fmt.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define DURATION_MAX_S (INT64_C(100) * 366 * 86400)

bool fmt_read_int(const char *text, int64_t low, int64_t high, int64_t *ret)
{
    char *end;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || v < low || v > high)
        return false;
    *ret = v;
    return true;
}

bool fmt_read_duration(const char *text, int64_t *ret_s)
{
    int64_t sum = 0;
    if (*text == '\0')
        return false;
    while (*text != '\0') {
        int64_t v = 0, unit;
        if (*text < '0' || *text > '9')
            return false;
        for (; *text >= '0' && *text <= '9'; text++)
            if ((v = v * 10 + (*text - '0')) > DURATION_MAX_S)
                return false;
        switch (*text) {
        case 'w':
            unit = 7 * 86400;
            break;
        case 'd':
            unit = 86400;
            break;
        case 'h':
            unit = 3600;
            break;
        case 'm':
            unit = 60;
            break;
        case 's':
        case '\0':
            unit = 1;
            break;
        default:
            return false;
        }
        text += *text != '\0';
        sum += v * unit;
        if (sum > DURATION_MAX_S)
            return false;
    }
    *ret_s = sum;
    return true;
}

/* A number and its unit's power of 1024; plain = power of a number without unit. */
static bool read_size(const char *text, int plain, double *ret_bytes)
{
    static const char units[] = "bkmgtp";
    char *end;
    errno = 0;
    double v = strtod(text, &end);
    if (end == text || errno != 0 || !(v >= 0 && v < 1e18)) /* NaN fails too */
        return false;
    int power = plain;
    if (*end != '\0') {
        const char *unit = strchr(units, *end | 0x20);
        if (unit == NULL)
            return false;
        power = (int)(unit - units);
        end++;
        if (strcasecmp(end, "ib") != 0 && strcasecmp(end, "b") != 0 && *end != '\0')
            return false;
    }
    for (; power > 0; power--)
        v *= 1024;
    *ret_bytes = v;
    return v < 9e18;
}

bool fmt_read_mib(const char *text, int64_t *ret_mib)
{
    double bytes;
    if (!read_size(text, 2, &bytes))
        return false;
    double mib = bytes / (1 << 20);
    *ret_mib = (int64_t)mib;
    *ret_mib += (double)*ret_mib < mib;
    return true;
}

bool fmt_read_bytes(const char *text, int64_t *ret_bytes)
{
    double bytes;
    if (!read_size(text, 0, &bytes))
        return false;
    *ret_bytes = (int64_t)bytes;
    return true;
}

int64_t fmt_read_time_ms(const char *text)
{
    struct tm tm = {0};
    int used = 0;
    if (sscanf(text, "%4d-%2d-%2d%*1[Tt ]%2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
               &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &used) != 6 ||
        used == 0)
        return -1;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    int64_t ms = (int64_t)timegm(&tm) * 1000;
    const char *rest = text + used;
    if (*rest == '.')
        for (int scale = 100, i = 1; rest[i] >= '0' && rest[i] <= '9'; i++, scale /= 10)
            ms += (rest[i] - '0') * scale;
    return ms;
}

int64_t fmt_now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

const char *fmt_time(int64_t at_ms, char out[FMT_MAX])
{
    time_t t = (time_t)(at_ms / 1000);
    struct tm tm;
    gmtime_r(&t, &tm);
    size_t n = strftime(out, FMT_MAX - 8, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + n, FMT_MAX - n, ".%03dZ", (int)(at_ms % 1000));
    return out;
}

const char *fmt_duration(int64_t ms, char out[FMT_MAX])
{
    int64_t s = ms / 1000;
    if (ms < 0)
        snprintf(out, FMT_MAX, "-");
    else if (ms < 1000)
        snprintf(out, FMT_MAX, "%" PRId64 "ms", ms);
    else if (ms < 10000)
        snprintf(out, FMT_MAX, "%" PRId64 ".%" PRId64 "s", s, ms % 1000 / 100);
    else if (s < 60)
        snprintf(out, FMT_MAX, "%" PRId64 "s", s);
    else if (s < 3600)
        snprintf(out, FMT_MAX, "%" PRId64 "m%02" PRId64 "s", s / 60, s % 60);
    else if (s < 86400)
        snprintf(out, FMT_MAX, "%" PRId64 "h%02" PRId64 "m", s / 3600, s % 3600 / 60);
    else
        snprintf(out, FMT_MAX, "%" PRId64 "d%02" PRId64 "h", s / 86400, s % 86400 / 3600);
    return out;
}

const char *fmt_age(const char *rfc3339, char out[FMT_MAX])
{
    int64_t at = fmt_read_time_ms(rfc3339);
    int64_t s = (fmt_now_ms() - at) / 1000;
    if (s < 0) /* clocks differ a little */
        s = 0;
    if (at < 0)
        snprintf(out, FMT_MAX, "-");
    else if (s < 60)
        snprintf(out, FMT_MAX, "%" PRId64 "s", s);
    else if (s < 3600)
        snprintf(out, FMT_MAX, "%" PRId64 "m", s / 60);
    else if (s < 2 * 86400)
        snprintf(out, FMT_MAX, "%" PRId64 "h", s / 3600);
    else
        snprintf(out, FMT_MAX, "%" PRId64 "d", s / 86400);
    return out;
}

const char *fmt_bytes(int64_t bytes, char out[FMT_MAX])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double v = (double)bytes;
    size_t i = 0;
    for (; v >= 1024 && i + 1 < sizeof units / sizeof units[0]; i++)
        v /= 1024;
    snprintf(out, FMT_MAX, i == 0 || v >= 100 ? "%.0f %s" : "%.1f %s", v, units[i]);
    return out;
}

const char *fmt_number(double v, char out[FMT_MAX])
{
    if (v > -1e15 && v < 1e15 && (double)(int64_t)v == v)
        snprintf(out, FMT_MAX, "%.0f", v);
    else
        snprintf(out, FMT_MAX, "%.6g", v);
    return out;
}

const char *fmt_state_colour(const char *state)
{
    static const struct {
        const char *state, *sgr;
    } colours[] = {
        {"held", "35"},      {"queued", "33"}, {"running", "36"},
        {"succeeded", "32"}, {"failed", "31"}, {"canceled", "90"},
        {"timed_out", "31"}, {"lost", "1;31"}, {"dep_failed", "31"},
    };
    for (size_t i = 0; i < sizeof colours / sizeof colours[0]; i++)
        if (strcmp(colours[i].state, state) == 0)
            return colours[i].sgr;
    return NULL;
}
