/* What a client asks to be queued: JSON, a form or a script, decoded and checked into jobs that
 * have no id yet. PURE. The field table in job_request.c is the list of API.md's "Job request". */
#ifndef WIRE_JOB_REQUEST_H
#define WIRE_JOB_REQUEST_H

#include "base/err.h"
#include "base/str.h"
#include "model/job.h"
#include "wire/job_spec.h"

/* One job as asked for. What the request did not say is left for the recipe or the defaults. */
struct job_request {
    struct job
        *job; /* scheduling fields; name, kind, needs may still be unsaid; spec not yet made */
    struct str spec;  /* members of the spec decided so far, without braces; see job_request_seal */
    char *params;     /* recipe parameters as given, JSON object text; NULL = none */
    char *source_ref; /* source.ref, NULL = none */
    bool source_worktree; /* source.worktree is said */
    int32_t
        *after_ref; /* beside job->after[i]: n >= 0 = element n of the same array, -1 = a real id */
    char **label_key, **label_value;
    size_t n_labels;
    enum profile profile;
    bool has_container;
    int32_t said_ports; /* of container{}: needs.ports is at least that */
    bool hold;
    /* Of a recipe: all of it; what stands before its measuring step (the last one), for one side of
     * a comparison; or the measuring step alone. Not a client's to say. */
    enum { PART_WHOLE, PART_PREPARE, PART_MEASURE } part;
    bool said_kind, said_cpus, said_needs, said_timeout, said_retry, said_name;
};

struct submission {
    struct job_request *req;
    size_t n;
    bool is_array;  /* the body was an array or a matrix: the jobs form a group */
    bool is_single; /* the body was one object without a matrix: the answer is one job */
    char *group_name;
    int32_t max_parallel;
    bool fail_fast;
};

/* Decode a body. On error nothing is kept and err->pointer names the place ("/613/needs/cpus"). */
int submission_from_json(const char *body, size_t len, struct submission *ret,
                         struct cail_err *err) NODISCARD;
/* "recipe=setup-llvm&params.targets=FileCheck&needs.cpus=2": a recipe, its parameters and options,
 * never a command or a script. */
int submission_from_form(const char *body, size_t len, struct submission *ret,
                         struct cail_err *err) NODISCARD;
/* A script as it is; its "#CAIL --gpus 2 --timeout 2h" lines are options. */
int submission_from_script(const char *body, size_t len, struct submission *ret,
                           struct cail_err *err) NODISCARD;
void submission_done(struct submission *s);

/* Finish a request once the recipe (or nothing) has filled in what was unsaid: writes job->spec
 * from the request, with params replaced by canonical_params and the step names recorded (NULL =
 * none). */
void job_request_seal(struct job_request *rq, const char *canonical_params,
                      const char *const *step_names, size_t n_steps);

/* PATCH of a queued job: priority, needs, timeout_s, labels, name, queue, not_before, pr. Applies
 * to *job (its spec too) only when everything is well. *ret_labels tells whether labels changed;
 * the new ones are then in rq-like arrays owned by the caller. */
struct job_patch {
    bool labels_changed;
    char **label_key, **label_value;
    size_t n_labels;
};
int job_patch_apply(const char *body, size_t len, struct job *job, struct job_patch *ret,
                    struct cail_err *err) NODISCARD;
void job_patch_done(struct job_patch *p);

/* "90", "30s", "15m", "2h", "1d" -> seconds; -1 = not a duration. */
int64_t duration_s(const char *text);

#endif
