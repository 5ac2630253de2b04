/* Pull requests. */
#include "lab/internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "model/job.h"

void lab_set(char **field, const char *value)
{
    if (value)
        model_set(field, *value ? value : NULL);
}

static void remember(struct lab *lab, struct pr *p)
{
    BUG_ON(lab->n_prs && lab->pr[lab->n_prs - 1]->id >= p->id);
    if (lab->n_prs == lab->cap_prs) {
        lab->cap_prs = lab->cap_prs ? 2 * lab->cap_prs : 64;
        lab->pr = mem_grow(lab->pr, lab->cap_prs, sizeof(struct pr *));
    }
    lab->pr[lab->n_prs++] = p;
    lab->last_pr = p->id;
    HASH_ADD_KEYPTR(hh, lab->by_url, p->url, strlen(p->url), p);
}

void lab_load_pr(struct lab *lab, struct pr *p)
{
    remember(lab, p);
}

void lab_forget(struct lab *lab)
{
    HASH_CLEAR(hh, lab->by_url);
    for (size_t i = 0; i < lab->n_prs; i++)
        pr_free(lab->pr[i]);
    for (size_t i = 0; i < lab->n_topics; i++)
        topic_free(lab->topic[i]);
    free(lab->pr);
    free(lab->topic);
    lab->pr = NULL;
    lab->topic = NULL;
    lab->n_prs = lab->cap_prs = lab->n_topics = lab->cap_topics = 0;
    lab->last_pr = lab->last_topic = 0;
}

int lab_pr_read(const struct lab *lab, const char *text, const char *of, struct upstream_pr *ret,
                struct cail_err *err)
{
    return upstream_pr_read(lab->upstream, lab->n_upstreams, text, of, ret, err);
}

const struct pr *lab_pr_by_url(const struct lab *lab, const char *url)
{
    struct pr *p;
    HASH_FIND(hh, lab->by_url, url, strlen(url), p);
    return p;
}

static int compare_id(const void *key, const void *element)
{
    int64_t id = *(const int64_t *)key, has = (*(struct pr *const *)element)->id;
    return id < has ? -1 : id > has;
}

const struct pr *lab_pr(const struct lab *lab, int64_t id)
{
    struct pr *const *found =
        lab->n_prs ? bsearch(&id, lab->pr, lab->n_prs, sizeof(struct pr *), compare_id) : NULL;
    return found ? *found : NULL;
}

size_t lab_prs(const struct lab *lab, struct pr *const **ret)
{
    *ret = lab->pr;
    return lab->n_prs;
}

static void change(struct pr *p, const struct lab_pr_change *c, int64_t now_us)
{
    lab_set(&p->title, c->title);
    lab_set(&p->author, c->author);
    lab_set(&p->head_sha, c->head_sha);
    lab_set(&p->base_sha, c->base_sha);
    lab_set(&p->base_ref, c->base_ref);
    lab_set(&p->note, c->note);
    if (c->state >= 0)
        p->state = (enum pr_state)c->state;
    if (c->fetched)
        p->fetched_at_us = now_us;
    p->updated_at_us = now_us;
}

static bool says_something(const struct lab_pr_change *c)
{
    return c->title || c->author || c->head_sha || c->base_sha || c->base_ref || c->note ||
           c->state >= 0 || c->fetched;
}

int lab_pr_change(struct lab *lab, struct store_batch *b, int64_t id, const struct lab_pr_change *c,
                  int64_t now_us, const struct pr **ret, struct cail_err *err)
{
    const struct pr *found = lab_pr(lab, id);
    if (!found)
        return err_set(err, E_NOT_FOUND, "there is no pull request %lld", (long long)id);
    struct pr *p;
    HASH_FIND(hh, lab->by_url, found->url, strlen(found->url), p);
    if (says_something(c)) {
        change(p, c, now_us);
        store_put_pr(b, p);
    }
    *ret = p;
    return 0;
}

int lab_pr_add(struct lab *lab, struct store_batch *b, const struct upstream_pr *which,
               const struct lab_pr_change *c, int64_t now_us, const struct pr **ret, bool *ret_new,
               struct cail_err *err)
{
    const struct pr *known = lab_pr_by_url(lab, which->url);
    *ret_new = !known;
    if (known)
        return lab_pr_change(lab, b, known->id, c, now_us, ret, err);
    if (lab->n_prs >= LAB_PRS_MAX)
        return err_set(err, E_TOO_MANY, "%d pull requests are known; no more are kept",
                       LAB_PRS_MAX);
    struct pr *p = pr_new();
    p->id = lab->last_pr + 1;
    p->url = mem_strdup(which->url);
    p->brief = mem_strdup(which->brief);
    p->upstream = mem_strdup(which->upstream->name);
    p->number = which->number;
    p->created_at_us = now_us;
    change(p, c, now_us);
    remember(lab, p);
    store_put_pr(b, p);
    *ret = p;
    return 0;
}

void lab_pr_doc(struct jw *w, const struct pr *p)
{
    jw_kint(w, "id", p->id);
    jw_kstr(w, "pr", p->brief);
    jw_kstr(w, "url", p->url);
    jw_kstr(w, "upstream", p->upstream);
    jw_kint(w, "number", p->number);
    jw_kstr(w, "title", p->title);
    jw_kstr(w, "state", pr_state_words[p->state]);
    jw_kstr(w, "author", p->author);
    jw_kstr(w, "head_sha", p->head_sha);
    jw_kstr(w, "base_sha", p->base_sha);
    jw_kstr(w, "base_ref", p->base_ref);
    jw_kstr(w, "note", p->note);
    jw_ktime(w, "fetched_at", p->fetched_at_us);
    jw_ktime(w, "created_at", p->created_at_us);
    jw_ktime(w, "updated_at", p->updated_at_us);
}
