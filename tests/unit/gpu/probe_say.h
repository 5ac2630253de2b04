/* Lines as cail-probe says them, for tests. */
#ifndef TEST_PROBE_SAY_H
#define TEST_PROBE_SAY_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "gpu/gpu.h"

/* What of a sample a test cares about; the rest is that of an idle H100. */
struct say {
    int64_t mono_us;
    int util_pct, used_mib, sm_mhz;
    unsigned reasons;
    int64_t sw_power_cap_us; /* -1 = slowed_us is null */
    int64_t energy_mj;
    const char *procs; /* JSON of the list; NULL = [] */
};

static inline void say_sample(struct str *out, const char *uuid, const struct say *s)
{
    str_clear(out);
    str_addf(out,
             "{\"t\":\"sample\",\"uuid\":\"%s\",\"mono_us\":%lld,\"sm_mhz\":%d,"
             "\"mem_mhz\":2619,\"power_mw\":72000,\"temp_c\":37,\"util_pct\":%d,"
             "\"used_mib\":%d,\"reserved_mib\":480,\"reasons\":%u,\"energy_mj\":%lld,",
             uuid, (long long)s->mono_us, s->sm_mhz, s->util_pct, s->used_mib, s->reasons,
             (long long)s->energy_mj);
    if (s->sw_power_cap_us < 0)
        str_adds(out, "\"slowed_us\":null,");
    else
        str_addf(out,
                 "\"slowed_us\":{\"sw_power_cap\":%lld,\"sw_thermal\":0,\"hw_thermal\":0,"
                 "\"hw_power_brake\":0,\"sync_boost\":0},",
                 (long long)s->sw_power_cap_us);
    str_addf(out,
             "\"pstate\":0,\"pcie_gen\":5,\"pcie_width\":16,\"ecc_corrected\":0,"
             "\"ecc_uncorrected\":0,\"remap_pending\":false,\"remap_failed\":false,"
             "\"procs\":%s}",
             s->procs ? s->procs : "[]");
}

static inline void say_hello_open(struct str *out)
{
    str_clear(out);
    str_adds(out, "{\"t\":\"hello\",\"v\":1,\"library\":\"/usr/lib/libnvidia-ml.so.1\","
                  "\"driver\":\"580.159.04\",\"nvml\":\"13.580\",\"cuda\":13000,"
                  "\"visibility\":\"full\",\"cards\":[");
}

static inline void say_card(struct str *out, const char *uuid, int index, const char *parent,
                            bool mig)
{
    if (out->p[out->len - 1] != '[')
        str_addc(out, ',');
    str_addf(out,
             "{\"uuid\":\"%s\",\"index\":%d,\"name\":\"NVIDIA H100 80GB HBM3\","
             "\"memory_mib\":81559,\"bus\":\"00000000:00:06.0\",\"minor\":%d,"
             "\"vbios\":\"96.00.DA.00.0C\",\"serial\":\"0\",\"compute\":\"9.0\","
             "\"power_limit_mw\":700000,\"sm_max_mhz\":1980,\"mem_max_mhz\":2619,\"ecc\":true,"
             "\"mig\":%s,\"persistence\":true,\"compute_mode\":0,\"display\":false,"
             "\"pcie_gen_max\":5,\"pcie_width_max\":16,\"driver_model\":null,\"parent\":",
             uuid, index, index, mig ? "true" : "false");
    if (parent)
        str_addf(out, "\"%s\"}", parent);
    else
        str_adds(out, "null}");
}

static inline void say_hello_close(struct str *out)
{
    str_adds(out, "]}");
}

#endif
