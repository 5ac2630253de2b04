#include "model/bisection.h"

#include <stdlib.h>

void bisection_free(struct bisection *b)
{
    if (!b)
        return;
    free(b->name);
    free(b->recipe);
    free(b->spec);
    free(b->steps);
    free(b->user);
    free(b->pr);
    free(b->culprit);
    free(b->reason);
    free(b);
}
