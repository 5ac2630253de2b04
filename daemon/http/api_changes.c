/* Change points over all series, and what people say of them. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "http/api_body.h"
#include "http/api_series.h"
#include "http/confirm.h"

enum {
    CHANGES_DEFAULT = 100,
    CHANGES_MAX = 1000,
    LOOK_POINTS = 1000,       /* of a series: the newest */
    LOOK_POINTS_ALL = 400000, /* of all together; what is beyond is said to be left out */
};

struct change_wish {
    struct series_query q;
    int state; /* of enum change_state; -1 = all but ignored and fixed, -2 = all */
    const char *effect;
    int64_t limit;
};

static bool is_wanted(const struct change_wish *wish, const struct view *v, size_t i)
{
    const struct change_state_row *said = view_state(v, i);
    int state = said ? (int)said->state : CHANGE_OPEN, direction = view_direction(v, i);
    if (wish->state >= 0 && state != wish->state)
        return false;
    if (wish->state == -1 && (state == CHANGE_IGNORED || state == CHANGE_FIXED))
        return false;
    if (wish->effect && strcmp(wish->effect, "regression") == 0 && direction != 1)
        return false;
    if (wish->effect && strcmp(wish->effect, "improvement") == 0 && direction != -1)
        return false;
    const struct view_point *p = &v->point[v->of_value[v->history.step[i].index]];
    return v->rows.point[p->first].at_us >= wish->q.since_us;
}

static int series_changes(struct jw *w, struct store_reader *r, const struct series *s,
                          const struct change_wish *wish, int64_t *left, struct cail_err *err)
{
    struct view v;
    struct view_wish all = {.limit = LOOK_POINTS};
    CLEANUP(mem_freep) char *doc = NULL;
    int rc = view_load(r, s, &all, &v, err);
    if (rc)
        return rc;
    if (v.history.n_steps)
        rc = store_read_fingerprint(r, s->fingerprint_id, &doc, err);
    for (size_t i = v.history.n_steps; rc == 0 && i > 0 && *left > 0; i--)
        if (is_wanted(wish, &v, i - 1)) {
            view_change_doc(w, &v, i - 1, doc, true);
            --*left;
        }
    view_done(&v);
    return rc;
}

static int write_changes(struct store_reader *r, struct change_wish *wish, struct str *out,
                         struct cail_err *err)
{
    struct series_rows rows;
    int64_t left = wish->limit, points = LOOK_POINTS_ALL;
    struct jw w = JW(out);
    wish->q.filter.newest_first = true;
    wish->q.filter.points_min = 6;
    int rc = store_read_series(r, &wish->q.filter, &rows, err);
    if (rc)
        return rc;
    jw_open(&w, '{');
    jw_key(&w, "changes");
    jw_open(&w, '[');
    size_t i = 0;
    for (; rc == 0 && i < rows.n && left > 0 && points > 0; i++) {
        if (!series_query_fits(&wish->q, &rows.series[i]))
            continue;
        points -= rows.series[i].points < LOOK_POINTS ? rows.series[i].points : LOOK_POINTS;
        rc = series_changes(&w, r, &rows.series[i], wish, &left, err);
    }
    jw_close(&w, ']');
    jw_kbool(&w, "truncated", rows.more || i < rows.n);
    jw_close(&w, '}');
    str_addc(out, '\n');
    series_rows_done(&rows);
    return rc;
}

static int read_change_wish(const struct http_request *rq, struct change_wish *wish,
                            struct cail_err *err)
{
    const char *state = http_query_get(rq, "state");
    wish->effect = http_query_get(rq, "effect");
    if (wish->effect && strcmp(wish->effect, "regression") && strcmp(wish->effect, "improvement"))
        return err_set(err, E_BAD_REQUEST,
                       "query argument \"effect\" is regression or improvement");
    wish->state = state ? word_find(state, change_state_words, CHANGE_STATE_COUNT) : -1;
    if (state && strcmp(state, "all") == 0)
        wish->state = -2;
    else if (state && wish->state < 0)
        return err_set(err, E_BAD_REQUEST,
                       "query argument \"state\" is open, acknowledged, ignored, fixed or all");
    int rc = http_query_int(rq, "limit", 1, CHANGES_MAX, CHANGES_DEFAULT, &wish->limit, err);
    return rc ? rc : series_query_read(rq, &wish->q, err);
}

API_LOAD(load_changes)
{
    struct change_wish wish = {0};
    int rc = API_QUERY(rq, err, "series", "benchmark", "metric", "params", "fingerprint", "recipe",
                       "q", "since", "limit", "state", "effect");
    if (rc == 0)
        rc = read_change_wish(rq, &wish, err);
    if (rc == 0) {
        struct written *x = mem_zalloc(sizeof *x);
        rc = write_changes(reader, &wish, &x->body, err);
        if (rc)
            written_free(x);
        else
            *ret = x;
    }
    series_query_done(&wish.q);
    return rc;
}

/* --- PATCH /results/changes/{id} --- */

struct change_patch {
    int64_t series_id;
    char *before, *after;
};

void change_patch_free(void *loaded)
{
    struct change_patch *p = loaded;
    if (!p)
        return;
    free(p->before);
    free(p->after);
    free(p);
}

static int no_change(const char *id, struct cail_err *err)
{
    return err_set(err, E_NOT_FOUND, "there is no change point \"%.90s\"", id);
}

typedef int (*change_fn)(struct store_reader *r, const struct view *v, size_t step, void *arg,
                         struct cail_err *err);

/* The step that is now at "SERIES.POINT". */
static int find_change(struct store_reader *r, const char *id, change_fn fn, void *arg,
                       struct cail_err *err)
{
    struct series_filter f = {.limit = 1};
    struct series_rows rows;
    struct view_wish all = {.limit = LOOK_POINTS};
    struct view v;
    const char *dot = strchr(id, '.');
    CLEANUP(mem_freep) char *series = mem_strndup(id, dot ? (size_t)(dot - id) : 0);
    if (!dot || !history_id_read(series, &f.series_id))
        return no_change(id, err);
    int rc = store_read_series(r, &f, &rows, err);
    if (rc == 0 && !rows.n)
        rc = no_change(id, err);
    else if (rc == 0 && (rc = view_load(r, &rows.series[0], &all, &v, err)) == 0) {
        ptrdiff_t at = view_find(&v, dot + 1);
        rc = no_change(id, err);
        for (size_t i = 0; at >= 0 && i < v.history.n_steps; i++) {
            if (v.of_value[v.history.step[i].index] != (size_t)at)
                continue;
            rc = fn(r, &v, i, arg, err);
            break;
        }
        view_done(&v);
    }
    if (rows.n)
        series_rows_done(&rows);
    return rc;
}

static int take_points(struct store_reader *r, const struct view *v, size_t step, void *arg,
                       struct cail_err *err)
{
    struct change_patch *p = arg;
    size_t index = v->history.step[step].index;
    (void)r, (void)err;
    p->series_id = v->series.id;
    p->before = mem_strdup(v->point[v->of_value[index - 1]].key);
    p->after = mem_strdup(v->point[v->of_value[index]].key);
    return 0;
}

static int take_comparison(struct store_reader *r, const struct view *v, size_t step, void *arg,
                           struct cail_err *err)
{
    return confirm_make(r, v, step, arg, err);
}

int change_find(struct store_reader *r, const char *id, struct confirm *ret, struct cail_err *err)
{
    return find_change(r, id, take_comparison, ret, err);
}

API_LOAD(load_change_patch)
{
    struct change_patch *p = mem_zalloc(sizeof *p);
    int rc = API_NO_QUERY(rq, err);
    if (rc == 0)
        rc = find_change(reader, rq->part[0], take_points, p, err);
    if (rc)
        change_patch_free(p);
    else
        *ret = p;
    return rc;
}

static int read_said(const json_t *body, struct change_state_row *said, struct cail_err *err)
{
    struct jpath at = {0};
    const json_t *state = json_object_get(body, "state"), *v;
    const char *text;
    int word, rc = 0;
    if (!state)
        return err_set_at(err, E_BAD_FIELD, "/state",
                          "wants \"state\": open, acknowledged, ignored or fixed");
    size_t mark = jpath_push(&at, "state");
    if ((rc = json_get_word(state, &at, change_state_words, CHANGE_STATE_COUNT, &word, err)))
        return rc;
    jpath_pop(&at, mark);
    said->state = (enum change_state)word;
    mark = jpath_push(&at, "note");
    if ((v = json_object_get(body, "note")) && !json_is_null(v)) {
        if ((rc = json_get_str(v, &at, 2000, "\n\t", &text, err)))
            return rc;
        said->note = (char *)(uintptr_t)text;
    }
    jpath_pop(&at, mark);
    (void)jpath_push(&at, "url");
    if ((v = json_object_get(body, "url")) && !json_is_null(v)) {
        if ((rc = json_get_str(v, &at, 500, "", &text, err)))
            return rc;
        if (strncmp(text, "https://", 8) != 0 && strncmp(text, "http://", 7) != 0)
            return err_set_at(err, E_BAD_FIELD, "/url", "wants an http or https URL");
        said->url = (char *)(uintptr_t)text;
    }
    return 0;
}

API_SERVE(api_change_patch)
{
    static const char *const known[] = {"state", "note", "url"};
    struct api *api = app;
    struct change_patch *p = rq->loaded;
    struct change_state_row said = {.before_point = p->before, .after_point = p->after};
    CLEANUP(json_decrefp) json_t *body = NULL;
    (void)ret_wait_key;
    int rc = body_object(rq, known, ARRAY_LEN(known), &body, err);
    if (rc == 0)
        rc = read_said(body, &said, err);
    if (rc)
        return rc;
    engine_put_change_state(api->engine, p->series_id, &said, rq->peer.uid);
    struct jw w = JW(&reply->body);
    jw_open(&w, '{');
    jw_kstr(&w, "id", rq->part[0]);
    jw_kstr(&w, "state", change_state_words[said.state]);
    jw_kstr(&w, "note", said.note);
    jw_kstr(&w, "url", said.url);
    jw_kstr(&w, "by", said.user);
    jw_ktime(&w, "said_at", said.at_us);
    jw_close(&w, '}');
    free(said.user);
    api_json_end(reply);
    api_from_memory(api, reply);
    return 0;
}
