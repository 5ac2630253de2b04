/* Clock, percentiles, stamps. */
#include "timing.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { STAMP_WAIT_MS = 30000, COUNT_WAIT_MS = 120000, PIPE_BYTES = 1 << 20 };

void die(const char *what)
{
    fprintf(stderr, "bench: %s: %s\n", what, errno ? strerror(errno) : "unexpected");
    exit(1);
}

long number_of(const char *text, long least)
{
    char *end;
    errno = 0;
    long n = strtol(text, &end, 10);
    if (errno || end == text || *end || n < least) {
        errno = EINVAL;
        die(text);
    }
    return n;
}

int64_t mono_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

void print_latency(int64_t *ns, size_t n)
{
    qsort(ns, n, sizeof *ns, by_value);
    printf("%.3f %.3f %.3f %.3f\n", (double)ns[n / 2] / 1e6, (double)ns[n * 99 / 100] / 1e6,
           (double)ns[0] / 1e6, (double)ns[n - 1] / 1e6);
}

int stamps_open(const char *path)
{
    if (unlink(path) && errno != ENOENT)
        die(path);
    if (mkfifo(path, 0600))
        die(path);
    int fd = open(path, O_RDWR | O_CLOEXEC); /* both ends, so that it never ends */
    if (fd < 0)
        die(path);
    (void)fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES); /* smaller only costs writers a wait */
    return fd;
}

static size_t stamps_read(int fd, char *buf, size_t size, int wait_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    errno = ETIMEDOUT;
    if (poll(&p, 1, wait_ms) <= 0)
        die("waiting for a stamp");
    ssize_t got = read(fd, buf, size);
    if (got <= 0)
        die("reading a stamp");
    return (size_t)got;
}

int64_t stamps_next(int fd)
{
    char line[256];
    size_t len = stamps_read(fd, line, sizeof line - 1, STAMP_WAIT_MS);
    line[len] = 0;
    const char *space = strchr(line, ' ');
    errno = 0;
    if (!space)
        die("a stamp without its time");
    return strtoll(space + 1, NULL, 10);
}

static void *count(void *arg)
{
    struct stamps *s = arg;
    char buf[65536];
    for (long n = 0; n < s->want;) {
        size_t len = stamps_read(s->fd, buf, sizeof buf, COUNT_WAIT_MS);
        for (size_t i = 0; i < len; i++)
            n += buf[i] == '\n';
    }
    s->last_ns = mono_ns();
    return NULL;
}

void stamps_count(struct stamps *s, int fd, long want)
{
    *s = (struct stamps){.fd = fd, .want = want};
    errno = pthread_create(&s->thread, NULL, count, s);
    if (errno)
        die("thread");
}

int64_t stamps_wait(struct stamps *s)
{
    pthread_join(s->thread, NULL);
    return s->last_ns;
}
