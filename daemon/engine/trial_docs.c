/* What is said of a comparison: the JSON of the API, what its write-ups are made of, and what is
 * kept of it when it ends. */
#include "engine/trial_view.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/jw.h"
#include "base/mem.h"
#include "base/shell.h"
#include "engine/history.h"
#include "wire/json.h"

/* --- words --- */

/* Plain members of the provenance, a line each. */
char *trial_environment_of(const struct attempt *a)
{
    static const char *const keys[] = {"host",        "machine",  "cpu",    "kernel",
                                       "cpus_online", "governor", "driver", "cuda"};
    CLEANUP(json_decrefp) json_t *v = NULL;
    CLEANUP(str_done) struct str s = STR_INIT;
    size_t i;
    json_t *card;
    if (!a || !a->provenance || json_read(a->provenance, strlen(a->provenance), &v, NULL))
        return NULL;
    for (i = 0; i < ARRAY_LEN(keys); i++) {
        const json_t *m = json_object_get(v, keys[i]);
        if (json_is_string(m))
            str_addf(&s, "%s: %s\n", keys[i], json_string_value(m));
        else if (json_is_integer(m))
            str_addf(&s, "%s: %lld\n", keys[i], (long long)json_integer_value(m));
    }
    json_array_foreach(json_object_get(v, "cards"), i, card) {
        const char *name = json_string_value(json_object_get(card, "model"));
        const char *uuid = json_string_value(json_object_get(card, "uuid"));
        str_addf(&s, "gpu: %s %s\n", name ? name : "?", uuid ? uuid : "");
    }
    if (a->cpu_list)
        str_addf(&s, "cpus: %s\n", a->cpu_list);
    return s.len ? str_take(&s) : NULL;
}

/* As the history of results has it: figures of one machine in one state. */
char *trial_machine_of(const struct attempt *a)
{
    struct str text = STR_INIT;
    if (!a || !a->provenance)
        return NULL;
    history_fingerprint(a->provenance, NULL, &text);
    return str_take(&text);
}

char *trial_fingerprint_of(const struct attempt *a)
{
    CLEANUP(mem_freep) char *machine = trial_machine_of(a);
    char id[HISTORY_ID_LEN];
    if (!machine)
        return NULL;
    history_id_text(history_fingerprint_id(machine), id);
    return mem_strdup(id);
}

static void put_word(struct str *s, const char *word)
{
    str_addc(s, ' ');
    shell_word(s, word);
}

/* A command that is a shell's is that shell's text. */
static void put_command(struct str *s, char **argv)
{
    CLEANUP(str_done) struct str words = STR_INIT;
    bool shell = strcmp(argv[0], "/bin/bash") == 0 && argv[1] && strcmp(argv[1], "-c") == 0 &&
                 argv[2] && !argv[3];
    str_adds(s, " --command");
    for (char **a = argv; *a && !shell; a++)
        put_word(&words, *a);
    put_word(s, shell ? argv[2] : words.p + 1);
}

static void put_params(struct str *s, const char *flag, const char *object)
{
    CLEANUP(json_decrefp) json_t *v = NULL;
    const char *key;
    json_t *m;
    if (!object || json_read(object, strlen(object), &v, NULL))
        return;
    json_object_foreach(v, key, m) {
        CLEANUP(str_done) struct str one = STR_INIT;
        json_put_pair(&one, key, m);
        str_addf(s, " %s", flag);
        put_word(s, one.p);
    }
}

/* What a reader types to do it again. */
char *trial_commands_of(const struct comparison_view *v)
{
    struct str s = STR_INIT;
    const struct comparison_request *rq = &v->rq;
    if (rq->kind == COMPARISON_UNPAIRED) {
        str_addf(&s, "cail compare --job %lld --job %lld\n", (long long)rq->side[0].job,
                 (long long)rq->side[1].job);
        return str_take(&s);
    }
    str_adds(&s, rq->kind == COMPARISON_AA ? "cail compare --aa" : "cail compare");
    for (int i = 0; i < (rq->kind == COMPARISON_AA ? 1 : SIDE_COUNT); i++) {
        const struct comparison_side *one = &rq->side[i];
        if (one->ref)
            put_word(&s, v->side[i].sha ? v->side[i].sha : one->ref);
        else if (one->bin_dir || one->worktree)
            put_word(&s, one->bin_dir ? one->bin_dir : one->worktree);
        else if (one->argv)
            put_command(&s, one->argv);
    }
    if (rq->recipe)
        str_addf(&s, " --recipe %s", rq->recipe);
    put_params(&s, "-p", rq->params);
    put_params(&s, "--base-param", rq->side[SIDE_BASE].params);
    if (rq->kind != COMPARISON_AA)
        put_params(&s, "--head-param", rq->side[SIDE_HEAD].params);
    str_addf(&s, " --rounds %d --seed %llu\n", (int)v->plan.rounds,
             (unsigned long long)v->plan.seed);
    for (int i = 0; i < SIDE_COUNT; i++)
        if (v->has[i] && (i == 0 || v->rec.comparison->head_job != v->rec.comparison->base_job))
            str_addf(&s, "cail repro %lld   # how %s was built\n",
                     (long long)v->prepared[i].job->id, side_words[i]);
    return str_take(&s);
}

/* --- documents --- */

static bool comparison_ended_early(const struct comparison *c)
{
    return c->state == COMPARISON_FAILED || c->state == COMPARISON_CANCELED;
}

static void make_report(const struct comparison_view *v, const char *url, struct trial_report *ret)
{
    const struct comparison *c = v->rec.comparison;
    *ret = (struct trial_report){.id = c->id,
                                 .measure_job = c->measure_job,
                                 .name = c->name,
                                 .recipe = c->recipe,
                                 .params = v->rq.params,
                                 .kind = comparison_kind_words[c->kind],
                                 .plan = &v->plan,
                                 .c = &v->c,
                                 .j = &v->j,
                                 .pr = c->pr,
                                 .url = url,
                                 .fingerprint = v->fingerprint,
                                 .environment = v->environment,
                                 .commands = v->commands,
                                 .reason = v->failed                   ? v->failed
                                           : comparison_ended_early(c) ? c->reason
                                                                       : NULL,
                                 .diff = v->diff,
                                 .n_diffs = v->n_diffs,
                                 .missing = v->missing};
    for (int i = 0; i < SIDE_COUNT; i++)
        ret->side[i] = (struct trial_side_words){.label = v->rq.side[i].label,
                                                 .sha = v->side[i].sha,
                                                 .params = v->rq.side[i].params,
                                                 .job = i ? c->head_job : c->base_job};
}

void comparison_view_conclude(const struct comparison_view *v, struct comparison *c)
{
    struct trial_report rep;
    struct str s = STR_INIT;
    make_report(v, NULL, &rep);
    str_addc(&s, '{');
    trial_report_json(&rep, &s);
    str_addc(&s, '}');
    free(c->judged);
    c->judged = str_take(&s);
    c->verdict = (int)v->j.verdict;
    if (v->failed)
        model_set(&c->reason, v->failed);
    c->exit_code = v->j.exit_code;
}

void comparison_view_put_aa(const struct comparison_view *v, struct store_batch *b)
{
    const struct comparison *c = v->rec.comparison;
    if (c->kind != COMPARISON_AA || !v->fingerprint || !trial_plan_times(&v->plan))
        return;
    CLEANUP(mem_freep) char *machine = trial_machine_of(trial_last_attempt(v));
    store_put_fingerprint(b, history_fingerprint_id(machine), machine, clock_wall_us());
    for (size_t i = 0; i < v->j.n_rows; i++) {
        const struct trial_row *row = &v->j.row[i];
        const struct trial_series *s = &v->series[row->series];
        bool alarm = (row->verdict == VERDICT_REGRESSION || row->verdict == VERDICT_IMPROVEMENT) &&
                     !(row->flags & TRIAL_FLAG_SHOWN_ONLY);
        if (isfinite(row->effect) && row->effect > 0)
            store_put_aa(b, c->id, s->benchmark, s->params, s->metric, v->fingerprint,
                         log(row->effect), alarm, clock_wall_us());
    }
}

static void side_doc(struct jw *w, const struct comparison *c, const struct comparison_side *s,
                     const struct trial_prepared *p, enum side side)
{
    int64_t job = side == SIDE_BASE ? c->base_job : c->head_job;
    jw_key(w, side_words[side]);
    jw_open(w, '{');
    jw_kstr(w, "label", s->label);
    jw_kstr(w, "sha", p->sha);
    jw_key(w, "job");
    if (job)
        jw_int(w, job);
    else
        jw_null(w);
    jw_key(w, "params");
    jw_raw(w, p->params ? p->params : "null", strlen(p->params ? p->params : "null"));
    jw_close(w, '}');
}

static void id_or_null(struct jw *w, const char *key, int64_t id)
{
    jw_key(w, key);
    if (id)
        jw_int(w, id);
    else
        jw_null(w);
}

/* The members without verdict and rows, braces left to the caller. */
static void summary(struct jw *w, const struct comparison *c, const struct comparison_request *rq,
                    const struct trial_plan *plan, const struct trial_prepared side[SIDE_COUNT])
{
    jw_kint(w, "id", c->id);
    jw_kstr(w, "state", comparison_state_words[c->state]);
    jw_kstr(w, "kind", comparison_kind_words[c->kind]);
    jw_kstr(w, "name", c->name);
    jw_kstr(w, "recipe", c->recipe);
    for (int i = 0; i < SIDE_COUNT; i++)
        side_doc(w, c, &rq->side[i], &side[i], (enum side)i);
    jw_key(w, "jobs");
    jw_open(w, '{');
    id_or_null(w, "base", c->base_job);
    id_or_null(w, "head", c->head_job);
    id_or_null(w, "measure", c->measure_job);
    jw_close(w, '}');
    jw_kint(w, "rounds", plan->rounds);
    jw_kint(w, "looks", plan->looks);
    jw_kreal(w, "alpha", plan->alpha);
    jw_kint(w, "seed", (int64_t)plan->seed);
    jw_kstr(w, "reason", c->reason);
    jw_kstr(w, "pr", c->pr);
    jw_kstr(w, "user", c->user);
    jw_ktime(w, "created_at", c->created_at_us);
    jw_ktime(w, "finished_at", c->finished_at_us);
    CLEANUP(mem_freep) char *report = mem_printf("/comparisons/%lld/report", (long long)c->id);
    jw_kstr(w, "report_url", report);
}

static void whole_summary(struct jw *w, const struct comparison *c,
                          const struct comparison_request *rq, const struct trial_plan *plan,
                          const struct trial_prepared side[SIDE_COUNT])
{
    jw_open(w, '{');
    summary(w, c, rq, plan, side);
    jw_kstr(w, "verdict", c->verdict < 0 ? NULL : verdict_words[c->verdict]);
    jw_key(w, "exit_code");
    if (c->exit_code < 0)
        jw_null(w);
    else
        jw_int(w, c->exit_code);
    jw_close(w, '}');
}

void comparison_summary(struct jw *w, const struct comparison *c)
{
    const struct trial *live = c->trial;
    struct comparison_request rq;
    struct trial_plan plan = {0};
    struct trial_goal goal;
    struct trial_prepared side[SIDE_COUNT] = {0};
    struct trial_words words = {0};
    struct cail_err err;
    if (live) {
        whole_summary(w, c, &live->rq, &live->plan, live->side);
        return;
    }
    if (comparison_request_read(c->spec, strlen(c->spec), &rq, &err))
        return;
    trial_plan_read(c->plan, &plan, &goal, side, &words); /* unreadable: nothing of it is said */
    whole_summary(w, c, &rq, &plan, side);
    comparison_request_done(&rq);
    free(words.compare);
    for (int i = 0; i < SIDE_COUNT; i++)
        trial_prepared_done(&side[i]);
}

/* Seconds that are left, by the mean of the processes so far. -1 = unknown. */
static int64_t eta_s(const struct comparison_view *v, int32_t done, int32_t total)
{
    int64_t sum = 0, n = 0;
    for (size_t i = 0; v->has_measure && i < v->measure.n_attempts; i++) {
        const struct attempt *a = v->measure.attempt[i];
        if (!a->ended_at_us)
            continue;
        sum += a->ended_at_us - a->created_at_us;
        n++;
    }
    return n ? sum / n * (total - done) / 1000000 : -1;
}

static void progress_of(struct jw *w, const struct comparison_view *v)
{
    int32_t done = 0, total = 0;
    char text[160] = "";
    const struct comparison *c = v->rec.comparison;
    jw_key(w, "progress");
    if (c->kind == COMPARISON_UNPAIRED || comparison_state_is_terminal(c->state)) {
        jw_null(w);
        return;
    }
    trial_progress(&v->plan, &v->goal, v->taken, v->rec.n_measurements, &done, &total, text,
                   sizeof text);
    jw_open(w, '{');
    jw_kint(w, "done", done);
    jw_kint(w, "total", total);
    jw_kint(w, "round", v->rec.n_measurements ? v->taken[v->rec.n_measurements - 1].round + 1 : 0);
    jw_kint(w, "rounds", v->goal.rounds);
    jw_kint(w, "eta_s", eta_s(v, done, total));
    jw_kstr(w, "text", text);
    jw_close(w, '}');
}

static void put_measurements(struct jw *w, const struct comparison_view *v)
{
    jw_key(w, "measurements");
    jw_open(w, '[');
    for (size_t i = 0; i < v->rec.n_measurements; i++) {
        const struct measurement *m = &v->rec.measurement[i];
        jw_open(w, '{');
        jw_kint(w, "seq", m->seq);
        jw_kint(w, "batch", m->batch);
        jw_kint(w, "round", m->round);
        jw_kstr(w, "side", side_words[m->side]);
        jw_kstr(w, "state", measurement_state_words[m->state]);
        jw_kint(w, "lease", m->lease);
        jw_kint(w, "attempt_id", m->attempt_id);
        jw_close(w, '}');
    }
    jw_close(w, ']');
}

static void put_json(const struct comparison_view *v, struct str *out)
{
    const struct comparison *c = v->rec.comparison;
    struct trial_report rep;
    struct jw w = JW(out);
    jw_open(&w, '{');
    summary(&w, c, &v->rq, &v->plan, v->side);
    progress_of(&w, v);
    jw_kstr(&w, "fingerprint", v->fingerprint);
    jw_kstr(&w, "environment", v->environment);
    jw_kstr(&w, "commands", v->commands);
    put_measurements(&w, v);
    jw_kbool(&w, "provisional", !comparison_state_is_terminal(c->state));
    str_addc(out, ',');
    if (c->judged) { /* what was said at the end stays said */
        str_add(out, c->judged + 1, strlen(c->judged) - 2);
    } else {
        make_report(v, NULL, &rep);
        trial_report_json(&rep, out);
    }
    str_adds(out, "}\n");
}

void comparison_view_put(const struct comparison_view *v, enum comparison_format format,
                         const char *url, struct str *out)
{
    struct trial_report rep;
    make_report(v, url, &rep);
    switch (format) {
    case COMPARISON_JSON:
        put_json(v, out);
        break;
    case COMPARISON_MARKDOWN:
        trial_report_markdown(&rep, out);
        break;
    case COMPARISON_JUNIT:
        trial_report_junit(&rep, out);
        break;
    case COMPARISON_GITHUB:
        trial_report_github(&rep, out);
        break;
    }
}
