/* The part of NVML's binary interface that the probe uses, declared anew: the vendor's header is in
 * no free distribution. Layouts are held by the assertions below; names, numbers and sizes are
 * those of NVML 11 to 13 and never change for a name that ends in _vN.
 *
 * A symbol that is not required may be absent from an older driver: call through NVML(), which then
 * answers NV_NOFUNC, and say null, never 0. */
#ifndef PROBE_NVML_ABI_H
#define PROBE_NVML_ABI_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

typedef struct nvml_device *nvml_dev;
typedef struct nvml_event_set *nvml_set;

typedef int nvml_ret;
enum {
    NV_OK = 0,
    NV_UNINIT = 1,
    NV_EINVAL = 2,
    NV_NOTSUP = 3,
    NV_NOPERM = 4,
    NV_NOTFOUND = 6,
    NV_TOOSMALL = 7,
    NV_NODRIVER = 9,
    NV_TIMEOUT = 10,
    NV_NOFUNC = 13,
    NV_LOST = 15,
    NV_RESET = 16,
    NV_MISMATCH = 18,
    NV_UNKNOWN = 999
};

enum { NV_CLOCK_SM = 1, NV_CLOCK_MEM = 2 };
enum { NV_ECC_CORRECTED = 0, NV_ECC_UNCORRECTED = 1, NV_ECC_VOLATILE = 0 };
enum { NV_POLICY_POWER = 0, NV_POLICY_THERMAL = 1, NV_POLICY_SYNC_BOOST = 2 };
#define NV_EVENT_XID 0x8ull
#define NV_NO_VALUE  UINT64_MAX /* "not available" in a process's memory */

struct nvml_memory {
    uint64_t total, free, used; /* used holds what the driver reserves */
};
struct nvml_memory2 {
    uint32_t version;
    uint64_t total, reserved, free, used; /* used is what processes have */
};
#define NV_MEMORY2_VERSION ((uint32_t)sizeof(struct nvml_memory2) | 2u << 24)
struct nvml_utilization {
    uint32_t gpu, memory;
};
struct nvml_pci {
    char bus_id_legacy[16];
    uint32_t domain, bus, device, device_id, subsystem_id;
    char bus_id[32];
};
/* An entry of _v2 and _v3 lists; an unversioned list has the first two members alone (16 bytes). */
struct nvml_process {
    uint32_t pid;
    uint64_t used_bytes;
    uint32_t gpu_instance, compute_instance;
};
struct nvml_attributes {
    uint32_t sm, copy, decoder, encoder, jpeg, ofa, gpu_slices, compute_slices;
    uint64_t memory_mib;
};
struct nvml_violation {
    uint64_t reference_us, violation_ns;
};
struct nvml_temperature {
    uint32_t version, sensor;
    int32_t celsius;
};
#define NV_TEMPERATURE_VERSION ((uint32_t)sizeof(struct nvml_temperature) | 1u << 24)
enum { NV_TYPE_UINT = 1, NV_TYPE_ULONG = 2, NV_TYPE_ULONGLONG = 3 };
struct nvml_field {
    uint32_t id, scope;
    int64_t at_us, latency_us;
    uint32_t type; /* NV_TYPE_* */
    nvml_ret ret;
    union {
        uint32_t u32;
        unsigned long ul;
        uint64_t u64;
    } value;
};
struct nvml_event {
    nvml_dev device;
    uint64_t type, data; /* data: the Xid */
    uint32_t gpu_instance, compute_instance;
};

static_assert(sizeof(struct nvml_memory) == 24, "nvmlMemory_t");
static_assert(NV_MEMORY2_VERSION == 0x2000028, "nvmlMemory_v2_t");
static_assert(sizeof(struct nvml_utilization) == 8, "nvmlUtilization_t");
static_assert(sizeof(struct nvml_pci) == 68, "nvmlPciInfo_t");
static_assert(sizeof(struct nvml_process) == 24, "nvmlProcessInfo_v2_t");
static_assert(sizeof(struct nvml_attributes) == 40, "nvmlDeviceAttributes_t");
static_assert(sizeof(struct nvml_violation) == 16, "nvmlViolationTime_t");
static_assert(sizeof(struct nvml_temperature) == 12, "nvmlTemperature_v1_t");
static_assert(sizeof(struct nvml_field) == 40, "nvmlFieldValue_t");
static_assert(offsetof(struct nvml_field, value) == 32, "nvmlFieldValue_t");
static_assert(sizeof(struct nvml_event) == 32, "nvmlEventData_t");

/* X(required, name without "nvml", arguments) */
#define NVML_SYMBOLS(X)                                                                            \
    X(1, Init_v2, (void))                                                                          \
    X(1, Shutdown, (void))                                                                         \
    X(1, SystemGetDriverVersion, (char *, uint32_t))                                               \
    X(0, SystemGetNVMLVersion, (char *, uint32_t))                                                 \
    X(0, SystemGetCudaDriverVersion_v2, (int *))                                                   \
    X(1, DeviceGetCount_v2, (uint32_t *))                                                          \
    X(1, DeviceGetHandleByIndex_v2, (uint32_t, nvml_dev *))                                        \
    X(1, DeviceGetUUID, (nvml_dev, char *, uint32_t))                                              \
    X(1, DeviceGetName, (nvml_dev, char *, uint32_t))                                              \
    X(1, DeviceGetMemoryInfo, (nvml_dev, struct nvml_memory *))                                    \
    X(0, DeviceGetMemoryInfo_v2, (nvml_dev, struct nvml_memory2 *))                                \
    X(0, DeviceGetMinorNumber, (nvml_dev, uint32_t *))                                             \
    X(0, DeviceGetPciInfo_v3, (nvml_dev, struct nvml_pci *))                                       \
    X(0, DeviceGetVbiosVersion, (nvml_dev, char *, uint32_t))                                      \
    X(0, DeviceGetSerial, (nvml_dev, char *, uint32_t))                                            \
    X(0, DeviceGetCudaComputeCapability, (nvml_dev, int *, int *))                                 \
    X(0, DeviceGetEnforcedPowerLimit, (nvml_dev, uint32_t *))                                      \
    X(0, DeviceGetMaxClockInfo, (nvml_dev, int, uint32_t *))                                       \
    X(0, DeviceGetEccMode, (nvml_dev, uint32_t *, uint32_t *))                                     \
    X(0, DeviceGetMigMode, (nvml_dev, uint32_t *, uint32_t *))                                     \
    X(0, DeviceGetMaxMigDeviceCount, (nvml_dev, uint32_t *))                                       \
    X(0, DeviceGetMigDeviceHandleByIndex, (nvml_dev, uint32_t, nvml_dev *))                        \
    X(0, DeviceGetAttributes_v2, (nvml_dev, struct nvml_attributes *))                             \
    X(0, DeviceGetPersistenceMode, (nvml_dev, uint32_t *))                                         \
    X(0, DeviceGetComputeMode, (nvml_dev, uint32_t *))                                             \
    X(0, DeviceGetDisplayActive, (nvml_dev, uint32_t *))                                           \
    X(0, DeviceGetMaxPcieLinkGeneration, (nvml_dev, uint32_t *))                                   \
    X(0, DeviceGetMaxPcieLinkWidth, (nvml_dev, uint32_t *))                                        \
    X(0, DeviceGetCurrPcieLinkGeneration, (nvml_dev, uint32_t *))                                  \
    X(0, DeviceGetCurrPcieLinkWidth, (nvml_dev, uint32_t *))                                       \
    X(0, DeviceGetClockInfo, (nvml_dev, int, uint32_t *))                                          \
    X(0, DeviceGetPowerUsage, (nvml_dev, uint32_t *))                                              \
    X(0, DeviceGetTotalEnergyConsumption, (nvml_dev, uint64_t *))                                  \
    X(0, DeviceGetTemperature, (nvml_dev, int, uint32_t *))                                        \
    X(0, DeviceGetTemperatureV, (nvml_dev, struct nvml_temperature *))                             \
    X(0, DeviceGetUtilizationRates, (nvml_dev, struct nvml_utilization *))                         \
    X(0, DeviceGetPerformanceState, (nvml_dev, int *))                                             \
    X(0, DeviceGetCurrentClocksEventReasons, (nvml_dev, uint64_t *))                               \
    X(0, DeviceGetCurrentClocksThrottleReasons, (nvml_dev, uint64_t *))                            \
    X(0, DeviceGetFieldValues, (nvml_dev, int, struct nvml_field *))                               \
    X(0, DeviceGetViolationStatus, (nvml_dev, int, struct nvml_violation *))                       \
    X(0, DeviceGetTotalEccErrors, (nvml_dev, int, int, uint64_t *))                                \
    X(0, DeviceGetRemappedRows, (nvml_dev, uint32_t *, uint32_t *, uint32_t *, uint32_t *))        \
    X(0, DeviceGetComputeRunningProcesses, (nvml_dev, uint32_t *, void *))                         \
    X(0, DeviceGetComputeRunningProcesses_v2, (nvml_dev, uint32_t *, void *))                      \
    X(0, DeviceGetComputeRunningProcesses_v3, (nvml_dev, uint32_t *, void *))                      \
    X(0, DeviceGetGraphicsRunningProcesses, (nvml_dev, uint32_t *, void *))                        \
    X(0, DeviceGetGraphicsRunningProcesses_v2, (nvml_dev, uint32_t *, void *))                     \
    X(0, DeviceGetGraphicsRunningProcesses_v3, (nvml_dev, uint32_t *, void *))                     \
    X(0, DeviceGetMPSComputeRunningProcesses_v3, (nvml_dev, uint32_t *, void *))                   \
    X(0, EventSetCreate, (nvml_set *))                                                             \
    X(0, EventSetFree, (nvml_set))                                                                 \
    X(0, DeviceRegisterEvents, (nvml_dev, uint64_t, nvml_set))                                     \
    X(0, EventSetWait_v2, (nvml_set, struct nvml_event *, uint32_t))

struct nvml_api {
#define X(required, name, args) nvml_ret(*name) args;
    NVML_SYMBOLS(X)
#undef X
};

/* Written by nvml_load.c while no other thread is inside the library (inventory.h's gate). */
extern struct nvml_api nvml;

#define NVML(name, ...) (nvml.name ? nvml.name(__VA_ARGS__) : NV_NOFUNC)

#endif
