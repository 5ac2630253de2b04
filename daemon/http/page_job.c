/* GET /jobs/{id} for a browser: how it stands, attempts, metrics, artifacts, the end of its log. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/ftime.h"
#include "base/mem.h"
#include "http/html.h"
#include "http/log_file.h"
#include "http/page.h"
#include "http/range.h"
#include "http/text.h"
#include "wire/job_spec.h"

enum { TAIL_LINES = 200, TAIL_BYTES = 64 << 10 };

static void read_tail(struct job_loaded *l)
{
    const struct attempt *a = l->rec.n_attempts ? l->rec.attempt[l->rec.n_attempts - 1] : NULL;
    if (!a || a->files_gone || log_file_open(a->dir, &l->fd, &l->size, &l->file_err) != 0 ||
        l->fd < 0)
        return;
    uint64_t from = tail_from(l->fd, 0, l->size, TAIL_LINES);
    if (l->size - from > TAIL_BYTES)
        from = l->size - TAIL_BYTES;
    l->text = mem_array(TAIL_BYTES, 1);
    ssize_t n = pread(l->fd, l->text, (size_t)(l->size - from), (off_t)from);
    l->text_len = n > 0 ? (size_t)n : 0;
}

API_LOAD(load_job_page)
{
    int rc = load_job(reader, rq, ret, err);
    struct job_loaded *l = *ret;
    if (rc == 0 && l->rc == 0 && page_wanted(rq))
        read_tail(l);
    return rc;
}

static void fact(struct str *out, const char *label, const char *text)
{
    if (!text || !*text)
        return;
    str_addf(out, "<tr><th>%s</th><td>", label);
    html_adds(out, text);
    str_adds(out, "</td></tr>\n");
}

static void time_fact(struct str *out, const char *label, int64_t at_us)
{
    char text[FTIME_LEN];
    if (!at_us)
        return;
    ftime_utc(at_us, text);
    fact(out, label, text);
}

static void what(struct str *out, const struct job *j)
{
    struct job_spec spec;
    CLEANUP(str_done) struct str line = STR_INIT;
    if (job_spec_read(j->spec, &spec, NULL) != 0)
        return;
    for (const char **arg = spec.argv; arg && *arg; arg++)
        str_addf(&line, "%s%s", line.len ? " " : "", *arg);
    fact(out, "recipe", spec.recipe);
    if (spec.recipe)
        fact(out, "parameters", spec.params);
    fact(out, "command", line.p);
    fact(out, "script", spec.script);
    fact(out, "folder", spec.cwd);
    job_spec_done(&spec);
}

static void facts(struct str *out, const struct job *j)
{
    char text[160];
    str_adds(out, "<div class=\"wide\"><table>\n<tr><th>state</th>");
    page_state_cell(out, j->state);
    str_adds(out, "</tr>\n");
    text_remark(j, text);
    fact(out, "remark", text);
    fact(out, "kind", job_kind_words[j->kind]);
    what(out, j);
    fact(out, "queue", j->queue);
    fact(out, "by", j->user);
    fact(out, "pull request", j->pr);
    time_fact(out, "created", j->created_at_us);
    time_fact(out, "started", j->started_at_us);
    time_fact(out, "finished", j->finished_at_us);
    text_time(j, clock_wall_us(), text);
    fact(out, "time", text);
    str_adds(out, "</table></div>\n");
}

static void attempt_row(struct str *out, int64_t job, const struct attempt *a)
{
    char text[64];
    bool over = attempt_state_is_terminal(a->state);
    str_addf(out, "<tr><td class=\"n\">%d</td>", (int)a->number);
    page_cell(out, "", over ? end_cause_words[a->end.cause] : attempt_state_words[a->state]);
    *text = 0;
    if (over && a->end.exit_code >= 0)
        snprintf(text, sizeof text, "%d", (int)a->end.exit_code);
    page_cell(out, "n", text);
    *text = 0;
    if (over)
        text_duration(a->end.wall_us, text);
    page_cell(out, "n", text);
    *text = 0;
    if (over && a->end.max_rss_bytes >= 0)
        snprintf(text, sizeof text, "%lld MiB", (long long)(a->end.max_rss_bytes >> 20));
    page_cell(out, "n", text);
    str_addf(out, "<td><a href=\"/jobs/%lld/log?attempt=%d\">log</a></td></tr>\n", (long long)job,
             (int)a->number);
}

static void attempts(struct api *api, const struct found *f, struct str *out)
{
    CLEANUP(mem_freep) struct attempt **all = NULL;
    size_t n = found_attempts(api, f, &all);
    if (n == 0)
        return;
    str_adds(out,
             "<h2>Attempts</h2>\n<div class=\"wide\"><table>\n<tr><th class=\"n\">number<th>end"
             "<th class=\"n\">exit code<th class=\"n\">time<th class=\"n\">memory<th></tr>\n");
    for (size_t i = 0; i < n; i++)
        attempt_row(out, found_job(f)->id, all[i]);
    str_adds(out, "</table></div>\n");
}

static void results(const struct job_record *rec, struct str *out)
{
    if (rec->n_results == 0)
        return;
    str_adds(out, "<h2>Metrics</h2>\n<div class=\"wide\"><table>\n<tr><th>benchmark<th>metric"
                  "<th class=\"n\">value<th>unit<th class=\"n\">n<th>better</tr>\n");
    for (size_t i = 0; i < rec->n_results; i++)
        page_result_row(out, &rec->result[i], 0);
    str_adds(out, "</table></div>\n");
}

/* Percent-encode all but what a path may hold as it is. */
static void add_path(struct str *out, const char *name)
{
    for (const char *p = name; *p; p++) {
        bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                     (*p >= '0' && *p <= '9') || strchr("._-/", *p);
        str_addf(out, plain ? "%c" : "%%%02X", plain ? *p : (unsigned char)*p);
    }
}

static void artifacts(const struct job_record *rec, struct str *out)
{
    if (rec->n_artifacts == 0)
        return;
    str_adds(out, "<h2>Artifacts</h2>\n<ul>\n");
    for (size_t i = 0; i < rec->n_artifacts; i++) {
        str_addf(out, "<li><a href=\"/jobs/%lld/artifacts/", (long long)rec->job->id);
        add_path(out, rec->artifact[i].name);
        str_adds(out, "\">");
        html_adds(out, rec->artifact[i].name);
        str_addf(out, "</a> <span class=\"quiet\">%lld bytes</span></li>\n",
                 (long long)rec->artifact[i].bytes);
    }
    str_adds(out, "</ul>\n");
}

static void log_part(const struct job_loaded *l, int64_t id, struct str *out)
{
    str_addf(out, "<h2>Log <a href=\"/jobs/%lld/log\">(all of it)</a></h2>\n<pre>", (long long)id);
    html_add_log(out, l->text ? l->text : "", l->text_len);
    str_adds(out, "</pre>\n");
}

int page_job(struct api *api, struct http_request *rq, struct http_reply *reply,
             struct cail_err *err)
{
    struct found f;
    int rc = job_find(api, rq, true, &f, err);
    if (rc)
        return rc;
    const struct job *j = found_job(&f);
    struct str *out = &reply->body;
    CLEANUP(mem_freep) char *title = mem_printf("job %lld: %s", (long long)j->id, j->name);
    page_begin(reply, title, !job_state_is_terminal(j->state));
    str_addf(out,
             "<p><a href=\"/jobs/%lld/why\">why</a> · <a href=\"/jobs/%lld/repro\">repro</a> · "
             "<a href=\"/jobs/%lld/provenance\">provenance</a></p>\n",
             (long long)j->id, (long long)j->id, (long long)j->id);
    facts(out, j);
    attempts(api, &f, out);
    if (f.rows->rc == 0) {
        results(&f.rows->rec, out);
        artifacts(&f.rows->rec, out);
    }
    log_part(f.rows, j->id, out);
    page_end(reply);
    api_from_memory(api, reply);
    return 0;
}
