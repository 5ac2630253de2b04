#include "engine/bisect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/jw.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/internal.h"
#include "trial/bisect.h"
#include "wire/json.h"

/* --- steps: rows <-> memory --- */

static json_t *steps_of(const char *text)
{
    json_t *v = NULL;
    return json_read(text, strlen(text), &v, NULL) ? json_array() : v;
}

static struct bisect_step *read_steps(const json_t *list, size_t *ret_n)
{
    struct bisect_step *step = mem_array(json_array_size(list) + 1, sizeof *step);
    size_t i;
    json_t *one;
    json_array_foreach((json_t *)(uintptr_t)list, i, one) {
        const char *word = json_string_value(json_object_get(one, "answer"));
        int answer = word ? word_find(word, bisect_answer_words, BISECT_ANSWER_COUNT) : -1;
        step[i] =
            (struct bisect_step){.good = (int32_t)json_integer_value(json_object_get(one, "good")),
                                 .at = (int32_t)json_integer_value(json_object_get(one, "at")),
                                 .answer = answer < 0 ? BISECT_FAILED : (enum bisect_answer)answer};
    }
    *ret_n = json_array_size(list);
    return step;
}

static void what_next(const struct bisection *b, int32_t n, struct bisect_next *ret)
{
    CLEANUP(json_decrefp) json_t *list = steps_of(b->steps);
    size_t n_steps;
    struct bisect_step *step = read_steps(list, &n_steps);
    bisect_next(n, step, n_steps, ret);
    free(step);
}

/* The figure that the verdict is about: the first row that has it, for they come worst first. */
static void put_figure(json_t *step, const struct comparison *c)
{
    static const char *const keys[] = {"benchmark", "params",    "metric",
                                       "effect",    "effect_lo", "effect_hi"};
    CLEANUP(json_decrefp) json_t *v = NULL;
    size_t i;
    json_t *row;
    if (!c->judged || c->verdict < 0 || json_read(c->judged, strlen(c->judged), &v, NULL))
        return;
    json_array_foreach(json_object_get(v, "rows"), i, row) {
        const char *verdict = json_string_value(json_object_get(row, "verdict"));
        if (!verdict || strcmp(verdict, verdict_words[c->verdict]) != 0)
            continue;
        for (size_t k = 0; k < ARRAY_LEN(keys); k++)
            if (json_object_get(row, keys[k]))
                json_object_set(step, keys[k], json_object_get(row, keys[k]));
        return;
    }
}

static void add_step(struct bisection *b, const struct bisect_next *asked,
                     const struct bisection_request *rq, const struct comparison *c,
                     enum bisect_answer answer)
{
    CLEANUP(json_decrefp) json_t *list = steps_of(b->steps);
    json_t *step = json_pack(
        "{s:I,s:i,s:i,s:s,s:s,s:b,s:s,s:s?,s:s?}", "comparison", (json_int_t)c->id, "good",
        (int)asked->good, "at", (int)asked->at, "base", rq->commit[asked->good], "head",
        rq->commit[asked->at], "again", asked->again, "answer", bisect_answer_words[answer],
        "verdict", c->verdict < 0 ? NULL : verdict_words[c->verdict], "reason", c->reason);
    put_figure(step, c);
    json_array_append_new(list, step);
    free(b->steps);
    b->steps = json_text(list);
}

/* --- memory --- */

struct bisection *engine_bisection(struct engine *e, int64_t id)
{
    struct bisection *b;
    HASH_FIND(hh, e->bisections, &id, sizeof id, b);
    return b;
}

static void touched(struct engine *e, struct bisection *b)
{
    store_put_bisection(pump_batch(e), b);
    pump_effect(e, EFFECT_WAKE, b->id, 0);
    if (!feed_has_readers(e->feed))
        return;
    struct str s = STR_INIT;
    struct jw w = JW(&s);
    bisection_doc(&w, b, NULL, false);
    size_t len = s.len;
    pump_publish(e, "bisection", 0, str_take(&s), len);
}

static void forget(struct engine *e, struct bisection *b)
{
    HASH_DEL(e->bisections, b);
    if (b->chain)
        bisection_request_done(b->chain);
    free(b->chain);
    bisection_free(b);
}

/* A long line is a megabyte of JSON: decoded once. NULL: it cannot be read back. */
static const struct bisection_request *request_of(struct bisection *b, struct cail_err *err)
{
    if (b->chain)
        return b->chain;
    b->chain = mem_zalloc(sizeof(struct bisection_request));
    if (bisection_request_read(b->spec, strlen(b->spec), b->chain, err)) {
        free(b->chain);
        b->chain = NULL;
    }
    return b->chain;
}

/* It stays until its row is stored: who asks meanwhile must not be shown what was. */
static void finish(struct engine *e, struct bisection *b, enum bisection_state to,
                   const char *reason)
{
    b->state = to;
    b->finished_at_us = clock_wall_us();
    b->comparison = 0;
    if (reason)
        model_set(&b->reason, reason);
    pump_effect(e, EFFECT_BISECT, b->id, 0); /* gone before those who wait are woken */
    touched(e, b);
}

void bisect_drop_all(struct engine *e)
{
    struct bisection *b, *tmp;
    HASH_ITER(hh, e->bisections, b, tmp)
        forget(e, b);
}

void bisect_loaded(struct engine *e, struct bisection *b)
{
    HASH_ADD(hh, e->bisections, id, sizeof b->id, b);
}

/* One whose comparison is gone although it did not tell: the answer is asked for again. */
void bisect_resume(struct engine *e)
{
    for (struct bisection *b = e->bisections; b; b = b->hh.next) {
        if (b->comparison && !engine_comparison(e, b->comparison))
            b->comparison = 0;
        if (!b->comparison && b->state == BISECTION_RUNNING)
            pump_effect(e, EFFECT_BISECT, b->id, 0);
    }
}

/* --- the chain --- */

static int begin_comparison(struct engine *e, struct bisection *b,
                            const struct bisection_request *rq, const struct bisect_next *next,
                            struct cail_err *err)
{
    CLEANUP(str_done) struct str body = STR_INIT;
    struct comparison_request cr;
    struct comparison *c = NULL;
    bisection_comparison(rq, b->id, next->good, next->at, next->again, b->pr, &body);
    int rc = comparison_request_read(body.p, body.len, &cr, err);
    if (rc)
        return rc;
    rc = engine_compare(e, &cr, body.p, body.len, b->uid, &c, err);
    comparison_request_done(&cr);
    if (!rc)
        b->comparison = c->id;
    return rc;
}

static bool is_for_later(int rc)
{
    return rc == E_DISK_FULL || rc == E_UNAVAILABLE || rc == E_QUEUE_FULL;
}

/* The next comparison, or the end. An error leaves b as it was. */
static int advance(struct engine *e, struct bisection *b, const struct bisection_request *rq,
                   struct cail_err *err)
{
    struct bisect_next next;
    what_next(b, rq->n_commits, &next);
    if (next.action == BISECT_ASK) {
        int rc = begin_comparison(e, b, rq, &next, err);
        if (!rc)
            touched(e, b);
        return rc;
    }
    if (next.action == BISECT_FOUND)
        model_set(&b->culprit, rq->commit[next.bad]);
    finish(e, b, BISECTION_FINISHED, next.why);
    return 0;
}

void bisect_go_on(struct engine *e, int64_t id)
{
    struct bisection *b = engine_bisection(e, id);
    struct cail_err err;
    if (b && b->state != BISECTION_RUNNING)
        forget(e, b);
    if (!engine_bisection(e, id) || b->comparison || e->closing || e->failed)
        return;
    const struct bisection_request *rq = request_of(b, &err);
    int rc = rq ? advance(e, b, rq, &err) : E_STORE;
    if (rc && !is_for_later(rc))
        finish(e, b, BISECTION_FAILED, err.text);
    else if (rc)
        log_warn("bisection %lld waits: %s", (long long)id, err.text);
}

static struct bisection *bisection_of(struct engine *e, int64_t comparison)
{
    for (struct bisection *b = e->bisections; b; b = b->hh.next)
        if (b->comparison == comparison)
            return b;
    return NULL;
}

/* Its own job failed, not the head's: no other head would help. */
static bool base_failed(struct engine *e, const struct comparison *c)
{
    const struct job *base = c->base_job ? engine_job(e, c->base_job) : NULL;
    return c->base_job != c->head_job && base && job_state_is_terminal(base->state) &&
           base->state != JOB_SUCCEEDED;
}

void bisect_comparison_ended(struct engine *e, const struct comparison *c)
{
    struct bisection *b = bisection_of(e, c->id);
    struct bisect_next asked;
    struct cail_err err;
    if (!b)
        return;
    const struct bisection_request *rq = request_of(b, &err);
    if (c->state == COMPARISON_CANCELED || base_failed(e, c)) {
        bool canceled = c->state == COMPARISON_CANCELED;
        finish(e, b, canceled ? BISECTION_CANCELED : BISECTION_FAILED,
               canceled ? "canceled" : c->reason);
        return;
    }
    if (!rq) {
        finish(e, b, BISECTION_FAILED, err.text);
        return;
    }
    what_next(b, rq->n_commits, &asked);
    bool failed = c->state != COMPARISON_FINISHED;
    add_step(b, &asked, rq, c, failed ? BISECT_FAILED : bisect_answer_of(c->verdict));
    b->comparison = 0;
    touched(e, b);
    pump_effect(e, EFFECT_BISECT, b->id, 0); /* not from inside the end of its jobs */
}

/* --- asked for --- */

int engine_bisect(struct engine *e, const struct bisection_request *rq, const char *pr, uid_t uid,
                  struct bisection **ret, struct cail_err *err)
{
    struct bisection *b = mem_zalloc(sizeof *b);
    b->id = e->ids.bisection + 1;
    b->name = rq->name ? mem_strdup(rq->name)
                       : mem_printf("%s: %.12s to %.12s", rq->recipe, rq->commit[0],
                                    rq->commit[rq->n_commits - 1]);
    b->recipe = mem_strdup(rq->recipe);
    b->spec = json_text(rq->doc);
    b->steps = mem_strdup("[]");
    b->uid = uid;
    b->user = mem_strdup(submit_user(uid));
    b->pr = mem_strdup(pr);
    b->created_at_us = clock_wall_us();
    HASH_ADD(hh, e->bisections, id, sizeof b->id, b);
    int rc = advance(e, b, rq, err);
    if (rc) {
        forget(e, b);
        return rc;
    }
    e->ids.bisection++;
    *ret = b;
    return 0;
}

int engine_bisection_cancel(struct engine *e, struct bisection *b, int64_t grace_ms,
                            struct cail_err *err)
{
    struct comparison *c = b->comparison ? engine_comparison(e, b->comparison) : NULL;
    if (c) /* its end is ours, when its processes are gone */
        return engine_comparison_cancel(e, c, grace_ms, err);
    finish(e, b, BISECTION_CANCELED, "canceled");
    return 0;
}

/* --- shown --- */

static void put_commits(struct jw *w, const char *key, const struct bisection_request *rq,
                        int32_t from, int32_t to)
{
    jw_key(w, key);
    jw_open(w, '[');
    for (int32_t i = from; i < to; i++)
        jw_str(w, rq->commit[i]);
    jw_close(w, ']');
}

static void put_culprit(struct jw *w, const struct bisection *b, const struct commit_info *known)
{
    CLEANUP(json_decrefp) json_t *list = steps_of(b->steps);
    const json_t *last = NULL;
    size_t i;
    json_t *one;
    jw_key(w, "culprit");
    if (!b->culprit) {
        jw_null(w);
        return;
    }
    json_array_foreach(list, i, one) {
        const char *head = json_string_value(json_object_get(one, "head"));
        const char *answer = json_string_value(json_object_get(one, "answer"));
        if (head && answer && !strcmp(head, b->culprit) && !strcmp(answer, "bad"))
            last = one;
    }
    jw_open(w, '{');
    jw_kstr(w, "sha", b->culprit);
    jw_kstr(w, "author", known ? known->author : NULL);
    jw_kstr(w, "subject", known ? known->subject : NULL);
    jw_ktime(w, "committed_at", known ? known->committed_at_us : 0);
    const json_t *effect = json_object_get(last, "effect");
    jw_key(w, "effect");
    if (json_is_number(effect))
        jw_real(w, json_number_value(effect));
    else
        jw_null(w);
    jw_close(w, '}');
}

void bisection_doc(struct jw *w, const struct bisection *b, const struct commit_info *culprit,
                   bool whole)
{
    struct bisection_request read = {0};
    const struct bisection_request *rq = b->chain ? b->chain : &read;
    struct bisect_next next;
    struct cail_err err;
    if (rq == &read && bisection_request_read(b->spec, strlen(b->spec), &read, &err))
        return;
    what_next(b, rq->n_commits, &next);
    jw_open(w, '{');
    jw_kint(w, "id", b->id);
    jw_kstr(w, "state", bisection_state_words[b->state]);
    jw_kstr(w, "name", b->name);
    jw_kstr(w, "recipe", b->recipe);
    jw_kstr(w, "metric", json_string_value(json_object_get(rq->doc, "metric")));
    jw_kstr(w, "benchmark", json_string_value(json_object_get(rq->doc, "benchmark")));
    jw_kstr(w, "good", rq->commit[next.good]);
    jw_kstr(w, "bad", rq->commit[next.bad]);
    jw_kint(w, "commits", rq->n_commits);
    jw_kint(w, "remaining", next.bad - next.good);
    jw_kint(w, "steps_left", next.action == BISECT_ASK ? next.left + 1 : 0);
    jw_key(w, "comparison");
    if (b->comparison)
        jw_int(w, b->comparison);
    else
        jw_null(w);
    jw_kstr(w, "asking", b->comparison ? rq->commit[next.at] : NULL);
    put_culprit(w, b, culprit);
    jw_kstr(w, "reason", b->reason);
    jw_kstr(w, "pr", b->pr);
    jw_kstr(w, "user", b->user);
    jw_ktime(w, "created_at", b->created_at_us);
    jw_ktime(w, "finished_at", b->finished_at_us);
    if (whole) {
        jw_key(w, "steps");
        jw_raw(w, b->steps, strlen(b->steps));
        put_commits(w, "suspects", rq, next.good + 1, next.bad + 1);
    }
    jw_close(w, '}');
    bisection_request_done(&read);
}
