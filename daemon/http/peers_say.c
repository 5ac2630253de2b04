/* One run against the clean ones: how much slower, and what differed. Figures in docs/TELEMETRY.md.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "http/peers.h"
#include "http/peers_words.h"
#include "stats/median.h"

enum { NOISE_PCT = 2, SLOWED_FLOOR_MS = 10, DIFFS_MAX = 16 };
#define CLOCK_SHARE 0.97 /* of the usual clock; less is a difference */
#define LOAD_MORE   1.0  /* processes more than usual */

struct diff {
    const char *what, *unit; /* unit NULL = texts */
    double mine, usual;
    const char *text, *usual_text;
};

struct judged {
    const struct peer_facts *with[PEERS_MAX]; /* those on the same model */
    const struct result *figures[PEERS_MAX];
    size_t n_figures[PEERS_MAX], n;
    double ratio; /* above 1 = better than usual; NaN = not told */
    size_t compared;
    const struct result *only; /* the one figure of the comparison, NULL = several or none */
    double median;             /* of it, or of the wall time */
    bool by_wall;
    struct diff diff[DIFFS_MAX];
    size_t n_diffs;
};

static void choose(const struct peers *p, const struct peer_facts *mine, struct judged *j)
{
    for (size_t i = 0; i < p->n; i++) {
        if (strcmp(p->other[i].model, mine->model) != 0)
            continue;
        j->with[j->n] = &p->other[i];
        j->figures[j->n] = p->figure[i];
        j->n_figures[j->n++] = p->n_figures[i];
    }
}

/* --- how much --- */

static bool is_figure(const struct result *r)
{
    return r->status == RESULT_OK && r->better != BETTER_NEUTRAL && isfinite(r->value) &&
           r->value > 0;
}

static bool is_same(const struct result *a, const struct result *b)
{
    return strcmp(a->metric, b->metric) == 0 && strcmp(a->benchmark, b->benchmark) == 0 &&
           strcmp(a->params, b->params) == 0;
}

/* Median of one figure over the others; NaN = nobody has it. */
static double usual_of(const struct judged *j, const struct result *r)
{
    double v[PEERS_MAX];
    size_t n = 0;
    for (size_t i = 0; i < j->n; i++)
        for (size_t k = 0; k < j->n_figures[i]; k++)
            if (is_figure(&j->figures[i][k]) && is_same(&j->figures[i][k], r)) {
                v[n++] = j->figures[i][k].value;
                break;
            }
    return stats_median(v, n);
}

/* The geometric mean over all figures: no unit counts more than another. */
static void compare_figures(struct judged *j, const struct result *r, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n && j->compared < PEERS_FIGURES_MAX; i++) {
        double usual = is_figure(&r[i]) ? usual_of(j, &r[i]) : NAN;
        if (isnan(usual))
            continue;
        sum += log(r[i].better == BETTER_HIGHER ? r[i].value / usual : usual / r[i].value);
        j->only = j->compared++ ? NULL : &r[i];
        j->median = usual;
    }
    j->ratio = j->compared ? exp(sum / (double)j->compared) : NAN;
}

static double median_of(const struct judged *j, double (*get)(const struct peer_facts *f, int arg),
                        int arg)
{
    double v[PEERS_MAX];
    size_t n = 0;
    for (size_t i = 0; i < j->n; i++) {
        double x = get(j->with[i], arg);
        if (!isnan(x))
            v[n++] = x;
    }
    return stats_median(v, n);
}

static double get_wall(const struct peer_facts *f, int arg)
{
    (void)arg;
    return f->wall_s > 0 ? f->wall_s : NAN;
}

static double get_slowed(const struct peer_facts *f, int cause)
{
    return f->slowed_ms[0] < 0 ? NAN : (double)f->slowed_ms[cause];
}

static double get_clock(const struct peer_facts *f, int arg)
{
    (void)arg;
    return f->sm_mhz;
}

static double get_load(const struct peer_facts *f, int arg)
{
    (void)arg;
    return f->load;
}

static double get_others(const struct peer_facts *f, int arg)
{
    (void)arg;
    return f->others < 0 ? NAN : (double)f->others;
}

static double get_foreign(const struct peer_facts *f, int arg)
{
    (void)arg;
    return (double)f->foreign_ms;
}

static void compare_wall(struct judged *j, const struct peer_facts *mine)
{
    double usual = median_of(j, get_wall, 0);
    if (isnan(usual) || mine->wall_s <= 0)
        return;
    j->by_wall = true;
    j->median = usual;
    j->ratio = usual / mine->wall_s;
}

/* --- what differed --- */

static void add_diff(struct judged *j, struct diff d)
{
    if (j->n_diffs < DIFFS_MAX)
        j->diff[j->n_diffs++] = d;
}

static void find_slowed(struct judged *j, const struct peer_facts *mine)
{
    for (int c = 0; c < PEERS_CAUSES; c++) {
        double ms = get_slowed(mine, c), usual = median_of(j, get_slowed, c);
        double floor_ms = SLOWED_FLOOR_MS + mine->wall_s * 10; /* and a hundredth of the run */
        if (!isnan(ms) && ms > (isnan(usual) ? 0 : usual) + floor_ms)
            add_diff(j, (struct diff){.what = peer_causes[c],
                                      .unit = "ms",
                                      .mine = ms,
                                      .usual = isnan(usual) ? 0 : usual});
    }
    double foreign = median_of(j, get_foreign, 0);
    if ((double)mine->foreign_ms > foreign + SLOWED_FLOOR_MS)
        add_diff(j, (struct diff){.what = "foreign_process",
                                  .unit = "ms",
                                  .mine = (double)mine->foreign_ms,
                                  .usual = foreign});
    for (size_t i = 1; i < j->n_diffs; i++) /* the longest first */
        for (size_t k = i; k && j->diff[k - 1].mine < j->diff[k].mine; k--) {
            struct diff d = j->diff[k];
            j->diff[k] = j->diff[k - 1];
            j->diff[k - 1] = d;
        }
}

static void find_text(struct judged *j, const char *what, const char *mine, const char *usual)
{
    if (*mine && *usual && strcmp(mine, usual) != 0)
        add_diff(j, (struct diff){.what = what, .text = mine, .usual_text = usual});
}

static void find_diffs(struct judged *j, const struct peer_facts *mine)
{
    double clock = median_of(j, get_clock, 0), load = median_of(j, get_load, 0),
           others = median_of(j, get_others, 0);
    find_slowed(j, mine);
    if (mine->sm_mhz < clock * CLOCK_SHARE)
        add_diff(j, (struct diff){
                        .what = "sm_clock", .unit = "mhz", .mine = mine->sm_mhz, .usual = clock});
    if (mine->others > 0 && (double)mine->others > others)
        add_diff(j, (struct diff){.what = "other_jobs",
                                  .unit = "jobs",
                                  .mine = (double)mine->others,
                                  .usual = others});
    if (mine->load > load + LOAD_MORE)
        add_diff(j,
                 (struct diff){
                     .what = "load_at_start", .unit = "load", .mine = mine->load, .usual = load});
    find_text(j, "driver", mine->driver, j->with[0]->driver);
    find_text(j, "governor", mine->governor, j->with[0]->governor);
    find_text(j, "kernel", mine->kernel, j->with[0]->kernel);
}

/* --- the sentence --- */

static void say_ms(struct str *s, double ms)
{
    if (ms < 1000)
        str_addf(s, "%.0f ms", ms);
    else if (ms < 10000)
        str_addf(s, "%.1f s", ms / 1000);
    else
        str_addf(s, "%.0f s", ms / 1000);
}

static void say_diff(struct str *s, const struct diff *d)
{
    if (!d->unit) {
        str_addf(s, "%s %s instead of %s", d->what, d->text, d->usual_text);
    } else if (strcmp(d->unit, "ms") == 0) {
        str_addf(s, "%s ", d->what);
        say_ms(s, d->mine);
        if (d->usual >= SLOWED_FLOOR_MS) {
            str_adds(s, " (usually ");
            say_ms(s, d->usual);
            str_adds(s, ")");
        }
    } else if (strcmp(d->unit, "mhz") == 0) {
        str_addf(s, "SM clock %.0f MHz (usually %.0f)", d->mine, d->usual);
    } else if (strcmp(d->unit, "jobs") == 0) {
        str_addf(s, "%.0f other job%s beside it (usually %.0f)", d->mine, d->mine < 2 ? "" : "s",
                 d->usual);
    } else {
        str_addf(s, "load %.1f at the start (usually %.1f)", d->mine, d->usual);
    }
}

static void say_amount(struct str *s, const struct judged *j, const struct peer_facts *mine,
                       bool running)
{
    int pct = (int)lround(fabs(1 - j->ratio) * 100);
    char of[64];
    snprintf(of, sizeof of, "your median of %zu clean run%s", j->n, j->n == 1 ? "" : "s");
    if (running) {
        str_addf(s, "it has run for %.0f s; %s is %.0f s", mine->wall_s, of, j->median);
    } else if (j->by_wall) {
        pct = (int)lround((1 / j->ratio - 1) * 100);
        if (pct >= NOISE_PCT)
            str_addf(s, "%d %% longer than %s (%.1f s instead of %.1f s)", pct, of, mine->wall_s,
                     j->median);
        else
            str_addf(s, "not longer than %s (%.1f s)", of, j->median);
    } else if (pct < NOISE_PCT) {
        str_addf(s, "within %d %% of %s", NOISE_PCT, of);
    } else if (j->only) {
        double part = j->only->value / j->median;
        str_addf(s, "%.0f %% %s %s", fabs(1 - part) * 100, part < 1 ? "below" : "above", of);
    } else {
        str_addf(s, "%d %% %s than %s over %zu figures", pct, j->ratio < 1 ? "worse" : "better", of,
                 j->compared);
    }
    if (j->only && !running)
        str_addf(s, " (%s %.6g instead of %.6g %s)", j->only->metric, j->only->value, j->median,
                 j->only->unit);
}

static void add_sentence(struct str *s, const struct judged *j, const struct peer_facts *mine,
                         bool running)
{
    bool slow = running ? mine->wall_s > j->median : j->ratio < 1 - NOISE_PCT / 100.;
    say_amount(s, j, mine, running);
    for (size_t i = 0; i < j->n_diffs && (slow || running); i++) {
        str_adds(s, i ? ", " : ": ");
        say_diff(s, &j->diff[i]);
    }
    if (slow && !running && !j->n_diffs)
        str_adds(s, "; nothing that is watched differed");
}

/* --- JSON --- */

static void put_diffs(struct jw *w, const struct judged *j)
{
    jw_key(w, "differences");
    jw_open(w, '[');
    for (size_t i = 0; i < j->n_diffs; i++) {
        const struct diff *d = &j->diff[i];
        jw_open(w, '{');
        jw_kstr(w, "what", d->what);
        jw_kstr(w, "unit", d->unit);
        jw_key(w, "value");
        if (d->unit)
            jw_real(w, d->mine);
        else
            jw_str(w, d->text);
        jw_key(w, "usual");
        if (d->unit)
            jw_real(w, d->usual);
        else
            jw_str(w, d->usual_text);
        jw_close(w, '}');
    }
    jw_close(w, ']');
}

static void put_judged(struct jw *w, const struct judged *j, const struct peer_facts *mine,
                       const char *sentence)
{
    jw_open(w, '{');
    jw_kstr(w, "sentence", sentence);
    jw_key(w, "clean_jobs");
    jw_open(w, '[');
    for (size_t i = 0; i < j->n; i++)
        jw_int(w, j->with[i]->job);
    jw_close(w, ']');
    jw_kreal(w, "ratio", j->ratio);
    jw_kint(w, "figures", (int64_t)j->compared);
    jw_kstr(w, "benchmark", j->only ? j->only->benchmark : NULL);
    jw_kstr(w, "metric", j->only ? j->only->metric : j->by_wall ? "wall" : NULL);
    jw_kstr(w, "unit", j->only ? j->only->unit : j->by_wall ? "s" : NULL);
    jw_kreal(w, "value", j->only ? j->only->value : j->by_wall ? mine->wall_s : NAN);
    jw_kreal(w, "median", j->only || j->by_wall ? j->median : NAN);
    put_diffs(w, j);
    jw_close(w, '}');
}

void peers_judge(const struct peers *p, const struct peer_facts *mine, const struct result *results,
                 size_t n_results, bool running, struct str *say, struct jw *w)
{
    struct judged j = {.ratio = NAN};
    CLEANUP(str_done) struct str sentence = STR_INIT;
    if (p)
        choose(p, mine, &j);
    if (j.n && !running)
        compare_figures(&j, results, n_results);
    if (j.n && isnan(j.ratio))
        compare_wall(&j, mine);
    if (!j.n || isnan(j.ratio)) {
        jw_null(w);
        return;
    }
    find_diffs(&j, mine);
    add_sentence(&sentence, &j, mine, running);
    str_addf(say, "; %s", sentence.p);
    put_judged(w, &j, mine, sentence.p);
}
