/* Batches: encoding, decoding, and the public store_put_* verbs. */
#include "store/batch.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"

enum { TAG_NULL, TAG_INT, TAG_REAL, TAG_TEXT, TAG_BLOB };

/* An arena above this goes back to the system when its batch is done: one giant submit must not
 * hold its memory for ever. */
enum { ARENA_KEEP_BYTES = 4 << 20 };

struct op_head {
    uint16_t stmt, n_values;
};

static uint8_t *room_for(struct store_batch *b, size_t more)
{
    if (b->cap - b->len < more) {
        size_t cap = b->cap ? b->cap : 4096;
        while (cap - b->len < more)
            cap *= 2;
        b->p = mem_grow(b->p, cap, 1);
        b->cap = cap;
    }
    uint8_t *at = b->p + b->len;
    b->len += more;
    return at;
}

void batch_op(struct store_batch *b, enum write_stmt stmt)
{
    struct op_head head = {.stmt = (uint16_t)stmt};
    b->op_at = b->len;
    memcpy(room_for(b, sizeof head), &head, sizeof head);
    b->n_ops++;
}

/* Room for a value of len bytes behind its tag; counts it in the operation's head. */
static uint8_t *value(struct store_batch *b, uint8_t tag, size_t len)
{
    uint8_t *at = room_for(b, 1 + len);
    struct op_head head;
    memcpy(&head, b->p + b->op_at, sizeof head);
    head.n_values++;
    memcpy(b->p + b->op_at, &head, sizeof head);
    *at = tag;
    return at + 1;
}

void batch_null(struct store_batch *b)
{
    value(b, TAG_NULL, 0);
}

void batch_int(struct store_batch *b, int64_t v)
{
    memcpy(value(b, TAG_INT, sizeof v), &v, sizeof v);
}

void batch_real(struct store_batch *b, double v)
{
    memcpy(value(b, TAG_REAL, sizeof v), &v, sizeof v);
}

static void put_bytes(struct store_batch *b, uint8_t tag, const void *p, size_t len)
{
    BUG_ON(len > INT32_MAX);
    uint32_t len32 = (uint32_t)len;
    uint8_t *at = value(b, tag, sizeof len32 + len);
    memcpy(at, &len32, sizeof len32);
    if (len)
        memcpy(at + sizeof len32, p, len);
}

void batch_text(struct store_batch *b, const char *p, size_t len)
{
    put_bytes(b, TAG_TEXT, p, len);
}

void batch_blob(struct store_batch *b, const void *p, size_t len)
{
    put_bytes(b, TAG_BLOB, p, len);
}

void batch_text_or_null(struct store_batch *b, const char *text)
{
    if (text)
        batch_text(b, text, strlen(text));
    else
        batch_null(b);
}

void batch_int_or_null(struct store_batch *b, int64_t v, int64_t null)
{
    if (v == null)
        batch_null(b);
    else
        batch_int(b, v);
}

void batch_clear(struct store_batch *b)
{
    if (b->cap > ARENA_KEEP_BYTES) {
        free(b->p);
        b->p = NULL;
        b->cap = 0;
    }
    b->len = 0;
    b->n_ops = 0;
}

void batch_free(struct store_batch *b)
{
    free(b->p);
    free(b);
}

void batch_begin(const struct store_batch *b, struct batch_cursor *c)
{
    c->at = b->p;
    c->end = b->p ? b->p + b->len : NULL;
}

bool batch_next(struct batch_cursor *c, enum write_stmt *ret_stmt, int *ret_n)
{
    struct op_head head;
    if (c->at == c->end)
        return false;
    memcpy(&head, c->at, sizeof head);
    c->at += sizeof head;
    *ret_stmt = head.stmt;
    *ret_n = head.n_values;
    return true;
}

int batch_bind(struct batch_cursor *c, sqlite3_stmt *st, int index)
{
    int64_t v;
    double real;
    uint32_t len;
    uint8_t tag = *c->at++;
    switch (tag) {
    case TAG_NULL:
        return sqlite3_bind_null(st, index);
    case TAG_INT:
        memcpy(&v, c->at, sizeof v);
        c->at += sizeof v;
        return sqlite3_bind_int64(st, index, v);
    case TAG_REAL:
        memcpy(&real, c->at, sizeof real);
        c->at += sizeof real;
        return sqlite3_bind_double(st, index, real);
    default:
        memcpy(&len, c->at, sizeof len);
        c->at += sizeof len;
        const void *bytes = c->at;
        c->at += len;
        if (tag == TAG_TEXT)
            return sqlite3_bind_text(st, index, bytes, (int)len, SQLITE_STATIC);
        return sqlite3_bind_blob(st, index, bytes, (int)len, SQLITE_STATIC);
    }
}

/* --- the verbs of store.h --- */

bool store_batch_is_empty(const struct store_batch *b)
{
    return b->n_ops == 0;
}

static void put_string(struct store_batch *b, const char *s)
{
    batch_text(b, s, strlen(s));
}

void store_put_job(struct store_batch *b, const struct job *j, bool is_new)
{
    BUG_ON(j->id <= 0);
    batch_op(b, is_new ? W_JOB_NEW : W_JOB_MOVE);
    if (is_new)
        row_put_job(b, j);
    else
        row_move_job(b, j);
}

void store_put_after(struct store_batch *b, const struct job *j)
{
    for (int32_t i = 0; i < j->n_after; i++) {
        batch_op(b, W_AFTER);
        batch_int(b, j->id);
        batch_int(b, i);
        batch_int(b, j->after[i].job);
        put_string(b, after_when_words[j->after[i].when]);
    }
}

void store_put_labels(struct store_batch *b, int64_t job_id, const char *const *keys,
                      const char *const *values, size_t n)
{
    batch_op(b, W_LABELS_CLEAR);
    batch_int(b, job_id);
    for (size_t i = 0; i < n; i++) {
        batch_op(b, W_LABEL);
        batch_int(b, job_id);
        put_string(b, keys[i]);
        put_string(b, values[i]);
    }
}

void store_put_attempt(struct store_batch *b, const struct attempt *a, bool is_new)
{
    BUG_ON(a->id <= 0);
    batch_op(b, is_new ? W_ATTEMPT_NEW : W_ATTEMPT_MOVE);
    if (is_new)
        row_put_attempt(b, a);
    else
        row_move_attempt(b, a);
}

void store_put_group(struct store_batch *b, const struct group *g, bool is_new)
{
    BUG_ON(g->id <= 0);
    batch_op(b, is_new ? W_GROUP_NEW : W_GROUP_MOVE);
    if (is_new)
        row_put_group(b, g);
    else
        row_move_group(b, g);
}

void store_put_queue(struct store_batch *b, const struct queue *q)
{
    batch_op(b, W_QUEUE);
    row_put_queue(b, q);
}

void store_put_lease(struct store_batch *b, int64_t attempt_id, const char *kind, const char *what,
                     int64_t since_us)
{
    batch_op(b, W_LEASE);
    batch_int(b, attempt_id);
    put_string(b, kind);
    put_string(b, what);
    batch_int(b, since_us);
}

void store_end_leases(struct store_batch *b, int64_t attempt_id, int64_t at_us)
{
    batch_op(b, W_LEASES_END);
    batch_int(b, at_us);
    batch_int(b, attempt_id);
}

void store_put_idem(struct store_batch *b, const char *key, const char *body_sha256,
                    const struct idem_made *made, int64_t at_us)
{
    /* A key past its time may be used again before store_drop_idem swept it. */
    batch_op(b, W_IDEM_EXPIRE);
    put_string(b, key);
    batch_int(b, at_us - IDEMPOTENCY_KEEP_S * INT64_C(1000000));
    batch_op(b, W_IDEM);
    put_string(b, key);
    put_string(b, body_sha256);
    batch_int_or_null(b, made->job, 0);
    batch_int_or_null(b, made->group, 0);
    batch_int_or_null(b, made->comparison, 0);
    batch_int_or_null(b, made->bisection, 0);
    batch_int(b, at_us);
}

void store_drop_idem(struct store_batch *b, int64_t before_us)
{
    batch_op(b, W_IDEM_DROP);
    batch_int(b, before_us);
}

void store_put_results(struct store_batch *b, const struct result *r, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        BUG_ON(r[i].id <= 0);
        batch_op(b, W_RESULT);
        row_put_result(b, &r[i]);
    }
}

void store_put_artifacts(struct store_batch *b, const struct artifact *a, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        batch_op(b, W_ARTIFACT);
        row_put_artifact(b, &a[i]);
    }
}

void store_put_cache(struct store_batch *b, const struct cache_entry *c)
{
    batch_op(b, W_CACHE);
    row_put_cache(b, c);
}

void store_drop_cache(struct store_batch *b, const char *key)
{
    batch_op(b, W_CACHE_DROP);
    put_string(b, key);
}

void store_put_pr(struct store_batch *b, const struct pr *p)
{
    BUG_ON(p->id <= 0);
    batch_op(b, W_PR);
    row_put_pr(b, p);
}

void store_put_topic(struct store_batch *b, const struct topic *t)
{
    BUG_ON(t->id <= 0);
    batch_op(b, W_TOPIC);
    row_put_topic(b, t);
}

void store_put_setting(struct store_batch *b, const char *key, const char *value)
{
    batch_op(b, W_SETTING);
    put_string(b, key);
    put_string(b, value);
}
