/* The log file of an attempt: opened with suspicion (the job could write into its folder) and read
 * around the hole that the cap punched into it. */
#ifndef HTTP_LOG_FILE_H
#define HTTP_LOG_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* Open <dir>/log, a regular file and no link. *ret_fd = -1 with 0: it does not exist (yet). */
int log_file_open(const char *dir, int *ret_fd, uint64_t *ret_size, struct cail_err *err) NODISCARD;
/* The same for another file of the attempt; name holds no '/'. */
int attempt_file_open(const char *dir, const char *name, int *ret_fd, uint64_t *ret_size,
                      struct cail_err *err) NODISCARD;
/* The first hole in fd before size, as the file system sees it. false = none. */
bool log_file_hole(int fd, uint64_t size, uint64_t *ret_from, uint64_t *ret_to);

/* A reader of one log from `pos` to `end`. A hole may open under its feet while the job runs. */
struct log_reader {
    int fd; /* -1 = not there yet: reads nothing */
    uint64_t pos, end;
    char mark[64]; /* what stands in for a hole, being given out */
    size_t mark_at, mark_len;
};
/* Up to max bytes; 0 = no more for now, -1 = cannot be read. */
ssize_t log_reader_read(struct log_reader *r, char *buf, size_t max);

#endif
