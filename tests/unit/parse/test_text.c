/* Lines, cells, parameters and units: what the formats are read with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "parse/reader.h"

#define assert_span(s, word) assert_true(parse_span_is((s), (word)))

static void test_lines(void **state)
{
    (void)state;
    static const char text[] = "one\r\n\n\033[1;37mre\033[0md\033\nlast";
    struct parse_text t = {.p = text, .len = sizeof text - 1};
    assert_true(parse_text_next(&t));
    assert_span(t.line, "one");
    assert_true(parse_text_next(&t));
    assert_span(t.line, "");
    assert_true(parse_text_next(&t));
    assert_span(t.line, "red");
    assert_true(parse_text_next(&t));
    assert_span(t.line, "last");
    assert_int_equal(t.line_no, 4);
    assert_false(parse_text_next(&t));
    parse_text_done(&t);
}

static void test_spans(void **state)
{
    (void)state;
    struct parse_span s = parse_span_of("  a=b=c  "), before, after;
    s = parse_span_trim(s);
    assert_true(parse_after_last(s, "=", &before, &after));
    assert_span(before, "a=b");
    assert_span(after, "c");
    assert_true(parse_cut_to(&s, "=", &before));
    assert_span(before, "a");
    assert_span(s, "b=c");
    assert_false(parse_cut_to(&s, "x", &before));
    assert_span(s, "b=c");
    assert_span(parse_cut_word(&s), "b=c");
    assert_int_equal(parse_cut_word(&s).n, 0);
}

static void test_csv(void **state)
{
    (void)state;
    struct parse_csv row = {.n = 0};
    assert_true(parse_csv_row(&row, parse_span_of("a,\"b \"\"x\"\", c\",,\" d\""), ','));
    assert_int_equal(row.n, 4);
    assert_span(row.cell[0], "a");
    assert_span(row.cell[1], "b \"x\", c");
    assert_span(row.cell[2], "");
    assert_span(row.cell[3], " d");
    assert_int_equal(parse_csv_find(&row, "d"), 3);
    assert_int_equal(parse_csv_find(&row, "e"), -1);
    assert_int_equal(parse_csv_cell(&row, -1).n, 0);
    assert_int_equal(parse_csv_cell(&row, 9).n, 0);
    assert_true(parse_csv_row(&row, parse_span_of(""), ','));
    assert_int_equal(row.n, 1);
    assert_false(parse_csv_row(&row, parse_span_of("a,\"b"), ','));
    assert_false(parse_csv_row(&row, parse_span_of("\"b\"c"), ','));
    char many[PARSE_CELLS_MAX + 1];
    memset(many, ',', sizeof many);
    assert_false(parse_csv_row(&row, (struct parse_span){many, sizeof many}, ','));
    parse_csv_done(&row);
}

static void test_params_are_sorted(void **state)
{
    (void)state;
    CLEANUP(str_done) struct str out = STR_INIT;
    struct parse_pairs pairs = {.n = 0};
    assert_true(parse_pairs_adds(&pairs, "n", "-12"));
    assert_true(parse_pairs_adds(&pairs, "a\"b", "x\ny"));
    assert_true(parse_pairs_adds(&pairs, "m", "007"));
    assert_true(parse_pairs_adds(&pairs, "on", "true"));
    assert_true(parse_pairs_adds(&pairs, "big", "1234567890123456"));
    assert_false(parse_pairs_adds(&pairs, "n", "13"));
    assert_false(parse_pairs_adds(&pairs, "", "13"));
    assert_string_equal(parse_pairs_json(&pairs, &out),
                        "{\"a\\\"b\":\"x\\ny\",\"big\":\"1234567890123456\",\"m\":\"007\","
                        "\"n\":-12,\"on\":true}");
}

static void test_units(void **state)
{
    (void)state;
    assert_string_equal(parse_unit("msec"), "ms");
    assert_string_equal(parse_unit("\xc2\xb5s"), "us");
    assert_string_equal(parse_unit("parsecs"), "parsecs");
    assert_int_equal(parse_unit_better("ms"), BETTER_LOWER);
    assert_int_equal(parse_unit_better("GB/s"), BETTER_HIGHER);
    assert_int_equal(parse_unit_better("points"), BETTER_NEUTRAL);
}

static void test_keys(void **state)
{
    (void)state;
    static const char text[] = " {\"say \": \"name\", \"name\" : 1, \"x\"";
    assert_true(parse_key(text, sizeof text - 1, "name"));
    assert_false(parse_key(text, sizeof text - 1, "say"));
    assert_false(parse_key(text, sizeof text - 1, "x"));
    assert_false(parse_key(text, 0, "name"));
    assert_true(parse_object_with(text, sizeof text - 1, "name", NULL, NULL));
    assert_false(parse_object_with(text + 2, sizeof text - 3, "name", NULL, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines), cmocka_unit_test(test_spans),
        cmocka_unit_test(test_csv),   cmocka_unit_test(test_params_are_sorted),
        cmocka_unit_test(test_units), cmocka_unit_test(test_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
