/* starter PORT LOG CMD...: starts a server and prints "<ms until it answers GET /readyz> <pid>".
 * The server stays; its output goes to LOG. Gives up after 60 s. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "timing.h"

enum { LOOK_EVERY_US = 500, GIVE_UP_S = 60 };

extern char **environ;

static int ready(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char text[256] = "";
    int len = snprintf(text, sizeof text, "GET /readyz HTTP/1.1\r\nHost: localhost:%d\r\n\r\n", port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        die("socket");
    int is = connect(fd, (struct sockaddr *)&to, sizeof to) == 0 &&
             write(fd, text, (size_t)len) == len && read(fd, text, 12) == 12 &&
             memcmp(text, "HTTP/1.1 200", 12) == 0;
    close(fd);
    return is;
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 64;
    int port = (int)number_of(argv[1], 1);
    posix_spawn_file_actions_t out;
    pid_t pid;
    posix_spawn_file_actions_init(&out);
    posix_spawn_file_actions_addopen(&out, 1, argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&out, 1, 2);
    int64_t from = mono_ns();
    errno = posix_spawnp(&pid, argv[3], &out, NULL, argv + 3, environ);
    if (errno)
        die(argv[3]);
    while (!ready(port)) {
        errno = ECHILD;
        if (waitpid(pid, NULL, WNOHANG) == pid)
            die("the server ended; its log says why");
        errno = ETIMEDOUT;
        if (mono_ns() - from > GIVE_UP_S * INT64_C(1000000000))
            die("the server does not answer");
        usleep(LOOK_EVERY_US);
    }
    printf("%.2f %d\n", (double)(mono_ns() - from) / 1e6, (int)pid);
    return 0;
}
