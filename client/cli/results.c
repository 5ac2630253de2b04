#include "results.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "fmt.h"
#include "table.h"
#include "term.h"

/* "vector-dot pass=cse copies=48" */
static void name_of(const json_t *r, char *out, size_t size)
{
    const json_t *params = json_object_get(r, "params");
    const char *key;
    json_t *v;
    size_t at = (size_t)snprintf(out, size, "%s", js_text(r, "benchmark"));
    json_object_foreach((json_t *)params, key, v) {
        if (at >= size)
            return;
        if (json_is_string(v))
            at += (size_t)snprintf(out + at, size - at, " %s=%s", key, json_string_value(v));
        else if (json_is_integer(v))
            at += (size_t)snprintf(out + at, size - at, " %s=%lld", key,
                                   (long long)json_integer_value(v));
    }
}

/* Rows of the same benchmark and metric differ by their parameters; one with few of them is a whole,
 * one with many a part of it. */
static void add_rows(struct table *t, const json_t *results, bool parts, size_t *left)
{
    size_t i;
    json_t *r;
    json_array_foreach(results, i, r) {
        char name[256], number[FMT_MAX];
        const json_t *value = json_object_get(r, "value");
        bool is_part = json_object_get(json_object_get(r, "params"), "pass") != NULL;
        if (is_part != parts || !*left)
            continue;
        --*left;
        name_of(r, name, sizeof name);
        table_add(t, name);
        table_add(t, js_text(r, "metric"));
        table_add(t, json_is_number(value) ? fmt_number(json_number_value(value), number) : "-");
        table_add(t, js_text(r, "unit"));
        table_add(t, js_text(r, "better"));
        table_add(t, strcmp(js_text(r, "status"), "ok") == 0 ? "" : js_text(r, "status"));
    }
}

void results_print(const json_t *results, size_t rows_max, int fd, int width)
{
    static const struct column columns[] = {
        {"BENCHMARK", false, 12, 0}, {"METRIC", false, 8, 0}, {"VALUE", true, 0, 0},
        {"UNIT", false, 0, 0},       {"BETTER", false, 0, 2}, {"STATUS", false, 0, 1},
    };
    size_t n = json_array_size(results), left = rows_max;
    struct table t;
    if (n == 0)
        return;
    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    add_rows(&t, results, false, &left);
    add_rows(&t, results, true, &left);
    table_print(&t, fd, width, false, true);
    if (n > rows_max)
        cli_say("%zu more: cail show ID lists more, cail show --json ID all of them", n - rows_max);
}
