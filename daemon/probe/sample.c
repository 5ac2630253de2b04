/* What a card says at one moment, as one line. */
#include <string.h>

#include "base/clock.h"
#include "probe/card.h"

enum { ECC_CORRECTED, ECC_UNCORRECTED, REMAP_PENDING, REMAP_FAILED, PCIE_GEN, PCIE_WIDTH };
enum { HEALTH_AGE_US = 900000 }; /* at 1 Hz every sample has its own; faster ones share it */

static void keep(struct card_health *h, int which, nvml_ret ret, uint64_t value)
{
    h->told[which] = ret == NV_OK;
    h->value[which] = value;
}

static void read_health(struct unit *u, int64_t now_us)
{
    struct card_health *h = &u->health;
    if (h->mono_us && now_us - h->mono_us < HEALTH_AGE_US)
        return;
    uint64_t errors = 0;
    uint32_t corrected = 0, uncorrected = 0, pending = 0, failed = 0, n = 0;
    nvml_dev d = u->handle;
    nvml_ret ret = NVML(DeviceGetTotalEccErrors, d, NV_ECC_CORRECTED, NV_ECC_VOLATILE, &errors);
    keep(h, ECC_CORRECTED, ret, errors);
    ret = NVML(DeviceGetTotalEccErrors, d, NV_ECC_UNCORRECTED, NV_ECC_VOLATILE, &errors);
    keep(h, ECC_UNCORRECTED, ret, errors);
    ret = NVML(DeviceGetRemappedRows, d, &corrected, &uncorrected, &pending, &failed);
    keep(h, REMAP_PENDING, ret, pending);
    keep(h, REMAP_FAILED, ret, failed);
    ret = NVML(DeviceGetCurrPcieLinkGeneration, d, &n);
    keep(h, PCIE_GEN, ret, n);
    ret = NVML(DeviceGetCurrPcieLinkWidth, d, &n);
    keep(h, PCIE_WIDTH, ret, n);
    h->mono_us = now_us;
}

static void tell_health(const struct card_health *h, struct jw *w)
{
    static const struct {
        int which;
        const char *key;
        bool flag;
    } rows[] = {
        {PCIE_GEN, "pcie_gen", false},           {PCIE_WIDTH, "pcie_width", false},
        {ECC_CORRECTED, "ecc_corrected", false}, {ECC_UNCORRECTED, "ecc_uncorrected", false},
        {REMAP_PENDING, "remap_pending", true},  {REMAP_FAILED, "remap_failed", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        nvml_ret ret = h->told[rows[i].which] ? NV_OK : NV_NOTSUP;
        uint64_t value = h->value[rows[i].which];
        if (rows[i].flag)
            tell_bool(w, rows[i].key, ret, value != 0);
        else
            tell_int(w, rows[i].key, ret, value);
    }
}

/* The call every library has, so its answer also says whether the card is there. Version 2 tells
 * the driver's own share apart, which on an H100 is 480 MiB of "used". */
static nvml_ret tell_memory(nvml_dev d, struct jw *w)
{
    struct nvml_memory2 two = {.version = NV_MEMORY2_VERSION};
    nvml_ret ret = NVML(DeviceGetMemoryInfo_v2, d, &two);
    if (ret == NV_OK) {
        tell_int(w, "used_mib", NV_OK, two.used >> 20);
        tell_int(w, "reserved_mib", NV_OK, two.reserved >> 20);
        tell_int(w, "total_mib", NV_OK, two.total >> 20);
        return NV_OK;
    }
    struct nvml_memory one = {0};
    ret = NVML(DeviceGetMemoryInfo, d, &one);
    tell_int(w, "used_mib", ret, one.used >> 20);
    jw_knull(w, "reserved_mib");
    tell_int(w, "total_mib", ret, one.total >> 20);
    return ret;
}

static void tell_clocks(nvml_dev d, struct jw *w)
{
    uint32_t mhz = 0, mw = 0;
    nvml_ret ret = NVML(DeviceGetClockInfo, d, NV_CLOCK_SM, &mhz);
    tell_int(w, "sm_mhz", ret, mhz);
    ret = NVML(DeviceGetClockInfo, d, NV_CLOCK_MEM, &mhz);
    tell_int(w, "mem_mhz", ret, mhz);
    ret = NVML(DeviceGetPowerUsage, d, &mw);
    tell_int(w, "power_mw", ret, mw);
}

/* The older call is deprecated since 575 and may go. */
static void tell_temperature(nvml_dev d, struct jw *w)
{
    uint32_t celsius = 0;
    nvml_ret ret = NVML(DeviceGetTemperature, d, 0, &celsius);
    if (ret != NV_OK) {
        struct nvml_temperature t = {.version = NV_TEMPERATURE_VERSION};
        ret = NVML(DeviceGetTemperatureV, d, &t);
        celsius = (uint32_t)t.celsius;
    }
    if (ret == NV_OK)
        jw_kint(w, "temp_c", (int32_t)celsius); /* cold rooms are below zero */
    else
        jw_knull(w, "temp_c");
}

static void tell_load(nvml_dev d, struct jw *w)
{
    struct nvml_utilization u = {0};
    nvml_ret ret = NVML(DeviceGetUtilizationRates, d, &u);
    tell_int(w, "util_pct", ret, u.gpu);
    tell_int(w, "mem_util_pct", ret, u.memory);
}

/* Renamed in 535, the same bits. */
static void tell_reasons(nvml_dev d, struct jw *w)
{
    uint64_t bits = 0;
    nvml_ret ret = NVML(DeviceGetCurrentClocksEventReasons, d, &bits);
    if (ret == NV_NOFUNC)
        ret = NVML(DeviceGetCurrentClocksThrottleReasons, d, &bits);
    tell_int(w, "reasons", ret, bits);
}

static void tell_energy(nvml_dev d, struct jw *w)
{
    uint64_t mj = 0;
    int pstate = 0;
    nvml_ret ret = NVML(DeviceGetTotalEnergyConsumption, d, &mj);
    tell_int(w, "energy_mj", ret, mj);
    ret = NVML(DeviceGetPerformanceState, d, &pstate);
    if (ret == NV_OK && pstate == 32) /* NVML's "unknown" */
        ret = NV_NOTSUP;
    tell_int(w, "pstate", ret, (uint64_t)pstate);
}

nvml_ret sample_line(struct unit *u, struct str *out)
{
    nvml_dev d = u->handle;
    int64_t now_us = clock_mono_us();
    struct jw w = JW(out);
    str_clear(out);
    jw_open(&w, '{');
    jw_kstr(&w, "t", "sample");
    jw_kstr(&w, "uuid", u->uuid);
    jw_kint(&w, "mono_us", now_us);
    nvml_ret ret = tell_memory(d, &w);
    if (card_is_gone(ret) || (u->mig && (ret == NV_EINVAL || ret == NV_NOTFOUND))) {
        str_clear(out); /* a MIG device that was taken down is an invalid argument */
        return ret;
    }
    tell_clocks(d, &w);
    tell_temperature(d, &w);
    tell_load(d, &w);
    tell_reasons(d, &w);
    slowed_tell(u, &w);
    tell_energy(d, &w);
    read_health(u, now_us);
    tell_health(&u->health, &w);
    procs_tell(d, &w);
    jw_close(&w, '}');
    str_addc(out, '\n');
    return NV_OK;
}
