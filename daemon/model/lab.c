#include "model/lab.h"

#include <stdlib.h>

#include "base/mem.h"

struct pr *pr_new(void)
{
    struct pr *p = mem_zalloc(sizeof *p);
    p->state = PR_UNKNOWN;
    return p;
}

void pr_free(struct pr *p)
{
    if (!p)
        return;
    free(p->url);
    free(p->brief);
    free(p->upstream);
    free(p->title);
    free(p->author);
    free(p->head_sha);
    free(p->base_sha);
    free(p->base_ref);
    free(p->note);
    free(p);
}

struct topic *topic_new(void)
{
    struct topic *t = mem_zalloc(sizeof *t);
    t->ahead = t->behind = -1;
    return t;
}

void topic_free(struct topic *t)
{
    if (!t)
        return;
    free(t->upstream);
    free(t->name);
    free(t->branch);
    free(t->worktree);
    free(t->fork);
    free(t->base_branch);
    free(t->base_sha);
    free(t->head_sha);
    free(t->check_sha);
    free(t->pr);
    free(t);
}
