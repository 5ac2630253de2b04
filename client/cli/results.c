#include "results.h"

#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "fmt.h"
#include "table.h"
#include "term.h"

#define ROWS_MAX 200 /* a sweep has thousands: `--json` has them all */

void results_print(const json_t *results, int fd, int width)
{
    static const struct column columns[] = {
        {"BENCHMARK", false, 12, 0}, {"METRIC", false, 8, 0}, {"VALUE", true, 0, 0},
        {"UNIT", false, 0, 0},       {"BETTER", false, 0, 2}, {"STATUS", false, 0, 1},
    };
    size_t n = json_array_size(results);
    struct table t;
    char number[FMT_MAX];
    if (n == 0)
        return;
    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < n && i < ROWS_MAX; i++) {
        const json_t *r = json_array_get(results, i);
        const json_t *value = json_object_get(r, "value");
        table_add(&t, js_text(r, "benchmark"));
        table_add(&t, js_text(r, "metric"));
        table_add(&t, json_is_number(value) ? fmt_number(json_number_value(value), number) : "-");
        table_add(&t, js_text(r, "unit"));
        table_add(&t, js_text(r, "better"));
        table_add(&t, strcmp(js_text(r, "status"), "ok") == 0 ? "" : js_text(r, "status"));
    }
    table_print(&t, fd, width, false, true);
    if (n > ROWS_MAX)
        cli_say("%zu more metrics: cail show --json has them all", n - ROWS_MAX);
}
