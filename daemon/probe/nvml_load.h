/* Finding and opening the driver's library. One thread at a time, nobody inside the library. */
#ifndef PROBE_NVML_LOAD_H
#define PROBE_NVML_LOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "probe/nvml_abi.h"

/* Opens path, or (NULL) what the loader finds, WSL2's folder, the container toolkit's; fills
 * `nvml`. Whole or not at all. false: why[] says it in one sentence. */
bool nvml_load(const char *path, char *why, size_t size);
void nvml_unload(void);         /* nothing loaded is fine */
const char *nvml_library(void); /* the file that was opened; "" = none */
/* A short text for people; never NULL. */
const char *nvml_text(nvml_ret ret);

#endif
