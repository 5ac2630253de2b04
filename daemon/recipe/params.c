/* The params member of recipe.json, and a request's parameters against it. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/near.h"
#include "recipe/read.h"
#include "recipe/value.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyz"
#define DIGITS  "0123456789"

enum { PARAM_NAME_MAX = 40, CHOICES_MAX = 64 };

static int read_type(struct recipe_reader *rd, json_t *v, const struct recipe_field *f, void *to)
{
    (void)f;
    int at = 0;
    int rc = json_get_word(v, &rd->at, param_type_words, PARAM_TYPE_COUNT, &at, rd->err);
    if (!rc)
        *(enum param_type *)to = (enum param_type)at;
    return rc;
}

static int read_pattern(struct recipe_reader *rd, json_t *v, const struct recipe_field *f, void *to)
{
    int rc = recipe_read_text(rd, v, f, to);
    if (rc)
        return rc;
    const char *what = recipe_pattern_bad(*(char **)to);
    return what ? recipe_refuse(rd, E_BAD_FIELD, "the pattern %s", what) : 0;
}

/* Needs the type, which may come later in the file: read_param does it. */
static int read_later(struct recipe_reader *rd, json_t *v, const struct recipe_field *f, void *to)
{
    (void)rd, (void)v, (void)f, (void)to;
    return 0;
}

#define AT(member) offsetof(struct recipe_param, member)
static const struct recipe_field param_fields[] = {
    {"type", read_type, AT(type), 0, 0, true},
    {"description", recipe_read_text, AT(description), 1, 400, true},
    {"default", read_later, AT(dflt), 0, 0, false},
    {"min", recipe_read_i64, AT(min), INT64_MIN, INT64_MAX, false},
    {"max", recipe_read_i64, AT(max), INT64_MIN, INT64_MAX, false},
    {"choices", recipe_read_texts, AT(choices), 1, CHOICES_MAX, false},
    {"pattern", read_pattern, AT(pattern), 1, RECIPE_PATTERN_MAX, false},
    {"keys_cache", recipe_read_bool, AT(keys_cache), 0, 0, false},
};
#undef AT

/* min and max belong to int, choices to enum, pattern to string. */
static int check_members(struct recipe_reader *rd, const json_t *v, const struct recipe_param *p)
{
    static const struct {
        const char *member;
        enum param_type type;
    } owners[] = {{"min", PARAM_INT}, {"max", PARAM_INT}, {"choices", PARAM_ENUM},
                  {"pattern", PARAM_STRING}};
    for (size_t i = 0; i < ARRAY_LEN(owners); i++)
        if (json_object_get(v, owners[i].member) && p->type != owners[i].type)
            return recipe_refuse(rd, E_BAD_FIELD, "\"%s\" goes with type %s alone",
                                 owners[i].member, param_type_words[owners[i].type]);
    if (p->type == PARAM_ENUM && !p->choices)
        return recipe_refuse(rd, E_BAD_FIELD, "an enum needs \"choices\"");
    if (p->min > p->max)
        return recipe_refuse(rd, E_BAD_FIELD, "min is above max");
    for (char **c = p->choices; c && *c; c++)
        if (**c == '-')
            return recipe_refuse(rd, E_BAD_FIELD, "the choice \"%.60s\" starts with '-'", *c);
    return 0;
}

static int read_default(struct recipe_reader *rd, const json_t *v, struct recipe_param *p)
{
    size_t mark = jpath_push(&rd->at, "default");
    char why[RECIPE_WHY_LEN] = "";
    p->dflt = recipe_value_text(p, v, why);
    json_t *value = p->dflt ? recipe_value(p, p->dflt, why) : NULL;
    if (!value)
        return recipe_refuse(rd, E_BAD_FIELD, "the default %s", why);
    json_decref(value);
    jpath_pop(&rd->at, mark);
    return 0;
}

static int read_param(struct recipe_reader *rd, json_t *v, struct recipe_param *p)
{
    p->max = INT64_MAX; /* min 0: a negative number looks like an option */
    p->keys_cache = true;
    int rc = recipe_read_object(rd, v, param_fields, ARRAY_LEN(param_fields), p);
    if (!rc)
        rc = check_members(rd, v, p);
    const json_t *dflt = json_object_get(v, "default");
    if (!rc && dflt)
        rc = read_default(rd, dflt, p);
    return rc;
}

int recipe_read_params(struct recipe_reader *rd, json_t *v, const struct recipe_field *f, void *to)
{
    (void)f;
    struct recipe *r = to;
    if (!json_is_object(v))
        return recipe_refuse(rd, E_BAD_FIELD, "wants an object");
    size_t n = json_object_size(v);
    if (n > RECIPE_PARAMS_MAX)
        return recipe_refuse(rd, E_BAD_FIELD, "has %zu parameters, at most %d are taken", n,
                             RECIPE_PARAMS_MAX);
    r->param = mem_array(n + 1, sizeof *r->param);
    const char *name;
    json_t *member;
    json_object_foreach(v, name, member) {
        size_t mark = jpath_push(&rd->at, name);
        if (!recipe_is_name(name, LETTERS, LETTERS DIGITS "_", PARAM_NAME_MAX))
            return recipe_refuse(rd, E_BAD_FIELD, "a parameter's name is [a-z][a-z0-9_]*, at most "
                                 "%d bytes", PARAM_NAME_MAX);
        struct recipe_param *p = &r->param[r->n_params++];
        p->name = mem_strdup(name);
        int rc = read_param(rd, member, p);
        if (rc)
            return rc;
        jpath_pop(&rd->at, mark);
    }
    return 0;
}

void recipe_param_done(struct recipe_param *p)
{
    free(p->name);
    free(p->description);
    free(p->dflt);
    free(p->pattern);
    recipe_texts_free(p->choices);
}

/* Every name in `given` is a parameter of r. */
static int check_names(const struct recipe *r, const json_t *given, struct cail_err *err)
{
    const char *names[RECIPE_PARAMS_MAX];
    for (size_t i = 0; i < r->n_params; i++)
        names[i] = r->param[i].name;
    const char *name;
    json_t *member;
    json_object_foreach((json_t *)given, name, member) {
        size_t i = 0;
        while (i < r->n_params && strcmp(names[i], name) != 0)
            i++;
        if (i < r->n_params)
            continue;
        struct jpath at = {.text = ""};
        jpath_push(&at, "params");
        jpath_push(&at, name);
        int rc = err_set_at(err, E_BAD_PARAM, at.text, "recipe %s has no parameter \"%.60s\"",
                            r->name, name);
        const char *near = near_word(name, names, r->n_params);
        if (near)
            err_hint(err, "did you mean \"%s\"?", near);
        return rc;
    }
    return 0;
}

static int bad_param(const struct recipe_param *p, const char *what, struct cail_err *err)
{
    struct jpath at = {.text = ""};
    jpath_push(&at, "params");
    jpath_push(&at, p->name);
    int rc = err_set_at(err, E_BAD_PARAM, at.text, "parameter \"%s\" %s", p->name, what);
    err_hint(err, "%s (%s): %.120s", p->name, param_type_words[p->type], p->description);
    return rc;
}

static int resolve_one(const struct recipe_param *p, const json_t *given, json_t *all,
                       struct cail_err *err)
{
    char why[RECIPE_WHY_LEN] = "is missing; it has no default";
    char *text = given ? recipe_value_text(p, given, why) : mem_strdup(p->dflt);
    json_t *value = text ? recipe_value(p, text, why) : NULL;
    free(text);
    if (!value)
        return bad_param(p, why, err);
    if (json_object_set_new(all, p->name, value))
        return err_set(err, E_NO_MEMORY, "out of memory");
    return 0;
}

static int resolve_all(const struct recipe *r, const json_t *given, char **ret_params,
                       struct cail_err *err)
{
    json_t *all = json_object();
    int rc = all ? check_names(r, given, err) : err_set(err, E_NO_MEMORY, "out of memory");
    for (size_t i = 0; !rc && i < r->n_params; i++)
        rc = resolve_one(&r->param[i], json_object_get(given, r->param[i].name), all, err);
    char *text = rc ? NULL : json_dumps(all, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(all);
    if (rc)
        return rc;
    if (!text)
        return err_set(err, E_NO_MEMORY, "out of memory");
    *ret_params = text;
    return 0;
}

int recipe_resolve(const struct recipe *r, const char *params_json, char **ret_params,
                   struct cail_err *err)
{
    const char *text = params_json && *params_json ? params_json : "{}";
    json_t *given = NULL;
    int rc = json_read(text, strlen(text), &given, err);
    if (rc)
        return rc;
    if (json_is_object(given))
        rc = resolve_all(r, given, ret_params, err);
    else
        rc = err_set_at(err, E_BAD_PARAM, "/params", "params must be an object");
    json_decref(given);
    return rc;
}
