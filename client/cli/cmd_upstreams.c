/* cail upstreams. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "git.h"
#include "git_url.h"
#include "table.h"
#include "term.h"
#include "topic.h"
#include "verbs.h"

static void add_line(struct cail_buf *b, const char *label, const char *text)
{
    char *clean = term_clean(text);
    if (clean[0] != '\0')
        cail_buf_addf(b, "  %-14s %s\n", label, clean);
    free(clean);
}

static void add_names(struct cail_buf *b, const char *label, const json_t *names)
{
    struct cail_buf line = CAIL_BUF_INIT;
    for (size_t i = 0; i < json_array_size(names); i++)
        cail_buf_addf(&line, "%s%s", i > 0 ? ", " : "",
                      json_string_value(json_array_get(names, i)));
    char *text = cli_take(&line);
    add_line(b, label, text);
    free(text);
}

/* The remote's own word; NULL = it does not answer. Caller frees. */
static char *ask(const char *url)
{
    struct cail_buf out = CAIL_BUF_INIT;
    const char *const argv[] = {"ls-remote", "--symref", "--", url, "HEAD", NULL};
    char *branch = NULL;
    if (git_url_wrong(url) != NULL || git_run(NULL, GIT_SHOW, &out, argv) != 0) {
        cail_buf_done(&out);
        return NULL;
    }
    char *text = cli_take(&out), *at = strstr(text, "ref: refs/heads/");
    if (at != NULL) {
        at += strlen("ref: refs/heads/");
        at[strcspn(at, "\t\n")] = '\0';
        branch = git_branch_name(at) ? cail_path("%s", at) : NULL;
    }
    free(text);
    return branch;
}

static void print_one(struct cli *cli, const json_t *u)
{
    struct cail_buf b = CAIL_BUF_INIT, branch = CAIL_BUF_INIT;
    const json_t *rules = json_object_get(u, "rules"), *recipes = json_object_get(u, "recipes");
    const json_t *groups = json_object_get(rules, "formatters");
    const char *said = js_text(u, "default_branch");
    char *asked = args_flag(&cli->args, "ask") ? ask(js_text(u, "url")) : NULL;
    char *title = term_clean(js_text(u, "title"));
    cail_buf_addf(&b, "%s\n", title);
    free(title);
    if (asked != NULL)
        cail_buf_addf(&branch, "%s (asked now)", asked);
    else if (said[0] != '\0')
        cail_buf_addf(&branch, "%s (asked by a topic)", said);
    else
        cail_buf_addf(&branch, "%s (not asked: --ask)", js_text(u, "branch_hint"));
    free(asked);
    add_line(&b, "url", js_text(u, "url"));
    char *text = cli_take(&branch);
    add_line(&b, "default branch", text);
    free(text);
    add_names(&b, "also called", json_object_get(u, "aliases"));
    add_names(&b, "build", json_object_get(recipes, "build"));
    add_names(&b, "test", json_object_get(recipes, "test"));
    add_names(&b, "benchmark", json_object_get(recipes, "benchmark"));
    add_line(&b, "title", js_text(json_object_get(rules, "title"), "say"));
    add_line(&b, "sign-off",
             json_is_true(json_object_get(rules, "sign_off")) ? "every commit, git commit -s"
                                                              : "no");
    add_line(&b, "CLA", js_text(rules, "cla"));
    for (size_t i = 0; i < json_array_size(groups); i++)
        add_line(&b, "formatter", js_text(json_array_get(json_array_get(groups, i), 0), "name"));
    add_line(&b, "after review", js_text(rules, "after_review"));
    add_line(&b, "automation", js_text(rules, "automation"));
    const json_t *notes = json_object_get(rules, "notes");
    for (size_t i = 0; i < json_array_size(notes); i++)
        add_line(&b, "note", json_string_value(json_array_get(notes, i)));
    const json_t *sources = json_object_get(rules, "sources");
    for (size_t i = 0; i < json_array_size(sources); i++)
        add_line(&b, "source", json_string_value(json_array_get(sources, i)));
    char *all = cli_take(&b);
    term_puts(STDOUT_FILENO, all);
    free(all);
}

static void print_all(const json_t *list)
{
    static const struct column columns[] = {
        {"NAME", false, 0, 0}, {"BRANCH", false, 0, 2},    {"SIGN-OFF", false, 0, 0},
        {"CLA", false, 0, 3},  {"FORMATTER", false, 6, 3}, {"TITLE", false, 14, 1},
        {"URL", false, 16, 4},
    };
    struct table t;
    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *u = json_array_get(list, i), *rules = json_object_get(u, "rules");
        const char *said = js_text(u, "default_branch");
        const json_t *first = json_array_get(json_object_get(rules, "formatters"), 0);
        table_add(&t, js_text(u, "name"));
        if (said[0] != '\0')
            table_add(&t, said);
        else
            table_addf(&t, "%s?", js_text(u, "branch_hint"));
        table_add(&t, json_is_true(json_object_get(rules, "sign_off")) ? "yes" : "no");
        table_add(&t, js_text(rules, "cla")[0] != '\0' ? "yes" : "no");
        table_add(&t, js_text(json_array_get(first, 0), "name"));
        table_add(&t, js_text(json_object_get(rules, "title"), "say"));
        table_add(&t, js_text(u, "url"));
    }
    table_print(&t, STDOUT_FILENO, term_width(), term.colour, true);
}

int cmd_upstreams(struct cli *cli)
{
    struct cail_reply r;
    bool done;
    if (cli->args.n_words > 1)
        return cli_usage(cli, "one upstream, or none for all");
    git_settle();
    char *name = cli->args.n_words == 1 ? cail_encode(cli->args.word[0]) : NULL;
    int code = cli_get(
        cli, name != NULL ? cail_path("/upstreams/%s", name) : cail_path("/upstreams"), &r, &done);
    free(name);
    if (done)
        return code;
    if (cli->args.n_words == 1)
        print_one(cli, r.json);
    else
        print_all(json_object_get(r.json, "upstreams"));
    cail_reply_done(&r);
    return 0;
}
