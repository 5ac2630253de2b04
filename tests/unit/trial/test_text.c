/* Words and numbers on a page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <string.h>

#include <cmocka.h>

#include "trial/text.h"

static struct str out;

static int teardown(void **state)
{
    (void)state;
    str_done(&out);
    return 0;
}

#define GIVES(call, want)                                                                          \
    do {                                                                                           \
        str_clear(&out);                                                                           \
        call;                                                                                      \
        assert_string_equal(out.p != NULL ? out.p : "", want);                                     \
    } while (0)

static void test_code(void **state)
{
    (void)state;
    GIVES(trial_md_code(&out, "BM_x/64"), "`BM_x/64`");
    GIVES(trial_md_code(&out, ""), "-");
    GIVES(trial_md_code(&out, NULL), "-");
    GIVES(trial_md_code(&out, "a|b"), "`a\\|b`");
    GIVES(trial_md_code(&out, "a\\|b"), "`a\\u005c\\|b`");
    GIVES(trial_md_code(&out, "a`b"), "``a`b``");
    GIVES(trial_md_code(&out, "`"), "`` ` ``");
    GIVES(trial_md_code(&out, "``a"), "``` ``a ```");
    GIVES(trial_md_code(&out, "<script>@you #1"), "`<script>@you #1`");
    GIVES(trial_md_code(&out, "a\nb\x1b[31m"), "`a\\u000ab\\u001b[31m`");
    GIVES(trial_md_code(&out, "x\xe2\x80\xaey"), "`x\\u202ey`");
    GIVES(trial_md_code(&out, "\xff\xc3\xa9"), "`\xef\xbf\xbd\xc3\xa9`");
    GIVES(trial_md_code(&out, "\xc2\x85\xf3\xa0\x80\x81"), "`\\u0085\\u0e0001`");
}

static void test_prose(void **state)
{
    (void)state;
    GIVES(trial_md_text(&out, "a_b *c* <d> | [x](y) `z` @you &amp; #3"),
          "a\\_b \\*c\\* &lt;d\\> \\| \\[x](y) \\`z\\` @<!-- -->you &amp;amp; \\#3");
    GIVES(trial_md_text(&out, "- x"), "\\- x");
    GIVES(trial_md_text(&out, "one\ntwo"), "one\\u000atwo");
    GIVES(trial_plain(&out, "a\tb"), "a\\u0009b");
    GIVES(trial_xml(&out, "<a b=\"c\">&\x01\xef\xbf\xbf"),
          "&lt;a b=&quot;c&quot;&gt;&amp;\\u0001\\uffff");
}

static void test_fence(void **state)
{
    (void)state;
    GIVES(trial_md_fence(&out, "diff", "-a\n+b\n"), "```diff\n-a\n+b\n```\n");
    GIVES(trial_md_fence(&out, "sh", "x"), "```sh\nx\n```\n");
    GIVES(trial_md_fence(&out, "", ""), "```\n```\n");
    GIVES(trial_md_fence(&out, "diff", "```\n````\n"), "`````diff\n```\n````\n`````\n");
    GIVES(trial_md_fence(&out, "", "a\r\n\tb\x07\n"), "```\na\\u000d\n\tb\\u0007\n```\n");
}

static void test_link(void **state)
{
    (void)state;
    GIVES(trial_md_link(&out, "it", "https://example.org/p/1?a=b#c"),
          "[it](https://example.org/p/1?a=b#c)");
    GIVES(trial_md_link(&out, "it", "javascript:alert(1)"), "`javascript:alert(1)`");
    GIVES(trial_md_link(&out, "it", "https://x/) [y](z"), "`https://x/) [y](z`");
    GIVES(trial_md_link(&out, "it", "https://x/\ny"), "`https://x/\\u000ay`");
}

static void test_params(void **state)
{
    (void)state;
    GIVES(trial_params(&out, NULL), "");
    GIVES(trial_params(&out, "{}"), "");
    GIVES(trial_params(&out, "{\"m\":1,\"type\":\"f16\"}"), "m=1 type=f16");
    GIVES(trial_params(&out, "{\"a\":\"x,y:{z}\",\"b\":\"q\\\"\\\\\"}"), "a=x,y:{z} b=q\"\\");
    GIVES(trial_params(&out, "{\"a\":\"\\u202e\"}"), "a=\\u202e");
    GIVES(trial_params(&out, "{\"a\":\"cut"), "a=cut");
    GIVES(trial_params(&out, "{\"a\":\"cut\\"), "a=cut\\");
}

static void test_fixed(void **state)
{
    (void)state;
    GIVES(trial_fixed(&out, 12.345, 1), "12.3");
    GIVES(trial_fixed(&out, -0.05, 2), "-0.05");
    GIVES(trial_fixed(&out, -0.001, 2), "0.00");
    GIVES(trial_fixed(&out, 0.999, 2), "1.00");
    GIVES(trial_fixed(&out, 0, 0), "0");
    GIVES(trial_fixed(&out, 123456789012., 6), "123456789012.0000");
    GIVES(trial_fixed(&out, -1.5e300, 2), "-1.500e300");
    GIVES(trial_fixed(&out, DBL_MAX, 9), "1.798e308");
    GIVES(trial_fixed(&out, (double)NAN, 2), "-");
    GIVES(trial_fixed(&out, (double)INFINITY, 2), "-");
}

static void test_change(void **state)
{
    const double nan = NAN;
    (void)state;
    GIVES(trial_change(&out, 1.031, 1.0262, 1.0371), "+3.1 % [+2.6, +3.7]");
    GIVES(trial_change(&out, .97, .96, .981), "-3.0 % [-4.0, -1.9]");
    GIVES(trial_change(&out, 1.0005, .99962, 1.00138), "+0.05 % [-0.04, +0.14]");
    GIVES(trial_change(&out, 1.25, 1.05, 1.45), "+25.0 % [+5.0, +45.0]");
    GIVES(trial_change(&out, 1, 1, 1), "0.0 %");
    GIVES(trial_change(&out, 1.00003, nan, nan), "+0.0030 %");
    GIVES(trial_change(&out, 1.01, nan, 1.1), "+1.0 %");
    GIVES(trial_change(&out, 1234, 1230, 1240), "+123300 % [+122900, +123900]");
    GIVES(trial_change(&out, nan, nan, nan), "-");
}

static void test_percent_and_p(void **state)
{
    (void)state;
    GIVES(trial_percent(&out, .01), "1 %");
    GIVES(trial_percent(&out, .001), "0.1 %");
    GIVES(trial_percent(&out, .00253), "0.253 %");
    GIVES(trial_percent(&out, .95), "95 %");
    GIVES(trial_percent(&out, .975), "97.5 %");
    GIVES(trial_percent(&out, 0), "0 %");
    GIVES(trial_p(&out, .001953125), "0.002");
    GIVES(trial_p(&out, .05), "0.05");
    GIVES(trial_p(&out, .0488), "0.049");
    GIVES(trial_p(&out, 1), "1");
    GIVES(trial_p(&out, .25), "0.25");
    GIVES(trial_p(&out, 3.2e-7), "0.00000032");
    GIVES(trial_p(&out, 1e-12), "<1e-9");
}

static void row(const char *unit, enum metric_kind kind, double base, double head)
{
    struct trial_scale s;
    trial_scale_init(&s, unit, kind, base, head, fabs(head / base - 1) / 10);
    trial_value(&out, &s, base);
    str_adds(&out, " ");
    trial_value(&out, &s, head);
}

static void test_scale(void **state)
{
    (void)state;
    GIVES(row("ns", METRIC_TIME, 1234567, 1301000), "1.235 ms 1.301 ms");
    GIVES(row("ms", METRIC_TIME, .5, .51), "500.0 us 510.0 us");
    GIVES(row("s", METRIC_TIME, .9, 1.1), "900.0 ms 1100.0 ms"); /* one unit for both */
    GIVES(row("s", METRIC_TIME, 5000, 5000.5), "5000.00 s 5000.50 s");
    GIVES(row("ms", METRIC_TIME, 100, 103), "100 ms 103 ms");
    GIVES(row("B", METRIC_EXACT, 1234567, 1234568), "1,234,567 B 1,234,568 B");
    GIVES(row("B", METRIC_COUNT, 1234567, 1300000), "1.235 MB 1.300 MB");
    GIVES(row("GB/s", METRIC_RATE, 1500, 1480), "1.500 TB/s 1.480 TB/s");
    GIVES(row("GiB/s", METRIC_RATE, 1500.25, 1480.5), "1500 GiB/s 1481 GiB/s");
    GIVES(row("", METRIC_COUNT, 123456789, 123480000), "123.457 M 123.480 M");
    GIVES(row("instructions", METRIC_COUNT, 2e9, 2.1e9),
          "2.000 G instructions 2.100 G instructions");
    GIVES(row("x|y", METRIC_TIME, 1.5, 1.5), "1.500 x\\|y 1.500 x\\|y");
    GIVES(row("ms", METRIC_TIME, (double)NAN, 2), "- 2.000 ms");
    GIVES(row("ms", METRIC_TIME, 0, 0), "0.000 ms 0.000 ms");
    GIVES(row("", METRIC_COUNT, 1e300, 1e300), "1.000e288 T 1.000e288 T");
}

/* Another decimal point elsewhere in the process changes nothing. */
static void test_no_locale(void **state)
{
    static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "pt_BR.UTF-8"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (setlocale(LC_NUMERIC, names[i]) != NULL)
            break;
    GIVES(trial_change(&out, 1.031, 1.0262, 1.0371), "+3.1 % [+2.6, +3.7]");
    setlocale(LC_NUMERIC, "C");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_code),   cmocka_unit_test(test_prose),
        cmocka_unit_test(test_fence),  cmocka_unit_test(test_link),
        cmocka_unit_test(test_params), cmocka_unit_test(test_fixed),
        cmocka_unit_test(test_change), cmocka_unit_test(test_percent_and_p),
        cmocka_unit_test(test_scale),  cmocka_unit_test(test_no_locale),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
