#include "foreground.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"

#define STRAY_PASSES_MAX 64 /* generations below us that are looked for */
#define KILL_WAIT_MS     5000
#define LOOK_MS          50

/* --- signals --- */

void foreground_init(struct foreground *f)
{
    sigset_t set, all;
    *f = (struct foreground){.tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)};
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGQUIT);
    sigaddset(&set, SIGTSTP);
    sigaddset(&set, SIGCHLD);
    all = set;
    sigaddset(&all,
              SIGTTOU); /* while it is blocked a background group may give the terminal away */
    sigprocmask(SIG_BLOCK, &all, &f->before);
    f->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

void foreground_done(struct foreground *f)
{
    if (f->signals >= 0)
        close(f->signals);
    if (f->tty >= 0)
        close(f->tty);
    sigprocmask(SIG_SETMASK, &f->before, NULL);
}

int foreground_signal(struct foreground *f)
{
    struct signalfd_siginfo info;
    return read(f->signals, &info, sizeof info) == (ssize_t)sizeof info ? (int)info.ssi_signo : 0;
}

void foreground_wait(const struct foreground *f, int timeout_ms)
{
    struct pollfd p = {.fd = f->signals, .events = POLLIN};
    poll(&p, 1, timeout_ms);
}

/* The whole group, as Ctrl-Z would: a shell takes a pipeline for stopped when all of it is. Without
 * a shell that could continue us (an orphaned group) the kernel lets it pass without effect. */
void foreground_suspend(void)
{
    sigset_t tstp;
    sigemptyset(&tstp);
    sigaddset(&tstp, SIGTSTP);
    kill(0, SIGTSTP);
    sigprocmask(SIG_UNBLOCK, &tstp, NULL); /* here we stop */
    sigprocmask(SIG_BLOCK, &tstp, NULL);
}

/* --- the terminal --- */

static bool is_ours(const struct foreground *f)
{
    return f->tty >= 0 && tcgetpgrp(f->tty) == getpgrp();
}

static void give(struct foreground *f)
{
    f->has_tty = tcsetpgrp(f->tty, f->pid) == 0;
}

/* From the command or from a group that it made. */
static void take_back(const struct foreground *f)
{
    if (f->has_tty)
        tcsetpgrp(f->tty, getpgrp());
}

static void stopped(struct foreground *f, int sig)
{
    if ((sig == SIGTTIN || sig == SIGTTOU) && is_ours(f)) {
        give(f);
    } else {
        take_back(f);
        foreground_suspend();
        if (f->has_tty && is_ours(f)) /* not after the shell's `bg` */
            give(f);
    }
    kill(-f->pid, SIGCONT);
}

/* --- the command --- */

static _Noreturn void become(const struct foreground *f, const char *const *argv, bool with_tty,
                             pid_t parent)
{
    setpgid(0, 0);
    if (with_tty)
        tcsetpgrp(f->tty, getpid());
    struct sigaction hup; /* under nohup it would be ignored, and the cards go with the client */
    sigaction(SIGHUP, NULL, &hup);
    prctl(PR_SET_PDEATHSIG, hup.sa_handler == SIG_IGN ? SIGTERM : SIGHUP);
    if (getppid() != parent)
        _exit(128 + SIGHUP);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &f->before, NULL);
    execvp(argv[0], (char *const *)(uintptr_t)(const void *)argv);
    int code = errno == ENOENT ? 127 : 126;
    dprintf(STDERR_FILENO, "cail: cannot execute %s: %s\n", argv[0], strerror(errno));
    _exit(code);
}

bool foreground_start(struct foreground *f, const char *const *argv)
{
    bool with_tty = is_ours(f) && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    pid_t parent = getpid();
    f->has_modes = f->tty >= 0 && tcgetattr(f->tty, &f->modes) == 0;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    f->pid = fork();
    if (f->pid < 0) {
        f->pid = 0;
        return false;
    }
    if (f->pid == 0)
        become(f, argv, with_tty, parent);
    setpgid(f->pid, f->pid); /* in both: whoever comes first */
    if (with_tty)
        give(f);
    return true;
}

static void look_after(struct foreground *f)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) {
        if (pid != f->pid)
            continue; /* an orphan of the command's */
        if (WIFSTOPPED(status)) {
            stopped(f, WSTOPSIG(status));
            continue;
        }
        f->ended = true;
        f->status = status;
        take_back(f);
        if (f->has_tty && f->has_modes && WIFSIGNALED(status)) /* it had no time to tidy up */
            tcsetattr(f->tty, TCSADRAIN, &f->modes);
    }
}

void foreground_signals(struct foreground *f)
{
    int sig;
    while ((sig = foreground_signal(f)) != 0) {
        if (sig == SIGCHLD || f->ended)
            continue;
        kill(-f->pid, sig);
        if (sig == SIGTERM || sig == SIGHUP)
            kill(-f->pid, SIGCONT); /* a stopped one would not hear it */
    }
    look_after(f);
}

int foreground_exit(const struct foreground *f)
{
    return WIFSIGNALED(f->status) ? 128 + WTERMSIG(f->status) : WEXITSTATUS(f->status);
}

/* --- everything below us --- */

struct process {
    pid_t pid, parent;
    bool below;
};

/* "pid (comm) state ppid": comm may hold blanks and brackets, so from its last bracket on. */
static bool read_process(const char *name, struct process *ret)
{
    char path[64], text[512], state;
    int parent;
    snprintf(path, sizeof path, "/proc/%.20s/stat", name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return false;
    text[n] = '\0';
    const char *after = strrchr(text, ')');
    if (after == NULL || sscanf(after + 1, " %c %d", &state, &parent) != 2 || state == 'Z')
        return false;
    *ret = (struct process){.pid = (pid_t)strtol(name, NULL, 10), .parent = parent};
    return ret->pid > 0;
}

static size_t all_processes(struct process **ret)
{
    size_t n = 0, cap = 0;
    struct dirent *e;
    DIR *d = opendir("/proc");
    *ret = NULL;
    while (d != NULL && (e = readdir(d)) != NULL) {
        if (e->d_name[0] < '1' || e->d_name[0] > '9')
            continue;
        if (n == cap) {
            cap = cap == 0 ? 256 : 2 * cap;
            *ret = reallocarray(*ret, cap, sizeof **ret);
            if (*ret == NULL)
                abort();
        }
        n += read_process(e->d_name, &(*ret)[n]);
    }
    if (d != NULL)
        closedir(d);
    return n;
}

static bool mark_children(struct process *p, size_t n, pid_t of)
{
    bool any = false;
    for (size_t i = 0; i < n; i++)
        if (!p[i].below && p[i].parent == of)
            any = p[i].below = true;
    return any;
}

/* Those below us get sig (0 = none); how many there are. */
static size_t signal_below(int sig)
{
    struct process *p;
    size_t n = all_processes(&p), count = 0;
    bool more = mark_children(p, n, getpid());
    for (int pass = 0; more && pass < STRAY_PASSES_MAX; pass++) {
        more = false;
        for (size_t i = 0; i < n; i++)
            if (p[i].below && mark_children(p, n, p[i].pid))
                more = true;
    }
    for (size_t i = 0; i < n; i++) {
        if (!p[i].below)
            continue;
        count++;
        if (sig != 0 && kill(p[i].pid, sig) == 0 && sig == SIGTERM)
            kill(p[i].pid, SIGCONT);
    }
    free(p);
    return count;
}

size_t foreground_left(void)
{
    return signal_below(0);
}

static int64_t now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Until nothing is left below us. */
static bool wait_for_none(struct foreground *f, int64_t until_ms)
{
    while (true) {
        foreground_signals(f);
        if (f->ended && foreground_left() == 0)
            return true;
        if (now_ms() >= until_ms)
            return false;
        foreground_wait(f, LOOK_MS);
    }
}

void foreground_end(struct foreground *f, int64_t grace_ms)
{
    signal_below(SIGTERM);
    if (wait_for_none(f, now_ms() + grace_ms))
        return;
    int64_t until = now_ms() + KILL_WAIT_MS;
    while (signal_below(SIGKILL) > 0 && now_ms() < until)
        if (wait_for_none(f, now_ms() + LOOK_MS))
            return;
    foreground_signals(f);
}
