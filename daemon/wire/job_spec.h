/* The spec of a stored job, read back when it starts. PURE. */
#ifndef WIRE_JOB_SPEC_H
#define WIRE_JOB_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/word.h"
#include "wire/container.h"

struct job_spec {
    void *json;         /* owner of everything below */
    const char *recipe; /* NULL unless a recipe's */
    char *params;       /* canonical JSON text, "{}" when none */
    const char *script; /* NULL unless a script's */
    const char **argv;  /* NULL-terminated; NULL unless a command's */
    char **env;         /* "K=V", NULL-terminated, never NULL */
    const char *cwd, *build_root, *source_ref, *worktree; /* NULL = not said */
    bool prepare_only; /* it has only builds to wait for and does nothing itself */
    struct {
        const char *recipe, *dir; /* dir NULL = not there yet */
        int64_t job;
    } * uses;
    size_t n_uses;
    int64_t idle_timeout_s;
    struct {
        const char *file, *parser; /* parser NULL = detect */
    } * results;
    size_t n_results;
    struct {
        const char *path;
        bool diff;
    } * artifacts;
    size_t n_artifacts;
    struct container *container; /* NULL = runs on the machine itself */
};

int job_spec_read(const char *spec, struct job_spec *ret, struct cail_err *err) NODISCARD;
void job_spec_done(struct job_spec *s);
/* The comparison that the job was made for, 0 = none. Cheap: nothing is parsed. */
int64_t job_spec_comparison(const char *spec);
/* Name of step i, or NULL. Cheap enough for a job document: parses the spec's "steps" alone. */
bool job_spec_step_name(const char *spec, int32_t step, char out[64]);
/* Cheap for a spec without. */
enum profile job_spec_profile(const char *spec);
/* needs.gpu_uuid of a step, which has no column of its own: "GPU-a,GPU-b", NULL = any card. Caller
 * frees. Cheap for a spec that names no card. */
char *job_spec_gpu_uuid(const char *spec, int32_t step);

#endif
