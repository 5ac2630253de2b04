/* The table that Google Benchmark prints (src/console_reporter.cc):
 *   BM_Sum/1024    0.487 us    0.478 us    146273 bytes_per_second=15.97G/s n=1024 label
 *   BM_Err         ERROR OCCURRED: 'no device'
 * Rows that end in an aggregate's name, or are of complexity, are left out; counters have SI
 * prefixes, bytes_per_second those of 1024. Names may hold blanks, so a row is read from its
 * numbers: the first "time unit time unit iterations" in it. */
#include <string.h>

#include "base/mem.h"
#include "parse/gbench.h"

bool gbench_is_header(struct parse_span line)
{
    struct parse_span rest = line;
    static const char *const words[] = {"Benchmark", "Time", "CPU", "Iterations"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (!parse_span_is(parse_cut_word(&rest), words[i]))
            return false;
    return true;
}

static bool is_aggregate(struct parse_span name)
{
    static const char *const ends[] = {"_mean", "_median", "_stddev", "_cv",
                                       "_BigO", "_RMS",    "_min",    "_max"};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        if (parse_span_ends(name, ends[i]))
            return true;
    return false;
}

struct row {
    struct parse_span name, rest, unit;
    double real, cpu;
};

/* "0.487 us 0.478 us 146273" at `at`? */
static bool numbers_at(struct parse_span at, struct row *r)
{
    struct parse_span unit2;
    double iterations;
    if (!parse_span_number(parse_cut_word(&at), &r->real))
        return false;
    r->unit = parse_cut_word(&at);
    if (!parse_span_is(r->unit, "ns") && !parse_span_is(r->unit, "us") &&
        !parse_span_is(r->unit, "ms") && !parse_span_is(r->unit, "s"))
        return false;
    if (!parse_span_number(parse_cut_word(&at), &r->cpu))
        return false;
    unit2 = parse_cut_word(&at);
    if (unit2.n != r->unit.n || memcmp(unit2.p, r->unit.p, unit2.n) != 0 ||
        !parse_span_number(parse_cut_word(&at), &iterations))
        return false;
    r->rest = at;
    return true;
}

static bool split_row(struct parse_span line, struct row *r)
{
    struct parse_span rest = line;
    for (struct parse_span word; (word = parse_cut_word(&rest)).n;) {
        if (word.p != line.p && numbers_at((struct parse_span){word.p, word.n + rest.n}, r)) {
            r->name = parse_span_trim((struct parse_span){line.p, (size_t)(word.p - line.p)});
            return r->name.n > 0;
        }
    }
    return false;
}

/* "15.9744G/s", "2.14405M", "1024", "16.2Gi/s"; the base is 1024 for bytes. */
static bool si_number(struct parse_span s, double base, double *ret, bool *ret_rate)
{
    static const char prefixes[] = "kMGTPEZY", small[] = "munpfazy";
    *ret_rate = parse_span_ends(s, "/s");
    s.n -= *ret_rate ? 2 : 0;
    if (s.n > 1 && s.p[s.n - 1] == 'i') {
        base = 1024;
        s.n--;
    }
    double scale = 1;
    const char *up = s.n ? memchr(prefixes, s.p[s.n - 1], sizeof prefixes - 1) : NULL;
    const char *down = s.n ? memchr(small, s.p[s.n - 1], sizeof small - 1) : NULL;
    bool word = parse_span_number(s, ret); /* "nan" ends in n */
    for (const char *c = prefixes; !word && up && c <= up; c++)
        scale *= base;
    for (const char *c = small; !word && down && c <= down; c++)
        scale /= base;
    s.n -= !word && (up || down);
    if (!word && !parse_span_number(s, ret))
        return false;
    *ret *= scale;
    return true;
}

static int put_counters(struct parse_in *in, const char *name, struct parse_span rest)
{
    int rc = 0;
    for (struct parse_span word, key; !rc && (word = parse_cut_word(&rest)).n;) {
        double value;
        bool rate;
        if (!parse_cut_to(&word, "=", &key) || !key.n || parse_span_ends(word, "%"))
            continue; /* the label */
        double base = parse_span_is(key, "bytes_per_second") ? 1024 : 1000;
        if (!si_number(word, base, &value, &rate))
            continue;
        CLEANUP(mem_freep) char *counter = parse_span_dup(key);
        rc = gbench_put_counter(in, name, counter, value, rate);
    }
    return rc;
}

static int bad_row(struct parse_in *in, struct parse_span name, enum result_status status)
{
    name = parse_span_trim(name);
    CLEANUP(mem_freep) char *text = parse_span_dup(name);
    return name.n ? gbench_put_bad(in, text, "", status) : 0;
}

static int row(struct parse_in *in)
{
    struct parse_span rest = in->text.line, name;
    struct row r;
    int rc = 0;
    if (parse_cut_to(&rest, "ERROR OCCURRED:", &name))
        return bad_row(in, name, RESULT_FAILED);
    rest = in->text.line;
    if (parse_cut_to(&rest, "SKIPPED:", &name))
        return bad_row(in, name, RESULT_SKIPPED);
    if (!split_row(in->text.line, &r) || is_aggregate(r.name))
        return 0;
    CLEANUP(mem_freep) char *text = parse_span_dup(r.name);
    CLEANUP(mem_freep) char *unit = parse_span_dup(r.unit);
    if (!gbench_put_times(in, text, r.real, r.cpu, unit, &rc))
        return parse_bad(in, "the unit is not ns, us, ms or s");
    return rc ? rc : put_counters(in, text, r.rest);
}

int gbench_console(struct parse_in *in)
{
    bool in_table = false;
    int rc = 0;
    while (!rc && parse_text_next(&in->text)) {
        if (gbench_is_header(in->text.line))
            in_table = true;
        else if (in_table)
            rc = row(in);
    }
    if (!rc && !in_table)
        rc = parse_bad(in, "there is no header \"Benchmark Time CPU Iterations\"");
    return rc;
}
