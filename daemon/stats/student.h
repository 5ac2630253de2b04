/* Student's t distribution. PURE. */
#ifndef STATS_STUDENT_H
#define STATS_STUDENT_H

/* Two-sided p of a t statistic with df > 0 degrees of freedom: the regularised incomplete beta
 * function I_x(df/2, 1/2) at x = df/(df + t^2), by its continued fraction (modified Lentz), good to
 * about 1e-13. Infinite t gives 0, NaN gives 1.
 * Reference: t = 2.5, df = 7 gives .0409922185857529; t = 1, df = 1 gives .5. */
double stats_student_p(double t, double df);

#endif
