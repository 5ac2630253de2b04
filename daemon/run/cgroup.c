/* The job's cgroup. */
#include "run/cgroup.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attempt/cgroup.h"
#include "base/str.h"

/* A file of /proc; they have no size, and mountinfo can be long where containers run. */
static bool read_all(const char *path, struct str *ret)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n;
    do {
        str_reserve(ret, 16384);
        n = read(fd, ret->p + ret->len, 16384);
        if (n > 0)
            ret->len += (size_t)n;
    } while (n > 0 && ret->len < 4u << 20);
    close(fd);
    ret->p[ret->len] = 0;
    return n == 0;
}

void cgroup_name(struct cgroup *c, const char *token)
{
    *c = (struct cgroup){.fd = -1};
    CLEANUP(str_done) struct str mounts = STR_INIT;
    CLEANUP(str_done) struct str own = STR_INIT;
    char parent[ATTEMPT_CGROUP_MAX];
    if (!read_all("/proc/self/cgroup", &own) || !read_all("/proc/self/mountinfo", &mounts) ||
        !attempt_cgroup_parse(mounts.p, own.p, parent, sizeof parent) ||
        !attempt_cgroup_name(parent, token, c->path, sizeof c->path))
        c->path[0] = 0;
}

static bool write_in(const struct cgroup *c, const char *name, const char *text)
{
    int fd = openat(c->fd, name, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool ok = write(fd, text, strlen(text)) > 0;
    close(fd);
    return ok;
}

static bool read_in(const struct cgroup *c, const char *name, char *out, size_t size)
{
    int fd = c->fd < 0 ? -1 : openat(c->fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, out, size - 1);
    close(fd);
    out[n > 0 ? n : 0] = 0;
    return n > 0;
}

void cgroup_make(struct cgroup *c, int64_t memory_mib)
{
    if (!c->path[0] || mkdir(c->path, 0755))
        return;
    c->fd = open(c->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (c->fd < 0) {
        rmdir(c->path);
        return;
    }
    if (memory_mib <= 0)
        return;
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)(memory_mib << 20));
    if (write_in(c, "memory.max", text)) {
        write_in(c, "memory.swap.max", "0"); /* a limit that swaps for hours is none */
        write_in(c, "memory.oom.group", "1");
    }
}

void cgroup_kill(const struct cgroup *c)
{
    if (c->fd >= 0)
        write_in(c, "cgroup.kill", "1");
}

bool cgroup_oom_killed(const struct cgroup *c)
{
    char text[512];
    if (!read_in(c, "memory.events", text, sizeof text))
        return false;
    const char *row = strstr(text, "oom_kill ");
    return row && strtoll(row + sizeof "oom_kill " - 1, NULL, 10) > 0;
}

int64_t cgroup_peak_bytes(const struct cgroup *c)
{
    char text[64];
    return read_in(c, "memory.peak", text, sizeof text) ? strtoll(text, NULL, 10) : -1;
}

void cgroup_remove(struct cgroup *c)
{
    if (c->fd < 0)
        return;
    close(c->fd);
    c->fd = -1;
    rmdir(c->path); /* stays when something in it could not be killed */
}
