/* The log. */
#include "run/output.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "attempt/files.h"

enum { PIECE = 64 << 10, STEP = 1 << 20, BLOCK = 4096 };

/* Bytes from..to are not in the file. One range is kept, so it spans what lies between. */
static void add_hole(struct output *o, int64_t from, int64_t to)
{
    if (o->hole_from == o->hole_to)
        o->hole_from = o->hole_to = from;
    if (from < o->hole_from)
        o->hole_from = from;
    if (to > o->hole_to)
        o->hole_to = to;
}

static int64_t head_bytes(const struct output *o)
{
    return o->cap_bytes / 2 / BLOCK * BLOCK;
}

/* 1 MiB at a time, so the file is at most that much over the cap; small caps get small steps. */
static void punch(struct output *o)
{
    int64_t head = head_bytes(o), tail = o->cap_bytes - head;
    int64_t step = o->cap_bytes >= 4 * STEP ? STEP : BLOCK;
    while (!o->no_holes && o->log >= 0) {
        int64_t from = o->hole_to > head ? o->hole_to : head;
        int64_t over = o->bytes - from - tail;
        if (over < step)
            return;
        over = over / step * step;
        if (fallocate(o->log, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, from, over))
            o->no_holes = errno != EINTR;
        else
            add_hole(o, from, from + over);
    }
}

/* Take a piece out of the pipe into memory. */
static ssize_t take(struct output *o, char piece[PIECE])
{
    ssize_t n;
    do
        n = read(o->in, piece, PIECE);
    while (n < 0 && errno == EINTR);
    return n;
}

static int64_t drop(struct output *o)
{
    static char piece[PIECE];
    ssize_t n = take(o, piece);
    if (n <= 0)
        return n < 0 && errno == EAGAIN ? 0 : -1;
    add_hole(o, o->bytes, o->bytes + n);
    o->bytes += n;
    return n;
}

/* For file systems that cannot splice. What cannot be written is a hole. */
static int64_t copy(struct output *o)
{
    static char piece[PIECE];
    ssize_t n = take(o, piece);
    if (n <= 0)
        return n < 0 && errno == EAGAIN ? 0 : -1;
    for (ssize_t at = 0; at < n;) {
        ssize_t w = pwrite(o->log, piece + at, (size_t)(n - at), o->bytes + at);
        if (w < 0 && errno == EINTR)
            continue;
        if (w <= 0) {
            add_hole(o, o->bytes + at, o->bytes + n);
            break;
        }
        at += w;
    }
    o->bytes += n;
    return n;
}

static int64_t move(struct output *o)
{
    off_t at = o->bytes;
    ssize_t n = splice(o->in, NULL, o->log, &at, STEP, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (n > 0) {
        o->bytes += n;
        return n;
    }
    if (!n)
        return -1;
    if (errno == EAGAIN || errno == EINTR)
        return 0;
    if (errno != EINVAL)
        return drop(o); /* no space, or an I/O error: the data is still in the pipe */
    o->no_splice = true;
    return copy(o);
}

int64_t output_pump(struct output *o)
{
    int left = 0;
    if (!o->bytes && (ioctl(o->in, FIONREAD, &left) || !left))
        return drop(o); /* the end, without a byte: no file for that */
    if (o->log < 0 && !o->bytes)
        o->log = open(ATTEMPT_LOG_FILE, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (o->log < 0 || (o->no_holes && o->cap_bytes && o->bytes >= o->cap_bytes))
        return drop(o);
    int64_t n = o->no_splice ? copy(o) : move(o);
    if (o->cap_bytes && o->bytes > o->cap_bytes)
        punch(o);
    return n;
}

void output_drain(struct output *o)
{
    int left = 0;
    if (ioctl(o->in, FIONREAD, &left))
        return;
    for (int64_t n; left > 0 && (n = output_pump(o)) > 0;)
        left -= (int)(n < left ? n : left);
}

void output_end(struct output *o)
{
    if (o->log >= 0 && o->hole_to == o->bytes && o->bytes)
        (void)!ftruncate(o->log, o->bytes);
}
