/* The child between clone and exec. It has a copy of our memory, so nothing here harms the parent;
 * failures come back through one shared page. */
#include "run/child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct child_failure *shared;

static NORETURN void fail(const char *step)
{
    shared->sys_errno = errno ? errno : EINVAL;
    snprintf(shared->step, sizeof shared->step, "%s", step);
    _exit(127);
}

/* By the system call: libc hides two signals, and its posix_spawn leaves just those ignored. */
static void set_signals(void)
{
    static const struct {
        void *handler;
        unsigned long flags;
        void *restorer;
        uint64_t mask;
    } none_at_all; /* all zero = SIG_DFL on every architecture */
    for (int sig = 1; sig < NSIG; sig++)
        syscall(SYS_rt_sigaction, sig, &none_at_all, NULL, sizeof none_at_all.mask);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void add_cpu(void *arg, int cpu)
{
    cpu_set_t *set = arg;
    CPU_SET((size_t)cpu, set);
}

static void set_limits(void)
{
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    /* When memory ends a job goes, never the daemon or cail-run. Raising is always allowed. */
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd >= 0)
        (void)!write(fd, "500", 3);
}

static void pin(const char *cpu_list)
{
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    errno = EINVAL;
    if (!attempt_cpu_list(cpu_list, CPU_SETSIZE, add_cpu, &cpus) ||
        sched_setaffinity(0, sizeof cpus, &cpus))
        fail("pin");
}

static void set_identity(const struct attempt_spec *s)
{
    if (s->uid < 0)
        return;
    uid_t uid = (uid_t)s->uid;
    gid_t gid = (gid_t)s->gid;
    if (setgroups(s->n_groups, s->groups) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
        fail("become its user");
}

static void set_files(const struct child_plan *p)
{
    if (dup2(p->stdin_fd, 0) < 0 || dup2(p->out_fd, 1) < 0 || dup2(p->out_fd, 2) < 0)
        fail("set up files");
    syscall(SYS_close_range, 3, ~0u, 0);
}

/* PATH of the job's own environment, not of ours. */
static const char *path_of(char *const *env)
{
    for (; *env; env++)
        if (strncmp(*env, "PATH=", 5) == 0)
            return *env + 5;
    return "/usr/local/bin:/usr/bin:/bin";
}

/* As a shell does it: a script without #! is run by sh. */
static void try_exec(const char *path, char *const *argv, char *const *env)
{
    execve(path, argv, env);
    if (errno != ENOEXEC)
        return;
    static char *sh_argv[ATTEMPT_SPEC_LIST_MAX + 2];
    static char sh[] = "sh";
    char script[PATH_MAX];
    snprintf(script, sizeof script, "%s", path);
    sh_argv[0] = sh;
    sh_argv[1] = script;
    for (size_t i = 1; argv[i]; i++)
        sh_argv[i + 1] = argv[i];
    execve("/bin/sh", sh_argv, env);
}

static void search_exec(const char *name, char *const *argv, char *const *env)
{
    bool denied = false;
    const char *at = path_of(env);
    for (;;) {
        const char *end = strchrnul(at, ':');
        char path[PATH_MAX];
        int n = snprintf(path, sizeof path, "%.*s%s%s", (int)(end - at), at, end > at ? "/" : "",
                         name);
        if (n < (int)sizeof path)
            try_exec(path, argv, env);
        denied |= errno == EACCES;
        if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
            return;
        if (!*end)
            break;
        at = end + 1;
    }
    errno = denied ? EACCES : ENOENT;
}

static NORETURN void be_the_job(const struct child_plan *p, pid_t parent)
{
    const struct attempt_spec *s = p->spec;
    char *const *argv = (char *const *)s->argv, *const *env = (char *const *)s->env;
    setsid();
    set_files(p);
    set_limits();
    if (s->cpu_list)
        pin(s->cpu_list);
    set_identity(s);
    set_signals();
    /* After the change of identity, which clears it. The parent may have died before. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    if (s->cwd[0] && chdir(s->cwd))
        fail("enter");
    if (strchr(argv[0], '/'))
        try_exec(argv[0], argv, env);
    else
        search_exec(argv[0], argv, env);
    fail("execute");
}

/* CLONE_VFORK: we go on only after the exec. Born inside its cgroup: moving there by cgroup.procs
 * takes a lock of all processes that costs 10 ms on an idle machine (measured), this costs 0.2. */
static pid_t clone_job(int cgroup_fd)
{
    struct clone_args a = {.flags = CLONE_VFORK, .exit_signal = SIGCHLD};
    if (cgroup_fd >= 0) {
        a.flags |= CLONE_INTO_CGROUP;
        a.cgroup = (__u64)cgroup_fd;
        long pid = syscall(SYS_clone3, &a, sizeof a);
        if (pid >= 0)
            return (pid_t)pid;
    }
    /* Also where seccomp or an old kernel refuses clone3. */
    return (pid_t)syscall(SYS_clone, CLONE_VFORK | SIGCHLD, NULL, NULL, NULL, NULL);
}

pid_t child_start(const struct child_plan *p, struct child_failure *ret)
{
    *ret = (struct child_failure){0, "start"};
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        ret->sys_errno = errno;
        return -1;
    }
    pid_t parent = getpid();
    pid_t pid = clone_job(p->cgroup_fd);
    if (!pid)
        be_the_job(p, parent);
    if (pid < 0)
        ret->sys_errno = errno;
    else
        *ret = *shared;
    munmap(shared, sizeof *shared);
    return pid;
}
