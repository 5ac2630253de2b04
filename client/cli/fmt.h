/* Times and sizes as people write and read them. */
#ifndef CLI_FMT_H
#define CLI_FMT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FMT_MAX 40 /* bytes that any of these texts needs */

/* "30s", "2h", "1d", "1h30m", "90" (seconds) -> seconds. False = not such a text. */
bool fmt_read_duration(const char *text, int64_t *ret_s);
/* "4G", "512M", "4GiB", "1.5T", "2048" (MiB) -> MiB, rounded up. */
bool fmt_read_mib(const char *text, int64_t *ret_mib);
/* As fmt_read_mib, plain numbers are bytes. */
bool fmt_read_bytes(const char *text, int64_t *ret_bytes);
bool fmt_read_int(const char *text, int64_t low, int64_t high, int64_t *ret);

/* RFC 3339 -> ms since 1970; -1 = none. */
int64_t fmt_read_time_ms(const char *text);
int64_t fmt_now_ms(void);
/* ms since 1970 as RFC 3339 UTC. */
const char *fmt_time(int64_t at_ms, char out[FMT_MAX]);

const char *fmt_duration(int64_t ms,
                         char out[FMT_MAX]); /* "40ms" "2.4s" "12s" "3m20s" "2h05m" "3d04h" */
const char *fmt_age(const char *rfc3339, char out[FMT_MAX]); /* "5s" ... "4d"; "-" = no time */
const char *fmt_bytes(int64_t bytes, char out[FMT_MAX]);     /* "1.2 GiB" */
const char *fmt_number(double v, char out[FMT_MAX]);         /* up to 6 digits that matter */

/* SGR parameters for a job's or attempt's state; NULL = plain. */
const char *fmt_state_colour(const char *state);

#endif
