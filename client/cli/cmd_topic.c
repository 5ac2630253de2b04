/* cail topic: its actions, and what there is to see of all topics. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fmt.h"
#include "git.h"
#include "git_url.h"
#include "table.h"
#include "term.h"
#include "topic.h"
#include "verbs.h"

/* --- link, close --- */

static int link_pr(struct cli *cli, struct topic *t)
{
    struct cail_reply r;
    json_t *body = json_pack("{s:s,s:s}", "url", cli->args.word[1], "upstream", t->upstream);
    if (body == NULL)
        return cli_usage(cli, "the address is not UTF-8 text");
    int code = cli_call(cli, "POST", cail_path("/prs"), body, &r);
    if (code != 0)
        return code;
    json_t *more = json_pack("{s:s}", "pr", js_text(r.json, "url"));
    code = topic_say(cli, t, cli_json(more), NULL);
    if (code == 0 && cli->json) {
        cli_print_json(&r);
    } else if (code == 0) {
        char *brief = term_clean(js_text(r.json, "pr"));
        cli_say("%s belongs to %s/%s; cail pr refresh asks how it stands", brief, t->upstream,
                t->name);
        free(brief);
    }
    cail_reply_done(&r);
    return code;
}

int topic_link(struct cli *cli)
{
    if (cli->args.n_words < 2)
        return cli_usage(cli, "link wants the address of the pull request");
    return topic_with(cli, 2, link_pr);
}

static int shut(struct cli *cli, struct topic *t)
{
    int code = topic_say(cli, t, json_pack("{s:b}", "closed", 1), NULL);
    if (code == 0)
        cli_say("closed; its files stay: git -C %s/../repo.git worktree remove %s", t->dir,
                t->name);
    return code;
}

int topic_close(struct cli *cli)
{
    return topic_with(cli, 1, shut);
}

/* --- status --- */

/* The state of each pull request by its address. */
static json_t *pr_states(struct cli *cli)
{
    struct cail_reply r;
    json_t *states = cli_json(json_object());
    if (cli_call(cli, "GET", cail_path("/prs?limit=1000"), NULL, &r) != 0)
        return states;
    const json_t *list = json_object_get(r.json, "prs");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *p = json_array_get(list, i);
        char *text = cail_path("%s %s", js_text(p, "pr"), js_text(p, "state"));
        json_object_set_new(states, js_text(p, "url"), json_string(text));
        free(text);
    }
    cail_reply_done(&r);
    return states;
}

/* Jobs that wait or run and bear the topic's label. */
static int64_t live_jobs(struct cli *cli, const json_t *topic)
{
    struct cail_reply r;
    char *label = cail_path("topic=%s/%s", js_text(topic, "upstream"), js_text(topic, "name"));
    char *encoded = cail_encode(label);
    char *path = cail_path("/jobs?state=queued,running,held&limit=1000&label=%s",
                           encoded != NULL ? encoded : "");
    int64_t n = -1;
    free(label);
    free(encoded);
    if (cli_call(cli, "GET", path, NULL, &r) == 0) {
        n = (int64_t)json_array_size(json_object_get(r.json, "jobs"));
        cail_reply_done(&r);
    }
    return n;
}

/* What the worktree says now, where there is one here; the daemon is told. Returns its document. */
static json_t *look(struct cli *cli, json_t *known)
{
    struct stat st;
    json_t *fresh = NULL;
    struct topic t = {.dir = cail_path("%s", js_text(known, "worktree")),
                      .upstream = cail_path("%s", js_text(known, "upstream")),
                      .name = cail_path("%s", js_text(known, "name")),
                      .branch = cail_path("%s", js_text(known, "branch"))};
    if (t.dir[0] == '/' && stat(t.dir, &st) == 0)
        t.base_branch = GIT_LINE(t.dir, "config", "--get", "cail.branch");
    if (t.base_branch != NULL && git_branch_name(t.base_branch) &&
        topic_say(cli, &t, NULL, &fresh) != 0)
        fresh = NULL;
    topic_done(&t);
    if (fresh == NULL)
        return json_incref(known);
    /* An ended check's state is only in the list that was read before. */
    const json_t *check = json_object_get(known, "check");
    if (js_int(check, "job", 0) == js_int(json_object_get(fresh, "check"), "job", 0))
        json_object_set(fresh, "check", json_object_get(known, "check"));
    return fresh;
}

static void add_check(struct table *table, const json_t *topic)
{
    const json_t *check = json_object_get(topic, "check");
    const char *state = js_text(check, "state");
    bool stale = strcmp(js_text(check, "sha"), js_text(topic, "head_sha")) != 0;
    if (js_int(check, "job", 0) == 0) {
        table_add(table, "not checked");
        table_colour(table, "33");
        return;
    }
    bool passed = strcmp(state, "succeeded") == 0;
    table_addf(table, "%s%s (job %" PRId64 ")", passed ? "passed" : state,
               stale ? ", older commit" : "", js_int(check, "job", 0));
    table_colour(table, passed && !stale ? "32" : "33");
}

static void add_count(struct table *table, const json_t *topic, const char *key)
{
    int64_t n = js_int(topic, key, -1);
    if (n < 0)
        table_add(table, "-");
    else
        table_addf(table, "%" PRId64, n);
}

static void print_topics(struct cli *cli, const json_t *topics)
{
    static const struct column columns[] = {
        {"UPSTREAM", false, 0, 0}, {"TOPIC", false, 8, 0},     {"AHEAD", true, 0, 2},
        {"BEHIND", true, 0, 2},    {"CHECK", false, 8, 0},     {"JOBS", true, 0, 3},
        {"PR", false, 8, 0},       {"WORKTREE", false, 10, 1},
    };
    struct table table;
    json_t *states = pr_states(cli);
    table_init(&table, columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < json_array_size(topics); i++) {
        const json_t *t = json_array_get(topics, i);
        const char *pr = js_text(t, "pr"), *state = js_text(states, pr);
        int64_t jobs = live_jobs(cli, t);
        table_add(&table, js_text(t, "upstream"));
        table_add(&table, js_text(t, "name"));
        add_count(&table, t, "ahead");
        add_count(&table, t, "behind");
        add_check(&table, t);
        table_addf(&table, "%" PRId64, jobs > 0 ? jobs : 0);
        table_add(&table, state[0] != '\0' ? state : pr);
        table_add(&table, js_text(t, "worktree"));
    }
    table_print(&table, STDOUT_FILENO, term_width(), term.colour, true);
    json_decref(states);
}

int topic_status(struct cli *cli)
{
    struct cail_reply r;
    const char *upstream = cli->args.n_words > 1 ? cli->args.word[1] : NULL;
    char *name = upstream != NULL ? cail_encode(upstream) : NULL;
    bool all = args_flag(&cli->args, "all");
    int code = cli_call(cli, "GET",
                        name != NULL ? cail_path("/topics?closed=%d&upstream=%s", all, name)
                                     : cail_path("/topics?closed=%d", all),
                        NULL, &r);
    free(name);
    if (code != 0)
        return code;
    json_t *known = json_object_get(r.json, "topics"), *topics = cli_json(json_array());
    for (size_t i = 0; i < json_array_size(known); i++)
        json_array_append_new(topics, look(cli, json_array_get(known, i)));
    if (cli->json) {
        json_t *root = cli_json(json_pack("{s:O}", "topics", topics));
        cli_print_doc(root, JSON_COMPACT);
        json_decref(root);
    } else if (json_array_size(topics) == 0) {
        cli_say("no topic yet: cail topic start llvm my-change");
    } else {
        print_topics(cli, topics);
    }
    json_decref(topics);
    cail_reply_done(&r);
    return 0;
}

/* --- all of them --- */

static const struct {
    const char *name;
    int (*exec)(struct cli *cli);
} actions[] = {
    {"start", topic_start}, {"check", topic_check},   {"message", topic_message},
    {"push", topic_push},   {"pr", topic_pr},         {"link", topic_link},
    {"hook", topic_hook},   {"status", topic_status}, {"ls", topic_status},
    {"close", topic_close},
};

int cmd_topic(struct cli *cli)
{
    const char *word = cli->args.n_words > 0 ? cli->args.word[0] : "status";
    git_settle();
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
        if (strcmp(word, actions[i].name) == 0)
            return actions[i].exec(cli);
    return cli_usage(cli, "start, check, message, push, pr, link, status, close or hook install?");
}
