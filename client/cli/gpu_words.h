/* What the daemon says of cards and of jobs on cards, in words. Every member may be absent: an
 * older daemon, a card that does not tell, a driver that hides it. */
#ifndef CLI_GPU_WORDS_H
#define CLI_GPU_WORDS_H

#include "cli.h"

/* "GPU-1a2b3c4d-..." -> "1a2b3c4d". *ret holds it. */
#define GPU_SHORT_MAX 16
const char *gpu_short(const char *uuid, char ret[GPU_SHORT_MAX]);
const char *gpu_state(const json_t *card); /* "free", "leased", ...; "unknown" */
const char *gpu_state_colour(const char *state);
/* Who has it, or why it is not free; "" = neither. Caller frees. */
char *gpu_who(const json_t *card);
/* "sw_power_cap" -> "power cap"; a word that is not known is itself. */
const char *gpu_cause(const char *word);
/* Why its clocks are held down now: "power cap, heat". Caller frees. */
char *gpu_slowed(const json_t *card);

/* The cards of a job, "GPU-a,GPU-b"; "" = none. Caller frees. */
char *job_gpus(const json_t *job);
/* A flag of a job as a sentence; NULL = not known. */
const char *job_flag_sentence(const char *flag);
/* "tainted: power cap; clocks held down 41s of 2m10s (power cap 41s); 12.3 kJ", or "" when nothing
 * was recorded or it cannot be had. Caller frees. */
char *job_telemetry(const struct cli *cli, const json_t *job);

#endif
