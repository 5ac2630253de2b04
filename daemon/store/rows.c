/* Row <-> noun by tables of fields. */
#include "store/rows.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/batch.h"
#include "wire/job_spec.h"

/* _0 and _M1: that value of the noun is NULL in the row. */
enum field_type {
    F_I64,
    F_I64_0,
    F_I64_M1,
    F_I32,
    F_I32_0,
    F_I32_M1,
    F_U32,
    F_BOOL,
    F_TEXT,
    F_TEXT_NULL,
    F_CHARS,
    F_REAL,
    F_WORD,
};

struct field {
    const char *column;
    enum field_type type;
    size_t offset, size;
    const char *const *words; /* F_WORD */
    int n_words;
};

#define MEMBER_SIZE(member)    sizeof(((struct NOUN *)0)->member)
#define SIZE_I64(member)       sizeof(int64_t)
#define SIZE_I64_0(member)     sizeof(int64_t)
#define SIZE_I64_M1(member)    sizeof(int64_t)
#define SIZE_I32(member)       sizeof(int32_t)
#define SIZE_I32_0(member)     sizeof(int32_t)
#define SIZE_I32_M1(member)    sizeof(int32_t)
#define SIZE_U32(member)       sizeof(uint32_t)
#define SIZE_BOOL(member)      sizeof(bool)
#define SIZE_TEXT(member)      sizeof(char *)
#define SIZE_TEXT_NULL(member) sizeof(char *)
#define SIZE_CHARS(member)     MEMBER_SIZE(member)
#define SIZE_REAL(member)      sizeof(double)
#define SIZE_WORD(member)      sizeof(enum job_state)
/* Reads and writes go by offset, so a member of another width than its type must not compile. */
#define SAME_WIDTH(type, member)                                                                   \
    (0 * sizeof(struct {                                                                           \
         _Static_assert(MEMBER_SIZE(member) == SIZE_##type(member), "width of " #member);          \
         char unused;                                                                              \
     }))
#define FIELD(col, type, member)                                                                   \
    {                                                                                              \
        #col,                                                                                      \
        F_##type,                                                                                  \
        offsetof(struct NOUN, member),                                                             \
        MEMBER_SIZE(member) + SAME_WIDTH(type, member),                                            \
        NULL,                                                                                      \
        0},
#define WORD(col, member, table, count)                                                            \
    {#col,  F_WORD, offsetof(struct NOUN, member), MEMBER_SIZE(member) + SAME_WIDTH(WORD, member), \
     table, count},

#define NOUN job
static const struct field job_id[] = {FIELD(id, I64, id)};
static const struct field job_fixed[] = {JOB_FIXED(FIELD, WORD)};
static const struct field job_moving[] = {JOB_MOVING_FIRST(FIELD, WORD) JOB_MOVING(FIELD, WORD)};
#undef NOUN
#define NOUN attempt
static const struct field attempt_id[] = {FIELD(id, I64, id)};
static const struct field attempt_fixed[] = {ATTEMPT_FIXED(FIELD, WORD)};
static const struct field attempt_moving[] = {ATTEMPT_MOVING_FIRST(FIELD, WORD)
                                                  ATTEMPT_MOVING(FIELD, WORD)};
static const struct field attempt_end[] = {ATTEMPT_END(FIELD, WORD)};
#undef NOUN
#define NOUN group
static const struct field group_id[] = {FIELD(id, I64, id)};
static const struct field group_fixed[] = {GROUP_FIXED(FIELD, WORD)};
static const struct field group_moving[] = {GROUP_MOVING_FIRST(FIELD, WORD)
                                                GROUP_MOVING(FIELD, WORD)};
#undef NOUN
#define NOUN result
static const struct field result_fields[] = {FIELD(id, I64, id) RESULT_FIELDS(FIELD, WORD)};
#undef NOUN
#define NOUN artifact
static const struct field artifact_fields[] = {ARTIFACT_FIRST(FIELD, WORD)
                                                   ARTIFACT_FIELDS(FIELD, WORD)};
#undef NOUN
#define NOUN cache_entry
static const struct field cache_fields[] = {CACHE_FIRST(FIELD, WORD) CACHE_FIELDS(FIELD, WORD)};
#undef NOUN
#define NOUN queue
static const struct field queue_fields[] = {QUEUE_FIRST(FIELD, WORD) QUEUE_FIELDS(FIELD, WORD)};
#undef NOUN
#define NOUN pr
static const struct field pr_fields[] = {PR_FIRST(FIELD, WORD) PR_FIELDS(FIELD, WORD)};
#undef NOUN
#define NOUN topic
static const struct field topic_fields[] = {TOPIC_FIRST(FIELD, WORD) TOPIC_FIELDS(FIELD, WORD)};
#undef NOUN

/* --- noun -> batch --- */

static void put_number(struct store_batch *b, int64_t v, bool is_null)
{
    if (is_null)
        batch_null(b);
    else
        batch_int(b, v);
}

static int64_t int_at(const struct field *f, const char *at)
{
    int64_t wide;
    int32_t narrow;
    uint32_t bits;
    bool flag;
    if (f->size == sizeof wide) {
        memcpy(&wide, at, sizeof wide);
        return wide;
    }
    if (f->type == F_BOOL) {
        memcpy(&flag, at, sizeof flag);
        return flag;
    }
    if (f->type == F_U32) {
        memcpy(&bits, at, sizeof bits);
        return bits;
    }
    memcpy(&narrow, at, sizeof narrow);
    return narrow;
}

static void put_field(struct store_batch *b, const struct field *f, const char *at)
{
    const char *text;
    double real;
    int64_t v;
    switch (f->type) {
    case F_TEXT:
    case F_TEXT_NULL:
        memcpy(&text, at, sizeof text);
        batch_text_or_null(b, text);
        return;
    case F_CHARS:
        batch_text(b, at, strnlen(at, f->size));
        return;
    case F_REAL:
        memcpy(&real, at, sizeof real);
        batch_real(b, real);
        return;
    case F_WORD:
        v = int_at(f, at);
        BUG_ON(v < 0 || v >= f->n_words);
        batch_text_or_null(b, f->words[v]);
        return;
    case F_I64:
    case F_I32:
    case F_U32:
    case F_BOOL:
        put_number(b, int_at(f, at), false);
        return;
    case F_I64_0:
    case F_I32_0:
        v = int_at(f, at);
        put_number(b, v, v == 0);
        return;
    case F_I64_M1:
    case F_I32_M1:
        v = int_at(f, at);
        put_number(b, v, v == -1);
        return;
    }
}

static void put_fields(struct store_batch *b, const struct field *f, size_t n, const void *noun)
{
    for (size_t i = 0; i < n; i++)
        put_field(b, &f[i], (const char *)noun + f[i].offset);
}

#define PUT(b, table, noun) put_fields(b, table, ARRAY_LEN(table), noun)

void row_put_job(struct store_batch *b, const struct job *j)
{
    PUT(b, job_id, j);
    PUT(b, job_fixed, j);
    PUT(b, job_moving, j);
}

void row_move_job(struct store_batch *b, const struct job *j)
{
    PUT(b, job_moving, j);
    PUT(b, job_id, j);
}

static void put_attempt_end(struct store_batch *b, const struct attempt *a)
{
    if (attempt_state_is_terminal(a->state)) {
        PUT(b, attempt_end, a);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(attempt_end); i++)
        batch_null(b);
}

void row_put_attempt(struct store_batch *b, const struct attempt *a)
{
    PUT(b, attempt_id, a);
    PUT(b, attempt_fixed, a);
    PUT(b, attempt_moving, a);
    put_attempt_end(b, a);
}

void row_move_attempt(struct store_batch *b, const struct attempt *a)
{
    PUT(b, attempt_moving, a);
    put_attempt_end(b, a);
    PUT(b, attempt_id, a);
}

void row_put_group(struct store_batch *b, const struct group *g)
{
    PUT(b, group_id, g);
    PUT(b, group_fixed, g);
    PUT(b, group_moving, g);
}

void row_move_group(struct store_batch *b, const struct group *g)
{
    PUT(b, group_moving, g);
    PUT(b, group_id, g);
}

void row_put_result(struct store_batch *b, const struct result *r)
{
    PUT(b, result_fields, r);
    batch_blob(b, r->samples, (size_t)r->n_samples * sizeof *r->samples);
}

void row_put_artifact(struct store_batch *b, const struct artifact *a)
{
    PUT(b, artifact_fields, a);
}

void row_put_cache(struct store_batch *b, const struct cache_entry *c)
{
    PUT(b, cache_fields, c);
}

void row_put_queue(struct store_batch *b, const struct queue *q)
{
    PUT(b, queue_fields, q);
}

void row_put_pr(struct store_batch *b, const struct pr *p)
{
    PUT(b, pr_fields, p);
}

void row_put_topic(struct store_batch *b, const struct topic *t)
{
    PUT(b, topic_fields, t);
}

/* --- row -> noun --- */

static int bad_cell(sqlite3_stmt *st, int column, struct cail_err *err)
{
    return err_set(err, E_STORE_UNREADABLE,
                   "the store holds a value in column '%s' that cail never writes there: the file "
                   "was edited or is damaged, restore a copy of it",
                   sqlite3_column_name(st, column));
}

const char *row_text(sqlite3_stmt *st, int column)
{
    const unsigned char *text = sqlite3_column_text(st, column);
    return text ? (const char *)text : "";
}

char *row_text_or_null(sqlite3_stmt *st, int column)
{
    return sqlite3_column_type(st, column) == SQLITE_NULL ? NULL : mem_strdup(row_text(st, column));
}

int64_t row_int_or(sqlite3_stmt *st, int column, int64_t null)
{
    return sqlite3_column_type(st, column) == SQLITE_NULL ? null : sqlite3_column_int64(st, column);
}

int row_get_word(sqlite3_stmt *st, int column, const char *const *words, int n, int *ret,
                 struct cail_err *err)
{
    int found = word_find(row_text(st, column), words, n);
    if (found < 0)
        return bad_cell(st, column, err);
    *ret = found;
    return 0;
}

/* false: out of the member's range. */
static bool set_int(const struct field *f, char *at, int64_t v)
{
    if (f->type == F_BOOL) {
        bool flag = v != 0;
        memcpy(at, &flag, sizeof flag);
        return v == 0 || v == 1;
    }
    if (f->size == sizeof v) {
        memcpy(at, &v, sizeof v);
        return true;
    }
    if (f->type == F_U32) {
        uint32_t bits = (uint32_t)v;
        memcpy(at, &bits, sizeof bits);
        return bits == v;
    }
    int32_t narrow = (int32_t)v;
    memcpy(at, &narrow, sizeof narrow);
    return narrow == v;
}

static bool get_chars(sqlite3_stmt *st, int column, const struct field *f, char *at)
{
    const char *text = row_text(st, column);
    size_t len = strlen(text);
    if (len >= f->size)
        return false;
    memcpy(at, text, len + 1);
    return true;
}

/* The value of the noun that stands for NULL; false when NULL is not for this field. */
static bool set_null(const struct field *f, char *at)
{
    char *none = NULL;
    double nan_value = NAN;
    switch (f->type) {
    case F_TEXT_NULL:
        memcpy(at, &none, sizeof none);
        return true;
    case F_REAL: /* SQLite keeps a NaN as NULL */
        memcpy(at, &nan_value, sizeof nan_value);
        return true;
    case F_I64_0:
    case F_I32_0:
        return set_int(f, at, 0);
    case F_I64_M1:
    case F_I32_M1:
        return set_int(f, at, -1);
    case F_I64:
    case F_I32:
    case F_U32:
    case F_BOOL:
    case F_TEXT:
    case F_CHARS:
    case F_WORD:
        break;
    }
    return false;
}

static bool get_field(sqlite3_stmt *st, int column, const struct field *f, char *at)
{
    if (sqlite3_column_type(st, column) == SQLITE_NULL)
        return set_null(f, at);
    if (f->type == F_TEXT || f->type == F_TEXT_NULL) {
        char *copy = mem_strdup(row_text(st, column));
        memcpy(at, &copy, sizeof copy);
        return true;
    }
    if (f->type == F_CHARS)
        return get_chars(st, column, f, at);
    if (f->type == F_REAL) {
        double real = sqlite3_column_double(st, column);
        memcpy(at, &real, sizeof real);
        return true;
    }
    if (f->type == F_WORD) {
        int found = word_find(row_text(st, column), f->words, f->n_words);
        return found >= 0 && set_int(f, at, found);
    }
    return set_int(f, at, sqlite3_column_int64(st, column));
}

/* Reads n fields from column *next on; *next moves behind them. */
static int get_fields(sqlite3_stmt *st, int *next, const struct field *f, size_t n, void *noun,
                      struct cail_err *err)
{
    for (size_t i = 0; i < n; i++, ++*next)
        if (!get_field(st, *next, &f[i], (char *)noun + f[i].offset))
            return bad_cell(st, *next, err);
    return 0;
}

#define GET(st, next, table, noun, err) get_fields(st, next, table, ARRAY_LEN(table), noun, err)

int row_get_job(sqlite3_stmt *st, struct job **ret, struct cail_err *err)
{
    int next = 0, rc;
    struct job *j = job_new();
    if ((rc = GET(st, &next, job_id, j, err)) || (rc = GET(st, &next, job_fixed, j, err)) ||
        (rc = GET(st, &next, job_moving, j, err))) {
        job_free(j);
        return rc;
    }
    j->needs.gpu_uuid = job_spec_gpu_uuid(j->spec, j->step);
    *ret = j;
    return 0;
}

int row_get_attempt(sqlite3_stmt *st, struct attempt **ret, struct cail_err *err)
{
    int next = 0, rc;
    struct attempt *a = attempt_new();
    if ((rc = GET(st, &next, attempt_id, a, err)) || (rc = GET(st, &next, attempt_fixed, a, err)) ||
        (rc = GET(st, &next, attempt_moving, a, err)) ||
        (attempt_state_is_terminal(a->state) && (rc = GET(st, &next, attempt_end, a, err)))) {
        attempt_free(a);
        return rc;
    }
    *ret = a;
    return 0;
}

int row_get_group(sqlite3_stmt *st, struct group **ret, struct cail_err *err)
{
    int next = 0, rc;
    struct group *g = mem_zalloc(sizeof *g);
    if ((rc = GET(st, &next, group_id, g, err)) || (rc = GET(st, &next, group_fixed, g, err)) ||
        (rc = GET(st, &next, group_moving, g, err))) {
        group_free(g);
        return rc;
    }
    *ret = g;
    return 0;
}

static int get_samples(sqlite3_stmt *st, int column, struct result *r, struct cail_err *err)
{
    int bytes = sqlite3_column_bytes(st, column);
    if (bytes % (int)sizeof *r->samples || bytes / (int)sizeof *r->samples > RESULT_SAMPLES_MAX)
        return bad_cell(st, column, err);
    r->n_samples = bytes / (int)sizeof *r->samples;
    if (!r->n_samples)
        return 0;
    r->samples = mem_array((size_t)r->n_samples, sizeof *r->samples);
    memcpy(r->samples, sqlite3_column_blob(st, column), (size_t)bytes);
    return 0;
}

int row_get_result(sqlite3_stmt *st, struct result *ret, struct cail_err *err)
{
    int next = 0, rc;
    memset(ret, 0, sizeof *ret);
    if ((rc = GET(st, &next, result_fields, ret, err)) || (rc = get_samples(st, next, ret, err)))
        result_done(ret);
    return rc;
}

int row_get_artifact(sqlite3_stmt *st, struct artifact *ret, struct cail_err *err)
{
    int next = 0;
    memset(ret, 0, sizeof *ret);
    int rc = GET(st, &next, artifact_fields, ret, err);
    if (rc)
        artifact_done(ret);
    return rc;
}

int row_get_cache(sqlite3_stmt *st, struct cache_entry **ret, struct cail_err *err)
{
    int next = 0;
    struct cache_entry *c = mem_zalloc(sizeof *c);
    int rc = GET(st, &next, cache_fields, c, err);
    if (rc)
        cache_entry_free(c);
    else
        *ret = c;
    return rc;
}

int row_get_pr(sqlite3_stmt *st, struct pr **ret, struct cail_err *err)
{
    int next = 0;
    struct pr *p = pr_new();
    int rc = GET(st, &next, pr_fields, p, err);
    if (rc)
        pr_free(p);
    else
        *ret = p;
    return rc;
}

int row_get_topic(sqlite3_stmt *st, struct topic **ret, struct cail_err *err)
{
    int next = 0;
    struct topic *t = topic_new();
    int rc = GET(st, &next, topic_fields, t, err);
    if (rc)
        topic_free(t);
    else
        *ret = t;
    return rc;
}

int row_get_queue(sqlite3_stmt *st, struct queue **ret, struct cail_err *err)
{
    int next = 0;
    struct queue *q = mem_zalloc(sizeof *q);
    int rc = GET(st, &next, queue_fields, q, err);
    if (rc)
        queue_free(q);
    else
        *ret = q;
    return rc;
}
