/* The route table and what every route's serve is handed as `app`. */
#ifndef HTTP_ROUTES_H
#define HTTP_ROUTES_H

#include "engine/engine.h"
#include "http/http.h"
#include "http/server.h"
#include "lab/lab.h"

/* Rows of GET /env, fetched at most once a minute. */
struct env_cache;

/* Filled by main: zeroed first, `engine` before the server starts, `server` as soon as it has. The
 * strings are borrowed and may be NULL (then they are shown as null). */
struct api {
    struct engine *engine;
    struct lab *lab;
    struct http_server *server;
    const char *url; /* "http://127.0.0.1:8080", for the texts that show commands */
    const char *sqlite_version, *libmicrohttpd_version;
    struct env_cache *env; /* api_env.c's */
    struct confirm_look *looks; /* confirm.c's */
    bool confirms;              /* history.confirm: tentative changes are measured */
};

/* After the server has stopped and while the engine still lives. */
void api_done(struct api *api);

/* A job's results became points of these series, in the open batch. */
void api_measured(struct api *api, uid_t uid, const int64_t *series, size_t n);
/* After each batch that is stored. */
void api_durable(struct api *api, uint64_t batch);
void api_forget_looks(struct api *api); /* at the end; api_done does it */

extern const struct http_route http_routes[];
extern const size_t n_http_routes;

/* The dashboard's pages: a reader's request (GET with text/html in Accept) that fits one of them is
 * answered by it and not by a row above. Static: the same bytes at every address, the script finds
 * out by the address what to show. */
extern const struct http_route http_pages[];
/* 0 when the dashboard was not bundled into this build. */
size_t http_n_pages(void);

#endif
