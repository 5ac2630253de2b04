/* The names of things, and the one sentence above a report. */
#include "trial/words.h"

#include <math.h>
#include <string.h>

const char *const trial_verdict_names[] = {
    [VERDICT_REGRESSION] = "regression",
    [VERDICT_FAILED] = "failed",
    [VERDICT_MISSING] = "missing",
    [VERDICT_NOT_COMPARABLE] = "not comparable",
    [VERDICT_INCONCLUSIVE] = "inconclusive",
    [VERDICT_IMPROVEMENT] = "improvement",
    [VERDICT_CHANGED_SMALL] = "changed, too little to count",
    [VERDICT_SAME] = "same",
};

const char *const trial_check_names[] = {
    [CHECK_NEW_FAILURE] = "new failure",
    [CHECK_FLAKY] = "flaky",
    [CHECK_STILL_FAILING] = "still failing",
    [CHECK_FIXED] = "fixed",
    [CHECK_REMOVED] = "removed",
    [CHECK_NEW] = "new",
};

const char *trial_check_name(const struct trial_check *k)
{
    return k->once ? "new failure, seen once" : trial_check_names[k->verdict];
}

const char *const trial_flag_sentences[] = {
    "drift: the values follow the order of measuring; pairs taken in turns keep it out of the "
    "change",
    "two modes: the values fall into two groups, so a single number says little",
    "outliers: values far from all others were measured and kept",
    "tainted: a card was throttled or shared in a pair that counts, and no clean one could be had",
    "unstable: an exact metric that changes by itself",
    "zeros: differences over the base's median instead of ratios",
    "", /* unpaired: said of the whole */
    "no A/A floor: it is not known how much identical code differs here, so a regression warns and "
    "does not fail",
    "underpowered: with so many results at once these rounds cannot show any change",
    "", /* confirmed, not confirmed: beside the verdict */
    "",
    "rounds without a value were left out",
    "", /* shown only: its own table */
};

bool trial_row_gates(const struct trial_row *row)
{
    return !(row->flags & TRIAL_FLAG_SHOWN_ONLY);
}

bool trial_row_warns(const struct trial_row *row)
{
    return row->verdict == VERDICT_REGRESSION && (row->flags & TRIAL_FLAG_FLOOR_UNKNOWN);
}

void trial_counts_init(struct trial_counts *n, const struct trial_report *r)
{
    const char *metric = NULL;

    *n = (struct trial_counts){.one_metric = true};
    for (int v = 0; v < VERDICT_COUNT; v++)
        n->timing[v] = true;
    for (size_t i = 0; i < r->j->n_rows; i++) {
        const struct trial_row *row = &r->j->row[i];
        const struct trial_series *s = &r->c->series[row->series];
        if (!trial_row_gates(row)) {
            n->n_shown++;
            continue;
        }
        n->gating[row->verdict]++;
        n->n_gating++;
        n->warned += trial_row_warns(row);
        n->timing[row->verdict] &= s->kind == METRIC_TIME || s->kind == METRIC_RATE;
        metric = metric != NULL ? metric : s->metric;
        n->one_metric &= strcmp(metric, s->metric) == 0;
    }
    for (size_t i = 0; i < r->j->n_checks; i++)
        n->checks[r->j->check[i].verdict]++;
}

void trial_row_name(struct str *out, const struct trial_series *s)
{
    struct str params = STR_INIT;

    trial_params(&params, s->params);
    trial_plain(out, s->benchmark);
    if (params.len > 0) {
        str_addc(out, ' ');
        trial_plain(out, params.p);
    }
    str_addc(out, '/');
    trial_plain(out, s->metric);
    str_done(&params);
}

static const char *where(const struct trial_row *row)
{
    bool base = isfinite(row->base), head = isfinite(row->head);

    if (base == head)
        return base ? "" : " on both sides";
    return base ? " on head" : " on base";
}

void trial_row_verdict(struct str *out, const struct trial_row *row)
{
    if (row->flags & TRIAL_FLAG_NOT_CONFIRMED) {
        str_adds(out, row->verdict == VERDICT_CHANGED_SMALL
                          ? "changed, too little to count when measured again"
                          : "inconclusive, not seen again in a fresh batch");
        return;
    }
    str_adds(out, trial_verdict_names[row->verdict]);
    if (row->verdict == VERDICT_FAILED || row->verdict == VERDICT_MISSING)
        str_adds(out, where(row));
    if (row->flags & TRIAL_FLAG_CONFIRMED)
        str_adds(out, ", confirmed");
    if (trial_row_warns(row))
        str_adds(out, ", a warning: no floor");
    if (row->verdict == VERDICT_INCONCLUSIVE && row->rounds_needed > 0)
        str_addf(out, ", about %d rounds would tell", row->rounds_needed);
}

/* The first row that gates with this verdict: rows stand in order of weight. */
static const struct trial_row *first_of(const struct trial_report *r, enum verdict v)
{
    for (size_t i = 0; i < r->j->n_rows; i++)
        if (r->j->row[i].verdict == v && trial_row_gates(&r->j->row[i]))
            return &r->j->row[i];
    return NULL;
}

static const char *noun(const struct trial_counts *n, int32_t count)
{
    if (n->one_metric)
        return count == 1 ? "benchmark" : "benchmarks";
    return count == 1 ? "result" : "results";
}

/* "2 of 25 benchmarks " */
static void put_share(struct str *out, const struct trial_counts *n, enum verdict v)
{
    str_addf(out, "%d of %d %s ", n->gating[v], n->n_gating, noun(n, n->n_gating));
}

static void put_example(struct str *out, const struct trial_report *r, enum verdict v,
                        const char *word)
{
    const struct trial_row *row = first_of(r, v);

    str_addf(out, " (%s ", word);
    trial_change(out, row->effect, row->lo, row->hi);
    str_addc(out, ' ');
    trial_row_name(out, &r->c->series[row->series]);
    str_addc(out, ')');
}

static void put_new_failures(struct str *out, int32_t n)
{
    str_addf(out, n == 1 ? "%d check fails that did not" : "%d checks fail that did not", n);
}

static void say_regression(struct str *out, const struct trial_report *r,
                           const struct trial_counts *n)
{
    int32_t slower = n->gating[VERDICT_REGRESSION], failures = n->checks[CHECK_NEW_FAILURE];

    if (failures > 0)
        put_new_failures(out, failures);
    if (slower == 0)
        return;
    str_adds(out, failures > 0 ? "; " : "");
    put_share(out, n, VERDICT_REGRESSION);
    str_adds(out, slower == 1 ? "is " : "are ");
    str_adds(out, n->timing[VERDICT_REGRESSION] ? "slower" : "worse");
    put_example(out, r, VERDICT_REGRESSION, "worst");
    if (n->warned == slower)
        str_adds(out, ", a warning only: no A/A floor is known");
}

static void say_inconclusive(struct str *out, const struct trial_report *r,
                             const struct trial_counts *n)
{
    int32_t most = 0;

    put_share(out, n, VERDICT_INCONCLUSIVE);
    str_adds(out, "cannot be told from noise");
    for (size_t i = 0; i < r->j->n_rows; i++) {
        const struct trial_row *row = &r->j->row[i];
        if (trial_row_gates(row) && row->rounds_needed > most)
            most = row->rounds_needed;
    }
    if (most > 0)
        str_addf(out, " (about %d rounds would tell)", most);
}

static void say_same(struct str *out, const struct trial_report *r, const struct trial_counts *n)
{
    if (n->n_gating == 1)
        str_addf(out, "the %s differs by less than what counts", noun(n, 1));
    else if (n->n_gating > 0)
        str_addf(out, "all %d %s differ by less than what counts", n->n_gating,
                 noun(n, n->n_gating));
    else if (r->j->n_checks > 0)
        str_adds(out, "no check fails that did not");
    else if (r->j->checks_same > 0)
        str_addf(out,
                 r->j->checks_same == 1 ? "%d check ends alike on both sides"
                                        : "%d checks end alike on both sides",
                 r->j->checks_same);
    else
        str_adds(out, "nothing that was measured gates");
}

static void say_verdict(struct str *out, const struct trial_report *r, const struct trial_counts *n)
{
    enum verdict v = r->j->verdict;

    switch (v) {
    case VERDICT_REGRESSION:
        say_regression(out, r, n);
        break;
    case VERDICT_FAILED:
    case VERDICT_MISSING:
        if (n->gating[v] > 0) {
            put_share(out, n, v);
            str_adds(out, v == VERDICT_FAILED ? "failed" : "missing");
        } else {
            str_adds(out, r->j->n_rows > 0 ? "no benchmark works on both sides"
                                           : "nothing was measured");
        }
        break;
    case VERDICT_NOT_COMPARABLE:
        str_adds(out, "the two sides were measured on different machines or settings");
        break;
    case VERDICT_INCONCLUSIVE:
        say_inconclusive(out, r, n);
        break;
    case VERDICT_IMPROVEMENT:
        put_share(out, n, v);
        str_adds(out, n->gating[v] == 1 ? "is " : "are ");
        str_adds(out, n->timing[v] ? "faster" : "better");
        put_example(out, r, v, "most");
        break;
    case VERDICT_CHANGED_SMALL:
        put_share(out, n, v);
        str_adds(out, n->gating[v] == 1 ? "differs" : "differ");
        str_adds(out, ", by less than what counts");
        put_example(out, r, v, "most");
        break;
    case VERDICT_SAME:
    case VERDICT_COUNT:
        say_same(out, r, n);
        break;
    }
}

/* What else there is, in the order of the words. */
static void say_rest(struct str *out, const struct trial_report *r, const struct trial_counts *n)
{
    static const char *const rest[] = {
        [VERDICT_REGRESSION] = "regressed",
        [VERDICT_FAILED] = "failed",
        [VERDICT_MISSING] = "missing",
        [VERDICT_NOT_COMPARABLE] = "not comparable",
        [VERDICT_INCONCLUSIVE] = "inconclusive",
        [VERDICT_IMPROVEMENT] = "improved",
        [VERDICT_CHANGED_SMALL] = "changed less",
        [VERDICT_SAME] = "same",
    };

    if (r->j->verdict == VERDICT_NOT_COMPARABLE)
        return;
    for (int v = 0; v < VERDICT_COUNT; v++)
        if (n->gating[v] > 0 && v != (int)r->j->verdict)
            str_addf(out, "; %d %s", n->gating[v], rest[v]);
    for (int v = 0; v < CHECK_VERDICT_COUNT; v++)
        if (n->checks[v] > 0 && v != CHECK_NEW_FAILURE)
            str_addf(out, "; %d %s", n->checks[v], trial_check_names[v]);
}

void trial_report_headline(const struct trial_report *r, struct str *out)
{
    struct trial_counts n;

    trial_counts_init(&n, r);
    str_adds(out, trial_verdict_names[r->j->verdict]);
    str_adds(out, ": ");
    say_verdict(out, r, &n);
    say_rest(out, r, &n);
}
