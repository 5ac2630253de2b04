/* GET / : for a browser the list of jobs as HTML, for curl the same in a few lines of text. */
#include "http/page.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/clock.h"
#include "base/ftime.h"
#include "base/mem.h"
#include "http/html.h"
#include "http/text.h"

bool page_wanted(const struct http_request *rq)
{
    return api_accepts(rq, "text/html") || strncmp(rq->path, "/plain", 6) == 0;
}

void page_begin(struct http_reply *reply, const char *title, bool refreshes)
{
    struct str *out = &reply->body;
    reply->content_type = "text/html; charset=utf-8";
    str_adds(out, "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
                  "<meta name=\"viewport\" content=\"width=device-width\">\n");
    if (refreshes)
        str_adds(out, "<meta http-equiv=\"refresh\" content=\"5\">\n");
    str_adds(out, "<title>");
    html_adds(out, title);
    str_adds(out, "</title>\n<link rel=\"stylesheet\" href=\"/page.css\">\n"
                  "<nav><a href=\"/plain\">jobs</a><a href=\"/queue\">queue</a>"
                  "<a href=\"/recipes\">recipes</a><a href=\"/cache\">cache</a>"
                  "<a href=\"/env\">environment</a><a href=\"/metrics\">metrics</a>"
                  "<a href=\"/openapi.json\">API</a></nav>\n<h1>");
    html_adds(out, title);
    str_adds(out, "</h1>\n");
}

void page_end(struct http_reply *reply)
{
    str_adds(&reply->body, "</html>\n");
}

void page_cell(struct str *out, const char *class, const char *text)
{
    str_addf(out, *class ? "<td class=\"%s\">" : "<td>", class);
    html_adds(out, text);
    str_adds(out, "</td>");
}

void page_state_cell(struct str *out, enum job_state state)
{
    page_cell(out, job_state_words[state], job_state_words[state]);
}

/* "vector-dot pass=CSE copies=48": without its parameters one row looks like the next. */
static void benchmark_cell(struct str *out, const struct result *r)
{
    CLEANUP(str_done) struct str name = STR_INIT;
    CLEANUP(json_decrefp) json_t *params = json_loads(r->params, 0, NULL);
    const char *key;
    json_t *v;
    str_adds(&name, r->benchmark);
    json_object_foreach(params, key, v)
        str_addf(&name, " %s=%s", key, json_is_string(v) ? json_string_value(v) : "?");
    page_cell(out, "", name.p);
}

void page_result_row(struct str *out, const struct result *r, int64_t job)
{
    char value[64] = "";
    str_adds(out, "<tr>");
    if (job)
        str_addf(out, "<td class=\"n\"><a href=\"/plain/jobs/%lld\">%lld</a></td>", (long long)job,
                 (long long)job);
    benchmark_cell(out, r);
    page_cell(out, "", r->metric);
    if (isfinite(r->value))
        snprintf(value, sizeof value, "%.6g", r->value);
    page_cell(out, "n", value);
    page_cell(out, "", r->unit);
    snprintf(value, sizeof value, "%d", (int)r->n_samples);
    page_cell(out, "n", value);
    page_cell(out, "quiet",
              r->status == RESULT_OK ? better_words[r->better] : result_status_words[r->status]);
    str_adds(out, "</tr>\n");
}

/* --- the list --- */

enum { METRIC_JOBS_MAX = 5, METRICS_EACH = 12, FRONT_JOBS_MAX = 20 };

/* The list, and the metrics of the newest benchmarks in it. */
struct front_loaded {
    struct list_loaded list; /* first: list_pick takes it */
    struct job_record metrics[METRIC_JOBS_MAX];
    size_t n_metrics;
};

API_LOAD(load_front)
{
    void *list = NULL;
    int rc = load_list(reader, rq, &list, err);
    if (rc)
        return rc;
    struct front_loaded *l = mem_zalloc(sizeof *l);
    l->list = *(struct list_loaded *)list;
    free(list);
    for (size_t i = 0; i < l->list.rows.n && l->n_metrics < METRIC_JOBS_MAX; i++) {
        const struct job *j = l->list.rows.job[i];
        struct cail_err ignored; /* the page does without */
        if (j->kind == KIND_BENCHMARK && j->state == JOB_SUCCEEDED &&
            store_read_job(reader, j->id, METRICS_EACH, &l->metrics[l->n_metrics], &ignored) == 0)
            l->n_metrics++;
    }
    *ret = l;
    return 0;
}

void front_loaded_free(void *loaded)
{
    struct front_loaded *l = loaded;
    if (!l)
        return;
    for (size_t i = 0; i < l->n_metrics; i++)
        job_record_done(&l->metrics[i]);
    job_rows_done(&l->list.rows);
    free(l);
}

static void job_row(struct str *out, const struct job *j, int64_t now_us)
{
    char text[160];
    str_addf(out, "<tr><td class=\"n\"><a href=\"/plain/jobs/%lld\">%lld</a></td>",
             (long long)j->id, (long long)j->id);
    page_state_cell(out, j->state);
    page_cell(out, "", job_kind_words[j->kind]);
    str_addf(out, "<td><a href=\"/plain/jobs/%lld\">", (long long)j->id);
    html_adds(out, j->name);
    str_adds(out, "</a></td>");
    text_time(j, now_us, text);
    page_cell(out, "n", text);
    str_adds(out, "<td class=\"quiet\">");
    if (j->state == JOB_RUNNING && j->progress.total > 0)
        str_addf(out, "<progress max=\"%lld\" value=\"%lld\"></progress> ",
                 (long long)j->progress.total, (long long)j->progress.done);
    text_remark(j, text);
    html_adds(out, text);
    str_addf(out, "</td><td><a href=\"/jobs/%lld/log\">log</a></td></tr>\n", (long long)j->id);
}

static void list_part(struct api *api, const struct list_loaded *l, struct str *out)
{
    int64_t now_us = clock_wall_us();
    char cursor[CURSOR_LEN];
    size_t shown = 0;
    str_adds(out, "<div class=\"wide\"><table>\n<tr><th class=\"n\">id<th>state<th>kind<th>name"
                  "<th class=\"n\">time<th>remark<th></tr>\n");
    for (size_t i = 0; i < l->rows.n; i++) {
        const struct job *j = list_pick(api, l, i);
        if (!j)
            continue;
        job_row(out, j, now_us);
        shown++;
    }
    str_adds(out, "</table></div>\n");
    if (shown == 0)
        str_adds(out, "<p class=\"quiet\">No jobs yet.</p>\n");
    if (l->rows.more) {
        cursor_make(l->rows.job[l->rows.n - 1]->id, cursor);
        str_addf(out, "<p><a href=\"/plain?cursor=%s\">older</a></p>\n", cursor);
    }
}

static void metrics_part(const struct front_loaded *l, struct str *out)
{
    size_t shown = 0;
    for (size_t i = 0; i < l->n_metrics; i++)
        for (size_t k = 0; k < l->metrics[i].n_results; k++) {
            if (shown++ == 0)
                str_adds(out, "<h2>Newest metrics</h2>\n<div class=\"wide\"><table>\n"
                              "<tr><th class=\"n\">job<th>benchmark<th>metric<th class=\"n\">value"
                              "<th>unit<th class=\"n\">n<th>better</tr>\n");
            page_result_row(out, &l->metrics[i].result[k], l->metrics[i].job->id);
        }
    if (shown)
        str_adds(out, "</table></div>\n");
}

static void front_html(struct api *api, const struct front_loaded *l, struct http_reply *reply)
{
    CLEANUP(str_done) struct str usage = STR_INIT;
    struct sched_usage u;
    sched_usage(engine_sched(api->engine), &u);
    text_usage(&usage, &u);
    page_begin(reply, "cail", u.running > 0);
    str_adds(&reply->body, "<p class=\"quiet\">");
    html_adds(&reply->body, usage.p);
    str_adds(&reply->body, "</p>\n");
    list_part(api, &l->list, &reply->body);
    metrics_part(l, &reply->body);
    page_end(reply);
}

static void front_text(struct api *api, struct http_reply *reply)
{
    struct str *out = &reply->body;
    const struct sched_gpu *gpus;
    size_t n = sched_gpus(engine_sched(api->engine), &gpus);
    str_adds(out, "cail: ");
    queue_text(api, FRONT_JOBS_MAX, out);
    str_addc(out, '\n');
    text_gpus(out, gpus, n);
    str_addc(out, '\n');
    text_how(out, api->url ? api->url : "http://localhost:8080");
    api_text(reply);
}

API_SERVE(api_front)
{
    struct api *api = app;
    (void)ret_wait_key;
    api_from_memory(api, reply);
    if (!page_wanted(rq)) {
        int rc = API_NO_QUERY(rq, err);
        if (rc == 0)
            front_text(api, reply);
        return rc;
    }
    struct front_loaded *l = api_loaded(rq);
    if (!l || list_is_stale(api, rq, &l->list))
        return api_reload(rq);
    front_html(api, l, reply);
    return 0;
}

/* Made of web/page.css by the build. */
extern const char asset_page_css[], asset_page_css_end[], asset_page_css_etag[];

API_SERVE(api_style)
{
    (void)app, (void)ret_wait_key;
    int rc = API_NO_QUERY(rq, err);
    if (rc)
        return rc;
    reply->asset = asset_page_css;
    reply->asset_len = (size_t)(asset_page_css_end - asset_page_css);
    reply->content_type = "text/css; charset=utf-8";
    http_reply_header(reply, "ETag", asset_page_css_etag);
    http_reply_header(reply, "Cache-Control", "no-cache");
    return 0;
}
