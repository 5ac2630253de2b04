/* Ports of 127.0.0.1: the scheduler counts them, here they get their numbers. */
#include "engine/internal.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "attempt/files.h"
#include "base/fsx.h"
#include "base/mem.h"

/* Below 32768, where the kernel takes the ports of outgoing connections from. */
enum { PORT_FIRST = 21000, PORTS = 1000 };

/* What a run from before a restart was given, from its folder. */
static void read_back(struct run *r)
{
    CLEANUP(str_done) struct str text = STR_INIT;
    CLEANUP(mem_freep) char *path = mem_printf("%s/" ATTEMPT_PORTS_FILE, r->job->attempt->dir);
    struct cail_err err;
    if (fsx_read(path, 4096, &text, &err) || !text.len)
        return;
    r->port = mem_array(JOB_PORTS_MAX, sizeof *r->port);
    for (char *p = text.p, *end; r->n_ports < JOB_PORTS_MAX; p = end + 1) {
        long n = strtol(p, &end, 10);
        if (end == p || n < 1 || n > 65535)
            return;
        r->port[r->n_ports++] = (uint16_t)n;
        if (*end != ',')
            return;
    }
}

static void mark_taken(struct engine *e, const struct run *but, bool taken[PORTS])
{
    struct run *r, *next;
    HASH_ITER(hh, e->runs, r, next) {
        if (r == but || !r->job->needs.ports)
            continue;
        if (!r->port && r->job->attempt)
            read_back(r);
        for (size_t i = 0; i < r->n_ports; i++)
            if (r->port[i] >= PORT_FIRST && r->port[i] < PORT_FIRST + PORTS)
                taken[r->port[i] - PORT_FIRST] = true;
    }
}

/* Nobody listens on it, here or on every address. */
static bool is_free(int32_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    CLEANUP(fsx_closep) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1; /* closed connections that the kernel still remembers do not matter */
    return fd >= 0 && !setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) &&
           !bind(fd, (struct sockaddr *)&to, sizeof to);
}

int ports_lease(struct engine *e, struct run *r, struct cail_err *err)
{
    bool taken[PORTS] = {false};
    size_t want = (size_t)r->job->needs.ports;
    if (!want || r->port)
        return 0;
    mark_taken(e, r, taken);
    r->port = mem_array(want, sizeof *r->port);
    for (int32_t i = 0; i < PORTS && r->n_ports < want; i++) {
        int32_t at = (e->next_port + i) % PORTS;
        if (!taken[at] && is_free(PORT_FIRST + at))
            r->port[r->n_ports++] = (uint16_t)(PORT_FIRST + at);
    }
    if (r->n_ports < want)
        return err_set(err, E_UNAVAILABLE, "only %zu of the ports %d to %d are free", r->n_ports,
                       PORT_FIRST, PORT_FIRST + PORTS - 1);
    e->next_port = (r->port[want - 1] - PORT_FIRST + 1) % PORTS;
    CLEANUP(str_done) struct str text = STR_INIT;
    CLEANUP(mem_freep) char *path = mem_printf("%s/" ATTEMPT_PORTS_FILE, r->job->attempt->dir);
    for (size_t i = 0; i < r->n_ports; i++)
        str_addf(&text, "%s%u", i ? "," : "", r->port[i]);
    return fsx_write_atomic(path, text.p, text.len, 0600, false, err);
}
