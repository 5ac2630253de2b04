/* The builds of other recipes that jobs work with. They are jobs of their own, queued in the batch
 * of the job that wants them, which comes after them; a build that is in the cache answers at once.
 * The folder of a build goes into the waiting job's spec when it is done, so a restart knows it. */
#include "engine/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/log.h"
#include "base/mem.h"
#include "wire/job_spec.h"
#include "wire/json.h"

enum { DEPTH_MAX = 4 };

/* One build that one request wants. */
struct uses {
    struct submission sub; /* of one job */
    struct uses *inner;    /* what that job uses itself */
    struct job_request *by;
    struct uses *next;
};

void uses_free(struct uses *u)
{
    while (u) {
        struct uses *next = u->next;
        submission_done(&u->sub);
        uses_free(u->inner); /* at most DEPTH_MAX deep */
        free(u);
        u = next;
    }
}

static bool takes_ref(const struct recipe *r)
{
    for (size_t i = 0; i < r->n_params; i++)
        if (strcmp(r->param[i].name, "ref") == 0)
            return true;
    return false;
}

/* Does it build a ref of the same upstream? Then the working tree is its source too. */
static bool shares_source(struct engine *e, const char *recipe, const char *used)
{
    const struct recipe *r = catalogue_find(e->catalogue, recipe);
    CLEANUP(mem_freep) char *upstream = r ? mem_strdup(r->upstream) : NULL;
    const struct recipe *u = catalogue_find(e->catalogue, used);
    return upstream && u && u->upstream && strcmp(upstream, u->upstream) == 0 && takes_ref(u);
}

static char *body_of(const struct job *by, const struct recipe_use *use, const char *params,
                     const char *build_root, const char *worktree)
{
    struct str s = STR_INIT;
    struct jw w = JW(&s);
    jw_open(&w, '{');
    jw_kstr(&w, "recipe", use->recipe);
    jw_key(&w, "params");
    jw_raw(&w, params, strlen(params));
    jw_kint(&w, "priority", by->priority);
    jw_kstr(&w, "queue", by->queue);
    if (by->pr)
        jw_kstr(&w, "pr", by->pr);
    if (build_root)
        jw_kstr(&w, "build_root", build_root);
    if (worktree) {
        jw_key(&w, "source");
        jw_open(&w, '{');
        jw_kstr(&w, "worktree", worktree);
        jw_close(&w, '}');
    }
    jw_key(&w, "labels");
    jw_open(&w, '{');
    jw_kstr(&w, "used_by", by->recipe);
    jw_close(&w, '}');
    jw_close(&w, '}');
    return str_take(&s);
}

static int check(struct engine *e, struct submission *sub, int depth, struct uses **ret,
                 struct cail_err *err);

/* `use` is a copy: the catalogue may be read anew on the way. */
static int check_one(struct engine *e, struct job_request *by, const struct recipe_use *use,
                     const struct job_spec *spec, int depth, struct uses **ret,
                     struct cail_err *err)
{
    CLEANUP(mem_freep) char *params = recipe_use_params(use, spec->params);
    const char *tree =
        spec->worktree && shares_source(e, by->job->recipe, use->recipe) ? spec->worktree : NULL;
    CLEANUP(mem_freep) char *body = body_of(by->job, use, params, spec->build_root, tree);
    struct engine_submitted none = {0};
    struct cail_err why;
    struct uses *u = mem_zalloc(sizeof *u);
    u->by = by;
    u->next = *ret;
    *ret = u;
    int rc = submission_from_json(body, strlen(body), &u->sub, &why);
    if (!rc)
        rc = submit_check(e, &u->sub, NULL, &none, &why);
    if (!rc)
        return check(e, &u->sub, depth + 1, &u->inner, err);
    return err_set(err, why.code, "the recipe \"%s\", which it uses: %.300s", use->recipe,
                   why.text);
}

static int check_request(struct engine *e, struct job_request *rq, int depth, struct uses **ret,
                         struct cail_err *err)
{
    struct job_spec spec;
    struct recipe_use use[RECIPE_USES_MAX];
    size_t n = 0;
    const struct recipe *r = catalogue_find(e->catalogue, rq->job->recipe);
    if (!r || !r->n_uses)
        return 0;
    if (depth > DEPTH_MAX)
        return err_set(err, E_BAD_REQUEST, "recipes use one another more than %d deep", DEPTH_MAX);
    int rc = job_spec_read(rq->job->spec, &spec, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < r->n_uses; i++)
        if (recipe_use_counts(&r->use[i], spec.params))
            use[n++] = (struct recipe_use){mem_strdup(r->use[i].recipe),
                                           mem_strdup(r->use[i].params), NULL};
    for (size_t i = 0; i < n && !rc; i++)
        rc = check_one(e, rq, &use[i], &spec, depth, ret, err);
    for (size_t i = 0; i < n; i++) {
        free(use[i].recipe);
        free(use[i].params);
    }
    job_spec_done(&spec);
    return rc;
}

static int check(struct engine *e, struct submission *sub, int depth, struct uses **ret,
                 struct cail_err *err)
{
    int rc = 0;
    for (size_t i = 0; i < sub->n && !rc; i++)
        if (sub->req[i].job->recipe && sub->req[i].part != PART_MEASURE)
            rc = check_request(e, &sub->req[i], depth, ret, err);
    return rc;
}

int uses_check(struct engine *e, struct submission *sub, struct uses **ret, struct cail_err *err)
{
    *ret = NULL;
    int rc = check(e, sub, 0, ret, err);
    if (rc) {
        uses_free(*ret);
        *ret = NULL;
    }
    return rc;
}

/* The job `by` comes after `id`; its spec names it. */
static void come_after(struct job_request *by, const char *recipe, int64_t id)
{
    struct job *j = by->job;
    size_t n = (size_t)j->n_after;
    j->after = mem_grow(j->after, n + 1, sizeof *j->after);
    by->after_ref = mem_grow(by->after_ref, n + 1, sizeof *by->after_ref);
    j->after[n] = (struct after){.job = id, .when = AFTER_SUCCEEDED};
    by->after_ref[n] = -1;
    j->n_after++;
    CLEANUP(json_decrefp) json_t *v = NULL;
    BUG_ON(json_read(j->spec, strlen(j->spec), &v, NULL));
    json_t *uses = json_object_get(v, "uses");
    if (!uses)
        json_object_set_new(v, "uses", uses = json_array());
    json_array_append_new(
        uses, json_pack("{s:s, s:I, s:n}", "recipe", recipe, "job", (json_int_t)id, "dir"));
    free(j->spec);
    j->spec = json_text(v);
}

static void take(struct engine *e, struct uses *u, uid_t uid)
{
    for (; u; u = u->next) {
        struct engine_submitted done = {0};
        take(e, u->inner, uid);
        submit_take(e, &u->sub, uid, NULL, &done);
        come_after(u->by, done.job[0]->recipe, done.job[0]->id);
        free(done.job);
    }
}

void uses_take(struct engine *e, struct uses *u, uid_t uid)
{
    take(e, u, uid);
    uses_free(u);
}

/* The folder of a build, and the commit it is of (NULL = none), into the spec of who uses it. */
static void give_dir(struct engine *e, struct job *to, int64_t id, const char *dir, const char *sha)
{
    CLEANUP(json_decrefp) json_t *v = NULL;
    size_t i;
    json_t *one;
    bool changed = false;
    if (json_read(to->spec, strlen(to->spec), &v, NULL))
        return;
    json_array_foreach(json_object_get(v, "uses"), i, one) {
        if (json_integer_value(json_object_get(one, "job")) != id)
            continue;
        json_object_set_new(one, "dir", json_string(dir));
        json_object_set_new(one, "sha", sha ? json_string(sha) : json_null());
        changed = true;
    }
    if (!changed)
        return;
    free(to->spec);
    to->spec = json_text(v);
    job_touched(e, to);
}

void uses_finished(struct engine *e, const struct job *builder)
{
    char want[40];
    CLEANUP(mem_freep) char *dir = cache_dir(e, builder);
    CLEANUP(json_decrefp) json_t *spec = NULL;
    struct job *j, *tmp;
    if (!dir || builder->state != JOB_SUCCEEDED)
        return;
    BUG_ON(json_read(builder->spec, strlen(builder->spec), &spec, NULL));
    const char *sha = json_string_value(json_object_get(spec, "source_sha"));
    snprintf(want, sizeof want, "\"job\":%lld", (long long)builder->id);
    HASH_ITER(hh, e->jobs, j, tmp)
        if (j->recipe && strstr(j->spec, "\"uses\":[") && strstr(j->spec, want))
            give_dir(e, j, builder->id, dir, sha);
}
