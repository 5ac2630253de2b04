/* cail bisect: which commit made a figure worse. */
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attach.h"
#include "fmt.h"
#include "group.h"
#include "progress.h"
#include "query.h"
#include "range.h"
#include "request.h"
#include "table.h"
#include "term.h"
#include "verbs.h"

enum { LOOK_S = 2, EXIT_NOT_FOUND = 1, EXIT_BROKEN = 3 };

static bool is_over(const json_t *doc)
{
    return strcmp(js_text(doc, "state"), "running") != 0;
}

/* --- what is said --- */

static void add_effect(struct cail_buf *b, const json_t *of)
{
    double effect = js_real(of, "effect", NAN);
    if (isfinite(effect))
        cail_buf_addf(b, " %+.1f %%", (effect - 1) * 100);
}

static void say(struct cail_buf *b)
{
    char *text = cli_take(b), *clean = term_clean(text);
    cli_say("%s", clean);
    free(clean);
    free(text);
}

/* "7 f00dfeedf00d against 0123456789ab: regression +4.1 %" */
static void say_step(const json_t *step, size_t number)
{
    struct cail_buf b = CAIL_BUF_INIT;
    const char *verdict = js_text(step, "verdict");
    cail_buf_addf(&b, "%zu. %.12s against %.12s: %s", number, js_text(step, "base"),
                  js_text(step, "head"), verdict[0] != '\0' ? verdict : "could not be measured");
    add_effect(&b, step);
    cail_buf_addf(&b, " (comparison %" PRId64 ")", js_int(step, "comparison", 0));
    say(&b);
}

static char *line_of(const json_t *doc)
{
    struct cail_buf b = CAIL_BUF_INIT;
    cail_buf_addf(&b, "%" PRId64 " commits left, about %" PRId64 " comparisons; now %.12s",
                  js_int(doc, "remaining", 0), js_int(doc, "steps_left", 0),
                  js_text(doc, "asking"));
    char *text = cli_take(&b), *clean = term_clean(text);
    free(text);
    return clean;
}

static void print_suspects(const json_t *doc)
{
    const json_t *list = json_object_get(doc, "suspects"), *one;
    size_t n = json_array_size(list);
    for (size_t i = 0; i < n && i < 20; i++) {
        struct cail_buf b = CAIL_BUF_INIT;
        one = json_array_get(list, i);
        cail_buf_addf(&b, "  %.40s", json_string_value(one) != NULL ? json_string_value(one) : "");
        cli_put_line(&b);
    }
    if (n > 20) {
        struct cail_buf b = CAIL_BUF_INIT;
        cail_buf_addf(&b, "  and %zu more", n - 20);
        cli_put_line(&b);
    }
}

static void print_culprit(const json_t *doc, const struct range *r)
{
    const json_t *c = json_object_get(doc, "culprit");
    struct cail_buf b = CAIL_BUF_INIT, words = CAIL_BUF_INIT;
    const char *sha = js_text(c, "sha");
    cail_buf_addf(&b, "first bad commit: %.64s", sha);
    add_effect(&b, c);
    cli_put_line(&b);
    char *known = r != NULL && r->repo != NULL ? range_words(r, sha) : NULL;
    if (known != NULL)
        cail_buf_addf(&words, "  %s", known);
    else if (!js_null(c, "subject"))
        cail_buf_addf(&words, "  %s: %s", js_text(c, "author"), js_text(c, "subject"));
    if (words.len > 0)
        cli_put_line(&words);
    free(known);
}

static void print_end(const json_t *doc, const struct range *r)
{
    struct cail_buf b = CAIL_BUF_INIT;
    bool found = !js_null(doc, "culprit");
    if (found)
        print_culprit(doc, r);
    if (!js_null(doc, "reason")) {
        cail_buf_addf(&b, "%s", js_text(doc, "reason"));
        cli_put_line(&b);
    }
    if (!found && is_over(doc) && strcmp(js_text(doc, "state"), "finished") == 0) {
        cail_buf_addf(&b, "the first bad commit is one of %zu:",
                      json_array_size(json_object_get(doc, "suspects")));
        cli_put_line(&b);
        print_suspects(doc);
    }
}

static int exit_of(const json_t *doc)
{
    const char *state = js_text(doc, "state");
    if (strcmp(state, "canceled") == 0)
        return EXIT_NEVER_RAN;
    if (strcmp(state, "failed") == 0)
        return EXIT_BROKEN;
    return js_null(doc, "culprit") ? EXIT_NOT_FOUND : 0;
}

/* --- the wait --- */

static void show(struct progress *bar, const json_t *doc, size_t *told)
{
    const json_t *steps = json_object_get(doc, "steps");
    for (; *told < json_array_size(steps); ++*told) {
        progress_erase(bar);
        say_step(json_array_get(steps, *told), *told + 1);
    }
    if (bar->on && !is_over(doc))
        progress_text(bar, line_of(doc));
}

static int watch(const struct cli *cli, int64_t id, struct cail_reply *ret)
{
    struct progress bar;
    int signals = signals_to_fd(), code = 0;
    size_t told = 0;
    progress_init(&bar);
    for (int64_t wait_s = 0;; wait_s = LOOK_S) {
        code = wait_get(cli, "bisections", id, wait_s, ret);
        if (code != 0)
            break;
        if (!cli->json)
            show(&bar, ret->json, &told);
        if (is_over(ret->json))
            break;
        int sig = signals >= 0 ? signal_from_fd(signals) : 0;
        cail_reply_done(ret);
        if (sig != 0) {
            progress_erase(&bar);
            cli_say("bisection %" PRId64 " goes on: cail bisect follow %" PRId64
                    ", cail bisect cancel %" PRId64,
                    id, id, id);
            code = sig == SIGINT ? EXIT_DETACHED : 128 + sig;
            break;
        }
    }
    progress_done(&bar);
    if (signals >= 0)
        close(signals);
    return code;
}

static int print_doc(const struct cli *cli, const struct cail_reply *r, const struct range *place)
{
    if (cli->json)
        cli_print_json(r);
    else
        print_end(r->json, place);
    return exit_of(r->json);
}

static int follow_in(struct cli *cli, int64_t id, const struct range *place)
{
    struct cail_reply r;
    int code = watch(cli, id, &r);
    if (code != 0)
        return code;
    code = print_doc(cli, &r, place);
    cail_reply_done(&r);
    return code;
}

/* --- one that is there --- */

static int follow(struct cli *cli, int64_t id)
{
    return follow_in(cli, id, NULL);
}

static int show_one(struct cli *cli, int64_t id)
{
    struct cail_reply r;
    size_t told = 0;
    struct progress none = {.on = false};
    int code = cli_call(cli, "GET", cail_path("/bisections/%" PRId64, id), NULL, &r);
    if (code != 0)
        return code;
    if (!cli->json)
        show(&none, r.json, &told);
    if (!cli->json && !is_over(r.json)) {
        char *line = line_of(r.json);
        cli_say("%s", line);
        free(line);
    }
    int told_code = print_doc(cli, &r, NULL);
    code = is_over(r.json) ? told_code : 0;
    cail_reply_done(&r);
    return code;
}

static int cancel(struct cli *cli, int64_t id)
{
    int code =
        cli_send(cli, "POST", cail_path("/bisections/%" PRId64 "/cancel", id), json_object());
    if (code == 0 && !cli->json)
        cli_say("bisection %" PRId64 " is canceled", id);
    return code;
}

static void add_row(struct table *t, const json_t *e)
{
    const json_t *c = json_object_get(e, "culprit");
    char age[FMT_MAX];
    table_addf(t, "%" PRId64, js_int(e, "id", 0));
    table_add(t, js_text(e, "state"));
    table_add(t, js_text(e, "name"));
    table_addf(t, "%" PRId64, js_int(e, "commits", 0));
    table_addf(t, "%" PRId64, js_int(e, "remaining", 0));
    table_addf(t, "%.12s", c != NULL ? js_text(c, "sha") : "");
    table_add(t, fmt_age(js_text(e, "created_at"), age));
}

static int list(struct cli *cli)
{
    static const struct column columns[] = {
        {"ID", true, 0, 0},      {"STATE", false, 0, 0}, {"NAME", false, 12, 0},
        {"COMMITS", true, 0, 2}, {"LEFT", true, 0, 1},   {"CULPRIT", false, 0, 0},
        {"AGE", true, 0, 3},
    };
    const char *limit = args_value(&cli->args, "limit");
    struct cail_buf path = CAIL_BUF_INIT;
    struct cail_reply r;
    struct table t;
    bool done;
    size_t i;
    json_t *e;
    cail_buf_adds(&path, "/bisections");
    query_add(&path, "limit", limit != NULL ? limit : "25");
    int code = cli_get(cli, cli_take(&path), &r, &done);
    if (done)
        return code;
    const json_t *all = json_object_get(r.json, "bisections");
    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    json_array_foreach(all, i, e)
        add_row(&t, e);
    table_show(&t, "no bisection");
    cail_reply_done(&r);
    return 0;
}

/* --- a new one --- */

static int build_body(struct cli *cli, const struct range *r, json_t **ret)
{
    const char *const *word = cli->args.word;
    const char *metric = args_value(&cli->args, "metric");
    const char *benchmark = args_value(&cli->args, "benchmark");
    char *good = NULL, *bad = NULL;
    json_t *commits = NULL, *body = cli_json(json_object());
    int code = range_commit(r, word[0], &good);
    if (code == 0)
        code = range_commit(r, word[1], &bad);
    if (code == 0)
        code = range_list(r, good, bad, args_value(&cli->args, "path"), &commits);
    if (code == 0)
        code = range_offer(r, bad);
    if (code == 0)
        code = compare_options(cli, body);
    if (code == 0 && args_flag(&cli->args, "param")) {
        json_t *params = cli_json(json_object());
        code = request_pairs(cli, "param", params);
        json_object_set_new(body, "params", params);
    }
    if (code == 0)
        code = request_rest(cli, body, true);
    json_object_del(body, "metrics");
    if (metric != NULL)
        json_object_set_new(body, "metric", json_string(metric));
    if (benchmark != NULL)
        json_object_set_new(body, "benchmark", json_string(benchmark));
    json_object_set_new(body, "recipe", json_string(js_text(r->place.recipe, "name")));
    if (code == 0)
        json_object_set(body, "commits", commits);
    json_decref(commits);
    free(good);
    free(bad);
    *ret = body;
    return code;
}

static int send(struct cli *cli, json_t *body, const struct range *r)
{
    struct cail_reply reply;
    size_t n = json_array_size(json_object_get(body, "commits"));
    int code = cli_call(cli, "POST", cail_path("/bisections"), body, &reply);
    if (code != 0)
        return code;
    int64_t id = js_int(reply.json, "id", 0);
    bool detach = args_flag(&cli->args, "detach");
    if (detach && cli->json) {
        cli_print_json(&reply);
    } else if (detach) {
        term_printf("%" PRId64 "\n", id);
    } else if (!cli->json) {
        cli_say("bisection %" PRId64 ": %zu commits, about %" PRId64 " comparisons", id, n - 1,
                js_int(reply.json, "steps_left", 0));
    }
    cail_reply_done(&reply);
    return detach ? 0 : follow_in(cli, id, r);
}

static int make(struct cli *cli)
{
    const char *recipe = args_value(&cli->args, "recipe");
    struct range r;
    json_t *body = NULL;
    if (cli->args.n_words != 2)
        return cli_usage(cli, "GOOD and BAD: two commits, tags or branches");
    if (recipe == NULL)
        return cli_usage(cli, "what measures them? Name a recipe: --recipe mlir-opt-bench");
    int code = range_open(&r, cli, recipe);
    if (code == 0)
        code = build_body(cli, &r, &body);
    if (code == 0)
        code = send(cli, body, &r);
    else
        json_decref(body);
    range_close(&r);
    return code;
}

int cmd_bisect(struct cli *cli)
{
    static const struct {
        const char *word;
        int (*exec)(struct cli *cli, int64_t id);
    } words[] = {{"show", show_one}, {"follow", follow}, {"cancel", cancel}};
    const struct args *a = &cli->args;
    if (a->n_words == 1 && strcmp(a->word[0], "ls") == 0)
        return list(cli);
    for (size_t i = 0; a->n_words > 0 && i < sizeof words / sizeof words[0]; i++) {
        int64_t id;
        if (strcmp(a->word[0], words[i].word) != 0)
            continue;
        if (a->n_words != 2 ||
            !fmt_read_int(a->word[1] + (a->word[1][0] == '#'), 1, INT64_MAX, &id))
            return cli_usage(cli, "which one? cail bisect ls lists them");
        return words[i].exec(cli, id);
    }
    return make(cli);
}
