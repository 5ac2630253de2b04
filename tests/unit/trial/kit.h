/* A case to judge, filled by hand or by dice. Included after cmocka.h. */
#ifndef TRIAL_KIT_H
#define TRIAL_KIT_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "seeded.h"
#include "trial/judge.h"

enum { OBS_MAX = 40000, SERIES_MAX = 512 };

static struct trial_series series[SERIES_MAX];
static struct trial_obs obs[OBS_MAX];
static struct trial_case kase;

static inline void start(void)
{
    memset(series, 0, sizeof series);
    memset(obs, 0, sizeof obs);
    kase = (struct trial_case){
        .series = series, .obs = obs, .alpha = .05, .rounds = 10, .comparable = true};
}

static inline int32_t add_series(enum better better, enum metric_kind kind)
{
    struct trial_series *s = &series[kase.n_series];
    *s = (struct trial_series){.benchmark = "b",
                               .params = "{}",
                               .metric = "m",
                               .unit = "ms",
                               .better = better,
                               .kind = kind,
                               .gates = true,
                               .min_effect = NAN,
                               .floor = 0};
    assert_true(kase.n_series < SERIES_MAX);
    return (int32_t)kase.n_series++;
}

static inline struct trial_obs *add_obs(int32_t s, int32_t batch, int32_t round, enum side side,
                                        double value, enum result_status status)
{
    assert_true(kase.n_obs < OBS_MAX);
    struct trial_obs *o = &obs[kase.n_obs];
    bool second = (side == SIDE_HEAD) != ((round & 1) == 1); /* AB BA */
    *o = (struct trial_obs){.series = s,
                            .batch = batch,
                            .round = round,
                            .seq = batch * 1000 + 2 * round + second,
                            .side = side,
                            .status = status,
                            .value = value};
    kase.n_obs++;
    return o;
}

/* ratios[i] = head/base of round i, over a base that wobbles */
static inline void add_ratios(int32_t s, int32_t batch, const double *ratios, int n)
{
    for (int32_t i = 0; i < n; i++) {
        double base = 100 + .1 * ((i * 7) % 5);
        add_obs(s, batch, i, SIDE_BASE, base, RESULT_OK);
        add_obs(s, batch, i, SIDE_HEAD, base * ratios[i], RESULT_OK);
    }
}

#endif
