/* recipe.json: what a good one becomes, what every bad one is told and where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <glob.h>
#include <jansson.h>

#include "base/fsx.h"
#include "base/str.h"
#include "recipe/recipe.h"

static struct recipe *parse(const char *json)
{
    struct recipe *r = NULL;
    struct cail_err err = {.code = E_OK};
    if (recipe_parse(json, strlen(json), &r, &err))
        fail_msg("%s: %s", err.pointer, err.text);
    return r;
}

static const char whole[] =
    "{\"name\":\"setup-llvm\",\"group\":\"primary/llvm-mlir\",\"summary\":\"Builds it\","
    "\"upstream\":\"llvm\",\"kind\":\"build\",\"params\":{"
    "\"targets\":{\"type\":\"string\",\"description\":\"d\",\"default\":\"opt\","
    "\"pattern\":\"[a-z;]+\"},"
    "\"jobs\":{\"type\":\"int\",\"description\":\"d\",\"default\":4,\"min\":1,\"max\":64},"
    "\"build_type\":{\"type\":\"enum\",\"description\":\"d\",\"choices\":[\"Release\",\"Debug\"],"
    "\"default\":\"Release\"},"
    "\"ref\":{\"type\":\"ref\",\"description\":\"d\"}},"
    "\"steps\":[{\"name\":\"fetch\",\"run\":\"fetch.sh\",\"keys_cache\":true,"
    "\"needs\":{\"cpus\":1}},{\"name\":\"build\",\"run\":\"build.sh\",\"cached\":true,"
    "\"timeout_s\":7200,\"needs\":{\"cpus\":\"all\",\"gpus\":2,\"gpu_model\":\"*H100*\"}}],"
    "\"needs\":{\"memory_mib\":2048},\"timeout_s\":14400,\"idle_timeout_s\":600,"
    "\"requires\":{\"tools\":[{\"name\":\"cmake\",\"min\":\"3.20\",\"package\":\"cmake\"},"
    "{\"name\":\"ninja\",\"package\":\"ninja-build\",\"optional\":true}],\"disk_mib\":20000},"
    "\"env_pass\":[\"https_proxy\"],\"results\":[{\"parser\":\"mlir-timing\",\"file\":\"*.txt\"},"
    "{\"file\":\"a/b.json\"}],\"artifacts\":[\"bin/*\"],"
    "\"retry\":{\"max_attempts\":3,\"on\":[\"lost\"],\"backoff_s\":5}}";

static void test_whole(void **state)
{
    (void)state;
    struct recipe *r = parse(whole);
    assert_string_equal(r->group, "primary/llvm-mlir");
    assert_int_equal(r->kind, KIND_BUILD);
    assert_int_equal(r->n_params, 4);
    assert_string_equal(r->param[1].dflt, "4");
    assert_int_equal(r->param[1].max, 64);
    assert_null(r->param[3].dflt);
    assert_int_equal(r->n_steps, 2);
    assert_true(r->step[0].has_needs && r->step[0].keys_cache && !r->step[0].cached);
    assert_int_equal(r->step[0].needs.cpus, 1);
    assert_int_equal(r->step[1].needs.cpus, CPUS_ALL);
    assert_string_equal(r->step[1].needs.gpu_model, "*H100*");
    assert_int_equal(r->step[1].timeout_s, 7200);
    assert_int_equal(r->needs.cpus, CPUS_ALL); /* a build's default */
    assert_int_equal(r->needs.memory_mib, 2048);
    assert_int_equal(r->n_tools, 2);
    assert_true(!r->tool[0].optional && r->tool[1].optional);
    assert_int_equal(r->disk_mib, 20000);
    assert_string_equal(r->env_pass[0], "https_proxy");
    assert_null(r->result[1].parser);
    assert_null(r->artifacts[1]);
    assert_int_equal(r->max_tries, 3);
    assert_int_equal(r->retry_on, 1u << RETRY_LOST);
    recipe_free(r);
}

static void test_defaults(void **state)
{
    (void)state;
    struct recipe *r = parse("{\"name\":\"x\",\"group\":\"tools\",\"summary\":\"s\",\"kind\":"
                             "\"check\",\"steps\":[{\"name\":\"a\",\"run\":\"a.sh\"}]}");
    assert_int_equal(r->needs.cpus, 1);
    assert_int_equal(r->max_tries, 1);
    assert_int_equal(r->timeout_s, 0);
    assert_false(r->step[0].has_needs);
    assert_null(r->artifacts);
    assert_null(r->env_pass);
    assert_null(r->upstream);
    recipe_free(r);
    recipe_free(NULL);
}

/* A recipe with one member put in the place of the default; sees each line's error. */
#define R(steps, more)                                                                             \
    "{\"name\":\"x\",\"group\":\"tools\",\"summary\":\"s\",\"kind\":\"benchmark\",\"steps\":[" steps  \
    "]" more "}"
#define STEP        "{\"name\":\"a\",\"run\":\"a.sh\"}"
#define P(param)    R(STEP, ",\"params\":{\"p\":" param "}")
#define D(type, x)  P("{\"type\":\"" type "\",\"description\":\"d\"" x "}")

static const struct {
    const char *json;
    enum cail_code code;
    const char *pointer, *says; /* a part of text or hint */
} bad[] = {
    {"", E_BAD_JSON, "", ""},
    {"[]", E_BAD_FIELD, "", "wants an object"},
    {"{\"name\":", E_BAD_JSON, "", "line 1"},
    {"{\"name\":\"x\",\"name\":\"y\"}", E_BAD_JSON, "", "duplicate"},
    {"{\"name\":\"x\\u0000\"}", E_BAD_JSON, "", ""},
    {R(STEP, ",\"nedes\":{}"), E_UNKNOWN_FIELD, "/nedes", "needs"},
    {R(STEP, ",\"a/b~c\":{}"), E_UNKNOWN_FIELD, "/a~1b~0c", ""},
    {"{\"name\":\"x\"}", E_BAD_FIELD, "", "\"group\" is missing"},
    {R(STEP, ",\"upstream\":\"LLVM\""), E_BAD_FIELD, "/upstream", "[a-z]"},
    {R(STEP, ",\"upstream\":null"), E_BAD_FIELD, "/upstream", "string"},
    {R(STEP, ",\"timeout_s\":0"), E_BAD_FIELD, "/timeout_s", "0"},
    {R(STEP, ",\"timeout_s\":1.5"), E_BAD_FIELD, "/timeout_s", "integer"},
    {R(STEP, ",\"timeout_s\":99999999"), E_BAD_FIELD, "/timeout_s", ""},
    {R("", ""), E_BAD_FIELD, "/steps", "0 members"},
    {R(STEP "," STEP, ""), E_BAD_FIELD, "/steps/1", "two steps"},
    {R("{\"name\":\"a\"}", ""), E_BAD_FIELD, "/steps/0", "\"run\" is missing"},
    {R("{\"name\":\"a\",\"run\":\"../a.sh\"}", ""), E_BAD_FIELD, "/steps/0/run", "../a.sh"},
    {R("{\"name\":\"a\",\"run\":\"b/a.sh\"}", ""), E_BAD_FIELD, "/steps/0/run", ""},
    {R("{\"name\":\"a\",\"run\":\"-x\"}", ""), E_BAD_FIELD, "/steps/0/run", ""},
    {R("{\"name\":\"A b\",\"run\":\"a\"}", ""), E_BAD_FIELD, "/steps/0/name", ""},
    {R("{\"name\":\"a\",\"run\":\"a\",\"cached\":true}", ""), E_BAD_FIELD, "/steps/0",
     "no step before it has keys_cache"},
    {R("{\"name\":\"a\",\"run\":\"a\",\"keys_cache\":true},"
       "{\"name\":\"b\",\"run\":\"b\",\"keys_cache\":true}", ""),
     E_BAD_FIELD, "/steps/1", "two steps have keys_cache"},
    {R("{\"name\":\"a\",\"run\":\"a\",\"keys_cache\":1}", ""), E_BAD_FIELD, "/steps/0/keys_cache",
     "true or false"},
    {R("{\"name\":\"a\",\"run\":\"a\",\"needs\":{\"cpu\":1}}", ""), E_UNKNOWN_FIELD,
     "/steps/0/needs/cpu", "cpus"},
    {R(STEP, ",\"needs\":{\"cpus\":\"some\"}"), E_BAD_FIELD, "/needs/cpus", ""},
    {R(STEP, ",\"needs\":{\"cpus\":0}"), E_BAD_FIELD, "/needs/cpus", ""},
    {R(STEP, ",\"needs\":{\"gpus\":-1}"), E_BAD_FIELD, "/needs/gpus", ""},
    {R(STEP, ",\"needs\":{\"exclusive\":\"quite\"}"), E_BAD_FIELD, "/needs/exclusive", "quiet"},
    {R(STEP, ",\"needs\":{\"share\":true}"), E_BAD_FIELD, "", "never shares"},
    {R(STEP, ",\"env_pass\":[\"A=B\"]"), E_BAD_FIELD, "/env_pass", "A=B"},
    {R(STEP, ",\"env_pass\":[\"A\",\"A\"]"), E_BAD_FIELD, "/env_pass/1", "twice"},
    {R(STEP, ",\"artifacts\":[\"/etc/*\"]"), E_BAD_FIELD, "/artifacts", "'/'"},
    {R(STEP, ",\"artifacts\":[\"a/../../b\"]"), E_BAD_FIELD, "/artifacts", ".."},
    {R(STEP, ",\"artifacts\":[\"\"]"), E_BAD_FIELD, "/artifacts/0", "empty"},
    {R(STEP, ",\"results\":[{\"file\":\"..\"}]"), E_BAD_FIELD, "/results/0/file", ".."},
    {R(STEP, ",\"results\":[{\"parser\":\"x\"}]"), E_BAD_FIELD, "/results/0", "file"},
    {R(STEP, ",\"retry\":{}"), E_BAD_FIELD, "/retry", "max_attempts"},
    {R(STEP, ",\"retry\":{\"max_attempts\":0}"), E_BAD_FIELD, "/retry/max_attempts", ""},
    {R(STEP, ",\"retry\":{\"max_attempts\":2,\"on\":[\"fail\"]}"), E_BAD_FIELD, "/retry/on/0",
     "failed"},
    {R(STEP, ",\"requires\":{\"tools\":[{\"name\":\"x\"}]}"), E_BAD_FIELD, "/requires/tools/0",
     "package"},
    {R(STEP, ",\"requires\":{\"disk_mib\":-1}"), E_BAD_FIELD, "/requires/disk_mib", ""},
    {R(STEP, ",\"summary\":\"a\""), E_BAD_JSON, "", "duplicate"},
    {R(STEP, ",\"params\":[]"), E_BAD_FIELD, "/params", "object"},
    {R(STEP, ",\"params\":{\"A\":{}}"), E_BAD_FIELD, "/params/A", "[a-z]"},
    {P("{\"type\":\"int\"}"), E_BAD_FIELD, "/params/p", "description"},
    {D("integer", ""), E_BAD_FIELD, "/params/p/type", "int"},
    {D("string", ",\"min\":1"), E_BAD_FIELD, "/params/p", "type int alone"},
    {D("int", ",\"pattern\":\"1\""), E_BAD_FIELD, "/params/p", "type string alone"},
    {D("bool", ",\"choices\":[\"a\"]"), E_BAD_FIELD, "/params/p", "type enum alone"},
    {D("enum", ""), E_BAD_FIELD, "/params/p", "choices"},
    {D("enum", ",\"choices\":[]"), E_BAD_FIELD, "/params/p/choices", ""},
    {D("enum", ",\"choices\":[\"a\",\"a\"]"), E_BAD_FIELD, "/params/p/choices/1", "twice"},
    {D("enum", ",\"choices\":[\"-a\"]"), E_BAD_FIELD, "/params/p", "'-'"},
    {D("enum", ",\"choices\":[\"a\"],\"default\":\"b\""), E_BAD_FIELD, "/params/p/default",
     "not a choice"},
    {D("int", ",\"min\":3,\"max\":2"), E_BAD_FIELD, "/params/p", "min is above max"},
    {D("int", ",\"max\":4,\"default\":5"), E_BAD_FIELD, "/params/p/default", "0 to 4"},
    {D("int", ",\"default\":\"x\""), E_BAD_FIELD, "/params/p/default", "whole number"},
    {D("int", ",\"default\":-1"), E_BAD_FIELD, "/params/p/default", ""},
    {D("bool", ",\"default\":\"maybe\""), E_BAD_FIELD, "/params/p/default", "neither"},
    {D("string", ",\"default\":{}"), E_BAD_FIELD, "/params/p/default", "string"},
    {D("string", ",\"default\":\"-O2\""), E_BAD_FIELD, "/params/p/default", "'-'"},
    {D("string", ",\"pattern\":\"(\""), E_BAD_FIELD, "/params/p/pattern", "regular expression"},
    {D("string", ",\"pattern\":\"(a)\\\\1\""), E_BAD_FIELD, "/params/p/pattern", "back ref"},
    {D("string", ",\"pattern\":\"((a{1,255}){1,255}){1,255}\""), E_BAD_FIELD,
     "/params/p/pattern", "repeats"},
    {D("string", ",\"pattern\":\"a{999999999999}\""), E_BAD_FIELD, "/params/p/pattern",
     "repeats"},
    {D("string", ",\"pattern\":\"a+\",\"default\":\"b\""), E_BAD_FIELD, "/params/p/default",
     "match"},
    {D("path", ",\"default\":\"a/b\""), E_BAD_FIELD, "/params/p/default", "absolute"},
    {D("sha", ",\"default\":\"xyz\""), E_BAD_FIELD, "/params/p/default", "hex"},
};

static void test_hostile(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct recipe *r = NULL;
        struct cail_err err = {.code = E_OK};
        int rc = recipe_parse(bad[i].json, strlen(bad[i].json), &r, &err);
        char said[700];
        snprintf(said, sizeof said, "%s (%s)", err.text, err.hint);
        if (rc != (int)bad[i].code || strcmp(err.pointer, bad[i].pointer) != 0 ||
            !strstr(said, bad[i].says))
            fail_msg("%s\ngave %d at '%s': %s", bad[i].json, rc, err.pointer, said);
        assert_null(r);
        assert_int_equal(recipe_parse(bad[i].json, strlen(bad[i].json), &r, NULL), rc);
    }
}

static void test_depth_and_size(void **state)
{
    (void)state;
    struct recipe *r = NULL;
    struct cail_err err = {.code = E_OK};
    CLEANUP(str_done) struct str text = STR_INIT;
    for (int i = 0; i < 10000; i++)
        str_adds(&text, "[");
    assert_int_equal(recipe_parse(text.p, text.len, &r, &err), E_BAD_JSON);
    assert_non_null(strstr(err.text, "deep"));
    while (text.len <= RECIPE_FILE_MAX)
        str_adds(&text, "          ");
    assert_int_equal(recipe_parse(text.p, text.len, &r, &err), E_TOO_LARGE);
}

/* Every prefix and every one-byte change of a whole recipe: refused or read, never a crash. */
static void test_damaged(void **state)
{
    (void)state;
    char *text = strdup(whole);
    assert_non_null(text);
    for (size_t i = 0; text[i]; i++) {
        struct recipe *r = NULL;
        assert_int_not_equal(recipe_parse(text, i, &r, NULL), 0);
        for (const char *c = "\"{}[]-0\xff"; *c; c++) {
            char was = text[i];
            text[i] = *c;
            if (recipe_parse(text, strlen(text), &r, NULL) == 0)
                recipe_free(r);
            text[i] = was;
        }
    }
    free(text);
}

static void test_json_reads_back(void **state)
{
    (void)state;
    struct recipe *r = parse(whole);
    r->dir = strdup("/r/setup-llvm");
    memcpy(r->version, "abc", 4);
    CLEANUP(str_done) struct str out = STR_INIT;
    recipe_json(r, &out);
    json_t *v = json_loadb(out.p, out.len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(v);
    json_t *params = json_object_get(v, "params");
    assert_int_equal(json_object_size(params), 4);
    json_t *jobs = json_object_get(params, "jobs");
    assert_int_equal(json_integer_value(json_object_get(jobs, "default")), 4);
    assert_true(json_is_false(json_object_get(jobs, "required")));
    assert_true(json_is_true(json_object_get(json_object_get(params, "ref"), "required")));
    json_t *needs = json_object_get(json_array_get(json_object_get(v, "steps"), 1), "needs");
    assert_string_equal(json_string_value(json_object_get(needs, "cpus")), "all");
    assert_string_equal(json_string_value(json_object_get(v, "version")), "abc");
    json_decref(v);
    recipe_free(r);
}

static size_t parse_found(const char *pattern)
{
    glob_t found;
    size_t n = 0;
    if (glob(pattern, 0, NULL, &found) == 0) {
        for (n = 0; n < found.gl_pathc; n++) {
            CLEANUP(str_done) struct str text = STR_INIT;
            struct recipe *r = NULL;
            struct cail_err err = {.code = E_OK};
            assert_int_equal(fsx_read(found.gl_pathv[n], RECIPE_FILE_MAX, &text, NULL), 0);
            if (recipe_parse(text.p, text.len, &r, &err))
                fail_msg("%s: %s: %s (%s)", found.gl_pathv[n], err.pointer, err.text, err.hint);
            recipe_free(r);
        }
    }
    globfree(&found);
    return n;
}

/* The recipes that are shipped. */
static void test_our_own(void **state)
{
    (void)state;
    size_t n = parse_found(CAIL_SOURCE_DIR "/recipes/*/*/*/recipe.json");
    n += parse_found(CAIL_SOURCE_DIR "/recipes/*/*/*/*/recipe.json");
    assert_true(n > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),           cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_hostile),         cmocka_unit_test(test_depth_and_size),
        cmocka_unit_test(test_damaged),         cmocka_unit_test(test_json_reads_back),
        cmocka_unit_test(test_our_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
