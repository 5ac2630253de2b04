/* The lab's memory beside the queue: upstreams (a table of files), pull requests at them, and
 * topics on their way to one. Loop thread only; the rows are the store's, this is what answers.
 *
 * A change goes into the batch that the caller hands in (the engine's open one) and is visible to
 * others when that is durable, like everything. lab_forget and the lab_load_* follow the engine: it
 * drops its memory and reads it again when a COMMIT failed. */
#ifndef LAB_LAB_H
#define LAB_LAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/jw.h"
#include "model/lab.h"
#include "recipe/upstream.h"
#include "store/store.h"

struct lab;

enum {
    LAB_UPSTREAMS_MAX = 64,
    LAB_PRS_MAX = 10000,
    LAB_TOPICS_MAX = 10000,
    LAB_TEXT_MAX = 400, /* a title, a note */
    LAB_BRANCH_MAX = 200,
};

struct lab_override { /* of a URL, from the configuration */
    const char *name, *url;
};

/* Reads recipes_dir/upstreams/NAME.json; a bad file is logged and left out. An override that is no
 * URL for git is an error. */
int lab_open(struct lab **ret, const char *recipes_dir, const struct lab_override *o, size_t n,
             struct cail_err *err) NODISCARD;
void lab_close(struct lab *lab); /* NULL is fine */

/* --- from the store --- */
void lab_load_pr(struct lab *lab, struct pr *p);       /* takes it */
void lab_load_topic(struct lab *lab, struct topic *t); /* takes it */
void lab_forget(struct lab *lab);

/* --- upstreams --- */
/* All, by name; constant from lab_open to lab_close. */
size_t lab_upstreams(const struct lab *lab, struct upstream *const **ret);
/* By name or alias; E_NOT_FOUND with the nearest. */
int lab_upstream(const struct lab *lab, const char *name, const struct upstream **ret,
                 struct cail_err *err) NODISCARD;
/* The default branch as a client that asked the remote said last; NULL = not asked yet. */
const char *lab_branch(const struct lab *lab, const char *upstream);
void lab_upstreams_json(const struct lab *lab, struct str *out); /* {"upstreams":[...]} */
void lab_upstream_json(const struct lab *lab, const struct upstream *u, struct str *out);

/* --- pull requests --- */
/* What may be said of one; NULL and -1 = not said; "" takes a text away. */
struct lab_pr_change {
    const char *title, *author, *head_sha, *base_sha, *base_ref, *note;
    int state;    /* enum pr_state */
    bool fetched; /* all of this was just read at the upstream */
};

/* Which one `text` means; `of` names an upstream for a plain number, NULL = none. */
int lab_pr_read(const struct lab *lab, const char *text, const char *of, struct upstream_pr *ret,
                struct cail_err *err) NODISCARD;
/* Known already: *ret_new false, and changed where c says something. E_TOO_MANY at LAB_PRS_MAX. */
int lab_pr_add(struct lab *lab, struct store_batch *b, const struct upstream_pr *which,
               const struct lab_pr_change *c, int64_t now_us, const struct pr **ret, bool *ret_new,
               struct cail_err *err) NODISCARD;
int lab_pr_change(struct lab *lab, struct store_batch *b, int64_t id, const struct lab_pr_change *c,
                  int64_t now_us, const struct pr **ret, struct cail_err *err) NODISCARD;
const struct pr *lab_pr(const struct lab *lab, int64_t id); /* NULL = none */
const struct pr *lab_pr_by_url(const struct lab *lab, const char *url);
/* Ascending by id. Borrowed until the next call that adds. */
size_t lab_prs(const struct lab *lab, struct pr *const **ret);
void lab_pr_doc(struct jw *w, const struct pr *p);

/* --- topics --- */
/* Members as in struct topic; NULL, -1 (0 for check_job) = not said. */
struct lab_topic_change {
    const char *upstream, *name; /* the key, always said; upstream may be an alias */
    const char *branch, *worktree, *fork, *base_branch, *base_sha, *head_sha, *check_sha, *pr;
    int64_t ahead, behind, check_job;
    int closed;
};
/* Make or change the topic with that key. A new one needs a branch and a worktree. */
int lab_topic_put(struct lab *lab, struct store_batch *b, const struct lab_topic_change *c,
                  int64_t now_us, const struct topic **ret, bool *ret_new,
                  struct cail_err *err) NODISCARD;
size_t lab_topics(const struct lab *lab, struct topic *const **ret); /* ascending by id */
/* check_state: of its check_job, NULL = unknown. */
void lab_topic_doc(struct jw *w, const struct topic *t, const char *check_state);

#endif
