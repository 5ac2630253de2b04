/* Nouns as JSON documents (the shapes are schema/openapi.yaml's). PURE: appends to a writer. */
#ifndef WIRE_JOB_DOC_H
#define WIRE_JOB_DOC_H

#include "base/jw.h"
#include "model/job.h"

/* What a full job document shows beside the job itself. */
struct job_extras {
    struct attempt *const *attempt; /* in order of number */
    size_t n_attempts;
    const struct result *result;
    size_t n_results;
    const char *host;
};

/* One job object. extras NULL = as in lists, without attempts and results. */
void job_doc(struct jw *w, const struct job *j, const struct job_extras *extras);
void attempt_doc(struct jw *w, const struct attempt *a, const char *host);
void result_doc(struct jw *w, const struct result *r, bool with_samples);
void artifact_doc(struct jw *w, const struct artifact *a);
void progress_doc(struct jw *w, const struct job *j); /* an object or null */
void needs_doc(struct jw *w, const struct needs *n);
/* counts{} with every state. */
void group_doc(struct jw *w, const struct group *g, struct job *const *jobs, size_t n_jobs,
               int64_t finished_at_us);
/* {queued 1, running 2 ...} -> the state of the whole. */
const char *group_state(const struct group *g);
bool group_is_finished(const struct group *g);
void cache_doc(struct jw *w, const struct cache_entry *c, const char *pinned, bool evict);

#endif
