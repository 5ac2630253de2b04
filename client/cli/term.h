/* The terminal: how wide, in colour or not, and what may reach it.
 *
 * Job logs, job names and recipe texts are written by strangers. A terminal obeys control sequences
 * in them (titles, clipboard, replies typed back as if by the user), so only printable text, tab,
 * LF and SGR colours get through; bidi controls, which show text in another order than it has, are
 * spelled out. What does not go to a terminal stays byte for byte as it is. */
#ifndef CLI_TERM_H
#define CLI_TERM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../buf.h"

struct term {
    bool out_tty, err_tty;
    bool colour; /* on stdout: a terminal, NO_COLOR not set, TERM not dumb */
    bool utf8;   /* the locale says so: bars and ellipses may be beautiful */
};
extern struct term term; /* filled once by term_init */

void term_init(void);
int term_width(void);     /* columns of stdout's terminal; 0 = not a terminal: do not shorten */
int term_height(void);    /* rows of stdout's terminal; 24 when it does not say */
int term_err_width(void); /* the same of stderr, at least 20 */

/* Columns that cleaned text takes. */
int term_columns(const char *text);

/* One line of harmless text for a cell or a message: controls become '?', LF and tab a space.
 * Caller frees. */
char *term_clean(const char *text);

/* A stream of log bytes on its way to a terminal. Zero-initialised; the state goes over the borders
 * of the pieces. */
struct term_filter {
    int state;
    bool after_cr;
    unsigned char held[64]; /* a sequence or character that is not complete */
    size_t n_held;
    size_t need; /* bytes that the character in `held` takes */
};
void term_filter(struct term_filter *f, const char *data, size_t len, struct cail_buf *out);

/* printf to stdout/stderr never fails silently: a reader that went away ends the process with 141,
 * a full disk with 125. */
void term_write(int fd, const char *data, size_t len);
void term_puts(int fd, const char *text);
/* To stdout; its strings are clean already. */
void term_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
