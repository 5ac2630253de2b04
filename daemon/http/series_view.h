/* A series as people look at it: one point a commit, in the order of commits, cut into segments.
 * Runs on the reader thread, inside a load. */
#ifndef HTTP_SERIES_VIEW_H
#define HTTP_SERIES_VIEW_H

#include "base/jw.h"
#include "engine/history.h"
#include "store/bisections.h"
#include "stats/segments.h"

enum {
    VIEW_POINTS_DEFAULT = 2000,
    VIEW_POINTS_MAX = 20000,
    VIEW_KEY_LEN = 72, /* a sha of 64, or job-N */
};

/* All results of one commit; without a commit, of one job. */
struct view_point {
    char key[VIEW_KEY_LEN];
    size_t first, runs;         /* rows [first, first + runs) of view.rows */
    const struct point *newest; /* of these */
    double value;               /* median of the medians that are ok, untainted where there are
                                   such; NaN = none */
    double low, high;           /* of their samples */
    int64_t n;                  /* samples of those */
    bool tainted;               /* all of them are */
};

struct view {
    struct series series; /* borrowed strings */
    struct point_rows rows;
    struct view_point *point;
    size_t n;
    size_t beside;     /* points that are not of the line, and left out */
    const char *order; /* "position", "committed_at" or "at": what orders the points */
    size_t *of_value;  /* points that have a value, as history counts them */
    size_t n_values;
    double min_magnitude; /* changes up to this are none */
    double aa_floor;      /* what identical code does: the 95th percentile; NaN = not known */
    struct stats_history history;
    struct change_state_rows states;
    struct change_check_rows checks;
};

struct view_wish {
    int64_t since_us, limit; /* rows */
    bool compat_otava;
};
/* s stays the caller's and must outlive the view. */
int view_load(struct store_reader *r, const struct series *s, const struct view_wish *wish,
              struct view *ret, struct cail_err *err) NODISCARD;
void view_done(struct view *v);

/* Point number of a commit (a prefix of at least 7 digits is enough) or of "job-N"; -1 = none. */
ptrdiff_t view_find(const struct view *v, const char *key);
/* What a person said of step i; NULL = nothing. A step may have moved by a point or two since. */
const struct change_state_row *view_state(const struct view *v, size_t i);
/* The comparison of its two ends, found likewise; NULL = none. */
const struct change_check *view_check(const struct view *v, size_t i);
/* Is step i for the worse: 1, for the better: -1, or neither: 0. */
int view_direction(const struct view *v, size_t i);

/* Members that name the series. `doc` is its fingerprint. */
void view_series_members(struct jw *w, const struct series *s, const char *doc);
/* {id, at, before, after, ratio ...}; with_series: for lists over many. */
void view_change_doc(struct jw *w, const struct view *v, size_t i, const char *doc,
                     bool with_series);
/* "points", "segments", "changes", "drift". samples: read each row's raw samples by r, NULL = not
 * wanted. */
int view_members(struct jw *w, const struct view *v, struct store_reader *samples,
                 struct cail_err *err) NODISCARD;

#endif
