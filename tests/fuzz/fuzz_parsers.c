/* Bytes through every parser of the table, the log's lines and the progress counters. Built with
 * -fsanitize=fuzzer it is a libFuzzer target; with replay.c it runs the seeds once. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/log.h"
#include "parse/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What holds for every row, whatever came in. */
static void check(const struct parse_out *out)
{
    BUG_ON(out->n > RESULTS_PER_JOB_MAX);
    for (size_t i = 0; i < out->n; i++) {
        const struct result *r = &out->result[i];
        BUG_ON(!r->benchmark || !r->params || !r->metric || !r->unit);
        BUG_ON(r->params[0] != '{');
        BUG_ON(r->n_samples < 0 || r->n_samples > RESULT_SAMPLES_MAX);
        for (int32_t k = 0; k < r->n_samples; k++)
            BUG_ON(!isfinite(r->samples[k]));
        BUG_ON(isnan(r->value) != (r->n_samples == 0));
    }
}

static void lines(const char *p, size_t size, size_t piece)
{
    struct parse_lines st = {.len = 0};
    struct parse_out out = {.result = NULL};
    int rc = 0;
    for (size_t at = 0; at < size && !rc; at += piece)
        rc = parse_lines_feed(&st, p + at, size - at < piece ? size - at : piece, "b", &out, NULL);
    if (!rc)
        rc = parse_lines_end(&st, "b", &out, NULL);
    if (!rc)
        check(&out);
    parse_out_done(&out);
}

static void one_parser(const struct parser *parser, const char *p, size_t size)
{
    struct parse_out out = {.result = NULL};
    struct cail_err err = {.code = E_OK};
    int rc = parser->parse(p, size, "b", &out, &err);
    BUG_ON(rc != (int)err.code || (rc && out.n));
    check(&out);
    parser->parse(p, size, "b", &out, &err);
    check(&out);
    parse_out_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *p = (const char *)data;
    /* All of them over a small input; over a larger one those that know it, and one more. */
    for (size_t i = 0; i < n_parsers; i++)
        if (size <= 1024 || parsers[i].detect(p, 1024) || i == size % n_parsers)
            one_parser(&parsers[i], p, size);
    parse_detect(p, size < 4096 ? size : 4096);
    lines(p, size, size ? size : 1);
    lines(p, size, 3);
    struct parse_progress got;
    if (parse_progress(p, size, &got))
        BUG_ON(got.total <= 0 || got.done < 0 || got.done > got.total);
    return 0;
}
