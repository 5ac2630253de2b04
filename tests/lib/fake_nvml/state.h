/* The state file of the fake library (README.md), as one call sees it. */
#ifndef FAKE_NVML_STATE_H
#define FAKE_NVML_STATE_H

#include <stdbool.h>
#include <stdint.h>

enum { FAKE_CARDS = 64, FAKE_PROCS = 512, FAKE_TEXT = 96, FAKE_NO = 512 };

/* X(name, value of an idle H100) */
#define FAKE_NUMBERS(X)                                                                            \
    X(minor, 0)                                                                                    \
    X(total_mib, 81559) X(used_mib, 0) X(reserved_mib, 480) X(power_limit_mw, 700000)              \
        X(sm_max_mhz, 1980) X(mem_max_mhz, 2619) X(ecc, 1) X(mig, 0) X(persistence, 1)             \
            X(compute_mode, 0) X(display, 0) X(pcie_gen_max, 5) X(pcie_width_max, 16)              \
                X(pcie_gen, 5) X(pcie_width, 16) X(sm_mhz, 345) X(mem_mhz, 2619)                   \
                    X(power_mw, 72561) X(temp_c, 37) X(util_pct, 0) X(mem_util_pct, 0)             \
                        X(reasons, 1) X(pstate, 0) X(energy_mj, 2337107) X(ecc_corrected, 0)       \
                            X(ecc_uncorrected, 0) X(remap_pending, 0) X(remap_failed, 0)           \
                                X(slowed_sw_power_cap_ns, 0) X(slowed_sw_thermal_ns, 0)            \
                                    X(slowed_hw_thermal_ns, 0) X(slowed_hw_power_brake_ns, 0)      \
                                        X(slowed_sync_boost_ns, 0) X(lost, 0) X(rc, 0) X(hang, 0)  \
                                            X(grow, 0)
#define FAKE_TEXTS(X)                                                                              \
    X(uuid, "")                                                                                    \
    X(name, "NVIDIA H100 80GB HBM3") X(bus, "00000000:00:06.0") X(vbios, "96.00.DA.00.0C")         \
        X(serial, "0000000000000") X(compute, "9.0")

struct fake_proc {
    int card; /* place in fake_state.card */
    uint32_t pid;
    uint64_t used_bytes; /* all ones = not available */
    char kind;           /* 'c', 'g', 'm' */
};

struct fake_card {
#define X(name, value) int64_t name;
    FAKE_NUMBERS(X)
#undef X
#define X(name, value) char name[FAKE_TEXT];
    FAKE_TEXTS(X)
#undef X
    char no[FAKE_NO];
    int64_t xid, xid_seq;
    int parent; /* place of the card it is a MIG device of; -1 = a card */
};

struct fake_state {
    bool there;
    char driver[FAKE_TEXT], nvml[FAKE_TEXT], log[512];
    int64_t cuda, init, hang, stride, live, counters;
    int n_cards, n_procs;
    struct fake_card card[FAKE_CARDS];
    struct fake_proc proc[FAKE_PROCS];
};

/* Reads the file when it is another one than at the last call. Between lock and unlock it stays. */
const struct fake_state *fake_lock(void);
/* The same, for one who has the lock. */
const struct fake_state *fake_lock_held(void);
void fake_unlock(void);

#endif
