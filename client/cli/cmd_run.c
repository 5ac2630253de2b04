/* cail run, cail submit. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attach.h"
#include "group.h"
#include "profile.h"
#include "request.h"
#include "term.h"
#include "verbs.h"

/* Builds the body, sends it, prints the reply on `submit --json`. */
static int send_request(struct cli *cli, struct cail_reply *ret)
{
    json_t *body;
    int code = request_build(cli, &body);
    if (code == 0 && args_flag(&cli->args, "profile")) {
        code = profile_pair(cli, &body);
        if (code != 0)
            json_decref(body);
    }
    if (code != 0)
        return code;
    int rc = cail_submit(cli->c, body, args_value(&cli->args, "idempotency-key"), ret);
    json_decref(body);
    return rc == CAIL_OK ? 0 : cli_failed(cli);
}

/* A matrix answers {"group": G, "jobs": [...]}. */
static int64_t group_of(const json_t *reply)
{
    return json_object_get(reply, "jobs") != NULL ? js_int(reply, "group", 0) : 0;
}

static int64_t job_of(const json_t *reply)
{
    const json_t *jobs = json_object_get(reply, "jobs");
    return js_int(jobs != NULL ? json_array_get(jobs, 0) : reply, "id", 0);
}

static int print_id(struct cli *cli, const struct cail_reply *r)
{
    if (cli->json) {
        cli_print_json(r);
        return 0;
    }
    struct cail_buf b = CAIL_BUF_INIT;
    if (group_of(r->json) > 0)
        cail_buf_addf(&b, "g%" PRId64 "\n", group_of(r->json));
    else
        cail_buf_addf(&b, "%" PRId64 "\n", job_of(r->json));
    char *line = cli_take(&b);
    term_puts(STDOUT_FILENO, line);
    free(line);
    return 0;
}

int cmd_submit(struct cli *cli)
{
    struct cail_reply r;
    int code = send_request(cli, &r);
    if (code == 0)
        code = print_id(cli, &r);
    else
        return code;
    cail_reply_done(&r);
    return code;
}

static int run_group(struct cli *cli, int64_t id, size_t n)
{
    struct cail_reply r;
    cli_say("group g%" PRId64 " of %zu jobs", id, n);
    int code = group_wait(cli, id, 0, &r);
    if (code == EXIT_DETACHED)
        cli_say("detached; group g%" PRId64 " goes on: cail wait g%" PRId64
                ", cail cancel g%" PRId64,
                id, id, id);
    return code == 0 ? group_end(cli, &r) : code;
}

int cmd_run(struct cli *cli)
{
    struct cail_reply r;
    int code = send_request(cli, &r);
    if (code != 0)
        return code;
    int64_t group = group_of(r.json), job = job_of(r.json);
    size_t n = json_array_size(json_object_get(r.json, "jobs"));
    if (args_flag(&cli->args, "detach")) {
        code = print_id(cli, &r);
    } else if (args_flag(&cli->args, "profile")) {
        code = profile_run(cli, r.json);
    } else if (group > 0) {
        code = run_group(cli, group, n);
    } else if (job <= 0) {
        cli_say("the answer of %s names no job", cail_where(cli->c));
        code = EXIT_UNREACHABLE;
    } else {
        char *name = term_clean(js_text(r.json, "name"));
        if (!cli->json)
            cli_say("job %" PRId64 " %s", job, name);
        free(name);
        const struct attach what = {.job = job, .from_first = true, .quiet = cli->json};
        code = attach(cli, &what);
    }
    cail_reply_done(&r);
    return code;
}
