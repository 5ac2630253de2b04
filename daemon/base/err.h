/* Errors are data: a code from the one list in schema/enums.def, a sentence for a person, and,
 * where a document was at fault, a JSON Pointer to the place.
 *
 * Convention: a fallible function returns 0 or a code (> 0) and fills *err once, where the failure
 * is first understood; a caller passes it on and never overwrites it. `ret_x` outputs are written
 * on success alone. Messages are lower case, name the thing in quotes, have no full stop and say
 * what to do. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/attr.h"
#include "enums.def"

enum cail_code {
    E_OK = 0,
#define X(sym, word, http, exit, title) sym,
    CAIL_ERRORS(X)
#undef X
        E_COUNT_
};

struct cail_err {
    enum cail_code code;
    int sys_errno;     /* errno behind it, 0 = none */
    char text[400];    /* one sentence for a person */
    char pointer[160]; /* JSON Pointer into the request body, "" = not about a place in it */
    char hint[200];    /* what to do next, "" = the text says it */
};

/* The rows of CAIL_ERRORS. code must be a real one. */
const char *err_word(enum cail_code code);
const char *err_title(enum cail_code code);
int err_http_status(enum cail_code code);

/* Fill *err (NULL = nobody asked) and return code, so `return err_set(...)` is one line. */
int err_set(struct cail_err *err, enum cail_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* The same, with errno's text appended after ": ". */
int err_set_errno(struct cail_err *err, enum cail_code code, int sys_errno, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* The same, about the place `pointer` of the body. */
int err_set_at(struct cail_err *err, enum cail_code code, const char *pointer, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* Add the next step for the reader. */
void err_hint(struct cail_err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
