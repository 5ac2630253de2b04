/* The JSON writer. */
#include "base/jw.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ftime.h"
#include "base/utf8.h"

static void before(struct jw *w)
{
    if (w->comma)
        str_addc(w->out, ',');
    w->comma = true;
}

void jw_open(struct jw *w, char bracket)
{
    before(w);
    str_addc(w->out, bracket);
    w->comma = false;
}

void jw_close(struct jw *w, char bracket)
{
    str_addc(w->out, bracket);
    w->comma = true;
}

void jw_key(struct jw *w, const char *name)
{
    before(w);
    str_addc(w->out, '"');
    str_adds(w->out, name);
    str_add(w->out, "\":", 2);
    w->comma = false;
}

void jw_key_any(struct jw *w, const char *name)
{
    jw_str(w, name);
    str_addc(w->out, ':');
    w->comma = false;
}

static void escape(struct str *out, unsigned char c)
{
    static const char shorts[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    for (const char *s = shorts; *s; s += 2)
        if ((unsigned char)s[0] == c) {
            char two[2] = {'\\', s[1]};
            str_add(out, two, 2);
            return;
        }
    str_addf(out, "\\u%04x", c);
}

void jw_strn(struct jw *w, const char *s, size_t len)
{
    before(w);
    struct str *out = w->out;
    str_reserve(out, len + 2);
    str_addc(out, '"');
    size_t plain = 0; /* start of the run not yet copied */
    for (size_t i = 0; i < len;) {
        unsigned char c = (unsigned char)s[i];
        if (c >= 0x20 && c != '"' && c != '\\' && c < 0x7f) {
            i++;
            continue;
        }
        size_t n = c < 0x80 ? 1 : utf8_char_len(s + i, len - i);
        if (c >= 0x80 && n) {
            i += n;
            continue;
        }
        str_add(out, s + plain, i - plain);
        if (c < 0x80)
            escape(out, c);
        else
            str_add(out, "\xef\xbf\xbd", 3);
        plain = ++i;
    }
    str_add(out, s + plain, len - plain);
    str_addc(out, '"');
}

void jw_str(struct jw *w, const char *s)
{
    if (s)
        jw_strn(w, s, strlen(s));
    else
        jw_null(w);
}

void jw_int(struct jw *w, int64_t v)
{
    before(w);
    str_add_int(w->out, v);
}

/* Most samples were once decimals with few places: those are written as integers with a point in
 * them, ten times faster than by trying. v == t / p shows that reading gives v again, because both
 * t and p are exact. False = not such a number. */
static bool short_decimal(struct str *out, double v)
{
    static const int64_t powers[] = {1, 10, 100, 1000, 10000, 100000, 1000000};
    double size = fabs(v);
    if (size < 1e-4 || size > 1e9)
        return false;
    for (int places = 0; places < 7; places++) {
        double p = (double)powers[places], t = (double)(int64_t)(v * p + (v < 0 ? -.5 : .5));
        if (t / p != v)
            continue;
        int64_t whole = (int64_t)t / powers[places], rest = llabs((int64_t)t % powers[places]);
        if (t < 0 && whole == 0)
            str_addc(out, '-');
        str_add_int(out, whole);
        if (!places)
            return true;
        char digits[8] = ".000000";
        for (int i = places; i >= 1; i--, rest /= 10)
            digits[i] = (char)('0' + rest % 10);
        str_add(out, digits, (size_t)places + 1);
        return true;
    }
    return false;
}

void jw_real(struct jw *w, double v)
{
    if (!isfinite(v)) {
        jw_null(w);
        return;
    }
    before(w);
    if (short_decimal(w->out, v))
        return;
    char text[40];
    for (int digits = 15; digits <= 17; digits++) { /* the shortest that reads back the same */
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    str_adds(w->out, text);
}

void jw_bool(struct jw *w, bool v)
{
    before(w);
    str_adds(w->out, v ? "true" : "false");
}

void jw_null(struct jw *w)
{
    before(w);
    str_add(w->out, "null", 4);
}

void jw_raw(struct jw *w, const char *json, size_t len)
{
    if (!len)
        return;
    before(w);
    str_add(w->out, json, len);
}

void jw_time(struct jw *w, int64_t at_us)
{
    if (!at_us) {
        jw_null(w);
        return;
    }
    char text[FTIME_LEN];
    ftime_utc(at_us, text);
    before(w);
    str_addc(w->out, '"');
    str_adds(w->out, text);
    str_addc(w->out, '"');
}

void jw_kstr(struct jw *w, const char *key, const char *v)
{
    jw_key(w, key);
    jw_str(w, v);
}

void jw_kint(struct jw *w, const char *key, int64_t v)
{
    jw_key(w, key);
    jw_int(w, v);
}

void jw_kreal(struct jw *w, const char *key, double v)
{
    jw_key(w, key);
    jw_real(w, v);
}

void jw_kbool(struct jw *w, const char *key, bool v)
{
    jw_key(w, key);
    jw_bool(w, v);
}

void jw_knull(struct jw *w, const char *key)
{
    jw_key(w, key);
    jw_null(w);
}

void jw_ktime(struct jw *w, const char *key, int64_t at_us)
{
    jw_key(w, key);
    jw_time(w, at_us);
}
