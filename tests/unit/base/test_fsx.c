/* Files, in a temporary folder. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fsx.h"

static char top[64];

static const char *in(const char *name)
{
    static char path[4][512];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", top, name);
    return path[turn];
}

static int setup(void **state)
{
    (void)state;
    snprintf(top, sizeof top, "/tmp/cail-fsx-XXXXXX");
    return mkdtemp(top) ? 0 : -1;
}

static int teardown(void **state)
{
    struct cail_err err;
    (void)state;
    return fsx_remove_tree(top, &err);
}

static void put(const char *path, const char *text)
{
    struct cail_err err;
    assert_int_equal(fsx_write_atomic(path, text, strlen(text), 0640, false, &err), 0);
}

static bool exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

static void written_whole_and_read_back(void **state)
{
    struct cail_err err;
    struct stat st;
    CLEANUP(str_done) struct str s = STR_INIT;
    (void)state;
    put(in("f"), "one");
    assert_int_equal(fsx_write_atomic(in("f"), "a\0b", 3, 0600, true, &err), 0);
    assert_int_equal(fsx_read(in("f"), 3, &s, &err), 0);
    assert_int_equal(s.len, 3);
    assert_memory_equal(s.p, "a\0b", 4);
    assert_int_equal(stat(in("f"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    put(in("empty"), "");
    assert_int_equal(fsx_read(in("empty"), 0, &s, &err), 0);
    assert_int_equal(s.len, 0);
}

static void what_is_not_read(void **state)
{
    struct cail_err err;
    CLEANUP(str_done) struct str s = STR_INIT;
    (void)state;
    str_adds(&s, "kept");
    put(in("f"), "1234");
    assert_int_equal(fsx_read(in("f"), 3, &s, &err), E_TOO_LARGE);
    assert_int_equal(fsx_read(in("none"), 3, &s, &err), E_NOT_FOUND);
    assert_int_equal(err.sys_errno, ENOENT);
    assert_int_equal(symlink(in("f"), in("link")), 0);
    assert_int_equal(fsx_read(in("link"), 9, &s, &err), E_IO);
    assert_int_equal(fsx_read(top, 9, &s, &err), E_IO);
    assert_int_equal(mkfifo(in("pipe"), 0600), 0);
    assert_int_equal(fsx_read(in("pipe"), 9, &s, &err), E_IO); /* and does not wait for a writer */
    assert_int_equal(fsx_read("/dev/zero", 9, &s, &err), E_IO);
    assert_string_equal(s.p, "kept");
}

static void a_failed_write_leaves_the_old(void **state)
{
    struct cail_err err;
    (void)state;
    assert_int_equal(fsx_write_atomic(in("no/such/f"), "x", 1, 0600, false, &err), E_IO);
    assert_int_equal(mkdir(in("d"), 0700), 0);
    put(in("d/kept"), "x");
    assert_int_equal(fsx_write_atomic(in("d"), "x", 1, 0600, false, &err), E_IO); /* a folder */
    assert_true(exists(in("d/kept")));
    char tmp[600];
    snprintf(tmp, sizeof tmp, "%s.tmp.%d", in("d"), (int)getpid());
    assert_false(exists(tmp));
}

static void folders(void **state)
{
    struct cail_err err;
    struct stat st;
    (void)state;
    assert_int_equal(fsx_mkdirs(in("a/b/c"), 0700, &err), 0);
    assert_int_equal(fsx_mkdirs(in("a/b/c"), 0700, &err), 0);
    assert_int_equal(fsx_mkdirs(in("a//b/d/"), 0700, &err), 0);
    assert_int_equal(stat(in("a/b/d"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    put(in("file"), "");
    assert_int_equal(fsx_mkdirs(in("file/x"), 0700, &err), E_IO);
}

static void removes_but_follows_no_link(void **state)
{
    struct cail_err err;
    (void)state;
    assert_int_equal(fsx_mkdirs(in("outside/deep"), 0700, &err), 0);
    put(in("outside/precious"), "x");
    put(in("outside/deep/too"), "x");
    assert_int_equal(fsx_mkdirs(in("tree/sub/.hidden"), 0700, &err), 0);
    put(in("tree/sub/f"), "x");
    assert_int_equal(symlink(in("outside"), in("tree/to-folder")), 0);
    assert_int_equal(symlink(in("outside/precious"), in("tree/sub/to-file")), 0);
    assert_int_equal(symlink("../../outside/deep", in("tree/sub/relative")), 0);
    assert_int_equal(symlink(".", in("tree/loop")), 0);
    assert_int_equal(symlink("nowhere", in("tree/dangling")), 0);
    assert_int_equal(mkfifo(in("tree/pipe"), 0600), 0);
    assert_int_equal(link(in("outside/precious"), in("tree/hard")), 0);
    assert_int_equal(fsx_remove_tree(in("tree"), &err), 0);
    assert_false(exists(in("tree")));
    assert_true(exists(in("outside/precious")));
    assert_true(exists(in("outside/deep/too")));
    assert_int_equal(fsx_remove_tree(in("tree"), &err), 0); /* missing is fine */
    assert_int_equal(symlink(in("outside"), in("top-link")), 0);
    assert_int_equal(fsx_remove_tree(in("top-link"), &err), 0); /* the link, not its target */
    assert_false(exists(in("top-link")));
    assert_true(exists(in("outside/precious")));
}

static void removes_folders_without_rights(void **state)
{
    struct cail_err err;
    (void)state;
    assert_int_equal(fsx_mkdirs(in("tree/sealed/in"), 0700, &err), 0);
    put(in("tree/sealed/in/f"), "x");
    assert_int_equal(chmod(in("tree/sealed/in"), 0500), 0);
    assert_int_equal(chmod(in("tree/sealed"), 0), 0);
    assert_int_equal(fsx_remove_tree(in("tree"), &err), 0);
    assert_false(exists(in("tree")));
}

static void too_deep_is_refused(void **state)
{
    struct cail_err err;
    char cwd[512];
    (void)state;
    assert_non_null(getcwd(cwd, sizeof cwd));
    assert_int_equal(mkdir(in("deep"), 0700), 0);
    assert_int_equal(chdir(in("deep")), 0);
    for (int i = 0; i < 600; i++) {
        assert_int_equal(mkdir("d", 0700), 0);
        assert_int_equal(chdir("d"), 0);
    }
    assert_int_equal(fsx_remove_tree(in("deep"), &err), E_IO);
    for (int i = 0; i < 300; i++) { /* make it short enough for the teardown */
        assert_int_equal(chdir(".."), 0);
    }
    assert_int_equal(rename("d", in("lower-half")), 0);
    assert_int_equal(chdir(cwd), 0);
    assert_int_equal(fsx_remove_tree(in("deep"), &err), 0);
}

static void sizes(void **state)
{
    struct cail_err err;
    (void)state;
    static char kib[65536];
    assert_int_equal(fsx_mkdirs(in("size/sub"), 0700, &err), 0);
    memset(kib, 'x', sizeof kib);
    assert_int_equal(fsx_write_atomic(in("size/sub/f"), kib, sizeof kib, 0600, true, &err), 0);
    assert_int_equal(symlink("/", in("size/root")), 0);
    int64_t bytes = fsx_tree_bytes(in("size"));
    assert_in_range(bytes, 65536, 1 << 20);
    assert_int_equal(fsx_tree_bytes(in("none")), 0);
    assert_true(fsx_free_bytes(top) > 0);
    assert_int_equal(fsx_free_bytes(in("none")), -1);
    assert_false(fsx_is_network("/proc"));
}

static void descriptors_close_on_exec(void **state)
{
    int fd = -1;
    (void)state;
    fsx_closep(&fd);
    assert_int_equal(fd, -1);
    fd = open(top, O_RDONLY | O_CLOEXEC);
    int was = fd;
    fsx_closep(&fd);
    assert_int_equal(fd, -1);
    assert_int_equal(fcntl(was, F_GETFD), -1);
    assert_int_equal(fsx_write_all(-1, "x", 1), -1);
    assert_int_equal(errno, EBADF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(written_whole_and_read_back, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_read, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failed_write_leaves_the_old, setup, teardown),
        cmocka_unit_test_setup_teardown(folders, setup, teardown),
        cmocka_unit_test_setup_teardown(removes_but_follows_no_link, setup, teardown),
        cmocka_unit_test_setup_teardown(removes_folders_without_rights, setup, teardown),
        cmocka_unit_test_setup_teardown(too_deep_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(sizes, setup, teardown),
        cmocka_unit_test_setup_teardown(descriptors_close_on_exec, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
