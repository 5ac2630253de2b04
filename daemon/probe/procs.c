/* Which processes use a card.
 *
 * The trap: drivers 535.43 to 535.86 wrote entries of 32 bytes under names whose entries have 24
 * before and after. So the buffer has room for the larger, is filled with a pattern, and how far
 * the driver wrote says which it was. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "probe/card.h"

enum {
    ENTRY = sizeof(struct nvml_process),
    ENTRY_LONG = 32,
    ENTRY_OLD = 16, /* the unversioned lists */
    FIRST_ROOM = 64,
    SLACK = 32, /* processes that come between the answer "too small" and the next try */
    TRIES = 5,
    LIST_MAX = 4096,
    TOLD_MAX = 1024, /* of all lists, so that a line keeps below its limit */
    PATTERN = 0xAA
};

typedef nvml_ret list_call(nvml_dev, uint32_t *, void *);

struct entry {
    uint32_t pid;
    bool compute;
    uint64_t used_bytes;
};
struct entries {
    struct entry *p;
    size_t n, cap;
};

static void entries_done(struct entries *e)
{
    free(e->p);
}

static bool is_untouched(const unsigned char *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (p[i] != PATTERN)
            return false;
    }
    return true;
}

static size_t stride_of(const unsigned char *buffer, size_t n, bool old)
{
    if (old)
        return ENTRY_OLD;
    return is_untouched(buffer + n * ENTRY, n * (ENTRY_LONG - ENTRY)) ? ENTRY : ENTRY_LONG;
}

/* A process on several lists is told once; compute is the stronger word. */
static void add(struct entries *all, const unsigned char *at, bool compute)
{
    struct entry e = {.compute = compute};
    memcpy(&e.pid, at + offsetof(struct nvml_process, pid), sizeof e.pid);
    memcpy(&e.used_bytes, at + offsetof(struct nvml_process, used_bytes), sizeof e.used_bytes);
    for (size_t i = 0; i < all->n; i++) {
        if (all->p[i].pid == e.pid) {
            all->p[i].compute |= compute;
            return;
        }
    }
    if (all->n == TOLD_MAX)
        return;
    if (all->n == all->cap) {
        all->cap = all->cap ? all->cap * 2 : FIRST_ROOM;
        all->p = mem_grow(all->p, all->cap, sizeof *all->p);
    }
    all->p[all->n++] = e;
}

static nvml_ret read_list(nvml_dev d, list_call *call, bool old, bool compute, struct entries *all)
{
    uint32_t room = FIRST_ROOM;
    for (int try = 0; try < TRIES; try++) {
        CLEANUP(mem_freep) unsigned char *buffer = mem_array(room, ENTRY_LONG);
        memset(buffer, PATTERN, (size_t)room * ENTRY_LONG);
        uint32_t n = room;
        nvml_ret ret = call(d, &n, buffer);
        if (ret == NV_TOOSMALL && room < LIST_MAX) {
            uint32_t want = n > room ? n : room * 2;
            room = want < LIST_MAX - SLACK ? want + SLACK : LIST_MAX;
            continue;
        }
        if (ret != NV_OK)
            return ret;
        n = n < room ? n : room;
        size_t stride = stride_of(buffer, n, old);
        for (uint32_t i = 0; i < n; i++)
            add(all, buffer + i * stride, compute);
        return NV_OK;
    }
    return NV_TOOSMALL;
}

/* The newest name that the driver has and does not refuse. */
static nvml_ret read_newest(nvml_dev d, list_call *const calls[3], bool compute,
                            struct entries *all)
{
    nvml_ret ret = NV_NOFUNC;
    for (int i = 0; i < 3 && ret == NV_NOFUNC; i++) {
        if (calls[i])
            ret = read_list(d, calls[i], i == 2, compute, all);
    }
    return ret;
}

static void tell_entries(const struct entries *all, struct jw *w)
{
    jw_open(w, '[');
    for (size_t i = 0; i < all->n; i++) {
        const struct entry *e = &all->p[i];
        jw_open(w, '{');
        jw_kint(w, "pid", e->pid);
        tell_int(w, "used_mib", e->used_bytes == NV_NO_VALUE ? NV_NOTSUP : NV_OK,
                 e->used_bytes >> 20);
        jw_kstr(w, "kind", e->compute ? "compute" : "graphics");
        jw_close(w, '}');
    }
    jw_close(w, ']');
}

bool procs_tell(nvml_dev d, struct jw *w)
{
    list_call *const compute[3] = {nvml.DeviceGetComputeRunningProcesses_v3,
                                   nvml.DeviceGetComputeRunningProcesses_v2,
                                   nvml.DeviceGetComputeRunningProcesses};
    list_call *const graphics[3] = {nvml.DeviceGetGraphicsRunningProcesses_v3,
                                    nvml.DeviceGetGraphicsRunningProcesses_v2,
                                    nvml.DeviceGetGraphicsRunningProcesses};
    CLEANUP(entries_done) struct entries all = {0};
    nvml_ret ret = read_newest(d, compute, true, &all);
    jw_key(w, "procs");
    if (ret != NV_OK) { /* without the compute list nothing may be said of the card */
        jw_null(w);
        return false;
    }
    if (nvml.DeviceGetMPSComputeRunningProcesses_v3)
        (void)read_list(d, nvml.DeviceGetMPSComputeRunningProcesses_v3, false, true, &all);
    (void)read_newest(d, graphics, false, &all);
    tell_entries(&all, w);
    return true;
}
