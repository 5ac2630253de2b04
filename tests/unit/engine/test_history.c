/* What makes a result a point of a series. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "engine/history.h"

static void expect_print(const char *provenance, const char *machine, const char *want)
{
    CLEANUP(str_done) struct str s = STR_INIT;
    history_fingerprint(provenance, machine, &s);
    assert_string_equal(s.p, want);
}

static void test_fingerprint(void **state)
{
    (void)state;
    expect_print(NULL, NULL, "{}");
    expect_print("not json", NULL, "{}");
    expect_print(NULL, "ci-7", "{\"host\":\"ci-7\",\"imported\":true}");
    /* Members in one order, whatever their order was; what varies from run to run stays out. */
    expect_print("{\"kernel\":\"6.1\",\"host\":\"a\",\"load_1m_at_end\":3.5,\"cpus_online\":8,"
                 "\"log_sha256\":\"x\",\"recipe_version\":\"v\",\"governor\":null,\"cpu\":\"E\","
                 "\"driver\":\"550\",\"cards\":[]}",
                 NULL, "{\"cpu\":\"E\",\"cpus\":8,\"host\":\"a\",\"kernel\":\"6.1\"}");
    expect_print("{\"host\":\"a\",\"driver\":\"550\",\"cuda\":12040,\"cards\":[{\"uuid\":\"GPU-1\","
                 "\"model\":\"H100\",\"vbios\":\"96\",\"ecc\":true,\"mig\":null}]}",
                 NULL,
                 "{\"cuda\":12040,\"driver\":\"550\",\"gpus\":[{\"ecc\":true,\"model\":\"H100\","
                 "\"vbios\":\"96\"}],\"host\":\"a\"}");
    assert_int_equal(history_fingerprint_id("{}"), 0x44136fa355b3678a); /* of SHA-256("{}") */
}

static void expect_sha(const char *spec, const char *identity, const char *want)
{
    CLEANUP(mem_freep) char *sha = history_sha(spec, identity, identity ? strlen(identity) : 0);
    assert_int_equal(!sha, !want);
    if (want)
        assert_string_equal(sha, want);
}

static void test_sha(void **state)
{
    (void)state;
    expect_sha("{}", NULL, NULL);
    expect_sha("{\"source\":{\"ref\":\"main\"}}", NULL, NULL);
    expect_sha("{\"source\":{\"ref\":\"0123abc\"}}", NULL, "0123abc");
    expect_sha("{\"source\":{\"ref\":\"0123AB0\"}}", NULL, NULL);
    expect_sha("{\"source_sha\":\"fedcba9\",\"source\":{\"ref\":\"0123abc\"}}", NULL, "fedcba9");
    expect_sha("{\"source_sha\":\"fedcba9\"}", "cc gcc 12\nsha 1111111\nflags -O2\n", "1111111");
    expect_sha("{}", "sha nothex\n", NULL);
    expect_sha("{}", "shasha 1111111\n", NULL);
    assert_true(history_is_sha("0000000") && !history_is_sha("000000"));
}

static void test_ids(void **state)
{
    (void)state;
    char text[HISTORY_ID_LEN], bench[] = "b", metric[] = "m", params[] = "{}", us[] = "us",
                               ms[] = "ms", joined[] = "bm", empty[] = "";
    struct result r = {.benchmark = bench, .metric = metric, .params = params, .unit = us};
    int64_t id = history_series_id(&r, 7), back;
    assert_true(id > 0);
    assert_int_equal(id, history_series_id(&r, 7));
    assert_int_not_equal(id, history_series_id(&r, 8));
    r.unit = ms; /* a step of a factor 1000 is no change of the code */
    assert_int_not_equal(id, history_series_id(&r, 7));
    r = (struct result){.benchmark = joined, .metric = empty, .params = params, .unit = us};
    assert_int_not_equal(id, history_series_id(&r, 7));
    history_id_text(id, text);
    assert_int_equal(strlen(text), 16);
    assert_true(history_id_read(text, &back));
    assert_int_equal(back, id);
    assert_false(history_id_read("8000000000000000", &back));
    assert_false(history_id_read("123", &back));
    assert_false(history_id_read("00000000000000zz", &back));
}

static void test_summary(void **state)
{
    (void)state;
    char bench[] = "b", metric[] = "m", params[] = "{}", us[] = "us";
    double samples[] = {5, 1, 2, 100};
    struct result r[] = {{.benchmark = bench,
                          .metric = metric,
                          .params = params,
                          .unit = us,
                          .samples = samples,
                          .n_samples = 4,
                          .value = 3.5},
                         {.benchmark = bench,
                          .metric = us,
                          .params = params,
                          .unit = us,
                          .status = RESULT_FAILED,
                          .value = (double)NAN}};
    struct history_source from = {.machine = "x", .sha = "abcdef0", .committed_at_us = 9};
    struct history *h = history_prepare(&from, r, 2);
    assert_int_equal(h->n, 2);
    assert_string_equal(h->origin.sha, "abcdef0");
    assert_true(h->summary[0].median == 3.5 && h->summary[0].low == 1 && h->summary[0].high == 100);
    assert_true(h->summary[0].mad == 2); /* of 1.5, 2.5, 1.5, 96.5 */
    assert_true(isnan(h->summary[1].median) && isnan(h->summary[1].low));
    assert_int_not_equal(h->summary[0].series_id, h->summary[1].series_id);
    history_free(h);
    history_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fingerprint),
        cmocka_unit_test(test_sha),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_summary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
