/* nccl-tests (src/util.cu), console and -J JSON, version 2.19: one row a message size.
 *
 * benchmark = the collective ("all_reduce"); params size (bytes), type, redop, root, in_place and
 * gpus (threads x GPUs of one process). Metrics time us, algbw and busbw GB/s. Wrong elements make
 * the row failed, a run without the check not_verified. One GPU has a busbw of 0 in most
 * collectives: no measure, so neutral. The JSON's env is the whole environment of the process,
 * secrets included: it is never looked at. A run that failed leaves valid JSON without results. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "parse/formats.h"
#include "parse/reader.h"

struct run {
    char collective[64];
    char gpus[24];
    bool cpu_time, has_results;
};

struct measure { /* one of the two groups of a row */
    struct parse_span size, type, redop, root;
    bool in_place;
    double time_us, algbw, busbw, wrong; /* wrong NaN = not checked */
};

static enum result_status status_of(const struct measure *g)
{
    if (isnan(g->wrong))
        return RESULT_NOT_VERIFIED;
    return g->wrong == 0 ? RESULT_OK : RESULT_FAILED;
}

static int put_measure(struct parse_in *in, const struct run *r, const struct measure *g,
                       struct str *params)
{
    const struct parse_metric m[] = {
        {NULL, r->cpu_time ? "cpu_time" : "time", "us", BETTER_LOWER, METRIC_TIME, 0},
        {NULL, "algbw", "GB/s", BETTER_HIGHER, METRIC_RATE, 0},
        {NULL, "busbw", "GB/s", g->busbw == 0 ? BETTER_NEUTRAL : BETTER_HIGHER, METRIC_RATE, 0},
    };
    const double v[] = {g->time_us, g->algbw, g->busbw};
    struct parse_pairs pairs = {.n = 0};
    parse_pairs_add(&pairs, parse_span_of("size"), g->size);
    parse_pairs_add(&pairs, parse_span_of("type"), g->type);
    parse_pairs_add(&pairs, parse_span_of("redop"), g->redop);
    parse_pairs_add(&pairs, parse_span_of("root"), g->root);
    parse_pairs_adds(&pairs, "in_place", g->in_place ? "true" : "false");
    if (r->gpus[0])
        parse_pairs_adds(&pairs, "gpus", r->gpus);
    parse_pairs_json(&pairs, params);
    int rc = 0;
    for (size_t i = 0; !rc && i < ARRAY_LEN(v); i++)
        rc = parse_put1(in, r->collective, params->p, &m[i], status_of(g), v[i]);
    return rc;
}

static int put_average(struct parse_in *in, const struct run *r, double bw, bool failed)
{
    CLEANUP(str_done) struct str params = STR_INIT;
    struct parse_pairs pairs = {.n = 0};
    const struct parse_metric m = {
        NULL, "avg_busbw", "GB/s", bw == 0 ? BETTER_NEUTRAL : BETTER_HIGHER, METRIC_RATE, 0};
    if (r->gpus[0])
        parse_pairs_adds(&pairs, "gpus", r->gpus);
    return parse_put1(in, r->collective, parse_pairs_json(&pairs, &params), &m,
                      failed ? RESULT_FAILED : RESULT_OK, bw);
}

/* "./build/all_reduce_perf" -> "all_reduce". */
static void name_collective(struct run *r, struct parse_span program)
{
    struct parse_span before, after;
    if (parse_after_last(program, "/", &before, &after))
        program = after;
    if (parse_span_ends(program, "_perf"))
        program.n -= 5;
    snprintf(r->collective, sizeof r->collective, "%.*s", (int)(program.n < 60 ? program.n : 60),
             program.n ? program.p : "");
}

/* ---- console ---- */

/* "4.81    0.00    0.00       0"; false = the row has no such group. */
static bool group(struct parse_span *rest, struct measure *g)
{
    struct parse_span word[4];
    for (size_t i = 0; i < ARRAY_LEN(word); i++)
        word[i] = parse_cut_word(rest);
    g->wrong = NAN;
    return parse_span_number(word[0], &g->time_us) && parse_span_number(word[1], &g->algbw) &&
           parse_span_number(word[2], &g->busbw) &&
           (parse_span_is(word[3], "N/A") || parse_span_number(word[3], &g->wrong));
}

static size_t count_words(struct parse_span s)
{
    size_t n = 0;
    while (parse_cut_word(&s).n)
        n++;
    return n;
}

/* i_min i_max i_p99 i_cv% behind each group with -I 1; the header has their names. */
struct columns {
    size_t extra;  /* behind each group */
    bool has_time; /* a time stamp at the end, with -S 1 */
};

static int data_row(struct parse_in *in, const struct run *r, const struct columns *c,
                    struct str *params)
{
    struct measure g = {.in_place = false};
    struct parse_span rest = in->text.line;
    g.size = parse_cut_word(&rest);
    double size;
    if (!parse_span_number(g.size, &size))
        return 0; /* some other program's line */
    parse_cut_word(&rest);
    g.type = parse_cut_word(&rest);
    g.redop = parse_cut_word(&rest);
    g.root = parse_cut_word(&rest);
    size_t words = count_words(rest), one = 4 + c->extra, stamp = words % one;
    if (words < one || (stamp && !c->has_time))
        return parse_bad(in, "this is no row of the table");
    bool both = words >= 2 * one; /* out-of-place may be blank */
    for (int i = both ? 0 : 1; i < 2; i++) {
        g.in_place = i == 1;
        if (!group(&rest, &g))
            return parse_bad(in, "time, algbw, busbw and #wrong expected");
        int rc = put_measure(in, r, &g, params);
        if (rc)
            return rc;
        for (size_t k = 0; k < c->extra; k++)
            parse_cut_word(&rest);
    }
    return 0;
}

static void header(struct run *r, struct columns *c, struct parse_span line)
{
    struct parse_span rest = line, piece;
    double threads = 0, gpus = 0;
    if (parse_cut(&rest, "# Collective test starting: "))
        name_collective(r, parse_cut_word(&rest));
    rest = line;
    if (parse_cut_to(&rest, "# nThread ", &piece) &&
        parse_span_number(parse_cut_word(&rest), &threads) &&
        parse_span_is(parse_cut_word(&rest), "nGpus") &&
        parse_span_number(parse_cut_word(&rest), &gpus))
        snprintf(r->gpus, sizeof r->gpus, "%.0f", threads * gpus);
    if (!parse_span_has(line, "#wrong") || !parse_span_has(line, "algbw"))
        return;
    r->has_results = true;
    r->cpu_time = parse_span_has(line, "cputime");
    c->extra = parse_span_has(line, "i_min") ? 4 : 0;
    c->has_time = parse_span_has(line, "timestamp");
}

static int footer(struct parse_in *in, const struct run *r, bool *wrong)
{
    struct parse_span rest = in->text.line, piece;
    double bw;
    if (parse_cut(&rest, "# Out of bounds values :"))
        *wrong = !parse_span_is(parse_cut_word(&rest), "0");
    else if (parse_cut(&rest, "# Avg bus bandwidth") && parse_cut_to(&rest, ":", &piece) &&
             parse_span_number(parse_cut_word(&rest), &bw))
        return put_average(in, r, bw, *wrong);
    return 0;
}

static int console(struct parse_in *in)
{
    struct run r = {.collective = ""};
    struct columns c = {.extra = 0};
    CLEANUP(str_done) struct str params = STR_INIT;
    bool wrong = false;
    int rc = 0;
    while (!rc && parse_text_next(&in->text)) {
        if (parse_span_has(in->text.line, "Test failure") ||
            parse_span_has(in->text.line, "Test NCCL failure") ||
            parse_span_has(in->text.line, "Test CUDA failure"))
            return parse_bad(in, "the run failed: %.*s",
                             (int)(in->text.line.n < 150 ? in->text.line.n : 150), in->text.line.p);
        if (!parse_span_starts(in->text.line, "#")) {
            rc = r.has_results ? data_row(in, &r, &c, &params) : 0;
            continue;
        }
        header(&r, &c, in->text.line);
        rc = footer(in, &r, &wrong);
    }
    return rc;
}

/* ---- JSON ---- */

static int number_text(char text[32], const json_t *v)
{
    double d;
    if (!parse_stream_number(v, &d) || isnan(d))
        return -1;
    return snprintf(text, 32, "%.0f", d);
}

static int json_group(struct parse_in *in, const struct run *r, const json_t *v, const char *key,
                      struct measure *g, struct str *params)
{
    const json_t *o = json_object_get(v, key);
    if (!json_is_object(o))
        return 0; /* null: this test has no such form */
    bool there[4];
    double cpu_us;
    struct run mine = *r;
    g->wrong = g->algbw = g->busbw = NAN;
    int rc = parse_number_of(in, o, "time", &there[0], &g->time_us);
    if (!rc)
        rc = parse_number_of(in, o, "cpu_time", &mine.cpu_time, &cpu_us);
    if (!rc)
        rc = parse_number_of(in, o, "alg_bw", &there[1], &g->algbw);
    if (!rc)
        rc = parse_number_of(in, o, "bus_bw", &there[2], &g->busbw);
    if (!rc)
        rc = parse_number_of(in, o, "nwrong", &there[3], &g->wrong);
    if (rc)
        return rc;
    if ((!there[0] && !mine.cpu_time) || !there[1] || !there[2])
        return parse_bad(in, "\"%s\" has no time, alg_bw or bus_bw", key);
    if (mine.cpu_time)
        g->time_us = cpu_us;
    g->in_place = key[0] == 'i';
    return put_measure(in, &mine, g, params);
}

/* The times of single iterations, where the tool was asked for them, are samples of their own. */
static int per_iteration(struct parse_in *in, const struct run *r, const json_t *v, const char *key,
                         const struct measure *g, const struct str *params)
{
    static const struct parse_metric m = {"times_us",   "iter_time", "us",
                                          BETTER_LOWER, METRIC_TIME, 0};
    const json_t *o = json_object_get(v, key);
    return params->len ? parse_members(in, o, r->collective, params->p, &m, 1, status_of(g)) : 0;
}

static int json_row(struct parse_in *in, const struct run *r, const json_t *v)
{
    const char *type, *redop, *root;
    char size[32];
    int rc = parse_name_of(in, v, "type", &type);
    if (!rc)
        rc = parse_text_of(in, v, "redop", &redop); /* sendrecv has an empty one */
    if (!rc)
        rc = parse_text_of(in, v, "root", &root); /* padded with blanks */
    if (!rc && number_text(size, json_object_get(v, "size")) < 0)
        rc = parse_bad(in, "\"size\" is not a number");
    if (rc)
        return rc;
    CLEANUP(str_done) struct str params = STR_INIT;
    struct measure g = {.size = parse_span_of(size),
                        .type = parse_span_of(type),
                        .redop = parse_span_of(redop ? redop : ""),
                        .root = parse_span_trim(parse_span_of(root ? root : "-1"))};
    rc = json_group(in, r, v, "out_of_place", &g, &params);
    if (!rc)
        rc = per_iteration(in, r, v, "out_of_place_per_iter", &g, &params);
    str_clear(&params);
    if (!rc)
        rc = json_group(in, r, v, "in_place", &g, &params);
    return rc ? rc : per_iteration(in, r, v, "in_place_per_iter", &g, &params);
}

static void config(struct run *r, const json_t *v)
{
    json_int_t threads = json_integer_value(json_object_get(v, "nthreads"));
    json_int_t gpus = json_integer_value(json_object_get(v, "ngpus"));
    if (threads > 0 && threads < 10000 && gpus > 0 && gpus < 10000)
        snprintf(r->gpus, sizeof r->gpus, "%lld", (long long)(threads * gpus));
}

static int json_one(struct parse_in *in, const char *path, const json_t *v, void *st)
{
    struct run *r = st;
    if (strcmp(path, "args[]") == 0 && !r->collective[0] && json_is_string(v)) {
        name_collective(r, parse_span_of(json_string_value(v)));
    } else if (strcmp(path, "config") == 0) {
        config(r, v);
    } else if (strcmp(path, "results[]") == 0) {
        r->has_results = true;
        return json_row(in, r, v);
    } else if (strcmp(path, "average_bus_bandwidth") == 0) {
        bool there;
        double bw = NAN;
        const char *okay;
        int rc = parse_number_of(in, v, "bandwidth", &there, &bw);
        if (!rc)
            rc = parse_text_of(in, v, "okay", &okay);
        if (!rc && there)
            rc = put_average(in, r, bw, okay && strcmp(okay, "false") == 0);
        return rc;
    }
    return 0;
}

static int read_any(struct parse_in *in)
{
    static const char *const spread[] = {"args", "env", "results", NULL};
    if (parse_first(in->json.p, in->json.len) != '{')
        return console(in);
    struct run r = {.collective = ""};
    int rc = parse_each(in, spread, json_one, &r);
    if (!rc && !r.has_results)
        rc = parse_bad(in, "the run failed: there are no results");
    return rc;
}

static bool is_ours(struct parse_span line)
{
    return parse_span_starts(line, "# nccl-tests version") ||
           parse_span_starts(line, "# Collective test starting:") ||
           (parse_span_starts(line, "#") && parse_span_has(line, "#wrong"));
}

bool nccl_tests_detect(const char *p, size_t len)
{
    if (parse_first(p, len) == '{')
        return parse_object_with(p, len, "version", "start_time", "args");
    return parse_any_line(p, len, is_ours);
}

int nccl_tests_parse(const char *p, size_t len, const char *benchmark, struct parse_out *out,
                     struct cail_err *err)
{
    return parse_with(read_any, p, len, benchmark, out, err);
}
