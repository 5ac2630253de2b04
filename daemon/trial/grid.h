/* The observations of a case, found by series, batch and round. PURE; inside the room. */
#ifndef TRIAL_GRID_H
#define TRIAL_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trial/judge.h"

struct trial_grid {
    const struct trial_obs **obs; /* by series, batch, round, side, seq */
    size_t *from;                 /* n_series + 1: series s has obs[from[s] .. from[s + 1]) */
};

/* What a series has of one round; NULL = nothing. Unpaired: of the i-th process of each side. */
struct trial_cell {
    int32_t batch, round;
    const struct trial_obs *of[SIDE_COUNT];
};

/* Borrows c->obs; observations of no series of the case are left out. O(n log n). */
void trial_grid_init(struct trial_grid *g, const struct trial_case *c);
void trial_grid_done(struct trial_grid *g);

/* The cells of one series and batch, in order of rounds; freed by the caller. */
struct trial_cell *trial_grid_cells(const struct trial_grid *g, const struct trial_case *c,
                                    int32_t series, int32_t batch, size_t *ret_n);

/* A number that counts: finite, and of a process that did not fail. */
bool trial_obs_has_value(const struct trial_obs *o);

#endif
