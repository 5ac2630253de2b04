/* What an exec_spec is made of while it is put together. Private to launch.c and launch_side.c. */
#ifndef ENGINE_LAUNCH_H
#define ENGINE_LAUNCH_H

#include "engine/internal.h"
#include "wire/job_spec.h"

struct launch {
    struct job_spec spec;
    char **env; /* owned, NULL-terminated */
    size_t n_env, cap_env;
    const char *argv[4];
    const char **wrapped; /* argv behind a profiler's; NULL = none */
    char *owned[8];       /* strings behind argv and cwd */
    char **engine_argv;   /* argv around a container's; NULL = none */
    char **engine_env;    /* of the engine's program */
    char *engine, *container;
    size_t n_owned;
};

/* The later word wins. The pair is owned from here on. */
void launch_put_pair(struct launch *l, char *pair);
void launch_put(struct launch *l, const char *key, const char *value);
/* "setup-llvm" -> CAIL_USE_SETUP_LLVM=<folder of its build> */
void launch_put_use(struct launch *l, const char *recipe, const char *dir);

/* launch_container.c: what is ready to run becomes an engine's call that runs it in a container. */
int launch_container(struct engine *e, struct launch *l, const struct job *j, const struct run *r,
                     const char *build_root, struct exec_spec *spec,
                     struct cail_err *err) NODISCARD;
void launch_container_free(struct launch *l);

/* launch_side.c: what one side of a comparison adds: its parameters, environment, build, folder of
 * binaries. Nothing in it tells a process which side it is. */
void launch_side(struct launch *l, const struct job *j, const struct trial *t, enum side side);
/* The links in the attempt's folder that give both sides names of equal length. */
int launch_side_links(struct engine *e, const struct job *j, const struct trial *t, enum side side,
                      struct cail_err *err) NODISCARD;
/* Bytes that argv and environment take on the new stack, pointers included. */
size_t launch_stack_bytes(const struct launch *l, const char *const *argv);

#endif
