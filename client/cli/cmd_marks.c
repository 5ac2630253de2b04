/* cail baseline and cail annotate: names and remarks in the history of results. */
#include <inttypes.h>
#include <string.h>

#include "fmt.h"
#include "query.h"
#include "table.h"
#include "verbs.h"

static void add_places(struct table *t, const json_t *list, const char *kind)
{
    size_t i;
    json_t *b;
    char age[FMT_MAX];
    json_array_foreach(list, i, b) {
        table_add(t, js_text(b, "name"));
        table_add(t, kind);
        if (js_null(b, "commit"))
            table_addf(t, "job %" PRId64, js_int(b, "job", 0));
        else
            table_addf(t, "%.12s", js_text(b, "commit"));
        table_add(t, js_text(b, "by"));
        table_add(t, fmt_age(js_text(b, "at"), age));
        table_add(t, js_text(b, "note"));
    }
}

static int baseline_ls(struct cli *cli)
{
    static const struct column columns[] = {
        {"NAME", false, 8, 0}, {"KIND", false, 0, 2}, {"WHAT", false, 0, 0},
        {"BY", false, 0, 3},   {"AGE", true, 0, 1},   {"", false, 10, 0},
    };
    struct cail_reply r, releases;
    struct table t;
    bool done;
    int code = cli_get(cli, cail_path("/baselines"), &r, &done);
    if (done)
        return code;
    code = cli_call(cli, "GET", cail_path("/releases"), NULL, &releases);
    if (code == 0) {
        table_init(&t, columns, sizeof columns / sizeof columns[0]);
        add_places(&t, json_object_get(r.json, "baselines"), "baseline");
        add_places(&t, json_object_get(releases.json, "releases"), "release");
        table_show(&t, "no baselines and no releases");
        cail_reply_done(&releases);
    }
    cail_reply_done(&r);
    return code;
}

int cmd_baseline(struct cli *cli)
{
    const struct args *a = &cli->args;
    const char *word = a->n_words > 0 ? a->word[0] : "ls", *commit = args_value(a, "commit");
    const char *job = args_value(a, "job");
    int64_t id = 0;
    if (strcmp(word, "ls") == 0 && a->n_words <= 1)
        return baseline_ls(cli);
    if (a->n_words != 2 || (strcmp(word, "set") != 0 && strcmp(word, "release") != 0))
        return cli_usage(cli, "ls, set NAME or release NAME?");
    if (strcmp(word, "release") == 0) {
        if (commit == NULL || job != NULL)
            return cli_usage(cli, "release NAME --commit SHA");
        return cli_send(cli, "POST", cail_path("/releases"),
                        json_pack("{s:s,s:s}", "name", a->word[1], "commit", commit));
    }
    if ((commit == NULL) == (job == NULL) || (job && !fmt_read_int(job, 1, INT64_MAX, &id)))
        return cli_usage(cli, "set NAME --commit SHA, or set NAME --job ID");
    json_t *body =
        cli_json(json_pack("{s:s,s:s?}", "name", a->word[1], "note", args_value(a, "note")));
    if (commit != NULL)
        json_object_set_new(body, "commit", json_string(commit));
    else
        json_object_set_new(body, "job", json_integer(id));
    return cli_send(cli, "POST", cail_path("/baselines"), body);
}

static int annotations_ls(struct cli *cli)
{
    static const struct column columns[] = {
        {"AT", false, 0, 0}, {"BENCHMARK", false, 8, 1}, {"BY", false, 0, 2}, {"", false, 20, 0}};
    static const char *const passed[] = {"benchmark"};
    struct cail_buf path = CAIL_BUF_INIT;
    struct cail_reply r;
    struct table t;
    bool done;
    size_t i;
    json_t *n;
    cail_buf_adds(&path, "/annotations");
    query_add_args(&path, &cli->args, passed, 1);
    int code = cli_get(cli, cli_take(&path), &r, &done);
    if (done)
        return code;
    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    json_array_foreach(json_object_get(r.json, "annotations"), i, n) {
        if (js_null(n, "commit"))
            table_addf(&t, "%.16s", js_text(n, "on"));
        else
            table_addf(&t, "%.12s", js_text(n, "commit"));
        table_add(&t, js_text(n, "benchmark"));
        table_add(&t, js_text(n, "by"));
        table_addf(&t, "%s%s%s", js_text(n, "text"), js_null(n, "url") ? "" : "  ",
                   js_text(n, "url"));
    }
    table_show(&t, "no remarks");
    cail_reply_done(&r);
    return 0;
}

int cmd_annotate(struct cli *cli)
{
    const struct args *a = &cli->args;
    if (a->n_words == 0)
        return annotations_ls(cli);
    if (a->n_words > 1)
        return cli_usage(cli, "put the text in quotes");
    return cli_send(cli, "POST", cail_path("/annotations"),
                    json_pack("{s:s,s:s?,s:s?,s:s?,s:s?}", "text", a->word[0], "benchmark",
                              args_value(a, "benchmark"), "commit", args_value(a, "commit"), "on",
                              args_value(a, "on"), "url", args_value(a, "link")));
}
