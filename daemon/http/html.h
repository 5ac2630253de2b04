/* Text of strangers into HTML. Pure. */
#ifndef HTTP_HTML_H
#define HTTP_HTML_H

#include "base/str.h"

/* & < > " ' as entities. Control characters other than tab and line end, what is not UTF-8, and the
 * characters that turn the direction of writing become U+FFFD. */
void html_add(struct str *out, const char *text, size_t len);
void html_adds(struct str *out, const char *text); /* NULL = nothing */
/* A piece of a log: terminal sequences are left out, a lone carriage return is a line end. */
void html_add_log(struct str *out, const char *text, size_t len);

#endif
