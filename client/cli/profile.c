#include "profile.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attach.h"
#include "fmt.h"
#include "term.h"

/* What each leaves, and how it is looked at. */
static const struct tool {
    const char *name, *trace, *open;
} tools[] = {
    {"perf", "perf.data", "perf report -i"},
    {"nsys", "trace.nsys-rep", "nsys stats"},
    {"ncu", "trace.ncu-rep", "ncu --import"},
};

static const struct tool *tool_named(const char *name)
{
    for (size_t i = 0; i < sizeof tools / sizeof tools[0]; i++)
        if (strcmp(tools[i].name, name) == 0)
            return &tools[i];
    return NULL;
}

int profile_pair(struct cli *cli, json_t **body)
{
    const char *name = args_value(&cli->args, "profile");
    const struct tool *tool = tool_named(name);
    if (tool == NULL)
        return cli_usage(cli, "--profile wants perf, nsys or ncu");
    if (json_object_get(*body, "matrix") != NULL)
        return cli_usage(cli, "--profile and --matrix do not go together");
    json_t *twin = cli_json(json_deep_copy(*body)), *pair = cli_json(json_array());
    const char *called = json_string_value(json_object_get(twin, "name"));
    if (called != NULL)
        json_object_set_new(twin, "name",
                            cli_json(json_sprintf("%.180s (%s)", called, tool->name)));
    json_object_del(twin, "hold"); /* it waits for the other in any case */
    json_object_del(twin, "not_before");
    json_object_del(twin, "kind");
    json_object_set_new(twin, "profile", cli_json(json_string(tool->name)));
    json_object_set_new(twin, "after",
                        cli_json(json_pack("[{s:s,s:s}]", "job", "#0", "when", "succeeded")));
    json_array_append_new(pair, *body);
    json_array_append_new(pair, twin);
    *body = pair;
    return 0;
}

static const json_t *twin_of(const json_t *jobs)
{
    for (size_t i = 0; i < json_array_size(jobs); i++)
        if (js_text(json_array_get(jobs, i), "profile")[0] != '\0')
            return json_array_get(jobs, i);
    return NULL;
}

static int64_t bytes_of(struct cli *cli, int64_t id, const char *trace)
{
    struct cail_reply r;
    int64_t bytes = -1;
    if (cli_call(cli, "GET", cail_path("/jobs/%" PRId64 "/artifacts", id), NULL, &r) != 0)
        return -1;
    const json_t *list = json_object_get(r.json, "artifacts");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(js_text(json_array_get(list, i), "name"), trace) == 0)
            bytes = js_int(json_array_get(list, i), "bytes", -1);
    cail_reply_done(&r);
    return bytes;
}

/* Where the trace is and what opens it. */
static void say_trace(struct cli *cli, int64_t id, const struct tool *tool)
{
    struct cail_reply r;
    char size[FMT_MAX];
    int64_t bytes = bytes_of(cli, id, tool->trace);
    if (bytes < 0) {
        cli_say("job %" PRId64 " left no %s; its output says why: cail log %" PRId64, id,
                tool->trace, id);
        return;
    }
    if (cli_call(cli, "GET", cail_path("/jobs/%" PRId64, id), NULL, &r) != 0)
        return;
    const json_t *attempts = json_object_get(r.json, "attempts");
    char *dir = term_clean(js_text(json_array_get(attempts, json_array_size(attempts) - 1), "dir"));
    cli_say("trace: %s/artifacts/%s (%s)", dir, tool->trace, fmt_bytes(bytes, size));
    cli_say("open it: %s %s/artifacts/%s", tool->open, dir, tool->trace);
    free(dir);
    cail_reply_done(&r);
}

int profile_run(struct cli *cli, const json_t *reply)
{
    const json_t *twin = twin_of(json_object_get(reply, "jobs"));
    const json_t *after = json_array_get(json_object_get(twin, "after"), 0);
    const struct tool *tool = tool_named(js_text(twin, "profile"));
    int64_t second = js_int(twin, "id", 0), first = js_int(after, "job", 0);
    if (tool == NULL || second <= 0 || first <= 0) {
        cli_say("the answer of %s names no profiled job", cail_where(cli->c));
        return EXIT_UNREACHABLE;
    }
    if (!cli->json)
        cli_say("job %" PRId64 " measures; job %" PRId64 ", the same under %s, comes after it",
                first, second, tool->name);
    struct attach what = {.job = first, .from_first = true, .quiet = cli->json};
    int code = attach(cli, &what);
    if (code == EXIT_DETACHED)
        return code;
    if (code != 0) {
        cli_say("no trace: job %" PRId64 " did not succeed", first);
        return code;
    }
    if (!cli->json)
        cli_say("job %" PRId64 " runs under %s; its figures are not taken", second, tool->name);
    what = (struct attach){.job = second, .from_first = true, .quiet = cli->json};
    code = attach(cli, &what);
    if (code != EXIT_DETACHED && !cli->json)
        say_trace(cli, second, tool);
    return code;
}
