/* Listening sockets: loopback TCP and the Unix socket. */
#ifndef HTTP_LISTEN_H
#define HTTP_LISTEN_H

#include <sys/types.h>

#include "http/http.h"

/* A socket that listens on host ("127.0.0.1" style or "::1"). *ret_fd = -1 with 0: the machine has
 * no IPv6 at all. E_FORBIDDEN: not loopback. E_CONFLICT: taken; the text names the holder. */
int listen_tcp(const char *host, int port, int *ret_fd, int *ret_port,
               struct cail_err *err) NODISCARD;

/* What unlinks the socket file again, and only that one. */
struct listen_id {
    dev_t dev;
    ino_t ino;
};

/* A socket file of mode 0600 at path, in a folder that is ours alone to write. A dead one left by
 * an earlier run is replaced; a living one is E_CONFLICT. */
int listen_unix(const char *path, int *ret_fd, struct listen_id *ret_id,
                struct cail_err *err) NODISCARD;
void listen_unlink(const char *path, const struct listen_id *id);

#endif
