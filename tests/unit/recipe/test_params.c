/* Parameters: each type's good and bad values, canonical form, environment, content key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "recipe/recipe.h"

static const char head[] = "{\"name\":\"x\",\"group\":\"tools\",\"summary\":\"s\",\"kind\":\"check\","
                           "\"steps\":[{\"name\":\"a\",\"run\":\"a.sh\"}],\"params\":{";

static struct recipe *recipe(const char *params)
{
    CLEANUP(mem_freep) char *text = mem_printf("%s%s}}", head, params);
    struct recipe *r = NULL;
    struct cail_err err = {.code = E_OK};
    if (recipe_parse(text, strlen(text), &r, &err))
        fail_msg("%s: %s", err.pointer, err.text);
    return r;
}

#define T(type, more) "\"p\":{\"type\":\"" type "\",\"description\":\"what p is\"" more "}"

static const struct {
    const char *param, *value, *canonical; /* canonical NULL = refused */
} values[] = {
    {T("int", ",\"min\":1,\"max\":64"), "4", "4"},
    {T("int", ",\"min\":1,\"max\":64"), "\"4\"", "4"},
    {T("int", ",\"min\":1,\"max\":64"), "\"004\"", "4"},
    {T("int", ",\"min\":1,\"max\":64"), "0", NULL},
    {T("int", ",\"min\":1,\"max\":64"), "65", NULL},
    {T("int", ""), "-1", NULL},
    {T("int", ",\"min\":-5"), "\"-5\"", "-5"},
    {T("int", ""), "9223372036854775807", "9223372036854775807"},
    {T("int", ""), "\"9223372036854775808\"", NULL},
    {T("int", ""), "4.0", NULL},
    {T("int", ""), "\"\"", NULL},
    {T("int", ""), "\"-\"", NULL},
    {T("int", ""), "\"+4\"", NULL},
    {T("int", ""), "\" 4\"", NULL},
    {T("int", ""), "\"4k\"", NULL},
    {T("int", ""), "\"0x10\"", NULL},
    {T("int", ""), "true", NULL},
    {T("int", ""), "null", NULL},
    {T("int", ""), "[4]", NULL},
    {T("bool", ""), "true", "true"},
    {T("bool", ""), "\"false\"", "false"},
    {T("bool", ""), "\"on\"", "true"},
    {T("bool", ""), "0", "false"},
    {T("bool", ""), "\"TRUE\"", NULL},
    {T("bool", ""), "2", NULL},
    {T("bool", ""), "\"\"", NULL},
    {T("enum", ",\"choices\":[\"a\",\"19\"]"), "\"a\"", "\"a\""},
    {T("enum", ",\"choices\":[\"a\",\"19\"]"), "19", "\"19\""},
    {T("enum", ",\"choices\":[\"a\",\"19\"]"), "\"b\"", NULL},
    {T("enum", ",\"choices\":[\"a\",\"19\"]"), "\"\"", NULL},
    {T("string", ""), "\"a b\"", "\"a b\""},
    {T("string", ""), "\"\"", "\"\""},
    {T("string", ""), "17", "\"17\""},
    {T("string", ""), "\"$(reboot)\"", "\"$(reboot)\""}, /* text is text: it reaches no shell line */
    {T("string", ""), "\"-rf\"", NULL},
    {T("string", ""), "\"a\\nb\"", NULL},
    {T("string", ""), "\"a\\u001b[2J\"", NULL},
    {T("string", ""), "\"\\u0085\"", NULL},
    {T("string", ""), "\"\\u00e9\"", "\"\xc3\xa9\""},
    {T("string", ""), "true", NULL},
    {T("string", ""), "1.5", NULL},
    {T("string", ",\"pattern\":\"[a-z]+|x1\""), "\"abc\"", "\"abc\""},
    {T("string", ",\"pattern\":\"[a-z]+|x1\""), "\"x1\"", "\"x1\""},
    {T("string", ",\"pattern\":\"[a-z]+|x1\""), "\"ab1\"", NULL}, /* the whole value */
    {T("string", ",\"pattern\":\"[a-z]+|x1\""), "\"1ab\"", NULL},
    {T("string", ",\"pattern\":\"[a-z]+\""), "\"\"", NULL},
    {T("string", ",\"pattern\":\"[a-z]+\",\"default\":\"\""), "\"\"", "\"\""},
    {T("string", ",\"pattern\":\".*\""), "\"-x\"", NULL},
    {T("sha", ""), "\"ABCDEF0123\"", "\"abcdef0123\""},
    {T("sha", ""), "1234567", "\"1234567\""},
    {T("sha", ""), "\"abcdef\"", NULL},
    {T("sha", ""), "\"0123456789012345678901234567890123456789\"",
     "\"0123456789012345678901234567890123456789\""},
    {T("sha", ""), "\"01234567890123456789012345678901234567890\"", NULL},
    {T("sha", ""), "\"abcdefg\"", NULL},
    {T("sha", ""), "\"\"", NULL},
    {T("sha", ",\"default\":\"\""), "\"\"", "\"\""},
    {T("ref", ""), "\"main\"", "\"main\""},
    {T("ref", ""), "\"users/x/topic-1\"", "\"users/x/topic-1\""},
    {T("ref", ""), "\"pull/123\"", "\"pull/123\""},
    {T("ref", ""), "\"merge-base\"", "\"merge-base\""},
    {T("ref", ""), "\"merge-base:pull/7\"", "\"merge-base:pull/7\""},
    {T("ref", ""), "\"merge-base:\"", NULL},
    {T("ref", ""), "\"merge-base:a:b\"", NULL},
    {T("ref", ""), "\"abcdef0123456\"", "\"abcdef0123456\""},
    {T("ref", ""), "\"llvmorg-22.1.0\"", "\"llvmorg-22.1.0\""},
    {T("ref", ""), "\"\"", NULL},
    {T("ref", ""), "\"--upload-pack=x\"", NULL},
    {T("ref", ""), "\"a..b\"", NULL},
    {T("ref", ""), "\"a b\"", NULL},
    {T("ref", ""), "\"HEAD~1\"", NULL},
    {T("ref", ""), "\"a^{}\"", NULL},
    {T("ref", ""), "\"x:y\"", NULL},
    {T("ref", ""), "\"a*\"", NULL},
    {T("ref", ""), "\"a?\"", NULL},
    {T("ref", ""), "\"a[b\"", NULL},
    {T("ref", ""), "\"a\\\\b\"", NULL},
    {T("ref", ""), "\"@\"", NULL},
    {T("ref", ""), "\"a@{1}\"", NULL},
    {T("ref", ""), "\"/a\"", NULL},
    {T("ref", ""), "\"a/\"", NULL},
    {T("ref", ""), "\"a//b\"", NULL},
    {T("ref", ""), "\"a.\"", NULL},
    {T("ref", ""), "\".a\"", NULL},
    {T("ref", ""), "\"a/.b\"", NULL},
    {T("ref", ""), "\"a.lock\"", NULL},
    {T("ref", ""), "\"a.lock/b\"", NULL},
    {T("path", ""), "\"/opt/llvm/bin\"", "\"/opt/llvm/bin\""},
    {T("path", ""), "\"/\"", "\"/\""},
    {T("path", ""), "\"/opt/..x/.y\"", "\"/opt/..x/.y\""},
    {T("path", ""), "\"opt\"", NULL},
    {T("path", ""), "\"~/x\"", NULL},
    {T("path", ""), "\"/opt/../etc\"", NULL},
    {T("path", ""), "\"/opt/..\"", NULL},
    {T("path", ""), "\"/./opt\"", NULL},
    {T("path", ""), "\"/opt//x\"", NULL},
    {T("path", ""), "\"/opt/\"", NULL},
    {T("path", ""), "\"//\"", NULL},
    {T("path", ""), "\"\"", NULL},
    {T("path", ",\"default\":\"\""), "\"\"", "\"\""},
};

static void test_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        struct recipe *r = recipe(values[i].param);
        struct cail_err err = {.code = E_OK};
        CLEANUP(mem_freep) char *given = mem_printf("{\"p\":%s}", values[i].value), *got = NULL;
        CLEANUP(mem_freep) char *want = mem_printf("{\"p\":%s}", values[i].canonical);
        int rc = recipe_resolve(r, given, &got, &err);
        if (values[i].canonical) {
            if (rc)
                fail_msg("%s %s: %s", values[i].param, given, err.text);
            assert_string_equal(got, want);
        } else {
            if (rc != E_BAD_PARAM)
                fail_msg("%s %s was taken as %s", values[i].param, given, got);
            assert_string_equal(err.pointer, "/params/p");
            assert_non_null(strstr(err.hint, "what p is"));
        }
        recipe_free(r);
    }
}

static void test_long_values(void **state)
{
    (void)state;
    struct recipe *r = recipe(T("string", ""));
    char long_value[2001];
    memset(long_value, 'a', sizeof long_value - 1);
    long_value[sizeof long_value - 1] = 0;
    CLEANUP(mem_freep) char *given = mem_printf("{\"p\":\"%s\"}", long_value), *got = NULL;
    struct cail_err err = {.code = E_OK};
    assert_int_equal(recipe_resolve(r, given, &got, &err), E_BAD_PARAM);
    assert_non_null(strstr(err.text, "longer than 1000 bytes"));
    recipe_free(r);
}

static const char three[] = "\"ref\":{\"type\":\"ref\",\"description\":\"d\"},"
                            "\"jobs\":{\"type\":\"int\",\"description\":\"d\",\"default\":2},"
                            "\"debug\":{\"type\":\"bool\",\"description\":\"d\",\"default\":false}";

static void test_canonical(void **state)
{
    (void)state;
    struct recipe *r = recipe(three);
    static const char *const same[] = {
        "{\"ref\":\"main\",\"jobs\":2,\"debug\":false}",
        "{\"jobs\":\"2\",\"ref\":\"main\"}",
        " { \"debug\" : \"0\" , \"ref\" : \"main\" } ",
    };
    for (size_t i = 0; i < ARRAY_LEN(same); i++) {
        CLEANUP(mem_freep) char *got = NULL;
        assert_int_equal(recipe_resolve(r, same[i], &got, NULL), 0);
        assert_string_equal(got, "{\"debug\":false,\"jobs\":2,\"ref\":\"main\"}");
    }
    recipe_free(r);
}

static void test_errors(void **state)
{
    (void)state;
    struct recipe *r = recipe(three);
    static const struct {
        const char *params;
        enum cail_code code;
        const char *pointer, *says;
    } bad[] = {
        {NULL, E_BAD_PARAM, "/params/ref", "is missing"},
        {"", E_BAD_PARAM, "/params/ref", "is missing"},
        {"{\"ref\":\"main\",\"job\":3}", E_BAD_PARAM, "/params/job", "did you mean \"jobs\""},
        {"{\"ref\":\"main\",\"zzzzzzzz\":3}", E_BAD_PARAM, "/params/zzzzzzzz",
         "recipe x has no parameter"},
        {"[]", E_BAD_PARAM, "/params", "object"},
        {"{\"ref\":\"a\",\"ref\":\"b\"}", E_BAD_JSON, "", "duplicate"},
        {"{", E_BAD_JSON, "", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct cail_err err = {.code = E_OK};
        char *got = NULL, said[700];
        assert_int_equal(recipe_resolve(r, bad[i].params, &got, &err), bad[i].code);
        assert_null(got);
        assert_string_equal(err.pointer, bad[i].pointer);
        snprintf(said, sizeof said, "%s (%s)", err.text, err.hint);
        if (!strstr(said, bad[i].says))
            fail_msg("%s", said);
    }
    recipe_free(r);
    struct recipe *none = recipe("");
    CLEANUP(mem_freep) char *got = NULL;
    assert_int_equal(recipe_resolve(none, NULL, &got, NULL), 0);
    assert_string_equal(got, "{}");
    recipe_free(none);
}

static void test_env(void **state)
{
    (void)state;
    char **env = recipe_env("{\"build_type\":\"Release\",\"debug\":true,\"jobs\":-4,\"x\":\"a=b c\"}");
    assert_string_equal(env[0], "CAIL_PARAM_BUILD_TYPE=Release");
    assert_string_equal(env[1], "CAIL_PARAM_DEBUG=true");
    assert_string_equal(env[2], "CAIL_PARAM_JOBS=-4");
    assert_string_equal(env[3], "CAIL_PARAM_X=a=b c");
    assert_null(env[4]);
    recipe_env_free(env);
    env = recipe_env(NULL);
    assert_null(env[0]);
    recipe_env_free(env);
}

static void key(const struct recipe *r, const char *params, const char *identity,
                char out[DIGEST_LEN])
{
    recipe_cache_key(r, params, identity, identity ? strlen(identity) : 0, out);
}

static void test_cache_key(void **state)
{
    (void)state;
    struct recipe *r = recipe(three);
    char a[DIGEST_LEN], b[DIGEST_LEN];
    key(r, "{\"jobs\":2}", "sha abc\ncc gcc 12\n", a);
    assert_int_equal(strlen(a), 64);
    static const char *const same[] = {"cc gcc 12\nsha abc", "sha abc\r\ncc gcc 12\r\n",
                                       "\nsha abc\nsha abc\n\ncc gcc 12\n"};
    for (size_t i = 0; i < ARRAY_LEN(same); i++) {
        key(r, "{\"jobs\":2}", same[i], b);
        assert_string_equal(a, b);
    }
    static const char *const other[] = {"sha abc\ncc gcc 13\n", "sha abccc gcc 12\n", "sha abc\n",
                                        "", "sha abc\ncc gcc 12 \n"};
    for (size_t i = 0; i < ARRAY_LEN(other); i++) {
        key(r, "{\"jobs\":2}", other[i], b);
        assert_string_not_equal(a, b);
    }
    key(r, "{\"jobs\":3}", "sha abc\ncc gcc 12\n", b);
    assert_string_not_equal(a, b);
    memcpy(r->version, "v2", 3);
    key(r, "{\"jobs\":2}", "sha abc\ncc gcc 12\n", b);
    assert_string_not_equal(a, b);
    key(r, NULL, NULL, b);
    assert_int_equal(strlen(b), 64);
    recipe_free(r);
}

/* How a build is done does not change what is built. */
static void test_params_outside_the_key(void **state)
{
    (void)state;
    struct recipe *r = recipe("\"jobs\":{\"type\":\"int\",\"description\":\"d\",\"keys_cache\":false},"
                              "\"ref\":{\"type\":\"ref\",\"description\":\"d\"}");
    char a[DIGEST_LEN], b[DIGEST_LEN], c[DIGEST_LEN];
    key(r, "{\"jobs\":2,\"ref\":\"main\"}", "x", a);
    key(r, "{\"jobs\":3,\"ref\":\"main\"}", "x", b);
    key(r, "{\"jobs\":2,\"ref\":\"next\"}", "x", c);
    assert_string_equal(a, b);
    assert_string_not_equal(a, c);
    recipe_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values), cmocka_unit_test(test_long_values),
        cmocka_unit_test(test_canonical), cmocka_unit_test(test_errors),
        cmocka_unit_test(test_env), cmocka_unit_test(test_cache_key),
        cmocka_unit_test(test_params_outside_the_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
