/* The one door through which a state changes: a table of allowed moves, checked in release builds
 * too. An illegal move is refused and leaves the state as it was; the caller decides whether that
 * is a client's conflict or our bug. docs/LIFECYCLE.md has the diagrams. */
#ifndef MODEL_MOVE_H
#define MODEL_MOVE_H

#include "base/attr.h"
#include "model/job.h"

bool job_can_move(enum job_state from, enum job_state to);
bool attempt_can_move(enum attempt_state from, enum attempt_state to);
/* 0, or E_CONFLICT and nothing changed. Sets and clears finished_at_us with the state. */
int job_move(struct job *j, enum job_state to, int64_t now_us) NODISCARD;
int attempt_move(struct attempt *a, enum attempt_state to, int64_t now_us) NODISCARD;

#endif
