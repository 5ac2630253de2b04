/* Upstreams, and topics on their way to one. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/mem.h"
#include "http/api.h"
#include "http/api_body.h"
#include "http/api_lab.h"

API_SERVE(api_upstreams)
{
    struct api *api = app;
    (void)ret_wait_key;
    int rc = API_NO_QUERY(rq, err);
    if (rc)
        return rc;
    lab_upstreams_json(api->lab, &reply->body);
    api_json_end(reply);
    api_from_memory(api, reply);
    return 0;
}

API_SERVE(api_upstream)
{
    struct api *api = app;
    const struct upstream *u;
    (void)ret_wait_key;
    int rc = API_NO_QUERY(rq, err);
    if (rc == 0)
        rc = lab_upstream(api->lab, rq->part[0], &u, err);
    if (rc)
        return rc;
    lab_upstream_json(api->lab, u, &reply->body);
    api_json_end(reply);
    api_from_memory(api, reply);
    return 0;
}

/* --- small bodies by tables --- */

int lab_body(const struct http_request *rq, const struct lab_member *members, size_t n, void *base,
             struct cail_err *err)
{
    const char *known[LAB_MEMBERS_MAX] = {NULL};
    CLEANUP(json_decrefp) json_t *body = NULL;
    for (size_t i = 0; i < n; i++)
        known[i] = members[i].name;
    int rc = body_object(rq, known, n, &body, err);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const struct lab_member *m = &members[i];
        json_t *v = json_object_get(body, m->name);
        struct jpath at = {.len = 0};
        char *to = (char *)base + m->at;
        if (!v)
            continue;
        jpath_push(&at, m->name);
        rc = m->read(v, &at, m, to, err);
    }
    return rc;
}

/* Copied: the document goes with this call. "" and null take it away. */
int lab_member_text(const json_t *v, struct jpath *at, const struct lab_member *m, void *to,
                    struct cail_err *err)
{
    const char *text = "";
    bool none = json_is_null(v) || (json_is_string(v) && json_string_length(v) == 0);
    int rc = none ? 0 : json_get_str(v, at, (size_t)m->max, "", &text, err);
    if (rc == 0)
        *(char **)to = mem_strdup(text);
    return rc;
}

int lab_member_int(const json_t *v, struct jpath *at, const struct lab_member *m, void *to,
                   struct cail_err *err)
{
    return json_get_int(v, at, 0, m->max, to, err);
}

int lab_member_bool(const json_t *v, struct jpath *at, const struct lab_member *m, void *to,
                    struct cail_err *err)
{
    bool flag;
    (void)m;
    int rc = json_get_bool(v, at, &flag, err);
    if (rc == 0)
        *(int *)to = flag;
    return rc;
}

int lab_member_sha(const json_t *v, struct jpath *at, const struct lab_member *m, void *to,
                   struct cail_err *err)
{
    int rc = lab_member_text(v, at, m, to, err);
    const char *sha = rc ? "" : *(char **)to;
    size_t n = strspn(sha, "0123456789abcdef");
    if (rc == 0 && *sha && (sha[n] || n < 7 || n > 64))
        rc = err_set_at(err, E_BAD_FIELD, at->text, "\"%.70s\" is no commit's sha", sha);
    return rc;
}

/* --- topics --- */

/* Members as they came; the texts are owned. */
struct topic_body {
    char *upstream, *name, *branch, *worktree, *fork, *base_branch, *base_sha, *head_sha,
        *check_sha, *pr;
    int64_t ahead, behind, check_job;
    int closed;
};

#define AT(member) offsetof(struct topic_body, member)

static const struct lab_member topic_members[] = {
    {"upstream", lab_member_text, AT(upstream), 64},
    {"name", lab_member_text, AT(name), 64},
    {"branch", lab_member_text, AT(branch), LAB_BRANCH_MAX},
    {"worktree", lab_member_text, AT(worktree), CAIL_PATH_MAX - 1},
    {"fork", lab_member_text, AT(fork), UPSTREAM_URL_MAX - 1},
    {"base_branch", lab_member_text, AT(base_branch), LAB_BRANCH_MAX},
    {"base_sha", lab_member_sha, AT(base_sha), 64},
    {"head_sha", lab_member_sha, AT(head_sha), 64},
    {"check_sha", lab_member_sha, AT(check_sha), 64},
    {"pr", lab_member_text, AT(pr), UPSTREAM_PR_MAX - 1},
    {"ahead", lab_member_int, AT(ahead), INT32_MAX},
    {"behind", lab_member_int, AT(behind), INT32_MAX},
    {"check_job", lab_member_int, AT(check_job), INT64_MAX},
    {"closed", lab_member_bool, AT(closed), 0},
};

static void topic_body_done(struct topic_body *b)
{
    char **const text[] = {&b->upstream,    &b->name,     &b->branch,   &b->worktree,  &b->fork,
                           &b->base_branch, &b->base_sha, &b->head_sha, &b->check_sha, &b->pr};
    for (size_t i = 0; i < ARRAY_LEN(text); i++)
        free(*text[i]);
}

static int read_topic(const struct http_request *rq, struct topic_body *b, struct cail_err *err)
{
    *b = (struct topic_body){.ahead = -1, .behind = -1, .closed = -1};
    int rc = lab_body(rq, topic_members, ARRAY_LEN(topic_members), b, err);
    if (rc == 0 && (!b->upstream || !*b->upstream))
        rc = err_set_at(err, E_BAD_FIELD, "/upstream", "a topic names its upstream");
    if (rc == 0 && (!b->name || !*b->name))
        rc = err_set_at(err, E_BAD_FIELD, "/name", "a topic has a name");
    if (rc == 0 && b->branch && !*b->branch)
        rc = err_set_at(err, E_BAD_FIELD, "/branch", "a topic has a branch");
    if (rc == 0 && b->worktree && !*b->worktree)
        rc = err_set_at(err, E_BAD_FIELD, "/worktree", "a topic has a worktree");
    return rc;
}

API_SERVE(api_topics_post)
{
    struct api *api = app;
    CLEANUP(topic_body_done) struct topic_body b = {0};
    const struct topic *t = NULL;
    bool is_new = false;
    (void)ret_wait_key;
    int rc = API_NO_QUERY(rq, err);
    if (rc == 0)
        rc = lab_room(api, err);
    if (rc == 0)
        rc = read_topic(rq, &b, err);
    struct lab_topic_change c = {b.upstream,    b.name,     b.branch,    b.worktree,  b.fork,
                                 b.base_branch, b.base_sha, b.head_sha,  b.check_sha, b.pr,
                                 b.ahead,       b.behind,   b.check_job, b.closed};
    if (rc == 0)
        rc = lab_topic_put(api->lab, engine_open_batch(api->engine), &c, clock_wall_us(), &t,
                           &is_new, err);
    if (rc)
        return rc;
    engine_tell(api->engine, "topic", t->id);
    api_pr_known(api, t->pr);
    const struct job *check = engine_job(api->engine, t->check_job);
    struct jw w = JW(&reply->body);
    lab_topic_doc(&w, t, check ? job_state_words[check->state] : NULL);
    api_json_end(reply);
    api_from_memory(api, reply);
    reply->status = is_new ? 201 : 200;
    return 0;
}

/* States of checks that memory no longer has. */
struct topics_scratch {
    struct api_scratch base;
    size_t n;
    int64_t id[];
};

struct topics_loaded {
    size_t n;
    int state[];
};

API_LOAD(load_topics)
{
    const struct topics_scratch *sc = rq->scratch;
    struct topics_loaded *l = mem_zalloc(sizeof *l + sc->n * sizeof l->state[0]);
    l->n = sc->n;
    int rc = store_read_states(reader, sc->id, sc->n, l->state, err);
    if (rc)
        free(l);
    else
        *ret = l;
    return rc;
}

struct topic_filter {
    const char *upstream; /* NULL = all */
    bool closed;          /* closed ones too */
};

static bool fits(const struct topic *t, const struct topic_filter *f)
{
    return (f->closed || !t->closed) && (!f->upstream || strcmp(t->upstream, f->upstream) == 0);
}

static int ask_states(struct api *api, struct http_request *rq, const struct topic_filter *f)
{
    struct topic *const *all;
    size_t n = lab_topics(api->lab, &all);
    struct topics_scratch *sc = mem_zalloc(sizeof *sc + n * sizeof sc->id[0]);
    free(rq->scratch);
    rq->scratch = sc;
    for (size_t i = 0; i < n; i++)
        if (fits(all[i], f) && all[i]->check_job && !engine_job(api->engine, all[i]->check_job))
            sc->id[sc->n++] = all[i]->check_job;
    return sc->n ? api_reload(rq) : 0;
}

static const char *state_of(struct api *api, int64_t id, const struct topics_scratch *sc,
                            const struct topics_loaded *l)
{
    const struct job *j = engine_job(api->engine, id);
    if (j)
        return job_state_words[j->state];
    for (size_t i = 0; l && i < sc->n && i < l->n; i++)
        if (sc->id[i] == id)
            return l->state[i] >= 0 ? job_state_words[l->state[i]] : NULL;
    return NULL;
}

API_SERVE(api_topics)
{
    struct api *api = app;
    struct topic_filter f = {0};
    const struct upstream *u = NULL;
    struct topic *const *all;
    int64_t closed = 0;
    (void)ret_wait_key;
    int rc = API_QUERY(rq, err, "upstream", "closed");
    if (rc == 0)
        rc = http_query_int(rq, "closed", 0, 1, 0, &closed, err);
    if (rc == 0 && http_query_get(rq, "upstream"))
        rc = lab_upstream(api->lab, http_query_get(rq, "upstream"), &u, err);
    if (rc)
        return rc;
    f = (struct topic_filter){u ? u->name : NULL, closed != 0};
    const struct topics_loaded *l = api_loaded(rq);
    if (!l && (rc = ask_states(api, rq, &f)))
        return rc;
    struct jw w = JW(&reply->body);
    jw_open(&w, '{');
    jw_key(&w, "topics");
    jw_open(&w, '[');
    for (size_t i = lab_topics(api->lab, &all); i > 0; i--)
        if (fits(all[i - 1], &f))
            lab_topic_doc(&w, all[i - 1], state_of(api, all[i - 1]->check_job, rq->scratch, l));
    jw_close(&w, ']');
    jw_close(&w, '}');
    api_json_end(reply);
    api_from_memory(api, reply);
    return 0;
}
