/* Inside recipe/: reading a JSON object by a table of its members. A member that the table lacks is
 * refused with the nearest name that it has; every error carries the JSON Pointer of its place. */
#ifndef RECIPE_READ_H
#define RECIPE_READ_H

#include "recipe/recipe.h"
#include "wire/json.h"

struct recipe_reader {
    struct jpath at; /* where we are */
    struct cail_err *err;
};

struct recipe_field {
    const char *name;
    int (*read)(struct recipe_reader *rd, json_t *v, const struct recipe_field *f, void *to);
    size_t at;        /* offset of the target in the structure */
    int64_t min, max; /* of a number, of a string's bytes, of a list's members */
    bool required;
};

int recipe_refuse(struct recipe_reader *rd, enum cail_code code, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* Fill base from v by the table. On error what was read stays in base, for its owner to free. */
int recipe_read_object(struct recipe_reader *rd, json_t *v, const struct recipe_field *fields,
                       size_t n, void *base) NODISCARD;
/* v must be an array of f->min..f->max members. */
int recipe_read_list(struct recipe_reader *rd, const json_t *v,
                     const struct recipe_field *f) NODISCARD;

/* Readers for the table: int64_t, int32_t, bool, char * (printable, no control character; "" only
 * where min is 0), char ** (a NULL-terminated list of such, none empty, none twice). */
int recipe_read_i64(struct recipe_reader *rd, json_t *v, const struct recipe_field *f, void *to);
int recipe_read_i32(struct recipe_reader *rd, json_t *v, const struct recipe_field *f, void *to);
int recipe_read_bool(struct recipe_reader *rd, json_t *v, const struct recipe_field *f, void *to);
int recipe_read_text(struct recipe_reader *rd, json_t *v, const struct recipe_field *f, void *to);
int recipe_read_texts(struct recipe_reader *rd, json_t *v, const struct recipe_field *f, void *to);

/* The params member. recipe_params.c */
int recipe_read_params(struct recipe_reader *rd, json_t *v, const struct recipe_field *f, void *to);
/* The uses member. uses.c */
int recipe_read_uses(struct recipe_reader *rd, json_t *v, const struct recipe_field *f, void *to);
/* The compare member, checked and kept as text. compare.c */
int recipe_read_compare(struct recipe_reader *rd, json_t *v, const struct recipe_field *f, void *to);
int recipe_check_uses(struct recipe_reader *rd, const struct recipe *r) NODISCARD;
void recipe_uses_free(struct recipe *r);
void recipe_param_done(struct recipe_param *p);
void recipe_texts_free(char **list); /* NULL is fine */

/* 1..max bytes, the first out of `first`, the others out of `rest`. */
bool recipe_is_name(const char *s, const char *first, const char *rest, size_t max);

#endif
