#include "stats/student.h"

#include <math.h>

/* The continued fraction of I_x(a, b), which converges fast where x < (a+1)/(a+b+2). */
static double fraction(double a, double b, double x)
{
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < tiny ? tiny : d);
    double f = d;
    for (int i = 1; i <= 10000; i++) {
        double even = i * (b - i) * x / ((a + 2 * i - 1) * (a + 2 * i));
        d = 1 + even * d;
        c = 1 + even / c;
        d = 1 / (fabs(d) < tiny ? tiny : d);
        c = fabs(c) < tiny ? tiny : c;
        f *= d * c;
        double odd = -(a + i) * (a + b + i) * x / ((a + 2 * i) * (a + 2 * i + 1));
        d = 1 + odd * d;
        c = 1 + odd / c;
        d = 1 / (fabs(d) < tiny ? tiny : d);
        c = fabs(c) < tiny ? tiny : c;
        f *= d * c;
        if (fabs(d * c - 1) < 1e-15)
            break;
    }
    return f;
}

/* 1 - x comes as y: the caller knows it without cancellation. */
static double beta_part(double a, double b, double x, double y)
{
    if (x <= 0)
        return 0;
    double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(y));
    return front * fraction(a, b, x) / a;
}

double stats_student_p(double t, double df)
{
    if (isnan(t))
        return 1;
    if (isinf(t))
        return 0;
    double x = df / (df + t * t), y = t * t / (df + t * t), a = df / 2, b = .5;
    double p = x < (a + 1) / (a + b + 2) ? beta_part(a, b, x, y) : 1 - beta_part(b, a, y, x);
    return fmin(fmax(p, 0), 1);
}
