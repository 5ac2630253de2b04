/* Answers: short bodies go out as they lie in memory, long ones and streams through readers, whose
 * calls are also the sign that the client takes what it is sent. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "http/mhd.h"

#define BLOCK        (64u << 10)
#define STREAM_BLOCK (16u << 10)

static void progress(struct call *c, size_t n)
{
    server_of(c)->bytes_out += n;
    conn_set_deadline(conn_of(c), server_of(c)->config.limits.write_ms);
}

static ssize_t read_memory(void *cls, uint64_t at, char *buf, size_t max)
{
    struct call *c = cls;
    const char *p = c->reply.asset ? c->reply.asset : c->reply.body.p;
    memcpy(buf, p + at, max); /* MHD asks for no more than what is left of the given size */
    progress(c, max);
    return (ssize_t)max;
}

static ssize_t read_file(void *cls, uint64_t at, char *buf, size_t max)
{
    struct call *c = cls;
    ssize_t n;
    do
        n = pread(c->reply.fd, buf, max, (off_t)(c->reply.fd_from + at));
    while (n < 0 && errno == EINTR);
    /* The file has shrunk under us: break off, so that the client sees it is not whole. */
    if (n <= 0)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    progress(c, (size_t)n);
    return n;
}

static ssize_t read_stream(void *cls, uint64_t at, char *buf, size_t max)
{
    struct call *c = cls;
    struct http_server *s = server_of(c);
    (void)at;
    if (c->gone)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    wait_remove(c); /* the library may ask again by itself */
    ssize_t n = c->reply.stream->read(c->reply.stream, buf, max);
    if (n == -1)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (n < 0)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (n == 0) {
        c->asked_ms = (int64_t)uv_now(s->loop);
        wait_add(c, c->reply.stream->key);
        call_suspend(c); /* 0 without it would spin */
    }
    s->bytes_out += (size_t)n;
    return n;
}

static struct MHD_Response *response_of(struct call *c)
{
    struct http_reply *r = &c->reply;
    if (r->stream) {
        c->streams = true;
        server_of(c)->n_streams++;
        return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, read_stream, c,
                                                 NULL);
    }
    if (r->fd > 0)
        return MHD_create_response_from_callback(r->fd_len, BLOCK, read_file, c, NULL);
    size_t len = r->asset ? r->asset_len : r->body.len;
    if (len > LARGE_BODY)
        return MHD_create_response_from_callback(len, BLOCK, read_memory, c, NULL);
    server_of(c)->bytes_out += len;
    /* PERSISTENT: the reply owns it, and call_end frees the reply after the last byte. */
    union {
        const void *in;
        void *out;
    } body = {r->asset ? r->asset : r->body.p};
    return MHD_create_response_from_buffer(len, body.out, MHD_RESPMEM_PERSISTENT);
}

/* What 304 and HEAD do not send must not be opened, counted or left running. */
static void drop_body(struct http_reply *r)
{
    if (r->stream)
        r->stream->close(r->stream);
    if (r->fd > 0)
        close(r->fd);
    r->stream = NULL;
    r->fd = 0;
    r->asset = NULL;
    str_clear(&r->body);
}

static void count(struct http_server *s, int status)
{
    s->client_errors += status >= 400 && status < 500;
    s->server_errors += status >= 500;
}

enum MHD_Result answer_queue(struct call *c)
{
    struct http_reply *r = &c->reply;
    struct conn *conn = conn_of(c);
    struct reply_header headers[REPLY_HEADERS_MAX];
    bool reading = c->rq.method == HTTP_GET || c->rq.method == HTTP_HEAD;
    if (r->status == 0)
        r->status = 200;
    if (reading && reply_not_modified(r, c->rq.if_none_match)) {
        drop_body(r);
        r->status = 304;
    }
    if (c->rq.method == HTTP_HEAD && r->stream)
        drop_body(r);
    struct MHD_Response *response = response_of(c);
    if (!response)
        return MHD_NO;
    size_t n = reply_headers(r, headers);
    enum MHD_Result ok = MHD_YES;
    for (size_t i = 0; i < n && ok == MHD_YES; i++)
        ok = MHD_add_response_header(response, headers[i].name, headers[i].value);
    if (ok == MHD_YES && c->close)
        ok = MHD_add_response_header(response, "Connection", "close");
    if (ok == MHD_YES) {
        c->phase = CALL_SENDING;
        conn_set_deadline(conn, r->stream ? 0 : server_of(c)->config.limits.write_ms);
        count(server_of(c), r->status);
        ok = MHD_queue_response(conn->mhd, (unsigned)r->status, response);
    }
    MHD_destroy_response(response);
    return ok;
}
