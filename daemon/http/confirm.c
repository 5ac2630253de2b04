#include "http/confirm.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "http/api_body.h"
#include "wire/comparison_request.h"
#include "wire/job_spec.h"
#include "wire/json.h"

enum { GLOB_MAX = 200, LOOK_SERIES_MAX = 64, LOOKS_WAITING_MAX = 256, LOOK_POINTS = 1000 };

void confirm_done(struct confirm *c)
{
    free(c->before);
    free(c->after);
    free(c->recipe);
    free(c->params);
    free(c->build_root);
    free(c->name);
    for (size_t i = 0; i < c->n_series; i++)
        free(c->metric[i]);
    *c = (struct confirm){0};
}

/* --- a change as a comparison --- */

/* "benchmark/metric" as a glob that fits itself alone. */
static char *glob_of(const struct series *s)
{
    struct str g = STR_INIT;
    CLEANUP(mem_freep) char *both = mem_printf("%s/%s", s->benchmark, s->metric);
    for (const char *p = both; *p; p++) {
        if (strchr("*?[\\", *p))
            str_addc(&g, '\\');
        str_addc(&g, *p);
    }
    if (g.len <= GLOB_MAX)
        return str_take(&g);
    str_done(&g);
    return mem_strdup(s->metric);
}

static char *params_without_ref(const char *params)
{
    CLEANUP(json_decrefp) json_t *v = NULL;
    if (!params || json_read(params, strlen(params), &v, NULL))
        return mem_strdup("{}");
    json_object_del(v, "ref");
    return json_text(v);
}

/* How the newest run of the later commit was asked for. */
static int how_it_was_run(struct store_reader *r, int64_t job, struct confirm *c,
                          struct cail_err *err)
{
    struct job_record rec = {0};
    struct job_spec spec;
    int rc = store_read_job(r, job, 0, &rec, err);
    if (rc)
        return rc;
    if (!rec.job->recipe)
        rc = err_set(err, E_CONFLICT, "no recipe measured it, so its commits cannot be built");
    if (!rc)
        rc = job_spec_read(rec.job->spec, &spec, err);
    if (!rc) {
        c->recipe = mem_strdup(rec.job->recipe);
        c->params = params_without_ref(spec.params);
        c->build_root = mem_strdup(spec.build_root);
        job_spec_done(&spec);
    }
    job_record_done(&rec);
    return rc;
}

int confirm_make(struct store_reader *r, const struct view *v, size_t i, struct confirm *ret,
                 struct cail_err *err)
{
    const struct view_point *after = &v->point[v->of_value[v->history.step[i].index]];
    const struct view_point *before = &v->point[v->of_value[v->history.step[i].index - 1]];
    *ret = (struct confirm){0};
    if (!before->newest->commit.sha || !after->newest->commit.sha)
        return err_set(err, E_CONFLICT, "its two points are not commits, so they cannot be built");
    int rc = how_it_was_run(r, after->newest->job_id, ret, err);
    if (rc) {
        confirm_done(ret);
        return rc;
    }
    ret->before = mem_strdup(before->key);
    ret->after = mem_strdup(after->key);
    ret->name = mem_printf("%.60s %.40s: %.12s against %.12s", v->series.benchmark,
                           v->series.metric, before->key, after->key);
    ret->series[0] = v->series.id;
    ret->metric[0] = glob_of(&v->series);
    ret->n_series = 1;
    return 0;
}

static void put_body(const struct confirm *c, struct str *out)
{
    struct jw w = JW(out);
    jw_open(&w, '{');
    jw_kstr(&w, "name", c->name);
    jw_kstr(&w, "recipe", c->recipe);
    jw_key(&w, "params");
    jw_raw(&w, c->params, strlen(c->params));
    if (c->build_root)
        jw_kstr(&w, "build_root", c->build_root);
    for (int i = 0; i < SIDE_COUNT; i++) {
        jw_key(&w, side_words[i]);
        jw_open(&w, '{');
        jw_kstr(&w, "ref", i ? c->after : c->before);
        jw_close(&w, '}');
    }
    jw_key(&w, "metrics");
    jw_open(&w, '[');
    for (size_t i = 0; i < c->n_series; i++)
        jw_str(&w, c->metric[i]);
    jw_close(&w, ']');
    jw_close(&w, '}');
}

int confirm_queue(struct api *api, const struct confirm *c, uid_t uid, struct comparison **ret,
                  struct cail_err *err)
{
    CLEANUP(str_done) struct str body = STR_INIT;
    struct comparison_request cr;
    *ret = NULL;
    put_body(c, &body);
    int rc = comparison_request_read(body.p, body.len, &cr, err);
    if (rc)
        return rc;
    rc = engine_compare(api->engine, &cr, body.p, body.len, uid, ret, err);
    comparison_request_done(&cr);
    for (size_t i = 0; rc == 0 && i < c->n_series; i++) {
        struct change_check check = {
            .before_point = c->before, .after_point = c->after, .comparison = (*ret)->id};
        store_put_change_check(engine_open_batch(api->engine), c->series[i], &check);
    }
    return rc;
}

/* --- of itself: looks at series that got a point --- */

struct confirm_look {
    struct api *api;
    uid_t uid;
    uint64_t batch; /* its points are stored when this is */
    int64_t series[LOOK_SERIES_MAX];
    size_t n;
    struct confirm found;
    bool has_found;
    struct confirm_look *next;
};

/* The newest change, when it is a tentative one that nobody has spoken of or measured. */
static bool wants_check(const struct view *v, size_t *ret_step)
{
    size_t n = v->history.n_steps;
    if (!n || !v->history.step[n - 1].tentative || !view_direction(v, n - 1))
        return false;
    const struct change_state_row *said = view_state(v, n - 1);
    *ret_step = n - 1;
    return (!said || said->state == CHANGE_OPEN) && !view_check(v, n - 1);
}

/* The first that is found decides which two commits; others that changed there are looked at too.
 */
static void add_found(struct confirm_look *l, struct confirm *c)
{
    struct confirm *f = &l->found;
    if (!l->has_found) {
        *f = *c;
        l->has_found = true;
        return;
    }
    if (f->n_series < CONFIRM_SERIES_MAX && strcmp(f->before, c->before) == 0 &&
        strcmp(f->after, c->after) == 0 && strcmp(f->recipe, c->recipe) == 0 &&
        strcmp(f->params, c->params) == 0) {
        f->series[f->n_series] = c->series[0];
        f->metric[f->n_series++] = c->metric[0];
        c->metric[0] = NULL;
    }
    confirm_done(c);
}

static int look_at(struct confirm_look *l, struct store_reader *r, int64_t id, struct cail_err *err)
{
    struct series_filter f = {.limit = 1, .series_id = id, .points_min = 6};
    struct view_wish all = {.limit = LOOK_POINTS};
    struct series_rows rows;
    struct view v;
    size_t step;
    int rc = store_read_series(r, &f, &rows, err);
    if (rc)
        return rc;
    if (rows.n && rows.series[0].recipe &&
        (rc = view_load(r, &rows.series[0], &all, &v, err)) == 0) {
        struct confirm c;
        struct cail_err why;
        if (wants_check(&v, &step) && confirm_make(r, &v, step, &c, &why) == 0)
            add_found(l, &c);
        view_done(&v);
    }
    series_rows_done(&rows);
    return rc;
}

static void look_run(void *arg, struct store_reader *r)
{
    struct confirm_look *l = arg;
    struct cail_err err;
    for (size_t i = 0; i < l->n; i++)
        if (look_at(l, r, l->series[i], &err))
            log_warn("a change point is not looked at: %s", err.text);
}

static void look_free(struct confirm_look *l)
{
    if (l->has_found)
        confirm_done(&l->found);
    free(l);
}

static void look_done(void *arg)
{
    struct confirm_look *l = arg;
    struct comparison *c;
    struct cail_err err;
    if (l->has_found && confirm_queue(l->api, &l->found, l->uid, &c, &err))
        log_info("the change between %.12s and %.12s is not measured: %s", l->found.before,
                 l->found.after, err.text);
    look_free(l);
}

void api_measured(struct api *api, uid_t uid, const int64_t *series, size_t n)
{
    size_t waiting = 0;
    struct confirm_look **last = &api->looks;
    for (; *last; last = &(*last)->next)
        waiting++;
    if (!api->confirms || waiting >= LOOKS_WAITING_MAX)
        return;
    struct confirm_look *l = *last = mem_zalloc(sizeof *l);
    l->api = api;
    l->uid = uid;
    l->batch = engine_batch(api->engine);
    l->n = n < LOOK_SERIES_MAX ? n : LOOK_SERIES_MAX;
    memcpy(l->series, series, l->n * sizeof *series);
}

void api_durable(struct api *api, uint64_t batch)
{
    while (api->looks && api->looks->batch <= batch) {
        struct confirm_look *l = api->looks;
        api->looks = l->next;
        if (!engine_read(api->engine, look_run, look_done, l))
            look_free(l); /* the next point looks again */
    }
}

void api_forget_looks(struct api *api)
{
    while (api->looks) {
        struct confirm_look *l = api->looks;
        api->looks = l->next;
        look_free(l);
    }
}

/* --- by hand --- */

API_LOAD(load_confirm)
{
    int rc = API_NO_QUERY(rq, err);
    struct confirm *c = mem_zalloc(sizeof *c);
    if (rc == 0)
        rc = change_find(reader, rq->part[0], c, err);
    if (rc)
        free(c);
    else
        *ret = c;
    return rc;
}

void confirm_loaded_free(void *loaded)
{
    if (loaded)
        confirm_done(loaded);
    free(loaded);
}

API_SERVE(api_confirm)
{
    struct api *api = app;
    struct comparison *c;
    json_t *body = NULL;
    (void)ret_wait_key;
    int rc = body_object(rq, NULL, 0, &body, err);
    json_decref(body);
    if (rc == 0)
        rc = confirm_queue(api, rq->loaded, rq->peer.uid, &c, err);
    if (rc)
        return rc;
    struct jw w = JW(&reply->body);
    comparison_summary(&w, c);
    api_json_end(reply);
    api_from_memory(api, reply);
    reply->status = 201;
    api_location(reply, "comparisons", c->id);
    return 0;
}
