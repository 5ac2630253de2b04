/* Observations sorted, so that a series is one slice of them. */
#include "trial/grid.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

static int order(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* Total for different observations, so that the sorting function has no say in the outcome. */
static int compare_obs(const void *pa, const void *pb)
{
    const struct trial_obs *a = *(const struct trial_obs *const *)pa;
    const struct trial_obs *b = *(const struct trial_obs *const *)pb;
    int o = order(a->series, b->series);

    if (o == 0)
        o = order(a->batch, b->batch);
    if (o == 0)
        o = order(a->round, b->round);
    if (o == 0)
        o = order((int64_t)a->side, (int64_t)b->side);
    if (o == 0)
        o = order(a->seq, b->seq);
    return o != 0 ? o : (a > b) - (a < b);
}

void trial_grid_init(struct trial_grid *g, const struct trial_case *c)
{
    size_t n = 0;

    g->obs = mem_array(c->n_obs + 1, sizeof(const struct trial_obs *));
    g->from = mem_array(c->n_series + 1, sizeof *g->from);
    for (size_t i = 0; i < c->n_obs; i++) {
        int32_t s = c->obs[i].series;
        if (s < 0 || (size_t)s >= c->n_series || c->obs[i].round < 0)
            continue;
        g->obs[n++] = &c->obs[i];
        g->from[s + 1]++;
    }
    for (size_t s = 0; s < c->n_series; s++)
        g->from[s + 1] += g->from[s];
    qsort((void *)g->obs, n, sizeof(const struct trial_obs *), compare_obs);
}

void trial_grid_done(struct trial_grid *g)
{
    free((void *)g->obs);
    free(g->from);
}

/* Unpaired, rounds mean nothing: the i-th process of one side stands beside the other's i-th. */
static size_t place_unpaired(struct trial_cell *cell, const struct trial_obs *const *obs, size_t n,
                             int32_t batch)
{
    size_t at[SIDE_COUNT] = {0};

    for (size_t i = 0; i < n; i++) {
        if (obs[i]->batch != batch)
            continue;
        struct trial_cell *x = &cell[at[obs[i]->side]++];
        x->of[obs[i]->side] = obs[i];
    }
    size_t rounds = at[SIDE_BASE] > at[SIDE_HEAD] ? at[SIDE_BASE] : at[SIDE_HEAD];
    for (size_t i = 0; i < rounds; i++) {
        cell[i].batch = batch;
        cell[i].round = (int32_t)i;
    }
    return rounds;
}

static size_t place_paired(struct trial_cell *cell, const struct trial_obs *const *obs, size_t n,
                           int32_t batch)
{
    size_t rounds = 0;

    for (size_t i = 0; i < n; i++) {
        if (obs[i]->batch != batch)
            continue;
        if (rounds == 0 || cell[rounds - 1].round != obs[i]->round) {
            cell[rounds].batch = batch;
            cell[rounds++].round = obs[i]->round;
        }
        cell[rounds - 1].of[obs[i]->side] = obs[i]; /* of two the later, by seq */
    }
    return rounds;
}

struct trial_cell *trial_grid_cells(const struct trial_grid *g, const struct trial_case *c,
                                    int32_t series, int32_t batch, size_t *ret_n)
{
    size_t from = g->from[series], n = g->from[series + 1] - from;
    const struct trial_obs *const *obs = (const struct trial_obs *const *)g->obs + from;
    struct trial_cell *cell = mem_array(n + 1, sizeof *cell);

    *ret_n = c->unpaired ? place_unpaired(cell, obs, n, batch) : place_paired(cell, obs, n, batch);
    return cell;
}

bool trial_obs_has_value(const struct trial_obs *o)
{
    return o != NULL && isfinite(o->value) &&
           (o->status == RESULT_OK || o->status == RESULT_NOT_VERIFIED);
}
