/* The run and control files and the cgroup's name: there and back, torn, hostile. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attempt/cgroup.h"
#include "attempt/control.h"
#include "attempt/run_file.h"
#include "base/mem.h"
#include "model/job.h"

#define TOKEN "00112233445566778899aabbccddeeff"

static const struct attempt_claim a_claim = {
    .pid = 4711, .start = 123456789, .boot = "32b31cd3-5598-4010-8759-ef7ff679fe0f",
    .at_us = 1795369994886323, .cgroup = "/sys/fs/cgroup/x/cail-" TOKEN};

static struct attempt_record a_record(void)
{
    return (struct attempt_record){
        .cause = END_TIMEOUT, .exit_code = -1, .signal = 9, .exec_errno = 0, .wall_us = 1,
        .user_us = 2, .system_us = 3, .max_rss_bytes = 4, .instructions = -1, .cycles = 6,
        .branch_misses = 7, .log_bytes = 8, .hole_from = 9, .hole_to = 10, .killed = 11,
        .unkillable = "12 13"};
}

/* Claim and record; where the claim ends. */
static size_t encode(struct str *b)
{
    struct attempt_record r = a_record();
    attempt_claim_encode(TOKEN, &a_claim, b);
    size_t n = b->len;
    attempt_record_encode(TOKEN, &r, b);
    return n;
}

static enum attempt_run_state state_of(const char *p, size_t len)
{
    struct attempt_run run;
    attempt_run_decode(p, len, TOKEN, &run);
    return run.state;
}

static void test_round_trip(void **state)
{
    (void)state;
    CLEANUP(str_done) struct str b = STR_INIT;
    struct attempt_run run = {0};
    struct attempt_record want = a_record();
    encode(&b);
    attempt_run_decode(b.p, b.len, TOKEN, &run);
    assert_int_equal(run.state, ATTEMPT_RUN_ENDED);
    assert_int_equal(run.claim.pid, a_claim.pid);
    assert_int_equal(run.claim.start, a_claim.start);
    assert_int_equal(run.claim.at_us, a_claim.at_us);
    assert_string_equal(run.claim.boot, a_claim.boot);
    assert_string_equal(run.claim.cgroup, a_claim.cgroup);
    assert_string_equal(run.record.unkillable, want.unkillable);
    memset(run.record.unkillable, 0, sizeof run.record.unkillable);
    memset(want.unkillable, 0, sizeof want.unkillable);
    assert_memory_equal(&run.record, &want, sizeof want);
    assert_true(b.len < ATTEMPT_RUN_FILE_MAX);
}

static void test_every_cause(void **state)
{
    (void)state;
    for (int cause = 0; cause < END_CAUSE_COUNT; cause++) {
        CLEANUP(str_done) struct str b = STR_INIT;
        struct attempt_record r;
        struct attempt_run run;
        attempt_record_init(&r);
        assert_int_equal(r.cause, END_LOST); /* the two rooms count alike */
        r.cause = cause;
        attempt_claim_encode(TOKEN, &a_claim, &b);
        attempt_record_encode(TOKEN, &r, &b);
        attempt_run_decode(b.p, b.len, TOKEN, &run);
        assert_int_equal(run.state, ATTEMPT_RUN_ENDED);
        assert_int_equal(run.record.cause, cause);
    }
}

static void test_states(void **state)
{
    (void)state;
    CLEANUP(str_done) struct str b = STR_INIT;
    struct attempt_run run;
    size_t claim = encode(&b);
    assert_int_equal(state_of("", 0), ATTEMPT_RUN_ABSENT);
    assert_int_equal(state_of(b.p, claim), ATTEMPT_RUN_CLAIMED);
    attempt_run_decode(b.p, b.len, "another", &run);
    assert_int_equal(run.state, ATTEMPT_RUN_WRONG_TOKEN);
    /* An exit record alone claims nothing that can be read. */
    assert_int_equal(state_of(b.p + claim, b.len - claim), ATTEMPT_RUN_TORN);
    /* Our claim, another's record. */
    struct attempt_record r = a_record();
    b.len = claim;
    attempt_record_encode("another", &r, &b);
    assert_int_equal(state_of(b.p, b.len), ATTEMPT_RUN_EXIT_TORN);
    b.len = claim;
    attempt_claim_encode(TOKEN, &a_claim, &b);
    assert_int_equal(state_of(b.p, b.len), ATTEMPT_RUN_EXIT_TORN);
    str_clear(&b);
    attempt_void_encode(TOKEN, 5, &b);
    assert_int_equal(state_of(b.p, b.len), ATTEMPT_RUN_VOID);
    attempt_run_decode(b.p, b.len, "another", &run);
    assert_int_equal(run.state, ATTEMPT_RUN_WRONG_TOKEN);
    assert_int_equal(state_of(b.p, b.len - 1), ATTEMPT_RUN_TORN);
}

static void test_torn_at_every_byte(void **state)
{
    (void)state;
    CLEANUP(str_done) struct str b = STR_INIT;
    size_t claim = encode(&b);
    for (size_t n = 1; n < b.len; n++) {
        char *copy = mem_zalloc(n);
        memcpy(copy, b.p, n);
        assert_int_equal(state_of(copy, n), n < claim    ? ATTEMPT_RUN_TORN
                                            : n == claim ? ATTEMPT_RUN_CLAIMED
                                                         : ATTEMPT_RUN_EXIT_TORN);
        free(copy);
    }
}

static void test_every_bit(void **state)
{
    (void)state;
    CLEANUP(str_done) struct str b = STR_INIT;
    size_t claim = encode(&b);
    for (size_t n = 0; n < b.len; n++)
        for (int bit = 0; bit < 8; bit++) {
            b.p[n] = (char)(b.p[n] ^ (1 << bit));
            enum attempt_run_state s = state_of(b.p, b.len);
            assert_int_equal(s, n < claim ? ATTEMPT_RUN_TORN : ATTEMPT_RUN_EXIT_TORN);
            b.p[n] = (char)(b.p[n] ^ (1 << bit));
        }
}

/* A record of zeros (a file system after a power cut), and noise from a fixed seed. */
static void test_garbage(void **state)
{
    (void)state;
    static char bytes[ATTEMPT_RUN_FILE_MAX];
    assert_int_equal(state_of(bytes, sizeof bytes), ATTEMPT_RUN_TORN);
    uint32_t x = 1;
    for (int round = 0; round < 2000; round++) {
        size_t len = 1 + (size_t)round % 300;
        for (size_t i = 0; i < len; i++)
            bytes[i] = (char)((x = x * 1664525 + 1013904223) >> 24);
        memcpy(bytes, "CAILRUN1 claim ", len < 15 ? len : 15);
        assert_int_equal(state_of(bytes, len), ATTEMPT_RUN_TORN);
    }
}

static void test_control(void **state)
{
    (void)state;
    CLEANUP(str_done) struct str b = STR_INIT;
    struct attempt_control c = {0};
    attempt_control_encode(TOKEN, &(struct attempt_control){1500}, &b);
    assert_true(b.len < ATTEMPT_CONTROL_BYTES_MAX);
    assert_true(attempt_control_decode(b.p, b.len, TOKEN, &c));
    assert_int_equal(c.grace_ms, 1500);
    assert_false(attempt_control_decode(b.p, b.len, "another", &c));
    for (size_t n = 0; n < b.len; n++) {
        char *copy = mem_zalloc(n + 1);
        memcpy(copy, b.p, n);
        assert_false(attempt_control_decode(copy, n, TOKEN, &c));
        free(copy);
    }
    static const char minus[] = "CAILCTL1 stop grace_ms=-1 token=" TOKEN "\n";
    assert_false(attempt_control_decode(minus, sizeof minus - 1, TOKEN, &c));
}

static void test_cgroup(void **state)
{
    (void)state;
    char out[256];
    static const char v1[] = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
                             "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
    static const char both[] = "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
                               "41 31 0:38 / /sys/fs/cgroup/unified rw shared:3 - cgroup2 c rw\n";
    static const char bound[] = "41 31 0:38 /a /mnt/a rw - cgroup2 cgroup2 rw\n";
    assert_false(attempt_cgroup_parse(v1, "4:memory:/x\n", out, sizeof out));
    assert_true(attempt_cgroup_parse(both, "4:memory:/x\n0::/\n", out, sizeof out));
    assert_string_equal(out, "/sys/fs/cgroup/unified");
    assert_true(attempt_cgroup_parse(both, "0::/user.slice/a", out, sizeof out));
    assert_string_equal(out, "/sys/fs/cgroup/unified/user.slice/a");
    assert_true(attempt_cgroup_parse(bound, "0::/a/b\n", out, sizeof out));
    assert_string_equal(out, "/mnt/a/b");
    assert_false(attempt_cgroup_parse(bound, "0::/c\n", out, sizeof out));
    assert_false(attempt_cgroup_parse(both, "0::/../x\n", out, sizeof out));
    assert_false(attempt_cgroup_parse(both, "0::/a b\n", out, sizeof out));
    assert_false(attempt_cgroup_parse(both, "0::/aaaaaaaaaaaaaaaaaaaaaaaaaa\n", out, 40));
    assert_false(attempt_cgroup_parse("", "", out, sizeof out));
    assert_true(attempt_cgroup_name("/p", TOKEN, out, sizeof out));
    assert_true(attempt_cgroup_is(out, TOKEN));
    assert_false(attempt_cgroup_is("/sys/fs/cgroup", TOKEN));
    assert_false(attempt_cgroup_is("/x/../cail-" TOKEN, TOKEN));
    assert_false(attempt_cgroup_is("x/cail-" TOKEN, TOKEN));
    assert_false(attempt_cgroup_is("", TOKEN));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_every_cause),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_torn_at_every_byte),
        cmocka_unit_test(test_every_bit),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_control),
        cmocka_unit_test(test_cgroup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
