/* Every line is bounded and checked: what is right is read, what is not told is -1, what makes no
 * sense is refused, and no cut or flipped byte reaches beyond its line. */
#include "probe_say.h"

#include "gpu/lines.h"
#include "gpu/probe_lines.h"

static int read_text(const char *text, struct line *l)
{
    return line_read(text, strlen(text), l, NULL);
}

static void test_hello(void **state)
{
    (void)state;
    struct str s = STR_INIT;
    struct line l;
    say_hello_open(&s);
    say_card(&s, "GPU-1", 0, NULL, true);
    say_card(&s, "MIG-GPU-1/3/0", 1, "GPU-1", false);
    say_hello_close(&s);
    assert_int_equal(read_text(s.p, &l), 0);
    assert_int_equal(l.kind, LINE_HELLO);
    assert_string_equal(l.driver, "580.159.04");
    assert_int_equal(l.cuda, 13000);
    assert_false(l.partial);
    assert_int_equal(l.n_cards, 2);
    assert_string_equal(l.cards[0].name, "NVIDIA H100 80GB HBM3");
    assert_int_equal(l.cards[0].mig, 1);
    assert_int_equal(l.cards[0].sm_max_mhz, 1980);
    assert_string_equal(l.cards[1].parent, "GPU-1");
    assert_string_equal(l.cards[0].parent, "");
    line_done(&l);
    str_done(&s);
}

static void test_sample(void **state)
{
    (void)state;
    struct str s = STR_INIT;
    struct line l;
    say_sample(&s, "GPU-1",
               &(struct say){.mono_us = 5,
                             .util_pct = 100,
                             .used_mib = 1520,
                             .sm_mhz = 1455,
                             .reasons = 4,
                             .sw_power_cap_us = 77,
                             .energy_mj = 9,
                             .procs = "[{\"pid\":2,\"used_mib\":null,\"kind\":\"graphics\"},"
                                      "{\"pid\":2380,\"used_mib\":1032,\"kind\":\"compute\"}]"});
    assert_int_equal(read_text(s.p, &l), 0);
    assert_int_equal(l.kind, LINE_SAMPLE);
    assert_int_equal(l.sample.mono_us, 5);
    assert_int_equal(l.sample.sm_mhz, 1455);
    assert_int_equal(l.sample.slowed_us[GPU_SLOWED_SW_POWER_CAP], 77);
    assert_true(l.procs_told);
    assert_int_equal(l.n_procs, 2);
    assert_int_equal(l.procs[0].pid, 2380); /* compute first */
    assert_int_equal(l.procs[0].used_mib, 1032);
    assert_int_equal(l.procs[1].used_mib, -1);
    assert_false(l.procs[1].compute);
    line_done(&l);
    str_done(&s);
}

static void test_not_told(void **state)
{
    (void)state;
    struct line l;
    assert_int_equal(read_text("{\"t\":\"sample\",\"uuid\":\"GPU-1\",\"mono_us\":1,\"sm_mhz\":null,"
                               "\"util_pct\":101,\"power_mw\":-3,\"temp_c\":\"hot\","
                               "\"used_mib\":99999999999,\"slowed_us\":null,\"procs\":null}",
                               &l),
                     0);
    assert_int_equal(l.sample.sm_mhz, -1);
    assert_int_equal(l.sample.util_pct, -1);
    assert_int_equal(l.sample.power_mw, -1);
    assert_int_equal(l.sample.temp_c, -1);
    assert_int_equal(l.sample.used_mib, -1);
    assert_int_equal(l.sample.energy_mj, -1);
    for (int i = 0; i < GPU_SLOWED_COUNT; i++)
        assert_int_equal(l.sample.slowed_us[i], -1);
    assert_false(l.procs_told);
    line_done(&l);
}

static void test_others(void **state)
{
    (void)state;
    struct line l;
    assert_int_equal(read_text("{\"t\":\"none\",\"reason\":\"no\\u001b[31m library\"}", &l), 0);
    assert_string_equal(l.text, "no [31m library"); /* no control byte gets through */
    assert_int_equal(read_text("{\"t\":\"xid\",\"uuid\":\"GPU-1\",\"xid\":79,\"mono_us\":3}", &l),
                     0);
    assert_int_equal(l.xid, 79);
    assert_int_equal(read_text("{\"t\":\"lost\",\"uuid\":\"GPU-1\",\"error\":\"GPU is lost\"}", &l),
                     0);
    assert_string_equal(l.text, "GPU is lost");
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        " ",
        "x",
        "[]",
        "7",
        "{}",
        "{\"t\":1}",
        "{\"t\":\"hi\"}",
        "{\"t\":\"sample\"}",
        "{\"t\":\"sample\",\"uuid\":\"\",\"mono_us\":1}",
        "{\"t\":\"sample\",\"uuid\":\"a b\",\"mono_us\":1}",
        "{\"t\":\"sample\",\"uuid\":\"../../x\",\"mono_us\":1}",
        "{\"t\":\"sample\",\"uuid\":\"GPU-1\"}",
        "{\"t\":\"sample\",\"uuid\":\"GPU-1\",\"mono_us\":-1}",
        "{\"t\":\"sample\",\"uuid\":\"GPU-1\",\"mono_us\":1,\"mono_us\":2}",
        "{\"t\":\"xid\",\"uuid\":\"GPU-1\"}",
        "{\"t\":\"xid\",\"uuid\":\"GPU-1\",\"xid\":0}",
        "{\"t\":\"hello\",\"v\":2,\"cards\":[]}",
        "{\"t\":\"hello\",\"v\":1}",
        "{\"t\":\"hello\",\"v\":1,\"cards\":[{}]}",
        "{\"t\":\"hello\",\"v\":1,\"cards\":[7]}",
        "{\"t\":\"hello\",\"v\":1,\"cards\":[{\"uuid\":\"A\"},{\"uuid\":\"A\"}]}",
        "{\"t\":\"none\",\"x\":[[[[[[[[[[1]]]]]]]]]]}",
        "{\"t\":\"none\",\"reason\":\"\xff\"}",
    };
    struct line l;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (!read_text(bad[i], &l))
            fail_msg("was read: %s", bad[i]);
    assert_int_not_equal(line_read("{}\0{}", 5, &l, NULL), 0);
}

static void test_many(void **state)
{
    (void)state;
    struct str s = STR_INIT;
    struct line l;
    char uuid[32];
    say_hello_open(&s);
    for (int i = 0; i < 100; i++) {
        snprintf(uuid, sizeof uuid, "GPU-%d", i);
        say_card(&s, uuid, i, NULL, false);
    }
    say_hello_close(&s);
    assert_int_equal(read_text(s.p, &l), 0);
    assert_int_equal(l.n_cards, GPU_CARDS_MAX);
    line_done(&l);
    str_clear(&s);
    str_adds(&s, "{\"t\":\"sample\",\"uuid\":\"G\",\"mono_us\":1,\"procs\":[");
    for (int i = 1; i <= 50; i++)
        str_addf(&s, "%s{\"pid\":%d,\"kind\":\"%s\"}", i > 1 ? "," : "", i,
                 i <= 20  ? "graphics"
                 : i < 40 ? "compute"
                          : "other");
    str_adds(&s, "]}");
    assert_int_equal(read_text(s.p, &l), 0);
    assert_int_equal(l.n_procs, GPU_PROCS_MAX);
    assert_true(l.procs_more);
    assert_true(l.procs[29].compute); /* a kind that is not known counts as compute */
    assert_false(l.procs[30].compute);
    line_done(&l);
    str_clear(&s);
    for (size_t i = 0; i < PROBE_LINE_MAX + 1; i++)
        str_addc(&s, ' ');
    assert_int_not_equal(line_read(s.p, s.len, &l, NULL), 0);
    str_done(&s);
}

/* A copy of exactly that size, so that a sanitizer sees the first byte beyond. */
static void try_bytes(const char *p, size_t len, bool whole)
{
    char *copy = malloc(len ? len : 1);
    struct line l;
    assert_non_null(copy);
    memcpy(copy, p, len);
    int code = line_read(copy, len, &l, NULL);
    if (!whole)
        assert_int_not_equal(code, 0);
    if (!code)
        line_done(&l);
    free(copy);
}

static void test_cut_and_flipped(void **state)
{
    (void)state;
    struct str s = STR_INIT, t = STR_INIT;
    say_hello_open(&s);
    say_card(&s, "GPU-1", 0, NULL, false);
    say_hello_close(&s);
    say_sample(&t, "GPU-1",
               &(struct say){.mono_us = 5,
                             .procs = "[{\"pid\":2,\"used_mib\":1,"
                                      "\"kind\":\"compute\"}]"});
    const struct str *lines[] = {&s, &t};
    for (int k = 0; k < 2; k++)
        for (size_t i = 0; i < lines[k]->len; i++) {
            try_bytes(lines[k]->p, i, false);
            for (int bit = 0; bit < 8; bit++) {
                lines[k]->p[i] = (char)(lines[k]->p[i] ^ (1 << bit));
                try_bytes(lines[k]->p, lines[k]->len, true);
                lines[k]->p[i] = (char)(lines[k]->p[i] ^ (1 << bit));
            }
        }
    str_done(&s);
    str_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hello),           cmocka_unit_test(test_sample),
        cmocka_unit_test(test_not_told),        cmocka_unit_test(test_others),
        cmocka_unit_test(test_refused),         cmocka_unit_test(test_many),
        cmocka_unit_test(test_cut_and_flipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
