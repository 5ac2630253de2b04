/* Markdown out of strangers' words. */
#ifndef LAB_MD_H
#define LAB_MD_H

#include "base/str.h"

/* On one line, every character of Markdown and HTML that means something escaped; NULL = "-". */
void md_text(struct str *out, const char *text);
/* `text` as code on one line (backticks and control characters become '). */
void md_code(struct str *out, const char *text);
/* A word of a shell command, quoted where it must be. */
void md_shell(struct str *out, const char *word);
/* A number with at most six digits that matter. */
void md_number(struct str *out, double v);

#endif
