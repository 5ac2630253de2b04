/* A file, or the part of it that a Range header names, as the answer. */
#ifndef HTTP_FILE_REPLY_H
#define HTTP_FILE_REPLY_H

#include "http/http.h"

/* Bytes from..size of *fd, which is taken over (and -1 after). range NULL = no part is asked for.
 * 200, 206 or 416. */
int file_reply(struct http_reply *reply, int *fd, uint64_t from, uint64_t size, const char *range,
               struct cail_err *err) NODISCARD;

#endif
