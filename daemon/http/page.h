/* The plain HTML pages: what runs, and one job. Every string of a stranger goes through html_add. */
#ifndef HTTP_PAGE_H
#define HTTP_PAGE_H

#include "http/api.h"

/* text with & < > " ' as entities; other control characters than tab and line end become U+FFFD. */
void html_add(struct str *out, const char *text, size_t len);
void html_adds(struct str *out, const char *text); /* NULL = nothing */

/* GET /jobs/{id} for a browser; may answer HTTP_RELOAD. */
int page_job(struct api *api, struct http_request *rq, struct http_reply *reply,
             struct cail_err *err) NODISCARD;
/* GET / for a browser, from the loaded list. */
void page_front(struct api *api, const struct list_loaded *l, struct http_reply *reply);

#endif
