/* cail history and cail benchmarks: series over commits, in words. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "change.h"
#include "fmt.h"
#include "query.h"
#include "table.h"
#include "term.h"
#include "verbs.h"

enum { SPARK_MAX = 60 };

/* --- pieces --- */

/* Eight heights of the last values; "" when there is nothing to see. */
static void spark(const double *v, size_t n, struct cail_buf *out)
{
    static const char *const bars[] = {"\u2581", "\u2582", "\u2583", "\u2584",
                                       "\u2585", "\u2586", "\u2587", "\u2588"};
    static const char plain[] = "_.-~=+*#";
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        low = isfinite(v[i]) && v[i] < low ? v[i] : low;
        high = isfinite(v[i]) && v[i] > high ? v[i] : high;
    }
    for (size_t i = 0; i < n; i++) {
        int step = high > low ? (int)((v[i] - low) / (high - low) * 7.999) : 3;
        if (!isfinite(v[i]))
            cail_buf_addc(out, ' ');
        else if (term.utf8)
            cail_buf_adds(out, bars[step]);
        else
            cail_buf_addc(out, plain[step]);
    }
}

static size_t numbers(const json_t *list, const char *member, double *ret, size_t max)
{
    size_t n = json_array_size(list), from = n > max ? n - max : 0;
    for (size_t i = from; i < n; i++) {
        const json_t *v = json_array_get(list, i);
        v = member != NULL ? json_object_get(v, member) : v;
        ret[i - from] = json_is_number(v) ? json_number_value(v) : NAN;
    }
    return n - from;
}

/* The commit's first digits, or the job. */
static void place(const json_t *end, struct cail_buf *out)
{
    if (js_null(end, "commit"))
        cail_buf_addf(out, "job %" PRId64, js_int(end, "job", 0));
    else
        cail_buf_addf(out, "%.12s", js_text(end, "commit"));
}

static void out_line(struct cail_buf *b)
{
    char *line = cli_take(b);
    cli_put(line, strlen(line));
    free(line);
}

static double percent(const json_t *change, const char *key)
{
    return (js_real(change, key, NAN) - 1) * 100;
}

/* "+20.1 % (19.8 to 20.4): regression between 0000000bcccc and 0000000ccccc" */
static void change_words(const json_t *c, struct cail_buf *b)
{
    const char *effect = js_text(c, "effect");
    char from[FMT_MAX], to[FMT_MAX];
    if (!js_null(c, "ratio"))
        cail_buf_addf(b, "%+.2f %%", percent(c, "ratio"));
    else
        cail_buf_addf(b, "%s to %s", fmt_number(js_real(c, "from_value", NAN), from),
                      fmt_number(js_real(c, "to_value", NAN), to));
    if (!js_null(c, "ratio_low"))
        cail_buf_addf(b, " (%+.2f to %+.2f)", percent(c, "ratio_low"), percent(c, "ratio_high"));
    cail_buf_addf(b, ", %s%s between ",
                  json_is_true(json_object_get(c, "tentative")) ? "perhaps a " : "", effect);
    place(json_object_get(c, "before"), b);
    cail_buf_adds(b, " and ");
    place(json_object_get(c, "after"), b);
    change_check_words(c, b);
    if (strcmp(js_text(c, "state"), "open") != 0)
        cail_buf_addf(b, " [%s]", js_text(c, "state"));
    if (!js_null(c, "note"))
        cail_buf_addf(b, " %s", js_text(c, "note"));
}

/* --- one series --- */

static void print_head(const json_t *s)
{
    struct cail_buf b = CAIL_BUF_INIT;
    double v[SPARK_MAX];
    char *params = js_pairs(json_object_get(s, "params"));
    const json_t *points = json_object_get(s, "points"), *machine = json_object_get(s, "machine");
    const char *host = js_text(machine, "host");
    cail_buf_addf(&b, "%s %s%s%s", js_text(s, "benchmark"), js_text(s, "metric"),
                  params[0] != '\0' ? "  " : "", params);
    cail_buf_addf(&b, "\n  %s%s%s is better, %zu points, on %s (%s)\n  ", js_text(s, "unit"),
                  js_text(s, "unit")[0] != '\0' ? ", " : "", js_text(s, "better"),
                  json_array_size(points), host[0] != '\0' ? host : "an unknown machine",
                  js_text(s, "fingerprint"));
    spark(v, numbers(points, "value", v, SPARK_MAX), &b);
    cail_buf_adds(&b, "\n");
    free(params);
    out_line(&b);
}

static void print_segments(const json_t *s)
{
    const json_t *points = json_object_get(s, "points");
    const json_t *changes = json_object_get(s, "changes");
    size_t i;
    json_t *seg;
    json_array_foreach(json_object_get(s, "segments"), i, seg) {
        struct cail_buf b = CAIL_BUF_INIT;
        char number[FMT_MAX], low[FMT_MAX], high[FMT_MAX];
        cail_buf_addf(&b, "  %s %s  (%s to %s, %" PRId64 " points, ",
                      fmt_number(js_real(seg, "median", NAN), number), js_text(s, "unit"),
                      fmt_number(js_real(seg, "lo", NAN), low),
                      fmt_number(js_real(seg, "hi", NAN), high), js_int(seg, "n", 0));
        place(json_array_get(points, (size_t)js_int(seg, "from", 0)), &b);
        cail_buf_adds(&b, " .. ");
        place(json_array_get(points, (size_t)js_int(seg, "to", 0)), &b);
        cail_buf_adds(&b, ")\n");
        const json_t *c = json_array_get(changes, i);
        if (c != NULL) {
            cail_buf_adds(&b, "    ");
            change_words(c, &b);
            cail_buf_addf(&b, "\n    %s\n", js_text(c, "id"));
        }
        out_line(&b);
    }
}

static void print_marks(const json_t *s)
{
    static const char *const lists[] = {"releases", "baselines", "annotations"};
    const json_t *points = json_object_get(s, "points"), *drift = json_object_get(s, "drift");
    struct cail_buf b = CAIL_BUF_INIT;
    size_t i;
    json_t *m;
    for (size_t k = 0; k < 3; k++)
        json_array_foreach(json_object_get(s, lists[k]), i, m) {
            cail_buf_addf(&b, "  %.*s ", (int)strlen(lists[k]) - 1, lists[k]);
            cail_buf_addf(&b, "%s at ", k < 2 ? js_text(m, "name") : js_text(m, "text"));
            place(json_array_get(points, (size_t)js_int(m, "index", 0)), &b);
            if (k == 1 && !js_null(m, "last_to_this"))
                cail_buf_addf(&b, ": now %+.2f %%", (js_real(m, "last_to_this", 1) - 1) * 100);
            cail_buf_adds(&b, "\n");
        }
    if (json_is_true(json_object_get(drift, "drifts")))
        cail_buf_addf(&b, "  drifts: %+.2f %% in 90 days\n",
                      js_real(drift, "change_in_90_days", 0) * 100);
    cail_buf_adds(&b, "\n");
    out_line(&b);
}

static int history_series(struct cli *cli)
{
    static const char *const passed[] = {"limit", "fingerprint"};
    const struct args *a = &cli->args;
    struct cail_buf path = CAIL_BUF_INIT;
    struct cail_reply r;
    bool done;
    size_t i;
    json_t *s;
    cail_buf_adds(&path, "/results");
    query_add(&path, "benchmark", a->word[0]);
    query_add(&path, "metric", a->n_words > 1 ? a->word[1] : NULL);
    query_add(&path, "params", args_value(a, "param"));
    query_add(&path, "compat", args_flag(a, "otava") ? "otava" : NULL);
    query_add_args(&path, a, passed, 2);
    if (!query_add_since(&path, a))
        return cli_usage(cli, "--since wants 30d or a time such as 2030-01-31T08:00:00Z");
    int code = cli_get(cli, cli_take(&path), &r, &done);
    if (done)
        return code;
    const json_t *all = json_object_get(r.json, "series");
    json_array_foreach(all, i, s) {
        print_head(s);
        print_segments(s);
        print_marks(s);
    }
    if (json_array_size(all) == 0)
        cli_say("there is no such series; cail benchmarks lists what there is");
    if (json_is_true(json_object_get(r.json, "truncated")))
        cli_say("there are more series: name a metric or parameters");
    cail_reply_done(&r);
    return 0;
}

/* --- changes --- */

static int history_changes(struct cli *cli)
{
    static const char *const passed[] = {"state", "fingerprint", "limit"};
    struct cail_buf path = CAIL_BUF_INIT;
    struct cail_reply r;
    bool done;
    size_t i;
    json_t *c;
    cail_buf_adds(&path, "/results/changes");
    query_add_args(&path, &cli->args, passed, 3);
    if (!query_add_since(&path, &cli->args))
        return cli_usage(cli, "--since wants 30d or a time such as 2030-01-31T08:00:00Z");
    int code = cli_get(cli, cli_take(&path), &r, &done);
    if (done)
        return code;
    const json_t *all = json_object_get(r.json, "changes");
    json_array_foreach(all, i, c) {
        struct cail_buf b = CAIL_BUF_INIT;
        char *params = js_pairs(json_object_get(c, "params"));
        cail_buf_addf(&b, "%s %s%s%s\n  ", js_text(c, "benchmark"), js_text(c, "metric"),
                      params[0] != '\0' ? "  " : "", params);
        change_words(c, &b);
        cail_buf_addf(&b, "\n  %s\n", js_text(c, "id"));
        free(params);
        out_line(&b);
    }
    if (json_array_size(all) == 0)
        cli_say("no changes");
    if (json_is_true(json_object_get(r.json, "truncated")))
        cli_say("not every series was looked at");
    cail_reply_done(&r);
    return 0;
}

static int history_say(struct cli *cli, const char *state)
{
    const struct args *a = &cli->args;
    if (a->n_words != 1)
        return cli_usage(cli, "--say STATE names one change, as the lists print it");
    json_t *body = json_pack("{s:s,s:s?,s:s?}", "state", state, "note", args_value(a, "note"),
                             "url", args_value(a, "link"));
    char *id = cail_encode(a->word[0]);
    int code = cli_send(cli, "PATCH", cail_path("/results/changes/%s", id != NULL ? id : ""), body);
    free(id);
    return code;
}

int cmd_history(struct cli *cli)
{
    const char *say = args_value(&cli->args, "say");
    if (say != NULL)
        return history_say(cli, say);
    const char *commits = args_value(&cli->args, "commits");
    if (commits != NULL)
        return change_commits(cli, commits);
    if (cli->args.n_words == 2 && strcmp(cli->args.word[0], "confirm") == 0)
        return change_confirm(cli, cli->args.word[1]);
    if (cli->args.n_words > 2)
        return cli_usage(cli, "one benchmark and one metric");
    return cli->args.n_words > 0 ? history_series(cli) : history_changes(cli);
}

/* --- benchmarks --- */

static void add_benchmark(struct table *t, const json_t *e)
{
    double v[30];
    char number[FMT_MAX], age[FMT_MAX];
    struct cail_buf b = CAIL_BUF_INIT;
    char *params = js_pairs(json_object_get(e, "params"));
    cail_buf_adds(&b, "");
    spark(v, numbers(json_object_get(e, "spark"), NULL, v, 30), &b);
    char *bars = cli_take(&b);
    table_addf(t, "%s%s%s", js_text(e, "benchmark"), params[0] != '\0' ? " " : "", params);
    table_add(t, js_text(e, "metric"));
    table_add(t, js_null(e, "last_value") ? "-" : fmt_number(js_real(e, "last_value", 0), number));
    table_add(t, js_text(e, "unit"));
    table_addf(t, "%" PRId64, js_int(e, "points", 0));
    table_add(t, fmt_age(js_text(e, "last_at"), age));
    table_add(t, js_text(json_object_get(e, "machine"), "host"));
    table_add(t, bars);
    free(bars);
    free(params);
}

int cmd_benchmarks(struct cli *cli)
{
    static const struct column columns[] = {
        {"BENCHMARK", false, 12, 0}, {"METRIC", false, 8, 0}, {"LAST", true, 0, 0},
        {"UNIT", false, 0, 0},       {"POINTS", true, 0, 1},  {"AGE", true, 0, 0},
        {"MACHINE", false, 0, 3},    {"", false, 0, 2},
    };
    static const char *const passed[] = {"recipe"};
    const char *limit = args_value(&cli->args, "limit");
    struct cail_buf path = CAIL_BUF_INIT;
    struct cail_reply r;
    struct table t;
    bool done;
    size_t i;
    json_t *e;
    if (cli->args.n_words > 1)
        return cli_usage(cli, "one part of a name");
    cail_buf_adds(&path, "/benchmarks");
    query_add(&path, "limit", limit != NULL ? limit : "200");
    query_add(&path, "q", cli->args.n_words > 0 ? cli->args.word[0] : NULL);
    query_add_args(&path, &cli->args, passed, 1);
    if (!query_add_since(&path, &cli->args))
        return cli_usage(cli, "--since wants 2h or a time such as 2030-01-31T08:00:00Z");
    int code = cli_get(cli, cli_take(&path), &r, &done);
    if (done)
        return code;
    const json_t *all = json_object_get(r.json, "benchmarks");
    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    json_array_foreach(all, i, e)
        add_benchmark(&t, e);
    table_show(&t, "nothing was measured yet");
    if (!js_null(r.json, "next_cursor"))
        cli_say("there are more: name a part of the benchmark, or --limit");
    cail_reply_done(&r);
    return 0;
}
