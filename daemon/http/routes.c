/* THE table: one row an endpoint. tests/meta/test_openapi.py holds it against schema/openapi.yaml in
 * both directions; it reads the text, so a row keeps its shape. */
#include "http/routes.h"

#include "http/api.h"

const struct http_route http_routes[] = {
    {HTTP_POST, "/jobs", HTTP_OWNER, HTTP_TAKES_FORM | HTTP_TAKES_SCRIPT | HTTP_LOAD_LAZY,
     HTTP_BODY_MAX, load_submit, submit_loaded_free, api_submit, "Queue a job, or an array of them"},
    {HTTP_GET, "/jobs/{id}", HTTP_OWNER, HTTP_LOAD_LAZY, 0, load_job, job_loaded_free, api_job,
     "One job, at once or at its end"},
    {HTTP_GET, "/jobs/{id}/log", HTTP_OWNER, HTTP_LOAD_LAZY | HTTP_STREAMS, 0, load_log,
     job_loaded_free, api_log, "The output of a job"},
    {HTTP_GET, "/groups/{id}", HTTP_OWNER, HTTP_LOAD_LAZY, 0, load_group, group_loaded_free,
     api_group, "A group and its jobs"},
    {HTTP_POST, "/groups/{id}/cancel", HTTP_OWNER, HTTP_LOAD_LAZY | HTTP_EMPTY_OK, API_SMALL_BODY,
     load_group, group_loaded_free, api_group_cancel, "Cancel what is left of a group"},
    {HTTP_POST, "/groups/{id}/retry", HTTP_OWNER, HTTP_LOAD_LAZY | HTTP_EMPTY_OK, API_SMALL_BODY,
     load_group, group_loaded_free, api_group_retry, "Run a group's failed jobs again"},
    {HTTP_GET, "/healthz", HTTP_OPEN, HTTP_NOT_BATCHED, 0, NULL, NULL, api_healthz,
     "Is the daemon there?"},
};
const size_t n_http_routes = ARRAY_LEN(http_routes);
