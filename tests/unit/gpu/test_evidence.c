/* When is a card free, and what is said when it is not. Through core, with lines. */
#include "probe_say.h"

#include "gpu/core.h"
#include "gpu/evidence.h"

#define S 1000000ll

static const char live_token[] = "0123456789abcdef0123456789abcdef";
static const char dead_token[] = "fedcba9876543210fedcba9876543210";

struct lab {
    struct core core;
    struct str line;
    int64_t now;
    bool unknown; /* nobody is looked up yet */
};

/* pid 100: a stranger; 200: of a live attempt; 300: of one that ended; 400: cannot be seen */
static void who(void *arg, struct gpu_proc *p, int64_t now)
{
    struct lab *lab = arg;
    (void)now;
    p->known = !lab->unknown;
    if (!p->known || p->pid == 400)
        return;
    snprintf(p->user, sizeof p->user, "alice");
    snprintf(p->command, sizeof p->command, "python train.py");
    snprintf(p->token, sizeof p->token, "%s",
             p->pid == 200   ? live_token
             : p->pid == 300 ? dead_token
                             : "");
}

static bool is_ours(void *arg, const char *token)
{
    (void)arg;
    return strcmp(token, live_token) == 0;
}

static void say(struct lab *lab)
{
    assert_true(core_line(&lab->core, lab->line.p, lab->line.len, lab->now) > 0);
}

static void say_text(struct lab *lab, const char *text)
{
    assert_true(core_line(&lab->core, text, strlen(text), lab->now) > 0);
}

static void sample(struct lab *lab, struct say s)
{
    lab->now += S;
    s.mono_us = lab->now;
    s.sm_mhz = 1980;
    say_sample(&lab->line, "GPU-1", &s);
    say(lab);
}

static void hello(struct lab *lab)
{
    say_hello_open(&lab->line);
    say_card(&lab->line, "GPU-1", 0, NULL, false);
    say_hello_close(&lab->line);
    say(lab);
}

static struct lab *lab_new(void)
{
    struct lab *lab = calloc(1, sizeof *lab);
    assert_non_null(lab);
    lab->now = 1000 * S;
    core_init(&lab->core, &(struct core_config){who, is_ours, lab});
    hello(lab);
    return lab;
}

static void lab_free(struct lab *lab)
{
    core_done(&lab->core);
    str_done(&lab->line);
    free(lab);
}

static const struct gpu_card *card(const struct lab *lab)
{
    return &lab->core.inv.card[0];
}

static void expect_free(const struct lab *lab, int line)
{
    if (!card(lab)->free_twice || card(lab)->reason[0])
        fail_msg("line %d: not free: '%s'", line, card(lab)->reason);
}

static void expect_busy(const struct lab *lab, const char *reason, int line)
{
    if (card(lab)->free_twice || strcmp(card(lab)->reason, reason) != 0)
        fail_msg("line %d: free %d, '%s', not '%s'", line, card(lab)->free_twice, card(lab)->reason,
                 reason);
}

#define FREE()       expect_free(lab, __LINE__)
#define BUSY(reason) expect_busy(lab, reason, __LINE__)

static void test_two_samples(void **state)
{
    (void)state;
    struct lab *lab = lab_new();
    BUSY("it has not been looked at yet");
    sample(lab, (struct say){0});
    BUSY("clean once, waiting for a second sample");
    sample(lab, (struct say){0});
    FREE();
    sample(lab, (struct say){.util_pct = 43});
    BUSY("it is 43 % busy");
    sample(lab, (struct say){0});
    BUSY("clean once, waiting for a second sample");
    sample(lab, (struct say){0});
    FREE();
    lab_free(lab);
}

static void test_an_old_sample_is_no_second_one(void **state)
{
    (void)state;
    struct lab *lab = lab_new();
    sample(lab, (struct say){0});
    say(lab); /* the same line again */
    BUSY("clean once, waiting for a second sample");
    lab_free(lab);
}

static void test_strangers(void **state)
{
    (void)state;
    struct lab *lab = lab_new();
    sample(lab, (struct say){.procs = "[{\"pid\":100,\"used_mib\":9,\"kind\":\"compute\"}]"});
    BUSY("process 100 of alice (python train.py) uses it, started outside the queue");
    assert_true(card(lab)->last.foreign);
    sample(lab, (struct say){.procs = "[{\"pid\":200,\"used_mib\":9,\"kind\":\"compute\"}]"});
    BUSY("process 200 of alice (python train.py) of another job of cail runs on it without a "
         "lease of it");
    sample(lab, (struct say){.procs = "[{\"pid\":300,\"used_mib\":9,\"kind\":\"compute\"}]"});
    BUSY("process 300 of alice (python train.py) is left over from an attempt that has ended");
    sample(lab, (struct say){.procs = "[{\"pid\":400,\"used_mib\":9,\"kind\":\"compute\"}]"});
    BUSY("process 400 uses it and cannot be seen from here");
    lab->unknown = true;
    sample(lab, (struct say){.procs = "[{\"pid\":200,\"used_mib\":9,\"kind\":\"compute\"}]"});
    BUSY("process 200 is being looked at");
    assert_false(card(lab)->last.foreign); /* nobody is accused before he was looked at */
    lab_free(lab);
}

static void test_at_home(void **state)
{
    (void)state;
    struct lab *lab = lab_new();
    const char *uuid[] = {"GPU-1"};
    sample(lab, (struct say){0});
    sample(lab, (struct say){0});
    record_start(&lab->core.records, 1, live_token, uuid, 1, false, lab->now, 0);
    const char ours[] = "[{\"pid\":200,\"used_mib\":9000,\"kind\":\"compute\"}]";
    sample(lab, (struct say){.util_pct = 100, .used_mib = 9000, .procs = ours});
    FREE(); /* nothing speaks against it; that it is leased is the scheduler's to know */
    sample(lab, (struct say){.util_pct = 100,
                             .used_mib = 9000,
                             .procs = "[{\"pid\":200,\"kind\":\"compute\"},"
                                      "{\"pid\":100,\"kind\":\"compute\"}]"});
    BUSY("process 100 of alice (python train.py) uses it, started outside the queue");
    struct gpu_verdict v;
    record_verdict(record_find(&lab->core.records, 1), lab->now, &v);
    assert_string_equal(v.reasons, "foreign_process");
    assert_false(v.wrong_card);
    assert_false(v.unused_card);
    lab_free(lab);
}

static void test_memory(void **state)
{
    (void)state;
    struct lab *lab = lab_new();
    const char busy[] = "[{\"pid\":100,\"kind\":\"compute\"}]";
    sample(lab, (struct say){.used_mib = 5000, .procs = busy});
    assert_int_equal(card(lab)->baseline_mib, -1); /* no idle sample yet: memory is not judged */
    sample(lab, (struct say){.used_mib = 700});
    assert_int_equal(card(lab)->baseline_mib, 700);
    sample(lab, (struct say){.used_mib = 10});
    sample(lab, (struct say){.used_mib = 266});
    FREE();
    sample(lab, (struct say){.used_mib = 267});
    BUSY("267 MiB of its memory are in use, 10 MiB when idle");
    assert_int_equal(card(lab)->baseline_mib, 10);
    lab_free(lab);
}

static void test_display(void **state)
{
    (void)state;
    struct lab *lab = lab_new();
    const char x[] = "[{\"pid\":1,\"used_mib\":900,\"kind\":\"graphics\"}]";
    sample(lab, (struct say){.used_mib = 1000, .util_pct = 9, .procs = x});
    sample(lab, (struct say){.used_mib = 1000, .util_pct = 9, .procs = x});
    FREE();
    assert_int_equal(card(lab)->baseline_mib, 100); /* a desktop's windows come and go */
    assert_true(evidence_display(card(lab)));
    sample(lab, (struct say){.used_mib = 1000, .util_pct = 10, .procs = x});
    BUSY("it is 10 % busy");
    lab_free(lab);
}

static void test_partial(void **state)
{
    (void)state;
    struct lab *lab = lab_new();
    sample(lab, (struct say){.used_mib = 100, .procs = "null"});
    sample(lab, (struct say){.used_mib = 100, .procs = "null"});
    FREE();
    assert_true(card(lab)->partial);
    sample(lab, (struct say){.used_mib = 1000, .procs = "null"});
    BUSY("1000 MiB of its memory are in use, 100 MiB when idle");
    lab_free(lab);
}

static void test_health(void **state)
{
    (void)state;
    struct lab *lab = lab_new();
    sample(lab, (struct say){0});
    sample(lab, (struct say){0});
    lab->now += 6 * S;
    core_tick(&lab->core, lab->now);
    BUSY("no sample of it for 6 s: its driver does not answer");
    assert_int_equal(card(lab)->health, GPU_SUSPECT);
    sample(lab, (struct say){0});
    sample(lab, (struct say){0});
    FREE();
    say_text(lab, "{\"t\":\"xid\",\"uuid\":\"GPU-1\",\"xid\":31,\"mono_us\":1}");
    FREE(); /* a program's own fault */
    say_text(lab, "{\"t\":\"xid\",\"uuid\":\"GPU-1\",\"xid\":48,\"mono_us\":1}");
    sample(lab, (struct say){0});
    sample(lab, (struct say){0});
    BUSY("its driver reported Xid 48; undrain it once it is well");
    inventory_drain(&lab->core.inv, 0, false, NULL, lab->now);
    sample(lab, (struct say){0});
    sample(lab, (struct say){0});
    FREE();
    say_text(lab, "{\"t\":\"lost\",\"uuid\":\"GPU-1\",\"error\":\"GPU is lost\"}");
    BUSY("it is gone: GPU is lost");
    sample(lab, (struct say){0});
    BUSY("it is gone: GPU is lost");
    hello(lab);
    sample(lab, (struct say){0});
    sample(lab, (struct say){0});
    FREE();
    lab_free(lab);
}

static void test_drain_and_mig(void **state)
{
    (void)state;
    struct lab *lab = lab_new();
    sample(lab, (struct say){0});
    sample(lab, (struct say){0});
    inventory_drain(&lab->core.inv, 0, true, "new fan", lab->now);
    BUSY("drained: new fan");
    inventory_drain(&lab->core.inv, 0, false, NULL, lab->now);
    FREE();
    say_hello_open(&lab->line);
    say_card(&lab->line, "GPU-1", 1, NULL, true);
    say_card(&lab->line, "MIG-1", 0, "GPU-1", false);
    say_hello_close(&lab->line);
    say(lab);
    sample(lab, (struct say){0});
    sample(lab, (struct say){0});
    BUSY("it is in MIG mode: its instances are leased instead");
    assert_string_equal(lab->core.inv.card[0].uuid, "GPU-1"); /* its place stays */
    assert_string_equal(lab->core.inv.card[1].uuid, "MIG-1");
    assert_int_equal(card(lab)->index, 1);
    lab_free(lab);
}

/* A table that is full gives a place of a card that is gone. */
static void test_full_table(void **state)
{
    (void)state;
    struct lab *lab = lab_new();
    char uuid[32];
    for (int round = 0; round < 3; round++) {
        say_hello_open(&lab->line);
        for (int i = 0; i < GPU_CARDS_MAX; i++) {
            snprintf(uuid, sizeof uuid, "GPU-%d-%d", round, i);
            say_card(&lab->line, uuid, i, NULL, false);
        }
        say_hello_close(&lab->line);
        say(lab);
        assert_int_equal(lab->core.inv.n, GPU_CARDS_MAX);
        assert_true(inventory_find(&lab->core.inv, uuid) >= 0);
    }
    assert_int_equal(inventory_find(&lab->core.inv, "GPU-0-5"), -1);
    say_text(lab, "{\"t\":\"none\",\"reason\":\"the driver is unloaded\"}");
    assert_string_equal(lab->core.inv.none, "the driver is unloaded");
    assert_int_equal(card(lab)->health, GPU_GONE);
    lab_free(lab);
}

struct answer {
    int n;
    bool ok;
    char reason[256];
};

static void answered(void *arg, bool ok, const char *reason)
{
    struct answer *a = arg;
    a->n++;
    a->ok = ok;
    snprintf(a->reason, sizeof a->reason, "%s", reason);
}

static void check(struct lab *lab, enum check_kind kind, struct answer *a)
{
    const char *uuid[] = {"GPU-1"};
    *a = (struct answer){0};
    checks_add(&lab->core.checks, kind, uuid, 1, lab->now, kind == CHECK_BEFORE ? CHECK_US : 10 * S,
               answered, a);
}

static void turn(struct lab *lab)
{
    core_tick(&lab->core, lab->now);
    checks_tell(&lab->core.checks);
}

static void test_check(void **state)
{
    (void)state;
    struct lab *lab = lab_new();
    struct answer a;
    sample(lab, (struct say){0});
    sample(lab, (struct say){0});
    check(lab, CHECK_BEFORE, &a);
    assert_int_equal(core_hz(&lab->core, 0), CORE_HZ_FAST);
    sample(lab, (struct say){0});
    turn(lab);
    assert_int_equal(a.n, 0); /* samples from before do not count */
    sample(lab, (struct say){0});
    turn(lab);
    assert_true(a.n == 1 && a.ok);
    assert_int_equal(core_hz(&lab->core, 0), CORE_HZ);
    check(lab, CHECK_BEFORE, &a);
    const char busy[] = "[{\"pid\":100,\"kind\":\"compute\"}]";
    sample(lab, (struct say){.procs = busy});
    sample(lab, (struct say){.procs = busy});
    turn(lab);
    assert_true(a.n == 1 && !a.ok);
    assert_string_equal(a.reason, "card 0 (GPU-1): process 100 of alice (python train.py) uses it, "
                                  "started outside the queue");
    check(lab, CHECK_BEFORE, &a);
    lab->now += 5 * S;
    turn(lab);
    assert_true(a.n == 1 && !a.ok);
    assert_string_equal(a.reason, "card 0 (GPU-1): no sample of it came: its driver or cail-probe "
                                  "does not answer");
    check(lab, CHECK_BEFORE, &a);
    checks_cancel(&lab->core.checks, &a);
    lab->now += 9 * S;
    turn(lab);
    assert_int_equal(a.n, 0);
    lab_free(lab);
}

static void test_settle(void **state)
{
    (void)state;
    struct lab *lab = lab_new();
    struct answer a;
    sample(lab, (struct say){0});
    inventory_drain(&lab->core.inv, 0, true, "", lab->now);
    check(lab, CHECK_SETTLE, &a);
    sample(lab, (struct say){.util_pct = 5});
    sample(lab, (struct say){0});
    sample(lab, (struct say){0});
    turn(lab);
    assert_true(a.n == 1 && a.ok); /* a drained card settles as well */
    inventory_drain(&lab->core.inv, 0, false, NULL, lab->now);
    check(lab, CHECK_SETTLE, &a);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(a.n, 0);
        sample(lab, (struct say){.used_mib = 4000});
        turn(lab);
    }
    assert_true(a.n == 1 && !a.ok);
    assert_string_equal(card(lab)->quarantine,
                        "4000 MiB of its memory are in use, 0 MiB when idle");
    sample(lab, (struct say){0});
    sample(lab, (struct say){0});
    BUSY("in quarantine: 4000 MiB of its memory are in use, 0 MiB when idle");
    for (int i = 0; i < 32; i++)
        sample(lab, (struct say){0});
    FREE(); /* clean for half a minute */
    lab_free(lab);
}

static void test_skew(void **state)
{
    (void)state;
    struct lab *lab = lab_new();
    say_sample(&lab->line, "GPU-1", &(struct say){.mono_us = lab->now + 61 * S});
    assert_int_equal(core_line(&lab->core, lab->line.p, lab->line.len, lab->now), -1);
    say_sample(&lab->line, "GPU-1", &(struct say){.mono_us = 1});
    assert_int_equal(core_line(&lab->core, lab->line.p, lab->line.len, lab->now), -1);
    lab_free(lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_samples),   cmocka_unit_test(test_an_old_sample_is_no_second_one),
        cmocka_unit_test(test_strangers),     cmocka_unit_test(test_at_home),
        cmocka_unit_test(test_memory),        cmocka_unit_test(test_display),
        cmocka_unit_test(test_partial),       cmocka_unit_test(test_health),
        cmocka_unit_test(test_drain_and_mig), cmocka_unit_test(test_full_table),
        cmocka_unit_test(test_check),         cmocka_unit_test(test_settle),
        cmocka_unit_test(test_skew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
