/* The table of daemon/stats/dip.c: quantiles of sqrt(n) * dip over seeded uniform samples, drawn in
 * order by exponential spacings. stats_dip_table [SAMPLES]; 400,000 by default, two minutes. */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "seeded.h"
#include "stats/dip.h"
#include "stats/ranks.h"

#define SIZE_MAX_HERE 1000

static const int sizes[] = {20, 30, 50, 100, 200, 500, SIZE_MAX_HERE};
static const double tails[] = {.9,  .7,  .5,   .3,   .2,   .1,    .05,
                               .02, .01, .005, .002, .001, .0005, .0001};
static double x[SIZE_MAX_HERE + 1];

static double draw(int n, uint64_t *seed)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        x[i] = sum -= log(seeded_unit(seed));
    return stats_dip(x, (size_t)n);
}

int main(int argc, char **argv)
{
    size_t samples = argc > 1 ? strtoul(argv[1], NULL, 10) : 400000;
    double *dip = mem_array(samples, sizeof *dip);
    uint64_t seed = 1985;
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        for (size_t i = 0; i < samples; i++)
            dip[i] = draw(sizes[k], &seed);
        stats_sort(dip, samples);
        printf("    {%d, {", sizes[k]);
        for (size_t t = 0; t < sizeof tails / sizeof *tails; t++)
            printf("%s%.4f", t ? ", " : "",
                   sqrt(sizes[k]) * dip[(size_t)((double)samples * (1 - tails[t]))]);
        puts("}},");
        fflush(stdout);
    }
    free(dip);
}
