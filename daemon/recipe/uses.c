/* Builds of other recipes that a recipe works with. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "recipe/read.h"

static int read_params(struct recipe_reader *rd, json_t *v, const struct recipe_field *f, void *to)
{
    (void)f;
    const char *key;
    json_t *m;
    if (!json_is_object(v) || json_object_size(v) > RECIPE_PARAMS_MAX)
        return recipe_refuse(rd, E_BAD_FIELD, "wants an object of at most %d members",
                             RECIPE_PARAMS_MAX);
    json_object_foreach(v, key, m) {
        size_t mark = jpath_push(&rd->at, key);
        if (!json_is_string(m) && !json_is_integer(m) && !json_is_boolean(m))
            return recipe_refuse(rd, E_BAD_FIELD, "wants a string, an integer or a boolean");
        jpath_pop(&rd->at, mark);
    }
    *(char **)to = json_text(v);
    return 0;
}

#define AT(member) offsetof(struct recipe_use, member)
static const struct recipe_field use_fields[] = {
    {"recipe", recipe_read_text, AT(recipe), 1, 64, true},
    {"params", read_params, AT(params), 0, 0, false},
    {"when", recipe_read_text, AT(when), 1, 40, false},
};
#undef AT

int recipe_read_uses(struct recipe_reader *rd, json_t *v, const struct recipe_field *f, void *to)
{
    struct recipe *r = to;
    int rc = recipe_read_list(rd, v, f);
    if (rc)
        return rc;
    size_t n = json_array_size(v);
    r->use = mem_array(n, sizeof *r->use);
    while (r->n_uses < n) {
        size_t mark = jpath_push_index(&rd->at, r->n_uses);
        struct recipe_use *one = &r->use[r->n_uses++];
        rc = recipe_read_object(rd, json_array_get(v, r->n_uses - 1), use_fields,
                                ARRAY_LEN(use_fields), one);
        if (rc)
            return rc;
        if (!one->params)
            one->params = mem_strdup("{}");
        jpath_pop(&rd->at, mark);
    }
    return 0;
}

static bool has_param(const struct recipe *r, const char *name)
{
    for (size_t i = 0; i < r->n_params; i++)
        if (strcmp(r->param[i].name, name) == 0)
            return true;
    return false;
}

static int check_references(struct recipe_reader *rd, const struct recipe *r, const char *params)
{
    CLEANUP(json_decrefp) json_t *v = NULL;
    const char *key;
    json_t *m;
    int rc = json_read(params, strlen(params), &v, rd->err);
    if (rc)
        return rc;
    json_object_foreach(v, key, m) {
        const char *text = json_string_value(m);
        if (text && text[0] == '$' && !has_param(r, text + 1))
            return recipe_refuse(rd, E_BAD_FIELD, "\"%s\" is no parameter of this recipe",
                                 text + 1);
    }
    return 0;
}

int recipe_check_uses(struct recipe_reader *rd, const struct recipe *r)
{
    size_t mark = jpath_push(&rd->at, "uses");
    for (size_t i = 0; i < r->n_uses; i++) {
        const struct recipe_use *u = &r->use[i];
        size_t inner = jpath_push_index(&rd->at, i);
        if (strcmp(u->recipe, r->name) == 0)
            return recipe_refuse(rd, E_BAD_FIELD, "a recipe cannot use itself");
        if (u->when && !has_param(r, u->when))
            return recipe_refuse(rd, E_BAD_FIELD, "\"%s\" is no parameter of this recipe", u->when);
        int rc = check_references(rd, r, u->params);
        if (rc)
            return rc;
        jpath_pop(&rd->at, inner);
    }
    jpath_pop(&rd->at, mark);
    return 0;
}

void recipe_uses_free(struct recipe *r)
{
    for (size_t i = 0; i < r->n_uses; i++) {
        free(r->use[i].recipe);
        free(r->use[i].params);
        free(r->use[i].when);
    }
    free(r->use);
}

bool recipe_use_counts(const struct recipe_use *u, const char *canonical_params)
{
    CLEANUP(json_decrefp) json_t *v = NULL;
    if (!u->when)
        return true;
    if (json_read(canonical_params, strlen(canonical_params), &v, NULL))
        return false;
    const json_t *m = json_object_get(v, u->when);
    return json_is_true(m) || (json_is_integer(m) && json_integer_value(m) != 0) ||
           (json_is_string(m) && json_string_length(m) > 0);
}

char *recipe_use_params(const struct recipe_use *u, const char *canonical_params)
{
    CLEANUP(json_decrefp) json_t *own = NULL;
    CLEANUP(json_decrefp) json_t *v = NULL;
    const char *key;
    json_t *m;
    void *tmp;
    if (json_read(canonical_params, strlen(canonical_params), &own, NULL) ||
        json_read(u->params, strlen(u->params), &v, NULL))
        return mem_strdup("{}");
    json_object_foreach_safe(v, tmp, key, m)
    {
        const char *text = json_string_value(m);
        if (text && text[0] == '$')
            json_object_set(v, key, json_object_get(own, text + 1));
    }
    return json_text(v);
}
