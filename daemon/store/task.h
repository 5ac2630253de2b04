/* What travels between the loop and the store's threads: intrusive, first in first out.
 * Room-private. */
#ifndef STORE_TASK_H
#define STORE_TASK_H

#include <stdbool.h>
#include <stddef.h>

#include "store/store.h"

struct task {
    struct task *next;
    void (*run)(struct store *s, struct task *t);    /* on the writer or the reader thread */
    /* On the loop, in store_poll; frees it. NULL: store_run_now waits for `ran`. */
    void (*finish)(struct store *s, struct task *t);
    bool ran; /* under the store's mutex */
};

struct task_queue {
    struct task *head, **tail; /* tail NULL = empty, never used */
    size_t n;
};

static inline void task_push(struct task_queue *q, struct task *t)
{
    t->next = NULL;
    if (!q->head)
        q->tail = &q->head;
    *q->tail = t;
    q->tail = &t->next;
    q->n++;
}

static inline struct task *task_pop(struct task_queue *q)
{
    struct task *t = q->head;
    if (t) {
        q->head = t->next;
        q->n--;
    }
    return t;
}

#endif
