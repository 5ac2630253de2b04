#include "sse.h"

#include <string.h>

static void dispatch(struct cail_sse *s)
{
    if (s->data.len > 0 && !s->too_long && !s->data.oom) {
        s->data.p[--s->data.len] = '\0'; /* the LF after the last data line */
        s->on_event(s->ctx, s->event.len > 0 ? s->event.p : "message", s->data.p, s->data.len);
    }
    cail_buf_clear(&s->event);
    cail_buf_clear(&s->data);
    s->too_long = false;
}

static void end_of_line(struct cail_sse *s)
{
    const char *p = s->line.p != NULL ? s->line.p : "";
    const char *colon = memchr(p, ':', s->line.len);
    if (s->line.len == 0) {
        dispatch(s);
        return;
    }
    size_t name = colon != NULL ? (size_t)(colon - p) : s->line.len;
    const char *value = colon != NULL ? colon + 1 : p + s->line.len;
    if (*value == ' ')
        value++;
    size_t len = (size_t)(p + s->line.len - value);
    if (name == 5 && memcmp(p, "event", 5) == 0) {
        cail_buf_clear(&s->event);
        cail_buf_add(&s->event, value, len);
    } else if (name == 4 && memcmp(p, "data", 4) == 0) {
        if (s->data.len + len >= CAIL_SSE_MAX)
            s->too_long = true;
        else {
            cail_buf_add(&s->data, value, len);
            cail_buf_addc(&s->data, '\n');
        }
    }
    cail_buf_clear(&s->line);
}

void cail_sse_feed(struct cail_sse *s, const char *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        bool second = s->after_cr && p[i] == '\n';
        s->after_cr = p[i] == '\r';
        if (second)
            continue;
        if (p[i] == '\r' || p[i] == '\n')
            end_of_line(s);
        else if (s->line.len < CAIL_SSE_MAX)
            cail_buf_addc(&s->line, p[i]);
        else
            s->too_long = true;
    }
}

void cail_sse_reset(struct cail_sse *s)
{
    cail_buf_clear(&s->line);
    cail_buf_clear(&s->event);
    cail_buf_clear(&s->data);
    s->after_cr = s->too_long = false;
}

void cail_sse_done(struct cail_sse *s)
{
    cail_buf_done(&s->line);
    cail_buf_done(&s->event);
    cail_buf_done(&s->data);
}
