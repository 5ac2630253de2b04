/* Numbers. */
#include <math.h>
#include <string.h>

#include "base/jw.h"
#include "trial/text.h"

static const double tens[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};

static int clamp(int v, int lo, int hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

/* The exponent of the leading digit. */
static int magnitude(double v)
{
    return v > 0 && isfinite(v) ? (int)floor(log10(v) + 1e-12) : 0;
}

static void put_padded(struct str *out, int64_t v, int width)
{
    char text[24];
    int n = 0;

    for (; v > 0 || n < width; v /= 10)
        text[n++] = (char)('0' + v % 10);
    while (n > 0)
        str_addc(out, text[--n]);
}

/* Beyond what an integer holds; only nonsense is that large. */
static void put_exponent(struct str *out, double v)
{
    int e = magnitude(v);

    trial_fixed(out, v / pow(10, e), 3);
    str_addc(out, 'e');
    str_add_int(out, e);
}

void trial_fixed(struct str *out, double v, int decimals)
{
    int64_t scaled, unit;

    if (!isfinite(v)) {
        str_addc(out, '-');
        return;
    }
    decimals = clamp(decimals, 0, 9);
    if (fabs(v) * tens[decimals] >= 9e15 && fabs(v) >= 1e15) {
        str_adds(out, v < 0 ? "-" : "");
        put_exponent(out, fabs(v));
        return;
    }
    while (decimals > 0 && fabs(v) * tens[decimals] >= 9e15)
        decimals--;
    scaled = llround(fabs(v) * tens[decimals]);
    unit = (int64_t)tens[decimals];
    str_adds(out, v < 0 && scaled > 0 ? "-" : "");
    put_padded(out, scaled / unit, 1);
    if (decimals > 0) {
        str_addc(out, '.');
        put_padded(out, scaled % unit, decimals);
    }
}

/* A change of a ratio with its sign: +3.1. Of 0 none. */
static void put_signed(struct str *out, double ratio, int decimals)
{
    double pct = (ratio - 1) * 100;

    if (llround(fmin(fabs(pct), 1e9) * tens[decimals]) == 0) {
        trial_fixed(out, 0, decimals);
        return;
    }
    str_adds(out, pct > 0 ? "+" : "");
    trial_fixed(out, pct, decimals);
}

/* As many digits as the interval's width means, or, without one, as show the change. */
static int change_decimals(double effect, double lo, double hi)
{
    double half = fabs(hi - lo) / 2 * 100, change = fabs(effect - 1) * 100;

    if (change >= 1000)
        return 0;
    if (isfinite(half) && half > 0)
        return clamp(-magnitude(half), 1, 4);
    return change > 0 ? clamp(1 - magnitude(change), 1, 4) : 1;
}

void trial_change(struct str *out, double effect, double lo, double hi)
{
    int decimals = change_decimals(effect, lo, hi);

    if (!isfinite(effect)) {
        str_addc(out, '-');
        return;
    }
    put_signed(out, effect, decimals);
    str_adds(out, " %");
    if (!isfinite(lo) || !isfinite(hi) || !(lo < hi))
        return;
    str_adds(out, " [");
    put_signed(out, lo, decimals);
    str_adds(out, ", ");
    put_signed(out, hi, decimals);
    str_addc(out, ']');
}

static void put_trimmed(struct str *out, double v, int decimals)
{
    size_t from = out->len;

    trial_fixed(out, v, decimals);
    if (memchr(out->p + from, '.', out->len - from) == NULL)
        return;
    while (out->p[out->len - 1] == '0')
        out->p[--out->len] = '\0';
    if (out->p[out->len - 1] == '.')
        out->p[--out->len] = '\0';
}

void trial_percent(struct str *out, double fraction)
{
    put_trimmed(out, fraction * 100, clamp(2 - magnitude(fabs(fraction) * 100), 0, 9));
    str_adds(out, isfinite(fraction) ? " %" : "");
}

void trial_p(struct str *out, double p)
{
    if (p < 5e-10 && p >= 0)
        str_adds(out, "<1e-9");
    else
        put_trimmed(out, p, p < 1 ? clamp(1 - magnitude(p), 2, 9) : 0);
}

/* Families of units that one row may be shown in; ascending. */
static const struct family {
    const char *unit;
    int family;
    double factor;
} units[] = {
    {"ns", 0, 1e-9},      {"us", 0, 1e-6},      {"ms", 0, 1e-3},     {"s", 0, 1},
    {"B", 1, 1},          {"kB", 1, 1e3},       {"MB", 1, 1e6},      {"GB", 1, 1e9},
    {"B/s", 2, 1},        {"kB/s", 2, 1e3},     {"MB/s", 2, 1e6},    {"GB/s", 2, 1e9},
    {"TB/s", 2, 1e12},    {"FLOP/s", 3, 1},     {"MFLOP/s", 3, 1e6}, {"GFLOP/s", 3, 1e9},
    {"TFLOP/s", 3, 1e12}, {"PFLOP/s", 3, 1e15},
};

static const struct family *find_unit(const char *unit)
{
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (strcmp(units[i].unit, unit) == 0)
            return &units[i];
    return NULL;
}

/* The largest unit of the family in which the smaller side is 1 or more. */
static const struct family *best_unit(const struct family *from, double smaller)
{
    const struct family *best = NULL;

    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        const struct family *u = &units[i];
        if (u->family == from->family &&
            (best == NULL || smaller * from->factor >= u->factor * (1 - 1e-12)))
            best = u;
    }
    return best;
}

/* Other large numbers: 1.234 M. */
static void choose_prefix(struct trial_scale *s, double smaller)
{
    static const struct {
        const char *prefix;
        double factor;
    } steps[] = {{" T", 1e12}, {" G", 1e9}, {" M", 1e6}, {" k", 1e3}};

    if (smaller < 1e5)
        return;
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        if (smaller < steps[i].factor)
            continue;
        s->prefix = steps[i].prefix;
        s->factor = 1 / steps[i].factor;
        return;
    }
}

static double smaller_side(double base, double head)
{
    double b = fabs(base), h = fabs(head);

    if (!(b > 0 && isfinite(b)))
        return isfinite(h) ? h : 0;
    return h > 0 && isfinite(h) && h < b ? h : b;
}

static bool whole(double v)
{
    return !isfinite(v) || (v == trunc(v) && fabs(v) < 9e15);
}

void trial_scale_init(struct trial_scale *s, const char *unit, enum metric_kind kind, double base,
                      double head, double finest)
{
    double smaller = smaller_side(base, head);
    const struct family *from = find_unit(unit);
    int digits;

    *s = (struct trial_scale){.factor = 1, .prefix = "", .unit = unit};
    s->grouped = kind == METRIC_EXACT && whole(base) && whole(head);
    if (s->grouped)
        return;
    if (from != NULL && smaller > 0) {
        const struct family *best = best_unit(from, smaller);
        s->factor = from->factor / best->factor;
        s->unit = best->unit;
    } else {
        choose_prefix(s, smaller);
    }
    if (s->factor == 1 && whole(base) && whole(head) && smaller >= 100)
        return;
    /* four digits, or as many as show what can be told with two */
    digits = finest > 0 && isfinite(finest) ? clamp(1 - magnitude(finest), 4, 8) : 4;
    s->decimals = clamp(digits - 1 - magnitude(smaller * s->factor), 0, 9);
}

static void put_grouped(struct str *out, double v)
{
    struct str digits = STR_INIT;

    trial_fixed(&digits, fabs(v), 0);
    str_adds(out, v < 0 ? "-" : "");
    for (size_t i = 0; i < digits.len; i++) {
        if (i > 0 && (digits.len - i) % 3 == 0)
            str_addc(out, ',');
        str_addc(out, digits.p[i]);
    }
    str_done(&digits);
}

void trial_value(struct str *out, const struct trial_scale *s, double v)
{
    if (!isfinite(v)) {
        str_addc(out, '-');
        return;
    }
    if (s->grouped)
        put_grouped(out, v);
    else
        trial_fixed(out, v * s->factor, s->decimals);
    str_adds(out, s->prefix);
    if (s->unit != NULL && s->unit[0] != '\0') {
        if (s->prefix[0] == '\0' || find_unit(s->unit) == NULL)
            str_addc(out, ' ');
        trial_md_text(out, s->unit);
    }
}
