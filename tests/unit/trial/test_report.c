/* tests/golden/trial/: what is written of a few judgements, byte for byte. CAIL_GOLDEN_WRITE=1
 * writes what came out, for a person to read before it is committed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <expat.h>
#include <jansson.h>

#include "base/fsx.h"
#include "base/utf8.h"
#include "kit.h"
#include "trial/report.h"

static struct trial_judgement judged;
static struct trial_plan plan;
static struct trial_report report;

static int teardown(void **state)
{
    (void)state;
    trial_judgement_done(&judged);
    return 0;
}

static void begin(void)
{
    start();
    plan = (struct trial_plan){10, 1, 5, true, 42, .05};
    report = (struct trial_report){
        .id = 12,
        .measure_job = 16,
        .name = "gemm",
        .recipe = "mlir-opt-bench",
        .params = "{}",
        .kind = "paired",
        .side = {{"main", "0123456789abcdef0123456789abcdef01234567", NULL, 14},
                 {"topic/x", "89abcdef0123456789abcdef0123456789abcdef", NULL, 15}},
        .plan = &plan,
        .c = &kase,
        .j = &judged,
        .url = "http://127.0.0.1:7330",
    };
}

static void judge(void)
{
    trial_judgement_done(&judged);
    trial_judge(&kase, &judged);
}

/* d = mean + noise, seeded: n rounds in batch. */
static int32_t add(const char *benchmark, const char *metric, const char *unit, enum better better,
                   enum metric_kind kind, double level, double ratio, double noise)
{
    static uint64_t seed = 1;
    int32_t s = add_series(better, kind);

    seed = (uint64_t)s * 2654435761u + 99;
    series[s].benchmark = benchmark;
    series[s].metric = metric;
    series[s].unit = unit;
    series[s].floor = .004;
    for (int32_t i = 0; i < 10; i++) {
        add_obs(s, 0, i, SIDE_BASE, level * (1 + noise * seeded_normal(&seed)), RESULT_OK);
        add_obs(s, 0, i, SIDE_HEAD, level * ratio * (1 + noise * seeded_normal(&seed)), RESULT_OK);
    }
    return s;
}

static void path_of(char *path, size_t len, const char *name)
{
    snprintf(path, len, CAIL_SOURCE_DIR "/tests/golden/trial/%s", name);
}

static void keep_golden(const char *name, const struct str *got)
{
    char path[512];
    path_of(path, sizeof path, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(got->p, 1, got->len, f), got->len);
    assert_int_equal(fclose(f), 0);
}

/* The last digit of a logarithm is the processor's business: numbers to 1e-12, all else alike. */
static bool alike(const json_t *a, const json_t *b)
{
    size_t n = json_is_object(a) ? json_object_size(a) : json_array_size(a);

    if (json_is_number(a) && json_is_number(b)) {
        double x = json_number_value(a), y = json_number_value(b);
        return fabs(x - y) <= 1e-12 * fmax(fabs(x), fabs(y));
    }
    if (json_typeof(a) != json_typeof(b))
        return false;
    if (!json_is_object(a) && !json_is_array(a))
        return json_equal(a, b);
    if (n != (json_is_object(b) ? json_object_size(b) : json_array_size(b)))
        return false;
    for (size_t i = 0; json_is_array(a) && i < n; i++)
        if (!alike(json_array_get(a, i), json_array_get(b, i)))
            return false;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)a, key, value) {
        const json_t *other = json_object_get(b, key);
        if (other == NULL || !alike(value, other))
            return false;
    }
    return true;
}

static bool same_json(const struct str *a, const struct str *b)
{
    json_t *x = json_loadb(a->p, a->len, 0, NULL), *y = json_loadb(b->p, b->len, 0, NULL);
    bool is = x != NULL && y != NULL && alike(x, y);
    json_decref(x);
    json_decref(y);
    return is;
}

static void golden(const char *name, const struct str *got)
{
    char path[512];
    struct str want = STR_INIT;
    struct cail_err err;

    path_of(path, sizeof path, name);
    if (getenv("CAIL_GOLDEN_WRITE") != NULL)
        keep_golden(name, got);
    assert_int_equal(fsx_read(path, 1 << 20, &want, &err), 0);
    bool same = want.len == got->len && memcmp(want.p, got->p, got->len) == 0;
    if (!same && !(strstr(name, ".json") != NULL && same_json(&want, got)))
        fail_msg("%s differs from what was written:\n%s", name, got->p);
    str_done(&want);
}

static void assert_json(const char *text, size_t len)
{
    json_error_t e;
    json_t *v = json_loadb(text, len, JSON_REJECT_DUPLICATES, &e);
    if (v == NULL)
        fail_msg("%s in %s", e.text, text);
    json_decref(v);
}

static void assert_xml(const struct str *s)
{
    XML_Parser p = XML_ParserCreate(NULL);
    if (XML_Parse(p, s->p, (int)s->len, 1) != XML_STATUS_OK)
        fail_msg("%s in %s", XML_ErrorString(XML_GetErrorCode(p)), s->p);
    XML_ParserFree(p);
}

/* All four forms, each well-formed and the same when written twice. */
static void check_all(const char *name)
{
    char file[128];
    static const struct {
        const char *ext;
        void (*put)(const struct trial_report *, struct str *);
    } forms[] = {
        {"md", trial_report_markdown},
        {"json", trial_report_json},
        {"xml", trial_report_junit},
        {"github.json", trial_report_github},
    };

    judge();
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        struct str out = STR_INIT, again = STR_INIT;
        bool members = forms[i].put == trial_report_json;
        str_adds(&out, members ? "{" : "");
        forms[i].put(&report, &out);
        str_adds(&out, members ? "}\n" : "");
        forms[i].put(&report, &again);
        assert_memory_equal(again.p, out.p + members, again.len);
        if (strstr(forms[i].ext, "json") != NULL)
            assert_json(out.p, out.len);
        if (strcmp(forms[i].ext, "xml") == 0)
            assert_xml(&out);
        if (i == 3)
            str_addc(&out, '\n');
        snprintf(file, sizeof file, "%s.%s", name, forms[i].ext);
        golden(file, &out);
        str_done(&out);
        str_done(&again);
    }
}

static void test_regression(void **state)
{
    static const char *const missing[] = {"power of the card: not visible to this user", NULL};
    static const struct trial_diff diffs[] = {
        {"kernel.ptx", "aa11", "bb22",
         "--- base\n+++ head\n@@ -1 +1 @@\n-\tmad.lo.s32 %r1;\n+\tfma.rn.f32 %f1;\n"},
        {"kernel.cubin", "cc33", "dd44", NULL},
    };
    (void)state;
    begin();
    report.pr = "https://github.com/llvm/llvm-project/pull/12345";
    report.side[SIDE_HEAD].params = "{\"opt\":\"3\"}";
    report.fingerprint = "9f3c01aa";
    report.environment = "gpu: NVIDIA H100 80GB HBM3\ndriver: 570.86.15\nkernel: 6.1.0\n";
    report.commands = "cail compare main topic/x --recipe mlir-opt-bench --rounds 10\n";
    report.missing = missing;
    report.diff = diffs;
    report.n_diffs = ARRAY_LEN(diffs);
    series[add("gemm", "time", "ns", BETTER_LOWER, METRIC_TIME, 1234567, 1.031, .004)].params =
        "{\"m\":4096,\"type\":\"f16\"}";
    add("softmax", "time", "ms", BETTER_LOWER, METRIC_TIME, 3.2, .95, .004);
    add("copy", "bandwidth", "GB/s", BETTER_HIGHER, METRIC_RATE, 2400, 1.0, .002);
    add("conv", "time", "ms", BETTER_LOWER, METRIC_TIME, 8, 1.0, .03);
    add("opt", "instructions", "instructions", BETTER_LOWER, METRIC_COUNT, 2.2e9, 1.0004, .00002);
    add("attention", "time", "ms", BETTER_LOWER, METRIC_TIME, 12, 1.0, .002);
    int32_t s = add("opt", "size", "B", BETTER_LOWER, METRIC_EXACT, 0, 1, 0);
    for (size_t i = 0; i < kase.n_obs; i++)
        if (obs[i].series == s)
            obs[i].value = obs[i].side == SIDE_BASE ? 1234567 : 1236000;
    series[add("occupancy", "ratio", "", BETTER_NEUTRAL, METRIC_COUNT, .5, 1.2, .001)].gates =
        false;
    s = add("norm", "time", "ms", BETTER_LOWER, METRIC_TIME, 8, 1.0, .003);
    for (size_t i = 0; i < kase.n_obs; i++)
        if (obs[i].series == s && obs[i].side == SIDE_HEAD)
            obs[i].status = RESULT_FAILED;
    obs[4].tainted = true;
    static const char *const names[] = {"Dialect/Arith/ops.mlir", "Dialect/GPU/ops.mlir",
                                        "Dialect/SCF/for.mlir"};
    static const int fails[][2] = {{0, 1}, {1, 1}, {0, 0}};
    for (int k = 0; k < 3; k++) {
        s = add_series(BETTER_LOWER, METRIC_TIME);
        series[s].is_check = true;
        series[s].benchmark = names[k];
        for (int32_t i = 0; i < 3; i++)
            for (int side = 0; side < SIDE_COUNT; side++)
                add_obs(s, 0, i, (enum side)side, NAN, fails[k][side] ? RESULT_FAILED : RESULT_OK);
    }
    check_all("regression");
}

static void test_confirmed(void **state)
{
    (void)state;
    begin();
    plan.looks = 2;
    kase.alpha = .025;
    add("gemm", "time", "us", BETTER_LOWER, METRIC_TIME, 500, 1.05, .003);
    add("conv", "time", "us", BETTER_LOWER, METRIC_TIME, 700, 1.05, .003);
    add("copy", "time", "us", BETTER_LOWER, METRIC_TIME, 70, 1, .002);
    for (int32_t i = 0; i < 10; i++)
        for (int32_t s = 0; s < 2; s++) {
            uint64_t seed = (uint64_t)(i * 31 + s * 7 + 1);
            double base = 500 * (1 + .003 * seeded_normal(&seed));
            add_obs(s, 1, i, SIDE_BASE, base, RESULT_OK);
            add_obs(s, 1, i, SIDE_HEAD,
                    base * (s == 0 ? 1.04 : 1) * (1 + .003 * seeded_normal(&seed)), RESULT_OK);
        }
    series[0].floor = NAN;
    kase.confirmed_asked = true;
    check_all("confirmed");
}

static void test_same(void **state)
{
    (void)state;
    begin();
    report.kind = "aa";
    report.url = NULL;
    for (int i = 0; i < 6; i++)
        add("opt", i % 2 ? "user_time" : "wall_time", "s", BETTER_LOWER, METRIC_TIME, .8 + .1 * i,
            1, .003);
    static const char *const params[] = {"{\"pass\":\"cse\"}", "{\"pass\":\"inline\"}",
                                         "{\"pass\":\"canonicalize\"}"};
    for (int i = 0; i < 6; i++)
        series[i].params = params[i / 2];
    check_all("same");
}

static void test_unpaired(void **state)
{
    (void)state;
    begin();
    kase.unpaired = true;
    report.kind = "unpaired";
    report.plan = NULL;
    report.measure_job = 0;
    report.side[0] = (struct trial_side_words){"job 3", NULL, NULL, 3};
    report.side[1] = (struct trial_side_words){"job 9", NULL, NULL, 9};
    add("gemm", "time", "us", BETTER_LOWER, METRIC_TIME, 500, .96, .01);
    series[0].floor = NAN;
    check_all("unpaired");
}

static void test_hostile(void **state)
{
    static const struct trial_diff diff = {"a`b|c", "", NULL, "````\n# not a heading\n\x1b[2J"};
    static const char *const missing[] = {"</details> **bold** @everyone", NULL};
    (void)state;
    begin();
    add("|</td><script>`x`\n\xe2\x80\xae\xff", "ti|me", "<b>|", BETTER_LOWER, METRIC_TIME, 5, 1.1,
        .003);
    add("", "", "", BETTER_LOWER, METRIC_TIME, 5, 1.1, .003);
    series[0].params = "{\"k|\":\"`|\\\"<!--\"}";
    report.name = "]]> & \"quoted\" <name>";
    report.recipe = "r`";
    report.side[0].label = "main | `rm -rf`";
    report.side[1].label = "";
    report.side[1].sha = "|";
    report.pr = "javascript:alert(1)";
    report.url = "http://x) [y](z";
    report.reason = "stopped by *root*\n## fake heading";
    report.environment = "```\n# escape\n";
    report.commands = "echo '```'";
    report.fingerprint = "`";
    report.diff = &diff;
    report.n_diffs = 1;
    report.missing = missing;
    check_all("hostile");
}

static void headline_is(const char *want)
{
    struct str out = STR_INIT;
    judge();
    trial_report_headline(&report, &out);
    assert_string_equal(out.p, want);
    str_done(&out);
}

static void test_headlines(void **state)
{
    (void)state;
    begin();
    headline_is("missing: nothing was measured");
    add("a", "time", "s", BETTER_LOWER, METRIC_TIME, 1, 1, .0001);
    headline_is("same: the benchmark differs by less than what counts");
    add("b", "time", "s", BETTER_LOWER, METRIC_TIME, 1, 1, .0001);
    headline_is("same: all 2 benchmarks differ by less than what counts");
    add("c", "time", "s", BETTER_LOWER, METRIC_TIME, 1, .5, 0);
    headline_is("improvement: 1 of 3 benchmarks is faster (most -50.0 % c/time); 2 same");
    add("d", "size", "B", BETTER_LOWER, METRIC_EXACT, 1000, 1, 0);
    headline_is("improvement: 1 of 4 results is faster (most -50.0 % c/time); 3 same");
    add("e", "size", "B", BETTER_LOWER, METRIC_EXACT, 1000, 2, 0);
    headline_is("regression: 1 of 5 results is worse (worst +100.0 % e/size); 1 improved; 3 same");
    kase.comparable = false;
    headline_is("not comparable: the two sides were measured on different machines or settings");
    begin();
    int32_t s = add_series(BETTER_LOWER, METRIC_TIME);
    series[s].is_check = true;
    add_obs(s, 0, 0, SIDE_BASE, NAN, RESULT_OK);
    struct trial_obs *head = add_obs(s, 0, 0, SIDE_HEAD, NAN, RESULT_OK);
    headline_is("same: 1 check ends alike on both sides");
    head->status = RESULT_FAILED;
    headline_is("regression: 1 check fails that did not");
    add_obs(s, 1, 0, SIDE_BASE, NAN, RESULT_OK);
    add_obs(s, 1, 0, SIDE_HEAD, NAN, RESULT_OK);
    headline_is("same: no check fails that did not; 1 flaky");
}

/* A summary that GitHub would refuse is cut where nothing is left open. */
static void test_summary_is_bounded(void **state)
{
    struct str out = STR_INIT;
    (void)state;
    begin();
    static char name[4000];
    memset(name, 'x', sizeof name - 1);
    for (int i = 0; i < 20; i++)
        add(name, "time", "s", BETTER_LOWER, METRIC_TIME, 1, i == 7 ? 1.5 : 1, .001);
    judge();
    trial_report_github(&report, &out);
    json_t *v = json_loadb(out.p, out.len, 0, NULL);
    assert_non_null(v);
    const char *summary = json_string_value(json_object_get(v, "summary"));
    assert_true(strlen(summary) < 65535);
    assert_non_null(strstr(summary, "the whole report"));
    assert_null(strstr(summary, "<details>"));
    assert_string_equal(json_string_value(json_object_get(v, "conclusion")), "failure");
    assert_true(strlen(json_string_value(json_object_get(v, "title"))) <= 250);
    json_decref(v);
    str_done(&out);
}

/* Lines that begin with a bar have the bars of their table, those behind a backslash not counted.
 */
static void assert_rows_whole(const char *md)
{
    int want = 0;

    for (const char *line = md, *end; *line != '\0'; line = end) {
        end = line + strcspn(line, "\n");
        end += *end == '\n';
        int bars = 0;
        for (const char *c = line; c < end; c++)
            bars += *c == '|' && (c == line || c[-1] != '\\');
        if (line[0] != '|') {
            want = 0;
            continue;
        }
        if (want != 0)
            assert_int_equal(bars, want);
        want = bars;
    }
}

static const char *random_word(uint64_t *seed)
{
    static char words[64][24];
    static size_t at;
    char *w = words[at++ % 64];
    size_t n = seeded_below(seed, 20);

    for (size_t i = 0; i < n; i++)
        w[i] = seeded_below(seed, 3) ? "|`<>&\\\"@[]*_#~\n\r"[seeded_below(seed, 16)]
                                     : (char)(1 + seeded_below(seed, 255));
    w[n] = '\0';
    return w;
}

static double random_value(uint64_t *seed)
{
    static const double odd[] = {0, -1, 1e308, -1e308, 5e-324, 1e15, 9e15, NAN, INFINITY, 1};
    return seeded_below(seed, 8) ? exp(seeded_normal(seed)) : odd[seeded_below(seed, 10)];
}

/* Whatever comes in: no crash, JSON that is JSON, XML that is XML, tables of as many cells. */
static void test_anything(void **state)
{
    uint64_t seed = 77;
    (void)state;
    for (int i = 0; i < 400; i++) {
        begin();
        kase.unpaired = seeded_below(&seed, 5) == 0;
        kase.comparable = seeded_below(&seed, 9) != 0;
        kase.confirmed_asked = seeded_below(&seed, 3) == 0;
        for (uint64_t s = seeded_below(&seed, 5); s > 0; s--) {
            int32_t k = add_series((enum better)seeded_below(&seed, BETTER_COUNT),
                                   (enum metric_kind)seeded_below(&seed, METRIC_KIND_COUNT));
            series[k].benchmark = random_word(&seed);
            series[k].metric = random_word(&seed);
            series[k].unit = random_word(&seed);
            series[k].is_check = seeded_below(&seed, 5) == 0;
            series[k].gates = seeded_below(&seed, 5) != 0;
            series[k].floor = seeded_below(&seed, 3) ? .01 : (double)NAN;
            for (uint64_t n = seeded_below(&seed, 40); n > 0; n--) {
                struct trial_obs *o =
                    add_obs(k, (int32_t)seeded_below(&seed, 2), (int32_t)seeded_below(&seed, 12),
                            (enum side)seeded_below(&seed, 2), random_value(&seed), RESULT_OK);
                if (seeded_below(&seed, 6) == 0)
                    o->status = (enum result_status)seeded_below(&seed, RESULT_STATUS_COUNT);
                o->seq = (int32_t)seeded_below(&seed, 50);
                o->resolution = seeded_below(&seed, 9) ? 0 : random_value(&seed);
            }
        }
        report.name = random_word(&seed);
        report.side[0].label = random_word(&seed);
        report.reason = random_word(&seed);
        report.pr = random_word(&seed);
        report.commands = random_word(&seed);
        judge();
        struct str json = STR_INIT, xml = STR_INIT, md = STR_INIT;
        str_adds(&json, "[");
        trial_report_github(&report, &json);
        str_adds(&json, ",{");
        trial_report_json(&report, &json);
        str_adds(&json, "}]");
        trial_report_junit(&report, &xml);
        trial_report_markdown(&report, &md);
        assert_json(json.p, json.len);
        assert_xml(&xml);
        assert_true(utf8_valid(md.p, md.len));
        assert_rows_whole(md.p);
        str_done(&json);
        str_done(&xml);
        str_done(&md);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_regression),
        cmocka_unit_test(test_confirmed),
        cmocka_unit_test(test_same),
        cmocka_unit_test(test_unpaired),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_headlines),
        cmocka_unit_test(test_summary_is_bounded),
        cmocka_unit_test(test_anything),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
