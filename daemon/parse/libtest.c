/* What Rust's libtest prints: cargo test, cargo bench, bencher, and Criterion with
 * --output-format bencher.
 *   test bad ... FAILED
 *   test sum/64 ... bench:       1,234.5 ns/iter (+/- 56) = 78 MB/s
 *   test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; ...; finished in 0.07s
 * A test is a check row (elapsed with --report-time alone), a bench has time ns (an iteration) and
 * throughput MB/s. params {"binary"}: of several crates' tests the same name is another test. There
 * is a result line for each binary: counts and elapsed are their sums. */
#include <string.h>

#include "base/mem.h"
#include "parse/formats.h"
#include "parse/reader.h"

struct run {
    struct str params; /* of the binary that runs */
    double passed, failed, ignored, elapsed_s;
    bool any_result, any_elapsed;
};

/* "unittests src/lib.rs (target/debug/deps/crit-e8a4b38700be39b9)" -> crit. */
static void enter_binary(struct run *r, struct parse_span what, const char *kind)
{
    struct parse_span before, name;
    struct parse_pairs pairs = {.n = 0};
    CLEANUP(str_done) struct str text = STR_INIT;
    str_adds(&text, kind);
    if (parse_after_last(what, "/", &before, &name))
        what = name;
    if (parse_span_ends(what, ")"))
        what.n--;
    if (parse_after_last(what, "-", &before, &name) && name.n == 16)
        what = before;
    str_add(&text, what.p, what.n);
    parse_pairs_add(&pairs, parse_span_of("binary"), (struct parse_span){text.p, text.len});
    parse_pairs_json(&pairs, &r->params);
}

/* "1,234.56" */
static bool with_commas(struct parse_span s, double *ret)
{
    char text[40];
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == ',')
            continue;
        if (n + 1 >= sizeof text)
            return false;
        text[n++] = s.p[i];
    }
    return parse_span_number((struct parse_span){text, n}, ret);
}

static int bench(struct parse_in *in, const struct run *r, const char *name, struct parse_span rest)
{
    static const struct parse_metric time = {NULL, "time", "ns", BETTER_LOWER, METRIC_TIME, 0};
    static const struct parse_metric rate = {NULL,          "throughput", "MB/s",
                                             BETTER_HIGHER, METRIC_RATE,  0};
    struct parse_span before;
    double v;
    if (!with_commas(parse_cut_word(&rest), &v) || !parse_span_is(parse_cut_word(&rest), "ns/iter"))
        return parse_bad(in, "\"bench:\" must be like 1,234 ns/iter (+/- 56)");
    int rc = parse_put1(in, name, r->params.p, &time, RESULT_OK, v);
    if (rc || !parse_cut_to(&rest, "= ", &before))
        return rc;
    if (!with_commas(parse_cut_word(&rest), &v) || !parse_span_is(parse_cut_word(&rest), "MB/s"))
        return parse_bad(in, "the rate must be like = 78 MB/s");
    return parse_put1(in, name, r->params.p, &rate, RESULT_OK, v);
}

static bool outcome(struct parse_span word, enum result_status *ret)
{
    bool known = true;
    if (parse_span_is(word, "ok"))
        *ret = RESULT_OK;
    else if (parse_span_is(word, "FAILED"))
        *ret = RESULT_FAILED;
    else if (parse_span_is(word, "ignored") || parse_span_is(word, "ignored,"))
        *ret = RESULT_SKIPPED;
    else
        known = false;
    return known;
}

/* With --nocapture a test's own output may stand in the place of its outcome: no row, but the
 * result line counts it. */
static int test(struct parse_in *in, const struct run *r, struct parse_span rest)
{
    struct parse_span name;
    enum result_status status;
    double seconds = -1;
    if (!parse_after_last(rest, " ... ", &name, &rest))
        return 0;
    CLEANUP(mem_freep) char *text = parse_span_dup(parse_span_trim(name));
    if (parse_cut(&rest, "bench:"))
        return bench(in, r, text, rest);
    if (!outcome(parse_cut_word(&rest), &status))
        return 0;
    rest = parse_span_trim(rest);
    if (parse_cut(&rest, "<") && parse_span_ends(rest, "s>"))
        parse_span_number((struct parse_span){rest.p, rest.n - 2}, &seconds);
    return parse_put_check(in, text, r->params.p, status, seconds);
}

/* "FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.07s" */
static int result(struct parse_in *in, struct run *r, struct parse_span rest)
{
    struct parse_span piece, word;
    double n, *const to[] = {&r->passed, &r->failed, &r->ignored};
    static const char *const words[] = {"passed", "failed", "ignored"};
    parse_cut_word(&rest);
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (!parse_cut_to(&rest, ";", &piece) || !parse_span_number(parse_cut_word(&piece), &n) ||
            !parse_span_is(parse_cut_word(&piece), words[i]))
            return parse_bad(in, "the number of tests that %s expected", words[i]);
        *to[i] += n;
    }
    r->any_result = true;
    if (parse_cut_to(&rest, "finished in ", &piece)) {
        word = parse_cut_word(&rest);
        if (!parse_span_ends(word, "s") ||
            !parse_span_number((struct parse_span){word.p, word.n - 1}, &n))
            return parse_bad(in, "\"finished in\" must be like 0.07s");
        r->elapsed_s += n;
        r->any_elapsed = true;
    }
    return 0;
}

static int line(struct parse_in *in, struct run *r)
{
    struct parse_span rest = parse_span_trim(in->text.line), before;
    if (parse_cut(&rest, "test result: "))
        return result(in, r, rest);
    if (parse_cut(&rest, "test "))
        return test(in, r, rest);
    if (parse_cut(&rest, "Doc-tests "))
        enter_binary(r, rest, "doc-tests ");
    else if (parse_cut(&rest, "Running ") && parse_cut_to(&rest, "(", &before))
        enter_binary(r, rest, "");
    return 0;
}

static int read_lines(struct parse_in *in)
{
    struct run r = {.passed = 0};
    int rc = 0;
    str_adds(&r.params, "{}");
    while (!rc && parse_text_next(&in->text))
        rc = line(in, &r);
    if (!rc && r.any_result)
        rc = parse_put_counts(in, r.passed, r.failed, r.ignored);
    if (!rc && r.any_elapsed)
        rc = parse_put_check(in, NULL, NULL, r.failed > 0 ? RESULT_FAILED : RESULT_OK, r.elapsed_s);
    str_done(&r.params);
    return rc;
}

static bool is_ours(struct parse_span text)
{
    struct parse_span name, rest = text;
    enum result_status status;
    if (parse_cut(&rest, "test result: "))
        return parse_span_has(rest, " passed; ");
    return parse_cut(&rest, "test ") && parse_after_last(rest, " ... ", &name, &rest) &&
           (parse_span_starts(rest, "bench:") || outcome(parse_cut_word(&rest), &status));
}

bool libtest_detect(const char *p, size_t len)
{
    return parse_any_line(p, len, is_ours);
}

int libtest_parse(const char *p, size_t len, const char *benchmark, struct parse_out *out,
                  struct cail_err *err)
{
    return parse_with(read_lines, p, len, benchmark, out, err);
}
