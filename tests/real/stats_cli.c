/* The functions of daemon/stats for other programs: a question a line on stdin, an answer a line on
 * stdout, numbers with 17 digits.
 *   paired ALPHA D...            hl lo hi conf p w n_used
 *   unpaired ALPHA N X... Y...   hl lo hi conf p u exact; X is the base, N of them
 *   spearman N X... Y...         rho p
 *   dip X...                     dip p
 *   holm P...   bh P...          the adjusted ones
 *   power R N EFFECT SD ALPHA    power */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stats/dip.h"
#include "stats/holm.h"
#include "stats/power.h"
#include "stats/rank_sum.h"
#include "stats/ranks.h"
#include "stats/serial.h"
#include "stats/signed_rank.h"

#define NUMBERS_MAX 4096

static int paired(const double *x, size_t n)
{
    struct stats_paired r;
    if (n < 2 || stats_paired(x + 1, n - 1, x[0], &r))
        return -1;
    printf("%.17g %.17g %.17g %.17g %.17g %.17g %d\n", r.hl, r.lo, r.hi, r.conf_achieved, r.p, r.w,
           r.n_used);
    return 0;
}

static int unpaired(const double *x, size_t n)
{
    struct stats_unpaired r;
    size_t base = n > 1 ? (size_t)x[1] : 0;
    if (n < 4 || base > n - 3 || stats_unpaired(x + 2, base, x + 2 + base, n - 2 - base, x[0], &r))
        return -1;
    printf("%.17g %.17g %.17g %.17g %.17g %.17g %d\n", r.hl, r.lo, r.hi, r.conf_achieved, r.p, r.u,
           r.exact);
    return 0;
}

static int adjusted(const double *p, size_t n, void adjust(const double *, size_t, double *))
{
    static double out[NUMBERS_MAX];
    adjust(p, n, out);
    for (size_t i = 0; i < n; i++)
        printf("%.17g%c", out[i], i + 1 < n ? ' ' : '\n');
    return 0;
}

static int answer(const char *word, double *x, size_t n)
{
    if (!strcmp(word, "paired"))
        return paired(x, n);
    if (!strcmp(word, "unpaired"))
        return unpaired(x, n);
    if (!strcmp(word, "holm"))
        return adjusted(x, n, stats_holm);
    if (!strcmp(word, "bh"))
        return adjusted(x, n, stats_bh);
    if (!strcmp(word, "spearman") && n > 2) {
        struct stats_serial r = stats_spearman(x + 1, x + 1 + (size_t)x[0], (size_t)x[0]);
        printf("%.17g %.17g\n", r.rho, r.p);
        return 0;
    }
    if (!strcmp(word, "dip")) {
        stats_sort(x, n);
        double dip = stats_dip(x, n);
        printf("%.17g %.17g\n", dip, stats_dip_p(dip, n));
        return 0;
    }
    if (!strcmp(word, "power") && n == 5) {
        printf("%.17g\n", stats_power((int32_t)x[0], (size_t)x[1], x[2], x[3], x[4]));
        return 0;
    }
    return -1;
}

int main(void)
{
    static char line[NUMBERS_MAX * 26];
    static double x[NUMBERS_MAX];
    while (fgets(line, sizeof line, stdin)) {
        size_t n = 0, word = strcspn(line, " \n");
        char *at = line + word, *end;
        while (n < NUMBERS_MAX) {
            double value = strtod(at, &end);
            if (end == at)
                break;
            x[n++] = value;
            at = end;
        }
        line[word] = '\0';
        if (answer(line, x, n)) {
            fprintf(stderr, "stats_cli: what is %s with %zu numbers?\n", line, n);
            return 64;
        }
    }
}
