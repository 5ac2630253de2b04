/* Inside parse/: what the formats share: the frame around a parser, rows by a table of metrics,
 * parameters as sorted JSON, units in one spelling, and what a JSON document looks like. */
#ifndef PARSE_READER_H
#define PARSE_READER_H

#include "parse/rows.h"
#include "parse/stream.h"
#include "parse/text.h"

enum { PARSE_LONG_NAME_MAX = 2000 }; /* C++ templates and test paths exceed PARSE_NAME_MAX */

/* What a parser reads from and into. It uses json or text; errors name the place in that one. */
struct parse_in {
    const char *benchmark; /* where the format has no name */
    struct parse_stream json;
    struct parse_text text;
    struct parse_out got;
    struct cail_err *err;
};

/* The frame of a `parse` of the table: `read` fills in->got; no row at all is an error. */
int parse_with(int (*read)(struct parse_in *in), const char *p, size_t len, const char *benchmark,
               struct parse_out *out, struct cail_err *err);

/* E_BAD_REQUEST about the line or the JSON value that is being read. */
int parse_bad(const struct parse_in *in, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* One metric of a format. */
struct parse_metric {
    const char *from; /* member or column it is read from */
    const char *name, *unit;
    enum better better;
    enum metric_kind kind;
    double scale; /* from the tool's unit to ours; 0 = 1 */
};

/* A row of it: benchmark NULL = in->benchmark, params NULL = {}. Names are checked to be printable
 * and short enough: they may come straight from the input. */
int parse_put(struct parse_in *in, const char *benchmark, const char *params,
              const struct parse_metric *m, enum result_status status, const double *samples,
              size_t n) NODISCARD;
/* The same for one value; NaN is a row of status nan. */
int parse_put1(struct parse_in *in, const char *benchmark, const char *params,
               const struct parse_metric *m, enum result_status status, double sample) NODISCARD;
/* A test: metric elapsed in s. seconds < 0 = the tool gave none. */
int parse_put_check(struct parse_in *in, const char *test, const char *params,
                    enum result_status status, double seconds) NODISCARD;
/* How many tests of each outcome there were: tests_passed, tests_failed, tests_skipped. */
int parse_put_counts(struct parse_in *in, double passed, double failed, double skipped) NODISCARD;

/* Each value of the JSON that stream.spread asks for; `one` sees its path. */
int parse_each(struct parse_in *in, const char *const *spread,
               int (*one)(struct parse_in *in, const char *path, const json_t *v, void *st),
               void *st);
/* A printable string member. 0 with *ret NULL: it is not there. */
int parse_text_of(const struct parse_in *in, const json_t *v, const char *key, const char **ret);
/* The same, and it must be there. */
int parse_name_of(const struct parse_in *in, const json_t *v, const char *key, const char **ret);
/* A number, NaN for null and not finite ones; *ret_there false = no such member. */
int parse_number_of(const struct parse_in *in, const json_t *v, const char *key, bool *ret_there,
                    double *ret);
/* A row for each metric of the table whose member is there: a number or a list of samples. */
int parse_members(struct parse_in *in, const json_t *v, const char *benchmark, const char *params,
                  const struct parse_metric *m, size_t n, enum result_status status);
/* An array of numbers as samples; caller frees. */
int parse_samples_of(const struct parse_in *in, const json_t *list, double scale, double **ret,
                     size_t *ret_n);

/* Parameters: keys in the order of their bytes, so the same ones are the same series. */
struct parse_pairs { /* starts as {0} */
    struct parse_pair {
        struct parse_span key, value;
    } pair[64];
    size_t n;
};
/* Past 64, and a key that is there: false. */
bool parse_pairs_add(struct parse_pairs *pairs, struct parse_span key, struct parse_span value);
bool parse_pairs_adds(struct parse_pairs *pairs, const char *key, const char *value);
/* Whole numbers and booleans become JSON's, other values strings. */
const char *parse_pairs_json(struct parse_pairs *pairs, struct str *out);

/* The one spelling of a unit: "msec" -> "ms", "Bytes/Second" -> "B/s"; others as they are. */
const char *parse_unit(const char *unit);
/* Lower for times, higher for rates, else neutral: where a format does not say. */
enum better parse_unit_better(const char *unit);

/* The first byte that is no blank; 0 = none. */
char parse_first(const char *p, size_t len);
/* Whether "key" followed by ':' stands somewhere in p[len]. */
bool parse_key(const char *p, size_t len, const char *key);
/* Whether all of up to four keys do, and the text begins like an object. NULL ends them. */
bool parse_object_with(const char *p, size_t len, const char *a, const char *b, const char *c);
/* Whether a line of p[len] satisfies `like`. */
bool parse_any_line(const char *p, size_t len, bool (*like)(struct parse_span line));

#endif
