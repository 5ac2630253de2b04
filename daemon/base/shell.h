/* Words as a POSIX shell reads them back. */
#ifndef BASE_SHELL_H
#define BASE_SHELL_H

#include "base/str.h"

/* Always in quotes; every byte stays. */
void shell_quote(struct str *out, const char *text);
/* In quotes only where the shell would see something in it. */
void shell_word(struct str *out, const char *word);

#endif
