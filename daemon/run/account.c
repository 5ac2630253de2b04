/* The container's cgroup: found by a process that has the attempt's token and is in a cgroup whose
 * name has the 64 hex digits of a container's id, as docker and podman both make them. */
#include "run/account.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attempt/files.h"

enum { ID_LEN = 64, QUICK_LOOKS = 10 };
#define QUICK_US INT64_C(200000)
#define SLOW_US  INT64_C(1000000)

void account_init(struct account *a, const char *token, int64_t now_us)
{
    memset(a, 0, sizeof *a);
    a->token = token;
    a->next_us = now_us + QUICK_US;
    a->user_us = a->system_us = a->peak_bytes = -1;
}

static ssize_t read_file(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = fd < 0 ? -1 : read(fd, out, size - 1);
    if (fd >= 0)
        close(fd);
    out[n > 0 ? n : 0] = 0;
    return n;
}

/* The executor puts the token first, engines hand it on among others: 64 KiB are looked at. */
static bool has_token(const char *pid, const char *token)
{
    static char text[64 << 10];
    char path[64], item[160];
    snprintf(path, sizeof path, "/proc/%.20s/environ", pid);
    ssize_t n = read_file(path, text, sizeof text);
    int len = snprintf(item, sizeof item, ATTEMPT_TOKEN_VAR "=%s", token);
    return n > 0 && memmem(text, (size_t)n, item, (size_t)len + 1) != NULL;
}

static bool has_id(const char *path)
{
    size_t run = 0;
    for (; *path && run < ID_LEN; path++)
        run = isxdigit((unsigned char)*path) ? run + 1 : 0;
    return run == ID_LEN;
}

static bool is_folder(const char *path)
{
    return access(path, X_OK) == 0;
}

/* One line "N:controllers:/path" of /proc/PID/cgroup. */
static void take_line(struct account *a, char *line)
{
    char *names = strchr(line, ':'), *path = names ? strchr(names + 1, ':') : NULL;
    if (!path || !has_id(path + 1))
        return;
    *path++ = 0;
    if (!names[1]) {
        snprintf(a->v2, sizeof a->v2, "/sys/fs/cgroup/unified%.900s", path);
        if (!is_folder(a->v2))
            snprintf(a->v2, sizeof a->v2, "/sys/fs/cgroup%.900s", path);
    } else if (strstr(names + 1, "cpuacct")) {
        snprintf(a->v1_cpu, sizeof a->v1_cpu, "/sys/fs/cgroup/cpuacct%.900s", path);
    } else if (strcmp(names + 1, "memory") == 0) {
        snprintf(a->v1_memory, sizeof a->v1_memory, "/sys/fs/cgroup/memory%.900s", path);
    }
}

static void find(struct account *a)
{
    DIR *d = opendir("/proc");
    if (!d)
        return;
    for (struct dirent *e; !a->v2[0] && !a->v1_cpu[0] && (e = readdir(d));) {
        char path[64], text[8192], *save = NULL;
        if (!isdigit((unsigned char)e->d_name[0]))
            continue;
        /* The cgroup first: few processes are in a container's. */
        snprintf(path, sizeof path, "/proc/%.20s/cgroup", e->d_name);
        if (read_file(path, text, sizeof text) <= 0 || !has_id(text) ||
            !has_token(e->d_name, a->token))
            continue;
        for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
            take_line(a, l);
    }
    closedir(d);
}

/* The number behind a word at the beginning of a line; -1 = not there. "" = the file is a number.
 */
static int64_t number(const char *folder, const char *name, const char *word)
{
    char path[ACCOUNT_PATH_MAX + 64], text[4096];
    if (!folder[0])
        return -1;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (read_file(path, text, sizeof text) <= 0)
        return -1;
    size_t len = strlen(word);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, word, len) == 0 && (!len || line[len] == ' '))
            return strtoll(line + len, NULL, 10);
    }
    return -1;
}

static void more(int64_t *to, int64_t value)
{
    if (value > *to)
        *to = value;
}

static void read_it(struct account *a)
{
    int64_t tick_us = 1000000 / sysconf(_SC_CLK_TCK);
    int64_t user = number(a->v2, "cpu.stat", "user_usec");
    int64_t ticks = number(a->v1_cpu, "cpuacct.stat", "user");
    more(&a->user_us, user > 0 || ticks < 0 ? user : ticks * tick_us);
    int64_t system = number(a->v2, "cpu.stat", "system_usec");
    ticks = number(a->v1_cpu, "cpuacct.stat", "system");
    more(&a->system_us, system > 0 || ticks < 0 ? system : ticks * tick_us);
    more(&a->peak_bytes, number(a->v2, "memory.peak", ""));
    more(&a->peak_bytes, number(a->v1_memory, "memory.max_usage_in_bytes", ""));
    if (number(a->v2, "memory.events", "oom_kill") > 0 ||
        number(a->v1_memory, "memory.oom_control", "oom_kill") > 0)
        a->oom_killed = true;
}

void account_look(struct account *a, int64_t now_us)
{
    if (!a->v2[0] && !a->v1_cpu[0])
        find(a);
    if (a->v2[0] || a->v1_cpu[0])
        read_it(a);
    a->next_us = now_us + (++a->looks < QUICK_LOOKS ? QUICK_US : SLOW_US);
}
