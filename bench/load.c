/* One closed-loop client for both servers, so that what differs is the server:
 *     load http|bean PORT rate N K              durable submits/s of N jobs over K connections
 *     load http|bean PORT lat N STAMP FIFO      one at a time: main() of the job - before the submit
 *     load http|bean PORT stamps N K STAMP FIFO jobs/s, first submit to the last job's main()
 *     load http PORT done N K                   jobs/s, first submit to the end of the last job
 * http sends {"command":[...]} to POST /jobs over connections it keeps; bean sends `put` with a body
 * of 300 bytes (what its workers need in front, then filler). Without STAMP the job is /bin/true. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "timing.h"

enum { BEAN_BODY = 300, REQUEST_MAX = 2048, REPLY_MAX = 65536, IDLE_US = 2000, LOOK_US = 20000 };

struct target {
    const struct proto *proto;
    int port;
    const char *stamp, *fifo; /* NULL = /bin/true */
};

struct proto {
    const char *name;
    /* The request that queues job `id`; returns its length. */
    int (*request)(const struct target *t, long id, char *buf);
    /* Length of the whole answer at the front of `buf`, 0 = not whole yet. */
    size_t (*reply)(const char *buf);
};

struct conn {
    int fd;
    size_t len;
    char buf[REPLY_MAX];
};

/* --- protocols --- */

static int http_request(const struct target *t, long id, char *buf)
{
    char body[1024];
    int n = t->stamp ? snprintf(body, sizeof body, "{\"command\":[\"%s\",\"%ld\",\"%s\"]}", t->stamp,
                                id, t->fifo)
                     : snprintf(body, sizeof body, "{\"command\":[\"/bin/true\"]}");
    return snprintf(buf, REQUEST_MAX,
                    "POST /jobs HTTP/1.1\r\nHost: localhost:%d\r\nContent-Type: application/json\r\n"
                    "Content-Length: %d\r\n\r\n%s", t->port, n, body);
}

static size_t http_length(const char *buf)
{
    const char *end = strstr(buf, "\r\n\r\n"), *length = strcasestr(buf, "\r\nContent-Length:");
    if (!end)
        return 0;
    if (!length || length > end) {
        errno = 0;
        die("an answer without Content-Length");
    }
    size_t want = (size_t)(end + 4 - buf) + strtoul(length + 17, NULL, 10);
    return strlen(buf) >= want ? want : 0;
}

static size_t http_reply(const char *buf)
{
    size_t len = http_length(buf);
    if (len && strncmp(buf, "HTTP/1.1 201", 12) != 0) {
        fprintf(stderr, "%s\n", buf);
        exit(1);
    }
    return len;
}

static int bean_request(const struct target *t, long id, char *buf)
{
    char body[BEAN_BODY + 1];
    int n = snprintf(body, sizeof body, "%ld %s ", id, t->fifo ? t->fifo : "-");
    if (n < 0 || n > BEAN_BODY)
        n = 0;
    memset(body + n, 'x', (size_t)(BEAN_BODY - n));
    body[BEAN_BODY] = 0;
    return snprintf(buf, REQUEST_MAX, "put 100 0 3600 %d\r\n%s\r\n", BEAN_BODY, body);
}

static size_t bean_reply(const char *buf)
{
    const char *end = strstr(buf, "\r\n");
    if (!end)
        return 0;
    if (strncmp(buf, "INSERTED ", 9) != 0) {
        fprintf(stderr, "%s", buf);
        exit(1);
    }
    return (size_t)(end + 2 - buf);
}

static const struct proto protos[] = {
    {"http", http_request, http_reply},
    {"bean", bean_request, bean_reply},
};

/* --- connections --- */

static int dial(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to))
        die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static void put(const struct target *t, struct conn *c, long id)
{
    char buf[REQUEST_MAX];
    int n = t->proto->request(t, id, buf);
    if (n <= 0 || n >= REQUEST_MAX || write(c->fd, buf, (size_t)n) != n)
        die("send");
}

static void receive(struct conn *c)
{
    ssize_t got = read(c->fd, c->buf + c->len, sizeof c->buf - 1 - c->len);
    if (got <= 0)
        die("receive");
    c->len += (size_t)got;
    c->buf[c->len] = 0;
}

/* Reads what is there; true = the answer is whole (closed loop: nothing follows it). */
static int answered(const struct target *t, struct conn *c)
{
    receive(c);
    size_t len = t->proto->reply(c->buf);
    if (!len)
        return 0;
    errno = 0;
    if (len != c->len)
        die("bytes after the answer");
    c->len = 0;
    return 1;
}

/* Submits n jobs, each connection the next one as soon as its last is acknowledged. */
static int64_t submit_all(const struct target *t, long n, long k)
{
    struct conn *conn = calloc((size_t)k, sizeof *conn);
    struct pollfd *p = calloc((size_t)k, sizeof *p);
    if (!conn || !p)
        die("memory");
    for (long i = 0; i < k; i++)
        p[i] = (struct pollfd){.fd = conn[i].fd = dial(t->port), .events = POLLIN};
    int64_t from = mono_ns();
    long sent = 0, done = 0;
    for (long i = 0; i < k && sent < n; i++)
        put(t, &conn[i], sent++);
    while (done < n) {
        if (poll(p, (nfds_t)k, -1) < 0)
            die("poll");
        for (long i = 0; i < k; i++) {
            if (!p[i].revents || !answered(t, &conn[i]))
                continue;
            done++;
            if (sent < n)
                put(t, &conn[i], sent++);
        }
    }
    int64_t took = mono_ns() - from;
    for (long i = 0; i < k; i++)
        close(conn[i].fd);
    free(conn);
    free(p);
    return took;
}

/* --- modes --- */

static void print_rate(long n, int64_t ns)
{
    printf("%.1f\n", (double)n * 1e9 / (double)ns);
}

static void latency(const struct target *t, long n)
{
    int stamps = stamps_open(t->fifo);
    struct conn *c = calloc(1, sizeof *c);
    int64_t *ns = calloc((size_t)n, sizeof *ns);
    if (!c || !ns)
        die("memory");
    c->fd = dial(t->port);
    for (long i = 0; i < n; i++) {
        int64_t from = mono_ns();
        put(t, c, i);
        while (!answered(t, c))
            ;
        ns[i] = stamps_next(stamps) - from;
        usleep(IDLE_US); /* the queue is idle again */
    }
    print_latency(ns, (size_t)n);
    free(ns);
    free(c);
}

static void until_stamped(const struct target *t, long n, long k)
{
    struct stamps s;
    stamps_count(&s, stamps_open(t->fifo), n);
    int64_t from = mono_ns();
    (void)submit_all(t, n, k);
    print_rate(n, stamps_wait(&s) - from);
}

static long finished(const struct target *t, struct conn *c)
{
    char ask[128];
    int n = snprintf(ask, sizeof ask, "GET /metrics HTTP/1.1\r\nHost: localhost:%d\r\n\r\n", t->port);
    size_t len;
    if (write(c->fd, ask, (size_t)n) != n)
        die("send");
    do
        receive(c);
    while (!(len = http_length(c->buf)));
    c->len = 0;
    const char *at = strstr(c->buf, "\ncail_jobs_finished_total ");
    errno = 0;
    if (!at)
        die("/metrics without cail_jobs_finished_total");
    return strtol(at + 26, NULL, 10);
}

static void until_done(const struct target *t, long n, long k)
{
    struct conn *c = calloc(1, sizeof *c);
    if (!c)
        die("memory");
    c->fd = dial(t->port);
    long before = finished(t, c);
    int64_t from = mono_ns();
    (void)submit_all(t, n, k);
    while (finished(t, c) - before < n)
        usleep(LOOK_US);
    print_rate(n, mono_ns() - from);
    free(c);
}

int main(int argc, char **argv)
{
    struct target t = {0};
    for (size_t i = 0; argc > 4 && i < sizeof protos / sizeof *protos; i++)
        if (strcmp(argv[1], protos[i].name) == 0)
            t.proto = &protos[i];
    if (!t.proto) {
        fprintf(stderr, "usage: see the top of bench/load.c\n");
        return 64;
    }
    t.port = (int)number_of(argv[2], 1);
    const char *mode = argv[3];
    long n = number_of(argv[4], 1), k = argc > 5 && argv[3][0] != 'l' ? number_of(argv[5], 1) : 1;
    if (argc == 6 && strcmp(mode, "rate") == 0) {
        print_rate(n, submit_all(&t, n, k));
    } else if (argc == 6 && strcmp(mode, "done") == 0 && t.proto == protos) {
        until_done(&t, n, k);
    } else if (argc == 7 && strcmp(mode, "lat") == 0) {
        t.stamp = argv[5];
        t.fifo = argv[6];
        latency(&t, n);
    } else if (argc == 8 && strcmp(mode, "stamps") == 0) {
        t.stamp = argv[6];
        t.fifo = argv[7];
        until_stamped(&t, n, k);
    } else {
        fprintf(stderr, "usage: see the top of bench/load.c\n");
        return 64;
    }
    return 0;
}
