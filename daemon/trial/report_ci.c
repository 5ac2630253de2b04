/* What machines that watch pull requests read: JUnit XML, the summary of a GitHub check. */
#include <math.h>
#include <string.h>

#include "base/jw.h"
#include "base/utf8.h"
#include "trial/markdown.h"

enum {
    SUMMARY_MAX = 60000, /* GitHub refuses more than 65,535 characters */
    TITLE_MAX = 250,
    SHORT_ROWS = 50,
};

enum outcome { PASSED, FAILURE, ERROR, SKIPPED };

/* The same line as the exit code of the default gate: what only warns, or cannot be told, is
 * skipped, for a green bar would say more than is known and a red one stops a merge. */
static enum outcome row_outcome(const struct trial_row *row)
{
    if (row->verdict == VERDICT_NOT_COMPARABLE || row->verdict == VERDICT_INCONCLUSIVE)
        return SKIPPED;
    if (row->verdict == VERDICT_REGRESSION)
        return trial_row_warns(row) || !trial_row_gates(row) ? SKIPPED : FAILURE;
    if (row->verdict == VERDICT_FAILED || row->verdict == VERDICT_MISSING)
        return trial_row_gates(row) ? ERROR : SKIPPED;
    return PASSED;
}

static enum outcome check_outcome(const struct trial_check *k)
{
    switch (k->verdict) {
    case CHECK_NEW_FAILURE:
        return FAILURE;
    case CHECK_FLAKY:
    case CHECK_STILL_FAILING:
    case CHECK_REMOVED:
        return SKIPPED;
    case CHECK_FIXED:
    case CHECK_NEW:
    case CHECK_VERDICT_COUNT:
        break;
    }
    return PASSED;
}

static void put_case(struct str *out, const struct trial_report *r, const char *name,
                     enum outcome o, const char *type, const char *message)
{
    static const char *const tags[] = {
        [PASSED] = "", [FAILURE] = "failure", [ERROR] = "error", [SKIPPED] = "skipped"};

    str_adds(out, "    <testcase classname=\"");
    trial_xml(out, r->recipe != NULL ? r->recipe : "comparison");
    str_adds(out, "\" name=\"");
    trial_xml(out, name);
    if (o == PASSED) {
        str_adds(out, "\"/>\n");
        return;
    }
    str_addf(out, "\">\n      <%s", tags[o]);
    if (o != SKIPPED)
        str_addf(out, " type=\"%s\"", type);
    str_adds(out, " message=\"");
    trial_xml(out, message);
    str_adds(out, "\"/>\n    </testcase>\n");
}

static void put_row(struct str *out, const struct trial_report *r, const struct trial_row *row)
{
    struct str name = STR_INIT, message = STR_INIT;

    trial_row_name(&name, &r->c->series[row->series]);
    trial_row_verdict(&message, row);
    if (isfinite(row->effect)) {
        str_adds(&message, ": ");
        trial_change(&message, row->effect, row->lo, row->hi);
    }
    put_case(out, r, name.p, row_outcome(row), verdict_words[row->verdict], message.p);
    str_done(&name);
    str_done(&message);
}

static void put_check(struct str *out, const struct trial_report *r, const struct trial_check *k)
{
    const struct trial_series *s = &r->c->series[k->series];
    struct str name = STR_INIT, params = STR_INIT;

    trial_plain(&name, s->benchmark);
    trial_params(&params, s->params);
    if (params.len > 0) {
        str_addc(&name, ' ');
        trial_plain(&name, params.p);
    }
    put_case(out, r, name.p, check_outcome(k), check_verdict_words[k->verdict],
             trial_check_name(k));
    str_done(&name);
    str_done(&params);
}

void trial_report_junit(const struct trial_report *r, struct str *out)
{
    int32_t n[SKIPPED + 1] = {0}, all;

    for (size_t i = 0; i < r->j->n_rows; i++)
        n[row_outcome(&r->j->row[i])]++;
    for (size_t i = 0; i < r->j->n_checks; i++)
        n[check_outcome(&r->j->check[i])]++;
    n[PASSED] += r->j->checks_same > 0;
    all = n[PASSED] + n[FAILURE] + n[ERROR] + n[SKIPPED];
    str_adds(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    str_addf(out, "<testsuites tests=\"%d\" failures=\"%d\" errors=\"%d\" skipped=\"%d\">\n", all,
             n[FAILURE], n[ERROR], n[SKIPPED]);
    str_adds(out, "  <testsuite name=\"");
    trial_xml(out, r->name != NULL && r->name[0] != '\0' ? r->name : "comparison");
    str_addf(out, "\" tests=\"%d\" failures=\"%d\" errors=\"%d\" skipped=\"%d\">\n", all,
             n[FAILURE], n[ERROR], n[SKIPPED]);
    for (size_t i = 0; i < r->j->n_rows; i++)
        put_row(out, r, &r->j->row[i]);
    for (size_t i = 0; i < r->j->n_checks; i++)
        put_check(out, r, &r->j->check[i]);
    if (r->j->checks_same > 0)
        put_case(out, r, "checks that end alike on both sides", PASSED, NULL, NULL);
    str_adds(out, "  </testsuite>\n</testsuites>\n");
}

/* Cut at a character's border. */
static void cut(struct str *s, size_t max)
{
    if (s->len <= max)
        return;
    while (max > 0 && (s->p[max] & 0xc0) == 0x80)
        max--;
    s->p[max] = '\0';
    s->len = max;
}

static void put_whole_link(struct str *out, const struct trial_report *r)
{
    struct str url = STR_INIT;

    if (r->url == NULL)
        return;
    str_addf(&url, "%s/comparisons/%lld/report", r->url, (long long)r->id);
    str_adds(out, "\nThis is the short form; ");
    trial_md_link(out, "the whole report", url.p);
    str_adds(out, " has it all.\n");
    str_done(&url);
}

/* Without anything that has to be closed, so it can be cut between lines. */
static void put_short(struct str *out, const struct trial_report *r)
{
    trial_md_head(out, r);
    trial_md_table(out, r, TRIAL_TABLE_COUNTS, SHORT_ROWS);
    trial_md_checks(out, r, SHORT_ROWS);
    trial_md_notes(out, r);
    if (out->len > SUMMARY_MAX) {
        cut(out, SUMMARY_MAX);
        while (out->len > 0 && out->p[out->len - 1] != '\n')
            out->p[--out->len] = '\0';
        str_adds(out, "\nThe rest is cut.\n");
    }
    put_whole_link(out, r);
}

/* A check that is red only for what the default gate fails. */
static const char *conclusion(const struct trial_judgement *j)
{
    if (j->exit_code == 1 || j->exit_code == 3)
        return "failure";
    if (j->exit_code == TRIAL_EXIT_CANCELED)
        return "cancelled"; /* GitHub's spelling */
    if (j->verdict == VERDICT_IMPROVEMENT || j->verdict == VERDICT_CHANGED_SMALL ||
        j->verdict == VERDICT_SAME)
        return "success";
    return "neutral";
}

void trial_report_github(const struct trial_report *r, struct str *out)
{
    struct str title = STR_INIT, summary = STR_INIT;
    struct jw w = JW(out);

    trial_report_headline(r, &title);
    cut(&title, TITLE_MAX);
    trial_report_markdown(r, &summary);
    if (summary.len > SUMMARY_MAX) {
        str_clear(&summary);
        put_short(&summary, r);
    }
    jw_open(&w, '{');
    jw_kstr(&w, "conclusion", conclusion(r->j));
    jw_kstr(&w, "title", title.p);
    jw_kstr(&w, "summary", summary.p);
    jw_close(&w, '}');
    str_done(&title);
    str_done(&summary);
}
