/* cail cancel, retry, hold, release, edit. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fmt.h"
#include "group.h"
#include "request.h"
#include "term.h"
#include "verbs.h"

/* "job 12 canceled", "group g5: 3 jobs". */
static void say_done(const struct cli *cli, const struct target *t, const struct cail_reply *r)
{
    if (cli->json) {
        cli_print_json(r);
        return;
    }
    char *state = term_clean(js_text(r->json, "state")),
         *name = term_clean(js_text(r->json, "name"));
    term_printf("%s%" PRId64 " %s %s\n", t->group ? "group g" : "job ", t->id, name, state);
    free(state);
    free(name);
}

/* POST /jobs|groups/{id}/action with a copy of body; the first failure decides the exit code, the
 * others are tried all the same. */
static int act_on(const struct cli *cli, const struct target *targets, size_t n, const char *action,
                  const json_t *body)
{
    int result = 0;
    for (size_t i = 0; i < n; i++) {
        struct cail_reply r;
        int code = cli_call(cli, "POST",
                            cail_path("/%s/%" PRId64 "/%s", targets[i].group ? "groups" : "jobs",
                                      targets[i].id, action),
                            cli_json(json_deep_copy(body)), &r);
        if (code == 0) {
            say_done(cli, &targets[i], &r);
            cail_reply_done(&r);
        }
        result = result != 0 ? result : code;
    }
    return result;
}

static int act(const struct cli *cli, const char *action, json_t *body, bool groups,
               bool plain_is_group)
{
    struct target *targets;
    size_t n;
    int code = cli_targets(cli, 0, plain_is_group, &targets, &n);
    for (size_t i = 0; code == 0 && i < n && !groups; i++)
        if (targets[i].group)
            code = cli_usage(cli, "takes jobs, not groups");
    if (code == 0)
        code = act_on(cli, targets, n, action, body);
    free(targets);
    json_decref(body);
    return code;
}

int cmd_cancel(struct cli *cli)
{
    const char *grace = args_value(&cli->args, "grace");
    int64_t grace_s = 0;
    if (grace != NULL && !fmt_read_duration(grace, &grace_s))
        return cli_usage(cli, "--grace wants a time such as 30s");
    json_t *body =
        grace != NULL ? json_pack("{s:I}", "grace_s", (json_int_t)grace_s) : json_object();
    return act(cli, "cancel", cli_json(body), true, false);
}

int cmd_retry(struct cli *cli)
{
    bool failed = args_flag(&cli->args, "failed");
    return act(cli, "retry",
               cli_json(failed ? json_pack("{s:s}", "only", "failed") : json_object()), true,
               failed);
}

int cmd_hold(struct cli *cli)
{
    return act(cli, "hold", cli_json(json_object()), false, false);
}

int cmd_release(struct cli *cli)
{
    return act(cli, "release", cli_json(json_object()), false, false);
}

int cmd_edit(struct cli *cli)
{
    int64_t id;
    struct cail_reply r;
    if (cli->args.n_words == 0)
        return cli_usage(cli, "which job?");
    json_t *body = cli_json(json_object());
    int code = cli_one_job(cli, &id);
    if (code == 0)
        code = request_common(cli, body);
    if (code == 0 && json_object_size(body) == 0)
        code = cli_usage(cli, "what is to change? For example --priority 10");
    if (code == 0) {
        const struct target t = {.id = id};
        code = cli_call(cli, "PATCH", cail_path("/jobs/%" PRId64, id), json_incref(body), &r);
        if (code == 0) {
            say_done(cli, &t, &r);
            cail_reply_done(&r);
        }
    }
    json_decref(body);
    return code;
}

/* --- group --- */

int cmd_group(struct cli *cli)
{
    static const char *const actions[] = {"show", "cancel", "retry"};
    const char *action = "show";
    size_t first = 0, n;
    for (size_t i = 0; i < 3 && cli->args.n_words > 0; i++)
        if (strcmp(cli->args.word[0], actions[i]) == 0) {
            action = actions[i];
            first = 1;
        }
    struct target *targets;
    int code = cli_targets(cli, first, true, &targets, &n);
    if (code != 0)
        return code;
    if (action[0] == 's') {
        for (size_t i = 0; code == 0 && i < n; i++) {
            struct cail_reply r;
            bool done;
            code = cli_get(cli, cail_path("/groups/%" PRId64, targets[i].id), &r, &done);
            if (done)
                continue;
            group_print(r.json, STDOUT_FILENO, true);
            cail_reply_done(&r);
        }
    } else {
        bool failed = action[0] == 'r' && args_flag(&cli->args, "failed");
        json_t *body = cli_json(failed ? json_pack("{s:s}", "only", "failed") : json_object());
        for (size_t i = 0; i < n; i++)
            targets[i].group = true;
        code = act_on(cli, targets, n, action, body);
        json_decref(body);
    }
    free(targets);
    return code;
}
