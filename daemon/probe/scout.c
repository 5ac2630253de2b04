/* Asking a fresh start of the library, in a process of its own. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fsx.h"
#include "probe/nvml_load.h"
#include "probe/probe.h"

extern char **environ;

enum { ANSWER_MAX = PROBE_CARDS_MAX * CARD_UUID_LEN };

int scout_main(const char *nvml_path)
{
    char why[400];
    uint32_t n = 0;
    if (!nvml_load(nvml_path, why, sizeof why) || NVML(Init_v2) != NV_OK ||
        NVML(DeviceGetCount_v2, &n) != NV_OK)
        return 1;
    for (uint32_t i = 0; i < n && i < PROBE_CARDS_MAX; i++) {
        nvml_dev d;
        char uuid[CARD_UUID_LEN] = "";
        if (NVML(DeviceGetHandleByIndex_v2, i, &d) == NV_OK &&
            NVML(DeviceGetUUID, d, uuid, sizeof uuid - 1) == NV_OK)
            dprintf(STDOUT_FILENO, "%s\n", uuid);
    }
    return 0;
}

/* dup2 in the child clears CLOEXEC on its standard output alone. */
static pid_t start(const char *nvml_path, int out)
{
    char *args[] = {(char[]){"cail-probe"}, (char[]){"--list"}, NULL, NULL, NULL};
    char option[] = "--nvml";
    if (nvml_path) {
        args[2] = option;
        args[3] = (char *)(uintptr_t)nvml_path; /* posix_spawn's old signature; it writes nothing */
    }
    posix_spawn_file_actions_t actions;
    if (posix_spawn_file_actions_init(&actions))
        return -1;
    pid_t pid = -1;
    if (posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO) ||
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0) ||
        posix_spawn(&pid, "/proc/self/exe", &actions, NULL, args, environ))
        pid = -1;
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

/* true = the end of its output came in time. */
static bool read_answer(int in, int64_t until_us, struct str *out)
{
    while (out->len < ANSWER_MAX) {
        int64_t left_us = until_us - clock_mono_us();
        struct pollfd fd = {.fd = in, .events = POLLIN};
        if (left_us <= 0 || poll(&fd, 1, (int)(left_us / 1000) + 1) == 0)
            return false;
        char bytes[1024];
        ssize_t n = read(in, bytes, sizeof bytes);
        if (n == 0)
            return true;
        if (n > 0)
            str_add(out, bytes, (size_t)n);
        else if (errno != EINTR)
            return false;
    }
    return false;
}

/* A process that hangs in the driver takes no signal: it is left, and no second one is started. */
static bool is_busy(struct scout *s)
{
    if (s->pid > 0 && waitpid(s->pid, NULL, WNOHANG) == s->pid)
        s->pid = 0;
    return s->pid > 0;
}

void scout_ask(struct scout *s, const char *nvml_path, int64_t limit_us, struct str *out)
{
    CLEANUP(fsx_closep) int in = -1;
    int ends[2];
    str_clear(out);
    if (is_busy(s) || pipe2(ends, O_CLOEXEC))
        return;
    in = ends[0];
    s->pid = start(nvml_path, ends[1]);
    close(ends[1]);
    if (s->pid < 0) {
        s->pid = 0;
        return;
    }
    if (read_answer(in, clock_mono_us() + limit_us, out)) {
        waitpid(s->pid, NULL, 0); /* it has closed its output: it is at its end */
        s->pid = 0;
        return;
    }
    str_clear(out);
    kill(s->pid, SIGKILL);
    (void)is_busy(s);
}
