/* A comparison as its rows say: measurements and results become a case, the case a judgement, the
 * judgement a document. All on the reader thread; nothing here looks at the engine. */
#include "engine/trial_view.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/jw.h"
#include "base/mem.h"
#include "wire/json.h"

enum { RESULTS_MAX = 2000000 };

/* --- series --- */

static struct trial_rule rule_of(const struct comparison_view *v)
{
    return (struct trial_rule){&v->rq, &v->plan, v->has_tests, v->asked};
}

/* Parameters in which the sides differ by request name no series: copies=40 is to be compared with
 * copies=44. */
static char *shared_params(const struct comparison_view *v, const char *params)
{
    CLEANUP(json_decrefp) json_t *p = NULL;
    const char *key;
    json_t *m;
    void *tmp;
    if (!v->own_params || json_read(params, strlen(params), &p, NULL))
        return mem_strdup(params);
    json_object_foreach_safe(p, tmp, key, m)
    {
        CLEANUP(mem_freep) char *word = mem_printf(",%s,", key);
        if (strstr(v->own_params, word))
            json_object_del(p, key);
    }
    return json_text(p);
}

static void find_own_params(struct comparison_view *v)
{
    CLEANUP(json_decrefp) json_t *base = NULL;
    CLEANUP(json_decrefp) json_t *head = NULL;
    struct str s = STR_INIT;
    const char *b = v->side[SIDE_BASE].params, *h = v->side[SIDE_HEAD].params, *key;
    json_t *m;
    if (!b || !h || json_read(b, strlen(b), &base, NULL) || json_read(h, strlen(h), &head, NULL))
        return;
    json_object_foreach(base, key, m)
        if (!json_equal(m, json_object_get(head, key)))
            str_addf(&s, "%s%s,", s.len ? "" : ",", key);
    v->own_params = s.len ? str_take(&s) : NULL;
}

static int32_t series_of(struct comparison_view *v, const struct result *r, bool by_itself)
{
    struct series_entry *s;
    char *params = shared_params(v, r->params);
    char *key = mem_printf("%s\n%s\n%s\n%s", r->benchmark, params, r->metric, r->unit);
    HASH_FIND_STR(v->entries, key, s);
    if (s) {
        free(key);
        free(params);
        return s->index;
    }
    s = mem_zalloc(sizeof *s);
    s->key = key;
    s->params = params;
    s->index = (int32_t)v->n_series;
    HASH_ADD_KEYPTR(hh, v->entries, s->key, strlen(s->key), s);
    if ((v->n_series & (v->n_series - 1)) == 0)
        v->series = mem_grow(v->series, v->n_series ? 2 * v->n_series : 1, sizeof *v->series);
    struct trial_rule rule = rule_of(v);
    v->series[v->n_series++] = (struct trial_series){
        .benchmark = r->benchmark,
        .params = params,
        .metric = r->metric,
        .unit = r->unit,
        .better = r->better,
        .kind = r->kind,
        .is_check = trial_is_check(&rule, r),
        .gates = trial_gates(&rule, r, by_itself),
        .min_effect = v->rq.min_effect[r->kind],
        .floor = NAN,
    };
    return s->index;
}

/* --- observations --- */

static void observe(struct comparison_view *v, const struct trial_obs *o)
{
    if ((v->n_obs & (v->n_obs - 1)) == 0)
        v->obs = mem_grow(v->obs, v->n_obs ? 2 * v->n_obs : 1, sizeof *v->obs);
    v->obs[v->n_obs++] = *o;
}

/* What cail-run measured of a process, as rows like any other. */
static const struct {
    const char *metric, *unit;
    enum metric_kind kind;
    bool gates; /* of commands that print no figures of their own */
} process_metrics[] = {
    {"wall_time", "s", METRIC_TIME, true},     {"cpu_time", "s", METRIC_TIME, false},
    {"peak_memory", "B", METRIC_COUNT, false}, {"instructions", "instructions", METRIC_COUNT, true},
    {"cycles", "cycles", METRIC_COUNT, false}, {"branch_misses", "misses", METRIC_COUNT, false},
};

static double process_value(const struct attempt_end *end, size_t i)
{
    const int64_t whole[] = {end->wall_us,       end->user_us + end->system_us,
                             end->max_rss_bytes, end->instructions,
                             end->cycles,        end->branch_misses};
    if (whole[i] < 0)
        return NAN;
    return i < 2 ? (double)whole[i] / 1e6 : (double)whole[i];
}

static void observe_process(struct comparison_view *v, const struct attempt *a,
                            const struct trial_obs *where)
{
    const char *name = v->rq.recipe ? v->rq.recipe : v->rq.name ? v->rq.name : "command";
    for (size_t i = 0; i < ARRAY_LEN(process_metrics); i++) {
        double value = process_value(&a->end, i);
        if (isnan(value))
            continue; /* no such counter on this machine */
        struct result r = {.benchmark = (char *)name,
                           .params = (char *)"{\"of\":\"process\"}",
                           .metric = (char *)process_metrics[i].metric,
                           .unit = (char *)process_metrics[i].unit,
                           .better = BETTER_LOWER,
                           .kind = process_metrics[i].kind};
        struct trial_obs o = *where;
        bool alone = !v->rq.recipe && !v->measure.n_results;
        o.series = series_of(v, &r, alone && process_metrics[i].gates);
        o.status = RESULT_OK;
        o.value = value;
        o.resolution = i < 2 ? 1e-6 : 1;
        observe(v, &o);
    }
}

/* Counts do without repetition what times need rounds for; a reader of times looks for them. */
static const char *counters_missing(const struct comparison_view *v)
{
    bool any = false;
    for (size_t i = 0; trial_plan_times(&v->plan) && i < v->measure.n_attempts; i++) {
        const struct attempt_end *end = &v->measure.attempt[i]->end;
        if (end->instructions >= 0)
            return NULL;
        any |= end->wall_us >= 0;
    }
    return any ? "instructions: this machine gives its processes no counter of them" : NULL;
}

static void observe_attempt(struct comparison_view *v, const struct attempt *a,
                            const struct trial_obs *where)
{
    const struct job_record *m = &v->measure;
    /* Results are in the order of their ids, so those of an attempt stand together. */
    size_t low = 0, high = m->n_results;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (m->result[mid].attempt_id < a->id)
            low = mid + 1;
        else
            high = mid;
    }
    for (size_t i = low; i < m->n_results && m->result[i].attempt_id == a->id; i++) {
        struct trial_obs o = *where;
        o.series = series_of(v, &m->result[i], true);
        o.status = m->result[i].status;
        o.value = m->result[i].value;
        observe(v, &o);
    }
    observe_process(v, a, where);
}

static const struct attempt *attempt_with(const struct job_record *rec, int64_t id)
{
    for (size_t i = 0; i < rec->n_attempts; i++)
        if (rec->attempt[i]->id == id)
            return rec->attempt[i];
    return NULL;
}

static void observe_half(struct comparison_view *v, size_t i)
{
    const struct trial_taken *k = &v->taken[i];
    const struct attempt *a = attempt_with(&v->measure, k->attempt_id);
    struct trial_obs where = {.batch = k->batch,
                              .round = k->round,
                              .seq = (int32_t)i,
                              .side = k->side,
                              .tainted = k->state == MEASUREMENT_TAINTED};
    if (a && attempt_state_is_terminal(a->state))
        observe_attempt(v, a, &where);
}

static void observe_rounds(struct comparison_view *v)
{
    size_t n = v->rec.n_measurements, base, head;
    int32_t last[2] = {-1, -1};
    for (size_t i = 0; i < n; i++)
        if (v->taken[i].batch < 2 && v->taken[i].round > last[v->taken[i].batch])
            last[v->taken[i].batch] = v->taken[i].round;
    for (int32_t batch = 0; batch < 2; batch++)
        for (int32_t round = 0; round <= last[batch]; round++)
            if (trial_pair(v->taken, n, batch, round, &base, &head)) {
                observe_half(v, base);
                observe_half(v, head);
            }
}

/* Sizes and other exact figures of the builds themselves. */
static void observe_builds(struct comparison_view *v)
{
    for (int side = 0; side < SIDE_COUNT; side++)
        for (size_t i = 0; v->has[side] && i < v->prepared[side].n_results; i++) {
            const struct result *r = &v->prepared[side].result[i];
            if (r->kind != METRIC_EXACT)
                continue;
            observe(v, &(struct trial_obs){.series = series_of(v, r, true),
                                           .side = (enum side)side,
                                           .status = r->status,
                                           .value = r->value});
        }
}

/* Two stored runs: each sample stands for itself. */
static void observe_stored(struct comparison_view *v)
{
    for (int side = 0; side < SIDE_COUNT; side++)
        for (size_t i = 0; i < v->prepared[side].n_results; i++) {
            const struct result *r = &v->prepared[side].result[i];
            struct trial_obs o = {.series = series_of(v, r, true),
                                  .side = (enum side)side,
                                  .status = r->status,
                                  .tainted = v->prepared[side].job->flags & JOB_FLAG_TAINTED};
            for (int32_t k = 0; k < r->n_samples; k++) {
                o.round = o.seq = k;
                o.value = r->samples[k];
                observe(v, &o);
            }
            if (r->n_samples)
                continue;
            o.value = r->value;
            observe(v, &o);
        }
}

/* --- noise floors --- */

static struct floors *floors_of(struct comparison_view *v, const char *benchmark,
                                const char *params, const char *metric)
{
    struct floors *f;
    CLEANUP(mem_freep) char *key = mem_printf("%s\n%s\n%s", benchmark, params, metric);
    HASH_FIND_STR(v->floors, key, f);
    return f;
}

static void floor_row(void *arg, const char *benchmark, const char *params, const char *metric,
                      double effect, bool alarm, int64_t comparison_id)
{
    struct comparison_view *v = arg;
    struct floors *f = floors_of(v, benchmark, params, metric);
    (void)alarm;
    if (!f || comparison_id == v->rec.comparison->id)
        return;
    if ((f->n & (f->n - 1)) == 0)
        f->effect = mem_grow(f->effect, f->n ? 2 * f->n : 1, sizeof *f->effect);
    f->effect[f->n++] = effect;
}

const struct attempt *trial_last_attempt(const struct comparison_view *v)
{
    return v->has_measure && v->measure.n_attempts ? v->measure.attempt[v->measure.n_attempts - 1]
                                                   : NULL;
}

/* What was known of the noise when its last process ended: what is learned later does not change
 * what was said. */
static int64_t floors_until_us(const struct comparison_view *v)
{
    const struct attempt *a = trial_last_attempt(v);
    return a && a->ended_at_us ? a->ended_at_us : v->rec.comparison->created_at_us;
}

static int read_floors(struct comparison_view *v, struct store_reader *r, struct cail_err *err)
{
    for (size_t i = 0; i < v->n_series; i++) {
        const struct trial_series *s = &v->series[i];
        if (floors_of(v, s->benchmark, s->params, s->metric))
            continue;
        struct floors *f = mem_zalloc(sizeof *f);
        f->key = mem_printf("%s\n%s\n%s", s->benchmark, s->params, s->metric);
        HASH_ADD_KEYPTR(hh, v->floors, f->key, strlen(f->key), f);
    }
    int rc = v->fingerprint
                 ? store_read_aa(r, v->fingerprint, floors_until_us(v), floor_row, v, err)
                 : 0;
    for (size_t i = 0; i < v->n_series && !rc; i++) {
        const struct trial_series *s = &v->series[i];
        const struct floors *f = floors_of(v, s->benchmark, s->params, s->metric);
        v->series[i].floor = trial_floor(f->effect, f->n);
    }
    return rc;
}

/* --- the whole --- */

static int read_record(struct store_reader *r, int64_t id, size_t results_max,
                       struct job_record *ret, bool *ret_has, struct cail_err *err)
{
    if (!id)
        return 0;
    int rc = store_read_job(r, id, results_max, ret, err);
    *ret_has = !rc;
    return rc;
}

static int read_rows(struct comparison_view *v, struct store_reader *r, int64_t id, bool told,
                     struct cail_err *err)
{
    int rc = store_read_comparison(r, id, &v->rec, err);
    if (rc)
        return rc;
    const struct comparison *c = v->rec.comparison;
    size_t max = told && c->judged ? 0 : RESULTS_MAX;
    struct trial_words words = {0};
    rc = comparison_request_read(c->spec, strlen(c->spec), &v->rq, err);
    if (!rc && !trial_plan_read(c->plan, &v->plan, &v->goal, v->side, &words))
        rc = err_set(err, E_STORE_UNREADABLE, "the plan of comparison %lld cannot be read",
                     (long long)id);
    if (!rc) {
        v->asked = v->rq.n_metrics > 0;
        v->has_tests = words.tests;
        trial_take_words(&v->rq, words.compare);
        find_own_params(v);
    }
    free(words.compare);
    if (!rc)
        rc = read_record(r, c->measure_job, max, &v->measure, &v->has_measure, err);
    if (!rc)
        rc = read_record(r, c->base_job, max, &v->prepared[0], &v->has[0], err);
    if (!rc)
        rc = read_record(r, c->head_job, max, &v->prepared[1], &v->has[1], err);
    return rc;
}

static void take_measurements(struct comparison_view *v)
{
    const struct measurement *m = v->rec.measurement;
    v->taken = mem_array(v->rec.n_measurements + 1, sizeof *v->taken);
    for (size_t i = 0; i < v->rec.n_measurements; i++)
        v->taken[i] = (struct trial_taken){m[i].batch, m[i].round, m[i].side,
                                           m[i].state, m[i].lease, m[i].attempt_id};
}

/* Two stored runs: were they measured on the same machine in the same state? */
static bool of_one_machine(const struct comparison_view *v)
{
    char *id[SIDE_COUNT];
    for (int i = 0; i < SIDE_COUNT; i++) {
        const struct job_record *r = &v->prepared[i];
        id[i] = trial_fingerprint_of(r->n_attempts ? r->attempt[r->n_attempts - 1] : NULL);
    }
    bool same = !id[0] || !id[1] || strcmp(id[0], id[1]) == 0;
    free(id[0]);
    free(id[1]);
    return same;
}

/* Has the confirming batch begun? Then it decides. */
static bool has_batch(const struct comparison_view *v, int32_t batch)
{
    for (size_t i = 0; i < v->n_obs; i++)
        if (v->obs[i].batch == batch)
            return true;
    return false;
}

static void judge(struct comparison_view *v)
{
    v->c = (struct trial_case){
        .series = v->series,
        .n_series = v->n_series,
        .obs = v->obs,
        .n_obs = v->n_obs,
        .alpha = v->plan.looks > 0 ? v->plan.alpha / v->plan.looks : v->plan.alpha,
        .rounds = v->goal.batch == TRIAL_BATCH_MAIN ? v->goal.rounds : v->plan.rounds,
        .unpaired = v->rq.kind == COMPARISON_UNPAIRED,
        .comparable = v->rq.kind != COMPARISON_UNPAIRED || of_one_machine(v),
        .confirmed_asked =
            has_batch(v, TRIAL_BATCH_CONFIRM) && v->goal.batch == TRIAL_BATCH_CONFIRM,
    };
    trial_judge(&v->c, &v->j);
    v->j.exit_code = trial_exit_code(&v->j, v->rq.fail_on);
    if (v->rec.comparison->exit_code >= 0 && !v->rec.comparison->judged)
        v->j.exit_code = v->rec.comparison->exit_code; /* it ended early: failed or canceled */
    if (!v->failed)
        return;
    v->j.verdict = VERDICT_FAILED;
    v->j.exit_code = 3;
    v->j.wants_look = v->j.wants_confirm = false;
}

/* Its measuring ended because one side cannot be measured. */
static void see_failure(struct comparison_view *v)
{
    struct trial_slot slot;
    size_t n = v->rec.n_measurements;
    if (!n || v->taken[n - 1].state == MEASUREMENT_RUNNING ||
        trial_next(&v->plan, &v->goal, v->taken, n, v->taken[n - 1].lease, &slot) != TRIAL_HOPELESS)
        return;
    const struct attempt *a = trial_last_attempt(v);
    v->failed = mem_printf("%s could not be measured: its processes fail; see the log of attempt "
                           "%d of job %lld",
                           side_words[slot.side], a ? (int)a->number : 0,
                           (long long)v->rec.comparison->measure_job);
}

/* The case of it, from the rows. */
static int see_case(struct comparison_view *v, struct store_reader *r, struct cail_err *err)
{
    if (v->rq.kind == COMPARISON_UNPAIRED && v->has[SIDE_BASE])
        v->has_tests = v->prepared[SIDE_BASE].job->kind != KIND_BENCHMARK;
    if (v->rq.kind == COMPARISON_UNPAIRED) {
        observe_stored(v);
    } else {
        observe_builds(v);
        observe_rounds(v);
    }
    see_failure(v);
    if (!v->failed && v->rec.comparison->state != COMPARISON_FAILED &&
        v->rec.comparison->state != COMPARISON_CANCELED)
        v->missing[0] = v->rec.comparison->reason;
    v->missing[v->missing[0] != NULL] = counters_missing(v);
    int rc = read_floors(v, r, err);
    if (!rc)
        judge(v);
    return rc;
}

static int view_read(struct store_reader *r, int64_t id, bool told, struct comparison_view **ret,
                     struct cail_err *err)
{
    struct comparison_view *v = mem_zalloc(sizeof *v);
    int rc = read_rows(v, r, id, told, err);
    if (!rc) {
        take_measurements(v);
        v->environment = trial_environment_of(trial_last_attempt(v));
        v->commands = trial_commands_of(v);
        v->fingerprint = trial_fingerprint_of(trial_last_attempt(v));
        if (told && v->rec.comparison->judged) {
            *ret = v;
            return 0;
        }
        rc = see_case(v, r, err);
    }
    if (rc) {
        comparison_view_free(v);
        return rc;
    }
    trial_diffs_read(v);
    *ret = v;
    return 0;
}

int comparison_view_read(struct store_reader *r, int64_t id, struct comparison_view **ret,
                         struct cail_err *err)
{
    return view_read(r, id, false, ret, err);
}

int comparison_view_told(struct store_reader *r, int64_t id, struct comparison_view **ret,
                         struct cail_err *err)
{
    return view_read(r, id, true, ret, err);
}

void comparison_view_free(struct comparison_view *v)
{
    if (!v)
        return;
    struct series_entry *s, *tmp;
    HASH_ITER(hh, v->entries, s, tmp) {
        HASH_DEL(v->entries, s);
        free(s->key);
        free(s->params);
        free(s);
    }
    struct floors *f, *next;
    HASH_ITER(hh, v->floors, f, next) {
        HASH_DEL(v->floors, f);
        free(f->key);
        free(f->effect);
        free(f);
    }
    trial_judgement_done(&v->j);
    comparison_record_done(&v->rec);
    comparison_request_done(&v->rq);
    if (v->has_measure)
        job_record_done(&v->measure);
    for (int i = 0; i < SIDE_COUNT; i++) {
        if (v->has[i])
            job_record_done(&v->prepared[i]);
        trial_prepared_done(&v->side[i]);
    }
    free(v->series);
    free(v->obs);
    free(v->taken);
    free(v->own_params);
    free(v->fingerprint);
    free(v->environment);
    free(v->commands);
    free(v->failed);
    trial_diffs_done(v);
    free(v);
}

const struct comparison *comparison_view_row(const struct comparison_view *v)
{
    return v->rec.comparison;
}

bool comparison_view_wants_look(const struct comparison_view *v)
{
    return v->j.wants_look;
}

int32_t comparison_view_confirms(const struct comparison_view *v)
{
    if (!v->j.wants_confirm)
        return 0;
    return v->j.one_confirms ? 1 : v->plan.rounds;
}
