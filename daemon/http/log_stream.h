/* The body of GET /jobs/{id}/log where it is no plain file: a log with a hole, and following. */
#ifndef HTTP_LOG_STREAM_H
#define HTTP_LOG_STREAM_H

#include "http/routes.h"

struct log_want {
    int64_t job;
    int64_t attempt_id; /* 0 = none yet */
    int32_t number;     /* of the attempt, 0 = none yet */
    const char *dir;    /* its folder, NULL = none yet; copied */
    int fd;             /* its log, taken over; -1 = not there yet */
    uint64_t from, to;  /* bytes; to UINT64_MAX = as it grows */
    bool follow;        /* until the job is over */
    bool one;           /* of this attempt alone */
};

struct http_stream *log_stream_new(struct api *api, const struct log_want *want);

#endif
