/* Assert that a and b are as close as `within`; NaN is close to nothing. After cmocka.h. */
#ifndef TESTS_LIB_NEAR_H
#define TESTS_LIB_NEAR_H

#include <math.h>

static void near(double a, double b, double within)
{
    if (!(fabs(a - b) <= within))
        fail_msg("%.17g is not %.17g within %g", a, b, within);
}

#endif
