/* cail-run DIR [FD]: run the attempt whose folder is DIR, once, and write how it ended.
 *
 * One process per attempt, so that neither the daemon's end nor its restart touches the job. It
 * claims the attempt (attempt/run_file.h), starts the job, keeps its limits, and outlives it by
 * microseconds. FD, when given, is a pipe that gets one struct attempt_started.
 *
 * Small on purpose: there are as many of these as running jobs, and a tiny job costs hardly more
 * than the starts of these two programs. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attempt/control.h"
#include "attempt/files.h"
#include "attempt/run_file.h"
#include "attempt/spec.h"
#include "base/clock.h"
#include "base/fsx.h"
#include "base/str.h"
#include "run/cgroup.h"
#include "run/child.h"
#include "run/container.h"
#include "run/counters.h"
#include "run/output.h"
#include "run/tree.h"
#include "run/watch.h"

#define X2(sym, word) sym,
enum { CAIL_END_CAUSES(X2) };
#undef X2

static NORETURN void die(int code, const char *what)
{
    dprintf(2, "cail-run: %s\n", what);
    _exit(code);
}

/* Blocked in us, taken from the descriptor; ignored ones would otherwise end us. */
static int take_over_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_SETMASK, &set, NULL);
    signal(SIGCHLD, SIG_DFL); /* inherited as ignored it would reap for us */
    signal(SIGHUP, SIG_IGN);
    signal(SIGQUIT, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Ours alone to read and write, or somebody else may have written it. */
static void read_spec(struct str *bytes, struct attempt_spec *ret)
{
    struct cail_err err;
    struct stat st;
    if (lstat(ATTEMPT_SPEC_FILE, &st) || st.st_uid != geteuid() || (st.st_mode & 077))
        die(ATTEMPT_EXIT_SPEC, "the spec is missing or not private");
    if (fsx_read(ATTEMPT_SPEC_FILE, ATTEMPT_SPEC_MAX, bytes, &err) ||
        attempt_spec_decode(bytes->p, bytes->len, ret, &err))
        die(ATTEMPT_EXIT_SPEC, err.text);
}

/* Field 22 of /proc/self/stat; the name before it may hold anything but is ours. */
static int64_t own_start(void)
{
    char text[1024];
    int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    fsx_closep(&fd);
    text[n > 0 ? n : 0] = 0;
    char *at = strrchr(text, ')');
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    return at ? strtoll(at, NULL, 10) : 0;
}

/* Lock, then claim. The descriptor, which holds the lock as long as we live. */
static int claim(const struct attempt_spec *s, struct cgroup *cgroup)
{
    int fd = open(ATTEMPT_RUN_FILE, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        die(ATTEMPT_EXIT_IO, "the run file cannot be opened");
    struct stat st;
    if (flock(fd, LOCK_EX | LOCK_NB) || fstat(fd, &st) || st.st_size)
        die(ATTEMPT_EXIT_CLAIMED, "the attempt is claimed already");
    cgroup_name(cgroup, s->token);
    struct attempt_claim c = {.pid = getpid(), .start = own_start(), .at_us = clock_wall_us()};
    clock_boot_id(c.boot);
    memcpy(c.cgroup, cgroup->path, sizeof c.cgroup);
    struct str line = STR_INIT;
    attempt_claim_encode(s->token, &c, &line);
    if (fsx_write_all(fd, line.p, line.len)) {
        /* Nothing ran and nothing will: leave it unclaimed rather than lost. */
        (void)!ftruncate(fd, 0);
        die(ATTEMPT_EXIT_IO, "the claim cannot be written");
    }
    str_done(&line);
    return fd;
}

static int open_stdin(const struct attempt_spec *s)
{
    if (!s->stdin_text)
        return open("/dev/null", O_RDONLY | O_CLOEXEC);
    int fd = memfd_create("stdin", MFD_CLOEXEC);
    if (fd >= 0 && (fsx_write_all(fd, s->stdin_text, s->stdin_len) || lseek(fd, 0, SEEK_SET)))
        fsx_closep(&fd);
    return fd;
}

static void tell_started(int fd, int64_t id)
{
    if (fd < 0)
        return;
    struct attempt_started m = {id, clock_wall_us()};
    (void)!write(fd, &m, sizeof m); /* full or without a reader: cail-d finds out by the end */
    close(fd);
}

/* Start the job. On failure the reason goes into the log, where people look first. */
static void start(struct watch *w, int started_fd, struct attempt_record *record)
{
    int out[2] = {-1, -1};
    struct child_failure failure = {0, "set up"};
    int in = open_stdin(w->spec);
    if (in < 0 || pipe2(out, O_CLOEXEC) || fcntl(out[0], F_SETFL, O_NONBLOCK) ||
        (w->spec->uid >= 0 && fchown(out[1], (uid_t)w->spec->uid, (gid_t)-1)))
        failure.sys_errno = errno;
    w->output->in = out[0];
    w->begun_us = w->spoke_us = clock_mono_us();
    if (!failure.sys_errno) {
        struct child_plan plan = {w->spec, in, out[1], w->cgroup->fd};
        pid_t pid = child_start(&plan, &failure);
        w->job = pid > 0 ? pid : 0;
    }
    if (w->job && w->spec->container) {
        w->asker = container_ask_image(w->spec);
        account_init(&w->account, w->spec->token, w->begun_us);
    }
    tell_started(started_fd, w->spec->id);
    if (failure.sys_errno) {
        const char *what = strcmp(failure.step, "enter") == 0 ? w->spec->cwd : w->spec->argv[0];
        record->cause = END_EXEC_FAILED;
        record->exec_errno = failure.sys_errno;
        dprintf(out[1], "cail-run: cannot %s '%s': %s\n", failure.step, what,
                strerror(failure.sys_errno));
    }
    fsx_closep(&in);
    fsx_closep(&out[1]);
}

static int64_t time_us(struct timeval t)
{
    return (int64_t)t.tv_sec * 1000000 + t.tv_usec;
}

static void fill_usage(struct attempt_record *r, const struct cgroup *cgroup)
{
    struct rusage u;
    getrusage(RUSAGE_CHILDREN, &u); /* all that were reaped, by us or below us */
    r->user_us = time_us(u.ru_utime);
    r->system_us = time_us(u.ru_stime);
    int64_t peak = cgroup_peak_bytes(cgroup); /* of all together; rusage knows the largest one */
    r->max_rss_bytes = peak >= 0 ? peak : (int64_t)u.ru_maxrss * 1024;
}

static void fill_end(struct attempt_record *r, const struct watch *w)
{
    if (r->cause != END_EXEC_FAILED) {
        bool signaled = WIFSIGNALED(w->status);
        r->exit_code = WIFEXITED(w->status) && !w->job ? WEXITSTATUS(w->status) : -1;
        r->signal = signaled ? WTERMSIG(w->status) : 0;
        r->cause = signaled ? END_SIGNALED : END_EXITED;
        if (w->cause >= 0)
            r->cause = w->cause;
        else if (r->signal == SIGKILL && cgroup_oom_killed(w->cgroup))
            r->cause = END_OUT_OF_MEMORY;
    }
    r->wall_us = w->ended_us - w->begun_us;
    r->log_bytes = w->output->bytes;
    r->hole_from = w->output->hole_from;
    r->hole_to = w->output->hole_to;
    r->killed = w->killed;
    if (w->gave_up)
        tree_list(r->unkillable, sizeof r->unkillable);
}

/* A container's use: podman's are descendants of ours and counted already, docker's are not. */
static void add_account(struct attempt_record *r, const struct watch *w)
{
    const struct account *a = &w->account;
    if (!a->token)
        return;
    if (!attempt_engine_is_podman(w->spec->engine)) {
        r->user_us += a->user_us > 0 ? a->user_us : 0;
        r->system_us += a->system_us > 0 ? a->system_us : 0;
    }
    if (a->peak_bytes > r->max_rss_bytes)
        r->max_rss_bytes = a->peak_bytes;
    /* The kernel's own word goes with the cgroup: killed by nobody we know, at its limit, will do.
     */
    int64_t limit = w->spec->memory_mib << 20;
    bool full = a->oom_killed || (limit && r->max_rss_bytes >= limit - limit / 16);
    if (full && r->exit_code == 128 + SIGKILL && w->cause < 0)
        r->cause = END_OUT_OF_MEMORY;
}

/* An engine that ended by itself has removed the container; else nobody knows. */
static void end_container(const struct attempt_spec *s, const struct watch *w,
                          struct attempt_record *r)
{
    if (!s->container || r->cause == END_EXEC_FAILED)
        return;
    bool by_itself = w->cause < 0 && r->exit_code >= 0 && r->exit_code != 125 && !w->killed;
    if (!by_itself && !container_sweep(s) && !r->unkillable[0])
        snprintf(r->unkillable, sizeof r->unkillable, "%s", s->container);
    if (r->exit_code != 125)
        container_image_late(s);
}

/* From claim to exit record. */
static void run(const struct attempt_spec *s, int run_fd, int signal_fd, int started_fd,
                struct cgroup *cgroup)
{
    struct attempt_record record;
    attempt_record_init(&record);
    struct output output = {.in = -1, .log = -1, .cap_bytes = s->log_cap_bytes};
    struct watch w = {
        .spec = s, .cgroup = cgroup, .output = &output, .signal_fd = signal_fd, .cause = -1};
    struct counters counters;
    cgroup_make(cgroup, s->container ? 0 : s->memory_mib); /* the engine keeps its container's */
    counters_open(&counters, s->counters);
    start(&w, started_fd, &record);
    watch_run(&w);
    output_end(&output);
    fill_usage(&record, cgroup);
    fill_end(&record, &w);
    add_account(&record, &w);
    end_container(s, &w, &record);
    container_sweep_noted(s);
    counters_read(&counters, &record);
    cgroup_remove(cgroup);
    struct str line = STR_INIT;
    attempt_record_encode(s->token, &record, &line);
    if (fsx_write_all(run_fd, line.p, line.len))
        die(ATTEMPT_EXIT_IO, "the exit record cannot be written");
}

int main(int argc, char **argv)
{
    int64_t started_fd = -1;
    if (argc < 2 || argc > 3 ||
        (argc == 3 && (!attempt_parse_int(argv[2], strlen(argv[2]), 3, &started_fd) ||
                       fcntl((int)started_fd, F_SETFD, FD_CLOEXEC))))
        die(ATTEMPT_EXIT_USAGE, "usage: cail-run DIR [FD]");
    int signal_fd = take_over_signals();
    setsid(); /* fails when whoever started us has done it */
    if (chdir(argv[1]))
        die(ATTEMPT_EXIT_SPEC, "the attempt's folder cannot be entered");
    if (signal_fd < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1))
        die(ATTEMPT_EXIT_IO, "no signal descriptor or no subreaper here");
    struct str bytes = STR_INIT;
    struct attempt_spec spec;
    struct cgroup cgroup;
    read_spec(&bytes, &spec);
    int run_fd = claim(&spec, &cgroup);
    run(&spec, run_fd, signal_fd, (int)started_fd, &cgroup);
    _exit(0);
}
