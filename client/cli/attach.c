#include "attach.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "fmt.h"
#include "progress.h"
#include "results.h"
#include "term.h"

#define SECOND_CTRL_C_MS 2000
#define TICK_MS          1000

struct view {
    const struct cli *cli;
    const struct attach *what;
    struct progress progress;
    json_t *job;   /* as last heard of; borrowed during callbacks only, so a copy is kept */
    int signals;   /* signalfd */
    bool canceled; /* by a second Ctrl-C: a third one leaves at once */
    int exit;      /* when the following was stopped */
};

int signals_to_fd(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int signal_from_fd(int fd)
{
    struct signalfd_siginfo info;
    return read(fd, &info, sizeof info) == (ssize_t)sizeof info ? (int)info.ssi_signo : 0;
}

int job_exit(const json_t *job)
{
    const char *state = js_text(job, "state");
    int64_t told = js_int(job, "exit_status", -1), sig = js_int(job, "signal", 0);
    if (told >= 0 && told <= 255)
        return (int)told;
    if (strcmp(state, "succeeded") == 0)
        return 0;
    if (strcmp(state, "timed_out") == 0)
        return EXIT_TIMED_OUT;
    if (strcmp(state, "lost") == 0)
        return EXIT_LOST;
    if (strcmp(state, "dep_failed") == 0 || js_null(job, "started_at"))
        return EXIT_NEVER_RAN;
    if (sig > 0 && sig < 128)
        return 128 + (int)sig;
    int64_t code = js_int(job, "exit_code", 1);
    return code > 0 && code <= 255 ? (int)code : 1;
}

void job_summary(const json_t *job)
{
    struct cail_buf b = CAIL_BUF_INIT;
    char *name = term_clean(js_text(job, "name")), *reason = term_clean(js_text(job, "reason"));
    char *state = term_clean(js_text(job, "state"));
    char took[FMT_MAX];
    int64_t from = fmt_read_time_ms(js_text(job, "started_at"));
    int64_t to = fmt_read_time_ms(js_text(job, "finished_at"));
    cail_buf_addf(&b, "cail: job %" PRId64 " %s %s", js_int(job, "id", 0), name, state);
    if (from >= 0 && to >= from)
        cail_buf_addf(&b, " in %s", fmt_duration(to - from, took));
    if (json_is_true(json_object_get(job, "cached")))
        cail_buf_adds(&b, ", from the build cache");
    if (reason[0] != '\0')
        cail_buf_addf(&b, ": %s", reason);
    else if (js_int(job, "signal", 0) > 0)
        cail_buf_addf(&b, ", signal %" PRId64, js_int(job, "signal", 0));
    else if (strcmp(state, "failed") == 0 && js_int(job, "exit_code", -1) >= 0)
        cail_buf_addf(&b, ", exit code %" PRId64, js_int(job, "exit_code", 0));
    cail_buf_addc(&b, '\n');
    char *line = cli_take(&b);
    term_puts(STDERR_FILENO, line);
    free(line);
    free(name);
    free(reason);
    free(state);
    results_print(json_object_get(job, "results"), RESULTS_AT_END, STDERR_FILENO,
                  term.err_tty ? term_err_width() : 0);
}

/* --- callbacks --- */

static int on_log(void *ctx, const char *data, size_t len)
{
    struct view *v = ctx;
    progress_log(&v->progress, data, len);
    return 0;
}

static int on_job(void *ctx, const json_t *job)
{
    struct view *v = ctx;
    json_decref(v->job);
    v->job = json_copy((json_t *)(uintptr_t)(const void *)job);
    progress_job(&v->progress, job);
    return 0;
}

static int on_tick(void *ctx)
{
    struct view *v = ctx;
    if (v->job != NULL)
        progress_job(&v->progress, v->job);
    return 0;
}

static int on_notice(void *ctx, enum cail_notice what, int64_t value)
{
    struct view *v = ctx;
    progress_erase(&v->progress);
    switch (what) {
    case CAIL_LOST:
        cli_say("lost the connection to cail-d; the job goes on, trying to reach it again");
        break;
    case CAIL_BACK:
        cli_say("connected again");
        break;
    case CAIL_ATTEMPT:
        cli_say("job %" PRId64 ", attempt %" PRId64, v->what->job, value);
        break;
    }
    progress_draw(&v->progress);
    return 0;
}

static int cancel_job(struct view *v)
{
    struct cail_reply r;
    cli_say("canceling job %" PRId64, v->what->job);
    int code = cli_call(v->cli, "POST", cail_path("/jobs/%" PRId64 "/cancel", v->what->job),
                        cli_json(json_object()), &r);
    cail_reply_done(&r);
    v->canceled = code == 0;
    return code;
}

/* A signal is waiting. The first Ctrl-C detaches, unless a second one comes in time. */
static int on_wake(void *ctx)
{
    struct view *v = ctx;
    int sig = signal_from_fd(v->signals);
    if (sig == 0)
        return 0;
    progress_erase(&v->progress);
    if (v->progress.mid_line)
        term_puts(STDOUT_FILENO, "\n");
    v->progress.mid_line = false;
    v->exit = sig == SIGINT ? EXIT_DETACHED : 128 + sig;
    cli_say("detached; job %" PRId64 " goes on: cail follow %" PRId64 ", cail cancel %" PRId64,
            v->what->job, v->what->job, v->what->job);
    if (sig != SIGINT || v->canceled)
        return 1;
    struct pollfd p = {.fd = v->signals, .events = POLLIN};
    if (poll(&p, 1, SECOND_CTRL_C_MS) != 1)
        return 1;
    return signal_from_fd(v->signals) == SIGINT ? cancel_job(v) : 1;
}

int attach(const struct cli *cli, const struct attach *what)
{
    struct view v = {.cli = cli, .what = what, .signals = signals_to_fd(), .exit = EXIT_DETACHED};
    progress_init(&v.progress);
    struct cail_follow f = {
        .job = what->job,
        .attempt = what->attempt,
        .from_first = what->from_first,
        .from = what->from,
        .wake_fd = v.signals,
        .tick_ms = v.progress.on ? TICK_MS : 0,
        .ctx = &v,
        .on_log = what->quiet ? NULL : on_log,
        .on_job = on_job,
        .on_notice = on_notice,
        .on_wake = on_wake,
        .on_tick = on_tick,
    };
    json_t *job;
    int rc = cail_follow(cli->c, &f, &job);
    progress_done(&v.progress);
    json_decref(v.job);
    if (v.signals >= 0)
        close(v.signals);
    if (rc == CAIL_ESTOPPED)
        return v.exit;
    if (rc != CAIL_OK)
        return cli_failed(cli);
    if (what->quiet)
        cli_print_doc(job, JSON_COMPACT);
    else
        job_summary(job);
    int code = job_exit(job);
    json_decref(job);
    return code;
}
