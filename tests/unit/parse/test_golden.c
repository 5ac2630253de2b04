/* Every tests/golden/<parser>/<case>/: input through its parser gives expect.json, and where it
 * gives results, detection by content finds that parser. A case that is named bad-* must be refused
 * with a place. CAIL_GOLDEN_WRITE=1 writes what came out, for a person to read before it is
 * committed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <glob.h>
#include <jansson.h>
#include <libgen.h>

#include "base/fsx.h"
#include "base/jw.h"
#include "parse/parse.h"

static void put_result(struct jw *w, const struct result *r)
{
    jw_open(w, '{');
    jw_kstr(w, "benchmark", r->benchmark);
    jw_key(w, "params");
    jw_raw(w, r->params, strlen(r->params));
    jw_kstr(w, "metric", r->metric);
    jw_kstr(w, "unit", r->unit);
    jw_kstr(w, "better", better_words[r->better]);
    jw_kstr(w, "metric_kind", metric_kind_words[r->kind]);
    jw_kstr(w, "status", result_status_words[r->status]);
    jw_key(w, "samples");
    jw_open(w, '[');
    for (int32_t i = 0; i < r->n_samples; i++)
        jw_real(w, r->samples[i]);
    jw_close(w, ']');
    jw_kreal(w, "value", r->value);
    jw_close(w, '}');
}

/* Not only the first of the table to say yes: the order must not decide. */
static void only_one_knows(const struct parser *p, const struct str *input)
{
    size_t head = input->len < 4096 ? input->len : 4096;
    for (size_t i = 0; i < n_parsers; i++)
        if (parsers[i].detect(input->p, head) != (&parsers[i] == p))
            fail_msg("%s: is an input of %s taken for its own?", parsers[i].name, p->name);
    assert_ptr_equal(parse_detect(input->p, input->len), p);
}

static void render(const struct parser *p, const struct str *input, struct str *out)
{
    struct parse_out got = {.result = NULL};
    struct cail_err err = {.code = E_OK};
    int rc = p->parse(input->p, input->len, "bench", &got, &err);
    struct jw w = JW(out);
    jw_open(&w, '{');
    if (rc) {
        assert_int_equal(rc, err.code);
        assert_int_equal(got.n, 0);
        jw_kstr(&w, "code", err_word(err.code));
        jw_kstr(&w, "error", err.text);
    } else {
        only_one_knows(p, input);
        jw_key(&w, "results");
        jw_open(&w, '[');
        for (size_t i = 0; i < got.n; i++)
            put_result(&w, &got.result[i]);
        jw_close(&w, ']');
    }
    jw_close(&w, '}');
    parse_out_done(&got);
}

static json_t *load(const char *text, size_t len, const char *what)
{
    json_error_t e;
    json_t *v = json_loadb(text, len, JSON_REJECT_DUPLICATES, &e);
    if (!v)
        fail_msg("%s: %s", what, e.text);
    return v;
}

static void write_expect(const char *path, const json_t *v)
{
    CLEANUP(str_done) struct str text = STR_INIT;
    char *dump = json_dumps(v, JSON_INDENT(1));
    str_adds(&text, dump);
    str_addc(&text, '\n');
    free(dump);
    assert_int_equal(fsx_write_atomic(path, text.p, text.len, 0644, false, NULL), 0);
}

static bool one_case(const char *dir, const char *parser, const char *name)
{
    char path[1000];
    CLEANUP(str_done) struct str input = STR_INIT, got = STR_INIT, expect = STR_INIT;
    snprintf(path, sizeof path, "%s/input", dir);
    assert_int_equal(fsx_read(path, 1 << 20, &input, NULL), 0);
    const struct parser *p = parse_find(parser);
    if (!p)
        fail_msg("%s: there is no parser of that name", dir);
    render(p, &input, &got);
    json_t *have = load(got.p, got.len, dir);
    if ((strncmp(name, "bad-", 4) == 0) != (json_object_get(have, "error") != NULL))
        fail_msg("%s: %s", dir, got.p);
    snprintf(path, sizeof path, "%s/expect.json", dir);
    if (getenv("CAIL_GOLDEN_WRITE"))
        write_expect(path, have);
    assert_int_equal(fsx_read(path, 1 << 20, &expect, NULL), 0);
    json_t *want = load(expect.p, expect.len, path);
    bool same = json_equal(have, want);
    if (!same)
        print_error("%s: got %s\n", dir, got.p);
    json_decref(have);
    json_decref(want);
    return same;
}

static void test_golden(void **state)
{
    (void)state;
    glob_t found;
    assert_int_equal(glob(CAIL_SOURCE_DIR "/tests/golden/*/*", GLOB_ONLYDIR, NULL, &found), 0);
    size_t wrong = 0;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        char copy[1000], above[1000];
        snprintf(copy, sizeof copy, "%s", found.gl_pathv[i]);
        snprintf(above, sizeof above, "%s", found.gl_pathv[i]);
        char *parser = basename(dirname(above));
        wrong += !one_case(found.gl_pathv[i], parser, basename(copy));
    }
    globfree(&found);
    assert_int_equal(wrong, 0);
}

/* A parser without a golden folder is a parser nobody tests. */
static void test_each_parser_has_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_parsers; i++) {
        char pattern[1000];
        glob_t found;
        snprintf(pattern, sizeof pattern, CAIL_SOURCE_DIR "/tests/golden/%s/*", parsers[i].name);
        assert_int_equal(glob(pattern, 0, NULL, &found), 0);
        assert_true(found.gl_pathc >= 3);
        globfree(&found);
    }
}

/* docs/RESULTS.md has a row for each. */
static void test_each_parser_is_in_the_docs(void **state)
{
    (void)state;
    CLEANUP(str_done) struct str docs = STR_INIT;
    assert_int_equal(fsx_read(CAIL_SOURCE_DIR "/docs/RESULTS.md", 1 << 20, &docs, NULL), 0);
    for (size_t i = 0; i < n_parsers; i++) {
        char row[100];
        snprintf(row, sizeof row, "\n| **%s** ", parsers[i].name);
        if (!strstr(docs.p, row))
            fail_msg("docs/RESULTS.md has no row for %s", parsers[i].name);
    }
}

/* The text up to `at`, and the text with another byte there. */
static void damage(const struct parser *p, struct str *input, size_t at)
{
    struct parse_out out = {.result = NULL};
    int rc = p->parse(input->p, at, "b", &out, NULL);
    assert_true(rc == 0 || out.n == 0);
    char was = input->p[at];
    input->p[at] = "\"\\{[0\n\xff,"[at % 8];
    rc = p->parse(input->p, input->len, "b", &out, NULL);
    input->p[at] = was;
    assert_true(rc == 0 || out.n == 0 || out.result[0].benchmark);
    parse_out_done(&out);
}

/* A hundred places of every input through its own parser, and each place through one other: no
 * crash, and an error leaves no rows. */
static void test_damaged_inputs(void **state)
{
    (void)state;
    glob_t found;
    assert_int_equal(glob(CAIL_SOURCE_DIR "/tests/golden/*/*/input", 0, NULL, &found), 0);
    assert_true(found.gl_pathc > 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        CLEANUP(str_done) struct str input = STR_INIT;
        char copy[1000];
        snprintf(copy, sizeof copy, "%s", found.gl_pathv[i]);
        const struct parser *own = parse_find(basename(dirname(dirname(copy))));
        assert_non_null(own);
        assert_int_equal(fsx_read(found.gl_pathv[i], 1 << 20, &input, NULL), 0);
        for (size_t at = 0; at < input.len; at += 1 + input.len / 100) {
            for (size_t k = 0; k < n_parsers; k++)
                if (&parsers[k] == own || k == at % n_parsers)
                    damage(&parsers[k], &input, at);
        }
    }
    globfree(&found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_each_parser_has_cases),
        cmocka_unit_test(test_each_parser_is_in_the_docs),
        cmocka_unit_test(test_damaged_inputs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
