/* Decoding bisections. What a comparison knows too is passed on as it came. */
#include "wire/bisection_request.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "wire/comparison_request.h"
#include "wire/json.h"

enum { ROUNDS_DEFAULT = 10, ROUNDS_MAX = 200 }; /* as the planner of comparisons has them */

/* Members of a comparison's request that mean the same here. */
static const char *const passed[] = {"recipe",   "params",     "env",       "needs",
                                     "priority", "queue",      "timeout_s", "build_root",
                                     "alpha",    "min_effect", "confirm"};

static int check_known(const json_t *v, struct cail_err *err)
{
    static const char *const own[] = {"name",   "good",      "bad",    "commits",
                                      "metric", "benchmark", "rounds", "pr"};
    const char *known[ARRAY_LEN(own) + ARRAY_LEN(passed)], *key;
    struct jpath at = {.len = 0};
    json_t *m;
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        known[i] = i < ARRAY_LEN(own) ? own[i] : passed[i - ARRAY_LEN(own)];
    json_object_foreach((json_t *)v, key, m) {
        size_t i = 0;
        while (i < ARRAY_LEN(known) && strcmp(known[i], key) != 0)
            i++;
        if (i == ARRAY_LEN(known))
            return json_unknown(key, &at, known, ARRAY_LEN(known), err);
    }
    return 0;
}

/* *ret stays NULL when the member is absent or null. */
static int text_member(const json_t *v, const char *key, size_t max, const char **ret,
                       struct cail_err *err)
{
    const json_t *m = json_object_get(v, key);
    struct jpath at = {.len = 0};
    if (!m || json_is_null(m))
        return 0;
    (void)jpath_push(&at, key);
    return json_get_str(m, &at, max, "", ret, err);
}

static bool is_sha(const char *text)
{
    size_t n = strlen(text);
    return n >= 7 && n <= 64 && strspn(text, "0123456789abcdef") == n;
}

static int read_commits(const json_t *v, struct bisection_request *rq, struct cail_err *err)
{
    const json_t *list = json_object_get(v, "commits");
    struct jpath at = {.len = 0};
    size_t n = json_array_size(list), i;
    json_t *one;
    if (n < 2 || n > BISECTION_COMMITS_MAX)
        return err_set_at(err, E_BAD_FIELD, "/commits",
                          "wants the 2 to %d commits from good to bad, oldest first",
                          BISECTION_COMMITS_MAX);
    rq->commit = mem_array(n, sizeof *rq->commit);
    (void)jpath_push(&at, "commits");
    json_array_foreach(list, i, one) {
        size_t mark = jpath_push_index(&at, i);
        int rc = json_get_str(one, &at, 64, "", &rq->commit[i], err);
        if (rc)
            return rc;
        if (!is_sha(rq->commit[i]))
            return err_set_at(err, E_BAD_FIELD, at.text, "wants a commit's sha, got \"%.80s\"",
                              rq->commit[i]);
        jpath_pop(&at, mark);
    }
    rq->n_commits = (int32_t)n;
    return 0;
}

/* good and bad are the ends of the list, if they are said. */
static int check_end(const json_t *v, const char *key, const char *end, struct cail_err *err)
{
    const char *said = NULL;
    CLEANUP(mem_freep) char *pointer = mem_printf("/%s", key);
    int rc = text_member(v, key, 64, &said, err);
    if (rc || !said || strncmp(said, end, strlen(said)) == 0)
        return rc;
    return err_set_at(err, E_BAD_FIELD, pointer, "is not the %s of commits",
                      strcmp(key, "good") == 0 ? "first" : "last");
}

static int read_rounds(const json_t *v, struct bisection_request *rq, struct cail_err *err)
{
    const json_t *m = json_object_get(v, "rounds");
    struct jpath at = {.len = 0};
    int64_t n = 0;
    (void)jpath_push(&at, "rounds");
    int rc = m && !json_is_null(m) ? json_get_int(m, &at, 1, ROUNDS_MAX, &n, err) : 0;
    rq->rounds = (int32_t)n;
    return rc;
}

static int check_first(const struct bisection_request *rq, struct cail_err *err)
{
    CLEANUP(str_done) struct str body = STR_INIT;
    struct comparison_request cr;
    bisection_comparison(rq, 0, 0, rq->n_commits - 1, false, NULL, &body);
    int rc = comparison_request_read(body.p, body.len, &cr, err);
    if (!rc)
        comparison_request_done(&cr);
    return rc;
}

static int read_all(const json_t *v, struct bisection_request *rq, struct cail_err *err)
{
    const char *metric = NULL, *benchmark = NULL;
    int rc = check_known(v, err);
    if (!rc)
        rc = text_member(v, "name", JOB_NAME_MAX, &rq->name, err);
    if (!rc)
        rc = text_member(v, "recipe", 64, &rq->recipe, err);
    if (!rc && !rq->recipe)
        rc = err_set_at(err, E_BAD_FIELD, "/recipe", "what is to be measured? Name a recipe");
    if (!rc)
        rc = text_member(v, "pr", 500, &rq->pr, err);
    if (!rc)
        rc = text_member(v, "metric", 90, &metric, err);
    if (!rc)
        rc = text_member(v, "benchmark", 100, &benchmark, err);
    if (!rc)
        rc = read_commits(v, rq, err);
    if (!rc)
        rc = check_end(v, "good", rq->commit[0], err);
    if (!rc)
        rc = check_end(v, "bad", rq->commit[rq->n_commits - 1], err);
    if (!rc)
        rc = read_rounds(v, rq, err);
    return rc ? rc : check_first(rq, err);
}

int bisection_request_read(const char *body, size_t len, struct bisection_request *ret,
                           struct cail_err *err)
{
    json_t *v = NULL;
    *ret = (struct bisection_request){0};
    int rc = json_read(body, len, &v, err);
    if (!rc && !json_is_object(v))
        rc = err_set_at(err, E_BAD_FIELD, "", "wants an object: a bisection request");
    ret->doc = v;
    if (!rc)
        rc = read_all(v, ret, err);
    if (rc)
        bisection_request_done(ret);
    return rc;
}

void bisection_request_done(struct bisection_request *rq)
{
    json_decref(rq->doc);
    free(rq->commit);
    *rq = (struct bisection_request){0};
}

static void put_side(json_t *body, const char *side, const char *sha)
{
    json_object_set_new(body, side, json_pack("{s:s}", "ref", sha));
}

static void put_metrics(json_t *body, const json_t *doc)
{
    const char *metric = json_string_value(json_object_get(doc, "metric"));
    const char *benchmark = json_string_value(json_object_get(doc, "benchmark"));
    if (!metric && !benchmark)
        return;
    CLEANUP(mem_freep)
    char *glob =
        benchmark ? mem_printf("%s/%s", benchmark, metric ? metric : "*") : mem_strdup(metric);
    json_object_set_new(body, "metrics", json_pack("[s]", glob));
}

void bisection_comparison(const struct bisection_request *rq, int64_t id, int32_t good, int32_t at,
                          bool again, const char *pr, struct str *out)
{
    CLEANUP(json_decrefp) json_t *body = json_object();
    const json_t *doc = rq->doc;
    int32_t rounds = again ? 2 * (rq->rounds ? rq->rounds : ROUNDS_DEFAULT) : rq->rounds;
    CLEANUP(mem_freep)
    char *name = mem_printf("bisection %lld: %.12s against %.12s", (long long)id, rq->commit[good],
                            rq->commit[at]);
    for (size_t i = 0; i < ARRAY_LEN(passed); i++)
        if (json_object_get(doc, passed[i]))
            json_object_set(body, passed[i], json_object_get(doc, passed[i]));
    json_object_set_new(body, "name", json_string(name));
    put_side(body, "base", rq->commit[good]);
    put_side(body, "head", rq->commit[at]);
    put_metrics(body, doc);
    if (rounds)
        json_object_set_new(body, "rounds",
                            json_integer(rounds < ROUNDS_MAX ? rounds : ROUNDS_MAX));
    if (pr)
        json_object_set_new(body, "pr", json_string(pr));
    json_put(out, body);
}
