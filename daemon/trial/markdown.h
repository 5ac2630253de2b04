/* The parts of a Markdown report, for the whole one and for the short one of a check's summary.
 * PURE; inside the room. */
#ifndef TRIAL_MARKDOWN_H
#define TRIAL_MARKDOWN_H

#include "trial/words.h"

void trial_md_head(struct str *out, const struct trial_report *r);   /* headline, sides, method */
void trial_md_method(struct str *out, const struct trial_report *r); /* how it was measured */

enum trial_table { TRIAL_TABLE_COUNTS, TRIAL_TABLE_SAME, TRIAL_TABLE_SHOWN };
/* Rows of one table, rows_max at most, the rest counted in words. Nothing when there are none.
 * Returns how many rows there are. */
int32_t trial_md_table(struct str *out, const struct trial_report *r, enum trial_table which,
                       int32_t rows_max);
int32_t trial_md_table_rows(const struct trial_report *r, enum trial_table which);

void trial_md_checks(struct str *out, const struct trial_report *r, int32_t rows_max);
void trial_md_notes(struct str *out, const struct trial_report *r);

#endif
