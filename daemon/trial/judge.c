/* The whole rule: every series by itself, then the family, the confirmation, the order and one
 * verdict. */
#include "trial/judge.h"

#include <math.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "stats/holm.h"
#include "stats/power.h"
#include "stats/quantile.h"
#include "stats/ranks.h"
#include "trial/rows.h"

enum {
    PLANNED_MAX = 16, /* rows whose rounds are asked of the planner: it takes 20 ms a row */
    NEEDED_MAX = TRIAL_ROUNDS_MAX * TRIAL_LOOKS_MAX,
};
#define PLANNED_POWER .975

const char *const trial_flag_words[] = {
    "drift",        "bimodal",    "outliers",      "tainted",
    "unstable",     "difference", "unpaired",      "floor_unknown",
    "underpowered", "confirmed",  "not_confirmed", "failed_rounds",
    "shown_only",   NULL};

static bool gates(const struct trial_row *row)
{
    return !(row->flags & TRIAL_FLAG_SHOWN_ONLY);
}

static size_t measure_all(const struct trial_case *c, const struct trial_grid *g,
                          struct trial_judgement *ret, struct trial_row_work *work)
{
    for (size_t s = 0; s < c->n_series; s++) {
        if (c->series[s].is_check)
            continue;
        trial_row_measure(c, g, (int32_t)s, &ret->row[ret->n_rows], &work[ret->n_rows]);
        ret->n_rows++;
    }
    return ret->n_rows;
}

/* Holm over the rows that are in: those that gate are one family, those that are only shown
 * another, so that what nobody asked for does not cost the gate its power. */
static size_t adjust(struct trial_judgement *j, const struct trial_row_work *work, bool gating)
{
    double *p = mem_array(j->n_rows + 1, sizeof *p),
           *adjusted = mem_array(j->n_rows + 1, sizeof *p);
    size_t n = 0, at = 0;

    for (size_t i = 0; i < j->n_rows; i++)
        if (work[i].tested && gates(&j->row[i]) == gating)
            p[n++] = j->row[i].p;
    stats_holm(p, n, adjusted);
    for (size_t i = 0; i < j->n_rows; i++)
        if (work[i].tested && gates(&j->row[i]) == gating)
            j->row[i].p_holm = adjusted[at++];
    free(p);
    free(adjusted);
    return n;
}

/* Rounds until the interval lies within the margin when the effect stays what it is: its width
 * goes with the root of n. NaN = it never will. */
static double rounds_to_same(const struct trial_row *row, const struct trial_row_work *w)
{
    double half = (w->test.eq_hi - w->test.eq_lo) / 2, room = w->margin - fabs(w->test.hl);

    if (!isfinite(half) || room <= 0)
        return NAN;
    return ceil(row->n * (half / room) * (half / room));
}

/* About how many rounds in all tell: to show that nothing changed, or to find the smallest change
 * that counts, whichever is less. */
static int32_t rounds_needed(const struct trial_case *c, const struct trial_row *row,
                             const struct trial_row_work *w, size_t family, int *planned)
{
    double same = rounds_to_same(row, w), found = NAN, best;

    if (c->unpaired || row->n == 0)
        return 0;
    if (!(same <= 2 * row->n) && isfinite(w->spread) && w->margin > 0 && *planned < PLANNED_MAX) {
        int32_t r = stats_rounds_needed(family, w->margin, w->spread, c->alpha, PLANNED_POWER);
        found = r > 0 ? r : (double)NAN;
        (*planned)++;
    }
    best = fmin(same, found); /* the one that is a number */
    if (!(best <= NEEDED_MAX))
        return 0;
    return best > row->n ? (int32_t)best : row->n + 1;
}

static void decide_all(const struct trial_case *c, struct trial_judgement *j,
                       const struct trial_row_work *work)
{
    size_t family[2] = {adjust(j, work, false), adjust(j, work, true)};
    int planned = 0;

    for (size_t i = 0; i < j->n_rows; i++) {
        struct trial_row *row = &j->row[i];
        if (!work[i].tested)
            continue;
        size_t n = family[gates(row)];
        trial_row_decide(c, row, &work[i]);
        if (!c->unpaired && gates(row) && stats_p_min(row->n) > c->alpha / (double)n)
            row->flags |= TRIAL_FLAG_UNDERPOWERED;
        if (row->verdict == VERDICT_INCONCLUSIVE)
            row->rounds_needed = rounds_needed(c, row, &work[i], n, &planned);
    }
}

static bool wants_confirmation(const struct trial_row *row, const struct trial_row_work *work)
{
    /* Better or worse: a figure that goes into a pull request has been seen twice. */
    return work->tested && gates(row) &&
           (row->verdict == VERDICT_REGRESSION || row->verdict == VERDICT_IMPROVEMENT);
}

/* Batch 1, judged alone: Holm over the flagged only. */
static void confirm_all(const struct trial_case *c, const struct trial_grid *g,
                        struct trial_judgement *j, struct trial_row_work *work)
{
    double *p = mem_array(j->n_rows + 1, sizeof *p),
           *adjusted = mem_array(j->n_rows + 1, sizeof *p);
    size_t n = 0, at = 0;

    for (size_t i = 0; i < j->n_rows; i++) {
        if (!wants_confirmation(&j->row[i], &work[i]))
            continue;
        trial_row_measure_again(c, g, &j->row[i], &work[i]);
        p[n++] = work[i].again_tested ? work[i].again.p : 1;
    }
    stats_holm(p, n, adjusted);
    for (size_t i = 0; i < j->n_rows; i++) {
        if (!wants_confirmation(&j->row[i], &work[i]))
            continue;
        work[i].again_p_holm = adjusted[at++];
        trial_row_decide_again(c, &j->row[i], &work[i]);
    }
    free(p);
    free(adjusted);
}

static bool judge_checks(const struct trial_case *c, const struct trial_grid *g,
                         struct trial_judgement *j)
{
    bool once = false;

    for (size_t s = 0; s < c->n_series; s++) {
        if (!c->series[s].is_check || !c->series[s].gates)
            continue;
        if (trial_check_judge(g, (int32_t)s, &j->check[j->n_checks]))
            once |= j->check[j->n_checks++].once;
        else
            j->checks_same++;
    }
    return once;
}

/* Distance from "equal", whichever way; rows without an effect last. */
static double weight(const struct trial_row *row)
{
    double w = fabs(log(row->effect));

    return isnan(w) ? -1 : w;
}

static int worst_first(const void *pa, const void *pb)
{
    const struct trial_row *a = pa, *b = pb;

    if (a->verdict != b->verdict)
        return a->verdict < b->verdict ? -1 : 1;
    if (weight(a) > weight(b) || weight(a) < weight(b))
        return weight(a) > weight(b) ? -1 : 1;
    return (a->series > b->series) - (a->series < b->series);
}

static int worst_check_first(const void *pa, const void *pb)
{
    const struct trial_check *a = pa, *b = pb;

    if (a->verdict != b->verdict)
        return a->verdict < b->verdict ? -1 : 1;
    return (a->series > b->series) - (a->series < b->series);
}

static bool has_new_failure(const struct trial_judgement *j)
{
    return j->n_checks > 0 && j->check[0].verdict == CHECK_NEW_FAILURE; /* the worst, so first */
}

/* The worst of what gates. When nothing does, the rows speak for themselves: of a comparison in
 * which everything was skipped it is not said that all is well. */
static enum verdict overall(const struct trial_case *c, const struct trial_judgement *j)
{
    enum verdict worst = VERDICT_COUNT, shown = VERDICT_COUNT;

    if (!c->comparable)
        return VERDICT_NOT_COMPARABLE;
    for (size_t i = 0; i < j->n_rows; i++) {
        enum verdict v = j->row[i].verdict;
        if (gates(&j->row[i]))
            worst = v < worst ? v : worst;
        else if (v == VERDICT_FAILED || v == VERDICT_MISSING)
            shown = v < shown ? v : shown;
    }
    if (has_new_failure(j))
        return VERDICT_REGRESSION;
    if (worst != VERDICT_COUNT)
        return worst;
    if (j->n_checks > 0 || j->checks_same > 0)
        return VERDICT_SAME;
    if (shown != VERDICT_COUNT)
        return shown;
    return j->n_rows > 0 ? VERDICT_SAME : VERDICT_MISSING;
}

static void conclude(const struct trial_case *c, struct trial_judgement *j, bool once)
{
    for (size_t i = 0; i < j->n_rows; i++) {
        const struct trial_row *row = &j->row[i];
        bool exact = c->series[row->series].kind == METRIC_EXACT;
        if (!gates(row))
            continue;
        j->wants_confirm |=
            (row->verdict == VERDICT_REGRESSION || row->verdict == VERDICT_IMPROVEMENT) && !exact;
        j->wants_look |= row->verdict == VERDICT_INCONCLUSIVE && !exact;
    }
    j->one_confirms = !j->wants_confirm;
    j->wants_confirm =
        (j->wants_confirm || once) && !c->confirmed_asked && !c->unpaired && c->comparable;
    j->wants_look &= !c->unpaired;
    j->verdict = overall(c, j);
    j->exit_code = trial_exit_code(j, TRIAL_FAIL_ON_DEFAULT);
}

void trial_judge(const struct trial_case *c, struct trial_judgement *ret)
{
    struct trial_row_work *work = mem_array(c->n_series + 1, sizeof *work);
    struct trial_grid g;
    bool once;

    BUG_ON(!(c->alpha > 0 && c->alpha < .5));
    *ret = (struct trial_judgement){0};
    ret->row = mem_array(c->n_series + 1, sizeof *ret->row);
    ret->check = mem_array(c->n_series + 1, sizeof *ret->check);
    trial_grid_init(&g, c);
    measure_all(c, &g, ret, work);
    decide_all(c, ret, work);
    if (c->confirmed_asked)
        confirm_all(c, &g, ret, work);
    once = judge_checks(c, &g, ret);
    trial_geomean(c, &g, ret);
    trial_grid_done(&g);
    free(work);
    qsort(ret->row, ret->n_rows, sizeof *ret->row, worst_first);
    qsort(ret->check, ret->n_checks, sizeof *ret->check, worst_check_first);
    conclude(c, ret, once);
}

void trial_judgement_done(struct trial_judgement *j)
{
    mem_freep(&j->row);
    mem_freep(&j->check);
    j->n_rows = j->n_checks = 0;
}

static int32_t code_of(enum verdict v)
{
    switch (v) {
    case VERDICT_REGRESSION:
        return 1;
    case VERDICT_INCONCLUSIVE:
        return 2;
    case VERDICT_FAILED:
    case VERDICT_MISSING:
        return 3;
    case VERDICT_NOT_COMPARABLE:
        return 4;
    case VERDICT_IMPROVEMENT:
    case VERDICT_CHANGED_SMALL:
    case VERDICT_SAME:
    case VERDICT_COUNT:
        break;
    }
    return 1; /* asked for by name: any change fails */
}

static bool fails(const struct trial_row *row, uint32_t fail_on)
{
    bool warns = row->verdict == VERDICT_REGRESSION && (row->flags & TRIAL_FLAG_FLOOR_UNKNOWN);

    return gates(row) && !warns && (fail_on >> row->verdict & 1);
}

int32_t trial_exit_code(const struct trial_judgement *j, uint32_t fail_on)
{
    /* nothing of fail_on could be looked at: that is never a success */
    if (j->verdict == VERDICT_NOT_COMPARABLE)
        return 4;
    if (has_new_failure(j) && (fail_on >> VERDICT_REGRESSION & 1))
        return 1;
    for (size_t i = 0; i < j->n_rows; i++)
        if (fails(&j->row[i], fail_on))
            return code_of(j->row[i].verdict);
    bool shown = j->verdict == VERDICT_FAILED || j->verdict == VERDICT_MISSING;
    return shown && (fail_on >> j->verdict & 1) ? 3 : 0;
}

double trial_floor(const double *effects, size_t n)
{
    double *size, floor;

    if (n < TRIAL_AA_MIN)
        return NAN;
    size = mem_array(n, sizeof *size);
    for (size_t i = 0; i < n; i++)
        size[i] = fabs(effects[i]);
    stats_sort(size, n);
    floor = expm1(stats_quantile(size, n, .95));
    free(size);
    return floor;
}
