/* Options and help of the verbs about results over history; verbs.c has their rows. */
#ifndef CLI_OPTS_RESULTS_H
#define CLI_OPTS_RESULTS_H

#include "args.h"

extern const struct opt opts_results[], opts_history[], opts_benchmarks[], opts_baseline[],
    opts_annotate[];
extern const char help_results[], help_history[], help_baseline[], help_annotate[];

#endif
