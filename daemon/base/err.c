/* Errors as data: the table of codes and the one way to fill a struct cail_err. */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *word, *title;
    int http_status;
} rows[E_COUNT_] = {[E_OK] = {"ok", "No error", 200},
#define X(sym, word, http, exit, title) [sym] = {word, title, http},
                    CAIL_ERRORS(X)
#undef X
};

const char *err_word(enum cail_code code)
{
    return rows[code].word;
}

const char *err_title(enum cail_code code)
{
    return rows[code].title;
}

int err_http_status(enum cail_code code)
{
    return rows[code].http_status;
}

static void PRINTF_LIKE(3, 0)
    fill(struct cail_err *err, enum cail_code code, const char *fmt, va_list ap)
{
    if (!err)
        return;
    memset(err, 0, sizeof *err);
    err->code = code;
    vsnprintf(err->text, sizeof err->text, fmt, ap);
}

int err_set(struct cail_err *err, enum cail_code code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fill(err, code, fmt, ap);
    va_end(ap);
    return (int)code;
}

int err_set_errno(struct cail_err *err, enum cail_code code, int sys_errno, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fill(err, code, fmt, ap);
    va_end(ap);
    if (err) {
        size_t n = strlen(err->text);
        err->sys_errno = sys_errno;
        /* strerror is thread-safe in glibc >= 2.32 and musl; strerror_r has two signatures. */
        snprintf(err->text + n, sizeof err->text - n, ": %s", strerror(sys_errno));
    }
    return (int)code;
}

int err_set_at(struct cail_err *err, enum cail_code code, const char *pointer, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fill(err, code, fmt, ap);
    va_end(ap);
    if (err)
        snprintf(err->pointer, sizeof err->pointer, "%s", pointer);
    return (int)code;
}

void err_hint(struct cail_err *err, const char *fmt, ...)
{
    if (!err)
        return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err->hint, sizeof err->hint, fmt, ap);
    va_end(ap);
}
