/* trtllm-bench --report_json (tensorrt_llm/bench/dataclasses/reporting.py) and its console, whose
 * lines may have the logger's "[date] [TRT-LLM] [I] " before them. params = model, tp_size, pp_size
 * where the report has them. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "parse/formats.h"
#include "parse/reader.h"

static const struct parse_metric performance[] = {
    {"total_latency_ms", "total_latency", "ms", BETTER_LOWER, METRIC_TIME, 0},
    {"avg_request_latency_ms", "request_latency", "ms", BETTER_LOWER, METRIC_TIME, 0},
    {"request_throughput_req_s", "request_throughput", "requests/s", BETTER_HIGHER, METRIC_RATE, 0},
    {"system_output_throughput_tok_s", "output_throughput", "tokens/s", BETTER_HIGHER, METRIC_RATE,
     0},
    {"system_total_throughput_tok_s", "total_throughput", "tokens/s", BETTER_HIGHER, METRIC_RATE,
     0},
    {"output_throughput_per_user_tok_s", "output_throughput_per_user", "tokens/s/user",
     BETTER_HIGHER, METRIC_RATE, 0},
    {"output_throughput_per_gpu_tok_s", "output_throughput_per_gpu", "tokens/s/gpu", BETTER_HIGHER,
     METRIC_RATE, 0},
};

static const struct parse_metric streaming[] = {
    {"token_output_speed_tok_s", "output_speed_per_user", "tokens/s/user", BETTER_HIGHER,
     METRIC_RATE, 0},
    {"avg_ttft_ms", "ttft", "ms", BETTER_LOWER, METRIC_TIME, 0},
    {"avg_tpot_ms", "tpot", "ms", BETTER_LOWER, METRIC_TIME, 0},
};

/* The console's labels, up to the colon, in the order of `performance`, then `streaming`. */
static const char *const labels[] = {
    "Total Latency (ms)",
    "Average request latency (ms)",
    "Request Throughput (req/sec)",
    "Total Output Throughput (tokens/sec)",
    "Total Token Throughput (tokens/sec)",
    "Per User Output Throughput [w/ ctx] (tps/user)",
    "Per GPU Output Throughput (tps/gpu)",
    "Per User Output Speed (tps/user)",
    "Average time-to-first-token [TTFT] (ms)",
    "Average time-per-output-token [TPOT] (ms)",
};

static const struct distribution {
    const char *from, *tag, *name, *unit;
    enum better better;
} groups[] = {
    {"request_latency_percentiles_ms", "[Latency]", "request_latency", "ms", BETTER_LOWER},
    {"tpot_percentiles", "[TPOT]", "tpot", "ms", BETTER_LOWER},
    {"ttft_percentiles", "[TTFT]", "ttft", "ms", BETTER_LOWER},
    {"gen_tps_percentiles", "[GTPS]", "generation_speed", "tokens/s/user", BETTER_HIGHER},
};
static const char *const stats[] = {"p50", "p90", "p95", "p99", "minimum", "maximum", "average"};

static int put_stat(struct parse_in *in, const char *params, const struct distribution *g,
                    const char *stat, double value)
{
    char name[60];
    snprintf(name, sizeof name, "%s_%s", g->name, stat);
    struct parse_metric m = {
        NULL, name, g->unit, g->better, g->better == BETTER_LOWER ? METRIC_TIME : METRIC_RATE, 0};
    return parse_put1(in, NULL, params, &m, RESULT_OK, value);
}

static int percentiles(struct parse_in *in, const json_t *section, const char *params)
{
    int rc = 0;
    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        const json_t *v = json_object_get(section, groups[i].from);
        for (size_t k = 0; !rc && k < ARRAY_LEN(stats); k++) {
            bool there;
            double value = NAN;
            rc = parse_number_of(in, v, stats[k], &there, &value);
            if (!rc && there)
                rc = put_stat(in, params, &groups[i], stats[k], value);
        }
    }
    return rc;
}

static int params_of(struct parse_in *in, const json_t *v, struct str *out)
{
    static const char *const sizes[] = {"tp_size", "pp_size"};
    const json_t *world = json_object_get(v, "world_info");
    struct parse_pairs pairs = {.n = 0};
    char text[ARRAY_LEN(sizes)][24];
    const char *model;
    int rc = parse_text_of(in, json_object_get(v, "engine"), "model", &model);
    if (rc)
        return rc;
    if (model)
        parse_pairs_adds(&pairs, "model", model);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        const json_t *size = json_object_get(world, sizes[i]);
        if (!json_is_integer(size))
            continue;
        snprintf(text[i], sizeof text[i], "%lld", (long long)json_integer_value(size));
        parse_pairs_adds(&pairs, sizes[i], text[i]);
    }
    parse_pairs_json(&pairs, out);
    return 0;
}

static int report(struct parse_in *in, const json_t *v)
{
    CLEANUP(str_done) struct str params = STR_INIT;
    const json_t *p = json_object_get(v, "performance"),
                 *s = json_object_get(v, "streaming_metrics");
    if (!json_is_object(p))
        return parse_bad(in, "\"performance\" is missing");
    int rc = params_of(in, v, &params);
    if (!rc)
        rc = parse_members(in, p, NULL, params.p, performance, ARRAY_LEN(performance), RESULT_OK);
    if (!rc)
        rc = percentiles(in, p, params.p);
    if (!rc)
        rc = parse_members(in, s, NULL, params.p, streaming, ARRAY_LEN(streaming), RESULT_OK);
    return rc ? rc : percentiles(in, s, params.p);
}

static int read_json(struct parse_in *in)
{
    json_t *v = NULL;
    int rc;
    while ((rc = parse_stream_next(&in->json, &v, in->err)) == 0 && v) {
        rc = report(in, v);
        json_decref(v);
        if (rc)
            break;
    }
    return rc;
}

/* ---- console ---- */

/* "[TTFT] P99    : 3900.0000" */
static int stat_line(struct parse_in *in, const struct distribution *g, struct parse_span rest)
{
    static const char *const words[] = {"P50",     "P90",     "P95",    "P99",
                                        "MINIMUM", "MAXIMUM", "AVERAGE"};
    struct parse_span word;
    double v;
    if (!parse_cut_to(&rest, ":", &word))
        return 0; /* a title */
    word = parse_span_trim(word);
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (!parse_span_is(word, words[i]))
            continue;
        if (!parse_span_number(parse_span_trim(rest), &v))
            return parse_bad(in, "\"%s\" is not a number", words[i]);
        return put_stat(in, NULL, g, stats[i], v);
    }
    return 0;
}

static int line(struct parse_in *in)
{
    struct parse_span rest = in->text.line, before;
    double v;
    if (parse_cut_to(&rest, "[TRT-LLM] [I] ", &before))
        rest = parse_span_trim(rest);
    for (size_t i = 0; i < ARRAY_LEN(labels); i++) {
        struct parse_span value = rest;
        if (!parse_cut(&value, labels[i]) || !parse_cut(&value, ":"))
            continue;
        size_t n = ARRAY_LEN(performance);
        const struct parse_metric *m = i < n ? &performance[i] : &streaming[i - n];
        if (!parse_span_number(parse_span_trim(value), &v))
            return parse_bad(in, "\"%s\" is not a number", labels[i]);
        return parse_put1(in, NULL, NULL, m, RESULT_OK, v);
    }
    for (size_t i = 0; i < ARRAY_LEN(groups); i++)
        if (parse_cut(&rest, groups[i].tag))
            return stat_line(in, &groups[i], rest);
    return 0;
}

static int read_any(struct parse_in *in)
{
    if (parse_first(in->json.p, in->json.len) == '{')
        return read_json(in);
    int rc = 0;
    while (!rc && parse_text_next(&in->text))
        rc = line(in);
    return rc;
}

bool trtllm_bench_detect(const char *p, size_t len)
{
    if (parse_first(p, len) == '{')
        return parse_object_with(p, len, "engine", "world_info", NULL);
    return parse_has(p, len, "= PERFORMANCE OVERVIEW") ||
           (parse_has(p, len, "Per GPU Output Throughput (tps/gpu):") &&
            parse_has(p, len, "Request Throughput (req/sec):"));
}

int trtllm_bench_parse(const char *p, size_t len, const char *benchmark, struct parse_out *out,
                       struct cail_err *err)
{
    return parse_with(read_any, p, len, benchmark, out, err);
}
