/* How long the clocks were held down, by cause: the driver's own counters, so nothing between two
 * samples is missed. Drivers move them in steps of about 100 ms.
 *
 * Two roads, both in nanoseconds:
 * - field values. 74 and 76 (power, sync boost) are old; 75 is the older name of the software
 * thermal counter. The three slowdown counters came with 570, and NOT at one place: some branches
 * have them at 251 to 253, others at 269 to 271, where the former are settings of power smoothing.
 * A counter is a 64-bit value, a setting is not, and that is how the place is found.
 * - nvmlDeviceGetViolationStatus by policy, deprecated, for drivers without those fields. */
#include "base/attr.h"
#include "probe/card.h"

enum { FIELD_POWER = 74, FIELD_THERMAL = 75, FIELD_SYNC_BOOST = 76 };
enum { SW_POWER_CAP, SW_THERMAL, HW_THERMAL, HW_POWER_BRAKE, SYNC_BOOST, CAUSES };

static const char *const words[CAUSES] = {"sw_power_cap", "sw_thermal", "hw_thermal",
                                          "hw_power_brake", "sync_boost"};
static const uint32_t homes[] = {251, 269};

static bool field_value(const struct nvml_field *f, uint64_t *ret_value)
{
    if (f->ret != NV_OK)
        return false;
    if (f->type == NV_TYPE_ULONGLONG)
        *ret_value = f->value.u64;
    else if (f->type == NV_TYPE_ULONG)
        *ret_value = f->value.ul;
    else if (f->type == NV_TYPE_UINT)
        *ret_value = f->value.u32;
    else
        return false;
    return *ret_value != NV_NO_VALUE;
}

static bool has_counter(nvml_dev d, uint32_t id, bool wide)
{
    struct nvml_field f = {.id = id, .ret = NV_NOTSUP};
    uint64_t value;
    return NVML(DeviceGetFieldValues, d, 1, &f) == NV_OK && field_value(&f, &value) &&
           (!wide || f.type == NV_TYPE_ULONGLONG);
}

void slowed_find(struct unit *u)
{
    u->slowed_by = SLOWED_UNTOLD;
    u->first_field = 0;
    if (has_counter(u->handle, FIELD_POWER, false)) {
        u->slowed_by = SLOWED_BY_FIELDS;
        for (size_t i = 0; i < ARRAY_LEN(homes) && !u->first_field; i++) {
            if (has_counter(u->handle, homes[i], true))
                u->first_field = homes[i];
        }
        return;
    }
    struct nvml_violation v = {0};
    if (NVML(DeviceGetViolationStatus, u->handle, NV_POLICY_POWER, &v) == NV_OK)
        u->slowed_by = SLOWED_BY_POLICY;
}

static void read_fields(const struct unit *u, bool told[CAUSES], uint64_t ns[CAUSES])
{
    struct nvml_field f[CAUSES] = {
        [SW_POWER_CAP] = {.id = FIELD_POWER},
        [SW_THERMAL] = {.id = u->first_field ? u->first_field : FIELD_THERMAL},
        [HW_THERMAL] = {.id = u->first_field ? u->first_field + 1 : FIELD_POWER},
        [HW_POWER_BRAKE] = {.id = u->first_field ? u->first_field + 2 : FIELD_POWER},
        [SYNC_BOOST] = {.id = FIELD_SYNC_BOOST},
    };
    for (int i = 0; i < CAUSES; i++)
        f[i].ret = NV_NOTSUP;
    if (NVML(DeviceGetFieldValues, u->handle, CAUSES, f) != NV_OK)
        return;
    for (int i = 0; i < CAUSES; i++) {
        bool asked = u->first_field || (i != HW_THERMAL && i != HW_POWER_BRAKE);
        told[i] = asked && field_value(&f[i], &ns[i]);
    }
}

static void read_policies(const struct unit *u, bool told[CAUSES], uint64_t ns[CAUSES])
{
    static const struct {
        int cause, policy;
    } rows[] = {{SW_POWER_CAP, NV_POLICY_POWER},
                {SW_THERMAL, NV_POLICY_THERMAL},
                {SYNC_BOOST, NV_POLICY_SYNC_BOOST}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct nvml_violation v = {0};
        nvml_ret ret = NVML(DeviceGetViolationStatus, u->handle, rows[i].policy, &v);
        told[rows[i].cause] = ret == NV_OK;
        ns[rows[i].cause] = v.violation_ns;
    }
}

void slowed_tell(const struct unit *u, struct jw *w)
{
    bool told[CAUSES] = {false}, any = false;
    uint64_t ns[CAUSES] = {0};
    if (u->slowed_by == SLOWED_BY_FIELDS)
        read_fields(u, told, ns);
    else if (u->slowed_by == SLOWED_BY_POLICY)
        read_policies(u, told, ns);
    for (int i = 0; i < CAUSES; i++)
        any |= told[i];
    jw_key(w, "slowed_us");
    if (!any) {
        jw_null(w);
        return;
    }
    jw_open(w, '{');
    for (int i = 0; i < CAUSES; i++)
        tell_int(w, words[i], told[i] ? NV_OK : NV_NOTSUP, ns[i] / 1000);
    jw_close(w, '}');
}
