/* Reading a JSON object by a table of its members. */
#include "recipe/read.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { MEMBERS_MAX = 32, LIST_TEXT_MAX = 400 };

int recipe_refuse(struct recipe_reader *rd, enum cail_code code, const char *fmt, ...)
{
    char text[sizeof rd->err->text];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return err_set_at(rd->err, code, rd->at.text, "%s", text);
}

static const struct recipe_field *find(const struct recipe_field *fields, size_t n,
                                       const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(fields[i].name, name) == 0)
            return &fields[i];
    return NULL;
}

static int unknown(struct recipe_reader *rd, const struct recipe_field *fields, size_t n,
                   const char *name)
{
    const char *names[MEMBERS_MAX];
    size_t known = 0;
    for (; known < n && known < MEMBERS_MAX; known++)
        names[known] = fields[known].name;
    return json_unknown(name, &rd->at, names, known, rd->err);
}

int recipe_read_object(struct recipe_reader *rd, json_t *v, const struct recipe_field *fields,
                       size_t n, void *base)
{
    if (!json_is_object(v))
        return recipe_refuse(rd, E_BAD_FIELD, "wants an object");
    const char *name;
    json_t *member;
    json_object_foreach(v, name, member) {
        const struct recipe_field *f = find(fields, n, name);
        if (!f)
            return unknown(rd, fields, n, name);
        size_t mark = jpath_push(&rd->at, name);
        int rc = f->read(rd, member, f, (char *)base + f->at);
        if (rc)
            return rc;
        jpath_pop(&rd->at, mark);
    }
    for (size_t i = 0; i < n; i++)
        if (fields[i].required && !json_object_get(v, fields[i].name))
            return recipe_refuse(rd, E_BAD_FIELD, "\"%s\" is missing", fields[i].name);
    return 0;
}

int recipe_read_list(struct recipe_reader *rd, const json_t *v, const struct recipe_field *f)
{
    if (!json_is_array(v))
        return recipe_refuse(rd, E_BAD_FIELD, "wants an array");
    size_t n = json_array_size(v);
    if (n < (size_t)f->min || n > (size_t)f->max)
        return recipe_refuse(rd, E_BAD_FIELD, "has %zu members, not %lld..%lld", n,
                             (long long)f->min, (long long)f->max);
    return 0;
}

int recipe_read_i64(struct recipe_reader *rd, json_t *v, const struct recipe_field *f, void *to)
{
    return json_get_int(v, &rd->at, f->min, f->max, to, rd->err);
}

int recipe_read_i32(struct recipe_reader *rd, json_t *v, const struct recipe_field *f, void *to)
{
    int64_t wide = 0;
    int rc = json_get_int(v, &rd->at, f->min, f->max, &wide, rd->err);
    if (!rc)
        *(int32_t *)to = (int32_t)wide; /* the table's min and max fit */
    return rc;
}

int recipe_read_bool(struct recipe_reader *rd, json_t *v, const struct recipe_field *f, void *to)
{
    (void)f;
    return json_get_bool(v, &rd->at, to, rd->err);
}

int recipe_read_text(struct recipe_reader *rd, json_t *v, const struct recipe_field *f, void *to)
{
    const char *text = "";
    bool empty = json_is_string(v) && json_string_length(v) == 0;
    if (!empty || f->min > 0) {
        int rc = json_get_str(v, &rd->at, (size_t)f->max, "", &text, rd->err);
        if (rc)
            return rc;
    }
    *(char **)to = mem_strdup(text);
    return 0;
}

int recipe_read_texts(struct recipe_reader *rd, json_t *v, const struct recipe_field *f, void *to)
{
    int rc = recipe_read_list(rd, v, f);
    if (rc)
        return rc;
    size_t n = json_array_size(v);
    char **list = mem_array(n + 1, sizeof *list);
    *(char ***)to = list; /* the owner frees it, whole or not */
    const struct recipe_field each = {.min = 1, .max = LIST_TEXT_MAX};
    for (size_t i = 0; i < n; i++) {
        size_t mark = jpath_push_index(&rd->at, i);
        rc = recipe_read_text(rd, json_array_get(v, i), &each, &list[i]);
        if (rc)
            return rc;
        for (size_t j = 0; j < i; j++)
            if (strcmp(list[i], list[j]) == 0)
                return recipe_refuse(rd, E_BAD_FIELD, "\"%.60s\" is there twice", list[i]);
        jpath_pop(&rd->at, mark);
    }
    return 0;
}

void recipe_texts_free(char **list)
{
    for (char **s = list; s && *s; s++)
        free(*s);
    free(list);
}

bool recipe_is_name(const char *s, const char *first, const char *rest, size_t max)
{
    size_t len = strlen(s);
    return len && len <= max && strchr(first, s[0]) && strspn(s, rest) == len;
}
