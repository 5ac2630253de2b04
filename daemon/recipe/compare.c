/* What a recipe says to comparisons of it: which figures gate, how small a change counts, and which
 * artifacts are shown side by side. */
#include <string.h>

#include "recipe/read.h"

enum { METRICS_MAX = 64 };

static int read_globs(struct recipe_reader *rd, json_t *v, const struct recipe_field *f, void *to)
{
    size_t i;
    json_t *m;
    const char *text;
    (void)to;
    int rc = recipe_read_list(rd, v, f);
    json_array_foreach(v, i, m) {
        size_t mark = jpath_push_index(&rd->at, i);
        if (!rc)
            rc = json_get_str(m, &rd->at, 200, "", &text, rd->err);
        if (rc)
            return rc;
        jpath_pop(&rd->at, mark);
    }
    return rc;
}

static int read_min_effect(struct recipe_reader *rd, json_t *v, const struct recipe_field *f,
                           void *to)
{
    const char *key;
    json_t *m;
    (void)f, (void)to;
    if (!json_is_object(v))
        return recipe_refuse(rd, E_BAD_FIELD, "wants an object such as {\"time\": 0.02}");
    json_object_foreach(v, key, m) {
        size_t mark = jpath_push(&rd->at, key);
        double x = json_is_number(m) ? json_number_value(m) : -1;
        if (word_find(key, metric_kind_words, METRIC_KIND_COUNT) < 0)
            return recipe_refuse(rd, E_UNKNOWN_FIELD, "is no kind of metric");
        if (!(x >= 0 && x <= 10))
            return recipe_refuse(rd, E_BAD_FIELD, "wants a fraction from 0 to 10");
        jpath_pop(&rd->at, mark);
    }
    return 0;
}

static const struct recipe_field compare_fields[] = {
    {"metrics", read_globs, 0, 1, METRICS_MAX, false},
    {"min_effect", read_min_effect, 0, 0, 0, false},
    {"diff", read_globs, 0, 1, METRICS_MAX, false},
};

int recipe_read_compare(struct recipe_reader *rd, json_t *v, const struct recipe_field *f, void *to)
{
    char nothing; /* the text is kept whole */
    (void)f;
    int rc = recipe_read_object(rd, v, compare_fields, ARRAY_LEN(compare_fields), &nothing);
    if (rc)
        return rc;
    *(char **)to = json_text(v);
    return 0;
}
