/* str, jw, utf8, near, digest, err: text in and out of the house. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/digest.h"
#include "base/err.h"
#include "base/jw.h"
#include "base/mem.h"
#include "base/near.h"
#include "base/str.h"
#include "base/utf8.h"

/* --- str --- */

static void str_grows(void **state)
{
    CLEANUP(str_done) struct str s = STR_INIT;
    (void)state;
    str_add(&s, "", 0);
    assert_string_equal(s.p, "");
    for (int i = 0; i < 1000; i++)
        str_addf(&s, "%d,", i % 10);
    assert_int_equal(s.len, 2000);
    assert_int_equal(strlen(s.p), 2000);
    str_clear(&s);
    assert_int_equal(s.len, 0);
    assert_string_equal(s.p, "");
    str_add(&s, "a\0b", 3);
    assert_int_equal(s.len, 3);
    assert_memory_equal(s.p, "a\0b", 4);
}

static void str_takes_and_starts_again(void **state)
{
    struct str s = STR_INIT;
    (void)state;
    char *empty = str_take(&s);
    assert_string_equal(empty, "");
    free(empty);
    str_adds(&s, "text");
    char *text = str_take(&s);
    assert_string_equal(text, "text");
    assert_null(s.p);
    free(text);
    str_done(&s);
    str_clear(&s);
}

static void str_integers(void **state)
{
    static const int64_t rows[] = {0, 1, -1, 10, -10, 1234567890, INT64_MAX, INT64_MIN};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(str_done) struct str s = STR_INIT;
        char want[32];
        snprintf(want, sizeof want, "%lld", (long long)rows[i]);
        str_add_int(&s, rows[i]);
        assert_string_equal(s.p, want);
    }
}

/* --- utf8: Unicode 15, table 3-7, both sides of each border --- */

static const struct {
    const char *bytes;
    size_t len, n; /* n: length of the first character, 0 = bad */
} chars[] = {
    {"A", 1, 1},
    {"\x7f", 1, 1},
    {"\x80", 1, 0},
    {"\xbf", 1, 0},
    {"\xc0\x80", 2, 0}, /* overlong NUL */
    {"\xc1\xbf", 2, 0},
    {"\xc2\x80", 2, 2},
    {"\xdf\xbf", 2, 2},
    {"\xc2", 1, 0},
    {"\xc2\x41", 2, 0},
    {"\xc2\xc2", 2, 0},
    {"\xe0\x9f\xbf", 3, 0}, /* overlong */
    {"\xe0\xa0\x80", 3, 3},
    {"\xed\x9f\xbf", 3, 3},
    {"\xed\xa0\x80", 3, 0}, /* surrogate */
    {"\xed\xbf\xbf", 3, 0},
    {"\xee\x80\x80", 3, 3},
    {"\xef\xbf\xbf", 3, 3},
    {"\xe2\x82", 2, 0},
    {"\xe2\x82\x28", 3, 0},
    {"\xf0\x8f\xbf\xbf", 4, 0}, /* overlong */
    {"\xf0\x90\x80\x80", 4, 4},
    {"\xf4\x8f\xbf\xbf", 4, 4},
    {"\xf4\x90\x80\x80", 4, 0}, /* past U+10FFFF */
    {"\xf5\x80\x80\x80", 4, 0},
    {"\xf0\x9f\x98", 3, 0},
    {"\xf0\x9f\x98\x41", 4, 0},
    {"\xff", 1, 0},
    {"\xfe\xfe\xff\xff", 4, 0},
};

static void utf8_borders(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(chars); i++) {
        /* On the heap, so that a sanitizer sees a read past the end. */
        char *copy = mem_strndup(chars[i].bytes, chars[i].len);
        copy = mem_grow(copy, chars[i].len, 1);
        assert_int_equal(utf8_char_len(copy, chars[i].len), chars[i].n);
        assert_int_equal(utf8_valid(copy, chars[i].len), chars[i].n > 0);
        free(copy);
    }
    assert_true(utf8_valid("", 0));
    assert_true(utf8_valid("a\0b", 3));
    assert_false(utf8_valid("fine until \xe9", 12));
}

static void utf8_controls(void **state)
{
    (void)state;
    assert_true(utf8_printable("caf\xc3\xa9 \xf0\x9f\x98\x80", 10, ""));
    assert_false(utf8_printable("a\nb", 3, ""));
    assert_true(utf8_printable("a\nb", 3, "\n\t"));
    assert_false(utf8_printable("a\x1b[31m", 6, "\n\t"));
    assert_false(utf8_printable("a\0b", 3, "\n")); /* the NUL that ends `allowed` allows nothing */
    assert_false(utf8_printable("\x7f", 1, ""));
    assert_false(utf8_printable("\xc2\x9b", 2, "")); /* C1: a terminal's CSI */
    assert_true(utf8_printable("\xc2\xa0", 2, ""));
    assert_false(utf8_printable("\xff", 1, ""));
}

/* --- jw --- */

static void json_shape(void **state)
{
    CLEANUP(str_done) struct str s = STR_INIT;
    struct jw w = JW(&s);
    (void)state;
    jw_open(&w, '{');
    jw_key(&w, "a");
    jw_open(&w, '[');
    jw_int(&w, 1);
    jw_open(&w, '[');
    jw_close(&w, ']');
    jw_open(&w, '{');
    jw_close(&w, '}');
    jw_bool(&w, false);
    jw_null(&w);
    jw_raw(&w, "", 0); /* nothing, not even a comma */
    jw_raw(&w, "{\"x\":2}", 7);
    jw_close(&w, ']');
    jw_kstr(&w, "s", NULL);
    jw_kint(&w, "i", INT64_MIN);
    jw_kreal(&w, "r", 0.1);
    jw_kbool(&w, "b", true);
    jw_knull(&w, "n");
    jw_ktime(&w, "t", 1);
    jw_ktime(&w, "never", 0);
    jw_key_any(&w, "k\"\n");
    jw_str(&w, "v");
    jw_close(&w, '}');
    assert_string_equal(s.p, "{\"a\":[1,[],{},false,null,{\"x\":2}],\"s\":null,"
                             "\"i\":-9223372036854775808,\"r\":0.1,\"b\":true,\"n\":null,"
                             "\"t\":\"1970-01-01T00:00:00.000Z\",\"never\":null,"
                             "\"k\\\"\\n\":\"v\"}");
}

static void json_string_is(const char *in, size_t len, const char *want)
{
    CLEANUP(str_done) struct str s = STR_INIT;
    struct jw w = JW(&s);
    jw_strn(&w, in, len);
    assert_string_equal(s.p, want);
    assert_true(utf8_valid(s.p, s.len));
}

static void json_strings(void **state)
{
    (void)state;
    json_string_is("", 0, "\"\"");
    json_string_is("a\"b\\c/", 6, "\"a\\\"b\\\\c/\"");
    json_string_is("\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\"");
    json_string_is("a\0b\x1f\x7f", 5, "\"a\\u0000b\\u001f\\u007f\"");
    json_string_is("caf\xc3\xa9", 5, "\"caf\xc3\xa9\"");
    json_string_is("\xe2\x80\xa8", 3, "\"\xe2\x80\xa8\"");
#define BAD "\xef\xbf\xbd"
    json_string_is("\xff", 1, "\"" BAD "\"");
    json_string_is("a\xe9z", 3, "\"a" BAD "z\"");
    json_string_is("\xed\xa0\x80", 3, "\"" BAD BAD BAD "\"");
    json_string_is("\xc0\xaf", 2, "\"" BAD BAD "\"");
    json_string_is("x\xf0\x9f\x98", 4, "\"x" BAD BAD BAD "\""); /* cut off at the end */
    json_string_is("\xc3\"", 2, "\"" BAD "\\\"\"");             /* the quote is not swallowed */
#undef BAD
}

static void json_every_byte(void **state)
{
    (void)state;
    for (int a = 0; a < 256; a++)
        for (int b = 0; b < 256; b++) {
            CLEANUP(str_done) struct str s = STR_INIT;
            struct jw w = JW(&s);
            const char two[2] = {(char)a, (char)b};
            jw_strn(&w, two, 2);
            assert_true(utf8_valid(s.p, s.len));
            for (size_t i = 0; i < s.len; i++)
                assert_false((unsigned char)s.p[i] < 0x20);
        }
}

static void json_reals(void **state)
{
    static const double rows[] = {
        0,      1,    -1.5,          0.1,     1.0 / 3, 1e300,
        5e-324, 1e21, 123456789.125, 2.0 / 3, 1e-7,    4503599627370497.5};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(str_done) struct str s = STR_INIT;
        struct jw w = JW(&s);
        jw_real(&w, rows[i]);
        assert_true(strtod(s.p, NULL) == rows[i]);
    }
    CLEANUP(str_done) struct str s = STR_INIT;
    struct jw w = JW(&s);
    jw_open(&w, '[');
    jw_real(&w, (double)NAN);
    jw_real(&w, (double)INFINITY);
    jw_real(&w, -(double)INFINITY);
    jw_close(&w, ']');
    assert_string_equal(s.p, "[null,null,null]");
}

/* Decimals with few places take another way to the same text. */
static void json_decimals(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (int i = 0; i < 200000; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        char text[64], want[64];
        int places = (int)(seed >> 60);
        int64_t n = (int64_t)(seed >> 20) % 2000000000 - 1000000000;
        snprintf(text, sizeof text, "%llde-%d", (long long)n, places);
        double v = strtod(text, NULL);
        CLEANUP(str_done) struct str s = STR_INIT;
        struct jw w = JW(&s);
        jw_real(&w, v);
        snprintf(want, sizeof want, "%.15g", v);
        assert_string_equal(s.p, want);
    }
}

/* --- near --- */

static void near_words(void **state)
{
    static const char *const words[] = {"priority", "params", "recipe", "retry", "name"};
    static const struct {
        const char *typed, *want;
    } rows[] = {
        {"priorty", "priority"}, {"priority", "priority"},
        {"recepie", "recipe"},   {"param", "params"},
        {"nmae", "name"},        {"nam", "name"},
        {"xyzzy", NULL},         {"", NULL},
        {"retri", "retry"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *got = near_word(rows[i].typed, words, ARRAY_LEN(words));
        if (rows[i].want)
            assert_string_equal(got, rows[i].want);
        else
            assert_null(got);
    }
    char longest[65 + 1], *too_long = longest;
    memset(longest, 'a', 65);
    longest[65] = 0;
    assert_null(near_word(too_long, words, ARRAY_LEN(words)));
    const char *const one[] = {too_long + 1, too_long};
    assert_ptr_equal(near_word(too_long + 1, one, 2), one[0]); /* 64 is looked at */
    assert_null(near_word("name", words, 0));
    static const char *const tie[] = {"cat", "bat"};
    assert_string_equal(near_word("rat", tie, 2), "cat");
}

/* --- digest: FIPS 180-2's examples --- */

static void sha256(void **state)
{
    char out[DIGEST_LEN];
    (void)state;
    digest_hex("", 0, out);
    assert_string_equal(out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    digest_hex("abc", 3, out);
    assert_string_equal(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    char *million = mem_array(1000000, 1);
    memset(million, 'a', 1000000);
    digest_hex(million, 1000000, out);
    free(million);
    assert_string_equal(out, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* --- err --- */

static void errors(void **state)
{
    struct cail_err err;
    char long_text[1000];
    (void)state;
    for (int c = E_OK; c < E_COUNT_; c++) {
        assert_non_null(err_word((enum cail_code)c));
        assert_non_null(err_title((enum cail_code)c));
        assert_in_range(err_http_status((enum cail_code)c), 200, 599);
    }
    assert_int_equal(err_set(NULL, E_IO, "nobody asked"), E_IO);
    assert_int_equal(err_set_at(&err, E_BAD_FIELD, "/a/b", "is %d", 3), E_BAD_FIELD);
    assert_string_equal(err.text, "is 3");
    assert_string_equal(err.pointer, "/a/b");
    err_hint(&err, "try %s", "this");
    assert_string_equal(err.hint, "try this");
    assert_int_equal(err_set_errno(&err, E_IO, 2, "cannot open '%s'", "x"), E_IO);
    assert_string_equal(err.text, "cannot open 'x': No such file or directory");
    assert_int_equal(err.sys_errno, 2);
    assert_string_equal(err.pointer, ""); /* the one before is gone */
    assert_string_equal(err.hint, "");
    memset(long_text, 'y', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = 0;
    (void)!err_set_errno(&err, E_IO, 2, "%s", long_text);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    err_hint(NULL, "nobody");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(str_grows),     cmocka_unit_test(str_takes_and_starts_again),
        cmocka_unit_test(str_integers),  cmocka_unit_test(utf8_borders),
        cmocka_unit_test(utf8_controls), cmocka_unit_test(json_shape),
        cmocka_unit_test(json_strings),  cmocka_unit_test(json_every_byte),
        cmocka_unit_test(json_reals),    cmocka_unit_test(json_decimals),
        cmocka_unit_test(near_words),    cmocka_unit_test(sha256),
        cmocka_unit_test(errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
