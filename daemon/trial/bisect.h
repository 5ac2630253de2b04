/* Which commit of a line made it slower: what to compare next, from the answers so far. PURE; the
 * answers are all there is, so a restart asks again and gets the same.
 *
 * Commits are numbers 0 (known good) to n - 1 (known bad) along one line. A question is a
 * comparison of a good one with a later one. Asked first is whether the two ends differ at all,
 * last whether the one that is found differs from its own neighbour: without the first a line of
 * equal commits would blame its last one, without the second a slow slide would blame one of many.
 * An answer that is unsure is asked for once more, with more rounds; a commit that cannot be
 * measured is passed by, its nearest neighbour is asked instead. */
#ifndef TRIAL_BISECT_H
#define TRIAL_BISECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/word.h"

enum {
    BISECT_COMMITS_MAX = 20000,
    BISECT_FAILED_MAX = 10, /* commits that are passed by before it gives up */
};

struct bisect_step {
    int32_t good, at; /* base and head */
    enum bisect_answer answer;
};

enum bisect_action {
    BISECT_ASK,   /* compare good with at */
    BISECT_FOUND, /* bad is the first bad one */
    BISECT_STOP,  /* no more can be said than good..bad, and why */
};

struct bisect_next {
    enum bisect_action action;
    int32_t good, bad; /* the first bad one is behind good, and not behind bad */
    int32_t at;        /* ASK */
    bool again;        /* ASK: the same as before, with more rounds */
    int32_t left;      /* ASK: questions after this one, about */
    const char *why;   /* STOP; FOUND: what a reader should know, NULL = nothing. Static */
};

/* n >= 2. Steps that cannot be (numbers outside) end the bisection with STOP. */
void bisect_next(int32_t n, const struct bisect_step *step, size_t n_steps,
                 struct bisect_next *ret);

/* What a comparison's verdict says of its head; -1 = there is none yet. */
enum bisect_answer bisect_answer_of(int verdict);

#endif
