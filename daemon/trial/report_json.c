/* A judgement as JSON members. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/jw.h"
#include "trial/grid.h"
#include "trial/words.h"

static void put_flags(struct jw *w, uint32_t flags)
{
    jw_key(w, "flags");
    jw_open(w, '[');
    for (int i = 0; trial_flag_words[i] != NULL; i++)
        if (flags >> i & 1)
            jw_str(w, trial_flag_words[i]);
    jw_close(w, ']');
}

static void put_side(struct jw *w, const char *key, double median, double lo, double hi)
{
    jw_key(w, key);
    jw_open(w, '{');
    jw_kreal(w, "median", median);
    jw_kreal(w, "lo", lo);
    jw_kreal(w, "hi", hi);
    jw_close(w, '}');
}

static void put_value(struct jw *w, const char *key, const struct trial_obs *o)
{
    if (trial_obs_has_value(o))
        jw_kreal(w, key, o->value);
    else
        jw_knull(w, key);
}

static void put_pair(struct jw *w, const struct trial_cell *x, bool unpaired)
{
    const struct trial_obs *b = x->of[SIDE_BASE], *h = x->of[SIDE_HEAD];

    jw_open(w, '{');
    jw_kint(w, "batch", x->batch);
    jw_kint(w, "round", x->round);
    put_value(w, "base", b);
    put_value(w, "head", h);
    if (unpaired || b == NULL || h == NULL)
        jw_knull(w, "order");
    else
        jw_kstr(w, "order", b->seq < h->seq ? "AB" : "BA");
    jw_kbool(w, "tainted", (b != NULL && b->tainted) || (h != NULL && h->tainted));
    jw_close(w, '}');
}

static void put_pairs(struct jw *w, const struct trial_case *c, const struct trial_grid *g,
                      int32_t series)
{
    jw_key(w, "pairs");
    jw_open(w, '[');
    for (int32_t batch = TRIAL_BATCH_MAIN; batch <= TRIAL_BATCH_CONFIRM; batch++) {
        size_t n;
        struct trial_cell *cell = trial_grid_cells(g, c, series, batch, &n);
        for (size_t i = 0; i < n; i++)
            put_pair(w, &cell[i], c->unpaired);
        free(cell);
    }
    jw_close(w, ']');
}

static void put_params(struct jw *w, const char *params)
{
    jw_key(w, "params");
    if (params != NULL && params[0] == '{')
        jw_raw(w, params, strlen(params));
    else
        jw_raw(w, "{}", 2);
}

static void put_row(struct jw *w, const struct trial_case *c, const struct trial_grid *g,
                    const struct trial_row *row)
{
    const struct trial_series *s = &c->series[row->series];

    jw_open(w, '{');
    jw_kstr(w, "benchmark", s->benchmark);
    put_params(w, s->params);
    jw_kstr(w, "metric", s->metric);
    jw_kstr(w, "unit", s->unit);
    jw_kstr(w, "better", better_words[s->better]);
    jw_kstr(w, "metric_kind", metric_kind_words[s->kind]);
    jw_kstr(w, "verdict", verdict_words[row->verdict]);
    jw_kbool(w, "gates", trial_row_gates(row));
    put_flags(w, row->flags);
    jw_kint(w, "n", row->n);
    put_side(w, "base", row->base, row->base_lo, row->base_hi);
    put_side(w, "head", row->head, row->head_lo, row->head_hi);
    jw_kreal(w, "effect", row->effect);
    jw_kreal(w, "effect_lo", row->lo);
    jw_kreal(w, "effect_hi", row->hi);
    jw_kreal(w, "change_pct", (row->effect - 1) * 100);
    jw_kreal(w, "p", row->p);
    jw_kreal(w, "p_holm", row->p_holm);
    jw_kreal(w, "min_effect", row->min_effect);
    jw_kreal(w, "floor", row->floor);
    jw_kint(w, "rounds_needed", row->rounds_needed);
    put_pairs(w, c, g, row->series);
    jw_close(w, '}');
}

static void put_rows(struct jw *w, const struct trial_report *r)
{
    struct trial_grid g;

    trial_grid_init(&g, r->c);
    jw_key(w, "rows");
    jw_open(w, '[');
    for (size_t i = 0; i < r->j->n_rows; i++)
        put_row(w, r->c, &g, &r->j->row[i]);
    jw_close(w, ']');
    trial_grid_done(&g);
}

static void put_status(struct jw *w, const char *key, enum result_status s)
{
    jw_kstr(w, key, s < RESULT_STATUS_COUNT ? result_status_words[s] : NULL);
}

static void put_checks(struct jw *w, const struct trial_report *r)
{
    jw_key(w, "checks");
    jw_open(w, '[');
    for (size_t i = 0; i < r->j->n_checks; i++) {
        const struct trial_check *k = &r->j->check[i];
        const struct trial_series *s = &r->c->series[k->series];
        jw_open(w, '{');
        jw_kstr(w, "benchmark", s->benchmark);
        put_params(w, s->params);
        jw_kstr(w, "verdict", check_verdict_words[k->verdict]);
        put_status(w, "base", k->base);
        put_status(w, "head", k->head);
        jw_kbool(w, "once", k->once);
        jw_close(w, '}');
    }
    jw_close(w, ']');
    jw_kint(w, "checks_same", r->j->checks_same);
}

static void put_geomean(struct jw *w, const struct trial_judgement *j)
{
    jw_key(w, "geomean");
    if (!isfinite(j->geomean)) {
        jw_null(w);
        return;
    }
    jw_open(w, '{');
    jw_kreal(w, "effect", j->geomean);
    jw_kreal(w, "lo", j->geomean_lo);
    jw_kreal(w, "hi", j->geomean_hi);
    jw_close(w, '}');
}

static void put_diffs(struct jw *w, const struct trial_report *r)
{
    jw_key(w, "diffs");
    jw_open(w, '[');
    for (size_t i = 0; i < r->n_diffs; i++) {
        jw_open(w, '{');
        jw_kstr(w, "name", r->diff[i].name);
        jw_kstr(w, "base_sha256", r->diff[i].base_sha256);
        jw_kstr(w, "head_sha256", r->diff[i].head_sha256);
        jw_kstr(w, "text", r->diff[i].text);
        jw_close(w, '}');
    }
    jw_close(w, ']');
}

void trial_report_json(const struct trial_report *r, struct str *out)
{
    struct jw w = JW(out);
    uint32_t flags = 0;

    put_rows(&w, r);
    put_checks(&w, r);
    put_geomean(&w, r->j);
    jw_kstr(&w, "verdict", verdict_words[r->j->verdict]);
    jw_kint(&w, "exit_code", r->j->exit_code);
    for (size_t i = 0; i < r->j->n_rows; i++)
        flags |= r->j->row[i].flags;
    put_flags(&w, flags);
    put_diffs(&w, r);
    jw_key(&w, "missing");
    jw_open(&w, '[');
    for (size_t i = 0; r->missing != NULL && r->missing[i] != NULL; i++)
        jw_str(&w, r->missing[i]);
    jw_close(&w, ']');
}
