/* Strangers' words and numbers, made fit for a page: Markdown, XML, plain text. PURE; inside the
 * room.
 *
 * Control characters and those that reorder or hide text (bidirectional marks, zero widths) are
 * shown as \u202e, bytes that are no UTF-8 as U+FFFD. No number is written through printf's
 * floating formats, so no locale has a say. */
#ifndef TRIAL_TEXT_H
#define TRIAL_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "model/word.h"

/* One line. NULL is written as nothing. */
void trial_plain(struct str *out, const char *s);
/* A code span that also holds inside a table: nothing in it is read as Markdown, a mention or a
 * link. "" is written as a dash. */
void trial_md_code(struct str *out, const char *s);
/* Prose on one line, every sign of Markdown escaped. */
void trial_md_text(struct str *out, const char *s);
/* A fenced block, its fence longer than any in the text; line breaks and tabs stay. */
void trial_md_fence(struct str *out, const char *info, const char *text);
/* A link when url is a plain http(s) one, else a code span of it. words is ours. */
void trial_md_link(struct str *out, const char *words, const char *url);
void trial_xml(struct str *out, const char *s);

/* {"m":1,"type":"f16"} as "m=1 type=f16". */
void trial_params(struct str *out, const char *json);

/* -12.30; beyond 1e15 as 1.23e20; "-" when not finite. decimals 0 .. 9. */
void trial_fixed(struct str *out, double v, int decimals);
/* "+3.1 % [+2.6, +3.7]" of ratios; without the brackets when an end is missing, "-" without an
 * effect. */
void trial_change(struct str *out, double effect, double lo, double hi);
/* A fraction as "1 %", "0.253 %": three significant digits at most. */
void trial_percent(struct str *out, double fraction);
/* "0.002", "0.0000034"; two significant digits. */
void trial_p(struct str *out, double p);

/* How both sides of one row are written: the same unit, the same digits. finest: the fraction that
 * can still be told, NaN = unknown. */
struct trial_scale {
    double factor;
    const char *prefix, *unit; /* of the scaled number; unit may be a stranger's */
    int decimals;
    bool grouped; /* an exact whole number: 1,234,567 */
};
void trial_scale_init(struct trial_scale *s, const char *unit, enum metric_kind kind, double base,
                      double head, double finest);
/* As Markdown for a table; "-" when not finite. */
void trial_value(struct str *out, const struct trial_scale *s, double v);

#endif
