/* Job requests as strangers send them: what is taken, what is refused and where the error points. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "wire/job_doc.h"
#include "wire/job_request.h"
#include "wire/job_spec.h"

static void take(const char *body, struct submission *s)
{
    struct cail_err err = {0};
    int rc = submission_from_json(body, strlen(body), s, &err);
    if (rc)
        fail_msg("%s refused: %s %s", body, err.pointer, err.text);
}

static void seal(struct submission *s)
{
    for (size_t i = 0; i < s->n; i++)
        job_request_seal(&s->req[i], "{}", NULL, 0);
}

static const struct {
    const char *body, *pointer;
    enum cail_code code;
} refused[] = {
    {"", "", E_BAD_JSON},
    {"{", "", E_BAD_JSON},
    {"{\"command\":[\"a\"]} x", "", E_BAD_JSON},
    {"{\"command\":[\"a\"],\"command\":[\"b\"]}", "", E_BAD_JSON},
    {"{\"command\":[\"a\\u0000\"]}", "", E_BAD_JSON},
    {"{\"command\":[\"\xff\"]}", "", E_BAD_JSON},
    {"3", "", E_BAD_FIELD},
    {"null", "", E_BAD_FIELD},
    {"[]", "", E_BAD_FIELD},
    {"[3]", "/0", E_BAD_FIELD},
    {"{}", "", E_BAD_FIELD},
    {"{\"command\":[\"a\"],\"script\":\"b\"}", "", E_BAD_FIELD},
    {"{\"command\":\"make\"}", "/command", E_BAD_FIELD},
    {"{\"command\":[]}", "/command", E_BAD_FIELD},
    {"{\"command\":[1]}", "/command/0", E_BAD_FIELD},
    {"{\"command\":[\"\"]}", "/command", E_BAD_FIELD},
    {"{\"script\":\"\"}", "/script", E_BAD_FIELD},
    {"{\"comand\":[\"a\"]}", "/comand", E_UNKNOWN_FIELD},
    {"{\"command\":[\"a\"],\"a/b~c\":1}", "/a~1b~0c", E_UNKNOWN_FIELD},
    {"{\"command\":[\"a\"],\"priority\":101}", "/priority", E_BAD_FIELD},
    {"{\"command\":[\"a\"],\"priority\":\"5\"}", "/priority", E_BAD_FIELD},
    {"{\"command\":[\"a\"],\"priority\":1.5}", "/priority", E_BAD_FIELD},
    {"{\"command\":[\"a\"],\"kind\":\"bild\"}", "/kind", E_BAD_FIELD},
    {"{\"command\":[\"a\"],\"name\":\"\"}", "/name", E_BAD_FIELD},
    {"{\"command\":[\"a\"],\"name\":\"x\\u001b[2J\"}", "/name", E_BAD_FIELD},
    {"{\"command\":[\"a\"],\"queue\":\"a b\"}", "/queue", E_BAD_FIELD},
    {"{\"command\":[\"a\"],\"timeout_s\":0}", "/timeout_s", E_BAD_FIELD},
    {"{\"command\":[\"a\"],\"timeout_s\":\"2 weeks\"}", "/timeout_s", E_BAD_FIELD},
    {"{\"command\":[\"a\"],\"timeout_s\":9223372036854775807}", "/timeout_s", E_BAD_FIELD},
    {"{\"command\":[\"a\"],\"needs\":3}", "/needs", E_BAD_FIELD},
    {"{\"command\":[\"a\"],\"needs\":{\"cpus\":0}}", "/needs/cpus", E_BAD_FIELD},
    {"{\"command\":[\"a\"],\"needs\":{\"cpus\":\"many\"}}", "/needs/cpus", E_BAD_FIELD},
    {"{\"command\":[\"a\"],\"needs\":{\"cpu\":1}}", "/needs/cpu", E_UNKNOWN_FIELD},
    {"{\"command\":[\"a\"],\"needs\":{\"gpus\":-1}}", "/needs/gpus", E_BAD_FIELD},
    {"{\"command\":[\"a\"],\"needs\":{\"exclusive\":\"all\"}}", "/needs/exclusive", E_BAD_FIELD},
    {"{\"command\":[\"a\"],\"after\":3}", "/after", E_BAD_FIELD},
    {"{\"command\":[\"a\"],\"after\":[{\"job\":0}]}", "/after/0/job", E_BAD_FIELD},
    {"{\"command\":[\"a\"],\"after\":[{\"job\":\"#0\"}]}", "/after/0/job", E_BAD_FIELD},
    {"[{\"command\":[\"a\"],\"after\":[{\"job\":\"#1\"}]},{\"command\":[\"a\"]}]", "/0/after/0/job",
     E_BAD_FIELD},
    {"{\"command\":[\"a\"],\"after\":[{\"when\":\"failed\"}]}", "/after/0", E_BAD_FIELD},
    {"{\"command\":[\"a\"],\"retry\":{\"max_attempts\":0}}", "/retry/max_attempts", E_BAD_FIELD},
    {"{\"command\":[\"a\"],\"retry\":{\"on\":[\"bad\"]}}", "/retry/on/0", E_BAD_FIELD},
    {"{\"command\":[\"a\"],\"env\":{\"A=B\":\"c\"}}", "/env/A=B", E_BAD_FIELD},
    {"{\"command\":[\"a\"],\"env\":{\"A\":1}}", "/env/A", E_BAD_FIELD},
    {"{\"command\":[\"a\"],\"env\":{\"CAIL_TOKEN\":\"x\"}}", "/env/CAIL_TOKEN", E_BAD_FIELD},
    {"{\"command\":[\"a\"],\"cwd\":\"relative\"}", "/cwd", E_BAD_FIELD},
    {"{\"command\":[\"a\"],\"cwd\":\"/a/../b\"}", "/cwd", E_BAD_FIELD},
    {"{\"command\":[\"a\"],\"artifacts\":[{\"path\":\"../x\"}]}", "/artifacts/0/path", E_BAD_FIELD},
    {"{\"command\":[\"a\"],\"artifacts\":[{\"path\":\"/x\"}]}", "/artifacts/0/path", E_BAD_FIELD},
    {"{\"command\":[\"a\"],\"results\":[{\"parser\":\"x\"}]}", "/results/0", E_BAD_FIELD},
    {"{\"command\":[\"a\"],\"labels\":{\"\":\"x\"}}", "/labels/", E_BAD_FIELD},
    {"{\"command\":[\"a\"],\"not_before\":\"tomorrow\"}", "/not_before", E_BAD_FIELD},
    {"{\"command\":[\"a\"],\"pr\":\"file:///etc\"}", "/pr", E_BAD_FIELD},
    {"{\"command\":[\"a\"],\"source\":{\"ref\":\"--upload-pack=x\"}}", "/source/ref", E_BAD_FIELD},
    {"{\"command\":[\"a\"],\"container\":{}}", "/container", E_BAD_FIELD},
    {"{\"command\":[\"a\"],\"container\":{\"image\":\"-x\"}}", "/container/image", E_BAD_FIELD},
    {"{\"command\":[\"a\"],\"executor\":\"slurm\"}", "/executor", E_BAD_FIELD},
    {"{\"command\":[\"a\"],\"matrix\":{}}", "/matrix", E_BAD_FIELD},
    {"{\"command\":[\"a\"],\"matrix\":{\"X\":[1]}}", "/matrix/X", E_UNKNOWN_FIELD},
    {"{\"command\":[\"a\"],\"matrix\":{\"env.X\":[]}}", "/matrix/env.X", E_BAD_FIELD},
    {"{\"command\":[\"a\"],\"matrix\":{\"env.X\":[\"a\"],\"exclude\":[{\"env.X\":\"a\"}]}}",
     "/matrix", E_BAD_FIELD},
    {"[{\"command\":[\"a\"],\"matrix\":{\"env.X\":[\"a\"]}}]", "/0/matrix", E_BAD_FIELD},
    {"{\"script\":\"#CAIL --gpu 2\\n\"}", "", E_BAD_FIELD},
    {"{\"script\":\"#CAIL --gpus\\n\"}", "", E_BAD_FIELD},
};

static void test_bad_requests_name_the_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct submission s = {0};
        struct cail_err err = {0};
        int rc = submission_from_json(refused[i].body, strlen(refused[i].body), &s, &err);
        if (rc != (int)refused[i].code || strcmp(err.pointer, refused[i].pointer) != 0)
            fail_msg("%s\n  gave %d at \"%s\" (%s), not %d at \"%s\"", refused[i].body, rc,
                     err.pointer, err.text, refused[i].code, refused[i].pointer);
        assert_true(err.text[0]);
    }
}

static void test_a_misspelt_field_names_the_nearest(void **state)
{
    (void)state;
    struct submission s = {0};
    struct cail_err err;
    static const char body[] = "{\"command\":[\"a\"],\"priorty\":1}";
    assert_int_equal(submission_from_json(body, strlen(body), &s, &err), E_UNKNOWN_FIELD);
    assert_non_null(strstr(err.hint, "priority"));
}

static void test_depth_is_refused_before_parsing(void **state)
{
    (void)state;
    size_t n = 10000;
    char *body = mem_array(n + 1, 1);
    memset(body, '[', n);
    struct submission s = {0};
    struct cail_err err;
    assert_int_equal(submission_from_json(body, n, &s, &err), E_BAD_JSON);
    assert_non_null(strstr(err.text, "nested"));
    free(body);
}

static void test_every_prefix_of_a_request_is_refused_cleanly(void **state)
{
    (void)state;
    static const char body[] =
        "{\"command\":[\"a\",\"\\u00e9\"],\"needs\":{\"cpus\":\"all\",\"gpu_model\":\"H*\"},"
        "\"after\":[{\"job\":3,\"when\":\"failed\"}],\"labels\":{\"k\":\"v\"},\"env\":{\"A\":\"b\"},"
        "\"retry\":{\"max_attempts\":3,\"on\":[\"lost\"]},\"artifacts\":[{\"path\":\"x\"}]}";
    for (size_t len = 0; len < sizeof body - 1; len++) {
        struct submission s = {0};
        assert_int_not_equal(submission_from_json(body, len, &s, NULL), 0);
    }
    struct submission s = {0};
    take(body, &s);
    submission_done(&s);
}

static void test_what_is_asked_arrives(void **state)
{
    (void)state;
    struct submission s = {0};
    take("{\"command\":[\"/usr/bin/make\",\"-j2\"],\"priority\":-7,\"timeout_s\":\"2h\","
         "\"needs\":{\"cpus\":\"all\",\"memory_mib\":100,\"exclusive\":\"quiet\",\"share\":true},"
         "\"retry\":{\"max_attempts\":3},\"hold\":true,\"queue\":\"nightly\",\"env\":{\"A\":\"b c\"},"
         "\"cwd\":\"/tmp\",\"labels\":{\"team\":\"x\"},\"not_before\":\"2026-11-22T18:00:00Z\"}",
         &s);
    seal(&s);
    struct job *j = s.req[0].job;
    assert_int_equal(j->needs.cpus, CPUS_ALL);
    assert_int_equal(j->needs.exclusive, EXCLUSIVE_QUIET);
    assert_int_equal(j->priority, -7);
    assert_int_equal(j->timeout_s, 7200);
    assert_int_equal(j->max_tries, 3);
    assert_int_equal(j->retry_on, (1u << RETRY_CAUSE_COUNT) - 1);
    assert_string_equal(j->name, "make");
    assert_string_equal(j->queue, "nightly");
    assert_true(s.req[0].hold);
    struct job_spec spec;
    assert_int_equal(job_spec_read(j->spec, &spec, NULL), 0);
    assert_string_equal(spec.argv[1], "-j2");
    assert_null(spec.argv[2]);
    assert_string_equal(spec.env[0], "A=b c");
    assert_string_equal(spec.cwd, "/tmp");
    job_spec_done(&spec);
    submission_done(&s);
}

static void test_a_matrix_is_every_combination(void **state)
{
    (void)state;
    struct submission s = {0};
    take("{\"recipe\":\"r\",\"matrix\":{\"params.a\":[1,2,3],\"env.X\":[\"p\",4],"
         "\"exclude\":[{\"params.a\":2,\"env.X\":\"p\"}],\"include\":[{\"env.X\":\"z\"}],"
         "\"max_parallel\":2,\"fail_fast\":true}}",
         &s);
    assert_int_equal(s.n, 6);
    assert_int_equal(s.max_parallel, 2);
    assert_true(s.fail_fast && s.is_array && !s.is_single);
    assert_string_equal(s.req[0].params, "{\"a\":1}");
    seal(&s);
    assert_non_null(strstr(s.req[0].job->spec, "\"env\":{\"X\":\"p\"}"));
    assert_non_null(strstr(s.req[1].job->spec, "\"env\":{\"X\":\"4\"}"));
    assert_non_null(strstr(s.req[0].job->spec, "\"matrix\":{\"params.a\":1,\"env.X\":\"p\"}"));
    assert_non_null(strstr(s.req[5].job->spec, "\"matrix\":{\"env.X\":\"z\"}"));
    submission_done(&s);
}

static void test_a_form_is_a_recipe_and_never_a_command(void **state)
{
    (void)state;
    struct submission s = {0};
    struct cail_err err = {0};
    static const char good[] =
        "recipe=setup-llvm&params.targets=File%43heck%2Copt&needs.cpus=2&labels.a=7&priority=-3";
    assert_int_equal(submission_from_form(good, strlen(good), &s, &err), 0);
    assert_string_equal(s.req[0].job->recipe, "setup-llvm");
    assert_string_equal(s.req[0].params, "{\"targets\":\"FileCheck,opt\"}");
    assert_int_equal(s.req[0].job->needs.cpus, 2);
    assert_int_equal(s.req[0].job->priority, -3);
    assert_string_equal(s.req[0].label_value[0], "7");
    submission_done(&s);
    static const char *const bad[] = {
        "command=x",        "script=x",      "env.PATH=x",      "recipe=a&command.0=x",
        "recipe=a&params.x=%00", "recipe=%ff", "recipe=a&x%2",   "recipe=%4",
        "recipe",           "=x",            "recipe=a&recipe.b=c", "",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (submission_from_form(bad[i], strlen(bad[i]), &s, &err) == 0)
            fail_msg("the form \"%s\" was taken", bad[i]);
}

static void test_options_stand_in_a_script(void **state)
{
    (void)state;
    struct submission s = {0};
    struct cail_err err = {0};
    static const char text[] = "#!/bin/bash\n#CAIL --cpus 2 --timeout 90m\n#CAIL --label a=b\n"
                               "#CAIL --after 4:finished --name=nightly\necho '#CAIL not at the start'\n";
    assert_int_equal(submission_from_script(text, strlen(text), &s, &err), 0);
    struct job *j = s.req[0].job;
    assert_int_equal(j->needs.cpus, 2);
    assert_int_equal(j->timeout_s, 5400);
    assert_string_equal(j->name, "nightly");
    assert_int_equal(j->after[0].job, 4);
    assert_int_equal(j->after[0].when, AFTER_FINISHED);
    assert_string_equal(s.req[0].label_key[0], "a");
    submission_done(&s);
    take("{\"script\":\"#CAIL --cpus 2\\n\",\"needs\":{\"cpus\":1}}", &s);
    assert_int_equal(s.req[0].job->needs.cpus, 1); /* the request itself wins */
    submission_done(&s);
    assert_int_not_equal(submission_from_script("a\0b", 3, &s, &err), 0);
    assert_int_not_equal(submission_from_script("\xff", 1, &s, &err), 0);
}

static void test_a_patch_is_whole_or_nothing(void **state)
{
    (void)state;
    struct submission s = {0};
    struct job_patch p;
    struct cail_err err;
    take("{\"command\":[\"a\"],\"labels\":{\"old\":\"1\"}}", &s);
    seal(&s);
    struct job *j = s.req[0].job;
    static const char bad[] = "{\"priority\":9,\"needs\":{\"cpus\":-1}}";
    assert_int_equal(job_patch_apply(bad, strlen(bad), j, &p, &err), E_BAD_FIELD);
    assert_int_equal(j->priority, 0);
    static const char good[] = "{\"priority\":9,\"labels\":{\"new\":\"2\"},\"needs\":{\"cpus\":3}}";
    assert_int_equal(job_patch_apply(good, strlen(good), j, &p, &err), 0);
    assert_int_equal(j->priority, 9);
    assert_int_equal(j->needs.cpus, 3);
    assert_true(p.labels_changed && p.n_labels == 1);
    assert_non_null(strstr(j->spec, "\"new\""));
    assert_null(strstr(j->spec, "\"old\""));
    job_patch_done(&p);
    submission_done(&s);
}

static void test_durations(void **state)
{
    (void)state;
    assert_int_equal(duration_s("90"), 90);
    assert_int_equal(duration_s("15m"), 900);
    assert_int_equal(duration_s("1d"), 86400);
    assert_int_equal(duration_s("1w"), -1);
    assert_int_equal(duration_s("-1"), -1);
    assert_int_equal(duration_s(""), -1);
    assert_int_equal(duration_s("99999999999999999999s"), -1);
}

static void test_a_document_is_json_whatever_the_job_is_called(void **state)
{
    (void)state;
    struct submission s = {0};
    take("{\"command\":[\"\\\"\\\\\"],\"name\":\"<script>\\\"\xc3\xa9\"}", &s);
    seal(&s);
    struct str out = STR_INIT;
    struct jw w = JW(&out);
    s.req[0].job->user = mem_strdup("u");
    job_doc(&w, s.req[0].job, NULL);
    struct job_spec again; /* reads any JSON object */
    assert_int_equal(job_spec_read(out.p, &again, NULL), 0);
    job_spec_done(&again);
    str_done(&out);
    submission_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_requests_name_the_place),
        cmocka_unit_test(test_a_misspelt_field_names_the_nearest),
        cmocka_unit_test(test_depth_is_refused_before_parsing),
        cmocka_unit_test(test_every_prefix_of_a_request_is_refused_cleanly),
        cmocka_unit_test(test_what_is_asked_arrives),
        cmocka_unit_test(test_a_matrix_is_every_combination),
        cmocka_unit_test(test_a_form_is_a_recipe_and_never_a_command),
        cmocka_unit_test(test_options_stand_in_a_script),
        cmocka_unit_test(test_a_patch_is_whole_or_nothing),
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_a_document_is_json_whatever_the_job_is_called),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
