/* Pull requests at upstreams, and topics: branches on their way to one. Both are kept in memory by
 * lab/ and as rows by store/. */
#ifndef MODEL_LAB_H
#define MODEL_LAB_H

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "model/word.h"

struct pr {
    int64_t id;
    char *url;      /* its one address; no two have the same */
    char *brief;    /* "llvm#123" */
    char *upstream; /* a name of the table of upstreams */
    int64_t number;
    char *title; /* NULL, as all below, until somebody said it */
    enum pr_state state;
    char *author, *head_sha, *base_sha, *base_ref;
    char *note;            /* what last happened to it: "offline: ...", a person's words */
    int64_t fetched_at_us; /* when its state was last read at the upstream; 0 = never */
    int64_t created_at_us, updated_at_us;
    UT_hash_handle hh; /* lab's table, by url */
};

struct topic {
    int64_t id;
    char *upstream, *name; /* together they are the key */
    char *branch;          /* "topic/mlir-fix-cse" */
    char *worktree;        /* absolute path */
    char *fork;            /* URL, NULL = none yet */
    char *base_branch;     /* the upstream's default branch, as the remote said */
    char *base_sha, *head_sha;
    int32_t ahead, behind; /* commits; -1 = not known */
    int64_t check_job;     /* the newest check, 0 = none */
    char *check_sha;       /* what it checked */
    char *pr;              /* address of its pull request, NULL = none */
    bool closed;           /* left out of lists unless asked for */
    int64_t created_at_us, updated_at_us;
};

struct pr *pr_new(void);
void pr_free(struct pr *p);       /* NULL is fine */
struct topic *topic_new(void);    /* ahead, behind -1 */
void topic_free(struct topic *t); /* NULL is fine */

#endif
