/* Requests become jobs: all of an array or none. */
#include "engine/internal.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/log.h"
#include "base/mem.h"
#include "engine/profile.h"
#include "wire/job_doc.h"
#include "wire/json.h"

/* Rewrite pointer "/needs/cpus" as "/613/needs/cpus" for element 613 of an array. */
static int at_element(const struct submission *sub, size_t i, int code, struct cail_err *err)
{
    if (sub->is_single || !err)
        return code;
    char inner[sizeof err->pointer];
    memcpy(inner, err->pointer, sizeof inner);
    snprintf(err->pointer, sizeof err->pointer, "/%zu%.140s", i, inner);
    return code;
}

char *submit_params(const char *params, const char *ref, bool worktree, const struct recipe *r)
{
    bool has = false;
    for (size_t i = 0; i < r->n_params; i++)
        has |= strcmp(r->param[i].name, "ref") == 0;
    ref = ref ? ref : worktree ? "HEAD" : NULL;
    if (!ref || !has)
        return mem_strdup(params);
    CLEANUP(json_decrefp) json_t *v = NULL;
    if (!params || json_read(params, strlen(params), &v, NULL))
        v = json_object();
    if (!json_object_get(v, "ref"))
        json_object_set_new(v, "ref", json_string(ref));
    return json_text(v);
}

/* What the job as a whole asks, the recipe's words standing in for what was not said. */
static void merge_needs(struct job_request *rq, const struct recipe *r)
{
    struct needs *n = &rq->job->needs;
    if (!rq->said_needs) {
        needs_copy(n, &r->needs);
        return;
    }
    if (!rq->said_cpus)
        n->cpus = r->needs.cpus;
    if (!n->gpus)
        n->gpus = r->needs.gpus;
    if (!n->gpu_model && !n->gpu_uuid)
        model_set(&n->gpu_model, r->needs.gpu_model);
    if (!n->gpu_memory_mib && !n->gpu_uuid)
        n->gpu_memory_mib = r->needs.gpu_memory_mib;
    if (!n->memory_mib)
        n->memory_mib = r->needs.memory_mib;
    if (n->exclusive == EXCLUSIVE_NONE)
        n->exclusive = r->needs.exclusive;
}

/* A step's own needs; an explicit number of cpus in the request also bounds the steps that would
 * take all, and which cards the request wants is said to the steps that use any. */
static void step_needs(const struct job_request *rq, const struct recipe_step *step,
                       struct needs *ret)
{
    needs_copy(ret, step->has_needs ? &step->needs : &rq->job->needs);
    if (step->has_needs && rq->said_cpus && step->needs.cpus == CPUS_ALL)
        ret->cpus = rq->job->needs.cpus;
    if (!ret->gpus || !step->has_needs)
        return;
    const struct needs *said = &rq->job->needs;
    if (said->gpu_model)
        model_set(&ret->gpu_model, said->gpu_model);
    if (said->gpu_memory_mib)
        ret->gpu_memory_mib = said->gpu_memory_mib;
    if (said->gpu_uuid) {
        model_set(&ret->gpu_uuid, said->gpu_uuid);
        ret->gpus = said->gpus;
    }
}

/* While the probe has not said which cards there are, a wish for cards is taken on trust. */
static int possible(struct engine *e, struct needs *needs, struct cail_err *err)
{
    bool known = cards_are_known(e);
    int rc = known ? sched_name_cards(e->sched, needs, err) : 0;
    struct needs n = *needs; /* borrows its texts */
    if (!known)
        n.gpus = 0;
    return rc ? rc : sched_possible(e->sched, &n, err);
}

/* Which cards has no column of its own: it stands in the spec. */
static void put_step_needs(struct str *spec, const struct needs *n, size_t at)
{
    struct jw w = JW(spec);
    str_adds(spec, at ? "," : spec->len ? ",\"step_needs\":[" : "\"step_needs\":[");
    needs_doc(&w, n);
}

static int seal_recipe(struct engine *e, struct job_request *rq, struct cail_err *err)
{
    struct job *j = rq->job;
    const struct recipe *r = catalogue_find(e->catalogue, j->recipe);
    if (!r) {
        const char *near = catalogue_near(e->catalogue, j->recipe);
        int rc =
            err_set_at(err, E_UNKNOWN_RECIPE, "/recipe", "there is no recipe \"%s\"", j->recipe);
        if (near)
            err_hint(err, "did you mean \"%s\"? GET /recipes lists them", near);
        else
            err_hint(err, "GET /recipes (cail recipes) lists them");
        return rc;
    }
    CLEANUP(mem_freep)
    char *given = submit_params(rq->params, rq->source_ref, rq->source_worktree, r);
    CLEANUP(mem_freep) char *params = NULL;
    int rc = recipe_resolve(r, given, &params, err);
    if (rc)
        return rc;
    if (!rq->said_kind)
        j->kind = r->kind;
    if (rq->profile && profile_check(rq->profile, r, err))
        return E_IMPOSSIBLE;
    if (rq->profile)
        j->kind = KIND_CHECK; /* never a measurement */
    if (!rq->said_timeout && r->timeout_s)
        j->timeout_s = r->timeout_s;
    if (!rq->said_retry && r->max_tries > 1) {
        j->max_tries = r->max_tries;
        j->retry_on = r->retry_on;
        j->backoff_s = r->backoff_s;
    }
    merge_needs(rq, r);
    const char *names[JOB_STEPS_MAX];
    struct str *s = &rq->spec;
    struct needs first = {0};
    size_t first_step = rq->part == PART_MEASURE ? r->n_steps - 1 : 0;
    if (rq->part == PART_PREPARE && r->n_steps == 1)
        str_addf(s, "%s\"prepare_only\":true", s->len ? "," : "");
    for (size_t i = 0; i < r->n_steps; i++) {
        struct needs n = {0};
        step_needs(rq, &r->step[i], &n);
        rc = rc ? rc : possible(e, &n, err);
        put_step_needs(s, &n, i);
        if (i == first_step)
            needs_copy(&first, &n);
        needs_done(&n);
        names[i] = r->step[i].name;
    }
    str_addf(s, "],\"recipe_version\":\"%s\"", r->version);
    if (r->idle_timeout_s && !strstr(s->p, "\"idle_timeout_s\""))
        str_addf(s, ",\"idle_timeout_s\":%lld", (long long)r->idle_timeout_s);
    needs_copy(&j->needs, &first);
    needs_done(&first);
    job_request_seal(rq, params, names, r->n_steps);
    j->step = (int32_t)first_step;
    if (rq->part == PART_PREPARE && r->n_steps > 1)
        j->n_steps--;
    return rc;
}

static int seal(struct engine *e, struct job_request *rq, struct cail_err *err)
{
    int unfit = rq->has_container ? containers_check(e, rq, err) : 0;
    if (unfit)
        return unfit;
    if (rq->job->recipe)
        return seal_recipe(e, rq, err);
    if (rq->profile && profile_check(rq->profile, NULL, err))
        return E_IMPOSSIBLE;
    if (rq->profile)
        rq->job->kind = KIND_CHECK; /* never a measurement */
    if (rq->job->kind == KIND_BUILD && !rq->said_cpus)
        rq->job->needs.cpus = CPUS_ALL;
    int rc = possible(e, &rq->job->needs, err);
    if (rq->job->needs.gpu_uuid) {
        put_step_needs(&rq->spec, &rq->job->needs, 0);
        str_addc(&rq->spec, ']');
    }
    job_request_seal(rq, NULL, NULL, 0);
    return rc;
}

/* 1 = the states of jobs outside memory are wanted first. */
static int check_after(struct engine *e, const struct job_request *rq,
                       const struct engine_known_states *states, struct cail_err *err)
{
    for (int32_t i = 0; i < rq->job->n_after; i++) {
        int64_t id = rq->job->after[i].job;
        if (rq->after_ref[i] >= 0 || engine_job(e, id))
            continue;
        bool found = false;
        for (size_t k = 0; states && k < states->n; k++)
            found |= states->id[k] == id && states->state[k] >= 0;
        if (found)
            continue;
        if (!states && id <= e->ids.job)
            return -1;
        char at[48];
        snprintf(at, sizeof at, "/after/%d/job", (int)i);
        return err_set_at(err, E_BAD_FIELD, at, "there is no job %lld", (long long)id);
    }
    return 0;
}

static char *user_name(uid_t uid)
{
    struct passwd pw, *found = NULL;
    char buf[4096];
    if (getpwuid_r(uid, &pw, buf, sizeof buf, &found) == 0 && found)
        return mem_strdup(found->pw_name);
    return mem_printf("%u", (unsigned)uid);
}

static char *owned_key(uid_t uid, const char *key)
{
    return mem_printf("%u:%s", (unsigned)uid, key);
}

int engine_key_seen(struct engine *e, uid_t uid, const char *key, const char *body_sha256,
                    struct idem_made *ret, struct cail_err *err)
{
    CLEANUP(mem_freep) char *owned = owned_key(uid, key);
    struct idem *i;
    *ret = (struct idem_made){0};
    HASH_FIND(hh, e->idems, owned, strlen(owned), i);
    if (!i)
        return 0;
    *ret = i->made;
    if (strcmp(i->body_sha256, body_sha256) == 0)
        return 0;
    bool job = ret->job || ret->group;
    return err_set(err, E_IDEMPOTENCY,
                   "this Idempotency-Key was used for another request (%s %lld)",
                   job               ? "job"
                   : ret->comparison ? "comparison"
                                     : "bisection",
                   (long long)(ret->job + ret->group + ret->comparison + ret->bisection));
}

void submit_key_loaded(struct engine *e, const char *key, const char *sha,
                       const struct idem_made *made, int64_t at_us)
{
    struct idem *i = mem_zalloc(sizeof *i);
    i->key = mem_strdup(key);
    snprintf(i->body_sha256, sizeof i->body_sha256, "%s", sha);
    i->made = *made;
    i->at_us = at_us;
    HASH_ADD_KEYPTR(hh, e->idems, i->key, strlen(i->key), i);
}

void engine_key_keep(struct engine *e, uid_t uid, const char *key, const char *body_sha256,
                     const struct idem_made *made)
{
    CLEANUP(mem_freep) char *owned = owned_key(uid, key);
    int64_t now_us = clock_wall_us();
    submit_key_loaded(e, owned, body_sha256, made, now_us);
    store_put_idem(pump_batch(e), owned, body_sha256, made, now_us);
}

static int check_room(struct engine *e, size_t n, struct cail_err *err)
{
    if (e->disk_full)
        return err_set(err, E_DISK_FULL,
                       "the disk of %s is full: nothing new is taken until there "
                       "is space",
                       e->config.state_dir);
    if (e->draining || e->closing)
        return err_set(err, E_UNAVAILABLE,
                       "the queue is draining: nothing new is taken "
                       "(cail queue resume)");
    if (e->n_live + (int64_t)n > e->config.jobs_live_max)
        return err_set(err, E_QUEUE_FULL, "%lld jobs are queued or running; at most %d are kept",
                       (long long)e->n_live, e->config.jobs_live_max);
    return 0;
}

static struct group *make_group(struct engine *e, const struct submission *sub, int64_t now)
{
    struct group *g = mem_zalloc(sizeof *g);
    g->id = ++e->ids.group;
    g->name = mem_strdup(sub->group_name ? sub->group_name : sub->req[0].job->name);
    g->size = (int32_t)sub->n;
    g->max_parallel = sub->max_parallel;
    g->fail_fast = sub->fail_fast;
    g->created_at_us = now;
    HASH_ADD(hh, e->groups, id, sizeof g->id, g);
    store_put_group(pump_batch(e), g, true);
    sched_set_group(e->sched, g->id, g->max_parallel, g->fail_fast);
    return g;
}

static void settle_known(struct engine *e, struct job *j, const struct engine_known_states *states)
{
    for (int32_t i = 0; i < j->n_after; i++) {
        int64_t id = j->after[i].job;
        struct job *on = engine_job(e, id);
        if (on) {
            if (job_state_is_terminal(on->state) || on->ready)
                sched_settle(e->sched, j, id, on->state, on->ready);
            continue;
        }
        for (size_t k = 0; states && k < states->n; k++)
            if (states->id[k] == id)
                sched_settle(e->sched, j, id, (enum job_state)states->state[k], false);
    }
}

static struct job *take(struct engine *e, struct job_request *rq, int64_t first_id, uid_t uid,
                        const char *user, int64_t now, struct group *g, size_t index)
{
    struct job *j = rq->job;
    rq->job = NULL;
    j->id = ++e->ids.job;
    j->uid = uid;
    j->user = mem_strdup(user);
    j->created_at_us = j->queued_at_us = now;
    j->state = rq->hold ? JOB_HELD : JOB_QUEUED;
    if (rq->hold)
        model_set(&j->reason, "held");
    for (int32_t i = 0; i < j->n_after; i++)
        if (rq->after_ref[i] >= 0)
            j->after[i].job = first_id + rq->after_ref[i];
    if (g) {
        j->group = g->id;
        j->index = (int32_t)index;
        g->counts[j->state]++;
    }
    jobs_add(e, j);
    queue_named(e, j->queue);
    store_put_job(pump_batch(e), j, true);
    if (j->n_after)
        store_put_after(pump_batch(e), j);
    if (rq->n_labels)
        store_put_labels(pump_batch(e), j->id, (const char *const *)rq->label_key,
                         (const char *const *)rq->label_value, rq->n_labels);
    return j;
}

const char *submit_user(uid_t uid)
{
    static uid_t last_uid;
    static char *last; /* the loop thread's own; one name is kept */
    if (!last || last_uid != uid) {
        free(last);
        last = user_name(uid);
        last_uid = uid;
    }
    return last;
}

int submit_check(struct engine *e, struct submission *sub, const struct engine_known_states *states,
                 struct engine_submitted *ret, struct cail_err *err)
{
    int rc = check_room(e, sub->n, err);
    for (size_t i = 0; !rc && i < sub->n; i++) {
        rc = check_after(e, &sub->req[i], states, err);
        if (rc < 0) {
            ret->needs_states = true;
            return -1;
        }
        if (!rc)
            rc = seal(e, &sub->req[i], err);
        if (rc)
            return at_element(sub, i, rc, err);
    }
    return rc;
}

void submit_take(struct engine *e, struct submission *sub, uid_t uid,
                 const struct engine_known_states *states, struct engine_submitted *ret)
{
    int64_t now = clock_wall_us(), first_id = e->ids.job + 1;
    const char *user = submit_user(uid);
    struct group *g = sub->is_array ? make_group(e, sub, now) : NULL;
    ret->job = mem_array(sub->n, sizeof *ret->job);
    ret->group = g;
    for (size_t i = 0; i < sub->n; i++)
        ret->job[ret->n++] = take(e, &sub->req[i], first_id, uid, user, now, g, i);
    for (size_t i = 0; i < ret->n; i++) {
        struct job *j = ret->job[i];
        sched_add(e->sched, j);
        settle_known(e, j, states);
        job_announce(e, j);
    }
    e->n_live += (int64_t)ret->n;
    e->stats.submitted += ret->n;
    e->dirty = true;
}

int engine_submit(struct engine *e, struct submission *sub, uid_t uid,
                  const struct engine_known_states *states, struct engine_submitted *ret,
                  struct cail_err *err)
{
    struct uses *uses = NULL;
    memset(ret, 0, sizeof *ret);
    int rc = submit_check(e, sub, states, ret, err);
    if (!rc)
        rc = uses_check(e, sub, &uses, err);
    if (rc)
        return rc < 0 ? 0 : rc;
    uses_take(e, uses, uid);
    submit_take(e, sub, uid, states, ret);
    return 0;
}
