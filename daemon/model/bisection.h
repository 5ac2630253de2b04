/* A bisection: a chain of comparisons along a line of commits. Plain values; the engine changes
 * them. */
#ifndef MODEL_BISECTION_H
#define MODEL_BISECTION_H

#include <stdint.h>
#include <sys/types.h>

#include <uthash.h>

#include "model/word.h"

struct bisection {
    int64_t id;
    enum bisection_state state;
    char *name, *recipe; /* never NULL */
    char *spec;          /* the request, one JSON object in its own words */
    char *steps;         /* what was asked and answered, one JSON array; the engine's */
    int64_t comparison;  /* that runs now; 0 = none */
    uid_t uid;
    char *user;
    char *pr; /* NULL = none */
    int64_t created_at_us, finished_at_us;
    char *culprit;     /* the first bad commit; NULL = not found */
    char *reason;      /* sentence for a person, NULL = none */
    void *chain;       /* the engine's own, memory only */
    UT_hash_handle hh; /* engine's table, by id */
};

void bisection_free(struct bisection *b); /* NULL is fine; not the chain */

#endif
