/* Triton's perf_analyzer: -f CSV, --profile-export-file JSON and the console's last lines.
 *
 * params = the load: concurrency or request_rate. The CSV's times are us; its GPU columns are left
 * out, telemetry is the lab's own. Of the profile export each request is a sample of
 * request_latency us (to its last response) and first_response us; a request without a response is
 * a failed row. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "parse/formats.h"
#include "parse/reader.h"

static const struct parse_metric columns[] = {
    {"Inferences/Second", "throughput", "infer/s", BETTER_HIGHER, METRIC_RATE, 0},
    {"Response Throughput", "response_throughput", "responses/s", BETTER_HIGHER, METRIC_RATE, 0},
    {"Client Send", "client_send", "us", BETTER_LOWER, METRIC_TIME, 0},
    {"Network+Server Send/Recv", "network_and_server", "us", BETTER_LOWER, METRIC_TIME, 0},
    {"Server Queue", "server_queue", "us", BETTER_LOWER, METRIC_TIME, 0},
    {"Server Compute Input", "server_compute_input", "us", BETTER_LOWER, METRIC_TIME, 0},
    {"Server Compute Infer", "server_compute_infer", "us", BETTER_LOWER, METRIC_TIME, 0},
    {"Server Compute Output", "server_compute_output", "us", BETTER_LOWER, METRIC_TIME, 0},
    {"Server Cache Hit", "server_cache_hit", "us", BETTER_LOWER, METRIC_TIME, 0},
    {"Server Cache Miss", "server_cache_miss", "us", BETTER_LOWER, METRIC_TIME, 0},
    {"Client Recv", "client_recv", "us", BETTER_LOWER, METRIC_TIME, 0},
    {"p50 latency", "latency_p50", "us", BETTER_LOWER, METRIC_TIME, 0},
    {"p90 latency", "latency_p90", "us", BETTER_LOWER, METRIC_TIME, 0},
    {"p95 latency", "latency_p95", "us", BETTER_LOWER, METRIC_TIME, 0},
    {"p99 latency", "latency_p99", "us", BETTER_LOWER, METRIC_TIME, 0},
    {"Avg latency", "latency_avg", "us", BETTER_LOWER, METRIC_TIME, 0},
    {"request/response", "request_response", "us", BETTER_LOWER, METRIC_TIME, 0},
    {"response wait", "response_wait", "us", BETTER_LOWER, METRIC_TIME, 0},
};

static const char *load_json(bool by_rate, struct parse_span value, struct str *out)
{
    struct parse_pairs pairs = {.n = 0};
    parse_pairs_add(&pairs, parse_span_of(by_rate ? "request_rate" : "concurrency"), value);
    return parse_pairs_json(&pairs, out);
}

/* ---- CSV ---- */

static bool is_header(struct parse_span line)
{
    return parse_span_starts(line, "Concurrency,Inferences/Second") ||
           parse_span_starts(line, "Request Rate,Inferences/Second");
}

static int csv_row(struct parse_in *in, const struct parse_csv *h, const struct parse_csv *row,
                   struct str *params)
{
    double load;
    if (!parse_span_number(parse_csv_cell(row, 0), &load))
        return parse_bad(in, "the load is not a number");
    load_json(parse_span_is(h->cell[0], "Request Rate"), parse_csv_cell(row, 0), params);
    int rc = 0;
    for (size_t i = 0; !rc && i < ARRAY_LEN(columns); i++) {
        int at = parse_csv_find(h, columns[i].from);
        struct parse_span cell = parse_csv_cell(row, at);
        double v;
        if (at < 0 || !cell.n)
            continue;
        if (!parse_span_number(cell, &v))
            return parse_bad(in, "\"%s\" is not a number", columns[i].from);
        rc = parse_put1(in, NULL, params->p, &columns[i], RESULT_OK, v);
    }
    return rc;
}

static int read_csv(struct parse_in *in, struct str *params)
{
    struct parse_csv header = {.n = 0}, row = {.n = 0};
    int rc = 0;
    CLEANUP(mem_freep) char *first = parse_span_dup(in->text.line);
    if (!parse_csv_row(&header, parse_span_of(first), ','))
        rc = parse_bad(in, "this is no row of CSV");
    while (!rc && parse_text_next(&in->text)) {
        if (!parse_span_trim(in->text.line).n)
            continue;
        rc = parse_csv_row(&row, in->text.line, ',') ? csv_row(in, &header, &row, params)
                                                     : parse_bad(in, "this is no row of CSV");
    }
    parse_csv_done(&header);
    parse_csv_done(&row);
    return rc;
}

/* ---- console ---- */

/* "Concurrency: 1, throughput: 1407.84 infer/sec, latency 708 usec" */
static int summary(struct parse_in *in, struct str *params)
{
    struct parse_span rest = in->text.line, load;
    bool by_rate = parse_cut(&rest, "Request Rate: ");
    double rate, latency;
    if (!by_rate && !parse_cut(&rest, "Concurrency: "))
        return 0;
    if (!parse_cut_to(&rest, ", throughput: ", &load) || !parse_span_number(load, &rate) ||
        !parse_span_number(parse_cut_word(&rest), &rate) ||
        !parse_cut(&rest, " infer/sec, latency ") ||
        !parse_span_number(parse_cut_word(&rest), &latency))
        return parse_bad(in, "\"throughput: N infer/sec, latency N usec\" expected");
    load_json(by_rate, load, params);
    int rc = parse_put1(in, NULL, params->p, &columns[0], RESULT_OK, rate);
    return rc ? rc
              : parse_put1(in, NULL, params->p, &columns[ARRAY_LEN(columns) - 3], RESULT_OK,
                           latency);
}

/* ---- profile export ---- */

struct reading {
    struct str params;
    int64_t opened; /* when params were read: their requests are the next container that opens */
};

static int experiment(struct parse_in *in, const json_t *v, struct reading *r)
{
    const char *mode;
    char value[40];
    double load = NAN;
    bool there;
    int rc = parse_name_of(in, v, "mode", &mode);
    if (!rc)
        rc = parse_number_of(in, v, "value", &there, &load);
    if (rc)
        return rc;
    snprintf(value, sizeof value, "%.15g", load);
    load_json(strcmp(mode, "request_rate") == 0, parse_span_of(value), &r->params);
    r->opened = in->json.opened;
    return 0;
}

/* Times are ns since 1970, more than a double holds exactly: subtracted as integers. */
static int request(struct parse_in *in, const json_t *v, const struct reading *r)
{
    static const struct parse_metric m[] = {
        {NULL, "request_latency", "us", BETTER_LOWER, METRIC_TIME, 1e-3},
        {NULL, "first_response", "us", BETTER_LOWER, METRIC_TIME, 1e-3},
    };
    const json_t *sent = json_object_get(v, "timestamp");
    const json_t *list = json_object_get(v, "response_timestamps");
    size_t n = json_array_size(list);
    if (r->opened + 1 != in->json.opened)
        return parse_bad(in, "the requests have no experiment before them");
    if (!json_is_integer(sent) || !json_is_array(list))
        return parse_bad(in, "\"timestamp\" and \"response_timestamps\" expected");
    if (!n)
        return parse_put(in, NULL, r->params.p, &m[0], RESULT_FAILED, NULL, 0);
    for (size_t i = 0; i < ARRAY_LEN(m); i++) {
        const json_t *at = json_array_get(list, i ? 0 : n - 1);
        json_int_t from = json_integer_value(sent), to = json_integer_value(at);
        if (!json_is_integer(at) || from < 0 || to < from)
            return parse_bad(in, "a response must not be before its request");
        int rc = parse_put1(in, NULL, r->params.p, &m[i], RESULT_OK, (double)(to - from));
        if (rc)
            return rc;
    }
    return 0;
}

static int one(struct parse_in *in, const char *path, const json_t *v, void *st)
{
    if (strcmp(path, "experiments[].experiment") == 0)
        return experiment(in, v, st);
    return strcmp(path, "experiments[].requests[]") == 0 ? request(in, v, st) : 0;
}

static int read_json(struct parse_in *in)
{
    static const char *const spread[] = {"experiments", "experiments[]", "experiments[].requests",
                                         NULL};
    struct reading r = {.opened = -1};
    int rc = parse_each(in, spread, one, &r);
    str_done(&r.params);
    return rc;
}

static int read_any(struct parse_in *in)
{
    if (parse_first(in->json.p, in->json.len) == '{')
        return read_json(in);
    CLEANUP(str_done) struct str params = STR_INIT;
    int rc = 0;
    while (!rc && parse_text_next(&in->text))
        rc = is_header(in->text.line) ? read_csv(in, &params) : summary(in, &params);
    return rc;
}

bool perf_analyzer_detect(const char *p, size_t len)
{
    if (parse_first(p, len) == '{')
        return parse_object_with(p, len, "experiments", "experiment", "requests");
    return parse_any_line(p, len, is_header) || parse_has(p, len, "*** Measurement Settings ***") ||
           parse_has(p, len, "Inferences/Second vs. Client ");
}

int perf_analyzer_parse(const char *p, size_t len, const char *benchmark, struct parse_out *out,
                        struct cail_err *err)
{
    return parse_with(read_any, p, len, benchmark, out, err);
}
