/* Inside parse/: the `key=value key="quoted value"` fields of a "::cail" line. */
#ifndef PARSE_FIELDS_H
#define PARSE_FIELDS_H

#include <stdbool.h>

#define PARSE_CAIL "::cail "

/* The next field of a line that may be written to; *at moves on. In quotes, \" and \\ stand for "
 * and \. false: the line is at its end (*ret_key NULL) or malformed (*ret_key is what is wrong). */
bool parse_field(char **at, char **ret_key, char **ret_value);
/* The next word, NULL at the end. */
char *parse_word(char **at);

#endif
