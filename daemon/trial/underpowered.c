/* What a plan can see, said before it costs an hour. */
#include <math.h>
#include <stdio.h>

#include "stats/power.h"
#include "trial/plan.h"
#include "trial/text.h"

#define POWER_LEAST   .8
#define POWER_WANTED  .975
#define PROCESS_NOISE .01 /* of one process, where nothing is known: an ordinary quiet machine */

/* Who is compared with whom, for the end of every sentence. */
static void put_terms(struct str *s, int32_t n_series, double noise, bool assumed)
{
    if (n_series > 1)
        str_addf(s, " among %d results", n_series);
    str_adds(s, assumed ? ", were one process to vary by 1 % (its noise is not known)"
                        : ", at the noise that was seen, ");
    if (assumed)
        return;
    trial_percent(s, expm1(noise));
    str_adds(s, " a round");
}

static void put_cure(struct str *s, int32_t rounds, int32_t present)
{
    if (rounds > present)
        str_addf(s, "; %d rounds would", rounds);
    else if (rounds == 0)
        str_addf(s, "; not even %d rounds would", TRIAL_ROUNDS_MAX);
}

static void say_impossible(struct str *s, const struct trial_plan *plan, int32_t n_series,
                           double alpha, int32_t needed)
{
    str_addf(s, "underpowered: %d rounds cannot show any change", plan->rounds);
    if (n_series > 1)
        str_addf(s, " among %d results", n_series);
    str_adds(s, ", for the smallest p possible is ");
    trial_p(s, stats_p_min(plan->rounds));
    str_adds(s, " and has to be ");
    trial_p(s, alpha / n_series);
    put_cure(s, needed, plan->rounds);
}

bool trial_underpowered(const struct trial_plan *plan, int32_t n_series, double noise,
                        double effect, int32_t *ret_rounds, char *text, size_t len)
{
    bool assumed = !(noise >= 0 && isfinite(noise)), impossible, weak;
    double sd = assumed ? PROCESS_NOISE * sqrt(2) : noise;
    double alpha = plan->alpha / plan->looks, power; /* of the first look, often the only one */
    size_t n = n_series > 1 ? (size_t)n_series : 1;
    struct str s = STR_INIT;

    power = stats_power(plan->rounds, n, effect, sd, alpha);
    *ret_rounds = stats_rounds_needed(n, effect, sd, alpha, POWER_WANTED);
    impossible = stats_p_min(plan->rounds) > alpha / (double)n;
    weak = impossible || power < POWER_LEAST;
    if (impossible) {
        say_impossible(&s, plan, (int32_t)n, alpha, *ret_rounds);
    } else {
        str_addf(&s, "%s%d rounds find a change of ", weak ? "underpowered: " : "", plan->rounds);
        trial_percent(&s, expm1(fabs(effect)));
        str_adds(&s, " in ");
        trial_fixed(&s, floor(power * 100), 0);
        str_adds(&s, " of 100 comparisons");
        put_terms(&s, n_series, sd, assumed);
        if (weak)
            put_cure(&s, *ret_rounds, plan->rounds);
    }
    snprintf(text, len, "%s", s.p);
    str_done(&s);
    return weak;
}
