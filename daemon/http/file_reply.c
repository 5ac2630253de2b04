#include "http/file_reply.h"

#include <inttypes.h>
#include <stdio.h>

#include "http/range.h"

int file_reply(struct http_reply *reply, int *fd, uint64_t from, uint64_t size, const char *range,
               struct cail_err *err)
{
    uint64_t len = size - from;
    char text[80];
    switch (range_parse(range, size, &from, &len)) {
    case RANGE_WHOLE:
        break;
    case RANGE_PART:
        reply->status = 206;
        snprintf(text, sizeof text, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, from, from + len - 1,
                 size);
        http_reply_header(reply, "Content-Range", text);
        break;
    case RANGE_BAD:
        err_set(err, E_RANGE, "there are %" PRIu64 " bytes", size);
        http_reply_problem(reply, err);
        snprintf(text, sizeof text, "bytes */%" PRIu64, size);
        http_reply_header(reply, "Content-Range", text);
        return 0;
    }
    if (len == 0)
        return 0; /* an empty body says the same and needs no file */
    reply->fd = *fd;
    reply->fd_from = from;
    reply->fd_len = len;
    *fd = -1;
    return 0;
}
