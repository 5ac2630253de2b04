/* Who the cards are: what hello says. */
#include <stdio.h>
#include <string.h>

#include "probe/card.h"

enum { TEXT_LEN = 128 };

typedef nvml_ret text_getter(nvml_dev, char *, uint32_t);
typedef nvml_ret uint_getter(nvml_dev, uint32_t *);

bool card_is_gone(nvml_ret ret)
{
    return ret == NV_LOST || ret == NV_RESET || ret == NV_UNINIT || ret == NV_NODRIVER;
}

void tell_int(struct jw *w, const char *key, nvml_ret ret, uint64_t value)
{
    /* All ones is NVML's "not available"; beyond int64 no reader of JSON follows. */
    if (ret == NV_OK && value <= INT64_MAX)
        jw_kint(w, key, (int64_t)value);
    else
        jw_knull(w, key);
}

void tell_bool(struct jw *w, const char *key, nvml_ret ret, uint32_t value)
{
    if (ret == NV_OK)
        jw_kbool(w, key, value != 0);
    else
        jw_knull(w, key);
}

static void tell_text(struct jw *w, const char *key, nvml_dev d, text_getter *get)
{
    char text[TEXT_LEN] = "";
    nvml_ret ret = get ? get(d, text, sizeof text) : NV_NOFUNC;
    text[sizeof text - 1] = 0;
    jw_kstr(w, key, ret == NV_OK ? text : NULL);
}

static void tell_uint(struct jw *w, const char *key, nvml_dev d, uint_getter *get)
{
    uint32_t value = 0;
    nvml_ret ret = get ? get(d, &value) : NV_NOFUNC;
    tell_int(w, key, ret, value);
}

static void tell_flag(struct jw *w, const char *key, nvml_dev d, uint_getter *get)
{
    uint32_t value = 0;
    nvml_ret ret = get ? get(d, &value) : NV_NOFUNC;
    tell_bool(w, key, ret, value);
}

/* Present mode alone; the pending one holds after the next reset. */
static void tell_mode(struct jw *w, const char *key, nvml_dev d,
                      nvml_ret (*get)(nvml_dev, uint32_t *, uint32_t *))
{
    uint32_t now = 0, pending = 0;
    nvml_ret ret = get ? get(d, &now, &pending) : NV_NOFUNC;
    tell_bool(w, key, ret, now);
}

static void tell_compute(struct jw *w, nvml_dev d)
{
    int major = 0, minor = 0;
    char text[32];
    nvml_ret ret = NVML(DeviceGetCudaComputeCapability, d, &major, &minor);
    snprintf(text, sizeof text, "%d.%d", major, minor);
    jw_kstr(w, "compute", ret == NV_OK ? text : NULL);
}

static void tell_memory(struct jw *w, nvml_dev d)
{
    struct nvml_memory memory = {0};
    nvml_ret ret = NVML(DeviceGetMemoryInfo, d, &memory);
    tell_int(w, "memory_mib", ret, memory.total >> 20);
}

static void tell_clock(struct jw *w, const char *key, nvml_dev d, int clock)
{
    uint32_t mhz = 0;
    nvml_ret ret = NVML(DeviceGetMaxClockInfo, d, clock, &mhz);
    tell_int(w, key, ret, mhz);
}

static void tell_bus(struct jw *w, nvml_dev d)
{
    struct nvml_pci pci = {0};
    nvml_ret ret = NVML(DeviceGetPciInfo_v3, d, &pci);
    pci.bus_id[sizeof pci.bus_id - 1] = 0;
    jw_kstr(w, "bus", ret == NV_OK ? pci.bus_id : NULL);
}

static void tell_unit(struct jw *w, const struct unit *u, uint32_t index, const char *parent)
{
    nvml_dev d = u->handle;
    jw_open(w, '{');
    jw_kstr(w, "uuid", u->uuid);
    jw_kint(w, "index", index);
    tell_text(w, "name", d, nvml.DeviceGetName);
    tell_memory(w, d);
    tell_bus(w, d);
    tell_uint(w, "minor", d, nvml.DeviceGetMinorNumber);
    tell_text(w, "vbios", d, nvml.DeviceGetVbiosVersion);
    tell_text(w, "serial", d, nvml.DeviceGetSerial);
    tell_compute(w, d);
    tell_uint(w, "power_limit_mw", d, nvml.DeviceGetEnforcedPowerLimit);
    tell_clock(w, "sm_max_mhz", d, NV_CLOCK_SM);
    tell_clock(w, "mem_max_mhz", d, NV_CLOCK_MEM);
    tell_mode(w, "ecc", d, nvml.DeviceGetEccMode);
    if (parent)
        jw_knull(w, "mig"); /* a word on the whole card */
    else
        tell_mode(w, "mig", d, nvml.DeviceGetMigMode);
    jw_kstr(w, "parent", parent);
    tell_flag(w, "persistence", d, nvml.DeviceGetPersistenceMode);
    tell_uint(w, "compute_mode", d, nvml.DeviceGetComputeMode);
    tell_flag(w, "display", d, nvml.DeviceGetDisplayActive);
    tell_uint(w, "pcie_gen_max", d, nvml.DeviceGetMaxPcieLinkGeneration);
    tell_uint(w, "pcie_width_max", d, nvml.DeviceGetMaxPcieLinkWidth);
    jw_knull(w, "driver_model"); /* WDDM or TCC: a question of Windows */
    jw_close(w, '}');
}

static nvml_ret add_unit(struct card_facts *f, nvml_dev d)
{
    struct unit *u = &f->unit[f->n_units];
    *u = (struct unit){.handle = d, .mig = f->n_units > 0};
    nvml_ret ret = NVML(DeviceGetUUID, d, u->uuid, sizeof u->uuid);
    u->uuid[sizeof u->uuid - 1] = 0;
    if (ret == NV_OK && u->uuid[0])
        f->n_units++;
    return ret;
}

/* A place without a device is NOT_FOUND and the ones behind it may be taken. */
static void add_mig_devices(struct card_facts *f, nvml_dev d)
{
    uint32_t mode = 0, pending = 0, max = 0;
    if (NVML(DeviceGetMigMode, d, &mode, &pending) != NV_OK || !mode ||
        NVML(DeviceGetMaxMigDeviceCount, d, &max) != NV_OK)
        return;
    for (uint32_t i = 0; i < max && i < 64 && f->n_units < CARD_UNITS_MAX; i++) {
        nvml_dev child;
        if (NVML(DeviceGetMigDeviceHandleByIndex, d, i, &child) == NV_OK)
            (void)add_unit(f, child);
    }
}

static bool lists_processes(nvml_dev d)
{
    CLEANUP(str_done) struct str unused = STR_INIT;
    struct jw w = JW(&unused);
    jw_open(&w, '{');
    return procs_tell(d, &w);
}

nvml_ret card_read(uint32_t index, struct card_facts *ret_facts)
{
    struct card_facts f = {.json = STR_INIT};
    nvml_dev d = NULL;
    nvml_ret ret = NVML(DeviceGetHandleByIndex_v2, index, &d);
    if (ret == NV_OK)
        ret = add_unit(&f, d);
    if (ret != NV_OK)
        return ret;
    if (!f.n_units)
        return NV_NOTFOUND;
    add_mig_devices(&f, d);
    f.procs_told = lists_processes(d);
    struct jw w = JW(&f.json);
    for (unsigned i = 0; i < f.n_units; i++) {
        slowed_find(&f.unit[i]);
        if (i)
            str_addc(&f.json, ',');
        w.comma = false;
        tell_unit(&w, &f.unit[i], index, i ? f.unit[0].uuid : NULL);
    }
    *ret_facts = f;
    return NV_OK;
}
