/* recipe.json -> struct recipe. The file's format, member for member, is schema/json/recipe.json;
 * what a table below cannot say (the order of cached steps, names that must differ) is in check. */
#include "recipe/recipe.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "recipe/read.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyz"
#define UPPERS  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS  "0123456789"

enum { ENV_PASS_MAX = 64, RESULTS_MAX = 64, BACKOFF_MAX_S = 24 * 3600 };

/* A name checked against a set of bytes; `what` is shown when it does not fit. */
static int read_name(struct recipe_reader *rd, json_t *v, const struct recipe_field *f, char **to,
                     const char *first, const char *rest, const char *what)
{
    int rc = recipe_read_text(rd, v, f, to);
    if (rc)
        return rc;
    if (!recipe_is_name(*to, first, rest, (size_t)f->max))
        return recipe_refuse(rd, E_BAD_FIELD, "\"%.60s\" is not %s", *to, what);
    return 0;
}

static int read_slug(struct recipe_reader *rd, json_t *v, const struct recipe_field *f, void *to)
{
    return read_name(rd, v, f, to, LETTERS, LETTERS DIGITS "-", "[a-z][a-z0-9-]*");
}

static int read_word_name(struct recipe_reader *rd, json_t *v, const struct recipe_field *f,
                          void *to)
{
    return read_name(rd, v, f, to, LETTERS UPPERS DIGITS, LETTERS UPPERS DIGITS "._+-",
                     "[A-Za-z0-9][A-Za-z0-9._+-]*");
}

static int read_group(struct recipe_reader *rd, json_t *v, const struct recipe_field *f, void *to)
{
    static const char what[] = "[a-z0-9-] words with '/' between";
    int rc = read_name(rd, v, f, to, LETTERS, LETTERS DIGITS "-/", what);
    const char *group = *(char **)to;
    if (!rc && (strstr(group, "//") || group[strlen(group) - 1] == '/'))
        return recipe_refuse(rd, E_BAD_FIELD, "\"%s\" is not %s", group, what);
    return rc;
}

/* A glob below a folder of the attempt's. */
static const char *glob_bad(const char *glob)
{
    if (glob[0] == '/')
        return "starts with '/'";
    for (const char *part = glob; part; part = strchr(part, '/')) {
        part += *part == '/';
        if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || !part[2]))
            return "leaves its folder by '..'";
    }
    return NULL;
}

static int read_glob(struct recipe_reader *rd, json_t *v, const struct recipe_field *f, void *to)
{
    int rc = recipe_read_text(rd, v, f, to);
    if (rc)
        return rc;
    const char *what = glob_bad(*(char **)to);
    return what ? recipe_refuse(rd, E_BAD_FIELD, "the path %s", what) : 0;
}

static int read_globs(struct recipe_reader *rd, json_t *v, const struct recipe_field *f, void *to)
{
    int rc = recipe_read_texts(rd, v, f, to);
    for (char **g = *(char ***)to; !rc && g && *g; g++) {
        const char *what = glob_bad(*g);
        if (what)
            rc = recipe_refuse(rd, E_BAD_FIELD, "the path \"%.60s\" %s", *g, what);
    }
    return rc;
}

static int read_env_names(struct recipe_reader *rd, json_t *v, const struct recipe_field *f,
                          void *to)
{
    int rc = recipe_read_texts(rd, v, f, to);
    for (char **e = *(char ***)to; !rc && e && *e; e++)
        if (!recipe_is_name(*e, LETTERS UPPERS "_", LETTERS UPPERS DIGITS "_", 100))
            rc = recipe_refuse(rd, E_BAD_FIELD, "\"%.60s\" is not a variable's name", *e);
    return rc;
}

static int read_kind(struct recipe_reader *rd, json_t *v, const struct recipe_field *f, void *to)
{
    (void)f;
    int at = 0;
    int rc = json_get_word(v, &rd->at, job_kind_words, KIND_COUNT, &at, rd->err);
    if (!rc)
        *(enum job_kind *)to = (enum job_kind)at;
    return rc;
}

static int read_needs(struct recipe_reader *rd, json_t *v, const struct recipe_field *f, void *to)
{
    (void)f;
    return json_get_needs(v, &rd->at, to, rd->err);
}

static int read_step_needs(struct recipe_reader *rd, json_t *v, const struct recipe_field *f,
                           void *to)
{
    struct recipe_step *s = to;
    s->has_needs = true;
    return read_needs(rd, v, f, &s->needs);
}

#define AT(member) offsetof(struct recipe_step, member)
static const struct recipe_field step_fields[] = {
    {"name", read_slug, AT(name), 1, 64, true},
    {"run", read_word_name, AT(run), 1, 100, true},
    {"needs", read_step_needs, 0, 0, 0, false},
    {"timeout_s", recipe_read_i64, AT(timeout_s), 1, JOB_TIMEOUT_MAX_S, false},
    {"keys_cache", recipe_read_bool, AT(keys_cache), 0, 0, false},
    {"cached", recipe_read_bool, AT(cached), 0, 0, false},
};
#undef AT

static int read_steps(struct recipe_reader *rd, json_t *v, const struct recipe_field *f, void *to)
{
    struct recipe *r = to;
    int rc = recipe_read_list(rd, v, f);
    if (rc)
        return rc;
    size_t n = json_array_size(v);
    r->step = mem_array(n, sizeof *r->step);
    while (r->n_steps < n) {
        size_t mark = jpath_push_index(&rd->at, r->n_steps);
        struct recipe_step *s = &r->step[r->n_steps++];
        rc = recipe_read_object(rd, json_array_get(v, r->n_steps - 1), step_fields,
                                ARRAY_LEN(step_fields), s);
        if (rc)
            return rc;
        jpath_pop(&rd->at, mark);
    }
    return 0;
}

#define AT(member) offsetof(struct recipe_tool, member)
static const struct recipe_field tool_fields[] = {
    {"name", read_word_name, AT(name), 1, 64, true},
    {"min", read_word_name, AT(min), 1, 32, false},
    {"package", read_word_name, AT(package), 1, 64, true},
    {"optional", recipe_read_bool, AT(optional), 0, 0, false},
};
#undef AT

static int read_tools(struct recipe_reader *rd, json_t *v, const struct recipe_field *f, void *to)
{
    struct recipe *r = to;
    int rc = recipe_read_list(rd, v, f);
    if (rc)
        return rc;
    size_t n = json_array_size(v);
    r->tool = mem_array(n + 1, sizeof *r->tool);
    while (r->n_tools < n) {
        size_t mark = jpath_push_index(&rd->at, r->n_tools);
        struct recipe_tool *t = &r->tool[r->n_tools++];
        rc = recipe_read_object(rd, json_array_get(v, r->n_tools - 1), tool_fields,
                                ARRAY_LEN(tool_fields), t);
        if (rc)
            return rc;
        jpath_pop(&rd->at, mark);
    }
    return 0;
}

static const struct recipe_field requires_fields[] = {
    {"tools", read_tools, 0, 0, RECIPE_TOOLS_MAX, false},
    {"disk_mib", recipe_read_i64, offsetof(struct recipe, disk_mib), 0, INT64_C(1) << 30, false},
};

static int read_requires(struct recipe_reader *rd, json_t *v, const struct recipe_field *f,
                         void *to)
{
    (void)f;
    return recipe_read_object(rd, v, requires_fields, ARRAY_LEN(requires_fields), to);
}

#define AT(member) offsetof(struct recipe_result, member)
static const struct recipe_field result_fields[] = {
    {"parser", read_slug, AT(parser), 1, 64, false},
    {"file", read_glob, AT(file), 1, 400, true},
};
#undef AT

static int read_results(struct recipe_reader *rd, json_t *v, const struct recipe_field *f, void *to)
{
    struct recipe *r = to;
    int rc = recipe_read_list(rd, v, f);
    if (rc)
        return rc;
    size_t n = json_array_size(v);
    r->result = mem_array(n + 1, sizeof *r->result);
    while (r->n_results < n) {
        size_t mark = jpath_push_index(&rd->at, r->n_results);
        struct recipe_result *one = &r->result[r->n_results++];
        rc = recipe_read_object(rd, json_array_get(v, r->n_results - 1), result_fields,
                                ARRAY_LEN(result_fields), one);
        if (rc)
            return rc;
        jpath_pop(&rd->at, mark);
    }
    return 0;
}

static int read_retry_on(struct recipe_reader *rd, json_t *v, const struct recipe_field *f,
                         void *to)
{
    int rc = recipe_read_list(rd, v, f);
    if (rc)
        return rc;
    uint32_t on = 0;
    for (size_t i = 0; i < json_array_size(v); i++) {
        size_t mark = jpath_push_index(&rd->at, i);
        int cause = 0;
        rc = json_get_word(json_array_get(v, i), &rd->at, retry_cause_words, RETRY_CAUSE_COUNT,
                           &cause, rd->err);
        if (rc)
            return rc;
        on |= 1u << cause;
        jpath_pop(&rd->at, mark);
    }
    *(uint32_t *)to = on;
    return 0;
}

#define AT(member) offsetof(struct recipe, member)
static const struct recipe_field retry_fields[] = {
    {"max_attempts", recipe_read_i32, AT(max_tries), 1, JOB_ATTEMPTS_MAX, true},
    {"on", read_retry_on, AT(retry_on), 1, RETRY_CAUSE_COUNT, false},
    {"backoff_s", recipe_read_i32, AT(backoff_s), 0, BACKOFF_MAX_S, false},
};

static int read_retry(struct recipe_reader *rd, json_t *v, const struct recipe_field *f, void *to)
{
    (void)f;
    return recipe_read_object(rd, v, retry_fields, ARRAY_LEN(retry_fields), to);
}

static const struct recipe_field recipe_fields[] = {
    {"name", read_slug, AT(name), 1, 64, true},
    {"group", read_group, AT(group), 1, 100, true},
    {"summary", recipe_read_text, AT(summary), 1, 200, true},
    {"upstream", read_slug, AT(upstream), 1, 64, false},
    {"kind", read_kind, AT(kind), 0, 0, true},
    {"params", recipe_read_params, 0, 0, 0, false},
    {"steps", read_steps, 0, 1, JOB_STEPS_MAX, true},
    {"needs", read_needs, AT(needs), 0, 0, false},
    {"timeout_s", recipe_read_i64, AT(timeout_s), 1, JOB_TIMEOUT_MAX_S, false},
    {"idle_timeout_s", recipe_read_i64, AT(idle_timeout_s), 1, JOB_TIMEOUT_MAX_S, false},
    {"requires", read_requires, 0, 0, 0, false},
    {"env_pass", read_env_names, AT(env_pass), 0, ENV_PASS_MAX, false},
    {"results", read_results, 0, 0, RESULTS_MAX, false},
    {"compare", recipe_read_compare, AT(compare), 0, 0, false},
    {"uses", recipe_read_uses, 0, 0, RECIPE_USES_MAX, false},
    {"artifacts", read_globs, AT(artifacts), 0, JOB_ARTIFACTS_MAX, false},
    {"retry", read_retry, 0, 0, 0, false},
};
#undef AT

static int check_step(struct recipe_reader *rd, const struct recipe *r, size_t i, bool *keyed)
{
    const struct recipe_step *s = &r->step[i];
    for (size_t j = 0; j < i; j++)
        if (strcmp(s->name, r->step[j].name) == 0)
            return recipe_refuse(rd, E_BAD_FIELD, "two steps have the name \"%s\"", s->name);
    if (s->cached && !*keyed)
        return recipe_refuse(rd, E_BAD_FIELD,
                             "step \"%s\" is cached, but no step before it has keys_cache",
                             s->name);
    if (s->keys_cache && *keyed)
        return recipe_refuse(rd, E_BAD_FIELD, "two steps have keys_cache; one key names a build");
    *keyed = *keyed || s->keys_cache;
    if (r->kind == KIND_BENCHMARK && s->needs.share)
        return recipe_refuse(rd, E_BAD_FIELD, "a benchmark never shares a card");
    return 0;
}

static int check(struct recipe_reader *rd, const struct recipe *r)
{
    if (r->kind == KIND_BENCHMARK && r->needs.share)
        return recipe_refuse(rd, E_BAD_FIELD, "a benchmark never shares a card");
    bool keyed = false;
    size_t mark = jpath_push(&rd->at, "steps");
    for (size_t i = 0; i < r->n_steps; i++) {
        size_t inner = jpath_push_index(&rd->at, i);
        int rc = check_step(rd, r, i, &keyed);
        if (rc)
            return rc;
        jpath_pop(&rd->at, inner);
    }
    jpath_pop(&rd->at, mark);
    return recipe_check_uses(rd, r);
}

/* A build takes what it can get unless it says otherwise. */
static void fill_defaults(struct recipe *r)
{
    int32_t cpus = r->kind == KIND_BUILD ? CPUS_ALL : 1;
    if (!r->needs.cpus)
        r->needs.cpus = cpus;
    for (size_t i = 0; i < r->n_steps; i++)
        if (r->step[i].has_needs && !r->step[i].needs.cpus)
            r->step[i].needs.cpus = cpus;
}

int recipe_parse(const char *json, size_t len, struct recipe **ret, struct cail_err *err)
{
    if (len > RECIPE_FILE_MAX)
        return err_set(err, E_TOO_LARGE, "recipe.json has %zu bytes; at most %u are read", len,
                       RECIPE_FILE_MAX);
    json_t *doc = NULL;
    int rc = json_read(json, len, &doc, err);
    if (rc)
        return rc;
    struct recipe *r = mem_zalloc(sizeof *r);
    r->max_tries = 1;
    r->retry_on = (1u << RETRY_CAUSE_COUNT) - 1; /* "retry" without "on" means every cause */
    struct recipe_reader rd = {.at = {.text = ""}, .err = err};
    rc = recipe_read_object(&rd, doc, recipe_fields, ARRAY_LEN(recipe_fields), r);
    if (!rc)
        rc = check(&rd, r);
    json_decref(doc);
    if (rc) {
        recipe_free(r);
        return rc;
    }
    fill_defaults(r);
    *ret = r;
    return 0;
}

static void steps_free(struct recipe *r)
{
    for (size_t i = 0; i < r->n_steps; i++) {
        free(r->step[i].name);
        free(r->step[i].run);
        needs_done(&r->step[i].needs);
    }
    free(r->step);
}

void recipe_free(struct recipe *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->n_params; i++)
        recipe_param_done(&r->param[i]);
    for (size_t i = 0; i < r->n_tools; i++) {
        free(r->tool[i].name);
        free(r->tool[i].min);
        free(r->tool[i].package);
    }
    for (size_t i = 0; i < r->n_results; i++) {
        free(r->result[i].parser);
        free(r->result[i].file);
    }
    steps_free(r);
    recipe_uses_free(r);
    free(r->param);
    free(r->tool);
    free(r->result);
    needs_done(&r->needs);
    recipe_texts_free(r->env_pass);
    recipe_texts_free(r->artifacts);
    free(r->name);
    free(r->group);
    free(r->summary);
    free(r->upstream);
    free(r->compare);
    free(r->dir);
    free(r);
}
