/* Decoding comparisons; the field table is the list of the request's members. */
#include "wire/comparison_request.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jw.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/near.h"
#include "base/utf8.h"
#include "wire/json.h"

enum { ARGV_MAX = 1024, METRICS_MAX = 64, TEXT_MAX = 4096 };

struct decode {
    struct comparison_request *rq;
    struct comparison_side *side; /* the one being read */
    struct jpath at;
    struct cail_err *err;
};

static int get_text(struct decode *d, const json_t *v, size_t max, char **ret)
{
    const char *text;
    int rc = json_get_str(v, &d->at, max, "", &text, d->err);
    if (!rc)
        model_set(ret, text);
    return rc;
}

static int get_object(struct decode *d, const json_t *v, char **ret)
{
    if (!json_is_object(v))
        return err_set_at(d->err, E_BAD_FIELD, d->at.text, "wants an object");
    free(*ret);
    *ret = json_text(v);
    return 0;
}

static int get_folder(struct decode *d, const json_t *v, char **ret)
{
    int rc = get_text(d, v, TEXT_MAX, ret);
    if (rc)
        return rc;
    size_t len = strlen(*ret);
    if ((*ret)[0] != '/' || strstr(*ret, "/../") || (len >= 3 && !strcmp(*ret + len - 3, "/..")))
        return err_set_at(d->err, E_BAD_FIELD, d->at.text,
                          "wants an absolute path without \"..\", got \"%.100s\"", *ret);
    return 0;
}

static int get_env(struct decode *d, json_t *v, char **ret)
{
    int rc = json_check_env(v, &d->at, d->err);
    return rc ? rc : get_object(d, v, ret);
}

static int get_range(struct decode *d, const json_t *v, int64_t low, int64_t high, int32_t *ret)
{
    int64_t n;
    int rc = json_get_int(v, &d->at, low, high, &n, d->err);
    if (!rc)
        *ret = (int32_t)n;
    return rc;
}

static int get_real(struct decode *d, const json_t *v, double low, double high, double *ret)
{
    double x = json_is_number(v) ? json_number_value(v) : NAN;
    if (!(x >= low && x <= high))
        return err_set_at(d->err, E_BAD_FIELD, d->at.text, "wants a number from %g to %g", low,
                          high);
    *ret = x;
    return 0;
}

/* --- a side --- */

static int side_ref(struct decode *d, json_t *v)
{
    int rc = get_text(d, v, 255, &d->side->ref);
    if (!rc && d->side->ref[0] == '-')
        return err_set_at(d->err, E_BAD_FIELD, d->at.text, "a ref does not begin with '-'");
    return rc;
}

static int side_worktree(struct decode *d, json_t *v)
{
    return get_folder(d, v, &d->side->worktree);
}

static int side_bin_dir(struct decode *d, json_t *v)
{
    return get_folder(d, v, &d->side->bin_dir);
}

static int side_command(struct decode *d, json_t *v)
{
    size_t n = json_array_size(v), i;
    json_t *arg;
    if (!json_is_array(v) || !n || n > ARGV_MAX)
        return err_set_at(d->err, E_BAD_FIELD, d->at.text,
                          "wants an array of 1 to %d strings: program and arguments", ARGV_MAX);
    char **argv = d->side->argv = mem_array(n + 1, sizeof *argv);
    json_array_foreach(v, i, arg) {
        size_t mark = jpath_push_index(&d->at, i);
        if (!json_is_string(arg) || strlen(json_string_value(arg)) != json_string_length(arg))
            return err_set_at(d->err, E_BAD_FIELD, d->at.text, "wants a string");
        argv[i] = mem_strdup(json_string_value(arg));
        jpath_pop(&d->at, mark);
    }
    if (!argv[0][0])
        return err_set_at(d->err, E_BAD_FIELD, d->at.text, "the program has no name");
    return 0;
}

static int side_job(struct decode *d, json_t *v)
{
    return json_get_int(v, &d->at, 1, INT64_MAX, &d->side->job, d->err);
}

static int side_params(struct decode *d, json_t *v)
{
    return get_object(d, v, &d->side->params);
}

static int side_env(struct decode *d, json_t *v)
{
    return get_env(d, v, &d->side->env);
}

static int side_label(struct decode *d, json_t *v)
{
    return get_text(d, v, 200, &d->side->label);
}

struct field {
    const char *key;
    int (*get)(struct decode *d, json_t *v);
};

static const struct field side_fields[] = {
    {"ref", side_ref},         {"worktree", side_worktree}, {"bin_dir", side_bin_dir},
    {"command", side_command}, {"job", side_job},           {"params", side_params},
    {"env", side_env},         {"label", side_label},
};

static int get_fields(struct decode *d, json_t *v, const struct field *field, size_t n)
{
    const char *known[32], *key;
    json_t *m;
    json_object_foreach(v, key, m) {
        size_t i = 0;
        while (i < n && strcmp(field[i].key, key) != 0)
            i++;
        if (i == n) {
            for (i = 0; i < n; i++)
                known[i] = field[i].key;
            return json_unknown(key, &d->at, known, n, d->err);
        }
        if (json_is_null(m))
            continue;
        size_t mark = jpath_push(&d->at, key);
        int rc = field[i].get(d, m);
        if (rc)
            return rc;
        jpath_pop(&d->at, mark);
    }
    return 0;
}

static int get_side(struct decode *d, json_t *v, enum side which)
{
    struct comparison_side *s = d->side = &d->rq->side[which];
    if (!json_is_object(v))
        return err_set_at(d->err, E_BAD_FIELD, d->at.text,
                          "wants an object such as {\"ref\": \"main\"}");
    int rc = get_fields(d, v, side_fields, ARRAY_LEN(side_fields));
    if (rc)
        return rc;
    if (!!s->ref + !!s->worktree + !!s->bin_dir + !!s->argv + !!s->job > 1)
        return err_set_at(d->err, E_BAD_FIELD, d->at.text,
                          "wants one of ref, worktree, bin_dir, command and job");
    return 0;
}

static int get_base(struct decode *d, json_t *v)
{
    return get_side(d, v, SIDE_BASE);
}

static int get_head(struct decode *d, json_t *v)
{
    return get_side(d, v, SIDE_HEAD);
}

/* --- the request --- */

static int get_kind(struct decode *d, json_t *v)
{
    static const char *const words[] = {"paired", "aa"};
    int word;
    int rc = json_get_word(v, &d->at, words, 2, &word, d->err);
    if (!rc)
        d->rq->kind = word ? COMPARISON_AA : COMPARISON_PAIRED;
    return rc;
}

#define TEXT_FIELD(name, max)                                                                      \
    static int get_##name(struct decode *d, json_t *v)                                             \
    {                                                                                              \
        return get_text(d, v, max, &d->rq->name);                                                  \
    }
TEXT_FIELD(name, JOB_NAME_MAX)
TEXT_FIELD(recipe, 64)
TEXT_FIELD(pr, 500)
TEXT_FIELD(queue, 64)

static int get_cwd(struct decode *d, json_t *v)
{
    return get_folder(d, v, &d->rq->cwd);
}

static int get_build_root(struct decode *d, json_t *v)
{
    return get_folder(d, v, &d->rq->build_root);
}

static int get_params(struct decode *d, json_t *v)
{
    return get_object(d, v, &d->rq->params);
}

static int get_request_env(struct decode *d, json_t *v)
{
    return get_env(d, v, &d->rq->env);
}

static int get_needs(struct decode *d, json_t *v)
{
    return get_object(d, v, &d->rq->needs); /* looked at where the job is made */
}

static int get_artifacts(struct decode *d, json_t *v)
{
    if (!json_is_array(v))
        return err_set_at(d->err, E_BAD_FIELD, d->at.text, "wants an array of {path, diff}");
    d->rq->artifacts = json_text(v); /* looked at where the job is made */
    return 0;
}

static int get_rounds(struct decode *d, json_t *v)
{
    return get_range(d, v, 1, 200, &d->rq->rounds); /* the planner says what is too few, and why */
}

static int get_looks(struct decode *d, json_t *v)
{
    return get_range(d, v, 1, 5, &d->rq->looks);
}

static int get_repeats(struct decode *d, json_t *v)
{
    return get_range(d, v, 0, 200, &d->rq->repeats_max);
}

static int get_priority(struct decode *d, json_t *v)
{
    return get_range(d, v, -100, 100, &d->rq->priority);
}

static int get_timeout(struct decode *d, json_t *v)
{
    return json_get_int(v, &d->at, 1, 7776000, &d->rq->timeout_s, d->err);
}

static int get_seed(struct decode *d, json_t *v)
{
    int64_t seed;
    int rc = json_get_int(v, &d->at, 0, INT64_MAX, &seed, d->err);
    d->rq->seed = rc ? 0 : (uint64_t)seed;
    d->rq->has_seed = !rc;
    return rc;
}

static int get_alpha(struct decode *d, json_t *v)
{
    return get_real(d, v, 0.0001, 0.2, &d->rq->alpha);
}

static int get_confirm(struct decode *d, json_t *v)
{
    return json_get_bool(v, &d->at, &d->rq->confirm, d->err);
}

static int get_metrics(struct decode *d, json_t *v)
{
    size_t n = json_array_size(v), i;
    json_t *m;
    if (!json_is_array(v) || n > METRICS_MAX)
        return err_set_at(d->err, E_BAD_FIELD, d->at.text, "wants an array of at most %d strings",
                          METRICS_MAX);
    d->rq->metric = mem_array(n + 1, sizeof *d->rq->metric);
    json_array_foreach(v, i, m) {
        size_t mark = jpath_push_index(&d->at, i);
        int rc = get_text(d, m, 200, &d->rq->metric[i]);
        if (rc)
            return rc;
        d->rq->n_metrics++;
        jpath_pop(&d->at, mark);
    }
    return 0;
}

/* .02, or {"time": .02, "count": .001}. */
static int get_min_effect(struct decode *d, json_t *v)
{
    const char *key;
    json_t *m;
    double x;
    int rc;
    if (!json_is_object(v)) {
        if ((rc = get_real(d, v, 0, 10, &x)))
            return rc;
        for (int i = 0; i < METRIC_KIND_COUNT; i++)
            if (i != METRIC_EXACT)
                d->rq->min_effect[i] = x;
        return 0;
    }
    json_object_foreach(v, key, m) {
        int kind = word_find(key, metric_kind_words, METRIC_KIND_COUNT);
        if (kind < 0)
            return json_unknown(key, &d->at, metric_kind_words, METRIC_KIND_COUNT, d->err);
        size_t mark = jpath_push(&d->at, key);
        if ((rc = get_real(d, m, 0, 10, &d->rq->min_effect[kind])))
            return rc;
        jpath_pop(&d->at, mark);
    }
    return 0;
}

static int get_fail_on(struct decode *d, json_t *v)
{
    size_t i;
    json_t *m;
    if (!json_is_array(v))
        return err_set_at(d->err, E_BAD_FIELD, d->at.text, "wants an array of verdicts");
    d->rq->fail_on = 0;
    json_array_foreach(v, i, m) {
        size_t mark = jpath_push_index(&d->at, i);
        int word;
        int rc = json_get_word(m, &d->at, verdict_words, VERDICT_COUNT, &word, d->err);
        if (rc)
            return rc;
        d->rq->fail_on |= 1u << word;
        jpath_pop(&d->at, mark);
    }
    return 0;
}

static const struct field fields[] = {
    {"kind", get_kind},
    {"name", get_name},
    {"recipe", get_recipe},
    {"params", get_params},
    {"env", get_request_env},
    {"needs", get_needs},
    {"artifacts", get_artifacts},
    {"base", get_base},
    {"head", get_head},
    {"rounds", get_rounds},
    {"looks", get_looks},
    {"repeats_max", get_repeats},
    {"alpha", get_alpha},
    {"seed", get_seed},
    {"confirm", get_confirm},
    {"metrics", get_metrics},
    {"min_effect", get_min_effect},
    {"fail_on", get_fail_on},
    {"pr", get_pr},
    {"priority", get_priority},
    {"queue", get_queue},
    {"timeout_s", get_timeout},
    {"cwd", get_cwd},
    {"build_root", get_build_root},
};

/* --- what belongs together --- */

/* The merge-base of a comparison is where its head left the default branch. */
static bool is_merge_base(const struct comparison_side *s)
{
    return s->ref && strcmp(s->ref, "merge-base") == 0;
}

/* Text for a person, at most `max` bytes of it: what is no character is a space, none is cut. */
static void put_words(struct str *s, const char *text, size_t max)
{
    size_t len = strlen(text), n;
    for (size_t used = 0; len && used < max; text += n, len -= n, used += n) {
        n = utf8_char_len(text, len);
        if (n && used + n <= max && utf8_printable(text, n, ""))
            str_add(s, text, n);
        else
            str_addc(s, ' ');
        n = n ? n : 1;
    }
}

/* A program and its arguments as a person would type them, roughly. */
static char *argv_words(char **argv)
{
    struct str s = STR_INIT;
    for (char **a = argv; *a && s.len < 120; a++) {
        if (a != argv)
            str_addc(&s, ' ');
        put_words(&s, *a, 100);
    }
    return str_take(&s);
}

static char *object_words(const char *object)
{
    struct str s = STR_INIT;
    put_words(&s, object, 150);
    return str_take(&s);
}

static char *side_words_of(const struct comparison_side *s, enum side which)
{
    if (s->ref)
        return mem_strdup(s->ref);
    if (s->worktree)
        return mem_printf("working tree %s", s->worktree);
    if (s->bin_dir)
        return mem_strdup(s->bin_dir);
    if (s->argv)
        return argv_words(s->argv);
    if (s->job)
        return mem_printf("job %lld", (long long)s->job);
    if (s->params || s->env)
        return object_words(s->params ? s->params : s->env);
    return mem_strdup(side_words[which]);
}

static int check_sides(struct comparison_request *rq, struct cail_err *err)
{
    const struct comparison_side *b = &rq->side[SIDE_BASE], *h = &rq->side[SIDE_HEAD];
    if (!!b->job != !!h->job || !!b->argv != !!h->argv)
        return err_set_at(err, E_BAD_FIELD, "/head",
                          "a job is compared with a job, and a command with a command");
    if (b->job) {
        if (rq->kind == COMPARISON_AA)
            return err_set_at(err, E_BAD_FIELD, "/kind", "stored jobs are not measured again");
        rq->kind = COMPARISON_UNPAIRED;
    }
    if (!rq->recipe && !b->job && !b->argv) {
        int rc = err_set_at(err, E_BAD_FIELD, "/recipe", "what is to be measured?");
        err_hint(err, "name a recipe, or give both sides a command");
        return rc;
    }
    if (rq->recipe && (b->job || b->argv))
        return err_set_at(err, E_BAD_FIELD, "/recipe", "these sides need no recipe");
    if (rq->params && !rq->recipe)
        return err_set_at(err, E_BAD_FIELD, "/params", "params belong to a recipe");
    return 0;
}

static int check_whole(struct comparison_request *rq, const json_t *v, struct cail_err *err)
{
    if (!json_object_get(v, "base"))
        return err_set_at(err, E_BAD_FIELD, "/base", "wants \"base\" and \"head\"");
    if (!json_object_get(v, "head") && rq->kind != COMPARISON_AA)
        return err_set_at(err, E_BAD_FIELD, "/head", "wants \"head\" beside \"base\"");
    if (json_object_get(v, "head") && rq->kind == COMPARISON_AA)
        return err_set_at(err, E_BAD_FIELD, "/head", "an aa comparison has base on both sides");
    int rc = check_sides(rq, err);
    if (rc)
        return rc;
    const struct comparison_side *b = &rq->side[SIDE_BASE], *h = &rq->side[SIDE_HEAD];
    if (is_merge_base(h) && rq->kind != COMPARISON_AA)
        return err_set_at(err, E_BAD_FIELD, "/head/ref", "the merge-base is a base");
    if (is_merge_base(b) && (is_merge_base(h) || (!h->ref && !h->worktree)))
        return err_set_at(err, E_BAD_FIELD, "/base/ref",
                          "merge-base is where head's ref or worktree left the default branch, and "
                          "head has neither");
    for (int i = 0; i < SIDE_COUNT; i++)
        if (!rq->side[i].label)
            rq->side[i].label = side_words_of(&rq->side[i], (enum side)i);
    return 0;
}

int comparison_request_read(const char *body, size_t len, struct comparison_request *ret,
                            struct cail_err *err)
{
    CLEANUP(json_decrefp) json_t *v = NULL;
    struct decode d = {.rq = ret, .at = {.len = 0}, .err = err};
    memset(ret, 0, sizeof *ret);
    ret->alpha = .05;
    ret->confirm = true;
    ret->fail_on = 1u << VERDICT_REGRESSION | 1u << VERDICT_FAILED | 1u << VERDICT_MISSING;
    for (int i = 0; i < METRIC_KIND_COUNT; i++)
        ret->min_effect[i] = NAN;
    int rc = json_read(body, len, &v, err);
    if (!rc && !json_is_object(v))
        rc = err_set_at(err, E_BAD_FIELD, "", "wants an object: a comparison request");
    if (!rc && json_is_string(json_object_get(v, "kind")) &&
        strcmp(json_string_value(json_object_get(v, "kind")), "aa") == 0)
        ret->kind = COMPARISON_AA;
    if (!rc)
        rc = get_fields(&d, v, fields, ARRAY_LEN(fields));
    if (!rc && ret->kind == COMPARISON_AA && json_object_get(v, "base") &&
        !json_object_get(v, "head"))
        rc = get_side(&d, json_object_get(v, "base"), SIDE_HEAD);
    if (!rc)
        rc = check_whole(ret, v, err);
    if (rc)
        comparison_request_done(ret);
    return rc;
}

void comparison_request_done(struct comparison_request *rq)
{
    for (int i = 0; i < SIDE_COUNT; i++) {
        struct comparison_side *s = &rq->side[i];
        for (char **a = s->argv; a && *a; a++)
            free(*a);
        free(s->argv);
        free(s->ref);
        free(s->worktree);
        free(s->bin_dir);
        free(s->params);
        free(s->env);
        free(s->label);
    }
    for (size_t i = 0; i < rq->n_metrics; i++)
        free(rq->metric[i]);
    free(rq->metric);
    free(rq->name);
    free(rq->recipe);
    free(rq->pr);
    free(rq->queue);
    free(rq->cwd);
    free(rq->build_root);
    free(rq->params);
    free(rq->env);
    free(rq->needs);
    free(rq->artifacts);
    memset(rq, 0, sizeof *rq);
}

/* --- its jobs --- */

char *comparison_name(const struct comparison_request *rq, const char *nameless, size_t max)
{
    struct str s = STR_INIT;
    put_words(&s, rq->name ? rq->name : rq->recipe ? rq->recipe : nameless, max);
    str_adds(&s, ": ");
    put_words(&s, rq->side[SIDE_BASE].label, max);
    str_adds(&s, " against ");
    put_words(&s, rq->side[SIDE_HEAD].label, max);
    return str_take(&s);
}

/* Object texts that were dumped by us: they parse. */
static json_t *parsed(const char *text)
{
    json_t *v = NULL;
    struct cail_err err;
    if (!text || json_read(text, strlen(text), &v, &err))
        return json_object();
    return v;
}

static json_t *merged(const char *under, const char *over)
{
    json_t *v = parsed(under), *more = parsed(over);
    json_object_update(v, more);
    json_decref(more);
    return v;
}

static json_t *side_params_of(const struct comparison_request *rq, enum side side)
{
    const struct comparison_side *s = &rq->side[side];
    const char *head = rq->side[SIDE_HEAD].ref;
    json_t *v = merged(rq->params, s->params);
    if (is_merge_base(s) && head)
        json_object_set_new(v, "ref", json_sprintf("merge-base:%s", head));
    else if (s->ref)
        json_object_set_new(v, "ref", json_string(s->ref));
    return v;
}

char *comparison_side_params(const struct comparison_request *rq, enum side side)
{
    CLEANUP(json_decrefp) json_t *v = side_params_of(rq, side);
    return json_text(v);
}

static void put_text(json_t *job, const char *key, const char *text)
{
    if (text)
        json_object_set_new(job, key, json_string(text));
}

static json_t *any_job(const struct comparison_request *rq, int64_t id, const char *side)
{
    json_t *job = json_object(), *labels = json_object();
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)id);
    json_object_set_new(labels, "comparison", json_string(text));
    if (side)
        json_object_set_new(labels, "side", json_string(side));
    json_object_set_new(job, "labels", labels);
    put_text(job, "recipe", rq->recipe);
    put_text(job, "pr", rq->pr);
    put_text(job, "queue", rq->queue);
    put_text(job, "build_root", rq->build_root);
    if (rq->priority)
        json_object_set_new(job, "priority", json_integer(rq->priority));
    return job;
}

static json_t *prepare_job(const struct comparison_request *rq, int64_t id, enum side side)
{
    const struct comparison_side *s = &rq->side[side];
    json_t *job = any_job(rq, id, side_words[side]);
    CLEANUP(str_done) struct str name = STR_INIT;
    put_words(&name, rq->name ? rq->name : rq->recipe, 80);
    str_addf(&name, " %s: ", side_words[side]);
    put_words(&name, s->label, 80);
    put_text(job, "name", name.p);
    json_object_set_new(job, "params", side_params_of(rq, side));
    if (rq->env || s->env)
        json_object_set_new(job, "env", merged(rq->env, s->env));
    const char *tree = is_merge_base(s) ? rq->side[SIDE_HEAD].worktree : s->worktree;
    if (tree)
        json_object_set_new(job, "source", json_pack("{s:s}", "worktree", tree));
    return job;
}

static json_t *measure_job(const struct comparison_request *rq, int64_t id, int n_prepare)
{
    json_t *job = any_job(rq, id, NULL), *after = json_array();
    const struct comparison_side *s = &rq->side[SIDE_BASE];
    CLEANUP(mem_freep) char *name = comparison_name(rq, "compare", 60);
    put_text(job, "name", name);
    for (int i = 0; i < n_prepare; i++)
        json_array_append_new(after,
                              json_pack("{s:s, s:s}", "job", i ? "#1" : "#0", "when", "succeeded"));
    json_object_set_new(job, "after", after);
    if (rq->recipe)
        json_object_set_new(job, "params", side_params_of(rq, SIDE_BASE));
    if (s->argv) {
        json_t *argv = json_array();
        for (char **a = s->argv; *a; a++)
            json_array_append_new(argv, json_string(*a));
        json_object_set_new(job, "command", argv);
        json_object_set_new(job, "kind", json_string("benchmark"));
    }
    put_text(job, "cwd", rq->cwd);
    if (rq->env)
        json_object_set_new(job, "env", parsed(rq->env));
    if (rq->needs)
        json_object_set_new(job, "needs", parsed(rq->needs));
    if (rq->artifacts)
        json_object_set_new(job, "artifacts", parsed(rq->artifacts));
    if (rq->timeout_s)
        json_object_set_new(job, "timeout_s", json_integer(rq->timeout_s));
    return job;
}

void comparison_jobs(const struct comparison_request *rq, int64_t id,
                     const bool prepare[SIDE_COUNT], struct str *out)
{
    json_t *jobs = json_array();
    for (int i = 0; i < SIDE_COUNT; i++)
        if (prepare[i])
            json_array_append_new(jobs, prepare_job(rq, id, (enum side)i));
    json_array_append_new(jobs, measure_job(rq, id, (int)json_array_size(jobs)));
    json_put(out, jobs);
    json_decref(jobs);
}
