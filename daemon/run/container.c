/* Calls of the engine's program. */
#include "run/container.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "attempt/containers.h"
#include "attempt/files.h"
#include "base/clock.h"

enum { SWEEPS = 4, PAUSE_MS = 20, IMAGE_MS = 5000, REMOVE_MS = 15000 };

/* In a session of its own, with the job's environment (the engine's settings are in it). out: a
 * file that gets its output, NULL = nowhere. */
static pid_t call(const struct attempt_spec *s, const char *const *argv, const char *out)
{
    pid_t pid = -1;
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none;
    sigemptyset(&none);
    if (posix_spawn_file_actions_init(&files))
        return -1;
    if (posix_spawnattr_init(&attr)) {
        posix_spawn_file_actions_destroy(&files);
        return -1;
    }
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, out ? out : "/dev/null",
                                     O_WRONLY | (out ? O_CREAT | O_TRUNC | O_NOFOLLOW : 0), 0600);
    posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
    if (posix_spawn(&pid, s->engine, &files, &attr, (char *const *)argv, (char *const *)s->env))
        pid = -1;
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&files);
    return pid;
}

/* Its wait status; -1 when it took too long and was killed. */
static int finish(pid_t pid, int ms)
{
    int64_t until = clock_mono_us() + ms * INT64_C(1000);
    for (;;) {
        int status;
        pid_t got = waitpid(pid, &status, WNOHANG);
        if (got == pid)
            return status;
        if (got < 0 && errno != EINTR)
            return -1;
        if (clock_mono_us() > until) {
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
            return -1;
        }
        nanosleep(&(struct timespec){0, PAUSE_MS * 1000000}, NULL);
    }
}

pid_t container_ask_image(const struct attempt_spec *s)
{
    const char *const argv[] = {
        s->engine, "image", "inspect", "--format", "{{.Id}}{{range .RepoDigests}} {{.}}{{end}}",
        s->image,  NULL};
    return call(s, argv, ATTEMPT_IMAGE_FILE);
}

pid_t container_remove(const struct attempt_spec *s)
{
    const char *argv[ATTEMPT_REMOVE_ARGS];
    attempt_container_remove(s->engine, s->container, argv);
    return call(s, argv, NULL);
}

/* podman fails once when the container's monitor was killed, and cleans up the next time. */
bool container_sweep(const struct attempt_spec *s)
{
    for (int i = 0; i < SWEEPS; i++) {
        pid_t pid = container_remove(s);
        int status = pid > 0 ? finish(pid, REMOVE_MS) : -1;
        if (status == 0 || (status != -1 && WEXITSTATUS(status) == 127))
            return status == 0;
        if (status == -1)
            return false;
        nanosleep(&(struct timespec){0, PAUSE_MS * 1000000}, NULL);
    }
    return false;
}

static void sweep_one(void *arg, const char *engine, const char *name)
{
    struct attempt_spec one = *(const struct attempt_spec *)arg;
    one.engine = engine;
    one.container = name;
    (void)container_sweep(&one);
}

void container_sweep_noted(const struct attempt_spec *s)
{
    int fd = open(ATTEMPT_CONTAINERS_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return;
    static char text[ATTEMPT_CONTAINERS_BYTES];
    ssize_t n = read(fd, text, sizeof text);
    close(fd);
    struct attempt_spec copy = *s;
    if (n > 0)
        attempt_containers_parse(text, (size_t)n, sweep_one, &copy);
}

void container_image_late(const struct attempt_spec *s)
{
    struct stat st;
    if (!stat(ATTEMPT_IMAGE_FILE, &st) && st.st_size)
        return;
    pid_t pid = container_ask_image(s);
    if (pid > 0)
        (void)finish(pid, IMAGE_MS);
}
