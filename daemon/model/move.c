/* The tables of allowed moves. */
#include "model/move.h"

#include "base/err.h"

#define TO(s) (1u << (s))

static const unsigned job_moves[JOB_STATE_COUNT] = {
    [JOB_HELD] = TO(JOB_QUEUED) | TO(JOB_CANCELED) | TO(JOB_DEP_FAILED),
    [JOB_QUEUED] = TO(JOB_HELD) | TO(JOB_RUNNING) | TO(JOB_CANCELED) | TO(JOB_DEP_FAILED) |
                   TO(JOB_TIMED_OUT) | TO(JOB_FAILED) | TO(JOB_SUCCEEDED) /* from the cache */,
    [JOB_RUNNING] = TO(JOB_QUEUED) /* next step, retry */ | TO(JOB_HELD) | TO(JOB_SUCCEEDED) |
                    TO(JOB_FAILED) | TO(JOB_CANCELED) | TO(JOB_TIMED_OUT) | TO(JOB_LOST),
    /* A person's retry: a new attempt of the same job. */
    [JOB_SUCCEEDED] = TO(JOB_QUEUED),
    [JOB_FAILED] = TO(JOB_QUEUED),
    [JOB_CANCELED] = TO(JOB_QUEUED),
    [JOB_TIMED_OUT] = TO(JOB_QUEUED),
    [JOB_LOST] = TO(JOB_QUEUED),
    [JOB_DEP_FAILED] = TO(JOB_QUEUED),
};

static const unsigned attempt_moves[ATTEMPT_STATE_COUNT] = {
    [ATTEMPT_STARTING] =
        TO(ATTEMPT_RUNNING) | TO(ATTEMPT_STOPPING) | TO(ATTEMPT_EXITED) | TO(ATTEMPT_LOST),
    [ATTEMPT_RUNNING] = TO(ATTEMPT_STOPPING) | TO(ATTEMPT_EXITED) | TO(ATTEMPT_LOST),
    [ATTEMPT_STOPPING] = TO(ATTEMPT_EXITED) | TO(ATTEMPT_LOST),
    [ATTEMPT_EXITED] = 0,
    [ATTEMPT_LOST] = 0,
};

bool job_can_move(enum job_state from, enum job_state to)
{
    return job_moves[from] & TO(to);
}

bool attempt_can_move(enum attempt_state from, enum attempt_state to)
{
    return attempt_moves[from] & TO(to);
}

int job_move(struct job *j, enum job_state to, int64_t now_us)
{
    if (!job_can_move(j->state, to))
        return E_CONFLICT;
    j->state = to;
    j->finished_at_us = job_state_is_terminal(to) ? now_us : 0;
    return 0;
}

int attempt_move(struct attempt *a, enum attempt_state to, int64_t now_us)
{
    if (!attempt_can_move(a->state, to))
        return E_CONFLICT;
    a->state = to;
    if (to == ATTEMPT_RUNNING && !a->started_at_us)
        a->started_at_us = now_us;
    if (attempt_state_is_terminal(to))
        a->ended_at_us = now_us;
    return 0;
}
