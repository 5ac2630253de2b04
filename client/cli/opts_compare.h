/* Options and help of the verbs about comparisons; verbs.c has their rows. */
#ifndef CLI_OPTS_COMPARE_H
#define CLI_OPTS_COMPARE_H

#include "args.h"

extern const struct opt opts_compare[], opts_compare_needs[], opts_comparisons[];
extern const struct opt opts_bisect[];
extern const char help_compare[], help_bisect[];

#endif
