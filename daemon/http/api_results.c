/* GET /benchmarks and GET /results: what was measured, and how it went over commits. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/ftime.h"
#include "base/mem.h"
#include "http/api_series.h"
#include "wire/json.h"

enum { SPARK_MAX = 30, SERIES_MAX = 100, SERIES_DEFAULT = 20 };

void written_free(void *loaded)
{
    struct written *x = loaded;
    if (x)
        str_done(&x->body);
    free(x);
}

API_SERVE(api_written)
{
    struct written *x = rq->loaded;
    (void)app, (void)ret_wait_key, (void)err;
    /* A connection keeps its buffer for the next answer: the two change places. */
    struct str kept = reply->body;
    reply->body = x->body;
    x->body = kept;
    reply->content_type = x->type;
    return 0;
}

/* --- which series --- */

static int read_params(const char *text, struct series_query *q, struct cail_err *err)
{
    CLEANUP(json_decrefp) json_t *v = NULL;
    if (text[0] != '{') {
        q->some_params = text;
        return 0;
    }
    if (json_read(text, strlen(text), &v, NULL))
        return err_set(err, E_BAD_REQUEST,
                       "query argument \"params\" is neither a JSON object nor "
                       "NAME=VALUE,NAME=VALUE");
    q->params = json_dumps(v, JSON_COMPACT | JSON_SORT_KEYS);
    q->filter.params = q->params;
    return 0;
}

static int read_ids(const struct http_request *rq, struct series_filter *f, struct cail_err *err)
{
    const char *series = http_query_get(rq, "series");
    const char *fingerprint = http_query_get(rq, "fingerprint");
    if (series && !history_id_read(series, &f->series_id))
        return err_set(err, E_BAD_REQUEST,
                       "query argument \"series\" is 16 hex digits of GET "
                       "/benchmarks");
    if (fingerprint && !history_id_read(fingerprint, &f->fingerprint_id))
        return err_set(err, E_BAD_REQUEST,
                       "query argument \"fingerprint\" is 16 hex digits of GET "
                       "/benchmarks");
    return 0;
}

int series_query_read(const struct http_request *rq, struct series_query *ret, struct cail_err *err)
{
    *ret = (struct series_query){.filter = {.limit = LIST_LIMIT_MAX}};
    struct series_filter *f = &ret->filter;
    const char *benchmark = http_query_get(rq, "benchmark"), *since = http_query_get(rq, "since");
    const char *params = http_query_get(rq, "params");
    int rc = read_ids(rq, f, err);
    if (rc)
        return rc;
    if (benchmark && strpbrk(benchmark, "*?["))
        f->benchmark_glob = benchmark;
    else
        f->benchmark = benchmark;
    f->metric = http_query_get(rq, "metric");
    f->recipe = http_query_get(rq, "recipe");
    f->like = http_query_get(rq, "q");
    if (since && ftime_parse(since, &ret->since_us) != 0)
        return err_set(err, E_BAD_REQUEST,
                       "query argument \"since\" is a time such as 2026-11-22T17:08:13Z");
    f->since_us = ret->since_us;
    return params ? read_params(params, ret, err) : 0;
}

void series_query_done(struct series_query *q)
{
    free(q->params);
    q->params = NULL;
}

char *param_text(const char *params, const char *name)
{
    CLEANUP(json_decrefp) json_t *v = NULL;
    if (json_read(params, strlen(params), &v, NULL))
        return mem_strdup("");
    const json_t *p = json_object_get(v, name);
    if (!p)
        return mem_strdup("");
    if (json_is_string(p))
        return mem_strdup(json_string_value(p));
    return json_dumps(p, JSON_ENCODE_ANY | JSON_COMPACT);
}

bool series_query_fits(const struct series_query *q, const struct series *s)
{
    for (const char *p = q->some_params ? q->some_params : ""; *p;) {
        size_t len = strcspn(p, ","), name_len = strcspn(p, "=");
        if (name_len >= len)
            return false;
        CLEANUP(mem_freep) char *name = mem_strndup(p, name_len);
        CLEANUP(mem_freep) char *want = mem_strndup(p + name_len + 1, len - name_len - 1);
        CLEANUP(mem_freep) char *is = param_text(s->params, name);
        if (strcmp(is, want) != 0)
            return false;
        p += len + (p[len] == ',');
    }
    return true;
}

/* --- GET /benchmarks --- */

/* "SERIES.BENCHMARK.METRIC" would need escaping: a cursor is the id alone, and where that stands is
 * looked up. */
static int read_cursor(struct store_reader *r, const char *cursor, struct series_filter *f,
                       struct series_rows *at, struct cail_err *err)
{
    struct series_filter one = {.limit = 1};
    *at = (struct series_rows){0};
    if (!cursor)
        return 0;
    if (!history_id_read(cursor, &one.series_id))
        return err_set(err, E_BAD_REQUEST,
                       "query argument \"cursor\" is not one that this daemon gave out");
    int rc = store_read_series(r, &one, at, err);
    if (rc || !at->n)
        return rc ? rc : err_set(err, E_BAD_REQUEST, "query argument \"cursor\" is no series");
    f->after_benchmark = at->series[0].benchmark;
    f->after_metric = at->series[0].metric;
    f->after_params = at->series[0].params;
    f->after_id = at->series[0].id;
    return 0;
}

static int benchmark_doc(struct jw *w, struct store_reader *r, const struct series *s,
                         struct cail_err *err)
{
    double spark[SPARK_MAX];
    size_t n;
    CLEANUP(mem_freep) char *doc = NULL;
    int rc = store_read_fingerprint(r, s->fingerprint_id, &doc, err);
    if (rc == 0)
        rc = store_read_spark(r, s->id, spark, SPARK_MAX, &n, err);
    if (rc)
        return rc;
    jw_open(w, '{');
    view_series_members(w, s, doc);
    jw_kint(w, "points", s->points);
    jw_kreal(w, "last_value", s->last_value);
    jw_ktime(w, "last_at", s->last_at_us);
    jw_kint(w, "last_job", s->last_job_id);
    jw_key(w, "spark");
    jw_open(w, '[');
    for (size_t i = 0; i < n; i++)
        jw_real(w, spark[i]);
    jw_close(w, ']');
    jw_close(w, '}');
    return 0;
}

static int write_benchmarks(struct store_reader *r, const struct series_query *q, struct str *out,
                            struct cail_err *err)
{
    struct series_rows rows;
    char cursor[HISTORY_ID_LEN];
    struct jw w = JW(out);
    int rc = store_read_series(r, &q->filter, &rows, err);
    if (rc)
        return rc;
    jw_open(&w, '{');
    jw_key(&w, "benchmarks");
    jw_open(&w, '[');
    for (size_t i = 0; rc == 0 && i < rows.n; i++)
        if (series_query_fits(q, &rows.series[i]))
            rc = benchmark_doc(&w, r, &rows.series[i], err);
    jw_close(&w, ']');
    if (rows.more)
        history_id_text(rows.series[rows.n - 1].id, cursor);
    jw_kstr(&w, "next_cursor", rows.more ? cursor : NULL);
    jw_close(&w, '}');
    str_addc(out, '\n');
    series_rows_done(&rows);
    return rc;
}

API_LOAD(load_benchmarks)
{
    struct series_query q = {0};
    struct series_rows at = {0};
    int64_t limit = 0;
    int rc = API_QUERY(rq, err, "series", "benchmark", "metric", "params", "fingerprint", "recipe",
                       "q", "since", "limit", "cursor");
    if (rc == 0)
        rc = series_query_read(rq, &q, err);
    if (rc == 0)
        rc = http_query_int(rq, "limit", 1, LIST_LIMIT_MAX, LIST_LIMIT_DEFAULT, &limit, err);
    if (rc == 0)
        rc = read_cursor(reader, http_query_get(rq, "cursor"), &q.filter, &at, err);
    if (rc == 0) {
        struct written *x = mem_zalloc(sizeof *x);
        q.filter.limit = (int32_t)limit;
        rc = write_benchmarks(reader, &q, &x->body, err);
        if (rc)
            written_free(x);
        else
            *ret = x;
    }
    series_rows_done(&at);
    series_query_done(&q);
    return rc;
}

/* --- GET /results --- */

struct marks {
    struct baseline_rows baselines;
    struct release_rows releases;
    struct annotation_rows annotations;
};

static void marks_done(struct marks *m)
{
    baseline_rows_done(&m->baselines);
    release_rows_done(&m->releases);
    annotation_rows_done(&m->annotations);
}

static int marks_read(struct store_reader *r, struct marks *m, struct cail_err *err)
{
    *m = (struct marks){0};
    int rc = store_read_baselines(r, &m->baselines, err);
    if (rc == 0)
        rc = store_read_releases(r, &m->releases, err);
    if (rc == 0)
        rc = store_read_annotations(r, NULL, &m->annotations, err);
    if (rc)
        marks_done(m);
    return rc;
}

/* {"name", "index", "value", "ratio"}: the last point against it. */
static void baselines_member(struct jw *w, const struct view *v, const struct baseline_rows *rows)
{
    double last = v->n_values ? v->point[v->of_value[v->n_values - 1]].value : NAN;
    jw_key(w, "baselines");
    jw_open(w, '[');
    for (size_t i = 0; i < rows->n; i++) {
        const struct baseline *b = &rows->row[i];
        CLEANUP(mem_freep)
        char *key = b->sha ? mem_strdup(b->sha) : mem_printf("job-%lld", (long long)b->job_id);
        ptrdiff_t at = view_find(v, key);
        if (at < 0)
            continue;
        double value = v->point[at].value;
        jw_open(w, '{');
        jw_kstr(w, "name", b->name);
        jw_kint(w, "index", at);
        jw_kreal(w, "value", value);
        jw_kreal(w, "last_to_this", value != 0 ? last / value : NAN);
        jw_close(w, '}');
    }
    jw_close(w, ']');
}

static void releases_member(struct jw *w, const struct view *v, const struct release_rows *rows)
{
    jw_key(w, "releases");
    jw_open(w, '[');
    for (size_t i = 0; i < rows->n; i++) {
        ptrdiff_t at = view_find(v, rows->row[i].sha);
        if (at < 0)
            continue;
        jw_open(w, '{');
        jw_kstr(w, "name", rows->row[i].name);
        jw_kint(w, "index", at);
        jw_close(w, '}');
    }
    jw_close(w, ']');
}

/* The last point that was measured at or before. */
static ptrdiff_t index_at(const struct view *v, int64_t at_us)
{
    ptrdiff_t found = -1;
    for (size_t i = 0; i < v->n; i++)
        if (v->rows.point[v->point[i].first].at_us <= at_us)
            found = (ptrdiff_t)i;
    return found;
}

static void annotations_member(struct jw *w, const struct view *v,
                               const struct annotation_rows *rows)
{
    jw_key(w, "annotations");
    jw_open(w, '[');
    for (size_t i = 0; i < rows->n; i++) {
        const struct annotation *a = &rows->row[i];
        if (a->benchmark && strcmp(a->benchmark, v->series.benchmark) != 0)
            continue;
        ptrdiff_t at = a->sha ? view_find(v, a->sha) : index_at(v, a->on_at_us);
        if (at < 0)
            continue;
        jw_open(w, '{');
        jw_kint(w, "id", a->id);
        jw_kint(w, "index", at);
        jw_kstr(w, "text", a->text);
        jw_kstr(w, "url", a->url);
        jw_kstr(w, "by", a->user);
        jw_close(w, '}');
    }
    jw_close(w, ']');
}

struct series_wish {
    struct view_wish view;
    bool samples;
    int64_t max_series;
};

static int series_doc(struct jw *w, struct store_reader *r, const struct series *s,
                      const struct series_wish *wish, const struct marks *marks,
                      struct cail_err *err)
{
    struct view v;
    CLEANUP(mem_freep) char *doc = NULL;
    int rc = store_read_fingerprint(r, s->fingerprint_id, &doc, err);
    if (rc == 0)
        rc = view_load(r, s, &wish->view, &v, err);
    if (rc)
        return rc;
    jw_open(w, '{');
    view_series_members(w, s, doc);
    rc = view_members(w, &v, wish->samples ? r : NULL, err);
    baselines_member(w, &v, &marks->baselines);
    releases_member(w, &v, &marks->releases);
    annotations_member(w, &v, &marks->annotations);
    jw_close(w, '}');
    view_done(&v);
    return rc;
}

static int write_series(struct store_reader *r, const struct series_query *q,
                        const struct series_wish *wish, struct str *out, struct cail_err *err)
{
    struct series_rows rows;
    struct marks marks;
    int64_t left = wish->max_series;
    struct jw w = JW(out);
    int rc = marks_read(r, &marks, err);
    if (rc)
        return rc;
    if ((rc = store_read_series(r, &q->filter, &rows, err)) == 0) {
        jw_open(&w, '{');
        jw_key(&w, "series");
        jw_open(&w, '[');
        for (size_t i = 0; rc == 0 && i < rows.n; i++)
            if (series_query_fits(q, &rows.series[i]) && left-- > 0)
                rc = series_doc(&w, r, &rows.series[i], wish, &marks, err);
        jw_close(&w, ']');
        jw_kbool(&w, "truncated", rows.more || left < 0);
        jw_close(&w, '}');
        str_addc(out, '\n');
        series_rows_done(&rows);
    }
    marks_done(&marks);
    return rc;
}

static int read_wish(const struct http_request *rq, const struct series_query *q,
                     struct series_wish *wish, struct cail_err *err)
{
    int64_t samples;
    const char *compat = http_query_get(rq, "compat");
    if (!http_query_get(rq, "series") && !http_query_get(rq, "benchmark")) {
        err_set(err, E_BAD_REQUEST, "say which: query argument \"benchmark\" or \"series\"");
        err_hint(err, "GET /benchmarks lists what there is");
        return E_BAD_REQUEST;
    }
    if (compat && strcmp(compat, "otava") != 0)
        return err_set(err, E_BAD_REQUEST, "query argument \"compat\" can be otava");
    int rc = http_query_int(rq, "samples", 0, 1, 0, &samples, err);
    if (rc == 0)
        rc = http_query_int(rq, "limit", 1, VIEW_POINTS_MAX, VIEW_POINTS_DEFAULT, &wish->view.limit,
                            err);
    if (rc == 0)
        rc =
            http_query_int(rq, "max_series", 1, SERIES_MAX, SERIES_DEFAULT, &wish->max_series, err);
    wish->view.since_us = q->since_us;
    wish->view.compat_otava = compat != NULL;
    wish->samples = rc == 0 && samples;
    return rc;
}

API_LOAD(load_series)
{
    struct series_query q = {0};
    struct series_wish wish = {0};
    int rc = API_QUERY(rq, err, "series", "benchmark", "metric", "params", "fingerprint", "recipe",
                       "since", "limit", "samples", "compat", "max_series");
    if (rc == 0)
        rc = series_query_read(rq, &q, err);
    if (rc == 0)
        rc = read_wish(rq, &q, &wish, err);
    if (rc == 0) {
        struct written *x = mem_zalloc(sizeof *x);
        rc = write_series(reader, &q, &wish, &x->body, err);
        if (rc)
            written_free(x);
        else
            *ret = x;
    }
    series_query_done(&q);
    return rc;
}
