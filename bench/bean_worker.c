/* bean_worker PORT STAMP: one worker of beanstalkd: reserve, run STAMP with the id and the fifo that
 * the body names, wait, delete, again. Ends when the server closes the connection. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "timing.h"

extern char **environ;

static struct {
    int fd;
    size_t len;
    char buf[4096];
} in;

static void say(const char *text, int len)
{
    if (write(in.fd, text, (size_t)len) != len)
        die("send");
}

static void more(void)
{
    ssize_t got = read(in.fd, in.buf + in.len, sizeof in.buf - 1 - in.len);
    if (got <= 0)
        exit(0); /* the server went */
    in.len += (size_t)got;
    in.buf[in.len] = 0;
}

/* Waits for a whole line; returns its length with the end of line. */
static size_t line(void)
{
    const char *end;
    while (!(end = strstr(in.buf, "\r\n")))
        more();
    return (size_t)(end + 2 - in.buf);
}

static void skip(size_t n)
{
    while (in.len < n)
        more();
    in.len -= n;
    memmove(in.buf, in.buf + n, in.len + 1);
}

static void run(char *stamp, char *id, char *fifo)
{
    char *argv[] = {stamp, id, fifo, NULL};
    pid_t pid;
    errno = posix_spawn(&pid, stamp, NULL, NULL, argv, environ);
    if (errno)
        die(stamp);
    if (waitpid(pid, NULL, 0) != pid)
        die("wait");
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 64;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons((uint16_t)number_of(argv[1], 1))};
    int on = 1;
    in.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (in.fd < 0 || connect(in.fd, (struct sockaddr *)&to, sizeof to))
        die("connect");
    setsockopt(in.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    say("reserve\r\n", 9);
    for (;;) {
        long job, bytes;
        char id[32], fifo[200], next[64];
        size_t head = line();
        errno = 0;
        if (sscanf(in.buf, "RESERVED %ld %ld", &job, &bytes) != 2)
            die("an answer that is no job");
        skip(head);
        while (in.len < (size_t)bytes + 2)
            more();
        if (sscanf(in.buf, "%31s %199s", id, fifo) != 2)
            die("a body without id and fifo");
        skip((size_t)bytes + 2);
        run(argv[2], id, fifo);
        say(next, snprintf(next, sizeof next, "delete %ld\r\nreserve\r\n", job));
        skip(line()); /* DELETED */
    }
}
