/* Reading the state file. */
#include "state.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct fake_state state;
static struct stat last;

static const struct fake_card idle = {
#define X(name, value) .name = value,
    FAKE_NUMBERS(X) FAKE_TEXTS(X)
#undef X
        .parent = -1,
};

static void copy(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from);
}

static void read_global(const char *key, const char *value)
{
    struct {
        const char *key;
        int64_t *to;
    } numbers[] = {{"cuda", &state.cuda},     {"init", &state.init}, {"hang", &state.hang},
                   {"stride", &state.stride}, {"live", &state.live}, {"counters", &state.counters}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (!strcmp(key, numbers[i].key)) {
            *numbers[i].to = strtoll(value, NULL, 0);
            return;
        }
    }
    if (!strcmp(key, "driver"))
        copy(state.driver, sizeof state.driver, value);
    else if (!strcmp(key, "nvml"))
        copy(state.nvml, sizeof state.nvml, value);
    else if (!strcmp(key, "log"))
        copy(state.log, sizeof state.log, value);
    else
        fprintf(stderr, "fake nvml: unknown key %s\n", key);
}

static void read_proc(const char *value)
{
    struct fake_proc p = {.card = state.n_cards - 1, .used_bytes = UINT64_MAX};
    char mib[24] = "-", kind[16] = "compute";
    if (state.n_procs == FAKE_PROCS || sscanf(value, "%u %23s %15s", &p.pid, mib, kind) < 1)
        return;
    if (mib[0] != '-')
        p.used_bytes = strtoull(mib, NULL, 10) << 20;
    p.kind = kind[0];
    state.proc[state.n_procs++] = p;
}

static void read_card(struct fake_card *c, const char *key, const char *value)
{
#define X(name, unused)                                                                            \
    if (!strcmp(key, #name)) {                                                                     \
        c->name = strtoll(value, NULL, 0);                                                         \
        return;                                                                                    \
    }
    FAKE_NUMBERS(X)
#undef X
#define X(name, unused)                                                                            \
    if (!strcmp(key, #name)) {                                                                     \
        copy(c->name, sizeof c->name, value);                                                      \
        return;                                                                                    \
    }
    FAKE_TEXTS(X)
#undef X
    if (!strcmp(key, "no"))
        snprintf(c->no, sizeof c->no, " %s ", value);
    else if (!strcmp(key, "proc"))
        read_proc(value);
    else if (!strcmp(key, "xid"))
        (void)sscanf(value, "%ld %ld", &c->xid, &c->xid_seq);
    else
        fprintf(stderr, "fake nvml: unknown key %s\n", key);
}

static void begin_card(bool mig)
{
    if (state.n_cards == FAKE_CARDS)
        return;
    int parent = state.n_cards - 1;
    while (parent >= 0 && state.card[parent].parent >= 0)
        parent--;
    struct fake_card *c = &state.card[state.n_cards++];
    *c = idle;
    c->minor = state.n_cards - 1;
    if (!mig)
        return;
    c->parent = parent;
    copy(c->no, sizeof c->no,
         " minor power_limit_mw sm_max_mhz mem_max_mhz ecc persistence compute_mode display "
         "pcie_gen_max pcie_width_max pcie_gen pcie_width sm_mhz mem_mhz power_mw temp_c util_pct "
         "reasons pstate energy_mj ecc_corrected ecc_uncorrected remap_pending slowed events "
         "vbios ");
}

static void read_line(char *line)
{
    line[strcspn(line, "#\r\n")] = 0;
    char *equals = strchr(line, '=');
    if (!strcmp(line, "[card]") || !strcmp(line, "[mig]")) {
        begin_card(line[1] == 'm');
    } else if (equals) {
        *equals = 0;
        if (state.n_cards)
            read_card(&state.card[state.n_cards - 1], line, equals + 1);
        else
            read_global(line, equals + 1);
    }
}

static void read_file(FILE *f)
{
    char line[1024];
    state = (struct fake_state){.there = f != NULL,
                                .driver = "580.159.04",
                                .nvml = "13.580.159.04",
                                .cuda = 13000,
                                .stride = 24,
                                .counters = 251};
    while (f && fgets(line, sizeof line, f))
        read_line(line);
}

const struct fake_state *fake_lock(void)
{
    pthread_mutex_lock(&lock);
    const char *path = getenv("CAIL_FAKE_NVML");
    struct stat st = {0};
    if (!path || stat(path, &st))
        st = (struct stat){0};
    if (state.driver[0] && st.st_ino == last.st_ino && st.st_size == last.st_size &&
        !memcmp(&st.st_mtim, &last.st_mtim, sizeof st.st_mtim))
        return &state;
    last = st;
    FILE *f = st.st_ino ? fopen(path, "re") : NULL;
    read_file(f);
    if (f)
        fclose(f);
    return &state;
}

void fake_unlock(void)
{
    pthread_mutex_unlock(&lock);
}

const struct fake_state *fake_lock_held(void)
{
    return &state;
}
