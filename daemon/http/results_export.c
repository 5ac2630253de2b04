#include "http/results_export.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ftime.h"
#include "base/jw.h"
#include "base/mem.h"
#include "http/cells.h"
#include "http/html.h"
#include "wire/json.h"

/* --- names --- */

/* "gemm m=4096 dtype=f16"; sep before and between the parameters. */
static char *name_of(const struct result *r, const char *sep)
{
    CLEANUP(json_decrefp) json_t *params = NULL;
    struct str out = STR_INIT;
    const char *key;
    json_t *v;
    str_adds(&out, r->benchmark);
    if (json_read(r->params, strlen(r->params), &params, NULL) == 0)
        json_object_foreach(params, key, v) {
            char *text = json_is_string(v) ? mem_strdup(json_string_value(v))
                                           : json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
            str_addf(&out, "%s%s=%s", sep, key, text ? text : "");
            free(text);
        }
    return str_take(&out);
}

/* Nanoseconds a unit of time has; 0 = none. */
static double ns_of(const struct result *r)
{
    static const struct {
        const char *unit;
        double ns;
    } units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};
    for (size_t i = 0; r->kind == METRIC_TIME && i < ARRAY_LEN(units); i++)
        if (strcmp(r->unit, units[i].unit) == 0)
            return units[i].ns;
    return 0;
}

/* The time that a tool without named metrics would give. */
static bool is_main_time(const struct result *r)
{
    static const char *const names[] = {"time",      "real_time",      "wall_time",
                                        "exec_time", "execution_time", "elapsed"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(r->metric, names[i]) == 0)
            return true;
    return false;
}

static void low_high(const struct result *r, double *low, double *high)
{
    *low = *high = NAN;
    for (int32_t i = 0; i < r->n_samples; i++) {
        *low = fmin(*low, r->samples[i]);
        *high = fmax(*high, r->samples[i]);
    }
}

/* --- LNT v2: times in seconds under the names of its schema "nts" --- */

static void lnt_values(struct jw *w, const struct result *r, double factor)
{
    jw_open(w, '[');
    for (int32_t i = 0; i < r->n_samples; i++)
        jw_real(w, r->samples[i] * factor);
    if (!r->n_samples)
        jw_real(w, r->value * factor);
    jw_close(w, ']');
}

static void write_lnt(const struct export_of *x, struct str *out)
{
    struct jw w = JW(out);
    jw_open(&w, '{');
    jw_kstr(&w, "format_version", "2");
    jw_key(&w, "machine");
    jw_open(&w, '{');
    jw_kstr(&w, "name", x->machine ? x->machine : "unknown");
    jw_close(&w, '}');
    jw_key(&w, "run");
    jw_open(&w, '{');
    jw_ktime(&w, "start_time", x->started_at_us);
    jw_ktime(&w, "end_time", x->ended_at_us);
    if (x->sha)
        jw_kstr(&w, "llvm_project_revision", x->sha);
    jw_close(&w, '}');
    jw_key(&w, "tests");
    jw_open(&w, '[');
    for (size_t i = 0; i < x->n; i++) {
        const struct result *r = &x->result[i];
        double ns = ns_of(r);
        bool compile = strcmp(r->metric, "compile_time") == 0;
        if (r->status != RESULT_OK || !isfinite(r->value))
            continue;
        CLEANUP(mem_freep) char *name = name_of(r, " ");
        CLEANUP(mem_freep)
        char *full = ns > 0 && !is_main_time(r) && !compile ? mem_printf("%s.%s", name, r->metric)
                                                            : mem_strdup(name);
        jw_open(&w, '{');
        jw_kstr(&w, "name", full);
        jw_key_any(&w, ns > 0 ? (compile ? "compile_time" : "execution_time") : r->metric);
        lnt_values(&w, r, ns > 0 ? ns / 1e9 : 1);
        jw_close(&w, '}');
    }
    jw_close(&w, ']');
    jw_close(&w, '}');
    str_addc(out, '\n');
}

/* --- Bencher Metric Format: an object a benchmark --- */

static int by_name(const void *a, const void *b)
{
    const struct result *x = *(const struct result *const *)a,
                        *y = *(const struct result *const *)b;
    int order = strcmp(x->benchmark, y->benchmark);
    if (!order)
        order = strcmp(x->params, y->params);
    return order ? order : (x > y) - (x < y);
}

static void bmf_measure(struct jw *w, const struct result *r)
{
    double low, high, factor = ns_of(r);
    bool latency = factor > 0 && is_main_time(r);
    if (!latency)
        factor = 1;
    low_high(r, &low, &high);
    jw_key_any(w, latency ? "latency" : r->metric);
    jw_open(w, '{');
    jw_kreal(w, "value", r->value * factor);
    if (r->n_samples > 1) {
        jw_kreal(w, "lower_value", low * factor);
        jw_kreal(w, "upper_value", high * factor);
    }
    jw_close(w, '}');
}

static void write_bmf(const struct export_of *x, struct str *out)
{
    struct jw w = JW(out);
    const struct result **sorted = mem_array(x->n + 1, sizeof *sorted), *last = NULL;
    for (size_t i = 0; i < x->n; i++)
        sorted[i] = &x->result[i];
    qsort(sorted, x->n, sizeof *sorted, by_name);
    jw_open(&w, '{');
    for (size_t i = 0; i < x->n; i++) {
        const struct result *r = sorted[i];
        if (r->status != RESULT_OK || !isfinite(r->value))
            continue;
        if (!last || strcmp(last->benchmark, r->benchmark) || strcmp(last->params, r->params)) {
            CLEANUP(mem_freep) char *name = name_of(r, " ");
            if (last)
                jw_close(&w, '}');
            jw_key_any(&w, name);
            jw_open(&w, '{');
        }
        bmf_measure(&w, r);
        last = r;
    }
    if (last)
        jw_close(&w, '}');
    jw_close(&w, '}');
    str_addc(out, '\n');
    free(sorted);
}

/* --- benchstat's text: a line a sample, directions in "Unit" lines --- */

static void go_word(struct str *out, const char *text)
{
    for (; *text; text++)
        str_addc(out, strchr(" \t\n\r", *text) ? '_' : *text);
}

static void go_unit(struct str *out, const struct result *r)
{
    if (ns_of(r) > 0 && is_main_time(r)) {
        str_adds(out, "ns/op");
        return;
    }
    go_word(out, r->metric);
    if (ns_of(r) > 0)
        str_adds(out, "-ns/op");
}

static void go_directions(const struct export_of *x, struct str *out)
{
    for (size_t i = 0; i < x->n; i++) {
        const struct result *r = &x->result[i];
        bool seen = r->better == BETTER_NEUTRAL || (ns_of(r) > 0 && is_main_time(r)) ||
                    r->status != RESULT_OK;
        for (size_t k = 0; k < i && !seen; k++)
            seen = strcmp(x->result[k].metric, r->metric) == 0;
        if (seen)
            continue;
        str_adds(out, "Unit ");
        go_unit(out, r);
        str_addf(out, " better=%s\n", better_words[r->better]);
    }
}

static void write_benchstat(const struct export_of *x, struct str *out)
{
    if (x->machine) {
        str_adds(out, "machine: ");
        go_word(out, x->machine);
        str_addc(out, '\n');
    }
    if (x->sha)
        str_addf(out, "commit: %s\n", x->sha);
    go_directions(x, out);
    for (size_t i = 0; i < x->n; i++) {
        const struct result *r = &x->result[i];
        double factor = ns_of(r) > 0 ? ns_of(r) : 1;
        CLEANUP(mem_freep) char *name = name_of(r, "/");
        if (r->status != RESULT_OK)
            continue;
        for (int32_t k = 0; k < r->n_samples; k++) {
            str_adds(out, "Benchmark");
            go_word(out, name);
            str_addf(out, " 1 %.17g ", r->samples[k] * factor);
            go_unit(out, r);
            str_addc(out, '\n');
        }
    }
}

/* --- CSV and Markdown --- */

static void real_cell(struct str *out, double v, bool markdown)
{
    if (isfinite(v))
        str_addf(out, markdown ? "%.6g" : "%.17g", v);
}

static void write_csv(const struct export_of *x, struct str *out)
{
    str_adds(out, "job,benchmark,params,metric,unit,better,metric_kind,status,n,value,low,high,"
                  "samples\n");
    for (size_t i = 0; i < x->n; i++) {
        const struct result *r = &x->result[i];
        const char *const text[] = {r->benchmark, r->params, r->metric, r->unit};
        double low, high;
        low_high(r, &low, &high);
        str_add_int(out, r->job_id);
        for (size_t k = 0; k < ARRAY_LEN(text); k++) {
            str_addc(out, ',');
            cell_text(out, text[k], strlen(text[k]), false);
        }
        str_addf(out, ",%s,%s,%s,%d,", better_words[r->better], metric_kind_words[r->kind],
                 result_status_words[r->status], (int)r->n_samples);
        real_cell(out, r->value, false);
        str_addc(out, ',');
        real_cell(out, low, false);
        str_addc(out, ',');
        real_cell(out, high, false);
        str_addc(out, ',');
        for (int32_t k = 0; k < r->n_samples; k++)
            str_addf(out, "%s%.17g", k ? ";" : "", r->samples[k]);
        str_addc(out, '\n');
    }
}

static void write_markdown(const struct export_of *x, struct str *out)
{
    str_adds(out, "| benchmark | metric | value | low | high | unit | n | status |\n"
                  "|---|---|---:|---:|---:|---|---:|---|\n");
    for (size_t i = 0; i < x->n; i++) {
        const struct result *r = &x->result[i];
        CLEANUP(mem_freep) char *name = name_of(r, " ");
        double low, high;
        low_high(r, &low, &high);
        str_adds(out, "| ");
        cell_text(out, name, strlen(name), true);
        str_adds(out, " | ");
        cell_text(out, r->metric, strlen(r->metric), true);
        str_adds(out, " | ");
        real_cell(out, r->value, true);
        str_adds(out, " | ");
        real_cell(out, low, true);
        str_adds(out, " | ");
        real_cell(out, high, true);
        str_adds(out, " | ");
        cell_text(out, r->unit, strlen(r->unit), true);
        str_addf(out, " | %d | %s |\n", (int)r->n_samples, result_status_words[r->status]);
    }
}

/* --- JUnit --- */

static void xml_case(struct str *out, const struct result *r)
{
    CLEANUP(mem_freep) char *name = name_of(r, " ");
    double ns = ns_of(r);
    str_adds(out, "  <testcase classname=\"");
    html_adds(out, r->benchmark);
    str_adds(out, "\" name=\"");
    html_adds(out, name);
    str_addc(out, ' ');
    html_adds(out, r->metric);
    str_addc(out, '"');
    if (ns > 0 && isfinite(r->value))
        str_addf(out, " time=\"%.9g\"", r->value * ns / 1e9);
    str_addc(out, '>');
    if (r->status == RESULT_FAILED || r->status == RESULT_NAN)
        str_addf(out, "<failure message=\"%s\"/>", result_status_words[r->status]);
    else if (r->status != RESULT_OK)
        str_addf(out, "<skipped message=\"%s\"/>", result_status_words[r->status]);
    if (isfinite(r->value)) {
        str_addf(out, "<system-out>%.17g ", r->value);
        html_adds(out, r->unit);
        str_adds(out, "</system-out>");
    }
    str_adds(out, "</testcase>\n");
}

static void write_junit(const struct export_of *x, struct str *out)
{
    size_t failed = 0, skipped = 0;
    for (size_t i = 0; i < x->n; i++) {
        enum result_status s = x->result[i].status;
        failed += s == RESULT_FAILED || s == RESULT_NAN;
        skipped += s == RESULT_SKIPPED || s == RESULT_NOT_VERIFIED;
    }
    str_adds(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n<testsuite name=\"");
    html_adds(out, x->job->name);
    str_addf(out, "\" tests=\"%zu\" failures=\"%zu\" skipped=\"%zu\">\n", x->n, failed, skipped);
    for (size_t i = 0; i < x->n; i++)
        xml_case(out, &x->result[i]);
    str_adds(out, "</testsuite>\n</testsuites>\n");
}

const struct export_format export_formats[] = {
    {"lnt", "application/json", write_lnt},
    {"bmf", "application/json", write_bmf},
    {"benchstat", "text/plain; charset=utf-8", write_benchstat},
    {"csv", "text/csv; charset=utf-8", write_csv},
    {"junit", "application/xml", write_junit},
    {"markdown", "text/markdown; charset=utf-8", write_markdown},
};
const size_t n_export_formats = ARRAY_LEN(export_formats);

const struct export_format *export_find(const char *name)
{
    for (size_t i = 0; i < n_export_formats; i++)
        if (strcmp(export_formats[i].name, name) == 0)
            return &export_formats[i];
    return NULL;
}
