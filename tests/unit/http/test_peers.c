/* A run against the clean ones: the sentence people read. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "http/peers.h"

static const char *judge(const struct peers *p, const struct peer_facts *mine,
                         const struct result *r, size_t n, bool running)
{
    static char text[1024];
    struct str say = STR_INIT, doc = STR_INIT;
    struct jw w = JW(&doc);
    peers_judge(p, mine, r, n, running, &say, &w);
    snprintf(text, sizeof text, "%s", say.len ? say.p : "");
    if (!say.len)
        assert_string_equal(doc.p, "null");
    str_done(&say);
    str_done(&doc);
    return text;
}

static struct result figure(const char *metric, enum better better, double value)
{
    return (struct result){.benchmark = (char *)(uintptr_t) "b",
                           .params = (char *)(uintptr_t) "{}",
                           .metric = (char *)(uintptr_t)metric,
                           .unit = (char *)(uintptr_t) "u",
                           .better = better,
                           .status = RESULT_OK,
                           .value = value};
}

static struct peer_facts facts(int64_t job, double wall_s)
{
    struct peer_facts f = {.job = job, .wall_s = wall_s};
    peer_facts_read(&f, NULL, NULL);
    return f;
}

static void a_time_a_rate_and_several(void **state)
{
    (void)state;
    struct result old[2] = {figure("time", BETTER_LOWER, 10), figure("rate", BETTER_HIGHER, 50)};
    struct peers p = {.n = 1, .other = {facts(1, 5)}, .figure = {old}, .n_figures = {2}};
    struct peer_facts mine = facts(2, 5);
    struct result r[2] = {figure("time", BETTER_LOWER, 12), figure("rate", BETTER_HIGHER, 40)};
    assert_string_equal(judge(&p, &mine, r, 1, false),
                        "; 20 % above your median of 1 clean run (time 12 instead of 10 u); "
                        "nothing that is watched differed");
    assert_string_equal(judge(&p, &mine, r + 1, 1, false),
                        "; 20 % below your median of 1 clean run (rate 40 instead of 50 u); "
                        "nothing that is watched differed");
    assert_string_equal(judge(&p, &mine, r, 2, false),
                        "; 18 % worse than your median of 1 clean run over 2 figures; nothing that "
                        "is watched differed");
    r[0].value = 10.1;
    assert_string_equal(judge(&p, &mine, r, 1, false),
                        "; within 2 % of your median of 1 clean run (time 10.1 instead of 10 u)");
}

static void what_differed(void **state)
{
    (void)state;
    static const char provenance[] =
        "{\"load_1m_at_start\":3.5,\"other_jobs_count\":2,\"driver\":\"580\",\"kernel\":\"6.1\","
        "\"gpus\":{\"cards\":[{\"name\":\"H100\",\"summary\":{\"throttled_by\":{\"sw_power_cap\":"
        "41000,\"sync_boost\":3},\"foreign_ms\":700,\"sm_busy_mhz\":{\"mean\":1455}}}]}}";
    static const char usual[] =
        "{\"load_1m_at_start\":0.5,\"other_jobs_count\":0,\"driver\":\"570\",\"kernel\":\"6.1\","
        "\"gpus\":{\"cards\":[{\"name\":\"H100\",\"summary\":{\"throttled_by\":{},\"foreign_ms\":0,"
        "\"sm_busy_mhz\":{\"mean\":1980}}}]}}";
    struct result old = figure("rate", BETTER_HIGHER, 100);
    struct peers p = {
        .n = 1, .other = {{.job = 1, .wall_s = 50}}, .figure = {&old}, .n_figures = {1}};
    struct peer_facts mine = {.job = 2, .wall_s = 60};
    struct result r = figure("rate", BETTER_HIGHER, 82);
    peer_facts_read(&p.other[0], usual, NULL);
    peer_facts_read(&mine, provenance, NULL);
    assert_string_equal(
        judge(&p, &mine, &r, 1, false),
        "; 18 % below your median of 1 clean run (rate 82 instead of 100 u): sw_power_cap 41 s, "
        "foreign_process 700 ms, SM clock 1455 MHz (usually 1980), 2 other jobs beside it (usually "
        "0), load 3.5 at the start (usually 0.5), driver 580 instead of 570");
    snprintf(mine.model, sizeof mine.model, "H200"); /* another model is no measure */
    assert_string_equal(judge(&p, &mine, &r, 1, false), "");
}

static void without_figures_the_time_counts(void **state)
{
    (void)state;
    struct peers p = {.n = 3, .other = {facts(1, 10), facts(2, 12), facts(3, 11)}};
    struct peer_facts mine = facts(4, 22);
    assert_string_equal(judge(&p, &mine, NULL, 0, false),
                        "; 100 % longer than your median of 3 clean runs (22.0 s instead of 11.0 "
                        "s); nothing that is watched differed");
    assert_string_equal(judge(&p, &mine, NULL, 0, true),
                        "; it has run for 22 s; your median of 3 clean runs is 11 s");
    assert_string_equal(judge(NULL, &mine, NULL, 0, false), "");
    p.n = 0;
    assert_string_equal(judge(&p, &mine, NULL, 0, false), "");
}

static void damaged_documents_say_nothing(void **state)
{
    (void)state;
    static const char *const docs[] = {"",
                                       "[]",
                                       "{\"gpus\":7}",
                                       "{\"gpus\":{\"cards\":{}}}",
                                       "{\"gpus\":{\"cards\":[null,3,{\"summary\":[]}]}}",
                                       "{"};
    for (size_t i = 0; i < ARRAY_LEN(docs); i++) {
        struct peer_facts f = {0};
        peer_facts_read(&f, docs[i], docs[i]);
        assert_true(isnan(f.sm_mhz) && isnan(f.load) && f.others == -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_a_rate_and_several),
        cmocka_unit_test(what_differed),
        cmocka_unit_test(without_figures_the_time_counts),
        cmocka_unit_test(damaged_documents_say_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
