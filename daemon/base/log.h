/* The daemon's own log: one line a record on stderr, "<level> <text>". Control bytes are escaped,
 * so a stranger's string cannot forge a line. A failure is logged once, by the shell, with ids. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/attr.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

void log_set_level(enum log_level level); /* default INFO */
void log_error(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_warn(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_info(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_debug(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* Our bug: say where and abort. State is safe on disk. Always compiled in. */
#define BUG_ON(cond)                                                                               \
    do {                                                                                           \
        if (cond)                                                                                  \
            log_bug(__FILE__, __LINE__, #cond);                                                    \
    } while (0)
void log_bug(const char *file, int line, const char *what) NORETURN;

#endif
