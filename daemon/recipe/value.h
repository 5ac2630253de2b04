/* Inside recipe/: one parameter's value against its type. */
#ifndef RECIPE_VALUE_H
#define RECIPE_VALUE_H

#include <jansson.h>

#include "recipe/recipe.h"

enum { RECIPE_WHY_LEN = 240, RECIPE_PATTERN_MAX = 200, RECIPE_VALUE_MAX = 1000 };

/* NULL, or what is wrong with a pattern. */
const char *recipe_pattern_bad(const char *pattern);
/* The text of a JSON value given for p, caller frees; NULL: why says what is wrong. */
char *recipe_value_text(const struct recipe_param *p, const json_t *v, char why[RECIPE_WHY_LEN]);
/* text as p's own JSON type, checked; NULL: why says what is wrong with it. Caller decrefs. */
json_t *recipe_value(const struct recipe_param *p, const char *text, char why[RECIPE_WHY_LEN]);

#endif
