/* A comparison: base against head. Plain values; the engine changes them, through comparison_move
 * where a state changes. */
#ifndef MODEL_COMPARISON_H
#define MODEL_COMPARISON_H

#include <stdint.h>
#include <sys/types.h>

#include <uthash.h>

#include "model/word.h"

struct comparison {
    int64_t id;
    enum comparison_state state;
    enum comparison_kind kind;
    char *name;                 /* never NULL */
    char *recipe;               /* NULL: sides are commands or stored jobs */
    char *spec;                 /* the request, one JSON object in its own words */
    char *plan;                 /* what was decided from it, one JSON object; the engine's */
    int64_t base_job, head_job; /* prepared sides, or the stored jobs; 0 = none; may be the same */
    int64_t measure_job;        /* 0 = unpaired */
    uid_t uid;
    char *user;
    char *pr; /* NULL = none */
    int64_t created_at_us, finished_at_us;
    int verdict;       /* enum verdict, -1 = none yet */
    int32_t exit_code; /* -1 = none yet */
    char *reason;      /* sentence for a person, NULL = none */
    char *judged;      /* the rows of its report, one JSON object; NULL until it ended */
    void *trial;       /* the engine's own, memory only */
    UT_hash_handle hh; /* engine's table, by id */
};

/* One process of one side in one round. */
struct measurement {
    int64_t comparison_id;
    int32_t seq; /* 0.. in the order in which they were begun */
    int32_t batch, round;
    enum side side;
    int64_t attempt_id;
    enum measurement_state state;
    int32_t lease;
};

struct comparison *comparison_new(void);    /* zeroed, verdict and exit_code -1 */
void comparison_free(struct comparison *c); /* NULL is fine; not the trial */
/* The only way a state changes: 0, or -1 when that move is not allowed. */
int comparison_move(struct comparison *c, enum comparison_state to, int64_t now_us);

#endif
