/* The plain HTML pages: what runs, and one job, for browsers without JavaScript (below /plain) and
 * for a build without the dashboard. No script, no inline style: the strict policy of
 * http_reply_header stands. Every string of a stranger goes through html.h. */
#ifndef HTTP_PAGE_H
#define HTTP_PAGE_H

#include "http/api.h"

/* Is a page asked for: by Accept, or by its place below /plain? */
bool page_wanted(const struct http_request *rq);
/* GET /jobs/{id} for a browser; may answer HTTP_RELOAD. */
int page_job(struct api *api, struct http_request *rq, struct http_reply *reply,
             struct cail_err *err) NODISCARD;

/* Shared by the two. */
void page_begin(struct http_reply *reply, const char *title, bool refreshes);
void page_end(struct http_reply *reply);
/* <td class="number or ''">text</td> */
void page_cell(struct str *out, const char *class, const char *text);
void page_state_cell(struct str *out, enum job_state state);
/* Rows of benchmark, metric, value. job 0 = no link to a job. */
void page_result_row(struct str *out, const struct result *r, int64_t job);

#endif
