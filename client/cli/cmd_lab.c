/* cail env, recipes, queue, cache, version. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cail_version.h"
#include "fmt.h"
#include "job_line.h"
#include "table.h"
#include "term.h"
#include "verbs.h"

static char *clean_member(const json_t *object, const char *key)
{
    return term_clean(js_text(object, key));
}

/* --- env --- */

static void print_missing(const json_t *recipes)
{
    for (size_t i = 0; i < json_array_size(recipes); i++) {
        const json_t *r = json_array_get(recipes, i), *missing = json_object_get(r, "missing");
        char *name = clean_member(r, "name");
        if (json_is_true(json_object_get(r, "ready"))) {
            free(name);
            continue;
        }
        term_printf("%s is not ready:\n", name);
        free(name);
        for (size_t j = 0; j < json_array_size(missing); j++) {
            const json_t *m = json_array_get(missing, j);
            char *tool = clean_member(m, "tool"), *need = clean_member(m, "need");
            char *found = clean_member(m, "found"), *package = clean_member(m, "package");
            term_printf("  %s: needs %s, found %s%s%s\n", tool, need,
                        found[0] != '\0' ? found : "none", package[0] != '\0' ? "; package " : "",
                        package);
            free(tool);
            free(need);
            free(found);
            free(package);
        }
    }
}

static void print_containers(const json_t *c)
{
    char *engine = clean_member(c, "engine"), *why = clean_member(c, "reason");
    if (engine[0] != '\0')
        term_printf("containers by %s\n\n", engine);
    else
        term_printf("%s%s\n", why, why[0] != '\0' ? "\n" : "");
    free(engine);
    free(why);
}

int cmd_env(struct cli *cli)
{
    static const struct column columns[] = {
        {"TOOL", false, 0, 0},
        {"VERSION", false, 8, 0},
        {"PATH", false, 10, 1},
        {"PACKAGE", false, 0, 2},
    };
    struct cail_reply r;
    struct table t;
    bool done;
    char disk[FMT_MAX], memory[FMT_MAX];
    int code = cli_get(cli, cail_path("/env"), &r, &done);
    if (done)
        return code;
    char *host = clean_member(r.json, "host"), *os = clean_member(r.json, "os");
    char *kernel = clean_member(r.json, "kernel"), *root = clean_member(r.json, "build_root");
    term_printf("%s: %s, kernel %s\n%" PRId64 " cpus, %s memory, %s free at %s\n", host, os, kernel,
                js_int(r.json, "cpus", 0), fmt_bytes(js_int(r.json, "memory_mib", 0) << 20, memory),
                fmt_bytes(js_int(r.json, "free_disk_bytes", 0), disk), root);
    print_containers(json_object_get(r.json, "containers"));
    free(host);
    free(os);
    free(kernel);
    free(root);
    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    const json_t *tools = json_object_get(r.json, "tools");
    for (size_t i = 0; i < json_array_size(tools); i++) {
        const json_t *tool = json_array_get(tools, i);
        bool missing = js_null(tool, "path");
        table_add(&t, js_text(tool, "name"));
        table_add(&t, missing ? "missing" : js_text(tool, "version"));
        table_colour(&t, missing ? "33" : NULL);
        table_add(&t, js_text(tool, "path"));
        table_add(&t, js_text(tool, "package"));
    }
    table_print(&t, STDOUT_FILENO, term_width(), term.colour, true);
    print_missing(json_object_get(r.json, "recipes"));
    cail_reply_done(&r);
    return 0;
}

/* --- recipes --- */

static void print_recipe(const json_t *r)
{
    static const struct column columns[] = {
        {"PARAMETER", false, 0, 0},
        {"TYPE", false, 0, 1},
        {"DEFAULT", false, 8, 0},
        {"", false, 16, 0},
    };
    struct table t;
    const char *key;
    json_t *p;
    char *name = clean_member(r, "name"), *summary = clean_member(r, "summary");
    char *group = clean_member(r, "group"), *kind = clean_member(r, "kind");
    char *notes = clean_member(r, "notes");
    term_printf("%s (%s, %s)\n%s\n\n", name, group, kind, summary);
    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    json_object_foreach(json_object_get(r, "params"), key, p) {
        json_t *dflt = json_object_get(p, "default");
        char *text = dflt == NULL || json_is_null(dflt) ? strdup("")
                     : json_is_string(dflt)             ? strdup(json_string_value(dflt))
                                                        : json_dumps(dflt, JSON_ENCODE_ANY);
        table_add(&t, key);
        table_add(&t, js_text(p, "type"));
        table_add(&t, text != NULL ? text : "");
        table_add(&t, js_text(p, "description"));
        free(text);
    }
    table_show(&t, NULL);
    term_printf("\n  cail run %s%s\n", name,
                json_object_size(json_object_get(r, "params")) > 0 ? " -p NAME=VALUE" : "");
    if (notes[0] != '\0')
        term_printf("  notes: %s\n", notes);
    free(name);
    free(summary);
    free(group);
    free(kind);
    free(notes);
}

int cmd_recipes(struct cli *cli)
{
    static const struct column columns[] = {
        {"NAME", false, 0, 0},
        {"KIND", false, 0, 2},
        {"GROUP", false, 8, 1},
        {"", false, 20, 0},
    };
    struct cail_reply r;
    struct table t;
    bool done, one = cli->args.n_words > 0;
    char *name = one ? cail_encode(cli->args.word[0]) : NULL;
    int code = cli_get(
        cli, one ? cail_path("/recipes/%s", name != NULL ? name : "") : cail_path("/recipes"), &r,
        &done);
    free(name);
    if (done)
        return code;
    if (one) {
        print_recipe(r.json);
    } else {
        table_init(&t, columns, sizeof columns / sizeof columns[0]);
        const json_t *recipes = json_object_get(r.json, "recipes");
        for (size_t i = 0; i < json_array_size(recipes); i++) {
            const json_t *recipe = json_array_get(recipes, i);
            table_add(&t, js_text(recipe, "name"));
            table_add(&t, js_text(recipe, "kind"));
            table_add(&t, js_text(recipe, "group"));
            table_add(&t, js_text(recipe, "summary"));
        }
        table_print(&t, STDOUT_FILENO, term_width(), term.colour, true);
    }
    cail_reply_done(&r);
    return 0;
}

/* --- queue --- */

static void print_use(const char *what, const json_t *use, bool mib)
{
    char used[FMT_MAX], total[FMT_MAX];
    int64_t u = js_int(use, "used", 0), n = js_int(use, "total", 0);
    if (n <= 0)
        return;
    if (mib)
        term_printf("%s %s of %s  ", what, fmt_bytes(u << 20, used), fmt_bytes(n << 20, total));
    else
        term_printf("%s %" PRId64 " of %" PRId64 "  ", what, u, n);
}

static void print_queue(const json_t *q)
{
    static const struct column columns[] = {
        {"QUEUE", false, 8, 0}, {"RUNNING", true, 0, 0}, {"QUEUED", true, 0, 0},
        {"LIMIT", true, 0, 0},  {"", false, 0, 1},
    };
    static const char *const lists[] = {"running", "queued", "held"};
    struct table t;
    print_use("cpus", json_object_get(q, "cpus"), false);
    print_use("memory", json_object_get(q, "memory_mib"), true);
    print_use("gpus", json_object_get(q, "gpus"), false);
    term_printf("\n");
    if (json_is_true(json_object_get(q, "paused")))
        term_printf("everything is paused: cail queue resume\n");
    if (json_is_true(json_object_get(q, "draining")))
        term_printf("draining, nothing new starts: cail queue resume\n");
    term_printf("\n");
    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    const json_t *queues = json_object_get(q, "queues");
    for (size_t i = 0; i < json_array_size(queues); i++) {
        const json_t *one = json_array_get(queues, i);
        bool paused = json_is_true(json_object_get(one, "paused"));
        table_add(&t, js_text(one, "name"));
        table_addf(&t, "%" PRId64, js_int(one, "running", 0));
        table_addf(&t, "%" PRId64, js_int(one, "queued", 0));
        if (js_int(one, "limit", 0) > 0)
            table_addf(&t, "%" PRId64, js_int(one, "limit", 0));
        else
            table_add(&t, "-");
        table_add(&t, paused ? "paused" : "");
        table_colour(&t, paused ? "33" : NULL);
    }
    table_print(&t, STDOUT_FILENO, term_width(), term.colour, true);
    json_t *jobs = cli_json(json_array());
    for (size_t i = 0; i < 3; i++)
        json_array_extend(jobs, json_object_get(q, lists[i]));
    if (json_array_size(jobs) > 0)
        term_printf("\n");
    job_table(jobs, STDOUT_FILENO, true);
    json_decref(jobs);
}

/* pause, resume, drain [QUEUE]; limit QUEUE N goes by resume, which takes a limit too. */
static int change_queue(struct cli *cli, const char *action, struct cail_reply *ret)
{
    const struct args *a = &cli->args;
    bool limit = strcmp(action, "limit") == 0;
    json_t *body = cli_json(json_object());
    int64_t n = 0;
    if (limit ? a->n_words != 3 || !fmt_read_int(a->word[2], 0, INT32_MAX, &n) : a->n_words > 2) {
        json_decref(body);
        return cli_usage(cli,
                         limit ? "limit wants a queue and a number" : "names one queue or none");
    }
    if (a->n_words > 1 && json_object_set_new(body, "queue", json_string(a->word[1])) != 0) {
        json_decref(body);
        return cli_usage(cli, "the queue's name is not UTF-8 text");
    }
    if (limit)
        json_object_set_new(body, "limit", json_integer(n));
    return cli_call(cli, "POST", cail_path("/queue/%s", limit ? "resume" : action), body, ret);
}

int cmd_queue(struct cli *cli)
{
    static const char *const actions[] = {"pause", "resume", "drain", "limit"};
    const char *word = cli->args.n_words > 0 ? cli->args.word[0] : "show";
    struct cail_reply r;
    int code = -1;
    if (strcmp(word, "show") == 0)
        code = cli_call(cli, "GET", cail_path("/queue"), NULL, &r);
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
        if (strcmp(word, actions[i]) == 0)
            code = change_queue(cli, word, &r);
    if (code == -1)
        return cli_usage(cli, "show, pause, resume, drain or limit?");
    if (code != 0)
        return code;
    if (cli->json)
        cli_print_json(&r);
    else
        print_queue(r.json);
    cail_reply_done(&r);
    return 0;
}

/* --- cache --- */

static void cache_table(const json_t *entries)
{
    static const struct column columns[] = {
        {"KEY", false, 0, 4},   {"RECIPE", false, 8, 0}, {"SHA", false, 0, 2}, {"SIZE", true, 0, 0},
        {"STATE", false, 0, 0}, {"USED", true, 0, 0},    {"USES", true, 0, 3}, {"", false, 0, 1},
    };
    struct table t;
    char text[FMT_MAX];
    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < json_array_size(entries); i++) {
        const json_t *e = json_array_get(entries, i);
        table_addf(&t, "%.12s", js_text(e, "key"));
        table_add(&t, js_text(e, "recipe"));
        table_addf(&t, "%.10s", js_text(e, "sha"));
        table_add(&t, fmt_bytes(js_int(e, "bytes", 0), text));
        table_add(&t, js_text(e, "state"));
        table_add(&t, fmt_age(js_text(e, "last_used_at"), text));
        table_addf(&t, "%" PRId64, js_int(e, "uses", 0));
        if (js_text(e, "pinned")[0] != '\0')
            table_addf(&t, "kept: %s", js_text(e, "pinned"));
        else
            table_add(&t, json_is_true(json_object_get(e, "evict")) ? "would be removed" : "");
    }
    table_show(&t, NULL);
}

static int cache_ls(struct cli *cli)
{
    struct cail_reply r;
    bool done;
    char used[FMT_MAX], limit[FMT_MAX];
    int code = cli_get(cli, cail_path("/cache"), &r, &done);
    if (done)
        return code;
    char *root = clean_member(r.json, "root");
    term_printf("%s of %s in %s\n", fmt_bytes(js_int(r.json, "used_bytes", 0), used),
                fmt_bytes(js_int(r.json, "limit_bytes", 0), limit), root);
    free(root);
    cache_table(json_object_get(r.json, "entries"));
    cail_reply_done(&r);
    return 0;
}

static int cache_prune(struct cli *cli)
{
    const char *max = args_value(&cli->args, "max");
    int64_t max_bytes = 0;
    struct cail_reply r;
    char freed[FMT_MAX];
    if (max != NULL && !fmt_read_bytes(max, &max_bytes))
        return cli_usage(cli, "--max wants a size such as 20G");
    json_t *body =
        max != NULL ? json_pack("{s:I}", "max_bytes", (json_int_t)max_bytes) : json_object();
    int code = cli_call(cli, "POST", cail_path("/cache/prune"), cli_json(body), &r);
    if (code != 0)
        return code;
    if (cli->json) {
        cli_print_json(&r);
    } else {
        const json_t *removed = json_object_get(r.json, "removed");
        term_printf("removed %zu builds, %s\n", json_array_size(removed),
                    fmt_bytes(js_int(r.json, "freed_bytes", 0), freed));
        cache_table(removed);
    }
    cail_reply_done(&r);
    return 0;
}

int cmd_cache(struct cli *cli)
{
    const char *word = cli->args.n_words > 0 ? cli->args.word[0] : "ls";
    if (strcmp(word, "ls") == 0 && args_value(&cli->args, "max") == NULL)
        return cache_ls(cli);
    if (strcmp(word, "prune") == 0)
        return cache_prune(cli);
    return cli_usage(cli, "ls, or prune [--max SIZE]");
}

/* --- version --- */

int cmd_version(struct cli *cli)
{
    struct cail_reply r;
    if (!cli->json)
        term_printf("cail %s\n", CAIL_VERSION);
    int code = cli_call(cli, "GET", cail_path("/version"), NULL, &r);
    if (code != 0)
        return code;
    if (cli->json) {
        json_object_set_new(r.json, "client", json_string(CAIL_VERSION));
        cli_print_doc(r.json, JSON_COMPACT);
    } else {
        static const char *const parts[] = {"sqlite", "libmicrohttpd", "libuv"};
        char *version = clean_member(r.json, "version");
        term_printf("cail-d %s at %s", version, cail_where(cli->c));
        free(version);
        for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
            char *one = clean_member(r.json, parts[i]);
            if (one[0] != '\0')
                term_printf(", %s %s", parts[i], one);
            free(one);
        }
        term_printf("\n");
    }
    cail_reply_done(&r);
    return 0;
}
