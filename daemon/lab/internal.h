/* The room's own: what its files share. */
#ifndef LAB_INTERNAL_H
#define LAB_INTERNAL_H

#include "lab/lab.h"

struct lab {
    struct upstream *upstream[LAB_UPSTREAMS_MAX]; /* by name */
    size_t n_upstreams;
    struct pr **pr; /* ascending by id; ids are dense or not, never used again */
    size_t n_prs, cap_prs;
    struct pr *by_url; /* uthash */
    int64_t last_pr, last_topic;
    struct topic **topic; /* ascending by id */
    size_t n_topics, cap_topics;
};

/* Text members of a change: NULL leaves *field, "" makes it NULL. */
void lab_set(char **field, const char *value);

#endif
