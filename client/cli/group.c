#include "group.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "attach.h"
#include "fmt.h"
#include "progress.h"
#include "table.h"
#include "term.h"

#define RECONNECT_MS   300000 /* how long a daemon that is being restarted is waited for */
#define RECONNECT_WAIT 500    /* ms between two tries */
#define LOOK_S         2      /* a bar wants to move */

int wait_get(const struct cli *cli, const char *kind, int64_t id, int64_t seconds,
             struct cail_reply *ret)
{
    static bool reached; /* the first look of all fails at once: nobody is there */
    int64_t down_since = 0;
    while (true) {
        char *path = cail_path("/%s/%" PRId64 "?wait=%" PRId64, kind, id, seconds);
        cail_set_timeout_ms(cli->c, (long)(seconds + 60) * 1000);
        int rc = path != NULL ? cail_call(cli->c, "GET", path, NULL, ret) : CAIL_ENOMEM;
        free(path);
        cail_set_timeout_ms(cli->c, 0);
        if (rc == CAIL_OK) {
            reached = true;
            return 0;
        }
        bool passing = rc == CAIL_EUNREACHABLE || rc == CAIL_ETIMEOUT ||
                       (rc == CAIL_EREFUSED && cail_problem(cli->c).status >= 500);
        int64_t now = fmt_now_ms();
        if (!passing || !reached || (down_since != 0 && now - down_since > RECONNECT_MS))
            return cli_failed(cli);
        if (down_since == 0) {
            down_since = now;
            cli_say("lost the connection to cail-d; trying to reach it again");
        }
        nanosleep(&(struct timespec){0, RECONNECT_WAIT * 1000000L}, NULL);
    }
}

/* "3 queued, 2 running, 7 succeeded", nothing for what is zero. */
static void add_counts(struct cail_buf *b, const json_t *group)
{
    const char *key, *between = "";
    json_t *v;
    json_object_foreach(json_object_get(group, "counts"), key, v)
    {
        if (json_integer_value(v) <= 0)
            continue;
        char *word = term_clean(key);
        cail_buf_addf(b, "%s%" JSON_INTEGER_FORMAT " %s", between, json_integer_value(v), word);
        free(word);
        between = ", ";
    }
}

static void show_progress(struct progress *p, const json_t *group)
{
    struct cail_buf b = CAIL_BUF_INIT;
    const json_t *progress = json_object_get(group, "progress");
    cail_buf_addf(&b, "group g%" PRId64 "  ", js_int(group, "id", 0));
    char *bar = progress_bar(js_int(progress, "done", 0), js_int(progress, "total", 0), -1,
                             term_err_width() / 2);
    cail_buf_addf(&b, "%s  ", bar);
    free(bar);
    add_counts(&b, group);
    progress_text(p, cli_take(&b));
}

int group_wait(const struct cli *cli, int64_t id, int64_t deadline_ms, struct cail_reply *ret)
{
    struct progress p;
    progress_init(&p);
    int signals = signals_to_fd(), code = 0;
    while (code == 0) {
        int64_t left_s = deadline_ms == 0 ? LOOK_S : (deadline_ms - fmt_now_ms() + 999) / 1000;
        code = wait_get(cli, "groups", id, left_s < 0 ? 0 : left_s < LOOK_S ? left_s : LOOK_S, ret);
        if (code != 0)
            break;
        if (cail_state_ended(js_text(ret->json, "state")))
            break;
        if (p.on)
            show_progress(&p, ret->json);
        if (signals >= 0 && signal_from_fd(signals) != 0)
            code = EXIT_DETACHED;
        else if (deadline_ms != 0 && fmt_now_ms() >= deadline_ms)
            code = EXIT_TIMED_OUT;
        cail_reply_done(ret);
    }
    progress_done(&p);
    if (signals >= 0)
        close(signals);
    return code;
}

void group_print(const json_t *group, int fd, bool all_jobs)
{
    static const struct column columns[] = {
        {"ID", true, 0, 0},
        {"STATE", false, 0, 0},
        {"NAME", false, 10, 0},
        {"MATRIX", false, 10, 1},
    };
    struct cail_buf b = CAIL_BUF_INIT;
    struct table t;
    char *name = term_clean(js_text(group, "name"));
    cail_buf_addf(&b, "group g%" PRId64 " %s: %" PRId64 " jobs: ", js_int(group, "id", 0), name,
                  js_int(group, "size", 0));
    free(name);
    add_counts(&b, group);
    cail_buf_addc(&b, '\n');
    char *line = cli_take(&b);
    term_puts(fd, line);
    free(line);
    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    const json_t *jobs = json_object_get(group, "jobs");
    for (size_t i = 0; i < json_array_size(jobs); i++) {
        const json_t *job = json_array_get(jobs, i);
        const char *state = js_text(job, "state");
        if (!all_jobs && strcmp(state, "succeeded") == 0)
            continue;
        char *at = js_pairs(json_object_get(job, "matrix")); /* "params.x=1 env.CC=gcc" */
        table_addf(&t, "%" PRId64, js_int(job, "id", 0));
        table_add(&t, state);
        table_colour(&t, fmt_state_colour(state));
        table_add(&t, js_text(job, "name"));
        table_add(&t, at);
        free(at);
    }
    bool any = t.n_cells > 0;
    table_print(&t, fd, fd == STDOUT_FILENO ? term_width() : 0, fd == STDOUT_FILENO && term.colour,
                any);
}

int group_end(const struct cli *cli, struct cail_reply *r)
{
    int code = strcmp(js_text(r->json, "state"), "succeeded") == 0 ? 0 : EXIT_SOME_FAILED;
    if (cli->json)
        cli_print_json(r);
    else
        group_print(r->json, STDERR_FILENO, false);
    cail_reply_done(r);
    return code;
}
