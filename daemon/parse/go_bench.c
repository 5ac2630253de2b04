/* go test -bench and -v:
 *   BenchmarkEncode/n=1-8   1000   1234 ns/op   12.3 MB/s   56 B/op   3 allocs/op
 *   --- FAIL: TestX (0.01s)
 * benchmark = the name as printed, with its -GOMAXPROCS; -count repeats lines, which are samples.
 * A unit of the author's own is a metric of that name: "/s" is higher, "/op" and times lower. */
#include <string.h>

#include "base/mem.h"
#include "parse/formats.h"
#include "parse/reader.h"

static const struct parse_metric known[] = {
    {"ns/op", "time", "ns", BETTER_LOWER, METRIC_TIME, 0},
    {"MB/s", "throughput", "MB/s", BETTER_HIGHER, METRIC_RATE, 0},
    {"B/op", "bytes_per_op", "B", BETTER_LOWER, METRIC_COUNT, 0},
    {"allocs/op", "allocs_per_op", "allocs", BETTER_LOWER, METRIC_COUNT, 0},
};

static int put_pair(struct parse_in *in, const char *name, double value, struct parse_span unit)
{
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (parse_span_is(unit, known[i].from))
            return parse_put1(in, name, NULL, &known[i], RESULT_OK, value);
    CLEANUP(mem_freep) char *text = parse_span_dup(unit);
    struct parse_metric m = {NULL, text, text, parse_unit_better(text), parse_unit_kind(text), 0};
    if (parse_span_ends(unit, "/op"))
        m.better = BETTER_LOWER;
    return parse_put1(in, name, NULL, &m, RESULT_OK, value);
}

/* "BenchmarkX-8 1000": false = another line, such as the name alone that -v prints first. */
static bool is_bench(struct parse_span line, struct parse_span *name, struct parse_span *pairs)
{
    double iterations, value;
    if (!parse_span_starts(line, "Benchmark"))
        return false;
    *name = parse_cut_word(&line);
    if (!parse_span_number(parse_cut_word(&line), &iterations))
        return false;
    *pairs = line;
    return parse_span_number(parse_cut_word(&line), &value) && parse_cut_word(&line).n > 0;
}

static int bench(struct parse_in *in, struct parse_span name, struct parse_span pairs)
{
    CLEANUP(mem_freep) char *text = parse_span_dup(name);
    int rc = 0;
    for (struct parse_span word; !rc && (word = parse_cut_word(&pairs)).n;) {
        double value;
        struct parse_span unit = parse_cut_word(&pairs);
        if (!parse_span_number(word, &value) || !unit.n)
            return parse_bad(in, "a value and its unit expected");
        rc = put_pair(in, text, value, unit);
    }
    return rc;
}

/* "--- FAIL: TestX/sub (0.01s)" */
static bool is_check(struct parse_span line, struct parse_span *name, enum result_status *status,
                     double *seconds)
{
    static const struct {
        const char *word;
        enum result_status status;
    } words[] = {
        {"--- PASS: ", RESULT_OK}, {"--- FAIL: ", RESULT_FAILED}, {"--- SKIP: ", RESULT_SKIPPED}};
    struct parse_span rest = parse_span_trim(line);
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (!parse_cut(&rest, words[i].word))
            continue;
        *status = words[i].status;
        *name = parse_cut_word(&rest);
        rest = parse_span_trim(rest);
        *seconds = -1;
        if (parse_cut(&rest, "(") && parse_span_ends(rest, "s)"))
            parse_span_number((struct parse_span){rest.p, rest.n - 2}, seconds);
        return name->n > 0;
    }
    return false;
}

static int line(struct parse_in *in)
{
    struct parse_span name, pairs;
    enum result_status status;
    double seconds;
    if (is_bench(in->text.line, &name, &pairs))
        return bench(in, name, pairs);
    if (!is_check(in->text.line, &name, &status, &seconds))
        return 0;
    CLEANUP(mem_freep) char *text = parse_span_dup(name);
    if (parse_span_starts(name, "Benchmark"))
        return parse_put(in, text, NULL, &known[0], status, NULL, 0);
    return parse_put_check(in, text, NULL, status, seconds);
}

static int read_lines(struct parse_in *in)
{
    int rc = 0;
    while (!rc && parse_text_next(&in->text))
        rc = line(in);
    return rc;
}

static bool is_ours(struct parse_span text)
{
    struct parse_span name, pairs;
    enum result_status status;
    double seconds;
    return is_bench(text, &name, &pairs) || is_check(text, &name, &status, &seconds);
}

bool go_bench_detect(const char *p, size_t len)
{
    return parse_any_line(p, len, is_ours);
}

int go_bench_parse(const char *p, size_t len, const char *benchmark, struct parse_out *out,
                   struct cail_err *err)
{
    return parse_with(read_lines, p, len, benchmark, out, err);
}
