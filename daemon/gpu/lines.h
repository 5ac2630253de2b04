/* What cail-probe said in one line, as a struct (probe_lines.h has the words). Pure. The probe is a
 * child of ours, but what it prints comes from a driver: every line is bounded and checked here, a
 * number that cannot be is "not told" (-1), a line that makes no sense is an error. */
#ifndef GPU_LINES_H
#define GPU_LINES_H

#include "gpu/gpu.h"

enum line_kind { LINE_HELLO, LINE_NONE, LINE_SAMPLE, LINE_XID, LINE_LOST };

struct line {
    enum line_kind kind;
    char uuid[64];  /* sample, xid, lost */
    char text[160]; /* none: the reason; lost: the error */
    int64_t xid;
    int64_t mono_us; /* sample, xid */
    /* sample; `foreign` is for others to say */
    struct gpu_sample sample;
    bool remap_pending, remap_failed;
    bool procs_told; /* false: the list cannot be seen */
    bool procs_more; /* than fit in procs; compute processes come first */
    size_t n_procs;
    struct gpu_proc procs[GPU_PROCS_MAX]; /* pid, used_mib, compute */
    /* hello */
    char driver[32];
    int32_t cuda;
    bool partial;
    size_t n_cards;
    struct gpu_card *cards; /* the static facts, the rest is zero */
};

/* p[len] without its newline. On success the caller calls line_done. */
int line_read(const char *p, size_t len, struct line *ret, struct cail_err *err) NODISCARD;
void line_done(struct line *l);

#endif
