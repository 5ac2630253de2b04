/* What a lost attempt left running. Its cail-run is dead, so the kernel knows the tree no more:
 * first the attempt's cgroup, then every process whose environment has the attempt's token, until
 * two passes in a row find nobody; last its container. Blocking, up to seconds: for the worker
 * pool. */
#ifndef EXEC_SURVIVORS_H
#define EXEC_SURVIVORS_H

#include <stdint.h>

struct survivors {
    int32_t killed;
    char *unkillable; /* "pid pid"; NULL = none; caller frees */
};

/* cgroup: the claim's, "" = none. It is believed only when it is the one of that token. dir: the
 * attempt's folder; the container that its spec names is removed by its engine. */
void survivors_kill(const char *token, const char *cgroup, const char *dir, struct survivors *ret);

#endif
