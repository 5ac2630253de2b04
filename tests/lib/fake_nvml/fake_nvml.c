/* The calls. Each takes the file as it is now, waits while it says "hang", and answers from it. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "probe/nvml_abi.h"
#include "state.h"

#define EXPORT __attribute__((visibility("default")))

/* A handle stands for a uuid, not for a place in the file, as in the real library. */
struct nvml_device {
    char uuid[FAKE_TEXT];
    int64_t seen_seq; /* of its Xid events */
    int64_t grown;    /* lists that were said to be too small */
    bool gone;        /* left the file: of no use until the next start */
};
struct nvml_event_set {
    bool used;
};

enum { HANDLES = 256, SETS = 8 };
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct nvml_device handles[HANDLES];
static nvml_dev at_init[FAKE_CARDS]; /* the cards as they were at the start, by index */
static int n_at_init, starts;

static void rest(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
}

static nvml_dev handle_of(const char *uuid)
{
    for (int i = 0; i < HANDLES; i++) {
        if (!handles[i].uuid[0])
            snprintf(handles[i].uuid, sizeof handles[i].uuid, "%s", uuid);
        if (!strcmp(handles[i].uuid, uuid))
            return &handles[i];
    }
    abort();
}

static const struct fake_card *card_of(const struct fake_state *s, const char *uuid)
{
    for (int i = 0; i < s->n_cards; i++) {
        if (!strcmp(s->card[i].uuid, uuid))
            return &s->card[i];
    }
    return NULL;
}

/* Both locks are held after it and until leave(). */
static const struct fake_state *enter(void)
{
    for (;;) {
        const struct fake_state *s = fake_lock();
        if (!s->hang) {
            pthread_mutex_lock(&lock);
            return s;
        }
        fake_unlock();
        rest();
    }
}

static nvml_ret leave(nvml_ret ret)
{
    pthread_mutex_unlock(&lock);
    fake_unlock();
    return ret;
}

/* NV_OK: *ret_card is the card, locks held. Else they are not. */
static nvml_ret enter_card(nvml_dev d, const char *what, const struct fake_card **ret_card)
{
    for (;;) {
        const struct fake_state *s = enter();
        if (!starts)
            return leave(NV_UNINIT);
        if (d < handles || d >= handles + HANDLES)
            return leave(NV_EINVAL);
        const struct fake_card *c = card_of(s, d->uuid);
        const struct fake_card *top = c && c->parent >= 0 ? &s->card[c->parent] : c;
        if (!c && !strncmp(d->uuid, "MIG", 3))
            return leave(NV_EINVAL);
        if (!c && !s->live)
            d->gone = true;
        if (!c || d->gone)
            return leave(NV_LOST);
        if (top->hang) {
            leave(NV_OK);
            rest();
            continue;
        }
        if (top->lost || top->rc)
            return leave(top->lost ? NV_LOST : (nvml_ret)top->rc);
        char needle[64];
        snprintf(needle, sizeof needle, " %s ", what);
        if (strstr(c->no, needle))
            return leave(NV_NOTSUP);
        *ret_card = c;
        return NV_OK;
    }
}

static void write_log(const struct fake_state *s, const char *word)
{
    FILE *f = s->log[0] ? fopen(s->log, "ae") : NULL;
    if (f) {
        fprintf(f, "%s\n", word);
        fclose(f);
    }
}

static void take_snapshot(const struct fake_state *s)
{
    n_at_init = 0;
    for (int i = 0; i < s->n_cards; i++) {
        if (s->card[i].parent >= 0)
            continue;
        at_init[n_at_init] = handle_of(s->card[i].uuid);
        at_init[n_at_init++]->gone = false;
    }
}

EXPORT nvml_ret nvmlInit_v2(void);
nvml_ret nvmlInit_v2(void)
{
    const struct fake_state *s = enter();
    write_log(s, "init");
    if (!s->there || s->init)
        return leave(s->there ? (nvml_ret)s->init : NV_NODRIVER);
    if (!starts++)
        take_snapshot(s);
    return leave(NV_OK);
}

EXPORT nvml_ret nvmlShutdown(void);
nvml_ret nvmlShutdown(void)
{
    write_log(enter(), "shutdown");
    if (!starts)
        return leave(NV_UNINIT);
    starts--;
    return leave(NV_OK);
}

EXPORT nvml_ret nvmlSystemGetDriverVersion(char *text, uint32_t size);
nvml_ret nvmlSystemGetDriverVersion(char *text, uint32_t size)
{
    snprintf(text, size, "%s", enter()->driver);
    return leave(NV_OK);
}

EXPORT nvml_ret nvmlDeviceGetCount_v2(uint32_t *n);
nvml_ret nvmlDeviceGetCount_v2(uint32_t *n)
{
    const struct fake_state *s = enter();
    if (!starts)
        return leave(NV_UNINIT);
    if (s->live)
        take_snapshot(s);
    *n = (uint32_t)n_at_init;
    return leave(NV_OK);
}

EXPORT nvml_ret nvmlDeviceGetHandleByIndex_v2(uint32_t index, nvml_dev *d);
nvml_ret nvmlDeviceGetHandleByIndex_v2(uint32_t index, nvml_dev *d)
{
    enter();
    if (!starts || index >= (uint32_t)n_at_init)
        return leave(starts ? NV_EINVAL : NV_UNINIT);
    nvml_dev found = at_init[index];
    leave(NV_OK);
    const struct fake_card *c;
    nvml_ret ret = enter_card(found, "handle", &c);
    if (ret != NV_OK)
        return ret;
    *d = found;
    return leave(NV_OK);
}

/* Calls of one shape: about one card, one value. */
#define CALL1(name, what, args, body)                                                              \
    EXPORT nvml_ret name args;                                                                     \
    nvml_ret name args                                                                             \
    {                                                                                              \
        const struct fake_card *c;                                                                 \
        nvml_ret ret = enter_card(d, what, &c);                                                    \
        if (ret != NV_OK)                                                                          \
            return ret;                                                                            \
        body;                                                                                      \
        return leave(NV_OK);                                                                       \
    }
#define TEXT(name, what)                                                                           \
    CALL1(name, #what, (nvml_dev d, char *text, uint32_t size), snprintf(text, size, "%s", c->what))
#define UINT(name, what)                                                                           \
    CALL1(name, #what, (nvml_dev d, uint32_t * value), *value = (uint32_t)c->what)
#define ULONG(name, what)                                                                          \
    CALL1(name, #what, (nvml_dev d, uint64_t * value), *value = (uint64_t)c->what)

TEXT(nvmlDeviceGetUUID, uuid)
TEXT(nvmlDeviceGetName, name)
CALL1(nvmlDeviceGetMemoryInfo, "memory", (nvml_dev d, struct nvml_memory *m),
      m->total = (uint64_t)c->total_mib << 20;
      m->used = (uint64_t)(c->used_mib + c->reserved_mib) << 20; m->free = m->total - m->used)

static nvml_ret list(nvml_dev d, uint32_t *count, unsigned char *out, char kind, size_t entry)
{
    const struct fake_card *c;
    nvml_ret ret = enter_card(d, kind == 'c' ? "procs" : kind == 'g' ? "graphics" : "mps", &c);
    if (ret != NV_OK)
        return ret;
    const struct fake_state *s = fake_lock_held();
    size_t stride = entry == 16 ? entry : (size_t)s->stride;
    uint32_t room = *count, n = 0;
    for (int i = 0; i < s->n_procs; i++)
        n += &s->card[s->proc[i].card] == c && s->proc[i].kind == kind;
    *count = n;
    if (n > room || (kind == 'c' && d->grown < c->grow)) {
        d->grown++;
        return leave(NV_TOOSMALL);
    }
    for (int i = 0; i < s->n_procs; i++) {
        const struct fake_proc *p = &s->proc[i];
        if (&s->card[p->card] != c || p->kind != kind)
            continue;
        struct nvml_process e = {p->pid, p->used_bytes, UINT32_MAX, UINT32_MAX};
        memset(out, 0, stride);
        memcpy(out, &e, stride < sizeof e ? stride : sizeof e);
        out += stride;
    }
    return leave(NV_OK);
}

#define LIST(name, kind, entry)                                                                    \
    EXPORT nvml_ret name(nvml_dev d, uint32_t *n, void *out);                                      \
    nvml_ret name(nvml_dev d, uint32_t *n, void *out)                                              \
    {                                                                                              \
        return list(d, n, out, kind, entry);                                                       \
    }

LIST(nvmlDeviceGetComputeRunningProcesses, 'c', 16)

#ifndef FAKE_FEW
EXPORT nvml_ret nvmlSystemGetNVMLVersion(char *text, uint32_t size);
nvml_ret nvmlSystemGetNVMLVersion(char *text, uint32_t size)
{
    snprintf(text, size, "%s", enter()->nvml);
    return leave(NV_OK);
}

EXPORT nvml_ret nvmlSystemGetCudaDriverVersion_v2(int *version);
nvml_ret nvmlSystemGetCudaDriverVersion_v2(int *version)
{
    *version = (int)enter()->cuda;
    return leave(NV_OK);
}

LIST(nvmlDeviceGetComputeRunningProcesses_v2, 'c', 24)
LIST(nvmlDeviceGetComputeRunningProcesses_v3, 'c', 24)
LIST(nvmlDeviceGetGraphicsRunningProcesses_v3, 'g', 24)
LIST(nvmlDeviceGetMPSComputeRunningProcesses_v3, 'm', 24)
TEXT(nvmlDeviceGetVbiosVersion, vbios)
TEXT(nvmlDeviceGetSerial, serial)
UINT(nvmlDeviceGetMinorNumber, minor)
UINT(nvmlDeviceGetEnforcedPowerLimit, power_limit_mw)
UINT(nvmlDeviceGetPersistenceMode, persistence)
UINT(nvmlDeviceGetComputeMode, compute_mode)
UINT(nvmlDeviceGetDisplayActive, display)
UINT(nvmlDeviceGetMaxPcieLinkGeneration, pcie_gen_max)
UINT(nvmlDeviceGetMaxPcieLinkWidth, pcie_width_max)
UINT(nvmlDeviceGetCurrPcieLinkGeneration, pcie_gen)
UINT(nvmlDeviceGetCurrPcieLinkWidth, pcie_width)
UINT(nvmlDeviceGetPowerUsage, power_mw)
ULONG(nvmlDeviceGetTotalEnergyConsumption, energy_mj)
ULONG(nvmlDeviceGetCurrentClocksEventReasons, reasons)
ULONG(nvmlDeviceGetCurrentClocksThrottleReasons, reasons)
CALL1(nvmlDeviceGetMemoryInfo_v2, "memory2", (nvml_dev d, struct nvml_memory2 *m),
      if (m->version != NV_MEMORY2_VERSION) return leave(NV_EINVAL);
      m->total = (uint64_t)c->total_mib << 20; m->used = (uint64_t)c->used_mib << 20;
      m->reserved = (uint64_t)c->reserved_mib << 20; m->free = m->total - m->used - m->reserved)
CALL1(nvmlDeviceGetPciInfo_v3, "bus", (nvml_dev d, struct nvml_pci *p),
      snprintf(p->bus_id, sizeof p->bus_id, "%s", c->bus))
CALL1(nvmlDeviceGetCudaComputeCapability, "compute", (nvml_dev d, int *major, int *minor),
      (void)sscanf(c->compute, "%d.%d", major, minor))
CALL1(nvmlDeviceGetMaxClockInfo, clock == NV_CLOCK_SM ? "sm_max_mhz" : "mem_max_mhz",
      (nvml_dev d, int clock, uint32_t *mhz),
      *mhz = (uint32_t)(clock == NV_CLOCK_SM ? c->sm_max_mhz : c->mem_max_mhz))
CALL1(nvmlDeviceGetClockInfo, clock == NV_CLOCK_SM ? "sm_mhz" : "mem_mhz",
      (nvml_dev d, int clock, uint32_t *mhz),
      *mhz = (uint32_t)(clock == NV_CLOCK_SM ? c->sm_mhz : c->mem_mhz))
CALL1(nvmlDeviceGetEccMode, "ecc", (nvml_dev d, uint32_t *now, uint32_t *pending),
      *now = *pending = (uint32_t)c->ecc)
CALL1(nvmlDeviceGetMigMode, "mig", (nvml_dev d, uint32_t *now, uint32_t *pending),
      *now = *pending = (uint32_t)c->mig)
CALL1(nvmlDeviceGetTemperature, "temp_c", (nvml_dev d, int sensor, uint32_t *celsius), (void)sensor;
      *celsius = (uint32_t)c->temp_c)
CALL1(nvmlDeviceGetUtilizationRates, "util_pct", (nvml_dev d, struct nvml_utilization *u),
      u->gpu = (uint32_t)c->util_pct;
      u->memory = (uint32_t)c->mem_util_pct)
CALL1(nvmlDeviceGetPerformanceState, "pstate", (nvml_dev d, int *pstate), *pstate = (int)c->pstate)
CALL1(nvmlDeviceGetTotalEccErrors, type == NV_ECC_CORRECTED ? "ecc_corrected" : "ecc_uncorrected",
      (nvml_dev d, int type, int counter, uint64_t *n), (void)counter;
      *n = (uint64_t)(type == NV_ECC_CORRECTED ? c->ecc_corrected : c->ecc_uncorrected))
CALL1(nvmlDeviceGetRemappedRows, "remap_pending",
      (nvml_dev d, uint32_t *corrected, uint32_t *uncorrected, uint32_t *pending, uint32_t *failed),
      *corrected = *uncorrected = 0;
      *pending = (uint32_t)c->remap_pending; *failed = (uint32_t)c->remap_failed)
CALL1(nvmlDeviceGetMaxMigDeviceCount, "mig", (nvml_dev d, uint32_t *n), *n = 7)

/* Devices stand at every second place: the holes are NOT_FOUND. */
EXPORT nvml_ret nvmlDeviceGetMigDeviceHandleByIndex(nvml_dev d, uint32_t index, nvml_dev *child);
nvml_ret nvmlDeviceGetMigDeviceHandleByIndex(nvml_dev d, uint32_t index, nvml_dev *child)
{
    const struct fake_card *c;
    nvml_ret ret = enter_card(d, "mig", &c);
    if (ret != NV_OK)
        return ret;
    const struct fake_state *s = fake_lock_held();
    uint32_t at = 1;
    for (int i = 0; i < s->n_cards; i++) {
        if (s->card[i].parent < 0 || &s->card[s->card[i].parent] != c)
            continue;
        if (at == index) {
            *child = handle_of(s->card[i].uuid);
            return leave(NV_OK);
        }
        at += 2;
    }
    return leave(NV_NOTFOUND);
}

/* Power smoothing's settings are where the counters are not: 32-bit values of 1. */
static void fill_field(const struct fake_state *s, const struct fake_card *c, struct nvml_field *f)
{
    int64_t home = s->counters;
    f->ret = NV_OK;
    f->type = NV_TYPE_ULONGLONG;
    if (f->id == 74)
        f->value.u64 = (uint64_t)c->slowed_sw_power_cap_ns;
    else if (f->id == 75 || f->id == home)
        f->value.u64 = (uint64_t)c->slowed_sw_thermal_ns;
    else if (f->id == 76)
        f->value.u64 = (uint64_t)c->slowed_sync_boost_ns;
    else if (f->id == home + 1)
        f->value.u64 = (uint64_t)c->slowed_hw_thermal_ns;
    else if (f->id == home + 2)
        f->value.u64 = (uint64_t)c->slowed_hw_power_brake_ns;
    else {
        f->type = NV_TYPE_UINT;
        f->value.u64 = 1;
    }
}

EXPORT nvml_ret nvmlDeviceGetFieldValues(nvml_dev d, int n, struct nvml_field *f);
nvml_ret nvmlDeviceGetFieldValues(nvml_dev d, int n, struct nvml_field *f)
{
    const struct fake_card *c;
    nvml_ret ret = enter_card(d, "slowed", &c);
    if (ret != NV_OK)
        return ret;
    const struct fake_state *s = fake_lock_held();
    for (int i = 0; i < n; i++) {
        if (s->counters)
            fill_field(s, c, &f[i]);
        else
            f[i].ret = NV_NOTSUP;
    }
    return leave(NV_OK);
}

CALL1(nvmlDeviceGetViolationStatus, "slowed", (nvml_dev d, int policy, struct nvml_violation *v),
      if (policy > NV_POLICY_SYNC_BOOST) return leave(NV_EINVAL);
      v->reference_us = 1795367052774146;
      v->violation_ns = (uint64_t)(policy == NV_POLICY_POWER     ? c->slowed_sw_power_cap_ns
                                   : policy == NV_POLICY_THERMAL ? c->slowed_sw_thermal_ns
                                                                 : c->slowed_sync_boost_ns))

static struct nvml_event_set sets[SETS];

EXPORT nvml_ret nvmlEventSetCreate(nvml_set *set);
nvml_ret nvmlEventSetCreate(nvml_set *set)
{
    enter();
    for (int i = 0; i < SETS; i++) {
        if (!sets[i].used) {
            sets[i].used = true;
            *set = &sets[i];
            return leave(NV_OK);
        }
    }
    return leave(NV_UNKNOWN);
}

EXPORT nvml_ret nvmlEventSetFree(nvml_set set);
nvml_ret nvmlEventSetFree(nvml_set set)
{
    enter();
    set->used = false;
    return leave(NV_OK);
}

CALL1(nvmlDeviceRegisterEvents, "events", (nvml_dev d, uint64_t types, nvml_set set), (void)set;
      if (types != NV_EVENT_XID) return leave(NV_EINVAL))

/* Of the cards of the start; all are in every set. */
static bool next_event(const struct fake_state *s, struct nvml_event *event)
{
    for (int i = 0; i < n_at_init; i++) {
        const struct fake_card *c = card_of(s, at_init[i]->uuid);
        if (!c || c->xid_seq <= at_init[i]->seen_seq)
            continue;
        at_init[i]->seen_seq = c->xid_seq;
        *event =
            (struct nvml_event){at_init[i], NV_EVENT_XID, (uint64_t)c->xid, UINT32_MAX, UINT32_MAX};
        return true;
    }
    return false;
}

EXPORT nvml_ret nvmlEventSetWait_v2(nvml_set set, struct nvml_event *event, uint32_t timeout_ms);
nvml_ret nvmlEventSetWait_v2(nvml_set set, struct nvml_event *event, uint32_t timeout_ms)
{
    for (uint32_t waited_ms = 0; waited_ms < timeout_ms; waited_ms += 50) {
        const struct fake_state *s = enter();
        if (!starts || !set->used)
            return leave(NV_UNINIT);
        if (next_event(s, event))
            return leave(NV_OK);
        leave(NV_OK);
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
    return NV_TIMEOUT;
}
#endif
