/* Series, points and what people say of them: noun -> batch. */
#include "store/series.h"

#include <math.h>
#include <string.h>

#include "base/log.h"
#include "store/batch.h"

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
    batch_text_or_null(b, r->benchmark);
    batch_text_or_null(b, r->metric);
    batch_text_or_null(b, r->params);
    batch_int(b, o->fingerprint_id);
    batch_text_or_null(b, r->unit);
    batch_text_or_null(b, better_words[r->better]);
    batch_text_or_null(b, metric_kind_words[r->kind]);
    batch_text_or_null(b, o->recipe);
    batch_text_or_null(b, o->recipe_version);
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
    batch_text_or_null(b, o->sha);
    batch_text_or_null(b, result_status_words[r->status]);
    batch_int(b, o->flags);
    batch_int(b, r->n_samples);
    put_real(b, s->median);
    put_real(b, s->low);
    put_real(b, s->high);
    put_real(b, s->mad);
}

void store_put_fingerprint(struct store_batch *b, int64_t id, const char *doc, int64_t at_us)
{
    batch_op(b, W_FINGERPRINT);
    batch_int(b, id);
    batch_text_or_null(b, doc);
    batch_int(b, at_us);
}

void store_put_points(struct store_batch *b, const struct result_origin *o, const struct result *r,
                      const struct result_summary *s, size_t n)
{
    if (!n)
        return;
    store_put_fingerprint(b, o->fingerprint_id, o->fingerprint, o->at_us);
    for (size_t i = 0; i < n; i++) {
        if (!s[i].series_id)
            continue;
        put_series(b, o, &r[i], &s[i]);
        put_point(b, o, &r[i], &s[i]);
    }
}

void store_put_commit(struct store_batch *b, const struct commit_info *c)
{
    batch_op(b, W_COMMIT_INFO);
    batch_text_or_null(b, c->sha);
    batch_int_or_null(b, c->position, -1);
    batch_int_or_null(b, c->committed_at_us, 0);
    batch_text_or_null(b, c->author);
    batch_text_or_null(b, c->subject);
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
    batch_text_or_null(b, x->name);
    batch_text_or_null(b, x->sha);
    batch_int_or_null(b, x->job_id, 0);
    batch_text_or_null(b, x->note);
    batch_text_or_null(b, x->user);
    batch_int(b, x->at_us);
}

void store_put_release(struct store_batch *b, const struct release *x)
{
    batch_op(b, W_RELEASE);
    batch_text_or_null(b, x->name);
    batch_text_or_null(b, x->sha);
    batch_text_or_null(b, x->user);
    batch_int(b, x->at_us);
}

void store_put_annotation(struct store_batch *b, const struct annotation *x)
{
    BUG_ON(!x->sha == !x->on_at_us);
    batch_op(b, W_ANNOTATION);
    batch_int(b, x->id);
    batch_text_or_null(b, x->benchmark);
    batch_text_or_null(b, x->sha);
    batch_int_or_null(b, x->on_at_us, 0);
    batch_text_or_null(b, x->text);
    batch_text_or_null(b, x->url);
    batch_text_or_null(b, x->user);
    batch_int(b, x->at_us);
}

void store_put_change_state(struct store_batch *b, int64_t series_id,
                            const struct change_state_row *x)
{
    batch_op(b, W_CHANGE_STATE);
    batch_int(b, series_id);
    batch_text_or_null(b, x->before_point);
    batch_text_or_null(b, x->after_point);
    batch_text_or_null(b, change_state_words[x->state]);
    batch_text_or_null(b, x->note);
    batch_text_or_null(b, x->url);
    batch_text_or_null(b, x->user);
    batch_int(b, x->at_us);
}
