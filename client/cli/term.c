#include "term.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "cli.h"

struct term term;

void term_init(void)
{
    const char *no_colour = getenv("NO_COLOR"), *kind = getenv("TERM");
    setlocale(LC_CTYPE, "");
    term.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    if (!term.utf8) /* names are UTF-8 whatever the locale is: wcwidth has to know them */
        setlocale(LC_CTYPE, "C.UTF-8");
    term.out_tty = isatty(STDOUT_FILENO);
    term.err_tty = isatty(STDERR_FILENO);
    term.colour = term.out_tty && (no_colour == NULL || no_colour[0] == '\0') &&
                  (kind == NULL || strcmp(kind, "dumb") != 0);
}

static int width_of(int fd)
{
    struct winsize ws;
    if (ioctl(fd, TIOCGWINSZ, &ws) == 0 && ws.ws_col > 0)
        return ws.ws_col;
    return 80;
}

int term_width(void)
{
    const char *columns = getenv("COLUMNS");
    if (!term.out_tty)
        return 0;
    long n = columns != NULL ? strtol(columns, NULL, 10) : 0;
    return n > 0 && n < 10000 ? (int)n : width_of(STDOUT_FILENO);
}

int term_height(void)
{
    struct winsize ws;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_row > 0 ? ws.ws_row : 24;
}

int term_err_width(void)
{
    int n = width_of(STDERR_FILENO);
    return n < 20 ? 20 : n;
}

/* --- text --- */

/* Length of the UTF-8 character that p[0..n) begins with: 0 = invalid, -1 = cut off. */
static int utf8_char(const unsigned char *p, size_t n, uint32_t *ret)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    int len = p[0] < 0x80   ? 1
              : p[0] < 0xc2 ? 0
              : p[0] < 0xe0 ? 2
              : p[0] < 0xf0 ? 3
              : p[0] < 0xf5 ? 4
                            : 0;
    if (len == 0)
        return 0;
    uint32_t c = len == 1 ? p[0] : (uint32_t)(p[0] & (0x7f >> len));
    for (int i = 1; i < len; i++) {
        if ((size_t)i >= n)
            return -1;
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3f);
    }
    if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return 0;
    *ret = c;
    return len;
}

static bool is_bidi(uint32_t c)
{
    return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x200e ||
           c == 0x200f || c == 0x061c;
}

static bool is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029;
}

int term_columns(const char *text)
{
    int columns = 0;
    size_t left = strlen(text);
    for (const unsigned char *p = (const unsigned char *)text; left > 0;) {
        uint32_t c;
        int len = utf8_char(p, left, &c);
        int w = len > 0 ? wcwidth((wchar_t)c) : 1;
        columns += w > 0 ? w : 0;
        len = len > 0 ? len : 1;
        p += len;
        left -= (size_t)len;
    }
    return columns;
}

char *term_clean(const char *text)
{
    struct cail_buf b = CAIL_BUF_INIT;
    size_t left = strlen(text);
    for (const unsigned char *p = (const unsigned char *)text; left > 0;) {
        uint32_t c = 0;
        int len = utf8_char(p, left, &c);
        if (len <= 0) {
            cail_buf_addc(&b, '?');
            len = 1;
        } else if (c == '\n' || c == '\t') {
            cail_buf_addc(&b, ' ');
        } else if (is_control(c)) {
            cail_buf_addc(&b, '?');
        } else if (is_bidi(c)) {
            cail_buf_addf(&b, "<U+%04X>", (unsigned)c);
        } else {
            cail_buf_add(&b, p, (size_t)len);
        }
        p += len;
        left -= (size_t)len;
    }
    return cli_take(&b);
}

/* --- log bytes --- */

enum { TEXT, ESCAPE, ESCAPE_MORE, CSI, CSI_SKIP, STRING, STRING_ESCAPE, CHARACTER };

static void begin(struct term_filter *f, int state, unsigned char byte)
{
    f->state = state;
    f->held[0] = byte;
    f->n_held = 1;
}

static void put_character(struct term_filter *f, struct cail_buf *out)
{
    uint32_t c = 0;
    int len = utf8_char(f->held, f->n_held, &c);
    f->state = TEXT;
    if (len <= 0)
        cail_buf_adds(out, "\xef\xbf\xbd");
    else if (is_bidi(c))
        cail_buf_addf(out, "<U+%04X>", (unsigned)c);
    else if (!is_control(c))
        cail_buf_add(out, f->held, f->n_held);
}

static void plain_byte(struct term_filter *f, unsigned char b, struct cail_buf *out)
{
    /* A lone CR would let later text overwrite earlier text: it ends a line here. */
    bool crlf = f->after_cr && b == '\n';
    f->after_cr = b == '\r';
    f->state = TEXT;
    if (b == '\r' || (b == '\n' && !crlf))
        cail_buf_addc(out, '\n');
    else if (b == 0x1b)
        begin(f, ESCAPE, b);
    else if (b == '\t' || (b >= 0x20 && b < 0x7f))
        cail_buf_addc(out, (char)b);
    else if (b >= 0xc2 && b < 0xf5) {
        begin(f, CHARACTER, b);
        f->need = b < 0xe0 ? 2 : b < 0xf0 ? 3 : 4;
    } else if (b >= 0x80)
        cail_buf_adds(out, "\xef\xbf\xbd");
}

/* A control byte inside a sequence ends it: a terminal would obey it, and a line end must not be
 * swallowed by a sequence that somebody forgot to finish. */
static bool ends_early(struct term_filter *f, unsigned char b, struct cail_buf *out)
{
    if (b >= 0x20 && b < 0x7f)
        return false;
    plain_byte(f, b, out);
    return true;
}

static void csi_byte(struct term_filter *f, unsigned char b, struct cail_buf *out)
{
    if (ends_early(f, b, out))
        return;
    if (b < 0x40) {
        bool colour_like = (b >= '0' && b <= '9') || b == ';' || b == ':';
        if (!colour_like || f->n_held >= sizeof f->held - 1)
            f->state = CSI_SKIP;
        else
            f->held[f->n_held++] = b;
        return;
    }
    if (f->state == CSI && b == 'm') {
        cail_buf_add(out, f->held, f->n_held);
        cail_buf_addc(out, 'm');
    }
    f->state = TEXT;
}

static void escape_byte(struct term_filter *f, unsigned char b, struct cail_buf *out)
{
    if (ends_early(f, b, out))
        return;
    if (f->state == ESCAPE && b == '[') {
        f->state = CSI;
        f->held[f->n_held++] = b;
    } else if (f->state == ESCAPE && strchr("]PX^_", b) != NULL) {
        f->state = STRING;
    } else {
        f->state = b < 0x30 ? ESCAPE_MORE : TEXT;
    }
}

static void string_byte(struct term_filter *f, unsigned char b, struct cail_buf *out)
{
    if (b == '\n')
        plain_byte(f, b, out);
    else if (b == 0x07 || (f->state == STRING_ESCAPE && b == '\\'))
        f->state = TEXT;
    else
        f->state = b == 0x1b ? STRING_ESCAPE : STRING;
}

void term_filter(struct term_filter *f, const char *data, size_t len, struct cail_buf *out)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char b = (unsigned char)data[i];
        switch (f->state) {
        case ESCAPE:
        case ESCAPE_MORE:
            escape_byte(f, b, out);
            break;
        case CSI:
        case CSI_SKIP:
            csi_byte(f, b, out);
            break;
        case STRING:
        case STRING_ESCAPE:
            string_byte(f, b, out);
            break;
        case CHARACTER:
            if ((b & 0xc0) != 0x80) {
                put_character(f, out); /* cut off: one replacement, and the byte on its own */
                plain_byte(f, b, out);
                break;
            }
            f->held[f->n_held++] = b;
            if (f->n_held == f->need)
                put_character(f, out);
            break;
        default:
            plain_byte(f, b, out);
            break;
        }
    }
}

/* --- writing --- */

void term_write(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EPIPE)
            _exit(EXIT_PIPE);
        if (n < 0) {
            if (fd != STDERR_FILENO)
                fprintf(stderr, "cail: cannot write the output: %s\n", strerror(errno));
            _exit(EXIT_UNREACHABLE);
        }
        data += n;
        len -= (size_t)n;
    }
}

void term_puts(int fd, const char *text)
{
    term_write(fd, text, strlen(text));
}

void term_printf(const char *fmt, ...)
{
    va_list ap;
    char *text = NULL;
    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0)
        abort();
    va_end(ap);
    term_puts(STDOUT_FILENO, text);
    free(text);
}
