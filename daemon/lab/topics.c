/* Topics: what clients say of their branches. */
#include "lab/internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "model/job.h"

static void remember(struct lab *lab, struct topic *t)
{
    BUG_ON(lab->n_topics && lab->topic[lab->n_topics - 1]->id >= t->id);
    if (lab->n_topics == lab->cap_topics) {
        lab->cap_topics = lab->cap_topics ? 2 * lab->cap_topics : 64;
        lab->topic = mem_grow(lab->topic, lab->cap_topics, sizeof(struct topic *));
    }
    lab->topic[lab->n_topics++] = t;
    lab->last_topic = t->id;
}

void lab_load_topic(struct lab *lab, struct topic *t)
{
    remember(lab, t);
}

size_t lab_topics(const struct lab *lab, struct topic *const **ret)
{
    *ret = lab->topic;
    return lab->n_topics;
}

static struct topic *find(struct lab *lab, const char *upstream, const char *name)
{
    for (size_t i = 0; i < lab->n_topics; i++)
        if (strcmp(lab->topic[i]->name, name) == 0 &&
            strcmp(lab->topic[i]->upstream, upstream) == 0)
            return lab->topic[i];
    return NULL;
}

static const char name_chars[] = "abcdefghijklmnopqrstuvwxyz0123456789-_.";

/* It becomes part of a branch's name and a folder's. */
static bool is_name(const char *s)
{
    size_t len = strlen(s);
    return len && len <= 64 && strspn(s, name_chars) == len && s[0] != '-' && s[0] != '.' &&
           s[0] != '_' && !strstr(s, "..") && s[len - 1] != '.' &&
           (len < 5 || strcmp(s + len - 5, ".lock") != 0);
}

static int check(struct lab *lab, const struct lab_topic_change *c, const struct upstream **ret_u,
                 char **ret_pr, struct cail_err *err)
{
    struct upstream_pr which;
    int rc = lab_upstream(lab, c->upstream, ret_u, err);
    if (rc)
        return rc;
    if (!is_name(c->name))
        return err_set_at(err, E_BAD_FIELD, "/name",
                          "a topic's name has 1 to 64 of a-z, 0-9, '-', '_' and '.', and begins "
                          "with a letter or a digit");
    if (c->worktree && c->worktree[0] != '/')
        return err_set_at(err, E_BAD_FIELD, "/worktree", "wants an absolute path");
    if (c->fork && *c->fork && (rc = upstream_check_url(c->fork, "/fork", err)))
        return rc;
    if (!c->pr || !*c->pr)
        return 0;
    rc = lab_pr_read(lab, c->pr, (*ret_u)->name, &which, err);
    if (rc)
        return rc;
    if (which.upstream != *ret_u)
        return err_set_at(err, E_BAD_FIELD, "/pr", "%s is of %s, the topic is of %s", which.brief,
                          which.upstream->name, (*ret_u)->name);
    *ret_pr = mem_strdup(which.url);
    return 0;
}

static void change(struct topic *t, const struct lab_topic_change *c, const char *pr,
                   int64_t now_us)
{
    lab_set(&t->branch, c->branch);
    lab_set(&t->worktree, c->worktree);
    lab_set(&t->fork, c->fork);
    lab_set(&t->base_branch, c->base_branch);
    lab_set(&t->base_sha, c->base_sha);
    lab_set(&t->head_sha, c->head_sha);
    lab_set(&t->check_sha, c->check_sha);
    lab_set(&t->pr, pr ? pr : c->pr);
    if (c->ahead >= 0)
        t->ahead = (int32_t)c->ahead;
    if (c->behind >= 0)
        t->behind = (int32_t)c->behind;
    if (c->check_job > 0)
        t->check_job = c->check_job;
    if (c->closed >= 0)
        t->closed = c->closed;
    t->updated_at_us = now_us;
}

int lab_topic_put(struct lab *lab, struct store_batch *b, const struct lab_topic_change *c,
                  int64_t now_us, const struct topic **ret, bool *ret_new, struct cail_err *err)
{
    CLEANUP(mem_freep) char *pr = NULL;
    const struct upstream *u;
    int rc = check(lab, c, &u, &pr, err);
    if (rc)
        return rc;
    struct topic *t = find(lab, u->name, c->name);
    *ret_new = !t;
    if (!t) {
        if (!c->branch || !*c->branch || !c->worktree)
            return err_set_at(err, E_BAD_FIELD, c->branch ? "/worktree" : "/branch",
                              "a new topic has a branch and a worktree");
        if (lab->n_topics >= LAB_TOPICS_MAX)
            return err_set(err, E_TOO_MANY, "%d topics are known; no more are kept",
                           LAB_TOPICS_MAX);
        t = topic_new();
        t->id = lab->last_topic + 1;
        t->upstream = mem_strdup(u->name);
        t->name = mem_strdup(c->name);
        t->created_at_us = now_us;
        remember(lab, t);
    }
    change(t, c, pr, now_us);
    store_put_topic(b, t);
    *ret = t;
    return 0;
}

static void count(struct jw *w, const char *key, int64_t n)
{
    jw_key(w, key);
    if (n < 0)
        jw_null(w);
    else
        jw_int(w, n);
}

void lab_topic_doc(struct jw *w, const struct topic *t, const char *check_state)
{
    jw_open(w, '{');
    jw_kint(w, "id", t->id);
    jw_kstr(w, "upstream", t->upstream);
    jw_kstr(w, "name", t->name);
    jw_kstr(w, "branch", t->branch);
    jw_kstr(w, "worktree", t->worktree);
    jw_kstr(w, "fork", t->fork);
    jw_kstr(w, "base_branch", t->base_branch);
    jw_kstr(w, "base_sha", t->base_sha);
    jw_kstr(w, "head_sha", t->head_sha);
    count(w, "ahead", t->ahead);
    count(w, "behind", t->behind);
    jw_key(w, "check");
    if (t->check_job) {
        jw_open(w, '{');
        jw_kint(w, "job", t->check_job);
        jw_kstr(w, "state", check_state);
        jw_kstr(w, "sha", t->check_sha);
        jw_close(w, '}');
    } else {
        jw_null(w);
    }
    jw_kstr(w, "pr", t->pr);
    jw_kbool(w, "closed", t->closed);
    jw_ktime(w, "created_at", t->created_at_us);
    jw_ktime(w, "updated_at", t->updated_at_us);
    jw_close(w, '}');
}
