/* The write-up of a comparison: what a reviewer wants first, first. */
#include "trial/markdown.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SHA_SHOWN = 12 };

static void put_job(struct str *out, const struct trial_report *r, const char *word, int64_t job)
{
    char words[64], url[512];

    snprintf(words, sizeof words, "%s %" PRId64, word, job);
    int n = snprintf(url, sizeof url, "%s/%ss/%" PRId64, r->url != NULL ? r->url : "", word, job);
    if (r->url != NULL && n > 0 && (size_t)n < sizeof url)
        trial_md_link(out, words, url);
    else
        str_adds(out, words);
}

static void put_sha(struct str *out, const char *sha)
{
    char text[SHA_SHOWN + 1];

    snprintf(text, sizeof text, "%s", sha != NULL ? sha : "");
    trial_md_code(out, text);
}

static void put_params(struct str *out, const char *json)
{
    struct str words = STR_INIT;

    trial_params(&words, json);
    trial_md_code(out, words.p);
    str_done(&words);
}

/* The two sides beside each other; a row that neither has is left out. */
static void put_sides(struct str *out, const struct trial_report *r)
{
    const struct trial_side_words *b = &r->side[SIDE_BASE], *h = &r->side[SIDE_HEAD];

    str_adds(out, "| | base | head |\n|:--|:--|:--|\n| source | ");
    trial_md_code(out, b->label);
    str_adds(out, " | ");
    trial_md_code(out, h->label);
    str_adds(out, " |\n");
    if (b->sha != NULL || h->sha != NULL) {
        str_adds(out, "| commit | ");
        put_sha(out, b->sha);
        str_adds(out, " | ");
        put_sha(out, h->sha);
        str_adds(out, " |\n");
    }
    if (b->params != NULL || h->params != NULL) {
        str_adds(out, "| parameters | ");
        put_params(out, b->params);
        str_adds(out, " | ");
        put_params(out, h->params);
        str_adds(out, " |\n");
    }
    if (b->job != 0 || h->job != 0) {
        str_adds(out, "| build | ");
        for (int i = 0; i < SIDE_COUNT; i++) {
            if (r->side[i].job != 0)
                put_job(out, r, "job", r->side[i].job);
            else
                str_addc(out, '-');
            str_adds(out, i == 0 ? " | " : " |\n");
        }
    }
    str_addc(out, '\n');
}

static void put_what(struct str *out, const struct trial_report *r)
{
    put_job(out, r, "comparison", r->id);
    if (r->name != NULL && r->name[0] != '\0') {
        str_adds(out, ", ");
        trial_md_code(out, r->name);
    }
    if (r->recipe != NULL) {
        str_adds(out, ", recipe ");
        trial_md_code(out, r->recipe);
    }
    if (r->params != NULL && r->params[0] != '\0' && strcmp(r->params, "{}") != 0) {
        str_addc(out, ' ');
        put_params(out, r->params);
    }
    if (r->measure_job != 0) {
        str_adds(out, ", measured by ");
        put_job(out, r, "job", r->measure_job);
    }
    if (r->pr != NULL) {
        str_adds(out, ", for ");
        trial_md_link(out, "the pull request", r->pr);
    }
    str_adds(out, ".\n\n");
}

static size_t family_size(const struct trial_report *r)
{
    size_t n = 0;

    for (size_t i = 0; i < r->j->n_rows; i++)
        n += trial_row_gates(&r->j->row[i]) && !isnan(r->j->row[i].p_holm);
    return n;
}

static void put_test(struct str *out, const struct trial_report *r, const char *test)
{
    size_t family = family_size(r);

    str_addf(out, "%s", test);
    if (family > 1)
        str_addf(out, ", Holm's correction over %zu results", family);
    str_adds(out, ", alpha ");
    trial_p(out, r->c->alpha);
}

static void put_looks(struct str *out, const struct trial_report *r)
{
    const struct trial_plan *p = r->plan;

    if (p == NULL || p->looks <= 1 || p->rounds <= 0)
        return;
    int32_t look = (r->c->rounds + p->rounds - 1) / p->rounds;
    str_addf(out, " (look %d of %d that were planned)", look, p->looks);
}

/* Of tests alone. */
static void put_untimed(struct str *out, const struct trial_report *r)
{
    str_addf(out,
             "%d round%s of one fresh process a side under one lease: checks are compared by how "
             "they end, exact figures as they are; what varies from run to run is only shown.",
             r->c->rounds, r->c->rounds == 1 ? "" : "s");
    if (r->c->confirmed_asked)
        str_adds(out, " What looked like a new failure was run once more on both sides.");
    str_adds(out, "\n\n");
}

void trial_md_method(struct str *out, const struct trial_report *r)
{
    if (!r->c->unpaired && r->plan != NULL && !trial_plan_times(r->plan)) {
        put_untimed(out, r);
        return;
    }
    if (r->c->unpaired) {
        str_adds(out, "**Unpaired: drift not controlled.** Two stored runs; ");
        put_test(out, r, "exact Mann-Whitney test");
        str_adds(out, ".");
    } else {
        if (r->kind != NULL && strcmp(r->kind, comparison_kind_words[COMPARISON_AA]) == 0)
            str_adds(out, "A/A: the same code on both sides. ");
        str_addf(out,
                 "%d rounds of one fresh process a side, in turns (AB BA) under one lease after a "
                 "warm-up round that is dropped",
                 r->c->rounds);
        put_looks(out, r);
        str_adds(out, "; ");
        put_test(out, r, "exact signed-rank test of the pairs");
        str_adds(out, ".");
        if (r->c->confirmed_asked)
            str_adds(out,
                     " What looked changed was measured again in a fresh batch and judged by it "
                     "alone.");
    }
    str_adds(out, " Values are medians; the interval belongs to the single result, the verdict and "
                  "p to all together.\n\n");
}

static void put_geomean(struct str *out, const struct trial_report *r)
{
    if (!isfinite(r->j->geomean))
        return;
    str_adds(out, "Geometric mean of head/base over what both sides have: ");
    trial_change(out, r->j->geomean, r->j->geomean_lo, r->j->geomean_hi);
    str_adds(out, ".\n\n");
}

static void put_headline(struct str *out, const struct trial_report *r)
{
    struct str line = STR_INIT;

    trial_report_headline(r, &line);
    str_adds(out, "## ");
    trial_md_text(out, line.p);
    str_adds(out, "\n\n");
    str_done(&line);
}

void trial_md_head(struct str *out, const struct trial_report *r)
{
    put_headline(out, r);
    if (r->reason != NULL) {
        str_adds(out, "Ended early: ");
        trial_md_text(out, r->reason);
        str_adds(out, "\n\n");
    }
    put_what(out, r);
    put_sides(out, r);
    trial_md_method(out, r);
}

static void put_folded(struct str *out, const struct trial_report *r, enum trial_table which,
                       const char *one, const char *many)
{
    int32_t n = trial_md_table_rows(r, which);

    if (n == 0)
        return;
    str_addf(out, "<details><summary>%d %s</summary>\n\n", n, n == 1 ? one : many);
    trial_md_table(out, r, which, INT32_MAX);
    str_adds(out, "</details>\n\n");
}

static void put_diff(struct str *out, const struct trial_diff *d)
{
    str_adds(out, "Artifact ");
    trial_md_code(out, d->name);
    str_adds(out, " differs: ");
    put_sha(out, d->base_sha256);
    str_adds(out, " on base, ");
    put_sha(out, d->head_sha256);
    str_adds(out, " on head");
    if (d->text == NULL) {
        str_adds(out, "; it is binary or too large to show.\n\n");
        return;
    }
    str_adds(out, ".\n\n<details><summary>diff</summary>\n\n");
    trial_md_fence(out, "diff", d->text);
    str_adds(out, "\n</details>\n\n");
}

static void put_environment(struct str *out, const struct trial_report *r)
{
    if (r->environment == NULL && r->fingerprint == NULL)
        return;
    str_adds(out, "### Environment\n\n");
    if (r->fingerprint != NULL) {
        str_adds(out, "Fingerprint ");
        trial_md_code(out, r->fingerprint);
        str_adds(out, ".\n\n");
    }
    if (r->environment != NULL) {
        trial_md_fence(out, "text", r->environment);
        str_addc(out, '\n');
    }
}

static void put_missing(struct str *out, const struct trial_report *r)
{
    if (r->missing == NULL || r->missing[0] == NULL)
        return;
    str_adds(out, "Not known:\n\n");
    for (size_t i = 0; r->missing[i] != NULL; i++) {
        str_adds(out, "- ");
        trial_md_text(out, r->missing[i]);
        str_addc(out, '\n');
    }
    str_addc(out, '\n');
}

void trial_report_markdown(const struct trial_report *r, struct str *out)
{
    trial_md_head(out, r);
    bool more = trial_md_table(out, r, TRIAL_TABLE_COUNTS, INT32_MAX) > 0;
    trial_md_checks(out, r, INT32_MAX);
    put_folded(out, r, TRIAL_TABLE_SAME, more ? "more is the same" : "is the same",
               more ? "more are the same" : "are the same");
    put_folded(out, r, TRIAL_TABLE_SHOWN, "result is only shown and gates nothing",
               "results are only shown and gate nothing");
    put_geomean(out, r);
    trial_md_notes(out, r);
    for (size_t i = 0; i < r->n_diffs; i++)
        put_diff(out, &r->diff[i]);
    put_environment(out, r);
    if (r->commands != NULL) {
        str_adds(out, "### To do it again\n\n");
        trial_md_fence(out, "sh", r->commands);
        str_addc(out, '\n');
    }
    put_missing(out, r);
    while (out->len > 1 && out->p[out->len - 1] == '\n' && out->p[out->len - 2] == '\n')
        out->p[--out->len] = '\0';
}
