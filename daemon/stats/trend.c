#include "stats/trend.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "stats/ranks.h"

static void swap(double *a, double *b)
{
    double t = *a;
    *a = *b;
    *b = t;
}

/* The k-th smallest of v[0..n), which is reordered (Hoare's selection, middle of three). */
static double select_kth(double *v, size_t n, size_t k)
{
    size_t low = 0, high = n - 1;
    while (low < high) {
        size_t mid = low + (high - low) / 2, i = low, j = high;
        if (v[mid] < v[low])
            swap(&v[mid], &v[low]);
        if (v[high] < v[low])
            swap(&v[high], &v[low]);
        if (v[high] < v[mid])
            swap(&v[high], &v[mid]);
        double pivot = v[mid];
        while (i <= j) {
            while (v[i] < pivot)
                i++;
            while (v[j] > pivot)
                j--;
            if (i <= j) {
                swap(&v[i++], &v[j]);
                if (!j)
                    break;
                j--;
            }
        }
        if (k <= j)
            high = j;
        else if (k >= i)
            low = i;
        else
            return v[k];
    }
    return v[k];
}

static double theil_sen(const double *x, const double *y, size_t n)
{
    double *slope = mem_array(n * (n - 1) / 2, sizeof *slope), ret = NAN;
    size_t pairs = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++)
            if (x[j] > x[i])
                slope[pairs++] = (y[j] - y[i]) / (x[j] - x[i]);
    if (pairs) {
        double high = select_kth(slope, pairs, pairs / 2);
        ret = pairs % 2 ? high : (high + select_kth(slope, pairs, pairs / 2 - 1)) / 2;
    }
    free(slope);
    return ret;
}

/* What ties in y take from 18 times the variance of S. */
static double tie_term(const double *y, size_t n)
{
    double *sorted = mem_array(n, sizeof *sorted), sum = 0;
    memcpy(sorted, y, n * sizeof *sorted);
    stats_sort(sorted, n);
    for (size_t i = 0, j; i < n; i = j) {
        for (j = i; j < n && sorted[j] <= sorted[i]; j++)
            ;
        double t = (double)(j - i);
        sum += t * (t - 1) * (2 * t + 5);
    }
    free(sorted);
    return sum;
}

static double mann_kendall(const double *y, size_t n)
{
    double s = 0, points = (double)n;
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++)
            s += (y[j] > y[i]) - (y[j] < y[i]);
    double variance = (points * (points - 1) * (2 * points + 5) - tie_term(y, n)) / 18;
    if (variance <= 0 || fabs(s) < .5)
        return 1;
    return erfc((fabs(s) - 1) / sqrt(variance) / sqrt(2));
}

struct stats_trend stats_trend(const double *x, const double *y, size_t n)
{
    size_t skip = n > STATS_TREND_POINTS_MAX ? n - STATS_TREND_POINTS_MAX : 0;
    if (n < 2)
        return (struct stats_trend){NAN, 1};
    return (struct stats_trend){theil_sen(x + skip, y + skip, n - skip),
                                mann_kendall(y + skip, n - skip)};
}
