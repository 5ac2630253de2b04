/* RFC 3339 there and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/ftime.h"

static void known_times(void **state)
{
    static const struct {
        int64_t at_us;
        const char *text;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {999, "1970-01-01T00:00:00.000Z"}, /* cut, not rounded: never in the future */
        {1000, "1970-01-01T00:00:00.001Z"},
        {INT64_C(951782400000000), "2000-02-29T00:00:00.000Z"},
        {INT64_C(1795367293042000), "2026-11-22T17:08:13.042Z"},
        {INT64_C(4107542399999000), "2100-02-28T23:59:59.999Z"},
        {INT64_C(253402300799999000), "9999-12-31T23:59:59.999Z"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[FTIME_LEN];
        int64_t back;
        ftime_utc(rows[i].at_us, text);
        assert_string_equal(text, rows[i].text);
        assert_int_equal(ftime_parse(text, &back), 0);
        assert_int_equal(back, rows[i].at_us / 1000 * 1000);
    }
}

/* Against the C library, through four centuries of leap years. */
static void agrees_with_gmtime(void **state)
{
    (void)state;
    for (int64_t s = 0; s < INT64_C(400) * 366 * 86400; s += 86400 * 11 + 12347) {
        char text[FTIME_LEN], want[40];
        time_t t = (time_t)s;
        struct tm tm;
        int64_t back;
        assert_non_null(gmtime_r(&t, &tm));
        assert_true(strftime(want, sizeof want, "%Y-%m-%dT%H:%M:%S.000Z", &tm) > 0);
        ftime_utc(s * 1000000, text);
        assert_string_equal(text, want);
        assert_int_equal(ftime_parse(text, &back), 0);
        assert_int_equal(back, s * 1000000);
    }
}

static void forms_that_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t at_us;
    } rows[] = {
        {"1970-01-01T00:00:01Z", 1000000},
        {"1970-01-01t00:00:01z", 1000000},
        {"1970-01-01 00:00:01Z", 1000000},
        {"1970-01-01T01:00:00+01:00", 0},
        {"1970-01-01T00:00:00-05:30", INT64_C(19800000000)},
        {"1970-01-01T00:00:00.5Z", 500000},
        {"1970-01-01T00:00:00.123456Z", 123456},
        {"1970-01-01T00:00:00.123456999999999999999999Z", 123456},
        {"2016-12-31T23:59:60Z", INT64_C(1483228800000000)}, /* a leap second is the next minute */
        {"2000-02-29T00:00:00Z", INT64_C(951782400000000)},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t at_us = -1;
        assert_int_equal(ftime_parse(rows[i].text, &at_us), 0);
        assert_int_equal(at_us, rows[i].at_us);
    }
}

static void hostile_strings(void **state)
{
    static const char *const rows[] = {
        "",
        "Z",
        "now",
        "1970",
        "1970-01-01",
        "1970-01-01T",
        "1970-01-01T00:00",
        "1970-01-01T00:00Z",
        "1970-01-01T00:00:00",
        "1970-01-01T00:00:00.Z",
        "1970-01-01T00:00:00.5",
        "1970-01-01T00:00:00+1:00",
        "1970-01-01T00:00:00+0100",
        "1970-01-01T00:00:00+24:00",
        "1970-01-01T00:00:00+01:60",
        "1970-01-01T00:00:00Zjunk",
        "1970-01-01T00:00:00Z ",
        " 1970-01-01T00:00:00Z",
        "+970-01-01T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "10000-01-01T00:00:00Z",
        "1970-00-01T00:00:00Z",
        "1970-13-01T00:00:00Z",
        "1970-01-00T00:00:00Z",
        "1970-01-32T00:00:00Z",
        "1970-02-30T00:00:00Z",
        "1971-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "1970-04-31T00:00:00Z",
        "1970-01-01T24:00:00Z",
        "1970-01-01T00:60:00Z",
        "1970-01-01T00:00:61Z",
        "1970/01/01T00:00:00Z",
        "1970-01-01X00:00:00Z",
        "1970-1-1T0:0:0Z",
        "\xd9\xa1\xd9\xa9\xd9\xa7\xd9\xa0-01-01T00:00:00Z",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t at_us = 4711;
        if (ftime_parse(rows[i], &at_us) != -1)
            fail_msg("\"%s\" was read as %lld", rows[i], (long long)at_us);
        assert_int_equal(at_us, 4711);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_times),
        cmocka_unit_test(agrees_with_gmtime),
        cmocka_unit_test(forms_that_are_read),
        cmocka_unit_test(hostile_strings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
