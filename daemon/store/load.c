/* Start-up: the rows the engine keeps in memory, from one moment of the file. The number of live
 * jobs sets the time, not the history's: everything goes through the partial index job_live. */
#include "store/internal.h"

#include "base/limits.h"
#include "store/conn.h"

/* What one pass needs; r has no deadline. */
struct load {
    struct store_reader r;
    const struct store_loader *to;
    struct cail_err *err;
};

static int load_queues(struct load *l)
{
    CLEANUP(reader_resetp) sqlite3_stmt *st = NULL;
    struct queue *q;
    bool is_row;
    int code = reader_stmt(&l->r, R_LOAD_QUEUES, &st, l->err);
    while (code == 0 && (code = reader_step(&l->r, st, &is_row, l->err)) == 0 && is_row)
        if ((code = row_get_queue(st, &q, l->err)) == 0)
            l->to->queue(l->to->arg, q);
    return code;
}

static int load_groups(struct load *l)
{
    CLEANUP(reader_resetp) sqlite3_stmt *st = NULL;
    struct group *g;
    bool is_row;
    int code = reader_stmt(&l->r, R_LOAD_GROUPS, &st, l->err);
    while (code == 0 && (code = reader_step(&l->r, st, &is_row, l->err)) == 0 && is_row) {
        if ((code = row_get_group(st, &g, l->err)))
            break;
        if ((code = reader_group_counts(&l->r, g, l->err)))
            group_free(g);
        else
            l->to->group(l->to->arg, g);
    }
    return code;
}

/* Dependencies come in the order of jobs: `st` stands on the first row not yet taken. */
static int take_after(struct load *l, sqlite3_stmt *st, bool *is_row, struct job *j)
{
    int code = 0, when;
    while (code == 0 && *is_row && sqlite3_column_int64(st, 0) == j->id) {
        if ((code = row_get_word(st, 2, after_when_words, AFTER_WHEN_COUNT, &when, l->err)))
            break;
        job_add_after(j, sqlite3_column_int64(st, 1), (enum after_when)when);
        code = reader_step(&l->r, st, is_row, l->err);
    }
    return code;
}

static int load_jobs(struct load *l)
{
    CLEANUP(reader_resetp) sqlite3_stmt *st = NULL;
    CLEANUP(reader_resetp) sqlite3_stmt *after = NULL;
    bool is_row, is_after;
    struct job *j;
    int code;
    if ((code = reader_stmt(&l->r, R_LOAD_JOBS, &st, l->err)) ||
        (code = reader_stmt(&l->r, R_LOAD_AFTER, &after, l->err)) ||
        (code = reader_step(&l->r, after, &is_after, l->err)))
        return code;
    while ((code = reader_step(&l->r, st, &is_row, l->err)) == 0 && is_row) {
        if ((code = row_get_job(st, &j, l->err)))
            break;
        if ((code = take_after(l, after, &is_after, j))) {
            job_free(j);
            break;
        }
        l->to->job(l->to->arg, j);
    }
    return code;
}

static int load_attempts(struct load *l)
{
    CLEANUP(reader_resetp) sqlite3_stmt *st = NULL;
    struct attempt *a;
    bool is_row;
    int code = reader_stmt(&l->r, R_LOAD_ATTEMPTS, &st, l->err);
    while (code == 0 && (code = reader_step(&l->r, st, &is_row, l->err)) == 0 && is_row)
        if ((code = row_get_attempt(st, &a, l->err)) == 0)
            l->to->attempt(l->to->arg, a);
    return code;
}

static int load_leases(struct load *l)
{
    CLEANUP(reader_resetp) sqlite3_stmt *st = NULL;
    bool is_row;
    int code = reader_stmt(&l->r, R_LOAD_LEASES, &st, l->err);
    while (code == 0 && (code = reader_step(&l->r, st, &is_row, l->err)) == 0 && is_row)
        if (l->to->lease)
            l->to->lease(l->to->arg, sqlite3_column_int64(st, 0), row_text(st, 1), row_text(st, 2),
                         sqlite3_column_int64(st, 3));
    return code;
}

static int load_cache(struct load *l)
{
    CLEANUP(reader_resetp) sqlite3_stmt *st = NULL;
    struct cache_entry *c;
    bool is_row;
    int code = reader_stmt(&l->r, R_LOAD_CACHE, &st, l->err);
    while (code == 0 && (code = reader_step(&l->r, st, &is_row, l->err)) == 0 && is_row)
        if ((code = row_get_cache(st, &c, l->err)) == 0)
            l->to->cache(l->to->arg, c);
    return code;
}

static int load_idem(struct load *l, int64_t now_us)
{
    CLEANUP(reader_resetp) sqlite3_stmt *st = NULL;
    bool is_row;
    int code = reader_stmt(&l->r, R_LOAD_IDEM, &st, l->err);
    if (code)
        return code;
    sqlite3_bind_int64(st, 1, now_us - IDEMPOTENCY_KEEP_S * INT64_C(1000000));
    while ((code = reader_step(&l->r, st, &is_row, l->err)) == 0 && is_row) {
        const struct idem_made made = {.job = sqlite3_column_int64(st, 3),
                                       .group = sqlite3_column_int64(st, 4),
                                       .comparison = sqlite3_column_int64(st, 5),
                                       .bisection = sqlite3_column_int64(st, 6)};
        l->to->idem(l->to->arg, row_text(st, 0), row_text(st, 1), &made,
                    sqlite3_column_int64(st, 2));
    }
    return code;
}

static int load_settings(struct load *l)
{
    CLEANUP(reader_resetp) sqlite3_stmt *st = NULL;
    bool is_row;
    int code = reader_stmt(&l->r, R_LOAD_SETTINGS, &st, l->err);
    while (code == 0 && (code = reader_step(&l->r, st, &is_row, l->err)) == 0 && is_row)
        l->to->setting(l->to->arg, row_text(st, 0), row_text(st, 1));
    return code;
}

static int load_prs(struct load *l)
{
    CLEANUP(reader_resetp) sqlite3_stmt *st = NULL;
    struct pr *p;
    bool is_row;
    int code = l->to->pr ? reader_stmt(&l->r, R_LOAD_PRS, &st, l->err) : 0;
    while (st && code == 0 && (code = reader_step(&l->r, st, &is_row, l->err)) == 0 && is_row)
        if ((code = row_get_pr(st, &p, l->err)) == 0)
            l->to->pr(l->to->arg, p);
    return code;
}

static int load_topics(struct load *l)
{
    CLEANUP(reader_resetp) sqlite3_stmt *st = NULL;
    struct topic *t;
    bool is_row;
    int code = l->to->topic ? reader_stmt(&l->r, R_LOAD_TOPICS, &st, l->err) : 0;
    while (st && code == 0 && (code = reader_step(&l->r, st, &is_row, l->err)) == 0 && is_row)
        if ((code = row_get_topic(st, &t, l->err)) == 0)
            l->to->topic(l->to->arg, t);
    return code;
}

static int load_ids(struct load *l, struct store_ids *ret)
{
    CLEANUP(reader_resetp) sqlite3_stmt *st = NULL;
    bool is_row;
    int code = reader_stmt(&l->r, R_LOAD_IDS, &st, l->err);
    if (code || (code = reader_step(&l->r, st, &is_row, l->err)))
        return code;
    *ret = (struct store_ids){.job = sqlite3_column_int64(st, 0),
                              .attempt = sqlite3_column_int64(st, 1),
                              .group = sqlite3_column_int64(st, 2),
                              .result = sqlite3_column_int64(st, 3),
                              .comparison = sqlite3_column_int64(st, 4),
                              .annotation = sqlite3_column_int64(st, 5)};
    return 0;
}

int store_load(struct store *s, int64_t now_us, const struct store_loader *loader,
               struct store_ids *ret_ids, struct cail_err *err)
{
    struct load l = {.to = loader, .err = err};
    int code;
    if ((code = store_reattach(s, err)) || (code = reader_open(&l.r, s, err)))
        return code;
    if ((code = reader_begin(&l.r, err)) == 0 && (code = load_queues(&l)) == 0 &&
        (code = load_groups(&l)) == 0 && (code = load_jobs(&l)) == 0 &&
        (code = load_attempts(&l)) == 0 && (code = load_leases(&l)) == 0 &&
        (code = load_cache(&l)) == 0 && (code = load_idem(&l, now_us)) == 0 &&
        (code = load_settings(&l)) == 0 && (code = load_prs(&l)) == 0 &&
        (code = load_topics(&l)) == 0 &&
        (!loader->comparison || (code = comparisons_load(&l.r, loader, err)) == 0))
        code = load_ids(&l, ret_ids);
    if (code == 0 && loader->bisection)
        code = bisections_load(&l.r, loader, ret_ids, err);
    reader_end(&l.r);
    reader_close(&l.r);
    return code;
}
