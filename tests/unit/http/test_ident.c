/* Who is at the other end: every way in which a peer could be taken for somebody else. And the
 * listening sockets. */
#include "fixture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "http/ident.h"
#include "http/listen.h"

#define OTHER_UID 12345

static int netlink_fd;

/* A listener on host; *addr is where to dial. -1: no such family here. */
static int open_listener(const char *host, struct sockaddr_storage *addr, socklen_t *len)
{
    struct cail_err err;
    int fd, port;
    assert_int_equal(listen_tcp(host, 0, &fd, &port, &err), 0);
    *len = sizeof *addr;
    if (fd >= 0)
        getsockname(fd, (struct sockaddr *)addr, len);
    return fd;
}

static int take(int listener)
{
    int fd;
    do
        fd = accept(listener, NULL, NULL);
    while (fd < 0 && errno == EAGAIN && sched_yield() == 0);
    assert_true(fd >= 0);
    return fd;
}

static void wait_state(int fd, int state)
{
    struct tcp_info_head {
        uint8_t state;
        uint8_t rest[255];
    } info;
    socklen_t len;
    do {
        len = sizeof info;
        assert_int_equal(getsockopt(fd, IPPROTO_TCP, 11 /* TCP_INFO */, &info, &len), 0);
    } while (info.state != state && sched_yield() == 0);
}

enum { ESTABLISHED = 1, CLOSED = 7, CLOSE_WAIT = 8 };

static void test_tcp(void **state)
{
    (void)state;
    static const char *const hosts[] = {"127.0.0.1", "127.0.0.2", "::1"};
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        struct sockaddr_storage addr;
        socklen_t len;
        int l = open_listener(hosts[i], &addr, &len);
        if (l < 0)
            continue;
        int c = dial_sockaddr(&addr, len), s = take(l);
        struct http_peer peer;
        ident_tcp(netlink_fd, s, &peer);
        assert_true(peer.known && !peer.is_unix);
        assert_int_equal(peer.uid, geteuid());
        ident_tcp(-1, s, &peer); /* no netlink: no identity, no guess */
        assert_false(peer.known);
        close(c);
        close(s);
        close(l);
    }
}

/* A client that has gone reads as uid 0 in the kernel's answer. It must be nobody. */
static void test_departed(void **state)
{
    (void)state;
    struct sockaddr_storage addr;
    socklen_t len;
    struct http_peer peer;
    int l = open_listener("127.0.0.1", &addr, &len);
    int c = dial_sockaddr(&addr, len), s = take(l);
    close(c);
    wait_state(s, CLOSE_WAIT);
    ident_tcp(netlink_fd, s, &peer);
    assert_false(peer.known);
    close(s);
    c = dial_sockaddr(&addr, len);
    s = take(l);
    say(c, "hello", 5);
    struct linger hard = {1, 0};
    setsockopt(c, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(c);
    wait_state(s, CLOSED);
    ident_tcp(netlink_fd, s, &peer);
    assert_false(peer.known);
    close(s);
    close(l);
}

/* After a reset the data is still ours to read, and another process can hold the same 4-tuple. */
static void test_reused_tuple(void **state)
{
    (void)state;
    struct sockaddr_storage addr, mine;
    socklen_t len, mine_len = sizeof mine;
    struct http_peer peer;
    int one = 1;
    int l = open_listener("127.0.0.1", &addr, &len);
    int c = dial_sockaddr(&addr, len), s = take(l);
    getsockname(c, (struct sockaddr *)&mine, &mine_len);
    struct linger hard = {1, 0};
    setsockopt(c, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(c);
    wait_state(s, CLOSED);
    int again = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(again, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(again, (struct sockaddr *)&mine, mine_len) == 0 &&
        connect(again, (struct sockaddr *)&addr, len) == 0) {
        ident_tcp(netlink_fd, s, &peer);
        assert_false(peer.known);
        int s2 = take(l);
        ident_tcp(netlink_fd, s2, &peer);
        assert_true(peer.known);
        close(s2);
    }
    close(again);
    close(s);
    close(l);
}

static void test_unix(void **state)
{
    (void)state;
    int pair[2];
    struct http_peer peer;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    ident_unix(pair[0], &peer);
    assert_true(peer.known && peer.is_unix);
    assert_int_equal(peer.uid, geteuid());
    assert_int_equal(peer.pid, getpid());
    ident_tcp(netlink_fd, pair[0], &peer);
    assert_false(peer.known);
    close(pair[0]);
    close(pair[1]);
}

static void test_owner(void **state)
{
    (void)state;
    static const struct {
        struct http_peer peer;
        uid_t owner;
        bool admitted;
    } t[] = {
        {{true, false, 1000, 0}, 1000, true},  {{true, true, 1000, 9}, 1000, true},
        {{true, false, 1001, 0}, 1000, false}, {{true, true, 1001, 9}, 1000, false},
        {{true, true, 0, 9}, 1000, true},      {{true, false, 0, 0}, 1000, false},
        {{true, false, 0, 0}, 0, true},        {{false, false, 1000, 0}, 1000, false},
        {{false, true, 0, 0}, 0, false},       {{false, false, 0, 0}, 0, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(t); i++)
        assert_int_equal(ident_is_owner(&t[i].peer, t[i].owner), t[i].admitted);
}

/* -- other users, when the test may become them ---------------------------------------------- */

/* As another user: connect, ask, and return the status. */
static int as_other(uid_t uid, bool tcp, const char *path)
{
    int pipe_fd[2], status = -1;
    assert_int_equal(pipe(pipe_fd), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char text[256];
        if (setgid(uid) != 0 || setuid(uid) != 0)
            _exit(1);
        int fd = tcp ? dial() : dial_unix();
        snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: %%P\r\n\r\n", path);
        status = ask(fd, text);
        (void)!write(pipe_fd[1], &status, sizeof status);
        _exit(0);
    }
    close(pipe_fd[1]);
    (void)!read(pipe_fd[0], &status, sizeof status);
    close(pipe_fd[0]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    return status;
}

static void test_other_users(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    fixture_begin();
    fx->config.owner = OTHER_UID;
    fx->config.limits.connections_max = 8;
    fixture_run();
    chmod(fx->folder, 0711);
    chmod(fx->socket_path, 0666); /* so that the refusal is the server's, not the file's */
    assert_int_equal(as_other(OTHER_UID, true, "/jobs"), 200);
    assert_int_equal(as_other(OTHER_UID, false, "/jobs"), 200);
    assert_int_equal(as_other(OTHER_UID + 1, true, "/jobs"), 403);
    assert_int_equal(as_other(OTHER_UID + 1, false, "/jobs"), 403);
    assert_int_equal(as_other(65534, true, "/jobs"), 401); /* may be anybody: the overflow uid */
    assert_int_equal(as_other(OTHER_UID + 1, true, "/healthz"), 200);
    assert_int_equal(as_other(0, false, "/jobs"), 200); /* root, by the socket */
    assert_int_equal(as_other(0, true, "/jobs"), 403);
    /* Strangers (here: root over TCP) get a quarter of the places, the owner the rest. */
    UNTIL(fx->stats.connections == 0);
    int a = dial(), b = dial();
    assert_int_equal(ask(a, GET("/healthz")), 200);
    assert_int_equal(ask(b, GET("/healthz")), 200);
    assert_int_equal(ask_once(GET("/healthz")), 503);
    assert_int_equal(as_other(OTHER_UID, true, "/jobs"), 200);
    close(a);
    close(b);
    on_loop(do_stop);
    fixture_join();
}

/* -- the socket file ------------------------------------------------------------------------- */

static void test_socket_file(void **state)
{
    (void)state;
    char folder[] = "/tmp/cail-http-XXXXXX", path[64];
    struct listen_id id, id2;
    struct cail_err err;
    struct stat st;
    int fd, fd2;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/s", folder);
    mode_t old = umask(0);
    assert_int_equal(listen_unix(path, &fd, &id, &err), 0);
    umask(old);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(listen_unix(path, &fd2, &id2, &err), E_CONFLICT); /* it lives */
    close(fd);
    assert_int_equal(listen_unix(path, &fd, &id2, &err), 0); /* it is dead: replaced */
    listen_unlink(path, &id);                                /* not the file of that one */
    assert_int_equal(access(path, F_OK), id.ino == id2.ino ? -1 : 0);
    listen_unlink(path, &id2);
    assert_int_not_equal(access(path, F_OK), 0);
    close(fd);
    int file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    close(file);
    assert_int_equal(listen_unix(path, &fd, &id, &err), E_CONFLICT); /* somebody's file */
    assert_int_equal(access(path, F_OK), 0);
    unlink(path);
    chmod(folder, 0777);
    assert_int_equal(listen_unix(path, &fd, &id, &err), E_FORBIDDEN);
    chmod(folder, 0700);
    char longer[200];
    memset(longer, 'x', sizeof longer);
    longer[0] = '/';
    longer[sizeof longer - 1] = 0;
    assert_int_equal(listen_unix(longer, &fd, &id, &err), E_IO);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tcp),          cmocka_unit_test(test_departed),
        cmocka_unit_test(test_reused_tuple), cmocka_unit_test(test_unix),
        cmocka_unit_test(test_owner),        cmocka_unit_test(test_other_users),
        cmocka_unit_test(test_socket_file),
    };
    netlink_fd = ident_open();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    close(netlink_fd);
    str_done(&got);
    return failed;
}
