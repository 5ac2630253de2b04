#include "http/cells.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void cell_text(struct str *out, const char *text, size_t len, bool markdown)
{
    CLEANUP(mem_freep) char *copy = mem_strndup(text, len);
    char *end;
    bool number = (strtod(copy, &end), end != copy && !*end);
    bool quote = !markdown && strpbrk(copy, ",\"\r\n");
    if (quote)
        str_addc(out, '"');
    if (!markdown && !number && *copy && strchr("=+-@\t", *copy))
        str_addc(out, '\'');
    for (const char *p = copy; *p; p++) {
        if (markdown && strchr("|\\`*_<>[]", *p))
            str_addc(out, '\\');
        if (!markdown && *p == '"')
            str_addc(out, '"');
        str_addc(out, *p == '\n' || *p == '\r' ? ' ' : *p);
    }
    if (quote)
        str_addc(out, '"');
}
