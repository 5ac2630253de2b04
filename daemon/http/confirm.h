/* Change points that are measured: the two commits beside one are compared, in turns. By hand
 * (POST /results/changes/{id}/confirm), and of itself where a new point makes a tentative change
 * and history.confirm is on. */
#ifndef HTTP_CONFIRM_H
#define HTTP_CONFIRM_H

#include "http/api_series.h"

enum { CONFIRM_SERIES_MAX = 16 };

/* What is to be compared, and for which series. */
struct confirm {
    char *before, *after;               /* points: the two commits */
    int64_t series[CONFIRM_SERIES_MAX]; /* that changed there */
    size_t n_series;
    char *recipe, *params,
        *build_root; /* params: canonical, without ref; build_root NULL = usual */
    char *name;
    char *metric[CONFIRM_SERIES_MAX]; /* globs of what decides, one a series */
};
void confirm_done(struct confirm *c);

/* On the reader thread: step i of v as a comparison. Refused (E_CONFLICT) where the two points are
 * not commits, or no recipe measured them. */
int confirm_make(struct store_reader *r, const struct view *v, size_t i, struct confirm *ret,
                 struct cail_err *err) NODISCARD;
/* api_changes.c: confirm_make of the change "SERIES.POINT". */
int change_find(struct store_reader *r, const char *id, struct confirm *ret,
                struct cail_err *err) NODISCARD;
/* The comparison is queued and linked from the change. */
int confirm_queue(struct api *api, const struct confirm *c, uid_t uid, struct comparison **ret,
                  struct cail_err *err) NODISCARD;

#endif
