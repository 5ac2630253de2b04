/* The holder of a port: /proc/net/tcp gives the socket's inode, /proc/PID/fd gives the process. */
#include "http/holder.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/fsx.h"

struct socket_row {
    unsigned uid;
    unsigned long inode;
};

static void close_file(FILE **f)
{
    if (*f)
        fclose(*f);
}

static void close_folder(DIR **d)
{
    if (*d)
        closedir(*d);
}

/* "  0: 0100007F:1F90 00000000:0000 0A ..." : the 4th column 0A is LISTEN. */
static bool find_row(const char *table, int port, struct socket_row *ret)
{
    CLEANUP(close_file) FILE *f = fopen(table, "re");
    char line[512];
    while (f && fgets(line, sizeof line, f)) {
        unsigned local, state;
        if (sscanf(line, " %*u: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %u %*u %lu",
                   &local, &state, &ret->uid, &ret->inode) == 4 &&
            (int)local == port && state == 0x0a)
            return true;
    }
    return false;
}

static bool holds(const char *pid, const char *link)
{
    char path[64], target[64];
    snprintf(path, sizeof path, "/proc/%.20s/fd", pid);
    CLEANUP(close_folder) DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));) {
        ssize_t n = readlinkat(dirfd(d), e->d_name, target, sizeof target - 1);
        if (n < 0)
            continue;
        target[n] = 0;
        if (strcmp(target, link) == 0)
            return true;
    }
    return false;
}

static void command_of(const char *pid, char out[32])
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%.20s/comm", pid);
    CLEANUP(close_file) FILE *f = fopen(path, "re");
    if (!f || !fgets(out, 32, f))
        snprintf(out, 32, "?");
    out[strcspn(out, "\n")] = 0;
}

void holder_of_port(int port, char out[HOLDER_LEN])
{
    struct socket_row row;
    char link[48], command[32];
    snprintf(out, HOLDER_LEN, "another process");
    if (!find_row("/proc/net/tcp", port, &row) && !find_row("/proc/net/tcp6", port, &row))
        return;
    snprintf(out, HOLDER_LEN, "a process of uid %u", row.uid);
    snprintf(link, sizeof link, "socket:[%lu]", row.inode);
    CLEANUP(close_folder) DIR *proc = opendir("/proc");
    for (struct dirent *e; proc && (e = readdir(proc));) {
        if (e->d_name[0] < '1' || e->d_name[0] > '9' || !holds(e->d_name, link))
            continue;
        command_of(e->d_name, command);
        snprintf(out, HOLDER_LEN, "pid %.20s (%s)", e->d_name, command);
        return;
    }
}
