/* Allocation. Memory sized by a stranger is bounded at the door (base/limits.h), so what is left
 * are small, bounded pieces: when even those cannot be had the process stops. That is safe: what
 * was acknowledged is on disk, running jobs run on under cail-run, and the service manager starts
 * cail-d again. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

#include "base/attr.h"

void *mem_zalloc(size_t size) NODISCARD;                  /* zeroed; never NULL */
void *mem_array(size_t n, size_t size) NODISCARD;         /* zeroed; checks n * size */
void *mem_grow(void *p, size_t n, size_t size) NODISCARD; /* realloc to n * size */
char *mem_strdup(const char *s) NODISCARD;                /* NULL gives NULL */
char *mem_strndup(const char *s, size_t n) NODISCARD;
char *mem_printf(const char *fmt, ...) PRINTF_LIKE(1, 2) NODISCARD;

/* For CLEANUP(mem_freep): free what a local pointer points to. */
void mem_freep(void *pp);

#endif
