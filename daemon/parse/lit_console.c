/* What lit prints:
 *   FAIL: MLIR-MINI :: fail.mlir (3 of 8)        a line a test, unless -s
 *   Failed Tests (1):                            lists, which -s has too
 *     MLIR-MINI :: fail.mlir
 *   Testing Time: 0.29s
 *   Total Discovered Tests: 8
 *     Passed             : 2 (25.00%)
 * A test is a check row without a time; the counts and Testing Time are rows of the job. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "parse/lit.h"

struct console {
    double passed, failed, skipped;
    bool totals;                /* after "Total Discovered Tests:" */
    enum result_status in_list; /* of the list that is being read */
    bool listing;
};

static int check(struct parse_in *in, struct parse_span test, enum result_status status)
{
    CLEANUP(mem_freep) char *name = parse_span_dup(parse_span_trim(test));
    return parse_put_check(in, name, NULL, status, -1);
}

/* "FAIL: MLIR-MINI :: fail.mlir (3 of 8)"; before an attempt count with --max-retries. */
static bool test_line(struct parse_span line, struct parse_span *test, enum result_status *status)
{
    struct parse_span code, tail, rest = line;
    return parse_cut_to(&rest, ": ", &code) && lit_status(code, status) &&
           parse_after_last(rest, " (", test, &tail) && parse_span_has(tail, " of ") &&
           parse_span_has(*test, " :: ");
}

/* "Failed Tests (1):" and the like. */
static bool list_title(struct parse_span line, enum result_status *status)
{
    static const struct {
        const char *label;
        enum result_status status;
    } lists[] = {
        {"Failed Tests (", RESULT_FAILED},        {"Unresolved Tests (", RESULT_FAILED},
        {"Timed Out Tests (", RESULT_FAILED},     {"Unexpectedly Passed Tests (", RESULT_FAILED},
        {"Unsupported Tests (", RESULT_SKIPPED},  {"Skipped Tests (", RESULT_SKIPPED},
        {"Excluded Tests (", RESULT_SKIPPED},     {"Passed Tests (", RESULT_OK},
        {"Expectedly Failed Tests (", RESULT_OK}, {"Passed With Retry Tests (", RESULT_OK},
    };
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        if (parse_span_starts(line, lists[i].label)) {
            *status = lists[i].status;
            return true;
        }
    return false;
}

/* "  Passed             : 2 (25.00%)" */
static bool total(struct console *c, struct parse_span line)
{
    static const char *const good[] = {"Passed", "Passed With Retry", "Expectedly Failed"};
    static const char *const none[] = {"Skipped", "Unsupported", "Excluded"};
    struct parse_span label, rest = line;
    double n;
    if (!parse_cut_to(&rest, ":", &label) || !parse_span_number(parse_cut_word(&rest), &n))
        return false;
    label = parse_span_trim(label);
    double *to = &c->failed;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        if (parse_span_is(label, good[i]))
            to = &c->passed;
        else if (parse_span_is(label, none[i]))
            to = &c->skipped;
    }
    *to += n;
    return true;
}

static int put_time(struct parse_in *in, struct parse_span rest)
{
    struct parse_span word = parse_cut_word(&rest);
    double seconds;
    if (!parse_span_ends(word, "s") ||
        !parse_span_number((struct parse_span){word.p, word.n - 1}, &seconds))
        return parse_bad(in, "\"Testing Time:\" must be like 5.86s");
    return parse_put_check(in, NULL, NULL, RESULT_OK, seconds);
}

static int line(struct parse_in *in, struct console *c)
{
    struct parse_span text = in->text.line, test;
    enum result_status status;
    if (c->totals) {
        c->totals = total(c, text);
        if (c->totals)
            return 0;
    }
    if (parse_cut(&text, "Testing Time:"))
        return put_time(in, text);
    if (parse_cut(&text, "Total Discovered Tests:")) {
        c->totals = true;
        return 0;
    }
    if (c->listing && parse_span_starts(text, "  ") && parse_span_has(text, " :: ")) {
        return check(in, text, c->in_list);
    }
    c->listing = list_title(text, &c->in_list);
    return test_line(text, &test, &status) ? check(in, test, status) : 0;
}

int lit_console(struct parse_in *in)
{
    struct console c = {.passed = 0};
    bool any = false;
    int rc = 0;
    while (!rc && parse_text_next(&in->text)) {
        rc = line(in, &c);
        any = any || c.totals;
    }
    return rc || !any ? rc : parse_put_counts(in, c.passed, c.failed, c.skipped);
}

bool lit_console_line(struct parse_span text)
{
    struct parse_span test;
    enum result_status status;
    return parse_span_starts(text, "-- Testing: ") || parse_span_starts(text, "Testing: 0 ") ||
           parse_span_starts(text, "Testing Time: ") ||
           parse_span_starts(text, "Total Discovered Tests:") || test_line(text, &test, &status);
}
