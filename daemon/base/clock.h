/* The only reader of clocks. `_at_us` is wall time (display, records), `_mono_us` counts through
 * suspend and never jumps (durations, deadlines). Pure rooms get times as values. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

int64_t clock_wall_us(void); /* CLOCK_REALTIME, microseconds since 1970 */
int64_t clock_mono_us(void); /* CLOCK_BOOTTIME, microseconds since boot */

#define BOOT_ID_LEN 37 /* with the NUL */
/* The kernel's id of this boot, "unknown" where /proc has none. */
void clock_boot_id(char out[BOOT_ID_LEN]);

#endif
