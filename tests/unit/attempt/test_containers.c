/* The list of containers that a step started by itself: what is believed of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "attempt/containers.h"
#include "base/str.h"

static void each(void *arg, const char *engine, const char *name)
{
    str_addf(arg, "%s=%s;", engine, name);
}

static void expect(const char *text, const char *wanted)
{
    char copy[512];
    CLEANUP(str_done) struct str got = STR_INIT;
    size_t len = strlen(text);
    memcpy(copy, text, len + 1);
    str_adds(&got, "");
    attempt_containers_parse(copy, len, each, &got);
    assert_string_equal(got.p ? got.p : "", wanted);
}

static void test_lines(void **state)
{
    (void)state;
    expect("", "");
    expect("/usr/bin/docker a-1\n/my tools/podman b\n", "/usr/bin/docker=a-1;/my tools/podman=b;");
    expect("/usr/bin/docker a\n/usr/bin/docker torn", "/usr/bin/docker=a;");
    expect("docker a\n/bin/rm a\n/bin/docker-x a\n/bin/docker\n\n /\n", "");
    expect("/bin/docker --all\n/bin/docker -f\n/bin/docker a;b\n/bin/docker \n", "");
}

static void test_no_more_than_a_bounded_number(void **state)
{
    (void)state;
    CLEANUP(str_done) struct str text = STR_INIT;
    CLEANUP(str_done) struct str got = STR_INIT;
    for (int i = 0; i < ATTEMPT_CONTAINERS_MAX + 9; i++)
        str_adds(&text, "/bin/docker a\n");
    attempt_containers_parse(text.p, text.len, each, &got);
    assert_int_equal(got.len, ATTEMPT_CONTAINERS_MAX * strlen("/bin/docker=a;"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_no_more_than_a_bounded_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
