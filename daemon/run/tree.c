/* Walking the tree by /proc/PID/task/TID/children. */
#include "run/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

enum { PIDS_MAX = 1 << 17 }; /* a pass sees no more; the next one sees the rest */

struct pids {
    pid_t *list;
    size_t n, cap;
};

static void pids_add(struct pids *p, pid_t pid)
{
    if (p->n >= PIDS_MAX)
        return;
    if (p->n == p->cap) {
        p->cap = p->cap ? p->cap * 2 : 64;
        p->list = mem_grow(p->list, p->cap, sizeof *p->list);
    }
    p->list[p->n++] = pid;
}

/* "12 34 " in pieces; a number may be cut between two of them. */
static void add_numbers(int fd, struct pids *to)
{
    char text[4096];
    pid_t pid = 0;
    for (ssize_t n; (n = read(fd, text, sizeof text)) > 0;)
        for (ssize_t i = 0; i < n; i++) {
            if (text[i] >= '0' && text[i] <= '9') {
                pid = pid * 10 + (text[i] - '0');
            } else if (pid > 0) {
                pids_add(to, pid);
                pid = 0;
            }
        }
}

/* Each thread has its own list of the children that it forked. */
static void add_children(pid_t pid, struct pids *to)
{
    char path[300];
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *d = opendir(path);
    if (!d)
        return;
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%.20s/children", e->d_name);
        int fd = openat(dirfd(d), path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            continue;
        add_numbers(fd, to);
        close(fd);
    }
    closedir(d);
}

/* Breadth first. */
static void list_tree(struct pids *p)
{
    p->n = 0;
    add_children(getpid(), p);
    for (size_t i = 0; i < p->n; i++)
        add_children(p->list[i], p);
}

/* A pid that was listed may be gone and, after a wrap of all pids within these microseconds, be
 * another's; our direct children cannot, for they stay until we reap them. */
void tree_terminate(void)
{
    struct pids p = {0};
    size_t before;
    int passes = 0;
    do { /* again while it changes: who is given a new parent meanwhile is in neither list */
        before = p.n;
        list_tree(&p);
    } while (p.n != before && ++passes < 8);
    for (size_t i = 0; i < p.n; i++) {
        kill(p.list[i], SIGTERM);
        kill(p.list[i], SIGCONT);
    }
    free(p.list);
}

void tree_kill(void)
{
    struct pids p = {0};
    add_children(getpid(), &p);
    for (size_t i = 0; i < p.n; i++) {
        kill(p.list[i], SIGKILL);
        add_children(p.list[i], &p);
    }
    free(p.list);
}

static bool is_zombie(pid_t pid)
{
    char text[512];
    snprintf(text, sizeof text, "/proc/%d/stat", (int)pid);
    int fd = open(text, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return true;
    text[n] = 0;
    const char *paren = strrchr(text, ')'); /* the name before it may hold anything */
    return paren && strncmp(paren, ") Z", 3) == 0;
}

void tree_list(char *out, size_t size)
{
    struct pids p = {0};
    size_t at = 0;
    out[0] = 0;
    list_tree(&p);
    for (size_t i = 0; i < p.n; i++) {
        if (is_zombie(p.list[i]))
            continue;
        char one[16];
        int n = snprintf(one, sizeof one, at ? " %d" : "%d", (int)p.list[i]);
        if (at + (size_t)n >= size)
            break;
        memcpy(out + at, one, (size_t)n + 1);
        at += (size_t)n;
    }
    free(p.list);
}
