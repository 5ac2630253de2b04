/* Attempts under a profiler: what it is called with, whether it is there, what it leaves behind.
 * Such an attempt is no measurement: collect.c drops its figures. */
#ifndef ENGINE_PROFILE_H
#define ENGINE_PROFILE_H

#include "base/err.h"
#include "recipe/recipe.h"
#include "wire/job_spec.h"

/* Can it be done here? E_IMPOSSIBLE at "/profile" with the package that is missing, or with the
 * setting that keeps this user from sampling. Looks at a few folders of this machine's own. */
int profile_check(enum profile p, const struct recipe *recipe, struct cail_err *err) NODISCARD;
/* Is it this step that runs under the tool? Not one that makes or keys a build. recipe NULL = a
 * command or script. */
bool profile_wraps(const struct recipe *recipe, int32_t step);
/* argv (NULL-terminated, borrowed) behind the tool's own. The result is one block; caller frees. */
int profile_argv(enum profile p, const char *artifacts_dir, const char *const *argv,
                 const char ***ret, struct cail_err *err) NODISCARD;
/* The artifact that it leaves: "perf.data", "trace.nsys-rep", "trace.ncu-rep". */
const char *profile_trace(enum profile p);

#endif
