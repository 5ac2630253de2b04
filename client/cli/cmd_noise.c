/* cail noise: what identical code does here, and what is still wanted to know it. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fmt.h"
#include "table.h"
#include "term.h"
#include "verbs.h"

static void add_percent(struct table *t, const json_t *row, const char *key)
{
    if (js_null(row, key))
        table_add(t, "-");
    else
        table_addf(t, "%.2f %%", js_real(row, key, NAN) * 100);
}

static void add_series(struct table *t, const json_t *s)
{
    char *params = json_dumps(json_object_get(s, "params"), JSON_COMPACT | JSON_SORT_KEYS);
    bool some = params != NULL && strcmp(params, "{}") != 0 && strcmp(params, "null") != 0;
    int64_t wanted = js_int(s, "wanted", 0);
    char age[FMT_MAX];
    table_addf(t, "%s%s%s", js_text(s, "benchmark"), some ? " " : "", some ? params : "");
    table_add(t, js_text(s, "metric"));
    table_addf(t, "%" PRId64, js_int(s, "comparisons", 0));
    add_percent(t, s, "floor");
    add_percent(t, s, "largest");
    table_addf(t, "%" PRId64, js_int(s, "alarms", 0));
    if (wanted > 0)
        table_addf(t, "%" PRId64 " more", wanted);
    else
        table_add(t, "");
    table_add(t, fmt_age(js_text(s, "at"), age));
    free(params);
}

/* Its cards or its processor, and the host. */
static void add_name(struct cail_buf *b, const json_t *machine)
{
    const json_t *cards = json_object_get(machine, "gpus");
    const char *host = js_text(machine, "host");
    size_t i;
    json_t *card;
    json_array_foreach(cards, i, card)
        cail_buf_addf(b, "%s%s", i > 0 ? ", " : "", js_text(card, "model"));
    if (json_array_size(cards) == 0)
        cail_buf_addf(b, "%s", js_text(machine, "cpu"));
    cail_buf_addf(b, "%s%s", host[0] != '\0' ? " of " : "", host);
}

static void print_machine(const json_t *m, int64_t *ret_wanted)
{
    static const struct column columns[] = {
        {"BENCHMARK", false, 12, 0}, {"METRIC", false, 8, 0}, {"A/A", true, 0, 0},
        {"FLOOR", true, 0, 0},       {"LARGEST", true, 0, 1}, {"ALARMS", true, 0, 2},
        {"WANTED", false, 0, 0},     {"AGE", true, 0, 3},
    };
    struct cail_buf b = CAIL_BUF_INIT;
    struct table t;
    size_t i;
    json_t *s;
    add_name(&b, json_object_get(m, "machine"));
    cail_buf_addf(
        &b, " (%s): %" PRId64 " comparisons of identical code, %" PRId64 " with a false alarm",
        js_text(m, "fingerprint"), js_int(m, "comparisons", 0), js_int(m, "alarms", 0));
    if (!js_null(m, "false_alarm_rate"))
        cail_buf_addf(&b, " (%.1f %%)", js_real(m, "false_alarm_rate", 0) * 100);
    cli_put_line(&b);
    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    json_array_foreach(json_object_get(m, "series"), i, s) {
        int64_t wanted = js_int(s, "wanted", 0);
        add_series(&t, s);
        *ret_wanted = wanted > *ret_wanted ? wanted : *ret_wanted;
    }
    table_print(&t, STDOUT_FILENO, term_width(), term.colour, true);
}

int cmd_noise(struct cli *cli)
{
    struct cail_reply r;
    bool done;
    size_t i;
    json_t *m;
    int64_t wanted = 0;
    if (cli->args.n_words > 0)
        return cli_usage(cli, "it takes no words");
    int code = cli_get(cli, cail_path("/noise"), &r, &done);
    if (done)
        return code;
    const json_t *all = json_object_get(r.json, "machines");
    json_array_foreach(all, i, m)
        print_machine(m, &wanted);
    if (json_array_size(all) == 0)
        wanted = 20;
    if (wanted > 0)
        cli_say("%s; %" PRId64 " more comparisons of a ref with itself tell the floor:\n"
                "  for i in $(seq %" PRId64
                "); do cail compare --aa main --recipe RECIPE --wait; done",
                json_array_size(all) == 0 ? "nothing is known of the noise here"
                                          : "some floors are not known yet",
                wanted, wanted);
    cail_reply_done(&r);
    return 0;
}
