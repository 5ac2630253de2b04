/* cail pr: pull requests at upstreams, as the lab knows them. */
#include "pr.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fmt.h"
#include "job_line.h"
#include "table.h"
#include "term.h"
#include "topic.h"
#include "verbs.h"

int pr_find(struct cli *cli, const char *word, json_t **ret)
{
    struct cail_reply r;
    int64_t id;
    int code;
    if (fmt_read_int(word, 1, INT64_MAX, &id)) {
        code = cli_call(cli, "GET", cail_path("/prs/%" PRId64, id), NULL, &r);
        if (code == 0) {
            *ret = json_incref(r.json);
            cail_reply_done(&r);
        }
        return code;
    }
    char *text = cail_encode(word);
    code =
        cli_call(cli, "GET", cail_path("/prs?limit=1&pr=%s", text != NULL ? text : ""), NULL, &r);
    free(text);
    if (code != 0)
        return code;
    json_t *first = json_array_get(json_object_get(r.json, "prs"), 0);
    *ret = json_incref(first);
    cail_reply_done(&r);
    if (first != NULL)
        return 0;
    char *clean = term_clean(word);
    cli_say("%s is not known to the lab yet: cail pr add %s", clean, clean);
    free(clean);
    return EXIT_REFUSED;
}

static int64_t id_of(const json_t *pr)
{
    return js_int(pr, "id", 0);
}

/* --- add, ls --- */

static int pr_add(struct cli *cli)
{
    struct cail_reply r;
    if (cli->args.n_words != 2)
        return cli_usage(cli, "add wants the address of a pull request, or NAME#N");
    const char *title = args_value(&cli->args, "title"), *note = args_value(&cli->args, "note");
    json_t *body =
        json_pack("{s:s,s:s*,s:s*}", "url", cli->args.word[1], "title", title, "note", note);
    if (body == NULL)
        return cli_usage(cli, "that is not UTF-8 text");
    int code = cli_call(cli, "POST", cail_path("/prs"), body, &r);
    if (code != 0)
        return code;
    if (cli->json) {
        cli_print_json(&r);
    } else {
        char *brief = term_clean(js_text(r.json, "pr")), *url = term_clean(js_text(r.json, "url"));
        term_printf("%" PRId64 " %s %s\n", id_of(r.json), brief, url);
        free(brief);
        free(url);
    }
    cail_reply_done(&r);
    return 0;
}

static void pr_table(const json_t *list)
{
    static const struct column columns[] = {
        {"ID", true, 0, 0},     {"PR", false, 0, 0},     {"STATE", false, 0, 0},
        {"ASKED", false, 0, 2}, {"TITLE", false, 16, 0}, {"NOTE", false, 8, 3},
    };
    struct table t;
    char age[FMT_MAX];
    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *p = json_array_get(list, i);
        const char *state = js_text(p, "state");
        table_addf(&t, "%" PRId64, id_of(p));
        table_add(&t, js_text(p, "pr"));
        table_add(&t, state);
        table_colour(&t, strcmp(state, "merged") == 0   ? "32"
                         : strcmp(state, "closed") == 0 ? "33"
                                                        : NULL);
        table_add(&t, fmt_age(js_text(p, "fetched_at"), age));
        table_add(&t, js_text(p, "title"));
        table_add(&t, js_text(p, "note"));
    }
    table_print(&t, STDOUT_FILENO, term_width(), term.colour, true);
}

static char *list_path(struct cli *cli)
{
    struct cail_buf b = CAIL_BUF_INIT;
    static const char *const names[] = {"upstream", "state", "limit"};
    cail_buf_adds(&b, "/prs");
    for (size_t i = 0, n = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = args_value(&cli->args, names[i]);
        if (value == NULL)
            continue;
        cail_buf_addf(&b, "%c%s=", n++ == 0 ? '?' : '&', names[i]);
        cail_buf_encode(&b, value);
    }
    return cli_take(&b);
}

static int pr_ls(struct cli *cli)
{
    struct cail_reply r;
    bool done;
    int code = cli_get(cli, list_path(cli), &r, &done);
    if (done)
        return code;
    const json_t *list = json_object_get(r.json, "prs");
    if (json_array_size(list) == 0)
        cli_say("no pull request is known yet: cail pr add URL");
    else
        pr_table(list);
    cail_reply_done(&r);
    return 0;
}

/* --- show --- */

static void add_line(struct cail_buf *b, const char *label, const char *text)
{
    char *clean = term_clean(text);
    if (clean[0] != '\0')
        cail_buf_addf(b, "  %-9s %s\n", label, clean);
    free(clean);
}

static void print_pr(const json_t *p)
{
    struct cail_buf b = CAIL_BUF_INIT;
    char age[FMT_MAX];
    char *brief = term_clean(js_text(p, "pr")), *title = term_clean(js_text(p, "title"));
    cail_buf_addf(&b, "%s %s\n", brief, title);
    free(brief);
    free(title);
    add_line(&b, "url", js_text(p, "url"));
    add_line(&b, "state", js_text(p, "state"));
    add_line(&b, "asked",
             js_null(p, "fetched_at") ? "never: cail pr refresh"
                                      : fmt_age(js_text(p, "fetched_at"), age));
    add_line(&b, "author", js_text(p, "author"));
    add_line(&b, "head", js_text(p, "head_sha"));
    add_line(&b, "base", js_text(p, "base_sha"));
    add_line(&b, "note", js_text(p, "note"));
    const json_t *topics = json_object_get(p, "topics");
    for (size_t i = 0; i < json_array_size(topics); i++)
        add_line(&b, "topic", js_text(json_array_get(topics, i), "worktree"));
    const json_t *comparisons = json_object_get(p, "comparisons");
    for (size_t i = 0; i < json_array_size(comparisons); i++) {
        const json_t *c = json_array_get(comparisons, i);
        const char *verdict = js_text(c, "verdict");
        char *line = cail_path("%" PRId64 " %s: %s", js_int(c, "id", 0), js_text(c, "name"),
                               verdict[0] != '\0' ? verdict : js_text(c, "state"));
        add_line(&b, "compared", line);
        free(line);
    }
    char *text = cli_take(&b);
    term_puts(STDOUT_FILENO, text);
    free(text);
    const json_t *jobs = json_object_get(p, "jobs");
    if (json_array_size(jobs) > 0) {
        term_puts(STDOUT_FILENO, "\n");
        job_table(jobs, STDOUT_FILENO, true);
    }
}

static int pr_show(struct cli *cli)
{
    struct cail_reply r;
    json_t *found;
    bool done;
    if (cli->args.n_words != 2)
        return cli_usage(cli, "show wants a pull request: an id, NAME#N or its address");
    int code = pr_find(cli, cli->args.word[1], &found);
    if (code != 0)
        return code;
    code = cli_get(cli, cail_path("/prs/%" PRId64, id_of(found)), &r, &done);
    json_decref(found);
    if (done)
        return code;
    print_pr(r.json);
    cail_reply_done(&r);
    return 0;
}

/* --- report, body --- */

char *pr_report(struct cli *cli, const json_t *pr, int *ret_code)
{
    struct cail_reply r;
    *ret_code = cli_call(cli, "GET", cail_path("/prs/%" PRId64 "/report", id_of(pr)), NULL, &r);
    if (*ret_code != 0)
        return NULL;
    char *text = r.text;
    r.text = NULL;
    cail_reply_done(&r);
    return text;
}

static int print_report(struct cli *cli)
{
    json_t *found;
    if (cli->args.n_words != 2)
        return cli_usage(cli, "report wants a pull request: an id, NAME#N or its address");
    int code = pr_find(cli, cli->args.word[1], &found);
    if (code != 0)
        return code;
    char *text = pr_report(cli, found, &code);
    if (text != NULL)
        cli_put(text, strlen(text));
    free(text);
    json_decref(found);
    return code;
}

/* The upstream's own sections, then what was measured: to be finished by a person. */
static void print_body(const json_t *row, const char *report)
{
    struct cail_buf b = CAIL_BUF_INIT;
    const json_t *sections =
        json_object_get(json_object_get(json_object_get(row, "rules"), "message"), "sections");
    for (size_t i = 0; i < json_array_size(sections); i++) {
        const char *text = json_string_value(json_array_get(sections, i));
        if (text != NULL && strncmp(text, "## ", 3) == 0)
            cail_buf_addf(&b, "%s\n\n", text);
        else if (text != NULL)
            cail_buf_addf(&b, "<!-- %s -->\n\n", text);
    }
    const char *commands = strstr(report, "## Commands"), *links = strstr(report, "\n## Links");
    size_t len = commands == NULL ? 0
                 : links != NULL  ? (size_t)(links - commands)
                                  : strlen(commands);
    cail_buf_add(&b, commands != NULL ? commands : "", len);
    char *all = cli_take(&b);
    cli_put(all, strlen(all));
    free(all);
}

static int pr_body(struct cli *cli)
{
    json_t *found = NULL, *row = NULL;
    if (cli->args.n_words != 2)
        return cli_usage(cli, "body wants a pull request: an id, NAME#N or its address");
    int code = pr_find(cli, cli->args.word[1], &found);
    if (code == 0)
        code = topic_row(cli, js_text(found, "upstream"), &row);
    char *report = code == 0 ? pr_report(cli, found, &code) : NULL;
    if (report != NULL)
        print_body(row, report);
    free(report);
    json_decref(row);
    json_decref(found);
    return code;
}

/* --- all of them --- */

static const struct {
    const char *name;
    int (*exec)(struct cli *cli);
} actions[] = {
    {"add", pr_add},         {"ls", pr_ls},     {"show", pr_show},       {"report", print_report},
    {"refresh", pr_refresh}, {"body", pr_body}, {"comment", pr_comment},
};

int cmd_pr(struct cli *cli)
{
    const char *word = cli->args.n_words > 0 ? cli->args.word[0] : "ls";
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
        if (strcmp(word, actions[i].name) == 0)
            return actions[i].exec(cli);
    return cli_usage(cli, "add, ls, show, report, refresh, body or comment?");
}
