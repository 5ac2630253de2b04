/* The container of an attempt whose command is one of an engine's (docker, podman).
 *
 * podman's containers are descendants of ours, like any process of the job; docker's are its
 * daemon's. So the engine is asked to remove the container, and the tree is killed besides. */
#ifndef RUN_CONTAINER_H
#define RUN_CONTAINER_H

#include <stdbool.h>
#include <sys/types.h>

#include "attempt/spec.h"

/* Ask the engine, beside the job, what the image is; its answer is ATTEMPT_IMAGE_FILE. The pid is
 * reaped by whoever reaps; -1 = it could not be asked. */
pid_t container_ask_image(const struct attempt_spec *s);
/* Start killing and removing the container. The pid, to be reaped by the caller; -1 = cannot. */
pid_t container_remove(const struct attempt_spec *s);
/* At the end, when the job did not end by itself: no container of that name is left, or the engine
 * does not answer in time. Blocking. False: it may still be there. */
bool container_sweep(const struct attempt_spec *s);
/* The same for those that the job said it started by itself. */
void container_sweep_noted(const struct attempt_spec *s);
/* The image was not here when the job started; it is now. Blocking, at most seconds. */
void container_image_late(const struct attempt_spec *s);

#endif
