/* One physical card and its MIG devices: who they are, and what they say at one moment. These
 * functions call the library and keep no state beyond the structs they are given; whoever calls
 * them may hang in the driver, so each card has a thread of its own (worker.c). */
#ifndef PROBE_CARD_H
#define PROBE_CARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/jw.h"
#include "probe/nvml_abi.h"

enum { CARD_UUID_LEN = 96, CARD_UNITS_MAX = 1 + 8 /* the card itself and its MIG devices */ };

/* How the driver tells the accumulated time of slowed clocks (violations.c). */
enum slowed_by { SLOWED_UNTOLD, SLOWED_BY_FIELDS, SLOWED_BY_POLICY };

/* What changes slowly and costs the driver most; read once a second at most. */
struct card_health {
    int64_t mono_us; /* 0 = not read yet */
    bool told[6];
    uint64_t value[6];
};

/* What a process can lease: a card, or a device of a card in MIG mode. */
struct unit {
    nvml_dev handle;
    char uuid[CARD_UUID_LEN];
    bool mig;
    enum slowed_by slowed_by;
    uint32_t first_field; /* SLOWED_BY_FIELDS: id of the sw_thermal counter, 0 = not told */
    struct card_health health;
    int64_t due_us; /* its next sample, CLOCK_BOOTTIME */
};

struct card_facts {
    struct unit unit[CARD_UNITS_MAX];
    unsigned n_units;
    bool procs_told;
    struct str json; /* the units as elements of hello's "cards", with commas between */
};

/* NV_LOST and what means the same for us: the handle is of no use any more. */
bool card_is_gone(nvml_ret ret);

/* Everything that hello says of the card at this index. ret_facts is filled on NV_OK alone. */
nvml_ret card_read(uint32_t index, struct card_facts *ret_facts);

/* One sample of u as one line (with its line end) in *out. Not NV_OK: the card is gone, *out is
 * empty. */
nvml_ret sample_line(struct unit *u, struct str *out);

/* "procs":[...] or null. false = the driver does not tell. */
bool procs_tell(nvml_dev d, struct jw *w);

/* Find out how u's driver tells slowed time; then "slowed_us":{...} or null. */
void slowed_find(struct unit *u);
void slowed_tell(const struct unit *u, struct jw *w);

/* "key":value, or null when ret says that the value is not there. */
void tell_int(struct jw *w, const char *key, nvml_ret ret, uint64_t value);
void tell_bool(struct jw *w, const char *key, nvml_ret ret, uint32_t value);

#endif
