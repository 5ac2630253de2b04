/* Listening sockets. */
#include "http/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fsx.h"
#include "http/holder.h"

#define BACKLOG 511

static int refuse_host(const char *host, struct cail_err *err)
{
    err_set(err, E_FORBIDDEN,
            "cail listens on this machine alone: \"%.60s\" is not a loopback address", host);
    err_hint(err, "use 127.0.0.1 or ::1 here, and ssh -L 8080:localhost:8080 from elsewhere");
    return E_FORBIDDEN;
}

/* Fills *ret for a loopback address in numbers; 0 = it is none. */
static socklen_t address(const char *host, int port, struct sockaddr_storage *ret)
{
    struct sockaddr_in *v4 = (void *)ret;
    struct sockaddr_in6 *v6 = (void *)ret;
    memset(ret, 0, sizeof *ret);
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        return ntohl(v4->sin_addr.s_addr) >> 24 == 127 ? sizeof *v4 : 0;
    }
    memset(ret, 0, sizeof *ret);
    if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) ? sizeof *v6 : 0;
    }
    return 0;
}

static int bound_port(int fd)
{
    struct sockaddr_storage self;
    socklen_t len = sizeof self;
    if (getsockname(fd, (struct sockaddr *)&self, &len) != 0)
        return 0;
    return ntohs(self.ss_family == AF_INET ? ((struct sockaddr_in *)(void *)&self)->sin_port
                                           : ((struct sockaddr_in6 *)(void *)&self)->sin6_port);
}

static int refuse_port(const char *host, int port, struct cail_err *err)
{
    char who[HOLDER_LEN];
    holder_of_port(port, who);
    err_set(err, E_CONFLICT, "port %d on %s is taken by %s", port, host, who);
    err_hint(err, "stop it, or start with --listen %s:PORT", host);
    return E_CONFLICT;
}

int listen_tcp(const char *host, int port, int *ret_fd, int *ret_port, struct cail_err *err)
{
    struct sockaddr_storage addr;
    socklen_t len = address(host, port, &addr);
    if (len == 0)
        return refuse_host(host, err);
    bool v6 = addr.ss_family == AF_INET6;
    int one = 1;
    CLEANUP(fsx_closep)
    int fd = socket(addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 && v6 && errno == EAFNOSUPPORT) {
        *ret_fd = -1;
        *ret_port = 0;
        return 0;
    }
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        (v6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) != 0))
        return err_set_errno(err, E_IO, errno, "cannot open a socket for %s", host);
    if (bind(fd, (struct sockaddr *)&addr, len) != 0 || listen(fd, BACKLOG) != 0) {
        if (v6 && errno == EADDRNOTAVAIL) {
            *ret_fd = -1;
            *ret_port = 0;
            return 0;
        }
        if (errno == EADDRINUSE)
            return refuse_port(host, port, err);
        return err_set_errno(err, E_IO, errno, "cannot listen on %s port %d", host, port);
    }
    *ret_port = bound_port(fd);
    *ret_fd = fd;
    fd = -1;
    return 0;
}

/* Somebody who can write in the folder could put a socket of their own in the place of ours. */
static int check_folder(const char *path, struct cail_err *err)
{
    char folder[sizeof((struct sockaddr_un *)0)->sun_path];
    struct stat st;
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    if (stat(*folder ? folder : "/", &st) != 0)
        return err_set_errno(err, E_IO, errno, "the folder of the socket \"%s\"", path);
    if (st.st_uid != geteuid() || (st.st_mode & 022) != 0) {
        err_set(err, E_FORBIDDEN,
                "the folder of the socket \"%s\" belongs to or can be written by others", path);
        err_hint(err, "use a folder of your own with mode 0700");
        return E_FORBIDDEN;
    }
    return 0;
}

/* Clears a dead socket file out of the way. */
static int clear_place(const struct sockaddr_un *addr, struct cail_err *err)
{
    struct stat st;
    if (lstat(addr->sun_path, &st) != 0)
        return errno == ENOENT ? 0 : err_set_errno(err, E_IO, errno, "\"%s\"", addr->sun_path);
    if (!S_ISSOCK(st.st_mode))
        return err_set(err, E_CONFLICT, "\"%s\" is there and is not a socket", addr->sun_path);
    CLEANUP(fsx_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_set_errno(err, E_IO, errno, "cannot open a socket");
    if (connect(fd, (const struct sockaddr *)addr, sizeof *addr) == 0 || errno == EAGAIN)
        return err_set(err, E_CONFLICT, "another server answers on \"%s\"", addr->sun_path);
    if (errno != ECONNREFUSED)
        return err_set_errno(err, E_IO, errno, "\"%s\"", addr->sun_path);
    if (unlink(addr->sun_path) != 0 && errno != ENOENT)
        return err_set_errno(err, E_IO, errno, "cannot replace \"%s\"", addr->sun_path);
    return 0;
}

int listen_unix(const char *path, int *ret_fd, struct listen_id *ret_id, struct cail_err *err)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    struct stat st;
    if (strlen(path) >= sizeof addr.sun_path)
        return err_set(err, E_IO, "the socket path \"%s\" is longer than %zu bytes", path,
                       sizeof addr.sun_path - 1);
    memcpy(addr.sun_path, path, strlen(path) + 1);
    int r = check_folder(path, err);
    if (r == 0)
        r = clear_place(&addr, err);
    if (r)
        return r;
    CLEANUP(fsx_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    /* The mode of the socket becomes that of the file bind() makes: no moment at which others could
     * connect, and no process-wide umask to change. */
    if (fd < 0 || fchmod(fd, 0600) != 0 || bind(fd, (struct sockaddr *)&addr, sizeof addr) != 0 ||
        listen(fd, BACKLOG) != 0 || lstat(path, &st) != 0)
        return err_set_errno(err, errno == EADDRINUSE ? E_CONFLICT : E_IO, errno,
                             "cannot listen on \"%s\"", path);
    *ret_id = (struct listen_id){st.st_dev, st.st_ino};
    *ret_fd = fd;
    fd = -1;
    return 0;
}

void listen_unlink(const char *path, const struct listen_id *id)
{
    struct stat st;
    if (lstat(path, &st) == 0 && st.st_dev == id->dev && st.st_ino == id->ino)
        unlink(path);
}
