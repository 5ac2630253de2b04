/* Why was it slow? A run beside the clean ones before it: what they measured, what the cards and
 * the machine did meanwhile. Clean = succeeded, not tainted, not under a profiler; of the same
 * recipe and parameters (or the same command or script) and, where cards were held, on the same
 * model. */
#ifndef HTTP_PEERS_H
#define HTTP_PEERS_H

#include "base/jw.h"
#include "base/str.h"
#include "model/job.h"
#include "store/store.h"

enum { PEERS_MAX = 20, PEERS_SEEN_MAX = 200, PEERS_CAUSES = 6, PEERS_FIGURES_MAX = 200 };

/* What is known of one run besides its figures. */
struct peer_facts {
    int64_t job;
    double wall_s;                   /* of its last attempt */
    int64_t slowed_ms[PEERS_CAUSES]; /* by cause, over its cards; -1 = no telemetry */
    int64_t foreign_ms;
    double sm_mhz;  /* mean over busy samples; NaN = not told */
    double load;    /* at its start; NaN = not told */
    int64_t others; /* jobs beside it; -1 = not told */
    char model[96], driver[32], kernel[72], governor[32]; /* "" = not told */
};

struct peers {
    struct peer_facts mine, other[PEERS_MAX];
    struct result *figure[PEERS_MAX]; /* owned, n_figures[i] of them */
    size_t n_figures[PEERS_MAX];
    size_t n;
};

/* On the reader thread: runs before rec's, newest first, at most PEERS_MAX among the last
 * PEERS_SEEN_MAX that succeeded. NULL = rec is of no job that runs or ran, or a question failed:
 * nothing is said then. */
struct peers *peers_load(struct store_reader *r, const struct job_record *rec);
void peers_free(struct peers *p);

/* From a provenance (as the row has it), or a telemetry document; both may be NULL. Pure. */
void peer_facts_read(struct peer_facts *f, const char *provenance, const char *telemetry);

/* mine: facts of the run in question; results: what it measured (none while it runs). Appends a
 * sentence to `say` ("18 % below your median of 12 clean runs: sw_power_cap 41 s") and one JSON
 * value to w, null when there is nothing to compare with. Pure. */
void peers_judge(const struct peers *p, const struct peer_facts *mine, const struct result *results,
                 size_t n_results, bool running, struct str *say, struct jw *w);

#endif
