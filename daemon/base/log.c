/* The daemon's own log. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/ftime.h"

static enum log_level level_max = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
    level_max = level;
}

/* One write(2) a line, so lines of several threads do not mix. */
static void PRINTF_LIKE(2, 0) emit(enum log_level level, const char *fmt, va_list ap)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    if (level > level_max)
        return;
    char text[1600], line[3600], when[FTIME_LEN];
    vsnprintf(text, sizeof text, fmt, ap);
    ftime_utc(clock_wall_us(), when);
    int n = snprintf(line, sizeof line, "%s %s ", when, names[level]);
    size_t at = (size_t)n;
    for (const unsigned char *p = (const unsigned char *)text; *p && at < sizeof line - 6; p++) {
        if (*p < 0x20 || *p == 0x7f)
            at += (size_t)snprintf(line + at, sizeof line - at, "\\x%02x", *p);
        else
            line[at++] = (char)*p;
    }
    line[at++] = '\n';
    (void)!write(STDERR_FILENO, line, at);
}

#define DEFINE(name, level)                                                                        \
    void name(const char *fmt, ...)                                                                \
    {                                                                                              \
        va_list ap;                                                                                \
        va_start(ap, fmt);                                                                         \
        emit(level, fmt, ap);                                                                      \
        va_end(ap);                                                                                \
    }
DEFINE(log_error, LOG_LEVEL_ERROR)
DEFINE(log_warn, LOG_LEVEL_WARN)
DEFINE(log_info, LOG_LEVEL_INFO)
DEFINE(log_debug, LOG_LEVEL_DEBUG)

void log_bug(const char *file, int line, const char *what)
{
    log_error("bug at %s:%d: %s", file, line, what);
    abort();
}
