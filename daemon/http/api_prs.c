/* Pull requests at upstreams: what is known of them, what was run for them, and the write-up. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/api.h"
#include "http/api_lab.h"
#include "lab/report.h"

enum { PR_JOBS_SHOWN = 200 };

int lab_room(struct api *api, struct cail_err *err)
{
    return engine_is_full(api->engine)
               ? err_set(err, E_DISK_FULL, "the disk is full: nothing new is stored")
               : 0;
}

/* --- bodies --- */

struct pr_body {
    char *url, *upstream, *title, *author, *head_sha, *base_sha, *base_ref, *note;
    int state, fetched;
};

static int member_state(const json_t *v, struct jpath *at, const struct lab_member *m, void *to,
                        struct cail_err *err)
{
    (void)m;
    return json_get_word(v, at, pr_state_words, PR_STATE_COUNT, to, err);
}

#define AT(member) offsetof(struct pr_body, member)

/* The first two are of a POST alone. */
static const struct lab_member pr_members[] = {
    {"url", lab_member_text, AT(url), UPSTREAM_PR_MAX - 1},
    {"upstream", lab_member_text, AT(upstream), 64},
    {"title", lab_member_text, AT(title), LAB_TEXT_MAX},
    {"author", lab_member_text, AT(author), 100},
    {"head_sha", lab_member_sha, AT(head_sha), 64},
    {"base_sha", lab_member_sha, AT(base_sha), 64},
    {"base_ref", lab_member_text, AT(base_ref), LAB_BRANCH_MAX},
    {"note", lab_member_text, AT(note), LAB_TEXT_MAX},
    {"state", member_state, AT(state), 0},
    {"fetched", lab_member_bool, AT(fetched), 0},
};

static void pr_body_done(struct pr_body *b)
{
    char **const text[] = {&b->url,      &b->upstream, &b->title,    &b->author,
                           &b->head_sha, &b->base_sha, &b->base_ref, &b->note};
    for (size_t i = 0; i < ARRAY_LEN(text); i++)
        free(*text[i]);
}

static struct lab_pr_change change_of(const struct pr_body *b)
{
    return (struct lab_pr_change){.title = b->title,
                                  .author = b->author,
                                  .head_sha = b->head_sha,
                                  .base_sha = b->base_sha,
                                  .base_ref = b->base_ref,
                                  .note = b->note,
                                  .state = b->state,
                                  .fetched = b->fetched == 1};
}

static void one_reply(struct api *api, const struct pr *p, struct http_reply *reply)
{
    struct jw w = JW(&reply->body);
    jw_open(&w, '{');
    lab_pr_doc(&w, p);
    jw_close(&w, '}');
    api_json_end(reply);
    api_from_memory(api, reply);
}

API_SERVE(api_prs_post)
{
    struct api *api = app;
    CLEANUP(pr_body_done) struct pr_body b = {.state = -1};
    struct upstream_pr which;
    const struct pr *p;
    bool is_new;
    (void)ret_wait_key;
    int rc = API_NO_QUERY(rq, err);
    if (rc == 0)
        rc = lab_room(api, err);
    if (rc == 0)
        rc = lab_body(rq, pr_members, ARRAY_LEN(pr_members), &b, err);
    if (rc == 0 && (!b.url || !*b.url))
        rc = err_set_at(err, E_BAD_FIELD, "/url", "wants the address of a pull request, or NAME#N");
    if (rc)
        return rc;
    rc = lab_pr_read(api->lab, b.url, b.upstream, &which, err);
    if (rc) {
        snprintf(err->pointer, sizeof err->pointer, "/url");
        return rc;
    }
    const struct lab_pr_change c = change_of(&b);
    rc = lab_pr_add(api->lab, engine_open_batch(api->engine), &which, &c, clock_wall_us(), &p,
                    &is_new, err);
    if (rc)
        return rc;
    engine_tell(api->engine, "pr", p->id);
    one_reply(api, p, reply);
    api_location(reply, "prs", p->id);
    reply->status = is_new ? 201 : 200;
    return 0;
}

/* Part 0: an id or "llvm#123". */
static int find(struct api *api, const struct http_request *rq, const struct pr **ret,
                struct cail_err *err)
{
    const char *text = rq->part[0];
    struct upstream_pr which;
    *ret = NULL;
    if (strspn(text, "0123456789") == strlen(text) && strlen(text) < 19)
        *ret = lab_pr(api->lab, strtoll(text, NULL, 10));
    else if (lab_pr_read(api->lab, text, NULL, &which, NULL) == 0)
        *ret = lab_pr_by_url(api->lab, which.url);
    return *ret ? 0 : err_set(err, E_NOT_FOUND, "there is no pull request \"%.80s\"", text);
}

API_SERVE(api_pr_patch)
{
    struct api *api = app;
    CLEANUP(pr_body_done) struct pr_body b = {.state = -1};
    const struct pr *p;
    (void)ret_wait_key;
    int rc = API_NO_QUERY(rq, err);
    if (rc == 0)
        rc = lab_room(api, err);
    if (rc == 0)
        rc = find(api, rq, &p, err);
    if (rc == 0)
        rc = lab_body(rq, pr_members + 2, ARRAY_LEN(pr_members) - 2, &b, err);
    if (rc)
        return rc;
    const struct lab_pr_change c = change_of(&b);
    rc = lab_pr_change(api->lab, engine_open_batch(api->engine), p->id, &c, clock_wall_us(), &p,
                       err);
    if (rc)
        return rc;
    engine_tell(api->engine, "pr", p->id);
    one_reply(api, p, reply);
    return 0;
}

/* --- lists --- */

struct pr_filter {
    const char *upstream, *url; /* NULL = all */
    int state;                  /* -1 = all */
    int64_t before, limit;
};

static int read_filter(struct api *api, const struct http_request *rq, struct pr_filter *f,
                       struct upstream_pr *which, struct cail_err *err)
{
    const char *upstream = http_query_get(rq, "upstream"), *pr = http_query_get(rq, "pr");
    const char *state = http_query_get(rq, "state");
    const struct upstream *u = NULL;
    *f = (struct pr_filter){.state = -1, .before = INT64_MAX};
    int rc = http_query_int(rq, "limit", 1, LIST_LIMIT_MAX, LIST_LIMIT_DEFAULT, &f->limit, err);
    if (rc == 0 && upstream)
        rc = lab_upstream(api->lab, upstream, &u, err);
    if (rc == 0 && pr)
        rc = lab_pr_read(api->lab, pr, u ? u->name : NULL, which, err);
    if (rc)
        return rc;
    f->upstream = u ? u->name : NULL;
    f->url = pr ? which->url : NULL;
    if (state && (f->state = word_find(state, pr_state_words, PR_STATE_COUNT)) < 0)
        return err_set(err, E_BAD_REQUEST,
                       "\"%.40s\" is no state; states are unknown, open, merged and closed", state);
    return cursor_query(rq, &f->before, err);
}

static bool fits(const struct pr *p, const struct pr_filter *f)
{
    return p->id < f->before && (f->state < 0 || (int)p->state == f->state) &&
           (!f->upstream || strcmp(p->upstream, f->upstream) == 0) &&
           (!f->url || strcmp(p->url, f->url) == 0);
}

API_SERVE(api_prs)
{
    struct api *api = app;
    struct pr_filter f;
    struct upstream_pr which;
    struct pr *const *all;
    const struct pr *last = NULL;
    char cursor[CURSOR_LEN];
    (void)ret_wait_key;
    int rc = API_QUERY(rq, err, "upstream", "state", "pr", "limit", "cursor");
    if (rc == 0)
        rc = read_filter(api, rq, &f, &which, err);
    if (rc)
        return rc;
    struct jw w = JW(&reply->body);
    jw_open(&w, '{');
    jw_key(&w, "prs");
    jw_open(&w, '[');
    bool more = false;
    for (size_t i = lab_prs(api->lab, &all); i > 0 && !more; i--) {
        const struct pr *p = all[i - 1];
        if (!fits(p, &f))
            continue;
        more = f.limit-- == 0;
        if (more)
            break;
        last = p;
        jw_open(&w, '{');
        lab_pr_doc(&w, p);
        jw_close(&w, '}');
    }
    jw_close(&w, ']');
    if (more)
        cursor_make(last->id, cursor);
    jw_kstr(&w, "next_cursor", more ? cursor : NULL);
    jw_close(&w, '}');
    api_json_end(reply);
    api_from_memory(api, reply);
    return 0;
}

/* --- one, with what was run for it --- */

struct pr_scratch {
    struct api_scratch base;
    char url[UPSTREAM_URL_MAX];
};

struct pr_loaded {
    struct job_rows jobs;
    struct comparison_rows comparisons;
    struct job_record *record; /* of the report: one for each job */
    size_t n_records;
};

void pr_loaded_free(void *loaded)
{
    struct pr_loaded *l = loaded;
    if (!l)
        return;
    for (size_t i = 0; i < l->n_records; i++)
        job_record_done(&l->record[i]);
    free(l->record);
    job_rows_done(&l->jobs);
    comparison_rows_done(&l->comparisons);
    free(l);
}

static int load(void *reader, const struct http_request *rq, int32_t jobs, struct pr_loaded *l,
                struct cail_err *err)
{
    const struct pr_scratch *sc = rq->scratch;
    struct job_filter f = {.kind = -1, .pr = sc->url, .limit = jobs};
    int rc = store_read_jobs(reader, &f, &l->jobs, err);
    return rc ? rc
              : store_read_comparisons(reader, INT64_MAX, LAB_REPORT_COMPARISONS, sc->url, NULL,
                                       &l->comparisons, err);
}

API_LOAD(load_pr)
{
    struct pr_loaded *l = mem_zalloc(sizeof *l);
    int rc = load(reader, rq, PR_JOBS_SHOWN, l, err);
    if (rc)
        pr_loaded_free(l);
    else
        *ret = l;
    return rc;
}

API_LOAD(load_pr_report)
{
    struct pr_loaded *l = mem_zalloc(sizeof *l);
    int rc = load(reader, rq, LAB_REPORT_JOBS, l, err);
    l->record = mem_array(l->jobs.n + 1, sizeof *l->record);
    for (size_t i = 0; rc == 0 && i < l->jobs.n; i++) {
        rc = store_read_job(reader, l->jobs.job[i]->id, LAB_REPORT_RESULTS + 1, &l->record[i], err);
        l->n_records += rc == 0;
    }
    if (rc)
        pr_loaded_free(l);
    else
        *ret = l;
    return rc;
}

/* The pull request and its rows; HTTP_RELOAD the first time. */
static int with_rows(struct api *api, struct http_request *rq, const struct pr **ret,
                     struct pr_loaded **ret_rows, struct cail_err *err)
{
    int rc = API_NO_QUERY(rq, err);
    if (rc == 0)
        rc = find(api, rq, ret, err);
    if (rc)
        return rc;
    *ret_rows = api_loaded(rq);
    if (*ret_rows)
        return 0;
    struct pr_scratch *sc = api_scratch(rq, sizeof *sc);
    snprintf(sc->url, sizeof sc->url, "%s", (*ret)->url);
    return api_reload(rq);
}

static void comparison_doc(struct jw *w, const struct comparison *c)
{
    jw_open(w, '{');
    jw_kint(w, "id", c->id);
    jw_kstr(w, "name", c->name);
    jw_kstr(w, "state", comparison_state_words[c->state]);
    jw_kstr(w, "kind", comparison_kind_words[c->kind]);
    jw_kstr(w, "recipe", c->recipe);
    jw_kstr(w, "verdict", c->verdict >= 0 ? verdict_words[c->verdict] : NULL);
    jw_kstr(w, "reason", c->reason);
    jw_ktime(w, "finished_at", c->finished_at_us);
    jw_close(w, '}');
}

static void topics_doc(struct api *api, struct jw *w, const struct pr *p)
{
    struct topic *const *all;
    size_t n = lab_topics(api->lab, &all);
    jw_key(w, "topics");
    jw_open(w, '[');
    for (size_t i = 0; i < n; i++) {
        const struct topic *t = all[i];
        if (!t->pr || strcmp(t->pr, p->url) != 0)
            continue;
        const struct job *check = engine_job(api->engine, t->check_job);
        lab_topic_doc(w, t, check ? job_state_words[check->state] : NULL);
    }
    jw_close(w, ']');
}

API_SERVE(api_pr)
{
    struct api *api = app;
    struct pr_loaded *l;
    const struct pr *p;
    (void)ret_wait_key;
    int rc = with_rows(api, rq, &p, &l, err);
    if (rc)
        return rc;
    struct jw w = JW(&reply->body);
    jw_open(&w, '{');
    lab_pr_doc(&w, p);
    jw_key(&w, "jobs");
    jw_open(&w, '[');
    for (size_t i = 0; i < l->jobs.n; i++) {
        const struct job *live = engine_job(api->engine, l->jobs.job[i]->id);
        job_doc(&w, live ? live : l->jobs.job[i], NULL);
    }
    jw_close(&w, ']');
    jw_kbool(&w, "more_jobs", l->jobs.more);
    jw_key(&w, "comparisons");
    jw_open(&w, '[');
    for (size_t i = 0; i < l->comparisons.n; i++)
        comparison_doc(&w, l->comparisons.comparison[i]);
    jw_close(&w, ']');
    topics_doc(api, &w, p);
    jw_close(&w, '}');
    api_json_end(reply);
    api_from_memory(api, reply);
    return 0;
}

API_SERVE(api_pr_report)
{
    struct api *api = app;
    struct pr_loaded *l;
    const struct pr *p;
    struct topic *const *all;
    (void)ret_wait_key;
    int rc = with_rows(api, rq, &p, &l, err);
    if (rc)
        return rc;
    size_t n = lab_topics(api->lab, &all), n_topics = 0;
    CLEANUP(mem_freep) const struct topic **topics = mem_array(n + 1, sizeof *topics);
    for (size_t i = 0; i < n; i++)
        if (all[i]->pr && strcmp(all[i]->pr, p->url) == 0)
            topics[n_topics++] = all[i];
    struct lab_report r = {.pr = p,
                           .job = l->record,
                           .n_jobs = l->n_records,
                           .more_jobs = l->jobs.more,
                           .comparison = l->comparisons.comparison,
                           .n_comparisons = l->comparisons.n,
                           .topic = topics,
                           .n_topics = n_topics};
    if (lab_upstream(api->lab, p->upstream, &r.upstream, NULL))
        r.upstream = NULL;
    lab_report(&r, &reply->body);
    reply->content_type = "text/markdown; charset=utf-8";
    api_from_memory(api, reply);
    return 0;
}

/* --- jobs that name one --- */

int api_pr_settle(struct api *api, char **pr, const char *pointer, struct cail_err *err)
{
    struct upstream_pr which;
    struct cail_err why;
    if (!*pr)
        return 0;
    if (lab_pr_read(api->lab, *pr, NULL, &which, &why) == 0) {
        model_set(pr, which.url);
        return 0;
    }
    if (strncmp(*pr, "https://", 8) == 0 || strncmp(*pr, "http://", 7) == 0)
        return 0; /* of a forge that the table does not know */
    *err = why;
    snprintf(err->pointer, sizeof err->pointer, "%s", pointer);
    return (int)why.code;
}

void api_pr_known(struct api *api, const char *pr)
{
    struct upstream_pr which;
    const struct lab_pr_change none = {.state = -1};
    const struct pr *p;
    bool is_new;
    /* At the limit whatever names it has its address all the same. */
    if (pr && !lab_pr_by_url(api->lab, pr) && lab_pr_read(api->lab, pr, NULL, &which, NULL) == 0 &&
        lab_pr_add(api->lab, engine_open_batch(api->engine), &which, &none, clock_wall_us(), &p,
                   &is_new, NULL) == 0)
        engine_tell(api->engine, "pr", p->id);
}
