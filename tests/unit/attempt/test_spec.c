/* The spec file: there and back, and hostile bytes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attempt/files.h"
#include "attempt/spec.h"
#include "base/mem.h"

static const char *argv[] = {"prog", "", "a=b", NULL};
static const char *env[] = {"A=1", "EMPTY=", NULL};
static gid_t groups[] = {4, 44, 65534};

static struct attempt_spec full(void)
{
    return (struct attempt_spec){
        .id = 42,
        .token = "0123456789abcdef",
        .cwd = "/w",
        .cpu_list = "0,2-3",
        .argv = argv,
        .env = env,
        .stdin_text = "#!/bin/sh\0x=1\n",
        .stdin_len = 14,
        .wall_ms = 1,
        .idle_ms = 2,
        .grace_ms = 3,
        .log_cap_bytes = 4,
        .memory_mib = 5,
        .counters = true,
        .uid = 1000,
        .gid = 100,
        .groups = groups,
        .n_groups = 3,
    };
}

static void test_round_trip(void **state)
{
    (void)state;
    struct attempt_spec s = full(), r;
    CLEANUP(str_done) struct str b = STR_INIT;
    attempt_spec_encode(&s, &b);
    assert_int_equal(attempt_spec_decode(b.p, b.len, &r, NULL), 0);
    assert_int_equal(r.id, 42);
    assert_string_equal(r.token, s.token);
    assert_string_equal(r.cwd, "/w");
    assert_string_equal(r.cpu_list, "0,2-3");
    for (int i = 0; i < 3; i++)
        assert_string_equal(r.argv[i], argv[i]);
    assert_null(r.argv[3]);
    assert_string_equal(r.env[1], "EMPTY=");
    assert_null(r.env[2]);
    assert_int_equal(r.stdin_len, 14);
    assert_memory_equal(r.stdin_text, s.stdin_text, 14);
    assert_int_equal(r.wall_ms, 1);
    assert_int_equal(r.idle_ms, 2);
    assert_int_equal(r.grace_ms, 3);
    assert_int_equal(r.log_cap_bytes, 4);
    assert_int_equal(r.memory_mib, 5);
    assert_true(r.counters);
    assert_int_equal(r.uid, 1000);
    assert_int_equal(r.gid, 100);
    assert_int_equal(r.n_groups, 3);
    assert_memory_equal(r.groups, groups, sizeof groups);
    attempt_spec_done(&r);
}

static int container_round(const char *engine, const char *name, const char *image)
{
    struct attempt_spec s = full(), r;
    CLEANUP(str_done) struct str b = STR_INIT;
    s.engine = engine;
    s.container = name;
    s.image = image;
    attempt_spec_encode(&s, &b);
    int rc = attempt_spec_decode(b.p, b.len, &r, NULL);
    if (rc)
        return rc;
    assert_string_equal(r.engine, engine);
    assert_string_equal(r.container, name);
    assert_string_equal(r.image, image);
    attempt_spec_done(&r);
    return 0;
}

static void test_container(void **state)
{
    (void)state;
    const char *remove[ATTEMPT_REMOVE_ARGS];
    assert_int_equal(container_round("/usr/bin/podman", "cail-1-0123abcd", "a/b:1"), 0);
    assert_int_not_equal(container_round("podman", "cail-1-0123abcd", "a"), 0);
    assert_int_not_equal(container_round("/usr/bin/podman", "--all", "-x"), 0);
    assert_int_not_equal(container_round("/usr/bin/podman", "a b", "x"), 0);
    assert_int_not_equal(container_round("/usr/bin/podman", "a", ""), 0);
    attempt_container_remove("/usr/bin/podman", "c", remove);
    assert_string_equal(remove[3], "--time");
    assert_string_equal(remove[5], "c");
    assert_null(remove[6]);
    attempt_container_remove("/podman/docker", "c", remove);
    assert_string_equal(remove[2], "--force");
    assert_string_equal(remove[3], "c");
    assert_null(remove[4]);
}

static void test_least(void **state)
{
    (void)state;
    static const char *none[] = {NULL};
    struct attempt_spec s = {.token = "t", .cwd = "", .argv = argv, .env = none, .uid = -1,
                             .gid = -1}, r;
    CLEANUP(str_done) struct str b = STR_INIT;
    attempt_spec_encode(&s, &b);
    assert_int_equal(attempt_spec_decode(b.p, b.len, &r, NULL), 0);
    assert_null(r.stdin_text);
    assert_null(r.cpu_list);
    assert_null(r.env[0]);
    assert_int_equal(r.uid, -1);
    attempt_spec_done(&r);
}

static void test_many(void **state)
{
    (void)state;
    const char **many = mem_array(ATTEMPT_SPEC_LIST_MAX + 2, sizeof *many);
    for (int i = 0; i < ATTEMPT_SPEC_LIST_MAX; i++)
        many[i] = "x";
    struct attempt_spec s = full(), r;
    s.argv = many;
    CLEANUP(str_done) struct str b = STR_INIT;
    attempt_spec_encode(&s, &b);
    assert_int_equal(attempt_spec_decode(b.p, b.len, &r, NULL), 0);
    assert_null(r.argv[ATTEMPT_SPEC_LIST_MAX]);
    attempt_spec_done(&r);
    many[ATTEMPT_SPEC_LIST_MAX] = "one too many";
    str_clear(&b);
    attempt_spec_encode(&s, &b);
    assert_int_not_equal(attempt_spec_decode(b.p, b.len, &r, NULL), 0);
    free(many);
}

static void test_torn_at_every_byte(void **state)
{
    (void)state;
    struct attempt_spec s = full(), r;
    CLEANUP(str_done) struct str b = STR_INIT;
    attempt_spec_encode(&s, &b);
    for (size_t n = 0; n < b.len; n++) {
        CLEANUP(mem_freep) char *copy = mem_strndup("", 0);
        copy = mem_grow(copy, n + 1, 1);
        memcpy(copy, b.p, n); /* of its own size, so a sanitizer sees each byte read beyond */
        assert_int_not_equal(attempt_spec_decode(copy, n, &r, NULL), 0);
    }
    for (size_t n = 0; n < b.len; n++)
        for (int bit = 0; bit < 8; bit++) {
            b.p[n] = (char)(b.p[n] ^ (1 << bit));
            assert_int_not_equal(attempt_spec_decode(b.p, b.len, &r, NULL), 0);
            b.p[n] = (char)(b.p[n] ^ (1 << bit));
        }
}

/* Items with a right checksum that no encoder writes: 0 = taken. */
static int decode_items(const char *items, size_t len)
{
    struct attempt_spec r;
    CLEANUP(str_done) struct str b = STR_INIT;
    str_add(&b, "CAILSPEC1", 10);
    str_add(&b, items, len);
    str_addf(&b, "crc=%08x", attempt_crc32(b.p, b.len));
    str_addc(&b, 0);
    int code = attempt_spec_decode(b.p, b.len, &r, NULL);
    if (!code)
        attempt_spec_done(&r);
    return code;
}

#define DECODE(items) decode_items(items, sizeof(items) - 1)
#define LEAST         "token=t\0cwd=/\0arg=a\0"

static void test_well_summed_nonsense(void **state)
{
    (void)state;
    assert_int_equal(DECODE(LEAST), 0);
    assert_int_equal(DECODE(LEAST "stdin=2\0ab\0"), 0);
    assert_int_not_equal(DECODE("cwd=/\0arg=a\0"), 0);
    assert_int_not_equal(DECODE("token=t\0arg=a\0"), 0);
    assert_int_not_equal(DECODE("token=t\0cwd=/\0"), 0);
    assert_int_not_equal(DECODE("token=t\0cwd=/\0arg=\0"), 0);
    assert_int_not_equal(DECODE("token=../x\0cwd=/\0arg=a\0"), 0);
    assert_int_not_equal(DECODE("token=t\0cwd=relative\0arg=a\0"), 0);
    assert_int_not_equal(DECODE(LEAST "unknown=1\0"), 0);
    assert_int_not_equal(DECODE(LEAST "no equals\0"), 0);
    assert_int_not_equal(DECODE(LEAST "\0"), 0);
    assert_int_not_equal(DECODE(LEAST "not ended"), 0);
    assert_int_not_equal(DECODE(LEAST "wall_ms=-1\0"), 0);
    assert_int_not_equal(DECODE(LEAST "wall_ms=9223372036854775807\0"), 0);
    assert_int_not_equal(DECODE(LEAST "wall_ms=99999999999999999999\0"), 0);
    assert_int_not_equal(DECODE(LEAST "wall_ms=1x\0"), 0);
    assert_int_not_equal(DECODE(LEAST "uid=1\0"), 0);
    assert_int_not_equal(DECODE(LEAST "uid=4294967295\0gid=1\0"), 0);
    assert_int_not_equal(DECODE(LEAST "stdin=3\0ab\0"), 0);
    assert_int_not_equal(DECODE(LEAST "stdin=1\0ab\0"), 0);
    assert_int_not_equal(DECODE(LEAST "stdin=4000000000000000000\0ab\0"), 0);
    assert_int_not_equal(DECODE(LEAST "stdin=1\0a\0stdin=1\0a\0"), 0);
}

static void add_bit(void *arg, int cpu)
{
    *(unsigned *)arg |= 1u << cpu;
}

static void test_cpu_list(void **state)
{
    (void)state;
    unsigned set = 0;
    assert_true(attempt_cpu_list("0,2-4,7", 8, add_bit, &set));
    assert_int_equal(set, 0x9d);
    const char *bad[] = {"", ",", "1,", "1-", "-1", "3-2", "8", "0-8", "a", "1 2", "1--2",
                         "99999999999999999999"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(attempt_cpu_list(bad[i], 8, add_bit, &set));
}

static void test_small_pieces(void **state)
{
    (void)state;
    assert_int_equal(attempt_crc32("123456789", 9), 0xcbf43926); /* the check value of CRC-32 */
    assert_int_equal(attempt_crc32("", 0), 0);
    int64_t v;
    assert_true(attempt_parse_int("-5", 2, -5, &v) && v == -5);
    assert_false(attempt_parse_int("-6", 2, -5, &v));
    assert_false(attempt_parse_int("", 0, 0, &v));
    assert_false(attempt_parse_int("-", 1, -5, &v));
    assert_false(attempt_parse_int("1 ", 2, 0, &v));
    assert_true(attempt_token_ok("aZ09-", 5));
    assert_false(attempt_token_ok("", 0));
    assert_false(attempt_token_ok("a/b", 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_container),
        cmocka_unit_test(test_least),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_torn_at_every_byte),
        cmocka_unit_test(test_well_summed_nonsense),
        cmocka_unit_test(test_cpu_list),
        cmocka_unit_test(test_small_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
