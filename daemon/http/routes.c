/* THE table: one row an endpoint. tests/meta/test_openapi.py reads this text and holds it against
 * schema/openapi.yaml in both directions, so a row keeps its shape. */
#include "http/routes.h"

#include "http/api.h"

enum {
    RESULTS_BODY = 16 << 20, /* result files that CI posts */
    LAZY = HTTP_LOAD_LAZY,
    ACTION = HTTP_LOAD_LAZY | HTTP_EMPTY_OK,
    SMALL = API_SMALL_BODY,
};

#define JOB_ROWS   load_job, job_loaded_free
#define GROUP_ROWS load_group, group_loaded_free
#define NO_ROWS    NULL, NULL

const struct http_route http_routes[] = {
    {HTTP_GET, "/", HTTP_OWNER, LAZY | HTTP_PAGE, 0, load_front, front_loaded_free, api_front,
     "What runs, as a page or as text"},
    {HTTP_GET, "/page.css", HTTP_OWNER, 0, 0, NO_ROWS, api_style, "The style of the pages"},

    {HTTP_POST, "/jobs", HTTP_OWNER, LAZY | HTTP_TAKES_FORM | HTTP_TAKES_SCRIPT, HTTP_BODY_MAX,
     load_submit, submit_loaded_free, api_submit, "Queue a job, or an array of them"},
    {HTTP_GET, "/jobs", HTTP_OWNER, 0, 0, load_list, list_loaded_free, api_list,
     "Jobs, newest first"},
    {HTTP_GET, "/jobs/{id}", HTTP_OWNER, LAZY, 0, load_job_page, job_loaded_free, api_job,
     "One job, at once or at its end"},
    {HTTP_PATCH, "/jobs/{id}", HTTP_OWNER, LAZY, SMALL, JOB_ROWS, api_patch, "Edit a queued job"},
    {HTTP_POST, "/jobs/{id}/cancel", HTTP_OWNER, ACTION, SMALL, JOB_ROWS, api_cancel,
     "Cancel a job"},
    {HTTP_POST, "/jobs/{id}/retry", HTTP_OWNER, ACTION, SMALL, load_retry, job_loaded_free,
     api_retry, "Run an ended job again"},
    {HTTP_POST, "/jobs/{id}/hold", HTTP_OWNER, ACTION, SMALL, JOB_ROWS, api_hold,
     "Keep a queued job from starting"},
    {HTTP_POST, "/jobs/{id}/release", HTTP_OWNER, ACTION, SMALL, JOB_ROWS, api_release,
     "Let a held job start"},
    {HTTP_GET, "/jobs/{id}/why", HTTP_OWNER, LAZY, 0, JOB_ROWS, api_why, "Why a job does not run"},
    {HTTP_GET, "/jobs/{id}/log", HTTP_OWNER, LAZY | HTTP_STREAMS, 0, load_log, job_loaded_free,
     api_log, "The output of a job"},
    {HTTP_GET, "/jobs/{id}/results", HTTP_OWNER, LAZY, 0, load_results, job_loaded_free,
     api_results, "What a job measured"},
    {HTTP_POST, "/jobs/{id}/results", HTTP_OWNER, HTTP_TAKES_ANY, RESULTS_BODY, load_results_post,
     posted_free, api_results_post, "Add results to a job"},
    {HTTP_GET, "/jobs/{id}/artifacts", HTTP_OWNER, LAZY, 0, JOB_ROWS, api_artifacts,
     "Files that a job kept"},
    {HTTP_GET, "/jobs/{id}/artifacts/{name*}", HTTP_OWNER, LAZY, 0, load_artifact, job_loaded_free,
     api_artifact, "One file that a job kept"},
    {HTTP_GET, "/jobs/{id}/repro", HTTP_OWNER, LAZY, 0, JOB_ROWS, api_repro,
     "A script that runs the job again"},
    {HTTP_GET, "/jobs/{id}/telemetry", HTTP_OWNER, LAZY, 0, load_telemetry, job_loaded_free,
     api_telemetry, "What its cards did"},
    {HTTP_GET, "/jobs/{id}/provenance", HTTP_OWNER, LAZY, 0, JOB_ROWS, api_provenance,
     "What exactly ran"},

    {HTTP_GET, "/groups/{id}", HTTP_OWNER, LAZY, 0, GROUP_ROWS, api_group, "A group and its jobs"},
    {HTTP_POST, "/groups/{id}/cancel", HTTP_OWNER, ACTION, SMALL, GROUP_ROWS, api_group_cancel,
     "Cancel what is left of a group"},
    {HTTP_POST, "/groups/{id}/retry", HTTP_OWNER, ACTION, SMALL, GROUP_ROWS, api_group_retry,
     "Run a group's failed jobs again"},

    {HTTP_GET, "/queue", HTTP_OWNER, 0, 0, NO_ROWS, api_queue, "What runs and what waits"},
    {HTTP_POST, "/queue/pause", HTTP_OWNER, HTTP_EMPTY_OK, SMALL, NO_ROWS, api_queue_pause,
     "Start nothing more"},
    {HTTP_POST, "/queue/resume", HTTP_OWNER, HTTP_EMPTY_OK, SMALL, NO_ROWS, api_queue_resume,
     "Start jobs again"},
    {HTTP_POST, "/queue/drain", HTTP_OWNER, HTTP_EMPTY_OK, SMALL, NO_ROWS, api_queue_drain,
     "Take and start nothing more"},
    {HTTP_GET, "/gpus", HTTP_OWNER, 0, 0, NO_ROWS, api_gpus, "Cards and who has them"},
    {HTTP_POST, "/gpus/{uuid}/drain", HTTP_OWNER, HTTP_EMPTY_OK, SMALL, NO_ROWS, api_gpu_drain,
     "Give a card nothing new"},
    {HTTP_POST, "/gpus/{uuid}/undrain", HTTP_OWNER, HTTP_EMPTY_OK, SMALL, NO_ROWS, api_gpu_undrain,
     "Give a drained card work again"},
    {HTTP_GET, "/executors", HTTP_OWNER, 0, 0, NO_ROWS, api_executors, "Where jobs can run"},

    {HTTP_GET, "/recipes", HTTP_OWNER, 0, 0, NO_ROWS, api_recipes, "Recipes and their parameters"},
    {HTTP_GET, "/recipes/{name}", HTTP_OWNER, 0, 0, NO_ROWS, api_recipe, "One recipe"},
    {HTTP_GET, "/upstreams", HTTP_OWNER, 0, 0, NO_ROWS, api_upstreams,
     "Upstreams and their rules for contributions"},
    {HTTP_GET, "/upstreams/{name}", HTTP_OWNER, 0, 0, NO_ROWS, api_upstream, "One upstream"},
    {HTTP_GET, "/topics", HTTP_OWNER, LAZY, 0, load_topics, NULL, api_topics,
     "Branches on their way to an upstream"},
    {HTTP_POST, "/topics", HTTP_OWNER, 0, SMALL, NO_ROWS, api_topics_post,
     "Make a topic known, or say how it stands"},
    {HTTP_POST, "/prs", HTTP_OWNER, 0, SMALL, NO_ROWS, api_prs_post,
     "Make a pull request known"},
    {HTTP_GET, "/prs", HTTP_OWNER, 0, 0, NO_ROWS, api_prs, "Pull requests, newest first"},
    {HTTP_GET, "/prs/{id}", HTTP_OWNER, LAZY, 0, load_pr, pr_loaded_free, api_pr,
     "One pull request and what was run for it"},
    {HTTP_PATCH, "/prs/{id}", HTTP_OWNER, 0, SMALL, NO_ROWS, api_pr_patch,
     "Say how a pull request stands"},
    {HTTP_GET, "/prs/{id}/report", HTTP_OWNER, LAZY, 0, load_pr_report, pr_loaded_free,
     api_pr_report, "The write-up of a pull request"},
    {HTTP_GET, "/cache", HTTP_OWNER, 0, 0, NO_ROWS, api_cache, "The build cache"},
    {HTTP_POST, "/cache/prune", HTTP_OWNER, HTTP_EMPTY_OK, SMALL, NO_ROWS, api_cache_prune,
     "Remove old builds"},
    {HTTP_GET, "/env", HTTP_OWNER, 0, 0, NO_ROWS, api_env, "The machine and its tools"},
    {HTTP_GET, "/events", HTTP_OWNER, HTTP_STREAMS, 0, NO_ROWS, api_events, "Live events"},

    {HTTP_GET, "/healthz", HTTP_OPEN, HTTP_NOT_BATCHED, 0, NO_ROWS, api_healthz,
     "Is the daemon there?"},
    {HTTP_GET, "/readyz", HTTP_OPEN, HTTP_NOT_BATCHED, 0, NO_ROWS, api_readyz, "Does it work?"},
    {HTTP_GET, "/metrics", HTTP_OPEN, HTTP_NOT_BATCHED, 0, NO_ROWS, api_metrics,
     "Figures for Prometheus"},
    {HTTP_GET, "/version", HTTP_OPEN, HTTP_NOT_BATCHED, 0, NO_ROWS, api_version,
     "Version, libraries and folders"},
    {HTTP_GET, "/openapi.json", HTTP_OPEN, HTTP_NOT_BATCHED, 0, NO_ROWS, api_openapi,
     "This contract"},
};
const size_t n_http_routes = ARRAY_LEN(http_routes);
