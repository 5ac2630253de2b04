#include "lab/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/ftime.h"
#include "lab/md.h"
#include "wire/job_spec.h"
#include "wire/json.h"

/* --- head --- */

static void head(const struct lab_report *r, struct str *out)
{
    const struct pr *p = r->pr;
    char at[FTIME_LEN];
    str_adds(out, "# ");
    md_text(out, p->title ? p->title : p->brief);
    str_addf(out, "\n\n%s: <%s>", r->upstream ? r->upstream->title : p->upstream, p->url);
    str_addf(out, ", %s",
             p->state == PR_UNKNOWN ? "state not asked yet" : pr_state_words[p->state]);
    if (p->fetched_at_us) {
        ftime_utc(p->fetched_at_us, at);
        str_addf(out, " as of %.10s", at);
    }
    str_adds(out, ".\n");
    if (p->head_sha || p->base_sha) {
        str_adds(out, "\nHead ");
        md_code(out, p->head_sha ? p->head_sha : "unknown");
        str_adds(out, ", base ");
        md_code(out, p->base_sha ? p->base_sha : "unknown");
        if (p->base_ref) {
            str_adds(out, " of ");
            md_code(out, p->base_ref);
        }
        str_adds(out, ".\n");
    }
}

/* --- commands --- */

static void recipe_command(const struct job_spec *spec, struct str *out)
{
    CLEANUP(json_decrefp) json_t *params = NULL;
    const char *key;
    json_t *v;
    str_adds(out, "cail run ");
    md_shell(out, spec->recipe);
    if (json_read(spec->params, strlen(spec->params), &params, NULL))
        params = NULL;
    json_object_foreach(params, key, v) {
        CLEANUP(str_done) struct str pair = STR_INIT;
        json_put_pair(&pair, key, v);
        str_adds(out, " -p ");
        md_shell(out, pair.p);
    }
    str_addc(out, '\n');
}

static void command(const struct job *j, struct str *out)
{
    struct job_spec spec;
    if (job_spec_read(j->spec, &spec, NULL)) {
        str_addf(out, "curl -s \"$CAIL_URL/jobs/%lld/repro\" | bash\n", (long long)j->id);
        return;
    }
    if (spec.recipe) {
        recipe_command(&spec, out);
    } else if (spec.argv) {
        for (const char **a = spec.argv; *a; a++) {
            if (a != spec.argv)
                str_addc(out, ' ');
            md_shell(out, *a);
        }
        str_addc(out, '\n');
    } else {
        str_addf(out, "curl -s \"$CAIL_URL/jobs/%lld/repro\" | bash # a script\n",
                 (long long)j->id);
    }
    job_spec_done(&spec);
}

/* One line for a comment in the shell block. */
static void plain(struct str *out, const char *text)
{
    for (const char *p = text; *p; p++)
        str_addc(out, (unsigned char)*p < ' ' || *p == 0x7f || *p == '`' ? '?' : *p);
}

static void commands(const struct lab_report *r, struct str *out)
{
    str_adds(out, "\n## Commands\n");
    if (!r->n_jobs) {
        str_adds(out, "\nNo job belongs to this pull request yet.\n");
        return;
    }
    str_adds(out, "\n```sh\n");
    for (size_t i = 0; i < r->n_jobs; i++) {
        const struct job *j = r->job[i].job;
        str_addf(out, "# job %lld, %s: ", (long long)j->id, job_state_words[j->state]);
        plain(out, j->name);
        str_addc(out, '\n');
        command(j, out);
    }
    str_adds(out, "```\n");
    if (r->more_jobs)
        str_addf(out, "\nOlder jobs are left out: the newest %d are shown.\n", LAB_REPORT_JOBS);
}

/* --- numbers --- */

/* What measured a comparison has figures of two sides in turns: its own part says what they mean.
 */
static bool has_numbers(const struct job_record *rec)
{
    return rec->n_results > 0 && !job_spec_comparison(rec->job->spec);
}

static void benchmark(struct str *out, const struct result *res)
{
    md_text(out, res->benchmark);
    if (res->params && strcmp(res->params, "{}") != 0) {
        str_addc(out, ' ');
        md_code(out, res->params);
    }
}

static void results(const struct job_record *rec, struct str *out)
{
    const struct job *j = rec->job;
    if (!rec->n_results)
        return;
    str_addf(out, "\n### Job %lld: ", (long long)j->id);
    md_text(out, j->name);
    str_adds(out, "\n\n| benchmark | metric | value | unit | better | samples | status |\n"
                  "|---|---|---:|---|---|---:|---|\n");
    for (size_t i = 0; i < rec->n_results && i < LAB_REPORT_RESULTS; i++) {
        const struct result *res = &rec->result[i];
        str_adds(out, "| ");
        benchmark(out, res);
        str_adds(out, " | ");
        md_text(out, res->metric);
        str_adds(out, " | ");
        md_number(out, res->value);
        str_adds(out, " | ");
        md_text(out, res->unit);
        str_addf(out, " | %s | %d | %s |\n", better_words[res->better],
                 res->n_samples > 0 ? (int)res->n_samples : 1, result_status_words[res->status]);
    }
    if (rec->n_results > LAB_REPORT_RESULTS)
        str_addf(out, "\nMore rows: `cail show %lld`.\n", (long long)j->id);
    const char *sep = "\nFlags: ";
    for (int bit = 0; job_flag_words[bit]; bit++)
        if (j->flags >> bit & 1) {
            str_addf(out, "%s%s", sep, job_flag_words[bit]);
            sep = ", ";
        }
    if (j->flags)
        str_adds(out, ".\n");
}

static void numbers(const struct lab_report *r, struct str *out)
{
    bool any = false;
    for (size_t i = 0; i < r->n_jobs; i++)
        any |= has_numbers(&r->job[i]);
    if (!any)
        return;
    str_adds(out, "\n## Numbers\n\nMedians of the samples of each job.\n");
    for (size_t i = 0; i < r->n_jobs; i++)
        if (!job_spec_comparison(r->job[i].job->spec))
            results(&r->job[i], out);
}

/* --- environment --- */

static const char *member(const json_t *v, const char *key)
{
    return json_string_value(json_object_get(v, key));
}

static void cards(const json_t *prov, struct str *out)
{
    const json_t *list = json_object_get(prov, "cards");
    size_t n = json_array_size(list);
    for (size_t i = 0; i < n && i < 8; i++) {
        const json_t *card = json_array_get(list, i);
        const char *model = member(card, "model");
        str_adds(out, i ? ", " : "");
        md_text(out, model ? model : member(card, "name"));
    }
    if (!n)
        str_addc(out, '-');
}

static void environment_row(const struct job_record *rec, struct str *out)
{
    CLEANUP(json_decrefp) json_t *prov = NULL;
    const struct attempt *last = rec->n_attempts ? rec->attempt[rec->n_attempts - 1] : NULL;
    if (!last || !last->provenance ||
        json_read(last->provenance, strlen(last->provenance), &prov, NULL))
        return;
    json_int_t cpus = json_integer_value(json_object_get(prov, "cpus_online"));
    const char *version = member(prov, "recipe_version"), *driver = member(prov, "driver");
    str_addf(out, "| %lld | ", (long long)rec->job->id);
    md_text(out, member(prov, "machine"));
    str_addf(out, ", %lld cpus, governor ", (long long)cpus);
    md_text(out, member(prov, "governor"));
    str_adds(out, " | ");
    md_text(out, member(prov, "kernel"));
    str_adds(out, " | ");
    cards(prov, out);
    str_adds(out, " | ");
    md_text(out, driver);
    str_addf(out, " | %.12s | ", version ? version : "-");
    const json_t *identity = json_object_get(prov, "identity");
    for (size_t i = 0; i < json_array_size(identity) && i < 12; i++) {
        str_adds(out, i ? "; " : "");
        md_text(out, json_string_value(json_array_get(identity, i)));
    }
    str_adds(out, " |\n");
}

static void environment(const struct lab_report *r, struct str *out)
{
    CLEANUP(str_done) struct str rows = STR_INIT;
    for (size_t i = 0; i < r->n_jobs; i++)
        environment_row(&r->job[i], &rows);
    if (!rows.len)
        return;
    str_adds(out, "\n## Environment\n\n| job | machine | kernel | cards | driver | recipe | built "
                  "from |\n|---:|---|---|---|---|---|---|\n");
    str_add(out, rows.p, rows.len);
}

/* --- comparisons --- */

static void value(struct str *out, const json_t *row, const char *side)
{
    const json_t *v = json_object_get(row, side);
    const json_t *median = json_is_object(v) ? json_object_get(v, "median") : v;
    md_number(out, json_is_number(median) ? json_number_value(median) : (double)NAN);
}

static double ratio(const json_t *row, const char *key)
{
    const json_t *v = json_object_get(row, key);
    return json_is_number(v) ? (json_number_value(v) - 1) * 100 : (double)NAN;
}

/* "+3.1 % [2.6, 3.7]" of ratios head/base. */
static void effect(struct str *out, const json_t *row)
{
    double e = ratio(row, "effect"), lo = ratio(row, "effect_lo"), hi = ratio(row, "effect_hi");
    if (isnan(e)) {
        str_addc(out, '-');
        return;
    }
    str_addf(out, "%+.2f %%", e);
    if (!isnan(lo) && !isnan(hi))
        str_addf(out, " [%.2f, %.2f]", lo, hi);
}

static void flags(struct str *out, const json_t *row)
{
    const json_t *list = json_object_get(row, "flags");
    for (size_t i = 0; i < json_array_size(list); i++) {
        str_adds(out, i ? ", " : " (");
        md_text(out, json_string_value(json_array_get(list, i)));
    }
    if (json_array_size(list))
        str_addc(out, ')');
}

static void judged_row(const json_t *row, struct str *out)
{
    CLEANUP(str_done) struct str params = STR_INIT;
    const json_t *p = json_object_get(row, "params");
    str_adds(out, "| ");
    md_text(out, member(row, "benchmark"));
    if (json_object_size(p)) {
        json_put(&params, p);
        str_addc(out, ' ');
        md_code(out, params.p);
    }
    str_adds(out, " | ");
    md_text(out, member(row, "metric"));
    str_adds(out, " | ");
    value(out, row, "base");
    str_adds(out, " | ");
    value(out, row, "head");
    str_adds(out, " | ");
    md_text(out, member(row, "unit"));
    str_adds(out, " | ");
    effect(out, row);
    str_adds(out, " | ");
    md_text(out, member(row, "verdict"));
    flags(out, row);
    str_adds(out, " |\n");
}

void lab_report_comparison(const struct comparison *c, struct str *out)
{
    CLEANUP(json_decrefp) json_t *judged = NULL;
    str_addf(out, "\n### Comparison %lld: ", (long long)c->id);
    md_text(out, c->name);
    str_adds(out, "\n\nVerdict: ");
    if (c->verdict >= 0)
        md_text(out, verdict_words[c->verdict]);
    else
        str_addf(out, "none, it is %s", comparison_state_words[c->state]);
    if (c->reason) {
        str_adds(out, "; ");
        md_text(out, c->reason);
    }
    str_adds(out, ".\n");
    if (!c->judged || json_read(c->judged, strlen(c->judged), &judged, NULL))
        return;
    const json_t *rows = json_object_get(judged, "rows");
    size_t n = json_array_size(rows);
    if (!n)
        return;
    str_adds(out, "\n| benchmark | metric | base | head | unit | effect | verdict |\n"
                  "|---|---|---:|---:|---|---:|---|\n");
    for (size_t i = 0; i < n && i < LAB_REPORT_RESULTS; i++)
        judged_row(json_array_get(rows, i), out);
    if (n > LAB_REPORT_RESULTS)
        str_addf(out, "\n%zu more rows: GET /comparisons/%lld.\n", n - LAB_REPORT_RESULTS,
                 (long long)c->id);
}

static void comparisons(const struct lab_report *r, struct str *out)
{
    if (!r->n_comparisons)
        return;
    str_adds(out, "\n## Comparisons\n\nEffect: head against base, with its interval; the verdict "
                  "says whether it counts.\n");
    for (size_t i = 0; i < r->n_comparisons; i++)
        lab_report_comparison(r->comparison[i], out);
}

/* --- links --- */

static void links(const struct lab_report *r, struct str *out)
{
    str_addf(out, "\n## Links\n\n- pull request: <%s>\n", r->pr->url);
    for (size_t i = 0; i < r->n_topics; i++) {
        str_adds(out, "- topic ");
        md_code(out, r->topic[i]->name);
        str_adds(out, ", branch ");
        md_code(out, r->topic[i]->branch);
        if (r->topic[i]->head_sha) {
            str_adds(out, " at ");
            md_code(out, r->topic[i]->head_sha);
        }
        str_addc(out, '\n');
    }
    for (size_t i = 0; i < r->n_jobs; i++)
        str_addf(out,
                 "- job %lld: `cail show %lld`, the script that runs it again: "
                 "`GET /jobs/%lld/repro`\n",
                 (long long)r->job[i].job->id, (long long)r->job[i].job->id,
                 (long long)r->job[i].job->id);
    for (size_t i = 0; i < r->n_comparisons; i++)
        str_addf(out, "- comparison %lld: `GET /comparisons/%lld/report`\n",
                 (long long)r->comparison[i]->id, (long long)r->comparison[i]->id);
}

void lab_report(const struct lab_report *r, struct str *out)
{
    head(r, out);
    commands(r, out);
    numbers(r, out);
    comparisons(r, out);
    environment(r, out);
    links(r, out);
}
