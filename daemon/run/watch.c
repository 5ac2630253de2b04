/* The loop of cail-run. */
#include "run/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attempt/control.h"
#include "attempt/files.h"
#include "base/clock.h"
#include "run/container.h"
#include "run/tree.h"

#define X2(sym, word) sym,
enum { CAIL_END_CAUSES(X2) };
#undef X2

#define LINGER_US   250000   /* so the tee of a shell's redirection writes its last lines */
#define CLEAN_UP_US 10000000 /* podman's monitor of a container cleans up behind it */
#define GIVE_UP_US  5000000  /* after KILL */
#define REMOVE_US   10000000 /* an engine's time to remove a container before all is killed */
#define RETRY_US    20000    /* between KILL passes */
#define SLEEP_US    30000000 /* longest sleep: poll's clock stands still while the machine sleeps */

static void go_kill(struct watch *w)
{
    if (w->stage == WATCH_KILLED)
        return;
    w->cut_stragglers = !w->job;
    w->stage = WATCH_KILLED;
    w->act_us = clock_mono_us() + GIVE_UP_US;
    /* The engine first: with its monitor killed, podman could not tell what became of it. */
    pid_t remover = w->spec->container ? container_remove(w->spec) : -1;
    if (remover > 0) {
        w->remover = remover;
        w->act_us += REMOVE_US;
        return;
    }
    cgroup_kill(w->cgroup);
    tree_kill();
}

/* TERM. The engine hands it on to what runs inside, which would else get it several times. */
static void terminate(const struct watch *w)
{
    if (!w->spec->container)
        tree_terminate();
    else if (w->job)
        kill(w->job, SIGTERM);
}

/* A second request may shorten the grace, never lengthen it. */
static void go_stop(struct watch *w, int cause, int64_t grace_ms)
{
    if (w->stage == WATCH_KILLED)
        return;
    if (w->stage == WATCH_LINGERING) {
        go_kill(w);
        return;
    }
    int64_t at_us = clock_mono_us() + grace_ms * 1000;
    if (w->stage == WATCH_TERMED) {
        if (at_us < w->act_us)
            w->act_us = at_us;
        return;
    }
    w->stage = WATCH_TERMED;
    w->act_us = at_us;
    w->cause = cause;
    terminate(w);
}

static void read_control(struct watch *w)
{
    char bytes[ATTEMPT_CONTROL_BYTES_MAX];
    int fd = open(ATTEMPT_CONTROL_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return;
    ssize_t n = read(fd, bytes, sizeof bytes);
    close(fd);
    struct attempt_control c;
    if (n > 0 && attempt_control_decode(bytes, (size_t)n, w->spec->token, &c))
        go_stop(w, END_CANCELED, c.grace_ms);
}

static void take_signals(struct watch *w)
{
    struct signalfd_siginfo info[8];
    ssize_t n = read(w->signal_fd, info, sizeof info);
    for (ssize_t i = 0; i < n / (ssize_t)sizeof info[0]; i++) {
        if (info[i].ssi_signo == SIGUSR1)
            read_control(w);
        else if (info[i].ssi_signo != SIGCHLD)
            go_stop(w, END_CANCELED, w->spec->grace_ms);
    }
}

static void job_ended(struct watch *w, int status)
{
    w->job = 0;
    w->status = status;
    w->ended_us = clock_mono_us();
    if (w->stage == WATCH_RUNNING) {
        w->stage = WATCH_LINGERING;
        w->act_us = w->ended_us + (w->spec->container ? CLEAN_UP_US : LINGER_US);
    }
}

/* The container is gone, or the engine could not do it: whatever is left is killed. */
static void removed(struct watch *w)
{
    w->remover = 0;
    w->act_us = clock_mono_us() + GIVE_UP_US;
    cgroup_kill(w->cgroup);
    tree_kill();
}

/* True when nobody is left: as a subreaper we are the ancestor of every living descendant, so
 * ECHILD is proof, and no /proc is read for a job that leaves nothing behind. */
static bool reap(struct watch *w)
{
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid < 0 && errno == EINTR)
            continue;
        if (pid <= 0)
            return pid < 0;
        if (pid == w->job)
            job_ended(w, status);
        else if (pid == w->asker)
            w->asker = 0;
        else if (pid == w->remover)
            removed(w);
        else if (w->cut_stragglers && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
            w->killed++;
    }
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t next_us(const struct watch *w, int64_t now)
{
    int64_t at = now + SLEEP_US;
    if (w->act_us)
        at = sooner(at, w->act_us);
    if (w->account.token)
        at = sooner(at, w->account.next_us);
    if (w->stage == WATCH_KILLED)
        at = sooner(at, now + RETRY_US);
    if (w->stage == WATCH_RUNNING && w->spec->wall_ms)
        at = sooner(at, w->begun_us + w->spec->wall_ms * 1000);
    if (w->stage == WATCH_RUNNING && w->spec->idle_ms)
        at = sooner(at, w->spoke_us + w->spec->idle_ms * 1000);
    return at;
}

/* Time passed. False when what is left cannot be killed. */
static bool act(struct watch *w, int64_t now)
{
    const struct attempt_spec *s = w->spec;
    if (w->account.token && now >= w->account.next_us)
        account_look(&w->account, now);
    switch (w->stage) {
    case WATCH_RUNNING:
        if (s->wall_ms && now >= w->begun_us + s->wall_ms * 1000)
            go_stop(w, END_TIMEOUT, s->grace_ms);
        else if (s->idle_ms && now >= w->spoke_us + s->idle_ms * 1000)
            go_stop(w, END_IDLE_TIMEOUT, s->grace_ms);
        return true;
    case WATCH_LINGERING:
    case WATCH_TERMED:
        if (now >= w->act_us)
            go_kill(w);
        return true;
    case WATCH_KILLED:
        if (now >= w->act_us)
            return false;
        if (!w->remover || now >= w->act_us - GIVE_UP_US)
            tree_kill();
        return true;
    }
    return true;
}

static void wait_for_something(struct watch *w)
{
    int64_t now = clock_mono_us(), left = next_us(w, now) - now;
    struct timespec t = {0, 0};
    if (left > 0)
        t = (struct timespec){left / 1000000, left % 1000000 * 1000};
    struct pollfd p[2] = {{w->signal_fd, POLLIN, 0}, {w->output->in, POLLIN, 0}};
    if (ppoll(p, 2, &t, NULL) <= 0)
        return;
    if (p[1].revents) {
        if (output_pump(w->output) < 0)
            w->output->in = -1; /* all ends closed; it may still run for hours */
        else
            w->spoke_us = clock_mono_us();
    }
    if (p[0].revents)
        take_signals(w);
}

void watch_run(struct watch *w)
{
    while (!reap(w)) {
        wait_for_something(w);
        w->gave_up = !act(w, clock_mono_us());
        if (w->gave_up)
            break;
    }
    if (!w->ended_us)
        w->ended_us = clock_mono_us();
    if (w->output->in >= 0)
        output_drain(w->output);
}
