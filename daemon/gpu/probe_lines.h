/* What cail-probe says, one JSON object a line, and what it is told. Shared words of two programs:
 * the probe includes nothing of the daemon's, so this file has no code.
 *
 * First line, and again whenever the set of cards or a static fact changes:
 *   {"t":"hello","v":1,"library":"/usr/lib/.../libnvidia-ml.so.1","driver":"580.159.04",
 *    "nvml":"13.580","cuda":13000,"visibility":"full|partial","cards":[{"uuid","index","name",
 *    "memory_mib","bus","minor","vbios","serial","compute":"9.0","power_limit_mw","sm_max_mhz",
 *    "mem_max_mhz","ecc":true|false|null,"mig":true|false|null,"parent":uuid|null,
 *    "persistence":true|false|null,"compute_mode":0,"display":true|false|null,"pcie_gen_max",
 *    "pcie_width_max","driver_model":null}]}
 *   MIG devices are cards of their own with "parent" and their parent's index; a parent in MIG mode is
 *   listed and not leasable. Clocks, power, reasons and utilisation are the parent's alone: null there.
 *   partial: some card tells no process list (WSL2), or the probe is in a pid namespace of its own (a
 *   container), where the list lacks processes of others.
 *   A card is sampled only after a hello that names it. One that hangs at the start comes later.
 *
 * No cards: {"t":"none","reason":"libnvidia-ml.so.1 is not installed"}; asked again every 30 s, and said
 *   again each time. Also when every card is lost: "no card answers: GPU is lost".
 *
 * Each sample: {"t":"sample","uuid","mono_us","used_mib","reserved_mib","total_mib","sm_mhz","mem_mhz",
 *    "power_mw","temp_c","util_pct","mem_util_pct","reasons":BITS,"slowed_us":{"sw_power_cap":N,
 *    "sw_thermal":N,"hw_thermal":N,"hw_power_brake":N,"sync_boost":N}|null,"energy_mj","pstate",
 *    "pcie_gen","pcie_width","ecc_corrected","ecc_uncorrected","remap_pending":true|false|null,
 *    "remap_failed":true|false|null,"procs":[{"pid","used_mib","kind":"compute|graphics"}]|null}
 *   What the card or driver does not tell is null, never 0.
 *   used_mib is without the driver's own share when reserved_mib is told, with it when that is null.
 *   slowed_us: the driver's own accumulated counters, each null where it is not told. They and energy_mj
 *   move in steps of about 100 ms and begin anew when the driver is loaded again.
 *   The ecc, remap and pcie members are at most 1 s old.
 *   procs: each pid once, compute (MPS too) before graphics; at most 1,024.
 *   reasons: NVML's clocks-event bits as they are (0x1 idle, 0x2 application clocks, 0x4 sw_power_cap,
 *   0x8 hw_slowdown, 0x10 sync_boost, 0x20 sw_thermal, 0x40 hw_thermal, 0x80 hw_power_brake,
 *   0x100 display).
 *
 * {"t":"xid","uuid","xid":79,"mono_us":N}
 * {"t":"lost","uuid","error":"GPU is lost"}: once, before the hello without the card; it is looked for
 *   again every 30 s. A card whose calls hang is silent and stays in hello: the reader judges by the age of
 *   its last sample. A hang of the whole library is silence of the whole probe.
 *
 * mono_us is CLOCK_BOOTTIME.
 *
 * On its standard input, a line each: "rate UUID|all HZ" (1..50; 1 at the start). The last word counts:
 * "all" takes back what was said of single cards; a UUID that is not there yet is kept. End of input =
 * end of the probe, whatever hangs. */
#ifndef GPU_PROBE_LINES_H
#define GPU_PROBE_LINES_H

#define PROBE_LINE_MAX (256u << 10)
#define PROBE_VERSION  1

#endif
