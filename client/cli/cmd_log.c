/* cail log, follow, wait. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attach.h"
#include "fmt.h"
#include "group.h"
#include "term.h"
#include "verbs.h"

#define TAIL_BYTES ((size_t)256 << 10) /* in which `follow --tail` looks for its lines */

static int to_stdout(void *ctx, const char *data, size_t len)
{
    struct term_filter *filter = ctx;
    struct cail_buf b = CAIL_BUF_INIT;
    if (!term.out_tty) {
        term_write(STDOUT_FILENO, data, len);
        return 0;
    }
    term_filter(filter, data, len, &b);
    if (b.len > 0)
        term_write(STDOUT_FILENO, b.p, b.len);
    cail_buf_done(&b);
    return 0;
}

/* An integer option; *ret keeps its value when it was not given. */
static int int_option(const struct cli *cli, const char *name, int64_t low, int64_t *ret)
{
    const char *text = args_value(&cli->args, name);
    if (text == NULL || fmt_read_int(text, low, INT32_MAX, ret))
        return 0;
    char *clean = term_clean(text);
    int code = cli_usage(cli, "--%s %s: wants a whole number", name, clean);
    free(clean);
    return code;
}

/* Prints the last lines and says where they end. */
static int print_tail(const struct cli *cli, int64_t job, int64_t attempt, int64_t lines,
                      int64_t *ret_end)
{
    char *text;
    size_t len;
    if (cail_log_end(cli->c, job, attempt, TAIL_BYTES, &text, &len, ret_end) != CAIL_OK)
        return cli_failed(cli);
    size_t from = len;
    for (int64_t seen = 0; from > 0; from--)
        if (text[from - 1] == '\n' && from < len && ++seen == lines)
            break;
    struct term_filter filter = {0};
    to_stdout(&filter, text + (lines > 0 ? from : len), lines > 0 ? len - from : 0);
    free(text);
    return 0;
}

/* The newest attempt's number: the tail's bytes are counted in it. 0 = none yet. */
static int newest_attempt(const struct cli *cli, int64_t job, int64_t *ret)
{
    struct cail_reply r;
    int code = cli_call(cli, "GET", cail_path("/jobs/%" PRId64, job), NULL, &r);
    if (code != 0)
        return code;
    const json_t *attempts = json_object_get(r.json, "attempts");
    for (size_t i = 0; i < json_array_size(attempts); i++) {
        int64_t n = js_int(json_array_get(attempts, i), "number", 0);
        *ret = n > *ret ? n : *ret;
    }
    cail_reply_done(&r);
    return 0;
}

static int follow(struct cli *cli, int64_t job)
{
    struct attach what = {.job = job, .quiet = cli->json};
    int64_t tail = -1, newest = 0;
    int code = int_option(cli, "tail", 0, &tail);
    if (code == 0)
        code = int_option(cli, "attempt", 1, &what.attempt);
    if (code == 0 && tail >= 0 && !what.quiet) {
        code = what.attempt > 0 ? 0 : newest_attempt(cli, job, &newest);
        newest = what.attempt > 0 ? what.attempt : newest;
        if (code == 0 && newest > 0)
            code = print_tail(cli, job, newest, tail, &what.from);
    }
    return code != 0 ? code : attach(cli, &what);
}

int cmd_follow(struct cli *cli)
{
    int64_t job;
    int code = cli_one_job(cli, &job);
    return code != 0 ? code : follow(cli, job);
}

int cmd_log(struct cli *cli)
{
    int64_t job, tail = -1, attempt = 0;
    int code = cli_one_job(cli, &job);
    if (code != 0)
        return code;
    if (args_flag(&cli->args, "follow"))
        return follow(cli, job);
    code = int_option(cli, "tail", 0, &tail);
    if (code == 0)
        code = int_option(cli, "attempt", 1, &attempt);
    if (code != 0)
        return code;
    struct cail_buf path = CAIL_BUF_INIT;
    struct term_filter filter = {0};
    cail_buf_addf(&path, "/jobs/%" PRId64 "/log", job);
    if (tail >= 0)
        cail_buf_addf(&path, "?tail=%" PRId64, tail);
    if (attempt > 0)
        cail_buf_addf(&path, "%cattempt=%" PRId64, tail >= 0 ? '&' : '?', attempt);
    char *text = cli_take(&path);
    int rc = cail_stream(cli->c, text, 0, to_stdout, &filter);
    free(text);
    if (term.colour)
        term_puts(STDOUT_FILENO, "\033[0m");
    return rc == CAIL_OK ? 0 : cli_failed(cli);
}

/* --- wait --- */

/* The end of one job; *ret_exit is what it would exit with. 0 or an exit code of our own. */
static int wait_job(const struct cli *cli, int64_t id, int64_t deadline_ms, int *ret_exit)
{
    while (true) {
        struct cail_reply r;
        int64_t left_s = deadline_ms == 0 ? 60 : (deadline_ms - fmt_now_ms() + 999) / 1000;
        int code = wait_get(cli, "jobs", id, left_s < 0 ? 0 : left_s < 60 ? left_s : 60, &r);
        if (code != 0)
            return code;
        bool ended = cail_state_ended(js_text(r.json, "state"));
        if (ended) {
            *ret_exit = job_exit(r.json);
            if (cli->json)
                cli_print_json(&r);
            else
                job_summary(r.json);
        }
        cail_reply_done(&r);
        if (ended)
            return 0;
        if (deadline_ms != 0 && fmt_now_ms() >= deadline_ms) {
            cli_say("job %" PRId64 " goes on", id);
            return EXIT_TIMED_OUT;
        }
    }
}

static int wait_group(const struct cli *cli, int64_t id, int64_t deadline_ms, int *ret_exit)
{
    struct cail_reply r;
    int code = group_wait(cli, id, deadline_ms, &r);
    if (code == 0)
        *ret_exit = group_end(cli, &r);
    return code;
}

int cmd_wait(struct cli *cli)
{
    const char *timeout = args_value(&cli->args, "timeout");
    int64_t timeout_s = 0;
    if (timeout != NULL && !fmt_read_duration(timeout, &timeout_s))
        return cli_usage(cli, "--timeout wants a time such as 30s or 2h");
    int64_t deadline_ms = timeout != NULL ? fmt_now_ms() + timeout_s * 1000 : 0;
    struct target *targets;
    size_t n;
    int code = cli_targets(cli, 0, false, &targets, &n);
    int result = 0;
    for (size_t i = 0; code == 0 && i < n; i++) {
        int ended_with = 0;
        code = targets[i].group ? wait_group(cli, targets[i].id, deadline_ms, &ended_with)
                                : wait_job(cli, targets[i].id, deadline_ms, &ended_with);
        if (n == 1)
            result = ended_with;
        else if (ended_with != 0)
            result = EXIT_SOME_FAILED;
    }
    free(targets);
    return code != 0 ? code : result;
}
