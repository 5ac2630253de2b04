/* Inside parse/: collecting samples into rows. The same series (benchmark, params, metric, unit,
 * direction, kind) again adds its samples to the row that is there. */
#ifndef PARSE_ROWS_H
#define PARSE_ROWS_H

#include "parse/parse.h"

enum { PARSE_NAME_MAX = 400, PARSE_UNIT_MAX = 40 };

struct parse_series {
    const char *benchmark, *params, *metric, *unit; /* params NULL = {} */
    enum better better;
    enum metric_kind kind;
    enum result_status status;
};

/* Add n samples (n may be 0, for a status without a number). A sample that is not finite goes to
 * the series' own row of status nan, which has no samples. Values are medians only after
 * parse_settle. E_TOO_MANY past RESULTS_PER_JOB_MAX rows or RESULT_SAMPLES_MAX samples a row. */
int parse_add(struct parse_out *out, const struct parse_series *s, const double *samples, size_t n,
              struct cail_err *err) NODISCARD;
/* Whether out has the series of *r. */
bool parse_out_has(const struct parse_out *out, const struct result *r);
/* Set every row's value to the median of its samples. */
void parse_settle(struct parse_out *out);
/* Move the rows of `from` into `to`, settled: a series that is there gets more samples (one file a
 * round is the usual way to repeat a benchmark). All, or none and E_TOO_MANY; empties from. */
int parse_out_move(struct parse_out *to, struct parse_out *from, struct cail_err *err) NODISCARD;

/* What kind a unit speaks of: "ns" time, "GB/s" rate, others count. */
enum metric_kind parse_unit_kind(const char *unit);
/* A whole decimal number, "nan" and "inf" in their usual spellings. false = it is none. */
bool parse_number(const char *s, size_t len, double *ret);
/* Whether word stands somewhere in p[len]. */
bool parse_has(const char *p, size_t len, const char *word);
/* Line and column, from 1, of offset `at`. */
void parse_place(const char *p, size_t len, size_t at, int64_t *line, int64_t *column);

#endif
