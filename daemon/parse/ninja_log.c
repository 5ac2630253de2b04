/* .ninja_log, v5 to v7: TAB columns start_ms end_ms mtime output command-hash.
 *
 * Rows: wall_time ms of the last run, edge_time_sum ms, edges, and edge_time ms of each edge (the
 * slowest 10,000 of more). The log is appended to: the last entry of an output counts. An entry is
 * written when its edge ends, so an end before the one above begins another run; ninja now and
 * then rewrites the log in no order, and then no wall time can be told: a skipped row. An edge
 * with several outputs has a line for each, one below the other. */
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "base/mem.h"
#include "parse/formats.h"
#include "parse/reader.h"

enum { ENTRIES_MAX = 300000, EDGE_ROWS_MAX = 10000 };

static const char header[] = "# ninja log v";

struct edge {
    struct parse_span output;
    struct parse_span hash;
    double start_ms, end_ms;
    size_t order;
    UT_hash_handle hh;
};

struct log {
    struct edge *by_output;
    size_t n, entries, runs;
    double last_end_ms, run_end_ms;
    struct edge *above; /* the line before */
};

static bool is_same(struct parse_span a, struct parse_span b)
{
    return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

static int entry(struct parse_in *in, struct log *l, const struct edge *e)
{
    if (e->end_ms < l->last_end_ms || !l->entries) {
        l->runs++;
        l->run_end_ms = 0;
    }
    l->last_end_ms = e->end_ms;
    if (e->end_ms > l->run_end_ms)
        l->run_end_ms = e->end_ms;
    l->entries++;
    if (l->above && is_same(l->above->hash, e->hash) && l->above->start_ms == e->start_ms &&
        l->above->end_ms == e->end_ms)
        return 0;
    struct edge *known;
    HASH_FIND(hh, l->by_output, e->output.p, e->output.n, known);
    if (!known) {
        if (l->n == ENTRIES_MAX)
            return err_set(in->err, E_TOO_MANY, "line %lld: more than %d edges",
                           (long long)in->text.line_no, ENTRIES_MAX);
        known = mem_zalloc(sizeof *known);
        known->output = e->output;
        known->order = l->n++;
        HASH_ADD_KEYPTR(hh, l->by_output, known->output.p, known->output.n, known);
    }
    known->hash = e->hash;
    known->start_ms = e->start_ms;
    known->end_ms = e->end_ms;
    l->above = known;
    return 0;
}

static int read_line(struct parse_in *in, struct log *l)
{
    struct parse_span rest = in->text.line, start, end, mtime;
    struct edge e = {.start_ms = 0};
    if (!rest.n || parse_span_starts(rest, "#"))
        return 0;
    if (!parse_cut_to(&rest, "\t", &start) || !parse_cut_to(&rest, "\t", &end) ||
        !parse_cut_to(&rest, "\t", &mtime) || !parse_cut_to(&rest, "\t", &e.output) ||
        !e.output.n || !parse_span_number(start, &e.start_ms) ||
        !parse_span_number(end, &e.end_ms) || !(e.end_ms >= e.start_ms))
        return parse_bad(in, "start, end, mtime, output and hash apart by TABs expected");
    e.hash = rest;
    return entry(in, l, &e);
}

static int slowest_first(const void *a, const void *b)
{
    const struct edge *x = *(struct edge *const *)a, *y = *(struct edge *const *)b;
    double dx = x->end_ms - x->start_ms, dy = y->end_ms - y->start_ms;
    if (dx != dy)
        return dx < dy ? 1 : -1;
    return (x->order > y->order) - (x->order < y->order);
}

static int put_edges(struct parse_in *in, struct log *l)
{
    static const struct parse_metric m = {NULL, "edge_time", "ms", BETTER_LOWER, METRIC_TIME, 0};
    struct edge **list = mem_array(l->n + 1, sizeof *list), *e, *tmp;
    CLEANUP(str_done) struct str params = STR_INIT;
    size_t n = 0;
    int rc = 0;
    HASH_ITER(hh, l->by_output, e, tmp)
        list[n++] = e;
    qsort(list, n, sizeof *list, slowest_first);
    for (size_t i = 0; !rc && i < n && i < EDGE_ROWS_MAX; i++) {
        struct parse_pairs pairs = {.n = 0};
        if (!parse_pairs_add(&pairs, parse_span_of("output"), list[i]->output))
            rc = parse_bad(in, "an output has a name of more than %d bytes", PARSE_LONG_NAME_MAX);
        else
            rc = parse_put1(in, NULL, parse_pairs_json(&pairs, &params), &m, RESULT_OK,
                            list[i]->end_ms - list[i]->start_ms);
    }
    free(list);
    return rc;
}

static int put_totals(struct parse_in *in, const struct log *l)
{
    static const struct parse_metric m[] = {
        {NULL, "wall_time", "ms", BETTER_LOWER, METRIC_TIME, 0},
        {NULL, "edge_time_sum", "ms", BETTER_LOWER, METRIC_TIME, 0},
        {NULL, "edges", "edges", BETTER_NEUTRAL, METRIC_EXACT, 0},
    };
    double sum = 0;
    const struct edge *e;
    for (e = l->by_output; e; e = e->hh.next)
        sum += e->end_ms - e->start_ms;
    bool ordered = l->entries < 8 || l->runs * 4 < l->entries;
    int rc = ordered ? parse_put1(in, NULL, NULL, &m[0], RESULT_OK, l->run_end_ms)
                     : parse_put(in, NULL, NULL, &m[0], RESULT_SKIPPED, NULL, 0);
    if (!rc)
        rc = parse_put1(in, NULL, NULL, &m[1], RESULT_OK, sum);
    return rc ? rc : parse_put1(in, NULL, NULL, &m[2], RESULT_OK, (double)l->n);
}

static int read_log(struct parse_in *in)
{
    struct log l = {.n = 0};
    struct edge *e, *tmp;
    int rc = 0;
    if (!ninja_log_detect(in->text.p, in->text.len))
        return parse_bad(in, "\"%s\" expected", header);
    while (!rc && parse_text_next(&in->text)) {
        /* Spans stay: a log has no colours, and a line with them is a copy that goes away. */
        if (in->text.line.n && in->text.line.p == in->text.plain.p)
            rc = parse_bad(in, "a control character");
        else
            rc = read_line(in, &l);
    }
    if (!rc && l.n)
        rc = put_totals(in, &l);
    if (!rc)
        rc = put_edges(in, &l);
    HASH_ITER(hh, l.by_output, e, tmp) {
        HASH_DEL(l.by_output, e);
        free(e);
    }
    return rc;
}

bool ninja_log_detect(const char *p, size_t len)
{
    return len >= sizeof header - 1 && memcmp(p, header, sizeof header - 1) == 0;
}

int ninja_log_parse(const char *p, size_t len, const char *benchmark, struct parse_out *out,
                    struct cail_err *err)
{
    return parse_with(read_log, p, len, benchmark, out, err);
}
