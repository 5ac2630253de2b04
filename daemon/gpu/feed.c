/* The probe's life. */
#include "gpu/feed.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fsx.h"
#include "base/log.h"
#include "base/mem.h"
#include "gpu/probe_lines.h"

extern char **environ;

/* A turn of the loop reads so much; the rest has its turn later. */
enum { READ_MAX = 64 << 10, BAD_LINES_MAX = 20, CLOSE_MS = 1000 };

struct feed {
    uv_loop_t *loop;
    struct feed_config config;
    /* of the child; -1 = none. in[0] is kept too: without a reader a write would raise SIGPIPE. */
    pid_t pid;
    int pidfd, in[2], out;
    bool killed;
    uint64_t started_ms, flood_from_ms;
    int n_lines, n_bad;
    char *buf;
    size_t len;
    char why[200];
    int backoff_ms;
    uv_timer_t timer; /* silence while it runs, backoff while it does not, patience at the close */
    uv_poll_t *out_poll, *end_poll; /* each is freed when uv has closed it */
    int handles;
    bool closing;
    void (*closed)(void *arg);
    void *closed_arg;
};

static void start(struct feed *f);
static void on_backoff(uv_timer_t *t);

/* --- the end --- */

static void feed_unref(struct feed *f)
{
    if (--f->handles)
        return;
    void (*closed)(void *arg) = f->closed;
    void *arg = f->closed_arg;
    free((char *)f->config.probe);
    free((char *)f->config.nvml_path);
    free(f->buf);
    free(f);
    closed(arg);
}

static void on_poll_closed(uv_handle_t *h)
{
    struct feed *f = h->data;
    free(h);
    feed_unref(f);
}

static void on_timer_closed(uv_handle_t *h)
{
    feed_unref(h->data);
}

static void unpoll(uv_poll_t **poll)
{
    if (*poll)
        uv_close((uv_handle_t *)*poll, on_poll_closed);
    *poll = NULL;
}

/* Nothing of this child is left with us. */
static void drop_child(struct feed *f)
{
    unpoll(&f->out_poll);
    unpoll(&f->end_poll);
    fsx_closep(&f->pidfd);
    fsx_closep(&f->in[0]);
    fsx_closep(&f->in[1]);
    fsx_closep(&f->out);
    f->pidfd = f->in[0] = f->in[1] = f->out = -1;
    f->pid = 0;
}

static void finish_close(struct feed *f)
{
    if (uv_is_closing((uv_handle_t *)&f->timer))
        return;
    drop_child(f);
    uv_close((uv_handle_t *)&f->timer, on_timer_closed);
}

/* --- down --- */

static void retry_later(struct feed *f)
{
    f->config.down(f->config.arg, f->why);
    uv_timer_start(&f->timer, on_backoff, (uint64_t)f->backoff_ms, 0);
    f->backoff_ms =
        f->backoff_ms * 2 < f->config.backoff_max_ms ? f->backoff_ms * 2 : f->config.backoff_max_ms;
}

static void on_backoff(uv_timer_t *t)
{
    start(t->data);
}

/* It is told once; what follows happens when it has ended. */
static void kill_child(struct feed *f, const char *why)
{
    if (f->killed)
        return;
    f->killed = true;
    snprintf(f->why, sizeof f->why, "%s", why);
    log_warn("cail-probe is being restarted: %s", why);
    uv_timer_stop(&f->timer);
    unpoll(&f->out_poll);
    (void)pidfd_send_signal(f->pidfd, SIGKILL, NULL, 0);
    f->config.down(f->config.arg, f->why);
}

static void on_silence(uv_timer_t *t)
{
    kill_child(t->data, "cail-probe said nothing for too long: the driver hangs");
}

static void describe_end(struct feed *f, const siginfo_t *info)
{
    if (f->killed)
        return;
    if (info->si_code == CLD_EXITED)
        snprintf(f->why, sizeof f->why, "cail-probe ended with exit code %d", info->si_status);
    else
        snprintf(f->why, sizeof f->why, "cail-probe was killed by signal %d", info->si_status);
    log_warn("%s", f->why);
}

static void on_end(uv_poll_t *h, int status, int events)
{
    struct feed *f = h->data;
    siginfo_t info = {0};
    (void)events;
    if (waitid(P_PIDFD, (id_t)f->pidfd, &info, WEXITED | WNOHANG) || !info.si_pid) {
        if (!status)
            return;
        log_warn("cail-probe cannot be waited for");
    }
    if (f->closing) {
        finish_close(f);
        return;
    }
    describe_end(f, &info);
    bool steady = uv_now(f->loop) - f->started_ms >= (uint64_t)f->config.steady_ms;
    if (steady)
        f->backoff_ms = f->config.backoff_ms;
    drop_child(f);
    retry_later(f);
}

/* --- lines --- */

/* False: it was killed for what it said. */
static bool take_line(struct feed *f, const char *p, size_t len)
{
    uint64_t now = uv_now(f->loop);
    if (now - f->flood_from_ms >= 1000) {
        f->flood_from_ms = now;
        f->n_lines = 0;
    }
    int patience = f->config.line(f->config.arg, p, len);
    if (patience >= 0)
        uv_timer_start(&f->timer, on_silence, (uint64_t)patience, 0);
    else if (++f->n_bad > BAD_LINES_MAX)
        kill_child(f, "cail-probe says what makes no sense");
    if (++f->n_lines > f->config.flood_lines)
        kill_child(f, "cail-probe says too much");
    return !f->killed;
}

/* The lines that are whole; the rest moves to the front. */
static void take_lines(struct feed *f)
{
    size_t at = 0;
    for (char *nl; (nl = memchr(f->buf + at, '\n', f->len - at));) {
        size_t end = (size_t)(nl - f->buf);
        if (!take_line(f, f->buf + at, end - at))
            return;
        at = end + 1;
    }
    memmove(f->buf, f->buf + at, f->len - at);
    f->len -= at;
    if (f->len == PROBE_LINE_MAX)
        kill_child(f, "cail-probe says a line without an end");
}

static void on_out(uv_poll_t *h, int status, int events)
{
    struct feed *f = h->data;
    size_t room = PROBE_LINE_MAX - f->len;
    (void)events;
    ssize_t n = read(f->out, f->buf + f->len, room < READ_MAX ? room : READ_MAX);
    if (n < 0 && (errno == EAGAIN || errno == EINTR) && !status)
        return;
    if (n <= 0) { /* on_end tells how; one that only closed its output is silent from now on */
        unpoll(&f->out_poll);
        return;
    }
    f->len += (size_t)n;
    take_lines(f);
    f->config.pause(f->config.arg);
}

bool feed_rate(struct feed *f, const char *uuid, int hz)
{
    char line[128];
    int n = snprintf(line, sizeof line, "rate %s %d\n", uuid, hz);
    /* Shorter than PIPE_BUF: all of it or, when it does not read, nothing. */
    return f->in[1] >= 0 && !f->killed && n > 0 && (size_t)n < sizeof line &&
           write(f->in[1], line, (size_t)n) == n;
}

/* --- start --- */

static int nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags < 0 ? -1 : fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

static int spawn(struct feed *f, int out)
{
    posix_spawnattr_t attr;
    posix_spawn_file_actions_t files;
    sigset_t none, all;
    char name[] = "cail-probe", option[] = "--nvml";
    char *argv[] = {name, f->config.nvml_path ? option : NULL, (char *)f->config.nvml_path, NULL};
    sigemptyset(&none);
    sigfillset(&all);
    if (posix_spawnattr_init(&attr))
        return ENOMEM;
    if (posix_spawn_file_actions_init(&files)) {
        posix_spawnattr_destroy(&attr);
        return ENOMEM;
    }
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setpgroup(&attr, 0); /* a Ctrl-C at our terminal is not for it */
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                        POSIX_SPAWN_SETPGROUP);
    int rc = posix_spawn_file_actions_adddup2(&files, f->in[0], 0);
    rc = rc ? rc : posix_spawn_file_actions_adddup2(&files, out, 1);
    /* One that hangs must not hold our stderr when we are gone. */
    rc = rc ? rc : posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
    rc = rc ? rc : posix_spawn(&f->pid, f->config.probe, &files, &attr, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attr);
    return rc;
}

static uv_poll_t *poll_new(struct feed *f, int fd, uv_poll_cb cb)
{
    uv_poll_t *h = mem_zalloc(sizeof *h);
    if (uv_poll_init(f->loop, h, fd)) {
        free(h);
        return NULL;
    }
    h->data = f;
    f->handles++;
    uv_poll_start(h, UV_READABLE, cb);
    return h;
}

/* errno of what went wrong, 0 = it runs. */
static int start_child(struct feed *f)
{
    int out[2];
    if (pipe2(f->in, O_CLOEXEC)) {
        f->in[0] = f->in[1] = -1;
        return errno;
    }
    if (pipe2(out, O_CLOEXEC))
        return errno;
    f->out = out[0];
    int rc = nonblocking(f->in[1]) || nonblocking(f->out) ? errno : spawn(f, out[1]);
    close(out[1]);
    if (rc)
        return rc;
    f->pidfd = pidfd_open(f->pid, 0);
    if (f->pidfd < 0) {
        rc = errno;
        kill(f->pid, SIGKILL); /* not reaped yet, so the pid is its own */
        waitid(P_PID, (id_t)f->pid, NULL, WEXITED);
        return rc;
    }
    f->end_poll = poll_new(f, f->pidfd, on_end);
    f->out_poll = poll_new(f, f->out, on_out);
    BUG_ON(!f->end_poll || !f->out_poll); /* epoll takes pipes and pidfds */
    return 0;
}

static void start(struct feed *f)
{
    f->killed = false;
    f->len = 0;
    f->n_lines = f->n_bad = 0;
    f->started_ms = f->flood_from_ms = uv_now(f->loop);
    int rc = start_child(f);
    if (rc) {
        drop_child(f);
        snprintf(f->why, sizeof f->why, "'%.120s' cannot be started: %s", f->config.probe,
                 strerror(rc));
        retry_later(f);
        return;
    }
    uv_timer_start(&f->timer, on_silence, (uint64_t)f->config.first_ms, 0);
}

int feed_open(struct feed **ret, uv_loop_t *loop, const struct feed_config *config,
              struct cail_err *err)
{
    struct feed *f = mem_zalloc(sizeof *f);
    *f = (struct feed){.loop = loop,
                       .config = *config,
                       .pidfd = -1,
                       .in = {-1, -1},
                       .out = -1,
                       .backoff_ms = config->backoff_ms};
    int rc = uv_timer_init(loop, &f->timer);
    if (rc) {
        free(f);
        return err_set(err, E_INTERNAL, "no timer: %s", uv_strerror(rc));
    }
    f->handles = 1;
    f->timer.data = f;
    f->config.probe = mem_strdup(config->probe);
    f->config.nvml_path = mem_strdup(config->nvml_path);
    f->buf = mem_array(PROBE_LINE_MAX, 1);
    uv_timer_start(&f->timer, on_backoff, 0, 0);
    *ret = f;
    return 0;
}

static void on_close_late(uv_timer_t *t)
{
    struct feed *f = t->data;
    log_warn("cail-probe (pid %d) cannot be killed: the driver holds it", (int)f->pid);
    finish_close(f);
}

void feed_close(struct feed *f, void (*done)(void *arg), void *arg)
{
    f->closing = true;
    f->closed = done;
    f->closed_arg = arg;
    if (f->pidfd < 0) {
        finish_close(f);
        return;
    }
    unpoll(&f->out_poll);
    (void)pidfd_send_signal(f->pidfd, SIGKILL, NULL, 0);
    uv_timer_start(&f->timer, on_close_late, CLOSE_MS, 0);
}
