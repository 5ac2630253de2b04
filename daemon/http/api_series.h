/* What the files about results over history share: api_results.c, api_changes.c, api_marks.c,
 * api_table.c; and their handlers. A load writes the whole answer on the reader thread. */
#ifndef HTTP_API_SERIES_H
#define HTTP_API_SERIES_H

#include "http/api.h"
#include "http/series_view.h"

/* An answer that load has written; serve sends it. */
struct written {
    struct str body;
    const char *type; /* static; NULL = JSON */
};
void written_free(void *loaded);
API_SERVE(api_written);

/* series, benchmark (exact, or a glob), metric, params, fingerprint, recipe, q, since of the query.
 * Strings are the request's or *s's own. */
struct series_query {
    struct series_filter filter;
    char *params;            /* canonical text, NULL = not asked by it */
    const char *some_params; /* "m=4096,dtype=f16": those that have them; NULL = all */
    int64_t since_us;
};
int series_query_read(const struct http_request *rq, struct series_query *ret,
                      struct cail_err *err) NODISCARD;
void series_query_done(struct series_query *q);
/* Does a series have what some_params asks? */
bool series_query_fits(const struct series_query *q, const struct series *s);
/* A parameter of canonical params as text, "" = it has none. Caller frees. */
char *param_text(const char *params, const char *name);

API_LOAD(load_benchmarks);
API_LOAD(load_series);
API_LOAD(load_changes);
API_LOAD(load_change_patch);
void change_patch_free(void *loaded);
API_SERVE(api_change_patch);
API_LOAD(load_confirm);
void confirm_loaded_free(void *loaded);
API_SERVE(api_confirm);
API_SERVE(api_bisect);
API_LOAD(load_bisected);
API_LOAD(load_bisection);
void bisection_loaded_free(void *loaded);
API_SERVE(api_bisection);
API_SERVE(api_bisection_cancel);
API_LOAD(load_bisections);
API_LOAD(load_table);
API_LOAD(load_baselines);
API_LOAD(load_baseline_post);
API_SERVE(api_baselines_post);
API_LOAD(load_annotations);
API_SERVE(api_annotations_post);
API_LOAD(load_releases);
API_SERVE(api_releases_post);

#endif
