/* Containers that a step started by itself (recipes/lib/container.sh): one line "ENGINE NAME" each
 * in ATTEMPT_CONTAINERS_FILE, written before the start. Whoever ends the attempt removes them; the
 * file is the job's, so nothing in it is believed but its form. */
#ifndef ATTEMPT_CONTAINERS_H
#define ATTEMPT_CONTAINERS_H

#include <stddef.h>

#define ATTEMPT_CONTAINERS_MAX   64
#define ATTEMPT_CONTAINERS_BYTES 16384

/* each() for lines whose engine is an absolute path to a program called docker or podman and whose
 * name may be a container's. text[len] is changed: its words are ended by NULs. */
void attempt_containers_parse(char *text, size_t len,
                              void (*each)(void *arg, const char *engine, const char *name),
                              void *arg);

#endif
