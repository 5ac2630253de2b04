/* Counting, thresholds, and a real H100 that ran into its power cap. */
#include "probe_say.h"

#include "base/fsx.h"
#include "gpu/record.h"
#include "gpu/verdict.h"

static struct gpu_sample idle_at(int64_t ms)
{
    return (struct gpu_sample){.mono_us = ms * 1000,
                               .sm_mhz = 345,
                               .mem_mhz = 2619,
                               .power_mw = 72000,
                               .temp_c = 37,
                               .util_pct = 0,
                               .used_mib = 0,
                               .reserved_mib = 480,
                               .reasons = 1,
                               .slowed_us = {-1, -1, -1, -1, -1},
                               .energy_mj = -1,
                               .pstate = 0,
                               .pcie_gen = 5,
                               .pcie_width = 16,
                               .ecc_uncorrected = 0};
}

static struct gpu_sample busy_at(int64_t ms)
{
    struct gpu_sample s = idle_at(ms);
    s.sm_mhz = 1980;
    s.util_pct = 100;
    s.reasons = 0;
    return s;
}

static struct gpu_verdict judge(const struct tally *t, int64_t end_ms, bool fast)
{
    struct gpu_verdict v = {0};
    verdict_of((const struct tally *const[]){t}, 1, end_ms * 1000, fast, &v);
    return v;
}

/* One line of h100-telemetry-during-gemm.txt. */
static bool read_row(const char *row, struct gpu_sample *s, int *pid)
{
    double at;
    int util, mem, power, sm, temp;
    unsigned reasons;
    if (sscanf(row, "%lf util=%d mem=%d power_mw=%d sm=%d temp=%d reasons=%x", &at, &util, &mem,
               &power, &sm, &temp, &reasons) != 7)
        return false;
    *s = idle_at((int64_t)(at * 1000 + 0.5) + 1000);
    s->util_pct = util;
    s->used_mib = mem;
    s->power_mw = power;
    s->sm_mhz = sm;
    s->temp_c = temp;
    s->reasons = reasons;
    const char *procs = strstr(row, "procs=[(");
    *pid = procs ? (int)strtol(procs + 8, NULL, 10) : 0;
    return true;
}

/* Rows with from_ms < time <= to_ms of the real run. */
static void replay(struct tally *t, int64_t from_ms, int64_t to_ms)
{
    struct str text = STR_INIT;
    struct gpu_sample s, before = {0};
    int pid;
    assert_int_equal(fsx_read(CAIL_SOURCE_DIR "/tests/golden/gpu/h100-telemetry-during-gemm.txt",
                              1 << 20, &text, NULL),
                     0);
    bool started = false;
    for (char *row = text.p; *row; row = strchrnul(row, '\n') + 1) {
        if (!read_row(row, &s, &pid))
            break;
        if (s.mono_us > (from_ms + 1000) * 1000 && !started) {
            tally_start(t, (from_ms + 1000) * 1000, 1980, &before);
            started = true;
        }
        if (started && s.mono_us <= (to_ms + 1000) * 1000)
            tally_add(t, &s);
        before = s;
    }
    str_done(&text);
}

/* Process 2380 ran the 8192 cubed GEMM from 3.0 s to 6.3 s: all but one sample says sw_power_cap.
 */
static void test_h100_capped(void **state)
{
    (void)state;
    struct tally t;
    replay(&t, 2900, 6300);
    struct gpu_verdict v = judge(&t, 7300, true);
    assert_string_equal(v.reasons, "sw_power_cap");
    assert_false(v.clean);
    assert_in_range(v.throttled_ms, 3100, 3300);
    assert_int_equal(t.power.max, 705212);
    assert_int_equal(t.sm.min, 1230);
    assert_int_equal(t.used.max, 1520);
    assert_in_range(t.busy_us, 3300000, 3400000);
}

static void test_h100_idle(void **state)
{
    (void)state;
    struct tally t;
    replay(&t, 9000, 24000);
    struct gpu_verdict v = judge(&t, 25000, true);
    assert_true(v.clean);
    assert_string_equal(v.reasons, "");
    assert_int_equal(v.throttled_ms, 0);
    assert_int_equal(t.busy_us, 0);
    assert_in_range(t.idle_us, 14000000, 15000000);
}

/* The counters know better than the bits: a cap between two samples, a bit that was set for a
 * moment. */
static void test_counters_first(void **state)
{
    (void)state;
    struct tally t;
    struct gpu_sample seed = idle_at(950);
    seed.slowed_us[0] = 1000000;
    seed.energy_mj = 5000;
    tally_start(&t, 1000000, 1980, &seed);
    for (int i = 1; i <= 100; i++) {
        struct gpu_sample s = busy_at(1000 + i * 100);
        s.reasons = i % 2 ? 0 : 4;
        s.slowed_us[0] = 1000000 + i * 2500; /* 2.5 % of the time */
        s.energy_mj = 5000 + i * 70;
        tally_add(&t, &s);
    }
    struct gpu_verdict v = judge(&t, 11000, true);
    assert_int_equal(v.throttled_ms, 250);
    assert_string_equal(v.reasons, "sw_power_cap");
    assert_int_equal(t.energy_mj, 7000);
    assert_true(t.counted[0]);
}

static void test_counter_reset(void **state)
{
    (void)state;
    struct tally t;
    tally_start(&t, 1000000, 1980, NULL);
    int64_t counter[] = {500000, 540000, 10, 20010};
    for (int i = 0; i < 4; i++) {
        struct gpu_sample s = busy_at(1100 + i * 100);
        s.slowed_us[0] = counter[i];
        s.reasons = 4;
        tally_add(&t, &s);
    }
    /* 100 ms by the bit (no base), 40 ms counted, 100 ms by the bit (it fell), 20 ms counted */
    assert_int_equal(t.slowed_us[0], 260000);
}

/* A counter may jump by anything; it is never longer than the recording. */
static void test_counter_absurd(void **state)
{
    (void)state;
    struct tally t;
    tally_start(&t, 1000000, 1980, NULL);
    for (int i = 0; i < 6; i++) {
        struct gpu_sample s = busy_at(1100 + i * 100);
        for (int k = 0; k < GPU_SLOWED_COUNT; k++)
            s.slowed_us[k] = i % 2 ? INT64_MAX : 0;
        s.energy_mj = s.ecc_uncorrected = i % 2 ? INT64_MAX : 0;
        tally_add(&t, &s);
    }
    assert_true(tally_throttled_us(&t, 1600000) <= 600000);
    assert_true(t.energy_mj > 0 && t.ecc_new > 0);
}

struct threshold_case {
    int cause;
    int64_t slowed_us, busy_ms;
    const char *reasons;
};

static void test_thresholds(void **state)
{
    (void)state;
    static const struct threshold_case cases[] = {
        {GPU_SLOWED_SW_POWER_CAP, 10000, 100, ""}, /* the floor: 10 % but 10 ms */
        {GPU_SLOWED_SW_POWER_CAP, 11000, 100, "sw_power_cap"},
        {GPU_SLOWED_SW_POWER_CAP, 100000, 10000, ""}, /* a hundredth */
        {GPU_SLOWED_SW_POWER_CAP, 101000, 10000, "sw_power_cap"},
        {GPU_SLOWED_SW_POWER_CAP, 1000000, 1000000, ""},
        {GPU_SLOWED_SW_POWER_CAP, 1001000, 1000000, "sw_power_cap"}, /* a second in all */
        {GPU_SLOWED_SW_THERMAL, 10000, 1000000, ""},
        {GPU_SLOWED_SW_THERMAL, 11000, 1000000, "sw_thermal"},
        {GPU_SLOWED_HW_THERMAL, 11000, 1000000, "hw_thermal"},
        {GPU_SLOWED_HW_POWER_BRAKE, 11000, 1000000, "hw_power_brake"},
        {GPU_SLOWED_SYNC_BOOST, 11000, 1000000, ""},
        {CAUSE_HW_SLOWDOWN, 11000, 1000000, "hw_slowdown"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct threshold_case *c = &cases[i];
        struct tally t;
        tally_start(&t, 1000000, 1980, NULL);
        struct gpu_sample s = busy_at(1000 + c->busy_ms);
        tally_add(&t, &s);
        t.gap_us = 0;
        t.slowed_us[c->cause] = c->slowed_us;
        struct gpu_verdict v = judge(&t, 1000 + c->busy_ms, true);
        if (strcmp(v.reasons, c->reasons) != 0)
            fail_msg("case %zu: '%s', not '%s'", i, v.reasons, c->reasons);
    }
}

static void add_each_100ms(struct tally *t, int n, int sm_mhz, uint32_t reasons)
{
    tally_start(t, 1000000, 1980, NULL);
    for (int i = 1; i <= n; i++) {
        struct gpu_sample s = busy_at(1000 + i * 100);
        s.sm_mhz = sm_mhz;
        s.reasons = reasons;
        tally_add(t, &s);
    }
}

static void test_low_clocks(void **state)
{
    (void)state;
    struct tally t;
    add_each_100ms(&t, 20, 1300, 0);
    assert_string_equal(judge(&t, 3000, true).reasons, "low_clocks");
    add_each_100ms(&t, 20, 1300, 2); /* somebody set application clocks: a policy */
    assert_string_equal(judge(&t, 3000, true).reasons, "");
    add_each_100ms(&t, 20, 1400, 0);
    assert_string_equal(judge(&t, 3000, true).reasons, "");
    add_each_100ms(&t, 5, 345, 0); /* the ramp from idle */
    assert_string_equal(judge(&t, 1500, true).reasons, "");
}

static void test_events(void **state)
{
    (void)state;
    struct tally t;
    add_each_100ms(&t, 20, 1980, 0);
    t.foreign = true;
    t.xid = 31;
    t.ecc_new = 1;
    assert_string_equal(judge(&t, 3000, true).reasons, "foreign_process,xid,ecc");
    add_each_100ms(&t, 20, 1980, 0);
    t.lost = true;
    assert_string_equal(judge(&t, 60000, true).reasons, "gpu_lost");
    struct gpu_verdict v = {.wrong_card = true};
    add_each_100ms(&t, 20, 1980, 0);
    verdict_of((const struct tally *const[]){&t}, 1, 3000000, true, &v);
    assert_string_equal(v.reasons, "wrong_card");
}

static void test_unobserved(void **state)
{
    (void)state;
    struct tally t;
    add_each_100ms(&t, 20, 1980, 0);
    assert_true(judge(&t, 5000, true).clean);
    assert_string_equal(judge(&t, 5001, true).reasons, "unobserved");
    assert_true(judge(&t, 8000, false).clean);
    assert_string_equal(judge(&t, 8001, false).reasons, "unobserved");
    tally_start(&t, 1000000, 1980, NULL); /* a measurement that nobody watched */
    assert_string_equal(judge(&t, 1010, true).reasons, "unobserved");
    assert_true(judge(&t, 1010, false).clean);
}

static void test_unused(void **state)
{
    (void)state;
    struct tally t;
    tally_start(&t, 1000000, 1980, NULL);
    for (int i = 1; i <= 20; i++) {
        struct gpu_sample s = idle_at(1000 + i * 100);
        tally_add(&t, &s);
    }
    assert_true(judge(&t, 3000, true).unused_card);
    t.used_by_job = true;
    assert_false(judge(&t, 3000, true).unused_card);
    add_each_100ms(&t, 20, 1980, 0);
    assert_false(judge(&t, 3000, true).unused_card);
}

/* An hour at 10 Hz stays small and covers the hour. */
static void test_trace_thins(void **state)
{
    (void)state;
    struct trace t = {0};
    int64_t last = 0;
    for (int i = 1; i <= 36000; i++) {
        struct gpu_sample s = busy_at(1000 + i * 100);
        trace_add(&t, &s, 1000000);
        assert_true(t.n <= TRACE_MAX);
        if (i == 1)
            last = t.p[0].ms;
    }
    assert_int_equal(t.p[0].ms, last);
    assert_true(t.n > TRACE_MAX / 2 - 2);
    assert_true(t.p[t.n - 1].ms > 3590000);
    for (uint32_t i = 1; i < t.n; i++)
        assert_int_equal(t.p[i].ms - t.p[i - 1].ms, (int64_t)t.every * 100);
    trace_done(&t);
}

static void test_json(void **state)
{
    (void)state;
    struct records r = {0};
    const char *uuids[] = {"GPU-1"};
    struct record *x = record_start(&r, 7, "aa", uuids, 1, true, 1000000, 1000000);
    struct gpu_card c = {.uuid = "GPU-1", .name = "H100", .sm_max_mhz = 1980};
    record_seed(x, &c);
    for (int i = 1; i <= 10; i++) {
        c.last = busy_at(1000 + i * 100);
        c.last.reasons = 4;
        record_sample(&r, &c);
    }
    struct str out = STR_INIT;
    struct jw w = JW(&out);
    record_json(x, 2000000, &w);
    assert_non_null(strstr(out.p, "\"verdict\":\"tainted\",\"reasons\":[\"sw_power_cap\"]"));
    assert_non_null(
        strstr(out.p, "\"throttled_ms\":1000,\"throttled_by\":{\"sw_power_cap\":1000}"));
    assert_non_null(strstr(out.p, "\"mono_ms\":[100,200,300,400,500,600,700,800,900,1000]"));
    assert_non_null(strstr(out.p, "\"sw_power_cap\":{\"over_ms\":10,"));
    assert_non_null(strstr(out.p, "\"energy_j\":null"));
    str_done(&out);
    record_free(&r, x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_h100_capped),    cmocka_unit_test(test_h100_idle),
        cmocka_unit_test(test_counters_first), cmocka_unit_test(test_counter_reset),
        cmocka_unit_test(test_counter_absurd), cmocka_unit_test(test_thresholds),
        cmocka_unit_test(test_low_clocks),     cmocka_unit_test(test_events),
        cmocka_unit_test(test_unobserved),     cmocka_unit_test(test_unused),
        cmocka_unit_test(test_trace_thins),    cmocka_unit_test(test_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
