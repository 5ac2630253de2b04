/* Series, points and what people say of them: noun -> batch. */
#include "store/series.h"

#include <math.h>
#include <string.h>

#include "base/log.h"
#include "store/batch.h"

static void put_text(struct store_batch *b, const char *text)
{
    if (text)
        batch_text(b, text, strlen(text));
    else
        batch_null(b);
}

static void put_int_or_null(struct store_batch *b, int64_t v, int64_t null)
{
    if (v == null)
        batch_null(b);
    else
        batch_int(b, v);
}

static void put_real(struct store_batch *b, double v)
{
    if (isnan(v))
        batch_null(b);
    else
        batch_real(b, v);
}

static void put_series(struct store_batch *b, const struct result_origin *o, const struct result *r,
                       const struct result_summary *s)
{
    batch_op(b, W_SERIES);
    batch_int(b, s->series_id);
    put_text(b, r->benchmark);
    put_text(b, r->metric);
    put_text(b, r->params);
    batch_int(b, o->fingerprint_id);
    put_text(b, r->unit);
    put_text(b, better_words[r->better]);
    put_text(b, metric_kind_words[r->kind]);
    put_text(b, o->recipe);
    put_text(b, o->recipe_version);
    batch_int(b, o->at_us);
    batch_int(b, r->job_id);
    put_real(b, s->median);
}

static void put_point(struct store_batch *b, const struct result_origin *o, const struct result *r,
                      const struct result_summary *s)
{
    batch_op(b, W_POINT);
    batch_int(b, s->series_id);
    batch_int(b, o->at_us);
    batch_int(b, r->id);
    batch_int(b, r->job_id);
    put_text(b, o->sha);
    put_text(b, result_status_words[r->status]);
    batch_int(b, o->flags);
    batch_int(b, r->n_samples);
    put_real(b, s->median);
    put_real(b, s->low);
    put_real(b, s->high);
    put_real(b, s->mad);
}

void store_put_points(struct store_batch *b, const struct result_origin *o, const struct result *r,
                      const struct result_summary *s, size_t n)
{
    if (!n)
        return;
    batch_op(b, W_FINGERPRINT);
    batch_int(b, o->fingerprint_id);
    put_text(b, o->fingerprint);
    batch_int(b, o->at_us);
    for (size_t i = 0; i < n; i++) {
        put_series(b, o, &r[i], &s[i]);
        put_point(b, o, &r[i], &s[i]);
    }
}

void store_put_commit(struct store_batch *b, const struct commit_info *c)
{
    batch_op(b, W_COMMIT_INFO);
    put_text(b, c->sha);
    put_int_or_null(b, c->position, -1);
    put_int_or_null(b, c->committed_at_us, 0);
    put_text(b, c->author);
    put_text(b, c->subject);
}

void store_thin_results(struct store_batch *b, int64_t before_us, int64_t limit)
{
    batch_op(b, W_THIN);
    batch_int(b, before_us);
    batch_int(b, limit);
}

void store_put_baseline(struct store_batch *b, const struct baseline *x)
{
    BUG_ON(!x->sha == !x->job_id);
    batch_op(b, W_BASELINE);
    put_text(b, x->name);
    put_text(b, x->sha);
    put_int_or_null(b, x->job_id, 0);
    put_text(b, x->note);
    put_text(b, x->user);
    batch_int(b, x->at_us);
}

void store_put_release(struct store_batch *b, const struct release *x)
{
    batch_op(b, W_RELEASE);
    put_text(b, x->name);
    put_text(b, x->sha);
    put_text(b, x->user);
    batch_int(b, x->at_us);
}

void store_put_annotation(struct store_batch *b, const struct annotation *x)
{
    BUG_ON(!x->sha == !x->on_at_us);
    batch_op(b, W_ANNOTATION);
    batch_int(b, x->id);
    put_text(b, x->benchmark);
    put_text(b, x->sha);
    put_int_or_null(b, x->on_at_us, 0);
    put_text(b, x->text);
    put_text(b, x->url);
    put_text(b, x->user);
    batch_int(b, x->at_us);
}

void store_put_change_state(struct store_batch *b, int64_t series_id,
                            const struct change_state_row *x)
{
    batch_op(b, W_CHANGE_STATE);
    batch_int(b, series_id);
    put_text(b, x->before_point);
    put_text(b, x->after_point);
    put_text(b, change_state_words[x->state]);
    put_text(b, x->note);
    put_text(b, x->url);
    put_text(b, x->user);
    batch_int(b, x->at_us);
}
