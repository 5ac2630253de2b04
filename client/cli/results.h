/* The table of metrics. */
#ifndef CLI_RESULTS_H
#define CLI_RESULTS_H

#include <jansson.h>

/* results: the array of a job; nothing is printed when it is empty or NULL. width 0 = no limit. */
enum { RESULTS_AT_END = 24, RESULTS_SHOWN = 500 };
void results_print(const json_t *results, size_t rows_max, int fd, int width);

#endif
