#include "http/series_view.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "stats/median.h"

enum {
    AA_LEAST = 20,
    STILL_THE_SAME = 2, /* points that a change may move */
};

/* --- one point a commit --- */

static void key_of(const struct point *p, char out[VIEW_KEY_LEN])
{
    if (p->commit.sha)
        snprintf(out, VIEW_KEY_LEN, "%s", p->commit.sha);
    else
        snprintf(out, VIEW_KEY_LEN, "job-%lld", (long long)p->job_id);
}

static int by_commit(const void *a, const void *b)
{
    const struct point *x = a, *y = b;
    if (!x->commit.sha != !y->commit.sha)
        return x->commit.sha ? 1 : -1;
    int order = x->commit.sha ? strcmp(x->commit.sha, y->commit.sha)
                              : (x->job_id > y->job_id) - (x->job_id < y->job_id);
    if (order)
        return order;
    return (x->at_us > y->at_us) - (x->at_us < y->at_us);
}

static bool is_usable(const struct point *p, bool also_tainted)
{
    return p->status == RESULT_OK && isfinite(p->median) &&
           (also_tainted || !(p->flags & JOB_FLAG_TAINTED));
}

static void summarize(struct view_point *p, const struct point *row, double *medians)
{
    size_t n = 0;
    p->tainted = true;
    for (size_t i = 0; i < p->runs; i++)
        p->tainted &= (row[i].flags & JOB_FLAG_TAINTED) != 0;
    bool clean = false;
    for (size_t i = 0; i < p->runs; i++)
        clean |= is_usable(&row[i], false);
    p->low = p->high = NAN;
    for (size_t i = 0; i < p->runs; i++) {
        if (!is_usable(&row[i], !clean))
            continue;
        medians[n++] = row[i].median;
        p->n += row[i].n;
        p->low = fmin(p->low, row[i].low);
        p->high = fmax(p->high, row[i].high);
    }
    p->value = stats_median(medians, n);
    p->newest = &row[p->runs - 1];
}

static void group(struct view *v)
{
    double *medians = mem_array(v->rows.n + 1, sizeof *medians);
    v->point = mem_array(v->rows.n + 1, sizeof *v->point);
    if (v->rows.n) /* qsort of NULL is undefined even for nothing */
        qsort(v->rows.point, v->rows.n, sizeof *v->rows.point, by_commit);
    for (size_t i = 0; i < v->rows.n;) {
        struct view_point *p = &v->point[v->n++];
        char key[VIEW_KEY_LEN];
        key_of(&v->rows.point[i], p->key);
        p->first = i;
        do {
            p->runs++;
            if (++i < v->rows.n)
                key_of(&v->rows.point[i], key);
        } while (i < v->rows.n && strcmp(key, p->key) == 0);
        summarize(p, &v->rows.point[p->first], medians);
    }
    free(medians);
}

/* --- their order --- */

/* When it was first measured: a commit that is measured again keeps its place. */
static int64_t first_at(const struct view *v, const struct view_point *p)
{
    return v->rows.point[p->first].at_us;
}

static int64_t place_of(const struct view *v, const struct view_point *p)
{
    if (v->order[0] == 'p')
        return p->newest->commit.position;
    return v->order[0] == 'c' ? p->newest->commit.committed_at_us : first_at(v, p);
}

struct placed {
    int64_t place, at_us;
    struct view_point point;
};

static int by_place(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;
    if (x->place != y->place)
        return x->place > y->place ? 1 : -1;
    if (x->at_us != y->at_us)
        return x->at_us > y->at_us ? 1 : -1;
    return (x->point.newest->result_id > y->point.newest->result_id) -
           (x->point.newest->result_id < y->point.newest->result_id);
}

/* Where most commits have a place on the line of first parents, what has none is not of this line:
 * pull requests, working trees, runs without a commit. True when there is such a line. */
static bool keep_the_line(struct view *v)
{
    size_t placed = 0, n = 0;
    for (size_t i = 0; i < v->n; i++)
        placed += v->point[i].newest->commit.position >= 0;
    if (2 * placed <= v->n)
        return false;
    for (size_t i = 0; i < v->n; i++)
        if (v->point[i].newest->commit.position >= 0)
            v->point[n++] = v->point[i];
    v->beside = v->n - n;
    v->n = n;
    return true;
}

static void put_in_order(struct view *v)
{
    bool position = keep_the_line(v), committed = v->n > 0;
    for (size_t i = 0; i < v->n; i++)
        committed &= v->point[i].newest->commit.committed_at_us > 0;
    v->order = position ? "position" : committed ? "committed_at" : "at";
    struct placed *placed = mem_array(v->n + 1, sizeof *placed);
    for (size_t i = 0; i < v->n; i++)
        placed[i] =
            (struct placed){place_of(v, &v->point[i]), first_at(v, &v->point[i]), v->point[i]};
    qsort(placed, v->n, sizeof *placed, by_place);
    for (size_t i = 0; i < v->n; i++)
        v->point[i] = placed[i].point;
    free(placed);
}

/* --- the cut --- */

static void cut(struct view *v, bool compat_otava)
{
    struct stats_edivisive_rule rule = stats_edivisive_default;
    double *value = mem_array(v->n + 1, sizeof *value), *at_s = mem_array(v->n + 1, sizeof *at_s);
    v->of_value = mem_array(v->n + 1, sizeof *v->of_value);
    for (size_t i = 0; i < v->n; i++) {
        const struct view_point *p = &v->point[i];
        if (!isfinite(p->value))
            continue;
        int64_t at_us = v->order[0] == 'a' ? first_at(v, p) : p->newest->commit.committed_at_us;
        value[v->n_values] = p->value;
        at_s[v->n_values] = (double)at_us / 1e6;
        v->of_value[v->n_values++] = i;
    }
    rule.compat_otava = compat_otava;
    v->min_magnitude = compat_otava ? 0 : metric_kind_least(v->series.kind);
    if (!compat_otava && v->aa_floor > v->min_magnitude)
        v->min_magnitude = v->aa_floor;
    rule.min_magnitude = v->min_magnitude;
    stats_history(value, at_s, v->n_values, &rule, &v->history);
    free(value);
    free(at_s);
}

/* The noise floor, from at least 20 A/A comparisons. */
static int read_floor(struct store_reader *r, struct view *v, struct cail_err *err)
{
    char fingerprint[HISTORY_ID_LEN];
    double *effect;
    size_t n;
    history_id_text(v->series.fingerprint_id, fingerprint);
    int rc = store_read_aa_effects(r, &v->series, fingerprint, &effect, &n, err);
    if (rc == 0 && n >= AA_LEAST)
        v->aa_floor = expm1(effect[(n * 95 + 99) / 100 - 1]);
    if (rc == 0)
        free(effect);
    return rc;
}

int view_load(struct store_reader *r, const struct series *s, const struct view_wish *wish,
              struct view *ret, struct cail_err *err)
{
    *ret = (struct view){.series = *s, .order = "at", .aa_floor = NAN};
    int rc = store_read_points(r, s->id, wish->since_us, wish->limit, &ret->rows, err);
    if (rc == 0)
        rc = store_read_change_states(r, s->id, &ret->states, err);
    if (rc == 0)
        rc = store_read_change_checks(r, s->id, &ret->checks, err);
    if (rc == 0)
        rc = read_floor(r, ret, err);
    if (rc) {
        view_done(ret);
        return rc;
    }
    group(ret);
    put_in_order(ret);
    cut(ret, wish->compat_otava);
    return 0;
}

void view_done(struct view *v)
{
    point_rows_done(&v->rows);
    change_state_rows_done(&v->states);
    change_check_rows_done(&v->checks);
    stats_history_done(&v->history);
    free(v->point);
    free(v->of_value);
    v->point = NULL;
    v->of_value = NULL;
}

/* --- questions --- */

ptrdiff_t view_find(const struct view *v, const char *key)
{
    bool is_job = strncmp(key, "job-", 4) == 0;
    size_t len = strlen(key);
    for (size_t i = 0; i < v->n; i++) {
        const struct view_point *p = &v->point[i];
        if (strcmp(p->key, key) == 0 || (!is_job && len >= 7 && strncmp(p->key, key, len) == 0))
            return (ptrdiff_t)i;
        for (size_t k = 0; is_job && k < p->runs; k++)
            if (v->rows.point[p->first + k].job_id == strtoll(key + 4, NULL, 10))
                return (ptrdiff_t)i;
    }
    return -1;
}

static size_t point_at(const struct view *v, size_t value_index)
{
    return v->of_value[value_index];
}

/* How many points the point of that name is away from step i; PTRDIFF_MAX = not in the series. */
static ptrdiff_t away_from(const struct view *v, size_t i, const char *point)
{
    ptrdiff_t at = (ptrdiff_t)point_at(v, v->history.step[i].index), there = view_find(v, point);
    return there < 0 ? PTRDIFF_MAX : there > at ? there - at : at - there;
}

const struct change_state_row *view_state(const struct view *v, size_t i)
{
    const struct change_state_row *best = NULL;
    ptrdiff_t nearest = STILL_THE_SAME + 1;
    for (size_t k = 0; k < v->states.n; k++) {
        ptrdiff_t away = away_from(v, i, v->states.row[k].after_point);
        if (away < nearest) {
            nearest = away;
            best = &v->states.row[k];
        }
    }
    return best;
}

const struct change_check *view_check(const struct view *v, size_t i)
{
    const struct change_check *best = NULL;
    ptrdiff_t nearest = STILL_THE_SAME + 1;
    for (size_t k = 0; k < v->checks.n; k++) {
        ptrdiff_t away = away_from(v, i, v->checks.row[k].after_point);
        if (away < nearest) {
            nearest = away;
            best = &v->checks.row[k];
        }
    }
    return best;
}

int view_direction(const struct view *v, size_t i)
{
    double ratio = v->history.step[i].ratio;
    const struct stats_segment *l = &v->history.segment[i], *r = &v->history.segment[i + 1];
    bool up = isfinite(ratio) && l->median > 0 ? ratio > 1 : r->median > l->median;
    if (v->series.better == BETTER_NEUTRAL)
        return 0;
    return up == (v->series.better == BETTER_LOWER) ? 1 : -1;
}

/* --- documents --- */

void view_series_members(struct jw *w, const struct series *s, const char *doc)
{
    char text[HISTORY_ID_LEN];
    history_id_text(s->id, text);
    jw_kstr(w, "series", text);
    jw_kstr(w, "benchmark", s->benchmark);
    jw_kstr(w, "metric", s->metric);
    jw_key(w, "params");
    jw_raw(w, s->params, strlen(s->params));
    jw_kstr(w, "unit", s->unit);
    jw_kstr(w, "better", better_words[s->better]);
    jw_kstr(w, "metric_kind", metric_kind_words[s->kind]);
    jw_kstr(w, "recipe", s->recipe);
    jw_kstr(w, "recipe_version", s->recipe_version);
    history_id_text(s->fingerprint_id, text);
    jw_kstr(w, "fingerprint", text);
    jw_key(w, "machine");
    jw_raw(w, doc, strlen(doc));
}

static void commit_members(struct jw *w, const struct view_point *p)
{
    const struct commit_info *c = &p->newest->commit;
    jw_kint(w, "job", p->newest->job_id);
    jw_kstr(w, "commit", c->sha);
    jw_ktime(w, "at", p->newest->at_us);
    if (c->committed_at_us)
        jw_ktime(w, "committed_at", c->committed_at_us);
    if (c->position >= 0)
        jw_kint(w, "position", c->position);
    if (c->author)
        jw_kstr(w, "author", c->author);
    if (c->subject)
        jw_kstr(w, "subject", c->subject);
}

static void end_doc(struct jw *w, const char *key, const struct view *v, size_t value_index)
{
    size_t at = point_at(v, value_index);
    jw_key(w, key);
    jw_open(w, '{');
    jw_kint(w, "index", (int64_t)at);
    commit_members(w, &v->point[at]);
    jw_close(w, '}');
}

static void said_members(struct jw *w, const struct change_state_row *said)
{
    jw_kstr(w, "state", said ? change_state_words[said->state] : change_state_words[CHANGE_OPEN]);
    jw_kstr(w, "note", said ? said->note : NULL);
    jw_kstr(w, "url", said ? said->url : NULL);
    jw_kstr(w, "by", said ? said->user : NULL);
    jw_ktime(w, "said_at", said ? said->at_us : 0);
}

static void check_member(struct jw *w, const struct change_check *c)
{
    jw_key(w, "comparison");
    if (!c) {
        jw_null(w);
        return;
    }
    jw_open(w, '{');
    jw_kint(w, "id", c->comparison);
    jw_kstr(w, "state", comparison_state_words[c->state]);
    jw_kstr(w, "verdict", c->verdict < 0 ? NULL : verdict_words[c->verdict]);
    jw_close(w, '}');
}

void view_change_doc(struct jw *w, const struct view *v, size_t i, const char *doc,
                     bool with_series)
{
    static const char *const effects[] = {"improvement", "change", "regression"};
    const struct stats_step *s = &v->history.step[i];
    const struct view_point *after = &v->point[point_at(v, s->index)];
    char series[HISTORY_ID_LEN];
    jw_open(w, '{');
    history_id_text(v->series.id, series);
    jw_key(w, "id");
    CLEANUP(mem_freep) char *id = mem_printf("%s.%s", series, after->key);
    jw_str(w, id);
    if (with_series)
        view_series_members(w, &v->series, doc);
    jw_kstr(w, "effect", effects[view_direction(v, i) + 1]);
    jw_kreal(w, "ratio", s->ratio);
    jw_kreal(w, "ratio_low", s->ratio_low);
    jw_kreal(w, "ratio_high", s->ratio_high);
    jw_kreal(w, "from_value", v->history.segment[i].median);
    jw_kreal(w, "to_value", v->history.segment[i + 1].median);
    jw_kreal(w, "p", s->p);
    jw_kbool(w, "tentative", s->tentative);
    jw_kint(w, "points_after", (int64_t)(v->history.segment[i + 1].to - s->index));
    end_doc(w, "before", v, s->index - 1);
    end_doc(w, "after", v, s->index);
    said_members(w, view_state(v, i));
    check_member(w, view_check(v, i));
    jw_close(w, '}');
}

static int samples_member(struct jw *w, const struct view *v, const struct view_point *p,
                          struct store_reader *r, struct cail_err *err)
{
    jw_key(w, "samples");
    jw_open(w, '[');
    for (size_t i = 0; i < p->runs; i++) {
        double *sample;
        size_t n;
        int rc = store_read_samples(r, v->rows.point[p->first + i].result_id, &sample, &n, err);
        if (rc)
            return rc;
        for (size_t k = 0; k < n; k++)
            jw_real(w, sample[k]);
        free(sample);
    }
    jw_close(w, ']');
    return 0;
}

static void flags_member(struct jw *w, uint32_t flags)
{
    jw_key(w, "flags");
    jw_open(w, '[');
    for (size_t i = 0; job_flag_words[i]; i++)
        if (flags & (1u << i))
            jw_str(w, job_flag_words[i]);
    jw_close(w, ']');
}

static int points_member(struct jw *w, const struct view *v, struct store_reader *samples,
                         struct cail_err *err)
{
    int rc = 0;
    jw_key(w, "points");
    jw_open(w, '[');
    for (size_t i = 0; rc == 0 && i < v->n; i++) {
        const struct view_point *p = &v->point[i];
        jw_open(w, '{');
        commit_members(w, p);
        jw_kstr(w, "status", result_status_words[p->newest->status]);
        jw_kreal(w, "value", p->value);
        jw_kint(w, "n", p->n);
        jw_kint(w, "runs", (int64_t)p->runs);
        jw_kreal(w, "lo", p->low);
        jw_kreal(w, "hi", p->high);
        jw_kbool(w, "tainted", p->tainted);
        flags_member(w, p->newest->flags);
        if (samples)
            rc = samples_member(w, v, p, samples, err);
        jw_close(w, '}');
    }
    jw_close(w, ']');
    return rc;
}

static void drift_member(struct jw *w, const struct view *v)
{
    double change = v->history.drift_90_days, p = v->history.drift_p;
    jw_key(w, "drift");
    if (isnan(p)) {
        jw_null(w);
        return;
    }
    jw_open(w, '{');
    jw_kreal(w, "change_in_90_days", change);
    jw_kreal(w, "p", p);
    jw_kbool(w, "drifts", p < .01 && fabs(change) > v->min_magnitude);
    jw_close(w, '}');
}

int view_members(struct jw *w, const struct view *v, struct store_reader *samples,
                 struct cail_err *err)
{
    const struct stats_history *h = &v->history;
    jw_kstr(w, "ordered_by", v->order);
    jw_kint(w, "beside", (int64_t)v->beside);
    jw_kreal(w, "smallest_change", v->min_magnitude);
    jw_kreal(w, "aa_floor", v->aa_floor);
    int rc = points_member(w, v, samples, err);
    jw_key(w, "segments");
    jw_open(w, '[');
    for (size_t i = 0; i < h->n_segments; i++) {
        jw_open(w, '{');
        jw_kint(w, "from", (int64_t)point_at(v, h->segment[i].from));
        jw_kint(w, "to", (int64_t)point_at(v, h->segment[i].to - 1));
        jw_kint(w, "n", (int64_t)(h->segment[i].to - h->segment[i].from));
        jw_kreal(w, "median", h->segment[i].median);
        jw_kreal(w, "lo", h->segment[i].low);
        jw_kreal(w, "hi", h->segment[i].high);
        jw_close(w, '}');
    }
    jw_close(w, ']');
    jw_key(w, "changes");
    jw_open(w, '[');
    for (size_t i = 0; i < h->n_steps; i++)
        view_change_doc(w, v, i, "{}", false);
    jw_close(w, ']');
    drift_member(w, v);
    return rc;
}
