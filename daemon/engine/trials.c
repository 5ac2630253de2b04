/* Comparisons: made from a request, loaded, canceled, ended. Their jobs are ordinary ones: each
 * side is prepared by a job that holds no card, then one measuring job takes the lease
 * (trial_run.c). */
#include "engine/bisect.h"
#include "engine/internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/jw.h"
#include "base/log.h"
#include "base/mem.h"
#include "parse/parse.h"
#include "trial/judge.h"
#include "wire/job_spec.h"
#include "wire/json.h"

/* --- the plan as it is kept --- */

static char *plan_text(const struct trial *t)
{
    struct str s = STR_INIT;
    struct jw w = JW(&s);
    jw_open(&w, '{');
    jw_kint(&w, "rounds", t->plan.rounds);
    jw_kint(&w, "looks", t->plan.looks);
    jw_kint(&w, "repeats_max", t->plan.repeats_max);
    jw_kbool(&w, "confirm", t->plan.confirm);
    jw_kint(&w, "seed", (int64_t)t->plan.seed);
    jw_kreal(&w, "alpha", t->plan.alpha);
    jw_kbool(&w, "tests", t->words.tests);
    if (t->words.compare) {
        jw_key(&w, "compare");
        jw_raw(&w, t->words.compare, strlen(t->words.compare));
    }
    jw_key(&w, "goal");
    jw_open(&w, '{');
    jw_kint(&w, "batch", t->goal.batch);
    jw_kint(&w, "rounds", t->goal.rounds);
    jw_close(&w, '}');
    for (int i = 0; i < SIDE_COUNT; i++) {
        const struct trial_prepared *p = &t->side[i];
        jw_key(&w, side_words[i]);
        jw_open(&w, '{');
        jw_kstr(&w, "params", p->params);
        jw_kstr(&w, "build_dir", p->build_dir);
        jw_kstr(&w, "sha", p->sha);
        jw_kstr(&w, "uses", p->uses);
        jw_close(&w, '}');
    }
    jw_close(&w, '}');
    return str_take(&s);
}

void trial_plan_rounds(struct trial *t, int32_t rounds)
{
    t->plan.rounds = rounds;
    t->plan.repeats_max = t->rq.repeats_max ? t->rq.repeats_max : rounds / 2 + 2;
    t->goal = (struct trial_goal){.batch = TRIAL_BATCH_MAIN, .rounds = rounds};
}

void trial_replan(struct trial *t)
{
    free(t->c->plan);
    t->c->plan = plan_text(t);
}

static int32_t int_at(const json_t *v, const char *key)
{
    return (int32_t)json_integer_value(json_object_get(v, key));
}

static char *text_at(const json_t *v, const char *key)
{
    return mem_strdup(json_string_value(json_object_get(v, key)));
}

bool trial_plan_read(const char *text, struct trial_plan *plan, struct trial_goal *goal,
                     struct trial_prepared side[SIDE_COUNT], struct trial_words *words)
{
    CLEANUP(json_decrefp) json_t *v = NULL;
    if (json_read(text, strlen(text), &v, NULL))
        return false;
    const json_t *g = json_object_get(v, "goal");
    *words = (struct trial_words){json_text(json_object_get(v, "compare")),
                                  json_is_true(json_object_get(v, "tests"))};
    *plan = (struct trial_plan){
        .rounds = int_at(v, "rounds"),
        .looks = int_at(v, "looks"),
        .repeats_max = int_at(v, "repeats_max"),
        .confirm = json_is_true(json_object_get(v, "confirm")),
        .seed = (uint64_t)json_integer_value(json_object_get(v, "seed")),
        .alpha = json_number_value(json_object_get(v, "alpha")),
    };
    *goal = (struct trial_goal){.batch = int_at(g, "batch"), .rounds = int_at(g, "rounds")};
    for (int i = 0; i < SIDE_COUNT; i++) {
        const json_t *one = json_object_get(v, side_words[i]);
        side[i] = (struct trial_prepared){.params = text_at(one, "params"),
                                          .build_dir = text_at(one, "build_dir"),
                                          .sha = text_at(one, "sha"),
                                          .uses = text_at(one, "uses")};
    }
    return true;
}

void trial_prepared_done(struct trial_prepared *p)
{
    free(p->params);
    free(p->build_dir);
    free(p->sha);
    free(p->uses);
    *p = (struct trial_prepared){0};
}

/* --- memory --- */

static void drop_held(struct trial *t)
{
    for (size_t i = 0; i < t->n_uuids; i++)
        free(t->uuids[i]);
    free(t->uuids);
    free(t->cpu_list);
    t->uuids = NULL;
    t->n_uuids = 0;
    t->cpu_list = NULL;
    t->holds = false;
}

static void trial_free(struct trial *t)
{
    comparison_request_done(&t->rq);
    for (int i = 0; i < SIDE_COUNT; i++)
        trial_prepared_done(&t->side[i]);
    drop_held(t);
    free(t->words.compare);
    free(t->taken);
    free(t);
}

static struct trial *enter(struct engine *e, struct comparison *c)
{
    struct trial *t = mem_zalloc(sizeof *t);
    t->c = c;
    t->lease = -1;
    c->trial = t;
    HASH_ADD(hh, e->comparisons, id, sizeof c->id, c);
    return t;
}

static void leave(struct engine *e, struct comparison *c)
{
    HASH_DEL(e->comparisons, c);
    trial_free(c->trial);
    comparison_free(c);
}

void trials_drop_all(struct engine *e)
{
    struct comparison *c, *tmp;
    HASH_ITER(hh, e->comparisons, c, tmp)
        leave(e, c);
}

struct comparison *engine_comparison(struct engine *e, int64_t id)
{
    struct comparison *c;
    HASH_FIND(hh, e->comparisons, &id, sizeof id, c);
    return c;
}

struct trial *trial_of(struct engine *e, const struct job *j)
{
    struct comparison *c = engine_comparison(e, j->measures);
    return c ? c->trial : NULL;
}

bool trial_needs(struct engine *e, const struct job *j)
{
    for (struct comparison *c = e->comparisons; c; c = c->hh.next)
        if (c->base_job == j->id || c->head_job == j->id)
            return true;
    return false;
}

bool trial_pins(struct engine *e, const char *path, int64_t *ret_id)
{
    for (struct comparison *c = e->comparisons; c; c = c->hh.next) {
        const struct trial *t = c->trial;
        *ret_id = c->id;
        for (int i = 0; i < SIDE_COUNT; i++)
            if ((t->side[i].build_dir && strcmp(t->side[i].build_dir, path) == 0) ||
                (t->side[i].uses && strstr(t->side[i].uses, path)))
                return true;
    }
    return false;
}

void trial_touched(struct engine *e, struct trial *t)
{
    struct comparison *c = t->c;
    store_put_comparison(pump_batch(e), c);
    pump_effect(e, EFFECT_WAKE, c->id, 0);
    if (!feed_has_readers(e->feed))
        return;
    struct str s = STR_INIT;
    struct jw w = JW(&s);
    comparison_summary(&w, c);
    size_t len = s.len;
    pump_publish(e, "comparison", c->measure_job, str_take(&s), len);
}

/* --- made --- */

/* Its "elapsed" is a test's, whose status counts. In a benchmark it is a time, unless the results
 * come in a format of tests. */
static bool finds_tests(const struct recipe *r)
{
    bool found = r->kind != KIND_BENCHMARK;
    for (size_t i = 0; i < r->n_results; i++)
        found |= r->result[i].parser && parse_has_tests(r->result[i].parser);
    return found;
}

/* The recipe's own word on both sides' parameters; *ret_steps = steps before the measuring one. */
static int resolve_sides(struct engine *e, struct trial *t, size_t *ret_steps, bool *ret_uses,
                         struct cail_err *err)
{
    const struct recipe *r = catalogue_find(e->catalogue, t->rq.recipe);
    *ret_steps = 0;
    *ret_uses = false;
    if (!r) {
        const char *near = catalogue_near(e->catalogue, t->rq.recipe);
        int rc =
            err_set_at(err, E_UNKNOWN_RECIPE, "/recipe", "there is no recipe \"%s\"", t->rq.recipe);
        err_hint(err, near ? "did you mean \"%s\"?" : "GET /recipes (cail recipes) lists them",
                 near);
        return rc;
    }
    if (r->kind == KIND_SERVICE)
        return err_set_at(err, E_BAD_FIELD, "/recipe", "a service is not measured");
    for (int i = 0; i < SIDE_COUNT; i++) {
        CLEANUP(mem_freep) char *said = comparison_side_params(&t->rq, (enum side)i);
        CLEANUP(mem_freep)
        char *given = submit_params(said, NULL, t->rq.side[i].worktree != NULL, r);
        int rc = recipe_resolve(r, given, &t->side[i].params, err);
        if (rc) {
            char inner[sizeof err->pointer];
            snprintf(inner, sizeof inner, "%s", err->pointer);
            snprintf(err->pointer, sizeof err->pointer, "/%s%.140s", side_words[i], inner);
            return rc;
        }
        for (size_t k = 0; k < r->n_uses; k++)
            *ret_uses |= recipe_use_counts(&r->use[k], t->side[i].params);
    }
    *ret_steps = r->n_steps - 1;
    t->words.compare = mem_strdup(r->compare);
    t->words.tests = finds_tests(r);
    trial_take_words(&t->rq, t->words.compare);
    return 0;
}

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Do both sides prepare the same? Then one job serves both. */
static bool alike(const struct trial *t)
{
    const struct comparison_side *b = &t->rq.side[SIDE_BASE], *h = &t->rq.side[SIDE_HEAD];
    return same(t->side[SIDE_BASE].params, t->side[SIDE_HEAD].params) && same(b->env, h->env) &&
           same(b->worktree, h->worktree) && same(b->bin_dir, h->bin_dir);
}

/* Tests pass or fail: a recipe of checks is run once on each side, not ten times. */
static int make_plan(const struct engine *e, struct trial *t, struct cail_err *err)
{
    const struct comparison_request *rq = &t->rq;
    const struct recipe *r = rq->recipe ? catalogue_find(e->catalogue, rq->recipe) : NULL;
    bool checks = r && r->kind == KIND_CHECK;
    t->plan = (struct trial_plan){
        .looks = rq->looks ? rq->looks : 1,
        .confirm = rq->confirm,
        .alpha = rq->alpha,
    };
    trial_plan_rounds(t, rq->rounds ? rq->rounds
                         : checks   ? TRIAL_ROUNDS_CHECK
                                    : TRIAL_ROUNDS_DEFAULT);
    if (rq->has_seed)
        t->plan.seed = rq->seed;
    else
        rnd_bytes(&t->plan.seed, sizeof t->plan.seed);
    t->plan.seed &= INT64_MAX; /* JSON's integers are signed here */
    return trial_plan_check(&t->plan, checks ? TRIAL_ROUNDS_CHECK : TRIAL_ROUNDS_MIN, err);
}

/* The place of one of its jobs says nothing to who asked. */
static int without_element(const struct cail_err *why, struct cail_err *err)
{
    const char *at = strchr(why->pointer + (why->pointer[0] == '/'), '/');
    *err = *why;
    snprintf(err->pointer, sizeof err->pointer, "%s", at ? at : "");
    return (int)err->code;
}

/* Queue the jobs: sides to prepare, then the measuring one. */
static int submit_jobs(struct engine *e, struct trial *t, const bool prepare[SIDE_COUNT], uid_t uid,
                       struct cail_err *err)
{
    CLEANUP(str_done) struct str body = STR_INIT;
    struct submission sub;
    struct engine_submitted done;
    struct cail_err why;
    comparison_jobs(&t->rq, t->c->id, prepare, &body);
    int rc = submission_from_json(body.p, body.len, &sub, &why);
    if (rc)
        return without_element(&why, err);
    for (size_t i = 0; i < sub.n; i++) {
        struct job_request *rq = &sub.req[i];
        bool measures = i + 1 == sub.n;
        rq->part = measures ? PART_MEASURE : PART_PREPARE;
        str_addf(&rq->spec, "%s\"comparison\":%lld", rq->spec.len ? "," : "", (long long)t->c->id);
    }
    rc = engine_submit(e, &sub, uid, NULL, &done, &why);
    submission_done(&sub);
    if (rc)
        return without_element(&why, err);
    struct comparison *c = t->c;
    size_t n = 0;
    if (prepare[SIDE_BASE])
        c->base_job = done.job[n++]->id;
    if (prepare[SIDE_HEAD])
        c->head_job = done.job[n++]->id;
    c->measure_job = done.job[n]->id;
    done.job[n]->measures = c->id;
    free(done.job);
    return 0;
}

/* The request as it is kept: the store holds nothing but one object. It was read before. */
static char *compact(const char *body, size_t len)
{
    CLEANUP(json_decrefp) json_t *v = NULL;
    BUG_ON(json_read(body, len, &v, NULL));
    return json_text(v);
}

static void fill(struct engine *e, struct comparison *c, const struct trial *t, const char *body,
                 size_t len, uid_t uid)
{
    const struct comparison_request *rq = &t->rq;
    const struct job *j = engine_job(e, c->measure_job);
    c->kind = rq->kind;
    c->recipe = mem_strdup(rq->recipe);
    c->name = rq->name ? mem_strdup(rq->name) : comparison_name(rq, "commands", 80);
    c->spec = compact(body, len);
    c->uid = uid;
    c->user = j ? mem_strdup(j->user) : mem_printf("%u", (unsigned)uid);
    c->pr = mem_strdup(rq->pr);
    c->created_at_us = clock_wall_us();
    c->plan = plan_text(t);
}

/* Two jobs that were before; ids are given without a gap. */
static int take_stored(const struct engine *e, struct trial *t, struct cail_err *err)
{
    for (int i = 0; i < SIDE_COUNT; i++) {
        int64_t id = t->rq.side[i].job;
        if (id > e->ids.job)
            return err_set_at(err, E_BAD_FIELD, i ? "/head/job" : "/base/job",
                              "there is no job %lld", (long long)id);
        *(i ? &t->c->head_job : &t->c->base_job) = id;
    }
    return 0;
}

static int begin(struct engine *e, struct trial *t, uid_t uid, struct cail_err *err)
{
    size_t steps = 0;
    bool uses = false;
    const struct comparison_request *rq = &t->rq;
    int rc = make_plan(e, t, err);
    if (!rc && rq->recipe)
        rc = resolve_sides(e, t, &steps, &uses, err);
    if (rc)
        return rc;
    if (rq->kind == COMPARISON_UNPAIRED)
        return take_stored(e, t, err);
    /* A folder of programs stands for what would be built. */
    bool any = steps || uses, one = any && alike(t) && !rq->side[SIDE_HEAD].bin_dir;
    const bool prepare[SIDE_COUNT] = {any && !rq->side[SIDE_BASE].bin_dir,
                                      any && !rq->side[SIDE_HEAD].bin_dir && !one};
    rc = submit_jobs(e, t, prepare, uid, err);
    if (!rc && one)
        t->c->head_job = t->c->base_job;
    return rc;
}

int engine_compare(struct engine *e, struct comparison_request *rq, const char *body, size_t len,
                   uid_t uid, struct comparison **ret, struct cail_err *err)
{
    struct comparison *c = comparison_new();
    c->id = e->ids.comparison + 1;
    struct trial *t = enter(e, c);
    t->rq = *rq; /* given back when it fails */
    int rc = begin(e, t, uid, err);
    if (rc) {
        memset(&t->rq, 0, sizeof t->rq);
        leave(e, c);
        return rc;
    }
    memset(rq, 0, sizeof *rq);
    e->ids.comparison++;
    fill(e, c, t, body, len, uid);
    if (c->kind == COMPARISON_UNPAIRED) {
        BUG_ON(comparison_move(c, COMPARISON_JUDGING, c->created_at_us));
        t->judging = true;
        pump_effect(e, EFFECT_JUDGE, c->id, 0);
    }
    trial_touched(e, t);
    *ret = c;
    return 0;
}

/* --- loaded --- */

void trial_loaded(struct engine *e, struct comparison *c, const struct measurement *m, size_t n)
{
    struct cail_err err;
    struct trial *t = enter(e, c);
    if (comparison_request_read(c->spec, strlen(c->spec), &t->rq, &err) ||
        !trial_plan_read(c->plan, &t->plan, &t->goal, t->side, &t->words)) {
        log_error("comparison %lld cannot be read back: %s", (long long)c->id, err.text);
        leave(e, c);
        return;
    }
    trial_take_words(&t->rq, t->words.compare);
    struct job *j = engine_job(e, c->measure_job);
    if (j)
        j->measures = c->id;
    t->taken = mem_array(n + 1, sizeof *t->taken);
    for (size_t i = 0; i < n; i++) {
        t->taken[i] = (struct trial_taken){.batch = m[i].batch,
                                           .round = m[i].round,
                                           .side = m[i].side,
                                           .state = m[i].state,
                                           .lease = m[i].lease,
                                           .attempt_id = m[i].attempt_id};
        t->lease = m[i].lease;
    }
    t->n = n;
    t->judging = c->kind == COMPARISON_UNPAIRED;
}

void trials_resume(struct engine *e)
{
    for (struct comparison *c = e->comparisons; c; c = c->hh.next) {
        const struct trial *t = c->trial;
        if (t->judging)
            pump_effect(e, EFFECT_JUDGE, c->id, 0);
    }
}

/* --- ended --- */

void trial_let_go(struct engine *e, struct trial *t)
{
    if (!t->holds)
        return;
    struct job *j = engine_job(e, t->c->measure_job);
    struct attempt pins = {.cpu_list = t->cpu_list};
    run_unpin(e, &pins);
    if (j)
        sched_ended(e->sched, j);
    cards_settle(e, t->c->measure_job, t->uuids, t->n_uuids);
    drop_held(t);
    e->dirty = true;
}

static void forget_folders(struct engine *e, const struct comparison *c)
{
    for (int i = 0; i < 2; i++) {
        int64_t id = i ? c->head_job : c->base_job;
        const struct job *j = id ? engine_job(e, id) : NULL;
        if (!id || c->kind == COMPARISON_UNPAIRED)
            continue;
        if (j && !job_state_is_terminal(j->state))
            continue; /* the other side failed meanwhile; its folder goes when it ends */
        CLEANUP(mem_freep) char *dir = job_dir(e, id);
        pump_remove(e, dir);
    }
}

void trial_finish(struct engine *e, struct trial *t, enum comparison_state to, const char *reason)
{
    struct comparison *c = t->c;
    BUG_ON(comparison_move(c, to, clock_wall_us()));
    if (reason)
        model_set(&c->reason, reason);
    trial_let_go(e, t);
    trial_touched(e, t);
    bisect_comparison_ended(e, c);
    forget_folders(e, c);
    leave(e, c);
}

/* The commit that was prepared: its own, else that of the first build it uses. */
static const char *prepared_sha(const json_t *spec)
{
    const char *sha = json_string_value(json_object_get(spec, "source_sha"));
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(spec, "uses"), i, one)
        sha = sha ? sha : json_string_value(json_object_get(one, "sha"));
    return sha;
}

/* What the measuring step finds of a side. */
static void prepared(struct engine *e, struct trial *t, enum side side, const struct job *j)
{
    struct trial_prepared *p = &t->side[side];
    struct job_spec spec;
    CLEANUP(json_decrefp) json_t *v = NULL;
    free(p->build_dir);
    p->build_dir = cache_dir(e, j);
    if (json_read(j->spec, strlen(j->spec), &v, NULL) || job_spec_read(j->spec, &spec, NULL))
        return;
    model_set(&p->params, spec.params);
    model_set(&p->sha, prepared_sha(v));
    if (json_object_get(v, "uses")) {
        free(p->uses);
        p->uses = json_text(json_object_get(v, "uses"));
    }
    job_spec_done(&spec);
}

static void side_finished(struct engine *e, struct trial *t, const struct job *j)
{
    struct comparison *c = t->c;
    if (j->state != JOB_SUCCEEDED)
        return; /* the measuring job ends dep_failed, which says the rest */
    for (int i = 0; i < SIDE_COUNT; i++)
        if ((i ? c->head_job : c->base_job) == j->id)
            prepared(e, t, (enum side)i, j);
    trial_replan(t);
    trial_touched(e, t);
}

static void measuring_finished(struct engine *e, struct trial *t, const struct job *j)
{
    char text[200];
    if (j->state == JOB_SUCCEEDED)
        return; /* by trial_judged, which ends the comparison itself */
    if (j->state == JOB_DEP_FAILED)
        snprintf(text, sizeof text, "%s could not be prepared: see job %lld",
                 j->blocked_by == t->c->base_job ? "base" : "head", (long long)j->blocked_by);
    else
        snprintf(text, sizeof text, "its measuring job %lld %s%s%.100s", (long long)j->id,
                 job_state_words[j->state], j->reason ? ": " : "", j->reason ? j->reason : "");
    t->c->exit_code = j->state == JOB_CANCELED ? TRIAL_EXIT_CANCELED : 3;
    trial_finish(e, t, j->state == JOB_CANCELED ? COMPARISON_CANCELED : COMPARISON_FAILED, text);
}

void trial_job_finished(struct engine *e, const struct job *j)
{
    struct comparison *c, *tmp;
    HASH_ITER(hh, e->comparisons, c, tmp) {
        if (c->kind == COMPARISON_UNPAIRED)
            continue;
        if (c->base_job == j->id || c->head_job == j->id)
            side_finished(e, c->trial, j);
        else if (c->measure_job == j->id)
            measuring_finished(e, c->trial, j);
    }
}

int engine_comparison_cancel(struct engine *e, struct comparison *c, int64_t grace_ms,
                             struct cail_err *err)
{
    int64_t ids[] = {c->base_job, c->head_job, c->measure_job};
    if (c->kind == COMPARISON_UNPAIRED)
        return err_set(err, E_CONFLICT, "it is being judged and over in a moment");
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        struct job *j = ids[i] ? engine_job(e, ids[i]) : NULL;
        if (!j || job_state_is_terminal(j->state) || j->cancel_requested)
            continue;
        int rc = engine_cancel(e, j, grace_ms, err);
        if (rc)
            return rc;
    }
    return 0;
}
