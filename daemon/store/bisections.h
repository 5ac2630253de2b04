/* Bisections and the comparisons that check change points, in the store. Verbs of a batch and
 * questions for a reader under the rules of store.h. */
#ifndef STORE_BISECTIONS_H
#define STORE_BISECTIONS_H

#include "model/bisection.h"
#include "store/series.h"

/* The whole row but for what never changes: id, name, recipe, spec, who, when. */
void store_put_bisection(struct store_batch *b, const struct bisection *x);

struct bisection_rows {
    struct bisection **row;
    size_t n;
    bool more;
};
void bisection_rows_done(struct bisection_rows *rows);
/* Those before before_id (0 = all), newest first. */
int store_read_bisections(struct store_reader *r, int64_t before_id, int32_t limit,
                          struct bisection_rows *ret, struct cail_err *err) NODISCARD;
/* *ret is the caller's. E_NOT_FOUND. */
int store_read_bisection(struct store_reader *r, int64_t id, struct bisection **ret,
                         struct cail_err *err) NODISCARD;
/* What is known of a commit; sha stays NULL where nothing is. commit_info_done. */
int store_read_commit(struct store_reader *r, const char *sha, struct commit_info *ret,
                      struct cail_err *err) NODISCARD;
void commit_info_done(struct commit_info *c);

/* The comparison of the two ends of a change point. Points as in change_state_row. */
struct change_check {
    char *before_point, *after_point;
    int64_t comparison;
    enum comparison_state state; /* read only */
    int verdict;                 /* read only; enum verdict, -1 = none yet */
};
void store_put_change_check(struct store_batch *b, int64_t series_id, const struct change_check *x);
struct change_check_rows {
    struct change_check *row;
    size_t n;
};
void change_check_rows_done(struct change_check_rows *rows);
int store_read_change_checks(struct store_reader *r, int64_t series_id,
                             struct change_check_rows *ret, struct cail_err *err) NODISCARD;

#endif
