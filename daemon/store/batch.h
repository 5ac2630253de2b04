/* A batch: the statements of one transaction and their values, encoded one after the other in one
 * piece of memory, so a batch of a thousand jobs costs no allocation once the arena has grown.
 * Filled on the loop thread, run on the writer thread, filled again. Room-private. */
#ifndef STORE_BATCH_H
#define STORE_BATCH_H

#include <stdint.h>

#include <sqlite3.h>

#include "store/stmt.h"
#include "store/task.h"

struct store_batch {
    struct task task; /* its place in the queues: a commit allocates nothing */
    struct store_batch *next_free;
    uint8_t *p;
    size_t len, cap;
    size_t op_at; /* header of the operation being filled */
    uint32_t n_ops;
    void (*done)(void *arg, enum store_outcome outcome, const struct cail_err *err);
    void *done_arg;
    enum store_outcome outcome;
    struct cail_err err;
};

/* An operation, then exactly as many values as its statement has marks. */
void batch_op(struct store_batch *b, enum write_stmt stmt);
void batch_null(struct store_batch *b);
void batch_int(struct store_batch *b, int64_t v);
void batch_real(struct store_batch *b, double v);
void batch_text(struct store_batch *b, const char *p, size_t len);      /* copied */
void batch_blob(struct store_batch *b, const void *p, size_t len);      /* copied */
void batch_text_or_null(struct store_batch *b, const char *text);       /* NULL = NULL */
void batch_int_or_null(struct store_batch *b, int64_t v, int64_t null); /* v == null = NULL */
void batch_clear(struct store_batch *b); /* keeps the arena unless a rare giant made it huge */
void batch_free(struct store_batch *b);

/* Reading back: operations in order. */
struct batch_cursor {
    const uint8_t *at, *end;
};
void batch_begin(const struct store_batch *b, struct batch_cursor *c);
/* false at the end; else the statement, its number of values, and the cursor before the first. */
bool batch_next(struct batch_cursor *c, enum write_stmt *ret_stmt, int *ret_n);
/* Bind the next value (SQLITE_STATIC: the arena outlives the step). SQLite's result code. */
int batch_bind(struct batch_cursor *c, sqlite3_stmt *st, int index);

#endif
